/* One look-up on the way to a route: a question to the DNS with a deadline, and its answer.
 *
 * The store is asked first, and learns what comes from the DNS.
 *
 * (DNS-35) To be late is to fail, here; the answer may still fill the resolver's cache. There is always an
 * answer in the end: what could not be kept for want of memory is a failure. Embedded in its owner, who
 * drives the wheel and the resolver; zeroed before its first use. */
#ifndef ENGINE_ROUTE_ROUTE_LOOKUP_H
#define ENGINE_ROUTE_ROUTE_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>
#include "dns/dns_resolver.h"
#include "engine/base/dns_answer.h"
#include "engine/base/list.h"
#include "engine/base/timer_wheel.h"

struct route_lookup;
struct route_store;

/* What look-ups share; outlives them. */
struct route_lookup_env {
	struct dns_resolver *resolver;
	struct timer_wheel *wheel;
	struct route_store *store; /* NULL: everything is asked of the DNS */
	uint64_t lookup_ns;        /* the deadline */
	uint64_t deadlines;        /* how many ran out of time */
	struct list known;         /* of those whose answer was there at once: theirs is the next step */
	struct timer known_timer;
};

/* Sets the lists up; all else is the caller's. */
void route_lookup_env_init(struct route_lookup_env *env);
/* All look-ups are stopped. */
void route_lookup_env_deinit(struct route_lookup_env *env);

/* Called from the resolver or the wheel, never from inside route_lookup_start(). */
typedef void route_lookup_done_fn(struct route_lookup *lookup);

struct route_lookup {
	struct timer timer;
	struct list_node known_node;
	struct dns_query query;
	const char *name;
	struct dns_answer *answer; /* NULL: none yet, or no memory for it */
	struct route_lookup_env *env;
	route_lookup_done_fn *done;
	void *owner;
	enum dns_type type;
	uint8_t index; /* the owner's */
	bool open;     /* begun and not over */
	bool is_late;  /* its deadline ended it */
};

/* `name` is borrowed until the end (dns_resolver_ask()); `owner` and `index` are for `done`. */
void route_lookup_start(struct route_lookup *lookup, struct route_lookup_env *env, const char *name,
	enum dns_type type, route_lookup_done_fn *done, void *owner);

/* The same for one that is not worth being asked: its answer is a failure, which says why. */
void route_lookup_start_failed(struct route_lookup *lookup, struct route_lookup_env *env, const char *name,
	enum dns_type type, const char *why, route_lookup_done_fn *done, void *owner);

/* Nothing comes any more, and the answer is let go. Fine for one that was never begun. */
void route_lookup_stop(struct route_lookup *lookup);

/* Of one that is over; lives until it is stopped. */
const struct dns_answer *route_lookup_answer(const struct route_lookup *lookup);

#endif
