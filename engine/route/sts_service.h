/* MTA-STS as one thing for those who make routes: the policies that are known, their discovery, their
 * renewal. */
#ifndef ENGINE_ROUTE_STS_SERVICE_H
#define ENGINE_ROUTE_STS_SERVICE_H

#include "engine/route/sts_discovery.h"
#include "engine/route/sts_renewals.h"

struct sts_service_config {
	struct route_lookup_env *lookups; /* borrowed, as all that follows */
	struct sts_fetches *fetches;
	struct route_store *store;        /* NULL: memory alone */
	struct timer_wheel *wheel;
	struct random_state *random;
	int64_t (*wall_us)(void);
	sts_failed_fn *failed; /* may be NULL */
	void *failed_context;
	route_changed_fn *changed; /* may be NULL */
	void *changed_context;
};

struct sts_service {
	struct sts_policies *policies;
	struct sts_discovery_env env; /* for discoveries */
	struct sts_renewals renewals;
};

/* RESULT_MEMORY. */
MUST_USE enum result sts_service_create(
	const struct sts_service_config *config, struct sts_service **out_service);
/* All discoveries of others are stopped. NULL is fine. */
void sts_service_destroy(struct sts_service *service);

#endif
