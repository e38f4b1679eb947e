/* Connections under TLS: bytes, ends, a verifier that takes its time. */
#include "tests/unit/engine/io/conn_tls_test.h"
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/io/conn_internal.h"
#include "engine/io/random.h"
#include "engine/io/socket.h"

static void close_both(struct tls_end *a, struct tls_end *b)
{
	end_close(&a->end);
	end_close(&b->end);
	end_free(&a->end);
	end_free(&b->end);
}

/* Both versions, buffers from one byte on, so few of them that receives starve, and lengths
 * around a record and around a flight. (STLS-04: and never a false alarm.) */
static void what_is_sent_comes_back_under_tls(void **state)
{
	(void)state;
	static const uint32_t buffer_bytes[] = { 1, 5, 100, 4096 };
	static const size_t lens[] = { 1, 100, 16383, 16384, 16385, 36000, 100000 };
	for (size_t i = 0; i < COUNT_OF(buffer_bytes) * 2; i++) {
		struct tls_world tls_world;
		tls_world_init(&tls_world, (struct tls_world_options){
			.world = { .ring = { .buffers = 4, .buffer_bytes = buffer_bytes[i / 2] } },
			.server_version_max = i % 2 ? TLS_VERSION_1_2 : TLS_VERSION_1_3 });
		for (size_t j = 0; j < COUNT_OF(lens); j++) {
			if (buffer_bytes[i / 2] == 1 && lens[j] > 20000)
				continue; /* nothing new, and slow */
			uint8_t *data = pattern(lens[j], (unsigned)j);
			struct tls_end client, server;
			tls_client_init(&client, &tls_world);
			tls_server_init(&server, &tls_world);
			client.end.to_send = data;
			client.end.to_send_len = lens[j];
			server.end.echoes = true;
			tls_pair_up(&tls_world, &client, &server);
			TLS_UNTIL(&tls_world, client.end.received_len == lens[j]);
			assert_memory_equal(client.end.received, data, lens[j]);
			struct tls_info info;
			tls_conn_describe(conn_tls(&client.end.conn), &info);
			assert_string_equal(info.protocol, i % 2 ? "TLSv1.2" : "TLSv1.3");
			assert_true(info.confirmed);
			assert_true(client.end.conn.sent_bytes > lens[j]);
			TLS_UNTIL(&tls_world, conn_unsent(&client.end.conn) == 0 &&
				conn_unsent(&server.end.conn) == 0);
			assert_int_equal(slab_in_use(&tls_world.world.pool.flights.slab), 0);
			end_close(&client.end);
			TLS_UNTIL(&tls_world, server.end.failed == 1);
			assert_int_equal(server.end.conn.end, CONN_END_CLOSED);
			close_both(&client, &server);
			free(data);
		}
		assert_int_equal(tls_world.world.pool.counters.injected, 0);
		tls_world_deinit(&tls_world);
	}
}

static void megabytes_flow_both_ways_under_tls_with_one_flight_each(void **state)
{
	(void)state;
	enum { LEN = 3 << 20 };
	uint8_t *data = pattern(LEN, 1), *other = pattern(LEN, 2);
	for (uint32_t flights = 1; flights <= 8; flights *= 2) {
		struct tls_world tls_world;
		tls_world_init(&tls_world, (struct tls_world_options){
			.world = { .ring = { .buffers = 32 }, .flights = flights } });
		struct tls_end client, server;
		tls_client_init(&client, &tls_world);
		tls_server_init(&server, &tls_world);
		client.end.to_send = data;
		server.end.to_send = other;
		client.end.to_send_len = server.end.to_send_len = LEN;
		tls_pair_up(&tls_world, &client, &server);
		TLS_UNTIL(&tls_world,
			client.end.received_len == LEN && server.end.received_len == LEN);
		assert_memory_equal(client.end.received, other, LEN);
		assert_memory_equal(server.end.received, data, LEN);
		close_both(&client, &server);
		tls_world_deinit(&tls_world);
	}
	free(data);
	free(other);
}

static void a_room_that_was_told_is_given(void **state)
{
	(void)state;
	struct tls_world tls_world;
	tls_world_init(&tls_world, (struct tls_world_options){ 0 });
	struct tls_end client, server;
	tls_client_init(&client, &tls_world);
	tls_server_init(&server, &tls_world);
	tls_pair_up(&tls_world, &client, &server);
	uint8_t *data = pattern(1 << 20, 3);
	struct random_state random;
	random_init_seed(&random, 9);
	size_t total = 0;
	while (total < 3 << 20) {
		size_t room = conn_room(&client.end.conn);
		if (room == 0) {
			unsigned sent = client.end.sent;
			TLS_UNTIL(&tls_world, client.end.sent > sent);
			continue;
		}
		size_t len =
			random_below(&random, 2) ? room : 1 + (size_t)random_below(&random, room);
		assert_int_equal(conn_write(&client.end.conn, data, len), len);
		total += len;
		if (random_below(&random, 3) == 0)
			conn_flush(&client.end.conn);
	}
	conn_flush(&client.end.conn);
	TLS_UNTIL(&tls_world, server.end.received_len == total);
	free(data);
	close_both(&client, &server);
	tls_world_deinit(&tls_world);
}

/* ---- how it can end ---- */

/* (TLS-22) Cut off at the border of a record, and inside one. */
static void an_end_without_close_notify_is_told_apart(void **state)
{
	(void)state;
	enum { BORDER, INSIDE, RESET, GOODBYE, KINDS };
	static const enum conn_end want[KINDS] = {
		CONN_END_TRUNCATED, CONN_END_TRUNCATED, CONN_END_BROKEN, CONN_END_CLOSED };
	for (int kind = 0; kind < KINDS; kind++) {
		struct tls_world tls_world;
		tls_world_init(&tls_world, (struct tls_world_options){ 0 });
		struct tls_end client, server;
		tls_client_init(&client, &tls_world);
		tls_server_init(&server, &tls_world);
		tls_pair_up(&tls_world, &client, &server);
		assert_int_equal(conn_write(&server.end.conn, "250 o", 5), 5);
		conn_flush(&server.end.conn);
		TLS_UNTIL(&tls_world, client.end.received_len == 5);
		if (kind == INSIDE)
			assert_int_equal(
				send(server.end.conn.fd, "\x17\x03\x03\x00\x40half", 9, 0), 9);
		if (kind == BORDER || kind == INSIDE)
			assert_int_equal(shutdown(server.end.conn.fd, SHUT_WR), 0);
		else if (kind == RESET)
			conn_abort(&server.end.conn);
		else
			conn_close(&server.end.conn);
		TLS_UNTIL(&tls_world, client.end.failed == 1);
		assert_int_equal(client.end.conn.end, want[kind]);
		assert_int_equal(client.end.received_len, 5);
		close_both(&client, &server);
		tls_world_deinit(&tls_world);
	}
}

static void a_damaged_record_is_an_end_of_tls(void **state)
{
	(void)state;
	struct tls_world tls_world;
	tls_world_init(&tls_world, (struct tls_world_options){ 0 });
	struct tls_end client, server;
	tls_client_init(&client, &tls_world);
	tls_server_init(&server, &tls_world);
	tls_pair_up(&tls_world, &client, &server);
	assert_int_equal(send(server.end.conn.fd, "\x17\x03\x03\x00\x18" "0123456789abcdef01234567",
		29, 0), 29);
	TLS_UNTIL(&tls_world, client.end.failed == 1);
	assert_int_equal(client.end.conn.end, CONN_END_TLS);
	/* The peer is told by an alert. */
	TLS_UNTIL(&tls_world, server.end.failed == 1);
	struct tls_info info;
	tls_conn_describe(conn_tls(&server.end.conn), &info);
	assert_true(info.alert_received);
	close_both(&client, &server);
	tls_world_deinit(&tls_world);
}

static void a_handshake_that_fails_tells_both_sides(void **state)
{
	(void)state;
	struct tls_world tls_world;
	tls_world_init(&tls_world, (struct tls_world_options){
		.server_version_min = 0x0301, .server_version_max = 0x0302 });
	struct tls_end client, server;
	tls_client_init(&client, &tls_world);
	tls_server_init(&server, &tls_world);
	tls_serve(&tls_world, &server);
	end_connect(&tls_world.world, &client.end);
	TLS_UNTIL(&tls_world, client.end.failed == 1 && server.end.failed == 1);
	assert_int_equal(client.end.conn.end, CONN_END_TLS);
	assert_int_equal(server.end.conn.end, CONN_END_TLS);
	struct tls_info info;
	tls_conn_describe(conn_tls(&client.end.conn), &info);
	assert_int_not_equal(info.failure, TLS_FAILURE_NONE);
	assert_int_equal(client.end.tls_done + server.end.tls_done, 0);
	assert_int_equal(tls_world.world.pool.counters.handshakes_failed, 2);
	close_both(&client, &server);
	tls_world_deinit(&tls_world);
}

/* A server that hangs up, or resets, where it should shake hands: that is TLS that failed, so
 * that the rule for cleartext on a fresh connection can be applied. */
static void a_peer_that_hangs_up_in_the_handshake_has_failed_tls(void **state)
{
	(void)state;
	for (int reset = 0; reset < 2; reset++) {
		struct tls_world tls_world;
		tls_world_init(&tls_world, (struct tls_world_options){ 0 });
		struct tls_end client;
		int raw;
		char hello[1024];
		tls_client_init(&client, &tls_world);
		tls_client_to_raw(&tls_world, &client, &raw);
		assert_int_equal(send(raw, GO, strlen(GO), 0), strlen(GO));
		TLS_UNTIL(&tls_world,
			client.started && client.end.conn.tls_state == CONN_TLS_HANDSHAKE);
		assert_true(recv(raw, hello, sizeof hello, 0) > 100);
		assert_int_equal(hello[0], 0x16);
		if (reset)
			socket_set_abort(raw);
		close(raw);
		TLS_UNTIL(&tls_world, client.end.failed == 1);
		assert_int_equal(client.end.conn.end, CONN_END_TLS);
		end_close(&client.end);
		end_free(&client.end);
		tls_world_deinit(&tls_world);
	}
}

/* ---- a verifier that takes its time ---- */

enum { BUFFERS_FOR_HOLDING = 64 }; /* of 64 bytes: the flight of a server comes in many pieces */

static void begin_waiting(
	struct tls_world *tls_world, struct tls_end *client, struct tls_end *server)
{
	tls_world_init(tls_world, (struct tls_world_options){
		.world = { .ring = { .buffers = BUFFERS_FOR_HOLDING, .buffer_bytes = 64 } },
		.need = SECURITY_NEED_DANE });
	tls_world->verdict.kind = TLS_VERDICT_WAIT;
	tls_client_init(client, tls_world);
	tls_server_init(server, tls_world);
	tls_serve(tls_world, server);
	end_connect(&tls_world->world, &client->end);
	TLS_UNTIL(tls_world, tls_world->asked == 1);
	run_for_ms(tls_world->world.ring, 10);
	assert_int_equal(client->end.tls_done + client->end.failed, 0);
	assert_string_equal(conn_state_name(&client->end.conn), "verifying");
}

static void a_verdict_that_comes_later_decides(void **state)
{
	(void)state;
	for (int accepted = 0; accepted < 2; accepted++) {
		struct tls_world tls_world;
		struct tls_end client, server;
		begin_waiting(&tls_world, &client, &server);
		struct tls_verdict verdict = { .kind = accepted ? TLS_VERDICT_ACCEPTED
								: TLS_VERDICT_REJECTED,
			.proved_dane = accepted, .failure = accepted ? TLS_FAILURE_NONE
								     : TLS_FAILURE_UNTRUSTED };
		conn_resume_verify(&client.end.conn, &verdict);
		assert_int_equal(client.end.tls_done + client.end.failed, 0);
		if (accepted) {
			TLS_UNTIL(&tls_world, client.end.tls_done == 1 && server.end.tls_done == 1);
			assert_int_equal(conn_write(&server.end.conn, "250 ok\r\n", 8), 8);
			conn_flush(&server.end.conn);
			TLS_UNTIL(&tls_world, client.end.received_len == 8);
		} else {
			TLS_UNTIL(&tls_world, client.end.failed == 1 && server.end.failed == 1);
			assert_int_equal(client.end.conn.end, CONN_END_TLS);
		}
		struct tls_info info;
		tls_conn_describe(conn_tls(&client.end.conn), &info);
		assert_int_equal(info.proved_dane, accepted);
		assert_int_equal(tls_world.asked, 1);
		close_both(&client, &server);
		tls_world_deinit(&tls_world);
	}
}

static void closing_while_the_verifier_thinks(void **state)
{
	(void)state;
	for (int abort_it = 0; abort_it < 2; abort_it++) {
		struct tls_world tls_world;
		struct tls_end client, server;
		begin_waiting(&tls_world, &client, &server);
		if (abort_it)
			conn_abort(&client.end.conn);
		struct tls_verdict verdict = { .kind = TLS_VERDICT_ACCEPTED };
		conn_resume_verify(&client.end.conn, &verdict);
		close_both(&client, &server);
		tls_world_deinit(&tls_world);
	}
}

static void a_peer_that_leaves_while_the_verifier_thinks_is_noticed_then(void **state)
{
	(void)state;
	struct tls_world tls_world;
	struct tls_end client, server;
	begin_waiting(&tls_world, &client, &server);
	end_close(&server.end);
	run_for_ms(tls_world.world.ring, 10);
	struct tls_verdict verdict = { .kind = TLS_VERDICT_ACCEPTED };
	conn_resume_verify(&client.end.conn, &verdict);
	TLS_UNTIL(&tls_world, client.end.failed == 1);
	close_both(&client, &server);
	tls_world_deinit(&tls_world);
}

/* What a peer may make us keep while we think is bounded. */
static void a_flood_while_the_verifier_thinks_is_bounded(void **state)
{
	(void)state;
	enum { FLOOD = 4 << 20 };
	struct tls_world tls_world;
	struct tls_end client, server;
	begin_waiting(&tls_world, &client, &server);
	uint8_t *junk = pattern(FLOOD, 5);
	ssize_t flooded = 0, n;
	for (int i = 0; i < 100; i++) {
		while ((n = send(server.end.conn.fd, junk, FLOOD, MSG_DONTWAIT)) > 0)
			flooded += n;
		run_for_ms(tls_world.world.ring, 1);
		assert_in_range(client.end.conn.held_len, 0, 256 * 1024);
	}
	assert_true(flooded > 0);
	struct tls_verdict verdict = { .kind = TLS_VERDICT_ACCEPTED };
	if (client.end.failed == 0)
		conn_resume_verify(&client.end.conn, &verdict);
	TLS_UNTIL(&tls_world, client.end.failed == 1);
	assert_int_equal(client.end.conn.end, CONN_END_TLS);
	free(junk);
	close_both(&client, &server);
	tls_world_deinit(&tls_world);
}

/* ---- ends at every moment ---- */

static void a_tls_connection_can_end_at_any_moment(void **state)
{
	(void)state;
	enum { SEEDS = 300, LEN = 60000 };
	uint8_t *data = pattern(LEN, 7);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct random_state random;
		random_init_seed(&random, seed);
		struct tls_world tls_world;
		tls_world_init(&tls_world,
			(struct tls_world_options){
				.world = { .ring = { .submissions = 16,
						   .buffers = 4,
						   .buffer_bytes =
							   random_below(&random, 2) ? 200 : 4096,
						   .single_shot = random_below(&random, 4) == 0 },
					.flights = 1 + (uint32_t)random_below(&random, 3) },
				.need = random_below(&random, 2) ? SECURITY_NEED_DANE
								 : SECURITY_NEED_MAY });
		if (random_below(&random, 2))
			tls_world.verdict.kind = TLS_VERDICT_WAIT;
		struct tls_end client, server;
		tls_client_init(&client, &tls_world);
		tls_server_init(&server, &tls_world);
		client.end.to_send = data;
		client.end.to_send_len = LEN;
		server.end.echoes = true;
		tls_serve(&tls_world, &server);
		end_connect(&tls_world.world, &client.end);
		for (uint64_t turns = random_below(&random, 40); turns > 0; turns--) {
			(void)ring_run_once(tls_world.world.ring, clock_now_ns() + 300000);
			if (client.end.conn.tls_state == CONN_TLS_VERIFY &&
				random_below(&random, 2))
				conn_resume_verify(&client.end.conn, &(struct tls_verdict){
					.kind = random_below(&random, 2) ? TLS_VERDICT_ACCEPTED
									 : TLS_VERDICT_REJECTED,
					.failure = TLS_FAILURE_NAME });
		}
		struct end *first = random_below(&random, 2) && tls_world.world.accepted
			? &server.end : &client.end;
		if (first->conn.state != CONN_IDLE && random_below(&random, 2))
			conn_abort(&first->conn);
		end_close(first);
		end_close(&client.end);
		run_for_ms(tls_world.world.ring, 1);
		if (tls_world.world.accepted) {
			end_close(&server.end);
			end_free(&server.end);
		}
		end_free(&client.end);
		tls_world_deinit(&tls_world);
	}
	free(data);
}

/* ---- memory ---- */

/* DESIGN 6: an idle TLS session holds at most 8 KiB of heap, our struct counted in. */
static void an_idle_session_is_small(void **state)
{
	(void)state;
	enum { SESSIONS = 100, IDLE_BYTES_MAX = 8192 };
	struct tls_world tls_world;
	static struct tls_end clients[SESSIONS], servers[SESSIONS];
	tls_world_init(&tls_world, (struct tls_world_options){ 0 });
	size_t before = 0;
	for (int i = 0; i < SESSIONS; i++) {
		if (i == 1)
			before = mallinfo2().uordblks; /* what is shared is there by now */
		tls_client_init(&clients[i], &tls_world);
		tls_server_init(&servers[i], &tls_world);
		tls_pair_up(&tls_world, &clients[i], &servers[i]);
	}
	size_t after = mallinfo2().uordblks;
	size_t each = (after - before) / (2 * (SESSIONS - 1)) + sizeof(struct conn);
	assert_int_equal(slab_in_use(&tls_world.world.pool.flights.slab), 0);
	print_message("%zu bytes of heap a session, %zu of them struct conn%s\n", each,
		sizeof(struct conn), after == before ? " (this allocator does not count)" : "");
	assert_in_range(each, sizeof(struct conn), IDLE_BYTES_MAX);
	for (int i = 0; i < SESSIONS; i++)
		close_both(&clients[i], &servers[i]);
	tls_world_deinit(&tls_world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sent_comes_back_under_tls),
		cmocka_unit_test(megabytes_flow_both_ways_under_tls_with_one_flight_each),
		cmocka_unit_test(a_room_that_was_told_is_given),
		cmocka_unit_test(an_end_without_close_notify_is_told_apart),
		cmocka_unit_test(a_damaged_record_is_an_end_of_tls),
		cmocka_unit_test(a_handshake_that_fails_tells_both_sides),
		cmocka_unit_test(a_peer_that_hangs_up_in_the_handshake_has_failed_tls),
		cmocka_unit_test(a_verdict_that_comes_later_decides),
		cmocka_unit_test(closing_while_the_verifier_thinks),
		cmocka_unit_test(a_peer_that_leaves_while_the_verifier_thinks_is_noticed_then),
		cmocka_unit_test(a_flood_while_the_verifier_thinks_is_bounded),
		cmocka_unit_test(a_tls_connection_can_end_at_any_moment),
		cmocka_unit_test(an_idle_session_is_small),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
