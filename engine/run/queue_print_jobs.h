/* Prints what jobs have come to (control_job.h): a directory as it comes; of single files what is known is
 * added up by the name of their job, and told at the end. */
#ifndef ENGINE_RUN_QUEUE_PRINT_JOBS_H
#define ENGINE_RUN_QUEUE_PRINT_JOBS_H

#include <jansson.h>
#include <stdbool.h>
#include "engine/base/hash_map.h"
#include "engine/base/result.h"

struct queue_print_jobs {
	struct hash_map labels; /* by name */
	bool json;
	bool is_broken; /* no memory for all of it */
};

/* RESULT_MEMORY */
MUST_USE enum result queue_print_jobs_init(
	struct queue_print_jobs *jobs, bool json, struct fail *fail);
/* One line of the answer: a directory, the outcomes of a label, or an entry of mail that waits. */
void queue_print_jobs_line(struct queue_print_jobs *jobs, const json_t *line);
void queue_print_jobs_end(struct queue_print_jobs *jobs);
/* A zeroed one is fine. */
void queue_print_jobs_deinit(struct queue_print_jobs *jobs);

#endif
