#include "store/disk.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	/* Of zeros written at once: large enough for the disk, small enough to hold. */
	ZERO_BYTES = 256 * 1024,
};

enum result disk_open_folder(const char *path, int *out_folder, struct fail *fail)
{
	*out_folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*out_folder < 0)
		return fail_set_errno(fail, errno, "cannot open the directory %s", path);
	return RESULT_OK;
}

enum result disk_sync_folder(int folder, struct fail *fail)
{
	if (fsync(folder) != 0)
		return fail_set_errno(fail, errno, "cannot sync the directory");
	return RESULT_OK;
}

static enum result visit_all(DIR *entries, disk_visit_fn *visit, void *context, struct fail *fail)
{
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(entries);
		if (entry == NULL && errno != 0)
			return fail_set_errno(fail, errno, "cannot read the directory");
		if (entry == NULL)
			return RESULT_OK;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		enum result result = visit(entry->d_name, context);
		if (result != RESULT_OK)
			return result;
	}
}

enum result disk_list_folder(int folder, disk_visit_fn *visit, void *context, struct fail *fail)
{
	/* A descriptor of its own: closedir() closes it, and its place in the directory is its own. */
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
	if (entries == NULL) {
		int sys_errno = errno;
		disk_close(fd);
		return fail_set_errno(fail, sys_errno, "cannot read the directory");
	}
	enum result result = visit_all(entries, visit, context, fail);
	(void)closedir(entries);
	return result;
}

enum result disk_rename(int folder, const char *from, const char *to, struct fail *fail)
{
	if (renameat(folder, from, folder, to) != 0)
		return fail_set_errno(fail, errno, "cannot rename %s to %s", from, to);
	return RESULT_OK;
}

enum result disk_remove(int folder, const char *name, struct fail *fail)
{
	if (unlinkat(folder, name, 0) != 0)
		return fail_set_errno(fail, errno, "cannot remove %s", name);
	return RESULT_OK;
}

void disk_try_remove(int folder, const char *name) { (void)unlinkat(folder, name, 0); }

enum result disk_open(int folder, const char *name, bool create, int *out_fd, struct fail *fail)
{
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT | O_EXCL : 0);
	*out_fd = openat(folder, name, flags, 0600);
	if (*out_fd < 0)
		return fail_set_errno(fail, errno, "cannot open %s", name);
	return RESULT_OK;
}

void disk_close(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

enum result disk_reserve(int fd, uint64_t bytes, struct fail *fail)
{
	int error = posix_fallocate(fd, 0, (off_t)bytes);
	if (error != 0)
		return fail_set_errno(
			fail, error, "cannot allocate %llu bytes", (unsigned long long)bytes);
	return RESULT_OK;
}

enum result disk_zero(int fd, uint64_t offset, uint64_t bytes, struct fail *fail)
{
	void *zeros = calloc(1, ZERO_BYTES);
	if (zeros == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory to allocate a file");
	enum result result = RESULT_OK;
	for (uint64_t at = 0; at < bytes && result == RESULT_OK; at += ZERO_BYTES) {
		uint64_t left = bytes - at;
		result = disk_write_at(fd, zeros,
			left < ZERO_BYTES ? (size_t)left : ZERO_BYTES, offset + at, fail);
	}
	free(zeros);
	/* What cannot be begun now is left to the sync, which tells of errors too. */
	if (result == RESULT_OK)
		(void)sync_file_range(fd, (off_t)offset, (off_t)bytes, SYNC_FILE_RANGE_WRITE);
	return result;
}

/* First the space in one piece, then zeros over it: space that was only reserved would have to be
 * marked as written in the file system's own journal with every sync. */
enum result disk_allocate(int fd, uint64_t bytes, struct fail *fail)
{
	enum result result = disk_reserve(fd, bytes, fail);
	if (result == RESULT_OK)
		result = disk_zero(fd, 0, bytes, fail);
	return result == RESULT_OK ? disk_sync(fd, fail) : result;
}

enum result disk_truncate(int fd, uint64_t bytes, struct fail *fail)
{
	if (ftruncate(fd, (off_t)bytes) != 0)
		return fail_set_errno(fail, errno, "cannot shorten a file");
	return RESULT_OK;
}

enum result disk_size(int fd, uint64_t *out_bytes, struct fail *fail)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return fail_set_errno(fail, errno, "cannot look at a file");
	if (!S_ISREG(st.st_mode))
		return fail_set(fail, RESULT_INVALID, "not a regular file");
	*out_bytes = (uint64_t)st.st_size;
	return RESULT_OK;
}

enum result disk_read_at(
	int fd, void *data, size_t len, uint64_t offset, size_t *out_len, struct fail *fail)
{
	*out_len = 0;
	while (*out_len < len) {
		ssize_t n = pread(
			fd, (char *)data + *out_len, len - *out_len, (off_t)(offset + *out_len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_set_errno(fail, errno, "cannot read");
		if (n == 0)
			break;
		*out_len += (size_t)n;
	}
	return RESULT_OK;
}

enum result disk_write_at(int fd, const void *data, size_t len, uint64_t offset, struct fail *fail)
{
	for (size_t done = 0; done < len;) {
		ssize_t n =
			pwrite(fd, (const char *)data + done, len - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_set_errno(fail, errno, "cannot write");
		if (n == 0)
			return fail_set(fail, RESULT_IO, "cannot write: nothing was taken");
		done += (size_t)n;
	}
	return RESULT_OK;
}

enum result disk_sync(int fd, struct fail *fail)
{
	if (fdatasync(fd) != 0)
		return fail_set_errno(fail, errno, "cannot sync");
	return RESULT_OK;
}
