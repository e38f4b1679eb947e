#include "engine/io/file_scan.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"

enum result file_scan_open(struct file_scan *scan, int dir_fd, const char *name, struct fail *fail)
{
	*scan = (struct file_scan){ .fd = -1 };
	scan->buffer = malloc(FILE_SCAN_BUFFER_BYTES);
	if (scan->buffer == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory to read a directory");
	enum result result = file_open_directory(dir_fd, name, &scan->fd, fail);
	if (result != RESULT_OK)
		file_scan_close(scan);
	return result;
}

void file_scan_close(struct file_scan *scan)
{
	file_close(scan->fd);
	free(scan->buffer);
	*scan = (struct file_scan){ .fd = -1 };
}

static enum result fill(struct file_scan *scan, struct fail *fail)
{
	ssize_t got = getdents64(scan->fd, scan->buffer, FILE_SCAN_BUFFER_BYTES);
	if (got < 0)
		return fail_set_errno(fail, errno, "cannot read a directory");
	scan->at = 0;
	scan->len = (size_t)got;
	scan->end = got == 0;
	return RESULT_OK;
}

static void describe(const struct dirent64 *dirent, struct file_scan_entry *out_entry)
{
	*out_entry = (struct file_scan_entry){
		.name = dirent->d_name,
		.inode = dirent->d_ino,
		.type_known = dirent->d_type != DT_UNKNOWN,
		.type = dirent->d_type == DT_REG ? FILE_TYPE_REGULAR
			: dirent->d_type == DT_DIR ? FILE_TYPE_DIRECTORY
						   : FILE_TYPE_OTHER,
	};
}

enum result file_scan_next(
	struct file_scan *scan, struct file_scan_entry *out_entry, struct fail *fail)
{
	CHECK(scan->fd >= 0);
	if (scan->len == 0 && !scan->end) {
		enum result result = fill(scan, fail);
		if (result != RESULT_OK)
			return result;
	}
	while (scan->at < scan->len) {
		const struct dirent64 *dirent =
			(const struct dirent64 *)(const void *)(scan->buffer + scan->at);
		CHECK(dirent->d_reclen > 0 && dirent->d_reclen <= scan->len - scan->at);
		scan->at += dirent->d_reclen;
		if (strcmp(dirent->d_name, ".") == 0 || strcmp(dirent->d_name, "..") == 0)
			continue;
		describe(dirent, out_entry);
		return RESULT_OK;
	}
	scan->at = 0;
	scan->len = 0;
	return scan->end ? RESULT_NOT_FOUND : RESULT_AGAIN;
}
