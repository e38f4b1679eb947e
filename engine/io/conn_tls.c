/* TLS inside a connection: ciphertext that arrives is fed at once and read until TLS wants more,
 * since a multishot receive gives no second notice of what it has delivered.
 *
 *   HELLO ─▶ HANDSHAKE ⇄ VERIFY ─▶ UP        a server begins at HANDSHAKE
 *
 * What cannot be fed at once is held: bytes behind a certificate that the verifier still thinks
 * about, or an answer of ours that finds no flight. Then the receive is stopped, so what comes
 * beyond is the little that was on its way, and the bytes wait in memory of their own until
 * conn_tls_resume().
 *
 * (STLS-04, SEC-01) Between the 220 and the moment when our ClientHello is submitted, no byte may
 * arrive. Looked for in three places: behind the 220 (`leftover`); in the socket, right before the
 * ClientHello is handed to the kernel, which for its sake is not put off to the end of the turn;
 * and in every receive that completes before the send of the ClientHello does, which is what had
 * been taken from the socket by then. Completions of one socket come in the order in which things
 * happened: a send completes inside the call that hands it over, before that call looks for what
 * has arrived. */
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/io/conn_internal.h"
#include "engine/io/socket.h"
#include "tls/tls_context.h"

enum {
	/* More than a whole flight of the peer and what the kernel delivers before a receive is
	 * stopped; a peer that sends more where it should wait for us is no TLS peer. */
	CONN_HELD_MAX = 256 * 1024,
};

static void run(struct conn *conn, const uint8_t *data, size_t len);

/* ---- start ---- */

static const char injected_text[] = "data after STARTTLS reply: %s";

/* Not through `failed`: the owner learns it from the result of the call that it is in. */
static enum result refuse_injected(struct conn *conn, const char *what)
{
	conn->state = CONN_FAILED;
	conn->end = CONN_END_INJECTED;
	conn->pool->counters.failed++;
	conn->pool->counters.injected++;
	conn_output_drop(conn);
	return fail_set(&conn->fail, RESULT_PROTOCOL, injected_text, what);
}

static void fail_injected(struct conn *conn)
{
	conn->pool->counters.injected++;
	fail_set(&conn->fail, RESULT_PROTOCOL, injected_text, "before our ClientHello");
	conn_fail(conn, CONN_END_INJECTED);
}

static enum result begin(struct conn *conn, enum conn_tls_state state)
{
	if (conn->tls == NULL)
		return conn->fail.result;
	tls_conn_set_owner(conn->tls, conn);
	conn->tls_state = (uint8_t)state;
	run(conn, NULL, 0);
	return RESULT_OK;
}

enum result conn_start_tls(struct conn *conn, struct tls_context *ctx,
	const struct security_demand *demand, struct text sni, bool tls12_only, size_t leftover)
{
	CHECK_OBJ(conn, CONN_MAGIC);
	CHECK(conn->tls == NULL);
	if (conn->state != CONN_OPEN || conn->write_broken)
		return RESULT_CLOSED;
	if (leftover > 0)
		return refuse_injected(conn, "in the same piece as the 220");
	if (conn_unsent(conn) > 0)
		return refuse_injected(conn, "the 220 came before STARTTLS had left");
	if (socket_peek(conn->fd) > 0)
		return refuse_injected(conn, "before our ClientHello");
	conn->tls = tls_conn_create_client(ctx, demand, sni, &conn->fail);
	if (conn->tls != NULL && tls12_only)
		tls_conn_limit_to_tls12(conn->tls);
	return begin(conn, CONN_TLS_HELLO);
}

enum result conn_start_tls_server(struct conn *conn, struct tls_context *ctx)
{
	CHECK_OBJ(conn, CONN_MAGIC);
	CHECK(conn->tls == NULL);
	if (conn->state != CONN_OPEN || conn->write_broken)
		return RESULT_CLOSED;
	conn_flush(conn);
	conn->tls = tls_conn_create_server(ctx, &conn->fail);
	return begin(conn, CONN_TLS_HANDSHAKE);
}

void conn_tls_hello_left(struct conn *conn)
{
	CHECK(conn->tls_state == CONN_TLS_HELLO);
	conn->tls_state = CONN_TLS_HANDSHAKE;
}

/* ---- what is held ---- */

static bool hold(struct conn *conn, const uint8_t *data, size_t len)
{
	if (len == 0)
		return true;
	CHECK(data != NULL);
	if (conn->held_len + len > CONN_HELD_MAX)
		return false;
	if (conn->held_len + len > conn->held_max) {
		size_t max = conn->held_len + len;
		uint8_t *memory = realloc(conn->held, max);
		if (memory == NULL)
			return false;
		conn->held = memory;
		conn->held_max = max;
	}
	memcpy(conn->held + conn->held_len, data, len);
	conn->held_len += len;
	conn_arrange_receive(conn);
	return true;
}

static void hold_or_fail(struct conn *conn, const uint8_t *data, size_t len)
{
	if (conn->state != CONN_OPEN || hold(conn, data, len))
		return;
	fail_set(&conn->fail, RESULT_LIMIT, "the peer sends on while it should wait for us");
	conn_fail(conn, CONN_END_TLS);
}

/* ---- feeding: each returns whether to go on ---- */

static void fail_tls(struct conn *conn)
{
	struct tls_info info;
	tls_conn_describe(conn->tls, &info);
	bool up = conn->tls_state == CONN_TLS_UP;
	if (!up)
		conn->pool->counters.handshakes_failed++;
	conn_fail_later(conn, up && info.failure == TLS_FAILURE_CLOSED ? CONN_END_TRUNCATED
								       : CONN_END_TLS);
}

static bool step_handshake(struct conn *conn, struct tls_io *io)
{
	io->out = conn_output_prepare(conn);
	if (io->out == NULL)
		return false;
	enum tls_status status = tls_conn_handshake(conn->tls, io, &conn->fail);
	conn_flush(conn); /* a failure leaves an alert there */
	conn_output_trim(conn);
	if (conn->tls_state == CONN_TLS_HELLO)
		ring_hand_over(conn->pool->ring);
	switch (status) {
	case TLS_OK:
		conn->tls_state = CONN_TLS_UP;
		conn->pool->counters.handshakes++;
		conn->handlers->tls_done(conn);
		return true;
	case TLS_WANT_ROOM:
		return true;
	case TLS_WANT_READ:
		return false;
	case TLS_WAIT_VERIFY:
		conn->tls_state = CONN_TLS_VERIFY;
		return false;
	case TLS_FAILED:
		fail_tls(conn);
		return false;
	case TLS_CLOSED:
		break;
	}
	UNREACHABLE("tls_conn_handshake() does not say that");
}

static bool step_read(struct conn *conn, struct tls_io *io)
{
	struct buf reply;
	size_t len;
	buf_init(&reply, conn->pool->reply, sizeof conn->pool->reply);
	io->out = &reply;
	enum tls_status status = tls_conn_read(
		conn->tls, io, conn->pool->plain, CONN_PLAIN_BYTES, &len, &conn->fail);
	bool kept = conn_output_append(conn, &reply);
	switch (status) {
	case TLS_OK:
	case TLS_WANT_ROOM:
		break;
	case TLS_WANT_READ:
		return false;
	case TLS_CLOSED:
		fail_set(&conn->fail, RESULT_CLOSED, "the peer closed the connection");
		conn_fail_later(conn, CONN_END_CLOSED);
		return false;
	case TLS_FAILED:
		fail_tls(conn);
		return false;
	case TLS_WAIT_VERIFY:
		UNREACHABLE("tls_conn_read() does not say that");
	}
	if (!kept) {
		fail_set(&conn->fail, RESULT_LIMIT, "no output buffer for an answer of TLS");
		conn_fail_later(conn, CONN_END_BROKEN);
		return false;
	}
	if (len > 0)
		conn->handlers->received(conn, conn->pool->plain, len);
	return true;
}

/* Until TLS wants more, or something has to be waited for; what is not eaten then is held. */
static void run(struct conn *conn, const uint8_t *data, size_t len)
{
	struct tls_io io = { .in = data, .in_len = len, .in_eof = conn->eof };
	bool again = true;
	while (again && conn->state == CONN_OPEN) {
		switch ((enum conn_tls_state)conn->tls_state) {
		case CONN_TLS_HELLO:
		case CONN_TLS_HANDSHAKE:
			again = step_handshake(conn, &io);
			break;
		case CONN_TLS_UP:
			again = step_read(conn, &io);
			break;
		case CONN_TLS_VERIFY:
			again = false;
			break;
		case CONN_TLS_OFF:
			UNREACHABLE("no TLS to feed");
		}
	}
	hold_or_fail(conn, io.in, io.in_len);
}

void conn_tls_input(struct conn *conn, const uint8_t *data, size_t len)
{
	if (conn->tls_state == CONN_TLS_HELLO) {
		fail_injected(conn);
		return;
	}
	bool waits = conn_is_held(conn) || conn->output_awaited ||
		conn->tls_state == CONN_TLS_VERIFY;
	if (waits)
		hold_or_fail(conn, data, len);
	else
		run(conn, data, len);
}

void conn_tls_resume(struct conn *conn)
{
	if (conn->state != CONN_OPEN || conn->output_awaited)
		return;
	if (conn->tls_state == CONN_TLS_HELLO && socket_peek(conn->fd) > 0) {
		fail_injected(conn);
		return;
	}
	uint8_t *held = conn->held;
	size_t held_len = conn->held_len;
	conn->held = NULL;
	conn->held_len = 0;
	conn->held_max = 0;
	run(conn, held, held_len);
	free(held);
	conn_arrange_receive(conn);
}

void conn_tls_ended(struct conn *conn)
{
	conn->eof = true;
	bool waits = conn_is_held(conn) || conn->output_awaited ||
		conn->tls_state == CONN_TLS_VERIFY;
	if (!waits)
		run(conn, NULL, 0);
}

void conn_resume_verify(struct conn *conn, const struct tls_verdict *verdict)
{
	CHECK_OBJ(conn, CONN_MAGIC);
	if (conn->state != CONN_OPEN)
		return;
	CHECK(conn->tls_state == CONN_TLS_VERIFY);
	tls_conn_resume_verify(conn->tls, verdict);
	conn->tls_state = CONN_TLS_HANDSHAKE;
	conn->resume_due = true;
	conn_post_event(conn);
}

/* ---- end ---- */

void conn_tls_goodbye(struct conn *conn)
{
	if (conn->tls_state != CONN_TLS_UP || conn->write_broken)
		return;
	struct buf *out = conn_output_prepare(conn);
	conn->output_awaited = false;
	if (out == NULL)
		return;
	struct tls_io io = { .out = out };
	/* Best effort: the peer that misses it sees FIN. */
	(void)!tls_conn_close_notify(conn->tls, &io, &conn->fail);
}

void conn_tls_deinit(struct conn *conn)
{
	tls_conn_destroy(conn->tls);
	conn->tls = NULL;
	conn->tls_state = CONN_TLS_OFF;
	free(conn->held);
	conn->held = NULL;
	conn->held_len = 0;
	conn->held_max = 0;
}
