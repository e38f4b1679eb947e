/* Domain names as the DNS has them: any octets, up to 255 of them on the wire.
 *
 * Names out of rdata are written in presentation form: lower case (DNS-36), no dot at the end,
 * "" for the root; an octet that is not printable, and a dot, backslash or space inside
 * a label, with a backslash (RFC 1035 5.1), so that two different names never get the same text.
 * Such a name is no host (domain_name_check() refuses the backslash) and is never asked for. Pure. */
#ifndef DNS_DNS_NAME_H
#define DNS_DNS_NAME_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/domain_name.h"
#include "engine/base/text.h"

enum {
	DNS_NAME_WIRE_MAX = 255, /* RFC 1035 2.3.4, with the length octets and the root */
	/* Every octet of the wire as \DDD, and the NUL. */
	DNS_NAME_TEXT_SIZE = DNS_NAME_WIRE_MAX * 4 + 1,
};

/* Reads one uncompressed name off `reader`. False when it is cut short, over 255 octets, or has a
 * compression pointer or another label type: libunbound hands out rdata uncompressed, so that a
 * pointer there is an attack or a bug (DNS-28). out_name is then "". */
MUST_USE bool dns_name_read(struct buf_reader *reader, char out_name[static DNS_NAME_TEXT_SIZE]);

/* True for "" and for a name without escapes whose labels have 1 to 63 octets and which
 * fits into 255 octets on the wire: what may be asked for. */
bool dns_name_can_be_asked(const char *name);

/* "_25._tcp.mail.example" (DANE-11). False when that name cannot exist, being too long: there is no
 * TLSA record then, which is not a failed look-up (DNS-29). */
MUST_USE bool dns_name_of_tlsa(
	const char *host, uint16_t port, char out_name[static DOMAIN_NAME_SIZE]);

/* The other way round: *out_host borrows from `name`. False for what the function above does not make. */
MUST_USE bool dns_name_split_tlsa(struct text name, struct text *out_host, uint16_t *out_port);

/* "_mta-sts.a.example": a label before a name. False when that name cannot exist, being too long. */
MUST_USE bool dns_name_below(
	const char *label, struct text name, char out_name[static DOMAIN_NAME_SIZE]);

/* The end of `name` that one party is likely to run: "outlook.com" of "x.mail.outlook.com",
 * "x.co.uk" of "mail.x.co.uk". A guess without a list of public suffixes, good enough to share
 * out places among zones (DNS-34), never to decide about trust. Borrows from `name`. */
struct text dns_name_zone_guess(struct text name);

#endif
