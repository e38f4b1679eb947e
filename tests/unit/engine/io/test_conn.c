/* Connections in cleartext. */
#include "tests/unit/engine/io/conn_test.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/io/conn_internal.h"
#include "engine/io/socket.h"

static void assert_echoed(const struct end *end, const uint8_t *data, size_t len)
{
	assert_int_equal(end->received_len, len);
	assert_memory_equal(end->received, data, len);
}

/* Every size of the receive buffers from one byte on, pieces that fit and pieces that do not, and a
 * payload around the size of a flight. */
static void what_is_sent_comes_back_at_every_buffer_size(void **state)
{
	(void)state;
	static const uint32_t buffer_bytes[] = { 1, 2, 7, 64, 512, 4096, 65536 };
	static const size_t lens[] = { 1, 2, 63, 64, 65, 4095, 4096, 4097, 16895, 16896, 16897,
		40000 };
	for (size_t i = 0; i < COUNT_OF(buffer_bytes); i++) {
		struct world world;
		world_init(&world, (struct world_options){
			.ring = { .buffers = 16, .buffer_bytes = buffer_bytes[i] },
			.flight_bytes = CONN_FLIGHT_BYTES_MIN });
		for (size_t j = 0; j < COUNT_OF(lens); j++) {
			uint8_t *data = pattern(lens[j], (unsigned)j);
			struct end server = { .echoes = true };
			struct end client = { .to_send = data, .to_send_len = lens[j] };
			world_serve(&world, &server, 1);
			end_connect(&world, &client);
			WORLD_UNTIL(&world, client.received_len == lens[j]);
			assert_echoed(&client, data, lens[j]);
			assert_int_equal(client.opened, 1);
			assert_int_equal(server.opened, 0);
			assert_int_equal(client.conn.sent_bytes, lens[j]);
			assert_int_equal(client.conn.received_bytes, lens[j]);
			end_close(&client);
			WORLD_UNTIL(&world, server.failed == 1);
			assert_int_equal(server.conn.end, CONN_END_CLOSED);
			end_close(&server);
			end_free(&client);
			end_free(&server);
			free(data);
		}
		world_deinit(&world);
	}
}

/* (EXT-PIPE-05) Both sides send megabytes at once, and neither waits for the other. */
static void both_directions_flow_at_once(void **state)
{
	(void)state;
	enum { LEN = 8 << 20 };
	struct world world;
	uint8_t *data = pattern(LEN, 1), *other = pattern(LEN, 2);
	world_init(&world, (struct world_options){ .ring = { .buffers = 64 } });
	struct end server = { .to_send = other, .to_send_len = LEN };
	struct end client = { .to_send = data, .to_send_len = LEN };
	world_serve(&world, &server, 1);
	end_connect(&world, &client);
	WORLD_UNTIL(&world, client.received_len == LEN && server.received_len == LEN);
	assert_echoed(&client, other, LEN);
	assert_echoed(&server, data, LEN);
	WORLD_UNTIL(&world, conn_unsent(&client.conn) == 0 && conn_unsent(&server.conn) == 0);
	assert_int_equal(slab_in_use(&world.pool.flights.slab), 0); /* lent per flight only */
	end_close(&client);
	end_close(&server);
	end_free(&client);
	end_free(&server);
	free(data);
	free(other);
	world_deinit(&world);
}

/* A receiver that takes no more holds the sender up, and nothing is lost or kept in memory. */
static void a_receiver_can_hold_the_sender_up(void **state)
{
	(void)state;
	enum { LEN = 24 << 20 };
	struct world world;
	uint8_t *data = pattern(LEN, 3);
	world_init(&world, (struct world_options){ .ring = { .buffers = 16 } });
	struct end server = { 0 };
	struct end client = { .to_send = data, .to_send_len = LEN };
	world_serve(&world, &server, 1);
	end_connect(&world, &client);
	WORLD_UNTIL(&world, server.received_len > 0);
	conn_stop_receiving(&server.conn);
	run_for_ms(world.ring, 300);
	size_t held_at = server.received_len;
	run_for_ms(world.ring, 100);
	assert_int_equal(server.received_len, held_at);
	assert_true(client.written < LEN);
	assert_int_equal(conn_room(&client.conn), 0);
	conn_start_receiving(&server.conn);
	conn_stop_receiving(&server.conn);
	conn_start_receiving(&server.conn); /* before the cancel has come back */
	WORLD_UNTIL(&world, server.received_len == LEN);
	assert_memory_equal(server.received, data, LEN);
	end_close(&client);
	end_close(&server);
	end_free(&client);
	end_free(&server);
	free(data);
	world_deinit(&world);
}

/* ---- how it can end ---- */

static void a_refused_connection_has_failed(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, (struct world_options){ 0 });
	uint16_t port = world.port;
	struct end client = { 0 };
	close(world.listener);
	end_connect(&world, &client);
	WORLD_UNTIL(&world, client.failed == 1);
	assert_int_equal(client.opened, 0);
	assert_int_equal(client.conn.end, CONN_END_CONNECT);
	assert_int_equal(client.conn.fail.result, RESULT_REFUSED);
	end_close(&client);
	end_free(&client);
	world.port = port;
	struct fail fail;
	assert_int_equal(
		socket_listen_tcp(&world.address, 0, false, &world.listener, &fail), RESULT_OK);
	world_deinit(&world);
}

static const struct conn_handlers *handlers_of(const struct end *end) { return end->conn.handlers; }

static void the_source_address_is_what_the_peer_sees(void **state)
{
	(void)state;
	struct world world;
	struct ip_address source, seen;
	uint16_t port, seen_port;
	world_init(&world, (struct world_options){ 0 });
	assert_int_equal(ip_address_parse(TEXT("127.0.0.77"), &source), RESULT_OK);
	struct end servers[2] = { 0 }, first = { 0 }, client = { 0 };
	world_serve(&world, servers, 2);
	end_connect(&world, &first);
	WORLD_UNTIL(&world, world.accepted == 1);
	client.world = &world;
	conn_connect(&client.conn, &world.pool, handlers_of(&first), &client, &world.address,
		world.port, &source);
	WORLD_UNTIL(&world, world.accepted == 2 && client.opened == 1);
	assert_true(conn_local(&client.conn, &seen, &port));
	assert_true(ip_address_equal(&seen, &source));
	assert_true(socket_peer(servers[1].conn.fd, &seen, &seen_port));
	assert_true(ip_address_equal(&seen, &source));
	assert_int_equal(seen_port, port);
	end_close(&client);
	end_close(&first);
	end_close(&servers[0]);
	end_close(&servers[1]);
	/* An address that this machine does not have. */
	assert_int_equal(ip_address_parse(TEXT("192.0.2.55"), &source), RESULT_OK);
	conn_connect(&client.conn, &world.pool, handlers_of(&first), &client, &world.address,
		world.port, &source);
	assert_int_equal(client.failed, 0);
	WORLD_UNTIL(&world, client.failed == 1);
	assert_int_equal(client.conn.fail.result, RESULT_UNAVAILABLE);
	assert_non_null(strstr(client.conn.fail.text, "192.0.2.55"));
	assert_false(conn_local(&client.conn, &seen, &port));
	end_close(&client);
	assert_int_equal(client.closed, 2);
	world_deinit(&world);
}

/* Nobody accepts and the backlog is full: the connection hangs, and closing it works all the
 * same. */
static void closing_while_it_connects(void **state)
{
	(void)state;
	struct world world;
	struct fail fail;
	world_init(&world, (struct world_options){ 0 });
	assert_int_equal(listen(world.listener, 0), 0);
	struct end clients[8] = { 0 };
	for (size_t i = 0; i < COUNT_OF(clients); i++)
		end_connect(&world, &clients[i]);
	run_for_ms(world.ring, 50);
	unsigned hanging = 0;
	for (size_t i = 0; i < COUNT_OF(clients); i++) {
		hanging += clients[i].opened + clients[i].failed == 0;
		if (i % 2)
			conn_abort(&clients[i].conn);
		end_close(&clients[i]);
		end_free(&clients[i]);
	}
	assert_true(hanging > 0);
	fail_clear(&fail);
	world_deinit(&world);
}

static void closing_sends_what_was_written_and_then_the_end(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, (struct world_options){ 0 });
	struct end server = { 0 };
	char text[64] = "";
	world_serve(&world, &server, 1);
	int raw = raw_connect(&world);
	WORLD_UNTIL(&world, world.accepted == 1);
	assert_int_equal(conn_write(&server.conn, "421 bye\r\n", 9), 9);
	end_close(&server); /* without a flush */
	run_for_ms(world.ring, 5); /* the close itself leaves with a turn */
	assert_int_equal(recv(raw, text, sizeof text, MSG_WAITALL), 9);
	assert_string_equal(text, "421 bye\r\n");
	assert_int_equal(recv(raw, text, sizeof text, 0), 0);
	close(raw);
	end_free(&server);
	world_deinit(&world);
}

static void closing_twice_is_closing_once(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, (struct world_options){ 0 });
	struct end server = { 0 };
	world_serve(&world, &server, 1);
	int raw = raw_connect(&world);
	WORLD_UNTIL(&world, world.accepted == 1);
	conn_close(&server.conn);
	conn_close(&server.conn);
	conn_abort(&server.conn);
	WORLD_UNTIL(&world, server.closed == 1);
	run_for_ms(world.ring, 5);
	assert_int_equal(server.closed, 1);
	close(raw);
	end_free(&server);
	world_deinit(&world);
}

static void an_abort_is_a_reset_and_drops_what_was_written(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, (struct world_options){ 0 });
	struct end server = { 0 };
	char text[64];
	world_serve(&world, &server, 1);
	int raw = raw_connect(&world);
	WORLD_UNTIL(&world, world.accepted == 1);
	assert_int_equal(conn_write(&server.conn, "secret", 6), 6);
	conn_abort(&server.conn);
	WORLD_UNTIL(&world, server.closed == 1);
	run_for_ms(world.ring, 5); /* the close itself leaves with a turn */
	assert_int_equal(recv(raw, text, sizeof text, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(raw);
	end_free(&server);
	world_deinit(&world);
}

static void a_reset_is_broken_and_a_fin_is_closed(void **state)
{
	(void)state;
	for (int reset = 0; reset < 2; reset++) {
		struct world world;
		world_init(&world, (struct world_options){ 0 });
		struct end server = { 0 };
		world_serve(&world, &server, 1);
		int raw = raw_connect(&world);
		assert_int_equal(send(raw, "220 hi\r\n", 8, 0), 8);
		WORLD_UNTIL(&world, server.received_len == 8);
		if (reset)
			socket_set_abort(raw);
		close(raw);
		WORLD_UNTIL(&world, server.failed == 1);
		assert_int_equal(server.conn.end, reset ? CONN_END_BROKEN : CONN_END_CLOSED);
		assert_int_equal(server.conn.fail.sys_errno, reset ? ECONNRESET : 0);
		end_close(&server);
		end_free(&server);
		world_deinit(&world);
	}
}

/* (DATA-11) The peer says 552 in mid-data, does not read on, and hangs up: what it said is heard,
 * and before the end. */
static void the_last_words_of_a_peer_that_hangs_up_are_heard(void **state)
{
	(void)state;
	enum { LEN = 16 << 20 };
	for (int hangs_up_with_fin = 0; hangs_up_with_fin < 2; hangs_up_with_fin++) {
		struct world world;
		uint8_t *data = pattern(LEN, 4);
		world_init(&world, (struct world_options){ 0 });
		struct end server = { .to_send = data, .to_send_len = LEN };
		world_serve(&world, &server, 1);
		int raw = raw_connect(&world);
		WORLD_UNTIL(&world, server.written > 0);
		run_for_ms(world.ring, 20); /* until the buffers are full */
		assert_int_equal(send(raw, "552 too much\r\n", 14, 0), 14);
		if (hangs_up_with_fin)
			assert_int_equal(shutdown(raw, SHUT_WR), 0);
		else
			close(raw); /* with megabytes unread: a reset */
		WORLD_UNTIL(&world, server.failed == 1);
		assert_int_equal(server.received_len, 14);
		assert_memory_equal(server.received, "552 too much\r\n", 14);
		if (hangs_up_with_fin)
			close(raw);
		end_close(&server);
		end_free(&server);
		free(data);
		world_deinit(&world);
	}
}

static void nothing_is_received_after_the_end(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, (struct world_options){ 0 });
	struct end server = { 0 };
	world_serve(&world, &server, 1);
	int raw = raw_connect(&world);
	WORLD_UNTIL(&world, world.accepted == 1);
	assert_int_equal(send(raw, "late", 4, 0), 4);
	conn_close(&server.conn);
	WORLD_UNTIL(&world, server.closed == 1);
	assert_int_equal(server.received_len, 0);
	close(raw);
	end_free(&server);
	world_deinit(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sent_comes_back_at_every_buffer_size),
		cmocka_unit_test(both_directions_flow_at_once),
		cmocka_unit_test(a_receiver_can_hold_the_sender_up),
		cmocka_unit_test(a_refused_connection_has_failed),
		cmocka_unit_test(the_source_address_is_what_the_peer_sees),
		cmocka_unit_test(closing_while_it_connects),
		cmocka_unit_test(closing_sends_what_was_written_and_then_the_end),
		cmocka_unit_test(closing_twice_is_closing_once),
		cmocka_unit_test(an_abort_is_a_reset_and_drops_what_was_written),
		cmocka_unit_test(a_reset_is_broken_and_a_fin_is_closed),
		cmocka_unit_test(the_last_words_of_a_peer_that_hangs_up_are_heard),
		cmocka_unit_test(nothing_is_received_after_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
