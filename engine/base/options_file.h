/* The words of an @FILE, and of other files that are written in such words. */
#ifndef ENGINE_BASE_OPTIONS_FILE_H
#define ENGINE_BASE_OPTIONS_FILE_H

#include "engine/base/options.h"

struct option_word {
	char *text;    /* unquoted, terminated; lives in the arena */
	unsigned line; /* from 1 */
};

struct option_words {
	struct option_word *items;
	size_t count;
};

/* Splits what was read from a file; the text (with a zero behind it) is overwritten. RESULT_INVALID
 * for a quote that is not closed, a lone backslash at the end, or a zero byte; RESULT_LIMIT when
 * the arena is full. */
MUST_USE enum result options_file_split(char *text, size_t len, struct arena *arena,
	struct option_words *out_words, struct fail *fail);
/* Reads the file at `path` (a pipe will do) and splits it. Also RESULT_TOO_LONG, and what open and
 * read can say. */
MUST_USE enum result options_file_read(
	const char *path, struct arena *arena, struct option_words *out_words, struct fail *fail);

#endif
