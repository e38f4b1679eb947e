/* A bounded map from bytes to values of one size: when it is full, the one not used longest makes room for a
 * new one. What it holds may be lost at any time, so it is for what is only nice to know.
 *
 * It owns its entries: each takes memory when it is added and gives it back when it is forgotten. A value is
 * all zeros when it is new, keeps its address, and is the map's until the next one is added; it must not
 * own anything, since nobody is asked when it goes. One thread. */
#ifndef ENGINE_BASE_LRU_MAP_H
#define ENGINE_BASE_LRU_MAP_H

#include <stddef.h>
#include "engine/base/hash_map.h"
#include "engine/base/list.h"

struct lru_map {
	struct hash_map entries;
	struct list by_use; /* the one not used longest first */
	size_t entries_max, value_bytes;
};

/* Of at most `entries_max` (from 1 on) values of `value_bytes`; must not move afterwards. `hash_key`: see
 * hash_map.h. RESULT_MEMORY. */
MUST_USE enum result lru_map_init(struct lru_map *map, size_t entries_max, size_t value_bytes,
	const struct siphash_key *hash_key);
void lru_map_deinit(struct lru_map *map);

/* Only looks: that is no use of it. NULL if there is none. */
void *lru_map_peek(struct lru_map *map, struct text key);
/* NULL if there is none. */
void *lru_map_use(struct lru_map *map, struct text key);
/* The key is copied. NULL: there is none, and no memory for a new one. */
void *lru_map_use_or_add(struct lru_map *map, struct text key);
static inline size_t lru_map_count(const struct lru_map *map) { return hash_map_count(&map->entries); }

#endif
