/* The inside of the ring, shared by ring.c (turns), ring_setup.c (creation), ring_buffers.c and
 * ring_ops.c (starting ops). Nobody else includes it. */
#ifndef ENGINE_IO_RING_INTERNAL_H
#define ENGINE_IO_RING_INTERNAL_H

#include <liburing.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "engine/base/list.h"
#include "engine/base/result.h"
#include "engine/io/ring.h"

#define RING_MAGIC 0x0021f00du

/* A completion, copied out of the queue that is shared with the kernel. */
struct ring_ready {
	struct io_op *op;
	int32_t value;
	uint32_t flags; /* IORING_CQE_F_ */
};

/* The receive buffers that the kernel picks from. Ours from the completion that names one until its
 * callback has returned; the kernel's otherwise. */
struct ring_buffers {
	struct io_uring_buf_ring *shared; /* NULL: this ring receives nothing */
	size_t shared_bytes;
	uint8_t *memory;
	uint32_t count, bytes;
	uint32_t ours; /* in completions that were copied and not yet called back */
};

/* How many completions come in RING_BATCH_NS_MAX, judged by the last milliseconds. */
struct ring_rate {
	uint64_t since_ns;
	uint32_t count;
	uint32_t per_batch;
};

struct ring {
	uint32_t magic;
	pthread_t thread;
	struct io_uring uring;
	bool multishot; /* of receive; accept has it in every kernel that we run on */
	bool waits_by_poll;
	bool ending;    /* ring_cancel_all(): nothing is started again by the ring itself */
	unsigned in_flight;
	uint32_t prompt; /* sends started since the last enter: complete in it as a rule */

	/* Copied completions, from ready_at to ready_end; ring_collect() moves them to the
	 * front. */
	struct ring_ready *ready;
	uint32_t ready_max, ready_at, ready_end;

	struct list posted;  /* called back in the next turn without the kernel */
	struct list starved; /* receives which wait for a buffer, oldest first */
	struct ring_buffers buffers;
	struct ring_rate rate;
	struct ring_counters counters;
	char description[200];
};

/* ring_ops.c */
struct io_uring_sqe *ring_sqe(struct ring *ring);
void ring_arm_receive(struct ring *ring, struct io_op *op);
void ring_arm_accept(struct ring *ring, struct io_op *op);
/* Back to its owner in the next turn with that value, whatever it was started for. */
void ring_post_value(struct ring *ring, struct io_op *op, int32_t value);

/* ring.c: copies completions until `limit` are ready; returns false if there were more. */
bool ring_collect(struct ring *ring, uint32_t limit);

/* ring_buffers.c: 0 or -errno. */
int ring_buffers_init(struct ring_buffers *buffers, struct io_uring *uring, uint32_t count,
	uint32_t bytes);
void ring_buffers_deinit(struct ring_buffers *buffers, struct io_uring *uring);
/* The buffer that a completion names. */
uint8_t *ring_buffers_take(struct ring_buffers *buffers, uint32_t flags);
void ring_buffers_return(struct ring_buffers *buffers, uint32_t flags);
enum { RING_BUFFER_GROUP = 1 };

#endif
