/* The door of a running sender for tools: the socket SPOOL/state/control, on the ring of the main thread.
 * One request a connection (control_request.h), answered in lines; who asks nothing, or does not read, is let
 * go after a while. The rules of what is held are written here (holds.h).
 *
 * Only the user of the sender may open it (mode 0600). */
#ifndef ENGINE_RUN_CONTROL_H
#define ENGINE_RUN_CONTROL_H

#include <stdbool.h>
#include "engine/base/list.h"
#include "engine/base/timer_wheel.h"
#include "engine/io/conn_pool.h"
#include "engine/io/io_op.h"
#include "engine/run/holds.h"

struct control_task;
struct hub;
struct loop;

enum {
	/* Tools at once; more are told to come again. */
	CONTROL_CLIENTS_MAX = 16,
};

struct control {
	struct hub *hub;
	struct loop *loop;
	struct conn_pool pool;
	struct holds holds;
	struct io_op accept_op;
	struct timer again; /* accept once more */
	int fd, dir_fd;     /* -1: not open; of SPOOL/state */
	bool has_pool;
	struct list clients;
	uint32_t clients_count;
	bool is_stopping;
};

/* Replaces the socket of a sender that is dead: the lock of the spool is ours. Results of
 * holds_load(), and of making the socket: RESULT_IO, RESULT_FORBIDDEN, RESULT_LIMIT, RESULT_MEMORY. */
MUST_USE enum result control_open(
	struct control *control, struct hub *hub, struct loop *loop, struct fail *fail);
/* POST_CONTROL_SLICE */
void control_slice_done(struct control *control, struct control_task *task);
/* When all other threads have ended: lets everybody go, removes the socket. Runs turns of the ring. A zeroed
 * one is fine. */
void control_close(struct control *control);

/* For the tool; *out_fd is connected. RESULT_NOT_FOUND: nobody listens there; RESULT_INVALID: that is no
 * spool; RESULT_FORBIDDEN: another user's sender. */
MUST_USE enum result control_connect(const char *spool, int *out_fd, struct fail *fail);

#endif
