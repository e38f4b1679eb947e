/* recipients.jsonl of a job in work. Its lines are read one by one for as long as the job lasts, so it has to
 * be what it was when the job was accepted: its length and its checksum then stand in the index. It is looked
 * at in each turn that reads lines, and read again whole only when it was written to. What was added behind
 * its end is not sent, and costs nobody else his mail. Blocks. */
#ifndef ENGINE_RUN_JOB_SOURCE_H
#define ENGINE_RUN_JOB_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/result.h"
#include "engine/io/file.h"

struct job_index_header;

struct job_source {
	int fd; /* -1: not open; the job's own */
	uint64_t bytes;
	uint32_t crc;
	struct file_identity seen; /* when it was last found to be the same */
	bool is_changed, has_grown;
};

/* What it was when it was accepted. */
void job_source_expect(struct job_source *source, const struct job_index_header *header);
/* RESULT_INVALID: it is not the same, and will not be any more; those of file.h. */
MUST_USE enum result job_source_check(struct job_source *source, struct fail *fail);

/* Over bytes that follow one another; begins with 0. */
uint32_t job_source_crc(uint32_t crc, const void *data, size_t len);

#endif
