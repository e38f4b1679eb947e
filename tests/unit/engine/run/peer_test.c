#include "tests/unit/engine/run/peer_test.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/base/check.h"
#include "engine/base/ip_address.h"
#include "engine/base/result.h"
#include "engine/io/clock.h"
#include "tests/unit/tls/tls_test_certs.h"
#include "tls/tls_conn.h"

/* One connection, as its thread sees it. */
struct talk {
	struct peer_conn *conn;
	const struct peer_rules *rules;
	struct tls_pool *pool;
	struct tls_context *context;
	struct tls_conn *tls;
	uint8_t cipher[32768];
	size_t cipher_len;
	char line[2048];
	uint8_t plain[16384];
	size_t plain_at, plain_len;
};

/* One set of keys for the whole run: they take time to make. */
static struct test_certs made_certs;

static void remove_certs(void) { test_certs_deinit(&made_certs); }

static struct test_certs *certs(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static bool is_made;
	pthread_mutex_lock(&lock);
	if (!is_made) {
		test_certs_init(&made_certs);
		(void)atexit(remove_certs);
	}
	is_made = true;
	pthread_mutex_unlock(&lock);
	return &made_certs;
}

const uint8_t *peer_key_digest(void) { return certs()->certs[TEST_KEY_P256].key_digest; }

/* ---- bytes ---- */

/* False at the end, also that of the test. */
static bool receive(struct talk *talk, uint8_t *data, size_t max, size_t *out_len)
{
	struct pollfd fd = { .fd = talk->conn->fd, .events = POLLIN };
	while (poll(&fd, 1, 10) == 0)
		if (talk->conn->peer->ending)
			return false;
	ssize_t len = recv(fd.fd, data, max, 0);
	*out_len = len > 0 ? (size_t)len : 0;
	return len > 0;
}

static void send_all(struct talk *talk, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	while (len > 0) {
		ssize_t sent = send(talk->conn->fd, bytes, len, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		bytes += sent;
		len -= (size_t)sent;
	}
}

/* Calls `step` of TLS until it needs no more bytes. False: it failed, or the other side ended. */
static bool run_tls(struct talk *talk, bool handshake, size_t *out_len)
{
	static const size_t out_size = 32768;
	struct fail fail;
	uint8_t *memory = malloc(out_size);
	CHECK(memory != NULL);
	enum tls_status status;
	for (;;) {
		struct buf out;
		buf_init(&out, memory, out_size);
		struct tls_io io = { .in = talk->cipher, .in_len = talk->cipher_len, .out = &out };
		if (handshake)
			status = tls_conn_handshake(talk->tls, &io, &fail);
		else
			status = tls_conn_read(
				talk->tls, &io, talk->plain, sizeof talk->plain, out_len, &fail);
		memmove(talk->cipher, io.in, io.in_len);
		talk->cipher_len = io.in_len;
		send_all(talk, out.data, out.len);
		if (status != TLS_WANT_READ)
			break;
		size_t len;
		if (!receive(talk, talk->cipher + talk->cipher_len,
			    sizeof talk->cipher - talk->cipher_len, &len))
			break;
		talk->cipher_len += len;
	}
	free(memory);
	return status == TLS_OK;
}

static bool fill(struct talk *talk)
{
	talk->plain_at = 0;
	if (talk->tls != NULL)
		return run_tls(talk, false, &talk->plain_len);
	return receive(talk, talk->plain, sizeof talk->plain, &talk->plain_len);
}

static void put(struct talk *talk, const char *text)
{
	static const size_t out_size = 32768;
	size_t len = strlen(text), taken;
	if (talk->tls == NULL) {
		send_all(talk, text, len);
		return;
	}
	struct fail fail;
	struct buf out;
	uint8_t *memory = malloc(out_size);
	CHECK(memory != NULL);
	buf_init(&out, memory, out_size);
	struct tls_io io = { .out = &out };
	if (tls_conn_write(talk->tls, &io, (const uint8_t *)text, len, &taken, &fail) == TLS_OK)
		send_all(talk, out.data, out.len);
	free(memory);
}

static void remember(struct talk *talk, const char *line, size_t len)
{
	struct peer_conn *conn = talk->conn;
	pthread_mutex_lock(&conn->peer->lock);
	if (len < sizeof conn->said - conn->said_len) {
		memcpy(conn->said + conn->said_len, line, len);
		conn->said_len += len;
		conn->said[conn->said_len] = '\0';
	}
	pthread_mutex_unlock(&conn->peer->lock);
}

/* The next line with its CRLF; false at the end. */
static bool read_line(struct talk *talk)
{
	size_t len = 0;
	while (len == 0 || talk->line[len - 1] != '\n') {
		if (talk->plain_at == talk->plain_len && !fill(talk))
			return false;
		CHECK(len < sizeof talk->line - 1);
		talk->line[len++] = (char)talk->plain[talk->plain_at++];
	}
	talk->line[len] = '\0';
	remember(talk, talk->line, len);
	return true;
}

/* ---- SMTP ---- */

static void be_silent(struct talk *talk)
{
	uint8_t data[256];
	size_t len;
	while (receive(talk, data, sizeof data, &len))
		;
}

/* False: this connection is over. */
static bool say(struct talk *talk, enum peer_stage stage, const char *reply, const char *usual)
{
	if (stage != PEER_NOWHERE && stage == talk->rules->silent_at) {
		be_silent(talk);
		return false;
	}
	if (stage != PEER_NOWHERE && stage == talk->rules->close_at)
		return false;
	const char *text = reply != NULL ? reply : usual;
	char line[1024];
	snprintf(line, sizeof line, "%s\r\n", text);
	put(talk, line);
	return strncmp(text, "421", 3) != 0;
}

static bool say_hello(struct talk *talk)
{
	char usual[256];
	snprintf(usual, sizeof usual,
		"250-mx.test\r\n%s%s250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 10000000",
		talk->rules->pipelining ? "250-PIPELINING\r\n" : "",
		talk->rules->tls != PEER_TLS_NOT_OFFERED && talk->tls == NULL ? "250-STARTTLS\r\n"
									      : "");
	return say(talk, PEER_EHLO, talk->rules->ehlo, usual);
}

static bool hand_shake(struct talk *talk)
{
	static const uint8_t ticket_secret[TLS_TICKET_SECRET_LEN] = "one host, many connections";
	struct tls_info info;
	struct fail fail;
	struct tls_identity identity = test_identity(&certs()->certs[TEST_KEY_P256], NULL);
	struct tls_server_config config = {
		.pool = talk->pool,
		.conns_max = 1,
		.identities = &identity,
		.identities_count = 1,
		.tickets = true,
		.ticket_secret = ticket_secret,
	};
	if (talk->rules->tls == PEER_TLS_1_2)
		config.version_max = TLS_VERSION_1_2;
	if (talk->rules->tls == PEER_TLS_1_0)
		config.version_min = config.version_max = TLS_VERSION_1_0;
	talk->context = tls_context_create_server(&config, &fail);
	CHECK(talk->context != NULL);
	talk->tls = tls_conn_create_server(talk->context, &fail);
	CHECK(talk->tls != NULL);
	size_t len;
	bool up = run_tls(talk, true, &len);
	talk->conn->tls_up = up;
	talk->conn->peer->handshakes += up;
	tls_conn_describe(talk->tls, &info);
	talk->conn->peer->resumed += info.resumed;
	return up;
}

static bool start_tls(struct talk *talk)
{
	const struct peer_rules *rules = talk->rules;
	char reply[256];
	snprintf(reply, sizeof reply, "%s%s%s",
		rules->starttls != NULL ? rules->starttls : "220 go",
		rules->inject != NULL ? "\r\n" : "", rules->inject != NULL ? rules->inject : "");
	if (!say(talk, PEER_STARTTLS, reply, NULL))
		return false;
	if (reply[0] != '2')
		return true;
	if (rules->silent_at == PEER_HANDSHAKE) {
		be_silent(talk);
		return false;
	}
	switch (rules->tls) {
	case PEER_TLS_GOOD:
	case PEER_TLS_1_2:
	case PEER_TLS_1_0: return hand_shake(talk);
	case PEER_TLS_GARBAGE:
		put(talk, "500 what is this, you speak in tongues and I am an old server\r\n");
		be_silent(talk);
		return false;
	case PEER_TLS_NOT_OFFERED:
	case PEER_TLS_CLOSE: return false;
	}
	return false;
}

static bool take_data(struct talk *talk)
{
	const char *reply = talk->rules->data;
	if (!say(talk, PEER_DATA, reply, "354 go on"))
		return false;
	if (reply != NULL && reply[0] != '3')
		return true;
	do {
		if (!read_line(talk))
			return false;
	} while (strcmp(talk->line, ".\r\n") != 0);
	const char *final = talk->rules->final;
	talk->conn->peer->taken += final == NULL || final[0] == '2';
	clock_wait_ms(talk->rules->final_ms);
	return say(talk, PEER_FINAL, final, "250 2.0.0 taken");
}

static bool is(const struct talk *talk, const char *command)
{
	return strncasecmp(talk->line, command, strlen(command)) == 0;
}

static bool answer(struct talk *talk)
{
	const struct peer_rules *rules = talk->rules;
	struct peer *peer = talk->conn->peer;
	if (is(talk, "EHLO") || is(talk, "HELO"))
		return say_hello(talk);
	if (is(talk, "STARTTLS"))
		return start_tls(talk);
	if (is(talk, "MAIL")) {
		peer->mails++;
		return say(talk, PEER_MAIL, rules->mail, "250 2.1.0 fine");
	}
	if (is(talk, "RCPT")) {
		bool is_bad =
			rules->bad_rcpt != NULL && strstr(talk->line, rules->bad_rcpt) != NULL;
		return say(talk, PEER_RCPT, is_bad ? "550 5.1.1 unknown" : rules->rcpt,
			"250 2.1.5 fine");
	}
	if (is(talk, "DATA"))
		return take_data(talk);
	if (is(talk, "QUIT")) {
		peer->quits++;
		(void)say(talk, PEER_QUIT, rules->quit, "221 bye");
		return false;
	}
	return say(talk, PEER_NOWHERE, NULL, is(talk, "RSET") ? "250 fine" : "500 what");
}

static void *talk_run(void *argument)
{
	struct peer_conn *conn = argument;
	struct peer *peer = conn->peer;
	static const struct peer_rules usual = { .pipelining = true };
	struct talk *talk = calloc(1, sizeof *talk);
	CHECK(talk != NULL);
	talk->conn = conn;
	talk->rules = &usual;
	if (peer->rules_count > 0)
		talk->rules =
			&peer->rules[conn->number < peer->rules_count ? conn->number
								      : peer->rules_count - 1];
	talk->pool = tls_pool_create();
	clock_wait_ms(talk->rules->banner_ms);
	bool open = say(talk, PEER_GREETING, talk->rules->banner, "220 mx.test ESMTP");
	while (open && read_line(talk))
		open = answer(talk);
	tls_conn_destroy(talk->tls);
	tls_context_destroy(talk->context);
	tls_pool_destroy(talk->pool);
	free(talk);
	(void)shutdown(conn->fd, SHUT_RDWR);
	return NULL;
}

/* ---- listening ---- */

/* *port 0: one is chosen. */
static int listen_at(const char *address, uint16_t *port)
{
	struct ip_address ip;
	CHECK(ip_address_parse(text_of(address), &ip) == RESULT_OK);
	struct sockaddr_storage name;
	socklen_t len = ip_address_to_sockaddr(&ip, *port, &name);
	int yes = 1, fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0);
	CHECK(bind(fd, (struct sockaddr *)&name, len) == 0);
	CHECK(listen(fd, 16) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&name, &len) == 0);
	CHECK(ip_address_of_sockaddr(&name, &ip, port) == RESULT_OK);
	return fd;
}

static void *peer_run(void *argument)
{
	struct peer *peer = argument;
	struct pollfd fd = { .fd = peer->listener, .events = POLLIN };
	while (!peer->ending) {
		if (poll(&fd, 1, 10) <= 0)
			continue;
		size_t number = peer->conns_count;
		CHECK(number < PEER_CONNS_MAX);
		struct peer_conn *conn = &peer->conns[number];
		conn->peer = peer;
		conn->number = number;
		conn->fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
		if (conn->fd < 0)
			continue;
		/* Counted before it says a word: a test may hear of what it said at once. */
		peer->conns_count = number + 1;
		CHECK(pthread_create(&conn->thread, NULL, talk_run, conn) == 0);
	}
	return NULL;
}

void peer_init_at(struct peer *peer, const char *address, uint16_t port)
{
	memset(peer, 0, sizeof *peer);
	peer->address = address;
	peer->port = port;
	CHECK(pthread_mutex_init(&peer->lock, NULL) == 0);
	peer->listener = listen_at(address, &peer->port);
	CHECK(pthread_create(&peer->thread, NULL, peer_run, peer) == 0);
}

void peer_init(struct peer *peer, const char *address) { peer_init_at(peer, address, 0); }

void peer_deinit(struct peer *peer)
{
	peer->ending = true;
	CHECK(pthread_join(peer->thread, NULL) == 0);
	for (size_t i = 0; i < peer->conns_count; i++) {
		CHECK(pthread_join(peer->conns[i].thread, NULL) == 0);
		(void)close(peer->conns[i].fd);
	}
	(void)close(peer->listener);
	(void)pthread_mutex_destroy(&peer->lock);
}

bool peer_said(struct peer *peer, size_t number, const char *words)
{
	CHECK(number < PEER_CONNS_MAX);
	pthread_mutex_lock(&peer->lock);
	bool found = strstr(peer->conns[number].said, words) != NULL;
	pthread_mutex_unlock(&peer->lock);
	return found;
}

int peer_silent(const char *address, uint16_t port, int fillers[static PEER_FILLERS])
{
	int fd = listen_at(address, &port);
	struct sockaddr_storage name;
	socklen_t len = sizeof name;
	CHECK(getsockname(fd, (struct sockaddr *)&name, &len) == 0);
	CHECK(listen(fd, 0) == 0);
	for (int i = 0; i < PEER_FILLERS; i++) {
		fillers[i] = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		CHECK(fillers[i] >= 0);
		(void)connect(fillers[i], (struct sockaddr *)&name, len);
	}
	return fd;
}

uint16_t peer_refusing_port(const char *address)
{
	uint16_t port = 0;
	(void)close(listen_at(address, &port));
	return port;
}
