/* Settings of a session, its steps and ends by name, and what it says when the process dies. */
#include <unistd.h>
#include "tests/unit/engine/smtp/smtp_fixture.h"

/* SMTP-02: at least what RFC 5321 4.5.3.2 names. */
static void the_defaults_are_those_of_the_rfc(void **state)
{
	(void)state;
	static const struct {
		enum smtp_step step;
		uint32_t at_least_ms;
	} rows[] = { { SMTP_STEP_GREETING, 300000 }, { SMTP_STEP_EHLO, 300000 },
		{ SMTP_STEP_MAIL, 300000 }, { SMTP_STEP_RCPT, 300000 }, { SMTP_STEP_DATA, 120000 },
		{ SMTP_STEP_SENDING, 180000 }, { SMTP_STEP_BODY, 600000 },
		{ SMTP_STEP_BDAT, 600000 } };
	struct smtp_session_config config;
	smtp_session_config_init(&config, TEXT("me.example"));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_true(config.deadline_ms[rows[i].step] >= rows[i].at_least_ms);
	/* SMTP-18: the slot is released in seconds. */
	assert_true(config.deadline_ms[SMTP_STEP_QUIT] <= 10000);
	assert_int_equal(config.starttls, SMTP_STARTTLS_IF_OFFERED);
	assert_true(config.ahead);
	assert_false(config.prefer_bdat);
	assert_int_equal(config.rcpts_max, 100);
	assert_int_equal(smtp_session_config_check(&config, NULL), RESULT_OK);
}

static void deadlines_scale_without_vanishing_or_wrapping(void **state)
{
	(void)state;
	struct smtp_session_config config;
	smtp_session_config_init(&config, TEXT("me.example"));
	smtp_session_config_scale_deadlines(&config, 1, 100);
	assert_int_equal(config.deadline_ms[SMTP_STEP_BODY], 6000);
	smtp_session_config_scale_deadlines(&config, 1, UINT32_MAX);
	for (unsigned step = 0; step < SMTP_STEP_COUNT; step++)
		assert_int_equal(config.deadline_ms[step], 1);
	smtp_session_config_scale_deadlines(&config, UINT32_MAX, 1);
	smtp_session_config_scale_deadlines(&config, 2, 1);
	assert_int_equal(config.deadline_ms[SMTP_STEP_BODY], UINT32_MAX);
}

/* SMTP-12, SMTP-24, EXT-U8-03 */
static void names_that_cannot_be_said_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "a b", "a\r\nQUIT",
		"b\303\274cher.example" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct smtp_session_config config;
		struct fail fail;
		fail_clear(&fail);
		smtp_session_config_init(&config, text_of(bad[i]));
		assert_int_equal(smtp_session_config_check(&config, &fail), RESULT_INVALID);
		assert_string_not_equal(fail.text, "");
	}
	struct smtp_session_config config;
	smtp_session_config_init(&config, TEXT("[192.0.2.1]"));
	assert_int_equal(smtp_session_config_check(&config, NULL), RESULT_OK);
	config.rcpts_max = 0;
	assert_int_equal(smtp_session_config_check(&config, NULL), RESULT_INVALID);
}

static void steps_and_ends_have_names_and_moves(void **state)
{
	(void)state;
	for (unsigned step = 0; step < SMTP_STEP_COUNT; step++) {
		assert_string_not_equal(smtp_step_name((enum smtp_step)step), "");
		assert_true(smtp_step_may_go((enum smtp_step)step, SMTP_STEP_OVER));
	}
	for (unsigned end = 0; end < SMTP_END_COUNT; end++) {
		assert_string_not_equal(smtp_end_name((enum smtp_end)end), "");
		assert_string_not_equal(smtp_end_text((enum smtp_end)end), "");
	}
	for (unsigned cause = 1; cause < SMTP_CAUSE_COUNT; cause++)
		assert_string_not_equal(smtp_cause_text((enum smtp_cause)cause), "");
	/* STLS-13: from the opening no way leads to MAIL but through IDLE. */
	static const enum smtp_step opening[] = { SMTP_STEP_GREETING, SMTP_STEP_EHLO,
		SMTP_STEP_HELO, SMTP_STEP_STARTTLS, SMTP_STEP_HANDSHAKE };
	for (size_t i = 0; i < sizeof opening / sizeof *opening; i++) {
		assert_false(smtp_step_may_go(opening[i], SMTP_STEP_MAIL));
		assert_false(smtp_step_may_go(opening[i], SMTP_STEP_RSET));
	}
	/* STLS-05, STLS-06: after the handshake nothing but EHLO. */
	assert_false(smtp_step_may_go(SMTP_STEP_HANDSHAKE, SMTP_STEP_IDLE));
	/* RFC 2920 3.1 (EXT-PIPE-02) */
	assert_int_equal(smtp_step_group(SMTP_STEP_STARTTLS), SMTP_GROUP_ALONE);
	assert_int_equal(smtp_step_group(SMTP_STEP_DATA), SMTP_GROUP_LAST);
	assert_int_equal(smtp_step_group(SMTP_STEP_QUIT), SMTP_GROUP_ALONE);
}

/* DESIGN 6: thousands of idle sessions. */
static void a_session_stays_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct smtp_session) <= 1536);
}

static void a_session_can_report_itself(void **state)
{
	(void)state;
	struct fixture f;
	static struct fixture_mail mail;
	fixture_mail_init(&mail, "s@y", "a@x b@x", "Hi\r\n", 4);
	fixture_init(&f);
	f.config.starttls = SMTP_STARTTLS_NEVER;
	fixture_start(&f);
	fixture_add(&f, &mail);
	fixture_greet(&f, "PIPELINING");
	int ends[2], saved = dup(STDERR_FILENO);
	assert_true(saved >= 0);
	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	smtp_session_report(&f.session);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	char text[256];
	ssize_t len = read(ends[0], text, sizeof text - 1);
	assert_true(len > 0);
	text[len] = '\0';
	/* Pieces may come in several reads; the whole line fits a pipe, so it is all there. */
	while (text[len - 1] != '\n') {
		ssize_t more = read(ends[0], text + len, sizeof text - 1 - (size_t)len);
		assert_true(more > 0);
		len += more;
		text[len] = '\0';
	}
	assert_string_equal(text,
		"step DATA clear end NONE awaits MAIL*1 RCPT*2 DATA*1 answered 0/2/2 mails 1\n");
	(void)!close(ends[0]);
	(void)!close(ends[1]);
	(void)!close(saved);
	fixture_close(&f);
	fixture_mail_deinit(&mail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_defaults_are_those_of_the_rfc),
		cmocka_unit_test(deadlines_scale_without_vanishing_or_wrapping),
		cmocka_unit_test(names_that_cannot_be_said_are_refused),
		cmocka_unit_test(steps_and_ends_have_names_and_moves),
		cmocka_unit_test(a_session_stays_small),
		cmocka_unit_test(a_session_can_report_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
