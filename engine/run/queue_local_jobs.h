/* A request about the job directories of a spool on which no sender runs (queue_local.h). */
#ifndef ENGINE_RUN_QUEUE_LOCAL_JOBS_H
#define ENGINE_RUN_QUEUE_LOCAL_JOBS_H

#include "engine/base/result.h"

struct control_task;
struct holds;
struct queue_reader;

struct local_jobs {
	const char *state; /* SPOOL/state */
	int new_fd;
	struct queue_reader *reader; /* NULL: there is no queue */
	struct holds *holds;
	struct control_task *task;
	/* Takes what the task has written; after each job. */
	void (*give)(void *context);
	void *context;
};

/* Does to them what the task asks for; what it counted stands in it. What was dropped is written down for the
 * next sender, which withdraws each of its recipients. */
enum result queue_local_jobs(struct local_jobs *jobs);

#endif
