/* The way of one attempt over the hosts of its route, best first, and over the addresses of each host.
 *
 * POL-17, MX-08: no host is skipped for its security, a failing one counts as unreachable at its place in
 * the order. Addresses that are known to be down are passed over (MX-18), and every trouble is written
 * into the attempt's reason. Both families of a host are one (MX-17): with addresses of ours in both they are
 * raced, the one first that family_memory.h says; where the system chooses ours, IPv4 comes first. */
#ifndef ENGINE_RUN_WALK_H
#define ENGINE_RUN_WALK_H

#include <stdbool.h>
#include "engine/run/attempt.h"

struct worker;

struct walk_target {
	const struct route_host *host;
	const struct route_address *address;
	const struct route_address *other; /* of the other family, to be raced with it; NULL: none */
	uint64_t head_start_ns;            /* of `address` before `other` */
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
/* Of the host whose turn it is: a session is there, and the next one of this pass goes there too, unless it
 * has had its turn; that one has had its turn. */
void walk_took(struct attempt *attempt, const struct route_address *address);
void walk_tried(struct attempt *attempt, const struct route_address *address);
/* That host will not do: the next one. */
void walk_next_host(struct attempt *attempt);
/* True if a session to `host` at `ip` may serve the attempt now: a host of the same preference as the one
 * whose turn it is, at that address, with an equal demand. Then it is the one whose turn it is. */
bool walk_accepts(struct attempt *attempt, const struct route_host *host, const struct ip_address *ip);

#endif
