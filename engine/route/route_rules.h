/* What the command line says about routes, made ready for look-up; and the parts of a route
 * that come from it alone: literals, --route to an address. Read-only once made.
 * Nothing in here asks the DNS. */
#ifndef ENGINE_ROUTE_ROUTE_RULES_H
#define ENGINE_ROUTE_ROUTE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/result.h"
#include "engine/base/text.h"
#include "engine/route/domain_index.h"
#include "engine/route/route.h"
#include "engine/route/route_draft.h"
#include "engine/route/route_option.h"
#include "engine/route/route_policy.h"

struct random_state;
struct route_builder_config;

struct route_rules {
	struct domain_index options;     /* of struct route_option */
	struct domain_index tls_options; /* of struct route_tls_option */
	const char *const *own_names;
	size_t own_names_count;
	struct random_state *random;
	uint16_t port;
	bool allow_private, keep_steps;
	uint32_t trust_generation; /* of the store of roots */
	bool half_dane; /* DANE counts where the MX answer is insecure (DANE-24) */
};

/* RESULT_MEMORY. */
MUST_USE enum result route_rules_init(
	struct route_rules *rules, const struct route_builder_config *config);
void route_rules_deinit(struct route_rules *rules);

/* NULL: nothing is said about the domain. */
const struct route_option *route_rules_option(const struct route_rules *rules, struct text domain);
const struct route_tls_option *route_rules_tls_option(
	const struct route_rules *rules, struct text domain);

/* True if what the domain has published counts, DANE and MTA-STS: not under the ceilings `none` and `may`
 * (CONFORMANCE 0.4 P1; `audit` looks and reports). */
bool route_rules_wants_published(const struct route_rules *rules, struct text domain);

/* True under the ceiling `audit`: what is published is looked at and stops nothing (POL-11). */
bool route_rules_audits(const struct route_rules *rules, struct text domain);

/* The routes that need no look-up. NULL: no memory. */
MUST_USE struct route *route_rules_make_bad_name(
	struct text domain, enum domain_name_fault fault, uint64_t now_ns);
/* "[192.0.2.1]", "[IPv6:2001:db8::1]": MX-19. */
MUST_USE struct route *route_rules_make_literal(
	const struct route_rules *rules, struct text literal, uint64_t now_ns);
/* --route to an address. */
MUST_USE struct route *route_rules_make_address(const struct route_rules *rules,
	struct text domain, const struct route_option *option, uint64_t now_ns);

#endif
