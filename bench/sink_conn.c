/* The order of things after each event: the session is asked, its replies are written or put into the
 * outbox, and when the outbox is empty what the session wants next is done (advance). A session that
 * waits keeps what comes meanwhile in the stash. */
#include "bench/sink_conn.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "bench/sink_trace.h"
#include "bench/sink_worker.h"
#include "tls/tls_conn.h"

enum {
	/* A client that sends on while it should wait; more is left in the kernel. */
	STASH_MAX = 256 * 1024,
	/* What a client may leave unread before it is read from no more. */
	OUTBOX_MAX = 64 * 1024,
};

static void advance(struct sink_conn *c);
static void timer_fired(struct timer *timer);

static uint64_t now_ns(const struct sink_conn *c) { return loop_now_ns(&c->worker->loop); }

static struct sink_counters *counters(struct sink_conn *c) { return &c->worker->book.counters; }

static void start_timer(struct sink_conn *c, uint64_t after_ns)
{
	loop_timer_start(&c->worker->loop, &c->timer, after_ns, timer_fired);
}

/* ---- the end ---- */

static void end(struct sink_conn *c, bool abort)
{
	if (c->closing)
		return;
	c->closing = true;
	loop_timer_stop(&c->worker->loop, &c->timer);
	loop_timer_stop(&c->worker->loop, &c->patience);
	if (abort)
		conn_abort(&c->conn);
	else
		conn_close(&c->conn);
}

static void end_by_us(struct sink_conn *c, bool abort)
{
	sink_count(&counters(c)->closed_by_sink, !c->closing);
	end(c, abort);
}

void sink_conn_close(struct sink_conn *conn)
{
	CHECK_OBJ(conn, SINK_CONN_MAGIC);
	if (!conn->closing)
		conn->session.at_fault = true; /* it had no chance to say QUIT */
	end_by_us(conn, false);
}

/* Anything that failed on our side: no memory, a lost send. */
static void give_up(struct sink_conn *c)
{
	sink_count(&counters(c)->broken, 1);
	c->session.at_fault = true;
	end(c, true);
}

/* ---- writing ---- */

/* What is due goes to the connection, as far as it has room. */
static void pump(struct sink_conn *c)
{
	struct text due = sink_outbox_due(&c->outbox, now_ns(c));
	if (due.len > 0 && c->session.want == SINK_WANT_DRIP)
		due = text_cut(due, 1);
	size_t written = due.len > 0 ? conn_write(&c->conn, due.data, due.len) : 0;
	if (written == 0)
		return;
	sink_outbox_take(&c->outbox, written);
	conn_flush(&c->conn);
}

/* The replies in worker->out, now or after the delay. */
static void emit(struct sink_conn *c)
{
	struct buf *out = &c->worker->out;
	uint64_t delay_ns = c->worker->shared->delay_ns;
	size_t written = 0;
	if (delay_ns == 0 && sink_outbox_bytes(&c->outbox) == 0 && c->session.want != SINK_WANT_DRIP &&
		out->len > 0) {
		written = conn_write(&c->conn, out->data, out->len);
		conn_flush(&c->conn);
	}
	if (!sink_outbox_add(&c->outbox, out->data + written, out->len - written, now_ns(c) + delay_ns))
		give_up(c);
	buf_reset(out);
}

static void stop_receiving(struct sink_conn *c, bool stop)
{
	if (c->receive_stopped == stop || c->closing)
		return;
	c->receive_stopped = stop;
	if (stop)
		conn_stop_receiving(&c->conn);
	else
		conn_start_receiving(&c->conn);
}

/* ---- what the session wants ---- */

static void shutdown_done(struct io_op *op, const struct io_result *result)
{
	struct sink_conn *c = CONTAINER_OF(op, struct sink_conn, shutdown_op);
	(void)result;
	CHECK_OBJ(c, SINK_CONN_MAGIC);
	if (c->closing && c->conn.fd < 0)
		sink_worker_release(c->worker, c);
}

static void half_close(struct sink_conn *c)
{
	if (c->half_closed || conn_unsent(&c->conn) > 0)
		return;
	c->half_closed = true;
	ring_shutdown(c->worker->loop.ring, &c->shutdown_op, c->conn.fd, SHUT_WR, shutdown_done);
}

static void start_tls(struct sink_conn *c)
{
	if (c->started_tls)
		return;
	c->started_tls = true;
	switch (c->session.tls_bug) {
	case SINK_BUG_TLS_GARBAGE:
	case SINK_BUG_TLS_ALERT:
	case SINK_BUG_TLS_CLOSE:
	case SINK_BUG_TLS_RESET:
	case SINK_BUG_TLS_STALL:
	case SINK_BUG_TLS_DRIP:
		c->trap = c->session.tls_bug;
		break;
	default:
		if (c->listener->tls == NULL ||
			conn_start_tls_server(&c->conn, c->listener->tls) != RESULT_OK)
			give_up(c);
		break;
	}
	c->stash_len = 0; /* RFC 3207 4.2: nothing said in cleartext counts; it was counted as odd */
	stop_receiving(c, false);
}

static void wait_for_session(struct sink_conn *c)
{
	/* The ClientHello must stay in the kernel until TLS has started. */
	if (c->session.want_next == SINK_WANT_TLS)
		stop_receiving(c, true);
	if (c->session.wait_ms > 0) {
		if (!timer_is_running(&c->timer))
			start_timer(c, (uint64_t)c->session.wait_ms * 1000000);
	} else if (conn_unsent(&c->conn) == 0) {
		start_timer(c, 0);
	}
}

static void carry_out_want(struct sink_conn *c)
{
	switch ((enum sink_want)c->session.want) {
	case SINK_WANT_INPUT:
		stop_receiving(c, false);
		break;
	case SINK_WANT_TLS:
		start_tls(c);
		break;
	case SINK_WANT_WAIT:
	case SINK_WANT_DRIP:
		wait_for_session(c);
		break;
	case SINK_WANT_CLOSE:
		end_by_us(c, false);
		break;
	case SINK_WANT_RESET:
		end_by_us(c, true);
		break;
	case SINK_WANT_HALF_CLOSE:
		half_close(c);
		break;
	case SINK_WANT_DEAF:
		stop_receiving(c, true);
		break;
	}
}

/* ---- input ---- */

static bool stash(struct sink_conn *c, const uint8_t *data, size_t len)
{
	if (c->stash_len + len > c->stash_size) {
		size_t size = c->stash_size > 0 ? c->stash_size : 4096;
		while (size < c->stash_len + len)
			size *= 2;
		uint8_t *memory = realloc(c->stash, size);
		if (memory == NULL)
			return false;
		c->stash = memory;
		c->stash_size = size;
	}
	memcpy(c->stash + c->stash_len, data, len);
	c->stash_len += len;
	if (c->stash_len >= STASH_MAX)
		stop_receiving(c, true);
	return true;
}

/* Gives the session what came; what it does not take yet is kept. */
static void feed(struct sink_conn *c, const uint8_t *data, size_t len)
{
	size_t taken = 0;
	if (c->stash_len == 0 || c->session.want != SINK_WANT_INPUT)
		taken = sink_session_input(
			&c->session, (const char *)data, len, now_ns(c), &c->worker->out);
	bool waits = c->session.want == SINK_WANT_WAIT || c->session.want == SINK_WANT_DRIP;
	if (waits && taken < len && !stash(c, data + taken, len - taken))
		give_up(c);
	emit(c);
}

static void feed_stash(struct sink_conn *c)
{
	if (c->stash_len == 0 || c->session.want != SINK_WANT_INPUT)
		return;
	size_t taken = sink_session_input(
		&c->session, (const char *)c->stash, c->stash_len, now_ns(c), &c->worker->out);
	c->stash_len -= taken;
	memmove(c->stash, c->stash + taken, c->stash_len);
	emit(c);
}

/* Until there is nothing more to be done now. */
static void advance(struct sink_conn *c)
{
	while (!c->closing) {
		if (c->session.want == SINK_WANT_RESET) {
			end_by_us(c, true);
			return;
		}
		if (c->session.want != SINK_WANT_DRIP)
			pump(c);
		if (sink_outbox_bytes(&c->outbox) > 0)
			break;
		carry_out_want(c);
		if (c->session.want != SINK_WANT_INPUT || c->stash_len == 0)
			return;
		feed_stash(c);
	}
	if (c->closing)
		return;
	/* Bytes that are not due wait for the timer, bytes that find no room for `sent`. */
	uint64_t next_ns = sink_outbox_next_ns(&c->outbox);
	if (c->session.want == SINK_WANT_DRIP)
		wait_for_session(c);
	else if (next_ns > now_ns(c))
		start_timer(c, next_ns - now_ns(c));
	else if (sink_outbox_bytes(&c->outbox) > OUTBOX_MAX)
		stop_receiving(c, true);
}

static void timer_fired(struct timer *timer)
{
	struct sink_conn *c = CONTAINER_OF(timer, struct sink_conn, timer);
	CHECK_OBJ(c, SINK_CONN_MAGIC);
	bool dripping = c->session.want == SINK_WANT_DRIP && sink_outbox_bytes(&c->outbox) > 0;
	if (c->trap == SINK_BUG_TLS_DRIP) {
		/* The body of a handshake message that is announced as 16 KB and never completes. */
		conn_write(&c->conn, "", 1);
		conn_flush(&c->conn);
		start_timer(c, c->session.tls_number * 1000000);
		return;
	}
	if (dripping)
		pump(c);
	else if (sink_outbox_bytes(&c->outbox) == 0 &&
		(c->session.want == SINK_WANT_WAIT || c->session.want == SINK_WANT_DRIP)) {
		sink_session_resume(&c->session, now_ns(c), &c->worker->out);
		emit(c);
	}
	advance(c);
}

/* ---- the handshake's misbehaviour ---- */

static void spring_trap(struct sink_conn *c)
{
	static const char garbage[] = "These octets are not TLS, however long one looks at them.\r\n";
	/* TLSPlaintext: handshake, 1.2, 16,384 octets; ServerHello of 16,380: none of it will come. */
	static const uint8_t header[] = { 0x16, 0x03, 0x03, 0x40, 0x00, 0x02, 0x00, 0x3f, 0xfc };
	uint8_t alert[] = { 0x15, 0x03, 0x03, 0x00, 0x02, 0x02, (uint8_t)c->session.tls_number };
	switch (c->trap) {
	case SINK_BUG_TLS_GARBAGE:
		conn_write(&c->conn, garbage, sizeof garbage - 1);
		break;
	case SINK_BUG_TLS_ALERT:
		conn_write(&c->conn, alert, sizeof alert);
		break;
	case SINK_BUG_TLS_DRIP:
		if (!timer_is_running(&c->timer)) {
			conn_write(&c->conn, header, sizeof header);
			conn_flush(&c->conn);
			start_timer(c, c->session.tls_number * 1000000);
		}
		return;
	case SINK_BUG_TLS_STALL:
		return;
	default:
		break;
	}
	conn_flush(&c->conn);
	end_by_us(c, c->trap == SINK_BUG_TLS_RESET);
}

/* ---- events of the connection ---- */

static void received(struct conn *conn, const uint8_t *data, size_t len)
{
	struct sink_conn *c = conn->owner;
	CHECK_OBJ(c, SINK_CONN_MAGIC);
	c->heard_ns = now_ns(c);
	if (c->closing)
		return;
	if (c->trap != SINK_DEED_NONE) {
		spring_trap(c);
		return;
	}
	feed(c, data, len);
	advance(c);
}

static void sent(struct conn *conn)
{
	struct sink_conn *c = conn->owner;
	CHECK_OBJ(c, SINK_CONN_MAGIC);
	if (!c->closing && c->trap == SINK_DEED_NONE)
		advance(c);
}

static void tls_done(struct conn *conn)
{
	struct sink_conn *c = conn->owner;
	struct tls_info info;
	CHECK_OBJ(c, SINK_CONN_MAGIC);
	tls_conn_describe(conn_tls(conn), &info);
	c->tls_told = true;
	sink_count(&counters(c)->handshakes, 1);
	sink_count(&counters(c)->handshakes_resumed, info.resumed);
	if (c->trace != NULL)
		sink_trace_tls(c->trace, &info, tls_conn_sni(conn_tls(conn)));
	sink_session_tls_up(&c->session, now_ns(c), &c->worker->out);
	emit(c);
	advance(c);
}

static void failed(struct conn *conn)
{
	struct sink_conn *c = conn->owner;
	CHECK_OBJ(c, SINK_CONN_MAGIC);
	bool in_handshake = c->started_tls && !c->tls_told;
	bool clean = conn->end == CONN_END_CLOSED;
	if (c->closing)
		return;
	if (in_handshake)
		sink_count(&counters(c)->handshakes_failed, 1);
	/* A client that refuses us by an alert, or a test of cut connections, is not ours to judge. */
	sink_count(clean ? &counters(c)->closed_by_client : &counters(c)->broken, 1);
	if (c->trace != NULL)
		sink_trace_end(c->trace, conn_end_name(conn->end), conn->fail.text);
	sink_session_gone(&c->session, clean && !in_handshake && !c->trap);
	end(c, false);
}

static void closed(struct conn *conn)
{
	struct sink_conn *c = conn->owner;
	CHECK_OBJ(c, SINK_CONN_MAGIC);
	sink_count(&counters(c)->bytes_in, conn->received_bytes);
	sink_count(&counters(c)->bytes_out, conn->sent_bytes);
	if (!c->shutdown_op.in_flight)
		sink_worker_release(c->worker, c);
}

static const struct conn_handlers handlers = {
	.failed = failed,
	.received = received,
	.sent = sent,
	.tls_done = tls_done,
	.closed = closed,
};

/* ---- patience ---- */

static uint64_t limit_ns(const struct sink_conn *c, bool *out_by_rule)
{
	uint64_t idle_ns = (uint64_t)c->listener->site->idle_ms * 1000000;
	*out_by_rule = idle_ns > 0 && sink_session_is_idle(&c->session);
	return *out_by_rule ? idle_ns : c->worker->shared->patience_ns;
}

/* Looks now and then instead of being started anew by every octet. */
static void patience_fired(struct timer *timer)
{
	struct sink_conn *c = CONTAINER_OF(timer, struct sink_conn, patience);
	CHECK_OBJ(c, SINK_CONN_MAGIC);
	bool by_rule;
	uint64_t limit = limit_ns(c, &by_rule), silent = now_ns(c) - c->heard_ns;
	/* While it is our turn, or a bug keeps silent on purpose, the client is not to blame. */
	bool ours = sink_session_is_silent(&c->session) || c->trap != SINK_DEED_NONE;
	if (silent < limit || ours) {
		uint64_t left = ours ? limit : limit - silent;
		uint64_t step = (uint64_t)c->listener->site->idle_ms * 1000000;
		if (step > 0 && step / 4 < left)
			left = step / 4;
		loop_timer_start(&c->worker->loop, &c->patience, left + 1000000, patience_fired);
		return;
	}
	if (c->session.want != SINK_WANT_INPUT) {
		end_by_us(c, true);
		return;
	}
	sink_session_idle(&c->session, !by_rule, &c->worker->out);
	emit(c);
	advance(c);
}

/* ---- the beginning ---- */

void sink_conn_open(struct sink_conn *conn, struct sink_worker *worker, struct sink_listener *listener,
	int fd)
{
	memset(conn, 0, offsetof(struct sink_conn, session));
	conn->magic = SINK_CONN_MAGIC;
	conn->worker = worker;
	conn->listener = listener;
	conn->heard_ns = now_ns(conn);
	sink_count(&counters(conn)->connections, 1);
	struct sink_session_config config = {
		.site = listener->site,
		.book = &worker->book,
		.greylist = worker->shared->greylist,
		.serial = ++worker->serial * 256 + worker->number,
		.dice = random_u64(&worker->random),
	};
	if (worker->shared->trace != NULL)
		conn->trace = sink_trace_open(worker->shared->trace, fd, config.serial, &config.tap);
	config.tap_context = conn->trace;
	conn_adopt(&conn->conn, &worker->pool, &handlers, conn, fd);
	sink_session_open(&conn->session, &config, now_ns(conn), &worker->out);
	emit(conn);
	advance(conn);
	bool by_rule;
	uint64_t limit = limit_ns(conn, &by_rule);
	uint64_t idle_ns = (uint64_t)listener->site->idle_ms * 1000000;
	if (!conn->closing)
		loop_timer_start(&worker->loop, &conn->patience,
			idle_ns > 0 && idle_ns < limit ? idle_ns : limit, patience_fired);
}
