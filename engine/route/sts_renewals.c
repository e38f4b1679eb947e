#include "engine/route/sts_renewals.h"
#include <string.h>
#include "engine/base/check.h"

struct renewal {
	struct sts_renewals *renewals;
	struct sts_discovery discovery;
	char domain[DOMAIN_NAME_SIZE];
};

static void renewed(struct sts_discovery *discovery, const struct sts_outcome *outcome)
{
	struct renewal *renewal = discovery->owner;
	(void)outcome; /* it is in the policies by now */
	sts_discovery_stop(discovery);
	slab_release(&renewal->renewals->slab, renewal);
}

enum result sts_renewals_init(struct sts_renewals *renewals, struct sts_discovery_env *env)
{
	renewals->env = env;
	return slab_init(&renewals->slab, sizeof(struct renewal), STS_RENEWALS_AT_ONCE);
}

void sts_renewals_deinit(struct sts_renewals *renewals)
{
	for (uint32_t i = 0; i < renewals->slab.touched; i++) {
		struct renewal *renewal = slab_at(&renewals->slab, i);
		if (renewal == NULL)
			continue;
		sts_discovery_stop(&renewal->discovery);
		slab_release(&renewals->slab, renewal);
	}
	slab_deinit(&renewals->slab);
}

void sts_renewals_due(struct sts_renewals *renewals, struct sts_held *held)
{
	struct renewal *renewal = slab_acquire(&renewals->slab);
	if (renewal == NULL) {
		sts_policies_postpone(held, STS_RENEWAL_LATER_S);
		return;
	}
	renewal->renewals = renewals;
	CHECK(held->domain.len < sizeof renewal->domain);
	memcpy(renewal->domain, held->domain.data, held->domain.len);
	renewal->domain[held->domain.len] = '\0';
	if (!sts_discovery_start(&renewal->discovery, renewals->env, renewal->domain,
		    STS_FOR_RENEWAL, renewed, renewal))
		UNREACHABLE("a domain whose policy is known has a record's name");
}
