/* Making sockets and asking them things. None of these calls waits. Descriptors are
 * close-on-exec and blocking, as the ring wants them. */
#ifndef ENGINE_IO_SOCKET_H
#define ENGINE_IO_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/ip_address.h"
#include "engine/base/result.h"

/* A TCP socket for a connection to an address of that family, with TCP_NODELAY. `source`: the
 * address it leaves from, NULL for the system's choice; its port is chosen when it connects, so
 * that one source address has all ports for each receiver. RESULT_LIMIT: descriptors are used
 * up; RESULT_UNAVAILABLE: the machine does not have that family, or not that source address. */
MUST_USE enum result socket_open_tcp(
	uint8_t ip_family, const struct ip_address *source, int *out_fd, struct fail *fail);

/* Port 0: any. `shared`: several threads may listen on the port, each gets its part.
 * RESULT_BUSY: the port is taken; RESULT_FORBIDDEN: below 1024 without the right. */
MUST_USE enum result socket_listen_tcp(const struct ip_address *address, uint16_t port, bool shared,
	int *out_fd, struct fail *fail);

/* What an accepted socket needs: TCP_NODELAY. */
void socket_prepare_accepted(int fd);
/* False when it is not (or no longer) connected. */
MUST_USE bool socket_local(int fd, struct ip_address *out_address, uint16_t *out_port);
MUST_USE bool socket_peer(int fd, struct ip_address *out_address, uint16_t *out_port);
/* Closing it will send RST and drop what was not delivered. */
void socket_set_abort(int fd);
/* Has anything arrived that was not taken? 1: yes, it stays there; 0: nothing; -1: the end, or an
 * error that a receive will tell. */
int socket_peek(int fd);
/* The error that a failed connection left, as an errno; 0 for none. */
int socket_error(int fd);

#endif
