#include "engine/mail/template_body.h"
#include <stdlib.h>
#include "engine/base/limits.h"
#include "engine/mail/transfer_encoding.h"
#include "tests/unit/unit.h"

static struct arena arena;
static struct template_names names;
static struct template_values values;
static struct template_text text;
static const struct template_body *body;
static struct fail fail;
static char source_memory[65536], scratch_memory[262144], out_memory[524288], wanted_memory[524288];
static struct buf scratch, out, wanted;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 4096, 1 << 24);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static void compile(struct text source)
{
	arena_reset(&arena);
	fail_clear(&fail);
	names.count = 0;
	memset(&values, 0, sizeof values);
	values.missing_is_empty = true;
	if (template_text_compile(source, &names, &arena, &text, &fail) != RESULT_OK ||
		template_body_compile(&text, &arena, &body, &fail) != RESULT_OK)
		fail_msg("%s", fail.text);
}

static void set(const char *name, struct text value)
{
	size_t place = template_names_find(&names, text_of(name));
	if (place == TEXT_NONE)
		return;
	values.items[place] = value;
	values.has[place] = true;
}

static void put(void)
{
	struct scanned scanned;
	buf_init(&scratch, scratch_memory, sizeof scratch_memory);
	buf_init(&out, out_memory, sizeof out_memory);
	scanned_init(&scanned, &out);
	assert_int_equal(
		template_body_put(body, &names, &values, TEMPLATE_PLAIN, &scratch, &scanned, &fail),
		RESULT_OK);
	assert_false(out.overflow || scratch.overflow);
	struct octet_scan scan = scanned_end(&scanned);
	assert_true(octet_scan_is_of(&scan, buf_text(&out)));
}

/* Expanded, and then encoded, as a whole. */
static enum transfer_encoding put_wanted(void)
{
	buf_init(&scratch, scratch_memory, sizeof scratch_memory);
	buf_init(&wanted, wanted_memory, sizeof wanted_memory);
	assert_int_equal(
		template_text_expand(&text, &names, &values, TEMPLATE_PLAIN, &scratch, &fail),
		RESULT_OK);
	struct text whole = buf_text(&scratch);
	enum transfer_encoding encoding = transfer_encoding_of(whole);
	if (encoding == TRANSFER_ENCODING_BASE64 && text_ends(whole, TEXT("\r\n")))
		whole = text_cut(whole, whole.len - 2);
	buf_printf(
		&wanted, "Content-Transfer-Encoding: %s\r\n\r\n", transfer_encoding_name(encoding));
	transfer_encoding_put(&wanted, encoding, whole);
	return encoding;
}

static enum transfer_encoding is_as_of_the_whole(void)
{
	put();
	enum transfer_encoding encoding = put_wanted();
	if (!text_equal(buf_text(&out), buf_text(&wanted)))
		fail_msg("%.*s\n is not\n%.*s", TEXT_ARG(buf_text(&out)),
			TEXT_ARG(buf_text(&wanted)));
	return encoding;
}

static void fill(struct buf *buf, const char *line, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		buf_put_cstr(buf, line);
}

static struct text letter(const char *line, const char *head, const char *tail)
{
	struct buf source;
	buf_init(&source, source_memory, sizeof source_memory);
	buf_put_cstr(&source, head);
	fill(&source, line, 40);
	buf_put_cstr(&source, tail);
	return buf_text(&source);
}

static void lines_for_all_are_copied_in_the_encoding_that_they_need(void **state)
{
	(void)state;
	compile(letter("one of many lines\r\n", "Dear {{name}},\r\n", "Yours, {{name}}\r\n"));
	set("name", TEXT("Ann"));
	assert_int_equal(is_as_of_the_whole(), TRANSFER_ENCODING_7BIT);
	compile(letter("Gr\xc3\xbc\xc3\x9f aus dem hohen Norden, liebe alle =\r\n", "{{name}}\r\n",
		"{{name}}"));
	set("name", TEXT("Ann"));
	assert_int_equal(is_as_of_the_whole(), TRANSFER_ENCODING_QUOTED_PRINTABLE);
	compile(letter("\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\r\n", "{{name}}\r\n", "{{name}}"));
	set("name", TEXT("Ann"));
	assert_int_equal(is_as_of_the_whole(), TRANSFER_ENCODING_BASE64);
}

static void a_value_that_needs_another_encoding_gets_it_for_all_lines(void **state)
{
	(void)state;
	static char many[8192], long_line[1200];
	for (size_t i = 0; i < sizeof many; i++)
		many[i] = i % 2 == 0 ? (char)0xc3 : (char)0xbc;
	memset(long_line, 'x', sizeof long_line);
	compile(letter("one of many lines\r\n", "Dear {{name}},\r\n", "{{end}}\r\n.\r\n"));
	set("name", TEXT("J\xc3\xbcrgen"));
	assert_int_equal(is_as_of_the_whole(), TRANSFER_ENCODING_QUOTED_PRINTABLE);
	set("name", TEXT("Ann"));
	assert_int_equal(is_as_of_the_whole(), TRANSFER_ENCODING_7BIT);
	set("end", TEXT("a\rb"));
	assert_int_equal(is_as_of_the_whole(), TRANSFER_ENCODING_QUOTED_PRINTABLE);
	set("end", text_of_bytes(long_line, sizeof long_line));
	assert_int_equal(is_as_of_the_whole(), TRANSFER_ENCODING_QUOTED_PRINTABLE);
	set("end", text_of_bytes(long_line, MESSAGE_LINE_BYTES_MAX));
	assert_int_equal(is_as_of_the_whole(), TRANSFER_ENCODING_7BIT);
	set("end", text_of_bytes(many, sizeof many));
	assert_int_equal(is_as_of_the_whole(), TRANSFER_ENCODING_BASE64);
	/* The lines that made it quoted-printable are not for him. */
	compile(letter("Gr\xc3\xbc\xc3\x9f aus dem hohen Norden, liebe alle\r\n", "{{#name}}\r\n",
		"{{/name}}\r\n."));
	set("name", TEXT("false"));
	assert_int_equal(
		is_as_of_the_whole(), TRANSFER_ENCODING_QUOTED_PRINTABLE); /* no line end */
	compile(letter("Gr\xc3\xbc\xc3\x9f aus dem hohen Norden, liebe alle\r\n", "{{#name}}\r\n",
		"{{/name}}\r\nx\r\n"));
	set("name", TEXT("false"));
	assert_int_equal(is_as_of_the_whole(), TRANSFER_ENCODING_7BIT);
}

static void a_value_that_may_not_stand_there_refuses_its_recipient(void **state)
{
	(void)state;
	struct scanned scanned;
	compile(letter("one of many lines\r\n", "Dear {{name}},\r\n", "{{end}}\r\n"));
	set("name", TEXT("Ann"));
	set("end", TEXT("\x1b"));
	buf_init(&scratch, scratch_memory, sizeof scratch_memory);
	buf_init(&out, out_memory, sizeof out_memory);
	scanned_init(&scanned, &out);
	assert_int_equal(
		template_body_put(body, &names, &values, TEMPLATE_PLAIN, &scratch, &scanned, &fail),
		RESULT_INVALID);
	assert_non_null(strstr(fail.text, "the value of 'end'"));
}

static void what_does_not_fit_is_seen_as_such(void **state)
{
	(void)state;
	struct scanned scanned;
	compile(letter("one of many lines\r\n", "Dear {{name}},\r\n", "{{name}}\r\n"));
	set("name", TEXT("Ann"));
	put();
	size_t whole = out.len;
	for (size_t size = 0; size < whole; size++) {
		buf_init(&scratch, scratch_memory, sizeof scratch_memory);
		buf_init(&out, out_memory, size);
		scanned_init(&scanned, &out);
		assert_int_equal(template_body_put(body, &names, &values, TEMPLATE_PLAIN, &scratch,
					 &scanned, &fail),
			RESULT_OK);
		assert_true(out.overflow);
	}
}

/* Sections, values and literals of all kinds one behind the other, from a seed. */
static void whatever_it_is_made_of_it_is_as_of_the_whole(void **state)
{
	(void)state;
	static const char *const fragments[] = { "x", " ", "\r\n", "\n", "\r", ".", "=", "\xc3\xbc",
		"{{a}}", "{{b}}", "{{{c}}}", "{{#d}}", "{{^e}}", "{{! note }}", "\r\n.dot\r\n",
		"a line of text that is long enough to be one of several\r\n",
		"blank at its end \r\n", "Gr\xc3\xbc\xc3\x9f\r\n" };
	static const char *const contents[] = { "", "Ann", "\n", "\r", "a\r\nb", ".", "=", " ",
		"\xc3\xbc\xc3\xbc", "false" };
	unsigned seen[3] = { 0 };
	srandom(7);
	for (unsigned round = 0; round < 3000; round++) {
		struct buf source;
		char open[8];
		size_t depth = 0, kinds = 1 + (size_t)random() % COUNT_OF(fragments);
		buf_init(&source, source_memory, sizeof source_memory);
		for (size_t i = (size_t)random() % 120; i > 0; i--) {
			const char *fragment =
				fragments[COUNT_OF(fragments) - 1 - (size_t)random() % kinds];
			bool opens =
				fragment[0] == '{' && (fragment[2] == '#' || fragment[2] == '^');
			if (opens && depth == sizeof open)
				continue;
			fill(&source, fragment, opens || random() % 4 > 0 ? 1 : 12);
			if (opens)
				open[depth++] = fragment[3];
			if (depth > 0 && random() % 8 == 0)
				buf_printf(&source, "{{/%c}}", open[--depth]);
		}
		while (depth > 0)
			buf_printf(&source, "{{/%c}}", open[--depth]);
		assert_false(source.overflow);
		compile(buf_text(&source));
		for (unsigned who = 0; who < 4; who++) {
			for (const char *name = "abcde"; *name != '\0'; name++) {
				const char one[] = { *name, '\0' };
				set(one, text_of(contents[(size_t)random() %
							  (who == 0 ? 2 : COUNT_OF(contents))]));
			}
			seen[is_as_of_the_whole()]++;
		}
	}
	for (size_t i = 0; i < COUNT_OF(seen); i++)
		assert_true(seen[i] > 300);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_for_all_are_copied_in_the_encoding_that_they_need),
		TEST(a_value_that_needs_another_encoding_gets_it_for_all_lines),
		TEST(a_value_that_may_not_stand_there_refuses_its_recipient),
		TEST(what_does_not_fit_is_seen_as_such),
		TEST(whatever_it_is_made_of_it_is_as_of_the_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
