#include "tests/unit/engine/route/policy_host.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/io/socket.h"

static uint64_t now_s(void) { return TEST_CA_NOW_S; }

struct ip_address address_of(const char *text)
{
	struct ip_address address;
	assert_int_equal(ip_address_parse(text_of(text), &address), RESULT_OK);
	return address;
}

static const char *path(struct policy_host *host, const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *out = paths[next++ % 4];
	(void)snprintf(out, sizeof paths[0], "%s/%s", host->folder, name);
	return out;
}

/* ---- a session ---- */

static void end_answer(struct policy_session *session)
{
	struct policy_host *host = session->host;
	session->answers = false;
	host->answered++;
	if (host->end == POLICY_HOST_CLOSES)
		conn_close(&session->conn);
	else if (host->end == POLICY_HOST_RESETS)
		conn_abort(&session->conn);
	else if (host->end == POLICY_HOST_CUTS)
		(void)shutdown(session->conn.fd, SHUT_WR);
}

static void answer(struct policy_session *session)
{
	struct policy_host *host = session->host;
	size_t len = host->answer_len > 0 ? host->answer_len : strlen(host->answer);
	while (session->written < len) {
		size_t piece = len - session->written;
		if (host->piece > 0 && piece > host->piece)
			piece = host->piece;
		size_t taken = conn_write(&session->conn, host->answer + session->written, piece);
		conn_flush(&session->conn);
		session->written += taken;
		if (taken == 0)
			return;
	}
	if (conn_unsent(&session->conn) == 0)
		end_answer(session);
}

static void session_sent(struct conn *conn)
{
	struct policy_session *session = conn->owner;
	if (session->answers)
		answer(session);
}

static void session_received(struct conn *conn, const uint8_t *data, size_t len)
{
	struct policy_session *session = conn->owner;
	struct policy_host *host = session->host;
	assert_true(session->request_len + len < sizeof session->request);
	memcpy(session->request + session->request_len, data, len);
	session->request_len += len;
	session->request[session->request_len] = '\0';
	if (strstr(session->request, "\r\n\r\n") == NULL)
		return;
	memcpy(host->last_request, session->request, sizeof host->last_request);
	(void)snprintf(host->last_sni, sizeof host->last_sni, "%s", tls_conn_sni(conn_tls(conn)));
	session->answers = true;
	if (!host->holds)
		answer(session);
}

static void session_tls_done(struct conn *conn) { (void)conn; }
static void session_failed(struct conn *conn) { conn_close(conn); }

static void session_closed(struct conn *conn)
{
	struct policy_session *session = conn->owner;
	session->is_open = false;
}

static const struct conn_handlers session_handlers = {
	.failed = session_failed,
	.received = session_received,
	.sent = session_sent,
	.tls_done = session_tls_done,
	.closed = session_closed,
};

void policy_host_release(struct policy_host *host)
{
	host->holds = false;
	for (size_t i = 0; i < POLICY_HOST_SESSIONS; i++)
		if (host->sessions[i].is_open && host->sessions[i].answers)
			answer(&host->sessions[i]);
}

static void accepted(struct io_op *op, const struct io_result *result)
{
	struct policy_host *host = CONTAINER_OF(op, struct policy_host, accept_op);
	if (result->value < 0)
		return;
	struct policy_session *session = NULL;
	for (size_t i = 0; i < POLICY_HOST_SESSIONS && session == NULL; i++)
		if (!host->sessions[i].is_open)
			session = &host->sessions[i];
	assert_non_null(session);
	memset(session, 0, sizeof *session);
	session->host = host;
	session->is_open = true;
	host->accepted++;
	conn_adopt(&session->conn, &host->pool, &session_handlers, session, result->value);
	if (host->speaks_first)
		assert_int_equal(send(result->value, "220 hi\r\n", 8, 0), 8);
	else if (!host->is_mute)
		assert_int_equal(conn_start_tls_server(&session->conn, host->server), RESULT_OK);
}

/* ---- the host ---- */

void policy_host_says(struct policy_host *host, const char *text, enum policy_host_end end)
{
	host->answer = text;
	host->answer_len = 0;
	host->end = end;
}

void policy_host_show(struct policy_host *host, struct test_node node)
{
	struct fail fail;
	const char *chain_path = path(host, "chain"), *key_path = path(host, "key");
	test_node_write(&node, NULL, chain_path, key_path);
	test_node_free(&node);
	const struct tls_identity identity = { NULL, chain_path, key_path };
	const struct tls_server_config server = {
		.pool = host->tls_pool,
		.conns_max = POLICY_HOST_SESSIONS,
		.identities = &identity,
		.identities_count = 1,
	};
	HOST_UNTIL(host, host->server == NULL || tls_context_conns_in_use(host->server) == 0);
	tls_context_destroy(host->server);
	host->server = tls_context_create_server(&server, &fail);
	assert_non_null(host->server);
	assert_int_equal(unlink(chain_path), 0);
	assert_int_equal(unlink(key_path), 0);
}

void policy_host_show_names(struct policy_host *host, const char *alternatives)
{
	policy_host_show(host, test_node_host(alternatives, &host->authority));
}

static void no_message(struct loop *loop, const struct mailbox_message *message)
{
	(void)loop;
	(void)message;
}

static void make_client(struct policy_host *host)
{
	struct fail fail;
	const char *roots_path = path(host, "roots"), *key_path = path(host, "key");
	host->authority = test_node_authority("authority", NULL);
	test_node_write(&host->authority, NULL, roots_path, key_path);
	assert_int_equal(tls_roots_load(roots_path, &host->roots, &fail), RESULT_OK);
	assert_int_equal(unlink(roots_path), 0);
	assert_int_equal(unlink(key_path), 0);
	const struct tls_verifier_config verifier = {
		.now_s = now_s,
		.cache_bytes = 1 << 20,
		.roots = host->roots,
	};
	assert_int_equal(tls_verifier_create(&verifier, &host->verifier, &fail), RESULT_OK);
	const struct tls_client_config client = {
		.pool = host->tls_pool,
		.conns_max = POLICY_HOST_SESSIONS,
		.verify = tls_verifier_ask,
		.verify_cancel = tls_verifier_cancel,
		.verify_arg = host->verifier,
	};
	host->client = tls_context_create_client(&client, &fail);
	assert_non_null(host->client);
}

struct policy_host *policy_host_create(void)
{
	static const struct ring_options options = { .submissions = 64 };
	static const struct loop_handlers handlers = { .message = no_message };
	struct policy_host *host = calloc(1, sizeof *host);
	struct fail fail;
	struct ip_address loopback = address_of("127.0.0.1");
	assert_non_null(host);
	(void)snprintf(host->folder, sizeof host->folder, "/tmp/policy_host.XXXXXX");
	assert_non_null(mkdtemp(host->folder));
	assert_int_equal(loop_init(&host->loop, &options, NULL, &handlers, host, &fail), RESULT_OK);
	assert_int_equal(conn_pool_init(&host->pool, host->loop.ring, 64, 0, &fail), RESULT_OK);
	host->tls_pool = tls_pool_create();
	make_client(host);
	policy_host_show_names(host, "DNS:" POLICY_HOST);
	assert_int_equal(socket_listen_tcp(&loopback, 0, false, &host->listener, &fail), RESULT_OK);
	uint16_t port;
	assert_true(socket_local(host->listener, &loopback, &port));
	ring_accept(host->loop.ring, &host->accept_op, host->listener, accepted);
	host->config = (struct sts_fetch_config){
		.loop = &host->loop,
		.pool = &host->pool,
		.tls = host->client,
		.trust_generation = tls_roots_generation(host->roots),
		.port = port,
		.allow_private = true,
	};
	policy_host_says(host, POLICY_HEADER "\r\n" POLICY, POLICY_HOST_CLOSES);
	return host;
}

void policy_host_destroy(struct policy_host *host)
{
	for (size_t i = 0; i < POLICY_HOST_SESSIONS; i++)
		if (host->sessions[i].is_open)
			conn_close(&host->sessions[i].conn);
	ring_cancel(host->loop.ring, &host->accept_op);
	HOST_UNTIL(host, host->pool.conns == 0 && !host->accept_op.in_flight);
	assert_int_equal(close(host->listener), 0);
	conn_pool_deinit(&host->pool);
	tls_context_destroy(host->client);
	tls_context_destroy(host->server);
	tls_verifier_destroy(host->verifier);
	tls_roots_destroy(host->roots);
	tls_pool_destroy(host->tls_pool);
	test_node_free(&host->authority);
	loop_deinit(&host->loop);
	assert_int_equal(rmdir(host->folder), 0);
	free(host);
}
