/* SPOOL/state/warmup: what was sent today from sources that warm up (warmup_counts.h). Blocks. */
#ifndef ENGINE_RUN_WARMUP_FILE_H
#define ENGINE_RUN_WARMUP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/result.h"

struct warmup_counts;

struct warmup_text {
	bool is_all; /* instead of what is there; else behind it */
	char *bytes; /* on the heap */
	size_t len;
};
void warmup_text_destroy(struct warmup_text *text);

/* Without a file nothing was sent. RESULT_DAMAGED: it is of another format, with words; RESULT_MEMORY;
 * what opening and reading can say. */
MUST_USE enum result warmup_file_read(const char *spool, struct warmup_counts *counts, struct fail *fail);
/* Durable when it returns. */
MUST_USE enum result warmup_file_write(const char *spool, const struct warmup_text *text, struct fail *fail);

#endif
