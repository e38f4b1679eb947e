#include "engine/route/route_store.h"
#include <stdlib.h>
#include <string.h>
#include "dns/dns_name.h"
#include "engine/base/limits.h"
#include "engine/base/tlsa.h"

enum {
	US_PER_S = 1000000,
	/* One look-up: the largest value, its key, and an array of 128 records. */
	LOOKUP_BYTES_MAX = 2 * CACHE_VALUE_BYTES_MAX,
	LOOKUP_CHUNK_BYTES = 8192,
	/* Answers taken back that are not deleted in the cache yet. They are few: records that are gone, and
	 * questions asked anew after a failure. */
	UNLEARNED_MAX = 256,
};

/* free ──▶ filling ──take──▶ away ──give──▶ free, or full: written in vain, to be taken again */
enum slot_state { SLOT_FREE, SLOT_FILLING, SLOT_FULL, SLOT_AWAY };

struct slot {
	struct cache_batch *batch; /* ours unless it is away */
	enum slot_state state;
	uint64_t number; /* unless it is free */
};

/* The batch in which it is deleted; 0: in none yet. */
struct unlearned {
	uint64_t number;
	enum dns_type type;
	char name[DOMAIN_NAME_SIZE];
};

struct route_store {
	struct route_store_config config;
	struct slot slots[2];
	struct slot *filling; /* NULL: none is free */
	uint64_t number;      /* of the last batch that was begun */
	uint64_t lost_number; /* of the last that was written to a cache which is not open any more */
	uint32_t opening;
	struct unlearned unlearned[UNLEARNED_MAX];
	size_t unlearned_count;
	/* More was taken back than there is room to remember: nothing is believed until the rest of
	 * them is deleted. */
	bool is_blind;
	bool is_damaged;
	uint64_t forgotten; /* as the cache had it when that was last noticed */
	struct arena arena; /* of one look-up */
	struct route_store_counts counts;
};

/* ---- life ---- */

static void begin(struct route_store *store, struct slot *slot)
{
	slot->state = SLOT_FILLING;
	slot->number = ++store->number;
	store->filling = slot;
}

enum result route_store_create(
	const struct route_store_config *config, struct route_store **out_store, struct fail *fail)
{
	*out_store = NULL;
	struct route_store *store = calloc(1, sizeof *store);
	if (store == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for what is learned");
	store->config = *config;
	arena_init(&store->arena, LOOKUP_CHUNK_BYTES, LOOKUP_BYTES_MAX);
	route_store_set_reader(store, config->reader);
	for (size_t i = 0; i < COUNT_OF(store->slots); i++) {
		enum result r =
			cache_batch_create(config->batch_bytes, &store->slots[i].batch, fail);
		if (r != RESULT_OK) {
			route_store_destroy(store);
			return r;
		}
	}
	begin(store, &store->slots[0]);
	store->opening = 1;
	*out_store = store;
	return RESULT_OK;
}

void route_store_destroy(struct route_store *store)
{
	if (store == NULL)
		return;
	for (size_t i = 0; i < COUNT_OF(store->slots); i++)
		if (store->slots[i].state != SLOT_AWAY)
			cache_batch_destroy(&store->slots[i].batch);
	arena_deinit(&store->arena);
	free(store);
}

void route_store_set_reader(struct route_store *store, struct cache_reader *reader)
{
	if (reader != NULL && reader != store->config.reader) {
		store->opening++;
		store->lost_number = route_store_written(store);
	}
	store->config.reader = reader;
	store->is_damaged = false;
	store->forgotten = reader != NULL ? cache_forgotten(reader) : 0;
}

bool route_store_is_damaged(const struct route_store *store)
{
	return store != NULL && store->is_damaged;
}

/* ---- time: entries are looked up at the end of this second and begin at its start, so that a second
 * that is only partly left is none and no life gets longer by being kept (DNS-12) ---- */

static uint64_t second_begun(const struct route_store *store)
{
	return (uint64_t)store->config.wall_us() / US_PER_S;
}

static uint64_t second_over(const struct route_store *store)
{
	return ((uint64_t)store->config.wall_us() + US_PER_S - 1) / US_PER_S;
}

/* ---- keys ---- */

/* False for a question that no answer is kept of. */
static bool key_of(const struct route_store *store, struct text name, enum dns_type type,
	struct cache_key *out_key)
{
	*out_key = (struct cache_key){
		.table = CACHE_TABLE_ANSWER,
		.generation = store->config.generation,
		.number = (uint16_t)type,
		.name = name,
	};
	if (type != DNS_TYPE_TLSA)
		return true;
	out_key->table = CACHE_TABLE_TLSA;
	return dns_name_split_tlsa(name, &out_key->name, &out_key->number);
}

/* ---- what was taken back ---- */

static bool is_unlearned(const struct route_store *store, const char *name, enum dns_type type)
{
	for (size_t i = 0; i < store->unlearned_count; i++) {
		const struct unlearned *u = &store->unlearned[i];
		if (u->type == type && strcmp(u->name, name) == 0)
			return true;
	}
	return store->is_blind;
}

/* ---- batches ---- */

static void tell_owner(const struct route_store *store)
{
	if (store->config.wants_writing != NULL)
		store->config.wants_writing(store->config.context);
}

/* The entry, or the key to be deleted. False: no room, or it may not be kept. */
static bool put(struct route_store *store, const struct cache_entry *entry, bool is_deleted)
{
	struct slot *slot = store->filling;
	if (slot == NULL) {
		store->counts.dropped++;
		return false;
	}
	bool was_empty = cache_batch_count(slot->batch) == 0;
	enum result r = is_deleted ? cache_batch_delete(slot->batch, &entry->key, NULL)
				   : cache_batch_put(slot->batch, entry, NULL);
	store->counts.learned += r == RESULT_OK && !is_deleted;
	store->counts.dropped += r == RESULT_NO_SPACE;
	if (r == RESULT_OK && was_empty)
		tell_owner(store);
	return r == RESULT_OK;
}

static void delete_unlearned(struct route_store *store, struct unlearned *u)
{
	struct cache_entry entry;
	if (u->number == 0 && key_of(store, text_of(u->name), u->type, &entry.key) &&
		put(store, &entry, true))
		u->number = store->filling->number;
}

uint64_t route_store_number(const struct route_store *store)
{
	if (store == NULL)
		return 0;
	return store->filling != NULL ? store->filling->number : store->number + 1;
}

uint64_t route_store_written(const struct route_store *store)
{
	if (store == NULL)
		return 0;
	uint64_t written = store->number;
	for (size_t i = 0; i < COUNT_OF(store->slots); i++) {
		const struct slot *slot = &store->slots[i];
		if (slot->state != SLOT_FREE && slot->number <= written)
			written = slot->number - 1;
	}
	return written;
}

uint32_t route_store_opening(const struct route_store *store)
{
	return store != NULL ? store->opening : 0;
}

bool route_store_has_written(const struct route_store *store, uint64_t number)
{
	return store != NULL && number > store->lost_number && number <= route_store_written(store);
}

/* The oldest that is here and has something in it. */
static struct slot *slot_to_write(struct route_store *store)
{
	struct slot *found = NULL;
	for (size_t i = 0; i < COUNT_OF(store->slots); i++) {
		struct slot *slot = &store->slots[i];
		bool is_ready = slot->state == SLOT_FULL ||
			(slot->state == SLOT_FILLING && cache_batch_count(slot->batch) > 0);
		if (is_ready && (found == NULL || slot->number < found->number))
			found = slot;
	}
	return found;
}

static void fill_another(struct route_store *store)
{
	store->filling = NULL;
	for (size_t i = 0; i < COUNT_OF(store->slots) && store->filling == NULL; i++)
		if (store->slots[i].state == SLOT_FREE)
			begin(store, &store->slots[i]);
}

struct cache_batch *route_store_take(struct route_store *store)
{
	struct slot *slot = store != NULL ? slot_to_write(store) : NULL;
	if (slot == NULL)
		return NULL;
	bool was_filling = slot->state == SLOT_FILLING;
	slot->state = SLOT_AWAY;
	if (was_filling)
		fill_another(store);
	return slot->batch;
}

/* What is deleted in the cache needs no remembering. */
static void forget_written(struct route_store *store)
{
	uint64_t written = route_store_written(store);
	size_t kept = 0;
	for (size_t i = 0; i < store->unlearned_count; i++) {
		const struct unlearned *u = &store->unlearned[i];
		if (u->number == 0 || u->number > written)
			store->unlearned[kept++] = *u;
	}
	store->unlearned_count = kept;
	store->is_blind &= kept > 0;
	for (size_t i = 0; i < kept; i++)
		delete_unlearned(store, &store->unlearned[i]);
}

void route_store_give(struct route_store *store, struct cache_batch *batch)
{
	struct slot *slot = &store->slots[batch == store->slots[0].batch ? 0 : 1];
	CHECK(slot->batch == batch);
	CHECK(slot->state == SLOT_AWAY);
	slot->state = cache_batch_count(batch) > 0 ? SLOT_FULL : SLOT_FREE;
	if (store->filling == NULL)
		fill_another(store);
	forget_written(store);
}

/* ---- the DNS: TLSA records as they were on the wire ---- */

/* RFC 6698 2.1. One without data has no more than these three octets, whatever it had: all that is short is
 * equally unusable (TLSA-02). */
static bool put_rdata(struct arena *arena, const struct tlsa_record *record, struct dns_rdata *out_rdata)
{
	size_t len = TLSA_HEADER_BYTES + record->data.len;
	uint8_t *bytes = arena_alloc(arena, len);
	if (bytes == NULL)
		return false;
	bytes[0] = record->usage;
	bytes[1] = record->selector;
	bytes[2] = record->matching;
	if (record->data.len > 0)
		memcpy(bytes + TLSA_HEADER_BYTES, record->data.data, record->data.len);
	*out_rdata = (struct dns_rdata){ bytes, len };
	return true;
}

/* The answer that the set was made of. Its name is the caller's. */
static bool answer_of_tlsa(struct arena *arena, const struct cache_entry *entry, uint64_t now_s,
	struct text name, struct dns_answer *out_answer)
{
	const struct tlsa_set *set = &entry->of.tlsa;
	struct dns_rdata *rdata = arena_alloc_array(arena, set->count, sizeof *rdata);
	bool is_whole = rdata != NULL && !set->truncated;
	for (size_t i = 0; i < set->count && is_whole; i++)
		is_whole = !set->records[i].too_large && put_rdata(arena, &set->records[i], &rdata[i]);
	*out_answer = (struct dns_answer){
		.class = set->class,
		.type = DNS_TYPE_TLSA,
		.extended_error = DNS_EXTENDED_ERROR_NONE,
		.ttl_s = (uint32_t)(entry->times.expires_s - now_s),
		.name = name,
		.canonical_name = name,
		.rdata = rdata,
		.rdata_count = set->count,
	};
	return is_whole;
}

static void look_whether_forgotten(struct route_store *store)
{
	uint64_t forgotten = cache_forgotten(store->config.reader);
	if (forgotten == store->forgotten)
		return;
	store->forgotten = forgotten;
	if (store->config.forgotten != NULL)
		store->config.forgotten(store->config.context);
}

static struct dns_answer *find(struct route_store *store, const char *name, enum dns_type type)
{
	struct cache_key key;
	struct cache_entry entry;
	struct dns_answer answer;
	if (store->config.reader == NULL || is_unlearned(store, name, type) ||
		!key_of(store, text_of(name), type, &key))
		return NULL;
	arena_reset(&store->arena);
	uint64_t now_s = second_over(store);
	enum result r = cache_get(store->config.reader, &key, now_s, &store->arena, &entry);
	store->is_damaged |= r == RESULT_DAMAGED;
	if (r == RESULT_NOT_FOUND)
		look_whether_forgotten(store);
	if (r != RESULT_OK)
		return NULL;
	if (type != DNS_TYPE_TLSA)
		return dns_answer_create(&entry.of.answer);
	if (!answer_of_tlsa(&store->arena, &entry, now_s, text_of(name), &answer))
		return NULL;
	return dns_answer_create(&answer);
}

struct dns_answer *route_store_find(struct route_store *store, const char *name, enum dns_type type)
{
	if (store == NULL)
		return NULL;
	struct dns_answer *answer = find(store, name, type);
	store->counts.found += answer != NULL;
	store->counts.missed += answer == NULL;
	return answer;
}

/* Without what would not come back as it was. */
static bool tlsa_of_answer(const struct dns_answer *answer, struct text base,
	struct tlsa_record records[static TLSA_RECORDS_MAX], struct tlsa_set *out_set)
{
	if (answer->rdata_count > TLSA_RECORDS_MAX)
		return false;
	for (size_t i = 0; i < answer->rdata_count; i++) {
		records[i] = tlsa_record_of_rdata(&answer->rdata[i]);
		if (records[i].too_large)
			return false;
	}
	*out_set = (struct tlsa_set){
		.class = answer->class,
		.base_domain = base,
		.records = records,
		.count = answer->rdata_count,
	};
	return true;
}

void route_store_learn(struct route_store *store, const struct dns_answer *answer)
{
	struct tlsa_record records[TLSA_RECORDS_MAX];
	struct cache_entry entry = { 0 };
	if (store == NULL || answer->class == DNS_FAILURE || answer->ttl_s == 0 ||
		!key_of(store, answer->name, (enum dns_type)answer->type, &entry.key))
		return;
	entry.times.fetched_s = second_begun(store);
	entry.times.expires_s = entry.times.fetched_s + answer->ttl_s;
	if (answer->type != DNS_TYPE_TLSA)
		entry.of.answer = *answer;
	else if (!tlsa_of_answer(answer, entry.key.name, records, &entry.of.tlsa))
		return;
	(void)put(store, &entry, false);
}

void route_store_unlearn(struct route_store *store, const char *name, enum dns_type type)
{
	if (store == NULL)
		return;
	size_t i = 0;
	while (i < store->unlearned_count &&
		(store->unlearned[i].type != type || strcmp(store->unlearned[i].name, name) != 0))
		i++;
	if (i == UNLEARNED_MAX) {
		store->is_blind = true;
		return;
	}
	/* Anew even if it is there: it may have been learned since. */
	struct unlearned *u = &store->unlearned[i];
	CHECK(strlen(name) < sizeof u->name);
	*u = (struct unlearned){ .type = type };
	memcpy(u->name, name, strlen(name));
	store->unlearned_count += i == store->unlearned_count;
	delete_unlearned(store, u);
}

/* ---- what there was ---- */

/* Expired ones too; RESULT_UNAVAILABLE: there is no reader. */
static enum result peek(struct route_store *store, const struct cache_key *key, struct arena *arena,
	struct cache_entry *out_entry, bool *out_holds)
{
	if (store->config.reader == NULL)
		return RESULT_UNAVAILABLE;
	enum result r = cache_peek(
		store->config.reader, key, second_begun(store), arena, out_entry, out_holds);
	store->is_damaged |= r == RESULT_DAMAGED;
	return r;
}

bool route_store_had_tlsa(struct route_store *store, const char *name)
{
	struct cache_key key;
	struct cache_entry entry;
	bool is_held;
	if (store == NULL || is_unlearned(store, name, DNS_TYPE_TLSA) ||
		!key_of(store, text_of(name), DNS_TYPE_TLSA, &key))
		return false;
	arena_reset(&store->arena);
	return peek(store, &key, &store->arena, &entry, &is_held) == RESULT_OK &&
	       entry.of.tlsa.class == DNS_SECURE_DATA;
}

/* ---- MTA-STS ---- */

enum route_store_sts route_store_find_sts(struct route_store *store, struct text domain,
	struct arena *arena, struct cache_entry *out_entry)
{
	const struct cache_key key = { .table = CACHE_TABLE_STS, .name = domain };
	bool is_held;
	if (store == NULL)
		return ROUTE_STORE_STS_NONE;
	enum result r = peek(store, &key, arena, out_entry, &is_held);
	if (r == RESULT_NOT_FOUND)
		return ROUTE_STORE_STS_NONE;
	if (r == RESULT_INVALID)
		return ROUTE_STORE_STS_DAMAGED;
	if (r != RESULT_OK)
		return ROUTE_STORE_STS_UNKNOWN;
	return is_held ? ROUTE_STORE_STS_VALID : ROUTE_STORE_STS_EXPIRED;
}

bool route_store_put_sts(struct route_store *store, const struct cache_entry *entry)
{
	CHECK(entry->key.table == CACHE_TABLE_STS);
	return store != NULL && put(store, entry, false);
}

bool route_store_drop_sts(struct route_store *store, struct text domain)
{
	const struct cache_entry entry = { .key = { .table = CACHE_TABLE_STS, .name = domain } };
	return store != NULL && put(store, &entry, true);
}

void route_store_count(const struct route_store *store, struct route_store_counts *out_counts)
{
	*out_counts = store != NULL ? store->counts : (struct route_store_counts){ 0 };
}
