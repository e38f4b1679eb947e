/* The event lines where the user wants them: appended to a file, or on standard output.
 *
 * Every line carries the number of its journal record (`seq`), growing through the file. So the tail
 * of the file tells after a crash which lines are missing: the owner gives all lines of the journal
 * to event_file_append_missing(), which leaves out what is there. A last line that was torn in the
 * middle is completed if it is the next to come, else ended by a newline. Nothing is ever cut off: a
 * reader that follows the file sees only growth.
 *
 * For standard output and for pipes there is no tail: after a crash lines come at least once.
 * Lines are collected and written by event_file_flush() or when the buffer is full. Blocks. SIGPIPE
 * must be ignored. One thread. */
#ifndef STORE_EVENT_FILE_H
#define STORE_EVENT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum {
	/* Several commits' lines; at least one line of the largest kind. */
	EVENT_FILE_BUFFER_BYTES = 512 * 1024,
	/* How far back the tail is searched for a line with a number. Lines without one are rare. */
	EVENT_FILE_TAIL_BYTES_MAX = 4 * 1024 * 1024,
};

struct event_file {
	char *path;         /* NULL: standard output */
	int fd;             /* -1: closed */
	bool regular;       /* has a tail, can be synced */
	uint64_t last_seq;  /* of the last whole line; 0: none known */
	uint8_t *memory;
	struct buf buf;     /* lines to be written */
	uint8_t *torn;      /* what stands behind the last newline when it was opened */
	size_t torn_len;
};

/* "-" is standard output; a missing file is made (mode 0640). Reads the tail. RESULT_FORBIDDEN,
 * RESULT_NOT_FOUND and the like with words for people. */
MUST_USE enum result event_file_open(
	struct event_file *out_file, const char *path, struct fail *fail);
/* Does not flush. May be called twice. */
void event_file_close(struct event_file *file);

/* The number of the last whole line there is, or was appended; 0: none known. */
static inline uint64_t event_file_last_seq(const struct event_file *file)
{
	return file->last_seq;
}
/* A line with its newline. `seq` 0: a line without a number. An error is that of a flush that was
 * needed for room; the line is then in the buffer or not: stop. */
MUST_USE enum result event_file_append(
	struct event_file *file, uint64_t seq, struct text line, struct fail *fail);
/* The same for a line of the journal that may be there already: those up to last_seq are left out. */
MUST_USE enum result event_file_append_missing(
	struct event_file *file, uint64_t seq, struct text line, struct fail *fail);
/* Writes everything. RESULT_CLOSED: nobody reads the pipe any more; RESULT_NO_SPACE, RESULT_IO. What was
 * not written stays in the buffer, and may be tried again. */
MUST_USE enum result event_file_flush(struct event_file *file, struct fail *fail);
/* Flushes, and makes it durable where that is possible. */
MUST_USE enum result event_file_sync(struct event_file *file, struct fail *fail);
/* After SIGHUP: syncs the old file, opens the path anew. On error the old one stays in use. */
MUST_USE enum result event_file_reopen(struct event_file *file, struct fail *fail);

/* The number in a line as event_format_line() writes it; 0 if there is none. */
uint64_t event_file_seq_of_line(struct text line);

#endif
