/* Many connections at once: few output buffers, thousands of sockets, and ends at every possible
 * moment. */
#include "tests/unit/engine/io/conn_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/io/conn_internal.h"
#include "engine/io/limits_process.h"
#include "engine/io/random.h"

enum { FEW_FLIGHTS_CONNS = 40, MANY_CONNS = 2000, ENDINGS = 400 };

/* One output buffer for forty connections that all send: each gets its turn, and all are done. */
static void few_flights_go_round(void **state)
{
	(void)state;
	enum { LEN = 200000 };
	for (uint32_t flights = 1; flights <= 5; flights += 4) {
		struct world world;
		uint8_t *data = pattern(LEN, 5);
		world_init(&world, (struct world_options){
			.flights = flights, .flight_bytes = CONN_FLIGHT_BYTES_MIN });
		static struct end servers[FEW_FLIGHTS_CONNS], clients[FEW_FLIGHTS_CONNS];
		world_serve(&world, servers, FEW_FLIGHTS_CONNS);
		for (int i = 0; i < FEW_FLIGHTS_CONNS; i++) {
			clients[i] = (struct end){ .to_send = data, .to_send_len = LEN };
			servers[i] = (struct end){ .echoes = true };
			end_connect(&world, &clients[i]);
		}
		for (int i = 0; i < FEW_FLIGHTS_CONNS; i++) {
			WORLD_UNTIL(&world, clients[i].received_len == LEN);
			assert_memory_equal(clients[i].received, data, LEN);
		}
		assert_true(world.pool.flights.waits > 0);
		for (int i = 0; i < FEW_FLIGHTS_CONNS; i++) {
			end_close(&clients[i]);
			end_close(&servers[i]);
			end_free(&clients[i]);
			end_free(&servers[i]);
		}
		free(data);
		world_deinit(&world);
	}
}

/* One peer never reads and so keeps the only flight: closing its connection frees the others. */
static void a_flight_of_a_stalled_peer_comes_back_when_it_is_closed(void **state)
{
	(void)state;
	enum { LEN = 16 << 20 };
	struct world world;
	uint8_t *data = pattern(LEN, 6);
	world_init(&world, (struct world_options){ .flights = 1 });
	struct end servers[2] = { [0] = { .to_send = data, .to_send_len = LEN } };
	world_serve(&world, servers, 2);
	int stalled = raw_connect(&world), waiting = raw_connect(&world);
	WORLD_UNTIL(&world, world.accepted == 2);
	run_for_ms(world.ring, 50);
	assert_int_equal(slab_in_use(&world.pool.flights.slab), 1);
	assert_int_equal(conn_room(&servers[1].conn), 0);
	servers[1].to_send = data;
	servers[1].to_send_len = 100;
	conn_abort(&servers[0].conn);
	WORLD_UNTIL(&world, servers[0].closed == 1 && servers[1].written == 100);
	uint8_t got[100];
	WORLD_UNTIL(&world, conn_unsent(&servers[1].conn) == 0);
	assert_int_equal(recv(waiting, got, sizeof got, MSG_WAITALL), 100);
	assert_memory_equal(got, data, 100);
	close(stalled);
	close(waiting);
	end_close(&servers[1]);
	end_free(&servers[0]);
	end_free(&servers[1]);
	free(data);
	world_deinit(&world);
}

static void a_waiter_that_is_closed_is_passed_over(void **state)
{
	(void)state;
	enum { LEN = 16 << 20 };
	struct world world;
	uint8_t *data = pattern(LEN, 6);
	world_init(&world, (struct world_options){ .flights = 1 });
	struct end servers[3] = { [0] = { .to_send = data, .to_send_len = LEN } };
	int raw[3];
	world_serve(&world, servers, 3);
	for (int i = 0; i < 3; i++)
		raw[i] = raw_connect(&world);
	WORLD_UNTIL(&world, world.accepted == 3);
	for (int i = 1; i < 3; i++) {
		assert_int_equal(conn_room(&servers[i].conn), 0);
		servers[i].to_send = data;
		servers[i].to_send_len = 100;
	}
	/* The first in line is handed the flight and closed in the same turn, before it hears of
	 * it. */
	conn_abort(&servers[0].conn);
	WORLD_UNTIL(&world, servers[0].closed == 1);
	conn_close(&servers[1].conn);
	WORLD_UNTIL(&world, servers[1].closed == 1 && servers[2].written == 100);
	for (int i = 0; i < 3; i++) {
		end_close(&servers[i]);
		end_free(&servers[i]);
		close(raw[i]);
	}
	free(data);
	world_deinit(&world);
}

/* Eight bytes go back and forth on all of them, as commands and replies do. */
enum { ROUNDS = 10, TOKEN = 8 };

static void next_round(struct end *end, const uint8_t *data, size_t len)
{
	assert_memory_equal(data, end->to_send + end->received_len, len);
	end->received_len += len;
	if (end->received_len % TOKEN != 0 || end->received_len == ROUNDS * TOKEN)
		return;
	end->to_send_len += TOKEN; /* at once, or when a flight is free */
	pump(end);
}

static void thousands_of_connections_talk_at_once(void **state)
{
	(void)state;
	uint64_t files = limits_process_raise_files();
	assert_true(files > 0);
	size_t count = files > 2 * MANY_CONNS + 100 ? MANY_CONNS : (size_t)(files - 100) / 2;
	struct world world;
	world_init(&world, (struct world_options){ .flights = 256 });
	struct end *servers = calloc(count, sizeof *servers);
	struct end *clients = calloc(count, sizeof *clients);
	assert_non_null(servers);
	assert_non_null(clients);
	uint8_t *data = pattern(ROUNDS * TOKEN, 8);
	for (size_t i = 0; i < count; i++) {
		servers[i].echoes = true;
		clients[i] = (struct end){ .to_send = data, .to_send_len = TOKEN,
			.on_received = next_round };
	}
	world_serve(&world, servers, count);
	uint64_t start_ns = clock_now_ns();
	for (size_t i = 0; i < count; i++)
		end_connect(&world, &clients[i]);
	for (size_t i = 0; i < count; i++)
		WORLD_UNTIL(&world, clients[i].received_len == ROUNDS * TOKEN);
	const struct ring_counters *counters = ring_counters(world.ring);
	print_message("%zu connections, %d rounds in %llu ms: %llu enters, %llu completions, "
		"%llu batched, %llu starved\n", count, ROUNDS,
		(unsigned long long)(clock_now_ns() - start_ns) / 1000000,
		(unsigned long long)counters->enters, (unsigned long long)counters->completions,
		(unsigned long long)counters->batched, (unsigned long long)counters->starved);
	assert_int_equal(slab_in_use(&world.pool.flights.slab), 0);
	for (size_t i = 0; i < count; i++)
		conn_close(&clients[i].conn);
	for (size_t i = 0; i < count; i++) {
		WORLD_UNTIL(&world, clients[i].closed == 1 && servers[i].failed == 1);
		conn_close(&servers[i].conn);
	}
	for (size_t i = 0; i < count; i++) {
		WORLD_UNTIL(&world, servers[i].closed == 1);
		end_free(&clients[i]);
		end_free(&servers[i]);
	}
	free(clients);
	free(servers);
	free(data);
	world_deinit(&world);
}

/* ---- ends at every moment ---- */

static void end_somehow(struct end *end, struct random_state *random)
{
	if (end->conn.state == CONN_IDLE)
		return;
	if (random_below(random, 2))
		conn_close(&end->conn);
	else
		conn_abort(&end->conn);
}

/* Transfers in both directions, cut off by either side after any number of turns, with so few
 * buffers and flights that every kind of waiting happens: each conn is closed exactly once,
 * nothing stays in flight, nothing is lost from the pools (world_deinit). */
static void a_connection_can_end_at_any_moment(void **state)
{
	(void)state;
	enum { LEN = 300000, PAIRS = 3 };
	uint8_t *data = pattern(LEN, 7);
	for (uint64_t seed = 1; seed <= ENDINGS; seed++) {
		struct random_state random;
		random_init_seed(&random, seed);
		struct world world;
		world_init(&world, (struct world_options){
			.ring = { .submissions = 16, .buffers = 2, .buffer_bytes = 256,
				.rung_first = (uint8_t)random_below(&random, RING_RUNGS),
				.single_shot = random_below(&random, 4) == 0 },
			.flights = 2, .flight_bytes = CONN_FLIGHT_BYTES_MIN });
		struct end servers[PAIRS] = { 0 }, clients[PAIRS] = { 0 };
		world_serve(&world, servers, PAIRS);
		for (int i = 0; i < PAIRS; i++) {
			servers[i] = (struct end){ .echoes = true, .reads_slowly = true };
			clients[i] = (struct end){ .to_send = data, .to_send_len = LEN };
			end_connect(&world, &clients[i]);
		}
		for (int i = 0; i < PAIRS * 2; i++) {
			for (uint64_t turns = random_below(&random, 30); turns > 0; turns--)
				(void)ring_run_once(world.ring, clock_now_ns() + 100000);
			size_t which = (size_t)random_below(&random, PAIRS);
			end_somehow(random_below(&random, 2) ? &clients[which] : &servers[which],
				&random);
		}
		for (int i = 0; i < PAIRS; i++) {
			end_close(&clients[i]);
			assert_int_equal(clients[i].closed, 1);
			assert_true(clients[i].opened <= 1 && clients[i].failed <= 1);
		}
		/* Those that were accepted late, and those never accepted. */
		WORLD_UNTIL(&world, world.accepted <= PAIRS);
		run_for_ms(world.ring, 2);
		for (size_t i = 0; i < world.accepted; i++) {
			end_close(&servers[i]);
			assert_int_equal(servers[i].closed, 1);
			end_free(&servers[i]);
		}
		for (int i = 0; i < PAIRS; i++)
			end_free(&clients[i]);
		world_deinit(&world);
	}
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_flights_go_round),
		cmocka_unit_test(a_flight_of_a_stalled_peer_comes_back_when_it_is_closed),
		cmocka_unit_test(a_waiter_that_is_closed_is_passed_over),
		cmocka_unit_test(thousands_of_connections_talk_at_once),
		cmocka_unit_test(a_connection_can_end_at_any_moment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
