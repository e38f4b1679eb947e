/* Output: bytes gather in the `filling` flight, which becomes the `sending` one and goes to the
 * ring, one send in flight at a time. With plenty of flights in the pool the next is filled
 * meanwhile; otherwise the connection waits for the one that is out.
 *
 * A send that fails does not end the connection by itself: the peer may have said why before it
 * hung up (a 421, a 552 in mid-data: DATA-11), and that is still to be received. The end of the
 * receive then is the end of the connection. */
#include <errno.h>
#include "engine/base/check.h"
#include "engine/io/conn_internal.h"

enum {
	/* A flight with less room than this is as good as full: send it, take another. */
	CONN_ROOM_MIN = 2048,
	/* What a TLS record costs beside its plaintext, with some to spare (TLS_RECORD_ROOM). */
	CONN_RECORD_OVERHEAD = TLS_RECORD_ROOM - TLS_RECORD_PLAIN_MAX,
};

static void send_flight(struct conn *conn);

/* How much plaintext fits into `room` bytes of a flight. */
static size_t plain_room(const struct conn *conn, size_t room)
{
	if (conn->tls_state == CONN_TLS_OFF)
		return room;
	size_t records = room / TLS_RECORD_ROOM;
	size_t rest = room % TLS_RECORD_ROOM;
	rest = rest > CONN_RECORD_OVERHEAD ? rest - CONN_RECORD_OVERHEAD : 0;
	return records * TLS_RECORD_PLAIN_MAX + rest;
}

/* One flight on the wire or being filled is anybody's; a second one only out of plenty. */
static bool may_acquire(const struct conn *conn)
{
	const struct flight_pool *flights = &conn->pool->flights;
	return flight_pool_has_one(flights) &&
		(conn->sending == NULL || flight_pool_has_plenty(flights));
}

/* The flight to fill, acquired if need be. NULL: the send in flight or the pool will tell. */
static struct flight *filling(struct conn *conn)
{
	struct flight_pool *flights = &conn->pool->flights;
	if (conn->filling == NULL && may_acquire(conn))
		conn->filling = flight_acquire(flights);
	if (conn->filling == NULL && conn->sending == NULL)
		flight_wait(flights, &conn->flight_waiter);
	return conn->filling;
}

/* Sends the filling flight if nothing is being sent. */
static void start_sending(struct conn *conn)
{
	if (conn->sending != NULL || conn->filling == NULL || conn->filling->bytes.len == 0)
		return;
	conn->sending = conn->filling;
	conn->filling = NULL;
	conn->flush_wanted = false;
	send_flight(conn);
}

/* ---- what the owner calls ---- */

size_t conn_room(struct conn *conn)
{
	CHECK_OBJ(conn, CONN_MAGIC);
	if (!conn_may_write(conn))
		return 0;
	size_t room = conn->filling != NULL ? plain_room(conn, buf_room(&conn->filling->bytes)) : 0;
	if (room >= CONN_ROOM_MIN)
		return room;
	start_sending(conn);
	if (conn->filling == NULL && may_acquire(conn))
		return plain_room(conn, conn->pool->flights.flight_bytes);
	if (conn->filling == NULL && conn->sending == NULL)
		flight_wait(&conn->pool->flights, &conn->flight_waiter);
	return 0;
}

/* Puts the front of `data` into a flight; returns how much, 0 if there is no room now. */
static size_t write_some(struct conn *conn, const uint8_t *data, size_t len)
{
	struct flight *flight = filling(conn);
	if (flight == NULL)
		return 0;
	struct buf *bytes = &flight->bytes;
	size_t room = plain_room(conn, buf_room(bytes));
	if (room < len && room < CONN_ROOM_MIN && bytes->len > 0) {
		if (conn->sending != NULL)
			return 0;
		start_sending(conn);
		return write_some(conn, data, len); /* once: the new flight is empty */
	}
	size_t taken = len < room ? len : room;
	if (conn->tls_state == CONN_TLS_OFF) {
		buf_put(bytes, data, taken);
		return taken;
	}
	struct tls_io io = { .out = bytes };
	switch (tls_conn_write(conn->tls, &io, data, taken, &taken, &conn->fail)) {
	case TLS_OK:
	case TLS_WANT_ROOM:
		return taken;
	case TLS_FAILED:
		conn_fail_later(conn, CONN_END_TLS);
		return 0;
	case TLS_WANT_READ:
	case TLS_WAIT_VERIFY:
	case TLS_CLOSED:
		break;
	}
	UNREACHABLE("tls_conn_write() does not say that");
}

size_t conn_write(struct conn *conn, const void *data, size_t len)
{
	CHECK_OBJ(conn, CONN_MAGIC);
	size_t written = 0;
	while (written < len && conn_may_write(conn)) {
		size_t taken = write_some(conn, (const uint8_t *)data + written, len - written);
		if (taken == 0)
			break;
		written += taken;
	}
	return written;
}

void conn_flush(struct conn *conn)
{
	CHECK_OBJ(conn, CONN_MAGIC);
	if (conn->state != CONN_OPEN || conn->write_broken)
		return;
	conn->flush_wanted = conn->filling != NULL && conn->filling->bytes.len > 0;
	start_sending(conn);
}

size_t conn_unsent(const struct conn *conn)
{
	size_t bytes = 0;
	if (conn->sending != NULL)
		bytes += conn->sending->bytes.len - conn->sending->sent_bytes;
	if (conn->filling != NULL)
		bytes += conn->filling->bytes.len;
	return bytes;
}

/* ---- for conn_tls.c ---- */

struct buf *conn_output_prepare(struct conn *conn)
{
	if (conn->filling != NULL && buf_room(&conn->filling->bytes) < TLS_OUT_ROOM_MIN)
		start_sending(conn);
	struct flight *flight = filling(conn);
	if (flight != NULL && buf_room(&flight->bytes) >= TLS_OUT_ROOM_MIN)
		return &flight->bytes;
	conn->output_awaited = true;
	return NULL;
}

bool conn_output_append(struct conn *conn, const struct buf *bytes)
{
	if (bytes->len == 0)
		return true;
	if (conn->write_broken)
		return true;
	struct buf *out = conn_output_prepare(conn);
	conn->output_awaited = false;
	if (out == NULL)
		return false;
	buf_put(out, bytes->data, bytes->len);
	conn->flush_wanted = true;
	start_sending(conn);
	return true;
}

/* ---- lending ---- */

void conn_output_trim(struct conn *conn)
{
	if (conn->filling == NULL || conn->filling->bytes.len > 0)
		return;
	struct flight *flight = conn->filling;
	conn->filling = NULL;
	flight_release(&conn->pool->flights, flight);
}

void conn_output_drop(struct conn *conn)
{
	if (list_node_is_linked(&conn->flight_waiter))
		list_remove(&conn->flight_waiter);
	if (conn->filling != NULL)
		flight_release(&conn->pool->flights, conn->filling);
	conn->filling = NULL;
	if (conn->sending != NULL && !conn->send_op.in_flight) {
		flight_release(&conn->pool->flights, conn->sending);
		conn->sending = NULL;
	}
}

/* A flight has come back to the pool while we waited first in line. */
void conn_output_ready(struct list_node *waiter, struct flight *flight)
{
	struct conn *conn = CONTAINER_OF(waiter, struct conn, flight_waiter);
	CHECK_OBJ(conn, CONN_MAGIC);
	CHECK(conn->filling == NULL);
	conn->filling = flight;
	conn->sent_due = true;
	conn_post_event(conn);
}

void conn_output_tell(struct conn *conn)
{
	if (conn->output_awaited) {
		conn->output_awaited = false;
		conn_tls_resume(conn);
	} else if (conn_may_write(conn) && conn->handlers->sent != NULL) {
		conn->handlers->sent(conn);
	}
	if (conn->state == CONN_OPEN)
		conn_output_trim(conn);
}

/* ---- sending ---- */

/* The last flight of a connection that closes is on its way, whole or not. */
static void last_sent(struct io_op *op, const struct io_result *result)
{
	struct conn *conn = CONTAINER_OF(op, struct conn, send_op);
	CHECK_OBJ(conn, CONN_MAGIC);
	if (result->value > 0)
		conn->sent_bytes += (uint32_t)result->value;
	conn_output_drop(conn);
	conn_try_finish(conn);
}

void conn_output_last(struct conn *conn)
{
	CHECK(conn->state == CONN_CLOSING);
	bool wanted = !conn->aborting && !conn->write_broken && conn->sending == NULL &&
		conn->filling != NULL && conn->filling->bytes.len > 0;
	if (!wanted) {
		conn_output_drop(conn);
		return;
	}
	struct flight *flight = conn->sending = conn->filling;
	conn->filling = NULL;
	ring_send_at_once(conn->pool->ring, &conn->send_op, conn->fd, flight->bytes.data,
		flight->bytes.len, last_sent);
}

static void sent_while_closing(struct conn *conn)
{
	bool whole = conn->sending != NULL && conn->sending->sent_bytes == conn->sending->bytes.len;
	struct flight *flight = conn->sending;
	conn->sending = NULL;
	if (flight != NULL)
		flight_release(&conn->pool->flights, flight);
	if (whole)
		conn_output_last(conn);
	else
		conn_output_drop(conn);
	conn_try_finish(conn);
}

/* Nothing can be sent any more. What the peer has said is still received, and how that ends is
 * what the owner is told; where nothing is received, this is the end. */
static void send_failed(struct conn *conn, int error)
{
	conn->write_broken = true;
	conn_output_drop(conn);
	if (conn->state != CONN_OPEN)
		return;
	fail_set_errno(&conn->fail, error, "the connection broke while sending");
	if (conn->receive_op.in_flight && !conn->receive_stopped && !conn_is_held(conn))
		return;
	conn_fail(conn, conn->tls_state == CONN_TLS_OFF || conn->tls_state == CONN_TLS_UP
		? CONN_END_BROKEN : CONN_END_TLS);
}

static void flight_sent(struct conn *conn)
{
	struct flight *flight = conn->sending;
	conn->sending = NULL;
	flight_release(&conn->pool->flights, flight);
	if (conn->tls_state == CONN_TLS_HELLO && conn_unsent(conn) == 0)
		conn_tls_hello_left(conn);
	if (conn->flush_wanted)
		start_sending(conn);
	if (conn->state == CONN_OPEN)
		conn_output_tell(conn);
}

static void send_done(struct io_op *op, const struct io_result *result)
{
	struct conn *conn = CONTAINER_OF(op, struct conn, send_op);
	CHECK_OBJ(conn, CONN_MAGIC);
	if (result->value > 0) {
		conn->sent_bytes += (uint32_t)result->value;
		conn->sending->sent_bytes += (uint32_t)result->value;
		CHECK(conn->sending->sent_bytes <= conn->sending->bytes.len);
	}
	if (conn->state == CONN_CLOSING)
		sent_while_closing(conn);
	else if (result->value < 0 && result->value != -EINTR && result->value != -EAGAIN)
		send_failed(conn, -result->value);
	else if (conn->sending->sent_bytes < conn->sending->bytes.len)
		send_flight(conn);
	else
		flight_sent(conn);
}

static void send_flight(struct conn *conn)
{
	struct flight *flight = conn->sending;
	ring_send(conn->pool->ring, &conn->send_op, conn->fd,
		flight->bytes.data + flight->sent_bytes, flight->bytes.len - flight->sent_bytes,
		send_done);
}
