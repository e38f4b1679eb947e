#include "engine/io/file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "engine/base/check.h"
#include "engine/base/text.h"

enum {
	FILE_MODE_NEW = 0640, /* mail is nobody else's business; the group may look */
};
#define FILE_PATH_MAX 4096 /* PATH_MAX: longer names do not reach the kernel */

/* ---- opening ---- */

static enum result fail_open(struct fail *fail, int error, const char *name)
{
	/* A link on the way (ELOOP), or a way out of the directory (EXDEV). */
	if (error == ELOOP || error == EXDEV)
		return fail_set(
			fail, RESULT_INVALID, "%s is a link or leads out of its directory", name);
	if (error == ENOTDIR)
		return fail_set(
			fail, RESULT_INVALID, "%s is no directory, or leads through none", name);
	return fail_set_errno(fail, error, "cannot open %s", name);
}

/* The same where openat2 is hidden (seccomp, valgrind): a directory at a time, no link followed. */
static int open_stepwise(int dir_fd, const char *name, int flags, uint32_t mode)
{
	int at_fd = dir_fd;
	struct text rest = text_of(name), part;
	while (text_split(&rest, '/', &part)) {
		char step[NAME_MAX + 1];
		bool is_last = rest.data == NULL;
		int fd = -1;
		if (part.len == 0 || part.len > NAME_MAX || text_equal(part, TEXT("..")))
			errno = EXDEV;
		else {
			memcpy(step, part.data, part.len);
			step[part.len] = '\0';
			fd = is_last ? openat(at_fd, step, flags | O_NOFOLLOW, mode)
				     : openat(at_fd, step, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		int error = errno;
		if (at_fd != dir_fd)
			close(at_fd);
		errno = error;
		if (fd < 0 || is_last)
			return fd;
		at_fd = fd;
	}
	errno = ENOENT;
	return -1;
}

/* The name is looked up without following a link, unless it is the operator's own path. */
static int open_below(int dir_fd, const char *name, int flags, uint32_t mode)
{
	flags |= O_CLOEXEC | O_NOCTTY;
	if (dir_fd == AT_FDCWD)
		return open(name, flags, mode);
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_NOFOLLOW,
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dir_fd, name, &how, sizeof how);
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return open_stepwise(dir_fd, name, flags, mode);
	return (int)fd;
}

static enum result open_or_fail(int dir_fd, const char *name, int flags, int *out_fd,
	struct fail *fail)
{
	*out_fd = open_below(dir_fd, name, flags, flags & O_CREAT ? FILE_MODE_NEW : 0);
	return *out_fd >= 0 ? RESULT_OK : fail_open(fail, errno, name);
}

enum result file_open_directory(int dir_fd, const char *name, int *out_fd, struct fail *fail)
{
	return open_or_fail(dir_fd, name, O_RDONLY | O_DIRECTORY, out_fd, fail);
}

enum result file_open_regular(int dir_fd, const char *name, int *out_fd,
	struct file_identity *out_identity, struct fail *fail)
{
	/* O_NONBLOCK: a FIFO without a writer would hang. A regular file does not mind. */
	int fd;
	*out_fd = -1;
	enum result result = open_or_fail(dir_fd, name, O_RDONLY | O_NONBLOCK, &fd, fail);
	if (result != RESULT_OK)
		return result;
	struct file_identity identity;
	enum file_type type;
	result = file_describe(fd, &type, &identity, fail);
	if (result == RESULT_OK && type != FILE_TYPE_REGULAR)
		result = fail_set(fail, RESULT_INVALID, "%s is not a regular file", name);
	if (result != RESULT_OK) {
		close(fd);
		return result;
	}
	if (out_identity != NULL)
		*out_identity = identity;
	*out_fd = fd;
	return RESULT_OK;
}

enum result file_create(int dir_fd, const char *name, int *out_fd, struct fail *fail)
{
	return open_or_fail(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL, out_fd, fail);
}

enum result file_open_append(int dir_fd, const char *name, int *out_fd, struct fail *fail)
{
	return open_or_fail(dir_fd, name, O_WRONLY | O_CREAT | O_APPEND, out_fd, fail);
}

void file_close(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

/* ---- identity ---- */

bool file_identity_equal(const struct file_identity *a, const struct file_identity *b)
{
	if (a->inode != b->inode)
		return false;
	if (a->birth_ns != 0 || b->birth_ns != 0)
		return a->birth_ns == b->birth_ns;
	return a->modified_ns == b->modified_ns && a->bytes == b->bytes;
}

static int64_t nanoseconds(struct statx_timestamp at)
{
	return at.tv_sec * 1000000000 + at.tv_nsec;
}

static void read_status(const struct statx *status, enum file_type *out_type,
	struct file_identity *out_identity)
{
	*out_type = S_ISREG(status->stx_mode) ? FILE_TYPE_REGULAR
		: S_ISDIR(status->stx_mode)   ? FILE_TYPE_DIRECTORY
					      : FILE_TYPE_OTHER;
	*out_identity = (struct file_identity){
		.inode = status->stx_ino,
		.birth_ns = status->stx_mask & STATX_BTIME ? nanoseconds(status->stx_btime) : 0,
		.modified_ns = nanoseconds(status->stx_mtime),
		.bytes = status->stx_size,
	};
}

enum result file_describe(int fd, enum file_type *out_type, struct file_identity *out_identity,
	struct fail *fail)
{
	struct statx status;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &status) != 0)
		return fail_set_errno(fail, errno, "cannot look at an open file");
	read_status(&status, out_type, out_identity);
	return RESULT_OK;
}

enum result file_look(int dir_fd, const char *name, enum file_type *out_type,
	struct file_identity *out_identity, struct fail *fail)
{
	struct statx status;
	if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &status) != 0)
		return fail_set_errno(fail, errno, "cannot look at %s", name);
	read_status(&status, out_type, out_identity);
	return RESULT_OK;
}

/* ---- is somebody still writing? ---- */

/* The kernel grants a read lease only on a file that nobody has open for writing. It goes with the
 * descriptor, at once; who opens the file for writing in between waits those microseconds, and the
 * kernel sends us SIGIO, which signals_block() has made harmless. */
enum file_writers file_close_asking_writers(int fd)
{
	enum file_writers writers = FILE_WRITERS_NONE;
	if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0)
		writers = errno == EAGAIN ? FILE_WRITERS_SOME : FILE_WRITERS_UNKNOWN;
	file_close(fd);
	return writers;
}

/* ---- writing and names ---- */

enum result file_write_all(int fd, const void *data, size_t len, struct fail *fail)
{
	const uint8_t *at = data;
	while (len > 0) {
		ssize_t written = write(fd, at, len);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return fail_set_errno(fail, errno, "cannot write");
		at += written;
		len -= (size_t)written;
	}
	return RESULT_OK;
}

enum result file_sync(int fd, bool data_only, struct fail *fail)
{
	int done = data_only ? fdatasync(fd) : fsync(fd);
	return done == 0 ? RESULT_OK
			 : fail_set_errno(fail, errno, "cannot bring a file to the disk");
}

enum result file_unlink(int dir_fd, const char *name, struct fail *fail)
{
	return unlinkat(dir_fd, name, 0) == 0
		       ? RESULT_OK
		       : fail_set_errno(fail, errno, "cannot remove %s", name);
}

enum result file_remove_directory(int dir_fd, const char *name, struct fail *fail)
{
	return unlinkat(dir_fd, name, AT_REMOVEDIR) == 0
		? RESULT_OK : fail_set_errno(fail, errno, "cannot remove the directory %s", name);
}

static enum result fail_rename(struct fail *fail, int error, const char *from, const char *to)
{
	return fail_set_errno(fail, error, "cannot rename %s to %s", from, to);
}

enum result file_rename(int from_fd, const char *from, int to_fd, const char *to, struct fail *fail)
{
	if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0)
		return RESULT_OK;
	if (errno != EINVAL && errno != ENOSYS)
		return fail_rename(fail, errno, from, to);
	/* A file system without that flag: a second link cannot replace anything either. */
	if (linkat(from_fd, from, to_fd, to, 0) != 0)
		return fail_rename(fail, errno, from, to);
	return file_unlink(from_fd, from, fail);
}

enum result file_rename_replacing(int from_fd, const char *from, int to_fd, const char *to,
	struct fail *fail)
{
	return renameat(from_fd, from, to_fd, to) == 0 ? RESULT_OK
						       : fail_rename(fail, errno, from, to);
}

enum result file_replace(int dir_fd, const char *name, const char *new_name, const struct text *parts,
	size_t parts_count, struct fail *fail)
{
	int fd;
	(void)unlinkat(dir_fd, new_name, 0); /* of a write that was cut off */
	enum result r = file_create(dir_fd, new_name, &fd, fail);
	if (r != RESULT_OK)
		return r;
	for (size_t i = 0; i < parts_count && r == RESULT_OK; i++)
		r = file_write_all(fd, parts[i].data, parts[i].len, fail);
	if (r == RESULT_OK)
		r = file_sync(fd, false, fail);
	file_close(fd);
	if (r == RESULT_OK)
		r = file_rename_replacing(dir_fd, new_name, dir_fd, name, fail);
	return r == RESULT_OK ? file_sync(dir_fd, false, fail) : r;
}

enum result file_make_directories(const char *path, uint32_t mode, struct fail *fail)
{
	char prefix[FILE_PATH_MAX];
	size_t len = strlen(path);
	if (len == 0 || len >= sizeof prefix)
		return fail_set(fail, RESULT_INVALID, "not a path of a directory: %s", path);
	memcpy(prefix, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (prefix[i] != '/' && prefix[i] != '\0')
			continue;
		char end = prefix[i];
		prefix[i] = '\0';
		if (mkdir(prefix, mode) != 0 && errno != EEXIST)
			return fail_set_errno(fail, errno, "cannot make the directory %s", prefix);
		prefix[i] = end;
	}
	int fd;
	enum result result = file_open_directory(AT_FDCWD, path, &fd, fail);
	if (result == RESULT_OK)
		file_close(fd);
	return result;
}

enum result file_lock(int fd, struct fail *fail)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return RESULT_OK;
	if (errno == EWOULDBLOCK)
		return fail_set(fail, RESULT_BUSY, "locked by another process");
	return fail_set_errno(fail, errno, "cannot lock a file");
}

enum result file_free_bytes(int fd, uint64_t *out_bytes, struct fail *fail)
{
	struct statvfs status;
	if (fstatvfs(fd, &status) != 0)
		return fail_set_errno(fail, errno, "cannot ask for the free space");
	*out_bytes = (uint64_t)status.f_bavail * status.f_frsize;
	return RESULT_OK;
}

/* Reads until EOF or until the buffer is full; -1 and errno. */
static ssize_t read_up_to(int fd, char *out, size_t size)
{
	size_t len = 0;
	while (len < size) {
		ssize_t got = read(fd, out + len, size - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		len += (size_t)got;
	}
	return (ssize_t)len;
}

enum result file_read_small(int dir_fd, const char *name, char *out, size_t size, size_t *out_len,
	struct fail *fail)
{
	CHECK(size > 0);
	int fd;
	enum result result = file_open_regular(dir_fd, name, &fd, NULL, fail);
	if (result != RESULT_OK)
		return result;
	ssize_t len = read_up_to(fd, out, size);
	int error = errno;
	file_close(fd);
	if (len < 0)
		return fail_set_errno(fail, error, "cannot read %s", name);
	if ((size_t)len == size)
		return fail_set(
			fail, RESULT_TOO_LONG, "%s is longer than %zu bytes", name, size - 1);
	out[len] = '\0';
	*out_len = (size_t)len;
	return RESULT_OK;
}
