/* BDAT, RFC 3030. */
#include <stdio.h>
#include "tests/unit/engine/smtp/smtp_fixture.h"

static struct fixture f;
static struct fixture_mail a, b;

#define MAIL "MAIL FROM:<s@y.example>\r\n"
#define RCPT "RCPT TO:<a@x.example>\r\n"
#define OK   "250 ok\r\n"

static void start(const char *keywords)
{
	fixture_init(&f);
	f.config.prefer_bdat = true;
	f.config.starttls = SMTP_STARTTLS_NEVER;
	fixture_start(&f);
	fixture_greet(&f, keywords);
}

static void end(void)
{
	fixture_close(&f);
	fixture_mail_deinit(&a);
}

/* EXT-CHUNK-01: exact count, no stuffing, no end mark. EXT-CHUNK-05: after the RCPT replies. */
static void one_chunk_follows_the_replies_to_rcpt(void **state)
{
	(void)state;
	fixture_mail_init(&a, "s@y.example", "a@x.example b@x.example", ".a\r\n..\r\n", 8);
	start("CHUNKING PIPELINING");
	fixture_add(&f, &a);
	fixture_turn(&f, "", MAIL RCPT "RCPT TO:<b@x.example>\r\n");
	fixture_turn(&f, OK OK, "");
	fixture_turn(&f, OK, "BDAT 8 LAST\r\n.a\r\n..\r\n");
	fixture_turn(&f, OK, "");
	assert_outcome(&a, 0, "delivered BDAT 250");
	end();
}

static void bdat_is_only_used_where_it_is_offered_and_wanted(void **state)
{
	(void)state;
	fixture_mail_simple(&a);
	start("PIPELINING");
	fixture_add(&f, &a);
	fixture_turn(&f, "", MAIL RCPT "DATA\r\n");
	end();

	/* DATA is the default for plain messages; binary ones need BDAT (EXT-BIN-01). */
	for (int binary = 0; binary < 2; binary++) {
		fixture_mail_simple(&a);
		if (binary == 1)
			a.envelope.body_type = ENVELOPE_BODY_BINARYMIME;
		fixture_init(&f);
		f.config.starttls = SMTP_STARTTLS_NEVER;
		fixture_start(&f);
		fixture_greet(&f, "PIPELINING CHUNKING BINARYMIME");
		fixture_add(&f, &a);
		fixture_turn(&f, "",
			binary == 1 ? "MAIL FROM:<s@y.example> BODY=BINARYMIME\r\n" RCPT
				    : MAIL RCPT "DATA\r\n");
		end();
	}
}

static void an_empty_body_is_a_chunk_of_nothing(void **state)
{
	(void)state;
	fixture_mail_init(&a, "s@y.example", "a@x.example", "", 0);
	start("CHUNKING PIPELINING");
	fixture_add(&f, &a);
	fixture_turn(&f, "", MAIL RCPT);
	fixture_turn(&f, OK OK, "BDAT 0 LAST\r\n");
	fixture_turn(&f, OK, "");
	assert_outcome(&a, 0, "delivered BDAT 250");
	end();
}

/* EXT-CHUNK-05: none valid, so no chunk. */
static void no_chunk_goes_out_for_nobody(void **state)
{
	(void)state;
	fixture_mail_simple(&a);
	start("CHUNKING PIPELINING");
	fixture_add(&f, &a);
	fixture_turn(&f, "", MAIL RCPT);
	fixture_turn(&f, OK "550 no\r\n", "");
	assert_true(a.is_done);
	assert_outcome(&a, 0, "permanent RCPT 550");
	assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_MAIL);
	end();
}

/* 0.4, EXT-CHUNK-05: body i with MAIL and RCPT of i+1. EXT-CHUNK-02: RSET before anything else,
 * should the chunk be refused. EXT-CHUNK-03: no DATA. */
static void the_next_envelope_leaves_with_the_chunk_behind_rset(void **state)
{
	(void)state;
	static const struct {
		const char *reply, *outcome;
	} rows[] = { { OK, "delivered BDAT 250" }, { "451 x\r\n", "temporary BDAT 451" },
		{ "552 x\r\n", "permanent BDAT 552" } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fixture_mail_simple(&a);
		fixture_mail_simple(&b);
		start("CHUNKING PIPELINING");
		fixture_add(&f, &a);
		fixture_add(&f, &b);
		fixture_turn(&f, "", MAIL RCPT);
		fixture_turn(&f, OK OK,
			"BDAT 4 LAST\r\nHi\r\n"
			"RSET\r\n" MAIL RCPT);
		fixture_turn(&f, rows[i].reply, "");
		assert_outcome(&a, 0, rows[i].outcome);
		fixture_turn(&f, OK OK OK, "BDAT 4 LAST\r\nHi\r\n");
		fixture_turn(&f, OK, "");
		assert_outcome(&b, 0, "delivered BDAT 250");
		assert_false(f.session.needs_rset);
		fixture_mail_deinit(&b);
		end();
	}
}

static void a_refused_chunk_is_followed_by_rset(void **state)
{
	(void)state;
	fixture_mail_simple(&a);
	fixture_mail_simple(&b);
	start("CHUNKING");
	fixture_add(&f, &a);
	fixture_turn(&f, "", MAIL);
	fixture_turn(&f, OK, RCPT);
	fixture_turn(&f, OK, "BDAT 4 LAST\r\nHi\r\n");
	fixture_turn(&f, "452 full\r\n", "");
	assert_outcome(&a, 0, "temporary BDAT 452");
	fixture_add(&f, &b);
	fixture_turn(&f, "", "RSET\r\n");
	fixture_turn(&f, OK, MAIL);
	fixture_mail_deinit(&b);
	end();
}

/* A host that does not know the command may read the octets as commands: no word more. */
static void a_host_that_refuses_bdat_itself_is_remembered(void **state)
{
	(void)state;
	static const char *const codes[] = { "500", "502", "504" };
	for (size_t i = 0; i < 3; i++) {
		fixture_mail_simple(&a);
		fixture_mail_simple(&b);
		start("CHUNKING PIPELINING");
		fixture_add(&f, &a);
		fixture_add(&f, &b);
		fixture_turn(&f, "", MAIL RCPT);
		fixture_turn(&f, OK OK,
			"BDAT 4 LAST\r\nHi\r\n"
			"RSET\r\n" MAIL RCPT);
		char reply[32];
		(void)snprintf(reply, sizeof reply, "%s what\r\n", codes[i]);
		fixture_turn(&f, reply, "");
		assert_int_equal(a.results[0].verdict, SMTP_VERDICT_AGAIN);
		assert_int_equal(a.results[0].cause, SMTP_CAUSE_BDAT_REFUSED);
		assert_false(a.transaction.in_doubt);
		assert_outcome(&b, 0, "not-tried BDAT 0");
		assert_int_equal(smtp_session_learned(&f.session), SMTP_CAP_CHUNKING);
		assert_int_equal(f.session.end, SMTP_END_BDAT_REFUSED);
		assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_CLOSE);
		fixture_mail_deinit(&b);
		end();
	}
}

enum { CHUNK = 1024 * 1024, BIG = 2 * CHUNK + 10 };
static char big[BIG];

static void start_big(void)
{
	memset(big, 'x', sizeof big);
	for (size_t i = 76; i < sizeof big; i += 78)
		memcpy(big + i, "\r\n", 2);
	memcpy(big + sizeof big - 2, "\r\n", 2);
	fixture_mail_init(&a, "s@y.example", "a@x.example", big, sizeof big);
	start("CHUNKING PIPELINING");
	fixture_add(&f, &a);
	fixture_turn(&f, "", MAIL RCPT);
}

static void assert_chunk(const char *command, size_t at, size_t len)
{
	fixture_work(&f);
	size_t command_len = strlen(command);
	assert_int_equal(f.out_len, command_len + len);
	assert_memory_equal(f.out, command, command_len);
	assert_memory_equal(f.out + command_len, big + at, len);
	f.out_len = 0;
}

/* EXT-CHUNK-06: chunks are bounded; each waits for the reply to the one before. */
static void a_big_body_goes_in_chunks(void **state)
{
	(void)state;
	start_big();
	f.out_piece = 10007;
	f.out_len = 0;
	fixture_say(&f, OK OK, 16);
	assert_chunk("BDAT 1048576\r\n", 0, CHUNK);
	assert_int_equal(smtp_session_deadline(&f.session).step, SMTP_STEP_BDAT);
	fixture_say(&f, OK, 8);
	assert_chunk("BDAT 1048576\r\n", CHUNK, CHUNK);
	fixture_say(&f, OK, 8);
	assert_chunk("BDAT 10 LAST\r\n", 2 * CHUNK, 10);
	assert_true(a.transaction.body_sent);
	fixture_turn(&f, OK, "");
	assert_outcome(&a, 0, "delivered BDAT 250");
	end();
}

/* EXT-CHUNK-02: 452 on the second chunk: no third, RSET. */
static void no_chunk_follows_a_refused_one(void **state)
{
	(void)state;
	fixture_mail_simple(&b);
	start_big();
	fixture_say(&f, OK OK, 16);
	fixture_work(&f);
	f.out_len = 0;
	/* Begun ahead, with the second of three chunks. */
	fixture_add(&f, &b);
	fixture_say(&f, OK, 8);
	fixture_work(&f);
	assert_false(smtp_session_can_begin(&f.session));
	fixture_turn(&f, "452 full\r\n", "RSET\r\n" MAIL RCPT);
	assert_outcome(&a, 0, "temporary BDAT 452");
	fixture_turn(&f, OK OK OK, "BDAT 4 LAST\r\nHi\r\n");
	fixture_mail_deinit(&b);
	end();
}

static void a_500_after_an_accepted_chunk_is_about_the_message(void **state)
{
	(void)state;
	start_big();
	f.out_len = 0;
	fixture_say(&f, OK OK, 16);
	fixture_work(&f);
	fixture_say(&f, OK, 8);
	fixture_work(&f);
	fixture_turn(&f, "500 x\r\n", "");
	assert_outcome(&a, 0, "permanent BDAT 500");
	assert_int_equal(smtp_session_learned(&f.session), 0);
	assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_MAIL);
	end();
}

/* EXT-CHUNK-06, SMTP-17: in the middle it is only failed, after the last octet in doubt. */
static void a_loss_among_chunks_is_in_doubt_only_at_the_end(void **state)
{
	(void)state;
	for (int acknowledged = 0; acknowledged < 3; acknowledged++) {
		start_big();
		fixture_say(&f, OK OK, 16);
		for (int i = 0; i < acknowledged; i++) {
			f.out_len = 0;
			fixture_work(&f);
			fixture_say(&f, OK, 8);
		}
		f.out_len = 0;
		fixture_work(&f);
		smtp_session_lost(&f.session, SMTP_END_LOST);
		fixture_work(&f);
		assert_outcome(&a, 0, "temporary BDAT 0");
		assert_int_equal(a.results[0].cause, SMTP_CAUSE_LOST);
		assert_int_equal(a.transaction.in_doubt, acknowledged == 2);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_chunk_follows_the_replies_to_rcpt),
		cmocka_unit_test(bdat_is_only_used_where_it_is_offered_and_wanted),
		cmocka_unit_test(an_empty_body_is_a_chunk_of_nothing),
		cmocka_unit_test(no_chunk_goes_out_for_nobody),
		cmocka_unit_test(the_next_envelope_leaves_with_the_chunk_behind_rset),
		cmocka_unit_test(a_refused_chunk_is_followed_by_rset),
		cmocka_unit_test(a_host_that_refuses_bdat_itself_is_remembered),
		cmocka_unit_test(a_big_body_goes_in_chunks),
		cmocka_unit_test(no_chunk_follows_a_refused_one),
		cmocka_unit_test(a_500_after_an_accepted_chunk_is_about_the_message),
		cmocka_unit_test(a_loss_among_chunks_is_in_doubt_only_at_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
