/* A route while it is being made: engine/route only. From route_draft_end() on it is a route like any
 * other and nothing in it changes any more.
 *
 * Texts and arrays go into the route's arena. That one is bounded; a draft which outgrows it ends
 * as a temporary failure, never as a route with parts missing. */
#ifndef ENGINE_ROUTE_ROUTE_DRAFT_H
#define ENGINE_ROUTE_ROUTE_DRAFT_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/dns_answer.h"
#include "engine/base/text.h"
#include "engine/route/route.h"

enum {
	/* Most routes have one to three hosts and fit in one chunk. */
	ROUTE_DRAFT_CHUNK_BYTES = 1024,
	/* 20 hosts with 10 addresses and two names of 253 octets each are 24 KB; with the steps of
	 * `explain`, 80 KB. TLSA sets of 32 digests, as found and as demanded, are 13 KB a host. */
	ROUTE_DRAFT_BYTES_MAX = 512 * 1024,
	/* What one reason or step says at most: a line for people. */
	ROUTE_DRAFT_TEXT_MAX = 400,

	/* DNS-14 (CONFORMANCE 0.4): TTL 0 serves what waits for this route, a second at most. */
	ROUTE_TTL_ZERO_S = 1,
	/* DNS-18: a failure is remembered so long that a burst of mail asks once, no longer. */
	ROUTE_FAILURE_TTL_S = 5,
	/* A route that works while one of its look-ups failed: the failing one is tried again
	 * within the minute in which libunbound forgets a bogus answer (DNS-19). */
	ROUTE_PARTIAL_TTL_S = 60,
};

struct route_draft {
	struct route *route;      /* NULL: none begun, or ended */
	struct route_host *hosts; /* route->hosts, as long as they may change */
	struct route_step *steps;
};

/* False: no memory. `domain` as asked. */
MUST_USE bool route_draft_begin(
	struct route_draft *draft, struct text domain, enum route_origin origin);
/* Throws the draft away; fine when none is begun. */
void route_draft_abandon(struct route_draft *draft);

/* A terminated copy in the route's arena; "" when that is full. */
const char *route_draft_text(struct route_draft *draft, struct text text);

/* The route may not be used beyond `ttl_s` seconds from now; 0 counts as ROUTE_TTL_ZERO_S. */
void route_draft_limit(struct route_draft *draft, uint64_t now_ns, uint32_t ttl_s);

/* Notes a look-up for `explain`. `answer` is read and not kept. */
void route_draft_add_step(struct route_draft *draft, const struct dns_answer *answer);

/* A route lives no longer than what it rests on. */
void route_draft_take_time(
	struct route_draft *draft, uint64_t now_ns, const struct dns_answer *answer);

/* Makes room for all hosts, zeroed: draft->hosts; once. False when the arena is full. */
MUST_USE bool route_draft_add_hosts(struct route_draft *draft, size_t count);

/* Ends the draft as a failure: the reason is domain, sentence of the cause, and `detail` (empty: none). */
struct route *route_draft_end_cause(
	struct route_draft *draft, enum route_cause cause, uint64_t now_ns, struct text detail);

/* Ends the draft with its hosts, whose states are final: it has hosts when one is ready. Else `waits`
 * is the cause if at least one only waits (ROUTE_CAUSE_UNPROVEN if all of them wait for a proof),
 * and `unusable` if the DNS is certain of all; the detail says what is wrong with which host. */
struct route *route_draft_end_hosts(struct route_draft *draft, enum route_cause waits,
	enum route_cause unusable, uint64_t now_ns);

#endif
