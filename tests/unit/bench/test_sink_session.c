#include "tests/unit/bench/sink_talk.h"

static struct talk talk;

static const char *const ehlo_plain =
	"250-sink.lab\r\n250-PIPELINING\r\n250-SIZE 100000\r\n250-STARTTLS\r\n"
	"250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 CHUNKING\r\n";

static struct text message(char *memory, size_t size, uint64_t id)
{
	static const char body[] = "Dear reader,\r\n..a dot\r\n";
	static const char content[] = "Dear reader,\r\n.a dot\r\n";
	struct buf out;
	struct mail_token token = { 9, id, sizeof content - 1,
		body_digest_of(content, sizeof content - 1) };
	buf_init(&out, memory, size);
	buf_put_text(&out, TEXT("Subject: x\r\n"));
	mail_token_format(&token, &out);
	buf_put_text(&out, TEXT("\r\n\r\n"));
	buf_put(&out, body, sizeof body - 1);
	buf_put_text(&out, TEXT(".\r\n"));
	assert_false(out.overflow);
	return buf_text(&out);
}

static void say_turn(const char *said, size_t piece, const char *wanted)
{
	buf_reset(&talk.out);
	assert_int_equal(talk_say_text(&talk, text_of(said), piece), strlen(said));
	talk_expect(&talk, wanted);
}

static void every_split_of_a_session_gives_the_same_replies(void **state)
{
	(void)state;
	char memory[512];
	for (size_t piece = 1; piece < 200; piece++) {
		talk_open(&talk, NULL);
		talk_expect(&talk, "220 sink.lab ESMTP longship-sink\r\n");
		say_turn("EHLO client.lab\r\n", piece, ehlo_plain);
		say_turn("STARTTLS\r\n", piece, "220 2.0.0 Go ahead\r\n");
		assert_int_equal(talk.session.want, SINK_WANT_TLS);
		sink_session_tls_up(&talk.session, talk.now_ns, &talk.out);
		talk_expect(&talk, "");
		say_turn("EHLO client.lab\r\n", piece,
			"250-sink.lab\r\n250-PIPELINING\r\n250-SIZE 100000\r\n"
			"250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n"
			"250 CHUNKING\r\n");
		say_turn("MAIL FROM:<a@b.lab> BODY=7BIT\r\nRCPT TO:<ann@d1.lab>\r\n"
			 "RCPT TO:<\"b b\"@d1.lab> NOTIFY=NEVER\r\nDATA\r\n", piece,
			"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.1.5 Ok\r\n354 End with a dot\r\n");
		buf_reset(&talk.out);
		struct text text = message(memory, sizeof memory, 3);
		assert_int_equal(talk_say_text(&talk, text, piece), text.len);
		talk_expect(&talk, "250 2.0.0 Ok: 7-1\r\n");
		say_turn("MAIL FROM:<> SIZE=9\r\nRCPT TO:<ann@d1.lab>\r\n", piece,
			"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n");
		say_turn("BDAT 5\r\nS: x\rBDAT 4 LAST\r\n\n\r\n.", piece,
			"250 2.0.0 Ok, 5 octets so far\r\n250 2.0.0 Ok: 7-2\r\n");
		say_turn("QUIT\r\n", piece, "221 2.0.0 Bye\r\n");
		assert_int_equal(talk.session.want, SINK_WANT_CLOSE);
		/* The last line of the BDAT message has no CRLF; nothing else is wrong. */
		assert_int_equal(talk_odd(&talk, SINK_ODDITY_NO_FINAL_CRLF), 1);
		atomic_store(&talk.book.oddities[SINK_ODDITY_NO_FINAL_CRLF], 0);
		talk_expect_no_oddity(&talk);
		assert_int_equal(sink_counted(&talk.book.counters.messages), 2);
		assert_int_equal(sink_counted(&talk.book.counters.messages_tls), 2);
		assert_int_equal(sink_counted(&talk.book.counters.messages_intact), 1);
		assert_int_equal(sink_counted(&talk.book.counters.messages_bdat), 1);
		assert_int_equal(sink_ledger_count(&talk.book.ledger), 2);
		assert_int_equal(sink_ledger_at(&talk.book.ledger, 0)->key,
			mail_token_delivery_key(9, 3, TEXT("ann@d1.lab")));
		assert_true(sink_ledger_at(&talk.book.ledger, 0)->answered);
		talk_close(&talk);
	}
}

/* What a client does wrong, and how it is called. {EHLO and STARTTLS are not done} */
static const struct {
	const char *said;
	enum sink_oddity oddity;
} wrongs[] = {
	{ "MAIL FROM:<a@b.lab>\r\n", SINK_ODDITY_NO_GREETING },
	{ "EHLO a\r\nNOOP\r\n", SINK_ODDITY_GROUP_ORDER },
	{ "STARTTLS\r\n\x16\x03\x01", SINK_ODDITY_STARTTLS_EARLY },
	{ "STARTTLS now\r\n", SINK_ODDITY_STARTTLS_PARAMETER },
	{ "HELP\r\n", SINK_ODDITY_UNKNOWN_COMMAND },
	{ "EHLO a\n", SINK_ODDITY_COMMAND_BARE_LF },
	{ "EHLO a\001b\r\n", SINK_ODDITY_COMMAND_BARE_LF },
	{ "RCPT TO:<a@b.lab>\r\n", SINK_ODDITY_OUT_OF_ORDER },
	{ "DATA\r\n", SINK_ODDITY_OUT_OF_ORDER },
	{ "BDAT 3\r\nabc", SINK_ODDITY_OUT_OF_ORDER },
	{ "EHLO a\r\nMAIL FROM:<a@b.lab>\r\nMAIL FROM:<a@b.lab>\r\n", SINK_ODDITY_NESTED_MAIL },
	{ "EHLO a\r\nMAIL FROM: <a@b.lab>\r\n", SINK_ODDITY_BAD_SYNTAX },
	{ "EHLO a\r\nMAIL FROM:a@b.lab\r\n", SINK_ODDITY_BAD_SYNTAX },
	{ "EHLO a\r\nMAIL FROM:<a b@b.lab>\r\n", SINK_ODDITY_BAD_SYNTAX },
	{ "EHLO a\r\nMAIL FROM:<@r.lab:a@b.lab>\r\n", SINK_ODDITY_SOURCE_ROUTE },
	{ "EHLO a\r\nMAIL FROM:<a@b.lab> REQUIRETLS\r\n", SINK_ODDITY_PARAM_UNOFFERED },
	{ "EHLO a\r\nMAIL FROM:<a@b.lab> AUTH=<>\r\n", SINK_ODDITY_PARAM_UNOFFERED },
	{ "EHLO a\r\nMAIL FROM:<a@b.lab> NOTIFY=NEVER\r\n", SINK_ODDITY_PARAM_UNOFFERED },
	{ "EHLO a\r\nMAIL FROM:<a@b.lab> SIZE=1 SIZE=1\r\n", SINK_ODDITY_PARAM_TWICE },
	{ "EHLO a\r\nMAIL FROM:<a@b.lab> BODY=9BIT\r\n", SINK_ODDITY_PARAM_TWICE },
	{ "EHLO a\r\nMAIL FROM:<\xc3\xa4@b.lab>\r\n", SINK_ODDITY_NON_ASCII_ENVELOPE },
	{ "EHLO a\r\nMAIL FROM:<a@b.lab> SIZE=100001\r\n", SINK_ODDITY_SIZE_OVER_LIMIT },
	{ "EHLO a\r\nMAIL FROM:<a@b.lab>\r\n", SINK_ODDITY_CLEARTEXT_MAIL },
	{ "EHLO a\r\nMAIL FROM:<a@b.lab> SIZE=7\r\nRCPT TO:<a@b.lab>\r\nBDAT 6 LAST\r\n\r\nab\r\n",
		SINK_ODDITY_SIZE_DIFFERS },
	{ "EHLO a\r\nMAIL FROM:<a@b.lab>\r\nRCPT TO:<a@b.lab>\r\nBDAT 4 LAST\r\n\r\n\xc3\xa4",
		SINK_ODDITY_EIGHT_BIT },
	{ "EHLO a\r\nMAIL FROM:<a@b.lab> SMTPUTF8\r\nRCPT TO:<a@b.lab>\r\nBDAT 2 LAST\r\n\r\n",
		SINK_ODDITY_SMTPUTF8_NEEDLESS },
	{ "EHLO a\r\nMAIL FROM:<a@b.lab>\r\nRCPT TO:<a@b.lab>\r\nBDAT 2\r\n\r\nDATA\r\n",
		SINK_ODDITY_BDAT_MIXED },
	{ "EHLO a\r\nMAIL FROM:<a@b.lab>\r\nBDAT 2\r\n\r\nBDAT 2\r\n\r\n",
		SINK_ODDITY_BDAT_AFTER_FAILURE },
	{ "EHLO a\r\nMAIL FROM:<a@b.lab>\r\nBDAT 2 LAST\r\n\r\n", SINK_ODDITY_BODY_WITHOUT_RCPT },
};

static void what_the_client_does_wrong_is_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrongs); i++) {
		talk_open(&talk, NULL);
		talk_say(&talk, wrongs[i].said);
		assert_int_equal(talk_odd(&talk, wrongs[i].oddity), 1);
		talk_close(&talk);
	}
}

static void a_group_behind_a_refused_mail_is_in_order(void **state)
{
	(void)state;
	talk_open(&talk, (const char *[]){ "reply-mail:451", "without:STARTTLS", NULL });
	talk_say(&talk, "EHLO a\r\n");
	talk_say(&talk, "MAIL FROM:<a@b.lab>\r\nRCPT TO:<c@d.lab>\r\nDATA\r\n");
	talk_expect(&talk, "451 4.0.0 Asked for by a bug\r\n503 5.5.1 MAIL first\r\n"
			   "503 5.5.1 MAIL and RCPT first\r\n");
	talk_say(&talk, "QUIT\r\n");
	talk_expect_no_oddity(&talk);
	talk_close(&talk);
}

static void pipelining_that_was_not_offered_is_noticed(void **state)
{
	(void)state;
	talk_open(&talk, (const char *[]){ "without:PIPELINING", NULL });
	talk_say(&talk, "EHLO a\r\n");
	assert_null(strstr(talk.memory, "PIPELINING"));
	talk_say(&talk, "MAIL FROM:<a@b.lab>\r\n");
	talk_say(&talk, "RCPT TO:<c@d.lab>\r\n");
	talk_say(&talk, "BDAT 2 LAST\r\n\r\n");
	assert_int_equal(talk_odd(&talk, SINK_ODDITY_PIPELINED_UNOFFERED), 0);
	talk_say(&talk, "MAIL FROM:<a@b.lab>\r\nRCPT TO:<c@d.lab>\r\n");
	assert_int_equal(talk_odd(&talk, SINK_ODDITY_PIPELINED_UNOFFERED), 1);
	talk_close(&talk);
}

static void tls_makes_the_session_forget(void **state)
{
	(void)state;
	talk_open(&talk, (const char *[]){ "without-tls:CHUNKING", "offer-plain:LIMITS RCPTMAX=999", NULL });
	talk_say(&talk, "EHLO a\r\n");
	assert_non_null(strstr(talk.memory, "250-CHUNKING\r\n250 LIMITS RCPTMAX=999\r\n"));
	talk_say(&talk, "STARTTLS\r\n");
	sink_session_tls_up(&talk.session, talk.now_ns, &talk.out);
	talk_say(&talk, "MAIL FROM:<a@b.lab>\r\n");
	talk_expect(&talk, "503 5.5.1 EHLO first\r\n");
	assert_int_equal(talk_odd(&talk, SINK_ODDITY_NO_EHLO_AFTER_TLS), 1);
	talk_say(&talk, "EHLO a\r\n");
	assert_int_equal(talk.session.want, SINK_WANT_INPUT);
	talk_say(&talk, "STARTTLS\r\n");
	talk_expect(&talk, "502 5.5.1 STARTTLS is not offered\r\n");
	assert_int_equal(talk_odd(&talk, SINK_ODDITY_STARTTLS_AGAIN), 1);
	talk_say(&talk, "BDAT 1\r\n");
	talk_expect(&talk, "502 5.5.1 BDAT is not known here\r\n");
	talk_close(&talk);
}

static void a_client_that_leaves_without_quit_is_noticed(void **state)
{
	(void)state;
	talk_open(&talk, NULL);
	talk_say(&talk, "EHLO a\r\n");
	sink_session_gone(&talk.session, true);
	assert_int_equal(talk_odd(&talk, SINK_ODDITY_NO_QUIT), 1);
	sink_book_deinit(&talk.book);
}

static void lines_without_end_and_floods_are_bounded(void **state)
{
	(void)state;
	static char line[5000];
	memset(line, 'x', sizeof line);
	talk_open(&talk, NULL);
	buf_reset(&talk.out);
	for (size_t piece = 100; piece <= sizeof line; piece += 700) {
		talk_say_text(&talk, (struct text){ line, sizeof line }, piece);
		talk_say(&talk, "\r\n");
		talk_expect(&talk, "500 5.5.2 Line too long\r\n");
	}
	for (size_t i = 0; i < sizeof line / 6; i++)
		memcpy(line + i * 6, "EHLO\r\n", 6);
	while (talk.session.want == SINK_WANT_INPUT)
		talk_say_text(&talk, (struct text){ line, sizeof line / 6 * 6 }, SIZE_MAX);
	assert_int_equal(talk.session.want, SINK_WANT_RESET);
	assert_int_equal(talk_odd(&talk, SINK_ODDITY_FLOOD), 1);
	talk_close(&talk);
}

/* The message is whole and ours, but the client is left without an answer. */
static void an_unanswered_message_is_recorded_as_such(void **state)
{
	(void)state;
	char memory[512];
	talk_open(&talk, (const char *[]){ "close-dot*1", NULL });
	talk_say(&talk, "EHLO a\r\n");
	talk_say(&talk, "MAIL FROM:<a@b.lab>\r\nRCPT TO:<c@d.lab>\r\nDATA\r\n");
	buf_reset(&talk.out);
	talk_say_text(&talk, message(memory, sizeof memory, 1), SIZE_MAX);
	talk_expect(&talk, "");
	assert_int_equal(talk.session.want, SINK_WANT_CLOSE);
	assert_int_equal(sink_ledger_count(&talk.book.ledger), 1);
	assert_false(sink_ledger_at(&talk.book.ledger, 0)->answered);
	assert_int_equal(sink_counted(&talk.book.counters.messages), 0);
	assert_int_equal(sink_counted(&talk.book.counters.messages_unanswered), 1);
	talk_close(&talk);
}

static void a_damaged_body_is_recorded_as_such(void **state)
{
	(void)state;
	char memory[512];
	talk_open(&talk, NULL);
	talk_say(&talk, "EHLO a\r\n");
	talk_say(&talk, "MAIL FROM:<a@b.lab>\r\nRCPT TO:<c@d.lab>\r\nDATA\r\n");
	struct text text = message(memory, sizeof memory, 1);
	*strstr(memory, "reader") = 'R';
	talk_say_text(&talk, text, SIZE_MAX);
	assert_int_equal(sink_counted(&talk.book.counters.messages_damaged), 1);
	assert_true(sink_ledger_at(&talk.book.ledger, 0)->damaged);
	talk_close(&talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_split_of_a_session_gives_the_same_replies),
		cmocka_unit_test(what_the_client_does_wrong_is_counted),
		cmocka_unit_test(a_group_behind_a_refused_mail_is_in_order),
		cmocka_unit_test(pipelining_that_was_not_offered_is_noticed),
		cmocka_unit_test(tls_makes_the_session_forget),
		cmocka_unit_test(a_client_that_leaves_without_quit_is_noticed),
		cmocka_unit_test(lines_without_end_and_floods_are_bounded),
		cmocka_unit_test(an_unanswered_message_is_recorded_as_such),
		cmocka_unit_test(a_damaged_body_is_recorded_as_such),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
