/* The io_uring ring of one thread: the door through which a thread waits for anything.
 *
 * A turn is ring_run_once(): hand over what was started since the last turn and wait (one system
 * call), copy the completions out of the shared queue into a list of our own, then call back. No
 * callback runs inside the walk over the queue, so the stack is bounded and a callback may start as
 * many ops as it likes; they leave with the next turn.
 *
 * A ring is created, used and destroyed by one thread (checked). Nothing here blocks but the
 * wait of ring_run_once(). Descriptors must not be O_NONBLOCK: a request on such a descriptor
 * fails with -EAGAIN where it should have waited. Memory passed to an op (data, paths,
 * addresses) stays the caller's and must live until the op is done. Starting an op cannot
 * fail; what goes wrong comes as -errno in its result. */
#ifndef ENGINE_IO_RING_H
#define ENGINE_IO_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "engine/base/result.h"
#include "engine/io/io_op.h"

struct ring;
struct statx;

#define RING_FOREVER UINT64_MAX /* as a deadline: until something happens */
#define RING_NO_WAIT 0u

enum {
	/* One turn calls back at most this often before the loop looks at its mailbox again: 64
	 * sessions, each with something received and something sent (DESIGN 4). Posted ops are
	 * counted apart. */
	RING_TURN_COMPLETIONS_MAX = 128,
	/* And at most this long, looked at between callbacks. */
	RING_TURN_NS_MAX = 2000000,
	/* How long a turn may collect completions that are certain to come, where one would do. */
	RING_BATCH_NS_MAX = 500000,
	/* Sets of flags, from those of Linux 6.1 down to 5.19. */
	RING_RUNGS = 4,
};

/* A field of 0 takes the default of its comment. */
struct ring_options {
	uint32_t submissions;   /* 1024: entries of the submission queue, a power of two */
	uint32_t completions;   /* 4 x submissions */
	uint32_t buffers;       /* 512 receive buffers, a power of two; few stay in the cache */
	uint32_t buffer_bytes;  /* 4096: a reply or its TLS record; more for who receives mail */
	bool without_buffers;   /* no receive on this ring: nothing is set up for it */
	bool single_shot;       /* as if the kernel knew no multishot receive (Linux before 6.0) */
	uint8_t rung_first; /* as if the kernel knew the RING_RUNGS sets of flags from here on */
	bool waits_by_poll; /* sleeps in poll(); set by itself under valgrind */
};

struct ring_counters {
	uint64_t turns, enters;          /* calls of ring_run_once; system calls made by it */
	uint64_t submitted, completions; /* requests handed over, completions called back */
	uint64_t sends, sent_bytes, receives, received_bytes;
	uint64_t starved;                /* receives that found no buffer (ENOBUFS) */
	uint64_t queue_full;             /* the submission queue was full in mid-turn */
	uint64_t cut_turns;              /* turns ended by RING_TURN_ limits with work left */
	uint64_t batched;                /* turns that waited for more than one completion */
};

/* RESULT_UNAVAILABLE when the system does not let us: io_uring is forbidden or unknown, or
 * RLIMIT_MEMLOCK is too small even for a small ring (a smaller one is tried before, ring_describe()
 * tells what was got). fail->text is then one line that says what to change; the exit status for it
 * is 69. RESULT_LIMIT when descriptors are used up. */
MUST_USE enum result ring_create(
	const struct ring_options *options, struct ring **out_ring, struct fail *fail);
/* No op may be in flight (ring_cancel_all). NULL is allowed. */
void ring_destroy(struct ring *ring);

/* One turn; waits until `deadline_ns` (clock_now_ns) at most. Returns how many callbacks ran. */
unsigned ring_run_once(struct ring *ring, uint64_t deadline_ns);
/* Its halves, for who has something to do in between (loop.c): hand over and wait, then call
 * back. */
void ring_wait(struct ring *ring, uint64_t deadline_ns);
unsigned ring_deliver(struct ring *ring, uint64_t now_ns);
/* Hands over now what was started so far, and calls nobody back: for what must not wait for the
 * turn. */
void ring_hand_over(struct ring *ring);
/* Something can be called back without waiting. */
bool ring_has_work(const struct ring *ring);

/* Ops in flight, posted ones included. */
unsigned ring_ops_in_flight(const struct ring *ring);
const struct ring_counters *ring_counters(const struct ring *ring);
/* What was got: "1024/4096 entries, single issuer, deferred task work, multishot receive, ...". */
const char *ring_describe(const struct ring *ring);

/* Asks the kernel to end an op; it still calls `done`, with -ECANCELED or with what it had got
 * by then. Of a receive, data that had arrived may come before that. Nothing if it is not in
 * flight. */
void ring_cancel(struct ring *ring, struct io_op *op);
/* The same for all ops, for the end of a thread; then run turns until none is in flight. */
void ring_cancel_all(struct ring *ring);

/* Calls `done` in the next turn, with value 0: to get out of a callback. Cannot be cancelled. */
void ring_post(struct ring *ring, struct io_op *op, io_done_fn *done);

/* ---- sockets ---- */
void ring_connect(struct ring *ring, struct io_op *op, int fd, const struct sockaddr_storage *peer,
	socklen_t peer_len, io_done_fn *done);
/* Stays in flight and calls back with each piece that arrives (`more`), until the end: 0 at EOF,
 * -errno at an error or cancel. When no buffer is free the ring starts it again in a later turn. */
void ring_receive(struct ring *ring, struct io_op *op, int fd, io_done_fn *done);
/* May send less than asked. At most one send may be in flight on a socket, else the order is not
 * defined. Never raises SIGPIPE. */
void ring_send(struct ring *ring, struct io_op *op, int fd, const void *data, size_t len,
	io_done_fn *done);
/* Takes what the socket's buffer has room for and does not wait for more: -EAGAIN when none. */
void ring_send_at_once(struct ring *ring, struct io_op *op, int fd, const void *data, size_t len,
	io_done_fn *done);
/* Calls back with each accepted descriptor (close-on-exec) until an error (`more` false): out of
 * descriptors is -EMFILE, and the caller starts it again when some are free. */
void ring_accept(struct ring *ring, struct io_op *op, int fd, io_done_fn *done);
void ring_shutdown(struct ring *ring, struct io_op *op, int fd, int how, io_done_fn *done);

/* ---- any descriptor ---- */
void ring_close(struct ring *ring, struct io_op *op, int fd, io_done_fn *done);
/* Nobody is told. */
void ring_close_and_forget(struct ring *ring, int fd);
/* One poll: value is the events that are there. */
void ring_poll(struct ring *ring, struct io_op *op, int fd, uint32_t events, io_done_fn *done);
/* For files at `offset`; for eventfd, signalfd, inotify and pipes the offset is RING_AT_CURSOR. */
#define RING_AT_CURSOR UINT64_MAX
void ring_read(struct ring *ring, struct io_op *op, int fd, void *data, size_t len, uint64_t offset,
	io_done_fn *done);
void ring_write(struct ring *ring, struct io_op *op, int fd, const void *data, size_t len,
	uint64_t offset, io_done_fn *done);

/* ---- files (statx and sync always go through a kernel thread: not for the hot path) ---- */
void ring_open(struct ring *ring, struct io_op *op, int dir_fd, const char *path, int flags,
	uint32_t mode, io_done_fn *done);
/* For reading, without waiting for a FIFO's writer: no link on the way, nothing outside
 * `dir_fd`. */
void ring_open_beneath(struct ring *ring, struct io_op *op, int dir_fd, const char *path,
	io_done_fn *done);
void ring_statx(struct ring *ring, struct io_op *op, int dir_fd, const char *path, int flags,
	uint32_t mask, struct statx *out_status, io_done_fn *done);
void ring_sync(struct ring *ring, struct io_op *op, int fd, bool data_only, io_done_fn *done);

#endif
