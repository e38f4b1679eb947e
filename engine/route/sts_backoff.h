/* Whose MTA-STS policy could not be fetched, and when it may be tried again (STS-22, RFC 8461 3.3).
 *
 * Per domain and policy id: a new id may be tried at once, since it says that something has changed there.
 * The waits double from five minutes to an hour, and begin anew a day after the last one. Bounded: who failed
 * longest ago goes first, and may then be tried again too early. Pure; one thread. */
#ifndef ENGINE_ROUTE_STS_BACKOFF_H
#define ENGINE_ROUTE_STS_BACKOFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/hash_map.h"
#include "engine/base/list.h"
#include "engine/base/nanoseconds.h"
#include "engine/base/result.h"
#include "engine/base/slab.h"
#include "engine/base/text.h"
#include "engine/route/sts_fetch.h"
#include "tls/sts_record.h"

#define STS_BACKOFF_FIRST_NS  (300 * SECOND_NS) /* (STS-22) "a period of five minutes or longer" */
#define STS_BACKOFF_LAST_NS   (3600 * SECOND_NS)
#define STS_BACKOFF_FORGET_NS (86400 * SECOND_NS)

struct sts_backoff {
	struct hash_map map;
	struct list by_age; /* who failed longest ago first */
	struct slab entries;
};

/* What is remembered of the last failure; borrowed until the next one is noted. */
struct sts_setback {
	uint64_t until_ns; /* not before */
	unsigned failures; /* in a row, of this id */
	enum sts_fault fault;
	const struct fail *fail;
};

/* RESULT_MEMORY. At most `domains_max`, over 0; `key` is the hash's secret. */
MUST_USE enum result sts_backoff_init(
	struct sts_backoff *backoff, size_t domains_max, const struct siphash_key *key);
void sts_backoff_deinit(struct sts_backoff *backoff);

/* Names in lower case, at most DOMAIN_NAME_MAX long; ids at most STS_ID_BYTES_MAX, empty for none. */

/* True: it must not be fetched now, *out_setback says until when and why. */
bool sts_backoff_waits(struct sts_backoff *backoff, struct text domain, struct text id,
	uint64_t now_ns, struct sts_setback *out_setback);
/* A fetch has failed just now. Returns until when the next one has to wait. */
uint64_t sts_backoff_failed(struct sts_backoff *backoff, struct text domain, struct text id,
	enum sts_fault fault, const struct fail *fail, uint64_t now_ns);
/* A policy was fetched: nothing is remembered any more. */
void sts_backoff_succeeded(struct sts_backoff *backoff, struct text domain);

static inline size_t sts_backoff_count(const struct sts_backoff *backoff)
{
	return hash_map_count(&backoff->map);
}

#endif
