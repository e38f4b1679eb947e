/* Transactions: MAIL, RCPT, DATA, the body and its reply; pipelined, in lock-step, and ahead. */
#include <stdio.h>
#include "tests/unit/engine/smtp/smtp_fixture.h"

static struct fixture f;
static struct fixture_mail a, b, c;

#define MAIL      "MAIL FROM:<s@y.example>\r\n"
#define RCPT(who) "RCPT TO:<" who "@x.example>\r\n"
#define GROUP     MAIL RCPT("a") "DATA\r\n"
#define BODY      "Hi\r\n.\r\n"
#define OK        "250 ok\r\n"

static void start(const char *keywords)
{
	fixture_init(&f);
	f.config.starttls = SMTP_STARTTLS_NEVER;
	fixture_start(&f);
	fixture_greet(&f, keywords);
}

/* One message to recipients a, b and c of x.example, and the session at MAIL. */
static void start_three(const char *keywords)
{
	fixture_mail_init(&a, "s@y.example", "a@x.example b@x.example c@x.example", "Hi\r\n", 4);
	start(keywords);
	fixture_add(&f, &a);
	fixture_turn(&f, "",
		strstr(keywords, "PIPELINING") != NULL ? MAIL RCPT("a") RCPT("b")
								 RCPT("c") "DATA\r\n"
						       : MAIL);
}

static void end_one(void)
{
	fixture_close(&f);
	fixture_mail_deinit(&a);
}

/* EXT-PIPE-01: without PIPELINING one command at a time. */
static void without_pipelining_each_reply_is_waited_for(void **state)
{
	(void)state;
	start_three("8BITMIME");
	fixture_turn(&f, OK, RCPT("a"));
	fixture_turn(&f, OK, RCPT("b"));
	fixture_turn(&f, "550 no\r\n", RCPT("c"));
	fixture_turn(&f, "251 will forward\r\n", "DATA\r\n");
	fixture_turn(&f, "354 go\r\n", BODY);
	assert_false(a.is_done);
	fixture_turn(&f, OK, "");
	assert_true(a.is_done);
	/* SMTP-28, SMTP-31, SMTP-33 */
	assert_outcome(&a, 0, "delivered BODY 250");
	assert_outcome(&a, 1, "permanent RCPT 550");
	assert_outcome(&a, 2, "delivered BODY 250");
	assert_int_equal(a.transaction.delivered_count, 2);
	assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_MAIL);
	end_one();
}

/* EXT-PIPE-02: DATA is the last of the group, and the whole group leaves in one piece. */
static void a_pipelined_group_leaves_in_one_piece(void **state)
{
	(void)state;
	fixture_mail_init(&a, "s@y.example", "a@x.example b@x.example c@x.example", "Hi\r\n", 4);
	start("PIPELINING");
	smtp_session_begin(&f.session, &a.transaction);
	uint8_t out[4096];
	static const char group[] = MAIL RCPT("a") RCPT("b") RCPT("c") "DATA\r\n";
	assert_int_equal(smtp_session_output(&f.session, out, sizeof out), sizeof group - 1);
	assert_memory_equal(out, group, sizeof group - 1);
	assert_int_equal(smtp_session_output(&f.session, out, sizeof out), 0);
	fixture_turn(&f, OK OK "450 busy\r\n550 no\r\n354 go\r\n", BODY);
	fixture_turn(&f, "250 2.0.0 queued as 1\r\n", "");
	assert_outcome(&a, 0, "delivered BODY 250");
	assert_outcome(&a, 1, "temporary RCPT 450");
	assert_outcome(&a, 2, "permanent RCPT 550");
	assert_true(text_equal(
		smtp_rcpt_text(&a.transaction, &a.results[0]), TEXT("2.0.0 queued as 1")));
	assert_true(text_equal(smtp_rcpt_text(&a.transaction, &a.results[1]), TEXT("busy")));
	assert_true(text_equal(smtp_rcpt_text(&a.transaction, &a.results[2]), TEXT("no")));
	/* SMTP-43: not offered, so not read */
	assert_int_equal(a.results[0].status.class, 0);
	end_one();
}

/* SMTP-40, DESIGN 6: one round trip a message. */
static void the_end_of_a_body_and_the_next_group_leave_together(void **state)
{
	(void)state;
	fixture_mail_simple(&a);
	fixture_mail_simple(&b);
	fixture_mail_simple(&c);
	start("PIPELINING");
	fixture_add(&f, &a);
	fixture_add(&f, &b);
	fixture_add(&f, &c);
	fixture_turn(&f, "", GROUP);
	fixture_turn(&f, OK OK "354 go\r\n", BODY GROUP);
	fixture_turn(&f, OK OK OK "354 go\r\n", BODY GROUP);
	assert_true(a.is_done);
	assert_false(b.is_done);
	fixture_turn(&f, "450 no\r\n" OK OK "354 go\r\n", BODY);
	assert_outcome(&b, 0, "temporary BODY 450");
	/* SMTP-19: the end of the data clears the transaction, also of one that was refused. */
	fixture_turn(&f, OK, "");
	assert_outcome(&c, 0, "delivered BODY 250");
	assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_MAIL);
	fixture_close(&f);
	fixture_mail_deinit(&a);
	fixture_mail_deinit(&b);
	fixture_mail_deinit(&c);
}

static void the_next_group_may_follow_a_body_that_has_gone(void **state)
{
	(void)state;
	fixture_mail_simple(&a);
	fixture_mail_simple(&b);
	start("PIPELINING");
	fixture_add(&f, &a);
	fixture_turn(&f, "", GROUP);
	fixture_turn(&f, OK OK "354 go\r\n", BODY);
	fixture_add(&f, &b);
	fixture_turn(&f, "", GROUP);
	assert_false(smtp_session_can_begin(&f.session));
	/* The order of the replies is the order of the commands (EXT-PIPE-03). */
	assert_int_equal(smtp_session_deadline(&f.session).step, SMTP_STEP_BODY);
	fixture_turn(&f, "554 spam\r\n", "");
	assert_int_equal(smtp_session_deadline(&f.session).step, SMTP_STEP_MAIL);
	fixture_turn(&f, OK OK "354 go\r\n", BODY);
	fixture_turn(&f, OK, "");
	assert_outcome(&a, 0, "permanent BODY 554");
	assert_outcome(&b, 0, "delivered BODY 250");
	fixture_close(&f);
	fixture_mail_deinit(&a);
	fixture_mail_deinit(&b);
}

static void without_ahead_the_next_waits_for_the_reply(void **state)
{
	(void)state;
	fixture_mail_simple(&a);
	fixture_mail_simple(&b);
	fixture_init(&f);
	f.config.ahead = false;
	f.config.starttls = SMTP_STARTTLS_NEVER;
	fixture_start(&f);
	fixture_add(&f, &a);
	fixture_add(&f, &b);
	fixture_greet(&f, "PIPELINING");
	assert_string_equal(f.out, GROUP);
	fixture_turn(&f, OK OK "354 go\r\n", BODY);
	fixture_turn(&f, OK, GROUP);
	fixture_close(&f);
	fixture_mail_deinit(&a);
	fixture_mail_deinit(&b);
}

/* SMTP-26, SMTP-34, EXT-SIZE-03: the answer to MAIL is that of all recipients; the rest of the group
 * is still read. */
static void a_refused_sender_decides_all_recipients(void **state)
{
	(void)state;
	static const struct {
		const char *reply, *outcome;
	} rows[] = {
		{ "451 later\r\n", "temporary MAIL 451" },
		{ "550 no\r\n", "permanent MAIL 550" },
		{ "452 no room\r\n", "temporary MAIL 452" },
		{ "552 too big\r\n", "permanent MAIL 552" },
		{ "459 x\r\n", "temporary MAIL 459" },
		{ "599 x\r\n", "permanent MAIL 599" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		start_three("PIPELINING");
		fixture_turn(&f, rows[i].reply, "");
		fixture_turn(&f, "503 a\r\n503 b\r\n503 c\r\n", "");
		assert_false(a.is_done);
		fixture_turn(&f, "503 d\r\n", "");
		assert_true(a.is_done);
		for (uint32_t rcpt = 0; rcpt < 3; rcpt++)
			assert_outcome(&a, rcpt, rows[i].outcome);
		/* SMTP-19, SMTP-27: RSET first, then MAIL is tried again. */
		fixture_mail_simple(&b);
		fixture_add(&f, &b);
		fixture_turn(&f, "", "RSET\r\n" GROUP);
		fixture_turn(&f, OK OK OK "354 go\r\n", BODY);
		fixture_turn(&f, OK, "");
		assert_outcome(&b, 0, "delivered BODY 250");
		fixture_mail_deinit(&b);
		end_one();
	}
}

static void a_refused_sender_ends_a_transaction_in_lock_step(void **state)
{
	(void)state;
	start_three("");
	fixture_turn(&f, "550 no\r\n", "");
	assert_true(a.is_done);
	assert_outcome(&a, 2, "permanent MAIL 550");
	assert_false(a.results[0].sent);
	fixture_mail_simple(&b);
	fixture_add(&f, &b);
	fixture_turn(&f, "", "RSET\r\n");
	fixture_turn(&f, OK, MAIL);
	fixture_mail_deinit(&b);
	end_one();
}

/* SMTP-19, SMTP-32: nobody left, so no DATA; or DATA was refused with them. */
static void all_recipients_refused_means_no_data(void **state)
{
	(void)state;
	start_three("");
	fixture_turn(&f, OK, RCPT("a"));
	fixture_turn(&f, "550 a\r\n", RCPT("b"));
	fixture_turn(&f, "450 b\r\n", RCPT("c"));
	fixture_turn(&f, "556 c\r\n", "");
	assert_outcome(&a, 0, "permanent RCPT 550");
	assert_outcome(&a, 1, "temporary RCPT 450");
	assert_outcome(&a, 2, "permanent RCPT 556"); /* SMTP-47 */
	end_one();

	start_three("PIPELINING");
	fixture_turn(&f, OK "550 a\r\n450 b\r\n553 c\r\n", "");
	fixture_turn(&f, "554 no valid recipients\r\n", "");
	assert_true(a.is_done);
	assert_outcome(&a, 0, "permanent RCPT 550");
	assert_outcome(&a, 1, "temporary RCPT 450");
	assert_outcome(&a, 2, "permanent RCPT 553");
	assert_true(f.session.needs_rset);
	end_one();
}

/* EXT-PIPE-04: 354 though nobody is left: an empty message, whose reply is nobody's. */
static void data_accepted_for_nobody_gets_a_lone_dot(void **state)
{
	(void)state;
	static const char *const replies[] = { OK, "554 empty\r\n", "451 x\r\n" };
	for (size_t i = 0; i < 3; i++) {
		start_three("PIPELINING");
		fixture_mail_simple(&b);
		fixture_add(&f, &b);
		fixture_turn(&f, OK "550 a\r\n550 b\r\n550 c\r\n354 go\r\n", ".\r\n");
		assert_false(a.is_done);
		fixture_turn(&f, replies[i], "RSET\r\n" GROUP);
		assert_true(a.is_done);
		assert_int_equal(a.transaction.delivered_count, 0);
		for (uint32_t rcpt = 0; rcpt < 3; rcpt++)
			assert_outcome(&a, rcpt, "permanent RCPT 550");
		fixture_mail_deinit(&b);
		end_one();
	}
}

/* EXT-PIPE-07: 354 without a sender: the lone dot, then the end. */
static void data_accepted_without_a_sender_ends_the_session(void **state)
{
	(void)state;
	start_three("PIPELINING");
	fixture_turn(&f, "550 no\r\n503 x\r\n503 x\r\n503 x\r\n354 go\r\n", ".\r\n");
	fixture_turn(&f, "250 taken\r\n", "QUIT\r\n");
	assert_outcome(&a, 0, "permanent MAIL 550");
	assert_int_equal(f.session.end, SMTP_END_NO_SENDER);
	fixture_turn(&f, "221 bye\r\n", "");
	assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_CLOSE);
	end_one();
}

/* SMTP-32: no 354, no data. */
static void data_without_354_is_no_data(void **state)
{
	(void)state;
	static const struct {
		const char *reply, *outcome;
	} rows[] = {
		{ "250 ok\r\n", "temporary DATA 250" },
		{ "451 later\r\n", "temporary DATA 451" },
		{ "503 what\r\n", "permanent DATA 503" },
		{ "554 no\r\n", "permanent DATA 554" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fixture_mail_simple(&a);
		fixture_mail_simple(&b);
		start("PIPELINING");
		fixture_add(&f, &a);
		fixture_add(&f, &b);
		fixture_turn(&f, "", GROUP);
		fixture_turn(&f, OK OK, "");
		fixture_turn(&f, rows[i].reply, "RSET\r\n" GROUP);
		assert_outcome(&a, 0, rows[i].outcome);
		assert_false(a.transaction.body_sent);
		fixture_mail_deinit(&b);
		end_one();
	}
}

static void other_3yz_replies_are_protocol_errors_at_each_step(void **state)
{
	(void)state;
	static const struct {
		const char *before, *reply, *outcome;
	} rows[] = {
		{ "", "354 go\r\n", "temporary MAIL 0" },
		{ OK, "354 go\r\n", "temporary RCPT 0" },
		{ OK OK, "334 go\r\n", "temporary DATA 0" },
		{ OK OK "354 go\r\n", "354 go\r\n", "temporary BODY 0" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fixture_mail_simple(&a);
		start("PIPELINING");
		fixture_add(&f, &a);
		fixture_turn(&f, "", GROUP);
		f.out_len = 0;
		fixture_say(&f, rows[i].before, strlen(rows[i].before));
		fixture_work(&f);
		fixture_say(&f, rows[i].reply, strlen(rows[i].reply));
		assert_int_equal(f.result, RESULT_PROTOCOL);
		fixture_work(&f);
		assert_outcome(&a, 0, rows[i].outcome);
		assert_int_equal(a.results[0].cause, SMTP_CAUSE_PROTOCOL);
		assert_int_equal(a.transaction.in_doubt, i == 3);
		assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_CLOSE);
		end_one();
	}
}

/* SMTP-33 */
static void any_2yz_to_the_end_of_data_is_delivery(void **state)
{
	(void)state;
	static const struct {
		const char *reply, *outcome;
	} rows[] = {
		{ "250 x\r\n", "delivered BODY 250" },
		{ "251 x\r\n", "delivered BODY 251" },
		{ "299 x\r\n", "delivered BODY 299" },
		{ "250\r\n", "delivered BODY 250" },
		{ "451 x\r\n", "temporary BODY 451" },
		{ "552 x\r\n", "permanent BODY 552" },
		{ "554 x\r\n", "permanent BODY 554" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fixture_mail_simple(&a);
		start("PIPELINING");
		fixture_add(&f, &a);
		fixture_turn(&f, "", GROUP);
		fixture_turn(&f, OK OK "354 go\r\n", BODY);
		fixture_turn(&f, rows[i].reply, "");
		assert_outcome(&a, 0, rows[i].outcome);
		assert_false(a.transaction.in_doubt);
		end_one();
	}
}

/* SMTP-43 */
static void statuses_count_where_they_were_offered(void **state)
{
	(void)state;
	fixture_mail_simple(&a);
	start("PIPELINING ENHANCEDSTATUSCODES");
	fixture_add(&f, &a);
	fixture_turn(&f, "", GROUP);
	fixture_turn(&f, OK OK "354 go\r\n", BODY);
	fixture_turn(&f, "250 2.6.0 taken\r\n", "");
	char text[SMTP_STATUS_TEXT_MAX];
	assert_string_equal(smtp_status_format(a.results[0].status, text), "2.6.0");
	end_one();

	fixture_mail_simple(&a);
	start("PIPELINING ENHANCEDSTATUSCODES");
	fixture_add(&f, &a);
	fixture_turn(&f, "", GROUP);
	fixture_turn(&f, OK "550 2.1.1 x\r\n554 x\r\n", "");
	assert_string_equal(smtp_status_format(a.results[0].status, text), "");
	end_one();
}

/* SMTP-19, haraka/Haraka#1852: a refused RSET bounces nobody. */
static void a_refused_rset_ends_the_session_and_no_message(void **state)
{
	(void)state;
	fixture_mail_simple(&a);
	fixture_mail_simple(&b);
	start("PIPELINING");
	fixture_add(&f, &a);
	fixture_add(&f, &b);
	fixture_turn(&f, "", GROUP);
	fixture_turn(&f, "550 no\r\n503 x\r\n503 x\r\n", "RSET\r\n" GROUP);
	fixture_turn(&f, "503 what\r\n", "");
	assert_outcome(&b, 0, "not-tried RSET 0");
	assert_int_equal(f.session.end, SMTP_END_RSET_REFUSED);
	assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_CLOSE);
	fixture_mail_deinit(&b);
	end_one();
}

static void quit_comes_after_the_transaction_and_alone(void **state)
{
	(void)state;
	/* EXT-PIPE-06: not behind the final dot. */
	fixture_mail_simple(&a);
	fixture_mail_simple(&b);
	start("PIPELINING");
	fixture_add(&f, &a);
	fixture_add(&f, &b);
	fixture_turn(&f, "", GROUP);
	fixture_turn(&f, OK OK "354 go\r\n", BODY GROUP);
	smtp_session_quit(&f.session);
	assert_false(smtp_session_can_begin(&f.session));
	fixture_turn(&f, OK, "");
	fixture_turn(&f, OK OK "354 go\r\n", BODY);
	fixture_turn(&f, OK, "QUIT\r\n");
	assert_outcome(&a, 0, "delivered BODY 250");
	assert_outcome(&b, 0, "delivered BODY 250");
	fixture_turn(&f, "221 bye\r\n", "");
	assert_int_equal(f.session.end, SMTP_END_QUIT);
	fixture_mail_deinit(&b);
	end_one();
}

static void empty_and_dotted_bodies_are_sent_right(void **state)
{
	(void)state;
	static const struct {
		const char *content, *wire;
	} rows[] = {
		{ "", ".\r\n" },
		{ ".\r\n", "..\r\n.\r\n" },
		{ "a: b\r\n\r\n.x\r\n", "a: b\r\n\r\n..x\r\n.\r\n" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fixture_mail_init(&a, "", "a@x.example", rows[i].content, strlen(rows[i].content));
		start("PIPELINING");
		fixture_add(&f, &a);
		fixture_turn(&f, "", "MAIL FROM:<>\r\n" RCPT("a") "DATA\r\n");
		fixture_turn(&f, OK OK "354 go\r\n", rows[i].wire);
		assert_true(a.transaction.body_sent);
		end_one();
	}
}

/* EXT-PIPE-05: the whole group goes out while no reply is read, and all replies come at once. */
static void ten_thousand_recipients_wait_in_little_memory(void **state)
{
	(void)state;
	enum { RCPTS = 10000 };
	static struct envelope_rcpt rcpts[RCPTS];
	static struct smtp_rcpt_result results[RCPTS];
	fixture_mail_simple(&a);
	for (uint32_t i = 0; i < RCPTS; i++) {
		rcpts[i].address = a.rcpts[0].address;
		results[i].rcpt = i;
	}
	a.envelope.rcpts = rcpts;
	a.envelope.rcpts_count = RCPTS;
	a.transaction.rcpts = results;
	a.transaction.rcpts_count = RCPTS;
	fixture_init(&f);
	f.config.starttls = SMTP_STARTTLS_NEVER;
	f.config.rcpts_max = RCPTS;
	fixture_start(&f);
	fixture_add(&f, &a);
	fixture_greet(&f, "PIPELINING");
	assert_int_equal(f.out_len, strlen(MAIL) + RCPTS * strlen(RCPT("a")) + 6);
	fixture_say(&f, OK, 8);
	for (uint32_t i = 0; i < RCPTS; i++)
		fixture_say(&f, i % 3 == 0 ? "550 no\r\n" : OK, 8);
	fixture_turn(&f, "354 go\r\n", BODY);
	fixture_turn(&f, OK, "");
	for (uint32_t i = 0; i < RCPTS; i++)
		assert_int_equal(results[i].verdict,
			i % 3 == 0 ? SMTP_VERDICT_PERMANENT : SMTP_VERDICT_DELIVERED);
	assert_int_equal(a.transaction.delivered_count, RCPTS - (RCPTS + 2) / 3);
	end_one();
}

/* The texts are cut when the room for them is used up; codes and verdicts are not. */
static void texts_share_room_and_are_cut_at_its_end(void **state)
{
	(void)state;
	start_three("PIPELINING");
	a.transaction.texts_size = 10;
	fixture_turn(&f, OK "550 same\r\n550 same\r\n550 different\r\n503 x\r\n", "");
	assert_int_equal(a.transaction.texts_len, 10);
	assert_int_equal(a.results[0].text_at, a.results[1].text_at);
	assert_true(text_equal(smtp_rcpt_text(&a.transaction, &a.results[1]), TEXT("same")));
	assert_true(text_equal(smtp_rcpt_text(&a.transaction, &a.results[2]), TEXT("differ")));
	assert_outcome(&a, 2, "permanent RCPT 550");
	end_one();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_pipelining_each_reply_is_waited_for),
		cmocka_unit_test(a_pipelined_group_leaves_in_one_piece),
		cmocka_unit_test(the_end_of_a_body_and_the_next_group_leave_together),
		cmocka_unit_test(the_next_group_may_follow_a_body_that_has_gone),
		cmocka_unit_test(without_ahead_the_next_waits_for_the_reply),
		cmocka_unit_test(a_refused_sender_decides_all_recipients),
		cmocka_unit_test(a_refused_sender_ends_a_transaction_in_lock_step),
		cmocka_unit_test(all_recipients_refused_means_no_data),
		cmocka_unit_test(data_accepted_for_nobody_gets_a_lone_dot),
		cmocka_unit_test(data_accepted_without_a_sender_ends_the_session),
		cmocka_unit_test(data_without_354_is_no_data),
		cmocka_unit_test(other_3yz_replies_are_protocol_errors_at_each_step),
		cmocka_unit_test(any_2yz_to_the_end_of_data_is_delivery),
		cmocka_unit_test(statuses_count_where_they_were_offered),
		cmocka_unit_test(a_refused_rset_ends_the_session_and_no_message),
		cmocka_unit_test(quit_comes_after_the_transaction_and_alone),
		cmocka_unit_test(empty_and_dotted_bodies_are_sent_right),
		cmocka_unit_test(ten_thousand_recipients_wait_in_little_memory),
		cmocka_unit_test(texts_share_room_and_are_cut_at_its_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
