/* The list of what longship-load put into a spool, one message a line, fields separated by tabs:
 *
 *   run <TAB> id <TAB> file <TAB> body octets <TAB> recipient [<TAB> recipient ...]
 *
 * `run` in 16 hex digits as in the token. A line that starts with '#' says nothing. longship-sink holds
 * what it received against it; scripts may use it to tell which file holds which message. */
#ifndef BENCH_MANIFEST_H
#define BENCH_MANIFEST_H

#include <stdint.h>
#include "bench/sink_ledger.h"
#include "engine/base/buf.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum {
	/* A message to as many recipients as a file may name, 300 octets each. */
	MANIFEST_LINE_MAX = 4 * 1024 * 1024,
};

struct manifest_line {
	uint64_t run, id, size;
	struct text file;
	struct text rcpts; /* separated by tabs */
};

void manifest_put(struct buf *out, const struct manifest_line *line);
/* False when it is no line of a manifest. Borrows from `line`, which has no line end. */
MUST_USE bool manifest_parse(struct text line, struct manifest_line *out_line);

/* All deliveries of a manifest: malloc'ed, the caller's. RESULT_INVALID names the line. */
MUST_USE enum result manifest_read(const char *path, struct sink_expected **out_expected,
	size_t *out_count, struct fail *fail);

#endif
