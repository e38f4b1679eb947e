/* DANE-35, DANE-36, SEC-09, SEC-30, TLS-23: which names a certificate has, and what they cover. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/tls/test_ca.h"
#include "tls/cert_name.h"

static bool matches(const struct test_node *node, enum cert_name_rule rule, const char *name)
{
	struct text text = text_of(name);
	return cert_name_matches(&node->der, rule, CERT_NAME_WILDCARDS, &text, 1);
}

static struct test_node make(const char *common, const char *alternatives)
{
	const struct test_node_spec spec = {
		.name = common, .kind = TEST_KEY_P256, .alternatives = alternatives
	};
	return test_node_make(&spec);
}

static void a_name_covers_itself_in_any_case(void **state)
{
	(void)state;
	assert_true(cert_name_covers(TEXT("mx.example.com"), TEXT("mx.example.com")));
	assert_true(cert_name_covers(TEXT("MX.Example.COM"), TEXT("mx.example.com")));
	assert_false(cert_name_covers(TEXT("mx.example.com"), TEXT("mx2.example.com")));
	assert_false(cert_name_covers(TEXT("example.com"), TEXT("mx.example.com")));
	assert_false(cert_name_covers(TEXT("mx.example.com."), TEXT("mx.example.com")));
	assert_false(cert_name_covers(TEXT_EMPTY, TEXT_EMPTY));
	assert_false(cert_name_covers(TEXT(""), TEXT("mx.example.com")));
}

/* DANE-36, RFC 7672 3.2.3. */
static void a_wildcard_is_the_whole_first_label_and_covers_one(void **state)
{
	(void)state;
	assert_true(cert_name_covers(TEXT("*.example.com"), TEXT("mx1.example.com")));
	assert_true(cert_name_covers(TEXT("*.Example.com"), TEXT("mx1.example.com")));
	assert_false(cert_name_covers(TEXT("*.example.com"), TEXT("a.b.example.com")));
	assert_false(cert_name_covers(TEXT("*.example.com"), TEXT("example.com")));
	assert_false(cert_name_covers(TEXT("*.example.com"), TEXT(".example.com")));
	assert_false(cert_name_covers(TEXT("smtp*.example.com"), TEXT("smtp1.example.com")));
	assert_false(cert_name_covers(TEXT("*smtp.example.com"), TEXT("asmtp.example.com")));
	assert_false(cert_name_covers(TEXT("mx.*.com"), TEXT("mx.example.com")));
	assert_false(cert_name_covers(TEXT("*.*.com"), TEXT("mx.example.com")));
	assert_false(cert_name_covers(TEXT("*"), TEXT("com")));
	assert_false(cert_name_covers(TEXT("*."), TEXT("com.")));
	assert_false(cert_name_covers(TEXT("*.com"), TEXT("example.com")));
}

static void any_of_the_alternative_names_is_enough(void **state)
{
	(void)state;
	struct test_node node = make("c.example", "DNS:a.example,email:x@y.example,DNS:*.b.example");
	const struct text names[] = { TEXT("z.example"), TEXT("mx.b.example") };
	assert_true(cert_name_matches(&node.der, CERT_NAME_ALTERNATIVE_ONLY, CERT_NAME_WILDCARDS, names, 2));
	assert_false(cert_name_matches(&node.der, CERT_NAME_ALTERNATIVE_ONLY, CERT_NAME_WILDCARDS, names, 1));
	assert_false(cert_name_matches(&node.der, CERT_NAME_ALTERNATIVE_ONLY, CERT_NAME_WILDCARDS, names, 0));
	assert_true(matches(&node, CERT_NAME_ALTERNATIVE_ONLY, "a.example"));
	test_node_free(&node);
}

static void wildcards_can_be_left_out(void **state)
{
	(void)state;
	struct test_node node = make(NULL, "DNS:*.b.example,DNS:a.b.example");
	const struct text a = TEXT("a.b.example"), c = TEXT("c.b.example");
	assert_true(cert_name_matches(
		&node.der, CERT_NAME_ALTERNATIVE_ONLY, CERT_NAME_NO_WILDCARDS, &a, 1));
	assert_false(cert_name_matches(
		&node.der, CERT_NAME_ALTERNATIVE_ONLY, CERT_NAME_NO_WILDCARDS, &c, 1));
	test_node_free(&node);
}

/* DANE-35: with a DNS name among the alternative ones the common name is nothing. */
static void the_common_name_counts_only_without_alternative_names(void **state)
{
	(void)state;
	struct test_node with = make("mx.example.com", "DNS:other.example.com");
	struct test_node without = make("mx.example.com", NULL);
	struct test_node mail_only = make("mx.example.com", "email:x@example.com");
	assert_false(matches(&with, CERT_NAME_ALTERNATIVE_OR_COMMON, "mx.example.com"));
	assert_true(matches(&without, CERT_NAME_ALTERNATIVE_OR_COMMON, "mx.example.com"));
	/* Name constraints would not be applied to it. */
	assert_false(matches(&mail_only, CERT_NAME_ALTERNATIVE_OR_COMMON, "mx.example.com"));
	test_node_free(&with);
	test_node_free(&without);
	test_node_free(&mail_only);
}

/* TLS-23, SEC-09. */
static void the_common_name_never_counts_for_a_public_authority(void **state)
{
	(void)state;
	struct test_node node = make("mx.example.com", NULL);
	assert_false(matches(&node, CERT_NAME_ALTERNATIVE_ONLY, "mx.example.com"));
	test_node_free(&node);
}

static void a_subject_without_a_name_has_none(void **state)
{
	(void)state;
	struct test_node node = make(NULL, NULL);
	assert_false(matches(&node, CERT_NAME_ALTERNATIVE_OR_COMMON, "mx.example.com"));
	test_node_free(&node);
}

/* SEC-30: what follows a NUL belongs to the name. */
static void a_nul_inside_does_not_end_a_name(void **state)
{
	(void)state;
	struct test_node node = make(NULL, "DNS:mx.example.com.attacker.example");
	uint8_t *der = (uint8_t *)(uintptr_t)node.der.der;
	const char *at = memmem(der, node.der.der_len, "com.attacker", 12);
	assert_non_null(at);
	der[(const uint8_t *)at - der + 3] = '\0';
	assert_false(matches(&node, CERT_NAME_ALTERNATIVE_OR_COMMON, "mx.example.com"));
	assert_false(cert_name_covers(
		text_of_bytes("mx.example.com\0", 15), TEXT("mx.example.com")));
	test_node_free(&node);
}

/* A spoiled list must not let the common name in by the back door. */
static void alternative_names_that_cannot_be_read_leave_no_name(void **state)
{
	(void)state;
	struct test_node node = make("mx.example.com", "email:x@example.com");
	uint8_t *der = (uint8_t *)(uintptr_t)node.der.der;
	uint8_t *at = memmem(der, node.der.der_len, "x@example.com", 13);
	assert_non_null(at);
	at[-1]++; /* longer than the list */
	assert_false(matches(&node, CERT_NAME_ALTERNATIVE_OR_COMMON, "mx.example.com"));
	test_node_free(&node);
}

static void bytes_that_are_no_certificate_have_no_name(void **state)
{
	(void)state;
	struct test_node node = make("mx.example.com", "DNS:mx.example.com");
	for (size_t len = 0; len < node.der.der_len; len++) {
		struct test_node cut = node;
		cut.der.der = malloc(len);
		assert_non_null(cut.der.der);
		memcpy((uint8_t *)(uintptr_t)cut.der.der, node.der.der, len);
		cut.der.der_len = len;
		assert_false(matches(&cut, CERT_NAME_ALTERNATIVE_OR_COMMON, "mx.example.com"));
		free((void *)(uintptr_t)cut.der.der);
	}
	test_node_free(&node);
}

static void names_are_shown_as_far_as_they_fit_a_line(void **state)
{
	(void)state;
	char memory[200];
	struct buf buf;
	struct test_node few = make("c", "DNS:a.example,DNS:b.example,DNS:c.example,DNS:d.example");
	struct test_node none = make(NULL, NULL);
	buf_init(&buf, memory, sizeof memory);
	cert_name_put(&buf, &few.der, CERT_NAME_ALTERNATIVE_OR_COMMON);
	assert_string_equal(buf_cstr(&buf), "a.example, b.example and 2 more");
	buf_reset(&buf);
	cert_name_put(&buf, &none.der, CERT_NAME_ALTERNATIVE_OR_COMMON);
	assert_string_equal(buf_cstr(&buf), "no name");
	test_node_free(&few);
	struct test_node odd = make("a b\x7f", NULL);
	buf_reset(&buf);
	cert_name_put(&buf, &odd.der, CERT_NAME_ALTERNATIVE_OR_COMMON);
	assert_string_equal(buf_cstr(&buf), "a?b?");
	test_node_free(&none);
	test_node_free(&odd);
}

/* "presents a certificate for , not for mx.example.com" would tell nobody anything. */
static void a_name_without_octets_is_shown_as_such(void **state)
{
	(void)state;
	char memory[200];
	struct buf buf;
	struct test_node node = make(NULL, "DNS:ab,DNS:b.example");
	uint8_t *der = (uint8_t *)(uintptr_t)node.der.der;
	uint8_t *at = memmem(der, node.der.der_len, "\x82\x02" "ab", 4);
	assert_non_null(at);
	memcpy(at, "\x82\0\x81\0", 4); /* an empty dNSName, then an empty rfc822Name */
	buf_init(&buf, memory, sizeof memory);
	cert_name_put(&buf, &node.der, CERT_NAME_ALTERNATIVE_ONLY);
	assert_string_equal(buf_cstr(&buf), "an empty name, b.example");
	test_node_free(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_covers_itself_in_any_case),
		cmocka_unit_test(a_wildcard_is_the_whole_first_label_and_covers_one),
		cmocka_unit_test(any_of_the_alternative_names_is_enough),
		cmocka_unit_test(wildcards_can_be_left_out),
		cmocka_unit_test(the_common_name_counts_only_without_alternative_names),
		cmocka_unit_test(the_common_name_never_counts_for_a_public_authority),
		cmocka_unit_test(a_subject_without_a_name_has_none),
		cmocka_unit_test(a_nul_inside_does_not_end_a_name),
		cmocka_unit_test(alternative_names_that_cannot_be_read_leave_no_name),
		cmocka_unit_test(bytes_that_are_no_certificate_have_no_name),
		cmocka_unit_test(names_are_shown_as_far_as_they_fit_a_line),
		cmocka_unit_test(a_name_without_octets_is_shown_as_such),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
