/* The routes that are known, by domain, each until it expires. Bounded: the one that was not asked for
 * longest goes first. Nothing is served beyond its time (DNS-24). One thread. */
#ifndef ENGINE_ROUTE_ROUTE_CACHE_H
#define ENGINE_ROUTE_ROUTE_CACHE_H

#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/hash_map.h"
#include "engine/base/list.h"
#include "engine/base/result.h"
#include "engine/base/slab.h"
#include "engine/base/text.h"
#include "engine/route/route.h"

struct route_cache {
	struct hash_map map;
	struct list by_use;     /* the least recently used first */
	struct slab entries;
	uint64_t evicted_count; /* for want of room, not for age */
};

/* RESULT_MEMORY. At most `entries_max` routes; `key` is the hash's secret. */
MUST_USE enum result route_cache_init(
	struct route_cache *cache, size_t entries_max, const struct siphash_key *key);
void route_cache_deinit(struct route_cache *cache);

/* Borrowed until the next call; NULL when there is none or it has expired. */
struct route *route_cache_find(struct route_cache *cache, struct text domain, uint64_t now_ns);

/* Keeps `route` (with a reference of its own) instead of what was there for its domain. */
void route_cache_put(struct route_cache *cache, struct route *route, uint64_t now_ns);

void route_cache_remove(struct route_cache *cache, struct text domain);

static inline size_t route_cache_count(const struct route_cache *cache)
{
	return hash_map_count(&cache->map);
}

#endif
