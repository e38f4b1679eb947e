/* The TLSA search of one host (RFC 7672 2.2.2): which names are asked, and when it is over. Pure; the
 * machine in route_build.c asks.
 *
 * It begins when the addresses of the host are known (DANE-01). A name is a candidate only when the
 * addresses and all aliases are secure, or the first alias is (DANE-02 to DANE-06). The first secure
 * set that is not empty ends the search, usable or not (DANE-08); a failure ends it too, and then
 * the host waits (DANE-09, DANE-13); everything else leads to the next candidate (DANE-10). */
#ifndef ENGINE_ROUTE_ROUTE_TLSA_H
#define ENGINE_ROUTE_ROUTE_TLSA_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/dns_answer.h"
#include "engine/route/route.h"
#include "engine/route/route_draft.h"

enum { ROUTE_TLSA_CANDIDATES_MAX = 2 }; /* the fully expanded name, the original; none between */

struct route_tlsa {
	const char *bases[ROUTE_TLSA_CANDIDATES_MAX];
	size_t count, next;
	const char *owner; /* asked for now, under the last of `bases` that was taken */
};

/* Finds the candidates of a host whose addresses are filled in; none when it is not ready. */
void route_tlsa_begin(struct route_tlsa *search, const struct route_host *host);

/* The owner name to ask for now, in the arena of the draft; NULL: the search is over. Names too long
 * to exist have no records and are passed over (DNS-29). */
const char *route_tlsa_next(
	struct route_tlsa *search, struct route_draft *draft, const struct route_host *host);

/* What the answer for the last name says. Fills host->tlsa, and makes the host wait after a failure;
 * one that is `audited` stays ready, its set being of class DNS_FAILURE and host->audit saying why. */
void route_tlsa_take(struct route_tlsa *search, struct route_draft *draft,
	struct route_host *host, const struct dns_answer *answer, bool audited);

#endif
