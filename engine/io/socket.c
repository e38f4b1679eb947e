#include "engine/io/socket.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/base/check.h"

/* Newer than the headers of some C libraries; in Linux since 4.2. */
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum { SOCKET_BACKLOG = 4096 }; /* the kernel cuts it to net.core.somaxconn */

static bool set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

static enum result open_stream(uint8_t ip_family, int *out_fd, struct fail *fail)
{
	CHECK(ip_family == IP_FAMILY_4 || ip_family == IP_FAMILY_6);
	int domain = ip_family == IP_FAMILY_4 ? AF_INET : AF_INET6;
	*out_fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	if (*out_fd >= 0)
		return RESULT_OK;
	switch (errno) {
	case EMFILE:
	case ENFILE:
		return fail_set(fail, RESULT_LIMIT,
			"no descriptor left for a connection: raise LimitNOFILE= or `ulimit -n`");
	case EAFNOSUPPORT:
		return fail_set(fail, RESULT_UNAVAILABLE, "this machine has no IPv%u", ip_family);
	default:
		return fail_set_errno(fail, errno, "cannot make a socket");
	}
}

static enum result bind_source(int fd, const struct ip_address *source, struct fail *fail)
{
	struct sockaddr_storage local;
	socklen_t len = ip_address_to_sockaddr(source, 0, &local);
	char text[IP_ADDRESS_TEXT_SIZE];
	/* Without it bind() would choose a port that no other connection from here has, and the
	 * address would be used up by some 28,000 connections instead of as many to each
	 * receiver. */
	(void)set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	if (bind(fd, (const struct sockaddr *)&local, len) == 0)
		return RESULT_OK;
	if (errno == EADDRNOTAVAIL)
		return fail_set(fail, RESULT_UNAVAILABLE, "%s is not an address of this machine",
			ip_address_text(source, text));
	return fail_set_errno(fail, errno, "cannot send from %s", ip_address_text(source, text));
}

enum result socket_open_tcp(uint8_t ip_family, const struct ip_address *source, int *out_fd,
	struct fail *fail)
{
	int fd;
	*out_fd = -1;
	enum result result = open_stream(ip_family, &fd, fail);
	if (result != RESULT_OK)
		return result;
	/* A command group is written at once; waiting for more to fill a packet only delays it. */
	(void)set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (source != NULL)
		result = bind_source(fd, source, fail);
	if (result != RESULT_OK) {
		close(fd);
		return result;
	}
	*out_fd = fd;
	return RESULT_OK;
}

enum result socket_listen_tcp(const struct ip_address *address, uint16_t port, bool shared,
	int *out_fd, struct fail *fail)
{
	int fd;
	*out_fd = -1;
	enum result result = open_stream(address->family, &fd, fail);
	if (result != RESULT_OK)
		return result;
	(void)set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (address->family == IP_FAMILY_6)
		(void)set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1); /* IPv4 has a socket of its own */
	if (shared && !set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) {
		result = fail_set_errno(fail, errno, "cannot share a port between threads");
		close(fd);
		return result;
	}
	struct sockaddr_storage local;
	socklen_t len = ip_address_to_sockaddr(address, port, &local);
	char text[IP_ADDRESS_TEXT_SIZE];
	if (bind(fd, (const struct sockaddr *)&local, len) == 0 &&
		listen(fd, SOCKET_BACKLOG) == 0) {
		*out_fd = fd;
		return RESULT_OK;
	}
	int error = errno;
	close(fd);
	(void)ip_address_text(address, text);
	if (error == EADDRINUSE)
		return fail_set(fail, RESULT_BUSY, "port %u of %s is taken", port, text);
	if (error == EACCES)
		return fail_set(fail, RESULT_FORBIDDEN, "not permitted to listen on port %u", port);
	return fail_set_errno(fail, error, "cannot listen on port %u of %s", port, text);
}

void socket_prepare_accepted(int fd) { (void)set(fd, IPPROTO_TCP, TCP_NODELAY, 1); }

bool socket_local(int fd, struct ip_address *out_address, uint16_t *out_port)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	return getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
		ip_address_of_sockaddr(&address, out_address, out_port) == RESULT_OK;
}

bool socket_peer(int fd, struct ip_address *out_address, uint16_t *out_port)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	return getpeername(fd, (struct sockaddr *)&address, &len) == 0 &&
		ip_address_of_sockaddr(&address, out_address, out_port) == RESULT_OK;
}

void socket_set_abort(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

int socket_peek(int fd)
{
	uint8_t byte;
	ssize_t got = recv(fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
	if (got > 0)
		return 1;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return -1;
}

int socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof error;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}
