/* TLSA records (RFC 6698) as they travel from dns through the route to tls: numbers and bytes, not
 * judged. Whether a record is usable, and what it demands, is decided in tls alone.
 * The bytes are borrowed from whoever holds the set (a DNS answer, a route). */
#ifndef ENGINE_BASE_TLSA_H
#define ENGINE_BASE_TLSA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/dns_answer.h"
#include "engine/base/text.h"

enum { TLSA_HEADER_BYTES = 3 }; /* RFC 6698 2.1: usage, selector, matching type */

/* RFC 6698 7.2, 7.3, 7.4. */
enum {
	TLSA_USAGE_PKIX_TA = 0,
	TLSA_USAGE_PKIX_EE = 1,
	TLSA_USAGE_DANE_TA = 2,
	TLSA_USAGE_DANE_EE = 3,
	TLSA_SELECTOR_CERT = 0,
	TLSA_SELECTOR_SPKI = 1,
	TLSA_MATCHING_FULL = 0,
	TLSA_MATCHING_SHA256 = 1,
	TLSA_MATCHING_SHA512 = 2,
};

struct tlsa_record {
	uint8_t usage, selector, matching;
	/* (DNS-28, TLSA-02) Rdata under 4 bytes or data over TLSA_DATA_BYTES_MAX: kept, since a set
	 * of which all records are unusable still demands TLS, but never usable. */
	bool malformed;
	struct text data; /* the certificate association data */
	/* Malformed for us alone: nothing is wrong with it but that we do not look at so much. Where it
	 * may be all that could match, authentication has failed (ruling TLSA-28). */
	bool too_large;
};

struct tlsa_set {
	enum dns_class class;    /* of the look-up; DNS_SECURE_DENIAL etc. have no records */
	struct text base_domain; /* the host whose _PORT._tcp name had them (RFC 7672 2.2.2) */
	const struct tlsa_record *records;
	size_t count;   /* at most TLSA_RECORDS_MAX */
	bool truncated; /* there were more than that */
};

/* Any rdata gives a record; it borrows the bytes. */
struct tlsa_record tlsa_record_of_rdata(const struct dns_rdata *rdata);
/* The order of a canonical set: usage, selector, matching, data. Negative, 0, positive. */
int tlsa_record_compare(const struct tlsa_record *a, const struct tlsa_record *b);
/* A copy in the arena, sorted, without doubles; false if the arena is exhausted. */
bool tlsa_set_copy(struct tlsa_set *out_set, const struct tlsa_set *from, struct arena *arena);

#endif
