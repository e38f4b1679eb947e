/* Sockets in the file system, for tools on the same machine. A path of any length: they are reached
 * through the folder that they lie in. Descriptors are close-on-exec and blocking, as the ring wants them. */
#ifndef ENGINE_IO_SOCKET_UNIX_H
#define ENGINE_IO_SOCKET_UNIX_H

#include "engine/base/result.h"

/* Mode 0600. What has the name is replaced: whose it is, is the caller's care. RESULT_LIMIT: descriptors;
 * RESULT_FORBIDDEN, RESULT_IO, RESULT_NO_SPACE. */
MUST_USE enum result socket_listen_unix(
	int dir_fd, const char *name, int *out_fd, struct fail *fail);
/* Waits no longer than the other side needs to look. RESULT_NOT_FOUND: nobody listens; RESULT_FORBIDDEN. */
MUST_USE enum result socket_connect_unix(
	int dir_fd, const char *name, int *out_fd, struct fail *fail);

#endif
