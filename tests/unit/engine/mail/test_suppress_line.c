#include "engine/mail/suppress_line.h"
#include "tests/unit/unit.h"

static struct suppress_line line;
static struct fail fail;

static enum result parse(const char *text)
{
	return suppress_line_parse(text_of(text), &line, &fail);
}

static void lines_of_lists_and_tables_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *text, *key;
		int64_t time;
		const char *reason;
	} rows[] = {
		{ "ann@a.example", "ann@a.example", 0, "" },
		{ "  Ann@A.example \r", "ann@a.example", 0, "" },
		{ "<bob@b.example> asked by phone", "bob@b.example", 0, "asked by phone" },
		{ "cy@c.example,\"unsubscribed, twice\"", "cy@c.example", 0,
			"unsubscribed, twice" },
		{ "cy@c.example, why", "cy@c.example", 0, "why" },
		{ "dee@d.example\t2026-09-01T12:34:56.5Z\thard bounce", "dee@d.example", 1788266096,
			"hard bounce" },
		{ "dee@d.example\t2026-09-01T12:34:56Z\t", "dee@d.example", 1788266096, "" },
		{ "dee@d.example 2026-09-01T14:34:56+02:00 x y", "dee@d.example", 1788266096,
			"x y" },
		{ "dee@d.example 1960-01-01T00:00:00Z", "dee@d.example", 1, "" },
		{ "dee@d.example 2026-09-01", "dee@d.example", 0, "2026-09-01" },
		{ "a@b\treason\tanother column\t", "a@b", 0, "reason" },
		{ "\"a, b\"@b gr\xc3\xbcn", "\"a, b\"@b", 0, "gr\xc3\xbcn" },
		{ "<\"a> \\\" b\"@b>,x", "\"a> \\\" b\"@b", 0, "x" },
		{ "\xef\xbb\xbf"
		  "a@b",
			"a@b", 0, "" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (parse(rows[i].text) != RESULT_OK)
			fail_msg("%s: %s", rows[i].text, fail.text);
		assert_false(line.is_empty);
		assert_text_equal(text_of_bytes(line.key, line.key_len), rows[i].key);
		assert_int_equal(line.time_unix_s, rows[i].time);
		assert_text_equal(line.reason, rows[i].reason);
	}
}

static void empty_lines_and_comments_say_nothing(void **state)
{
	(void)state;
	static const char *const rows[] = { "", " \t\r", "# ann@a.example", "\xef\xbb\xbf# list" };
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(parse(rows[i]), RESULT_OK);
		assert_true(line.is_empty);
	}
}

static void what_is_no_address_or_no_text_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "email,reason", "no @" },
		{ "@a.example", "nothing before the @" },
		{ "<>", "not one address" },
		{ "a@b\x01 x", "not an address" },
		{ "<a@b", "no closing >" },
		{ "Ann <a@b>", "no @" },
		{ "a@b why\x07", "printable" },
		{ "a@b \xff", "printable" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(parse(rows[i].text), RESULT_INVALID);
		if (strstr(fail.text, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].text, fail.text);
	}
	char longest[SUPPRESS_LINE_BYTES_MAX + 2];
	memset(longest, 'x', sizeof longest);
	memcpy(longest, "a@b ", 4);
	longest[SUPPRESS_LINE_BYTES_MAX + 1] = '\0';
	assert_int_equal(parse(longest), RESULT_INVALID);
	longest[SUPPRESS_LINE_BYTES_MAX] = '\0';
	assert_int_equal(parse(longest), RESULT_OK);
	assert_int_equal(suppress_line_parse_address(TEXT("a@b c"), &line, &fail), RESULT_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_lists_and_tables_are_read),
		cmocka_unit_test(empty_lines_and_comments_say_nothing),
		cmocka_unit_test(what_is_no_address_or_no_text_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
