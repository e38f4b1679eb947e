/* One domain being looked up: a small machine driven by answers and deadlines.
 *
 *   start ──▶ MX ──▶ per host: A and AAAA ──▶ CNAME where wanted ──▶ TLSA ──▶ done
 *     ├─ --route to a name: starts at A and AAAA          └─ any look-up: deadline = failure
 *     └─ beside them: the domain's policy of MTA-STS
 *
 * What the answers mean is decided in route_mx.c, route_address.c, route_tlsa.c and route_sts.c. Embedded
 * in its owner's object; `done` is the last thing that happens, from inside a callback of the resolver,
 * a fetch or a timer, and the owner may release the object in it. */
#ifndef ENGINE_ROUTE_ROUTE_BUILD_H
#define ENGINE_ROUTE_ROUTE_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "engine/route/route_change.h"
#include "engine/route/route_draft.h"
#include "engine/route/route_lookup.h"
#include "engine/route/route_option.h"
#include "engine/route/route_sts.h"
#include "engine/route/route_tlsa.h"

struct route_build;
struct route_rules;

enum {
	/* With a store. What another process has learned, or somebody had forgotten (`longship cache
	 * forget`), counts within a minute; to build a route of what is known costs some microseconds. */
	ROUTE_LIFE_MAX_S = 60,
	/* Up to so much less, by chance: what was built in one burst does not come due in one. */
	ROUTE_LIFE_SPREAD_S = 15,
};
#define ROUTE_BUILD_MAGIC 0x40b01d5eu

/* `route` with a reference for the callee; NULL: no memory. */
typedef void route_build_done_fn(struct route_build *build, struct route *route);

/* What builds share; outlives them. */
struct route_build_env {
	struct route_lookup_env lookups;
	const struct route_rules *rules;
	route_changed_fn *changed; /* NULL: nobody wants to know */
	void *changed_context;
	struct sts_discovery_env *sts; /* NULL: MTA-STS is not looked at */
};

struct route_build_host {
	struct route_lookup a, aaaa, alias; /* their index is the host's */
	struct route_lookup tlsa[ROUTE_TLSA_CANDIDATES_MAX]; /* one after the other */
	struct route_tlsa search;
};

struct route_build {
	uint32_t magic;
	struct route_build_env *env;
	route_build_done_fn *done;
	struct route_draft draft;
	struct route_lookup mx;
	struct route_build_host hosts[ROUTE_HOSTS_MAX];
	struct route_sts_search sts;
	size_t open_count;    /* look-ups under way, and the search for the policy */
	bool own_dropped;     /* MX-15: nothing left means a loop */
	bool wants_dane;      /* TLSA records are searched, the security of aliases matters */
	bool wants_sts;       /* a policy of MTA-STS applies */
	bool audited;         /* they are only looked at: failing to find them stops nothing */
};

/* Starts the look-ups of `domain` (A-labels); `option` is a --route to a name, or NULL. False: no
 * memory, nothing was started. */
MUST_USE bool route_build_start(struct route_build *build, struct route_build_env *env,
	struct text domain, const struct route_option *option, route_build_done_fn *done);

/* Cancels everything; `done` will not be called. */
void route_build_stop(struct route_build *build);

#endif
