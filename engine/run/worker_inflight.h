/* While this machine is the bottleneck only so many sessions are at work as keep the thread busy
 * (engine/plan/inflight.h); the others idle. Leases with bulk mail for them stand in line: each has a session
 * begin when it is first, which sends some messages in a row (so that a body and the commands of the next
 * still go together) and idles again. Transactional mail stands in no line. */
#ifndef ENGINE_RUN_WORKER_INFLIGHT_H
#define ENGINE_RUN_WORKER_INFLIGHT_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/list.h"
#include "engine/base/timer_wheel.h"
#include "engine/io/thread_load.h"
#include "engine/plan/inflight.h"

struct delivery;
struct lease;
struct worker;

enum {
	/* Bulk messages that a session begins in a row while others wait for their turn: each takes one round
	 * trip together with its neighbours, the first and the last one more. */
	WORKER_TURN_MESSAGES = 8,
};

struct worker_inflight {
	struct inflight limit;
	struct list held;             /* leases, the one that has waited longest first */
	bool has_held;                /* some had to wait in this window */
	struct thread_load load;
	struct timer timer;           /* ends the window while some have to wait */
	uint64_t since_ns, until_ns;  /* the window */
	uint64_t ran_ns, waited_ns;   /* of the load, when it began */
};

/* On the thread of the worker; nothing of it can fail. */
void inflight_begin(struct worker *w);
void inflight_end(struct worker *w);
/* How many more sessions may begin with bulk mail. */
uint32_t inflight_left(const struct worker *w);
/* May a session that is at work go on with another message of bulk? */
bool inflight_may_go_on(const struct worker *w, const struct delivery *d);
/* The lease has bulk mail that must wait for its turn. */
void inflight_hold(struct worker *w, struct lease *lease);
/* The session has had its turn, and its lease has more bulk mail: the lease goes behind all others, once. */
void inflight_turn_over(struct worker *w, struct delivery *d);
/* Sessions at work. */
uint32_t inflight_active(const struct worker *w);
/* The next in line, or NULL. */
struct lease *inflight_next(struct worker *w);
/* Nothing new is begun: who stands in line is looked at, and gives its mail back. */
void inflight_drain(struct worker *w);
/* The end of a turn, with all at work that will be. */
void inflight_measure(struct worker *w);

#endif
