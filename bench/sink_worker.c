#include "bench/sink_worker.h"
#include <stdlib.h>
#include <string.h>
#include "bench/sink_trace.h"
#include "engine/base/policy.h"
#include "engine/io/clock.h"
#include "engine/io/socket.h"

enum {
	/* What a message of 8 KB takes as TLS records, in one piece. */
	RECEIVE_BYTES = 16 * 1024 + 512,
	RECEIVE_BUFFERS = 256,
	/* Replies fit into one record mostly; the conn wants room for a full one. */
	FLIGHT_BYTES = CONN_FLIGHT_BYTES_MIN,
	MESSAGE_STOP = 1,
};
/* Out of descriptors or of connections: look again when some may be free. */
#define ACCEPT_RETRY_NS 100000000u

/* ---- accepting ---- */

static void accept_done(struct io_op *op, const struct io_result *result);

static void accept_retry(struct timer *timer)
{
	struct sink_listener *listener = CONTAINER_OF(timer, struct sink_listener, retry);
	struct sink_worker *worker = listener->worker;
	if (!worker->stopping && !listener->accept_op.in_flight)
		ring_accept(worker->loop.ring, &listener->accept_op, listener->fd, accept_done);
}

static void count_session(struct sink_shared *shared)
{
	uint32_t now = atomic_fetch_add_explicit(&shared->sessions, 1, memory_order_relaxed) + 1;
	uint32_t most = atomic_load_explicit(&shared->sessions_most, memory_order_relaxed);
	while (now > most && !atomic_compare_exchange_weak_explicit(&shared->sessions_most, &most,
				    now, memory_order_relaxed, memory_order_relaxed))
		continue;
}

static void accept_done(struct io_op *op, const struct io_result *result)
{
	struct sink_listener *listener = CONTAINER_OF(op, struct sink_listener, accept_op);
	struct sink_worker *worker = listener->worker;
	if (result->value >= 0) {
		struct sink_conn *conn = worker->stopping ? NULL : slab_acquire(&worker->conns);
		if (conn == NULL) {
			ring_close_and_forget(worker->loop.ring, result->value);
		} else {
			count_session(worker->shared);
			atomic_fetch_add(&listener->site->sessions, 1);
			sink_conn_open(conn, worker, listener, result->value);
		}
	}
	if (!result->more && !worker->stopping)
		loop_timer_start(&worker->loop, &listener->retry, ACCEPT_RETRY_NS, accept_retry);
}

void sink_worker_release(struct sink_worker *worker, struct sink_conn *conn)
{
	CHECK_OBJ(conn, SINK_CONN_MAGIC);
	conn->magic = 0;
	loop_timer_stop(&worker->loop, &conn->timer);
	loop_timer_stop(&worker->loop, &conn->patience);
	sink_outbox_deinit(&conn->outbox);
	free(conn->stash);
	sink_trace_close(conn->trace);
	atomic_fetch_sub(&conn->listener->site->sessions, 1);
	atomic_fetch_sub_explicit(&worker->shared->sessions, 1, memory_order_relaxed);
	slab_release(&worker->conns, conn);
}

/* ---- TLS: one context for most, one of its own for an address with TLS settings ---- */

/* As TLS writes it; 0 for none. */
static uint16_t parse_version(const char *text)
{
	static const struct {
		const char *name;
		uint16_t version;
	} rows[] = { { "1.0", TLS_VERSION_1_0 }, { "1.1", TLS_VERSION_1_1 },
		{ "1.2", TLS_VERSION_1_2 }, { "1.3", TLS_VERSION_1_3 } };
	for (size_t i = 0; text != NULL && i < COUNT_OF(rows); i++)
		if (strcmp(text, rows[i].name) == 0)
			return rows[i].version;
	return 0;
}

static bool site_has_tls_settings(const struct sink_site *site)
{
	for (unsigned i = SINK_SETTING_TLS_MIN; i <= SINK_SETTING_TLS_CERT; i++)
		if (sink_site_setting(site, (enum sink_deed)i) != NULL)
			return true;
	return false;
}

static struct tls_context *create_context(
	struct sink_worker *worker, const struct sink_site *site, struct fail *fail)
{
	struct sink_shared *shared = worker->shared;
	char chain[SINK_RULE_TEXT_MAX];
	struct tls_identity own;
	struct tls_server_config config = {
		.pool = shared->tls_pool,
		.conns_max = shared->sessions_max,
		.identities = shared->identities,
		.identities_count = shared->identities_count,
		.ticket_secret = shared->ticket_secret,
	};
	if (site == NULL)
		return tls_context_create_server(&config, fail);
	config.version_min = parse_version(sink_site_setting(site, SINK_SETTING_TLS_MIN));
	config.version_max = parse_version(sink_site_setting(site, SINK_SETTING_TLS_MAX));
	config.ciphers = sink_site_setting(site, SINK_SETTING_TLS_CIPHERS);
	config.groups = sink_site_setting(site, SINK_SETTING_TLS_GROUPS);
	config.sigalgs = sink_site_setting(site, SINK_SETTING_TLS_SIGALGS);
	if (sink_site_setting(site, SINK_SETTING_TLS_CLIENT_CERT) != NULL)
		config.client_cert = TLS_CLIENT_CERT_REQUIRED;
	config.unknown_name_is_fatal = sink_site_setting(site, SINK_SETTING_TLS_NAME) != NULL;
	config.tickets = sink_site_setting(site, SINK_SETTING_TLS_TICKETS) != NULL;
	const char *pair = sink_site_setting(site, SINK_SETTING_TLS_CERT);
	if (pair != NULL) {
		const char *comma = strchr(pair, ',');
		if (comma == NULL) {
			(void)fail_set(fail, RESULT_INVALID, "tls-cert:%s is not CHAIN,KEY", pair);
			return NULL;
		}
		snprintf(chain, sizeof chain, "%.*s", (int)(comma - pair), pair);
		own = (struct tls_identity){ .chain_path = chain, .key_path = comma + 1 };
		config.identities = &own;
		config.identities_count = 1;
	}
	return tls_context_create_server(&config, fail);
}

static enum result open_tls(struct sink_worker *worker, struct sink_listener *listener,
	struct fail *fail)
{
	struct sink_shared *shared = worker->shared;
	if (shared->identities_count == 0)
		return RESULT_OK;
	listener->own_tls = site_has_tls_settings(listener->site);
	if (!listener->own_tls && worker->tls == NULL)
		worker->tls = create_context(worker, NULL, fail);
	listener->tls = listener->own_tls ? create_context(worker, listener->site, fail) : worker->tls;
	return listener->tls != NULL ? RESULT_OK : fail->result;
}

/* ---- the thread ---- */

static enum result open_listeners(struct sink_worker *worker, struct fail *fail)
{
	struct sink_shared *shared = worker->shared;
	worker->listeners = calloc(shared->sites_count, sizeof *worker->listeners);
	if (worker->listeners == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for listening addresses");
	for (size_t i = 0; i < shared->sites_count; i++) {
		struct sink_listener *listener = &worker->listeners[i];
		listener->worker = worker;
		listener->site = &shared->sites[i];
		listener->fd = -1;
		worker->listeners_count = i + 1;
		enum result result = open_tls(worker, listener, fail);
		if (result == RESULT_OK)
			result = socket_listen_tcp(&listener->site->address, listener->site->port,
				true, &listener->fd, fail);
		if (result != RESULT_OK)
			return result;
	}
	for (size_t i = 0; i < worker->listeners_count; i++)
		ring_accept(worker->loop.ring, &worker->listeners[i].accept_op,
			worker->listeners[i].fd, accept_done);
	return RESULT_OK;
}

static void close_listeners(struct sink_worker *worker)
{
	for (size_t i = 0; i < worker->listeners_count; i++) {
		struct sink_listener *listener = &worker->listeners[i];
		if (listener->own_tls)
			tls_context_destroy(listener->tls);
		if (listener->fd >= 0)
			ring_close_and_forget(worker->loop.ring, listener->fd);
	}
	if (worker->tls != NULL)
		tls_context_destroy(worker->tls);
	free(worker->listeners);
}

static void check_stopped(struct sink_worker *worker)
{
	bool accepting = false;
	for (size_t i = 0; i < worker->listeners_count; i++)
		accepting |= worker->listeners[i].accept_op.in_flight;
	if (worker->stopping && !accepting && slab_in_use(&worker->conns) == 0)
		loop_stop(&worker->loop);
}

static void stop(struct sink_worker *worker)
{
	worker->stopping = true;
	for (size_t i = 0; i < worker->listeners_count; i++) {
		loop_timer_stop(&worker->loop, &worker->listeners[i].retry);
		ring_cancel(worker->loop.ring, &worker->listeners[i].accept_op);
	}
	for (uint32_t i = 0; i < worker->conns.touched; i++) {
		struct sink_conn *conn = slab_at(&worker->conns, i);
		if (conn != NULL)
			sink_conn_close(conn);
	}
}

static void on_message(struct loop *loop, const struct mailbox_message *message)
{
	if (message->kind == MESSAGE_STOP)
		stop(loop->owner);
}

static void on_turn_end(struct loop *loop) { check_stopped(loop->owner); }

static const struct loop_handlers loop_handlers = {
	.message = on_message,
	.turn_end = on_turn_end,
};

static enum result open_all(struct sink_worker *worker, void *out_memory)
{
	struct fail *fail = &worker->fail;
	const struct ring_options options = {
		.buffers = RECEIVE_BUFFERS,
		.buffer_bytes = RECEIVE_BYTES,
	};
	enum result result = loop_init(
		&worker->loop, &options, worker->mailbox, &loop_handlers, worker, fail);
	if (result != RESULT_OK)
		return result;
	buf_init(&worker->out, out_memory, SINK_OUT_ROOM);
	random_init(&worker->random);
	result = conn_pool_init(&worker->pool, worker->loop.ring, worker->shared->sessions_max,
		FLIGHT_BYTES, fail);
	if (result != RESULT_OK)
		return result;
	result = slab_init(&worker->conns, sizeof(struct sink_conn), worker->shared->sessions_max);
	if (result != RESULT_OK)
		return fail_set(fail, result, "no memory for %u sessions", worker->shared->sessions_max);
	return open_listeners(worker, fail);
}

static void *run(void *argument)
{
	struct sink_worker *worker = argument;
	void *memory = malloc(SINK_OUT_ROOM);
	enum result result = memory != NULL ?
		open_all(worker, memory) :
		fail_set(&worker->fail, RESULT_MEMORY, "no memory for replies");
	atomic_store_explicit(&worker->start, (int)result, memory_order_release);
	/* A worker that could not start ends the program, which gives everything back. */
	if (result == RESULT_OK) {
		loop_run(&worker->loop);
		close_listeners(worker);
		conn_pool_deinit(&worker->pool);
		slab_deinit(&worker->conns);
		loop_deinit(&worker->loop);
	}
	free(memory);
	return NULL;
}

enum result sink_worker_start(
	struct sink_worker *worker, struct sink_shared *shared, uint32_t number, struct fail *fail)
{
	memset(worker, 0, sizeof *worker);
	worker->shared = shared;
	worker->number = number;
	sink_book_init(&worker->book);
	atomic_init(&worker->start, -1);
	enum result result = mailbox_create(2, &worker->mailbox, fail);
	if (result != RESULT_OK)
		return result;
	int error = pthread_create(&worker->thread, NULL, run, worker);
	if (error != 0)
		return fail_set_errno(fail, error, "cannot start a thread");
	int start;
	while ((start = atomic_load_explicit(&worker->start, memory_order_acquire)) < 0)
		clock_wait_ms(1);
	if ((enum result)start != RESULT_OK)
		*fail = worker->fail;
	return (enum result)start;
}

void sink_worker_stop(struct sink_worker *worker)
{
	const struct mailbox_message message = { .kind = MESSAGE_STOP };
	mailbox_post(worker->mailbox, &message);
	CHECK(pthread_join(worker->thread, NULL) == 0);
	mailbox_destroy(worker->mailbox);
}

void sink_worker_deinit(struct sink_worker *worker) { sink_book_deinit(&worker->book); }
