/* The route of a domain: where its mail goes, and what has to be proven there.
 *
 * Made by engine/route/route_builder.c on the resolver thread, immutable from then on, shared by
 * reference counting with the scheduler and all workers. It carries everything a delivery needs,
 * so that nobody else asks the DNS or opens a database. Every pointer in here points into its
 * arena (or into read-only configuration) and lives as long as the route. */
#ifndef ENGINE_ROUTE_ROUTE_H
#define ENGINE_ROUTE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/dns_answer.h"
#include "engine/base/ip_address.h"
#include "engine/base/limits.h"
#include "engine/base/policy.h"
#include "engine/base/refcount.h"
#include "engine/base/tlsa.h"

enum { /* ROUTE_HOSTS_MAX stands in limits.h */
	ROUTE_ADDRESSES_MAX = 10, /* MX-22: of one host, both families together */
	/* The MX question; of each host A, AAAA, CNAME and two for TLSA; three for MTA-STS. */
	ROUTE_STEPS_MAX = 1 + ROUTE_HOSTS_MAX * 5 + 3,
};
#define ROUTE_MAGIC 0x40737e01u

struct random_state;

enum route_kind {
	ROUTE_HOSTS,     /* at least one host is ready */
	ROUTE_PERMANENT, /* mail for the domain bounces: `status` and `reason` say why */
	ROUTE_TEMPORARY, /* it waits and is tried again */
};

enum route_cause {
	ROUTE_CAUSE_NONE, /* ROUTE_HOSTS */
#define CAUSE(name, kind, status, sentence) ROUTE_CAUSE_##name,
#include "engine/route/route_cause.def"
#undef CAUSE
	ROUTE_CAUSES
};

enum route_origin {
	ROUTE_FROM_MX,      /* the MX records of the domain */
	ROUTE_FROM_DOMAIN,  /* it has none: the domain itself is the host (MX-04) */
	ROUTE_FROM_LITERAL, /* user@[192.0.2.1]: no DNS, no DANE, no MTA-STS (MX-19) */
	ROUTE_FROM_OPTION,  /* --route; to a name or to an address */
};

enum route_host_state {
	ROUTE_HOST_READY,    /* has addresses; connect to them in their order */
	ROUTE_HOST_WAITS,    /* a look-up failed: not now, and no way around it (MX-20, DANE-13) */
	ROUTE_HOST_UNUSABLE, /* the DNS says for certain that it has no usable address (MX-06) */
};

struct route_address {
	struct ip_address ip;
	bool secure; /* the RRset it came from was validated, aliases included */
};

struct route_host {
	const char *name;      /* as the MX record has it, lower case, no dot at its end: for logs,
	                        * events and MTA-STS (MX-11, DANE-26); "192.0.2.1" for an address */
	const char *canonical; /* where the aliases of `name` end; the same text without alias */
	const char *reason;    /* why it waits or is unusable, for people; "" when ready */
	const char *audit;     /* --tls audit, mode testing: the demand, or why it would wait; else "" */
	const struct route_address *addresses; /* in the order to try them (MX-10, MX-17) */
	uint16_t addresses_count;
	uint16_t preference;
	uint16_t port;
	uint8_t state;           /* enum route_host_state */
	bool is_address;         /* no name: neither DANE nor MTA-STS applies */
	bool is_alias;           /* `canonical` differs */
	bool address_secure;     /* the addresses and the whole chain of aliases are (DANE-04) */
	bool first_alias_secure; /* is_alias, and the alias itself is in a signed zone (DNS-07) */
	bool waits_for_proof;    /* it waits for its TLSA records or since its demand cannot be met */
	bool audit_unmet;        /* `audit` is a reason to wait */
	bool is_testing;         /* `audit` is of an MTA-STS policy in the mode testing (STS-50) */
	uint8_t success;         /* enum security_level: of a session that meets the demand */
	/* Of the class DNS_SECURE_DATA, with its base domain; DNS_FAILURE: it could not be looked up;
	 * any other class: there is none that counts. */
	struct tlsa_set tlsa;
	const struct security_demand *audited; /* with `audit`: what would be demanded; else NULL */
	struct security_demand demand; /* what it must prove before it gets this mail, and the SNI;
	                                * without SNI for an address (MX-19) */
};

/* One look-up on the way, in the order asked: for `explain`. */
struct route_step {
	const char *name;
	enum dns_type type;
	enum dns_class class;
	bool bogus; /* of the class DNS_FAILURE: it did not validate */
	uint32_t ttl_s;
	const char *text; /* the records as text, or why it failed */
};

/* What MTA-STS says of the domain: for people, but for `enforced`. */
struct route_sts {
	const char *finding;  /* "a policy that was fetched before"; "" when it does not apply */
	const char *mode;     /* "enforce"; "" without a policy in force */
	const char *id;       /* of that policy */
	const char *patterns; /* "mx1.example, *.example", as many as fit into a line */
	const char *why;      /* what is wrong with its record or its fetch; "" */
	bool enforced;        /* a host that fails it may have to be judged anew (STS-36) */
	uint64_t left_s;      /* how long the policy is still in force */
};

struct route {
	uint32_t magic;
	struct refcount refs;
	uint8_t kind, cause, origin; /* enum route_kind, route_cause, route_origin */
	bool mx_secure;        /* MX records or their absence, aliases included (DANE-50);
	                        * true for ROUTE_FROM_OPTION, as CONFORMANCE 0.4 rules */
	enum dns_class mx_class; /* of the MX answer; only with ROUTE_FROM_MX, ROUTE_FROM_DOMAIN
	                          * and causes that come from it */
	uint64_t expires_ns;   /* monotonic: when the first ingredient runs out; UINT64_MAX: never */
	struct arena arena;    /* of all texts and arrays below; full by now */
	const char *domain;     /* as asked: the policy domain, or a literal in brackets */
	const char *mx_owner;   /* where the aliases at the domain end (MX-07); else `domain` */
	const char *sts_domain; /* whose MTA-STS policy applies; "" for an address */
	struct route_sts sts;
	const char *status;     /* "5.1.10"; "" with ROUTE_HOSTS */
	const char *reason;     /* for people; "" with ROUTE_HOSTS */
	const struct route_host *hosts; /* by preference; equal ones in random order (MX-09) */
	size_t hosts_count;
	const char *const *host_set; /* the names sorted, each once: the same for every route to
	                              * the same set of MX hosts, whatever their order */
	size_t host_set_count;
	const struct route_step *steps; /* only of a builder that keeps them, for `explain` */
	size_t steps_count;
};

/* Both may be called on any thread; everything but the count is read-only. */
struct route *route_ref(struct route *route);
void route_unref(struct route *route); /* frees with the last reference; NULL is fine */

/* Writes the indices of all hosts in the order for one more attempt: by preference, equal ones
 * shuffled anew (MX-09), so that a route which serves many messages spreads them (MX-24). Hosts
 * that are not ready keep their place: POL-17 wants each failure at its place in the order. */
void route_order(const struct route *route, struct random_state *random,
	uint8_t out_order[static ROUTE_HOSTS_MAX]);

const char *route_cause_name(enum route_cause cause);     /* "NULL_MX" */
const char *route_cause_sentence(enum route_cause cause); /* "accepts no mail (null MX)" */
const char *route_cause_status(enum route_cause cause);   /* "5.1.10" */
enum route_kind route_cause_kind(enum route_cause cause);

#endif
