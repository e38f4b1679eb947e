/* The spool as its writers see it: tmp/ and new/. By calls that block. */
#ifndef BENCH_LOAD_SPOOL_H
#define BENCH_LOAD_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/result.h"

struct load_spool {
	int dir, tmp, new; /* -1: not open */
	bool sync_files, in_place;
};

/* `create` makes tmp, new, bad and state where they are missing. RESULT_NOT_FOUND: DIR is no spool;
 * RESULT_FORBIDDEN, RESULT_IO, RESULT_INVALID (a file stands where a folder should). */
MUST_USE enum result load_spool_open(
	struct load_spool *spool, const char *path, bool create, struct fail *fail);
void load_spool_close(struct load_spool *spool);

/* One file, whole or not at all (but in place). RESULT_NO_SPACE, RESULT_EXISTS, RESULT_IO. */
MUST_USE enum result load_spool_put(const struct load_spool *spool, const char *name,
	const void *data, size_t len, struct fail *fail);
/* Makes the names durable. */
MUST_USE enum result load_spool_sync(const struct load_spool *spool, struct fail *fail);

#endif
