/* What each recipient of a job has come to: four bits each, in memory and in SPOOL/state/jobs/NAME/done. What
 * the journal says since the last time that this was saved is more; its segments may go once it is saved.
 *
 *   magic[8] · identity of the job u64, u64 · answered_us u64 · zeros up to 4,096 octets · two recipients an
 *   octet, the first in the lower half: 0 nothing yet, else 1 + the final event_kind
 *
 * What was set is never changed, so that a page which was written in part is none the worse. Blocks. */
#ifndef ENGINE_RUN_JOB_PROGRESS_H
#define ENGINE_RUN_JOB_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/event.h"
#include "engine/base/result.h"

enum { JOB_PROGRESS_CODES = 16 };

struct job_progress {
	int fd;
	uint32_t rcpts_count, done_count;
	uint32_t by_kind[JOB_PROGRESS_CODES]; /* recipients, by 1 + event_kind */
	uint8_t *halves;
	uint8_t *dirty; /* a byte for each page of them */
	uint32_t pages_count;
	bool changed;
	int64_t answered_us; /* when somebody had an answer last; 0: nobody yet, or nobody knows */
};

/* A host has taken his mail, or said that it never will: of these a job lives on. */
static inline bool job_kind_is_answer(enum event_kind kind)
{
	return kind == EVENT_DELIVERED || kind == EVENT_BOUNCED;
}

/* Makes the file if it is not there. RESULT_CHANGED: it is another job's; RESULT_DAMAGED: it is none, or of
 * another version; RESULT_MEMORY, those of file.h. */
MUST_USE enum result job_progress_open(int state_fd, const uint64_t identity[2],
	uint32_t rcpts_count, struct job_progress *out_progress, struct fail *fail);
/* The same to look at it alone: makes and changes no file, and without one nothing is done. */
MUST_USE enum result job_progress_look(int state_fd, const uint64_t identity[2],
	uint32_t rcpts_count, struct job_progress *out_progress, struct fail *fail);
void job_progress_close(struct job_progress *progress);
/* `kind` is a final one; the first one that is said of a recipient counts. */
void job_progress_set(struct job_progress *progress, uint32_t ordinal, enum event_kind kind);
/* Somebody has had an answer at that time. */
void job_progress_answered(struct job_progress *progress, int64_t wall_us);
/* 0: he is not done; else 1 + event_kind. */
static inline unsigned job_progress_code(const struct job_progress *progress, uint32_t ordinal)
{
	return (unsigned)progress->halves[ordinal / 2] >> (ordinal % 2 * 4) & 15u;
}
static inline bool job_progress_is_done(const struct job_progress *progress, uint32_t ordinal)
{
	return job_progress_code(progress, ordinal) != 0;
}
static inline uint32_t job_progress_count(const struct job_progress *progress, enum event_kind kind)
{
	return progress->by_kind[1 + kind];
}
/* Makes durable what was set; after an error it is tried again by the next call. */
MUST_USE enum result job_progress_save(struct job_progress *progress, struct fail *fail);

#endif
