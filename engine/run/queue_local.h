/* A request about the mail of a spool on which no sender runs: in the queue on disk, and in new/ what no
 * sender has taken yet. */
#ifndef ENGINE_RUN_QUEUE_LOCAL_H
#define ENGINE_RUN_QUEUE_LOCAL_H

#include "engine/base/result.h"
#include "engine/base/text.h"

struct control_task;

/* Takes each line of the answer, without its end (control_entry.h). */
typedef void queue_line_fn(struct text line, void *context);

/* Does what the task asks for; what it counted and how it failed stands in it. `busy`: recipients in files
 * that have others, which only a sender can drop. RESULT_BUSY: another process has the spool. */
enum result queue_local(
	const char *spool, struct control_task *task, queue_line_fn *line, void *context);

#endif
