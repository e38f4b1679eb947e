/* Chains that were found good, so that the next session to the same place does not build their path
 * again. Keyed by every byte of the chain and of the canonical demand: records, names and the
 * generation of the roots are part of it, so nothing that was proved for one demand is ever believed
 * for another (TLS-13, TLS-14), and no entry has to be taken back. What was refused is not kept.
 *
 * Bounded by memory; the entry that was not used for the longest time goes first. One thread. */
#ifndef TLS_VERDICT_CACHE_H
#define TLS_VERDICT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/result.h"

struct security_demand;
struct tls_chain;
struct verdict_cache;

enum {
	/* A longer chain and demand is not kept: real ones have 2 to 8 KB. */
	VERDICT_CACHE_KEY_BYTES_MAX = 64 * 1024,
};

/* What was proved, and when it holds (seconds since 1970). */
struct verdict_cache_value {
	bool proved_dane, proved_pkix;
	uint64_t from_s, until_s; /* outside of these it has to be proved anew: clocks may jump */
};

/* RESULT_MEMORY. */
MUST_USE enum result verdict_cache_create(size_t bytes_max, struct verdict_cache **out_cache);
/* NULL is allowed. */
void verdict_cache_destroy(struct verdict_cache *cache);

bool verdict_cache_find(struct verdict_cache *cache, const struct tls_chain *chain,
	const struct security_demand *demand, uint64_t now_s,
	struct verdict_cache_value *out_value);
/* In place of what was known. Without memory, or when it is too long, nothing is kept. */
void verdict_cache_add(struct verdict_cache *cache, const struct tls_chain *chain,
	const struct security_demand *demand, const struct verdict_cache_value *value);

size_t verdict_cache_count(const struct verdict_cache *cache);
size_t verdict_cache_bytes(const struct verdict_cache *cache);

#endif
