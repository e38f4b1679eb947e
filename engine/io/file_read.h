/* Reads a whole regular file through the ring: for workers, which never wait for a disk.
 *
 * open (no link on the way, no FIFO that hangs) ─▶ look at it ─▶ read ─▶ close. Embedded in
 * its owner; allocates nothing, the owner gives the memory when the size is known. */
#ifndef ENGINE_IO_FILE_READ_H
#define ENGINE_IO_FILE_READ_H

#include <stddef.h>
#include <stdint.h>
#include "engine/base/result.h"
#include "engine/io/file.h"
#include "engine/io/io_op.h"

struct file_read;
struct ring;

/* Memory of at least `bytes` (one more than the file has), or NULL (RESULT_MEMORY); it must live
 * until `done`. */
typedef uint8_t *file_read_buffer_fn(struct file_read *read, size_t bytes);
/* Ends every read exactly once, from ring_run_once(); `read` is the owner's again. RESULT_OK:
 * data, len and identity are set. RESULT_NOT_FOUND, RESULT_FORBIDDEN, RESULT_LIMIT (descriptors),
 * RESULT_INVALID (not a regular file, a link), RESULT_TOO_LONG (beyond the limit; identity is set),
 * RESULT_MEMORY, RESULT_CHANGED (grew or shrank meanwhile), RESULT_CANCELLED,
 * RESULT_IO. */
typedef void file_read_done_fn(struct file_read *read, enum result result);

struct file_read {
	/* Set by the owner before the start, and left alone. */
	void *owner;
	size_t max_bytes;            /* of a file; below 2 GiB */
	file_read_buffer_fn *buffer;
	file_read_done_fn *done;

	/* What came of it. */
	struct file_identity identity;
	uint8_t *data;               /* what `buffer` gave */
	size_t len;
	struct fail fail;

	/* Its own. */
	struct ring *ring;
	struct io_op op;
	int fd;
	bool cancelled;
};

/* `path` below the directory `dir_fd`, links nowhere followed; borrowed until `done`. */
void file_read_start(struct file_read *read, struct ring *ring, int dir_fd, const char *path);
/* `done` comes soon, with RESULT_CANCELLED or with what it had come to. */
void file_read_cancel(struct file_read *read);

#endif
