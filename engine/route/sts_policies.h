/* The MTA-STS policies that are known: in memory, and in the shared cache behind it (route_store.h).
 *
 * A policy is in force from its fetch until its max_age is over (STS-39), whatever happens to its record or
 * its host (STS-13); a restart and other processes know it from the cache (STS-47). The cache goes before
 * the memory: a newer policy there is taken over, and what was forgotten there (`longship cache forget`,
 * STS-51) is forgotten here. What could not be written yet is known here all the same.
 *
 * (STS-40) Those that mail has asked for are due for renewal about daily, at half of a shorter max_age; and
 * an hour after one that failed. Times are the wall clock's. After a step back a policy stays, for its
 * max_age from now at most (DNS-26). Bounded in bytes: what was not asked for longest goes, in memory only.
 * One thread. */
#ifndef ENGINE_ROUTE_STS_POLICIES_H
#define ENGINE_ROUTE_STS_POLICIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/hash_map.h"
#include "engine/base/list.h"
#include "engine/base/result.h"
#include "engine/base/text.h"
#include "engine/base/timer_wheel.h"
#include "tls/sts_policy.h"
#include "tls/sts_record.h"

struct random_state;
struct route_store;
struct sts_policies;

enum {
	/* RFC 8461 10.2: "refresh ... on the order of daily"; the jitter takes up to a quarter off. */
	STS_RENEW_S = 86400,
	STS_RENEW_MIN_S = 60, /* whatever the max_age */
	STS_RENEW_RETRY_S = 3600,
	/* So often without any mail: a weekly newsletter finds its policies fresh, and the host of one that
	 * is good for minutes is not asked for days. */
	STS_RENEWALS_UNUSED = 8,
	/* A policy is not asked for anew, for a failure of a host, sooner than this after its fetch. */
	STS_DOUBT_MIN_S = 60,
	/* POL-14, CONFORMANCE 0.4: an unsigned "no such domain" is believed after this. */
	STS_DENIED_S = 3600,
};

enum sts_held_state {
	STS_HELD_NONE,
	STS_HELD_EXPIRED, /* never applied; tells that there was one */
	STS_HELD_VALID,
};

/* A policy that is held; borrowed until the next call. */
struct sts_held {
	struct hash_node node;
	struct list_node use; /* the least recently asked for first */
	struct timer timer;   /* until it is due */
	struct sts_policies *policies;
	struct sts_policy policy; /* a view of `bytes` */
	struct text domain, id;
	uint64_t fetched_s, expires_s;
	uint64_t used_s;   /* when mail asked last */
	uint64_t tried_s;  /* when a fetch failed last; 0: none did since that of the policy */
	uint64_t counted_s; /* when one did that counts as a failure */
	uint32_t failures; /* since the fetch, of one STS_RENEW_RETRY_S one (STS-41) */
	uint64_t denied_s; /* when the domain was said not to exist, first; 0: it is there */
	uint64_t batch;    /* of the store, that it was put into; 0: none had room */
	uint32_t opening;  /* of the cache that it was read from; 0: it was not */
	size_t size;
	bool doubted;      /* a host has failed it since the fetch (STS-36) */
	bool is_dropped;   /* nothing is known; it stands for what the cache does not know of yet */
	char bytes[];
};

struct sts_policies_config {
	struct route_store *store;      /* borrowed; NULL: memory alone */
	struct timer_wheel *wheel;      /* borrowed */
	struct random_state *random;    /* borrowed */
	int64_t (*wall_us)(void);
	size_t bytes_max;               /* 0: a default */
	/* Its renewal is due; it may be put, dropped or noted as failed from inside. */
	void (*due)(void *context, struct sts_held *held);
	void *context;
	struct siphash_key key;
};

/* RESULT_MEMORY. */
MUST_USE enum result sts_policies_create(
	const struct sts_policies_config *config, struct sts_policies **out_policies);
void sts_policies_destroy(struct sts_policies *policies);

/* What is known of the policy domain (lower-case A-labels); *out_held is NULL with STS_HELD_NONE. With
 * `for_mail` it counts as used. */
enum sts_held_state sts_policies_find(struct sts_policies *policies, struct text domain, bool for_mail,
	struct sts_held **out_held);

/* A policy was fetched just now, for that id. It replaces what is known; with a max_age of 0 nothing is known
 * afterwards (STS-28). NULL: nothing is kept, for that or for want of memory. */
struct sts_held *sts_policies_put(struct sts_policies *policies, struct text domain, struct text id,
	const struct sts_policy *policy);

/* A fetch failed while it is held: it stays until it expires (STS-40, STS-42). */
void sts_policies_failed(struct sts_policies *policies, struct sts_held *held);

/* Its renewal is due again after that time. */
void sts_policies_postpone(struct sts_held *held, uint32_t seconds);

/* Nothing is known any more, here and in the cache. */
void sts_policies_drop(struct sts_policies *policies, struct sts_held *held);

/* The next who asks for mail is to fetch it anew, whatever the id: a host did not meet it (STS-36). */
void sts_policies_doubt(struct sts_policies *policies, struct text domain);
/* Whether that may be done yet (STS_DOUBT_MIN_S). */
bool sts_held_may_be_doubted(const struct sts_held *held);
/* How long it is still in force; 0: not any more. */
uint64_t sts_held_left_s(const struct sts_held *held);

/* An unsigned answer says that the domain does not exist or takes no mail. True: not for long enough to be
 * believed against a policy in force (POL-14). */
bool sts_policies_doubts_denial(struct sts_policies *policies, struct text domain);
/* It exists after all. */
void sts_policies_exists(struct sts_policies *policies, struct text domain);

size_t sts_policies_count(const struct sts_policies *policies);

#endif
