#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/domain_name.h"

#define LABEL63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	struct text name;
	enum domain_name_fault fault;
	const char *ascii;
} rows[] = {
	{ TEXT_INIT("example.com"), DOMAIN_NAME_OK, "example.com" },
	{ TEXT_INIT("Example.COM."), DOMAIN_NAME_OK, "example.com" }, /* DNS-36 */
	{ TEXT_INIT("host"), DOMAIN_NAME_OK, "host" },                /* MX-21 */
	{ TEXT_INIT("a_b.example"), DOMAIN_NAME_OK, "a_b.example" },
	{ TEXT_INIT("xn--bcher-kva.example"), DOMAIN_NAME_OK, "xn--bcher-kva.example" },
	{ TEXT_INIT("4.example"), DOMAIN_NAME_OK, "4.example" },
	{ TEXT_INIT("1.2.3.4x"), DOMAIN_NAME_OK, "1.2.3.4x" },
	{ TEXT_INIT(LABEL63 ".b"), DOMAIN_NAME_OK, LABEL63 ".b" },
	/* MX-01: conversion, with mapping and without the transitional rules. */
	{ TEXT_INIT("b\xc3\xbc" "cher.example"), DOMAIN_NAME_OK, "xn--bcher-kva.example" },
	{ TEXT_INIT("B\xc3\x9c" "CHER.Example"), DOMAIN_NAME_OK, "xn--bcher-kva.example" },
	{ TEXT_INIT("bu\xcc\x88" "cher.example"), DOMAIN_NAME_OK, "xn--bcher-kva.example" },
	{ TEXT_INIT("fa\xc3\x9f.example"), DOMAIN_NAME_OK, "xn--fa-hia.example" },
	{ TEXT_INIT("b\xc3\xbc" "cher\xe3\x80\x82" "example\xe3\x80\x82"), DOMAIN_NAME_OK,
		"xn--bcher-kva.example" },
	{ TEXT_INIT("xn--bcher-kva.b\xc3\xbc" "cher"), DOMAIN_NAME_OK,
		"xn--bcher-kva.xn--bcher-kva" },
	{ TEXT_INIT("_dmarc.b\xc3\xbc" "cher.example"), DOMAIN_NAME_OK,
		"_dmarc.xn--bcher-kva.example" },

	{ TEXT_INIT(""), DOMAIN_NAME_EMPTY, "" },
	{ TEXT_INIT("."), DOMAIN_NAME_EMPTY, "" },
	{ TEXT_INIT("a..b"), DOMAIN_NAME_LABEL_EMPTY, "" },
	{ TEXT_INIT(".a"), DOMAIN_NAME_LABEL_EMPTY, "" },
	{ TEXT_INIT("a.."), DOMAIN_NAME_LABEL_EMPTY, "" },
	{ TEXT_INIT(LABEL63 "a.b"), DOMAIN_NAME_LABEL_TOO_LONG, "" },
	{ TEXT_INIT("a b.example"), DOMAIN_NAME_OCTET, "" },
	{ TEXT_INIT("a\0b.example"), DOMAIN_NAME_OCTET, "" },
	{ TEXT_INIT("a\r\nb.example"), DOMAIN_NAME_OCTET, "" },
	{ TEXT_INIT("a\\.b.example"), DOMAIN_NAME_OCTET, "" },
	{ TEXT_INIT("a@b.example"), DOMAIN_NAME_OCTET, "" },
	{ TEXT_INIT("-a.example"), DOMAIN_NAME_HYPHEN, "" },
	{ TEXT_INIT("a-.example"), DOMAIN_NAME_HYPHEN, "" },
	{ TEXT_INIT("192.0.2.1"), DOMAIN_NAME_ADDRESS, "" }, /* MX-12 */
	{ TEXT_INIT("192.0.2.1."), DOMAIN_NAME_ADDRESS, "" },
	{ TEXT_INIT("0x7f000001"), DOMAIN_NAME_ADDRESS, "" },
	{ TEXT_INIT("example.25"), DOMAIN_NAME_ADDRESS, "" },
	/* What is mapped is judged after the mapping: full-width digits, U+2100 for "a/c". */
	{ TEXT_INIT("\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1"), DOMAIN_NAME_ADDRESS, "" },
	{ TEXT_INIT("\xe2\x84\x80.example"), DOMAIN_NAME_OCTET, "" },
	{ TEXT_INIT("\xff\xfe.example"), DOMAIN_NAME_UTF8, "" },
	{ TEXT_INIT("\xc3.example"), DOMAIN_NAME_UTF8, "" },
	{ TEXT_INIT("\xe2\x98\x83\xe2\x80\xae.example"), DOMAIN_NAME_IDN, "" }, /* U+202E */
	{ TEXT_INIT("\xcc\x88" "a.example"), DOMAIN_NAME_IDN, "" }, /* begins with a combining mark */
};

static void a_name_becomes_a_labels_or_has_a_fault(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char ascii[DOMAIN_NAME_SIZE] = "left over";
		enum domain_name_fault fault = domain_name_to_ascii(rows[i].name, ascii);
		if (fault != rows[i].fault)
			fail_msg("%.*s %s", TEXT_ARG(rows[i].name), domain_name_fault_text(fault));
		assert_string_equal(ascii, rows[i].ascii);
	}
}

static void the_longest_name_has_253_octets(void **state)
{
	(void)state;
	char name[300], ascii[DOMAIN_NAME_SIZE];
	snprintf(name, sizeof name, "%s.%s.%s.%.61s", LABEL63, LABEL63, LABEL63, LABEL63);
	assert_int_equal(strlen(name), DOMAIN_NAME_MAX);
	assert_int_equal(domain_name_to_ascii(text_of(name), ascii), DOMAIN_NAME_OK);
	assert_string_equal(ascii, name);
	snprintf(name, sizeof name, "%s.%s.%s.%.62s", LABEL63, LABEL63, LABEL63, LABEL63);
	assert_int_equal(domain_name_to_ascii(text_of(name), ascii), DOMAIN_NAME_TOO_LONG);
}

/* Each character is two octets of UTF-8, and a label of 100 of them has more than 63 octets. */
static void a_long_u_label_is_too_long_as_an_a_label(void **state)
{
	(void)state;
	char name[210], ascii[DOMAIN_NAME_SIZE];
	for (size_t i = 0; i < 200; i += 2)
		memcpy(name + i, "\xc3\xbc", 2);
	assert_int_equal(domain_name_to_ascii(text_of_bytes(name, 200), ascii),
		DOMAIN_NAME_LABEL_TOO_LONG);
	static char huge[DOMAIN_NAME_INPUT_MAX + 1];
	memset(huge, 'a', sizeof huge);
	assert_int_equal(domain_name_to_ascii(text_of_bytes(huge, sizeof huge), ascii),
		DOMAIN_NAME_TOO_LONG);
}

static void every_fault_has_a_sentence(void **state)
{
	(void)state;
	for (int fault = 0; fault < DOMAIN_NAME_FAULTS; fault++)
		assert_true(strlen(domain_name_fault_text((enum domain_name_fault)fault)) > 5);
}

/* DNS-36 */
static void names_compare_without_case_and_last_dot(void **state)
{
	(void)state;
	assert_true(domain_name_equal(TEXT("MAIL.Example."), TEXT("mail.example")));
	assert_true(domain_name_equal(TEXT("mail.example"), TEXT("mail.example.")));
	assert_false(domain_name_equal(TEXT("mail.example"), TEXT("mail.example.org")));
	assert_false(domain_name_equal(TEXT("mail.example.."), TEXT("mail.example")));
	assert_false(domain_name_equal(TEXT("m\xc3\xa4il"), TEXT("m\xc3\x84il")));
}

static void a_name_is_within_itself_and_what_stands_above(void **state)
{
	(void)state;
	assert_true(domain_name_is_within(TEXT("mx.A.example"), TEXT("a.EXAMPLE.")));
	assert_true(domain_name_is_within(TEXT("a.example"), TEXT("a.example")));
	assert_false(domain_name_is_within(TEXT("xa.example"), TEXT("a.example")));
	assert_false(domain_name_is_within(TEXT("example"), TEXT("a.example")));
	assert_false(domain_name_is_within(TEXT("a.example"), TEXT("")));
}

/* MX-12 */
static void a_number_at_the_end_makes_an_address(void **state)
{
	(void)state;
	assert_true(domain_name_is_address_text(TEXT("192.0.2.1.")));
	assert_true(domain_name_is_address_text(TEXT("a.0XfF")));
	assert_false(domain_name_is_address_text(TEXT("a.0x")));
	assert_false(domain_name_is_address_text(TEXT("1a")));
	assert_false(domain_name_is_address_text(TEXT("1.a")));
	assert_false(domain_name_is_address_text(TEXT("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_becomes_a_labels_or_has_a_fault),
		cmocka_unit_test(the_longest_name_has_253_octets),
		cmocka_unit_test(a_long_u_label_is_too_long_as_an_a_label),
		cmocka_unit_test(every_fault_has_a_sentence),
		cmocka_unit_test(names_compare_without_case_and_last_dot),
		cmocka_unit_test(a_name_is_within_itself_and_what_stands_above),
		cmocka_unit_test(a_number_at_the_end_makes_an_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
