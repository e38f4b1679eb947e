#include "tls/verdict_cache.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/buf.h"
#include "engine/base/hash_map.h"
#include "engine/base/list.h"
#include "engine/base/policy.h"
#include "tls/tls_crypto.h"
#include "tls/tls_verify.h"

enum { EXPECTED_ENTRIES = 256 };

struct entry {
	struct hash_node node;
	struct list_node by_use; /* the least recently used in front */
	struct verdict_cache_value value;
	size_t key_len;
	uint8_t key[];
};

struct verdict_cache {
	struct hash_map entries;
	struct list by_use;
	size_t bytes, bytes_max;
	uint8_t key[VERDICT_CACHE_KEY_BYTES_MAX]; /* the one that is looked for */
};

static struct text key_of(const struct hash_node *node)
{
	const struct entry *entry = CONTAINER_OF(node, struct entry, node);
	return text_of_bytes(entry->key, entry->key_len);
}

enum result verdict_cache_create(size_t bytes_max, struct verdict_cache **out_cache)
{
	uint8_t secret[16];
	struct verdict_cache *cache = calloc(1, sizeof *cache);
	*out_cache = NULL;
	if (cache == NULL)
		return RESULT_MEMORY;
	tls_random_fill(secret, sizeof secret);
	const struct siphash_key key = siphash_key_of(secret);
	if (hash_map_init(&cache->entries, EXPECTED_ENTRIES, &key, key_of) != RESULT_OK) {
		free(cache);
		return RESULT_MEMORY;
	}
	list_init(&cache->by_use);
	cache->bytes_max = bytes_max;
	*out_cache = cache;
	return RESULT_OK;
}

static size_t entry_bytes(const struct entry *entry) { return sizeof *entry + entry->key_len; }

static void forget(struct verdict_cache *cache, struct entry *entry)
{
	cache->bytes -= entry_bytes(entry);
	hash_map_remove(&cache->entries, &entry->node);
	list_remove(&entry->by_use);
	free(entry);
}

static void forget_oldest(struct verdict_cache *cache)
{
	forget(cache, CONTAINER_OF(cache->by_use.head.next, struct entry, by_use));
}

void verdict_cache_destroy(struct verdict_cache *cache)
{
	if (cache == NULL)
		return;
	while (!list_is_empty(&cache->by_use))
		forget_oldest(cache);
	hash_map_deinit(&cache->entries);
	free(cache);
}

/* Lengths stand before bytes, so that no two questions write the same key. Empty: too long. */
static struct text write_key(struct verdict_cache *cache, const struct tls_chain *chain,
	const struct security_demand *demand)
{
	struct buf buf;
	buf_init(&buf, cache->key, sizeof cache->key);
	security_demand_put_key(demand, &buf);
	for (size_t i = 0; i < chain->certs_count; i++) {
		buf_put_u32(&buf, (uint32_t)chain->certs[i].der_len);
		buf_put(&buf, chain->certs[i].der, chain->certs[i].der_len);
	}
	return buf.overflow ? TEXT_EMPTY : buf_text(&buf);
}

static struct entry *find(struct verdict_cache *cache, struct text key)
{
	struct hash_node *node = hash_map_find(&cache->entries, key);
	return node != NULL ? CONTAINER_OF(node, struct entry, node) : NULL;
}

bool verdict_cache_find(struct verdict_cache *cache, const struct tls_chain *chain,
	const struct security_demand *demand, uint64_t now_s, struct verdict_cache_value *out_value)
{
	struct text key = write_key(cache, chain, demand);
	struct entry *entry = key.len > 0 ? find(cache, key) : NULL;
	if (entry == NULL)
		return false;
	if (now_s < entry->value.from_s || now_s > entry->value.until_s) {
		forget(cache, entry);
		return false;
	}
	list_remove(&entry->by_use);
	list_push_back(&cache->by_use, &entry->by_use);
	*out_value = entry->value;
	return true;
}

void verdict_cache_add(struct verdict_cache *cache, const struct tls_chain *chain,
	const struct security_demand *demand, const struct verdict_cache_value *value)
{
	struct text key = write_key(cache, chain, demand);
	size_t bytes = sizeof(struct entry) + key.len;
	if (key.len == 0 || bytes > cache->bytes_max)
		return;
	struct entry *entry = find(cache, key);
	if (entry != NULL) {
		entry->value = *value;
		return;
	}
	while (cache->bytes + bytes > cache->bytes_max)
		forget_oldest(cache);
	entry = calloc(1, bytes);
	if (entry == NULL)
		return;
	entry->value = *value;
	entry->key_len = key.len;
	memcpy(entry->key, key.data, key.len);
	hash_map_insert(&cache->entries, &entry->node);
	list_push_back(&cache->by_use, &entry->by_use);
	cache->bytes += bytes;
}

size_t verdict_cache_count(const struct verdict_cache *cache)
{
	return hash_map_count(&cache->entries);
}

size_t verdict_cache_bytes(const struct verdict_cache *cache) { return cache->bytes; }
