/* After the handshake: records, room, the end of the stream, what comes late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <malloc.h>
#include <cmocka.h>
#include "tests/unit/tls/tls_pair.h"
#include "tests/unit/tls/tls_test_certs.h"
#include "tls/tls_internal.h"

enum { BIG_LEN = 100 * 1000 };

static struct test_certs certs;
static struct tls_pool *pool;
static struct tls_context *client_ctx, *server_ctx;
static struct security_demand demand;
static uint8_t big[BIG_LEN], plain[BIG_LEN];
static const uint16_t versions[] = { TLS_VERSION_1_2, TLS_VERSION_1_3 };

static struct tls_context *server_with(struct tls_server_config config)
{
	struct tls_identity identity = test_identity(&certs.certs[TEST_KEY_P256], NULL);
	return make_server(pool, config, &identity, 1);
}

static int set_up(void **state)
{
	(void)state;
	test_certs_init(&certs);
	pool = tls_pool_create();
	client_ctx = make_client(pool, (struct tls_client_config){ 0 });
	server_ctx = server_with((struct tls_server_config){ 0 });
	demand = demand_of(SECURITY_NEED_MAY);
	for (size_t i = 0; i < BIG_LEN; i++)
		big[i] = (uint8_t)(i * 7 + i / 251);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tls_context_destroy(client_ctx);
	tls_context_destroy(server_ctx);
	tls_pool_destroy(pool);
	test_certs_deinit(&certs);
	return 0;
}

static void connect_to(struct tls_pair *pair, struct tls_context *server)
{
	tls_pair_init(pair, client_ctx, &demand, "mx.example", server);
	tls_pair_run(pair);
	assert_int_equal(pair->client.status, TLS_OK);
	assert_int_equal(pair->server.status, TLS_OK);
}

static void what_is_written_through_any_room_is_read_in_any_piece(void **state)
{
	(void)state;
	static const size_t rooms[] = { TLS_OUT_ROOM_MIN, 700, 2100, 4096, 16384, TLS_RECORD_ROOM,
		2 * TLS_RECORD_ROOM, OUT_SIZE };
	static const size_t pieces[] = { 1, 100, 4096, PIPE_SIZE };
	for (size_t r = 0; r < COUNT_OF(rooms); r++) {
		for (size_t p = 0; p < COUNT_OF(pieces); p++) {
			struct tls_pair pair;
			connect_to(&pair, server_ctx);
			pair.out_room = rooms[r];
			pair.piece = pieces[p];
			assert_int_equal(tls_pair_write(&pair, &pair.client, big, BIG_LEN), TLS_OK);
			assert_true(pair.client.rooms > 0);
			assert_int_equal(
				tls_pair_read(&pair, &pair.server, plain, BIG_LEN), BIG_LEN);
			assert_memory_equal(plain, big, BIG_LEN);
			tls_pair_deinit(&pair);
		}
	}
}

static void a_large_write_takes_as_few_records_as_can_be(void **state)
{
	(void)state;
	static const struct {
		size_t len, room, records;
	} cases[] = {
		{ 1, OUT_SIZE, 1 },
		{ TLS_RECORD_PLAIN_MAX, TLS_RECORD_ROOM, 1 },
		{ TLS_RECORD_PLAIN_MAX + 1, OUT_SIZE, 2 },
		{ BIG_LEN, OUT_SIZE, 7 },
		/* A buffer of one record's room is filled with one record each time. */
		{ BIG_LEN, TLS_RECORD_ROOM, 7 },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct tls_pair pair;
		connect_to(&pair, server_ctx);
		pair.out_room = cases[i].room;
		assert_int_equal(tls_pair_write(&pair, &pair.client, big, cases[i].len), TLS_OK);
		assert_int_equal(pipe_count_records(&pair.server.in), cases[i].records);
		tls_pair_deinit(&pair);
	}
}

static void a_write_of_nothing_writes_nothing(void **state)
{
	(void)state;
	struct tls_pair pair;
	connect_to(&pair, server_ctx);
	assert_int_equal(tls_pair_write(&pair, &pair.client, big, 0), TLS_OK);
	assert_int_equal(pipe_len(&pair.server.in), 0);
	tls_pair_deinit(&pair);
}

/* The tickets of TLS 1.3 do not fit into 512 bytes together with a record: they leave with the handshake,
 * through as many buffers as it takes, and what is written then is taken whole or not at all. */
static void a_servers_tickets_are_out_before_its_first_record(void **state)
{
	(void)state;
	struct tls_context *with_tickets = server_with((struct tls_server_config){
		.tickets = true, .client_cert = TLS_CLIENT_CERT_REQUESTED });
	struct tls_pair pair;
	tls_pair_init(&pair, client_ctx, &demand, "mx.example", with_tickets);
	pair.out_room = TLS_OUT_ROOM_MIN;
	tls_pair_run(&pair);
	assert_int_equal(pair.server.status, TLS_OK);
	assert_true(pair.server.rooms > 0);
	assert_true(pipe_count_records(&pair.client.in) >= 1); /* the tickets wait to be read */
	pair.server.rooms = 0;
	assert_int_equal(tls_pair_write(&pair, &pair.server, big, 400), TLS_OK);
	assert_int_equal(pair.server.rooms, 0);
	assert_int_equal(tls_pair_write(&pair, &pair.server, big + 400, 10000), TLS_OK);
	assert_int_equal(tls_pair_read(&pair, &pair.client, plain, BIG_LEN), 10400);
	assert_memory_equal(plain, big, 10400);
	tls_pair_deinit(&pair);
	tls_context_destroy(with_tickets);
}

static void close_notify_goes_both_ways(void **state)
{
	(void)state;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		struct tls_context *server =
			server_with((struct tls_server_config){ .version_max = versions[v] });
		struct tls_pair pair;
		connect_to(&pair, server);
		assert_int_equal(tls_pair_write(&pair, &pair.client, "QUIT\r\n", 6), TLS_OK);
		assert_int_equal(tls_pair_close(&pair, &pair.client), TLS_OK);
		size_t sent = pipe_len(&pair.server.in);
		assert_int_equal(tls_pair_close(&pair, &pair.client), TLS_OK); /* once is enough */
		assert_int_equal(pipe_len(&pair.server.in), sent);

		assert_int_equal(tls_pair_read(&pair, &pair.server, plain, BIG_LEN), 6);
		assert_int_equal(pair.server.status, TLS_CLOSED);
		/* RFC 8446 6.1: the other direction stays open. */
		assert_int_equal(tls_pair_write(&pair, &pair.server, "221 bye\r\n", 9), TLS_OK);
		assert_int_equal(tls_pair_close(&pair, &pair.server), TLS_OK);
		pair.client.in.eof = true;
		assert_int_equal(tls_pair_read(&pair, &pair.client, plain, BIG_LEN), 9);
		assert_memory_equal(plain, "221 bye\r\n", 9);
		assert_int_equal(pair.client.status, TLS_CLOSED);
		assert_int_equal(tls_pair_read(&pair, &pair.client, plain, BIG_LEN), 0);
		assert_int_equal(pair.client.status, TLS_CLOSED);
		assert_int_equal(info_of(&pair.client).failure, TLS_FAILURE_NONE);
		tls_pair_deinit(&pair);
		tls_context_destroy(server);
	}
}

static void close_notify_during_a_handshake_does_nothing(void **state)
{
	(void)state;
	struct tls_pair pair;
	tls_pair_init(&pair, client_ctx, &demand, "mx.example", server_ctx);
	assert_int_equal(tls_pair_close(&pair, &pair.client), TLS_OK);
	assert_int_equal(pipe_len(&pair.server.in), 0);
	tls_pair_deinit(&pair);
}

/* (TLS-22) At every byte of a reply that came in two records. */
static void the_end_of_the_stream_without_close_notify_is_seen(void **state)
{
	(void)state;
	size_t reply_len = 1;
	for (size_t cut = 0; cut <= reply_len; cut++) {
		struct tls_pair pair;
		connect_to(&pair, server_ctx);
		assert_int_equal(tls_pair_write(&pair, &pair.server, "250-one\r\n", 9), TLS_OK);
		size_t first_len = pipe_len(&pair.client.in);
		assert_int_equal(tls_pair_write(&pair, &pair.server, "250 two\r\n", 9), TLS_OK);
		reply_len = pipe_len(&pair.client.in);
		pair.client.in.tail = pair.client.in.head + cut;
		pair.client.in.eof = true;
		size_t records = cut == reply_len ? 2 : cut >= first_len ? 1 : 0;
		assert_int_equal(tls_pair_read(&pair, &pair.client, plain, BIG_LEN), 9 * records);
		assert_int_equal(pair.client.status, TLS_FAILED);
		assert_int_equal(pair.client.fail.result, RESULT_CLOSED);
		assert_int_equal(info_of(&pair.client).failure, TLS_FAILURE_CLOSED);
		assert_int_equal(info_of(&pair.client).confirmed, records > 0);
		tls_pair_deinit(&pair);
	}
}

static void a_changed_byte_is_found_wherever_it_is(void **state)
{
	(void)state;
	size_t record_len = 6;
	for (size_t at = 5; at < record_len; at++) { /* behind the header of the record */
		struct tls_pair pair;
		connect_to(&pair, server_ctx);
		assert_int_equal(tls_pair_write(&pair, &pair.server, "250 ok\r\n", 8), TLS_OK);
		record_len = pipe_len(&pair.client.in);
		pair.client.in.data[pair.client.in.head + at] ^= 1;
		assert_int_equal(tls_pair_read(&pair, &pair.client, plain, BIG_LEN), 0);
		assert_int_equal(pair.client.status, TLS_FAILED);
		assert_int_equal(info_of(&pair.client).alert, 20); /* bad_record_mac */
		assert_true(info_of(&pair.client).alert_sent);
		tls_pair_deinit(&pair);
	}
}

/* (TLS-19) */
static void a_client_certificate_that_is_only_wished_for_is_not_missed(void **state)
{
	(void)state;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		struct tls_context *server = server_with((struct tls_server_config){
			.version_max = versions[v], .client_cert = TLS_CLIENT_CERT_REQUESTED });
		struct tls_pair pair;
		connect_to(&pair, server);
		assert_int_equal(tls_pair_write(&pair, &pair.server, "220 hi\r\n", 8), TLS_OK);
		assert_int_equal(tls_pair_read(&pair, &pair.client, plain, BIG_LEN), 8);
		tls_pair_deinit(&pair);
		tls_context_destroy(server);
	}
}

/* (STLS-19, RPT-27) Under TLS 1.3 the client is done when the server says no. */
static void a_late_alert_of_tls_1_3_is_told_apart(void **state)
{
	(void)state;
	struct tls_context *server =
		server_with((struct tls_server_config){ .client_cert = TLS_CLIENT_CERT_REQUIRED });
	struct tls_pair pair;
	tls_pair_init(&pair, client_ctx, &demand, "mx.example", server);
	tls_pair_run(&pair);
	assert_int_equal(pair.server.status, TLS_FAILED);
	assert_int_equal(pair.client.status, TLS_OK);
	assert_int_equal(tls_pair_read(&pair, &pair.client, plain, BIG_LEN), 0);
	assert_int_equal(pair.client.status, TLS_FAILED);
	struct tls_info info = info_of(&pair.client);
	assert_int_equal(info.failure, TLS_FAILURE_ALERT);
	assert_int_equal(info.alert, 116); /* certificate_required */
	assert_true(info.alert_received);
	assert_false(info.confirmed);
	assert_string_equal(info.protocol, "TLSv1.3");
	assert_non_null(strstr(pair.client.fail.text, "just after the handshake"));
	tls_pair_deinit(&pair);
	tls_context_destroy(server);
}

static void under_tls_1_2_a_missing_client_certificate_fails_the_handshake(void **state)
{
	(void)state;
	struct tls_context *server = server_with((struct tls_server_config){
		.version_max = TLS_VERSION_1_2, .client_cert = TLS_CLIENT_CERT_REQUIRED });
	struct tls_pair pair;
	tls_pair_init(&pair, client_ctx, &demand, "mx.example", server);
	tls_pair_run(&pair);
	assert_int_equal(pair.client.status, TLS_FAILED);
	assert_int_equal(info_of(&pair.client).failure, TLS_FAILURE_ALERT);
	assert_string_equal(info_of(&pair.client).protocol, "");
	tls_pair_deinit(&pair);
	tls_context_destroy(server);
}

/* (TLS-29) The answer goes out before our next record, in the least of rooms. */
static void a_key_update_is_answered_with_the_next_write(void **state)
{
	(void)state;
	struct tls_pair pair;
	connect_to(&pair, server_ctx);
	pair.out_room = TLS_OUT_ROOM_MIN;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
			SSL_key_update(pair.server.conn->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(tls_pair_write(&pair, &pair.server, "250 ok\r\n", 8), TLS_OK);
		assert_int_equal(tls_pair_read(&pair, &pair.client, plain, BIG_LEN), 8);
		assert_int_equal(tls_pair_write(&pair, &pair.client, big, 5000), TLS_OK);
		assert_int_equal(tls_pair_read(&pair, &pair.server, plain, BIG_LEN), 5000);
		assert_memory_equal(plain, big, 5000);
	}
	tls_pair_deinit(&pair);
}

/* DESIGN 6: an idle session has at most 8 KiB of heap, record buffers included. */
static void an_idle_session_is_small(void **state)
{
	(void)state;
	enum { SESSIONS = 4, BYTES_MAX = 3072 };
	static struct tls_pair pairs[SESSIONS];
	struct tls_pair warm;
	if (mallinfo2().uordblks == 0)
		skip(); /* a sanitizer's allocator keeps no such account */
	connect_to(&warm, server_ctx);
	tls_pair_deinit(&warm);
	size_t before = mallinfo2().uordblks;
	for (size_t i = 0; i < SESSIONS; i++) {
		connect_to(&pairs[i], server_ctx);
		assert_int_equal(tls_pair_write(&pairs[i], &pairs[i].server, big, BIG_LEN), TLS_OK);
		assert_int_equal(
			tls_pair_read(&pairs[i], &pairs[i].client, plain, BIG_LEN), BIG_LEN);
		tls_conn_destroy(pairs[i].server.conn);
		pairs[i].server.conn = NULL;
		free(pairs[i].server.in.data);
		free(pairs[i].client.in.data);
		free(pairs[i].out_memory);
		pairs[i].out_memory = NULL;
		pairs[i].server.in.data = pairs[i].client.in.data = NULL;
	}
	size_t bytes = (mallinfo2().uordblks - before) / SESSIONS;
	print_message("an idle client session holds %zu bytes of heap\n", bytes);
	assert_true(bytes <= BYTES_MAX);
	for (size_t i = 0; i < SESSIONS; i++)
		tls_pair_deinit(&pairs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_through_any_room_is_read_in_any_piece),
		cmocka_unit_test(a_large_write_takes_as_few_records_as_can_be),
		cmocka_unit_test(a_write_of_nothing_writes_nothing),
		cmocka_unit_test(a_servers_tickets_are_out_before_its_first_record),
		cmocka_unit_test(close_notify_goes_both_ways),
		cmocka_unit_test(close_notify_during_a_handshake_does_nothing),
		cmocka_unit_test(the_end_of_the_stream_without_close_notify_is_seen),
		cmocka_unit_test(a_changed_byte_is_found_wherever_it_is),
		cmocka_unit_test(a_client_certificate_that_is_only_wished_for_is_not_missed),
		cmocka_unit_test(a_late_alert_of_tls_1_3_is_told_apart),
		cmocka_unit_test(under_tls_1_2_a_missing_client_certificate_fails_the_handshake),
		cmocka_unit_test(a_key_update_is_answered_with_the_next_write),
		cmocka_unit_test(an_idle_session_is_small),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
