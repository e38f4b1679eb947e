/* What a request does to the mail that waits on disk alone (store/queue.h): for the keeper of a running
 * sender, and for a tool that has the lock of the spool itself. */
#ifndef ENGINE_RUN_CONTROL_QUEUE_H
#define ENGINE_RUN_CONTROL_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include "store/queue.h"

struct control_task;
struct holds;

struct control_queue {
	struct queue *queue; /* NULL: read-only, for LIST and SHOW */
	struct queue_reader *reader;
	struct arena *arena;    /* reset for each file */
	struct queue_key taken; /* what is not behind it is in memory */
	struct holds *holds;    /* for the words of LIST and SHOW; NULL: not known */
	uint64_t now_us;        /* of the queue */
	int64_t ahead_us;       /* that much more than the wall clock has (queue_clock.h) */
};

/* Looks at some more files; is_phase_over of the task when there are no more. *out_changed: the queue is
 * to be committed. An error of the queue fails the task, and takes back what was not committed. */
void control_queue_step(struct control_queue *on, struct control_task *task, bool *out_changed);

#endif
