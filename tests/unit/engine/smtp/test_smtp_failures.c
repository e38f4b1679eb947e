/* What goes wrong. Each of the failures that other senders found worth a test of its own:
 * connection refused, lost prematurely, timed out, broken payload, lost at each stage,
 * unexpected, partial, premature, early and bad replies, bad greeting, commands that time out or
 * are aborted, an end from our side. Those of DNS, TLS certificates and connecting belong to
 * other folders. */
#include <stdio.h>
#include "tests/unit/engine/smtp/smtp_fixture.h"

static struct fixture f;
static struct fixture_mail a, b;

#define EHLO  "EHLO me.example\r\n"
#define GROUP "MAIL FROM:<s@y.example>\r\nRCPT TO:<a@x.example>\r\nDATA\r\n"
#define BODY  "Hi\r\n.\r\n"
#define OK    "250 ok\r\n"

static void start(void)
{
	fixture_init(&f);
	f.config.starttls = SMTP_STARTTLS_NEVER;
	fixture_start(&f);
}

/* The session has come so far that `stage` replies of a transaction are awaited; a is in it. */
enum stage { AT_MAIL, AT_RCPT, AT_DATA, AT_BODY, AT_REPLY };

static void start_at(enum stage stage)
{
	fixture_mail_simple(&a);
	start();
	fixture_greet(&f, "PIPELINING");
	fixture_add(&f, &a);
	fixture_turn(&f, "", GROUP);
	f.out_len = 0;
	if (stage >= AT_RCPT)
		fixture_say(&f, OK, 8);
	if (stage >= AT_DATA)
		fixture_say(&f, OK, 8);
	if (stage >= AT_BODY)
		fixture_say(&f, "354 go\r\n", 8);
	if (stage == AT_BODY) {
		/* Only the first octets of the body have gone. */
		uint8_t out[2];
		assert_int_equal(smtp_session_output(&f.session, out, sizeof out), 2);
	}
	if (stage == AT_REPLY)
		fixture_work(&f);
}

static void end_a(void)
{
	fixture_close(&f);
	fixture_mail_deinit(&a);
}

static const struct {
	enum stage stage;
	const char *lost, *answered_421;
	bool in_doubt;
} stages[] = {
	{ AT_MAIL, "temporary MAIL 0", "temporary MAIL 421", false },
	{ AT_RCPT, "temporary RCPT 0", "temporary RCPT 421", false },
	{ AT_DATA, "temporary DATA 0", "temporary DATA 421", false },
	{ AT_BODY, "temporary BODY 0", "temporary BODY 421", false },
	{ AT_REPLY, "temporary BODY 0", "temporary BODY 421", true },
};

/* SMTP-16, SMTP-17: in doubt only when the final dot has gone. */
static void connection_lost_at_each_stage(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
		for (int timeout = 0; timeout < 2; timeout++) {
			start_at(stages[i].stage);
			smtp_session_lost(
				&f.session, timeout == 1 ? SMTP_END_TIMEOUT : SMTP_END_LOST);
			assert_int_equal(
				f.session.end, timeout == 1 ? SMTP_END_TIMEOUT : SMTP_END_LOST);
			fixture_work(&f);
			assert_outcome(&a, 0, stages[i].lost);
			assert_int_equal(a.results[0].cause,
				timeout == 1 ? SMTP_CAUSE_TIMEOUT : SMTP_CAUSE_LOST);
			assert_int_equal(a.transaction.in_doubt, stages[i].in_doubt);
			assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_CLOSE);
			end_a();
		}
	}
}

/* SMTP-15: at any point, and never in doubt: it is an answer. */
static void the_host_says_421_at_each_stage(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
		start_at(stages[i].stage);
		fixture_turn(&f, "421 4.3.2 going down\r\n", "");
		assert_outcome(&a, 0, stages[i].answered_421);
		assert_false(a.transaction.in_doubt);
		assert_int_equal(f.session.end, SMTP_END_CLOSING);
		assert_int_equal(smtp_session_end_reply(&f.session).code, 421);
		assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_CLOSE);
		/* Nothing is said or heard any more. */
		fixture_turn(&f, "garbage\r\n250 ok\r\n", "");
		assert_int_equal(f.session.end, SMTP_END_CLOSING);
		end_a();
	}
}

/* SMTP-10: garbage in place of any reply is fatal, never skipped. */
static void a_bad_reply_at_each_stage(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
		start_at(stages[i].stage);
		fixture_say(&f, "hello\r\n250 ok\r\n", 15);
		assert_int_equal(f.result, RESULT_PROTOCOL);
		assert_string_not_equal(f.fail.text, "");
		fixture_work(&f);
		assert_outcome(&a, 0, stages[i].lost);
		assert_int_equal(a.results[0].cause, SMTP_CAUSE_PROTOCOL);
		assert_int_equal(a.transaction.in_doubt, stages[i].in_doubt);
		assert_int_equal(smtp_session_end_reply(&f.session).code, 0);
		end_a();
	}
}

static void an_endless_reply_at_each_stage(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
		start_at(stages[i].stage);
		int lines = 0;
		do
			fixture_say(&f, "250-more\r\n", 10);
		while (f.result == RESULT_OK && ++lines < 1000);
		assert_int_equal(f.result, RESULT_TOO_LONG);
		assert_int_equal(f.session.end, SMTP_END_TOO_LONG);
		fixture_work(&f);
		assert_outcome(&a, 0, stages[i].lost);
		end_a();
	}
}

/* A partial reply is none, however much of it there is. */
static void a_partial_reply_at_each_stage(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
		start_at(stages[i].stage);
		fixture_say(&f, "250-yes\r\n250 ok", 15);
		assert_int_equal(f.result, RESULT_OK);
		smtp_session_lost(&f.session, SMTP_END_LOST);
		fixture_work(&f);
		assert_outcome(&a, 0, stages[i].lost);
		assert_int_equal(a.transaction.in_doubt, stages[i].in_doubt);
		end_a();
	}
}

static void bad_greetings(void **state)
{
	(void)state;
	static const char *const greetings[] = { "hi\r\n", "220_x\r\n", "666 x\r\n", "\r\n",
		"220-a\r\n421 b\r\n", "SSH-2.0-x\r\n" };
	for (size_t i = 0; i < sizeof greetings / sizeof *greetings; i++) {
		start();
		fixture_say(&f, greetings[i], strlen(greetings[i]));
		assert_int_equal(f.result, RESULT_PROTOCOL);
		assert_int_equal(f.session.end, SMTP_END_PROTOCOL);
		assert_int_equal(f.session.end_step, SMTP_STEP_GREETING);
		fixture_deinit(&f);
	}
}

static void lost_prematurely_and_timed_out_in_the_opening(void **state)
{
	(void)state;
	start();
	smtp_session_lost(&f.session, SMTP_END_LOST);
	assert_int_equal(f.session.end, SMTP_END_LOST);
	assert_int_equal(f.session.end_step, SMTP_STEP_GREETING);
	fixture_deinit(&f);

	start();
	fixture_turn(&f, "220 hi\r\n", EHLO);
	smtp_session_lost(&f.session, SMTP_END_TIMEOUT);
	assert_int_equal(f.session.end, SMTP_END_TIMEOUT);
	assert_int_equal(f.session.end_step, SMTP_STEP_EHLO);
	fixture_deinit(&f);
}

/* A reply that comes before its command: to DATA of a group that has not been sent, to a body. */
static void premature_replies_are_protocol_errors(void **state)
{
	(void)state;
	/* 250 before anything was asked, behind the greeting */
	start();
	fixture_say(&f, "220 hi\r\n250 early\r\n", 19);
	assert_int_equal(f.result, RESULT_PROTOCOL);
	fixture_deinit(&f);

	/* one reply more than commands in a group */
	start_at(AT_DATA);
	fixture_say(&f, "354 go\r\n250 done already\r\n", 26);
	assert_int_equal(f.result, RESULT_PROTOCOL);
	fixture_work(&f);
	assert_outcome(&a, 0, "temporary BODY 0");
	assert_false(a.transaction.in_doubt);
	end_a();

	/* the reply to a RCPT of which half has been handed out */
	fixture_mail_simple(&a);
	start();
	fixture_greet(&f, "PIPELINING");
	smtp_session_begin(&f.session, &a.transaction);
	uint8_t out[30];
	assert_int_equal(smtp_session_output(&f.session, out, sizeof out), 30);
	fixture_say(&f, OK, 8);
	assert_int_equal(f.result, RESULT_OK);
	fixture_say(&f, OK, 8);
	assert_int_equal(f.result, RESULT_PROTOCOL);
	end_a();
}

/* DATA-11: the message is still going out. */
static void early_data_replies_end_the_session_and_count(void **state)
{
	(void)state;
	static const struct {
		const char *reply, *outcome;
	} rows[] = { { "552 too big\r\n", "permanent BODY 552" },
		{ "451 no disk\r\n", "temporary BODY 451" } };
	for (size_t i = 0; i < 2; i++) {
		start_at(AT_BODY);
		/* The next one was begun ahead. */
		fixture_mail_simple(&b);
		smtp_session_begin(&f.session, &b.transaction);
		fixture_turn(&f, rows[i].reply, "");
		assert_outcome(&a, 0, rows[i].outcome);
		assert_false(a.transaction.in_doubt);
		assert_int_equal(b.results[0].verdict, SMTP_VERDICT_NOT_TRIED);
		assert_int_equal(f.session.end, SMTP_END_EARLY_REPLY);
		assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_CLOSE);
		fixture_mail_deinit(&b);
		end_a();
	}
	/* A 2yz for half a message is no delivery. */
	start_at(AT_BODY);
	fixture_say(&f, OK, 8);
	assert_int_equal(f.result, RESULT_PROTOCOL);
	fixture_work(&f);
	assert_outcome(&a, 0, "temporary BODY 0");
	end_a();
}

/* SMTP-42: unasked replies while idle are read and end the session; nobody is blamed. */
static void unexpected_replies_while_idle(void **state)
{
	(void)state;
	static const struct {
		const char *reply;
		enum result result;
		enum smtp_end end;
	} rows[] = {
		{ "421 idle too long\r\n", RESULT_OK, SMTP_END_CLOSING },
		{ "451 timeout\r\n", RESULT_OK, SMTP_END_CLOSING },
		{ "554 timeout\r\n", RESULT_OK, SMTP_END_CLOSING },
		{ "250 what\r\n", RESULT_PROTOCOL, SMTP_END_PROTOCOL },
		{ "354 go\r\n", RESULT_PROTOCOL, SMTP_END_PROTOCOL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		start();
		fixture_greet(&f, "PIPELINING");
		fixture_say(&f, rows[i].reply, strlen(rows[i].reply));
		assert_int_equal(f.result, rows[i].result);
		assert_int_equal(f.session.end, rows[i].end);
		assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_CLOSE);
		assert_false(smtp_session_can_begin(&f.session));
		fixture_deinit(&f);

		/* With a transaction begun, of which nothing was sent. */
		fixture_mail_simple(&a);
		start();
		fixture_greet(&f, "PIPELINING");
		smtp_session_begin(&f.session, &a.transaction);
		fixture_say(&f, rows[i].reply, strlen(rows[i].reply));
		assert_int_equal(f.result, rows[i].result);
		fixture_work(&f);
		assert_int_equal(a.results[0].verdict, SMTP_VERDICT_NOT_TRIED);
		end_a();
	}
}

/* The beginning of a group is answered and the rest is not: it may throw away what came along. */
static void a_group_that_is_answered_in_part_says_that_pipelining_may_not_work(void **state)
{
	(void)state;
	static const struct {
		const char *keywords, *says;
		enum smtp_end end;
		bool learned;
	} rows[] = {
		{ "PIPELINING", OK, SMTP_END_TIMEOUT, true },
		{ "PIPELINING", OK OK, SMTP_END_LOST, true },
		{ "PIPELINING", "", SMTP_END_TIMEOUT, false }, /* it is just not there */
		{ "PIPELINING", OK OK "354 go\r\n", SMTP_END_TIMEOUT, false },
		{ "PIPELINING", OK, SMTP_END_STOPPED, false },
		{ "PIPELINING", OK "421 no\r\n", SMTP_END_NONE, false },
		{ "SIZE", OK, SMTP_END_TIMEOUT, false }, /* alone */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fixture_mail_simple(&a);
		start();
		fixture_greet(&f, rows[i].keywords);
		fixture_add(&f, &a);
		fixture_work(&f);
		fixture_say(&f, rows[i].says, strlen(rows[i].says));
		fixture_work(&f);
		if (rows[i].end != SMTP_END_NONE)
			smtp_session_lost(&f.session, rows[i].end);
		bool learned = (smtp_session_learned(&f.session) & SMTP_CAP_PIPELINING) != 0;
		if (learned != rows[i].learned)
			fail_msg("row %zu", i);
		fixture_work(&f);
		end_a();
	}
}

/* One message has gone through, the second is in the group. */
static void start_second(void)
{
	fixture_mail_simple(&b);
	start_at(AT_REPLY);
	fixture_turn(&f, OK, "");
	assert_outcome(&a, 0, "delivered BODY 250");
	fixture_add(&f, &b);
	fixture_turn(&f, "", GROUP);
}

/* SMTP-40, SMTP-41: a session that was idle may be dead without having told us. */
static void a_used_session_that_dies_before_mail_was_answered_blames_nobody(void **state)
{
	(void)state;
	start_second();
	smtp_session_lost(&f.session, SMTP_END_LOST);
	fixture_work(&f);
	assert_outcome(&b, 0, "not-tried MAIL 0");
	fixture_mail_deinit(&b);
	end_a();

	/* Once MAIL was answered it is an attempt. */
	start_second();
	fixture_turn(&f, OK, "");
	smtp_session_lost(&f.session, SMTP_END_LOST);
	fixture_work(&f);
	assert_outcome(&b, 0, "temporary RCPT 0");
	fixture_mail_deinit(&b);
	end_a();

	/* Silence for the whole deadline is an attempt. */
	start_second();
	smtp_session_lost(&f.session, SMTP_END_TIMEOUT);
	fixture_work(&f);
	assert_outcome(&b, 0, "temporary MAIL 0");
	fixture_mail_deinit(&b);
	end_a();
}

/* A group of it was answered whole: it only broke. */
static void a_used_session_that_breaks_in_a_group_says_nothing_of_pipelining(void **state)
{
	(void)state;
	static const enum smtp_end ends[] = { SMTP_END_LOST, SMTP_END_TIMEOUT };
	for (size_t i = 0; i < 2; i++) {
		start_second();
		fixture_turn(&f, OK, "");
		smtp_session_lost(&f.session, ends[i]);
		assert_int_equal(smtp_session_learned(&f.session), 0);
		fixture_work(&f);
		fixture_mail_deinit(&b);
		end_a();
	}
}

static void a_loss_with_one_ahead_puts_only_the_first_in_doubt(void **state)
{
	(void)state;
	static const char *const ends[] = { "", "421 down\r\n", "nonsense\r\n" };
	for (size_t i = 0; i < 3; i++) {
		fixture_mail_simple(&a);
		fixture_mail_simple(&b);
		start();
		fixture_greet(&f, "PIPELINING");
		fixture_add(&f, &a);
		fixture_add(&f, &b);
		fixture_turn(&f, "", GROUP);
		fixture_turn(&f, OK OK "354 go\r\n", BODY GROUP);
		if (i == 0)
			smtp_session_lost(&f.session, SMTP_END_LOST);
		else
			fixture_say(&f, ends[i], strlen(ends[i]));
		fixture_work(&f);
		assert_outcome(&a, 0, i == 1 ? "temporary BODY 421" : "temporary BODY 0");
		assert_int_equal(a.transaction.in_doubt, i != 1);
		assert_outcome(&b, 0, "not-tried BODY 0");
		assert_false(b.transaction.in_doubt);
		assert_false(b.transaction.body_sent);
		fixture_mail_deinit(&b);
		end_a();
	}
}

/* A recipient that was refused stays refused, whatever happens to the others (SMTP-28). */
static void a_loss_leaves_decided_recipients_alone(void **state)
{
	(void)state;
	fixture_mail_init(&a, "s@y", "a@x b@x c@x", "Hi\r\n", 4);
	start();
	fixture_greet(&f, "PIPELINING");
	fixture_add(&f, &a);
	f.out_len = 0;
	fixture_work(&f);
	fixture_turn(&f, OK "550 no\r\n" OK, "");
	smtp_session_lost(&f.session, SMTP_END_LOST);
	fixture_work(&f);
	assert_outcome(&a, 0, "permanent RCPT 550");
	assert_outcome(&a, 1, "temporary RCPT 0");
	assert_outcome(&a, 2, "temporary RCPT 0");
	assert_true(a.results[1].accepted);
	assert_false(a.results[2].accepted);
	end_a();
}

/* Aborted from our side: no attempt, unless the final dot has gone. */
static void stopped_by_us_at_each_stage(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
		start_at(stages[i].stage);
		smtp_session_lost(&f.session, SMTP_END_STOPPED);
		fixture_work(&f);
		assert_int_equal(a.results[0].verdict,
			stages[i].in_doubt ? SMTP_VERDICT_TEMPORARY : SMTP_VERDICT_NOT_TRIED);
		assert_int_equal(a.results[0].cause, SMTP_CAUSE_SESSION_OVER);
		assert_int_equal(a.transaction.in_doubt, stages[i].in_doubt);
		end_a();
	}
	fixture_mail_simple(&a);
	start();
	fixture_greet(&f, "PIPELINING");
	smtp_session_begin(&f.session, &a.transaction);
	smtp_session_lost(&f.session, SMTP_END_STOPPED);
	fixture_work(&f);
	assert_int_equal(a.results[0].verdict, SMTP_VERDICT_NOT_TRIED);
	end_a();
}

/* SMTP-02: what is waited for in a transaction, and how long. */
static void each_step_of_a_transaction_has_its_deadline(void **state)
{
	(void)state;
	static const struct {
		enum stage stage;
		enum smtp_step step;
		uint32_t wait_ms;
	} rows[] = {
		{ AT_MAIL, SMTP_STEP_MAIL, 300000 },
		{ AT_RCPT, SMTP_STEP_RCPT, 300000 },
		{ AT_DATA, SMTP_STEP_DATA, 120000 },
		{ AT_BODY, SMTP_STEP_SENDING, 180000 },
		{ AT_REPLY, SMTP_STEP_BODY, 600000 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		start_at(rows[i].stage);
		struct smtp_deadline deadline = smtp_session_deadline(&f.session);
		assert_int_equal(deadline.step, rows[i].step);
		assert_int_equal(deadline.wait_ms, rows[i].wait_ms);
		/* SMTP-03: half a reply is no progress. */
		fixture_say(&f, "2", 1);
		assert_true(smtp_session_deadline(&f.session).progress == deadline.progress);
		end_a();
	}
}

static void each_whole_reply_is_progress(void **state)
{
	(void)state;
	start_at(AT_MAIL);
	uint64_t progress = smtp_session_deadline(&f.session).progress;
	fixture_turn(&f, "250 o", "");
	assert_true(smtp_session_deadline(&f.session).progress == progress);
	fixture_turn(&f, "k\r\n", "");
	assert_true(smtp_session_deadline(&f.session).progress > progress);
	end_a();
}

static void each_block_of_a_body_is_progress(void **state)
{
	(void)state;
	start_at(AT_BODY);
	uint64_t progress = smtp_session_deadline(&f.session).progress;
	uint8_t out[1];
	assert_int_equal(smtp_session_output(&f.session, out, 1), 1);
	assert_true(smtp_session_deadline(&f.session).progress > progress);
	end_a();
}

static void replies_after_quit_are_all_the_same(void **state)
{
	(void)state;
	static const char *const replies[] = { "221 bye\r\n", "250 ok\r\n", "421 x\r\n",
		"500 what\r\n", "354 x\r\n" };
	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
		start();
		fixture_greet(&f, "");
		smtp_session_quit(&f.session);
		fixture_turn(&f, "", "QUIT\r\n");
		fixture_turn(&f, replies[i], "");
		assert_int_equal(f.session.end, SMTP_END_QUIT);
		assert_int_equal(smtp_session_end_reply(&f.session).code, 0);
		fixture_deinit(&f);
	}
	start();
	fixture_greet(&f, "");
	smtp_session_quit(&f.session);
	fixture_turn(&f, "", "QUIT\r\n");
	smtp_session_lost(&f.session, SMTP_END_TIMEOUT);
	assert_int_equal(f.session.end, SMTP_END_QUIT);
	fixture_deinit(&f);
}

/* SMTP-08, SMTP-05 in a transaction: what the codes mean is not known, so it is temporary. */
static void replies_that_contradict_themselves(void **state)
{
	(void)state;
	static const char *const replies[] = { "250-x\r\n550 y\r\n", "150 hm\r\n", "600 x\r\n" };
	for (size_t i = 0; i < 3; i++) {
		start_at(AT_REPLY);
		fixture_say(&f, replies[i], strlen(replies[i]));
		assert_int_equal(f.result, RESULT_PROTOCOL);
		fixture_work(&f);
		assert_outcome(&a, 0, "temporary BODY 0");
		assert_true(a.transaction.in_doubt);
		end_a();
	}
}

/* EXT-PIPE-06's danger: garbage between the replies of a group never shifts them onto others. */
static void a_reply_too_many_or_too_few_never_delivers(void **state)
{
	(void)state;
	/* One more than commands: 354 arrives where RCPT's reply was due. */
	fixture_mail_simple(&a);
	start();
	fixture_greet(&f, "PIPELINING");
	fixture_add(&f, &a);
	fixture_turn(&f, "", GROUP);
	fixture_turn(&f, OK OK, "");
	fixture_turn(&f, OK, ""); /* taken for DATA's: no 354, no data */
	assert_outcome(&a, 0, "temporary DATA 250");
	fixture_say(&f, "354 go\r\n", 8);
	assert_int_equal(f.result, RESULT_PROTOCOL);
	end_a();

	/* One missing: 354 for RCPT. */
	start_at(AT_RCPT);
	fixture_say(&f, "354 go\r\n", 8);
	assert_int_equal(f.result, RESULT_PROTOCOL);
	fixture_work(&f);
	assert_outcome(&a, 0, "temporary RCPT 0");
	end_a();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connection_lost_at_each_stage),
		cmocka_unit_test(the_host_says_421_at_each_stage),
		cmocka_unit_test(a_bad_reply_at_each_stage),
		cmocka_unit_test(an_endless_reply_at_each_stage),
		cmocka_unit_test(a_partial_reply_at_each_stage),
		cmocka_unit_test(bad_greetings),
		cmocka_unit_test(lost_prematurely_and_timed_out_in_the_opening),
		cmocka_unit_test(premature_replies_are_protocol_errors),
		cmocka_unit_test(early_data_replies_end_the_session_and_count),
		cmocka_unit_test(unexpected_replies_while_idle),
		cmocka_unit_test(a_group_that_is_answered_in_part_says_that_pipelining_may_not_work),
		cmocka_unit_test(a_used_session_that_dies_before_mail_was_answered_blames_nobody),
		cmocka_unit_test(a_used_session_that_breaks_in_a_group_says_nothing_of_pipelining),
		cmocka_unit_test(a_loss_with_one_ahead_puts_only_the_first_in_doubt),
		cmocka_unit_test(a_loss_leaves_decided_recipients_alone),
		cmocka_unit_test(stopped_by_us_at_each_stage),
		cmocka_unit_test(each_step_of_a_transaction_has_its_deadline),
		cmocka_unit_test(each_whole_reply_is_progress),
		cmocka_unit_test(each_block_of_a_body_is_progress),
		cmocka_unit_test(replies_after_quit_are_all_the_same),
		cmocka_unit_test(replies_that_contradict_themselves),
		cmocka_unit_test(a_reply_too_many_or_too_few_never_delivers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
