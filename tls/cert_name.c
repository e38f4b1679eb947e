#include "tls/cert_name.h"
#include "tls/boringssl.h"
#include "tls/tls_der.h"
#include "tls/tls_verify.h"

/* GeneralName, RFC 5280 4.2.1.6. Tags of BoringSSL do not fit an enum. */
static const unsigned tag_dns_name = CBS_ASN1_CONTEXT_SPECIFIC | 2;

enum {
	SHOWN_NAMES = 2,
	SHOWN_NAME_BYTES = 40,
	WANTED_NAME_BYTES = 60,
};

/* What there is to walk through: either the alternative names, or the one common name. */
struct presented_names {
	CBS alternatives; /* GeneralNames that were not looked at */
	struct text common;
	bool has_common;
};

/* ---- reading ---- */

static bool next_alternative(CBS *names, struct text *out_name)
{
	while (CBS_len(names) > 0) {
		CBS name;
		unsigned tag;
		if (!CBS_get_any_asn1(names, &name, &tag))
			return false;
		if (tag == tag_dns_name) {
			*out_name = text_of_bytes(CBS_data(&name), CBS_len(&name));
			return true;
		}
	}
	return false;
}

static bool is_string_of_bytes(unsigned tag)
{
	return tag == CBS_ASN1_UTF8STRING || tag == CBS_ASN1_PRINTABLESTRING ||
	       tag == CBS_ASN1_IA5STRING || tag == CBS_ASN1_T61STRING;
}

/* AttributeTypeAndValue, RFC 5280 4.1.2.4; the value is left alone unless it is a common name. */
static bool read_attribute(CBS *set, struct presented_names *names)
{
	static const uint8_t common_name[] = { 0x55, 0x04, 0x03 }; /* 2.5.4.3 */
	CBS attribute, type, value;
	unsigned tag;
	if (!CBS_get_asn1(set, &attribute, CBS_ASN1_SEQUENCE) ||
		!CBS_get_asn1(&attribute, &type, CBS_ASN1_OBJECT) ||
		!CBS_get_any_asn1(&attribute, &value, &tag))
		return false;
	if (CBS_mem_equal(&type, common_name, sizeof common_name) && is_string_of_bytes(tag)) {
		names->common = text_of_bytes(CBS_data(&value), CBS_len(&value));
		names->has_common = true;
	}
	return true;
}

/* The last one: it is the most specific of the subject (RFC 6125 1.8). */
static bool read_common_name(const struct tls_der_names *der, struct presented_names *names)
{
	CBS subject, set;
	CBS_init(&subject, der->subject, der->subject_len);
	while (CBS_len(&subject) > 0) {
		if (!CBS_get_asn1(&subject, &set, CBS_ASN1_SET))
			return false;
		while (CBS_len(&set) > 0) {
			if (!read_attribute(&set, names))
				return false;
		}
	}
	return true;
}

/* False unless all of them can be read, so that a spoiled list never gives way to the common name. */
static bool can_read_alternatives(const struct presented_names *names)
{
	CBS rest = names->alternatives;
	struct text name;
	while (next_alternative(&rest, &name))
		;
	return CBS_len(&rest) == 0;
}

/* False: nothing of it counts. */
static bool read_names(
	const struct tls_cert *cert, enum cert_name_rule rule, struct presented_names *out_names)
{
	struct tls_der_names der;
	*out_names = (struct presented_names){ 0 };
	if (tls_der_find_names(cert->der, cert->der_len, &der) != RESULT_OK)
		return false;
	CBS_init(&out_names->alternatives, der.alternatives, der.alternatives_len);
	if (!can_read_alternatives(out_names))
		return false;
	bool common_counts =
		rule == CERT_NAME_ALTERNATIVE_OR_COMMON && der.alternatives == NULL;
	return !common_counts || read_common_name(&der, out_names);
}

/* False when all were given. */
static bool next_name(struct presented_names *names, struct text *out_name)
{
	if (next_alternative(&names->alternatives, out_name))
		return true;
	*out_name = names->common;
	bool had = names->has_common;
	names->has_common = false;
	return had;
}

/* ---- comparing ---- */

bool cert_name_covers(struct text presented, struct text name)
{
	if (name.len == 0)
		return false;
	if (!text_starts(presented, TEXT("*.")))
		return text_equal_nocase(presented, name);
	struct text parent = text_skip(presented, 2);
	if (text_find(parent, '.') == TEXT_NONE || text_find(parent, '*') != TEXT_NONE)
		return false;
	size_t dot = text_find(name, '.');
	return dot != TEXT_NONE && dot > 0 && text_equal_nocase(parent, text_skip(name, dot + 1));
}

bool cert_name_matches(const struct tls_cert *cert, enum cert_name_rule rule,
	enum cert_name_wildcards wildcards, const struct text *names, size_t names_count)
{
	struct presented_names presented;
	struct text name;
	if (!read_names(cert, rule, &presented))
		return false;
	while (next_name(&presented, &name)) {
		if (wildcards == CERT_NAME_NO_WILDCARDS && text_starts(name, TEXT("*")))
			continue;
		for (size_t i = 0; i < names_count; i++) {
			if (cert_name_covers(name, names[i]))
				return true;
		}
	}
	return false;
}

/* ---- showing ---- */

static void put_name(struct buf *buf, struct text name)
{
	struct text shown = text_cut(name, SHOWN_NAME_BYTES);
	for (size_t i = 0; i < shown.len; i++) {
		uint8_t byte = (uint8_t)shown.data[i];
		buf_put_u8(buf, byte > ' ' && byte < 0x7f ? byte : '?');
	}
	if (shown.len < name.len)
		buf_put_cstr(buf, "...");
	if (name.len == 0)
		buf_put_cstr(buf, "an empty name");
}

void cert_name_put(struct buf *buf, const struct tls_cert *cert, enum cert_name_rule rule)
{
	struct presented_names presented;
	struct text name;
	size_t count = 0;
	if (read_names(cert, rule, &presented)) {
		while (next_name(&presented, &name)) {
			if (count < SHOWN_NAMES) {
				buf_put_cstr(buf, count > 0 ? ", " : "");
				put_name(buf, name);
			}
			count++;
		}
	}
	if (count == 0)
		buf_put_cstr(buf, "no name");
	if (count > SHOWN_NAMES)
		buf_printf(buf, " and %zu more", count - SHOWN_NAMES);
}

void cert_name_put_mismatch(struct buf *buf, const struct tls_cert *cert, enum cert_name_rule rule,
	const struct text *names, size_t names_count)
{
	buf_put_cstr(buf, "presents a certificate for ");
	cert_name_put(buf, cert, rule);
	if (names_count > 0) {
		buf_put_cstr(buf, ", not for ");
		buf_put_text(buf, text_cut(names[0], WANTED_NAME_BYTES));
	}
}
