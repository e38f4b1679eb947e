#include "engine/base/hash_map.h"
#include <stdlib.h>

enum {
	BUCKETS_MIN = 16,
	/* Buckets moved with each operation while the table grows. It grows when there are as many
	 * nodes as buckets and doubles, so that two would do; four end it well before the next
	 * time. */
	MOVE_BUCKETS = 4,
};

static bool table_init(struct hash_table *table, size_t buckets)
{
	/* calloc of a large table is fresh pages: they are zeroed when they are first touched. */
	table->buckets = calloc(buckets, sizeof *table->buckets);
	table->mask = buckets - 1;
	return table->buckets != NULL;
}

static void table_push(struct hash_table *table, struct hash_node *node)
{
	struct hash_node **bucket = &table->buckets[node->hash & table->mask];
	node->next = *bucket;
	*bucket = node;
}

enum result hash_map_init(struct hash_map *map, size_t expected, const struct siphash_key *key,
	hash_map_key_fn *key_of)
{
	size_t buckets = BUCKETS_MIN;
	while (buckets < expected && buckets < SIZE_MAX / 64)
		buckets *= 2;
	*map = (struct hash_map){ .key = *key, .key_of = key_of, .may_grow = true };
	return table_init(&map->table, buckets) ? RESULT_OK : RESULT_MEMORY;
}

void hash_map_deinit(struct hash_map *map)
{
	free(map->table.buckets);
	free(map->old.buckets);
	*map = (struct hash_map){ .count = 0 };
}

/* Moves a few buckets of the old table, whose nodes are few on average and bounded by chance. */
static void move_some(struct hash_map *map)
{
	if (map->old.buckets == NULL)
		return;
	for (int moved = 0; moved < MOVE_BUCKETS && map->old_next <= map->old.mask; moved++) {
		struct hash_node *node = map->old.buckets[map->old_next];
		map->old.buckets[map->old_next++] = NULL;
		while (node != NULL) {
			struct hash_node *next = node->next;
			table_push(&map->table, node);
			node = next;
		}
	}
	if (map->old_next > map->old.mask) {
		free(map->old.buckets);
		map->old = (struct hash_table){ .buckets = NULL };
	}
}

static void grow(struct hash_map *map)
{
	struct hash_table larger;
	if (map->old.buckets != NULL || !map->may_grow || map->count <= map->table.mask)
		return;
	if (!table_init(&larger, 2 * (map->table.mask + 1))) {
		map->may_grow = false;
		return;
	}
	map->old = map->table;
	map->old_next = 0;
	map->table = larger;
}

/* The bucket of a hash: in the old table as long as that bucket has not been moved. */
static struct hash_node **bucket_of(struct hash_map *map, uint64_t hash)
{
	if (map->old.buckets != NULL && (hash & map->old.mask) >= map->old_next)
		return &map->old.buckets[hash & map->old.mask];
	return &map->table.buckets[hash & map->table.mask];
}

static struct hash_node *find_hashed(struct hash_map *map, uint64_t hash, struct text key)
{
	for (struct hash_node *node = *bucket_of(map, hash); node != NULL; node = node->next) {
		if (node->hash == hash && text_equal(map->key_of(node), key))
			return node;
	}
	return NULL;
}

struct hash_node *hash_map_find(struct hash_map *map, struct text key)
{
	move_some(map);
	return find_hashed(map, siphash(&map->key, key.data, key.len), key);
}

void hash_map_insert(struct hash_map *map, struct hash_node *node)
{
	CHECK(!node->inside);
	struct text key = map->key_of(node);
	node->hash = siphash(&map->key, key.data, key.len);
	CHECK_SLOW(find_hashed(map, node->hash, key) == NULL);
	move_some(map);
	grow(map);
	struct hash_node **bucket = bucket_of(map, node->hash);
	node->next = *bucket;
	node->inside = true;
	*bucket = node;
	map->count++;
}

void hash_map_remove(struct hash_map *map, struct hash_node *node)
{
	CHECK(node->inside);
	struct hash_node **link = bucket_of(map, node->hash);
	while (*link != NULL && *link != node)
		link = &(*link)->next;
	CHECK(*link == node);
	*link = node->next;
	node->next = NULL;
	node->inside = false;
	map->count--;
}

static void visit_table(
	const struct hash_table *table, size_t from, hash_map_visit_fn *visit, void *context)
{
	if (table->buckets == NULL)
		return;
	for (size_t i = from; i <= table->mask; i++) {
		for (struct hash_node *node = table->buckets[i], *next; node != NULL; node = next) {
			next = node->next;
			visit(node, context);
		}
	}
}

void hash_map_for_each(struct hash_map *map, hash_map_visit_fn *visit, void *context)
{
	visit_table(&map->old, map->old_next, visit, context);
	visit_table(&map->table, 0, visit, context);
}
