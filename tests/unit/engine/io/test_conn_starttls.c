/* (STLS-04, SEC-01, SEC-02) Cleartext that somebody puts behind the 220 to STARTTLS, in every
 * place where it can be put before our ClientHello is on its way. */
#include "tests/unit/engine/io/conn_tls_test.h"
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/io/conn_internal.h"

static const char injection[] = "250-fake\r\n250 OK\r\n";

static void begin(struct tls_world *tls_world, struct tls_end *client, int *out_raw,
	uint32_t buffer_bytes, uint32_t flights)
{
	tls_world_init(tls_world, (struct tls_world_options){
		.world = { .ring = { .buffer_bytes = buffer_bytes }, .flights = flights } });
	tls_client_init(client, tls_world);
	tls_client_to_raw(tls_world, client, out_raw);
}

static void end(struct tls_world *tls_world, struct tls_end *client, int raw)
{
	assert_true(conn_injected(&client->end.conn));
	assert_int_equal(client->end.conn.end, CONN_END_INJECTED);
	assert_int_equal(client->end.conn.fail.result, RESULT_PROTOCOL);
	assert_non_null(strstr(client->end.conn.fail.text, "data after STARTTLS reply"));
	assert_int_equal(tls_world->world.pool.counters.injected, 1);
	assert_int_equal(client->end.tls_done, 0);
	assert_int_equal(client->end.received_len, 0); /* not a byte of it reaches the session */
	conn_abort(&client->end.conn);
	end_close(&client->end);
	end_free(&client->end);
	close(raw);
	tls_world_deinit(tls_world);
}

static void raw_send(int raw, const char *data, size_t len)
{
	assert_int_equal(send(raw, data, len, 0), len);
}

/* Whole, and one byte of it only; receive buffers of every size up to the whole, so that the border
 * between the 220 and what follows falls everywhere: inside a piece, and between two pieces that
 * are taken from the socket together. */
static void behind_the_220_in_one_segment(void **state)
{
	(void)state;
	char segment[64];
	size_t go = strlen(GO);
	memcpy(segment, GO, go);
	memcpy(segment + go, injection, sizeof injection);
	for (size_t injected = 1; injected < sizeof injection; injected += sizeof injection - 2) {
		for (uint32_t buffer_bytes = 1; buffer_bytes <= go + injected; buffer_bytes++) {
			struct tls_world tls_world;
			struct tls_end client;
			int raw;
			begin(&tls_world, &client, &raw, buffer_bytes, 0);
			raw_send(raw, segment, go + injected);
			TLS_UNTIL(&tls_world, client.end.conn.state == CONN_FAILED);
			if (client.start_result == RESULT_OK)
				TLS_UNTIL(&tls_world, client.end.failed == 1);
			else
				assert_int_equal(client.start_result, RESULT_PROTOCOL);
			end(&tls_world, &client, raw);
		}
	}
}

/* The 220 has been taken from the socket, more arrives before the owner starts TLS. */
static void start_late(struct end *conn_end, const uint8_t *data, size_t len)
{
	struct tls_end *client = CONTAINER_OF(conn_end, struct tls_end, end);
	(void)data;
	client->line_len += len;
}

static void in_the_socket_before_tls_starts(void **state)
{
	(void)state;
	struct tls_world tls_world;
	struct tls_end client;
	int raw;
	begin(&tls_world, &client, &raw, 0, 0);
	client.end.on_received = start_late;
	raw_send(raw, GO, strlen(GO));
	TLS_UNTIL(&tls_world, client.line_len == strlen(GO));
	raw_send(raw, injection, 1);
	client.end.on_received = NULL;
	assert_int_equal(conn_start_tls(&client.end.conn, tls_world.client, &tls_world.demand,
		TEXT_EMPTY, NULL, false, 0), RESULT_PROTOCOL);
	run_for_ms(tls_world.world.ring, 5);
	assert_int_equal(client.end.failed, 0); /* the result has told it */
	/* And nothing has been said to that peer. */
	char got[64];
	assert_int_equal(recv(raw, got, sizeof got, MSG_DONTWAIT), -1);
	end(&tls_world, &client, raw);
}

/* (SEC-02) Replies that come ahead of the question: our STARTTLS has not even left. */
static void a_220_that_came_before_starttls_had_left(void **state)
{
	(void)state;
	struct tls_world tls_world;
	struct tls_end client;
	int raw;
	begin(&tls_world, &client, &raw, 0, 0);
	client.end.on_received = start_late;
	raw_send(raw, GO, strlen(GO));
	TLS_UNTIL(&tls_world, client.line_len == strlen(GO));
	assert_int_equal(conn_write(&client.end.conn, "STARTTLS\r\n", 10), 10);
	conn_flush(&client.end.conn); /* leaves with the next turn */
	client.end.on_received = NULL;
	assert_int_equal(conn_start_tls(&client.end.conn, tls_world.client, &tls_world.demand,
		TEXT_EMPTY, NULL, false, 0), RESULT_PROTOCOL);
	end(&tls_world, &client, raw);
}

/* Speaks for the peer from inside a turn. */
struct speaker {
	struct io_op op;
	int raw;
};

static void speak(struct io_op *op, const struct io_result *result)
{
	(void)result;
	raw_send(CONTAINER_OF(op, struct speaker, op)->raw, injection, 3);
}

/* No output buffer is free, so the ClientHello has to wait; the peer speaks meanwhile: long
 * before there is one, at the same moment, or in the turn in which the ClientHello would leave,
 * so late that the ring has not yet taken it from the socket. */
static void while_the_client_hello_waits_for_a_flight(void **state)
{
	(void)state;
	enum { LONG_BEFORE, SAME_MOMENT, SAME_TURN, CASES };
	for (int when = 0; when < CASES; when++) {
		struct tls_world tls_world;
		struct tls_end client;
		struct speaker speaker = { 0 };
		int raw;
		begin(&tls_world, &client, &raw, 0, 1);
		speaker.raw = raw;
		struct flight *taken = flight_acquire(&tls_world.world.pool.flights);
		assert_non_null(taken);
		raw_send(raw, GO, strlen(GO));
		TLS_UNTIL(&tls_world, client.started);
		assert_int_equal(client.start_result, RESULT_OK);
		assert_int_equal(client.end.conn.tls_state, CONN_TLS_HELLO);
		if (when == LONG_BEFORE) {
			raw_send(raw, injection, 3);
			TLS_UNTIL(&tls_world, client.end.failed == 1);
		} else if (when == SAME_TURN) {
			ring_post(tls_world.world.ring, &speaker.op, speak);
		}
		flight_release(&tls_world.world.pool.flights, taken);
		if (when == SAME_MOMENT)
			raw_send(raw, injection, 3);
		TLS_UNTIL(&tls_world, client.end.failed == 1);
		end(&tls_world, &client, raw);
	}
}

/* The ClientHello does not wait for the end of the turn: what is looked for in the socket before
 * it leaves would else be looked for too early. */
static void the_client_hello_leaves_at_once(void **state)
{
	(void)state;
	struct tls_world tls_world;
	struct tls_end client;
	int raw;
	char hello[1024];
	begin(&tls_world, &client, &raw, 0, 0);
	client.end.on_received = start_late;
	raw_send(raw, GO, strlen(GO));
	TLS_UNTIL(&tls_world, client.line_len == strlen(GO));
	assert_int_equal(conn_start_tls(&client.end.conn, tls_world.client, &tls_world.demand,
		TEXT_EMPTY, NULL, false, 0), RESULT_OK);
	assert_true(recv(raw, hello, sizeof hello, MSG_DONTWAIT) > 100);
	end_close(&client.end);
	end_free(&client.end);
	close(raw);
	tls_world_deinit(&tls_world);
}

/* Behind the ClientHello it is no TLS, and that is all that can be said of it. */
static void cleartext_behind_the_client_hello_is_a_failure_of_tls(void **state)
{
	(void)state;
	struct tls_world tls_world;
	struct tls_end client;
	int raw;
	char hello[1024];
	begin(&tls_world, &client, &raw, 0, 0);
	raw_send(raw, GO, strlen(GO));
	TLS_UNTIL(&tls_world, client.started);
	assert_true(recv(raw, hello, sizeof hello, 0) > 100); /* it has left in the same turn */
	raw_send(raw, injection, sizeof injection - 1);
	TLS_UNTIL(&tls_world, client.end.failed == 1);
	assert_int_equal(client.end.conn.end, CONN_END_TLS);
	assert_false(conn_injected(&client.end.conn));
	assert_int_equal(tls_world.world.pool.counters.injected, 0);
	end_close(&client.end);
	end_free(&client.end);
	close(raw);
	tls_world_deinit(&tls_world);
}

static void tls_on_a_connection_that_has_failed_is_refused(void **state)
{
	(void)state;
	struct tls_world tls_world;
	struct tls_end client;
	int raw;
	begin(&tls_world, &client, &raw, 0, 0);
	close(raw);
	TLS_UNTIL(&tls_world, client.end.failed == 1);
	assert_int_equal(conn_start_tls(&client.end.conn, tls_world.client, &tls_world.demand,
		TEXT_EMPTY, NULL, false, 0), RESULT_CLOSED);
	end_close(&client.end);
	end_free(&client.end);
	tls_world_deinit(&tls_world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(behind_the_220_in_one_segment),
		cmocka_unit_test(in_the_socket_before_tls_starts),
		cmocka_unit_test(a_220_that_came_before_starttls_had_left),
		cmocka_unit_test(while_the_client_hello_waits_for_a_flight),
		cmocka_unit_test(the_client_hello_leaves_at_once),
		cmocka_unit_test(cleartext_behind_the_client_hello_is_a_failure_of_tls),
		cmocka_unit_test(tls_on_a_connection_that_has_failed_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
