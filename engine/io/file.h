/* Files and directories, by calls that block: for the threads that may wait (files, recorder)
 * and for the tools. Links are never followed below the directory that is given; what is opened
 * is a regular file or a directory, never a FIFO or a device that would hang or act. */
#ifndef ENGINE_IO_FILE_H
#define ENGINE_IO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/result.h"
#include "engine/base/text.h"

/* Which file a name meant (DESIGN 1): a name that returns with another identity is new mail. The
 * device is no part of it, since its number may change with the next boot. */
struct file_identity {
	uint64_t inode;
	int64_t birth_ns; /* since 1970; 0: the file system keeps none, the next two count */
	int64_t modified_ns;
	uint64_t bytes;
};
bool file_identity_equal(const struct file_identity *a, const struct file_identity *b);

/* Returns of all: RESULT_NOT_FOUND, RESULT_FORBIDDEN, RESULT_LIMIT (descriptors),
 * RESULT_NO_SPACE, RESULT_IO; RESULT_INVALID where the thing is of another type or a link stands
 * in the way. `fail` may be NULL. `dir_fd` may be AT_FDCWD, and then links in the path are the
 * operator's and followed. */
MUST_USE enum result file_open_directory(
	int dir_fd, const char *name, int *out_fd, struct fail *fail);
/* For reading. `out_identity` may be NULL. */
MUST_USE enum result file_open_regular(int dir_fd, const char *name, int *out_fd,
	struct file_identity *out_identity, struct fail *fail);
/* RESULT_EXISTS: the name is taken. */
MUST_USE enum result file_create(int dir_fd, const char *name, int *out_fd, struct fail *fail);
MUST_USE enum result file_open_append(int dir_fd, const char *name, int *out_fd, struct fail *fail);
void file_close(int fd);

enum file_type { FILE_TYPE_REGULAR, FILE_TYPE_DIRECTORY, FILE_TYPE_OTHER };
/* Looks at what is open; does not wait for the disk. */
MUST_USE enum result file_describe(int fd, enum file_type *out_type,
	struct file_identity *out_identity, struct fail *fail);
/* Looks at a name without opening it; a link is FILE_TYPE_OTHER. */
MUST_USE enum result file_look(int dir_fd, const char *name, enum file_type *out_type,
	struct file_identity *out_identity, struct fail *fail);

/* Does some process hold the (regular) file open for writing? Asks and closes our descriptor, which is open
 * for reading. Where signals_block() was not called, a writer that comes at this instant ends the process. */
enum file_writers {
	FILE_WRITERS_NONE,
	FILE_WRITERS_SOME,
	FILE_WRITERS_UNKNOWN, /* cannot be asked: not our file, a file system without leases */
};
enum file_writers file_close_asking_writers(int fd);
/* With FILE_WRITERS_UNKNOWN a file counts as complete when it has not changed for this long: longer
 * than any writer pauses between two writes of one mail. */
#define FILE_QUIET_NS 10000000000

/* All of it or an error; RESULT_NO_SPACE may leave a part behind. */
MUST_USE enum result file_write_all(int fd, const void *data, size_t len, struct fail *fail);
MUST_USE enum result file_sync(int fd, bool data_only, struct fail *fail); /* directories too */
MUST_USE enum result file_unlink(int dir_fd, const char *name, struct fail *fail);
MUST_USE enum result file_remove_directory(int dir_fd, const char *name, struct fail *fail);
/* RESULT_EXISTS instead of replacing, on every file system. */
MUST_USE enum result file_rename(int from_fd, const char *from, int to_fd, const char *to,
	struct fail *fail);
MUST_USE enum result file_rename_replacing(int from_fd, const char *from, int to_fd, const char *to,
	struct fail *fail);
/* The file has these parts, one behind the other, instead of what it had, or still has that: they are written
 * to `new_name`, which is renamed; durable when it returns. An error may leave `new_name` behind, which the
 * next call takes away. */
MUST_USE enum result file_replace(int dir_fd, const char *name, const char *new_name,
	const struct text *parts, size_t parts_count, struct fail *fail);
/* With all that are missing on the way; one that is there is fine. */
MUST_USE enum result file_make_directories(const char *path, uint32_t mode, struct fail *fail);
/* For one process at a time, until the descriptor is closed. RESULT_BUSY: another holds it. */
MUST_USE enum result file_lock(int fd, struct fail *fail);
/* Bytes that the file system of `fd` has free for us. */
MUST_USE enum result file_free_bytes(int fd, uint64_t *out_bytes, struct fail *fail);
/* A small file (a key, a setting) whole into `out`, ended by a zero; RESULT_TOO_LONG if it does
 * not fit. */
MUST_USE enum result file_read_small(int dir_fd, const char *name, char *out, size_t size,
	size_t *out_len, struct fail *fail);

#endif
