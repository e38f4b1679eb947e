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
	struct cache_reader *reader;  /* borrowed, outlives the store */
	uint64_t generation;          /* (DNS-25) of the DNS entries, cache_schema.h */
	uint64_t (*wall_s)(void);     /* the wall clock, seconds since 1970 */
	size_t batch_bytes;           /* of each of the two; at least CACHE_BATCH_BYTES_MIN */
	/* Something was put into an empty batch: the owner may take it a little later. NULL: he asks. */
	void (*wants_writing)(void *context);
	void *context;
};

/* RESULT_MEMORY. */
MUST_USE enum result route_store_create(
	const struct route_store_config *config, struct route_store **out_store, struct fail *fail);
/* Batches that were taken must have been given back. NULL is fine. */
void route_store_destroy(struct route_store *store);

/* ---- the DNS ---- */

/* The answer to a question that has not expired, with a reference for the caller and what is left of its
 * life in ttl_s; NULL: none. TLSA questions are asked by their whole name ("_25._tcp.mx.example"). */
struct dns_answer *route_store_find(struct route_store *store, const char *name, enum dns_type type);

/* Keeps an answer that came from the DNS just now. Failures and what cannot be kept exactly are not. */
void route_store_learn(struct route_store *store, const struct dns_answer *answer);

/* The next route_store_find() of it gives NULL, on this machine. */
void route_store_unlearn(struct route_store *store, const char *name, enum dns_type type);

/* Whether the last that was known of these TLSA records, expired or not, was that there are some: who finds
 * none now has seen them go. */
bool route_store_had_tlsa(struct route_store *store, const char *name);

/* ---- MTA-STS ---- */

enum route_store_sts { ROUTE_STORE_STS_NONE, ROUTE_STORE_STS_EXPIRED, ROUTE_STORE_STS_VALID };

/* What is kept of the policy of a domain; texts and arrays are in the arena. An expired one is never
 * applied; it tells that there was one (STS-47). */
enum route_store_sts route_store_find_sts(struct route_store *store, struct text domain,
	struct arena *arena, struct cache_entry *out_entry);
/* False: it could not be put into a batch, now or ever. */
bool route_store_put_sts(struct route_store *store, const struct cache_entry *entry);
bool route_store_drop_sts(struct route_store *store, struct text domain);

/* ---- batches ---- */

/* Batches are numbered from 1. What is put now goes into this one. */
uint64_t route_store_number(const struct route_store *store);
/* Everything put into batches up to this number is in the cache (or was thrown away). */
uint64_t route_store_written(const struct route_store *store);

/* The batch to be written; NULL: nothing is in it, or one is away already. */
struct cache_batch *route_store_take(struct route_store *store);
/* Back, empty (written or given up) or not (to be written with the next take). */
void route_store_give(struct route_store *store, struct cache_batch *batch);

struct route_store_counts {
	uint64_t found, missed;   /* look-ups of the DNS */
	uint64_t learned, dropped; /* put into batches; not, for want of room */
};
void route_store_count(const struct route_store *store, struct route_store_counts *out_counts);

#endif
