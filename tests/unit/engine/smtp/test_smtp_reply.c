#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <cmocka.h>
#include "engine/smtp/smtp_reply.h"

/* Reads `input` in pieces and writes what came out of it: "250 text|354 text|!PROTOCOL". */
static void read_all(
	const char *input, size_t len, size_t first_piece, size_t piece, char *out, size_t out_size)
{
	struct smtp_reply_parser parser;
	struct fail fail;
	smtp_reply_init(&parser);
	fail_clear(&fail);
	out[0] = '\0';
	size_t at = 0, out_len = 0;
	while (at < len) {
		size_t size = at == 0 ? first_piece : piece;
		if (size > len - at)
			size = len - at;
		/* A copy of exactly this size, so that ASan sees reading past it. */
		uint8_t *copy = malloc(size);
		assert_non_null(copy);
		memcpy(copy, input + at, size);
		size_t done = 0;
		while (done < size) {
			size_t used = 0;
			enum smtp_reply_event event =
				smtp_reply_read(&parser, copy + done, size - done, &used, &fail);
			assert_true(used > 0 && used <= size - done);
			done += used;
			int n = 0;
			if (event == SMTP_REPLY_DONE) {
				assert_false(smtp_reply_is_partial(&parser));
				struct smtp_reply reply = smtp_reply_get(&parser);
				char status[SMTP_STATUS_TEXT_MAX];
				n = snprintf(out + out_len, out_size - out_len, "%u[%s] %.*s|",
					reply.code, smtp_status_format(reply.status, status),
					TEXT_ARG(reply.text));
			} else if (event == SMTP_REPLY_BAD) {
				n = snprintf(out + out_len, out_size - out_len, "!%s",
					result_name(fail.result));
				assert_string_not_equal(fail.text, "");
				free(copy);
				assert_true(n > 0);
				return;
			}
			assert_true(n >= 0 && (size_t)n < out_size - out_len);
			out_len += (size_t)n;
		}
		free(copy);
		at += size;
	}
}

static const struct {
	const char *input, *expected;
} rows[] = {
	{ "220 hi\r\n", "220[] hi|" },
	{ "250 2.0.0 ok\r\n354 go\r\n", "250[2.0.0] 2.0.0 ok|354[] go|" },
	/* SMTP-07: a bare code ends a reply; a code and a space, too */
	{ "250\r\n", "250[] |" },
	{ "250 \r\n", "250[] |" },
	{ "250-\r\n250-\r\n250\r\n", "250[] |" },
	/* SMTP-06: several lines */
	{ "250-a\r\n250-b\r\n250 c\r\n", "250[] a b c|" },
	{ "250-\r\n250-b\r\n250 \r\n", "250[] b|" },
	/* SMTP-11: LF ends a line as well, a lone CR never does */
	{ "250-a\n250 b\n", "250[] a b|" },
	{ "250 a\rb\r\n", "250[] a?b|" },
	{ "250 a\r\r\n", "250[] a?|" },
	{ "250 a\r250 b\n", "250[] a?250 b|" },
	{ "250\r 250\r\n", "!PROTOCOL" },
	/* SMTP-08: the first digit has to be the same; with that the last line's code counts */
	{ "250-x\r\n550 y\r\n", "!PROTOCOL" },
	{ "550-x\r\n554 y\r\n", "554[] x y|" },
	{ "421-x\r\n451-y\r\n450 z\r\n", "450[] x y z|" },
	/* SMTP-05: only 2yz to 5yz are replies */
	{ "150 hm\r\n", "!PROTOCOL" },
	{ "600 hm\r\n", "!PROTOCOL" },
	{ "000 hm\r\n", "!PROTOCOL" },
	{ "199\r\n", "!PROTOCOL" },
	/* SMTP-04: unknown codes of known classes */
	{ "299 x\r\n", "299[] x|" },
	{ "459 x\r\n", "459[] x|" },
	{ "599 x\r\n", "599[] x|" },
	/* SMTP-10: garbage is never skipped */
	{ "hello\r\n250 ok\r\n", "!PROTOCOL" },
	{ "\r\n250 ok\r\n", "!PROTOCOL" },
	{ "25\r\n", "!PROTOCOL" },
	{ "25x ok\r\n", "!PROTOCOL" },
	{ "2500 ok\r\n", "!PROTOCOL" },
	{ "250_ok\r\n", "!PROTOCOL" },
	{ "250\tok\r\n", "!PROTOCOL" },
	{ " 250 ok\r\n", "!PROTOCOL" },
	{ "250-a\r\nb\r\n250 c\r\n", "!PROTOCOL" },
	{ "HTTP/1.1 400 Bad Request\r\n", "!PROTOCOL" },
	{ "\x15\x03\x01", "!PROTOCOL" },
	{ "+OK pop\r\n", "!PROTOCOL" },
	/* SMTP-43, EXT-ESC-01: the class is the first digit of the code */
	{ "250 5.1.1 x\r\n", "250[] 5.1.1 x|" },
	{ "550 5.\r\n", "550[] 5.|" },
	{ "550 5.1\r\n", "550[] 5.1|" },
	{ "550 5.1.\r\n", "550[] 5.1.|" },
	{ "550 5.1.1\r\n", "550[5.1.1] 5.1.1|" },
	{ "550 5.7.509 x\r\n", "550[5.7.509] 5.7.509 x|" },
	{ "550 5.7.5090 x\r\n", "550[] 5.7.5090 x|" },
	{ "550 5.1.1x\r\n", "550[] 5.1.1x|" },
	{ "550\r\n", "550[] |" },
	/* a status that each line repeats is kept once */
	{ "550-5.1.1 The account\r\n550-5.1.1 does not\r\n550 5.1.1 exist.\r\n",
		"550[5.1.1] 5.1.1 The account does not exist.|" },
	{ "550-5.1.1 a\r\n550 5.7.1 b\r\n", "550[5.1.1] 5.1.1 a 5.7.1 b|" },
	{ "550-5.1.1 a\r\n550 5.1.1\r\n", "550[5.1.1] 5.1.1 a|" },
	{ "250-a\r\n250-  \r\n250 \t\r\n", "250[] a|" },
	{ "550-a\r\n550 5.1.1 b\r\n", "550[] a 5.1.1 b|" },
	/* the next reply starts clean: nothing of the one before (SMTP-43) */
	{ "550 5.1.1 x\r\n550 y\r\n", "550[5.1.1] 5.1.1 x|550[] y|" },
	/* EXT-U8-06: UTF-8 stays; tabs are spaces; ends are trimmed */
	{ "551 \xc3\xa4@x.example\r\n", "551[] \xc3\xa4@x.example|" },
	{ "250 a\tb\x1b[1m\x7f \t \r\n", "250[] a b?[1m?|" },
};

static void replies_are_read_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char out[512];
		size_t len = strlen(rows[i].input);
		read_all(rows[i].input, len, len, len, out, sizeof out);
		assert_string_equal(out, rows[i].expected);
	}
}

/* Each row, cut once at every place, and cut into pieces of every size. */
static void no_cut_changes_what_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char out[512];
		size_t len = strlen(rows[i].input);
		for (size_t at = 1; at <= len; at++) {
			read_all(rows[i].input, len, at, len, out, sizeof out);
			assert_string_equal(out, rows[i].expected);
			read_all(rows[i].input, len, at, at, out, sizeof out);
			assert_string_equal(out, rows[i].expected);
		}
	}
}

static void nul_and_controls_are_made_safe(void **state)
{
	(void)state;
	char out[64];
	const char input[] = "550 a\0b\1c\r\n";
	read_all(input, sizeof input - 1, sizeof input, 1, out, sizeof out);
	assert_string_equal(out, "550[] a?b?c|");
	const char in_code[] = "55\0 x\r\n";
	read_all(in_code, sizeof in_code - 1, sizeof in_code, 1, out, sizeof out);
	assert_string_equal(out, "!PROTOCOL");
}

/* SMTP-09, SEC-14: the largest line is read and cut, one octet more is an error. */
static void a_line_may_be_4096_octets_and_no_more(void **state)
{
	(void)state;
	for (size_t extra = 0; extra < 2; extra++) {
		size_t len = SMTP_REPLY_LINE_BYTES_MAX + extra;
		char *line = malloc(len + 3);
		assert_non_null(line);
		memset(line, 'x', len);
		memcpy(line, "250 ", 4);
		memcpy(line + len, "\r\n", 3);
		char out[SMTP_REPLY_TEXT_BYTES_MAX + 16];
		read_all(line, len + 2, 7, 100, out, sizeof out);
		if (extra == 0)
			assert_int_equal(strlen(out), 7 + SMTP_REPLY_TEXT_BYTES_MAX);
		else
			assert_string_equal(out, "!TOO_LONG");
		free(line);
	}
}

static void a_line_without_an_end_is_given_up(void **state)
{
	(void)state;
	struct smtp_reply_parser parser;
	smtp_reply_init(&parser);
	struct fail fail;
	static const uint8_t text[] = "220 ten megabytes of banner ";
	size_t used = 0, total = 0;
	enum smtp_reply_event event = smtp_reply_read(&parser, text, 4, &used, &fail);
	assert_int_equal(event, SMTP_REPLY_MORE);
	while (event == SMTP_REPLY_MORE) {
		event = smtp_reply_read(&parser, text + 4, sizeof text - 5, &used, &fail);
		total += used;
		assert_true(total <= SMTP_REPLY_LINE_BYTES_MAX + 64);
	}
	assert_int_equal(event, SMTP_REPLY_BAD);
	assert_int_equal(fail.result, RESULT_TOO_LONG);
}

static void a_reply_may_have_100_lines_and_no_more(void **state)
{
	(void)state;
	for (int lines = 99; lines <= 101; lines++) {
		char *input = malloc((size_t)lines * 8);
		assert_non_null(input);
		for (int i = 0; i < lines; i++)
			memcpy(input + i * 7, i == lines - 1 ? "250 x\r\n" : "250-x\r\n", 7);
		char out[512];
		read_all(input, (size_t)lines * 7, 3, 1000, out, sizeof out);
		if (lines <= SMTP_REPLY_LINES_MAX)
			assert_int_equal(strncmp(out, "250[] x x x", 11), 0);
		else
			assert_string_equal(out, "!TOO_LONG");
		free(input);
	}
}

static void a_reply_may_have_64_kilobytes_and_no_more(void **state)
{
	(void)state;
	enum { LINE = 4000 };
	char line[LINE + 2];
	memset(line, 'y', LINE);
	memcpy(line, "550-", 4);
	memcpy(line + LINE, "\r\n", 2);
	struct smtp_reply_parser parser;
	struct fail fail;
	smtp_reply_init(&parser);
	size_t total = 0, used = 0;
	enum smtp_reply_event event;
	do {
		event = smtp_reply_read(&parser, (const uint8_t *)line, sizeof line, &used, &fail);
		total += LINE;
	} while (event == SMTP_REPLY_LINE);
	assert_int_equal(event, SMTP_REPLY_BAD);
	assert_int_equal(fail.result, RESULT_TOO_LONG);
	assert_true(total > SMTP_REPLY_BYTES_MAX && total <= SMTP_REPLY_BYTES_MAX + LINE);
}

/* The limits are those of one reply, not of a session. */
static void many_replies_may_be_longer_than_one(void **state)
{
	(void)state;
	struct smtp_reply_parser parser;
	struct fail fail;
	smtp_reply_init(&parser);
	static uint8_t reply[4000];
	memset(reply, 'x', sizeof reply);
	memcpy(reply, "250-a\r\n250 ", 11);
	memcpy(reply + sizeof reply - 2, "\r\n", 2);
	for (int i = 0; i < 200; i++) {
		size_t used = 0, more = 0;
		assert_int_equal(smtp_reply_read(&parser, reply, sizeof reply, &used, &fail),
			SMTP_REPLY_LINE);
		assert_int_equal(
			smtp_reply_read(&parser, reply + used, sizeof reply - used, &more, &fail),
			SMTP_REPLY_DONE);
	}
}

static void a_frozen_reply_outlives_those_after_it(void **state)
{
	(void)state;
	struct smtp_reply_parser parser;
	struct fail fail;
	size_t used = 0;
	smtp_reply_init(&parser);
	static const uint8_t first[] = "554 5.7.1 go away\r\n",
			     second[] = "221-bye\r\n221 2.0.0 x\r\n";
	assert_int_equal(
		smtp_reply_read(&parser, first, sizeof first - 1, &used, &fail), SMTP_REPLY_DONE);
	smtp_reply_freeze(&parser);
	assert_int_equal(
		smtp_reply_read(&parser, second, sizeof second - 1, &used, &fail), SMTP_REPLY_LINE);
	size_t more = 0;
	assert_int_equal(
		smtp_reply_read(&parser, second + used, sizeof second - 1 - used, &more, &fail),
		SMTP_REPLY_DONE);
	struct smtp_reply reply = smtp_reply_get(&parser);
	assert_int_equal(reply.code, 554);
	assert_int_equal(reply.status.subject, 7);
	assert_true(text_equal(reply.text, TEXT("5.7.1 go away")));
}

static void lines_can_be_looked_at_one_by_one(void **state)
{
	(void)state;
	struct smtp_reply_parser parser;
	struct fail fail;
	smtp_reply_init(&parser);
	static const uint8_t input[] = "250-x.example\r\n250-\r\n250-SIZE 5\r\n250 DSN\r\n";
	static const char *const expected[] = { "x.example", "", "SIZE 5", "DSN" };
	size_t at = 0;
	for (size_t i = 0; i < 4; i++) {
		size_t used = 0;
		bool cut = true;
		enum smtp_reply_event event =
			smtp_reply_read(&parser, input + at, sizeof input - 1 - at, &used, &fail);
		at += used;
		assert_int_equal(event, i < 3 ? SMTP_REPLY_LINE : SMTP_REPLY_DONE);
		assert_true(text_equal(smtp_reply_line(&parser, &cut), text_of(expected[i])));
		assert_false(cut);
		if (i % 2 == 0)
			smtp_reply_drop_lines(&parser);
	}
}

static void a_line_longer_than_what_is_kept_says_so(void **state)
{
	(void)state;
	struct smtp_reply_parser parser;
	struct fail fail;
	smtp_reply_init(&parser);
	static uint8_t input[2048];
	memset(input, 'k', sizeof input);
	memcpy(input, "250-", 4);
	memcpy(input + sizeof input - 10, "\r\n250 k\r\n", 9);
	size_t used = 0;
	bool cut = false;
	assert_int_equal(
		smtp_reply_read(&parser, input, sizeof input - 1, &used, &fail), SMTP_REPLY_LINE);
	assert_int_equal(smtp_reply_line(&parser, &cut).len, SMTP_REPLY_TEXT_BYTES_MAX);
	assert_true(cut);
	smtp_reply_drop_lines(&parser);
	size_t more = 0;
	assert_int_equal(
		smtp_reply_read(&parser, input + used, sizeof input - 1 - used, &more, &fail),
		SMTP_REPLY_DONE);
	assert_true(text_equal(smtp_reply_line(&parser, &cut), TEXT("k")));
	assert_false(cut);
}

static void a_line_that_just_fits_is_not_cut(void **state)
{
	(void)state;
	struct smtp_reply_parser parser;
	struct fail fail;
	smtp_reply_init(&parser);
	static uint8_t input[4 + SMTP_REPLY_TEXT_BYTES_MAX + 2];
	memset(input, 'k', sizeof input);
	memcpy(input, "250 ", 4);
	memcpy(input + sizeof input - 2, "\r\n", 2);
	size_t used = 0;
	bool cut = true;
	assert_int_equal(
		smtp_reply_read(&parser, input, sizeof input, &used, &fail), SMTP_REPLY_DONE);
	assert_int_equal(smtp_reply_line(&parser, &cut).len, SMTP_REPLY_TEXT_BYTES_MAX);
	assert_false(cut);
}

static void a_reply_is_partial_from_its_first_octet_to_its_last(void **state)
{
	(void)state;
	struct smtp_reply_parser parser;
	struct fail fail;
	smtp_reply_init(&parser);
	static const uint8_t input[] = "250-a\r\n250 b\r\n";
	assert_false(smtp_reply_is_partial(&parser));
	for (size_t i = 0; i < sizeof input - 1; i++) {
		size_t used = 0;
		assert_int_not_equal(
			smtp_reply_read(&parser, input + i, 1, &used, &fail), SMTP_REPLY_BAD);
		assert_int_equal(smtp_reply_is_partial(&parser), i + 2 < sizeof input);
	}
}

static void status_codes_are_read_and_written(void **state)
{
	(void)state;
	static const struct {
		const char *text, *expected;
	} codes[] = {
		{ "2.0.0", "2.0.0" },
		{ "5.7.26 x", "5.7.26" },
		{ "4.999.999", "4.999.999" },
		{ "", "" },
		{ "5", "" },
		{ "5.", "" },
		{ "5.1", "" },
		{ "5.1.", "" },
		{ "5..1", "" },
		{ "5.1.1.", "" },
		{ "5.1.1:", "" },
		{ "3.1.1", "" },
		{ "1.1.1", "" },
		{ "55.1.1", "" },
		{ "5.1111.1", "" },
		{ "5.1.1111", "" },
		{ " 5.1.1", "" },
		{ "5.1.-1", "" },
		{ "5.01.001 x", "5.1.1" },
	};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		/* Exactly as long as the text: nothing may be read behind it. */
		size_t len = strlen(codes[i].text);
		char *copy = malloc(len + 1);
		assert_non_null(copy);
		memcpy(copy, codes[i].text, len);
		copy[len] = '9';
		char out[SMTP_STATUS_TEXT_MAX];
		assert_string_equal(
			smtp_status_format(smtp_status_parse(text_of_bytes(copy, len)), out),
			codes[i].expected);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_read_as_the_table_says),
		cmocka_unit_test(no_cut_changes_what_is_read),
		cmocka_unit_test(nul_and_controls_are_made_safe),
		cmocka_unit_test(a_line_may_be_4096_octets_and_no_more),
		cmocka_unit_test(a_line_without_an_end_is_given_up),
		cmocka_unit_test(a_reply_may_have_100_lines_and_no_more),
		cmocka_unit_test(a_reply_may_have_64_kilobytes_and_no_more),
		cmocka_unit_test(many_replies_may_be_longer_than_one),
		cmocka_unit_test(a_frozen_reply_outlives_those_after_it),
		cmocka_unit_test(lines_can_be_looked_at_one_by_one),
		cmocka_unit_test(a_line_longer_than_what_is_kept_says_so),
		cmocka_unit_test(a_line_that_just_fits_is_not_cut),
		cmocka_unit_test(a_reply_is_partial_from_its_first_octet_to_its_last),
		cmocka_unit_test(status_codes_are_read_and_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
