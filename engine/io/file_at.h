/* Files of our own that are read and written at places in them, by calls that block: for the threads that may
 * wait (jobs). Results as those of file.h. */
#ifndef ENGINE_IO_FILE_AT_H
#define ENGINE_IO_FILE_AT_H

#include <stddef.h>
#include <stdint.h>
#include "engine/io/file.h"

/* For reading and writing, made if it is not there. `name` is one step below `dir_fd`. */
MUST_USE enum result file_open_own(int dir_fd, const char *name, int *out_fd, struct fail *fail);
/* As much as there is, up to `size`. A file that has become shorter gives less, never a signal. */
MUST_USE enum result file_read_at(
	int fd, uint64_t at, void *out, size_t size, size_t *out_len, struct fail *fail);
/* All of it or an error. */
MUST_USE enum result file_write_at(
	int fd, uint64_t at, const void *data, size_t len, struct fail *fail);
/* A second name for a file, that is no link: RESULT_FORBIDDEN or RESULT_IO where that cannot be had. */
MUST_USE enum result file_link(
	int from_fd, const char *from, int to_fd, const char *to, struct fail *fail);

#endif
