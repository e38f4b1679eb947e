/* Renews policies of MTA-STS that are due, off the path of any mail (STS-40): a few at a time, the others a
 * little later. */
#ifndef ENGINE_ROUTE_STS_RENEWALS_H
#define ENGINE_ROUTE_STS_RENEWALS_H

#include "engine/base/domain_name.h"
#include "engine/base/slab.h"
#include "engine/route/sts_discovery.h"

enum {
	/* Mail that waits for a fetch has the others (sts_fetches_config). */
	STS_RENEWALS_AT_ONCE = 16,
	STS_RENEWAL_LATER_S = 5,
};

struct sts_renewals {
	struct sts_discovery_env *env;
	struct slab slab;
};

/* RESULT_MEMORY. `env` outlives them. */
MUST_USE enum result sts_renewals_init(struct sts_renewals *renewals, struct sts_discovery_env *env);
/* Ends those that are under way. */
void sts_renewals_deinit(struct sts_renewals *renewals);

/* The renewal of that policy is due (sts_policies_config.due). */
void sts_renewals_due(struct sts_renewals *renewals, struct sts_held *held);

#endif
