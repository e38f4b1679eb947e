#include "engine/io/dial.h"
#include <errno.h>
#include <unistd.h>
#include "engine/base/check.h"
#include "engine/io/loop.h"
#include "engine/io/socket.h"

static void connect_done(struct io_op *op, const struct io_result *result);
static void refused_done(struct io_op *op, const struct io_result *result);

static void close_lane(struct dial *dial, struct dial_lane *lane)
{
	if (lane->fd >= 0)
		ring_close_and_forget(dial->loop->ring, lane->fd);
	lane->fd = -1;
	lane->state = DIAL_LANE_OVER;
}

static void try_finish(struct dial *dial)
{
	if (!dial->over)
		return;
	for (size_t i = 0; i < DIAL_LANES; i++)
		if (dial->lanes[i].op.in_flight)
			return;
	CHECK(!timer_is_running(&dial->timer));
	for (size_t i = 0; i < DIAL_LANES; i++)
		close_lane(dial, &dial->lanes[i]);
	dial->magic = 0;
	dial->handlers->closed(dial); /* and it is the owner's: not touched any more */
}

static struct dial_lane *other_of(struct dial_lane *lane)
{
	struct dial *dial = lane->dial;
	return &dial->lanes[lane == &dial->lanes[0]];
}

static void begin(struct dial *dial, struct dial_lane *lane)
{
	const struct dial_to *to = &lane->to;
	const struct ip_address *source = to->source.family != IP_FAMILY_NONE ? &to->source : NULL;
	lane->state = DIAL_LANE_CONNECTING;
	lane->begun_ns = loop_now_ns(dial->loop);
	enum result r = socket_open_tcp(to->peer.family, source, &lane->fd, &lane->fail);
	if (r == RESULT_LIMIT && other_of(lane)->fd >= 0) {
		/* The one descriptor that we have is the other's: when that fails it is this one's turn. */
		lane->state = DIAL_LANE_WAITS;
		lane->begun_ns = 0;
		return;
	}
	if (r != RESULT_OK) {
		ring_post(dial->loop->ring, &lane->op, refused_done);
		return;
	}
	socklen_t len = ip_address_to_sockaddr(&to->peer, dial->port, &lane->peer);
	ring_connect(dial->loop->ring, &lane->op, lane->fd, &lane->peer, len, connect_done);
}

/* The other is given up where it stands: a SYN that is answered later gets an RST of the kernel, a connection
 * that is there by now a FIN. */
static void end_others(struct dial *dial, const struct dial_lane *but)
{
	dial->over = true;
	loop_timer_stop(dial->loop, &dial->timer);
	for (size_t i = 0; i < DIAL_LANES; i++)
		if (&dial->lanes[i] != but)
			ring_cancel(dial->loop->ring, &dial->lanes[i].op);
}

static void lane_failed(struct dial_lane *lane)
{
	struct dial *dial = lane->dial;
	struct dial_lane *other = other_of(lane);
	/* At once, which costs little without a connection: the other one may need the descriptor. */
	if (lane->fd >= 0)
		close(lane->fd);
	lane->fd = -1;
	lane->state = DIAL_LANE_OVER;
	bool last = other->state == DIAL_LANE_OVER;
	if (last)
		dial->over = true;
	dial->handlers->failed(dial, (size_t)(lane - dial->lanes), &lane->fail, last);
	/* The owner may have stopped it. */
	if (!dial->over && other->state == DIAL_LANE_WAITS) {
		loop_timer_stop(dial->loop, &dial->timer);
		begin(dial, other);
	}
	try_finish(dial);
}

static struct dial_lane *lane_of(struct io_op *op)
{
	struct dial_lane *lane = CONTAINER_OF(op, struct dial_lane, op);
	CHECK_OBJ(lane->dial, DIAL_MAGIC);
	return lane;
}

static void refused_done(struct io_op *op, const struct io_result *result)
{
	struct dial_lane *lane = lane_of(op);
	(void)result;
	if (lane->dial->over)
		try_finish(lane->dial);
	else
		lane_failed(lane);
}

static void connect_done(struct io_op *op, const struct io_result *result)
{
	struct dial_lane *lane = lane_of(op);
	struct dial *dial = lane->dial;
	if (dial->over) {
		try_finish(dial);
		return;
	}
	if (result->value != 0) {
		/* Some kernels tell only that it failed; the socket knows why. */
		int error = result->value == -ECANCELED ? socket_error(lane->fd) : -result->value;
		fail_set_errno(&lane->fail, error != 0 ? error : ECONNREFUSED, "cannot connect");
		lane_failed(lane);
		return;
	}
	int fd = lane->fd;
	lane->fd = -1;
	end_others(dial, lane);
	dial->handlers->connected(dial, (size_t)(lane - dial->lanes), fd);
	try_finish(dial);
}

static void head_start_over(struct timer *timer)
{
	struct dial *dial = CONTAINER_OF(timer, struct dial, timer);
	CHECK_OBJ(dial, DIAL_MAGIC);
	CHECK(!dial->over && dial->lanes[1].state == DIAL_LANE_WAITS);
	begin(dial, &dial->lanes[1]);
}

void dial_start(struct dial *dial, struct loop *loop, const struct dial_handlers *handlers, void *owner,
	const struct dial_to to[static DIAL_LANES], uint16_t port, uint64_t head_start_ns)
{
	*dial = (struct dial){
		.magic = DIAL_MAGIC,
		.port = port,
		.loop = loop,
		.handlers = handlers,
		.owner = owner,
	};
	for (size_t i = 0; i < DIAL_LANES; i++)
		dial->lanes[i] = (struct dial_lane){ .dial = dial, .to = to[i], .fd = -1 };
	begin(dial, &dial->lanes[0]);
	loop_timer_start(loop, &dial->timer, head_start_ns, head_start_over);
}

void dial_stop(struct dial *dial)
{
	CHECK_OBJ(dial, DIAL_MAGIC);
	if (dial->over)
		return;
	end_others(dial, NULL);
	/* One that is in flight comes back; without any, the first lane's op is the way out of this call. */
	for (size_t i = 0; i < DIAL_LANES; i++)
		if (dial->lanes[i].op.in_flight)
			return;
	ring_post(dial->loop->ring, &dial->lanes[0].op, refused_done);
}
