/* A route_store on a cache in a folder of its own, with a wall clock that the test sets. */
#ifndef TESTS_UNIT_ENGINE_ROUTE_STORE_FIXTURE_H
#define TESTS_UNIT_ENGINE_ROUTE_STORE_FIXTURE_H

#include "engine/route/route_store.h"
#include "tests/unit/store/temp_folder.h"

enum { STORE_BATCH_BYTES = 256 * 1024 };

struct store_fixture {
	struct cache *cache;
	struct cache_reader *reader;
	struct route_store *store;
	int64_t wall_us;
	uint64_t generation;
	unsigned wanted; /* how often the store wanted to be written */
	struct fail fail;
};

static struct store_fixture kept;

static inline int64_t kept_wall_us(void) { return kept.wall_us; }

static inline void kept_wanted(void *context)
{
	assert_ptr_equal(context, &kept);
	kept.wanted++;
}

static inline void kept_open_cache(void)
{
	const struct cache_config cache = {
		.path = temp_folder,
		.map_bytes = 16 << 20,
		.readers_max = 16,
		.entries_max = 1000,
	};
	if (cache_open(&cache, &kept.cache, &kept.fail) != RESULT_OK ||
		cache_reader_create(kept.cache, &kept.reader, &kept.fail) != RESULT_OK)
		fail_msg("%s", kept.fail.text);
}

/* As a sender that starts. */
static inline void kept_open(void)
{
	kept_open_cache();
	const struct route_store_config config = {
		.reader = kept.reader,
		.generation = kept.generation,
		.wall_us = kept_wall_us,
		.batch_bytes = STORE_BATCH_BYTES,
		.wants_writing = kept_wanted,
		.context = &kept,
	};
	assert_int_equal(route_store_create(&config, &kept.store, &kept.fail), RESULT_OK);
}

static inline void kept_close(void)
{
	route_store_destroy(kept.store);
	cache_reader_destroy(&kept.reader);
	cache_close(&kept.cache);
	kept.store = NULL;
}

static inline void kept_reopen(void)
{
	kept_close();
	kept_open();
}

static inline int kept_set_up(void **state)
{
	kept = (struct store_fixture){ .wall_us = INT64_C(1788266096000000), .generation = 77 };
	if (temp_folder_make(state) != 0)
		return -1;
	kept_open();
	return 0;
}

static inline int kept_tear_down(void **state)
{
	kept_close();
	return temp_folder_remove(state);
}

static inline void kept_pass_s(int64_t seconds) { kept.wall_us += seconds * 1000000; }

/* What the writing thread does. */
static inline void kept_write(void)
{
	struct cache_batch *batch = route_store_take(kept.store);
	assert_non_null(batch);
	if (cache_write(kept.cache, batch, (uint64_t)kept.wall_us / 1000000, &kept.fail) != RESULT_OK)
		fail_msg("%s", kept.fail.text);
	route_store_give(kept.store, batch);
}

#endif
