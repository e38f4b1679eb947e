/* All fetches of MTA-STS policies of one thread: so many at once and no more; one for each domain, and
 * whoever asks meanwhile gets the same answer (STS-45); none soon after a failure (STS-22).
 *
 *   ask ─▶ waits for a free fetch ─▶ is fetched ─▶ is validated ─▶ all who wait are answered
 *
 * The deadline runs from the question, so it bounds the wait for a free fetch too (STS-21). While others
 * wait for a free one, none takes longer than its share: who owns many slow hosts keeps nobody else from a
 * policy. It does not store policies and starts nothing by itself; asking again after a success fetches anew
 * (STS-19, STS-44). */
#ifndef ENGINE_ROUTE_STS_FETCHES_H
#define ENGINE_ROUTE_STS_FETCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/list.h"
#include "engine/base/siphash.h"
#include "engine/base/text.h"
#include "engine/route/sts_backoff.h"
#include "engine/route/sts_fetch.h"

struct sts_fetches;
struct sts_waiter;

#define STS_FETCHES_TIMEOUT_NS                                                                     \
	(60 * SECOND_NS) /* RFC 8461 3.3: "a suggested timeout is one minute" */

/* A host answers within some hundred milliseconds, and from the other end of a bad line within a few seconds.
 * 64 fetches serve 384 hosts that never answer within the minute of the next one. */
#define STS_FETCHES_SHARE_NS (10 * SECOND_NS)

/* Whether the body is a policy; false with a sentence in `fail`. */
typedef bool sts_validate_fn(struct text body, struct fail *fail);

struct sts_fetches_config {
	struct sts_fetch_config fetch; /* copied */
	uint32_t fetches_max;  /* at once; over 0. Their connections are in its pool and context */
	uint32_t domains_max;  /* fetched or waiting for a free fetch; at least fetches_max */
	uint32_t failures_max; /* remembered; over 0 */
	uint64_t timeout_ns;   /* 0: STS_FETCHES_TIMEOUT_NS */
	uint64_t share_ns;     /* 0: STS_FETCHES_SHARE_NS */
	sts_validate_fn *validate; /* NULL: every body is one */
	struct siphash_key key;    /* the hash tables' secret */
};

struct sts_question {
	struct text
		domain; /* of the policy, lower-case A-labels: the host is "mta-sts." and this */
	struct text id; /* of the TXT record; empty when it is not known */
	const struct ip_address *addresses; /* of the policy host */
	size_t addresses_count;
};

/* Everything borrowed until the answer's function returns. */
struct sts_answer {
	enum sts_fault fault;
	const struct fail *fail; /* with a fault: a sentence */
	struct text body;        /* without one */
	/* What the fetch was begun for. Who asked with another one has not got the policy of that
	 * one for certain, and stores this. */
	struct text id;
	uint64_t retry_ns; /* after a failure that is remembered: not before, in the loop's time */
	bool is_again;     /* another who waited for this fetch was told the same before */
};

/* May ask again, also for the same domain; must not destroy. */
typedef void sts_answer_fn(struct sts_waiter *waiter, const struct sts_answer *answer);

/* Embedded in who asks; zeroed, ready for its first use. */
struct sts_waiter {
	struct list_node node;
	sts_answer_fn *answer;
};

enum sts_fetches_state {
	STS_FETCHES_FREE,  /* a question begins a fetch: the addresses are worth being looked up */
	STS_FETCHES_BUSY,  /* it is under way: a question needs no addresses */
	STS_FETCHES_WAITS, /* it failed a short time ago */
};

struct sts_fetches_counters {
	uint64_t fetched, failed; /* ended with a policy, and with a failure of the host */
	uint64_t joined;          /* questions that found a fetch under way */
	uint64_t held_back;       /* for a failure that was remembered */
	uint64_t refused;         /* for want of room, or because no fetch was free in time */
};

/* RESULT_MEMORY. */
MUST_USE enum result sts_fetches_create(
	const struct sts_fetches_config *config, struct sts_fetches **out_fetches);
/* It is idle. NULL is allowed. */
void sts_fetches_destroy(struct sts_fetches *fetches);

enum sts_fetches_state sts_fetches_state(
	struct sts_fetches *fetches, struct text domain, struct text id);

/* True: waiter->answer will be called once, not from inside this call. False: there will be no fetch,
 * *out_answer (borrowed until the next call) says why: WAITS after a failure, with that one's
 * sentence; LOCAL for want of room; CANCELLED after a stop. */
MUST_USE bool sts_fetches_ask(struct sts_fetches *fetches, const struct sts_question *question,
	struct sts_waiter *waiter, struct sts_answer *out_answer);
/* The waiter is not answered any more; the fetch goes on. Nothing if it does not wait. */
void sts_fetches_leave(struct sts_waiter *waiter);

/* Cancels all that is under way, who waits is told so in later turns. Nothing new is begun. */
void sts_fetches_stop(struct sts_fetches *fetches);
bool sts_fetches_is_idle(const struct sts_fetches *fetches);
const struct sts_fetches_counters *sts_fetches_counters(const struct sts_fetches *fetches);

#endif
