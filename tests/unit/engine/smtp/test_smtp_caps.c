#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/check.h"
#include "engine/smtp/smtp_caps.h"

static const struct {
	const char *line;
	struct smtp_caps expected;
} rows[] = {
	{ "PIPELINING", { .offered = SMTP_CAP_PIPELINING } },
	{ "8BITMIME", { .offered = SMTP_CAP_8BITMIME } },
	{ "SMTPUTF8", { .offered = SMTP_CAP_SMTPUTF8 } },
	{ "CHUNKING", { .offered = SMTP_CAP_CHUNKING } },
	{ "BINARYMIME", { .offered = SMTP_CAP_BINARYMIME } },
	{ "DSN", { .offered = SMTP_CAP_DSN } },
	{ "ENHANCEDSTATUSCODES", { .offered = SMTP_CAP_ENHANCEDSTATUSCODES } },
	{ "REQUIRETLS", { .offered = SMTP_CAP_REQUIRETLS } },
	/* STLS-16: without case; text behind it does not matter */
	{ "STARTTLS", { .offered = SMTP_CAP_STARTTLS } },
	{ "StartTLS", { .offered = SMTP_CAP_STARTTLS } },
	{ "STARTTLS X", { .offered = SMTP_CAP_STARTTLS } },
	{ "pipelining", { .offered = SMTP_CAP_PIPELINING } },
	/* SEC-03, EXT-GEN-01: garbled and unknown keywords are none */
	{ "XXXXXXXA", { 0 } },
	{ "STARTTLSX", { 0 } },
	{ "STARTTLS.example", { 0 } },
	{ "X STARTTLS", { 0 } },
	{ " STARTTLS", { 0 } },
	{ "", { 0 } },
	{ "AUTH PLAIN LOGIN", { 0 } },
	{ "STARTTL\xd3", { 0 } },
	/* EXT-SIZE-02 */
	{ "SIZE", { .offered = SMTP_CAP_SIZE } },
	{ "SIZE 0", { .offered = SMTP_CAP_SIZE } },
	{ "SIZE 1000", { .offered = SMTP_CAP_SIZE, .size_max = 1000 } },
	{ "size 157286400", { .offered = SMTP_CAP_SIZE, .size_max = 157286400 } },
	{ "SIZE abc", { .offered = SMTP_CAP_SIZE } },
	{ "SIZE -1", { .offered = SMTP_CAP_SIZE } },
	{ "SIZE 1000x", { .offered = SMTP_CAP_SIZE } },
	{ "SIZE  1000", { .offered = SMTP_CAP_SIZE, .size_max = 1000 } },
	{ "SIZE 18446744073709551615", { .offered = SMTP_CAP_SIZE, .size_max = UINT64_MAX } },
	{ "SIZE 18446744073709551616", { .offered = SMTP_CAP_SIZE } },
	{ "SIZE 99999999999999999999", { .offered = SMTP_CAP_SIZE } },
	/* EXT-LIM-01, EXT-LIM-03 */
	{ "LIMITS", { .offered = SMTP_CAP_LIMITS } },
	{ "LIMITS RCPTMAX=0 MAILMAX=5 FOO", { .offered = SMTP_CAP_LIMITS, .mails_max = 5 } },
	{ "LIMITS MAILMAX=1 RCPTMAX=2 RCPTDOMAINMAX=3", { .offered = SMTP_CAP_LIMITS,
								.mails_max = 1,
								.rcpts_max = 2,
								.rcpt_domains_max = 3 } },
	{ "limits mailmax=7 rcptmax=999999",
		{ .offered = SMTP_CAP_LIMITS, .mails_max = 7, .rcpts_max = 999999 } },
	{ "LIMITS RCPTMAX=1000000 MAILMAX=5", { .offered = SMTP_CAP_LIMITS, .mails_max = 5 } },
	{ "LIMITS MAILMAX=x RCPTMAX=4", { .offered = SMTP_CAP_LIMITS, .rcpts_max = 4 } },
	{ "LIMITS MAILMAX RCPTMAX=4", { .offered = SMTP_CAP_LIMITS, .rcpts_max = 4 } },
	{ "LIMITS FUTURE=a/b RCPTMAX=4", { .offered = SMTP_CAP_LIMITS, .rcpts_max = 4 } },
	/* bad grammar: all of it is ignored */
	{ "LIMITS MAILMAX=5 RCPT MAX=;", { 0 } },
	{ "LIMITS MAILMAX=5 =3", { 0 } },
	{ "LIMITS MAILMAX=5 RCPTMAX=", { 0 } },
	{ "LIMITS MAILMAX=5  RCPTMAX=3", { 0 } },
	{ "LIMITS MAILMAX=5;RCPTMAX=3", { 0 } },
	{ "LIMITS MAILMAX=5 RCPT\xc3\x84MAX=3", { 0 } },
};

static void assert_caps(const struct smtp_caps *caps, const struct smtp_caps *expected)
{
	assert_int_equal(caps->offered, expected->offered);
	assert_true(caps->size_max == expected->size_max);
	assert_int_equal(caps->mails_max, expected->mails_max);
	assert_int_equal(caps->rcpts_max, expected->rcpts_max);
	assert_int_equal(caps->rcpt_domains_max, expected->rcpt_domains_max);
}

static void add(struct smtp_caps *caps, const char *line, bool cut)
{
	/* Exactly as long as the text, so that ASan sees reading behind it. */
	size_t len = strlen(line);
	char *copy = malloc(len > 0 ? len : 1);
	assert_non_null(copy);
	memcpy(copy, line, len);
	smtp_caps_add_line(caps, text_of_bytes(copy, len), cut);
	free(copy);
}

static void each_line_offers_what_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct smtp_caps caps;
		smtp_caps_reset(&caps);
		add(&caps, rows[i].line, false);
		assert_caps(&caps, &rows[i].expected);
	}
}

static void lines_add_up_and_the_newest_size_counts(void **state)
{
	(void)state;
	struct smtp_caps caps;
	smtp_caps_reset(&caps);
	add(&caps, "SIZE 1000", false);
	add(&caps, "PIPELINING", false);
	add(&caps, "SIZE", false);
	const struct smtp_caps expected = { .offered = SMTP_CAP_SIZE | SMTP_CAP_PIPELINING };
	assert_caps(&caps, &expected);
}

/* STLS-05, EXT-LIM-02: nothing of an older answer is left. */
static void reset_forgets_all(void **state)
{
	(void)state;
	struct smtp_caps caps;
	memset(&caps, 0xff, sizeof caps);
	smtp_caps_reset(&caps);
	const struct smtp_caps nothing = { 0 };
	assert_caps(&caps, &nothing);
}

/* A list of limits that was cut may have lost the one that counts; a keyword was not. */
static void a_cut_line_gives_no_limits(void **state)
{
	(void)state;
	struct smtp_caps caps;
	smtp_caps_reset(&caps);
	add(&caps, "LIMITS MAILMAX=1 RCPTMAX=1", true);
	add(&caps, "PIPELINING", true);
	const struct smtp_caps expected = { .offered = SMTP_CAP_PIPELINING };
	assert_caps(&caps, &expected);
}

static void every_capability_has_its_keyword_as_name(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit <= 10; bit++) {
		struct smtp_caps caps;
		smtp_caps_reset(&caps);
		add(&caps, smtp_cap_name((enum smtp_cap)(1u << bit)), false);
		assert_int_equal(caps.offered, 1u << bit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_offers_what_the_table_says),
		cmocka_unit_test(lines_add_up_and_the_newest_size_counts),
		cmocka_unit_test(reset_forgets_all),
		cmocka_unit_test(a_cut_line_gives_no_limits),
		cmocka_unit_test(every_capability_has_its_keyword_as_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
