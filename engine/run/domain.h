/* A recipient domain that has mail in work: its route, and who waits for it. Kept by the scheduler;
 * the fields of the resolver are written by that thread between ROUTE_WANTED and ROUTE_FOUND. */
#ifndef ENGINE_RUN_DOMAIN_H
#define ENGINE_RUN_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/hash_map.h"
#include "engine/base/list.h"
#include "engine/route/route_builder.h"

struct provider;

#define DOMAIN_MAGIC 0xd03a1e55u

struct domain {
	uint32_t magic;
	struct hash_node node;         /* by name */
	struct route *route;           /* our reference, NULL before the first answer */
	struct list waiting;           /* attempts, ROUTING */
	uint32_t attempts_count;       /* attempts of this domain, in any state */
	bool asked;                    /* the resolver is at it */
	bool is_doubted;               /* a host failed its MTA-STS policy: to be fetched anew (STS-36) */
	struct provider *provider;     /* of `route`; NULL without hosts */
	struct list_node ask_node;     /* waits for a credit of the resolver */
	struct list_node idle_node;    /* no attempts: may be dropped, oldest first */

	/* resolver */
	struct route_request request;
	void *resolver;                /* the thread's state, for the callback */
	struct route *new_route;       /* a reference that the scheduler takes over */

	uint16_t name_len;
	char name[];
};

#endif
