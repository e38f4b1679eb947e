/* Finds the route of a domain: MX, addresses, aliases, what is demanded; keeps it until it expires.
 *
 * Owned and driven by one thread, the one that owns the dns_resolver, the timer wheel and the
 * random source given here. Knows no clock: "now" is where the wheel stands, so the owner advances
 * the wheel before it calls anything here. Requests for a domain that is being looked up wait
 * for the same answer; what is known and not expired comes back at once. Callbacks run from
 * dns_resolver_process() or timer_wheel_advance(), never from inside route_builder_get().
 *
 * With a store no route lives longer than a minute (route_build.h), and those in use are built anew at the
 * instant they expire, before anybody asks (route_cache.h): mail does not wait for what the DNS has said
 * before.
 *
 * Order of the work on one domain (DESIGN 2): literal, --route, MX, then the addresses of all
 * hosts at once. A failed MX look-up ends it (MX-03); a failed address look-up makes that host
 * wait and the others go on (MX-20). Each look-up has a deadline (DNS-35). */
#ifndef ENGINE_ROUTE_ROUTE_BUILDER_H
#define ENGINE_ROUTE_ROUTE_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/domain_name.h"
#include "engine/base/list.h"
#include "engine/base/result.h"
#include "engine/base/text.h"
#include "engine/route/route.h"
#include "engine/route/route_change.h"
#include "engine/route/route_option.h"
#include "engine/route/route_policy.h"
#include "engine/route/sts_discovery.h"

struct dns_resolver;
struct random_state;
struct route_builder;
struct route_store;
struct timer_wheel;

struct route_builder_config {
	struct dns_resolver *resolver;  /* borrowed, outlives the builder */
	struct timer_wheel *wheel;      /* borrowed, likewise */
	struct random_state *random;    /* borrowed, likewise; for hosts of equal preference */
	struct route_store *store;      /* borrowed, likewise; NULL: nothing is known beforehand */
	/* NULL: MTA-STS is not looked at, which is for tests of other things. Borrowed, likewise. */
	struct sts_fetches *fetches;
	int64_t (*wall_us)(void);       /* with fetches: the wall clock, as clock_wall_us() */
	sts_failed_fn *sts_failed;      /* NULL: nobody wants to know */
	void *sts_failed_context;
	const struct route_option *options; /* --route; borrowed */
	size_t options_count;
	const struct route_tls_option *tls_options; /* --tls; borrowed */
	size_t tls_options_count;
	const char *const *own_names;   /* --helo and the like, A-labels: MX-15; borrowed */
	size_t own_names_count;
	uint16_t port;                  /* --port */
	bool allow_private;             /* --allow-private (MX-16) */
	bool ignore_half_dane;          /* --half-dane ignore (DANE-24) */
	uint32_t trust_generation;      /* of the store of roots (tls_roots.h); 0: there is none */
	bool keep_steps;                /* fill route.steps, for `explain` */
	route_changed_fn *changed;      /* NULL: nobody wants to know */
	void *changed_context;
	uint64_t lookup_ns;             /* DNS-35: deadline of one look-up; 0: 30 s */
	uint32_t builds_max;            /* domains looked up at a time; 0: a default */
	uint32_t cache_max;             /* routes kept; 0: a default */
};

/* `route` comes with a reference that the callee owns (route_unref()). */
typedef void route_done_fn(void *context, struct route *route);

/* Embedded in whoever waits; untouched by the owner until `done` or route_builder_cancel(). */
struct route_request {
	struct list_node node;
	route_done_fn *done;
	void *context;
	bool pending, queued; /* queued: no look-up has begun for it */
	char domain[DOMAIN_NAME_SIZE];
};

/* RESULT_INVALID: an option cannot be meant so. */
MUST_USE enum result route_builder_create(const struct route_builder_config *config,
	struct route_builder **out_builder, struct fail *fail);

/* Cancels all look-ups; no callback comes any more. NULL is fine. Never from a callback. */
void route_builder_destroy(struct route_builder *builder);

/* The route of `domain` (A-labels, or a literal as in "[192.0.2.1]"), with a reference for the
 * caller, when it is known; else NULL, and `done` brings it later. `domain` may be anything: what is
 * no name gets a route of kind ROUTE_PERMANENT. */
struct route *route_builder_get(struct route_builder *builder, struct text domain,
	struct route_request *request, route_done_fn *done, void *context);

/* `done` will not be called. The look-up goes on and fills the cache. Fine when not pending. */
void route_builder_cancel(struct route_builder *builder, struct route_request *request);

/* Drops what is kept for a domain, so that the next request asks anew. */
void route_builder_forget(struct route_builder *builder, struct text domain);

/* The same, and the policy of MTA-STS that applies is fetched anew: a host has failed it (STS-36). */
void route_builder_doubt(struct route_builder *builder, struct text domain);

struct route_builder_counts {
	uint32_t building, waiting, cached;   /* now */
	uint64_t built, hits, joined, renewed, evicted, deadlines; /* since the start */
};
void route_builder_count(const struct route_builder *builder, struct route_builder_counts *out_counts);

#endif
