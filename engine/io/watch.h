/* What happens in a directory, as the kernel tells it (inotify), read through the ring.
 *
 * Names that were complete in it: moved in, or closed after writing. Also what went away, so
 * that mail withdrawn by hand is noticed. After RESULT_LIMIT (too many watches for the user) or
 * an overflow the owner scans. A watch never tells of what was there before it was opened: open
 * first, scan then. */
#ifndef ENGINE_IO_WATCH_H
#define ENGINE_IO_WATCH_H

#include <stdint.h>
#include "engine/base/result.h"
#include "engine/io/io_op.h"

struct ring;
struct watch;

enum watch_event {
	WATCH_READY,    /* `name` was moved in, linked in, or closed after writing: take a look */
	WATCH_GONE,     /* `name` was removed or moved out */
	WATCH_OVERFLOW, /* events were lost: scan. `name` is NULL */
	WATCH_ENDED,    /* the directory itself is gone or was unmounted. `name` is NULL */
};

/* `name` is borrowed until it returns; `directory` is the number of watch_add(). */
typedef void watch_fn(struct watch *watch, enum watch_event event, int directory, const char *name);

enum { WATCH_BUFFER_BYTES = 16384 };

struct watch {
	int fd;
	struct ring *ring;
	void *owner;
	watch_fn *fn;
	struct io_op op;
	_Alignas(8) uint8_t buffer[WATCH_BUFFER_BYTES];
};

/* RESULT_LIMIT: fs.inotify.max_user_instances or descriptors are used up; the text says which. */
MUST_USE enum result watch_open(struct watch *watch, struct ring *ring, watch_fn *fn, void *owner,
	struct fail *fail);
/* The directory behind an open descriptor. *out_directory tells its events apart. RESULT_LIMIT:
 * fs.inotify.max_user_watches. */
MUST_USE enum result watch_add(
	struct watch *watch, int dir_fd, int *out_directory, struct fail *fail);
void watch_remove(struct watch *watch, int directory);
/* Ends it; the watch is free when watch->op is no longer in flight. */
void watch_close(struct watch *watch);

#endif
