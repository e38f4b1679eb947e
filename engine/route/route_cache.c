#include "engine/route/route_cache.h"
#include <string.h>
#include "engine/base/nanoseconds.h"

struct entry {
	struct hash_node node;
	struct list_node use_node; /* by_use */
	struct list_node due_node; /* due, if it is */
	struct timer timer;        /* its end */
	struct route_cache *cache;
	struct route *route;
	struct route_use use;
};

static_assert(offsetof(struct entry, node) == 0, "an entry is found from its node by a cast");

static struct text key_of(const struct hash_node *node)
{
	const struct entry *entry = (const struct entry *)(const void *)node;
	return text_of(entry->route->domain);
}

enum result route_cache_init(struct route_cache *cache, size_t entries_max, const struct siphash_key *key,
	struct timer_wheel *wheel, void (*on_due)(void *context), void *context)
{
	*cache = (struct route_cache){ .wheel = wheel, .on_due = on_due, .context = context };
	list_init(&cache->by_use);
	list_init(&cache->due);
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
	list_remove(&entry->use_node);
	if (list_node_is_linked(&entry->due_node))
		list_remove(&entry->due_node);
	if (cache->wheel != NULL)
		timer_stop(cache->wheel, &entry->timer);
	route_unref(entry->route);
	slab_release(&cache->entries, entry);
}

void route_cache_deinit(struct route_cache *cache)
{
	struct list_node *node;
	while ((node = list_first(&cache->by_use)) != NULL)
		drop(cache, CONTAINER_OF(node, struct entry, use_node));
	hash_map_deinit(&cache->map);
	slab_deinit(&cache->entries);
}

/* ---- expiry ---- */

static bool is_in_use(const struct entry *entry, uint64_t now_ns)
{
	return entry->route->kind == ROUTE_HOSTS && entry->use.short_count <= ROUTE_CACHE_SHORT_MAX &&
	       now_ns - entry->use.asked_ns <= ROUTE_CACHE_IN_USE_S * SECOND_NS;
}

static void expired(struct timer *timer)
{
	struct entry *entry = CONTAINER_OF(timer, struct entry, timer);
	struct route_cache *cache = entry->cache;
	if (!is_in_use(entry, timer_wheel_now_ns(cache->wheel))) {
		drop(cache, entry);
		return;
	}
	list_push_back(&cache->due, &entry->due_node);
	cache->on_due(cache->context);
}

bool route_cache_take_due(
	struct route_cache *cache, char out_domain[static DOMAIN_NAME_SIZE], struct route_use *out_use)
{
	struct list_node *node = list_first(&cache->due);
	if (node == NULL)
		return false;
	struct entry *entry = CONTAINER_OF(node, struct entry, due_node);
	struct text domain = text_of(entry->route->domain);
	CHECK(domain.len < DOMAIN_NAME_SIZE);
	memcpy(out_domain, domain.data, domain.len + 1);
	*out_use = entry->use;
	drop(cache, entry);
	return true;
}

/* ---- what is known ---- */

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
	list_remove(&entry->use_node);
	list_push_back(&cache->by_use, &entry->use_node);
	entry->use.asked_ns = now_ns;
	return entry->route;
}

void route_cache_put(
	struct route_cache *cache, struct route *route, const struct route_use *use, uint64_t now_ns)
{
	route_cache_remove(cache, text_of(route->domain));
	if (route->expires_ns <= now_ns)
		return;
	struct entry *entry = slab_acquire(&cache->entries);
	if (entry == NULL) {
		cache->evicted_count++;
		drop(cache, CONTAINER_OF(list_first(&cache->by_use), struct entry, use_node));
		entry = slab_acquire(&cache->entries);
		CHECK(entry != NULL);
	}
	bool is_short = route->expires_ns - now_ns < ROUTE_CACHE_SHORT_S * SECOND_NS;
	*entry = (struct entry){
		.cache = cache,
		.route = route_ref(route),
		.use = { use->asked_ns, is_short ? use->short_count + 1 : 0 },
	};
	hash_map_insert(&cache->map, &entry->node);
	list_push_back(&cache->by_use, &entry->use_node);
	if (cache->wheel != NULL)
		timer_start(cache->wheel, &entry->timer, route->expires_ns, expired);
}

void route_cache_remove(struct route_cache *cache, struct text domain)
{
	struct hash_node *node = hash_map_find(&cache->map, domain);
	if (node != NULL)
		drop(cache, CONTAINER_OF(node, struct entry, node));
}
