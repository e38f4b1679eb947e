/* What every thread of the program runs: a ring, a timer wheel and the thread's mailbox.
 *
 * A turn handles messages first, then timers, then the ring; it sleeps in the ring until the next
 * timer, a completion or a message. All handlers run on the loop's thread, one at a time, to their
 * end. A loop is embedded in its thread's state and must not move. */
#ifndef ENGINE_IO_LOOP_H
#define ENGINE_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/result.h"
#include "engine/base/timer_wheel.h"
#include "engine/io/io_op.h"
#include "engine/io/mailbox.h"
#include "engine/io/ring.h"

struct loop;

enum {
	/* Messages of one turn before timers and completions have their go. */
	LOOP_TURN_MESSAGES_MAX = 256,
	/* A turn with as many as this is one of many to come: loop->nap_ns. */
	LOOP_NAP_MESSAGES_MIN = 4,
	/* As long as DESIGN 4 lets a batch of completions keep a mailbox waiting. */
	LOOP_NAP_NS = 500 * 1000,
	/* A shorter wait was none: what came had been there, and the kernel only handed it over. */
	LOOP_SLEEP_US_MIN = 50,
};
#define LOOP_MAGIC 0x100b100bu

struct loop_handlers {
	void (*message)(struct loop *loop, const struct mailbox_message *message);
	/* May be NULL. Once a turn, after its callbacks and before it sleeps: what is to be said
	 * once for many completions goes here. */
	void (*turn_end)(struct loop *loop);
};

struct loop {
	uint32_t magic;
	struct ring *ring;
	struct timer_wheel timers;
	struct mailbox *mailbox;           /* borrowed: outlives the loop */
	const struct loop_handlers *handlers;
	void *owner;                       /* for the handlers: the thread's state */
	uint64_t now_ns;                   /* monotonic, read before timers and after the wait */
	struct io_op wake_op;              /* the read of the mailbox's eventfd */
	uint64_t wake_count;               /* what it reads */
	/* Set by the owner, 0 at first. While messages come thick, the thread does not let itself be woken
	 * for each of them but looks at its mailbox again after so long: a wake-up costs its sender and the
	 * thread some microseconds each, more than most messages cost themselves. Completions and timers
	 * are not kept waiting. */
	uint64_t nap_ns;
	bool again;                        /* loop_turn_again() since turn_end began */
	bool stopping;
	bool slept;                        /* before this turn: what it brings has not waited for us */
};

/* On the thread that will run it. Results of ring_create(). `mailbox` may be NULL (tools without
 * other threads). */
MUST_USE enum result loop_init(struct loop *loop, const struct ring_options *options,
	struct mailbox *mailbox, const struct loop_handlers *handlers, void *owner,
	struct fail *fail);
/* All ops of the owners have come back; ends the loop's own and the ring. */
void loop_deinit(struct loop *loop);

/* One turn. `deadline_ns` bounds the sleep, RING_FOREVER for none. */
void loop_run_once(struct loop *loop, uint64_t deadline_ns);
/* Turns until loop_stop(); may be run again after that. */
void loop_run(struct loop *loop);
/* From one of its handlers: loop_run() returns after this turn. */
void loop_stop(struct loop *loop);

/* From turn_end: there is more to do, another turn follows without a sleep. From the other handlers of a
 * turn, which turn_end follows in any case: nothing. */
static inline void loop_turn_again(struct loop *loop) { loop->again = true; }

/* loop->now_ns: fresh enough for timers (a turn lasts some milliseconds at most). */
static inline uint64_t loop_now_ns(const struct loop *loop) { return loop->now_ns; }
static inline void loop_timer_start(
	struct loop *loop, struct timer *timer, uint64_t after_ns, timer_fn *fn)
{
	timer_start(&loop->timers, timer, loop->now_ns + after_ns, fn);
}
static inline void loop_timer_stop(struct loop *loop, struct timer *timer)
{
	timer_stop(&loop->timers, timer);
}

#endif
