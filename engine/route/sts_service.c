#include "engine/route/sts_service.h"
#include <stdlib.h>
#include "engine/io/random.h"

static void renewal_due(void *context, struct sts_held *held)
{
	struct sts_service *service = context;
	sts_renewals_due(&service->renewals, held);
}

enum result sts_service_create(
	const struct sts_service_config *config, struct sts_service **out_service)
{
	struct sts_service *service = calloc(1, sizeof *service);
	if (service == NULL)
		return RESULT_MEMORY;
	const struct sts_policies_config policies = {
		.store = config->store,
		.wheel = config->wheel,
		.random = config->random,
		.wall_us = config->wall_us,
		.due = renewal_due,
		.context = service,
		.key = random_siphash_key(),
	};
	if (sts_policies_create(&policies, &service->policies) != RESULT_OK) {
		free(service);
		return RESULT_MEMORY;
	}
	/* Zeroed already; one field after the other, since it has tables that no stack should hold. */
	service->env.lookups = config->lookups;
	service->env.policies = service->policies;
	service->env.fetches = config->fetches;
	service->env.failed = config->failed;
	service->env.failed_context = config->failed_context;
	service->env.changed = config->changed;
	service->env.changed_context = config->changed_context;
	sts_discovery_env_init(&service->env);
	if (sts_renewals_init(&service->renewals, &service->env) != RESULT_OK) {
		sts_discovery_env_deinit(&service->env);
		sts_policies_destroy(service->policies);
		free(service);
		return RESULT_MEMORY;
	}
	*out_service = service;
	return RESULT_OK;
}

void sts_service_destroy(struct sts_service *service)
{
	if (service == NULL)
		return;
	sts_renewals_deinit(&service->renewals);
	sts_discovery_env_deinit(&service->env);
	sts_policies_destroy(service->policies);
	free(service);
}
