#include "engine/spool/job_recipients.h"
#include <stdio.h>
#include <stdlib.h>
#include "engine/base/buf.h"
#include "tests/unit/unit.h"

static struct arena arena;
static struct job_recipient recipient;
static struct job_lines lines;
static struct fail fail;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 65536, JOB_LINE_ARENA_BYTES_MAX);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static enum result parse(const char *line)
{
	arena_reset(&arena);
	return job_recipient_parse(text_of(line), &arena, &recipient, &fail);
}

static void all_that_a_line_can_say_is_read(void **state)
{
	(void)state;
	if (parse("{\"to\":\"Ann "
		  "<ann@A.example>\",\"vars\":{\"name\":\"Ann\",\"n\":-4,\"ok\":false,\"no\":null},"
		  "\"id\":\"4711\",\"from\":\"b@list.example\",\"not_before\":\"2026-09-01T14:34:"
		  "56+02:00\"}") != RESULT_OK)
		fail_msg("%s", fail.text);
	assert_text_equal(recipient.to.text, "ann@a.example");
	assert_true(recipient.has_from);
	assert_text_equal(recipient.from.text, "b@list.example");
	assert_text_equal(recipient.id, "4711");
	assert_int_equal(recipient.not_before_unix_s, 1788266096);
	assert_int_equal(recipient.values_count, 3);
	assert_text_equal(recipient.values[1].name, "n");
	assert_text_equal(recipient.values[1].value, "-4");
	assert_text_equal(recipient.values[2].value, "false");
	assert_int_equal(
		parse("{\"to\":\"a@b\",\"id\":null,\"vars\":null,\"from\":\"\"}"), RESULT_OK);
	assert_true(recipient.has_from);
	assert_text_equal(recipient.from.text, "");
	assert_text_equal(recipient.id, "");
	assert_int_equal(recipient.values_count, 0);
	assert_int_equal(parse("{\"to\":\"a@b\"}"), RESULT_OK);
	assert_false(recipient.has_from);
}

static void whoever_wants_to_hear_of_him_says_so_as_behind_rcpt_to(void **state) /* RFC 3461 4.1 */
{
	(void)state;
	assert_int_equal(parse("{\"to\":\"a@b\",\"notify\":\"failure,DELAY\"}"), RESULT_OK);
	assert_true(recipient.notify.failure && recipient.notify.delay);
	assert_false(recipient.notify.never || recipient.notify.success);
	assert_int_equal(parse("{\"to\":\"a@b\",\"notify\":\"NEVER\"}"), RESULT_OK);
	assert_true(recipient.notify.never);
	assert_int_equal(parse("{\"to\":\"a@b\",\"notify\":null}"), RESULT_OK);
	assert_false(envelope_notify_given(recipient.notify));
}

static void a_line_that_cannot_be_read_refuses_its_recipient(void **state) /* SMTP-24 */
{
	(void)state;
	static const struct {
		const char *line, *says;
	} rows[] = {
		{ "ann@a.example", "no JSON" },
		{ "{\"to\":\"a@b\"", "no JSON" },
		{ "{\"to\":\"a@b\"}{\"to\":\"c@d\"}", "no JSON" },
		{ "{\"to\":\"a@b\",\"to\":\"c@d\"}", "duplicate" },
		{ "{}", "there is no \"to\"" },
		{ "{\"to\":null}", "'to': is no string" },
		{ "{\"to\":\"\"}", "'to': there is no address" },
		{ "{\"to\":\"<>\"}", "'to': '<>' is not one address" },
		{ "{\"to\":\"a@b\\r\\nRCPT TO:<c@d>\"}", "'to':" },
		{ "{\"to\":\"a@b\\u0000\"}", "no JSON" },
		{ "{\"to\":\"a@b\",\"vars\":[]}", "'vars': is no object" },
		{ "{\"to\":\"a@b\",\"vars\":{\"id\":1}}", "'vars': 'id': is a value" },
		{ "{\"to\":\"a@b\",\"vars\":{\"x\":{}}}", "'vars': 'x': is neither" },
		{ "{\"to\":\"a@b\",\"var\":{}}", "'var': is no key of a recipient" },
		{ "{\"to\":\"a@b\",\"id\":7}", "'id': is no string" },
		{ "{\"to\":\"a@b\",\"from\":\"x\"}", "'from': 'x' is not an address" },
		{ "{\"to\":\"a@b\",\"notify\":\"NEVER,FAILURE\"}", "'notify':" },
		{ "{\"to\":\"a@b\",\"notify\":\"SOMETIMES\"}", "'notify':" },
		{ "{\"to\":\"a@b\",\"notify\":\"FAILURE ORCPT=rfc822;x\"}", "'notify':" },
		{ "{\"to\":\"a@b\",\"notify\":\"\"}", "'notify':" },
		{ "{\"to\":\"a@b\",\"notify\":true}", "'notify': is no string" },
		{ "{\"to\":\"\xff@b\"}", "no JSON" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (parse(rows[i].line) != RESULT_INVALID ||
			strstr(fail.text, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].line, fail.text);
}

static void the_largest_line_has_room_in_the_arena(void **state)
{
	(void)state;
	char *line = malloc(JOB_LINE_BYTES_MAX + 1);
	assert_non_null(line);
	/* As many values as there may be, in as long a line: half of it escapes. */
	size_t len = (size_t)snprintf(line, 64, "{\"to\":\"a@b\",\"vars\":{");
	for (int i = 0; i < JOB_VALUES_MAX; i++)
		len += (size_t)snprintf(line + len, 32, "\"n%d\":\"\",", i);
	len -= 2; /* the last value is open again */
	while (len + 3 < JOB_LINE_BYTES_MAX - 3)
		len += (size_t)snprintf(line + len, 3, "\\n");
	len += (size_t)snprintf(line + len, 4, "\"}}");
	line[len] = '\0';
	if (parse(line) != RESULT_OK)
		fail_msg("%s", fail.text);
	assert_int_equal(recipient.values_count, JOB_VALUES_MAX);
	assert_true(len <= JOB_LINE_BYTES_MAX);
	free(line);
}

/* ---- lines ---- */

/* What is told of the whole, in pieces that end at `cut`, as "number@offset:line|". */
static char told_memory[4096];
static struct buf told;

static void tell(enum job_lines_event event)
{
	if (event == JOB_LINES_LINE)
		buf_printf(&told, "%llu@%llu:%.*s|", (unsigned long long)lines.number,
			(unsigned long long)lines.line_at, TEXT_ARG(lines.line));
	else if (event == JOB_LINES_TOO_LONG)
		buf_printf(&told, "%llu too long|", (unsigned long long)lines.number);
}

static void read_pieces(struct text whole, size_t cut)
{
	struct text pieces[] = { text_cut(whole, cut), text_skip(whole, cut) };
	enum job_lines_event event;
	buf_init(&told, told_memory, sizeof told_memory);
	job_lines_init(&lines, 0, 1);
	for (size_t i = 0; i < COUNT_OF(pieces); i++)
		do {
			event = job_lines_input(&lines, &pieces[i]);
			tell(event);
		} while (event != JOB_LINES_MORE);
	while ((event = job_lines_end(&lines)) != JOB_LINES_END)
		tell(event);
}

static void lines_are_the_same_at_every_split_point(void **state)
{
	(void)state;
	struct text whole = TEXT("{\"a\":1}\n\r\n  {2}\t\r\n{3}\n\n{4}");
	for (size_t cut = 0; cut <= whole.len; cut++) {
		read_pieces(whole, cut);
		assert_text_equal(buf_text(&told), "1@0:{\"a\":1}|3@10:{2}|4@18:{3}|6@23:{4}|");
	}
	/* From a line that an index tells of. */
	job_lines_init(&lines, 18, 4);
	struct text rest = text_skip(whole, 18);
	assert_int_equal(job_lines_input(&lines, &rest), JOB_LINES_LINE);
	assert_int_equal(lines.line_at, 18);
	assert_int_equal(lines.number, 4);
	assert_text_equal(lines.line, "{3}");
}

static void a_line_that_is_too_long_is_told_and_the_next_is_read(void **state)
{
	(void)state;
	size_t len = JOB_LINE_BYTES_MAX;
	char *text = malloc(2 * len + 64);
	assert_non_null(text);
	memset(text, 'x', len + 1);
	memcpy(text + len + 1, "\n{2}\n", 6);
	const size_t cuts[] = { 0, 1, len - 1, len, len + 1, len + 2, len + 4 };
	for (size_t i = 0; i < COUNT_OF(cuts); i++) {
		read_pieces(text_of(text), cuts[i]);
		assert_text_equal(buf_text(&told), "1 too long|2@65538:{2}|");
	}
	/* At the end of the file, and of just the length that is allowed. */
	text[len + 1] = '\0';
	read_pieces(text_of(text), 5);
	assert_text_equal(buf_text(&told), "1 too long|");
	text[len] = '\0';
	job_lines_init(&lines, 0, 1);
	struct text whole = text_of(text);
	assert_int_equal(job_lines_input(&lines, &whole), JOB_LINES_MORE);
	assert_int_equal(job_lines_end(&lines), JOB_LINES_LINE);
	assert_int_equal(lines.line.len, len);
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_that_a_line_can_say_is_read),
		TEST(whoever_wants_to_hear_of_him_says_so_as_behind_rcpt_to),
		TEST(a_line_that_cannot_be_read_refuses_its_recipient),
		TEST(the_largest_line_has_room_in_the_arena),
		TEST(lines_are_the_same_at_every_split_point),
		TEST(a_line_that_is_too_long_is_told_and_the_next_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
