/* Handshakes between our client and our server, whole and in pieces; what does not fit together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/tls/tls_pair.h"
#include "tests/unit/tls/tls_test_certs.h"
#include "tls/boringssl.h"

static struct test_certs certs;
static struct tls_pool *pool;
static struct tls_context *client_ctx;

static int set_up(void **state)
{
	(void)state;
	test_certs_init(&certs);
	pool = tls_pool_create();
	client_ctx = make_client(pool, (struct tls_client_config){ 0 });
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tls_context_destroy(client_ctx);
	tls_pool_destroy(pool);
	test_certs_deinit(&certs);
	return 0;
}

/* A handshake of the pair with a server made for it; the caller looks at the pair and ends it. */
static struct tls_context *run_against(struct tls_pair *pair, struct tls_context *client,
	const struct security_demand *demand, const struct tls_server_config *config,
	const struct test_cert *cert)
{
	struct tls_identity identity = test_identity(cert, NULL);
	struct tls_context *server_ctx = make_server(pool, *config, &identity, 1);
	tls_pair_init(pair, client, demand, "mx.example", server_ctx);
	tls_pair_run(pair);
	return server_ctx;
}

static void echo_once(struct tls_pair *pair)
{
	uint8_t plain[16];
	assert_int_equal(tls_pair_write(pair, &pair->client, "EHLO x\r\n", 8), TLS_OK);
	assert_int_equal(tls_pair_read(pair, &pair->server, plain, sizeof plain), 8);
	assert_memory_equal(plain, "EHLO x\r\n", 8);
	assert_int_equal(tls_pair_write(pair, &pair->server, "250 ok\r\n", 8), TLS_OK);
	assert_int_equal(tls_pair_read(pair, &pair->client, plain, sizeof plain), 8);
	assert_memory_equal(plain, "250 ok\r\n", 8);
	assert_int_equal(pair->client.status, TLS_WANT_READ);
	assert_true(info_of(&pair->client).confirmed);
}

/* (TLS-01, TLS-08: Ed25519 and P-521 also where security is demanded) */
static void every_version_and_key_works_in_pieces_of_every_size(void **state)
{
	(void)state;
	static const size_t pieces[] = { 1, 2, 3, 5, 6, 7, 64, 333, 1000, PIPE_SIZE };
	static const uint16_t versions[] = { TLS_VERSION_1_2, TLS_VERSION_1_3 };
	struct security_demand demand = demand_of(SECURITY_NEED_ENCRYPT);
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		for (enum test_key key = 0; key < TEST_KEY_COUNT; key++) {
			struct tls_identity identity = test_identity(&certs.certs[key], NULL);
			struct tls_context *server_ctx = make_server(pool,
				(struct tls_server_config){ .version_max = versions[v] }, &identity,
				1);
			for (size_t p = 0; p < COUNT_OF(pieces); p++) {
				struct tls_pair pair;
				tls_pair_init(&pair, client_ctx, &demand, "mx.example", server_ctx);
				pair.piece = pieces[p];
				tls_pair_run(&pair);
				assert_int_equal(pair.client.status, TLS_OK);
				assert_int_equal(pair.server.status, TLS_OK);
				echo_once(&pair);
				tls_pair_deinit(&pair);
			}
			tls_context_destroy(server_ctx);
		}
	}
}

static void a_connection_tells_what_was_agreed_on(void **state)
{
	(void)state;
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	struct tls_pair pair;
	uint8_t digest[TLS_DIGEST_LEN];
	struct tls_context *server_ctx = run_against(&pair, client_ctx, &demand,
		&(struct tls_server_config){ 0 }, &certs.certs[TEST_KEY_RSA]);
	struct tls_info info = info_of(&pair.client);
	assert_string_equal(info.protocol, "TLSv1.3");
	assert_true(strncmp(info.cipher, "TLS_", 4) == 0);
	assert_string_equal(info.group, "X25519");
	assert_false(info.proved_dane || info.proved_pkix || info.resumed || info.confirmed);
	assert_int_equal(info.failure, TLS_FAILURE_NONE);
	assert_string_equal(tls_conn_sni(pair.server.conn), "mx.example");
	assert_true(tls_conn_leaf_digest(pair.client.conn, digest));
	assert_memory_equal(digest, certs.certs[TEST_KEY_RSA].cert_digest, sizeof digest);
	assert_true(tls_conn_leaf_key_digest(pair.client.conn, digest));
	assert_memory_equal(digest, certs.certs[TEST_KEY_RSA].key_digest, sizeof digest);
	assert_false(tls_conn_leaf_digest(pair.server.conn, digest));
	tls_pair_deinit(&pair);
	tls_context_destroy(server_ctx);

	server_ctx = run_against(&pair, client_ctx, &demand,
		&(struct tls_server_config){ .version_max = TLS_VERSION_1_2, .groups = "P-256" },
		&certs.certs[TEST_KEY_RSA]);
	info = info_of(&pair.client);
	assert_string_equal(info.protocol, "TLSv1.2");
	assert_string_equal(info.cipher, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"); /* (TLS-04) */
	assert_string_equal(info.group, "P-256");
	tls_pair_deinit(&pair);
	tls_context_destroy(server_ctx);
}

struct mismatch {
	const char *what;
	enum security_need need;
	uint16_t may_version_min;
	struct tls_server_config server;
	enum test_key key;
	enum tls_failure failure; /* NONE: the handshake succeeds */
	uint8_t alert;
};

static const struct mismatch mismatches[] = {
	{ "TLS-01: no TLS 1.1 where TLS is demanded", SECURITY_NEED_ENCRYPT, TLS_VERSION_1_0,
		{ .version_min = TLS_VERSION_1_0, .version_max = TLS_VERSION_1_1 }, TEST_KEY_RSA,
		TLS_FAILURE_PROTOCOL_VERSION, 70 },
	{ "TLS-02: nor elsewhere by default", SECURITY_NEED_MAY, 0,
		{ .version_min = TLS_VERSION_1_0, .version_max = TLS_VERSION_1_1 }, TEST_KEY_RSA,
		TLS_FAILURE_PROTOCOL_VERSION, 70 },
	{ "TLS-02: the switch allows TLS 1.0", SECURITY_NEED_MAY, TLS_VERSION_1_0,
		{ .version_min = TLS_VERSION_1_0, .version_max = TLS_VERSION_1_0 }, TEST_KEY_RSA,
		TLS_FAILURE_NONE, 0 },
	{ "TLS-05: CBC if nothing is demanded", SECURITY_NEED_MAY, 0,
		{ .version_max = TLS_VERSION_1_2, .ciphers = "ECDHE-RSA-AES128-SHA" }, TEST_KEY_RSA,
		TLS_FAILURE_NONE, 0 },
	{ "TLS-05: no CBC where TLS is demanded", SECURITY_NEED_ENCRYPT, 0,
		{ .version_max = TLS_VERSION_1_2, .ciphers = "ECDHE-RSA-AES128-SHA" }, TEST_KEY_RSA,
		TLS_FAILURE_ALERT, 40 },
	{ "TLS-05: no static RSA", SECURITY_NEED_MAY, 0,
		{ .version_max = TLS_VERSION_1_2, .ciphers = "AES128-GCM-SHA256:AES128-SHA" },
		TEST_KEY_RSA, TLS_FAILURE_ALERT, 40 },
	{ "TLS-08: SHA-1 if nothing is demanded", SECURITY_NEED_MAY, 0,
		{ .version_max = TLS_VERSION_1_2, .sigalgs = "RSA+SHA1" }, TEST_KEY_RSA,
		TLS_FAILURE_NONE, 0 },
	{ "TLS-08: no SHA-1 where TLS is demanded", SECURITY_NEED_ENCRYPT, 0,
		{ .version_max = TLS_VERSION_1_2, .sigalgs = "RSA+SHA1" }, TEST_KEY_RSA,
		TLS_FAILURE_ALERT, 40 },
	{ "SEC-37: any certificate for 'encrypt'", SECURITY_NEED_ENCRYPT, 0, { 0 }, TEST_KEY_P384,
		TLS_FAILURE_NONE, 0 },
};

static void what_does_not_fit_fails_with_its_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(mismatches); i++) {
		const struct mismatch *m = &mismatches[i];
		struct security_demand demand = demand_of(m->need);
		struct tls_context *client = make_client(
			pool, (struct tls_client_config){ .may_version_min = m->may_version_min });
		struct tls_pair pair;
		struct tls_context *server_ctx =
			run_against(&pair, client, &demand, &m->server, &certs.certs[m->key]);
		struct tls_info info = info_of(&pair.client);
		if (info.failure != m->failure)
			print_error("%s: %s\n", m->what, pair.client.fail.text);
		assert_int_equal(info.failure, m->failure);
		assert_int_equal(
			pair.client.status, m->failure == TLS_FAILURE_NONE ? TLS_OK : TLS_FAILED);
		assert_int_equal(info.alert, m->alert);
		assert_int_equal(info.alert_received, m->alert != 0);
		if (m->failure != TLS_FAILURE_NONE) {
			assert_int_equal(pair.client.fail.result, RESULT_TLS);
			assert_int_equal(
				tls_failure_result(info.failure), TLS_RESULT_VALIDATION_FAILURE);
			assert_int_equal(pair.server.status, TLS_FAILED);
		}
		tls_pair_deinit(&pair);
		tls_context_destroy(server_ctx);
		tls_context_destroy(client);
	}
}

/* (ruling TLS-03) */
static void a_retry_can_be_limited_to_tls_1_2(void **state)
{
	(void)state;
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	struct tls_identity identity = test_identity(&certs.certs[TEST_KEY_RSA], NULL);
	struct tls_context *server_ctx =
		make_server(pool, (struct tls_server_config){ 0 }, &identity, 1);
	struct tls_pair pair;
	tls_pair_init(&pair, client_ctx, &demand, "", server_ctx);
	tls_conn_limit_to_tls12(pair.client.conn);
	tls_pair_run(&pair);
	assert_string_equal(info_of(&pair.client).protocol, "TLSv1.2");
	assert_string_equal(tls_conn_sni(pair.server.conn), "");
	echo_once(&pair);
	tls_pair_deinit(&pair);
	tls_context_destroy(server_ctx);
}

/* (SEC-08, TLS-17) */
static void the_name_chooses_the_certificate(void **state)
{
	(void)state;
	static const struct {
		const char *sni;
		bool unknown_is_fatal, is_other, fails;
	} cases[] = {
		{ "mx.example", true, false, false },
		{ "other.example", true, true, false },
		{ "OTHER.example", true, true, false },
		{ "", true, false, false },
		{ "unknown.example", false, false, false },
		{ "unknown.example", true, false, true },
	};
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	const struct tls_identity identities[] = {
		test_identity(&certs.certs[TEST_KEY_P256], "mx.example"),
		test_identity(&certs.other, "other.example"),
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint8_t digest[TLS_DIGEST_LEN];
		struct tls_pair pair;
		struct tls_context *server_ctx = make_server(pool,
			(struct tls_server_config){
				.unknown_name_is_fatal = cases[i].unknown_is_fatal },
			identities, 2);
		tls_pair_init(&pair, client_ctx, &demand, cases[i].sni, server_ctx);
		tls_pair_run(&pair);
		if (cases[i].fails) {
			assert_int_equal(pair.client.status, TLS_FAILED);
			assert_int_equal(info_of(&pair.client).failure, TLS_FAILURE_ALERT);
			assert_int_equal(info_of(&pair.client).alert, 112); /* unrecognized_name */
			assert_true(info_of(&pair.client).alert_received);
			assert_non_null(strstr(pair.client.fail.text, "peer sent alert 112"));
		} else {
			assert_int_equal(pair.client.status, TLS_OK);
			assert_true(tls_conn_leaf_digest(pair.client.conn, digest));
			assert_memory_equal(digest,
				cases[i].is_other ? certs.other.cert_digest
						  : certs.certs[TEST_KEY_P256].cert_digest,
				sizeof digest);
		}
		tls_pair_deinit(&pair);
		tls_context_destroy(server_ctx);
	}
}

static void a_name_that_cannot_be_sent_is_refused(void **state)
{
	(void)state;
	static char long_name[300];
	memset(long_name, 'a', sizeof long_name);
	const struct text names[] = { { long_name, 254 }, { "a\0b", 3 }, { "m\xc3\xbcx", 4 } };
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct fail fail;
		assert_null(tls_conn_create_client(client_ctx, &demand, names[i], &fail));
		assert_int_equal(fail.result, RESULT_INVALID);
	}
	assert_int_equal(tls_context_conns_in_use(client_ctx), 0);
}

/* (TLS-20) */
static void a_chain_over_the_limit_is_a_tls_failure(void **state)
{
	(void)state;
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	static const uint16_t versions[] = { TLS_VERSION_1_2, TLS_VERSION_1_3 };
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		struct tls_pair pair;
		struct tls_context *server_ctx = run_against(&pair, client_ctx, &demand,
			&(struct tls_server_config){ .version_max = versions[v] }, &certs.huge);
		assert_int_equal(pair.client.status, TLS_FAILED);
		assert_int_equal(info_of(&pair.client).failure, TLS_FAILURE_HANDSHAKE);
		assert_non_null(strstr(pair.client.fail.text, "the certificates, is too large"));
		tls_pair_deinit(&pair);
		tls_context_destroy(server_ctx);
	}
}

static void what_is_no_tls_fails_and_is_told_so_by_an_alert(void **state)
{
	(void)state;
	static const char *const answers[] = {
		"250-mx.example greets you\r\n250 HELP\r\n",
		"HTTP/1.1 400 Bad Request\r\n\r\n",
		"\x16\x03\x03\x00\x04\x02\xff\xff\xff garbage that claims to be a ServerHello",
		"\x16\x03\x03\xff\xff a record that is longer than any may be",
	};
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		for (size_t piece = 1; piece <= 8; piece += 7) {
			struct tls_pair pair;
			tls_pair_init(&pair, client_ctx, &demand, "mx.example", NULL);
			pair.piece = piece;
			pipe_put(&pair.client.in, answers[i],
				strlen(answers[i]) < 9 ? 9 : strlen(answers[i]));
			tls_pair_run(&pair);
			assert_int_equal(pair.client.status, TLS_FAILED);
			struct tls_info info = info_of(&pair.client);
			assert_int_equal(info.failure, TLS_FAILURE_HANDSHAKE);
			assert_true(info.alert_sent && !info.alert_received);
			const struct pipe *sent = &pair.server.in;
			assert_int_equal(sent->data[sent->tail - 7], 21); /* an alert record */
			assert_int_equal(sent->data[sent->tail - 1], info.alert);
			assert_string_equal(info.protocol, "");
			/* A failure is final. */
			assert_false(tls_pair_handshake_once(&pair, &pair.client));
			assert_int_equal(pair.client.status, TLS_FAILED);
			tls_pair_deinit(&pair);
		}
	}
}

static void the_end_of_the_stream_at_every_byte_of_a_handshake_is_seen(void **state)
{
	(void)state;
	static const uint16_t versions[] = { TLS_VERSION_1_2, TLS_VERSION_1_3 };
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	/* Signatures of RSA have always the same length, so has the flight. */
	struct tls_identity identity = test_identity(&certs.certs[TEST_KEY_RSA], NULL);
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		struct tls_context *server_ctx = make_server(pool,
			(struct tls_server_config){ .version_max = versions[v] }, &identity, 1);
		size_t flight = 1;
		for (size_t cut = 0; cut < flight; cut += 13) {
			struct tls_pair pair;
			tls_pair_init(&pair, client_ctx, &demand, "mx.example", server_ctx);
			tls_pair_handshake_once(&pair, &pair.client);
			tls_pair_handshake_once(&pair, &pair.server);
			flight = pipe_len(&pair.client.in);
			pair.client.in.tail = pair.client.in.head + cut;
			pair.client.in.eof = true;
			tls_pair_handshake_once(&pair, &pair.client);
			assert_int_equal(pair.client.status, TLS_FAILED);
			assert_int_equal(pair.client.fail.result, RESULT_CLOSED);
			assert_int_equal(info_of(&pair.client).failure, TLS_FAILURE_CLOSED);
			tls_pair_deinit(&pair);
		}
		tls_context_destroy(server_ctx);
	}
}

/* Takes the renegotiation_info extension (RFC 5746: ff01, one byte of zero) out of a ServerHello. */
static void remove_renegotiation_info(struct pipe *pipe)
{
	static const uint8_t extension[] = { 0xff, 0x01, 0x00, 0x01, 0x00 };
	uint8_t *start = pipe->data + pipe->head;
	uint8_t *found = memmem(start, pipe_len(pipe), extension, sizeof extension);
	assert_non_null(found);
	memmove(found, found + sizeof extension,
		(size_t)(pipe->data + pipe->tail - found) - sizeof extension);
	pipe->tail -= sizeof extension;
	uint8_t *extensions_len = start + 5 + 4 + 2 + 32 + 1 + start[5 + 4 + 2 + 32] + 2 + 1;
	extensions_len[1] = (uint8_t)(extensions_len[1] - sizeof extension);
	start[8] = (uint8_t)(start[8] - sizeof extension); /* of the handshake message */
	start[4] = (uint8_t)(start[4] - sizeof extension); /* of the record */
}

/* (TLS-09) */
static void a_server_without_secure_renegotiation_is_refused_where_tls_is_demanded(void **state)
{
	(void)state;
	static const enum security_need needs[] = { SECURITY_NEED_MAY, SECURITY_NEED_ENCRYPT };
	struct tls_identity identity = test_identity(&certs.certs[TEST_KEY_P256], NULL);
	struct tls_context *server_ctx = make_server(
		pool, (struct tls_server_config){ .version_max = TLS_VERSION_1_2 }, &identity, 1);
	for (size_t i = 0; i < COUNT_OF(needs); i++) {
		struct security_demand demand = demand_of(needs[i]);
		struct tls_pair pair;
		tls_pair_init(&pair, client_ctx, &demand, "mx.example", server_ctx);
		tls_pair_handshake_once(&pair, &pair.client);
		tls_pair_handshake_once(&pair, &pair.server);
		remove_renegotiation_info(&pair.client.in);
		tls_pair_handshake_once(&pair, &pair.client);
		if (needs[i] == SECURITY_NEED_MAY) {
			/* It goes on, to where the two hashes of the handshake cannot agree. */
			assert_int_equal(pair.client.status, TLS_WANT_READ);
		} else {
			assert_int_equal(pair.client.status, TLS_FAILED);
			assert_int_equal(info_of(&pair.client).failure, TLS_FAILURE_HANDSHAKE);
			assert_int_equal(info_of(&pair.client).alert, 40);
			assert_true(info_of(&pair.client).alert_sent);
		}
		tls_pair_deinit(&pair);
	}
	tls_context_destroy(server_ctx);
}

static void one_connection_too_many_is_refused_and_places_come_back(void **state)
{
	(void)state;
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	struct tls_conn *conns[4];
	struct fail fail;
	for (size_t i = 0; i < COUNT_OF(conns); i++) {
		conns[i] = tls_conn_create_client(client_ctx, &demand, TEXT("mx.example"), &fail);
		assert_non_null(conns[i]);
	}
	assert_null(tls_conn_create_client(client_ctx, &demand, TEXT("mx.example"), &fail));
	assert_int_equal(fail.result, RESULT_LIMIT);
	for (size_t i = 0; i < COUNT_OF(conns); i++)
		tls_conn_destroy(conns[i]);
	assert_int_equal(tls_context_conns_in_use(client_ctx), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_version_and_key_works_in_pieces_of_every_size),
		cmocka_unit_test(a_connection_tells_what_was_agreed_on),
		cmocka_unit_test(what_does_not_fit_fails_with_its_reason),
		cmocka_unit_test(a_retry_can_be_limited_to_tls_1_2),
		cmocka_unit_test(the_name_chooses_the_certificate),
		cmocka_unit_test(a_name_that_cannot_be_sent_is_refused),
		cmocka_unit_test(a_chain_over_the_limit_is_a_tls_failure),
		cmocka_unit_test(what_is_no_tls_fails_and_is_told_so_by_an_alert),
		cmocka_unit_test(the_end_of_the_stream_at_every_byte_of_a_handshake_is_seen),
		cmocka_unit_test(
			a_server_without_secure_renegotiation_is_refused_where_tls_is_demanded),
		cmocka_unit_test(one_connection_too_many_is_refused_and_places_come_back),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
