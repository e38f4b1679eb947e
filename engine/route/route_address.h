/* What the address answers of one host say: where to connect, how far it is secured, or why not. Pure.
 *
 * One family that failed is tolerated while the other gives addresses (DNS-31); without any address
 * a single failure makes the host wait (MX-20), and only two certain denials make it
 * unusable (MX-06). Addresses that mail from the public internet must not be led to are left out
 * (MX-16). */
#ifndef ENGINE_ROUTE_ROUTE_ADDRESS_H
#define ENGINE_ROUTE_ROUTE_ADDRESS_H

#include <stdbool.h>
#include "engine/base/dns_answer.h"
#include "engine/route/route.h"
#include "engine/route/route_draft.h"

struct route_address_answers {
	const struct dns_answer *a, *aaaa;
	const struct dns_answer *alias; /* CNAME of the host's name; NULL: not asked for */
};

/* RFC 7672 2.1.3: addresses were found through an alias and are insecure, so that only a question
 * for the alias itself tells whether that is in a signed zone (DNS-07). */
bool route_address_wants_alias(const struct dns_answer *a, const struct dns_answer *aaaa);

/* Fills the host, whose name is set: canonical, addresses, security, state and reason. */
void route_address_fill(struct route_draft *draft, struct route_host *host,
	const struct route_address_answers *answers, bool allow_private);

/* Fills a host that is an address (MX-19, --route). */
void route_address_fill_literal(struct route_draft *draft, struct route_host *host,
	const struct ip_address *address, bool allow_private);

#endif
