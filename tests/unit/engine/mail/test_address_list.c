#include "engine/mail/address_list.h"
#include "engine/base/buf.h"
#include "tests/unit/unit.h"

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

/* The mailboxes with a bar between them, or the sentence. */
static struct text read_all(const char *value, enum result *out_result)
{
	static char memory[4096];
	struct address_list list;
	struct text mailbox;
	struct fail fail = { 0 };
	struct buf buf;
	bool more = true;
	buf_init(&buf, memory, sizeof memory);
	address_list_init(&list, text_of(value), &arena);
	while (more) {
		*out_result = address_list_next(&list, &mailbox, &more, &fail);
		if (*out_result != RESULT_OK) {
			buf_reset(&buf);
			buf_put_cstr(&buf, fail.text);
			break;
		}
		if (!more)
			break;
		buf_put_text(&buf, mailbox);
		buf_put_u8(&buf, '|');
	}
	return buf_text(&buf);
}

/* RFC 5322 3.4 and appendix A.1, and what is written beside it. */
static void mailboxes_are_found_in_every_form_that_people_write(void **state)
{
	(void)state;
	static const struct {
		const char *value, *mailboxes;
	} rows[] = {
		{ "", "" },
		{ "  , ,, ", "" },
		{ "ann@a.example", "ann@a.example|" },
		{ "ann", "ann|" },
		{ "ann@a.example,bob@b.example", "ann@a.example|bob@b.example|" },
		{ " ann@a.example , bob@b.example, ", "ann@a.example|bob@b.example|" },
		{ "Ann <ann@a.example>, \"Bee, Bob\" <bob@b.example>",
			"ann@a.example|bob@b.example|" },
		{ "<ann@a.example>", "ann@a.example|" },
		{ "<ann>", "ann|" },
		{ "ann@a.example (Ann (the) \\) one)", "ann@a.example|" },
		{ "(x) ann (y) @ (z) a . example", "ann@a.example|" },
		{ "\"a b\"@a.example", "\"a b\"@a.example|" },
		{ "\"a\\\"b, c\"@a.example", "\"a\\\"b, c\"@a.example|" },
		{ "Joe Q. Public <john.q.public@example.com>", "john.q.public@example.com|" },
		{ "=?utf-8?Q?=C3=84nn?= <ann@a.example>", "ann@a.example|" },
		{ "\xc3\x84nn <\xc3\xa4nn@a.example>", "\xc3\xa4nn@a.example|" },
		{ "Ann [sales] <ann@a.example>", "ann@a.example|" },
		{ "ann@x.example <ann@a.example>", "ann@a.example|" },
		{ "A Group: Ed Jones <joe@where.test>,john@jdoe.example;",
			"joe@where.test|john@jdoe.example|" },
		{ "Undisclosed recipients:;", "" },
		{ "undisclosed-recipients:", "" },
		{ "G:a@b;, c@d", "a@b|c@d|" },
		{ "a@b; c@d", "a@b|c@d|" },
		{ "me@[192.0.2.1]", "me@[192.0.2.1]|" },
		{ "me@[IPv6:2001:db8::1], b@c", "me@[IPv6:2001:db8::1]|b@c|" },
		{ "Ann\t<ann@a.example>", "ann@a.example|" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum result result;
		struct text got = read_all(rows[i].value, &result);
		if (result != RESULT_OK || !text_equal(got, text_of(rows[i].mailboxes)))
			fail_msg("%s gives %.*s", rows[i].value, TEXT_ARG(got));
	}
}

static void what_is_not_closed_or_no_address_is_an_error_with_a_sentence(void **state)
{
	(void)state;
	static const struct {
		const char *value, *says;
	} rows[] = {
		{ "Ann Bee", "words that are no address" },
		{ "ann@a.example bob@b.example", "words that are no address" },
		{ "Ann <ann@a.example", "no closing >" },
		{ "Ann <ann@a.example> x", "goes on behind" },
		{ "Ann <a@b> <c@d>", "goes on behind" },
		{ "Ann <>", "nothing between" },
		{ "\"Ann <a@b>", "quote that is not closed" },
		{ "<\"Ann>", "quote that is not closed" },
		{ "a@b (c", "comment that is not closed" },
		{ "a@b \\(c", "comment that is not closed" },
		{ "a@[192.0.2.1", "quote that is not closed" },
		{ "((((((((((((((((((((((((((((((((((((((((x", "comment that is not closed" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum result result;
		struct text got = read_all(rows[i].value, &result);
		assert_int_equal(result, RESULT_INVALID);
		if (text_find_text(got, text_of(rows[i].says)) == TEXT_NONE)
			fail_msg("%s says %.*s", rows[i].value, TEXT_ARG(got));
	}
}

static void a_mailbox_beyond_all_limits_is_an_error_and_a_display_name_is_not(void **state)
{
	(void)state;
	char value[4000];
	enum result result;
	memset(value, 'x', sizeof value);
	value[3000] = '\0';
	(void)read_all(value, &result);
	assert_int_equal(result, RESULT_INVALID);
	memcpy(value + 3000, " <a@b>", sizeof " <a@b>");
	assert_text_equal(read_all(value, &result), "a@b|");
}

static void without_memory_it_says_so(void **state)
{
	(void)state;
	char memory[256];
	struct arena small;
	struct address_list list;
	struct text mailbox;
	struct fail fail = { 0 };
	bool more = true;
	enum result result = RESULT_OK;
	arena_init_fixed(&small, memory, sizeof memory);
	address_list_init(&list,
		TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b,"
		     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b,"
		     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b"),
		&small);
	while (more && result == RESULT_OK)
		result = address_list_next(&list, &mailbox, &more, &fail);
	assert_int_equal(result, RESULT_MEMORY);
	arena_deinit(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mailboxes_are_found_in_every_form_that_people_write),
		cmocka_unit_test(what_is_not_closed_or_no_address_is_an_error_with_a_sentence),
		cmocka_unit_test(a_mailbox_beyond_all_limits_is_an_error_and_a_display_name_is_not),
		cmocka_unit_test(without_memory_it_says_so),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
