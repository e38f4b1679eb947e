/* Domain names as people, addresses and options write them, brought into the one form that the
 * rest of longship uses: A-labels, lower case, no trailing dot, at most 253 octets.
 *
 * Pure: no look-ups, no locale, no state. Used by engine/mail for recipients and by the
 * command line for DOMAIN arguments, so that "BÜCHER.example." and "xn--bcher-kva.example" are one
 * queue, one route and one policy (MX-01, DNS-36). Names which come out of the DNS are read by
 * dns/dns_name.h, since they may hold any octet. */
#ifndef ENGINE_BASE_DOMAIN_NAME_H
#define ENGINE_BASE_DOMAIN_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/limits.h"
#include "engine/base/text.h"

enum {
	DOMAIN_LABEL_MAX = DOMAIN_LABEL_BYTES_MAX,
	DOMAIN_NAME_MAX = DOMAIN_BYTES_MAX,
	DOMAIN_NAME_SIZE = DOMAIN_NAME_MAX + 1, /* with the NUL */
	/* What is looked at before conversion: a label of 63 octets as an A-label is at most 59
	 * characters, each at most 4 octets of UTF-8, so nothing longer than this can become valid. */
	DOMAIN_NAME_INPUT_MAX = 1024,
};

/* Why a text is not a domain name; each has a sentence for people. All are permanent: the
 * sender of the mail has to correct it (MX-01: 5.1.2). */
enum domain_name_fault {
	DOMAIN_NAME_OK,
	DOMAIN_NAME_EMPTY,          /* nothing, or the root */
	DOMAIN_NAME_TOO_LONG,       /* over 253 octets as A-labels */
	DOMAIN_NAME_LABEL_EMPTY,    /* two dots, or a leading dot */
	DOMAIN_NAME_LABEL_TOO_LONG, /* over 63 octets as an A-label */
	DOMAIN_NAME_OCTET,          /* not a letter, digit, hyphen or underscore */
	DOMAIN_NAME_HYPHEN,         /* a label that begins or ends with a hyphen */
	DOMAIN_NAME_ADDRESS,        /* the last label is a number: "192.0.2.1" without brackets */
	DOMAIN_NAME_UTF8,           /* not UTF-8 */
	DOMAIN_NAME_IDN,            /* code points that IDNA 2008 does not allow */
	DOMAIN_NAME_FAULTS
};

/* Writes `name` as a NUL-terminated A-label name to out_name and returns DOMAIN_NAME_OK; on a
 * fault out_name is "". U-labels are mapped and converted as UTS 46 says, non-transitional
 * (RFC 5891 5, RFC 5895). One trailing dot is taken off. Underscores are let through, since
 * hosts with them exist; a single label is a name (MX-21: nothing is ever appended to it). */
enum domain_name_fault domain_name_to_ascii(struct text name, char out_name[static DOMAIN_NAME_SIZE]);

/* The same rules for a name that is ASCII already and has no trailing dot; any case. */
enum domain_name_fault domain_name_check(struct text name);

/* "has an empty label", to follow the name and a space. Never NULL. */
const char *domain_name_fault_text(enum domain_name_fault fault);

/* ASCII case-insensitive, one trailing dot on either side ignored (DNS-36). */
bool domain_name_equal(struct text a, struct text b);

/* True for a name that equals `parent` or lies below it: "mx.a.example" and "a.example", but not
 * "xa.example". The same comparison as domain_name_equal(). */
bool domain_name_is_within(struct text name, struct text parent);

/* True when the last label is a number, decimal or hexadecimal ("127.0.0.1", "0x7f000001"): no
 * top-level domain is one (RFC 3696 2), and resolvers of the C library would take it for an
 * address (MX-12). One trailing dot is ignored. */
bool domain_name_is_address_text(struct text name);

#endif
