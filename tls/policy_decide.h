/* The security decision: what one host must prove before it gets one message. Pure, so that tests try
 * every row of the table (CONFORMANCE 0.1) in the precedence of 0.4:
 *
 *   address -> ceilings of --tls -> TLS-Required: No -> DANE and MTA-STS -> floors of --tls -> REQUIRETLS
 *
 * What a domain has published is set aside by the first three; a floor and REQUIRETLS only ever add.
 * DANE alone replaces MTA-STS only when it authenticates *and* the MX answer is secure (POL-03,
 * POL-04); records of which none is usable demand TLS and satisfy nothing else (POL-05). */
#ifndef TLS_POLICY_DECIDE_H
#define TLS_POLICY_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/policy.h"
#include "engine/base/text.h"
#include "engine/base/tlsa.h"

/* How the host was found. */
enum policy_origin {
	POLICY_FROM_MX,
	POLICY_WITHOUT_MX, /* the domain is its own host (DANE-28) */
	POLICY_FROM_ROUTE, /* named by the operator (DANE-29) */
};

enum policy_tlsa {
	POLICY_TLSA_NONE,   /* not looked for, denied, or insecure (TLSA-29) */
	POLICY_TLSA_SECURE, /* a secure set with at least one record */
	POLICY_TLSA_FAILED, /* cannot be known now (DANE-13) */
};

enum policy_sts {
	POLICY_STS_ABSENT,
	POLICY_STS_NONE,
	POLICY_STS_TESTING,
	POLICY_STS_ENFORCE,
	POLICY_STS_FAILED, /* its record is there and does not validate: it cannot be known now (STS-15) */
};

/* All names are A-labels in lower case without a dot at the end. Everything is borrowed. */
struct policy_input {
	bool is_address;              /* the host has no name */
	bool mx_secure;               /* the MX answer or its absence, aliases included */
	enum policy_origin origin;
	struct text host;             /* as the MX record, the domain or --route has it */
	struct text domain;           /* the recipient's, or a literal in brackets */
	struct text domain_canonical; /* where its aliases end; equal without alias */
	enum policy_tlsa tlsa_state;
	/* With POLICY_TLSA_SECURE: where the set was found, and which of its records can be used, in
	 * canonical order; none: all are unusable. */
	struct text base_domain;
	const struct tlsa_record *usable;
	size_t usable_count;
	enum policy_sts sts;
	bool sts_matches;             /* an mx pattern of the policy covers the host */
	enum tls_level level;
	const struct text *names;     /* of --tls secure:NAME|...; none: the recipient domain */
	size_t names_count;
	bool half_dane;               /* DANE counts where the MX answer is insecure (DANE-24) */
	bool dane_and_sts;            /* fully secure DANE does not replace MTA-STS (POL-03) */
	bool requiretls;              /* of the message (RFC 8689 2) */
	bool tls_required_no;         /* "TLS-Required: No", accepted (RFC 8689 5) */
	uint32_t trust_generation;    /* of the store of roots */
};

enum {
	/* Base domain, next-hop domain, its expanded form (DANE-32). */
	POLICY_DANE_NAMES_MAX = 3,
};

/* Not copied: the demands point into it and into the input. security_demand_copy() keeps them. */
struct policy_decision {
	const char *unmet; /* NULL: connect. Else why not; the sentence follows the host's name */
	struct security_demand demand; /* what is enforced; never less than it when unmet */
	enum security_level success;   /* what a session that meets the demand has achieved */
	/* `audited` is the demand that would hold, `audit_unmet` why no connection would be made at all;
	 * both are there to be logged. Under --tls audit, where the demand above is opportunistic, with
	 * the SNI under which the host is to be judged; and where a policy of MTA-STS is in the mode
	 * testing, with what it would demand in the mode enforce beside the demand above (STS-50). */
	bool is_audit, is_testing;
	const char *audit_unmet;
	struct security_demand audited;
	struct text dane_names[POLICY_DANE_NAMES_MAX];
	struct text domain_name; /* storage of names */
	struct text host_name;   /* likewise */
};

void policy_decide(const struct policy_input *input, struct policy_decision *out_decision);

#endif
