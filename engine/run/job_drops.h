/* Which recipients of a job the operator has dropped before they were made: all, or those of some domains. In
 * SPOOL/state/jobs/NAME/dropped, so that a million of them are dropped by one commit; who is made from then
 * on gets his outcome and nothing else, whichever run makes him.
 *
 *   job 0123456789abcdef0123456789abcdef     the identity
 *   all
 *   domain a.example
 *
 * Written anew as a whole under another name. Blocks. */
#ifndef ENGINE_RUN_JOB_DROPS_H
#define ENGINE_RUN_JOB_DROPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/result.h"
#include "engine/base/text.h"

#define JOB_DROPS_NAME     "dropped"
#define JOB_DROPS_NEW_NAME "dropped.new"

enum {
	/* Some ten thousand domains; who has more drops the job. */
	JOB_DROPS_BYTES_MAX = 1024 * 1024,
};

struct job_drops {
	bool is_all;
	char *lines; /* domains, each with its newline */
	size_t lines_len;
};

/* None without a file, or when that is of another job. RESULT_DAMAGED: it cannot be read, and mail might go
 * that was dropped; RESULT_MEMORY, those of file.h. */
MUST_USE enum result job_drops_read(
	int state_fd, const uint64_t identity[2], struct job_drops *out_drops, struct fail *fail);
bool job_drops_have(const struct job_drops *drops, struct text domain);
/* Durable when it returns OK, and nothing has changed otherwise. An empty domain: all. RESULT_LIMIT; those
 * of file.h. */
MUST_USE enum result job_drops_add(struct job_drops *drops, int state_fd,
	const uint64_t identity[2], struct text domain, struct fail *fail);
/* A zeroed one is fine. */
void job_drops_end(struct job_drops *drops);

#endif
