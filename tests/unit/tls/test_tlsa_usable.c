#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/limits.h"
#include "tests/unit/tls/tls_test_certs.h"
#include "tls/tls_der.h"
#include "tls/tlsa_usable.h"

enum { SET_MAX = 4, MALFORMED = 1 };

/* A record with data of one octet, repeated. */
struct short_record {
	uint8_t usage, selector, matching;
	size_t len;
	uint8_t octet;
	bool malformed;
};

/* `stays`: a digit for each record of the set that is left, in canonical order. */
static const struct {
	const char *what;
	struct short_record set[SET_MAX];
	size_t count;
	const char *stays;
} rows[] = {
	{ "TLSA-07: usage, selector, digest", { { 2, 0, 1, 32, 1, 0 }, { 2, 1, 2, 64, 2, 0 },
		{ 3, 0, 2, 64, 3, 0 }, { 3, 1, 1, 32, 4, 0 } }, 4, "0123" },
	{ "DANE-40: usage 0", { { 0, 0, 1, 32, 1, 0 } }, 1, "" },
	{ "DANE-40: usage 1", { { 1, 1, 1, 32, 1, 0 } }, 1, "" },
	{ "DANE-41: the usable rest", { { 0, 0, 1, 32, 1, 0 }, { 3, 1, 1, 32, 2, 0 } }, 2, "1" },
	{ "TLSA-02: malformed alone", { { 3, 1, 1, 0, 0, MALFORMED } }, 1, "" },
	{ "TLSA-02: malformed, though it looks whole", { { 3, 1, 1, 32, 1, MALFORMED } }, 1, "" },
	{ "TLSA-03: usage 4", { { 4, 1, 1, 32, 1, 0 } }, 1, "" },
	{ "TLSA-03: usage 255", { { 255, 1, 1, 32, 1, 0 } }, 1, "" },
	{ "TLSA-03: selector 2", { { 3, 2, 1, 32, 1, 0 } }, 1, "" },
	{ "TLSA-03: selector 255", { { 3, 255, 1, 32, 1, 0 } }, 1, "" },
	{ "TLSA-03: matching type 3", { { 3, 1, 3, 48, 1, 0 } }, 1, "" },
	{ "TLSA-03, TLSA-06: matching type 255", { { 3, 1, 255, 32, 1, 0 } }, 1, "" },
	{ "TLSA-04: 31 octets", { { 3, 1, 1, 31, 1, 0 }, { 3, 1, 2, 64, 2, 0 } }, 2, "1" },
	{ "TLSA-04: 33 octets", { { 3, 1, 1, 33, 1, 0 } }, 1, "" },
	{ "TLSA-04: 63 octets", { { 3, 1, 2, 63, 1, 0 } }, 1, "" },
	{ "TLSA-04: 65 octets", { { 3, 1, 2, 65, 1, 0 } }, 1, "" },
	{ "TLSA-04: the length of the other digest", { { 3, 1, 1, 64, 1, 0 }, { 3, 1, 2, 32, 1, 0 } }, 2,
		"" },
	{ "TLSA-05: no DER at all", { { 3, 1, 0, 32, 1, 0 }, { 3, 0, 0, 32, 1, 0 } }, 2, "" },
	{ "TLSA-11: a malformed one outdoes nothing", { { 3, 1, 1, 32, 1, 0 },
		{ 3, 1, 2, 64, 2, MALFORMED } }, 2, "0" },
	{ "TLSA-11: one of a wrong length outdoes nothing", { { 3, 1, 1, 32, 1, 0 },
		{ 3, 1, 2, 60, 2, 0 } }, 2, "0" },
	{ "TLSA-11: an unknown digest outdoes nothing", { { 3, 1, 1, 32, 1, 0 },
		{ 3, 1, 3, 128, 2, 0 } }, 2, "0" },
	{ "TLSA-12, TLSA-13, TLSA-14: the stronger digest", { { 3, 1, 1, 32, 1, 0 },
		{ 3, 1, 2, 64, 2, 0 } }, 2, "1" },
	{ "TLSA-12: all of the stronger digest", { { 3, 1, 2, 64, 1, 0 }, { 3, 1, 1, 32, 2, 0 },
		{ 3, 1, 2, 64, 3, 0 }, { 3, 1, 1, 32, 4, 0 } }, 4, "02" },
	{ "TLSA-10: a change of keys", { { 3, 1, 1, 32, 1, 0 }, { 3, 1, 1, 32, 2, 0 } }, 2, "01" },
	{ "TLSA-15, SEC-39: another selector", { { 3, 0, 2, 64, 1, 0 }, { 3, 1, 1, 32, 2, 0 } }, 2, "01" },
	{ "TLSA-15: another usage", { { 2, 1, 2, 64, 1, 0 }, { 3, 1, 1, 32, 2, 0 } }, 2, "01" },
	{ "an unusable usage outdoes nothing", { { 1, 1, 2, 64, 1, 0 }, { 3, 1, 1, 32, 2, 0 } }, 2, "1" },
	{ "canonical order, each once", { { 3, 1, 1, 32, 9, 0 }, { 3, 1, 1, 32, 1, 0 },
		{ 2, 1, 1, 32, 5, 0 }, { 3, 1, 1, 32, 9, 0 } }, 4, "210" },
	{ "none", { { 0 } }, 0, "" },
};

static char bytes[COUNT_OF(rows)][SET_MAX][128];

static struct tlsa_record record_of(const struct short_record *from, char *memory)
{
	memset(memory, from->octet, from->len);
	return (struct tlsa_record){ .usage = from->usage, .selector = from->selector,
		.matching = from->matching, .malformed = from->malformed,
		.data = from->malformed ? TEXT_EMPTY : text_of_bytes(memory, from->len) };
}

static void only_records_that_can_decide_are_left_and_of_digests_the_strongest(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tlsa_record set[SET_MAX], out[SET_MAX];
		for (size_t j = 0; j < rows[i].count; j++)
			set[j] = record_of(&rows[i].set[j], bytes[i][j]);
		size_t count = tlsa_usable(set, rows[i].count, out);
		if (count != strlen(rows[i].stays))
			fail_msg("%s: %zu are left", rows[i].what, count);
		for (size_t j = 0; j < count; j++)
			if (tlsa_record_compare(&out[j], &set[rows[i].stays[j] - '0']) != 0)
				fail_msg("%s: not record %c", rows[i].what, rows[i].stays[j]);
	}
}

/* ---- Full(0) ---- */

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

static struct tlsa_record full(uint8_t usage, uint8_t selector, const uint8_t *der, size_t len)
{
	return (struct tlsa_record){ .usage = usage, .selector = selector,
		.matching = TLSA_MATCHING_FULL, .data = text_of_bytes(der, len) };
}

static bool stays(uint8_t selector, const uint8_t *der, size_t len)
{
	struct tlsa_record out, record = full(TLSA_USAGE_DANE_TA, selector, der, len);
	return tlsa_usable(&record, 1, &out) == 1;
}

static void find_key(const struct test_cert *cert, const uint8_t **out_key, size_t *out_len)
{
	assert_int_equal(tls_der_find_key(cert->der, cert->der_len, out_key, out_len), RESULT_OK);
}

/* Every cut of it is unusable, and so is it with an octet more. The copy ends where the memory ends. */
static void expect_whole_only(uint8_t selector, const uint8_t *der, size_t len)
{
	assert_true(stays(selector, der, len));
	for (size_t cut = 1; cut <= len + 1; cut++) {
		uint8_t *copy = calloc(1, cut);
		assert_non_null(copy);
		memcpy(copy, der, cut < len ? cut : len);
		assert_int_equal(stays(selector, copy, cut), cut == len);
		free(copy);
	}
}

static void full_data_is_one_whole_element_of_the_kind_that_the_selector_names(void **state)
{
	(void)state; /* TLSA-05, TLSA-07 */
	for (size_t i = 0; i < TEST_KEY_COUNT; i++) {
		const struct test_cert *cert = &certs.certs[i];
		const uint8_t *key;
		size_t key_len;
		find_key(cert, &key, &key_len);
		expect_whole_only(TLSA_SELECTOR_CERT, cert->der, cert->der_len);
		expect_whole_only(TLSA_SELECTOR_SPKI, key, key_len);
		assert_false(stays(TLSA_SELECTOR_SPKI, cert->der, cert->der_len));
		assert_false(stays(TLSA_SELECTOR_CERT, key, key_len));
	}
}

/* The ruling of TLSA-05: Ed448, whose parsing BoringSSL rejects, is usable. */
static void a_key_of_an_unknown_algorithm_is_usable(void **state)
{
	(void)state;
	uint8_t ed448[69] = { 0x30, 0x43, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x71, 0x03, 0x3a, 0x00 };
	memset(ed448 + 12, 0x5a, sizeof ed448 - 12);
	assert_true(stays(TLSA_SELECTOR_SPKI, ed448, sizeof ed448));
	ed448[9] = 0x04; /* an OCTET STRING where the key's BIT STRING belongs */
	assert_false(stays(TLSA_SELECTOR_SPKI, ed448, sizeof ed448));
}

/* TLSA-12, TLSA-15: full data stands beside the strongest digest, and outdoes none. */
static void full_data_always_stays_and_outdoes_no_digest(void **state)
{
	(void)state;
	const uint8_t *key;
	size_t key_len;
	find_key(&certs.other, &key, &key_len);
	char octets[64] = "";
	struct tlsa_record set[] = {
		{ .usage = 3, .selector = 1, .matching = 2, .data = text_of_bytes(octets, 64) },
		{ .usage = 3, .selector = 1, .matching = 1, .data = text_of_bytes(octets, 32) },
		full(3, 1, key, key_len),
	};
	struct tlsa_record out[3];
	assert_int_equal(tlsa_usable(set, 3, out), 2);
	assert_int_equal(tlsa_record_compare(&out[0], &set[2]), 0);
	assert_int_equal(tlsa_record_compare(&out[1], &set[0]), 0);
	assert_int_equal(tlsa_usable(set + 1, 2, out), 2);
	assert_ptr_equal(out[0].data.data, key); /* borrowed */
	assert_int_equal(out[1].matching, TLSA_MATCHING_SHA256);
}

/* TLSA-28: as many as a set can have. */
static void the_largest_set_is_taken_whole(void **state)
{
	(void)state;
	static char octets[TLSA_RECORDS_MAX][32];
	struct tlsa_record set[TLSA_RECORDS_MAX], out[TLSA_RECORDS_MAX];
	for (size_t i = 0; i < TLSA_RECORDS_MAX; i++) {
		octets[i][0] = (char)(TLSA_RECORDS_MAX - i);
		set[i] = (struct tlsa_record){ .usage = 3, .selector = 1, .matching = 1,
			.data = text_of_bytes(octets[i], 32) };
	}
	assert_int_equal(tlsa_usable(set, TLSA_RECORDS_MAX, out), TLSA_RECORDS_MAX);
	for (size_t i = 0; i < TLSA_RECORDS_MAX; i++)
		assert_ptr_equal(out[i].data.data, octets[TLSA_RECORDS_MAX - 1 - i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_records_that_can_decide_are_left_and_of_digests_the_strongest),
		cmocka_unit_test(full_data_is_one_whole_element_of_the_kind_that_the_selector_names),
		cmocka_unit_test(a_key_of_an_unknown_algorithm_is_usable),
		cmocka_unit_test(full_data_always_stays_and_outdoes_no_digest),
		cmocka_unit_test(the_largest_set_is_taken_whole),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
