/* Starting ops: each takes an entry of the submission queue and fills it; nothing is handed over
 * to the kernel here unless the queue is full. */
#include <string.h>
#include "engine/base/check.h"
#include "engine/io/ring_internal.h"

/* With a full submission queue the kernel takes all of it in one call, and what it does not take at
 * once (EBUSY, EAGAIN) it takes after completions have been fetched. */
enum { RING_HAND_OVER_TRIES_MAX = 1000 };

const char *io_op_kind_name(enum io_kind kind)
{
	static const char *const names[IO_KIND_COUNT] = {
		[IO_NONE] = "none",     [IO_POSTED] = "posted",     [IO_CONNECT] = "connect",
		[IO_RECEIVE] = "receive", [IO_SEND] = "send",       [IO_ACCEPT] = "accept",
		[IO_SHUTDOWN] = "shutdown", [IO_CLOSE] = "close",   [IO_OPEN] = "open",
		[IO_STATX] = "statx",   [IO_READ] = "read",         [IO_WRITE] = "write",
		[IO_SYNC] = "sync",     [IO_POLL] = "poll",
	};
	return (unsigned)kind < IO_KIND_COUNT ? names[kind] : "unknown";
}

struct io_uring_sqe *ring_sqe(struct ring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);
	if (sqe != NULL)
		return sqe;
	ring->counters.queue_full++;
	for (int i = 0; i < RING_HAND_OVER_TRIES_MAX; i++) {
		ring->counters.enters++;
		int taken = io_uring_submit_and_get_events(&ring->uring);
		if (taken > 0)
			ring->counters.submitted += (unsigned)taken;
		sqe = io_uring_get_sqe(&ring->uring);
		if (sqe != NULL)
			return sqe;
		(void)ring_collect(ring, ring->ready_max);
	}
	UNREACHABLE("the kernel takes no more requests");
}

static void begin(struct ring *ring, struct io_op *op, enum io_kind kind, int fd, io_done_fn *done)
{
	CHECK_OBJ(ring, RING_MAGIC);
	CHECK_SLOW(pthread_equal(ring->thread, pthread_self()));
	CHECK(!op->in_flight);
	CHECK(done != NULL);
	op->magic = IO_OP_MAGIC;
	op->kind = (uint8_t)kind;
	op->in_flight = true;
	op->cancelled = false;
	op->fd = fd;
	op->done = done;
	ring->in_flight++;
}

/* An entry for an op that was just begun; the caller prepares it, then end_start(). */
static struct io_uring_sqe *start(
	struct ring *ring, struct io_op *op, enum io_kind kind, int fd, io_done_fn *done)
{
	CHECK(fd >= 0 || (kind == IO_OPEN || kind == IO_STATX)); /* AT_FDCWD is negative */
	begin(ring, op, kind, fd, done);
	return ring_sqe(ring);
}

static uint32_t length(size_t len)
{
	CHECK(len <= INT32_MAX);
	return (uint32_t)len;
}

void ring_post_value(struct ring *ring, struct io_op *op, int32_t value)
{
	CHECK(op->in_flight);
	op->posted_value = value;
	list_push_back(&ring->posted, &op->node);
}

void ring_post(struct ring *ring, struct io_op *op, io_done_fn *done)
{
	begin(ring, op, IO_POSTED, -1, done);
	ring_post_value(ring, op, 0);
}

void ring_cancel(struct ring *ring, struct io_op *op)
{
	CHECK_OBJ(ring, RING_MAGIC);
	if (!op->in_flight || op->cancelled || op->kind == IO_POSTED)
		return;
	CHECK_OBJ(op, IO_OP_MAGIC);
	op->cancelled = true;
	if (list_node_is_linked(&op->node)) {
		/* Not with the kernel: it waits for a buffer, or is on its way back already. */
		list_remove(&op->node);
		ring_post_value(ring, op, -ECANCELED);
		return;
	}
	struct io_uring_sqe *sqe = ring_sqe(ring);
	io_uring_prep_cancel64(sqe, (uint64_t)(uintptr_t)op, 0);
	io_uring_sqe_set_data64(sqe, 0); /* how the cancel itself ended is of no interest */
}

void ring_cancel_all(struct ring *ring)
{
	CHECK_OBJ(ring, RING_MAGIC);
	ring->ending = true;
	struct list_node *node;
	while ((node = list_pop_front(&ring->starved)) != NULL)
		ring_post_value(ring, CONTAINER_OF(node, struct io_op, node), -ECANCELED);
	struct io_uring_sqe *sqe = ring_sqe(ring);
	io_uring_prep_cancel64(sqe, 0, (int)(IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL));
	io_uring_sqe_set_data64(sqe, 0);
}

/* ---- sockets ---- */

void ring_connect(struct ring *ring, struct io_op *op, int fd, const struct sockaddr_storage *peer,
	socklen_t peer_len, io_done_fn *done)
{
	struct io_uring_sqe *sqe = start(ring, op, IO_CONNECT, fd, done);
	io_uring_prep_connect(sqe, fd, (const struct sockaddr *)peer, peer_len);
	io_uring_sqe_set_data(sqe, op);
}

void ring_arm_receive(struct ring *ring, struct io_op *op)
{
	struct io_uring_sqe *sqe = ring_sqe(ring);
	if (ring->multishot)
		io_uring_prep_recv_multishot(sqe, op->fd, NULL, 0, 0);
	else
		io_uring_prep_recv(sqe, op->fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = RING_BUFFER_GROUP;
	io_uring_sqe_set_data(sqe, op);
}

void ring_receive(struct ring *ring, struct io_op *op, int fd, io_done_fn *done)
{
	CHECK(fd >= 0);
	CHECK(ring->buffers.shared != NULL);
	begin(ring, op, IO_RECEIVE, fd, done);
	ring_arm_receive(ring, op);
}

static void start_send(struct ring *ring, struct io_op *op, int fd, const void *data, size_t len,
	int flags, io_done_fn *done)
{
	CHECK(len > 0);
	struct io_uring_sqe *sqe = start(ring, op, IO_SEND, fd, done);
	io_uring_prep_send(sqe, fd, data, length(len), MSG_NOSIGNAL | flags);
	io_uring_sqe_set_data(sqe, op);
	ring->prompt++;
}

void ring_send(struct ring *ring, struct io_op *op, int fd, const void *data, size_t len,
	io_done_fn *done)
{
	start_send(ring, op, fd, data, len, 0, done);
}

void ring_send_at_once(struct ring *ring, struct io_op *op, int fd, const void *data, size_t len,
	io_done_fn *done)
{
	start_send(ring, op, fd, data, len, MSG_DONTWAIT, done);
}

void ring_arm_accept(struct ring *ring, struct io_op *op)
{
	struct io_uring_sqe *sqe = ring_sqe(ring);
	io_uring_prep_multishot_accept(sqe, op->fd, NULL, NULL, SOCK_CLOEXEC);
	io_uring_sqe_set_data(sqe, op);
}

void ring_accept(struct ring *ring, struct io_op *op, int fd, io_done_fn *done)
{
	CHECK(fd >= 0);
	begin(ring, op, IO_ACCEPT, fd, done);
	ring_arm_accept(ring, op);
}

void ring_shutdown(struct ring *ring, struct io_op *op, int fd, int how, io_done_fn *done)
{
	struct io_uring_sqe *sqe = start(ring, op, IO_SHUTDOWN, fd, done);
	io_uring_prep_shutdown(sqe, fd, how);
	io_uring_sqe_set_data(sqe, op);
}

/* ---- any descriptor ---- */

void ring_close(struct ring *ring, struct io_op *op, int fd, io_done_fn *done)
{
	struct io_uring_sqe *sqe = start(ring, op, IO_CLOSE, fd, done);
	io_uring_prep_close(sqe, fd);
	io_uring_sqe_set_data(sqe, op);
}

void ring_close_and_forget(struct ring *ring, int fd)
{
	CHECK(fd >= 0);
	struct io_uring_sqe *sqe = ring_sqe(ring);
	io_uring_prep_close(sqe, fd);
	io_uring_sqe_set_data64(sqe, 0);
}

void ring_poll(struct ring *ring, struct io_op *op, int fd, uint32_t events, io_done_fn *done)
{
	struct io_uring_sqe *sqe = start(ring, op, IO_POLL, fd, done);
	io_uring_prep_poll_add(sqe, fd, events);
	io_uring_sqe_set_data(sqe, op);
}

void ring_read(struct ring *ring, struct io_op *op, int fd, void *data, size_t len, uint64_t offset,
	io_done_fn *done)
{
	struct io_uring_sqe *sqe = start(ring, op, IO_READ, fd, done);
	io_uring_prep_read(sqe, fd, data, length(len), offset);
	io_uring_sqe_set_data(sqe, op);
}

void ring_write(struct ring *ring, struct io_op *op, int fd, const void *data, size_t len,
	uint64_t offset, io_done_fn *done)
{
	struct io_uring_sqe *sqe = start(ring, op, IO_WRITE, fd, done);
	io_uring_prep_write(sqe, fd, data, length(len), offset);
	io_uring_sqe_set_data(sqe, op);
}

/* ---- files ---- */

void ring_open(struct ring *ring, struct io_op *op, int dir_fd, const char *path, int flags,
	uint32_t mode, io_done_fn *done)
{
	struct io_uring_sqe *sqe = start(ring, op, IO_OPEN, dir_fd, done);
	io_uring_prep_openat(sqe, dir_fd, path, flags | O_CLOEXEC, mode);
	io_uring_sqe_set_data(sqe, op);
}

void ring_open_beneath(struct ring *ring, struct io_op *op, int dir_fd, const char *path,
	io_done_fn *done)
{
	/* Read by the kernel when the entry is handed over, so it has to live longer than this
	 * call. */
	static const struct open_how how = {
		.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	CHECK(dir_fd >= 0);
	struct io_uring_sqe *sqe = start(ring, op, IO_OPEN, dir_fd, done);
	/* The prototype forgets that it is only read. */
	io_uring_prep_openat2(sqe, dir_fd, path, (struct open_how *)(uintptr_t)&how);
	io_uring_sqe_set_data(sqe, op);
}

void ring_statx(struct ring *ring, struct io_op *op, int dir_fd, const char *path, int flags,
	uint32_t mask, struct statx *out_status, io_done_fn *done)
{
	struct io_uring_sqe *sqe = start(ring, op, IO_STATX, dir_fd, done);
	io_uring_prep_statx(sqe, dir_fd, path, flags, mask, out_status);
	io_uring_sqe_set_data(sqe, op);
}

void ring_sync(struct ring *ring, struct io_op *op, int fd, bool data_only, io_done_fn *done)
{
	struct io_uring_sqe *sqe = start(ring, op, IO_SYNC, fd, done);
	io_uring_prep_fsync(sqe, fd, data_only ? IORING_FSYNC_DATASYNC : 0);
	io_uring_sqe_set_data(sqe, op);
}
