#include "engine/route/route_option.h"
#include "engine/route/domain_index.h"

static enum result parse_port(struct text digits, uint16_t *out_port, struct fail *fail)
{
	uint64_t port;
	if (!text_to_u64(digits, &port) || port == 0 || port > UINT16_MAX)
		return fail_set(fail, RESULT_INVALID, "\"%.*s\" is no port from 1 to 65535",
			TEXT_ARG(digits));
	*out_port = (uint16_t)port;
	return RESULT_OK;
}

/* "[ADDR]" and what follows it. */
static enum result parse_bracketed(struct text text, struct route_option *option, struct fail *fail)
{
	size_t end = text_find(text, ']');
	struct text inside = text_skip(text_cut(text, end == TEXT_NONE ? 0 : end), 1);
	struct text after = text_skip(text, end == TEXT_NONE ? text.len : end + 1);
	if (ip_address_parse(inside, &option->address) != RESULT_OK)
		return fail_set(
			fail, RESULT_INVALID, "\"%.*s\" is no address in brackets", TEXT_ARG(text));
	if (after.len == 0)
		return RESULT_OK;
	if (after.data[0] != ':')
		return fail_set(fail, RESULT_INVALID, "\"%.*s\" follows the bracket, not :PORT",
			TEXT_ARG(after));
	return parse_port(text_skip(after, 1), &option->port, fail);
}

static enum result parse_host(struct text text, struct route_option *option, struct fail *fail)
{
	if (text.len > 0 && text.data[0] == '[')
		return parse_bracketed(text, option, fail);
	if (ip_address_parse(text, &option->address) == RESULT_OK)
		return RESULT_OK; /* an IPv6 address without brackets is all address, no port */
	size_t colon = text_find_last(text, ':');
	if (colon != TEXT_NONE) {
		enum result r = parse_port(text_skip(text, colon + 1), &option->port, fail);
		if (r != RESULT_OK)
			return r;
		text = text_cut(text, colon);
		if (ip_address_parse(text, &option->address) == RESULT_OK) {
			if (option->address.family == IP_FAMILY_4)
				return RESULT_OK;
			/* "::1:25" may mean the address ::1:25 as well. */
			return fail_set(fail, RESULT_INVALID,
				"an IPv6 address before a port stands in brackets: [%.*s]:%u",
				TEXT_ARG(text), (unsigned)option->port);
		}
	}
	enum domain_name_fault fault = domain_name_to_ascii(text, option->host);
	if (fault == DOMAIN_NAME_OK)
		return RESULT_OK;
	return fail_set(fail, RESULT_INVALID, "\"%.*s\" is no host: it %s", TEXT_ARG(text),
		domain_name_fault_text(fault));
}

enum result route_option_parse(
	struct text value, struct route_option *out_option, struct fail *fail)
{
	*out_option = (struct route_option){ 0 };
	size_t equals = text_find(value, '=');
	if (equals == TEXT_NONE)
		return fail_set(fail, RESULT_INVALID,
			"--route wants DOMAIN=HOST[:PORT], not \"%.*s\"", TEXT_ARG(value));
	enum result r = domain_index_parse(text_cut(value, equals), out_option->domain, fail);
	if (r == RESULT_OK)
		r = parse_host(text_skip(value, equals + 1), out_option, fail);
	return r == RESULT_OK ? r : fail_prefix(fail, "--route %.*s", TEXT_ARG(value));
}
