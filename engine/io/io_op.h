/* One wait for the kernel: what the ring does for its owner, and what it says when it is done.
 *
 * An io_op is embedded in its owner (a connection, a file read, a mailbox) and its address is
 * the user_data of the request, so nothing is allocated and nothing is looked up. While
 * `in_flight` it belongs to the ring: the owner must neither move nor release it. It is given
 * back by the call of `done` whose result has `more` == false; that call comes exactly once for
 * each op that was started, also after a failure and after ring_cancel(). A zeroed io_op is
 * ready for its first use, and an op that came back may be started again at once, also from
 * within `done`. */
#ifndef ENGINE_IO_IO_OP_H
#define ENGINE_IO_IO_OP_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/list.h"

struct io_op;

struct io_result {
	int32_t value;       /* >= 0: bytes, a descriptor, poll events, or nothing; else -errno */
	bool more;           /* receive and accept: this op stays in flight and will call again */
	const uint8_t *data; /* receive: `value` bytes, the ring's again when `done` returns */
};

/* Called from ring_run_once() only, never while an op is being started. May start, cancel and post
 * ops, also `op` itself once `more` is false. */
typedef void io_done_fn(struct io_op *op, const struct io_result *result);

enum io_kind {
	IO_NONE, /* zeroed: never started */
	IO_POSTED,
	IO_CONNECT,
	IO_RECEIVE,
	IO_SEND,
	IO_ACCEPT,
	IO_SHUTDOWN,
	IO_CLOSE,
	IO_OPEN,
	IO_STATX,
	IO_READ,
	IO_WRITE,
	IO_SYNC,
	IO_POLL,
	IO_KIND_COUNT
};

#define IO_OP_MAGIC 0x10b0a7e1u

struct io_op {
	uint32_t magic; /* IO_OP_MAGIC from the first start on */
	uint8_t kind;   /* enum io_kind: what it was started for last */
	bool in_flight; /* the ring owns it */
	bool cancelled; /* ring_cancel() was called for what is in flight */
	int fd;         /* what it works on, so that the ring can start a receive again */
	int32_t posted_value; /* the ring's, while it comes back without the kernel */
	io_done_fn *done;
	struct list_node node; /* of the ring: posted, or a receive that waits for buffers */
};

/* "receive", for crash reports. */
const char *io_op_kind_name(enum io_kind kind);

#endif
