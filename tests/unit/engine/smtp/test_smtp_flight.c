/* A whole message in one flight (CONFORMANCE 0.4, EXT-CHUNK-05): when it may be, what a refusal in it means
 * wherever it comes, and what is learned of hosts that do not bear it. */
#include <stdio.h>
#include "tests/unit/engine/smtp/smtp_fixture.h"

static struct fixture f;
static struct fixture_mail a, b;

#define MAIL "MAIL FROM:<s@y.example>\r\n"
#define RCPT "RCPT TO:<a@x.example>\r\n"
#define BDAT "BDAT 4 LAST\r\nHi\r\n"
#define OK   "250 ok\r\n"
#define CAPS "CHUNKING PIPELINING"

static void let_fly(struct fixture_mail *mail)
{
	fixture_mail_simple(mail);
	mail->transaction.wants_bdat = true;
	mail->transaction.may_fly = true;
}

static void start(const char *keywords)
{
	fixture_init(&f);
	fixture_start(&f);
	fixture_greet(&f, keywords);
}

static void end(void)
{
	fixture_close(&f);
	fixture_mail_deinit(&a);
}

static void a_message_leaves_in_one_group(void **state)
{
	(void)state;
	let_fly(&a);
	start(CAPS);
	fixture_add(&f, &a);
	fixture_turn(&f, "", MAIL RCPT BDAT);
	fixture_turn(&f, OK OK OK, "");
	assert_outcome(&a, 0, "delivered BDAT 250");
	assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_MAIL);
	assert_int_equal(smtp_session_learned(&f.session), 0);
	end();
}

static void each_message_of_a_session_flies_when_the_one_before_is_answered(void **state)
{
	(void)state;
	let_fly(&a);
	let_fly(&b);
	start(CAPS);
	fixture_add(&f, &a);
	fixture_add(&f, &b);
	fixture_turn(&f, "", MAIL RCPT BDAT);
	fixture_turn(&f, OK OK, "");
	fixture_turn(&f, OK, MAIL RCPT BDAT);
	fixture_turn(&f, OK OK OK, "");
	assert_outcome(&a, 0, "delivered BDAT 250");
	assert_outcome(&b, 0, "delivered BDAT 250");
	fixture_mail_deinit(&b);
	end();
}

static void what_may_not_fly_goes_step_by_step(void **state)
{
	(void)state;
	static char big[64 * 1024 + 1];
	memset(big, 'x', sizeof big);
	memcpy(big + sizeof big - 2, "\r\n", 2);
	enum { NOT_ALLOWED, TWO_RCPTS, TOO_BIG, NO_PIPELINING, NO_CHUNKING, AVOIDED, WAYS };
	for (int way = 0; way < WAYS; way++) {
		let_fly(&a);
		if (way == TWO_RCPTS || way == TOO_BIG) {
			fixture_mail_deinit(&a);
			fixture_mail_init(&a, "s@y.example", way == TWO_RCPTS ? "a@x.example b@x.example" : "a@x.example",
				way == TWO_RCPTS ? "Hi\r\n" : big, way == TWO_RCPTS ? 4 : sizeof big);
			a.transaction.wants_bdat = a.transaction.may_fly = true;
		}
		a.transaction.may_fly = way != NOT_ALLOWED;
		fixture_init(&f);
		f.config.avoid = way == AVOIDED ? SMTP_CAP_SINGLE_FLIGHT : 0;
		fixture_start(&f);
		fixture_greet(&f, way == NO_PIPELINING ? "CHUNKING" : way == NO_CHUNKING ? "PIPELINING" : CAPS);
		fixture_add(&f, &a);
		fixture_turn(&f, "", way == NO_PIPELINING ? MAIL : way == TWO_RCPTS ? MAIL RCPT "RCPT TO:<b@x.example>\r\n" :
			way == NO_CHUNKING ? MAIL RCPT "DATA\r\n" : MAIL RCPT);
		end();
	}
}

static void at_64_kilobytes_it_flies(void **state)
{
	(void)state;
	static char big[64 * 1024];
	memset(big, 'x', sizeof big);
	memcpy(big + sizeof big - 2, "\r\n", 2);
	fixture_mail_init(&a, "s@y.example", "a@x.example", big, sizeof big);
	a.transaction.wants_bdat = a.transaction.may_fly = true;
	start(CAPS);
	fixture_add(&f, &a);
	f.out_len = 0;
	fixture_work(&f);
	assert_int_equal(f.out_len, strlen(MAIL RCPT "BDAT 65536 LAST\r\n") + sizeof big);
	fixture_turn(&f, OK OK OK, "");
	assert_outcome(&a, 0, "delivered BDAT 250");
	end();
}

/* The recipient is refused when so many octets of the flight have left. */
static void run_refusal(size_t sent, size_t in_piece, bool by_mail)
{
	static const char flight[] = MAIL RCPT BDAT;
	const size_t envelope = strlen(MAIL RCPT), whole = strlen(flight);
	const char *refusal = by_mail ? "450 4.7.1 no\r\n503 5.5.1 no sender\r\n" : OK "550 5.1.1 who\r\n";
	uint8_t octets[sizeof flight];
	let_fly(&a);
	start(CAPS);
	f.in_piece = in_piece;
	smtp_session_begin(&f.session, &a.transaction);
	size_t len = 0;
	while (len < sent) /* in single octets */
		len += smtp_session_output(&f.session, octets + len, 1);
	assert_memory_equal(octets, flight, sent);
	/* Not by fixture_say(), which would go on between the pieces. */
	for (size_t at = 0; at < strlen(refusal); at += in_piece) {
		size_t piece = strlen(refusal) - at < in_piece ? strlen(refusal) - at : in_piece;
		assert_int_equal(smtp_session_input(&f.session, (const uint8_t *)refusal + at, piece, &f.fail), RESULT_OK);
	}
	if (sent == whole) {
		/* RFC 3030 2: the octets were read past. */
		assert_null(smtp_session_take_done(&f.session));
		assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_READ);
		const char *last = "503 5.5.1 no valid recipients\r\n";
		assert_int_equal(smtp_session_input(&f.session, (const uint8_t *)last, strlen(last), &f.fail), RESULT_OK);
	}
	assert_ptr_equal(smtp_session_take_done(&f.session), &a.transaction);
	assert_outcome(&a, 0, by_mail ? "temporary MAIL 450" : "permanent RCPT 550");
	assert_false(a.transaction.in_doubt);
	/* Nothing more leaves: what was not begun is not, what was cut stays cut. */
	assert_int_equal(smtp_session_output(&f.session, octets, sizeof octets), 0);
	bool goes_on = sent == envelope;
	assert_int_equal(smtp_session_want(&f.session), goes_on ? SMTP_WANT_MAIL : SMTP_WANT_CLOSE);
	assert_int_equal(f.session.end, goes_on ? SMTP_END_NONE : SMTP_END_FLIGHT_REFUSED);
	assert_int_equal(smtp_session_learned(&f.session), 0); /* that is how it is to be */
	end();
}

static void a_refusal_at_every_split_of_the_flight_is_the_recipients_and_ends_what_is_on_its_way(void **state)
{
	(void)state;
	for (size_t sent = strlen(MAIL RCPT); sent <= strlen(MAIL RCPT BDAT); sent++)
		for (int by_mail = 0; by_mail < 2; by_mail++) {
			run_refusal(sent, 1, by_mail);
			run_refusal(sent, 1000, by_mail);
		}
}

static void replies_in_every_cut_are_the_same(void **state)
{
	(void)state;
	static const struct {
		const char *says, *outcome;
		enum smtp_end end;
	} rows[] = {
		{ OK OK OK, "delivered BDAT 250", SMTP_END_NONE },
		{ OK OK "452 4.3.1 full\r\n", "temporary BDAT 452", SMTP_END_NONE },
		{ OK OK "554-no\r\n554 spam\r\n", "permanent BDAT 554", SMTP_END_NONE },
		{ OK "450 later\r\n503 none\r\n", "temporary RCPT 450", SMTP_END_FLIGHT_REFUSED },
		{ "550 you\r\n503 a\r\n503 b\r\n", "permanent MAIL 550", SMTP_END_FLIGHT_REFUSED },
		{ OK "421 bye\r\n", "temporary RCPT 421", SMTP_END_CLOSING },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (size_t piece = 1; piece <= strlen(rows[i].says); piece++) {
			let_fly(&a);
			start(CAPS);
			f.in_piece = piece;
			fixture_add(&f, &a);
			fixture_turn(&f, "", MAIL RCPT BDAT);
			fixture_turn(&f, rows[i].says, "");
			assert_outcome(&a, 0, rows[i].outcome);
			assert_int_equal(f.session.end, rows[i].end);
			end();
		}
}

static void after_a_message_that_was_refused_rset_comes_first(void **state) /* EXT-CHUNK-02 */
{
	(void)state;
	let_fly(&a);
	let_fly(&b);
	start(CAPS);
	fixture_add(&f, &a);
	fixture_turn(&f, "", MAIL RCPT BDAT);
	fixture_turn(&f, OK OK "452 full\r\n", "");
	fixture_add(&f, &b);
	fixture_turn(&f, "", "RSET\r\n" MAIL RCPT BDAT);
	fixture_turn(&f, OK OK OK OK, "");
	assert_outcome(&b, 0, "delivered BDAT 250");
	fixture_mail_deinit(&b);
	end();
}

/* The host takes the octets for commands, and answers each line of them. */
static void a_host_that_does_not_know_bdat_hears_no_more(void **state)
{
	(void)state;
	let_fly(&a);
	let_fly(&b);
	start(CAPS);
	fixture_add(&f, &a);
	fixture_add(&f, &b);
	fixture_turn(&f, "", MAIL RCPT BDAT);
	fixture_turn(&f, OK OK "500 what\r\n", "");
	assert_outcome(&a, 0, "again BDAT 500");
	assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_CLOSE);
	assert_int_equal(f.session.end, SMTP_END_BDAT_REFUSED);
	assert_true((smtp_session_learned(&f.session) & SMTP_CAP_CHUNKING) != 0);
	assert_false(b.is_done);
	fixture_mail_deinit(&b);
	end();
}

static void hosts_that_do_not_bear_it_are_remembered(void **state)
{
	(void)state;
	static const struct {
		const char *says;
		enum smtp_end lost; /* then this; NONE: nothing */
		bool learned;
	} rows[] = {
		{ OK "550 no\r\n" OK, SMTP_END_NONE, true },   /* it took a message for nobody */
		{ OK OK OK "500 Hi?\r\n", SMTP_END_NONE, true },  /* more answers than questions */
		{ OK OK OK "421 idle\r\n", SMTP_END_NONE, false }, /* SMTP-42 */
		{ OK OK "354 go\r\n", SMTP_END_NONE, true },
		{ "", SMTP_END_LOST, true },
		{ OK, SMTP_END_TIMEOUT, true },
		{ "", SMTP_END_STOPPED, false },
		{ OK OK OK, SMTP_END_LOST, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		let_fly(&a);
		start(CAPS);
		fixture_add(&f, &a);
		fixture_turn(&f, "", MAIL RCPT BDAT);
		fixture_say(&f, rows[i].says, strlen(rows[i].says));
		fixture_work(&f);
		if (rows[i].lost != SMTP_END_NONE)
			smtp_session_lost(&f.session, rows[i].lost);
		if (((smtp_session_learned(&f.session) & SMTP_CAP_SINGLE_FLIGHT) != 0) != rows[i].learned)
			fail_msg("row %zu", i);
		fixture_work(&f);
		end();
	}
}

/* One was answered whole before: it bears them, and only broke. */
static void a_used_session_that_breaks_in_a_flight_says_nothing_of_flights(void **state)
{
	(void)state;
	static const enum smtp_end ends[] = { SMTP_END_LOST, SMTP_END_TIMEOUT };
	for (size_t i = 0; i < 2; i++) {
		let_fly(&a);
		let_fly(&b);
		start(CAPS);
		fixture_add(&f, &a);
		fixture_add(&f, &b);
		fixture_turn(&f, "", MAIL RCPT BDAT);
		fixture_turn(&f, OK OK OK, MAIL RCPT BDAT);
		fixture_turn(&f, OK, "");
		smtp_session_lost(&f.session, ends[i]);
		assert_int_equal(smtp_session_learned(&f.session), 0);
		fixture_work(&f);
		assert_true(b.transaction.in_doubt);
		fixture_mail_deinit(&b);
		end();
	}
}

/* SMTP-17: all of it has left, so nobody knows; in a session that has served others too. */
static void a_loss_behind_the_last_octet_is_in_doubt(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		let_fly(&a);
		let_fly(&b);
		start(CAPS);
		if (first == 0) {
			fixture_add(&f, &b);
			fixture_turn(&f, "", MAIL RCPT BDAT);
			fixture_turn(&f, OK OK OK, "");
		}
		fixture_add(&f, &a);
		fixture_turn(&f, "", MAIL RCPT BDAT);
		smtp_session_lost(&f.session, SMTP_END_LOST);
		fixture_work(&f);
		assert_outcome(&a, 0, "temporary MAIL 0");
		assert_true(a.transaction.in_doubt);
		assert_int_equal((smtp_session_learned(&f.session) & SMTP_CAP_SINGLE_FLIGHT) != 0, first == 1);
		fixture_mail_deinit(&b);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_leaves_in_one_group),
		cmocka_unit_test(each_message_of_a_session_flies_when_the_one_before_is_answered),
		cmocka_unit_test(what_may_not_fly_goes_step_by_step),
		cmocka_unit_test(at_64_kilobytes_it_flies),
		cmocka_unit_test(a_refusal_at_every_split_of_the_flight_is_the_recipients_and_ends_what_is_on_its_way),
		cmocka_unit_test(replies_in_every_cut_are_the_same),
		cmocka_unit_test(after_a_message_that_was_refused_rset_comes_first),
		cmocka_unit_test(a_host_that_does_not_know_bdat_hears_no_more),
		cmocka_unit_test(hosts_that_do_not_bear_it_are_remembered),
		cmocka_unit_test(a_used_session_that_breaks_in_a_flight_says_nothing_of_flights),
		cmocka_unit_test(a_loss_behind_the_last_octet_is_in_doubt),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
