#include "engine/base/domain_name.h"
#include <idn2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"

static char to_lower(char c) { return (char)text_lower((uint8_t)c); }

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_hex(char c)
{
	char lower = to_lower(c);
	return is_digit(lower) || (lower >= 'a' && lower <= 'f');
}

static bool is_label_octet(char c)
{
	char lower = to_lower(c);
	return (lower >= 'a' && lower <= 'z') || is_digit(lower) || lower == '-' || lower == '_';
}

static struct text without_trailing_dot(struct text name)
{
	if (name.len > 0 && name.data[name.len - 1] == '.')
		name.len--;
	return name;
}

static struct text last_label(struct text name)
{
	size_t at = name.len;
	while (at > 0 && name.data[at - 1] != '.')
		at--;
	return (struct text){ .data = name.data + at, .len = name.len - at };
}

static bool is_number(struct text label)
{
	bool hex = label.len > 2 && label.data[0] == '0' && to_lower(label.data[1]) == 'x';
	for (size_t i = hex ? 2 : 0; i < label.len; i++)
		if (!(hex ? is_hex(label.data[i]) : is_digit(label.data[i])))
			return false;
	return label.len > 0;
}

static enum domain_name_fault check_label(const char *label, size_t len)
{
	if (len == 0)
		return DOMAIN_NAME_LABEL_EMPTY;
	for (size_t i = 0; i < len; i++)
		if (!is_label_octet(label[i]))
			return DOMAIN_NAME_OCTET;
	if (len > DOMAIN_LABEL_MAX)
		return DOMAIN_NAME_LABEL_TOO_LONG;
	/* RFC 1123 2.1 by way of RFC 952: the first and the last character is no hyphen. */
	if (label[0] == '-' || label[len - 1] == '-')
		return DOMAIN_NAME_HYPHEN;
	return DOMAIN_NAME_OK;
}

enum domain_name_fault domain_name_check(struct text name)
{
	if (name.len == 0)
		return DOMAIN_NAME_EMPTY;
	size_t start = 0;
	for (size_t i = 0; i <= name.len; i++) {
		if (i < name.len && name.data[i] != '.')
			continue;
		enum domain_name_fault fault = check_label(name.data + start, i - start);
		if (fault != DOMAIN_NAME_OK)
			return fault;
		start = i + 1;
	}
	if (name.len > DOMAIN_NAME_MAX)
		return DOMAIN_NAME_TOO_LONG;
	return domain_name_is_address_text(name) ? DOMAIN_NAME_ADDRESS : DOMAIN_NAME_OK;
}

static enum domain_name_fault fault_of_idn2(int code)
{
	/* The domain of a mail must not become a permanent failure because memory was short for
	 * a moment, and a process without 1 KiB to give has nothing better to do than to end. */
	CHECK(code != IDN2_MALLOC);
	switch (code) {
	case IDN2_ENCODING_ERROR: return DOMAIN_NAME_UTF8;
	case IDN2_TOO_BIG_DOMAIN: return DOMAIN_NAME_TOO_LONG;
	case IDN2_TOO_BIG_LABEL:
	case IDN2_PUNYCODE_BIG_OUTPUT: return DOMAIN_NAME_LABEL_TOO_LONG;
	case IDN2_HYPHEN_STARTEND: return DOMAIN_NAME_HYPHEN;
	default: /* the library's codes, of which new versions may have more */
		return DOMAIN_NAME_IDN;
	}
}

/* Mapping (case, width, ideographic full stops) and conversion. What comes out is checked by the
 * caller like any other ASCII: U+2100 maps to "a/c", and full-width digits can make an address. */
static enum domain_name_fault convert_u_labels(
	struct text name, char out_ascii[static DOMAIN_NAME_SIZE])
{
	uint8_t utf8[DOMAIN_NAME_INPUT_MAX + 1];
	memcpy(utf8, name.data, name.len);
	utf8[name.len] = 0;
	uint8_t *converted = NULL;
	int code = idn2_lookup_u8(utf8, &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (code != IDN2_OK)
		return fault_of_idn2(code);
	size_t len = strlen((const char *)converted);
	if (len > 0 && converted[len - 1] == '.')
		len--; /* an ideographic full stop at the end */
	bool fits = len <= DOMAIN_NAME_MAX;
	if (fits) {
		memcpy(out_ascii, converted, len);
		out_ascii[len] = '\0';
	}
	idn2_free(converted);
	return fits ? DOMAIN_NAME_OK : DOMAIN_NAME_TOO_LONG;
}

static bool is_ascii(struct text name)
{
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.data[i] > 0x7f)
			return false;
	return true;
}

static enum domain_name_fault to_ascii(struct text name, char out_name[static DOMAIN_NAME_SIZE])
{
	if (name.len == 0)
		return DOMAIN_NAME_EMPTY;
	if (name.len > DOMAIN_NAME_INPUT_MAX)
		return DOMAIN_NAME_TOO_LONG;
	if (memchr(name.data, '\0', name.len) != NULL)
		return DOMAIN_NAME_OCTET;
	bool is_converted = !is_ascii(name);
	enum domain_name_fault fault;
	if (is_converted) {
		fault = convert_u_labels(name, out_name);
		if (fault != DOMAIN_NAME_OK)
			return fault;
	} else {
		/* An A-label is looked up as it is: whether its U-label is well formed is for
		 * who registered it (RFC 5891 5.4), and the DNS knows whether it is there. */
		fault = domain_name_check(name);
		if (fault != DOMAIN_NAME_OK)
			return fault;
		memcpy(out_name, name.data, name.len);
		out_name[name.len] = '\0';
	}
	for (char *c = out_name; *c != '\0'; c++)
		*c = to_lower(*c);
	return is_converted ? domain_name_check(text_of(out_name)) : DOMAIN_NAME_OK;
}

enum domain_name_fault domain_name_to_ascii(
	struct text name, char out_name[static DOMAIN_NAME_SIZE])
{
	enum domain_name_fault fault = to_ascii(without_trailing_dot(name), out_name);
	if (fault != DOMAIN_NAME_OK)
		out_name[0] = '\0';
	return fault;
}

const char *domain_name_fault_text(enum domain_name_fault fault)
{
	switch (fault) {
	case DOMAIN_NAME_OK: return "is a domain name";
	case DOMAIN_NAME_EMPTY: return "is empty";
	case DOMAIN_NAME_TOO_LONG: return "has more than 253 octets";
	case DOMAIN_NAME_LABEL_EMPTY: return "has an empty label";
	case DOMAIN_NAME_LABEL_TOO_LONG: return "has a label of more than 63 octets";
	case DOMAIN_NAME_OCTET:
		return "has a character that is not a letter, digit, hyphen or underscore";
	case DOMAIN_NAME_HYPHEN: return "has a label that begins or ends with a hyphen";
	case DOMAIN_NAME_ADDRESS: return "looks like an address and is not in brackets";
	case DOMAIN_NAME_UTF8: return "is not UTF-8";
	case DOMAIN_NAME_IDN: return "has characters that IDNA 2008 does not allow";
	case DOMAIN_NAME_FAULTS: break;
	}
	UNREACHABLE("a fault that is not in the enum");
}

bool domain_name_equal(struct text a, struct text b)
{
	return text_equal_nocase(without_trailing_dot(a), without_trailing_dot(b));
}

bool domain_name_is_within(struct text name, struct text parent)
{
	name = without_trailing_dot(name);
	parent = without_trailing_dot(parent);
	if (parent.len == 0 || name.len < parent.len)
		return false;
	size_t above = name.len - parent.len;
	struct text tail = { .data = name.data + above, .len = parent.len };
	return text_equal_nocase(tail, parent) && (above == 0 || name.data[above - 1] == '.');
}

bool domain_name_is_address_text(struct text name)
{
	return is_number(last_label(without_trailing_dot(name)));
}
