/* How the recipients of a job stand by domain: counted out of its index and its progress in steps, when
 * somebody asks. Blocks. */
#ifndef ENGINE_RUN_JOB_COUNT_H
#define ENGINE_RUN_JOB_COUNT_H

#include <stdint.h>
#include "engine/base/result.h"
#include "engine/run/control_job.h"
#include "engine/run/job_index.h"
#include "engine/run/job_progress.h"

struct job_count {
	struct job_count_domain {
		uint32_t delivered, failed;
	} * domains; /* by their numbers in the index */
	uint32_t domains_count;
	uint32_t next; /* ordinal that is counted next */
};

/* RESULT_MEMORY. */
MUST_USE enum result job_count_begin(
	struct job_count *count, const struct job_index *index, struct fail *fail);
/* Some milliseconds of work; RESULT_AGAIN: there is more. Results of job_index_read(). */
MUST_USE enum result job_count_step(struct job_count *count, const struct job_index *index,
	const struct job_progress *progress, struct fail *fail);
/* The domains with the most who are pending, then the largest; returns how many. Names are borrowed. */
size_t job_count_largest(const struct job_count *count, const struct job_index *index,
	struct control_job_domain *out_domains, size_t max);
/* A zeroed one is fine. */
void job_count_end(struct job_count *count);

#endif
