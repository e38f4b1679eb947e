#include "engine/run/explain_store.h"
#include "engine/io/clock.h"
#include "engine/io/random.h"
#include "engine/route/route_store.h"

static enum result open_reader(struct explain_store *store, const char *folder, struct fail *fail)
{
	const struct cache_config config = {
		.path = folder,
		.map_bytes = CACHE_MAP_BYTES,
		.readers_max = CACHE_READERS_MAX,
		.entries_max = CACHE_ENTRIES_MAX,
		.read_only = true,
	};
	enum result r = cache_open(&config, &store->cache, fail);
	return r == RESULT_OK ? cache_reader_create(store->cache, &store->reader, fail) : r;
}

enum result explain_store_open(struct explain_store *store, const char *folder, struct fail *fail)
{
	if (*folder == '\0')
		return RESULT_OK;
	enum result r = open_reader(store, folder, fail);
	if (r != RESULT_OK)
		return fail_prefix(fail, "--store");
	struct route_store_config config = {
		.reader = store->reader,
		.wall_us = clock_wall_us,
		.batch_bytes = CACHE_BATCH_BYTES_MIN,
	};
	/* No sender's, so that no answer of the DNS is found. Policies are everybody's. */
	random_secret(&config.generation, sizeof config.generation);
	return route_store_create(&config, &store->store, fail);
}

void explain_store_close(struct explain_store *store)
{
	route_store_destroy(store->store);
	cache_reader_destroy(&store->reader);
	cache_close(&store->cache);
	store->store = NULL;
}
