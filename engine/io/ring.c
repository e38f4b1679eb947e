/* The turns of a ring.
 *
 * One turn: receives that had found no buffer are started again (buffers have come back since),
 * then one system call hands over and waits, then completions are copied, then they are called
 * back. What the callbacks start leaves with the next turn.
 *
 * How long to wait. With little to do, for the first completion: latency counts. With much to do
 * each wake-up of the thread costs more than the work it wakes up for, so when completions have
 * lately come by the dozen in half a millisecond, the ring waits for half as many, and half a
 * millisecond at most. Sends complete inside the call that hands them over and are waited for on
 * top.
 *
 * Failure modes: EINTR, EAGAIN, EBUSY and ETIME end the wait and nothing is lost, since what was
 * not handed over stays in the queue. A completion queue that overflows is kept by the kernel
 * and comes with a later call; multishot requests that end because of it are started again here. */
#include <poll.h>
#include "engine/base/check.h"
#include "engine/io/clock.h"
#include "engine/io/ring_internal.h"

enum {
	RING_RATE_WINDOW_NS = 2000000, /* the rate is judged anew this often */
	RING_BATCH_RATE_MIN = 16,      /* completions in RING_BATCH_NS_MAX that are worth it */
	RING_BATCH_MAX = 64,
	RING_CLOCK_EVERY = 16,         /* callbacks between two looks at the clock */
};

unsigned ring_ops_in_flight(const struct ring *ring) { return ring->in_flight; }
const struct ring_counters *ring_counters(const struct ring *ring) { return &ring->counters; }
const char *ring_describe(const struct ring *ring) { return ring->description; }

/* ---- waiting ---- */

static void note_rate(struct ring_rate *rate, uint64_t now_ns, unsigned completions)
{
	rate->count += completions;
	uint64_t window_ns = now_ns - rate->since_ns;
	if (window_ns < RING_RATE_WINDOW_NS)
		return;
	rate->per_batch = (uint32_t)(rate->count * (uint64_t)RING_BATCH_NS_MAX / window_ns);
	rate->since_ns = now_ns;
	rate->count = 0;
}

/* How many completions to wait for beyond those of sends; 1: do not batch. An idle op must not be
 * counted on, so never for more than an eighth of what is in flight. */
static uint32_t batch_size(const struct ring *ring)
{
	uint32_t batch = ring->rate.per_batch / 2;
	if (ring->rate.per_batch < RING_BATCH_RATE_MIN)
		return 1;
	if (batch > RING_BATCH_MAX)
		batch = RING_BATCH_MAX;
	if (batch > ring->in_flight / 8)
		batch = ring->in_flight / 8;
	return batch > 1 ? batch : 1;
}

/* The result of a system call that handed over `taken` entries or failed. */
static void note_enter(struct ring *ring, int taken)
{
	ring->counters.enters++;
	ring->prompt = 0;
	if (taken >= 0) {
		ring->counters.submitted += (unsigned)taken;
		return;
	}
	switch (-taken) {
	case EINTR:
	case EAGAIN:
	case EBUSY:
	case ETIME:
		return;
	default:
		UNREACHABLE("io_uring_enter failed in a way that it must not");
	}
}

void ring_hand_over(struct ring *ring)
{
	CHECK_OBJ(ring, RING_MAGIC);
	note_enter(ring, io_uring_submit(&ring->uring));
}

static void enter_at_once(struct ring *ring)
{
	note_enter(ring, io_uring_submit_and_get_events(&ring->uring));
}

/* The descriptor of a ring is readable when there are completions, or work that will make some. */
static void poll_and_enter(struct ring *ring, const struct timespec *timeout)
{
	enter_at_once(ring);
	struct pollfd pollfd = { .fd = ring->uring.ring_fd, .events = POLLIN };
	if (io_uring_cq_ready(&ring->uring) == 0 && ppoll(&pollfd, 1, timeout, NULL) > 0)
		enter_at_once(ring);
}

static void enter_and_wait(struct ring *ring, uint64_t deadline_ns)
{
	uint64_t now_ns = clock_now_ns();
	if (deadline_ns <= now_ns) {
		enter_at_once(ring);
		return;
	}
	uint64_t wait_ns = deadline_ns - now_ns;
	uint32_t count = batch_size(ring);
	if (count > 1) {
		ring->counters.batched++;
		count += ring->prompt;
		if (wait_ns > RING_BATCH_NS_MAX)
			wait_ns = RING_BATCH_NS_MAX;
	}
	bool forever = deadline_ns == RING_FOREVER && count == 1;
	if (ring->waits_by_poll) {
		struct timespec timeout = {
			.tv_sec = (time_t)(wait_ns / 1000000000),
			.tv_nsec = (long)(wait_ns % 1000000000),
		};
		poll_and_enter(ring, forever ? NULL : &timeout);
		return;
	}
	struct __kernel_timespec timeout = {
		.tv_sec = (long long)(wait_ns / 1000000000),
		.tv_nsec = (long long)(wait_ns % 1000000000),
	};
	struct io_uring_cqe *first;
	note_enter(ring, io_uring_submit_and_wait_timeout(&ring->uring, &first, count,
		forever ? NULL : &timeout, NULL));
}

/* Receives that found no buffer, as many as there are buffers again. What was started before
 * them is handed over first, so that within one connection the order of completions is the order
 * of things: data which a receive finds at once cannot overtake the completion of an earlier
 * send. */
static void restart_starved(struct ring *ring)
{
	if (list_is_empty(&ring->starved))
		return;
	uint32_t free_count = ring->buffers.count - ring->buffers.ours;
	if (free_count == 0)
		return;
	if (io_uring_sq_ready(&ring->uring) > 0)
		ring_hand_over(ring);
	struct list_node *node;
	while (free_count-- > 0 && (node = list_pop_front(&ring->starved)) != NULL)
		ring_arm_receive(ring, CONTAINER_OF(node, struct io_op, node));
}

/* ---- the walk over the queue: copies, calls nobody ---- */

bool ring_collect(struct ring *ring, uint32_t limit)
{
	if (ring->ready_at > 0) {
		uint32_t left = ring->ready_end - ring->ready_at;
		for (uint32_t i = 0; i < left; i++)
			ring->ready[i] = ring->ready[ring->ready_at + i];
		ring->ready_at = 0;
		ring->ready_end = left;
	}
	unsigned head, seen = 0;
	bool all = true;
	struct io_uring_cqe *cqe;
	io_uring_for_each_cqe(&ring->uring, head, cqe) {
		if (ring->ready_end >= limit) {
			all = false;
			break;
		}
		seen++;
		if (cqe->user_data == 0)
			continue; /* a cancel or a close that nobody waits for */
		ring->ready[ring->ready_end++] = (struct ring_ready){
			.op = io_uring_cqe_get_data(cqe),
			.value = cqe->res,
			.flags = cqe->flags,
		};
		if (cqe->flags & IORING_CQE_F_BUFFER)
			ring->buffers.ours++;
	}
	io_uring_cq_advance(&ring->uring, seen);
	return all;
}

/* ---- calling back ---- */

static void call_back(struct ring *ring, struct io_op *op, int32_t value, bool more,
	const uint8_t *data)
{
	ring->counters.completions++;
	if (!more) {
		CHECK(ring->in_flight > 0);
		ring->in_flight--;
		op->in_flight = false;
	}
	const struct io_result result = { .value = value, .more = more, .data = data };
	op->done(op, &result);
}

/* The op that the kernel gave back goes on, unless its end was asked for. */
static void go_on(struct ring *ring, struct io_op *op, void (*arm)(struct ring *, struct io_op *))
{
	if (op->cancelled || ring->ending)
		ring_post_value(ring, op, -ECANCELED);
	else
		arm(ring, op);
}

static void on_data(struct ring *ring, struct io_op *op, const struct ring_ready *ready)
{
	ring->counters.receives++;
	ring->counters.received_bytes += (uint32_t)ready->value;
	/* Before the callback: so it stands in the queue before whatever the callback sends. */
	if (!(ready->flags & IORING_CQE_F_MORE))
		go_on(ring, op, ring_arm_receive);
	call_back(ring, op, ready->value, true, ring_buffers_take(&ring->buffers, ready->flags));
}

static void on_receive(struct ring *ring, struct io_op *op, const struct ring_ready *ready)
{
	if (ready->value > 0) {
		on_data(ring, op, ready);
	} else if (ready->value == -ENOBUFS) {
		ring->counters.starved++;
		if (op->cancelled || ring->ending)
			call_back(ring, op, -ECANCELED, false, NULL);
		else
			list_push_back(&ring->starved, &op->node);
	} else if (ready->value == -EINVAL && ring->multishot) {
		/* Linux before 6.0: one receive at a time, started again after each piece. */
		ring->multishot = false;
		go_on(ring, op, ring_arm_receive);
	} else if (ready->value == -EINTR) {
		go_on(ring, op, ring_arm_receive);
	} else {
		CHECK(!(ready->flags & IORING_CQE_F_MORE));
		call_back(ring, op, ready->value, false, NULL);
	}
	if (ready->flags & IORING_CQE_F_BUFFER)
		ring_buffers_return(&ring->buffers, ready->flags);
}

static void on_accept(struct ring *ring, struct io_op *op, const struct ring_ready *ready)
{
	bool more = ready->flags & IORING_CQE_F_MORE;
	switch (ready->value) {
	case -ECONNABORTED: /* the peer was gone before we came: its trouble alone */
	case -EPROTO:
	case -EINTR:
		if (!more)
			go_on(ring, op, ring_arm_accept);
		return;
	default:
		break;
	}
	if (ready->value >= 0 && !more)
		go_on(ring, op, ring_arm_accept);
	call_back(ring, op, ready->value, ready->value >= 0, NULL);
}

static void on_completion(struct ring *ring, const struct ring_ready *ready)
{
	struct io_op *op = ready->op;
	CHECK_OBJ(op, IO_OP_MAGIC);
	CHECK(op->in_flight);
	switch ((enum io_kind)op->kind) {
	case IO_RECEIVE:
		on_receive(ring, op, ready);
		return;
	case IO_ACCEPT:
		on_accept(ring, op, ready);
		return;
	case IO_SEND:
		ring->counters.sends++;
		if (ready->value > 0)
			ring->counters.sent_bytes += (uint32_t)ready->value;
		call_back(ring, op, ready->value, false, NULL);
		return;
	case IO_CONNECT:
	case IO_SHUTDOWN:
	case IO_CLOSE:
	case IO_OPEN:
	case IO_STATX:
	case IO_READ:
	case IO_WRITE:
	case IO_SYNC:
	case IO_POLL:
		call_back(ring, op, ready->value, false, NULL);
		return;
	case IO_NONE:
	case IO_POSTED:
	case IO_KIND_COUNT:
		break;
	}
	UNREACHABLE("a completion for an op that the kernel does not know");
}

static unsigned deliver_posted(struct ring *ring)
{
	/* What is posted meanwhile stands behind this one, and has its go in the next turn. */
	const struct list_node *last = list_last(&ring->posted);
	unsigned count = 0;
	while (last != NULL && count < RING_TURN_COMPLETIONS_MAX) {
		struct list_node *node = list_pop_front(&ring->posted);
		struct io_op *op = CONTAINER_OF(node, struct io_op, node);
		count++;
		if (node == last)
			last = NULL;
		call_back(ring, op, op->posted_value, false, NULL);
	}
	return count;
}

static unsigned deliver_ready(struct ring *ring, uint64_t start_ns)
{
	unsigned count = 0;
	while (ring->ready_at < ring->ready_end) {
		/* A copy: a callback that fills the queue moves what is in the list. */
		struct ring_ready ready = ring->ready[ring->ready_at++];
		on_completion(ring, &ready);
		count++;
		bool out_of_time = count % RING_CLOCK_EVERY == 0 &&
			clock_now_ns() - start_ns > RING_TURN_NS_MAX;
		if (ring->ready_at < ring->ready_end &&
			(out_of_time || count >= RING_TURN_COMPLETIONS_MAX)) {
			ring->counters.cut_turns++;
			break;
		}
	}
	return count;
}

bool ring_has_work(const struct ring *ring)
{
	return ring->ready_at < ring->ready_end || !list_is_empty(&ring->posted) ||
		io_uring_cq_ready(&ring->uring) > 0;
}

void ring_wait(struct ring *ring, uint64_t deadline_ns)
{
	CHECK_OBJ(ring, RING_MAGIC);
	CHECK(pthread_equal(ring->thread, pthread_self()));
	ring->counters.turns++;
	restart_starved(ring);
	if (deadline_ns == RING_NO_WAIT || ring_has_work(ring))
		enter_at_once(ring);
	else
		enter_and_wait(ring, deadline_ns);
}

unsigned ring_deliver(struct ring *ring, uint64_t now_ns)
{
	CHECK_OBJ(ring, RING_MAGIC);
	CHECK(pthread_equal(ring->thread, pthread_self()));
	if (!ring_collect(ring, RING_TURN_COMPLETIONS_MAX))
		ring->counters.cut_turns++;
	unsigned count = deliver_posted(ring);
	count += deliver_ready(ring, now_ns);
	note_rate(&ring->rate, now_ns, count);
	if (ring->in_flight == 0)
		ring->ending = false;
	return count;
}

unsigned ring_run_once(struct ring *ring, uint64_t deadline_ns)
{
	ring_wait(ring, deadline_ns);
	return ring_deliver(ring, clock_now_ns());
}
