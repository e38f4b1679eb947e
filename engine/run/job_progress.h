/* Which recipients of a job are done: one bit each, in memory and in SPOOL/state/jobs/NAME/done. What the
 * journal says since the last time that this was saved is more; its segments may go once it is saved.
 *
 *   magic[8] · identity of the job u64, u64 · zeros up to 4,096 octets · the bits
 *
 * Bits are only ever set, so that a page which was written in part is none the worse. Blocks. */
#ifndef ENGINE_RUN_JOB_PROGRESS_H
#define ENGINE_RUN_JOB_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/result.h"

struct job_progress {
	int fd;
	uint32_t rcpts_count, done_count;
	uint8_t *bits;  /* done */
	uint8_t *dirty; /* a byte for each page of them */
	uint32_t pages_count;
	bool changed;
};

/* Makes the file if it is not there. RESULT_CHANGED: it is another job's. RESULT_MEMORY, those of file.h. */
MUST_USE enum result job_progress_open(int state_fd, const uint64_t identity[2],
	uint32_t rcpts_count, struct job_progress *out_progress, struct fail *fail);
void job_progress_close(struct job_progress *progress);
void job_progress_set(struct job_progress *progress, uint32_t ordinal);
static inline bool job_progress_is_done(const struct job_progress *progress, uint32_t ordinal)
{
	return (progress->bits[ordinal / 8] >> ordinal % 8 & 1) != 0;
}
/* Makes durable what was set; after an error it is tried again by the next call. */
MUST_USE enum result job_progress_save(struct job_progress *progress, struct fail *fail);

#endif
