/* What a resolver's answer means: exactly one of the five classes (DNS-02), and how long it holds.
 * Pure; the bits are those of libunbound's ub_result, so that a test can try them all. */
#ifndef DNS_DNS_CLASS_H
#define DNS_DNS_CLASS_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/dns_answer.h"
#include "engine/base/limits.h"

enum {
	DNS_RCODE_NOERROR = 0,
	DNS_RCODE_SERVFAIL = 2,
	DNS_RCODE_NXDOMAIN = 3,
};

struct dns_bits {
	bool error;     /* the resolver itself failed: no packet at all */
	bool have_data; /* records of the type that was asked for */
	bool secure;
	bool bogus;
	int rcode;
};

enum dns_class dns_class_of(const struct dns_bits *bits);

/* Seconds from now that an answer of this class may be used. `ttl` is ub_result's signed
 * number. 0: for the work that waits for it, and no longer (DNS-14); always so for failures. */
uint32_t dns_class_ttl_s(enum dns_class class, int ttl);

/* "SERVFAIL", "REFUSED"; NULL for a code without a name. Lives forever. */
const char *dns_rcode_name(int rcode);

#endif
