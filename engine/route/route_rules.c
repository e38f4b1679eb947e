#include "engine/route/route_rules.h"
#include "engine/base/ip_address.h"
#include "engine/route/route_address.h"
#include "engine/route/route_builder.h"
#include "engine/route/route_demand.h"

enum result route_rules_init(struct route_rules *rules, const struct route_builder_config *config)
{
	*rules = (struct route_rules){
		.own_names = config->own_names,
		.own_names_count = config->own_names_count,
		.random = config->random,
		.port = config->port,
		.allow_private = config->allow_private,
		.keep_steps = config->keep_steps,
		.trust_generation = config->trust_generation,
		.half_dane = !config->ignore_half_dane,
	};
	enum result r = domain_index_init(
		&rules->options, config->options, sizeof config->options[0], config->options_count);
	if (r != RESULT_OK)
		return r;
	r = domain_index_init(&rules->tls_options, config->tls_options,
		sizeof config->tls_options[0], config->tls_options_count);
	if (r != RESULT_OK)
		domain_index_deinit(&rules->options);
	return r;
}

void route_rules_deinit(struct route_rules *rules)
{
	domain_index_deinit(&rules->options);
	domain_index_deinit(&rules->tls_options);
}

const struct route_option *route_rules_option(const struct route_rules *rules, struct text domain)
{
	return domain_index_find(&rules->options, domain);
}

const struct route_tls_option *route_rules_tls_option(
	const struct route_rules *rules, struct text domain)
{
	return domain_index_find(&rules->tls_options, domain);
}

bool route_rules_wants_published(const struct route_rules *rules, struct text domain)
{
	const struct route_tls_option *option = route_rules_tls_option(rules, domain);
	return option == NULL ||
	       (option->level != TLS_LEVEL_NONE && option->level != TLS_LEVEL_MAY);
}

bool route_rules_audits(const struct route_rules *rules, struct text domain)
{
	const struct route_tls_option *option = route_rules_tls_option(rules, domain);
	return option != NULL && option->level == TLS_LEVEL_AUDIT;
}

struct route *route_rules_make_bad_name(
	struct text domain, enum domain_name_fault fault, uint64_t now_ns)
{
	struct route_draft draft;
	if (!route_draft_begin(&draft, domain, ROUTE_FROM_MX))
		return NULL;
	return route_draft_end_cause(
		&draft, ROUTE_CAUSE_BAD_NAME, now_ns, text_of(domain_name_fault_text(fault)));
}

/* RFC 5321 4.1.3. Other tags than IPv6 are not defined. */
static bool parse_literal(struct text literal, struct ip_address *out_address)
{
	if (literal.len < 2 || literal.data[literal.len - 1] != ']')
		return false;
	struct text inside = text_skip(text_cut(literal, literal.len - 1), 1);
	struct text tag = TEXT("IPv6:");
	bool tagged = text_starts_nocase(inside, tag);
	return ip_address_parse(text_skip(inside, tagged ? tag.len : 0), out_address) ==
		       RESULT_OK &&
	       out_address->family == (tagged ? IP_FAMILY_6 : IP_FAMILY_4);
}

static struct route *end_with_address(const struct route_rules *rules, struct route_draft *draft,
	const struct ip_address *address, uint16_t port, enum route_cause unusable, uint64_t now_ns)
{
	if (route_draft_add_hosts(draft, 1)) {
		draft->hosts[0].port = port;
		route_address_fill_literal(draft, &draft->hosts[0], address, rules->allow_private);
		route_demand_set(rules, draft, NULL, &draft->hosts[0]);
	}
	return route_draft_end_hosts(draft, ROUTE_CAUSE_ROUTE_UNUSABLE, unusable, now_ns);
}

struct route *route_rules_make_literal(
	const struct route_rules *rules, struct text literal, uint64_t now_ns)
{
	struct route_draft draft;
	if (!route_draft_begin(&draft, literal, ROUTE_FROM_LITERAL))
		return NULL;
	struct ip_address address;
	if (!parse_literal(literal, &address))
		return route_draft_end_cause(&draft, ROUTE_CAUSE_BAD_LITERAL, now_ns, TEXT_EMPTY);
	return end_with_address(
		rules, &draft, &address, rules->port, ROUTE_CAUSE_NO_ADDRESS, now_ns);
}

struct route *route_rules_make_address(const struct route_rules *rules, struct text domain,
	const struct route_option *option, uint64_t now_ns)
{
	struct route_draft draft;
	if (!route_draft_begin(&draft, domain, ROUTE_FROM_OPTION))
		return NULL;
	draft.route->mx_secure = true;
	uint16_t port = option->port != 0 ? option->port : rules->port;
	/* A mistake of ours in a flag must never bounce mail: temporary in any case. */
	return end_with_address(
		rules, &draft, &option->address, port, ROUTE_CAUSE_ROUTE_UNUSABLE, now_ns);
}
