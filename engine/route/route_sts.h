/* The part of MTA-STS in a route that is being made: which policy is in force for its domain, and which of
 * its hosts that policy covers. One discovery beside the other look-ups; a second one if no host meets what
 * was only remembered, for the domain may have published another policy since (STS-36). */
#ifndef ENGINE_ROUTE_ROUTE_STS_H
#define ENGINE_ROUTE_ROUTE_STS_H

#include <stdbool.h>
#include "engine/route/route_draft.h"
#include "engine/route/sts_discovery.h"
#include "tls/policy_decide.h"

struct route_sts_search;

/* It is known what applies; the last thing that happens. */
typedef void route_sts_done_fn(struct route_sts_search *search);

/* What is known of the policy, for the decision about each host. All zero: nothing applies. */
struct route_sts_facts {
	enum policy_sts state;
	struct sts_policy policy; /* with NONE, TESTING and ENFORCE */
};

struct route_sts_search {
	struct sts_discovery discovery;
	struct route_draft *draft;
	route_sts_done_fn *done;
	struct route_sts_facts facts;
	char *text;      /* of the policy; ours */
	bool is_running;
	bool is_current; /* no need to ask again */
};

/* For the policy domain of the draft (route.sts_domain). False: there can be none, nothing was begun. */
MUST_USE bool route_sts_begin(struct route_sts_search *search, struct sts_discovery_env *env,
	struct route_draft *draft, route_sts_done_fn *done);
/* Nothing comes any more, what was found is let go. */
void route_sts_stop(struct route_sts_search *search);

/* STS-36: true, and `done` comes once more, if none of the hosts meets an enforced policy that was only
 * remembered. */
MUST_USE bool route_sts_ask_again(struct route_sts_search *search, const struct route_draft *draft);

/* For `explain`: the look-ups that are over, behind all others. */
void route_sts_add_steps(const struct route_sts_search *search);

/* STS-30: whether the policy covers a host by the name in the MX record. */
bool route_sts_covers(const struct route_sts_facts *facts, const struct route_host *host);

#endif
