/* The routes that are known, by domain, each until it expires. Bounded: the one that was not asked for
 * longest goes first. Nothing is served beyond its time (DNS-24).
 *
 * What is in use is renewed ahead of the mail: at the instant when a route to hosts expires (libunbound
 * counts lives down, before that it only has the old answers) it becomes due if somebody has asked for it
 * within the last ROUTE_CACHE_IN_USE_S; all others are let go. One thread. */
#ifndef ENGINE_ROUTE_ROUTE_CACHE_H
#define ENGINE_ROUTE_ROUTE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/domain_name.h"
#include "engine/base/hash_map.h"
#include "engine/base/list.h"
#include "engine/base/result.h"
#include "engine/base/slab.h"
#include "engine/base/text.h"
#include "engine/base/timer_wheel.h"
#include "engine/route/route.h"

enum {
	/* Mail to a domain comes in waves, a first retry within minutes; who pauses for longer may wait for
	 * the DNS once. */
	ROUTE_CACHE_IN_USE_S = 600,
	/* Who lives shorter is not renewed over and over for mail that may never come: its name servers
	 * would be asked all day (DNS-14). */
	ROUTE_CACHE_SHORT_S = 10,
	/* But so often in a row: in its last second an answer of libunbound has no life left, and a route
	 * that is renewed then is short. */
	ROUTE_CACHE_SHORT_MAX = 2,
};

/* What is known of a route's use, and handed on to the one that is built in its place. */
struct route_use {
	uint64_t asked_ns;    /* when it was last asked for */
	uint32_t short_count; /* so many in a row had a short life */
};

struct route_cache {
	struct hash_map map;
	struct list by_use;     /* the least recently used first */
	struct list due;        /* expired and in use, the oldest first */
	struct slab entries;
	struct timer_wheel *wheel; /* NULL: nothing is renewed */
	void (*on_due)(void *context);
	void *context;
	uint64_t evicted_count; /* for want of room, not for age */
};

/* RESULT_MEMORY. At most `entries_max` routes; `key` is the hash's secret. `on_due` is called from the
 * wheel for each route that became due; without a wheel none does. */
MUST_USE enum result route_cache_init(struct route_cache *cache, size_t entries_max,
	const struct siphash_key *key, struct timer_wheel *wheel, void (*on_due)(void *context),
	void *context);
void route_cache_deinit(struct route_cache *cache);

/* Borrowed until the next call; NULL when there is none or it has expired. It has been asked for now. */
struct route *route_cache_find(struct route_cache *cache, struct text domain, uint64_t now_ns);

/* Keeps `route` (with a reference of its own) instead of what was there for its domain. */
void route_cache_put(
	struct route_cache *cache, struct route *route, const struct route_use *use, uint64_t now_ns);

void route_cache_remove(struct route_cache *cache, struct text domain);

/* Takes out the one that is due for longest: to be built anew with its use. False: none is. */
MUST_USE bool route_cache_take_due(
	struct route_cache *cache, char out_domain[static DOMAIN_NAME_SIZE], struct route_use *out_use);

static inline size_t route_cache_count(const struct route_cache *cache)
{
	return hash_map_count(&cache->map);
}

#endif
