/* An IPv4 or IPv6 address without a port. No name look-ups, no scope ids.
 *
 * An IPv4-mapped IPv6 address (::ffff:a.b.c.d) stays what it is; the question whether it is public
 * is answered for the IPv4 address inside, so that it is no way around the filter. */
#ifndef ENGINE_BASE_IP_ADDRESS_H
#define ENGINE_BASE_IP_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum {
	IP_FAMILY_NONE = 0,
	IP_FAMILY_4 = 4,
	IP_FAMILY_6 = 6,
	/* The longest text form, eight groups with an IPv4 tail, and its zero. */
	IP_ADDRESS_TEXT_SIZE = 46,
};

struct ip_address {
	uint8_t family;    /* IP_FAMILY_; 0: no address */
	uint8_t bytes[16]; /* network order; IPv4 uses the first 4, the rest is zero */
};

/* RESULT_INVALID for everything but a dotted quad (no leading zeros, no short forms) and the forms
 * of RFC 4291 2.2; *out_address is then the empty address. */
MUST_USE enum result ip_address_parse(struct text text, struct ip_address *out_address);
/* From rdata: 4 or 16 bytes. RESULT_INVALID for another length. */
MUST_USE enum result ip_address_of_bytes(
	const void *bytes, size_t len, struct ip_address *out_address);
/* Appends the canonical form (RFC 5952); nothing for the empty address. */
void ip_address_format(const struct ip_address *address, struct buf *buf);
/* The same, terminated, for messages; returns `out`. */
const char *ip_address_text(const struct ip_address *address, char out[IP_ADDRESS_TEXT_SIZE]);

bool ip_address_equal(const struct ip_address *a, const struct ip_address *b);
bool ip_address_is_loopback(const struct ip_address *address);
/* (MX-16) False for everything that mail from the public internet must not be led to: unspecified,
 * loopback, private, shared (CGNAT), link-local, multicast, documentation, benchmarking, reserved,
 * and IPv6 forms that carry such an IPv4 address (mapped, compatible, translated, 6to4, Teredo). */
bool ip_address_is_public(const struct ip_address *address);

/* The address must not be empty. Returns the length for connect() and bind(). */
socklen_t ip_address_to_sockaddr(
	const struct ip_address *address, uint16_t port, struct sockaddr_storage *out_sockaddr);
/* RESULT_INVALID for another family; *out_port may be NULL. */
MUST_USE enum result ip_address_of_sockaddr(const struct sockaddr_storage *sockaddr,
	struct ip_address *out_address, uint16_t *out_port);

#endif
