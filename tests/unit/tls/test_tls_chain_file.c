/* Chains out of PEM files: in the order of the file, or why not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "engine/base/result.h"
#include "tests/unit/tls/tls_test_certs.h"
#include "tls/tls_chain_file.h"
#include "tls/tls_roots.h"

static struct test_certs certs;

static int set_up(void **state)
{
	(void)state;
	test_certs_init(&certs);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_certs_deinit(&certs);
	return 0;
}

static void append(FILE *to, const char *path)
{
	char line[256];
	FILE *from = fopen(path, "r");
	assert_non_null(from);
	while (fgets(line, sizeof line, from) != NULL)
		fputs(line, to);
	fclose(from);
}

static void assert_is(const struct tls_cert *got, const struct test_cert *wanted)
{
	assert_int_equal(got->der_len, wanted->der_len);
	assert_memory_equal(got->der, wanted->der, wanted->der_len);
}

/* TLSA-08: the bytes are exactly those that a peer would send; keys and words between are passed over. */
static void certificates_come_in_the_order_of_the_file(void **state)
{
	(void)state;
	char path[96];
	struct tls_chain_file file;
	struct fail fail;
	snprintf(path, sizeof path, "%s/chain.pem", certs.folder);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fputs("subject: the leaf\n", out);
	append(out, certs.other.chain_path);
	append(out, certs.other.key_path);
	append(out, certs.certs[TEST_KEY_RSA].chain_path);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(tls_chain_file_load(path, &file, &fail), RESULT_OK);
	assert_int_equal(file.chain.certs_count, 2);
	assert_is(&file.chain.certs[0], &certs.other);
	assert_is(&file.chain.certs[1], &certs.certs[TEST_KEY_RSA]);
	tls_chain_file_unload(&file);
	assert_int_equal(file.chain.certs_count, 0);
	unlink(path);
}

static void as_many_certificates_as_are_looked_at_can_be_loaded(void **state) /* TLSA-28 */
{
	(void)state;
	struct tls_chain_file file;
	struct fail fail;
	assert_int_equal(tls_chain_file_load(certs.many.chain_path, &file, &fail), RESULT_OK);
	assert_int_equal(file.chain.certs_count, TLS_CHAIN_MAX);
	tls_chain_file_unload(&file);
	assert_int_equal(tls_chain_file_load(certs.too_many.chain_path, &file, &fail), RESULT_OK);
	assert_int_equal(file.chain.certs_count, TLS_CHAIN_MAX);
	assert_true(file.chain.is_cut);
	tls_chain_file_unload(&file);
	assert_int_equal(tls_chain_file_load(TLS_ROOTS_SYSTEM, &file, &fail), RESULT_LIMIT);
	assert_non_null(strstr(fail.text, "more than 64 certificates in "));
	assert_int_equal(file.chain.certs_count, 0);
}

static void what_is_no_chain_is_told_with_the_name_of_the_file(void **state)
{
	(void)state;
	char path[96];
	struct tls_chain_file file;
	struct fail fail;
	snprintf(path, sizeof path, "%s/damaged.pem", certs.folder);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	append(out, certs.other.chain_path); /* a good one before it changes nothing */
	fputs("-----BEGIN CERTIFICATE-----\nAAAA!!!!\n-----END CERTIFICATE-----\n", out);
	assert_int_equal(fclose(out), 0);
	const struct {
		const char *path;
		enum result result;
		const char *words;
	} table[] = {
		{ "/nowhere/x.pem", RESULT_IO, "cannot read the certificates in /nowhere/x.pem" },
		{ certs.other.key_path, RESULT_NOT_FOUND, "no certificate in PEM form in " },
		{ path, RESULT_INVALID, "damaged PEM block in " },
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		assert_int_equal(tls_chain_file_load(table[i].path, &file, &fail), table[i].result);
		assert_non_null(strstr(fail.text, table[i].words));
		assert_non_null(strstr(fail.text, table[i].path));
		assert_int_equal(file.chain.certs_count, 0);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_come_in_the_order_of_the_file),
		cmocka_unit_test(as_many_certificates_as_are_looked_at_can_be_loaded),
		cmocka_unit_test(what_is_no_chain_is_told_with_the_name_of_the_file),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
