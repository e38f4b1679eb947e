#include "bench/sink_address.h"
#include "engine/base/limits.h"

/* Where the closing > stands, quoted strings skipped (RFC 5321 4.1.2); TEXT_NONE if nowhere. */
static size_t find_close(struct text path)
{
	bool quoted = false;
	for (size_t i = 1; i < path.len; i++) {
		char octet = path.data[i];
		if (quoted && octet == '\\')
			i++;
		else if (octet == '"')
			quoted = !quoted;
		else if (!quoted && octet == '>')
			return i;
	}
	return TEXT_NONE;
}

static bool is_clean(struct text address, bool *out_non_ascii)
{
	bool quoted = false;
	*out_non_ascii = false;
	for (size_t i = 0; i < address.len; i++) {
		uint8_t octet = (uint8_t)address.data[i];
		if (octet < ' ' || octet == 127)
			return false;
		if (octet == '"')
			quoted = !quoted;
		if (octet == ' ' && !quoted)
			return false;
		*out_non_ascii |= octet > 127;
	}
	return !quoted && (!*out_non_ascii || text_is_utf8(address));
}

struct text sink_address_domain(struct text address)
{
	size_t at = text_find_last(address, '@');
	return at == TEXT_NONE ? TEXT_EMPTY : text_skip(address, at + 1);
}

static bool is_mailbox(struct text address)
{
	if (text_equal_nocase(address, TEXT("postmaster")))
		return true; /* RFC 5321 4.5.1 */
	size_t at = text_find_last(address, '@');
	return at != TEXT_NONE && at > 0 && at <= LOCAL_PART_BYTES_MAX && at + 1 < address.len &&
		address.len <= LOCAL_PART_BYTES_MAX + 1 + DOMAIN_BYTES_MAX;
}

bool sink_path_parse(struct text argument, bool may_be_null, struct sink_path *out_path)
{
	*out_path = (struct sink_path){ .address = TEXT_EMPTY };
	if (!text_starts(argument, TEXT("<")))
		return false;
	size_t close = find_close(argument);
	if (close == TEXT_NONE)
		return false;
	struct text address = text_skip(text_cut(argument, close), 1);
	struct text rest = text_skip(argument, close + 1);
	if (!text_is_empty(rest) && rest.data[0] != ' ')
		return false;
	if (text_starts(address, TEXT("@"))) {
		size_t colon = text_find(address, ':');
		out_path->source_route = true;
		address = colon == TEXT_NONE ? TEXT_EMPTY : text_skip(address, colon + 1);
	}
	out_path->address = address;
	out_path->parameters = text_trim(rest);
	if (!is_clean(address, &out_path->non_ascii))
		return false;
	return text_is_empty(address) ? may_be_null && !out_path->source_route : is_mailbox(address);
}
