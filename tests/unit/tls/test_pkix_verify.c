/* TLS-23, TLS-24, TLS-25, SEC-09, SEC-22, STS-32: what a public authority's word is worth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "engine/base/policy.h"
#include "tests/unit/tls/test_ca.h"
#include "tls/boringssl.h"
#include "tls/pkix_verify.h"
#include "tls/tls_roots.h"
#include "tls/tls_verifier.h"

static char folder[] = "/tmp/longship-test-tls-XXXXXX";
static char roots_path[64], key_path[64];
static struct test_node root, other_root, middle;
static struct tls_roots *roots;

static struct test_node node_of(const struct test_node_spec spec) { return test_node_make(&spec); }

static int set_up(void **state)
{
	(void)state;
	struct fail fail;
	assert_non_null(mkdtemp(folder));
	snprintf(roots_path, sizeof roots_path, "%s/roots", folder);
	snprintf(key_path, sizeof key_path, "%s/key", folder);
	root = test_node_authority("root", NULL);
	other_root = test_node_authority("other root", NULL);
	middle = test_node_authority("middle", &root);
	test_node_write(&root, &other_root, roots_path, key_path);
	assert_int_equal(tls_roots_load(roots_path, &roots, &fail), RESULT_OK);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tls_roots_destroy(roots);
	test_node_free(&root);
	test_node_free(&other_root);
	test_node_free(&middle);
	unlink(roots_path);
	unlink(key_path);
	rmdir(folder);
	return 0;
}

static struct pkix_verdict ask(const struct tls_chain *chain, const char *host, uint64_t time_s)
{
	const struct text name = text_of(host);
	const struct pkix_question question = { chain, roots, &name, 1, time_s };
	struct pkix_verdict verdict;
	pkix_verify(&question, &verdict);
	assert_int_equal(ERR_peek_error(), 0);
	return verdict;
}

/* Takes the leaf, which comes with the intermediate. */
static struct pkix_verdict ask_about(struct test_node leaf, const char *host)
{
	const struct tls_chain chain = { .certs = { leaf.der, middle.der },
		.certs_count = 2 };
	struct pkix_verdict verdict = ask(&chain, host, TEST_CA_NOW_S);
	test_node_free(&leaf);
	return verdict;
}

static void assert_refused(
	struct pkix_verdict verdict, enum tls_failure failure, const char *reason)
{
	assert_false(verdict.is_match);
	assert_int_equal(verdict.failure, failure);
	if (strstr(verdict.reason, reason) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", reason, verdict.reason);
}

static void a_chain_to_a_root_with_the_name_is_good_as_long_as_all_of_it_is(void **state)
{
	(void)state;
	struct pkix_verdict verdict =
		ask_about(test_node_host("DNS:a.example,DNS:*.b.example", &middle), "mx.b.example");
	assert_true(verdict.is_match);
	assert_int_equal(verdict.valid_until_s, TEST_CA_NOW_S + TEST_CA_DAY_S);
}

static void the_order_behind_the_leaf_and_the_root_among_it_do_not_matter(void **state)
{
	(void)state;
	struct test_node leaf = test_node_host("DNS:a.example", &middle);
	const struct tls_chain chain = { .certs = { leaf.der, root.der, other_root.der, middle.der },
		.certs_count = 4 };
	assert_true(ask(&chain, "a.example", TEST_CA_NOW_S).is_match);
	test_node_free(&leaf);
}

static void a_missing_intermediate_or_an_unknown_root_is_no_path(void **state)
{
	(void)state;
	struct test_node leaf = test_node_host("DNS:a.example", &middle);
	struct test_node stranger = test_node_authority("stranger", NULL);
	struct test_node strange_leaf = test_node_host("DNS:a.example", &stranger);
	const struct tls_chain alone = { .certs = { leaf.der },
		.certs_count = 1 };
	const struct tls_chain strange = { .certs = { strange_leaf.der, stranger.der },
		.certs_count = 2 };
	assert_refused(
		ask(&alone, "a.example", TEST_CA_NOW_S), TLS_FAILURE_UNTRUSTED, "no valid path");
	assert_refused(
		ask(&strange, "a.example", TEST_CA_NOW_S), TLS_FAILURE_UNTRUSTED, "no valid path");
	test_node_free(&leaf);
	test_node_free(&stranger);
	test_node_free(&strange_leaf);
}

/* An authority below a root is not a root (SEC-23: no partial paths here). */
static void an_intermediate_is_not_trusted_by_itself(void **state)
{
	(void)state;
	struct test_node self =
		node_of((struct test_node_spec){ .name = "a", .alternatives = "DNS:a.example" });
	assert_refused(ask_about(self, "a.example"), TLS_FAILURE_UNTRUSTED, "no valid path");
}

static void another_name_is_refused_before_anything_else(void **state)
{
	(void)state;
	assert_refused(ask_about(test_node_host("DNS:a.example", &middle), "b.example"),
		TLS_FAILURE_NAME, "for a.example, not for b.example");
}

/* TLS-23, SEC-22, STS-32. */
static void a_common_name_is_no_name(void **state)
{
	(void)state;
	assert_refused(ask_about(node_of((struct test_node_spec){
					 .name = "a.example", .issuer = &middle }),
			       "a.example"),
		TLS_FAILURE_NAME, "no name");
}

static void dates_are_looked_at(void **state)
{
	(void)state;
	struct test_node leaf = test_node_host("DNS:a.example", &middle);
	const struct tls_chain chain = { .certs = { leaf.der, middle.der },
		.certs_count = 2 };
	assert_refused(ask(&chain, "a.example", TEST_CA_NOW_S + 2 * TEST_CA_DAY_S),
		TLS_FAILURE_EXPIRED, "has expired");
	assert_refused(ask(&chain, "a.example", TEST_CA_NOW_S - 2 * TEST_CA_DAY_S),
		TLS_FAILURE_EXPIRED, "not yet valid");
	test_node_free(&leaf);
}

/* TLS-24. */
static void a_certificate_for_clients_is_refused(void **state)
{
	(void)state;
	assert_refused(ask_about(node_of((struct test_node_spec){ .issuer = &middle,
					 .alternatives = "DNS:a.example",
					 .extended_key_usage = "clientAuth" }),
			       "a.example"),
		TLS_FAILURE_UNTRUSTED, "unsupported certificate purpose");
}

/* TLS-25; and what SHA-1 signed anybody may have. */
static void short_rsa_keys_and_sha1_are_refused(void **state)
{
	(void)state;
	assert_refused(ask_about(node_of((struct test_node_spec){ .issuer = &middle,
					 .kind = TEST_KEY_RSA_1024,
					 .alternatives = "DNS:a.example" }),
			       "a.example"),
		TLS_FAILURE_CERTIFICATE, "less than 2048 bits");
	assert_true(ask_about(
		node_of((struct test_node_spec){
			.issuer = &middle, .kind = TEST_KEY_RSA, .alternatives = "DNS:a.example" }),
		"a.example")
			    .is_match);
	assert_refused(ask_about(node_of((struct test_node_spec){ .issuer = &middle,
					 .sha1 = true,
					 .kind = TEST_KEY_P256,
					 .alternatives = "DNS:a.example" }),
			       "a.example"),
		TLS_FAILURE_CERTIFICATE, "SHA-1");
}

/* TLS-28, DANE-49: nobody is asked whether a certificate was revoked, also where it says that the server
 * would show an answer. */
static void a_certificate_that_wants_a_stapled_answer_needs_none(void **state)
{
	(void)state;
	assert_true(ask_about(node_of((struct test_node_spec){ .issuer = &middle,
				      .kind = TEST_KEY_P256,
				      .alternatives = "DNS:a.example",
				      .must_staple = true }),
		"a.example")
			    .is_match);
}

static void nothing_and_garbage_are_refused(void **state)
{
	(void)state;
	const struct tls_chain none = { .certs_count = 0 };
	const struct tls_chain garbage = { .certs = { { (const uint8_t *)"garbage", 7 } },
		.certs_count = 1 };
	assert_refused(ask(&none, "a.example", TEST_CA_NOW_S), TLS_FAILURE_CERTIFICATE, "no cert");
	assert_refused(ask(&garbage, "a.example", TEST_CA_NOW_S), TLS_FAILURE_NAME, "no name");
}

/* ---- the store ---- */

static void a_store_says_why_it_cannot_be_read(void **state)
{
	(void)state;
	struct tls_roots *none;
	struct fail fail;
	assert_int_equal(tls_roots_load("/nowhere/roots", &none, &fail), RESULT_IO);
	assert_non_null(strstr(fail.text, "/nowhere/roots"));
	assert_int_equal(tls_roots_load(key_path, &none, &fail), RESULT_NOT_FOUND);
	assert_null(none);
	assert_int_equal(tls_roots_generation(NULL), 0);
}

static void two_stores_have_two_generations(void **state)
{
	(void)state;
	struct tls_roots *again;
	struct fail fail;
	assert_int_equal(tls_roots_load(roots_path, &again, &fail), RESULT_OK);
	assert_int_equal(tls_roots_count(again), 2);
	assert_int_not_equal(tls_roots_generation(again), tls_roots_generation(roots));
	assert_int_not_equal(tls_roots_generation(again), 0);
	tls_roots_destroy(again);
}

/* ---- behind a demand ---- */

static uint64_t now_s(void) { return TEST_CA_NOW_S; }

/* What each set of names is for (policy.h). */
static void a_demand_has_its_names_looked_for_where_they_belong(void **state)
{
	(void)state;
	const struct text a = TEXT("a.example"), b = TEXT("b.example"), c = TEXT("c.example");
	static const struct {
		enum security_need need;
		char names, root_names;
		bool passes;
	} cases[] = {
		{ SECURITY_NEED_STS, 'a', 0, true },
		{ SECURITY_NEED_STS, 'c', 0, false },
		{ SECURITY_NEED_SECURE, 'a', 'b', true },
		{ SECURITY_NEED_SECURE, 'a', 'c', false },
		{ SECURITY_NEED_SECURE, 'c', 'a', false },
		{ SECURITY_NEED_SECURE, 0, 0, false },
		{ SECURITY_NEED_DANE_STS, 'c', 'a', true }, /* usage 3 has no names */
		{ SECURITY_NEED_DANE_STS, 'a', 'c', false },
		{ SECURITY_NEED_DANE_SECURE, 'a', 0, false },
	};
	struct test_node leaf = test_node_host("DNS:a.example,DNS:b.example", &middle);
	const struct tls_chain chain = { .certs = { leaf.der, middle.der },
		.certs_count = 2 };
	uint8_t digest[64];
	const struct tlsa_record record = test_node_record(&leaf, 3, 1, 1, digest);
	const struct tls_verifier_config config = {
		.now_s = now_s, .cache_bytes = 1 << 20, .roots = roots
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct tls_verifier *verifier;
		struct fail fail;
		const struct text *by_letter[256] = { ['a'] = &a, ['b'] = &b, ['c'] = &c };
		const struct security_demand demand = {
			.need = cases[i].need,
			.tls_version_min = TLS_VERSION_1_2,
			.names = by_letter[(uint8_t)cases[i].names],
			.names_count = cases[i].names != 0,
			.root_names = by_letter[(uint8_t)cases[i].root_names],
			.root_names_count = cases[i].root_names != 0,
			.tlsa = &record,
			.tlsa_count = 1,
			.trust_generation = tls_roots_generation(roots),
		};
		assert_int_equal(tls_verifier_create(&config, &verifier, &fail), RESULT_OK);
		for (int again = 0; again < 2; again++) { /* the second time from the cache */
			struct tls_verdict verdict =
				tls_verifier_ask(verifier, NULL, &chain, &demand);
			bool passes = verdict.kind == TLS_VERDICT_ACCEPTED;
			if (passes != cases[i].passes)
				fail_msg("case %zu: %s", i, verdict.reason);
			assert_int_equal(verdict.proved_pkix, passes);
		}
		tls_verifier_destroy(verifier);
	}
	test_node_free(&leaf);
}

/* POL-02: the word of a public authority does not rescue a key that the DNS does not vouch for. */
static void a_good_public_chain_does_not_rescue_a_failed_dane_match(void **state)
{
	(void)state;
	static const enum security_need needs[] = { SECURITY_NEED_DANE, SECURITY_NEED_DANE_STS,
		SECURITY_NEED_DANE_SECURE };
	const struct text name = TEXT("a.example");
	struct test_node leaf = test_node_host("DNS:a.example", &middle);
	const struct tls_chain chain = { .certs = { leaf.der, middle.der },
		.certs_count = 2 };
	uint8_t digest[64];
	const struct tlsa_record wrong = test_node_record(&other_root, 3, 1, 1, digest);
	const struct tls_verifier_config config = {
		.now_s = now_s, .cache_bytes = 1 << 20, .roots = roots
	};
	assert_true(ask(&chain, "a.example", TEST_CA_NOW_S).is_match);
	for (size_t i = 0; i < COUNT_OF(needs); i++) {
		struct tls_verifier *verifier;
		struct fail fail;
		const struct security_demand demand = { .need = needs[i],
			.tls_version_min = TLS_VERSION_1_2,
			.names = &name,
			.names_count = 1,
			.root_names = &name,
			.root_names_count = 1,
			.tlsa = &wrong,
			.tlsa_count = 1 };
		assert_int_equal(tls_verifier_create(&config, &verifier, &fail), RESULT_OK);
		struct tls_verdict verdict = tls_verifier_ask(verifier, NULL, &chain, &demand);
		assert_int_equal(verdict.kind, TLS_VERDICT_REJECTED);
		assert_non_null(strstr(verdict.reason, "matches no TLSA record"));
		assert_false(verdict.proved_pkix);
		tls_verifier_destroy(verifier);
	}
	test_node_free(&leaf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_to_a_root_with_the_name_is_good_as_long_as_all_of_it_is),
		cmocka_unit_test(the_order_behind_the_leaf_and_the_root_among_it_do_not_matter),
		cmocka_unit_test(a_missing_intermediate_or_an_unknown_root_is_no_path),
		cmocka_unit_test(an_intermediate_is_not_trusted_by_itself),
		cmocka_unit_test(another_name_is_refused_before_anything_else),
		cmocka_unit_test(a_common_name_is_no_name),
		cmocka_unit_test(dates_are_looked_at),
		cmocka_unit_test(a_certificate_for_clients_is_refused),
		cmocka_unit_test(short_rsa_keys_and_sha1_are_refused),
		cmocka_unit_test(a_certificate_that_wants_a_stapled_answer_needs_none),
		cmocka_unit_test(nothing_and_garbage_are_refused),
		cmocka_unit_test(a_store_says_why_it_cannot_be_read),
		cmocka_unit_test(two_stores_have_two_generations),
		cmocka_unit_test(a_good_public_chain_does_not_rescue_a_failed_dane_match),
		cmocka_unit_test(a_demand_has_its_names_looked_for_where_they_belong),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
