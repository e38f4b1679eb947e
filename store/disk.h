/* The few things that the journal asks of a file system, and nothing more, so that a test can link
 * a disk in memory in its place, which loses power at any point and forgets what was not synced.
 *
 * All calls block. Every error is a result with words in `fail` (which may be NULL) that name the
 * file: RESULT_NO_SPACE, RESULT_FORBIDDEN, RESULT_NOT_FOUND, RESULT_EXISTS, RESULT_LIMIT,
 * RESULT_IO. */
#ifndef STORE_DISK_H
#define STORE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/result.h"

/* What was done in the folder (files made, renamed, removed) lasts only after disk_sync_folder(). */
MUST_USE enum result disk_open_folder(const char *path, int *out_folder, struct fail *fail);
MUST_USE enum result disk_sync_folder(int folder, struct fail *fail);
/* Calls `visit` for each name but "." and ".."; stops with what it returns if that is not OK. */
typedef enum result disk_visit_fn(const char *name, void *context);
MUST_USE enum result disk_list_folder(
	int folder, disk_visit_fn *visit, void *context, struct fail *fail);
MUST_USE enum result disk_rename(int folder, const char *from, const char *to, struct fail *fail);
MUST_USE enum result disk_remove(int folder, const char *name, struct fail *fail);
/* The same where it is as good if the file stays. */
void disk_try_remove(int folder, const char *name);

/* For reading and writing; links are not followed. `create`: it must not exist yet, mode 0600. */
MUST_USE enum result disk_open(
	int folder, const char *name, bool create, int *out_fd, struct fail *fail);
void disk_close(int fd);
/* Fills the file up to `bytes` with zeros that take their place on the disk now: later writes
 * inside it need no more space, and syncing them writes no more than them. */
MUST_USE enum result disk_allocate(int fd, uint64_t bytes, struct fail *fail);
/* The same in steps, for who must not wait that long: first the file has its size and its place on
 * the disk (reads as zeros, and later writes need no more space), then the zeros, piece by piece, each
 * sent on its way to the disk without waiting for it; disk_sync() at the end. */
MUST_USE enum result disk_reserve(int fd, uint64_t bytes, struct fail *fail);
MUST_USE enum result disk_zero(int fd, uint64_t offset, uint64_t bytes, struct fail *fail);
MUST_USE enum result disk_truncate(int fd, uint64_t bytes, struct fail *fail);
MUST_USE enum result disk_size(int fd, uint64_t *out_bytes, struct fail *fail);
/* Up to `len` bytes; fewer only at the end of the file. */
MUST_USE enum result disk_read_at(
	int fd, void *data, size_t len, uint64_t offset, size_t *out_len, struct fail *fail);
/* All of it or an error, and then nobody knows how much. */
MUST_USE enum result disk_write_at(
	int fd, const void *data, size_t len, uint64_t offset, struct fail *fail);
/* What was written to the file before lasts. After an error nobody knows what does, and asking
 * again does not tell (the kernel forgets the pages): whoever gets one must stop using the file. */
MUST_USE enum result disk_sync(int fd, struct fail *fail);

#endif
