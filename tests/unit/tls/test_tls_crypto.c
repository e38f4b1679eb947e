#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/check.h"
#include "tests/unit/tls/tls_test_certs.h"
#include "tls/tls_crypto.h"
#include "tls/tls_der.h"

/* FIPS 180-4, examples of NIST. */
static void sha_256_gives_the_published_digests(void **state)
{
	(void)state;
	static const struct {
		const char *data;
		uint8_t digest[4];
	} cases[] = {
		{ "", { 0xe3, 0xb0, 0xc4, 0x42 } },
		{ "abc", { 0xba, 0x78, 0x16, 0xbf } },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			{ 0x24, 0x8d, 0x6a, 0x61 } },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint8_t digest[TLS_SHA256_LEN];
		tls_sha256_of(cases[i].data, strlen(cases[i].data), digest);
		assert_memory_equal(digest, cases[i].digest, sizeof cases[i].digest);
	}
}

static void the_running_digest_is_that_of_the_whole_at_every_split(void **state)
{
	(void)state;
	uint8_t data[200], whole[TLS_SHA256_LEN], pieces[TLS_SHA256_LEN];
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)i;
	tls_sha256_of(data, sizeof data, whole);
	for (size_t split = 0; split <= sizeof data; split++) {
		struct tls_sha256 hash;
		tls_sha256_init(&hash);
		tls_sha256_add(&hash, data, split);
		tls_sha256_add(&hash, data + split, sizeof data - split);
		tls_sha256_finish(&hash, pieces);
		assert_memory_equal(pieces, whole, sizeof whole);
	}
}

static void random_bytes_fill_all_and_differ(void **state)
{
	(void)state;
	uint8_t a[64] = { 0 }, b[64] = { 0 };
	tls_random_fill(a, sizeof a);
	tls_random_fill(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
	assert_memory_not_equal(a + 48, (const uint8_t[16]){ 0 }, 16);
}

/* (TLSA-09) Against the digest that BoringSSL's own encoder gives. */
static void the_key_of_a_certificate_is_found_for_every_kind(void **state)
{
	(void)state;
	struct test_certs certs;
	test_certs_init(&certs);
	for (enum test_key kind = 0; kind < TEST_KEY_COUNT; kind++) {
		const struct test_cert *cert = &certs.certs[kind];
		const uint8_t *key;
		size_t key_len;
		uint8_t digest[TLS_SHA256_LEN];
		assert_int_equal(
			tls_der_find_key(cert->der, cert->der_len, &key, &key_len), RESULT_OK);
		assert_true(key > cert->der && key + key_len < cert->der + cert->der_len);
		tls_sha256_of(key, key_len, digest);
		assert_memory_equal(digest, cert->key_digest, sizeof digest);
	}
	test_certs_deinit(&certs);
}

static void what_is_not_one_whole_certificate_has_no_key(void **state)
{
	(void)state;
	struct test_certs certs;
	test_certs_init(&certs);
	const struct test_cert *cert = &certs.certs[TEST_KEY_RSA];
	const uint8_t *key;
	size_t key_len;
	for (size_t len = 0; len < cert->der_len; len++) {
		uint8_t *cut = malloc(len + 1); /* so that a read past the end is found */
		assert_non_null(cut);
		memcpy(cut, cert->der, len);
		assert_int_equal(tls_der_find_key(cut, len, &key, &key_len), RESULT_INVALID);
		free(cut);
	}
	uint8_t *longer = malloc(cert->der_len + 1);
	assert_non_null(longer);
	memcpy(longer, cert->der, cert->der_len);
	longer[cert->der_len] = 0;
	assert_int_equal(
		tls_der_find_key(longer, cert->der_len + 1, &key, &key_len), RESULT_INVALID);
	free(longer);
	test_certs_deinit(&certs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha_256_gives_the_published_digests),
		cmocka_unit_test(the_running_digest_is_that_of_the_whole_at_every_split),
		cmocka_unit_test(random_bytes_fill_all_and_differ),
		cmocka_unit_test(the_key_of_a_certificate_is_found_for_every_kind),
		cmocka_unit_test(what_is_not_one_whole_certificate_has_no_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
