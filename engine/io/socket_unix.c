#include "engine/io/socket_unix.h"
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16 };

/* unix(7): a path has 108 octets. */
static struct sockaddr_un address_of(int dir_fd, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int len = snprintf(
		address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", dir_fd, name);
	CHECK(len > 0 && (size_t)len < sizeof address.sun_path);
	return address;
}

static enum result open_socket(int *out_fd, struct fail *fail)
{
	*out_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return *out_fd >= 0 ? RESULT_OK : fail_set_errno(fail, errno, "cannot make a socket");
}

enum result socket_listen_unix(int dir_fd, const char *name, int *out_fd, struct fail *fail)
{
	const struct sockaddr_un address = address_of(dir_fd, name);
	enum result r = open_socket(out_fd, fail);
	if (r != RESULT_OK)
		return r;
	/* The mode of the socket is that of its name from the first moment on. */
	if (fchmod(*out_fd, 0600) == 0 && (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT) &&
		bind(*out_fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
		listen(*out_fd, BACKLOG) == 0)
		return RESULT_OK;
	r = fail_set_errno(fail, errno, "cannot listen on the socket %s", name);
	(void)close(*out_fd);
	*out_fd = -1;
	return r;
}

enum result socket_connect_unix(int dir_fd, const char *name, int *out_fd, struct fail *fail)
{
	const struct sockaddr_un address = address_of(dir_fd, name);
	int done;
	enum result r = open_socket(out_fd, fail);
	if (r != RESULT_OK)
		return r;
	do {
		done = connect(*out_fd, (const struct sockaddr *)&address, sizeof address);
	} while (done != 0 && errno == EINTR);
	if (done == 0)
		return RESULT_OK;
	r = errno == ENOENT || errno == ECONNREFUSED
		    ? fail_set(fail, RESULT_NOT_FOUND, "nobody listens on the socket %s", name)
		    : fail_set_errno(fail, errno, "cannot connect to the socket %s", name);
	(void)close(*out_fd);
	*out_fd = -1;
	return r;
}
