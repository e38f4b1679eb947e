#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "engine/mail/address.h"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 4096, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static void assert_text(struct text have, const char *want)
{
	assert_int_equal(have.len, strlen(want));
	if (have.len > 0)
		assert_memory_equal(have.data, want, have.len);
}

static char *repeat(char *at, char c, size_t count)
{
	memset(at, c, count);
	at[count] = '\0';
	return at + count;
}

/* SMTP-22: the local part stays byte for byte. MX-01, EXT-U8-04: the domain is A-labels. */
static void mailboxes_keep_their_local_part_and_get_an_ascii_domain(void **state)
{
	(void)state;
	static const struct {
		const char *mailbox, *text, *local, *domain;
		bool is_literal, needs_smtputf8;
	} rows[] = {
		{ "ann@a.example", "ann@a.example", "ann", "a.example", false, false },
		{ "Ann.B+tag@A.Example", "Ann.B+tag@a.example", "Ann.B+tag", "a.example", false,
			false },
		{ "!#$%&'*+-/=?^_`{|}~@a.example", "!#$%&'*+-/=?^_`{|}~@a.example",
			"!#$%&'*+-/=?^_`{|}~", "a.example", false, false },
		{ "\"a b\"@a.example", "\"a b\"@a.example", "\"a b\"", "a.example", false, false },
		{ "\"a\\\"b\\\\@c\"@a.example", "\"a\\\"b\\\\@c\"@a.example", "\"a\\\"b\\\\@c\"",
			"a.example", false, false },
		{ "\"\"@a.example", "\"\"@a.example", "\"\"", "a.example", false, false },
		{ "\"a..b.\"@a.example", "\"a..b.\"@a.example", "\"a..b.\"", "a.example", false,
			false },
		{ "ann@a.example.", "ann@a.example", "ann", "a.example", false, false },
		{ "ann@localhost", "ann@localhost", "ann", "localhost", false, false },
		{ "user@b\xc3\xbc"
		  "cher.example",
			"user@xn--bcher-kva.example", "user", "xn--bcher-kva.example", false,
			false },
		{ "user@B\xc3\x9c"
		  "CHER.example",
			"user@xn--bcher-kva.example", "user", "xn--bcher-kva.example", false,
			false },
		{ "j\xc3\xb6rg@a.example", "j\xc3\xb6rg@a.example", "j\xc3\xb6rg", "a.example",
			false, true },
		{ "\"j\xc3\xb6 g\"@a.example", "\"j\xc3\xb6 g\"@a.example", "\"j\xc3\xb6 g\"",
			"a.example", false, true },
		{ "ann@[192.0.2.1]", "ann@[192.0.2.1]", "ann", "[192.0.2.1]", true, false },
		{ "ann@[ipv6:2001:DB8:0::1]", "ann@[IPv6:2001:db8::1]", "ann", "[IPv6:2001:db8::1]",
			true, false },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct envelope_address address;
		struct fail fail;
		fail_clear(&fail);
		enum result result =
			address_parse_mailbox(text_of(rows[i].mailbox), &arena, &address, &fail);
		assert_string_equal(fail.text, "");
		assert_int_equal(result, RESULT_OK);
		assert_text(address.text, rows[i].text);
		assert_text(envelope_local_part(&address), rows[i].local);
		assert_text(envelope_domain(&address), rows[i].domain);
		assert_int_equal(address.is_literal, rows[i].is_literal);
		assert_int_equal(address.needs_smtputf8, rows[i].needs_smtputf8);
	}
}

/* SMTP-23: no source routes. SMTP-24, SEC-19: nothing that could end a command or a path. */
static void what_is_no_mailbox_is_refused_with_a_sentence(void **state)
{
	(void)state;
	static const struct {
		struct text mailbox;
		const char *says;
	} rows[] = {
		{ TEXT_INIT(""), "no @" },
		{ TEXT_INIT("ann"), "no @" },
		{ TEXT_INIT("@a.example"), "nothing before the @" },
		{ TEXT_INIT("@a.example,@b.example:ann@c.example"), "source route" },
		{ TEXT_INIT("a@@b"), "its domain" },
		{ TEXT_INIT("a@b@c.example"), "its domain" },
		{ TEXT_INIT("ann@"), "its domain is empty" },
		{ TEXT_INIT("ann@."), "its domain is empty" },
		{ TEXT_INIT("ann@a..example"), "empty label" },
		{ TEXT_INIT("ann@-a.example"), "hyphen" },
		{ TEXT_INIT("ann@a b.example"), "its domain" },
		{ TEXT_INIT("ann@192.0.2.1"), "not in brackets" },
		{ TEXT_INIT("ann@[192.0.2.1"), "its domain" },
		{ TEXT_INIT("ann@[]"), "address literal" },
		{ TEXT_INIT("ann@[192.0.2.256]"), "address literal" },
		{ TEXT_INIT("ann@[2001:db8::1]"), "address literal" },
		{ TEXT_INIT("ann@[IPv6:192.0.2.1]"), "address literal" },
		{ TEXT_INIT("ann@[X400:c=de]"), "address literal" },
		{ TEXT_INIT("a b@a.example"), "needs quotes" },
		{ TEXT_INIT("a(b)@a.example"), "needs quotes" },
		{ TEXT_INIT("a<b@a.example"), "needs quotes" },
		{ TEXT_INIT(".ann@a.example"), "between dots" },
		{ TEXT_INIT("ann.@a.example"), "between dots" },
		{ TEXT_INIT("a..b@a.example"), "between dots" },
		{ TEXT_INIT("\"ann@a.example"), "needs quotes" },
		{ TEXT_INIT("\"ann\"b@a.example"), "needs quotes" },
		{ TEXT_INIT("\"ann\\\"@a.example"), "needs quotes" },
		{ TEXT_INIT("\"a\tb\"@a.example"), "needs quotes" },
		{ TEXT_INIT("\"a\\\xc3\xbc\"@a.example"), "needs quotes" },
		{ TEXT_INIT("\xff@a.example"), "not UTF-8" },
		{ TEXT_INIT("a\xc3@a.example"), "not UTF-8" },
		{ TEXT_INIT("ann@\xff.example"), "UTF-8" },
		{ TEXT_INIT("ann@\xe2\x98\x83\xef\xbf\xbe.example"), "its domain" },
		{ TEXT_INIT("a@x>\r\nRCPT TO:<b@y"), "its domain" },
		{ TEXT_INIT("a\r\nRCPT TO:<b@y"), "needs quotes" },
		{ TEXT_INIT("\"a\r\nb\"@a.example"), "needs quotes" },
		{ TEXT_INIT("a\0b@a.example"), "needs quotes" },
		{ TEXT_INIT("\"a\0b\"@a.example"), "needs quotes" },
		{ TEXT_INIT("ann@a\0.example"), "its domain" },
		{ TEXT_INIT("a\x7f@a.example"), "needs quotes" },
		{ TEXT_INIT("ann@a.example\n"), "its domain" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct envelope_address address;
		struct fail fail;
		enum result result =
			address_parse_mailbox(rows[i].mailbox, &arena, &address, &fail);
		assert_int_equal(result, RESULT_INVALID);
		if (strstr(fail.text, rows[i].says) == NULL)
			fail_msg("row %zu: \"%s\" does not say \"%s\"", i, fail.text, rows[i].says);
		assert_true(text_is_utf8(text_of(fail.text)));
		for (const char *c = fail.text; *c != '\0'; c++)
			assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
	}
}

/* SMTP-25: local part 64, path 256 with < and >, domain 253. */
static void lengths_at_their_limits(void **state)
{
	(void)state;
	static const struct {
		size_t local, label_fill;
		enum result result;
	} rows[] = {
		{ 63, 10, RESULT_OK },
		{ 64, 10, RESULT_OK },
		{ 65, 10, RESULT_INVALID },
		/* local + @ + 3 labels of 60 with dots (183) + fill: 254 in all */
		{ 60, 9, RESULT_OK },
		{ 60, 10, RESULT_OK },
		{ 60, 11, RESULT_INVALID },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char mailbox[512], *at = repeat(mailbox, 'l', rows[i].local);
		at = repeat(at, '@', 1);
		if (i >= 3)
			for (int label = 0; label < 3; label++)
				at = repeat(repeat(at, 'd', 60), '.', 1);
		at = repeat(at, 'e', rows[i].label_fill);
		struct envelope_address address;
		struct fail fail;
		assert_int_equal(address_parse_mailbox(text_of(mailbox), &arena, &address, &fail),
			rows[i].result);
		if (i >= 3)
			assert_int_equal(strlen(mailbox), 253 + (i - 3));
	}
}

static void a_quoted_local_part_counts_with_its_quotes(void **state)
{
	(void)state;
	for (size_t inner = 61; inner <= 63; inner++) {
		char mailbox[128];
		char *at = repeat(mailbox, '"', 1);
		at = repeat(repeat(at, 'q', inner), '"', 1);
		memcpy(at, "@a.example", sizeof "@a.example");
		struct envelope_address address;
		struct fail fail;
		assert_int_equal(address_parse_mailbox(text_of(mailbox), &arena, &address, &fail),
			inner <= 62 ? RESULT_OK : RESULT_INVALID);
	}
}

static void fields_give_the_address_and_what_follows(void **state)
{
	(void)state;
	static const struct {
		const char *value, *address, *rest;
	} rows[] = {
		{ "<ann@a.example>", "ann@a.example", "" },
		{ "ann@a.example", "ann@a.example", "" },
		{ "  ann@a.example\t", "ann@a.example", "" },
		{ "<>", "", "" },
		{ "<> RET=HDRS", "", "RET=HDRS" },
		{ "<ann@a.example> BODY=7bit RET=HDRS", "ann@a.example", "BODY=7bit RET=HDRS" },
		{ "ann@a.example BODY=7bit\tRET=HDRS ", "ann@a.example", "BODY=7bit\tRET=HDRS" },
		{ "\"a b\"@a.example SMTPUTF8", "\"a b\"@a.example", "SMTPUTF8" },
		{ "<\"a> b\"@a.example> X", "\"a> b\"@a.example", "X" },
		/* .NET: MailAddress with a display name */
		{ "\"Ann Bee\" <ann@a.example>", "ann@a.example", "" },
		{ "=?utf-8?B?w4RubmE=?= <ann@a.example>", "ann@a.example", "" },
		{ "=?utf-8?Q?=C3=84nn?= =?utf-8?Q?a?= <ann@a.example> RET=FULL", "ann@a.example",
			"RET=FULL" },
		{ "Ann B. Cee <ann@a.example>", "ann@a.example", "" },
		{ "\"Bee, Ann <x@y>\"<ann@a.example>", "ann@a.example", "" },
		{ "\xc3\x84nna <ann@a.example>", "ann@a.example", "" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct envelope_address address;
		struct text rest;
		struct fail fail;
		fail_clear(&fail);
		enum result result =
			address_parse_field(text_of(rows[i].value), &arena, &address, &rest, &fail);
		assert_string_equal(fail.text, "");
		assert_int_equal(result, RESULT_OK);
		assert_text(address.text, rows[i].address);
		assert_text(rest, rows[i].rest);
	}
}

static void fields_without_one_address_are_refused(void **state)
{
	(void)state;
	static const char *const values[] = {
		"",
		"  ",
		"<",
		"<ann@a.example",
		"ann@a.example>",
		"<ann@a.example>RET=FULL",
		"<<ann@a.example>>",
		"< >",
		"< ann@a.example>",
		"<@b.example:ann@a.example>",
		"Bee, Ann <ann@a.example>",
		"Ann (Bee) <ann@a.example>",
		"\"Ann <ann@a.example>",
		"<\"ann@a.example>",
		"Ann",
		"Ann Bee",
		"mailto:ann@a.example",
		"<postmaster>",
	};
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		struct envelope_address address;
		struct text rest;
		struct fail fail;
		enum result result =
			address_parse_field(text_of(values[i]), &arena, &address, &rest, &fail);
		if (result != RESULT_INVALID)
			fail_msg("taken: %s", values[i]);
	}
}

/* Several addresses on one line: the second must not pass as a parameter in silence. */
static void what_follows_an_address_is_handed_out_and_never_dropped(void **state)
{
	(void)state;
	struct envelope_address address;
	struct text rest;
	struct fail fail;
	assert_int_equal(address_parse_field(TEXT("<a@a.example> <b@b.example>"), &arena, &address,
				 &rest, &fail),
		RESULT_OK);
	assert_text(rest, "<b@b.example>");
	assert_int_equal(address_parse_field(
				 TEXT("a@a.example, b@b.example"), &arena, &address, &rest, &fail),
		RESULT_INVALID);
}

static void an_exhausted_arena_is_no_fault_of_the_address(void **state)
{
	(void)state;
	uint8_t memory[256];
	struct arena small;
	arena_init_fixed(&small, memory, sizeof memory);
	while (arena_alloc(&small, 1) != NULL)
		;
	struct envelope_address address;
	struct fail fail;
	assert_int_equal(address_parse_mailbox(TEXT("ann@a.example"), &small, &address, &fail),
		RESULT_MEMORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mailboxes_keep_their_local_part_and_get_an_ascii_domain),
		cmocka_unit_test(what_is_no_mailbox_is_refused_with_a_sentence),
		cmocka_unit_test(lengths_at_their_limits),
		cmocka_unit_test(a_quoted_local_part_counts_with_its_quotes),
		cmocka_unit_test(fields_give_the_address_and_what_follows),
		cmocka_unit_test(fields_without_one_address_are_refused),
		cmocka_unit_test(what_follows_an_address_is_handed_out_and_never_dropped),
		cmocka_unit_test(an_exhausted_arena_is_no_fault_of_the_address),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
