#include "engine/base/lru_map.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"

enum { EXPECTED_ENTRIES = 64 }; /* the table grows */

struct entry {
	struct hash_node node;
	struct list_node use_node;
	struct text key; /* behind the value */
	_Alignas(max_align_t) char bytes[];
};

static struct text key_of(const struct hash_node *node)
{
	return CONTAINER_OF(node, const struct entry, node)->key;
}

enum result lru_map_init(struct lru_map *map, size_t entries_max, size_t value_bytes,
	const struct siphash_key *hash_key)
{
	CHECK(entries_max > 0);
	list_init(&map->by_use);
	map->entries_max = entries_max;
	map->value_bytes = value_bytes;
	return hash_map_init(&map->entries, EXPECTED_ENTRIES, hash_key, key_of);
}

static void forget(struct lru_map *map, struct entry *entry)
{
	hash_map_remove(&map->entries, &entry->node);
	list_remove(&entry->use_node);
	free(entry);
}

static struct entry *least_used(struct lru_map *map)
{
	return CONTAINER_OF(list_first(&map->by_use), struct entry, use_node);
}

void lru_map_deinit(struct lru_map *map)
{
	while (!list_is_empty(&map->by_use))
		forget(map, least_used(map));
	hash_map_deinit(&map->entries);
}

static struct entry *find(struct lru_map *map, struct text key)
{
	struct hash_node *node = hash_map_find(&map->entries, key);
	return node != NULL ? CONTAINER_OF(node, struct entry, node) : NULL;
}

static struct entry *add(struct lru_map *map, struct text key)
{
	if (lru_map_count(map) >= map->entries_max)
		forget(map, least_used(map));
	struct entry *entry = calloc(1, sizeof *entry + map->value_bytes + key.len);
	if (entry == NULL)
		return NULL;
	char *copy = entry->bytes + map->value_bytes;
	if (key.len > 0)
		memcpy(copy, key.data, key.len);
	entry->key = text_of_bytes(copy, key.len);
	hash_map_insert(&map->entries, &entry->node);
	list_push_back(&map->by_use, &entry->use_node);
	return entry;
}

void *lru_map_peek(struct lru_map *map, struct text key)
{
	struct entry *entry = find(map, key);
	return entry != NULL ? entry->bytes : NULL;
}

void *lru_map_use(struct lru_map *map, struct text key)
{
	struct entry *entry = find(map, key);
	if (entry == NULL)
		return NULL;
	list_remove(&entry->use_node);
	list_push_back(&map->by_use, &entry->use_node);
	return entry->bytes;
}

void *lru_map_use_or_add(struct lru_map *map, struct text key)
{
	void *value = lru_map_use(map, key);
	if (value != NULL)
		return value;
	struct entry *entry = add(map, key);
	return entry != NULL ? entry->bytes : NULL;
}
