/* The time of the queue on disk: microseconds since 1970 as the wall clock tells them, for times that
 * outlive a run, but out of the monotonic clock while one runs. It never goes back, and over a restart not
 * behind what the queue had seen: so nothing that was parked waits for a clock to come by again where it had
 * been.
 *
 * A wall clock that is set back is not followed: the queue goes on as it was, and is overtaken some day. One
 * that is set ahead is believed when it has stayed there for QUEUE_CLOCK_BELIEVE_NS: a clock that is wrong
 * for less moves nothing, and expires nothing. After a suspension, or a start with a wrong clock, all is
 * right after that time.
 *
 * The keeper moves it; others read. Pure: the clocks are given. */
#ifndef ENGINE_RUN_QUEUE_CLOCK_H
#define ENGINE_RUN_QUEUE_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Longer than what sets clocks takes to notice its own mistake, shorter than the first retry. */
#define QUEUE_CLOCK_BELIEVE_NS 300000000000ull
/* What a clock is corrected by in daily life: followed at once. */
#define QUEUE_CLOCK_STEP_US 1000000

struct queue_clock {
	_Atomic int64_t offset_us; /* against the monotonic clock */
	/* keeper */
	uint64_t ahead_since_ns;   /* that long the wall clock has been ahead; 0: it is not */
	int64_t ahead_us;          /* the least that it was since */
};

/* Before the threads. `last_us`: the queue's time when it was last written, 0: never. */
void queue_clock_start(
	struct queue_clock *clock, uint64_t now_ns, int64_t wall_us, uint64_t last_us);
/* Looks at the wall clock, at least once a minute. True: a jump ahead is believed now. */
bool queue_clock_look(struct queue_clock *clock, uint64_t now_ns, int64_t wall_us);

/* The queue's time at an instant of the monotonic clock, and back; never 0. */
uint64_t queue_clock_us(const struct queue_clock *clock, uint64_t monotonic_ns);
uint64_t queue_clock_instant_ns(const struct queue_clock *clock, uint64_t us);

#endif
