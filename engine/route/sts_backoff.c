#include "engine/route/sts_backoff.h"
#include <string.h>
#include "engine/base/limits.h"

struct entry {
	struct hash_node hash;
	struct list_node age;
	uint64_t until_ns, wait_ns;
	unsigned failures;
	enum sts_fault fault;
	struct fail fail;
	uint8_t domain_len, id_len;
	char domain[DOMAIN_BYTES_MAX], id[STS_ID_BYTES_MAX];
};

static struct text key_of(const struct hash_node *node)
{
	const struct entry *entry = CONTAINER_OF(node, const struct entry, hash);
	return (struct text){ entry->domain, entry->domain_len };
}

enum result sts_backoff_init(
	struct sts_backoff *backoff, size_t domains_max, const struct siphash_key *key)
{
	CHECK(domains_max > 0);
	list_init(&backoff->by_age);
	enum result result = slab_init(&backoff->entries, sizeof(struct entry), domains_max);
	if (result != RESULT_OK)
		return result;
	result = hash_map_init(&backoff->map, 0, key, key_of);
	if (result != RESULT_OK)
		slab_deinit(&backoff->entries);
	return result;
}

static void forget(struct sts_backoff *backoff, struct entry *entry)
{
	hash_map_remove(&backoff->map, &entry->hash);
	list_remove(&entry->age);
	slab_release(&backoff->entries, entry);
}

static struct entry *oldest(struct sts_backoff *backoff)
{
	struct list_node *node = list_first(&backoff->by_age);
	return node != NULL ? CONTAINER_OF(node, struct entry, age) : NULL;
}

void sts_backoff_deinit(struct sts_backoff *backoff)
{
	for (struct entry *entry = oldest(backoff); entry != NULL; entry = oldest(backoff))
		forget(backoff, entry);
	hash_map_deinit(&backoff->map);
	slab_deinit(&backoff->entries);
}

/* NULL when there is none, or none of this id. */
static struct entry *find(struct sts_backoff *backoff, struct text domain, struct text id)
{
	struct hash_node *node = hash_map_find(&backoff->map, domain);
	if (node == NULL)
		return NULL;
	struct entry *entry = CONTAINER_OF(node, struct entry, hash);
	return text_equal((struct text){ entry->id, entry->id_len }, id) ? entry : NULL;
}

bool sts_backoff_waits(struct sts_backoff *backoff, struct text domain, struct text id,
	uint64_t now_ns, struct sts_setback *out_setback)
{
	const struct entry *entry = find(backoff, domain, id);
	if (entry == NULL || now_ns >= entry->until_ns)
		return false;
	*out_setback = (struct sts_setback){ entry->until_ns, entry->failures, entry->fault,
		&entry->fail };
	return true;
}

/* An entry for the domain, without an id and a past. */
static struct entry *make(struct sts_backoff *backoff, struct text domain)
{
	sts_backoff_succeeded(backoff, domain); /* that of another id */
	if (slab_in_use(&backoff->entries) == backoff->entries.count)
		forget(backoff, oldest(backoff));
	struct entry *entry = slab_acquire(&backoff->entries);
	CHECK(entry != NULL);
	memset(entry, 0, sizeof *entry);
	memcpy(entry->domain, domain.data, domain.len);
	entry->domain_len = (uint8_t)domain.len;
	hash_map_insert(&backoff->map, &entry->hash);
	return entry;
}

uint64_t sts_backoff_failed(struct sts_backoff *backoff, struct text domain, struct text id,
	enum sts_fault fault, const struct fail *fail, uint64_t now_ns)
{
	CHECK(domain.len > 0 && domain.len <= DOMAIN_BYTES_MAX);
	CHECK(id.len <= STS_ID_BYTES_MAX);
	struct entry *entry = find(backoff, domain, id);
	if (entry == NULL) {
		entry = make(backoff, domain);
		if (id.len > 0)
			memcpy(entry->id, id.data, id.len);
		entry->id_len = (uint8_t)id.len;
	} else {
		list_remove(&entry->age);
		if (now_ns >= entry->until_ns + STS_BACKOFF_FORGET_NS)
			entry->failures = 0;
	}
	entry->wait_ns = entry->failures == 0 ? STS_BACKOFF_FIRST_NS : entry->wait_ns * 2;
	if (entry->wait_ns > STS_BACKOFF_LAST_NS)
		entry->wait_ns = STS_BACKOFF_LAST_NS;
	entry->failures++;
	entry->until_ns = now_ns + entry->wait_ns;
	entry->fault = fault;
	entry->fail = *fail;
	list_push_back(&backoff->by_age, &entry->age);
	return entry->until_ns;
}

void sts_backoff_succeeded(struct sts_backoff *backoff, struct text domain)
{
	struct hash_node *node = hash_map_find(&backoff->map, domain);
	if (node != NULL)
		forget(backoff, CONTAINER_OF(node, struct entry, hash));
}
