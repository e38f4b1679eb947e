/* What a job sends: its manifest and its template, read once when it is opened and read-only from then on,
 * so that every worker may merge with it. */
#ifndef ENGINE_RUN_JOB_CONTENT_H
#define ENGINE_RUN_JOB_CONTENT_H

#include "engine/base/arena.h"
#include "engine/spool/job_message.h"

struct job_content {
	struct arena arena; /* of all texts */
	struct job_manifest manifest;
	struct job job;
	uint64_t template_bytes;
	size_t message_bytes_max; /* for the message of one recipient, and for its largest part */
};

/* Out of a directory with manifest.json and template.eml. RESULT_INVALID: the job is refused, the sentence
 * says why; RESULT_MEMORY, and those of file.h. */
MUST_USE enum result job_content_read(
	int dir_fd, struct job_content **out_content, struct fail *fail);
void job_content_destroy(struct job_content *content);

#endif
