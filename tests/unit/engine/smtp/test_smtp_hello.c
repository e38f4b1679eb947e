/* The opening and the end of a session: greeting, EHLO, HELO, STARTTLS, QUIT. */
#include <stdio.h>
#include "tests/unit/engine/smtp/smtp_fixture.h"

#define EHLO "EHLO me.example\r\n"

static struct fixture f;

static void start(enum smtp_starttls starttls)
{
	fixture_init(&f);
	f.config.starttls = starttls;
	fixture_start(&f);
}

static void assert_end(enum smtp_end end, enum smtp_step step, unsigned code, const char *text)
{
	assert_string_equal(smtp_end_name((enum smtp_end)f.session.end), smtp_end_name(end));
	assert_int_equal(f.session.end_step, step);
	struct smtp_reply reply = smtp_session_end_reply(&f.session);
	assert_int_equal(reply.code, code);
	assert_true(text_equal(reply.text, text_of(text)));
}

static void assert_want(enum smtp_want want)
{
	assert_int_equal(smtp_session_want(&f.session), want);
}

/* The peer breaks off after our QUIT, or says goodbye: no difference (SMTP-18). */
static void finish_with_quit(void)
{
	assert_want(SMTP_WANT_READ);
	assert_int_equal(smtp_session_deadline(&f.session).step, SMTP_STEP_QUIT);
	enum smtp_end end = (enum smtp_end)f.session.end;
	if (f.session.end % 2 == 0)
		fixture_turn(&f, "221 2.0.0 bye\r\n", "");
	else
		smtp_session_lost(&f.session, SMTP_END_LOST);
	assert_want(SMTP_WANT_CLOSE);
	if (end != SMTP_END_NONE)
		assert_int_equal(f.session.end, end);
	else
		assert_int_equal(f.session.end, SMTP_END_QUIT);
	fixture_deinit(&f);
}

/* SMTP-01 */
static void nothing_is_said_before_the_greeting(void **state)
{
	(void)state;
	start(SMTP_STARTTLS_IF_OFFERED);
	fixture_turn(&f, "", "");
	assert_want(SMTP_WANT_READ);
	fixture_turn(&f, "220-x.example\r\n", "");
	fixture_turn(&f, "220 welcome", "");
	fixture_turn(&f, "\r\n", EHLO);
	fixture_close(&f);
}

static void a_session_without_mail_quits_when_told(void **state)
{
	(void)state;
	start(SMTP_STARTTLS_NEVER);
	fixture_turn(&f, "220 hi\r\n", EHLO);
	fixture_turn(&f, "250 x.example\r\n", "");
	assert_want(SMTP_WANT_MAIL);
	assert_true(smtp_session_can_begin(&f.session));
	smtp_session_quit(&f.session);
	assert_false(smtp_session_can_begin(&f.session));
	fixture_turn(&f, "", "QUIT\r\n");
	finish_with_quit();
}

/* SMTP-14, SMTP-15, POL-14: whatever a refusal means, the session says QUIT and tells why. */
static void a_refused_greeting_gets_quit(void **state)
{
	(void)state;
	static const struct {
		const char *greeting, *text;
		unsigned code;
	} rows[] = {
		{ "554 no\r\n", "no", 554 },
		{ "554-5.7.1 a\r\n554 5.7.1 b\r\n", "5.7.1 a b", 554 },
		{ "521 never\r\n", "never", 521 },
		{ "450 later\r\n", "later", 450 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		start(SMTP_STARTTLS_IF_OFFERED);
		fixture_turn(&f, rows[i].greeting, "QUIT\r\n");
		assert_end(
			SMTP_END_GREETING_REFUSED, SMTP_STEP_GREETING, rows[i].code, rows[i].text);
		/* SMTP-43: never from the greeting */
		assert_int_equal(smtp_session_end_reply(&f.session).status.class, 0);
		assert_false(smtp_session_can_begin(&f.session));
		finish_with_quit();
	}
}

static void a_421_greeting_closes_at_once(void **state)
{
	(void)state;
	start(SMTP_STARTTLS_IF_OFFERED);
	fixture_turn(&f, "421 too many\r\n", "");
	assert_end(SMTP_END_GREETING_REFUSED, SMTP_STEP_GREETING, 421, "too many");
	assert_want(SMTP_WANT_CLOSE);
	fixture_deinit(&f);
}

/* SMTP-13: 500, 502 and what else is seen; RFC 7504: 521 is the end. */
static void hello_falls_back_to_helo(void **state)
{
	(void)state;
	static const char *const refusals[] = { "500", "501", "502", "504", "550", "554" };
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		start(SMTP_STARTTLS_IF_OFFERED);
		fixture_turn(&f, "220 hi\r\n", EHLO);
		char refusal[64];
		(void)snprintf(refusal, sizeof refusal, "%s-SIZE 5\r\n%s PIPELINING\r\n",
			refusals[i], refusals[i]);
		fixture_turn(&f, refusal, "HELO me.example\r\n");
		fixture_turn(&f, "250 x\r\n", "");
		assert_int_equal(f.session.caps.offered, 0);
		assert_want(SMTP_WANT_MAIL);
		fixture_close(&f);
	}
}

static void ehlo_and_helo_refused_is_the_end(void **state)
{
	(void)state;
	start(SMTP_STARTTLS_IF_OFFERED);
	fixture_turn(&f, "220 hi\r\n", EHLO);
	fixture_turn(&f, "502 what\r\n", "HELO me.example\r\n");
	fixture_turn(&f, "550 no to you\r\n", "QUIT\r\n");
	assert_end(SMTP_END_HELLO_REFUSED, SMTP_STEP_HELO, 550, "no to you");
	finish_with_quit();
}

static void ehlo_refused_for_now_or_for_ever_is_the_end(void **state)
{
	(void)state;
	static const char *const refusals[] = { "450 later\r\n", "521 never\r\n" };
	for (size_t i = 0; i < 2; i++) {
		start(SMTP_STARTTLS_IF_OFFERED);
		fixture_turn(&f, "220 hi\r\n", EHLO);
		fixture_turn(&f, refusals[i], "QUIT\r\n");
		assert_int_equal(f.session.end, SMTP_END_HELLO_REFUSED);
		finish_with_quit();
	}
}

/* EXT-GEN-01, SEC-36: the first line is a name. */
static void the_first_line_of_ehlo_is_never_a_keyword(void **state)
{
	(void)state;
	start(SMTP_STARTTLS_IF_OFFERED);
	fixture_turn(&f, "220 hi\r\n", EHLO);
	fixture_turn(&f, "250-STARTTLS\r\n250-PIPELINING\r\n250 X-OTHER\r\n", "");
	assert_int_equal(f.session.caps.offered, SMTP_CAP_PIPELINING);
	assert_want(SMTP_WANT_MAIL);
	fixture_close(&f);

	start(SMTP_STARTTLS_IF_OFFERED);
	fixture_turn(&f, "220 hi\r\n", EHLO);
	fixture_turn(&f, "250 STARTTLS\r\n", "");
	assert_want(SMTP_WANT_MAIL);
	fixture_close(&f);
}

/* STLS-01, STLS-02, STLS-05, STLS-06, STLS-07, STLS-14 */
static void starttls_forgets_what_was_learnt_before(void **state)
{
	(void)state;
	start(SMTP_STARTTLS_REQUIRED);
	fixture_turn(&f, "220 hi\r\n", EHLO);
	fixture_turn(&f,
		"250-x\r\n250-CHUNKING\r\n250-LIMITS RCPTMAX=9\r\n250-SIZE 9\r\n250 starttls x\r\n",
		"STARTTLS\r\n");
	fixture_turn(&f, "220-wait\r\n", "");
	fixture_turn(&f, "220 go\r\n", "");
	assert_want(SMTP_WANT_STARTTLS);
	/* SEC-02: no command is left that could be said inside TLS by accident. */
	uint8_t out[16];
	assert_int_equal(smtp_session_output(&f.session, out, sizeof out), 0);
	assert_int_equal(smtp_session_deadline(&f.session).step, SMTP_STEP_HANDSHAKE);
	assert_false(smtp_session_can_begin(&f.session));
	uint64_t progress = smtp_session_deadline(&f.session).progress;
	smtp_session_tls_started(&f.session);
	assert_true(smtp_session_deadline(&f.session).progress > progress);
	assert_int_equal(f.session.caps.offered, 0);
	assert_int_equal(f.session.caps.rcpts_max, 0);
	assert_true(f.session.caps.size_max == 0);
	fixture_turn(&f, "", EHLO);
	/* A STARTTLS that is offered again inside TLS is ignored. */
	fixture_turn(&f, "250-x\r\n250-STARTTLS\r\n250 DSN\r\n", "");
	assert_int_equal(f.session.caps.offered, SMTP_CAP_STARTTLS | SMTP_CAP_DSN);
	assert_want(SMTP_WANT_MAIL);
	fixture_close(&f);
}

/* STLS-03, STLS-10, STLS-11: what refusals do at each level. */
static void a_refused_starttls_does_what_the_level_says(void **state)
{
	(void)state;
	static const struct {
		const char *reply;
		enum smtp_starttls starttls;
		bool leave_on_454;
		bool goes_on;
	} rows[] = {
		{ "454 not now\r\n", SMTP_STARTTLS_IF_OFFERED, false, true },
		{ "454 not now\r\n", SMTP_STARTTLS_IF_OFFERED, true, false },
		{ "454 not now\r\n", SMTP_STARTTLS_REQUIRED, false, false },
		{ "501 what\r\n", SMTP_STARTTLS_IF_OFFERED, true, true },
		{ "502 what\r\n", SMTP_STARTTLS_IF_OFFERED, false, true },
		{ "554 no\r\n", SMTP_STARTTLS_REQUIRED, false, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fixture_init(&f);
		f.config.starttls = rows[i].starttls;
		f.config.leave_on_454 = rows[i].leave_on_454;
		fixture_start(&f);
		fixture_turn(&f, "220 hi\r\n", EHLO);
		fixture_turn(&f, "250-x\r\n250 STARTTLS\r\n", "STARTTLS\r\n");
		fixture_turn(&f, rows[i].reply, rows[i].goes_on ? "" : "QUIT\r\n");
		if (rows[i].goes_on) {
			assert_want(SMTP_WANT_MAIL);
			assert_false(f.session.tls_active);
			fixture_close(&f);
		} else {
			assert_int_equal(f.session.end, SMTP_END_TLS_REFUSED);
			finish_with_quit();
		}
	}
}

static void other_positive_replies_to_starttls_are_protocol_errors(void **state)
{
	(void)state;
	static const char *const replies[] = { "250 ok\r\n", "221 x\r\n", "354 go\r\n" };
	for (size_t i = 0; i < 3; i++) {
		start(SMTP_STARTTLS_IF_OFFERED);
		fixture_turn(&f, "220 hi\r\n", EHLO);
		fixture_turn(&f, "250-x\r\n250 STARTTLS\r\n", "STARTTLS\r\n");
		fixture_say(&f, replies[i], strlen(replies[i]));
		assert_int_equal(f.result, RESULT_PROTOCOL);
		assert_int_equal(f.session.end, SMTP_END_PROTOCOL);
		assert_want(SMTP_WANT_CLOSE);
		fixture_deinit(&f);
	}
}

/* STLS-11, STLS-17, SEC-03 */
static void required_tls_that_is_not_offered_is_the_end(void **state)
{
	(void)state;
	start(SMTP_STARTTLS_REQUIRED);
	fixture_turn(&f, "220 hi\r\n", EHLO);
	fixture_turn(&f, "250-2.0.0 x\r\n250-ENHANCEDSTATUSCODES\r\n250 XXXXXXXA\r\n", "QUIT\r\n");
	assert_int_equal(f.session.end, SMTP_END_TLS_NOT_OFFERED);
	/* SMTP-43: never from the answer to EHLO, though the word was in it. */
	assert_int_equal(smtp_session_end_reply(&f.session).status.class, 0);
	finish_with_quit();

	start(SMTP_STARTTLS_REQUIRED);
	fixture_turn(&f, "220 hi\r\n", EHLO);
	fixture_turn(&f, "502 what\r\n", "QUIT\r\n");
	assert_end(SMTP_END_TLS_NOT_OFFERED, SMTP_STEP_EHLO, 502, "what");
	finish_with_quit();
}

/* STLS-17, STLS-18: EHLO refused inside TLS. */
static void ehlo_refused_inside_tls(void **state)
{
	(void)state;
	static const struct {
		enum smtp_starttls starttls;
		const char *reply, *said;
	} rows[] = {
		{ SMTP_STARTTLS_REQUIRED, "502 what\r\n", "QUIT\r\n" },
		{ SMTP_STARTTLS_IF_OFFERED, "502 what\r\n", "HELO me.example\r\n" },
		{ SMTP_STARTTLS_IF_OFFERED, "450 later\r\n", "QUIT\r\n" },
		{ SMTP_STARTTLS_REQUIRED, "421 later\r\n", "" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		start(rows[i].starttls);
		fixture_turn(&f, "220 hi\r\n", EHLO);
		fixture_turn(&f, "250-x\r\n250 STARTTLS\r\n", "STARTTLS\r\n");
		fixture_turn(&f, "220 go\r\n", "");
		smtp_session_tls_started(&f.session);
		fixture_turn(&f, "", EHLO);
		fixture_turn(&f, rows[i].reply, rows[i].said);
		fixture_close(&f);
	}
}

/* STLS-04, SEC-01: in the same input, in a later one, a single octet, cut anywhere. */
static void octets_behind_the_220_are_injection(void **state)
{
	(void)state;
	static const char injected[] = "220 go\r\n250-fake\r\n250 OK\r\n";
	for (size_t piece = 1; piece <= sizeof injected; piece++) {
		for (size_t len = 9; len < sizeof injected; len++) {
			start(SMTP_STARTTLS_IF_OFFERED);
			fixture_turn(&f, "220 hi\r\n", EHLO);
			fixture_turn(&f, "250-x\r\n250 STARTTLS\r\n", "STARTTLS\r\n");
			f.in_piece = piece;
			fixture_say(&f, injected, len);
			assert_int_equal(f.result, RESULT_PROTOCOL);
			assert_string_equal(f.fail.text, "data after STARTTLS reply");
			assert_end(SMTP_END_INJECTION, SMTP_STEP_STARTTLS, 0, "");
			assert_want(SMTP_WANT_CLOSE);
			fixture_deinit(&f);
		}
	}
	/* What the owner found in its own buffer. */
	start(SMTP_STARTTLS_REQUIRED);
	fixture_turn(&f, "220 hi\r\n", EHLO);
	fixture_turn(&f, "250-x\r\n250 STARTTLS\r\n", "STARTTLS\r\n");
	fixture_turn(&f, "220 go\r\n", "");
	smtp_session_lost(&f.session, SMTP_END_INJECTION);
	assert_int_equal(f.session.end, SMTP_END_INJECTION);
	assert_want(SMTP_WANT_CLOSE);
	fixture_deinit(&f);
}

static void start_in_tls(void)
{
	start(SMTP_STARTTLS_IF_OFFERED);
	fixture_turn(&f, "220 hi\r\n", EHLO);
	fixture_turn(&f, "250-x\r\n250 STARTTLS\r\n", "STARTTLS\r\n");
	fixture_turn(&f, "220 go\r\n", "");
	smtp_session_tls_started(&f.session);
}

/* STLS-15: before our EHLO, half before it, or in place of its answer. */
static void a_second_greeting_inside_tls_is_a_protocol_error(void **state)
{
	(void)state;
	start_in_tls();
	fixture_say(&f, "220 hi again\r\n", 14);
	assert_int_equal(f.result, RESULT_PROTOCOL);
	fixture_deinit(&f);

	start_in_tls();
	fixture_say(&f, "220 hi", 6);
	assert_int_equal(f.result, RESULT_OK);
	uint8_t out[64];
	assert_int_equal(smtp_session_output(&f.session, out, sizeof out), 0);
	assert_int_equal(f.session.end, SMTP_END_PROTOCOL);
	assert_want(SMTP_WANT_CLOSE);
	fixture_deinit(&f);

	start_in_tls();
	fixture_turn(&f, "", EHLO);
	fixture_say(&f, "220 hi again\r\n", 14);
	assert_int_equal(f.result, RESULT_PROTOCOL);
	fixture_deinit(&f);
}

/* STLS-19: the first read tells. */
static void a_loss_right_after_the_handshake_is_a_failed_handshake(void **state)
{
	(void)state;
	start_in_tls();
	fixture_turn(&f, "", EHLO);
	smtp_session_lost(&f.session, SMTP_END_LOST);
	assert_int_equal(f.session.end, SMTP_END_TLS_FAILED);
	fixture_deinit(&f);

	start_in_tls();
	fixture_turn(&f, "", EHLO);
	fixture_turn(&f, "2", "");
	smtp_session_lost(&f.session, SMTP_END_LOST);
	assert_int_equal(f.session.end, SMTP_END_LOST);
	assert_int_equal(f.session.end_step, SMTP_STEP_EHLO);
	fixture_deinit(&f);

	/* STLS-08: the handshake itself */
	start(SMTP_STARTTLS_IF_OFFERED);
	fixture_turn(&f, "220 hi\r\n", EHLO);
	fixture_turn(&f, "250-x\r\n250 STARTTLS\r\n", "STARTTLS\r\n");
	fixture_turn(&f, "220 go\r\n", "");
	smtp_session_lost(&f.session, SMTP_END_TLS_FAILED);
	assert_end(SMTP_END_TLS_FAILED, SMTP_STEP_HANDSHAKE, 0, "");
	fixture_deinit(&f);
}

/* STLS-09: not good enough, so QUIT inside TLS and nothing else. */
static void a_weak_channel_gets_quit_at_once(void **state)
{
	(void)state;
	start_in_tls();
	smtp_session_quit(&f.session);
	fixture_turn(&f, "", "QUIT\r\n");
	finish_with_quit();
}

static void quit_waits_for_the_reply_that_is_due(void **state)
{
	(void)state;
	start(SMTP_STARTTLS_IF_OFFERED);
	smtp_session_quit(&f.session);
	fixture_turn(&f, "", "");
	fixture_turn(&f, "220 hi\r\n", "QUIT\r\n");
	finish_with_quit();

	start(SMTP_STARTTLS_IF_OFFERED);
	fixture_turn(&f, "220 hi\r\n", EHLO);
	smtp_session_quit(&f.session);
	fixture_turn(&f, "", "");
	fixture_turn(&f, "250-x\r\n250 STARTTLS\r\n", "QUIT\r\n");
	finish_with_quit();
}

/* 3yz and codes of other steps are nothing that the opening knows. */
static void intermediate_replies_in_the_opening_are_protocol_errors(void **state)
{
	(void)state;
	start(SMTP_STARTTLS_IF_OFFERED);
	fixture_say(&f, "354 go\r\n", 8);
	assert_int_equal(f.result, RESULT_PROTOCOL);
	fixture_deinit(&f);

	start(SMTP_STARTTLS_IF_OFFERED);
	fixture_turn(&f, "220 hi\r\n", EHLO);
	fixture_say(&f, "334 x\r\n", 7);
	assert_int_equal(f.result, RESULT_PROTOCOL);
	fixture_deinit(&f);

	start(SMTP_STARTTLS_IF_OFFERED);
	fixture_turn(&f, "220 hi\r\n", EHLO);
	fixture_turn(&f, "502 x\r\n", "HELO me.example\r\n");
	fixture_say(&f, "220 x\r\n", 7);
	assert_int_equal(f.result, RESULT_PROTOCOL);
	fixture_deinit(&f);
}

/* SMTP-02: a deadline for each step, as configured. */
static void each_step_of_the_opening_has_its_deadline(void **state)
{
	(void)state;
	fixture_init(&f);
	for (uint32_t i = 0; i < SMTP_STEP_COUNT; i++)
		f.config.deadline_ms[i] = 1000 + i;
	fixture_start(&f);
	struct smtp_deadline deadline = smtp_session_deadline(&f.session);
	assert_int_equal(deadline.step, SMTP_STEP_GREETING);
	assert_int_equal(deadline.wait_ms, 1000 + SMTP_STEP_GREETING);
	uint64_t progress = deadline.progress;
	/* SMTP-03, SEC-15: octets and lines alone are no progress */
	fixture_turn(&f, "220-a\r\n220-b", "");
	assert_true(smtp_session_deadline(&f.session).progress == progress);
	fixture_turn(&f, "\r\n220 c\r\n", EHLO);
	deadline = smtp_session_deadline(&f.session);
	assert_true(deadline.progress > progress);
	assert_int_equal(deadline.wait_ms, 1000 + SMTP_STEP_EHLO);
	fixture_turn(&f, "250-x\r\n250 STARTTLS\r\n", "STARTTLS\r\n");
	assert_int_equal(smtp_session_deadline(&f.session).wait_ms, 1000 + SMTP_STEP_STARTTLS);
	fixture_turn(&f, "502 no\r\n", "");
	assert_int_equal(smtp_session_deadline(&f.session).wait_ms, 1000 + SMTP_STEP_IDLE);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_said_before_the_greeting),
		cmocka_unit_test(a_session_without_mail_quits_when_told),
		cmocka_unit_test(a_refused_greeting_gets_quit),
		cmocka_unit_test(a_421_greeting_closes_at_once),
		cmocka_unit_test(hello_falls_back_to_helo),
		cmocka_unit_test(ehlo_and_helo_refused_is_the_end),
		cmocka_unit_test(ehlo_refused_for_now_or_for_ever_is_the_end),
		cmocka_unit_test(the_first_line_of_ehlo_is_never_a_keyword),
		cmocka_unit_test(starttls_forgets_what_was_learnt_before),
		cmocka_unit_test(a_refused_starttls_does_what_the_level_says),
		cmocka_unit_test(other_positive_replies_to_starttls_are_protocol_errors),
		cmocka_unit_test(required_tls_that_is_not_offered_is_the_end),
		cmocka_unit_test(ehlo_refused_inside_tls),
		cmocka_unit_test(octets_behind_the_220_are_injection),
		cmocka_unit_test(a_second_greeting_inside_tls_is_a_protocol_error),
		cmocka_unit_test(a_loss_right_after_the_handshake_is_a_failed_handshake),
		cmocka_unit_test(a_weak_channel_gets_quit_at_once),
		cmocka_unit_test(quit_waits_for_the_reply_that_is_due),
		cmocka_unit_test(intermediate_replies_in_the_opening_are_protocol_errors),
		cmocka_unit_test(each_step_of_the_opening_has_its_deadline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
