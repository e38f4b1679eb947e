/* The answer to one DNS question, as everybody but the dns folder sees it: classed, copied out of
 * the resolver, immutable, shared by counting references.
 *
 * Exactly five classes reach the rest of the program (DNS-02). Everything that could not be looked
 * up or validated is DNS_FAILURE, whatever the cause (DNS-03); that a name or type does not exist
 * is an answer (DNS-04). A failure never means "no data". */
#ifndef ENGINE_BASE_DNS_ANSWER_H
#define ENGINE_BASE_DNS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/refcount.h"
#include "engine/base/text.h"

enum dns_class {
	DNS_FAILURE, /* zero: what nobody has filled in is a failure */
	DNS_SECURE_DATA,
	DNS_SECURE_DENIAL,
	DNS_INSECURE_DATA,
	DNS_INSECURE_DENIAL,
};

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_MX = 15,
	DNS_TYPE_TXT = 16,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_TLSA = 52,
};

/* RFC 8914 4: no extended error was given. 0 is one of its codes ("other"). */
#define DNS_EXTENDED_ERROR_NONE (-1)

struct dns_rdata {
	const uint8_t *data; /* wire form, names uncompressed; lengths are checked by the reader */
	size_t len;
};

struct dns_answer {
	struct refcount refs;
	enum dns_class class;
	uint16_t type; /* enum dns_type: of the question */
	bool bogus;    /* a failure: there was an answer, and its signatures are not good (DNS-33);
	                * for people alone, it is treated as any other failure (DNS-03) */
	bool nxdomain; /* a denial of the name, not only of the type */
	bool aliased;  /* the name is an alias: canonical_name differs from name */
	/* Whether the first alias itself is secure (DNS-07, RFC 7672 2.1.3); meaningful if aliased
	 * and the look-up of the alias was made, else false. */
	bool alias_secure;
	uint32_t
		ttl_s; /* smallest of the chain, clamped (DNS-11, DNS-13, DNS-14); 0 for failures */
	int extended_error;         /* RFC 8914 code, or DNS_EXTENDED_ERROR_NONE (DNS-33) */
	struct text name;           /* the question, lower case, no dot at the end */
	struct text canonical_name; /* end of the alias chain; equal to name if not aliased */
	struct text why;            /* for people: why it is bogus or failed; empty otherwise */
	const struct dns_rdata *rdata;
	size_t rdata_count; /* 0 for denials and failures */
};

/* Copies everything that `from` points to into one block; the caller holds the one reference.
 * NULL if there is no memory. Consistency of class and data is checked. */
struct dns_answer *dns_answer_create(const struct dns_answer *from);
struct dns_answer *dns_answer_acquire(struct dns_answer *answer);
/* Clears the caller's pointer; NULL is allowed. */
void dns_answer_release(struct dns_answer **answer);

static inline bool dns_class_is_secure(enum dns_class class)
{
	return class == DNS_SECURE_DATA || class == DNS_SECURE_DENIAL;
}

static inline bool dns_class_has_data(enum dns_class class)
{
	return class == DNS_SECURE_DATA || class == DNS_INSECURE_DATA;
}

/* "secure data", "insecure denial", "failure" ... */
const char *dns_class_name(enum dns_class class);
/* "MX"; "another type" for one that has no name here. Lives forever. */
const char *dns_type_name(uint16_t type);

#endif
