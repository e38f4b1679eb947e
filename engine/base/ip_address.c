#include "engine/base/ip_address.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include "engine/base/buf.h"

enum result ip_address_of_bytes(const void *bytes, size_t len, struct ip_address *out_address)
{
	*out_address = (struct ip_address){ .family = IP_FAMILY_NONE };
	if (len != 4 && len != 16)
		return RESULT_INVALID;
	out_address->family = len == 4 ? IP_FAMILY_4 : IP_FAMILY_6;
	memcpy(out_address->bytes, bytes, len);
	return RESULT_OK;
}

enum result ip_address_parse(struct text text, struct ip_address *out_address)
{
	char cstr[IP_ADDRESS_TEXT_SIZE];
	uint8_t bytes[16];
	*out_address = (struct ip_address){ .family = IP_FAMILY_NONE };
	if (text.len == 0 || text.len >= sizeof cstr || text_find(text, '\0') != TEXT_NONE)
		return RESULT_INVALID;
	memcpy(cstr, text.data, text.len);
	cstr[text.len] = '\0';
	/* inet_pton takes neither short forms nor leading zeros (inet_aton's octal trap). */
	if (inet_pton(AF_INET, cstr, bytes) == 1)
		return ip_address_of_bytes(bytes, 4, out_address);
	if (inet_pton(AF_INET6, cstr, bytes) == 1)
		return ip_address_of_bytes(bytes, 16, out_address);
	return RESULT_INVALID;
}

const char *ip_address_text(const struct ip_address *address, char out[IP_ADDRESS_TEXT_SIZE])
{
	out[0] = '\0';
	if (address->family == IP_FAMILY_NONE)
		return out;
	if (address->family == IP_FAMILY_6) {
		CHECK(inet_ntop(AF_INET6, address->bytes, out, IP_ADDRESS_TEXT_SIZE) == out);
		return out;
	}
	struct buf buf; /* inet_ntop() uses sprintf() for it, and there are two in each event */
	buf_init(&buf, out, IP_ADDRESS_TEXT_SIZE);
	for (size_t i = 0; i < 4; i++) {
		if (i > 0)
			buf_put_u8(&buf, '.');
		buf_put_number(&buf, address->bytes[i]);
	}
	CHECK(buf_cstr(&buf) != NULL);
	return out;
}

void ip_address_format(const struct ip_address *address, struct buf *buf)
{
	char out[IP_ADDRESS_TEXT_SIZE];
	buf_put_cstr(buf, ip_address_text(address, out));
}

bool ip_address_equal(const struct ip_address *a, const struct ip_address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

struct range { uint8_t bytes[16]; uint8_t bits; };

static bool in_range(const uint8_t *bytes, const struct range *range)
{
	unsigned whole = range->bits / 8, rest = range->bits % 8;
	if (memcmp(bytes, range->bytes, whole) != 0)
		return false;
	if (rest == 0)
		return true;
	unsigned mask = 0xffu << (8 - rest) & 0xffu;
	return ((bytes[whole] ^ range->bytes[whole]) & mask) == 0;
}

static bool in_any(const uint8_t *bytes, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (in_range(bytes, &ranges[i]))
			return true;
	}
	return false;
}

/* The IANA special-purpose registry (RFC 6890 and later), what is not globally reachable. */
static const struct range special_4[] = {
	{ { 0 }, 8 },               /* this network, RFC 791 3.2; 0.0.0.0 reaches loopback on Linux */
	{ { 10 }, 8 },              /* private, RFC 1918 */
	{ { 100, 64 }, 10 },        /* shared by carriers (CGNAT), RFC 6598 */
	{ { 127 }, 8 },             /* loopback */
	{ { 169, 254 }, 16 },       /* link-local, RFC 3927; the metadata services of clouds */
	{ { 172, 16 }, 12 },        /* private */
	{ { 192, 0, 0 }, 24 },      /* protocol assignments, RFC 6890 */
	{ { 192, 0, 2 }, 24 },      /* documentation, RFC 5737 */
	{ { 192, 31, 196 }, 24 },   /* AS112, RFC 7535 */
	{ { 192, 52, 193 }, 24 },   /* AMT, RFC 7450 */
	{ { 192, 88, 99 }, 24 },    /* 6to4 relays, RFC 7526 */
	{ { 192, 168 }, 16 },       /* private */
	{ { 192, 175, 48 }, 24 },   /* AS112, RFC 7534 */
	{ { 198, 18 }, 15 },        /* benchmarks, RFC 2544 */
	{ { 198, 51, 100 }, 24 },   /* documentation */
	{ { 203, 0, 113 }, 24 },    /* documentation */
	{ { 224 }, 4 },             /* multicast */
	{ { 240 }, 4 },             /* reserved, and broadcast */
};

/* Of IPv6 only 2000::/3 is given out as global unicast; these are the holes in it. */
static const struct range global_6 = { { 0x20 }, 3 };
static const struct range special_6[] = {
	{ { 0x20, 0x01, 0x00 }, 23 },             /* protocol assignments, with Teredo and ORCHID */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32 },       /* documentation, RFC 3849 */
	{ { 0x20, 0x02 }, 16 },                   /* 6to4: carries an IPv4 address, RFC 3056 */
	{ { 0x26, 0x20, 0x00, 0x4f, 0x80, 0x00 }, 48 }, /* AS112, RFC 7534 */
	{ { 0x3f, 0xff, 0x00 }, 20 },             /* documentation, RFC 9637 */
};
static const struct range mapped_4 = { { [10] = 0xff, [11] = 0xff }, 96 };
/* RFC 6052 2.1: the well-known prefix of NAT64; what it leads to is the IPv4 address. */
static const struct range translated_4 = { { 0x00, 0x64, 0xff, 0x9b }, 96 };

static bool is_public_4(const uint8_t *bytes)
{
	return !in_any(bytes, special_4, COUNT_OF(special_4));
}

bool ip_address_is_loopback(const struct ip_address *address)
{
	static const uint8_t loopback_6[16] = { [15] = 1 };
	if (address->family == IP_FAMILY_4)
		return address->bytes[0] == 127;
	if (address->family != IP_FAMILY_6)
		return false;
	if (in_range(address->bytes, &mapped_4))
		return address->bytes[12] == 127;
	return memcmp(address->bytes, loopback_6, sizeof loopback_6) == 0;
}

bool ip_address_is_public(const struct ip_address *address)
{
	const uint8_t *bytes = address->bytes;
	if (address->family == IP_FAMILY_4)
		return is_public_4(bytes);
	if (address->family != IP_FAMILY_6)
		return false;
	if (in_range(bytes, &mapped_4) || in_range(bytes, &translated_4))
		return is_public_4(bytes + 12);
	return in_range(bytes, &global_6) && !in_any(bytes, special_6, COUNT_OF(special_6));
}

socklen_t ip_address_to_sockaddr(
	const struct ip_address *address, uint16_t port, struct sockaddr_storage *out_sockaddr)
{
	memset(out_sockaddr, 0, sizeof *out_sockaddr);
	if (address->family == IP_FAMILY_4) {
		struct sockaddr_in *in = (struct sockaddr_in *)out_sockaddr;
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, address->bytes, 4);
		return sizeof *in;
	}
	CHECK(address->family == IP_FAMILY_6);
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out_sockaddr;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, address->bytes, 16);
	return sizeof *in6;
}

enum result ip_address_of_sockaddr(const struct sockaddr_storage *sockaddr,
	struct ip_address *out_address, uint16_t *out_port)
{
	uint16_t port = 0;
	enum result result = RESULT_INVALID;
	*out_address = (struct ip_address){ .family = IP_FAMILY_NONE };
	if (sockaddr->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)sockaddr;
		port = ntohs(in->sin_port);
		result = ip_address_of_bytes(&in->sin_addr, 4, out_address);
	} else if (sockaddr->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sockaddr;
		port = ntohs(in6->sin6_port);
		result = ip_address_of_bytes(&in6->sin6_addr, 16, out_address);
	}
	if (out_port != NULL)
		*out_port = port;
	return result;
}
