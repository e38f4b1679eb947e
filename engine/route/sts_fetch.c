/*   start ─▶ connecting ─▶ handshake ─▶ request, response ─▶ closing ─▶ done
 *                 ▲                                            │
 *                 └──────── the next address ◀── no answer ────┘
 *
 * Every way out of an attempt leads through leave(), which closes the connection; what comes then is
 * decided in one place, when it is closed. */
#include "engine/route/sts_fetch.h"
#include <string.h>
#include "engine/base/check.h"
#include "engine/io/loop.h"
#include "tls/tls_conn.h"

static void try_next(struct sts_fetch *fetch);
static void timer_fired(struct timer *timer);

const char *sts_fault_text(enum sts_fault fault)
{
	static const char *const texts[STS_FAULT_COUNT] = {
#define STS_FAULT(name, result, text) [STS_FAULT_##name] = text,
#include "engine/route/sts_fault.def"
#undef STS_FAULT
	};
	CHECK((unsigned)fault < STS_FAULT_COUNT);
	return texts[fault];
}

enum tls_result sts_fault_result(enum sts_fault fault)
{
	static const uint8_t results[STS_FAULT_COUNT] = {
#define STS_FAULT(name, result, text) [STS_FAULT_##name] = TLS_RESULT_##result,
#include "engine/route/sts_fault.def"
#undef STS_FAULT
	};
	CHECK((unsigned)fault < STS_FAULT_COUNT);
	return (enum tls_result)results[fault];
}

struct text sts_fetch_body(const struct sts_fetch *fetch)
{
	return fetch->fault == STS_FAULT_NONE ? buf_text(&fetch->body) : TEXT_EMPTY;
}

/* ---- the end of an attempt ---- */

/* Of several failures the one that came furthest is told, of equal ones the last. */
static void note(struct sts_fetch *fetch, enum sts_fault fault, const struct fail *fail)
{
	if (fault < fetch->fault)
		return;
	fetch->fault = fault;
	fetch->fail = *fail;
	if (fetch->next > 0) {
		char address[IP_ADDRESS_TEXT_SIZE];
		(void)!fail_prefix(&fetch->fail, "%s",
			ip_address_text(&fetch->addresses[fetch->next - 1], address));
	}
}

static void leave(struct sts_fetch *fetch)
{
	loop_timer_stop(fetch->config->loop, &fetch->timer);
	if (fetch->ended && fetch->fault == STS_FAULT_NONE)
		conn_close(&fetch->conn);
	else
		conn_abort(&fetch->conn);
}

/* No answer came, so another address may have one. */
static void leave_unanswered(struct sts_fetch *fetch, enum sts_fault fault, const struct fail *fail)
{
	note(fetch, fault, fail);
	leave(fetch);
}

static void finish(struct sts_fetch *fetch)
{
	CHECK_OBJ(fetch, STS_FETCH_MAGIC);
	fetch->magic = 0;
	fetch->done(fetch); /* and it is the owner's */
}

static enum sts_fault fault_of_http(enum http_fault fault)
{
	switch (fault) {
	case HTTP_FAULT_EMPTY:
	case HTTP_FAULT_TRUNCATED: return STS_FAULT_CUT;
	case HTTP_FAULT_SYNTAX:
	case HTTP_FAULT_FRAMING:
	case HTTP_FAULT_CODING: return STS_FAULT_HTTP;
	case HTTP_FAULT_STATUS: return STS_FAULT_STATUS;
	case HTTP_FAULT_TYPE: return STS_FAULT_TYPE;
	case HTTP_FAULT_BODY: return STS_FAULT_TOO_LONG;
	case HTTP_FAULT_NONE:
	case HTTP_FAULT_COUNT: break;
	}
	UNREACHABLE("no fault to tell");
}

static void look(struct sts_fetch *fetch, enum http_response_state state)
{
	enum sts_fault fault;
	switch (state) {
	case HTTP_RESPONSE_MORE: return;
	case HTTP_RESPONSE_DONE:
		fetch->ended = true;
		fetch->fault = STS_FAULT_NONE;
		fail_clear(&fetch->fail);
		leave(fetch);
		return;
	case HTTP_RESPONSE_BAD:
		fault = fault_of_http(fetch->response.fault);
		fetch->ended = fault != STS_FAULT_CUT;
		leave_unanswered(fetch, fault, &fetch->response.fail);
		return;
	}
	UNREACHABLE("no such state");
}

/* ---- the connection ---- */

static void pump(struct sts_fetch *fetch)
{
	size_t left = fetch->request_len - fetch->request_written;
	if (left == 0)
		return;
	fetch->request_written +=
		conn_write(&fetch->conn, fetch->request + fetch->request_written, left);
	conn_flush(&fetch->conn);
}

static void conn_opened(struct conn *conn)
{
	struct sts_fetch *fetch = conn->owner;
	enum result result = conn_start_tls(
		conn, fetch->config->tls, &fetch->demand, fetch->name, NULL, false, 0);
	if (result == RESULT_OK)
		return;
	struct fail fail;
	if (conn_injected(conn))
		fail_set(&fail, result, "the policy host spoke before our ClientHello");
	else
		fail_set(&fail, result, "TLS cannot be started: %s",
			conn->fail.result != RESULT_OK ? conn->fail.text : result_text(result));
	leave_unanswered(fetch, conn_injected(conn) ? STS_FAULT_TLS : STS_FAULT_LOCAL, &fail);
}

static void conn_tls_done(struct conn *conn) { pump(conn->owner); }

static void conn_sent(struct conn *conn)
{
	if (conn_tls(conn) != NULL) /* takes nothing while the handshake lasts */
		pump(conn->owner);
}

static void conn_received(struct conn *conn, const uint8_t *data, size_t len)
{
	struct sts_fetch *fetch = conn->owner;
	look(fetch, http_response_read(&fetch->response, data, len));
}

static enum sts_fault fault_of_tls(const struct conn *conn)
{
	struct tls_info info;
	tls_conn_describe(conn_tls(conn), &info);
	switch (info.failure) {
	case TLS_FAILURE_CERTIFICATE:
	case TLS_FAILURE_NAME:
	case TLS_FAILURE_EXPIRED:
	case TLS_FAILURE_UNTRUSTED: return STS_FAULT_CERTIFICATE;
	case TLS_FAILURE_LOCAL: return STS_FAULT_LOCAL;
	case TLS_FAILURE_NONE:
	case TLS_FAILURE_HANDSHAKE:
	case TLS_FAILURE_PROTOCOL_VERSION:
	case TLS_FAILURE_ALERT:
	case TLS_FAILURE_CLOSED:
	case TLS_FAILURE_COUNT: return STS_FAULT_TLS;
	}
	UNREACHABLE("no such failure");
}

static void conn_failed(struct conn *conn)
{
	struct sts_fetch *fetch = conn->owner;
	struct fail fail = conn->fail;
	switch ((enum conn_end)conn->end) {
	case CONN_END_CLOSED: /* close_notify: the one end that ends a body without a length */
		look(fetch, http_response_end(&fetch->response));
		return;
	case CONN_END_TRUNCATED:
		fail_set(&fail, RESULT_CLOSED,
			"the connection was cut inside the answer, %zu bytes "
			"of its body came and no close_notify",
			fetch->body.len);
		leave_unanswered(fetch, STS_FAULT_CUT, &fail);
		return;
	case CONN_END_BROKEN:
		leave_unanswered(fetch,
			http_response_is_unbegun(&fetch->response) ? STS_FAULT_NETWORK
								   : STS_FAULT_CUT,
			&fail);
		return;
	case CONN_END_CONNECT: leave_unanswered(fetch, STS_FAULT_NETWORK, &fail); return;
	case CONN_END_TLS: leave_unanswered(fetch, fault_of_tls(conn), &fail); return;
	case CONN_END_INJECTED:
		fail_set(&fail, RESULT_PROTOCOL, "the policy host spoke before our ClientHello");
		leave_unanswered(fetch, STS_FAULT_TLS, &fail);
		return;
	case CONN_END_NONE:
	case CONN_END_COUNT: break;
	}
	UNREACHABLE("failed for a reason");
}

static void conn_closed(struct conn *conn)
{
	struct sts_fetch *fetch = conn->owner;
	bool has_time = loop_now_ns(fetch->config->loop) < fetch->deadline_ns;
	if (fetch->ended || fetch->next == fetch->addresses_count || !has_time)
		finish(fetch);
	else
		try_next(fetch);
}

static const struct conn_handlers conn_handlers = {
	.opened = conn_opened,
	.failed = conn_failed,
	.received = conn_received,
	.sent = conn_sent,
	.tls_done = conn_tls_done,
	.closed = conn_closed,
};

/* ---- one address after the other ---- */

static void try_next(struct sts_fetch *fetch)
{
	uint64_t now_ns = loop_now_ns(fetch->config->loop);
	uint64_t left_ns = fetch->deadline_ns > now_ns ? fetch->deadline_ns - now_ns : 0;
	unsigned left = fetch->addresses_count - (unsigned)fetch->next;
	const struct ip_address *address = &fetch->addresses[fetch->next++];
	buf_init(&fetch->body, fetch->body_memory, sizeof fetch->body_memory);
	http_response_init(&fetch->response, &fetch->body);
	fetch->request_written = 0;
	loop_timer_start(fetch->config->loop, &fetch->timer, left_ns / left, timer_fired);
	uint16_t port = fetch->config->port != 0 ? fetch->config->port : STS_FETCH_PORT;
	conn_connect(&fetch->conn, fetch->config->pool, &conn_handlers, fetch, address, port, NULL);
}

static void timer_fired(struct timer *timer)
{
	struct sts_fetch *fetch = CONTAINER_OF(timer, struct sts_fetch, timer);
	CHECK_OBJ(fetch, STS_FETCH_MAGIC);
	if (fetch->next == 0) { /* there was nothing to connect to */
		finish(fetch);
		return;
	}
	struct fail fail;
	fail_set(&fail, RESULT_TIMEOUT, "the time was up (connection: %s, %zu bytes of the policy)",
		conn_state_name(&fetch->conn), fetch->body.len);
	leave_unanswered(fetch, STS_FAULT_TIMEOUT, &fail);
}

/* RFC 9112 3.2; RFC 9110 7.2: the port is told where it is not the scheme's own. */
static void write_request(struct sts_fetch *fetch)
{
	struct buf buf;
	buf_init(&buf, fetch->request, sizeof fetch->request);
	buf_put_cstr(&buf, "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: ");
	buf_put_text(&buf, fetch->name);
	if (fetch->config->port != 0 && fetch->config->port != STS_FETCH_PORT)
		buf_printf(&buf, ":%u", fetch->config->port);
	buf_put_cstr(&buf, "\r\nUser-Agent: longship\r\nAccept: text/plain\r\n"
			   "Accept-Encoding: identity\r\nConnection: close\r\n\r\n");
	CHECK(!buf.overflow);
	fetch->request_len = buf.len;
}

static void take_addresses(
	struct sts_fetch *fetch, const struct ip_address *addresses, size_t addresses_count)
{
	fetch->addresses_count = 0;
	for (size_t i = 0; i < addresses_count; i++) {
		bool may = fetch->config->allow_private || ip_address_is_public(&addresses[i]);
		if (may && fetch->addresses_count < STS_FETCH_ADDRESSES_MAX)
			fetch->addresses[fetch->addresses_count++] = addresses[i];
	}
}

void sts_fetch_start(struct sts_fetch *fetch, const struct sts_fetch_config *config,
	struct text host, const struct ip_address *addresses, size_t addresses_count,
	uint64_t deadline_ns, sts_fetch_done_fn *done)
{
	CHECK(fetch->magic != STS_FETCH_MAGIC);
	CHECK(host.len > 0 && host.len < sizeof fetch->host);
	fetch->magic = STS_FETCH_MAGIC;
	fetch->config = config;
	fetch->done = done;
	fetch->deadline_ns = deadline_ns;
	fetch->ended = false;
	fetch->fault = STS_FAULT_NONE;
	fail_clear(&fetch->fail);
	memcpy(fetch->host, host.data, host.len);
	fetch->name = (struct text){ fetch->host, host.len };
	fetch->demand = (struct security_demand){
		.need = SECURITY_NEED_SECURE,
		.tls_version_min = TLS_VERSION_1_2,
		.sni = fetch->name,
		.names = &fetch->name,
		.names_count = 1,
		.trust_generation = config->trust_generation,
	};
	fetch->next = 0;
	write_request(fetch);
	take_addresses(fetch, addresses, addresses_count);
	if (fetch->addresses_count > 0) {
		try_next(fetch);
		return;
	}
	fetch->fault = STS_FAULT_ADDRESS;
	fail_set(&fetch->fail, addresses_count > 0 ? RESULT_FORBIDDEN : RESULT_NOT_FOUND, "%s",
		addresses_count > 0 ? "no address of the policy host is a public one"
				    : "the policy host has no address");
	loop_timer_start(config->loop, &fetch->timer, 0, timer_fired);
}

static void give_up(struct sts_fetch *fetch, enum sts_fault fault, enum result result, const char *why)
{
	CHECK_OBJ(fetch, STS_FETCH_MAGIC);
	if (fetch->ended || fetch->next == 0)
		return; /* it is on its way out */
	fetch->ended = true;
	fetch->fault = fault;
	fail_set(&fetch->fail, result, "%s", why);
	leave(fetch);
}

void sts_fetch_cancel(struct sts_fetch *fetch)
{
	give_up(fetch, STS_FAULT_CANCELLED, RESULT_CANCELLED, "the fetch was given up");
}

void sts_fetch_give_way(struct sts_fetch *fetch)
{
	give_up(fetch, STS_FAULT_TIMEOUT, RESULT_TIMEOUT,
		"the policy host is slow, and others wait for their fetches");
}
