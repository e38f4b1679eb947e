/* Walks through a directory of any size in slices, so that a thread with other duties looks
 * after them in between. Names that come or go meanwhile may be seen or not; each name is seen
 * at most once if the directory does not change. Allocates its buffer once. */
#ifndef ENGINE_IO_FILE_SCAN_H
#define ENGINE_IO_FILE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/result.h"
#include "engine/io/file.h"

enum {
	/* One call of the kernel: some hundred names, under a millisecond where the directory is
	 * warm. */
	FILE_SCAN_BUFFER_BYTES = 32768,
};

struct file_scan {
	int fd; /* its own descriptor of the directory; -1: closed */
	uint8_t *buffer;
	size_t len, at;
	bool end;
};

struct file_scan_entry {
	const char *name; /* borrowed until the next call */
	uint64_t inode;
	bool type_known;  /* else file_look() tells */
	enum file_type type;
};

/* From the beginning. `name` below `dir_fd`. RESULT_MEMORY and those of file.h. */
MUST_USE enum result file_scan_open(struct file_scan *scan, int dir_fd, const char *name,
	struct fail *fail);
/* The next name, without "." and "..". RESULT_NOT_FOUND at the end. RESULT_AGAIN when this slice
 * is used up: do something else, then call again (the next call reads the next slice from the
 * kernel). */
MUST_USE enum result file_scan_next(struct file_scan *scan, struct file_scan_entry *out_entry,
	struct fail *fail);
/* May be called twice. */
void file_scan_close(struct file_scan *scan);

#endif
