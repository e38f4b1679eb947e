#include "engine/route/route_policy.h"
#include "engine/route/domain_index.h"

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
