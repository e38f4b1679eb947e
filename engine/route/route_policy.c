#include "engine/route/route_policy.h"
#include <string.h>
#include "engine/route/domain_index.h"

/* ---- the flag ---- */

static enum result parse_names(
	struct text names, struct route_tls_option *option, struct fail *fail)
{
	struct text name;
	while (text_split(&names, '|', &name)) {
		if (option->names_count == SECURITY_NAMES_MAX)
			return fail_set(
				fail, RESULT_INVALID, "more than %d names", SECURITY_NAMES_MAX);
		char *out_name = option->names[option->names_count++];
		enum domain_name_fault fault = domain_name_to_ascii(name, out_name);
		if (fault != DOMAIN_NAME_OK)
			return fail_set(fail, RESULT_INVALID, "\"%.*s\" is no host: it %s",
				TEXT_ARG(name), domain_name_fault_text(fault));
	}
	return RESULT_OK;
}

static enum result parse_level(struct text text, struct route_tls_option *option, struct fail *fail)
{
	size_t colon = text_find(text, ':');
	struct text level = colon == TEXT_NONE ? text : text_cut(text, colon);
	if (!tls_level_parse(level, &option->level))
		return fail_set(fail, RESULT_INVALID,
			"\"%.*s\" is no level: say none, may, audit, "
			"dane, encrypt, dane-only or secure",
			TEXT_ARG(level));
	if (colon == TEXT_NONE)
		return RESULT_OK;
	if (option->level != TLS_LEVEL_SECURE)
		return fail_set(fail, RESULT_INVALID, "names belong to the level secure only");
	return parse_names(text_skip(text, colon + 1), option, fail);
}

enum result route_tls_option_parse(
	struct text value, struct route_tls_option *out_option, struct fail *fail)
{
	*out_option = (struct route_tls_option){ 0 };
	size_t equals = text_find(value, '=');
	if (equals == TEXT_NONE)
		return fail_set(fail, RESULT_INVALID, "--tls wants DOMAIN=LEVEL, not \"%.*s\"",
			TEXT_ARG(value));
	enum result r = domain_index_parse(text_cut(value, equals), out_option->domain, fail);
	if (r == RESULT_OK)
		r = parse_level(text_skip(value, equals + 1), out_option, fail);
	return r == RESULT_OK ? r : fail_prefix(fail, "--tls %.*s", TEXT_ARG(value));
}

/* ---- the demand ---- */

/* The names that a certificate must carry one of: those of the flag, else the recipient domain. */
static const char *demand_names(const struct route_tls_option *option, struct text domain,
	struct arena *arena, struct security_demand *demand)
{
	if (option->names_count == 0 && domain.len > 0 && domain.data[0] == '[')
		return "is an address, which has no name for --tls secure to prove";
	size_t count = option->names_count > 0 ? option->names_count : 1;
	struct text *names = arena_alloc_array(arena, count, sizeof *names);
	if (names == NULL)
		return "has more names than fit in a route";
	names[0] = domain;
	for (size_t i = 0; i < option->names_count; i++)
		names[i] = text_of(option->names[i]);
	demand->names = names;
	demand->names_count = count;
	return NULL;
}

const char *route_policy_demand(const struct route_tls_option *option, struct text domain,
	struct text sni, struct arena *arena, struct security_demand *out_demand)
{
	*out_demand = security_demand_opportunistic(sni);
	switch (option != NULL ? option->level : TLS_LEVEL_DANE) {
	case TLS_LEVEL_DANE:
	case TLS_LEVEL_MAY:
	case TLS_LEVEL_AUDIT: return NULL;
	case TLS_LEVEL_NONE: out_demand->need = SECURITY_NEED_NONE; return NULL;
	case TLS_LEVEL_ENCRYPT:
		out_demand->need = SECURITY_NEED_ENCRYPT;
		out_demand->cleartext_allowed = false;
		return NULL;
	case TLS_LEVEL_DANE_ONLY:
		/* POL-10, DANE-44: without TLSA records no connection is made, and this host's
		 * were not looked up. */
		out_demand->need = SECURITY_NEED_DANE;
		out_demand->cleartext_allowed = false;
		return "has no TLSA records that --tls dane-only could check";
	case TLS_LEVEL_SECURE:
		out_demand->need = SECURITY_NEED_SECURE;
		out_demand->cleartext_allowed = false;
		return demand_names(option, domain, arena, out_demand);
	case TLS_LEVEL_COUNT: break;
	}
	UNREACHABLE("a level that is not in the table");
}
