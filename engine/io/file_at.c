#include "engine/io/file_at.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum result file_open_own(int dir_fd, const char *name, int *out_fd, struct fail *fail)
{
	*out_fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
	return *out_fd >= 0 ? RESULT_OK : fail_set_errno(fail, errno, "opening %s", name);
}

enum result file_read_at(
	int fd, uint64_t at, void *out, size_t size, size_t *out_len, struct fail *fail)
{
	size_t len = 0;
	while (len < size) {
		ssize_t got = pread(fd, (char *)out + len, size - len, (off_t)(at + len));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_set_errno(
				fail, errno, "reading at %llu", (unsigned long long)at);
		if (got == 0)
			break;
		len += (size_t)got;
	}
	*out_len = len;
	return RESULT_OK;
}

enum result file_write_at(int fd, uint64_t at, const void *data, size_t len, struct fail *fail)
{
	for (size_t done = 0; done < len;) {
		ssize_t put = pwrite(fd, (const char *)data + done, len - done, (off_t)(at + done));
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return fail_set_errno(
				fail, errno, "writing at %llu", (unsigned long long)at);
		done += (size_t)put;
	}
	return RESULT_OK;
}

enum result file_link(int from_fd, const char *from, int to_fd, const char *to, struct fail *fail)
{
	if (linkat(from_fd, from, to_fd, to, 0) == 0)
		return RESULT_OK;
	return fail_set_errno(fail, errno, "linking %s", from);
}
