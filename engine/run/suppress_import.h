/* Reads lists of addresses into the suppression list, a piece at a time: a million lines take the memory of
 * one, and of the changes between two commits. */
#ifndef ENGINE_RUN_SUPPRESS_IMPORT_H
#define ENGINE_RUN_SUPPRESS_IMPORT_H

#include <stdint.h>
#include "engine/base/result.h"
#include "engine/base/text.h"

struct suppress;

struct suppress_import {
	struct suppress *suppress;
	const char *name;   /* of the file, for sentences */
	struct text reason; /* of lines without one */
	int64_t now_unix_s; /* of lines without a time */
	uint64_t lines, added, known, refused;
};

/* All lines of what is open as `fd`, which may be a pipe. Refused lines are told on standard error, the
 * first ones each, and counted. RESULT_IO: it cannot be read, or standard error; what suppress_put() says.
 * What came before is in the list; commits all. */
MUST_USE enum result suppress_import_fd(struct suppress_import *import, int fd, struct fail *fail);

#endif
