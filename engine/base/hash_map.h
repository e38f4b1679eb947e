/* A hash table of objects that are found by bytes (names of domains, files, hosts).
 *
 * Nodes are embedded in the objects, each carries its hash. The hash is keyed, so that a peer who
 * chooses names cannot make them collide. The table grows by itself in small steps: each operation
 * moves a few buckets to the larger table, so that no insert stalls for the size of the table. If
 * the memory for a larger table cannot be had it stays as it is, only slower. One thread.
 *
 * The key of an object is asked for by a function; it must not change while the object is inside. */
#ifndef ENGINE_BASE_HASH_MAP_H
#define ENGINE_BASE_HASH_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/result.h"
#include "engine/base/siphash.h"
#include "engine/base/text.h"

struct hash_node {
	struct hash_node *next;
	uint64_t hash;
	bool inside; /* zeroed: in no map */
};

typedef struct text hash_map_key_fn(const struct hash_node *node);
/* May remove the node it is called with, and no other; must not insert. */
typedef void hash_map_visit_fn(struct hash_node *node, void *context);

struct hash_table {
	struct hash_node **buckets;
	size_t mask; /* buckets - 1, a power of two */
};

struct hash_map {
	struct hash_table table; /* where new nodes go */
	struct hash_table old;   /* being moved into `table`; buckets NULL: nothing to move */
	size_t old_next;         /* first bucket of `old` that is still to be moved */
	size_t count;
	bool may_grow; /* false once memory for a larger table was refused */
	struct siphash_key key;
	hash_map_key_fn *key_of;
};

/* RESULT_MEMORY if the first table (room for about `expected` nodes) cannot be had. */
MUST_USE enum result hash_map_init(struct hash_map *map, size_t expected,
	const struct siphash_key *key, hash_map_key_fn *key_of);
/* Nodes are the caller's: they are not touched. */
void hash_map_deinit(struct hash_map *map);

/* NULL if there is none. */
struct hash_node *hash_map_find(struct hash_map *map, struct text key);
/* The key must not be inside yet (find first); the same key twice fails a slow check. */
void hash_map_insert(struct hash_map *map, struct hash_node *node);
/* The node must be inside this map. */
void hash_map_remove(struct hash_map *map, struct hash_node *node);
static inline size_t hash_map_count(const struct hash_map *map) { return map->count; }
static inline bool hash_node_is_inside(const struct hash_node *node) { return node->inside; }
/* Every node once, in no order. */
void hash_map_for_each(struct hash_map *map, hash_map_visit_fn *visit, void *context);

#endif
