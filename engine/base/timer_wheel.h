/* Timers by the thousand, in constant time each: a hierarchical wheel of 1 ms steps.
 *
 * A timer never fires before its deadline and at most one step (and the lateness of the caller)
 * after it. The wheel knows no clock: the owner tells it the monotonic time. Timers are embedded in
 * their owners and must be stopped before the owner goes; a zeroed timer is "not running".
 * Callbacks run inside timer_wheel_advance() and may start and stop any timer, also their own, and
 * may free the object that holds it. One thread. */
#ifndef ENGINE_BASE_TIMER_WHEEL_H
#define ENGINE_BASE_TIMER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/list.h"

enum {
	TIMER_WHEEL_SLOT_BITS = 6,
	TIMER_WHEEL_SLOTS = 1 << TIMER_WHEEL_SLOT_BITS,
	/* 6 bits a level: 48 bits of milliseconds hold every deadline in nanoseconds of 64 bits. */
	TIMER_WHEEL_LEVELS = 8,
};
#define TIMER_WHEEL_STEP_NS 1000000u
#define TIMER_NEVER_NS      UINT64_MAX

struct timer;
typedef void timer_fn(struct timer *timer);

struct timer {
	struct list_node node;  /* linked while running */
	uint64_t deadline_step; /* in steps, rounded up */
	timer_fn *fn;
	uint8_t level, slot; /* where it is linked; level TIMER_WHEEL_LEVELS: about to fire */
};

struct timer_wheel {
	uint64_t now_ns;                       /* the latest time that the owner told */
	uint64_t step;                         /* all timers up to here have fired */
	uint64_t count;                        /* running timers */
	uint64_t occupied[TIMER_WHEEL_LEVELS]; /* bit per slot that has timers */
	struct list slots[TIMER_WHEEL_LEVELS][TIMER_WHEEL_SLOTS];
	struct list due; /* taken out of their slot by advance, not yet called */
};

/* The wheel must not move in memory afterwards. */
void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ns);

/* What time it is, for those who know no other clock. Nothing fires by telling it: after a sleep the owner
 * tells the time first, so that what it does before its next advance goes by the clock too. */
static inline void timer_wheel_tell(struct timer_wheel *wheel, uint64_t now_ns)
{
	if (now_ns > wheel->now_ns)
		wheel->now_ns = now_ns;
}
static inline uint64_t timer_wheel_now_ns(const struct timer_wheel *wheel) { return wheel->now_ns; }

/* Starts, or starts anew if it runs. A deadline that has passed fires at the next advance that is
 * at least one step on. TIMER_NEVER_NS is allowed: it runs and never fires. */
void timer_start(
	struct timer_wheel *wheel, struct timer *timer, uint64_t deadline_ns, timer_fn *fn);
/* Does nothing if it is not running. */
void timer_stop(struct timer_wheel *wheel, struct timer *timer);
static inline bool timer_is_running(const struct timer *timer)
{
	return list_node_is_linked(&timer->node);
}

/* When to call advance next: never later than the first deadline, rounded up to a step. May be
 * earlier (a coarse slot has to be sorted into finer ones). TIMER_NEVER_NS if nothing runs. */
uint64_t timer_wheel_next_ns(const struct timer_wheel *wheel);
/* Calls what is due at `now_ns`, in the order of the steps. Time that goes back is ignored.
 * Returns how many were called. */
uint64_t timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ns);

#endif
