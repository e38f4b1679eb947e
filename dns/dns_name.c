#include "dns/dns_name.h"
#include <stdio.h>
#include <string.h>

/* RFC 1035 4.1.4: the two high bits of the length octet tell a label from a pointer. */
enum { LABEL_LEN_MAX = 63 };

static bool is_plain(uint8_t octet)
{
	/* A quote, a semicolon and the like are plain to the DNS, and printable. */
	return octet > ' ' && octet < 0x7f && octet != '.' && octet != '\\';
}

static void put_octet(struct buf *text, uint8_t octet)
{
	if (is_plain(octet)) {
		buf_put_u8(text, text_lower(octet));
	} else if (octet == '.' || octet == '\\') {
		buf_put_u8(text, '\\');
		buf_put_u8(text, octet);
	} else {
		buf_put_u8(text, '\\');
		buf_put_number_padded(text, octet, 3);
	}
}

bool dns_name_read(struct buf_reader *reader, char out_name[static DNS_NAME_TEXT_SIZE])
{
	struct buf text;
	buf_init(&text, out_name, DNS_NAME_TEXT_SIZE - 1);
	size_t wire_octets = 0;
	bool good = true;
	for (;;) {
		uint8_t len = buf_reader_u8(reader);
		wire_octets += 1u + len;
		const uint8_t *label = buf_reader_bytes(reader, len);
		good = !reader->error && len <= LABEL_LEN_MAX && wire_octets <= DNS_NAME_WIRE_MAX;
		if (!good || len == 0)
			break;
		if (text.len > 0)
			buf_put_u8(&text, '.');
		for (uint8_t i = 0; i < len; i++)
			put_octet(&text, label[i]);
	}
	CHECK(!text.overflow);
	out_name[good ? text.len : 0] = '\0';
	return good;
}

bool dns_name_can_be_asked(const char *name)
{
	size_t label = 0;
	size_t len = strlen(name);
	if (len == 0)
		return true;
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '\\')
			return false;
		label = name[i] == '.' ? 0 : label + 1;
		bool ends = i + 1 == len || name[i + 1] == '.';
		if (label > DOMAIN_LABEL_MAX || (ends && label == 0))
			return false;
	}
	return len <= DOMAIN_NAME_MAX && name[0] != '.';
}

bool dns_name_of_tlsa(const char *host, uint16_t port, char out_name[static DOMAIN_NAME_SIZE])
{
	int len = snprintf(out_name, DOMAIN_NAME_SIZE, "_%u._tcp.%s", (unsigned)port, host);
	if (len > 0 && len <= DOMAIN_NAME_MAX && dns_name_can_be_asked(out_name))
		return true;
	out_name[0] = '\0';
	return false;
}

bool dns_name_split_tlsa(struct text name, struct text *out_host, uint16_t *out_port)
{
	const struct text protocol = TEXT("._tcp.");
	struct text rest = name;
	if (!text_starts(rest, TEXT("_")))
		return false;
	rest = text_skip(rest, 1);
	size_t digits = text_find(rest, '.');
	uint64_t port;
	if (digits == TEXT_NONE || !text_starts(text_skip(rest, digits), protocol))
		return false;
	if (rest.data[0] == '0' || !text_to_u64(text_cut(rest, digits), &port) || port > UINT16_MAX)
		return false;
	*out_host = text_skip(rest, digits + protocol.len);
	*out_port = (uint16_t)port;
	return out_host->len > 0;
}

bool dns_name_below(const char *label, struct text name, char out_name[static DOMAIN_NAME_SIZE])
{
	int len = snprintf(out_name, DOMAIN_NAME_SIZE, "%s.%.*s", label, TEXT_ARG(name));
	if (len > 0 && len <= DOMAIN_NAME_MAX && dns_name_can_be_asked(out_name))
		return true;
	out_name[0] = '\0';
	return false;
}

/* Where the last `count` labels of the name start; 0 when it has no more than those. */
static size_t start_of_last_labels(struct text name, unsigned count)
{
	for (size_t at = name.len; at > 0; at--)
		if (name.data[at - 1] == '.' && --count == 0)
			return at;
	return 0;
}

struct text dns_name_zone_guess(struct text name)
{
	size_t top = start_of_last_labels(name, 1);
	size_t second = start_of_last_labels(name, 2);
	if (top == 0)
		return name;
	/* "co.uk", "com.br", "ne.jp": below a country, a second label of at most three
	 * characters is mostly a registry's own. */
	bool country = name.len - top == 2;
	bool registry = top - 1 - second <= 3;
	size_t start = country && registry ? start_of_last_labels(name, 3) : second;
	return text_skip(name, start);
}
