/* The event lines where the user wants them: appended to a file, or on standard output.
 *
 * Every line carries the number of its journal record (`seq`), growing through the file. So the
 * tail of the file tells after a crash which lines are missing: those of the journal with a number
 * above event_file_last_seq(). A last line that was torn in the middle is completed if it is the
 * next to come, else ended by a newline. Nothing is ever cut off: who follows the file sees only
 * growth. For standard output and pipes there is no tail: after a crash lines come at least once.
 * A file that was rotated away takes its tail with it: before it is let go, its owner notes in the
 * journal how far it got (EVENTS_WRITTEN).
 *
 * Blocks while a pipe is full: that is the back-pressure. SIGPIPE must be ignored. One thread. */
#ifndef STORE_EVENT_FILE_H
#define STORE_EVENT_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum {
	/* How far back the tail is searched for a line with a number. Lines without one are rare. */
	EVENT_FILE_TAIL_BYTES_MAX = 4 * 1024 * 1024,
};

struct event_file;

/* "-" is standard output; a missing file is made (mode 0640). Reads the tail. RESULT_FORBIDDEN,
 * RESULT_NOT_FOUND, RESULT_INVALID (a directory) and the like, with words for people. */
MUST_USE enum result event_file_open(
	const char *path, struct event_file **out_file, struct fail *fail);
/* Clears the caller's pointer; NULL is allowed. */
void event_file_close(struct event_file **file);

/* The number of the last whole line that was there when it was opened; 0: none known. */
uint64_t event_file_last_seq(const struct event_file *file);
/* Writes whole lines, one or many, all of it or an error. RESULT_CLOSED: nobody reads the pipe any
 * more; RESULT_NO_SPACE, RESULT_IO. After an error the same text may be given again, and only that:
 * it goes on where it stopped. */
MUST_USE enum result event_file_write(
	struct event_file *file, struct text lines, struct fail *fail);
/* Is what was written still there for a next run? A regular file; not a pipe, whose reader may be gone. */
bool event_file_keeps(const struct event_file *file);
/* For who syncs it elsewhere and does not wait; the file's own, until it is reopened or closed. */
int event_file_fd(const struct event_file *file);
/* Makes what was written durable where that is possible. */
MUST_USE enum result event_file_sync(struct event_file *file, struct fail *fail);
/* After SIGHUP: syncs the old file, opens the path anew. On error the old one stays in use. */
MUST_USE enum result event_file_reopen(struct event_file *file, struct fail *fail);

/* The number in a line as event_format_line() writes it; 0 if there is none. */
uint64_t event_file_seq_of_line(struct text line);

#endif
