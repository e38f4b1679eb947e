/* Record data, read with every length checked before it is used (DNS-28).
 *
 * libunbound hands out what a server sent, so all of this is input from a stranger. A record that is
 * not well formed is left out by the caller; for TLSA that would be wrong, and
 * tlsa_record_of_rdata() keeps it as unusable (TLSA-02). Pure. */
#ifndef DNS_DNS_RDATA_H
#define DNS_DNS_RDATA_H

#include <stdbool.h>
#include <stdint.h>
#include "dns/dns_name.h"
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/dns_answer.h"
#include "engine/base/ip_address.h"

struct dns_mx {
	uint16_t preference;
	char host[DNS_NAME_TEXT_SIZE]; /* presentation form (dns_name.h); "" is the root */
};

/* RFC 1035 3.3.9: preference and one name, nothing after it. */
MUST_USE bool dns_rdata_read_mx(const struct dns_rdata *rdata, struct dns_mx *out_mx);

/* The one name of a CNAME record. */
MUST_USE bool dns_rdata_read_name(
	const struct dns_rdata *rdata, char out_name[static DNS_NAME_TEXT_SIZE]);

/* Exactly 4 octets for A, 16 for AAAA. `type` is one of the two. */
MUST_USE bool dns_rdata_read_address(
	const struct dns_rdata *rdata, enum dns_type type, struct ip_address *out_address);

/* Joins the strings of a TXT record without anything between them (RFC 8461 3.1, RFC 7208 3.3) and
 * appends them to `out`; raw octets. False, and nothing appended, when a length is wrong, there
 * is no string at all, or `out` is too small. */
MUST_USE bool dns_rdata_read_txt(const struct dns_rdata *rdata, struct buf *out);

/* One record for people, as in a zone file: "10 mx.example.com", "3 1 1 ab12...". What is not well
 * formed, and types that have no reader here, become RFC 3597 "\# 3 0a0b0c". Sets out's overflow when
 * it does not fit. */
void dns_rdata_put_text(const struct dns_rdata *rdata, uint16_t type, struct buf *out);

#endif
