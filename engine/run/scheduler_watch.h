/* The watchdog of the scheduler: nothing waits unseen (DESIGN 5). Twice a minute it asks every thread whether
 * it comes round, and goes over all mail in memory in slices: what stands in a state for longer than that may
 * last (watch.def) is counted and told once, and mail past its lifetime that its timer missed is expired. */
#ifndef ENGINE_RUN_SCHEDULER_WATCH_H
#define ENGINE_RUN_SCHEDULER_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/limits.h"
#include "engine/base/list.h"
#include "engine/base/timer_wheel.h"
#include "engine/run/watch_mark.h"

struct message;
struct scheduler;
struct stall;

enum watch_state {
#define WATCH(name, minutes, word, advice) WATCH_##name,
#include "engine/run/watch.def"
#undef WATCH
	WATCH_STATES
};

struct scheduler_watch {
	struct timer timer;
	struct stall *stalls; /* of all other threads */
	uint32_t stalls_count;
	struct watch_mark away_mark;

	/* a walk */
	bool is_walking;
	struct list_node *next; /* of in_work; NULL: the end */
	uint64_t left;          /* messages still to be looked at */
	struct watch_found {
		uint64_t count; /* in this walk */
		uint64_t longest_ns;
		char name[FILE_NAME_BYTES_MAX + 1]; /* of that one */
		bool is_told;
	} found[WATCH_STATES];
};

/* False: no memory. */
bool watch_init(struct scheduler *s);
void watch_deinit(struct scheduler *s);
/* When the loop runs. */
void watch_start(struct scheduler *s);
void watch_turn_end(struct scheduler *s);
/* The message is about to be taken out of in_work. */
void watch_message_leaves(struct scheduler *s, struct message *message);

#endif
