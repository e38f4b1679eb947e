/* What the operator demands for a domain: the flag --tls. Floors are added to what the domain has
 * published, ceilings stand instead of it (DESIGN 1, CONFORMANCE 0.4 P1); what that makes of a host is
 * decided in tls/policy_decide. */
#ifndef ENGINE_ROUTE_ROUTE_POLICY_H
#define ENGINE_ROUTE_ROUTE_POLICY_H

#include <stddef.h>
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

#endif
