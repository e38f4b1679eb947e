#include "engine/mail/address.h"
#include <string.h>
#include "engine/base/domain_name.h"
#include "engine/base/ip_address.h"
#include "engine/mail/quoted_text.h"

/* RFC 5322 3.2.3 atext; RFC 6531 3.3 adds every character of UTF-8 that is not ASCII. */
static bool is_atext(uint8_t octet)
{
	if ((octet >= '0' && octet <= '9') || (octet >= 'A' && octet <= 'Z') ||
		(octet >= 'a' && octet <= 'z') || octet >= 0x80)
		return true;
	return octet != 0 && strchr("!#$%&'*+-/=?^_`{|}~", octet) != NULL;
}

static bool is_space(char c) { return c == ' ' || c == '\t'; }

static struct text skip_spaces(struct text t)
{
	while (t.len > 0 && is_space(t.data[0]))
		t = text_skip(t, 1);
	return t;
}

/* Octets of the dot-string at the front, dots wherever they stand; 0: there is none. */
static size_t dot_string_len(struct text t)
{
	size_t len = 0;
	while (len < t.len && (is_atext((uint8_t)t.data[len]) || t.data[len] == '.'))
		len++;
	return len;
}

/* RFC 5321 4.1.2 Quoted-string: printable ASCII and UTF-8, " and \ only after \. Octets with both
 * quotes; 0: not one, or not closed. */
static size_t quoted_string_len(struct text t)
{
	if (t.len == 0 || t.data[0] != '"')
		return 0;
	for (size_t i = 1; i < t.len; i++) {
		uint8_t octet = (uint8_t)t.data[i];
		if (octet == '"')
			return i + 1;
		if (octet == '\\') {
			/* quoted-pairSMTP: only ASCII may be behind it, also in RFC 6531 3.3. */
			if (++i == t.len)
				return 0;
			octet = (uint8_t)t.data[i];
			if (octet >= 0x7f)
				return 0;
		}
		if (octet < 0x20 || octet == 0x7f)
			return 0;
	}
	return 0;
}

static size_t local_part_len(struct text t)
{
	return t.len > 0 && t.data[0] == '"' ? quoted_string_len(t) : dot_string_len(t);
}

static const char *local_part_fault(struct text local)
{
	if (local.len == 0)
		return "has nothing before the @ that is a local part";
	if (!text_is_utf8(local))
		return "has a local part that is not UTF-8";
	if (local.len > LOCAL_PART_BYTES_MAX)
		return "has a local part of more than 64 octets";
	if (local.data[0] == '"')
		return NULL;
	if (local.data[0] == '.' || local.data[local.len - 1] == '.' ||
		text_find_text(local, TEXT("..")) != TEXT_NONE)
		return "has a local part with an empty word between dots (such ones need quotes)";
	return NULL;
}

static bool is_ascii(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if ((uint8_t)t.data[i] >= 0x80)
			return false;
	return true;
}

/* RFC 5321 4.1.3: "[192.0.2.1]" or "[IPv6:2001:db8::1]", brought into one spelling so that one
 * mailbox is one recipient and one host one pool. Other kinds of literal have no meaning yet. */
static const char *literal_to_domain(struct text literal, struct buf *out_domain)
{
	struct text inner = text_skip(text_cut(literal, literal.len - 1), 1);
	struct text tag = TEXT("IPv6:");
	bool tagged = text_starts_nocase(inner, tag);
	if (tagged)
		inner = text_skip(inner, tag.len);
	struct ip_address ip;
	if (ip_address_parse(inner, &ip) != RESULT_OK ||
		ip.family != (tagged ? IP_FAMILY_6 : IP_FAMILY_4))
		return "has an address literal that is neither [a.b.c.d] nor [IPv6:...]";
	buf_put_u8(out_domain, '[');
	if (tagged)
		buf_put_text(out_domain, tag);
	ip_address_format(&ip, out_domain);
	buf_put_u8(out_domain, ']');
	return NULL;
}

static enum result invalid(struct fail *out_fail, struct text mailbox, const char *fault)
{
	return fail_set(out_fail, RESULT_INVALID, "%s is not an address: it %s",
		quoted_text(mailbox).text, fault);
}

static enum result domain_part(struct text mailbox, struct text domain, struct buf *out,
	bool *out_is_literal, struct fail *out_fail)
{
	*out_is_literal =
		domain.len >= 2 && domain.data[0] == '[' && domain.data[domain.len - 1] == ']';
	if (*out_is_literal) {
		const char *fault = literal_to_domain(domain, out);
		return fault == NULL ? RESULT_OK : invalid(out_fail, mailbox, fault);
	}
	char name[DOMAIN_NAME_SIZE];
	enum domain_name_fault fault = domain_name_to_ascii(domain, name);
	if (fault != DOMAIN_NAME_OK)
		return fail_set(out_fail, RESULT_INVALID, "%s is not an address: its domain %s",
			quoted_text(mailbox).text, domain_name_fault_text(fault));
	buf_put_cstr(out, name);
	return RESULT_OK;
}

enum result address_parse_mailbox(struct text mailbox, struct arena *arena,
	struct envelope_address *out_address, struct fail *out_fail)
{
	static_assert((int)DOMAIN_NAME_MAX == (int)DOMAIN_BYTES_MAX, "both are RFC 1035's");
	*out_address = (struct envelope_address){ .text = TEXT_EMPTY };
	/* RFC 5321 4.1.1.3: a source route, "@a,@b:user@host", is not to be generated (SMTP-23). */
	if (mailbox.len > 0 && mailbox.data[0] == '@')
		return invalid(out_fail, mailbox, "has nothing before the @, or a source route");
	size_t local_len = local_part_len(mailbox);
	if (local_len < mailbox.len && mailbox.data[local_len] != '@')
		return invalid(out_fail, mailbox,
			"has a character that needs quotes, or no @ behind its local part");
	if (local_len == mailbox.len)
		return invalid(out_fail, mailbox, "has no @");
	struct text local = text_cut(mailbox, local_len);
	const char *fault = local_part_fault(local);
	if (fault != NULL)
		return invalid(out_fail, mailbox, fault);

	char memory[LOCAL_PART_BYTES_MAX + 1 + DOMAIN_NAME_MAX];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	buf_put_text(&buf, local);
	buf_put_u8(&buf, '@');
	enum result result = domain_part(mailbox, text_skip(mailbox, local_len + 1), &buf,
		&out_address->is_literal, out_fail);
	if (result != RESULT_OK)
		return result;
	CHECK(!buf.overflow);
	if (buf.len > ADDRESS_BYTES_MAX)
		return invalid(out_fail, mailbox, "has more than 254 octets");
	out_address->text = arena_text_copy(arena, buf_text(&buf));
	if (out_address->text.data == NULL)
		return fail_set(out_fail, RESULT_MEMORY, "no memory left to read addresses");
	out_address->domain_at = (uint16_t)(local_len + 1);
	out_address->needs_smtputf8 = !is_ascii(local);
	return RESULT_OK;
}

/* The octets up to the ">" that closes the path at the front of t, quoted strings passed over;
 * TEXT_NONE: not closed. */
static size_t path_end(struct text t)
{
	for (size_t i = 1; i < t.len; i++) {
		if (t.data[i] == '>')
			return i;
		if (t.data[i] == '"') {
			size_t quoted = quoted_string_len(text_skip(t, i));
			if (quoted == 0)
				return TEXT_NONE;
			i += quoted - 1;
		}
	}
	return TEXT_NONE;
}

/* RFC 5322 3.4 display-name: words (quoted or not; encoded words are words) up to the "<". The
 * rest, from "<" on; empty: this is no display name. */
static struct text skip_display_name(struct text t)
{
	for (t = skip_spaces(t); t.len > 0 && t.data[0] != '<'; t = skip_spaces(t)) {
		size_t word = local_part_len(t);
		if (word == 0)
			return TEXT_EMPTY;
		t = text_skip(t, word);
	}
	return t;
}

static enum result take_path(struct text path, struct arena *arena,
	struct envelope_address *out_address, struct text *out_rest, struct fail *out_fail)
{
	size_t end = path_end(path);
	if (end == TEXT_NONE)
		return fail_set(
			out_fail, RESULT_INVALID, "%s has no closing >", quoted_text(path).text);
	struct text after = text_skip(path, end + 1);
	if (after.len > 0 && !is_space(after.data[0]))
		return fail_set(out_fail, RESULT_INVALID, "%s goes on behind the closing >",
			quoted_text(path).text);
	*out_rest = text_trim(after);
	if (end == 1)
		return RESULT_OK; /* <> */
	return address_parse_mailbox(
		text_skip(text_cut(path, end), 1), arena, out_address, out_fail);
}

enum result address_parse_field(struct text value, struct arena *arena,
	struct envelope_address *out_address, struct text *out_rest, struct fail *out_fail)
{
	*out_address = (struct envelope_address){ .text = TEXT_EMPTY };
	*out_rest = TEXT_EMPTY;
	value = text_trim(value);
	if (value.len == 0)
		return fail_set(out_fail, RESULT_INVALID, "there is no address");
	struct text path = skip_display_name(value);
	if (path.len > 0)
		return take_path(path, arena, out_address, out_rest, out_fail);

	/* A bare mailbox: its local part may be quoted and hold spaces, its domain may not. */
	size_t end = quoted_string_len(value);
	while (end < value.len && !is_space(value.data[end]))
		end++;
	*out_rest = text_trim(text_skip(value, end));
	return address_parse_mailbox(text_cut(value, end), arena, out_address, out_fail);
}
