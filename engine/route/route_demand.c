#include "engine/route/route_demand.h"
#include "dns/dns_name.h"
#include "tls/policy_decide.h"
#include "tls/tlsa_usable.h"

/* The input of the decision, and what it points to. */
struct facts {
	struct policy_input input;
	struct tlsa_record usable[TLSA_RECORDS_MAX];
	struct text names[SECURITY_NAMES_MAX];
	/* TLSA-28: records beyond the limit were not looked at, and none of the others is usable. It
	 * is not known that all are unusable, which would ask for less. */
	bool beyond_limit;
};

static enum policy_origin origin_of(enum route_origin origin)
{
	switch (origin) {
	case ROUTE_FROM_MX: return POLICY_FROM_MX;
	case ROUTE_FROM_DOMAIN: return POLICY_WITHOUT_MX;
	case ROUTE_FROM_LITERAL: /* has no name: nothing about its origin is asked */
	case ROUTE_FROM_OPTION: return POLICY_FROM_ROUTE;
	}
	UNREACHABLE("an origin that is not in the enum");
}

/* A whole certificate or key that could match, but is larger than what is looked at. */
static bool has_too_large(const struct tlsa_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct tlsa_record *record = &set->records[i];
		bool is_known = (record->usage == TLSA_USAGE_DANE_TA ||
					record->usage == TLSA_USAGE_DANE_EE) &&
			record->selector <= TLSA_SELECTOR_SPKI &&
			record->matching == TLSA_MATCHING_FULL;
		if (record->too_large && is_known)
			return true;
	}
	return false;
}

static void take_tlsa(struct facts *facts, const struct tlsa_set *set)
{
	struct policy_input *input = &facts->input;
	switch (set->class) {
	case DNS_SECURE_DATA:
		input->tlsa_state = POLICY_TLSA_SECURE;
		input->base_domain = set->base_domain;
		input->usable = facts->usable;
		input->usable_count = tlsa_usable(set->records, set->count, facts->usable);
		facts->beyond_limit =
			input->usable_count == 0 && (set->truncated || has_too_large(set));
		if (facts->beyond_limit)
			input->tlsa_state = POLICY_TLSA_FAILED;
		return;
	case DNS_FAILURE: input->tlsa_state = POLICY_TLSA_FAILED; return;
	case DNS_SECURE_DENIAL:
	case DNS_INSECURE_DENIAL:
	case DNS_INSECURE_DATA: input->tlsa_state = POLICY_TLSA_NONE; return;
	}
	UNREACHABLE("a class that is not in the enum");
}

static void take_facts(struct facts *facts, const struct route_rules *rules,
	const struct route *route, const struct route_sts_facts *sts, const struct route_host *host)
{
	facts->beyond_limit = false;
	facts->input = (struct policy_input){
		.is_address = host->is_address,
		.mx_secure = route->mx_secure,
		.origin = origin_of((enum route_origin)route->origin),
		.host = text_of(host->name),
		.domain = text_of(route->domain),
		.domain_canonical = text_of(route->mx_owner),
		.sts = sts != NULL ? sts->state : POLICY_STS_ABSENT,
		.sts_matches = sts != NULL && route_sts_covers(sts, host),
		.half_dane = rules->half_dane,
		.trust_generation = rules->trust_generation,
	};
	take_tlsa(facts, &host->tlsa);
	const struct route_tls_option *option =
		route_rules_tls_option(rules, text_of(route->domain));
	if (option == NULL)
		return; /* the level dane is the default */
	facts->input.level = option->level;
	facts->input.names = facts->names;
	facts->input.names_count = option->names_count;
	for (size_t i = 0; i < option->names_count; i++)
		facts->names[i] = text_of(option->names[i]);
}

/* ---- for people ---- */

/* " (_25._tcp.mx.example)": where the records stand that are spoken of; "" without any. */
static const char *record_text(struct route_draft *draft, const struct route_host *host)
{
	char owner[DOMAIN_NAME_SIZE];
	if (host->tlsa.class != DNS_SECURE_DATA ||
		!dns_name_of_tlsa(host->tlsa.base_domain.data, host->port, owner))
		return "";
	struct text text = arena_printf(&draft->route->arena, " (%s)", owner);
	return text.data != NULL ? text.data : "";
}

static const char *why_unmet(const struct facts *facts, const char *unmet)
{
	if (unmet == NULL || !facts->beyond_limit)
		return unmet;
	return "has more TLSA records than are looked at, or larger ones, and no other is usable";
}

static void wait_for_proof(struct route_draft *draft, struct route_host *host, const char *why)
{
	struct text reason =
		arena_printf(&draft->route->arena, "%s%s", why, record_text(draft, host));
	host->state = ROUTE_HOST_WAITS;
	host->waits_for_proof = true;
	host->reason = reason.data != NULL ? reason.data : why;
}

/* The search may have left its own words about a failure. */
static void note_audit(struct route_draft *draft, struct route_host *host,
	const struct policy_decision *decision, const char *unmet)
{
	if (host->audit[0] != '\0')
		unmet = host->audit;
	host->audit_unmet = unmet != NULL;
	const char *need = security_need_text(decision->audited.need).data;
	struct text audit = arena_printf(&draft->route->arena, "%s%s", unmet != NULL ? unmet : need,
		record_text(draft, host));
	host->audit = audit.data != NULL ? audit.data : need;
	struct security_demand *audited = arena_alloc(&draft->route->arena, sizeof *audited);
	if (audited != NULL && security_demand_copy(audited, &decision->audited, &draft->route->arena))
		host->audited = audited; /* else the end of the draft sees that the arena is full */
}

void route_demand_set(const struct route_rules *rules, struct route_draft *draft,
	const struct route_sts_facts *sts, struct route_host *host)
{
	struct facts facts;
	struct policy_decision decision;
	take_facts(&facts, rules, draft->route, sts, host);
	policy_decide(&facts.input, &decision);
	host->success = (uint8_t)decision.success;
	if (!security_demand_copy(&host->demand, &decision.demand, &draft->route->arena))
		return; /* the end of the draft sees that the arena is full */
	if (host->state != ROUTE_HOST_READY)
		return;
	host->is_testing = decision.is_testing;
	if (decision.is_audit || decision.is_testing)
		note_audit(draft, host, &decision, why_unmet(&facts, decision.audit_unmet));
	if (decision.unmet != NULL)
		wait_for_proof(draft, host, why_unmet(&facts, decision.unmet));
}
