/* The way of one attempt over the hosts of its route, best first, and over the addresses of each host.
 *
 * POL-17, MX-08: no host is skipped for its security, a failing one counts as unreachable at its place in
 * the order. Addresses that are known to be down are passed over (MX-18), and every trouble is written
 * into the attempt's reason. */
#ifndef ENGINE_RUN_WALK_H
#define ENGINE_RUN_WALK_H

#include <stdbool.h>
#include "engine/run/attempt.h"

struct worker;

struct walk_target {
	const struct route_host *host;
	const struct route_address *address;
	bool is_fallback; /* of a worse preference than the best host of the route */
};

/* A new pass: the hosts in order, equal preferences shuffled. Needs attempt->work. */
void walk_begin(struct worker *w, struct attempt *attempt);
/* Where to try now. False: nothing is left in this pass. Calling it again gives the same. */
bool walk_target(struct worker *w, struct attempt *attempt, struct walk_target *out_target);
/* The host whose turn it is; NULL when all had theirs. */
const struct route_host *walk_host(const struct attempt *attempt);
/* That address came to nothing: the next one of the host, then the next host. */
void walk_next_address(struct attempt *attempt);
/* That host will not do: the next one. */
void walk_next_host(struct attempt *attempt);
/* True if a session to `host` at `ip` may serve the attempt now: a host of the same preference as the one
 * whose turn it is, at that address, with an equal demand. Then it is the one whose turn it is. */
bool walk_accepts(struct attempt *attempt, const struct route_host *host, const struct ip_address *ip);

#endif
