/* A cache in a folder of its own, with one reader, an arena and a batch. */
#ifndef TESTS_UNIT_STORE_CACHE_FIXTURE_H
#define TESTS_UNIT_STORE_CACHE_FIXTURE_H

#include "tests/unit/unit.h"
#include "store/cache.h"
#include "tests/unit/store/cache_examples.h"
#include "tests/unit/store/temp_folder.h"

static struct cache *cache;
static struct cache_reader *reader;
static struct cache_batch *batch;
static struct arena arena;
static struct fail why;

static struct cache_config config = {
	.path = temp_folder,
	.map_bytes = 4 << 20,
	.readers_max = 16,
	.entries_max = 100000,
};

static inline void open_cache(void)
{
	if (cache_open(&config, &cache, &why) != RESULT_OK ||
		cache_reader_create(cache, &reader, &why) != RESULT_OK)
		fail_msg("%s", why.text);
}

static inline void close_cache(void)
{
	cache_reader_destroy(&reader);
	cache_close(&cache);
}

static inline int fixture_set_up(void **state)
{
	config.map_bytes = 4 << 20;
	config.entries_max = 100000;
	config.read_only = false;
	arena_init(&arena, 65536, 4 << 20);
	return temp_folder_make(state) ||
	       cache_batch_create(CACHE_BATCH_BYTES_MIN * 8, &batch, NULL) != RESULT_OK;
}

static inline int fixture_tear_down(void **state)
{
	close_cache();
	cache_batch_destroy(&batch);
	arena_deinit(&arena);
	return temp_folder_remove(state);
}

static inline void put(const struct cache_entry *entry)
{
	assert_int_equal(cache_batch_put(batch, entry, NULL), RESULT_OK);
}

static inline void write_batch(uint64_t now_s)
{
	if (cache_write(cache, batch, now_s, &why) != RESULT_OK)
		fail_msg("%s", why.text);
	assert_int_equal(cache_batch_count(batch), 0);
}

static inline void write_example(size_t example)
{
	put(&examples[example]);
	write_batch(EXAMPLE_NOW_S);
}

static inline enum result look_up(
	const struct cache_key *key, uint64_t now_s, struct cache_entry *out)
{
	arena_reset(&arena);
	return cache_get(reader, key, now_s, &arena, out);
}

static inline bool is_found(const struct cache_key *key, uint64_t now_s)
{
	struct cache_entry entry;
	enum result result = look_up(key, now_s, &entry);
	assert_true(result == RESULT_OK || result == RESULT_NOT_FOUND);
	return result == RESULT_OK;
}

static inline void assert_example_found(size_t example, uint64_t now_s)
{
	struct cache_entry entry;
	assert_int_equal(look_up(&examples[example].key, now_s, &entry), RESULT_OK);
	assert_same_entry(&entry, &examples[example]);
}

/* A denial of the number's own name, "host-17.example", that lives so long from EXAMPLE_NOW_S. */
static inline struct cache_entry numbered(uint64_t number, uint64_t life_s, char name[64])
{
	(void)snprintf(name, 64, "host-%llu.example", (unsigned long long)number);
	return (struct cache_entry){
		.key = { CACHE_TABLE_ANSWER, EXAMPLE_GENERATION, DNS_TYPE_A, text_of(name) },
		.times = EXAMPLE_TIMES(life_s),
		.of.answer = { .class = DNS_INSECURE_DENIAL },
	};
}

/* Puts it, and writes the batch before when that is full. */
static inline void put_numbered(uint64_t number, uint64_t life_s)
{
	char name[64];
	const struct cache_entry entry = numbered(number, life_s, name);
	if (cache_batch_put(batch, &entry, NULL) == RESULT_OK)
		return;
	write_batch(EXAMPLE_NOW_S);
	put(&entry);
}

static inline bool is_numbered_found(uint64_t number, uint64_t now_s)
{
	char name[64];
	const struct cache_entry entry = numbered(number, 1, name);
	return is_found(&entry.key, now_s);
}

#endif
