/* What TLS costs by itself, without sockets: CPU of the client per handshake, full and resumed, CPU per
 * message written and read, heap of a session that idles and of tickets.
 *
 *   bench_tls_record CHAIN.pem KEY.pem
 *
 * Client and server speak in memory; only the calls of the side that is named are in the time. Numbers of
 * other machines and of other runs beside them mean little; the ratios do. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/policy.h"
#include "engine/base/result.h"
#include "engine/io/clock.h"
#include "tls/tls_conn.h"
#include "tls/tls_context.h"

enum {
	HANDSHAKES = 1000,
	IDLE_SESSIONS = 500,
	TICKETS_BYTES = 8 * 1024 * 1024,
	/* The clock of a thread is a system call: a reading of it is shared by a batch of messages. What a
	 * batch has on the wire stays in the processor's second cache. */
	BATCH_BYTES = 256 * 1024,
	BATCH_MESSAGES_MAX = 100,
	BATCHES = 200,
	WIRE_SIZE = BATCH_BYTES + 64 * 1024,
};

struct bench {
	struct tls_pool *pool;
	struct tls_context *client_ctx, *server_ctx;
	struct security_demand demand;
	uint8_t to_client[WIRE_SIZE], to_server[WIRE_SIZE], plain[WIRE_SIZE], message[WIRE_SIZE];
	struct buf client_in, server_in; /* what is on its way to each */
	uint64_t client_cpu_ns;
};

static void must(bool ok, const struct fail *fail)
{
	if (ok)
		return;
	fprintf(stderr, "bench_tls_record: %s\n", fail->text);
	exit(1);
}

/* Whose tickets a handshake may use. */
enum places {
	PLACES_NONE,
	PLACES_NEW,  /* nobody was there before: a full handshake, whose tickets are kept */
	PLACES_SAME, /* resumed, but for the first */
};

/* One side eats all that is on its way to it. */
static enum tls_status step(struct tls_conn *conn, struct buf *in, struct buf *out)
{
	struct fail fail = { 0 };
	struct tls_io io = { .in = in->data, .in_len = in->len, .out = out };
	enum tls_status status = tls_conn_handshake(conn, &io, &fail);
	must(status == TLS_OK || status == TLS_WANT_READ, &fail);
	buf_discard(in, in->len - io.in_len);
	return status;
}

static void use_tickets(struct tls_conn *client, enum places places)
{
	static uint64_t number;
	if (places == PLACES_NONE)
		return;
	number += places == PLACES_NEW;
	struct text where = text_of_bytes((const char *)&number, sizeof number);
	tls_conn_use_tickets(client, &(struct tls_place){ .where = where, .now_s = 1 });
}

static struct tls_conn *connect_client(
	struct bench *b, enum places places, struct tls_conn **out_server)
{
	struct fail fail = { 0 };
	enum tls_status client_status = TLS_WANT_READ, server_status = TLS_WANT_READ;
	struct tls_conn *server = tls_conn_create_server(b->server_ctx, &fail);
	must(server != NULL, &fail);
	buf_reset(&b->client_in);
	buf_reset(&b->server_in);
	uint64_t from_ns = clock_thread_cpu_ns();
	struct tls_conn *client =
		tls_conn_create_client(b->client_ctx, &b->demand, TEXT("mx.example"), &fail);
	must(client != NULL, &fail);
	use_tickets(client, places);
	b->client_cpu_ns += clock_thread_cpu_ns() - from_ns;
	while (client_status != TLS_OK || server_status != TLS_OK) {
		from_ns = clock_thread_cpu_ns();
		if (client_status != TLS_OK)
			client_status = step(client, &b->client_in, &b->server_in);
		b->client_cpu_ns += clock_thread_cpu_ns() - from_ns;
		if (server_status != TLS_OK)
			server_status = step(server, &b->server_in, &b->client_in);
	}
	*out_server = server;
	return client;
}

/* The server's first words, and before them what TLS 1.3 gives behind the handshake: tickets. */
static void greet(struct bench *b, struct tls_conn *client, struct tls_conn *server)
{
	struct fail fail = { 0 };
	struct tls_io io = { .out = &b->client_in };
	size_t len;
	must(tls_conn_write(server, &io, b->message, 100, &len, &fail) == TLS_OK, &fail);
	uint64_t from_ns = clock_thread_cpu_ns();
	io = (struct tls_io){
		.in = b->client_in.data, .in_len = b->client_in.len, .out = &b->server_in
	};
	must(tls_conn_read(client, &io, b->plain, sizeof b->plain, &len, &fail) == TLS_OK, &fail);
	b->client_cpu_ns += clock_thread_cpu_ns() - from_ns;
	CHECK(len == 100);
}

static void bench_handshake(struct bench *b, enum places places)
{
	static const char *const kinds[] = {
		[PLACES_NONE] = "full",
		[PLACES_NEW] = "full, tickets kept",
		[PLACES_SAME] = "resumed",
	};
	struct tls_info info = { 0 };
	for (int warm = 1; warm >= 0; warm--) {
		b->client_cpu_ns = 0;
		for (int i = 0; i < HANDSHAKES; i++) {
			struct tls_conn *server, *client = connect_client(b, places, &server);
			greet(b, client, server);
			tls_conn_describe(client, &info);
			uint64_t from_ns = clock_thread_cpu_ns();
			tls_conn_destroy(client);
			b->client_cpu_ns += clock_thread_cpu_ns() - from_ns;
			tls_conn_destroy(server);
		}
	}
	CHECK(info.resumed == (places == PLACES_SAME));
	printf("handshake of the client, %s %s, %s: %.1f us\n", info.protocol, info.group,
		kinds[places], (double)b->client_cpu_ns / HANDSHAKES / 1000);
}

static void write_batch(
	struct bench *b, struct tls_conn *client, size_t message_bytes, size_t count)
{
	struct fail fail = { 0 };
	struct tls_io io = { .out = &b->server_in };
	for (size_t i = 0; i < count; i++) {
		size_t taken;
		must(tls_conn_write(client, &io, b->message, message_bytes, &taken, &fail) ==
				TLS_OK,
			&fail);
	}
}

static size_t read_batch(struct bench *b, struct tls_conn *server)
{
	struct fail fail = { 0 };
	struct tls_io io = {
		.in = b->server_in.data, .in_len = b->server_in.len, .out = &b->client_in
	};
	size_t len, total = 0;
	enum tls_status status;
	while ((status = tls_conn_read(server, &io, b->plain, sizeof b->plain, &len, &fail)) ==
		TLS_OK)
		total += len;
	must(status == TLS_WANT_READ, &fail);
	return total;
}

static void bench_message(struct bench *b, size_t message_bytes)
{
	uint64_t write_ns = 0, read_ns = 0;
	size_t count = BATCH_BYTES / message_bytes;
	if (count > BATCH_MESSAGES_MAX)
		count = BATCH_MESSAGES_MAX;
	struct tls_conn *server, *client = connect_client(b, PLACES_NONE, &server);
	for (int i = 0; i < BATCHES; i++) {
		buf_reset(&b->server_in);
		uint64_t start_ns = clock_thread_cpu_ns();
		write_batch(b, client, message_bytes, count);
		uint64_t written_ns = clock_thread_cpu_ns();
		CHECK(read_batch(b, server) == count * message_bytes);
		read_ns += clock_thread_cpu_ns() - written_ns;
		write_ns += written_ns - start_ns;
	}
	double messages = (double)BATCHES * (double)count;
	printf("message of %6zu bytes: write %6.2f us, read %6.2f us, %zu bytes on the wire\n",
		message_bytes, (double)write_ns / messages / 1000,
		(double)read_ns / messages / 1000, b->server_in.len / count);
	tls_conn_destroy(client);
	tls_conn_destroy(server);
}

static void bench_idle(struct bench *b)
{
	static struct tls_conn *clients[IDLE_SESSIONS];
	size_t before = mallinfo2().uordblks;
	for (int i = 0; i < IDLE_SESSIONS; i++) {
		struct tls_conn *server;
		clients[i] = connect_client(b, PLACES_NONE, &server);
		tls_conn_destroy(server);
	}
	size_t bytes = mallinfo2().uordblks - before;
	printf("idle session of the client: %zu bytes of heap\n", bytes / IDLE_SESSIONS);
	for (int i = 0; i < IDLE_SESSIONS; i++)
		tls_conn_destroy(clients[i]);
}

/* Each lies under a key of its own, and all share one certificate. */
static void bench_tickets(struct bench *b)
{
	uint32_t kept_before = tls_context_tickets(b->client_ctx);
	size_t before = mallinfo2().uordblks;
	for (int i = 0; i < IDLE_SESSIONS; i++) {
		struct tls_conn *server, *client = connect_client(b, PLACES_NEW, &server);
		greet(b, client, server);
		tls_conn_destroy(client);
		tls_conn_destroy(server);
	}
	size_t bytes = mallinfo2().uordblks - before;
	printf("%u tickets of %d places: %zu bytes of heap a place\n",
		tls_context_tickets(b->client_ctx) - kept_before, IDLE_SESSIONS,
		bytes / IDLE_SESSIONS);
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct fail fail = { 0 };
	if (argc != 3) {
		fprintf(stderr, "usage: bench_tls_record CHAIN.pem KEY.pem\n");
		return 2;
	}
	const struct tls_identity identity = { NULL, argv[1], argv[2] };
	b.pool = tls_pool_create();
	b.demand = security_demand_opportunistic(TEXT("mx.example"));
	buf_init(&b.client_in, b.to_client, sizeof b.to_client);
	buf_init(&b.server_in, b.to_server, sizeof b.to_server);
	memset(b.message, 'x', sizeof b.message);
	b.client_ctx = tls_context_create_client(&(struct tls_client_config){ .pool = b.pool,
							 .conns_max = IDLE_SESSIONS + 1,
							 .tickets_bytes_max = TICKETS_BYTES },
		&fail);
	must(b.client_ctx != NULL, &fail);
	static const uint16_t versions[] = { TLS_VERSION_1_2, TLS_VERSION_1_3 };
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		b.server_ctx =
			tls_context_create_server(&(struct tls_server_config){ .pool = b.pool,
							  .conns_max = 2,
							  .identities = &identity,
							  .identities_count = 1,
							  .version_max = versions[v],
							  .tickets = true },
				&fail);
		must(b.server_ctx != NULL, &fail);
		bench_tickets(&b);
		for (enum places places = PLACES_NONE; places <= PLACES_SAME; places++)
			bench_handshake(&b, places);
		static const size_t sizes[] = { 60, 1350, 8 * 1024, 16 * 1024, 64 * 1024 };
		for (size_t i = 0; i < COUNT_OF(sizes); i++)
			bench_message(&b, sizes[i]);
		bench_idle(&b);
		tls_context_destroy(b.server_ctx);
	}
	tls_context_destroy(b.client_ctx);
	tls_pool_destroy(b.pool);
	return 0;
}
