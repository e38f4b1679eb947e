#include "tests/unit/bench/sink_talk.h"

static struct talk talk;

static void to_rcpt(const char *const *rules)
{
	talk_open(&talk, rules);
	talk_say(&talk, "EHLO a\r\n");
	talk_say(&talk, "MAIL FROM:<a@b.lab>\r\n");
	buf_reset(&talk.out);
}

/* One fault at the reply to RCPT: what is sent, and what comes next. */
static const struct {
	const char *rule, *sent;
	enum sink_want want;
} faults[] = {
	{ "reply-rcpt:450", "450 4.0.0 Asked for by a bug\r\n", SINK_WANT_INPUT },
	{ "reply-rcpt:550 5.1.1 No", "550 5.1.1 No\r\n", SINK_WANT_INPUT },
	{ "reply-rcpt:251", "251 2.0.0 Asked for by a bug\r\n", SINK_WANT_INPUT },
	{ "reply-rcpt:150", "150 Asked for by a bug\r\n", SINK_WANT_INPUT },
	{ "reply-rcpt:421", "421 4.0.0 Asked for by a bug\r\n", SINK_WANT_CLOSE },
	{ "close-rcpt", "", SINK_WANT_CLOSE },
	{ "reset-rcpt", "", SINK_WANT_RESET },
	{ "stall-rcpt", "", SINK_WANT_INPUT },
	{ "delay-rcpt:50", "", SINK_WANT_WAIT },
	{ "drip-rcpt:50", "250 2.1.5 Ok\r\n", SINK_WANT_DRIP },
	{ "garbage-rcpt", "This line is no reply\r\n250 2.1.5 Ok\r\n", SINK_WANT_INPUT },
	{ "twice-rcpt", "250 2.1.5 Ok\r\n250 2.1.5 Ok\r\n", SINK_WANT_INPUT },
	{ "differ-rcpt", "250-One thing first\r\n550 Another at the end\r\n", SINK_WANT_INPUT },
	{ "lf-rcpt", "250 2.1.5 Ok\n", SINK_WANT_INPUT },
	{ "cr-rcpt", "250 2.1.5 Ok\r", SINK_WANT_INPUT },
	{ "bare-rcpt", "250\r\n", SINK_WANT_INPUT },
	{ "multi-rcpt", "250-This is the first line\r\n250-and this the second\r\n250 2.1.5 Ok\r\n",
		SINK_WANT_INPUT },
	{ "cut-rcpt", "250 2.", SINK_WANT_CLOSE },
	{ "halfclose-rcpt", "250 2.1.5 Ok\r\n", SINK_WANT_HALF_CLOSE },
	{ "bye-rcpt", "250 2.1.5 Ok\r\n421 4.3.2 Closing, unasked\r\n", SINK_WANT_CLOSE },
};

static void every_fault_does_what_its_row_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(faults); i++) {
		to_rcpt((const char *[]){ faults[i].rule, NULL });
		talk_say(&talk, "RCPT TO:<ann@d1.lab>\r\n");
		talk_expect(&talk, faults[i].sent);
		assert_int_equal(talk.session.want, faults[i].want);
		talk_close(&talk);
	}
}

static void controls_reach_the_client_as_they_are(void **state)
{
	(void)state;
	static const char wanted[] = "250-\x1b[31mred\x07\x80\xff\r\n250 a\0b\r\n";
	to_rcpt((const char *[]){ "controls-rcpt", NULL });
	talk_say(&talk, "RCPT TO:<ann@d1.lab>\r\n");
	assert_int_equal(talk.out.len, sizeof wanted - 1);
	assert_memory_equal(talk.memory, wanted, sizeof wanted - 1);
	talk_close(&talk);
}

static void a_delayed_reply_comes_after_the_wait(void **state)
{
	(void)state;
	to_rcpt((const char *[]){ "delay-rcpt:50", NULL });
	/* What comes meanwhile is not taken. */
	assert_int_equal(talk_say(&talk, "RCPT TO:<ann@d1.lab>\r\nRSET\r\n"), 22);
	assert_int_equal(talk.session.wait_ms, 50);
	assert_int_equal(talk_say(&talk, "RSET\r\n"), 0);
	sink_session_resume(&talk.session, talk.now_ns, &talk.out);
	talk_expect(&talk, "250 2.1.5 Ok\r\n");
	assert_int_equal(talk.session.want, SINK_WANT_INPUT);
	assert_int_equal(talk_say(&talk, "RSET\r\n"), 6);
	talk_close(&talk);
}

static void early_octets_are_noticed_during_a_wait(void **state)
{
	(void)state;
	static const struct {
		const char *rule, *first;
		enum sink_oddity oddity;
	} cases[] = {
		{ "delay-banner", "", SINK_ODDITY_EARLY_TALK },
		{ "delay-starttls", "STARTTLS\r\n", SINK_ODDITY_STARTTLS_EARLY },
		{ "delay-ehlo", "EHLO a\r\n", SINK_ODDITY_GROUP_ORDER },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		talk_open(&talk, (const char *[]){ cases[i].rule, NULL });
		talk_say(&talk, cases[i].first);
		assert_int_equal(talk.session.want, SINK_WANT_WAIT);
		assert_int_equal(talk_say(&talk, "NOOP\r\n"), 0);
		assert_int_equal(talk_say(&talk, "NOOP\r\n"), 0);
		assert_int_equal(talk_odd(&talk, cases[i].oddity), 1);
		talk_close(&talk);
	}
}

static void an_endless_reply_never_ends(void **state)
{
	(void)state;
	to_rcpt((const char *[]){ "endless-rcpt", NULL });
	talk_say(&talk, "RCPT TO:<ann@d1.lab>\r\n");
	for (int i = 0; i < 100; i++) {
		assert_int_equal(talk.session.want, SINK_WANT_WAIT);
		buf_reset(&talk.out);
		sink_session_resume(&talk.session, talk.now_ns, &talk.out);
		assert_true(talk.out.len > 1000);
		assert_memory_equal(talk.memory, "250-", 4);
		assert_null(memmem(talk.memory, talk.out.len, "250 ", 4));
	}
	talk_close(&talk);
}

static void a_long_line_has_the_length_that_was_asked_for(void **state)
{
	(void)state;
	to_rcpt((const char *[]){ "longline-rcpt:20000", NULL });
	talk_say(&talk, "RCPT TO:<ann@d1.lab>\r\n");
	while (talk.session.want == SINK_WANT_WAIT)
		sink_session_resume(&talk.session, talk.now_ns, &talk.out);
	assert_int_equal(talk.session.want, SINK_WANT_INPUT);
	assert_int_equal(talk.out.len, 4 + 20000 + 2);
	assert_memory_equal(talk.memory + 4 + 20000, "\r\n", 2);
	/* The recipient counts as accepted. */
	talk_say(&talk, "DATA\r\n");
	talk_expect(&talk, "354 End with a dot\r\n");
	talk_close(&talk);
}

static void a_rule_of_one_recipient_leaves_the_others_alone(void **state)
{
	(void)state;
	to_rcpt((const char *[]){ "full.lab/reply-rcpt:452", "slow.lab/reply-dot:451", NULL });
	talk_say(&talk, "RCPT TO:<a@full.lab>\r\nRCPT TO:<a@fine.lab>\r\n");
	talk_expect(&talk, "452 4.0.0 Asked for by a bug\r\n250 2.1.5 Ok\r\n");
	talk_say(&talk, "BDAT 2 LAST\r\n\r\n");
	talk_expect(&talk, "250 2.0.0 Ok: 7-1\r\n");
	talk_say(&talk, "MAIL FROM:<>\r\nRCPT TO:<a@slow.lab>\r\nRCPT TO:<a@fine.lab>\r\nDATA\r\n");
	talk_say(&talk, "\r\n.\r\n");
	talk_expect(&talk, "451 4.0.0 Asked for by a bug\r\n");
	talk_say(&talk, "MAIL FROM:<>\r\nRCPT TO:<a@fine.lab>\r\nDATA\r\n");
	talk_say(&talk, "\r\n.\r\n");
	talk_expect(&talk, "250 2.0.0 Ok: 7-2\r\n");
	talk_close(&talk);
}

static void a_recipient_brings_its_bug_along(void **state)
{
	(void)state;
	to_rcpt(NULL);
	talk_say(&talk, "RCPT TO:<bug.reply-rcpt.450+1@x.lab>\r\nRCPT TO:<bug.reply-dot.554@x.lab>\r\n");
	talk_expect(&talk, "450 4.0.0 Asked for by a bug\r\n250 2.1.5 Ok\r\n");
	talk_say(&talk, "DATA\r\n");
	talk_say(&talk, "\r\n.\r\n");
	talk_expect(&talk, "554 5.0.0 Asked for by a bug\r\n");
	talk_close(&talk);
}

static void limits_of_a_site_are_kept(void **state)
{
	(void)state;
	to_rcpt((const char *[]){ "rcpts-max:1/552", NULL });
	talk_say(&talk, "RCPT TO:<a@b.lab>\r\nRCPT TO:<b@b.lab>\r\n");
	talk_expect(&talk, "250 2.1.5 Ok\r\n552 5.5.3 Too many recipients\r\n");
	talk_close(&talk);

	to_rcpt((const char *[]){ "limit-domain:1", "limit-rcpt:2", NULL });
	talk_say(&talk, "RCPT TO:<a@b.lab>\r\nRCPT TO:<a@c.lab>\r\nRCPT TO:<c@b.lab>\r\n");
	talk_expect(&talk, "250 2.1.5 Ok\r\n452 4.5.3 More than LIMITS allow\r\n"
			   "452 4.5.3 More than LIMITS allow\r\n");
	assert_int_equal(talk_odd(&talk, SINK_ODDITY_LIMIT_EXCEEDED), 2);
	talk_close(&talk);

	to_rcpt((const char *[]){ "mail-max:1", NULL });
	talk_say(&talk, "RCPT TO:<a@b.lab>\r\nBDAT 2 LAST\r\n\r\n");
	talk_say(&talk, "MAIL FROM:<>\r\n");
	talk_expect(&talk, "421 4.7.0 Enough messages for one session\r\n");
	assert_int_equal(talk.session.want, SINK_WANT_CLOSE);
	talk_close(&talk);

	to_rcpt((const char *[]){ "size:10", NULL });
	talk_say(&talk, "RCPT TO:<a@b.lab>\r\nBDAT 11 LAST\r\n\r\n1234567\r\n");
	talk_expect(&talk, "250 2.1.5 Ok\r\n552 5.3.4 Larger than SIZE\r\n");
	talk_close(&talk);
}

static void greylisting_lets_the_second_try_in(void **state)
{
	(void)state;
	struct sink_greylist *greylist = sink_greylist_create();
	assert_non_null(greylist);
	to_rcpt((const char *[]){ "greylist:300", NULL });
	talk.session.greylist = greylist;
	talk_say(&talk, "RCPT TO:<a@b.lab>\r\n");
	talk_expect(&talk, "451 4.7.1 Greylisted, come again\r\n");
	talk.now_ns += 299000000000;
	talk_say(&talk, "RCPT TO:<a@b.lab>\r\n");
	talk_expect(&talk, "451 4.7.1 Greylisted, come again\r\n");
	talk.now_ns += 1000000000;
	talk_say(&talk, "RCPT TO:<a@b.lab>\r\nRCPT TO:<c@b.lab>\r\n");
	talk_expect(&talk, "250 2.1.5 Ok\r\n451 4.7.1 Greylisted, come again\r\n");
	talk_close(&talk);
	sink_greylist_destroy(greylist);
}

/* EXT-PIPE-04: 354 though every recipient was refused; the lone dot is no message. */
static void data_without_recipients_takes_a_lone_dot(void **state)
{
	(void)state;
	to_rcpt((const char *[]){ "data-no-rcpts", "reply-rcpt:550", NULL });
	talk_say(&talk, "RCPT TO:<a@b.lab>\r\n");
	talk_say(&talk, "DATA\r\n");
	talk_expect(&talk, "354 End with a dot\r\n");
	talk_say(&talk, ".\r\n");
	talk_expect(&talk, "554 5.5.1 No valid recipients\r\n");
	assert_int_equal(talk_odd(&talk, SINK_ODDITY_BODY_WITHOUT_RCPT), 0);
	talk_close(&talk);
}

static void bugs_inside_the_body_strike_at_their_octet(void **state)
{
	(void)state;
	static const struct {
		const char *rule, *sent;
		enum sink_want want;
	} cases[] = {
		{ "body-reply:5", "552 5.3.4 That is enough\r\n", SINK_WANT_INPUT },
		{ "body-close:5", "", SINK_WANT_CLOSE },
		{ "body-reset:5", "", SINK_WANT_RESET },
		{ "body-stall:5", "", SINK_WANT_DEAF },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		to_rcpt((const char *[]){ cases[i].rule, NULL });
		talk_say(&talk, "RCPT TO:<a@b.lab>\r\n");
		talk_say(&talk, "DATA\r\n");
		talk_say(&talk, "1234");
		talk_expect(&talk, "");
		talk_say(&talk, "56");
		talk_expect(&talk, cases[i].sent);
		assert_int_equal(talk.session.want, cases[i].want);
		talk_close(&talk);
	}
}

/* STLS-04: in the same segment as the 220, or later. */
static void plaintext_is_injected_behind_the_220(void **state)
{
	(void)state;
	talk_open(&talk, (const char *[]){ "inject", NULL });
	talk_say(&talk, "STARTTLS\r\n");
	talk_expect(&talk, "220 2.0.0 Go ahead\r\n250-injected\r\n250 PIPELINING\r\n");
	assert_int_equal(talk.session.want, SINK_WANT_TLS);
	talk_close(&talk);

	talk_open(&talk, (const char *[]){ "inject-late:200", NULL });
	talk_say(&talk, "STARTTLS\r\n");
	talk_expect(&talk, "220 2.0.0 Go ahead\r\n");
	assert_int_equal(talk.session.want, SINK_WANT_WAIT);
	sink_session_resume(&talk.session, talk.now_ns, &talk.out);
	talk_expect(&talk, "250 Injected, late\r\n");
	assert_int_equal(talk.session.want, SINK_WANT_TLS);
	talk_close(&talk);
}

static void bugs_of_the_handshake_are_named_to_the_owner(void **state)
{
	(void)state;
	talk_open(&talk, (const char *[]){ "tls-alert:42", NULL });
	talk_say(&talk, "STARTTLS\r\n");
	assert_int_equal(talk.session.want, SINK_WANT_TLS);
	assert_int_equal(talk.session.tls_bug, SINK_BUG_TLS_ALERT);
	assert_int_equal(talk.session.tls_number, 42);
	talk_close(&talk);

	talk_open(&talk, (const char *[]){ "greet-tls", NULL });
	talk_say(&talk, "STARTTLS\r\n");
	buf_reset(&talk.out);
	sink_session_tls_up(&talk.session, talk.now_ns, &talk.out);
	talk_expect(&talk, "220 Hello again, from inside\r\n");
	talk_close(&talk);
}

/* A server that offers CHUNKING and does not take the octets reads them as commands. */
static void an_unknown_bdat_leaves_its_octets_to_be_read_as_commands(void **state)
{
	(void)state;
	to_rcpt((const char *[]){ "bdat-unknown", NULL });
	talk_say(&talk, "RCPT TO:<a@b.lab>\r\n");
	talk_say(&talk, "BDAT 6 LAST\r\nRSET\r\n");
	talk_expect(&talk, "502 5.5.1 BDAT is not known here\r\n250 2.0.0 Ok\r\n");
	talk_close(&talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_does_what_its_row_says),
		cmocka_unit_test(controls_reach_the_client_as_they_are),
		cmocka_unit_test(a_delayed_reply_comes_after_the_wait),
		cmocka_unit_test(early_octets_are_noticed_during_a_wait),
		cmocka_unit_test(an_endless_reply_never_ends),
		cmocka_unit_test(a_long_line_has_the_length_that_was_asked_for),
		cmocka_unit_test(a_rule_of_one_recipient_leaves_the_others_alone),
		cmocka_unit_test(a_recipient_brings_its_bug_along),
		cmocka_unit_test(limits_of_a_site_are_kept),
		cmocka_unit_test(greylisting_lets_the_second_try_in),
		cmocka_unit_test(data_without_recipients_takes_a_lone_dot),
		cmocka_unit_test(bugs_inside_the_body_strike_at_their_octet),
		cmocka_unit_test(plaintext_is_injected_behind_the_220),
		cmocka_unit_test(bugs_of_the_handshake_are_named_to_the_owner),
		cmocka_unit_test(an_unknown_bdat_leaves_its_octets_to_be_read_as_commands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
