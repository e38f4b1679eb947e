/* Levels of transport security, and the demand that a route makes on each of its hosts.
 *
 * The decision what is demanded is a pure function in tls; the route carries its result; the worker
 * obeys it. DANE and MTA-STS fill in the fields, they do not change who reads them. */
#ifndef ENGINE_BASE_POLICY_H
#define ENGINE_BASE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "engine/base/tlsa.h"

/* Asked for by the operator, per domain. Zero is the default. */
enum tls_level {
#define TLS_LEVEL(name, text, meaning) TLS_LEVEL_##name,
#include "engine/base/policy.def"
#undef TLS_LEVEL
	TLS_LEVEL_COUNT
};

/* Achieved by a connection: one enum across logs, events and reports (POL-15). */
enum security_level {
#define SECURITY_LEVEL(name, text, meaning) SECURITY_##name,
#include "engine/base/policy.def"
#undef SECURITY_LEVEL
	SECURITY_LEVEL_COUNT
};

/* What the host must prove. */
enum security_need {
#define SECURITY_NEED(name, text, meaning) SECURITY_NEED_##name,
#include "engine/base/policy.def"
#undef SECURITY_NEED
	SECURITY_NEED_COUNT
};

/* How a connection attempt ended for RFC 8460. */
enum tls_result {
#define TLS_RESULT(name, text, meaning) TLS_RESULT_##name,
#include "engine/base/policy.def"
#undef TLS_RESULT
	TLS_RESULT_COUNT
};

enum {
	/* Protocol versions as TLS writes them. (TLS-01, RFC 9325 3.1.1) The floor is 1.2. */
	TLS_VERSION_1_2 = 0x0303,
	TLS_VERSION_1_3 = 0x0304,
	/* --tls DOMAIN=secure:NAME|NAME...: a handful of names of one operator. */
	SECURITY_NAMES_MAX = 16,
};

/* The canonical demand (DESIGN 2): what the peer must prove and nothing about who asks, so that
 * equal demands share sessions. Texts and records live as long as the route that holds the demand. */
struct security_demand {
	enum security_need need;
	bool cleartext_allowed;   /* (POL-12) only with SECURITY_NEED_MAY and NONE */
	uint16_t tls_version_min; /* TLS_VERSION_1_2 or more */
	struct text sni;          /* the name sent in the handshake; empty: none */
	/* Names of which the certificate must carry one. Empty unless PKIX or usage 2 decides. Where
	 * DANE and a public authority are both demanded these are for usage 2 alone, and the public
	 * chain must carry one of root_names; else root_names is a second set for that chain (one
	 * of each), or empty. */
	const struct text *names;
	size_t names_count;
	const struct text *root_names;
	size_t root_names_count;
	const struct tlsa_record *tlsa; /* the usable ones, in canonical order */
	size_t tlsa_count;
	uint32_t trust_generation; /* of the store of roots; 0 when no root decides */
};

/* What a purely opportunistic route demands of a host with this name (empty for an address). */
struct security_demand security_demand_opportunistic(struct text sni);
/* True if TLS must be up before anything of the message is said. */
bool security_demand_needs_tls(const struct security_demand *demand);
/* True if the peer must be authenticated as well. */
bool security_demand_needs_proof(const struct security_demand *demand);
/* Bytes that are equal exactly for equal demands: part of the pool key. */
void security_demand_put_key(const struct security_demand *demand, struct buf *buf);
bool security_demand_equal(const struct security_demand *a, const struct security_demand *b);
/* A copy with everything it points to in the arena; false if that is exhausted. */
bool security_demand_copy(struct security_demand *out_demand, const struct security_demand *from,
	struct arena *arena);

/* Texts as in events and flags; they live forever. */
struct text tls_level_text(enum tls_level level);
struct text security_level_text(enum security_level level);
struct text security_need_text(enum security_need need);
/* The sentence about it, for people. */
const char *security_need_meaning(enum security_need need);
struct text tls_result_text(enum tls_result result);
/* False if there is no level of that name. */
bool tls_level_parse(struct text text, enum tls_level *out_level);
/* True for none, may and audit: they stand instead of what is published, and are warned about. */
bool tls_level_is_ceiling(enum tls_level level);

#endif
