/* Contexts that cannot be made say why, and leave nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "tests/unit/tls/tls_pair.h"
#include "tests/unit/tls/tls_test_certs.h"

static struct test_certs certs;
static struct tls_pool *pool;

static int set_up(void **state)
{
	(void)state;
	test_certs_init(&certs);
	pool = tls_pool_create();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tls_pool_destroy(pool);
	test_certs_deinit(&certs);
	return 0;
}

static enum result server_result(const char *chain_path, const char *key_path,
	struct tls_server_config config, struct fail *fail)
{
	const struct tls_identity identities[] = {
		test_identity(&certs.certs[TEST_KEY_RSA], "good.example"),
		{ "bad.example", chain_path, key_path },
	};
	config.pool = pool;
	config.conns_max = 1;
	config.identities = identities;
	config.identities_count = COUNT_OF(identities);
	fail_clear(fail);
	struct tls_context *ctx = tls_context_create_server(&config, fail);
	if (ctx == NULL)
		return fail->result;
	tls_context_destroy(ctx);
	return RESULT_OK;
}

static void write_file(char out_path[96], const char *label, const char *text)
{
	snprintf(out_path, 96, "%s/%s", certs.folder, label);
	FILE *file = fopen(out_path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void files_that_are_no_identity_are_named(void **state)
{
	(void)state;
	const struct test_cert *rsa = &certs.certs[TEST_KEY_RSA],
			       *p256 = &certs.certs[TEST_KEY_P256];
	char empty[96], damaged[96], long_chain[96];
	struct fail fail;
	write_file(empty, "empty.pem", "");
	write_file(damaged, "damaged.pem",
		"-----BEGIN CERTIFICATE-----\nAAAA!!!!\n-----END CERTIFICATE-----\n");
	write_file(long_chain, "long.pem", "");
	FILE *file = fopen(long_chain, "a");
	assert_non_null(file);
	for (int i = 0; i < 65; i++)
		fputs("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", file);
	fclose(file);

	const struct {
		const char *chain_path, *key_path, *named;
		enum result result;
	} cases[] = {
		{ p256->chain_path, p256->key_path, NULL, RESULT_OK },
		{ "/nonexistent/x.crt", p256->key_path, "/nonexistent/x.crt", RESULT_IO },
		{ p256->chain_path, "/nonexistent/x.key", "/nonexistent/x.key", RESULT_IO },
		{ empty, p256->key_path, empty, RESULT_NOT_FOUND },
		{ p256->key_path, p256->key_path, p256->key_path, RESULT_NOT_FOUND },
		{ damaged, p256->key_path, damaged, RESULT_INVALID },
		{ long_chain, p256->key_path, long_chain, RESULT_LIMIT },
		{ p256->chain_path, p256->chain_path, p256->chain_path, RESULT_INVALID },
		{ p256->chain_path, rsa->key_path, rsa->key_path, RESULT_INVALID },
		{ p256->chain_path, certs.other.key_path, certs.other.key_path, RESULT_INVALID },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(server_result(cases[i].chain_path, cases[i].key_path,
					 (struct tls_server_config){ 0 }, &fail),
			cases[i].result);
		if (cases[i].named != NULL)
			assert_non_null(strstr(fail.text, cases[i].named));
	}
	unlink(empty);
	unlink(damaged);
	unlink(long_chain);
}

static void lists_with_unknown_members_are_refused(void **state)
{
	(void)state;
	static const struct tls_server_config configs[] = {
		{ .groups = "X25519:P-1" },
		{ .ciphers = "ECDHE-RSA-ROT13" },
		{ .sigalgs = "RSA+ROT13" },
		{ .version_min = TLS_VERSION_1_3, .version_max = TLS_VERSION_1_2 },
		{ .version_max = 0x0305 },
	};
	const struct test_cert *p256 = &certs.certs[TEST_KEY_P256];
	struct fail fail;
	for (size_t i = 0; i < COUNT_OF(configs); i++) {
		assert_int_equal(server_result(p256->chain_path, p256->key_path, configs[i], &fail),
			RESULT_INVALID);
		assert_true(fail.text[0] != '\0');
	}
	struct tls_client_config config = { .pool = pool, .conns_max = 1, .groups = "" };
	assert_null(tls_context_create_client(&config, &fail));
	assert_int_equal(fail.result, RESULT_INVALID);
}

/* The files may go once the context is there. */
static void no_file_is_read_after_the_start(void **state)
{
	(void)state;
	struct test_cert gone = certs.other;
	char chain[104], key[104];
	snprintf(chain, sizeof chain, "%s.gone", gone.chain_path);
	snprintf(key, sizeof key, "%s.gone", gone.key_path);
	struct tls_identity identity = test_identity(&gone, NULL);
	struct tls_context *server_ctx =
		make_server(pool, (struct tls_server_config){ 0 }, &identity, 1);
	struct tls_context *client_ctx = make_client(pool, (struct tls_client_config){ 0 });
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	struct tls_pair pair;
	assert_int_equal(rename(gone.chain_path, chain), 0);
	assert_int_equal(rename(gone.key_path, key), 0);
	tls_pair_init(&pair, client_ctx, &demand, "mx.example", server_ctx);
	tls_pair_run(&pair);
	assert_int_equal(pair.client.status, TLS_OK);
	tls_pair_deinit(&pair);
	assert_int_equal(rename(chain, gone.chain_path), 0);
	assert_int_equal(rename(key, gone.key_path), 0);
	tls_context_destroy(client_ctx);
	tls_context_destroy(server_ctx);
}

static void every_failure_has_a_text(void **state)
{
	(void)state;
	for (int failure = 0; failure < TLS_FAILURE_COUNT; failure++)
		assert_true(strlen(tls_failure_text((enum tls_failure)failure)) > 0);
	assert_int_equal(tls_failure_result(TLS_FAILURE_NONE), TLS_RESULT_NONE);
	assert_int_equal(tls_failure_result(TLS_FAILURE_LOCAL), TLS_RESULT_NONE);
	assert_int_equal(tls_failure_result(TLS_FAILURE_CLOSED), TLS_RESULT_VALIDATION_FAILURE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_that_are_no_identity_are_named),
		cmocka_unit_test(lists_with_unknown_members_are_refused),
		cmocka_unit_test(no_file_is_read_after_the_start),
		cmocka_unit_test(every_failure_has_a_text),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
