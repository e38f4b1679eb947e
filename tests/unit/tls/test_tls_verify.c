/* Who decides about certificates, and that the decision holds (SEC-21). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/tls/tls_pair.h"
#include "tests/unit/tls/tls_test_certs.h"

/* A verifier that says what the test told it to, and remembers what it saw. */
struct verifier {
	struct tls_verdict verdict;
	unsigned calls;
	struct tls_conn *conn;
	const struct security_demand *demand;
	size_t certs_count;
	bool is_cut;
	uint8_t leaf[4096];
	size_t leaf_len;
};

static struct test_certs certs;
static struct tls_pool *pool;
static struct verifier verifier;
static struct tls_context *client_ctx;
static const uint16_t versions[] = { TLS_VERSION_1_2, TLS_VERSION_1_3 };

static struct tls_verdict verify(void *arg, struct tls_conn *conn, const struct tls_chain *chain,
	const struct security_demand *demand)
{
	struct verifier *v = arg;
	v->calls++;
	v->conn = conn;
	v->demand = demand;
	v->certs_count = chain->certs_count;
	v->is_cut = chain->is_cut;
	v->leaf_len = chain->certs[0].der_len;
	assert_true(v->leaf_len <= sizeof v->leaf);
	memcpy(v->leaf, chain->certs[0].der, v->leaf_len);
	return v->verdict;
}

static int set_up(void **state)
{
	(void)state;
	test_certs_init(&certs);
	pool = tls_pool_create();
	client_ctx = make_client(
		pool, (struct tls_client_config){ .verify = verify, .verify_arg = &verifier });
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

static struct tls_context *server_of(const struct test_cert *cert, uint16_t version_max)
{
	struct tls_identity identity = test_identity(cert, NULL);
	return make_server(
		pool, (struct tls_server_config){ .version_max = version_max }, &identity, 1);
}

static void an_accepting_verdict_lets_the_handshake_end_and_is_kept(void **state)
{
	(void)state;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		struct security_demand demand = demand_of(SECURITY_NEED_DANE);
		struct tls_context *server_ctx = server_of(&certs.certs[TEST_KEY_RSA], versions[v]);
		struct tls_pair pair;
		verifier = (struct verifier){ .verdict = { .kind = TLS_VERDICT_ACCEPTED,
						      .proved_dane = true } };
		tls_pair_init(&pair, client_ctx, &demand, "mx.example", server_ctx);
		assert_false(info_of(&pair.client).proved_dane);
		tls_pair_run(&pair);
		assert_int_equal(pair.client.status, TLS_OK);
		assert_int_equal(verifier.calls, 1);
		assert_ptr_equal(verifier.conn, pair.client.conn);
		assert_ptr_equal(verifier.demand, &demand);
		assert_int_equal(verifier.certs_count, 1);
		assert_int_equal(verifier.leaf_len, certs.certs[TEST_KEY_RSA].der_len);
		assert_memory_equal(
			verifier.leaf, certs.certs[TEST_KEY_RSA].der, verifier.leaf_len);
		assert_true(info_of(&pair.client).proved_dane);
		assert_false(info_of(&pair.client).proved_pkix);
		tls_pair_deinit(&pair);
		tls_context_destroy(server_ctx);
	}
}

/* (SEC-21, TLSA-26) The server hears of it by an alert, and gets no byte of plaintext. */
static void a_rejecting_verdict_ends_the_handshake_with_an_alert(void **state)
{
	(void)state;
	static const struct {
		enum tls_failure failure;
		uint8_t alert;
		enum tls_result result;
	} cases[] = {
		{ TLS_FAILURE_CERTIFICATE, 42, TLS_RESULT_VALIDATION_FAILURE },
		{ TLS_FAILURE_NAME, 46, TLS_RESULT_CERTIFICATE_HOST_MISMATCH },
		{ TLS_FAILURE_EXPIRED, 45, TLS_RESULT_CERTIFICATE_EXPIRED },
		{ TLS_FAILURE_UNTRUSTED, 48, TLS_RESULT_CERTIFICATE_NOT_TRUSTED },
	};
	struct security_demand demand = demand_of(SECURITY_NEED_STS);
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		struct tls_context *server_ctx =
			server_of(&certs.certs[TEST_KEY_P256], versions[v]);
		for (size_t i = 0; i < COUNT_OF(cases); i++) {
			struct tls_pair pair;
			verifier = (struct verifier){ .verdict = { .kind = TLS_VERDICT_REJECTED,
							      .proved_pkix = true,
							      .failure = cases[i].failure,
							      .reason = "for the reason given" } };
			tls_pair_init(&pair, client_ctx, &demand, "mx.example", server_ctx);
			tls_pair_run(&pair);
			assert_int_equal(pair.client.status, TLS_FAILED);
			assert_int_equal(pair.client.fail.result, RESULT_TLS);
			assert_non_null(strstr(pair.client.fail.text, "for the reason given"));
			struct tls_info info = info_of(&pair.client);
			assert_int_equal(info.failure, cases[i].failure);
			assert_int_equal(tls_failure_result(info.failure), cases[i].result);
			assert_true(info.alert_sent);
			assert_int_equal(info.alert, cases[i].alert);
			assert_false(info.proved_pkix || info.proved_dane);
			assert_int_equal(pair.server.status, TLS_FAILED);
			assert_int_equal(info_of(&pair.server).alert, cases[i].alert);
			assert_true(info_of(&pair.server).alert_received);
			tls_pair_deinit(&pair);
		}
		tls_context_destroy(server_ctx);
	}
}

/* (SEC-37) */
static void where_no_proof_is_demanded_the_verifier_is_not_asked(void **state)
{
	(void)state;
	static const enum security_need needs[] = { SECURITY_NEED_MAY, SECURITY_NEED_ENCRYPT };
	for (size_t i = 0; i < COUNT_OF(needs); i++) {
		struct security_demand demand = demand_of(needs[i]);
		struct tls_context *server_ctx = server_of(&certs.too_many, 0);
		struct tls_pair pair;
		verifier = (struct verifier){ .verdict = { .kind = TLS_VERDICT_REJECTED,
						      .failure = TLS_FAILURE_UNTRUSTED } };
		tls_pair_init(&pair, client_ctx, &demand, "mx.example", server_ctx);
		tls_pair_run(&pair);
		assert_int_equal(pair.client.status, TLS_OK);
		assert_int_equal(verifier.calls, 0);
		assert_false(
			info_of(&pair.client).proved_dane || info_of(&pair.client).proved_pkix);
		tls_pair_deinit(&pair);
		tls_context_destroy(server_ctx);
	}
}

static void proof_that_nobody_can_check_fails(void **state)
{
	(void)state;
	struct tls_context *without = make_client(pool, (struct tls_client_config){ 0 });
	for (int need = 0; need < SECURITY_NEED_COUNT; need++) {
		if (need == SECURITY_NEED_NONE) /* no TLS at all */
			continue;
		struct security_demand demand = demand_of((enum security_need)need);
		struct tls_context *server_ctx = server_of(&certs.certs[TEST_KEY_P256], 0);
		struct tls_pair pair;
		bool passes = need == SECURITY_NEED_MAY || need == SECURITY_NEED_ENCRYPT;
		tls_pair_init(&pair, without, &demand, "mx.example", server_ctx);
		tls_pair_run(&pair);
		assert_int_equal(pair.client.status, passes ? TLS_OK : TLS_FAILED);
		if (!passes)
			assert_int_equal(info_of(&pair.client).failure, TLS_FAILURE_UNTRUSTED);
		tls_pair_deinit(&pair);
		tls_context_destroy(server_ctx);
	}
	tls_context_destroy(without);
}

/* (TLSA-28) Work is bounded: of more certificates the verifier sees the first ones, and that. */
static void a_chain_is_judged_up_to_the_greatest_length(void **state)
{
	(void)state;
	struct security_demand demand = demand_of(SECURITY_NEED_DANE);
	struct tls_context *server_ctx = server_of(&certs.many, 0);
	struct tls_pair pair;
	verifier = (struct verifier){ .verdict = { .kind = TLS_VERDICT_ACCEPTED } };
	tls_pair_init(&pair, client_ctx, &demand, "mx.example", server_ctx);
	tls_pair_run(&pair);
	assert_int_equal(pair.client.status, TLS_OK);
	assert_int_equal(verifier.certs_count, TLS_CHAIN_MAX);
	assert_false(verifier.is_cut);
	assert_memory_equal(verifier.leaf, certs.many.der, certs.many.der_len);
	tls_pair_deinit(&pair);
	tls_context_destroy(server_ctx);

	server_ctx = server_of(&certs.too_many, 0);
	verifier.calls = 0;
	tls_pair_init(&pair, client_ctx, &demand, "mx.example", server_ctx);
	tls_pair_run(&pair);
	assert_int_equal(verifier.calls, 1);
	assert_int_equal(verifier.certs_count, TLS_CHAIN_MAX);
	assert_true(verifier.is_cut);
	tls_pair_deinit(&pair);
	tls_context_destroy(server_ctx);
}

static void a_verdict_may_come_later(void **state)
{
	(void)state;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		for (int accepts = 0; accepts < 2; accepts++) {
			struct security_demand demand = demand_of(SECURITY_NEED_DANE_STS);
			struct tls_context *server_ctx =
				server_of(&certs.certs[TEST_KEY_P521], versions[v]);
			struct tls_pair pair;
			verifier = (struct verifier){ .verdict = { .kind = TLS_VERDICT_WAIT } };
			tls_pair_init(&pair, client_ctx, &demand, "mx.example", server_ctx);
			tls_pair_run(&pair);
			assert_int_equal(pair.client.status, TLS_WAIT_VERIFY);
			for (int again = 0; again < 3; again++) {
				tls_pair_handshake_once(&pair, &pair.client);
				assert_int_equal(pair.client.status, TLS_WAIT_VERIFY);
			}
			assert_int_equal(verifier.calls, 1);
			assert_false(pair.server.handshaken);
			struct tls_verdict verdict =
				accepts ? (struct tls_verdict){ .kind = TLS_VERDICT_ACCEPTED,
					.proved_dane = true,
					.proved_pkix = true }
					: (struct tls_verdict){ .kind = TLS_VERDICT_REJECTED,
						  .failure = TLS_FAILURE_NAME,
						  .reason = "no" };
			tls_conn_resume_verify(verifier.conn, &verdict);
			tls_pair_handshake_once(&pair, &pair.client);
			tls_pair_run(&pair);
			assert_int_equal(pair.client.status, accepts ? TLS_OK : TLS_FAILED);
			assert_int_equal(pair.server.status, accepts ? TLS_OK : TLS_FAILED);
			assert_int_equal(info_of(&pair.client).proved_dane, accepts);
			assert_int_equal(info_of(&pair.client).proved_pkix, accepts);
			assert_int_equal(verifier.calls, 1);
			tls_pair_deinit(&pair);
			tls_context_destroy(server_ctx);
		}
	}
}

static void a_connection_may_go_while_its_verdict_is_awaited(void **state)
{
	(void)state;
	struct security_demand demand = demand_of(SECURITY_NEED_DANE);
	struct tls_context *server_ctx = server_of(&certs.certs[TEST_KEY_P256], 0);
	struct tls_pair pair;
	verifier = (struct verifier){ .verdict = { .kind = TLS_VERDICT_WAIT } };
	tls_pair_init(&pair, client_ctx, &demand, "mx.example", server_ctx);
	tls_pair_run(&pair);
	assert_int_equal(pair.client.status, TLS_WAIT_VERIFY);
	tls_pair_deinit(&pair);
	tls_context_destroy(server_ctx);
	assert_int_equal(tls_context_conns_in_use(client_ctx), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_accepting_verdict_lets_the_handshake_end_and_is_kept),
		cmocka_unit_test(a_rejecting_verdict_ends_the_handshake_with_an_alert),
		cmocka_unit_test(where_no_proof_is_demanded_the_verifier_is_not_asked),
		cmocka_unit_test(proof_that_nobody_can_check_fails),
		cmocka_unit_test(a_chain_is_judged_up_to_the_greatest_length),
		cmocka_unit_test(a_verdict_may_come_later),
		cmocka_unit_test(a_connection_may_go_while_its_verdict_is_awaited),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
