#include "engine/route/route_cache.h"

struct entry {
	struct hash_node node;
	struct list_node use;
	struct route *route;
};

static_assert(offsetof(struct entry, node) == 0, "an entry is found from its node by a cast");

static struct text key_of(const struct hash_node *node)
{
	const struct entry *entry = (const struct entry *)(const void *)node;
	return text_of(entry->route->domain);
}

enum result route_cache_init(
	struct route_cache *cache, size_t entries_max, const struct siphash_key *key)
{
	*cache = (struct route_cache){ 0 };
	list_init(&cache->by_use);
	enum result r = slab_init(&cache->entries, sizeof(struct entry), entries_max);
	if (r != RESULT_OK)
		return r;
	r = hash_map_init(&cache->map, 0, key, key_of);
	if (r != RESULT_OK)
		slab_deinit(&cache->entries);
	return r;
}

static void drop(struct route_cache *cache, struct entry *entry)
{
	hash_map_remove(&cache->map, &entry->node);
	list_remove(&entry->use);
	route_unref(entry->route);
	slab_release(&cache->entries, entry);
}

void route_cache_deinit(struct route_cache *cache)
{
	struct list_node *use;
	while ((use = list_first(&cache->by_use)) != NULL)
		drop(cache, CONTAINER_OF(use, struct entry, use));
	hash_map_deinit(&cache->map);
	slab_deinit(&cache->entries);
}

struct route *route_cache_find(struct route_cache *cache, struct text domain, uint64_t now_ns)
{
	struct hash_node *node = hash_map_find(&cache->map, domain);
	if (node == NULL)
		return NULL;
	struct entry *entry = CONTAINER_OF(node, struct entry, node);
	if (entry->route->expires_ns <= now_ns) {
		drop(cache, entry);
		return NULL;
	}
	list_remove(&entry->use);
	list_push_back(&cache->by_use, &entry->use);
	return entry->route;
}

void route_cache_put(struct route_cache *cache, struct route *route, uint64_t now_ns)
{
	route_cache_remove(cache, text_of(route->domain));
	if (route->expires_ns <= now_ns)
		return;
	struct entry *entry = slab_acquire(&cache->entries);
	if (entry == NULL) {
		cache->evicted_count++;
		drop(cache, CONTAINER_OF(list_first(&cache->by_use), struct entry, use));
		entry = slab_acquire(&cache->entries);
		CHECK(entry != NULL);
	}
	*entry = (struct entry){ .route = route_ref(route) };
	hash_map_insert(&cache->map, &entry->node);
	list_push_back(&cache->by_use, &entry->use);
}

void route_cache_remove(struct route_cache *cache, struct text domain)
{
	struct hash_node *node = hash_map_find(&cache->map, domain);
	if (node != NULL)
		drop(cache, CONTAINER_OF(node, struct entry, node));
}
