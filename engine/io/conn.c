/* The life of a connection, and receiving.
 *
 * Three ops: the receive (multishot, in flight as long as the connection is open), the send (which
 * connects first), and an event that is posted to get out of a call of the owner. Each callback
 * does the same three things: looks at the state, stores what came, tells the owner.
 *
 * Closing: what may still leave is sent once, the receive is cancelled, and when all three ops
 * have come back the descriptor is closed and the conn is the owner's again. Whatever arrives
 * meanwhile is dropped. */
#include <errno.h>
#include <stdlib.h>
#include "engine/base/check.h"
#include "engine/io/conn_internal.h"
#include "engine/io/socket.h"

static void receive_done(struct io_op *op, const struct io_result *result);
static void event_done(struct io_op *op, const struct io_result *result);

const char *conn_end_name(enum conn_end end)
{
	static const char *const names[CONN_END_COUNT] = {
		[CONN_END_NONE] = "none",       [CONN_END_CONNECT] = "connect",
		[CONN_END_CLOSED] = "closed",   [CONN_END_TRUNCATED] = "truncated",
		[CONN_END_BROKEN] = "broken",   [CONN_END_TLS] = "tls",
		[CONN_END_INJECTED] = "injected",
	};
	return (unsigned)end < CONN_END_COUNT ? names[end] : "unknown";
}

const char *conn_state_name(const struct conn *conn)
{
	static const char *const states[] = {
		[CONN_IDLE] = "idle",     [CONN_CONNECTING] = "connecting", [CONN_OPEN] = "open",
		[CONN_FAILED] = "failed", [CONN_CLOSING] = "closing",
	};
	static const char *const tls_states[] = {
		[CONN_TLS_OFF] = "open",             [CONN_TLS_HELLO] = "client hello",
		[CONN_TLS_HANDSHAKE] = "handshake", [CONN_TLS_VERIFY] = "verifying",
		[CONN_TLS_UP] = "tls",
	};
	if (conn->state >= COUNT_OF(states) || conn->tls_state >= COUNT_OF(tls_states))
		return "damaged";
	return conn->state == CONN_OPEN ? tls_states[conn->tls_state] : states[conn->state];
}

bool conn_local(const struct conn *conn, struct ip_address *out_address, uint16_t *out_port)
{
	return conn->fd >= 0 && socket_local(conn->fd, out_address, out_port);
}

/* ---- events ---- */

void conn_post_event(struct conn *conn)
{
	if (!conn->event_op.in_flight)
		ring_post(conn->pool->ring, &conn->event_op, event_done);
}

static void event_done(struct io_op *op, const struct io_result *result)
{
	struct conn *conn = CONTAINER_OF(op, struct conn, event_op);
	CHECK_OBJ(conn, CONN_MAGIC);
	(void)result;
	if (conn->failed_due) {
		conn->failed_due = false;
		if (conn->state == CONN_FAILED)
			conn->handlers->failed(conn);
	}
	if (conn->resume_due) {
		conn->resume_due = false;
		conn_tls_resume(conn);
	}
	if (conn->sent_due) {
		conn->sent_due = false;
		if (conn->state == CONN_OPEN)
			conn_output_tell(conn);
	}
	conn_try_finish(conn);
}

/* ---- failing ---- */

static bool enter_failed(struct conn *conn, enum conn_end end)
{
	if (conn->state != CONN_OPEN && conn->state != CONN_CONNECTING)
		return false; /* the first reason counts */
	conn->state = CONN_FAILED;
	conn->end = (uint8_t)end;
	conn->pool->counters.failed++;
	conn->output_awaited = false;
	if (list_node_is_linked(&conn->flight_waiter))
		list_remove(&conn->flight_waiter);
	conn_output_trim(conn); /* an alert in it stays, and leaves at the latest at the end */
	return true;
}

void conn_fail(struct conn *conn, enum conn_end end)
{
	if (enter_failed(conn, end))
		conn->handlers->failed(conn);
}

void conn_fail_later(struct conn *conn, enum conn_end end)
{
	if (!enter_failed(conn, end))
		return;
	conn->failed_due = true;
	conn_post_event(conn);
}

/* ---- receiving ---- */

static bool wants_receive(const struct conn *conn)
{
	return conn->state == CONN_OPEN && !conn->eof && !conn->receive_stopped &&
		!conn_is_held(conn);
}

void conn_arrange_receive(struct conn *conn)
{
	bool wanted = wants_receive(conn);
	if (wanted && !conn->receive_op.in_flight)
		ring_receive(conn->pool->ring, &conn->receive_op, conn->fd, receive_done);
	else if (!wanted && conn->receive_op.in_flight)
		/* Arranged anew when it is back. */
		ring_cancel(conn->pool->ring, &conn->receive_op);
}

static void on_end(struct conn *conn, int error)
{
	if (error != 0)
		fail_set_errno(&conn->fail, error, "the connection broke");
	else
		fail_set(&conn->fail, RESULT_CLOSED, "the peer closed the connection");
	if (conn->tls_state == CONN_TLS_OFF || (conn->tls_state == CONN_TLS_UP && error != 0)) {
		conn->eof = true;
		conn_fail(conn, error != 0 ? CONN_END_BROKEN : CONN_END_CLOSED);
	} else {
		conn_tls_ended(conn);
	}
}

static void receive_done(struct io_op *op, const struct io_result *result)
{
	struct conn *conn = CONTAINER_OF(op, struct conn, receive_op);
	CHECK_OBJ(conn, CONN_MAGIC);
	if (conn->state != CONN_OPEN) {
		conn_try_finish(conn);
		return;
	}
	if (result->value > 0) {
		conn->received_bytes += (uint32_t)result->value;
		if (conn->tls_state == CONN_TLS_OFF)
			conn->handlers->received(conn, result->data, (size_t)result->value);
		else
			conn_tls_input(conn, result->data, (size_t)result->value);
	} else if (result->value == -ECANCELED) {
		conn_arrange_receive(conn); /* stopped, and maybe wanted again since */
	} else {
		on_end(conn, -result->value);
	}
}

void conn_stop_receiving(struct conn *conn)
{
	CHECK_OBJ(conn, CONN_MAGIC);
	conn->receive_stopped = true;
	conn_arrange_receive(conn);
}

void conn_start_receiving(struct conn *conn)
{
	CHECK_OBJ(conn, CONN_MAGIC);
	conn->receive_stopped = false;
	conn_arrange_receive(conn);
}

/* ---- opening ---- */

static void init(struct conn *conn, struct conn_pool *pool, const struct conn_handlers *handlers,
	void *owner)
{
	CHECK(conn->state == CONN_IDLE);
	CHECK(handlers->failed != NULL && handlers->received != NULL && handlers->closed != NULL);
	*conn = (struct conn){
		.magic = CONN_MAGIC,
		.pool = pool,
		.handlers = handlers,
		.owner = owner,
		.fd = -1,
	};
	pool->conns++;
}

static void connect_done(struct io_op *op, const struct io_result *result)
{
	struct conn *conn = CONTAINER_OF(op, struct conn, send_op);
	CHECK_OBJ(conn, CONN_MAGIC);
	if (conn->state != CONN_CONNECTING) {
		conn_try_finish(conn);
		return;
	}
	if (result->value == 0) {
		conn->state = CONN_OPEN;
		conn->pool->counters.opened++;
		conn_arrange_receive(conn);
		conn->handlers->opened(conn);
		return;
	}
	/* Some kernels tell only that it failed; the socket knows why. */
	int error = result->value == -ECANCELED ? socket_error(conn->fd) : -result->value;
	fail_set_errno(&conn->fail, error != 0 ? error : ECONNREFUSED, "cannot connect");
	conn_fail(conn, CONN_END_CONNECT);
}

void conn_connect(struct conn *conn, struct conn_pool *pool, const struct conn_handlers *handlers,
	void *owner, const struct ip_address *peer, uint16_t port, const struct ip_address *source)
{
	CHECK(handlers->opened != NULL);
	init(conn, pool, handlers, owner);
	conn->state = CONN_CONNECTING;
	if (socket_open_tcp(peer->family, source, &conn->fd, &conn->fail) != RESULT_OK) {
		conn_fail_later(conn, CONN_END_CONNECT);
		return;
	}
	socklen_t len = ip_address_to_sockaddr(peer, port, &conn->peer);
	ring_connect(pool->ring, &conn->send_op, conn->fd, &conn->peer, len, connect_done);
}

static void take(struct conn *conn, struct conn_pool *pool, const struct conn_handlers *handlers, void *owner,
	int fd)
{
	init(conn, pool, handlers, owner);
	conn->state = CONN_OPEN;
	conn->fd = fd;
	conn_arrange_receive(conn);
}

void conn_take(struct conn *conn, struct conn_pool *pool, const struct conn_handlers *handlers, void *owner,
	int fd)
{
	pool->counters.opened++;
	take(conn, pool, handlers, owner, fd);
}

void conn_adopt(struct conn *conn, struct conn_pool *pool, const struct conn_handlers *handlers,
	void *owner, int fd)
{
	pool->counters.accepted++;
	socket_prepare_accepted(fd);
	take(conn, pool, handlers, owner, fd);
}

/* ---- closing ---- */

void conn_try_finish(struct conn *conn)
{
	if (conn->state != CONN_CLOSING || conn->receive_op.in_flight || conn->send_op.in_flight ||
		conn->event_op.in_flight)
		return;
	conn_output_drop(conn);
	CHECK(conn->sending == NULL && conn->filling == NULL);
	conn_tls_deinit(conn);
	if (conn->fd >= 0) {
		if (conn->aborting)
			socket_set_abort(conn->fd);
		ring_close_and_forget(conn->pool->ring, conn->fd);
	}
	conn->fd = -1;
	conn->state = CONN_IDLE;
	conn->pool->conns--;
	conn->pool->counters.closed++;
	conn->handlers->closed(conn); /* and it is the owner's: not touched any more */
}

static void start_closing(struct conn *conn)
{
	/* RFC 8446 6.1: also one who was told goodbye says it. */
	bool says_goodbye = conn->state == CONN_OPEN ||
		(conn->state == CONN_FAILED && conn->end == CONN_END_CLOSED);
	conn->state = CONN_CLOSING;
	if (says_goodbye && !conn->aborting)
		conn_tls_goodbye(conn);
	ring_cancel(conn->pool->ring, &conn->receive_op);
	if (conn->send_op.in_flight)
		/* A connect, or a send which the peer does not take; one that can leave at once
		 * does so before the cancel is looked at, and what is filled follows it. */
		ring_cancel(conn->pool->ring, &conn->send_op);
	else
		conn_output_last(conn);
	conn_post_event(conn); /* `closed` never comes from inside this call */
}

void conn_close(struct conn *conn)
{
	CHECK_OBJ(conn, CONN_MAGIC);
	CHECK(conn->state != CONN_IDLE);
	if (conn->state != CONN_CLOSING)
		start_closing(conn);
}

void conn_abort(struct conn *conn)
{
	CHECK_OBJ(conn, CONN_MAGIC);
	CHECK(conn->state != CONN_IDLE);
	conn->aborting = true;
	if (conn->state != CONN_CLOSING)
		start_closing(conn);
}
