/* The verifier: usage 3, and what holds for any set of records. Each test makes its own certificates. */
#include "tests/unit/tls/dane_asked.h"

/* ---- DANE-EE ---- */

/* TLSA-07, TLSA-09, DANE-37: all selectors and matching types, by a certificate that has no name. */
static void usage_3_matches_by_every_selector_and_matching_type(void **state)
{
	struct asked *a = *state;
	struct test_node *leaf = node(a, (struct test_node_spec){ .kind = TEST_KEY_P256 });
	present(a, leaf);
	for (uint8_t selector = 0; selector <= 1; selector++) {
		for (uint8_t matching = 0; matching <= 2; matching++) {
			a->records_count = 0;
			publish(a, leaf, 3, selector, matching);
			assert_match(a, 0, 0);
			assert_true(a->verdict.valid_until_s == UINT64_MAX);
		}
	}
}

static void usage_3_with_another_key_matches_nothing_and_the_record_is_named(void **state)
{
	struct asked *a = *state;
	struct test_node *leaf = host(a, NULL), *other = host(a, NULL);
	present(a, leaf);
	for (uint8_t selector = 0; selector <= 1; selector++) {
		for (uint8_t matching = 0; matching <= 2; matching++) {
			a->records_count = 0;
			publish(a, other, 3, selector, matching);
			assert_rejected(a, TLS_FAILURE_UNTRUSTED, "matches no TLSA record (3 ");
		}
	}
}

/* TLSA-10: a roll-over in the middle of its way. */
static void one_record_that_matches_is_enough(void **state)
{
	struct asked *a = *state;
	struct test_node *old = host(a, NULL), *leaf = host(a, NULL);
	present(a, leaf);
	publish(a, old, 3, 1, 1);
	publish(a, leaf, 3, 1, 1);
	assert_match(a, 1, 0);
}

/* DANE-38: expired, not yet valid, for clients only, no host's name: the key is what counts. */
static void usage_3_looks_at_neither_dates_nor_names_nor_purpose(void **state)
{
	struct asked *a = *state;
	struct test_node *leaf = node(a, (struct test_node_spec){
		.name = "elsewhere.example", .alternatives = "DNS:elsewhere.example",
		.begin_days = -900, .end_days = -400, .key_usage = "critical,keyCertSign",
		.extended_key_usage = "clientAuth", .unknown_critical = true,
	});
	present(a, leaf);
	publish(a, leaf, 3, 1, 1);
	assert_match(a, 0, 0);
}

/* TLSA-27: the shapes of keys that stand in the way elsewhere. */
static void usage_3_matches_keys_of_every_kind_and_old_signatures(void **state)
{
	struct asked *a = *state;
	for (enum test_key kind = 0; kind < TEST_KEY_COUNT; kind++) {
		a->chain.certs_count = 0;
		a->records_count = 0;
		struct test_node *leaf = node(a, (struct test_node_spec){
			.name = "x", .kind = kind, .sha1 = kind != TEST_KEY_ED25519 });
		present(a, leaf);
		publish(a, leaf, 3, 1, 1);
		assert_match(a, 0, 0);
	}
}

/* Ruling TLSA-05: an algorithm that nobody knows is bytes like others. */
static void usage_3_matches_a_key_that_cannot_be_parsed(void **state)
{
	struct asked *a = *state;
	struct test_node *leaf = host(a, NULL);
	uint8_t *der = (uint8_t *)(uintptr_t)leaf->der.der;
	static const uint8_t ec_public_key[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };
	uint8_t *oid = memmem(der, leaf->der.der_len, ec_public_key, sizeof ec_public_key);
	assert_non_null(oid);
	oid[6] = 0x7f;
	uint8_t *spki = (uint8_t *)(uintptr_t)leaf->spki.data;
	oid = memmem(spki, leaf->spki.len, ec_public_key, sizeof ec_public_key);
	assert_non_null(oid);
	oid[6] = 0x7f;
	present(a, leaf);
	publish(a, leaf, 3, 1, 1);
	assert_match(a, 0, 0);
	a->records_count = 0;
	publish(a, leaf, 3, 1, 0);
	assert_match(a, 0, 0);
}

static void usage_3_is_for_the_leaf_alone(void **state)
{
	struct asked *a = *state;
	struct three t = make_three(a);
	present(a, t.middle);
	publish(a, t.middle, 3, 1, 1);
	assert_rejected(a, TLS_FAILURE_UNTRUSTED, "matches no TLSA record (3 1 1 ");
}

static void garbage_and_nothing_are_no_certificate(void **state)
{
	struct asked *a = *state;
	struct test_node *leaf = host(a, NULL);
	publish(a, leaf, 3, 1, 1);
	assert_rejected(a, TLS_FAILURE_CERTIFICATE, "no certificate");
	a->chain = (struct tls_chain) { .certs = { { (const uint8_t *)"garbage", 7 } },
		.certs_count = 1 };
	assert_rejected(a, TLS_FAILURE_UNTRUSTED, "matches no TLSA record");
	publish(a, leaf, 2, 1, 1);
	assert_rejected(a, TLS_FAILURE_CERTIFICATE, "cannot be parsed");
}

/* TLSA-21: the second half of its test. Usage 3 makes up for what usage 2 may not forgive. */
static void an_expired_leaf_is_saved_by_usage_3(void **state)
{
	struct asked *a = *state;
	struct test_node *root = authority(a, "root", NULL);
	struct test_node *leaf = node(a, (struct test_node_spec){ .issuer = root,
		.alternatives = "DNS:mx.example.com", .begin_days = -9, .end_days = -1 });
	present(a, leaf);
	present(a, root);
	publish(a, root, 2, 0, 1);
	assert_rejected(a, TLS_FAILURE_EXPIRED, "certificate 0: certificate has expired");
	publish(a, leaf, 3, 1, 1);
	assert_match(a, 1, 0);
}

/* TLSA-28, DANE-39: what stands behind the leaf has no say about usage 3, however much it is. */
static void a_chain_that_was_cut_matches_by_its_leaf_alone(void **state)
{
	struct asked *a = *state;
	struct three t = make_three(a);
	present(a, t.middle);
	a->chain.is_cut = true;
	publish(a, t.middle, 2, 1, 1);
	assert_rejected(a, TLS_FAILURE_CERTIFICATE, "more certificates than");
	publish(a, t.leaf, 3, 1, 1);
	assert_match(a, 1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(usage_3_matches_by_every_selector_and_matching_type),
		TEST(usage_3_with_another_key_matches_nothing_and_the_record_is_named),
		TEST(one_record_that_matches_is_enough),
		TEST(usage_3_looks_at_neither_dates_nor_names_nor_purpose),
		TEST(usage_3_matches_keys_of_every_kind_and_old_signatures),
		TEST(usage_3_matches_a_key_that_cannot_be_parsed),
		TEST(usage_3_is_for_the_leaf_alone),
		TEST(garbage_and_nothing_are_no_certificate),
		TEST(an_expired_leaf_is_saved_by_usage_3),
		TEST(a_chain_that_was_cut_matches_by_its_leaf_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
