/* A job directory while no sender runs: what it has come to, out of its files in SPOOL/state/jobs, the queue
 * and the journal. For tools; changes nothing. Blocks. */
#ifndef ENGINE_RUN_JOB_REST_H
#define ENGINE_RUN_JOB_REST_H

#include <stdbool.h>
#include "engine/base/arena.h"
#include "engine/run/job_content.h"
#include "engine/run/job_count.h"
#include "engine/run/job_drops.h"

struct queue_reader;
struct recovery;

struct job_rest {
	const char *name; /* borrowed */
	struct job_content *content;
	uint64_t identity[2];
	int state_fd;     /* -1: it has no state */
	bool is_accepted; /* it has an index; else what follows is empty */
	struct arena arena;
	struct job_index index;
	struct job_progress progress;
	struct job_drops drops;
	struct job_count count;
	uint32_t *unmade; /* by domain: neither done nor in the queue */
	uint32_t unmade_count, parked_count;
};

struct job_rest_place {
	int jobs_fd, new_fd;         /* SPOOL/state/jobs, -1: there is none; and SPOOL/new */
	struct queue_reader *reader; /* NULL: there is no queue */
	struct recovery *recovery;   /* what the journal says of jobs */
};

/* RESULT_NOT_FOUND: that is no job, or not a whole one. RESULT_INVALID: it will be refused. RESULT_DAMAGED,
 * RESULT_MEMORY, those of file.h. The name is to live as long as the job. */
MUST_USE enum result job_rest_open(const struct job_rest_place *place, const char *name,
	struct job_rest *out_job, struct fail *fail);
/* After any result of that. */
void job_rest_close(struct job_rest *job);

/* Reads what the journal in `state` says of jobs into `recovery`, which was initialized. Results of
 * journal_read(). */
MUST_USE enum result job_rest_read_journal(
	const char *state, struct recovery *recovery, struct fail *fail);

#endif
