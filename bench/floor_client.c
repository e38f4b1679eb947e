#include "bench/floor_client.h"
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "engine/base/policy.h"
#include "engine/io/clock.h"
#include "engine/io/conn.h"
#include "engine/io/loop.h"
#include "tls/tls_context.h"

/* What a session has said last, and so what the next replies are to. */
enum floor_step { GREETING, EHLO, STARTTLS, TLS, EHLO_TLS, ENVELOPE, CYCLE, BODY, QUIT };

struct floor_thread;

struct floor_session {
	struct conn conn;
	struct floor_thread *thread;
	uint8_t step;           /* enum floor_step */
	bool line_start;        /* of a reply */
	uint8_t column;         /* octets of the line so far, up to 4 */
	char code, separator;   /* first digit and fourth octet of the line */
	uint32_t awaited;       /* replies to come until the next step */
	struct text unsent;     /* what found no room yet */
	bool warm;
};

struct floor_thread {
	const struct floor_config *config;
	struct loop loop;
	struct conn_pool pool;
	struct tls_pool *tls_pool;
	struct tls_context *tls;
	struct security_demand demand;
	struct floor_session *sessions;
	struct floor_result *result;
	struct floor_round begin;  /* counters when the round began */
	uint64_t done;             /* messages of this round */
	uint64_t started_ns;
	uint32_t warm, open;
	bool measuring, ending;
	enum result failed;
	struct fail fail;
};

static const struct conn_handlers handlers;
static const struct loop_handlers no_handlers;
static const char ehlo[] = "EHLO floor.lab\r\n";

/* ---- rounds ---- */

static struct floor_round read_counters(const struct floor_thread *thread)
{
	struct rusage usage;
	const struct ring_counters *ring = ring_counters(thread->loop.ring);
	CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
	return (struct floor_round){
		.wall_ns = clock_now_ns(),
		.cpu_ns = clock_thread_cpu_ns(),
		.user_us = (uint64_t)usage.ru_utime.tv_sec * 1000000 + (uint64_t)usage.ru_utime.tv_usec,
		.system_us = (uint64_t)usage.ru_stime.tv_sec * 1000000 + (uint64_t)usage.ru_stime.tv_usec,
		.enters = ring->enters,
		.sends = ring->sends,
		.receives = ring->receives,
	};
}

static void begin_round(struct floor_thread *thread)
{
	thread->begin = read_counters(thread);
	thread->done = 0;
	thread->measuring = true;
}

static void end_round(struct floor_thread *thread)
{
	struct floor_result *result = thread->result;
	struct floor_round end = read_counters(thread), *begin = &thread->begin;
	result->rounds[result->rounds_count++] = (struct floor_round){
		.messages = thread->done,
		.wall_ns = end.wall_ns - begin->wall_ns,
		.cpu_ns = end.cpu_ns - begin->cpu_ns,
		.user_us = end.user_us - begin->user_us,
		.system_us = end.system_us - begin->system_us,
		.enters = end.enters - begin->enters,
		.sends = end.sends - begin->sends,
		.receives = end.receives - begin->receives,
	};
	if (result->rounds_count < thread->config->rounds)
		begin_round(thread);
	else
		thread->ending = true;
}

static void message_done(struct floor_session *s)
{
	struct floor_thread *thread = s->thread;
	if (!s->warm) {
		s->warm = true;
		thread->warm++;
		if (thread->warm == thread->config->sessions) {
			thread->result->setup_ns = clock_now_ns() - thread->started_ns;
			begin_round(thread);
			return;
		}
	}
	if (!thread->measuring || thread->ending)
		return;
	thread->done++;
	if (thread->done >= thread->config->messages)
		end_round(thread);
}

/* ---- the end ---- */

static void fail_thread(struct floor_thread *thread, enum result result, const char *text)
{
	if (thread->failed == RESULT_OK)
		thread->failed = fail_set(&thread->fail, result, "%s", text);
}

static void end_session(struct floor_session *s) { conn_close(&s->conn); }

static void end_all(struct floor_thread *thread)
{
	for (uint32_t i = 0; i < thread->config->sessions; i++)
		if (thread->sessions[i].thread != NULL)
			end_session(&thread->sessions[i]);
}

/* ---- saying ---- */

static void write_more(struct floor_session *s)
{
	size_t written = conn_write(&s->conn, s->unsent.data, s->unsent.len);
	s->unsent = text_skip(s->unsent, written);
	conn_flush(&s->conn);
}

static void say(struct floor_session *s, enum floor_step step, struct text text, uint32_t replies)
{
	s->step = (uint8_t)step;
	s->awaited = replies;
	s->unsent = text;
	write_more(s);
}

static void start_tls(struct floor_session *s)
{
	struct floor_thread *thread = s->thread;
	s->step = TLS;
	s->awaited = 0;
	enum result result =
		conn_start_tls(&s->conn, thread->tls, &thread->demand, TEXT_EMPTY, NULL, false, 0);
	if (result != RESULT_OK)
		fail_thread(thread, result, s->conn.fail.text);
}

static void after_message(struct floor_session *s)
{
	const struct floor_config *config = s->thread->config;
	message_done(s);
	if (config->reconnect || s->thread->ending)
		say(s, QUIT, TEXT("QUIT\r\n"), 1);
	else
		say(s, CYCLE, config->cycle, 4);
}

/* All replies to what was said last are here. */
static void next_step(struct floor_session *s)
{
	const struct floor_config *config = s->thread->config;
	switch ((enum floor_step)s->step) {
	case GREETING:
		say(s, config->plain ? EHLO_TLS : EHLO, text_of_bytes(ehlo, sizeof ehlo - 1), 1);
		break;
	case EHLO:
		say(s, STARTTLS, TEXT("STARTTLS\r\n"), 1);
		break;
	case STARTTLS:
		start_tls(s);
		break;
	case EHLO_TLS:
		say(s, ENVELOPE, config->envelope, 3);
		break;
	case ENVELOPE:
		if (config->reconnect)
			say(s, BODY, config->body, 1);
		else
			say(s, CYCLE, config->cycle, 4);
		break;
	case CYCLE:
		message_done(s);
		if (s->thread->ending) /* its next DATA is open */
			say(s, BODY, config->body, 1);
		else
			say(s, CYCLE, config->cycle, 4);
		break;
	case BODY:
		after_message(s);
		break;
	case QUIT:
		end_session(s);
		break;
	case TLS:
		fail_thread(s->thread, RESULT_PROTOCOL, "a reply during the handshake");
		break;
	}
}

/* ---- events ---- */

/* A reply ends with the line whose fourth octet is a blank. */
static void line_end(struct floor_session *s)
{
	s->column = 0;
	if (s->separator == '-')
		return;
	if (s->code != '2' && s->code != '3')
		s->thread->result->refused++;
	if (s->awaited == 0)
		fail_thread(s->thread, RESULT_PROTOCOL, "a reply that nobody asked for");
	else if (--s->awaited == 0)
		next_step(s);
}

static void received(struct conn *conn, const uint8_t *data, size_t len)
{
	struct floor_session *s = conn->owner;
	for (size_t at = 0; at < len;) {
		if (s->column < 4) {
			if (s->column == 0)
				s->code = (char)data[at];
			s->separator = (char)data[at];
			s->column++;
			at++;
			continue;
		}
		const uint8_t *lf = memchr(data + at, '\n', len - at);
		if (lf == NULL)
			return;
		at = (size_t)(lf - data) + 1;
		line_end(s);
		if (s->thread->failed != RESULT_OK)
			return;
	}
}

static void opened(struct conn *conn) { (void)conn; /* the receiver speaks first */ }

static void sent(struct conn *conn)
{
	struct floor_session *s = conn->owner;
	if (s->unsent.len > 0)
		write_more(s);
}

static void tls_done(struct conn *conn)
{
	say(conn->owner, EHLO_TLS, text_of_bytes(ehlo, sizeof ehlo - 1), 1);
}

static void failed(struct conn *conn)
{
	struct floor_session *s = conn->owner;
	if (s->step != QUIT)
		fail_thread(s->thread, conn->fail.result, conn->fail.text);
	end_session(s);
}

static void open_session(struct floor_session *s)
{
	struct floor_thread *thread = s->thread;
	s->step = GREETING;
	s->awaited = 1;
	s->column = 0;
	s->unsent = TEXT_EMPTY;
	conn_connect(&s->conn, &thread->pool, &handlers, s, &thread->config->address,
		thread->config->port, NULL);
}

static void closed(struct conn *conn)
{
	struct floor_session *s = conn->owner;
	struct floor_thread *thread = s->thread;
	if (thread->config->reconnect && !thread->ending && thread->failed == RESULT_OK) {
		open_session(s);
		return;
	}
	s->thread = NULL;
	thread->open--;
}

static const struct conn_handlers handlers = {
	.opened = opened,
	.failed = failed,
	.received = received,
	.sent = sent,
	.tls_done = tls_done,
	.closed = closed,
};

/* ---- the thread ---- */

static enum result open_thread(struct floor_thread *thread, struct fail *fail)
{
	const struct floor_config *config = thread->config;
	const struct ring_options ring = { .submissions = 0 };
	enum result result = loop_init(&thread->loop, &ring, NULL, &no_handlers, thread, fail);
	if (result != RESULT_OK)
		return result;
	result = conn_pool_init(&thread->pool, thread->loop.ring, config->sessions, 0, fail);
	if (result != RESULT_OK)
		return result;
	thread->tls_pool = tls_pool_create();
	const struct tls_client_config tls = {
		.pool = thread->tls_pool,
		.conns_max = config->sessions,
	};
	thread->tls = tls_context_create_client(&tls, fail);
	if (thread->tls == NULL)
		return fail->result;
	thread->demand = security_demand_opportunistic(TEXT_EMPTY);
	thread->sessions = calloc(config->sessions, sizeof *thread->sessions);
	if (thread->sessions == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for %u sessions", config->sessions);
	return RESULT_OK;
}

static void close_thread(struct floor_thread *thread)
{
	conn_pool_deinit(&thread->pool);
	tls_context_destroy(thread->tls);
	tls_pool_destroy(thread->tls_pool);
	loop_deinit(&thread->loop);
	free(thread->sessions);
}

enum result floor_run(
	const struct floor_config *config, struct floor_result *out_result, struct fail *fail)
{
	struct floor_thread *thread = calloc(1, sizeof *thread);
	bool told = false;
	memset(out_result, 0, sizeof *out_result);
	if (thread == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for a thread");
	thread->config = config;
	thread->result = out_result;
	thread->failed = RESULT_OK;
	enum result result = open_thread(thread, fail);
	if (result != RESULT_OK)
		return result; /* the program ends with it */
	thread->started_ns = clock_now_ns();
	for (uint32_t i = 0; i < config->sessions; i++) {
		thread->sessions[i].thread = thread;
		thread->open++;
		open_session(&thread->sessions[i]);
	}
	while (thread->open > 0) {
		loop_run_once(&thread->loop, RING_FOREVER);
		if (thread->failed != RESULT_OK && !told) {
			told = true;
			end_all(thread);
		}
	}
	result = thread->failed;
	if (result != RESULT_OK)
		*fail = thread->fail;
	close_thread(thread);
	free(thread);
	return result;
}
