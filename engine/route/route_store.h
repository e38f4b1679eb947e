/* What routes know from the shared cache (store/cache.h), and what they tell it.
 *
 * One thread, the resolver's. Look-ups are a microsecond or two and hold nothing. What is learned is
 * gathered in a batch; the owner hands it to the thread that writes (route_store_take()) and gives it
 * back afterwards. Two batches take turns; when both are away, what is learned is not kept, which costs
 * a question later and nothing else.
 *
 * A NULL store knows nothing and forgets what it is told. */
#ifndef ENGINE_ROUTE_ROUTE_STORE_H
#define ENGINE_ROUTE_ROUTE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/dns_answer.h"
#include "engine/base/result.h"
#include "store/cache.h"

struct route_store;

struct route_store_config {
	struct cache_reader *reader;  /* borrowed, see route_store_set_reader() */
	uint64_t generation;          /* (DNS-25) of the DNS entries, cache_schema.h */
	int64_t (*wall_us)(void);     /* the wall clock, microseconds since 1970 */
	size_t batch_bytes;           /* of each of the two; at least CACHE_BATCH_BYTES_MIN */
	/* Something was put into an empty batch: the owner may take it a little later. NULL: he asks. */
	void (*wants_writing)(void *context);
	/* Somebody had the cache forget something (`longship cache forget`), and a look-up has just not
	 * found what it wanted: called before it says so, so that answers kept elsewhere go first. NULL:
	 * there are none. */
	void (*forgotten)(void *context);
	void *context;
};

/* RESULT_MEMORY. */
MUST_USE enum result route_store_create(
	const struct route_store_config *config, struct route_store **out_store, struct fail *fail);
/* A batch that was taken and not given back stays with whoever has it. NULL is fine. */
void route_store_destroy(struct route_store *store);

/* Another reader, when the cache was opened anew; NULL: nothing is found for now. Borrowed until the next
 * call. What was in the cache before may be gone: it may have been set aside. */
void route_store_set_reader(struct route_store *store, struct cache_reader *reader);
/* A look-up has come upon damage since the reader was set: the cache should be opened anew. */
bool route_store_is_damaged(const struct route_store *store);

/* ---- the DNS ---- */

/* The answer to a question that has not expired, with a reference for the caller and what is left of its
 * life in ttl_s, full seconds and at least one (DNS-12, SEC-34); NULL: none. TLSA questions are asked by
 * their whole name ("_25._tcp.mx.example"); of their answers class and records come back, not whether
 * there were aliases. */
struct dns_answer *route_store_find(struct route_store *store, const char *name, enum dns_type type);

/* Keeps an answer that came from the DNS just now. Not kept are failures (DNS-18, DNS-19), what has no
 * life left (DNS-14), and sets of TLSA records that would come back as others: too many, too large. */
void route_store_learn(struct route_store *store, const struct dns_answer *answer);

/* No route_store_find() here gives it from now on, and none on this machine once the batch is written,
 * until it is learned anew. */
void route_store_unlearn(struct route_store *store, const char *name, enum dns_type type);

/* Whether the last that was known of these TLSA records, expired or not, was that there are some which
 * count: who finds none now has seen them go. False again after route_store_unlearn(). */
bool route_store_had_tlsa(struct route_store *store, const char *name);

/* ---- MTA-STS ---- */

enum route_store_sts {
	ROUTE_STORE_STS_UNKNOWN, /* it could not be looked at: there is no reader, or it failed */
	ROUTE_STORE_STS_NONE,
	ROUTE_STORE_STS_DAMAGED, /* one is there that cannot be read */
	ROUTE_STORE_STS_EXPIRED,
	ROUTE_STORE_STS_VALID,
};

/* What is kept of the policy of a domain; with EXPIRED and VALID in *out_entry, texts and arrays in the
 * arena. An expired one is never applied; it tells that there was one (STS-47). */
enum route_store_sts route_store_find_sts(struct route_store *store, struct text domain,
	struct arena *arena, struct cache_entry *out_entry);
/* False: it could not be put into a batch, now or ever. */
bool route_store_put_sts(struct route_store *store, const struct cache_entry *entry);
bool route_store_drop_sts(struct route_store *store, struct text domain);

/* ---- batches ---- */

/* Batches are numbered from 1. What is put now goes into this one. */
uint64_t route_store_number(const struct route_store *store);
/* Everything put into batches up to this number was written (or thrown away). */
uint64_t route_store_written(const struct route_store *store);
/* Caches are numbered from 1 as they are opened, see route_store_set_reader(). */
uint32_t route_store_opening(const struct route_store *store);
/* What was put into that batch was written to the cache that is open now. Never of number 0. */
bool route_store_has_written(const struct route_store *store, uint64_t number);

/* The batch to be written, for the caller to keep until he gives it back; NULL: nothing is in any that is
 * here. Two may be away; nothing can be kept then. */
struct cache_batch *route_store_take(struct route_store *store);
/* Back, empty (written or given up) or not (the next take gives it again). */
void route_store_give(struct route_store *store, struct cache_batch *batch);

struct route_store_counts {
	uint64_t found, missed;    /* look-ups of the DNS */
	uint64_t learned, dropped; /* put into batches; not, for want of room */
};
void route_store_count(const struct route_store *store, struct route_store_counts *out_counts);

#endif
