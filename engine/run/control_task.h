/* A request of a tool at work. The main thread makes it (control.h), and sends it to the threads in turn that
 * have the mail (control_task_go_on()): the scheduler, for what is in memory, the keeper, for what is on disk
 * alone, the jobs thread, for recipients of jobs who are not made yet. Each does a slice and sends it back,
 * with what the slice has written: nobody who has much to tell stands still, and a tool that reads slowly
 * waits alone.
 *
 * What is parked while the scheduler walks is in the queue before the keeper looks there. What comes back
 * from the queue meanwhile meets the rule (holds), or the drop that is still under way; a list may miss
 * it. A drop begins at the jobs thread, so that whoever is made from then on is dropped already, and ends at
 * the scheduler. */
#ifndef ENGINE_RUN_CONTROL_TASK_H
#define ENGINE_RUN_CONTROL_TASK_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/list.h"
#include "engine/run/control_request.h"
#include "engine/run/job_count.h"
#include "store/queue_schema.h"

struct control_entry;
struct job_run;

enum {
	/* Attempts that the scheduler looks at before it does anything else: some 100 us. */
	CONTROL_SLICE_ATTEMPTS = 64,
	/* On disk; each slice that changes something is a commit. */
	CONTROL_SLICE_ON_DISK = 1024,
	/* Bytes of a slice after which it is sent. */
	CONTROL_SLICE_BYTES = 64 * 1024,
};

enum control_phase {
	CONTROL_IN_MEMORY, /* scheduler */
	CONTROL_ON_DISK,   /* keeper */
	CONTROL_IN_JOBS,   /* jobs thread */
	CONTROL_TO_END,    /* scheduler: what was dropped is durable */
	CONTROL_OVER
};

#define CONTROL_TASK_MAGIC 0xc0274a5cu

struct control_task {
	uint32_t magic;
	struct control_request request;
	enum control_phase phase; /* main */
	void *owner;              /* main: the client */

	/* whoever has it */
	bool is_phase_over;
	struct fail fail;         /* the request has failed */
	struct buf out;           /* entries that were not sent yet */
	uint64_t attempts, rcpts; /* that were meant: listed, or changed */
	bool has_rule;            /* HOLD: there is one now; RELEASE: there was one */
	uint64_t busy; /* recipients that a worker or the recorder has: not changed any more */

	/* scheduler; also while others have it */
	struct list_node node;  /* linked: at work, its cursor is kept and a drop is in force */
	struct list *list;      /* of the scheduler, that it walks over */
	struct list_node *next; /* the message to be looked at next; NULL: the end */
	uint64_t left;          /* messages still to be looked at */
	uint64_t parks_wanted, drops_wanted; /* by the scheduler, when it had walked */
	bool is_waiting;        /* until something has left or arrived; the scheduler has it */

	/* keeper, jobs */
	char at[FILE_NAME_BYTES_MAX + 1]; /* the file or job that was looked at last */
	uint64_t handed_count; /* revivals handed out since the start, when it was done */

	/* jobs */
	uint32_t domain_at;             /* of the job that comes next, the domain that does */
	const struct job_run *counting; /* only to be compared; NULL: none */
	struct job_count count;
};

/* In its first phase. NULL: no memory. */
MUST_USE struct control_task *control_task_create(const struct control_request *request);
/* To the phase that comes after the one it is in. */
void control_task_go_on(struct control_task *task);
void control_task_destroy(struct control_task *task);

/* Counts an entry, and writes it if the request asks for that. Without memory the task fails. */
void control_task_put(struct control_task *task, const struct control_entry *entry);
void control_task_put_job(struct control_task *task, const struct control_job *job);
void control_task_put_label(struct control_task *task, struct text label,
	const uint64_t by_kind[static CONTROL_JOB_KINDS]);
/* {"hold":"domain a.example"} */
void control_task_put_hold(struct control_task *task, const char *rule);
static inline bool control_task_has_enough(const struct control_task *task)
{
	return task->out.len >= CONTROL_SLICE_BYTES || task->fail.result != RESULT_OK;
}

#endif
