/* What each host of a route must prove: the facts that the route has found, brought before the decision
 * (tls/policy_decide), and its verdict put into the route. Pure.
 *
 * The demands of a message are not known to a route, which serves all mail for its domain:
 * REQUIRETLS is asked of the session (engine/smtp), TLS-Required: No does not lower anything yet. */
#ifndef ENGINE_ROUTE_ROUTE_DEMAND_H
#define ENGINE_ROUTE_ROUTE_DEMAND_H

#include "engine/route/route.h"
#include "engine/route/route_draft.h"
#include "engine/route/route_rules.h"
#include "engine/route/route_sts.h"

/* Fills in demand and success of a host whose name, state and TLSA set are final. One that is ready and
 * whose demand cannot be met now waits, and says why (DANE-13, DANE-25, DANE-44); under --tls audit
 * it stays ready, and `audit` has what would be demanded (POL-11), and so it does under a policy of MTA-STS
 * that is only tested (STS-50). `sts` may be NULL: nothing of MTA-STS applies. */
void route_demand_set(const struct route_rules *rules, struct route_draft *draft,
	const struct route_sts_facts *sts, struct route_host *host);

#endif
