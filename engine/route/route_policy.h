/* What the operator demands for a domain (--tls), and the demand that it makes on one host of a route.
 *
 * Floors are added to what the domain has published, ceilings stand instead of it (DESIGN 1,
 * CONFORMANCE 0.4 P1). Pure: a function of its arguments, so that tests try every row. */
#ifndef ENGINE_ROUTE_ROUTE_POLICY_H
#define ENGINE_ROUTE_ROUTE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/arena.h"
#include "engine/base/check.h"
#include "engine/base/domain_name.h"
#include "engine/base/policy.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

/* --tls DOMAIN=LEVEL, --tls DOMAIN=secure:NAME|NAME; "*" for all domains. */
struct route_tls_option {
	char domain[DOMAIN_NAME_SIZE]; /* A-labels, or "*" */
	enum tls_level level;
	char names[SECURITY_NAMES_MAX][DOMAIN_NAME_SIZE]; /* with TLS_LEVEL_SECURE */
	size_t names_count; /* 0: the recipient domain is the name */
};

/* RESULT_INVALID with words for the operator. */
MUST_USE enum result route_tls_option_parse(
	struct text value, struct route_tls_option *out_option, struct fail *fail);

/* The demand on the host `sni` (empty: an address) of `domain` at the operator's level; `option` NULL
 * is the default level. Texts of the demand borrow from the arguments or stand in the arena.
 * Returns NULL, or why no connection may be made to this host: the sentence follows its name. */
MUST_USE const char *route_policy_demand(const struct route_tls_option *option, struct text domain,
	struct text sni, struct arena *arena, struct security_demand *out_demand);

#endif
