/* How many sessions of one worker may be at work at once: as many as keep its core busy, and no more.
 *
 * What is in flight beyond that makes nothing faster. It only waits, in our own queues and in those of who
 * shares the machine, and all that comes later waits behind it: with N in flight and R of them done in a
 * second each takes N / R (Little's law), a transactional message too. So while the thread has no moment of
 * rest the limit sinks, and as soon as it has one while something is held back the limit rises.
 *
 * Only this machine's own load counts. Receivers that answer slowly leave the core idle, and then there is
 * no limit but those of sites and --sessions. A thread that has its core for itself is to use all of it. One
 * that has to wait for a core shares the machine with others, who take what it leaves: there a little rest
 * costs nothing, and without it everybody's queue is long.
 *
 * Pure: the caller measures. */
#ifndef ENGINE_PLAN_INFLIGHT_H
#define ENGINE_PLAN_INFLIGHT_H

#include <stdbool.h>
#include <stdint.h>

enum {
	/* One measurement: long beside a slice of the system's scheduler, short beside what people notice. */
	INFLIGHT_WINDOW_MS = 20,
	/* Never less: some of them wait for receivers at any moment. */
	INFLIGHT_MIN = 8,
	/* Percent of a window in which it ran, or waited for a core: from the first on there are too many at
	 * work, below the second too few. */
	INFLIGHT_ALONE_BUSY = 99,
	INFLIGHT_ALONE_ROOM = 97,
	INFLIGHT_SHARED_BUSY = 90,
	INFLIGHT_SHARED_ROOM = 82,
	/* From so much waiting on the machine is shared. */
	INFLIGHT_SHARED_WAIT = 5,
	/* It sinks by an eighth and rises by a sixteenth. */
	INFLIGHT_SINKS_BY = 8,
	INFLIGHT_RISES_BY = 16,
};

struct inflight {
	uint32_t max; /* UINT32_MAX: there was no need for a limit yet */
};

struct inflight_window {
	uint64_t wall_ns;
	uint64_t ran_ns;    /* of it, how long the thread ran */
	uint64_t waited_ns; /* and how long it was ready to run and had no core */
	uint32_t active;    /* sessions at work now */
	bool held;          /* something waited for the limit */
};

void inflight_init(struct inflight *inflight);
/* A window is over. It does not sink again before the sessions have followed: one takes as long as its
 * receiver does to come to the end of its message. */
void inflight_note(struct inflight *inflight, const struct inflight_window *window);
/* How many more may begin beside so many. */
uint32_t inflight_room(const struct inflight *inflight, uint32_t active);

#endif
