#include "engine/route/route_change.h"
#include <stdio.h>
#include <string.h>
#include "dns/dns_name.h"
#include "engine/route/route_build.h"
#include "engine/route/route_store.h"

/* NULL: it was not asked for. */
static const struct dns_answer *answer_about(const struct route_build_host *work, const char *owner)
{
	for (size_t i = 0; i < work->search.next; i++) {
		const struct route_lookup *lookup = &work->tlsa[i];
		if (lookup->name != NULL && strcmp(lookup->name, owner) == 0)
			return route_lookup_answer(lookup);
	}
	return NULL;
}

static const char *what_happened(const struct dns_answer *answer)
{
	if (answer == NULL)
		return "the addresses of the host are not signed any more, so its TLSA records do not count:";
	switch (answer->class) {
	case DNS_SECURE_DENIAL: return "there are no TLSA records any more at";
	case DNS_INSECURE_DENIAL: return "there are no TLSA records any more, nor signatures, at";
	case DNS_INSECURE_DATA: return "the TLSA records are not signed any more at";
	case DNS_SECURE_DATA:
	case DNS_FAILURE: break;
	}
	UNREACHABLE("TLSA records that were found or failed are no loss");
}

static void tell(const struct route_build *build, const struct route_host *host, const char *owner,
	const struct dns_answer *answer)
{
	char reason[DOMAIN_NAME_SIZE + 128];
	snprintf(reason, sizeof reason, "%s %s", what_happened(answer), owner);
	const struct route_change change = {
		.domain = build->draft.route->domain,
		.host = host->name,
		.before = "dane",
		.now = "none",
		.reason = reason,
	};
	build->env->changed(build->env->changed_context, &change);
}

void route_change_note_tlsa(struct route_build *build, uint8_t index)
{
	const struct route_host *host = &build->draft.hosts[index];
	const char *const bases[] = { host->canonical, host->name };
	struct route_store *store = build->env->lookups.store;
	if (build->env->changed == NULL || host->state != ROUTE_HOST_READY ||
		host->tlsa.class == DNS_SECURE_DATA || host->tlsa.class == DNS_FAILURE)
		return;
	bool was_told = false;
	for (size_t i = host->is_alias ? 0 : 1; i < COUNT_OF(bases); i++) {
		char owner[DOMAIN_NAME_SIZE];
		if (!dns_name_of_tlsa(bases[i], host->port, owner) || !route_store_had_tlsa(store, owner))
			continue;
		/* Nobody says it again. What was learned a moment ago goes with it, and is asked again. */
		route_store_unlearn(store, owner, DNS_TYPE_TLSA);
		if (!was_told)
			tell(build, host, owner, answer_about(&build->hosts[index], owner));
		was_told = true;
	}
}
