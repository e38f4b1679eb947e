/* The verifier: usage 2. Each test makes its own authority. */
#include "tests/unit/tls/dane_asked.h"

/* ---- DANE-TA: where the anchor is ---- */

/* TLSA-07, TLSA-19. */
static void usage_2_finds_its_anchor_in_the_chain_by_every_selector_and_type(void **state)
{
	struct asked *a = *state;
	struct three t = make_three(a);
	present(a, t.middle);
	present(a, t.root);
	for (uint8_t selector = 0; selector <= 1; selector++) {
		for (uint8_t matching = 0; matching <= 2; matching++) {
			a->records_count = 0;
			publish(a, t.root, 2, selector, matching);
			assert_match(a, 0, 2);
			assert_int_equal(a->verdict.valid_until_s, TEST_CA_NOW_S + TEST_CA_DAY_S);
		}
	}
}

/* TLSA-19, TLSA-22: an intermediate that is not self-signed, without its root. */
static void an_intermediate_can_be_the_anchor(void **state)
{
	struct asked *a = *state;
	struct three t = make_three(a);
	present(a, t.middle);
	for (uint8_t selector = 0; selector <= 1; selector++) {
		for (uint8_t matching = 0; matching <= 2; matching++) {
			a->records_count = 0;
			publish(a, t.middle, 2, selector, matching);
			assert_match(a, 0, 1);
		}
	}
}

/* TLSA-16: a digest of what is not presented cannot be turned into a certificate. */
static void a_digest_of_an_anchor_that_is_not_presented_matches_nothing(void **state)
{
	struct asked *a = *state;
	struct three t = make_three(a);
	present(a, t.middle);
	for (uint8_t selector = 0; selector <= 1; selector++) {
		for (uint8_t matching = 1; matching <= 2; matching++) {
			a->records_count = 0;
			publish(a, t.root, 2, selector, matching);
			assert_rejected(a, TLS_FAILURE_UNTRUSTED, "matches no TLSA record (2 ");
		}
	}
}

/* TLSA-17. */
static void an_anchor_that_only_the_dns_has_is_enough(void **state)
{
	struct asked *a = *state;
	struct three t = make_three(a);
	present(a, t.middle);
	publish(a, t.root, 2, 0, 0);
	assert_match(a, 0, 2);
	a->records_count = 0;
	a->chain.certs_count = 1;
	publish(a, t.middle, 2, 0, 0);
	assert_match(a, 0, 1);
}

/* TLSA-17: and a missing link is still missing. */
static void an_anchor_in_the_dns_needs_the_certificates_between(void **state)
{
	struct asked *a = *state;
	struct three t = make_three(a);
	publish(a, t.root, 2, 0, 0);
	assert_rejected(a, TLS_FAILURE_UNTRUSTED, "no valid path to the anchor of 2 0 0 ");
}

/* TLSA-18. */
static void a_key_that_only_the_dns_has_is_enough_where_it_signed_the_top(void **state)
{
	struct asked *a = *state;
	struct three t = make_three(a);
	present(a, t.middle);
	publish(a, t.root, 2, 1, 0);
	assert_match(a, 0, 2);
	a->records_count = 0;
	a->chain.certs_count = 1;
	publish(a, t.middle, 2, 1, 0);
	assert_match(a, 0, 1);
}

/* TLSA-18: its negative. */
static void a_key_in_the_dns_does_not_excuse_an_expired_top(void **state)
{
	struct asked *a = *state;
	struct test_node *root = authority(a, "root", NULL);
	struct test_node *middle = node(a, (struct test_node_spec){ .name = "middle",
		.issuer = root, .constraints = "critical,CA:TRUE", .begin_days = -9,
		.end_days = -1 });
	struct test_node *leaf = host(a, middle);
	present(a, leaf);
	present(a, middle);
	publish(a, root, 2, 1, 0);
	assert_rejected(a, TLS_FAILURE_EXPIRED, "certificate 1: certificate has expired");
	struct test_node *old = node(a, (struct test_node_spec){ .issuer = root,
		.alternatives = "DNS:mx.example.com", .begin_days = -9, .end_days = -1 });
	a->chain.certs_count = 0;
	present(a, old);
	assert_rejected(a, TLS_FAILURE_EXPIRED, "certificate 0: certificate has expired");
}

static void a_key_in_the_dns_that_signed_nothing_matches_nothing(void **state)
{
	struct asked *a = *state;
	struct three t = make_three(a);
	struct test_node *other = authority(a, "root", NULL);
	present(a, t.middle);
	publish(a, other, 2, 1, 0);
	assert_rejected(a, TLS_FAILURE_UNTRUSTED, "matches no TLSA record (2 1 0 ");
}

/* TLSA-23: depth 0 is not an anchor, in whatever dress it comes. */
static void the_leaf_itself_is_no_anchor(void **state)
{
	struct asked *a = *state;
	struct test_node *leaf = node(a, (struct test_node_spec){ .name = "mx.example.com",
		.alternatives = "DNS:mx.example.com", .constraints = "critical,CA:TRUE" });
	present(a, leaf);
	for (int copies = 0; copies < 2; copies++) {
		for (uint8_t selector = 0; selector <= 1; selector++) {
			for (uint8_t matching = 0; matching <= 2; matching++) {
				a->records_count = 0;
				publish(a, leaf, 2, selector, matching);
				assert_rejected(a, TLS_FAILURE_UNTRUSTED, "TLSA record (2 ");
			}
		}
		present(a, leaf);
	}
}

/* ---- DANE-TA: the path ---- */

/* TLSA-24. */
static void the_order_of_the_chain_and_strangers_in_it_do_not_matter(void **state)
{
	struct asked *a = *state;
	struct test_node *root = authority(a, "root", NULL);
	struct test_node *upper = authority(a, "upper", root);
	struct test_node *lower = authority(a, "lower", upper);
	struct test_node *stranger = authority(a, "stranger", NULL);
	present(a, host(a, lower));
	present(a, root);
	present(a, stranger);
	present(a, upper);
	present(a, upper);
	a->chain.certs[a->chain.certs_count++] = (struct tls_cert){ (const uint8_t *)"\x30", 1 };
	present(a, lower);
	publish(a, root, 2, 0, 1);
	assert_match(a, 0, 3);
}

/* TLSA-24: two certificates with one name, of which BoringSSL would take the first. */
static void of_two_authorities_with_one_name_the_one_that_signed_is_found(void **state)
{
	struct asked *a = *state;
	struct test_node *root = authority(a, "root", NULL);
	struct test_node_spec spec = { .name = "middle", .issuer = root,
		.constraints = "critical,CA:TRUE", .kind = TEST_KEY_P256 };
	struct test_node *wrong = node(a, spec), *right = node(a, spec);
	present(a, host(a, right));
	present(a, wrong);
	present(a, right);
	publish(a, root, 2, 0, 0);
	assert_match(a, 0, 2);
	a->records_count = 0;
	present(a, root);
	publish(a, root, 2, 1, 2);
	assert_match(a, 0, 2);
}

/* TLSA-10: an anchor that does not hold is not in the way of one that does. */
static void an_expired_anchor_is_not_in_the_way_of_a_good_one(void **state)
{
	struct asked *a = *state;
	struct test_node *root = node(a, (struct test_node_spec){ .name = "root",
		.constraints = "critical,CA:TRUE", .begin_days = -9, .end_days = -1 });
	struct test_node *middle = authority(a, "middle", root);
	present(a, host(a, middle));
	present(a, middle);
	present(a, root);
	publish(a, root, 2, 0, 1);
	publish(a, middle, 2, 0, 1);
	assert_match(a, 1, 1);
}

/* TLSA-31. */
static void an_expired_anchor_is_none(void **state)
{
	struct asked *a = *state;
	struct test_node *root = node(a, (struct test_node_spec){ .name = "root",
		.constraints = "critical,CA:TRUE", .begin_days = -9, .end_days = -1 });
	present(a, host(a, root));
	present(a, root);
	for (uint8_t selector = 0; selector <= 1; selector++) {
		a->records_count = 0;
		publish(a, root, 2, selector, 1);
		assert_rejected(a, TLS_FAILURE_EXPIRED, "certificate 1: certificate has expired");
	}
}

/* TLSA-21, and the time is the one that was asked about. */
static void dates_are_those_of_the_time_that_is_asked_about(void **state)
{
	struct asked *a = *state;
	struct three t = make_three(a);
	present(a, t.middle);
	publish(a, t.middle, 2, 0, 1);
	assert_match(a, 0, 1);
	a->time_s = TEST_CA_NOW_S + 2 * TEST_CA_DAY_S;
	assert_rejected(a, TLS_FAILURE_EXPIRED, "has expired");
	a->time_s = TEST_CA_NOW_S - 2 * TEST_CA_DAY_S;
	assert_rejected(a, TLS_FAILURE_EXPIRED, "not yet valid");
}

/* TLSA-21: somebody else's anchor, with the right name. */
static void a_signature_that_does_not_verify_is_no_path(void **state)
{
	struct asked *a = *state;
	struct test_node *root = authority(a, "root", NULL), *fake = authority(a, "root", NULL);
	present(a, host(a, fake));
	present(a, root);
	publish(a, root, 2, 0, 1);
	assert_rejected(a, TLS_FAILURE_UNTRUSTED, "no valid path to the anchor of 2 0 1 ");
	a->records_count = 0;
	publish(a, root, 2, 1, 1);
	assert_rejected(a, TLS_FAILURE_UNTRUSTED, "no valid path to the anchor of 2 1 1 ");
	present(a, fake); /* and nothing is trusted because it is there */
	assert_rejected(a, TLS_FAILURE_UNTRUSTED, "no valid path to the anchor of 2 1 1 ");
}

/* TLSA-21: a host's certificate issues nothing. */
static void a_certificate_that_is_no_authority_issues_nothing(void **state)
{
	struct asked *a = *state;
	struct test_node *root = authority(a, "root", NULL);
	struct test_node *mail = node(a, (struct test_node_spec){ .name = "mail", .issuer = root,
		.alternatives = "DNS:mail.example.org", .constraints = "critical,CA:FALSE" });
	present(a, host(a, mail));
	present(a, mail);
	present(a, root);
	publish(a, root, 2, 1, 1);
	assert_rejected(a, TLS_FAILURE_UNTRUSTED, "certificate 1: invalid CA certificate");
	struct test_node *no_sign = node(a, (struct test_node_spec){ .name = "no sign",
		.issuer = root, .constraints = "critical,CA:TRUE",
		.key_usage = "critical,cRLSign" });
	a->chain.certs_count = 0;
	present(a, host(a, no_sign));
	present(a, no_sign);
	present(a, root);
	assert_false(verify(a));
}

/* TLSA-21: nor does it as the anchor itself, nor where the key of an anchor has signed it (TLSA-18):
 * BoringSSL looks at the flag of certificates below the anchor only. */
static void a_host_issues_nothing_as_the_top_of_a_path(void **state)
{
	struct asked *a = *state;
	struct test_node *root = authority(a, "root", NULL);
	struct test_node *customer = node(a, (struct test_node_spec){ .name = "customer",
		.issuer = root, .constraints = "critical,CA:FALSE" });
	present(a, host(a, customer));
	present(a, customer);
	publish(a, root, 2, 1, 0);
	assert_rejected(a, TLS_FAILURE_UNTRUSTED, "certificate 1: invalid CA certificate");
	for (uint8_t selector = 0; selector <= 1; selector++) {
		a->records_count = 0;
		publish(a, customer, 2, selector, 1);
		assert_rejected(a, TLS_FAILURE_UNTRUSTED, "certificate 1: invalid CA certificate");
	}
}

/* TLSA-20. */
static void the_constraints_of_the_anchor_hold(void **state)
{
	struct asked *a = *state;
	struct test_node *root = node(a, (struct test_node_spec){
		.name = "root", .constraints = "critical,CA:TRUE,pathlen:0" });
	struct test_node *middle = authority(a, "middle", root);
	present(a, host(a, middle));
	present(a, middle);
	publish(a, root, 2, 0, 0);
	assert_rejected(a, TLS_FAILURE_UNTRUSTED, "path length constraint exceeded");
	a->records_count = 0;
	present(a, root);
	publish(a, root, 2, 0, 1);
	assert_rejected(a, TLS_FAILURE_UNTRUSTED, "path length constraint exceeded");
}

/* TLSA-20. */
static void name_constraints_of_the_anchor_hold(void **state)
{
	struct asked *a = *state;
	struct test_node *root = node(a, (struct test_node_spec){ .name = "root",
		.constraints = "critical,CA:TRUE",
		.name_constraints = "critical,permitted;DNS:example.org" });
	present(a, host(a, root));
	publish(a, root, 2, 0, 0);
	assert_rejected(a, TLS_FAILURE_UNTRUSTED, "permitted subtree violation");
	a->chain.certs_count = 0;
	present(a, keep(a, test_node_host("DNS:mx.example.org", root)));
	a->name = TEXT("mx.example.org");
	assert_match(a, 0, 1);
}

/* TLSA-20, TLSA-21: ways round the constraints of an authority. */
static void names_beside_the_constraints_of_an_authority_do_not_count(void **state)
{
	struct asked *a = *state;
	struct test_node *root = authority(a, "root", NULL);
	struct test_node *only = node(a, (struct test_node_spec){ .name = "only theirs",
		.issuer = root, .constraints = "critical,CA:TRUE", .kind = TEST_KEY_P256,
		.name_constraints = "critical,permitted;DNS:attacker.example" });
	struct test_node *without = node(a, (struct test_node_spec){ .name = "all but ours",
		.issuer = root, .constraints = "critical,CA:TRUE", .kind = TEST_KEY_P256,
		.name_constraints = "critical,excluded;DNS:mx.example.com" });
	const struct test_node_spec leaves[] = {
		{ .name = "mx.example.com", .issuer = only, .alternatives = "email:x@y.example" },
		{ .name = "mx.example.com", .issuer = only, .alternatives = "IP:192.0.2.1" },
		{ .name = "mx.example.com", .issuer = only },
		{ .name = "x", .issuer = without, .alternatives = "DNS:*.example.com" },
		{ .name = "x", .issuer = without, .alternatives = "DNS:mx.example.com" },
	};
	publish(a, root, 2, 0, 1);
	for (size_t i = 0; i < COUNT_OF(leaves); i++) {
		a->chain.certs_count = 0;
		present(a, node(a, leaves[i]));
		present(a, leaves[i].issuer);
		present(a, root);
		if (verify(a))
			fail_msg("leaf %zu matches", i);
	}
	/* Wildcards are good where nothing is excluded. */
	a->chain.certs_count = 0;
	present(a, keep(a, test_node_host("DNS:*.example.com", root)));
	present(a, root);
	assert_match(a, 0, 1);
}

/* TLSA-28: comparing names with constraints is bounded as well. */
static void thousands_of_names_and_constraints_are_given_up(void **state)
{
	struct asked *a = *state;
	enum { COUNT = 600, BYTES = 32 };
	static char names[COUNT * BYTES], subtrees[COUNT * BYTES];
	size_t names_len = 0, subtrees_len = 0;
	names_len += (size_t)snprintf(names, sizeof names, "DNS:mx.example.com");
	subtrees_len += (size_t)snprintf(subtrees, sizeof subtrees, "permitted;DNS:example.com");
	for (int i = 0; i < COUNT; i++) {
		names_len += (size_t)snprintf(names + names_len, sizeof names - names_len,
			",DNS:n%d.example.com", i);
		subtrees_len += (size_t)snprintf(subtrees + subtrees_len,
			sizeof subtrees - subtrees_len, ",permitted;DNS:s%d.example", i);
	}
	struct test_node *root = node(a, (struct test_node_spec){ .name = "root",
		.constraints = "critical,CA:TRUE", .name_constraints = subtrees });
	present(a, node(a, (struct test_node_spec){ .issuer = root, .alternatives = names }));
	publish(a, root, 2, 0, 0);
	assert_rejected(a, TLS_FAILURE_UNTRUSTED, "too many name constraints");
	a->chain.certs_count = 0;
	present(a, keep(a, test_node_host("DNS:mx.example.com", root)));
	assert_match(a, 0, 1);
}

/* TLSA-24, RFC 4210 4.4: the key of an authority was changed, and only the DNS has the old one. */
static void an_anchor_in_the_dns_with_the_name_of_a_presented_authority_is_found(void **state)
{
	struct asked *a = *state;
	struct test_node_spec spec = { .name = "root", .constraints = "critical,CA:TRUE",
		.kind = TEST_KEY_P256 };
	struct test_node *old = node(a, spec);
	struct test_node *other = node(a, spec);
	present(a, host(a, old));
	present(a, other);
	publish(a, old, 2, 0, 0);
	assert_match(a, 0, 1);
}

/* TLS-24: for DANE-TA the purpose counts, and what a critical extension means must be known. */
static void a_leaf_for_clients_or_with_an_unknown_critical_extension_is_refused(void **state)
{
	struct asked *a = *state;
	struct test_node *root = authority(a, "root", NULL);
	publish(a, root, 2, 0, 0);
	present(a, node(a, (struct test_node_spec){ .issuer = root,
		.alternatives = "DNS:mx.example.com", .extended_key_usage = "clientAuth" }));
	assert_rejected(a, TLS_FAILURE_UNTRUSTED, "unsupported certificate purpose");
	a->chain.certs_count = 0;
	present(a, node(a, (struct test_node_spec){ .issuer = root,
		.alternatives = "DNS:mx.example.com", .unknown_critical = true }));
	assert_rejected(a, TLS_FAILURE_UNTRUSTED, "unhandled critical extension");
}

/* TLSA-27: authorities with keys of every kind. */
static void authorities_of_every_kind_of_key_are_understood(void **state)
{
	struct asked *a = *state;
	for (enum test_key kind = 0; kind < TEST_KEY_COUNT; kind++) {
		a->chain.certs_count = 0;
		a->records_count = 0;
		struct test_node *root = node(a, (struct test_node_spec){
			.name = "root", .kind = kind, .constraints = "critical,CA:TRUE" });
		present(a, host(a, root));
		publish(a, root, 2, 1, 0);
		assert_match(a, 0, 1);
		a->records_count = 0;
		present(a, root);
		publish(a, root, 2, 1, 1);
		assert_match(a, 0, 1);
	}
}

/* ---- DANE-TA: names ---- */

/* DANE-31, DANE-33: only the names that were asked about. */
static void usage_2_wants_one_of_the_names(void **state)
{
	struct asked *a = *state;
	struct three t = make_three(a);
	present(a, t.middle);
	publish(a, t.middle, 2, 0, 1);
	a->name = TEXT("example.com");
	assert_rejected(a, TLS_FAILURE_NAME, "for mx.example.com, not for example.com");
	const struct text names[] = { TEXT("a.example"), TEXT("mx.example.com") };
	const struct dane_question question = { &a->chain, a->records, 1, names, 2, a->time_s };
	dane_verify(&question, &a->verdict);
	assert_true(a->verdict.is_match);
	const struct dane_question nameless = { &a->chain, a->records, 1, NULL, 0, a->time_s };
	dane_verify(&nameless, &a->verdict);
	assert_false(a->verdict.is_match);
}

/* DANE-35, DANE-36, through the verifier. */
static void usage_2_takes_a_common_name_only_without_others_and_whole_wildcards(void **state)
{
	struct asked *a = *state;
	struct test_node *root = authority(a, "root", NULL);
	publish(a, root, 2, 0, 0);
	present(a, node(a, (struct test_node_spec){ .name = "mx.example.com", .issuer = root }));
	assert_match(a, 0, 1);
	a->chain.certs_count = 0;
	present(a, node(a, (struct test_node_spec){ .name = "mx.example.com", .issuer = root,
		.alternatives = "DNS:other.example.com" }));
	assert_rejected(a, TLS_FAILURE_NAME, "other.example.com");
	a->chain.certs_count = 0;
	present(a, keep(a, test_node_host("DNS:*.example.com", root)));
	assert_match(a, 0, 1);
	a->chain.certs_count = 0;
	present(a, keep(a, test_node_host("DNS:m*.example.com", root)));
	assert_rejected(a, TLS_FAILURE_NAME, "m*.example.com");
}

/* ---- bounds ---- */

/* TLSA-28: a chain that offers as many wrong ways as it can ends soon, and is no match. */
static void a_chain_made_to_keep_us_busy_is_given_up(void **state)
{
	struct asked *a = *state;
	struct test_node *root = authority(a, "same", NULL);
	struct test_node *real = authority(a, "same", root);
	present(a, host(a, real));
	while (a->chain.certs_count < TLS_CHAIN_MAX)
		present(a, node(a, (struct test_node_spec){ .name = "same", .key_of = real,
			.issuer = real, .constraints = "critical,CA:TRUE" }));
	struct test_node *anchor = authority(a, "same", NULL);
	publish(a, anchor, 2, 0, 0);
	publish(a, anchor, 2, 1, 0);
	assert_rejected(a, TLS_FAILURE_UNTRUSTED, "no valid path");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(usage_2_finds_its_anchor_in_the_chain_by_every_selector_and_type),
		TEST(an_intermediate_can_be_the_anchor),
		TEST(a_digest_of_an_anchor_that_is_not_presented_matches_nothing),
		TEST(an_anchor_that_only_the_dns_has_is_enough),
		TEST(an_anchor_in_the_dns_needs_the_certificates_between),
		TEST(a_key_that_only_the_dns_has_is_enough_where_it_signed_the_top),
		TEST(a_key_in_the_dns_does_not_excuse_an_expired_top),
		TEST(a_key_in_the_dns_that_signed_nothing_matches_nothing),
		TEST(the_leaf_itself_is_no_anchor),
		TEST(the_order_of_the_chain_and_strangers_in_it_do_not_matter),
		TEST(of_two_authorities_with_one_name_the_one_that_signed_is_found),
		TEST(an_expired_anchor_is_not_in_the_way_of_a_good_one),
		TEST(an_expired_anchor_is_none),
		TEST(dates_are_those_of_the_time_that_is_asked_about),
		TEST(a_signature_that_does_not_verify_is_no_path),
		TEST(a_certificate_that_is_no_authority_issues_nothing),
		TEST(a_host_issues_nothing_as_the_top_of_a_path),
		TEST(the_constraints_of_the_anchor_hold),
		TEST(name_constraints_of_the_anchor_hold),
		TEST(names_beside_the_constraints_of_an_authority_do_not_count),
		TEST(thousands_of_names_and_constraints_are_given_up),
		TEST(an_anchor_in_the_dns_with_the_name_of_a_presented_authority_is_found),
		TEST(a_leaf_for_clients_or_with_an_unknown_critical_extension_is_refused),
		TEST(authorities_of_every_kind_of_key_are_understood),
		TEST(usage_2_wants_one_of_the_names),
		TEST(usage_2_takes_a_common_name_only_without_others_and_whole_wildcards),
		TEST(a_chain_made_to_keep_us_busy_is_given_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
