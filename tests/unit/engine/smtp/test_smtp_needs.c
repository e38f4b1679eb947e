/* What a message needs and a host offers: parameters, limits, and what goes to another host or into
 * another transaction. */
#include <stdio.h>
#include "tests/unit/engine/smtp/smtp_fixture.h"

static struct fixture f;
static struct fixture_mail a, b;

#define OK "250 ok\r\n"

static void start(const char *keywords)
{
	fixture_init(&f);
	f.config.starttls = SMTP_STARTTLS_NEVER;
	fixture_start(&f);
	fixture_greet(&f, keywords);
}

/* A session inside TLS. */
static void start_in_tls(const char *ehlo_before, const char *ehlo_inside)
{
	fixture_init(&f);
	fixture_start(&f);
	fixture_turn(&f, "220 hi\r\n", "EHLO me.example\r\n");
	fixture_turn(&f, ehlo_before, "STARTTLS\r\n");
	fixture_turn(&f, "220 go\r\n", "");
	smtp_session_tls_started(&f.session);
	fixture_turn(&f, "", "EHLO me.example\r\n");
	fixture_turn(&f, ehlo_inside, "");
}

static void begin(const char *expected)
{
	fixture_add(&f, &a);
	fixture_turn(&f, "", expected);
}

static void end(void)
{
	fixture_close(&f);
	fixture_mail_deinit(&a);
}

/* SMTP-20, EXT-SIZE-01, EXT-8B-02, EXT-U8-02, EXT-DSN-01: only what is offered, only what is
 * needed. */
static void parameters_are_those_that_are_offered_and_needed(void **state)
{
	(void)state;
	static const struct {
		const char *keywords, *content, *mail;
	} rows[] = {
		{ "PIPELINING", "Hi\r\n", "MAIL FROM:<s@y.example>\r\n" },
		{ "SIZE", "Hi\r\n", "MAIL FROM:<s@y.example> SIZE=4\r\n" },
		/* stuffed dots and the final one are not counted */
		{ "SIZE", ".\r\n.\r\n", "MAIL FROM:<s@y.example> SIZE=6\r\n" },
		{ "SIZE 8BITMIME SMTPUTF8 DSN REQUIRETLS CHUNKING BINARYMIME", "Hi\r\n",
			"MAIL FROM:<s@y.example> SIZE=4 RET=HDRS ENVID=e1\r\n" },
		{ "8BITMIME", "\xc3\xa4\r\n", "MAIL FROM:<s@y.example> BODY=8BITMIME\r\n" },
		{ "8BITMIME SMTPUTF8", "\xc3\xa4\r\n",
			"MAIL FROM:<s@y.example> BODY=8BITMIME\r\n" },
		{ "DSN", "Hi\r\n", "MAIL FROM:<s@y.example> RET=HDRS ENVID=e1\r\n" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fixture_mail_init(
			&a, "s@y.example", "a@x.example", rows[i].content, strlen(rows[i].content));
		a.envelope.ret = ENVELOPE_RET_HDRS;
		a.envelope.envid = TEXT("e1");
		a.envelope.wants_smtputf8 = false;
		a.rcpts[0].notify.never = true;
		start(rows[i].keywords);
		begin(i == 0 ? "MAIL FROM:<s@y.example>\r\nRCPT TO:<a@x.example>\r\nDATA\r\n"
			     : rows[i].mail);
		if (i == 6)
			fixture_turn(&f, OK, "RCPT TO:<a@x.example> NOTIFY=NEVER\r\n");
		end();
	}
}

static void a_feature_to_avoid_counts_as_not_offered(void **state)
{
	(void)state;
	fixture_mail_simple(&a);
	fixture_init(&f);
	f.config.starttls = SMTP_STARTTLS_NEVER;
	f.config.avoid = SMTP_CAP_SIZE | SMTP_CAP_PIPELINING;
	fixture_start(&f);
	fixture_greet(&f, "SIZE PIPELINING");
	begin("MAIL FROM:<s@y.example>\r\n");
	end();
}

/* EXT-8B-01, EXT-U8-01, EXT-SIZE-02, EXT-BIN-01: nothing is sent, and the message goes
 * elsewhere. */
static void what_a_host_lacks_sends_the_message_to_another(void **state)
{
	(void)state;
	static const struct {
		const char *keywords, *sender, *content;
		bool utf8_headers, binary, as_is;
		enum smtp_cause cause; /* NONE: it goes */
	} rows[] = {
		{ "SIZE", "s@y", "\xc3\xa4\r\n", false, false, false, SMTP_CAUSE_NO_8BITMIME },
		{ "SIZE", "s@y", "\xc3\xa4\r\n", false, false, true, SMTP_CAUSE_NONE },
		{ "8BITMIME", "s@y", "\xc3\xa4\r\n", false, false, false, SMTP_CAUSE_NONE },
		/* EXT-U8-05: SMTPUTF8 implies 8BITMIME */
		{ "SMTPUTF8", "s@y", "\xc3\xa4\r\n", false, false, false, SMTP_CAUSE_NONE },
		{ "8BITMIME", "s@y", "\xc3\xa4\r\n", true, false, false, SMTP_CAUSE_NO_SMTPUTF8 },
		{ "8BITMIME", "s@y", "\xc3\xa4\r\n", true, false, true, SMTP_CAUSE_NONE },
		{ "8BITMIME", "\xc3\xa4@y", "Hi\r\n", false, false, false, SMTP_CAUSE_NO_SMTPUTF8 },
		{ "8BITMIME", "\xc3\xa4@y", "Hi\r\n", false, false, true, SMTP_CAUSE_NO_SMTPUTF8 },
		{ "SMTPUTF8", "\xc3\xa4@y", "Hi\r\n", false, false, false, SMTP_CAUSE_NONE },
		{ "CHUNKING", "s@y", "Hi\r\n", false, true, false, SMTP_CAUSE_NO_BINARYMIME },
		{ "BINARYMIME", "s@y", "Hi\r\n", false, true, true, SMTP_CAUSE_NO_BINARYMIME },
		{ "BINARYMIME CHUNKING", "s@y", "Hi\r\n", false, true, false, SMTP_CAUSE_NONE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fixture_mail_init(&a, rows[i].sender, "a@x.example b@x.example", rows[i].content,
			strlen(rows[i].content));
		a.body.has_utf8_headers = rows[i].utf8_headers;
		if (rows[i].binary)
			a.envelope.body_type = ENVELOPE_BODY_BINARYMIME;
		a.transaction.eightbit_as_is = rows[i].as_is;
		start(rows[i].keywords);
		fixture_add(&f, &a);
		f.out_len = 0;
		fixture_work(&f);
		if (rows[i].cause == SMTP_CAUSE_NONE) {
			assert_true(f.out_len > 0);
			assert_false(a.is_done);
		} else {
			assert_int_equal(f.out_len, 0);
			fixture_work(&f);
			assert_true(a.is_done);
			for (uint32_t rcpt = 0; rcpt < 2; rcpt++) {
				assert_outcome(&a, rcpt, "other-host IDLE 0");
				assert_int_equal(a.results[rcpt].cause, rows[i].cause);
				assert_int_equal(a.results[rcpt].status.class, 5);
				assert_false(a.results[rcpt].sent);
			}
			assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_MAIL);
		}
		end();
	}
}

static void smtputf8_is_given_when_something_needs_it(void **state)
{
	(void)state;
	static const struct {
		const char *sender, *rcpt, *content;
		bool headers, wanted, expected;
	} rows[] = {
		{ "s@y", "a@x", "Hi\r\n", false, false, false },
		{ "s@y", "a@x", "Hi\r\n", false, true, false },
		{ "s@y", "a@x", "\xc3\xa4\r\n", false, false, false },
		{ "s@y", "a@x", "\xc3\xa4\r\n", false, true, true },
		{ "s@y", "a@x", "\xc3\xa4\r\n", true, false, true },
		{ "\xc3\xa4@y", "a@x", "Hi\r\n", false, false, true },
		{ "s@y", "\xc3\xa4@x", "Hi\r\n", false, false, true },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fixture_mail_init(
			&a, rows[i].sender, rows[i].rcpt, rows[i].content, strlen(rows[i].content));
		a.body.has_utf8_headers = rows[i].headers;
		a.envelope.wants_smtputf8 = rows[i].wanted;
		start("SMTPUTF8 8BITMIME PIPELINING");
		fixture_add(&f, &a);
		f.out_len = 0;
		fixture_work(&f);
		assert_int_equal(strstr(f.out, " SMTPUTF8\r\n") != NULL, rows[i].expected);
		assert_non_null(strstr(f.out, rows[i].rcpt));
		end();
	}
}

/* EXT-U8-01: only that recipient cannot go. */
static void a_utf8_recipient_alone_goes_to_another_host(void **state)
{
	(void)state;
	fixture_mail_init(&a, "s@y", "\xc3\xa4@x b@x \xc3\xb6@x", "Hi\r\n", 4);
	start("PIPELINING");
	begin("MAIL FROM:<s@y>\r\nRCPT TO:<b@x>\r\nDATA\r\n");
	fixture_turn(&f, OK OK "354 go\r\n", "Hi\r\n.\r\n");
	fixture_turn(&f, OK, "");
	assert_outcome(&a, 0, "other-host IDLE 0");
	assert_outcome(&a, 1, "delivered BODY 250");
	assert_outcome(&a, 2, "other-host IDLE 0");
	assert_int_equal(a.transaction.delivered_count, 1);
	end();
}

/* EXT-SIZE-02: the limit itself is allowed, 0 is none. */
static void a_message_over_the_size_is_not_transferred(void **state)
{
	(void)state;
	static const struct {
		const char *size;
		bool goes;
	} rows[] = { { "3", false }, { "4", true }, { "0", true }, { "abc", true },
		{ "99999999999999999999", true } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fixture_mail_simple(&a);
		start("");
		fixture_close(&f);
		fixture_init(&f);
		f.config.starttls = SMTP_STARTTLS_NEVER;
		fixture_start(&f);
		fixture_turn(&f, "220 hi\r\n", "EHLO me.example\r\n");
		char ehlo[64];
		(void)snprintf(ehlo, sizeof ehlo, "250-x\r\n250 SIZE %s\r\n", rows[i].size);
		fixture_turn(&f, ehlo, "");
		begin(rows[i].goes ? "MAIL FROM:<s@y.example> SIZE=4\r\n" : "");
		if (!rows[i].goes) {
			assert_outcome(&a, 0, "other-host IDLE 0");
			assert_int_equal(a.results[0].cause, SMTP_CAUSE_TOO_BIG);
			char text[SMTP_STATUS_TEXT_MAX];
			assert_string_equal(smtp_status_format(a.results[0].status, text), "5.3.4");
		}
		end();
	}
}

/* RTLS-01, RTLS-05, RTLS-06, RTLS-08, RTLS-12 */
static void requiretls_needs_the_proof_and_the_offer_inside_tls(void **state)
{
	(void)state;
	static const struct {
		const char *sender, *before, *inside;
		bool proven;
		const char *said;
		enum smtp_cause cause;
	} rows[] = {
		{ "s@y", "250-x\r\n250 STARTTLS\r\n", "250-x\r\n250 REQUIRETLS\r\n", true,
			"MAIL FROM:<s@y> REQUIRETLS\r\n", SMTP_CAUSE_NONE },
		{ "s@y", "250-x\r\n250 STARTTLS\r\n", "250-x\r\n250 REQUIRETLS\r\n", false, "",
			SMTP_CAUSE_REQUIRETLS_UNPROVEN },
		{ "s@y", "250-x\r\n250-REQUIRETLS\r\n250 STARTTLS\r\n", "250-x\r\n250 HELP\r\n",
			true, "", SMTP_CAUSE_NO_REQUIRETLS },
		{ "", "250-x\r\n250 STARTTLS\r\n", "250-x\r\n250 HELP\r\n", true,
			"MAIL FROM:<>\r\n", SMTP_CAUSE_NONE },
		{ "", "250-x\r\n250 STARTTLS\r\n", "250-x\r\n250 REQUIRETLS\r\n", true,
			"MAIL FROM:<> REQUIRETLS\r\n", SMTP_CAUSE_NONE },
		{ "", "250-x\r\n250 STARTTLS\r\n", "250-x\r\n250 REQUIRETLS\r\n", false,
			"MAIL FROM:<>\r\n", SMTP_CAUSE_NONE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fixture_mail_init(&a, rows[i].sender, "a@x", "Hi\r\n", 4);
		a.envelope.requiretls = true;
		a.transaction.requiretls_proven = rows[i].proven;
		start_in_tls(rows[i].before, rows[i].inside);
		begin(rows[i].said);
		assert_int_equal(a.results[0].cause, rows[i].cause);
		end();
	}
	/* In clear the keyword is nothing, whatever the owner believes. */
	fixture_mail_simple(&a);
	a.envelope.requiretls = true;
	a.transaction.requiretls_proven = true;
	start("REQUIRETLS");
	begin("");
	assert_outcome(&a, 0, "other-host IDLE 0");
	assert_int_equal(a.results[0].cause, SMTP_CAUSE_REQUIRETLS_UNPROVEN);
	end();
	/* Nobody asked for it, so nobody says it. */
	fixture_mail_simple(&a);
	a.transaction.requiretls_proven = true;
	start_in_tls("250-x\r\n250 STARTTLS\r\n", "250-x\r\n250 REQUIRETLS\r\n");
	begin("MAIL FROM:<s@y.example>\r\n");
	end();
}

/* SMTP-24: found before anything is sent, and the others go. */
static void what_cannot_be_written_is_refused_by_ourselves(void **state)
{
	(void)state;
	fixture_mail_init(&a, "s@y", "a@x b@x c@x", "Hi\r\n", 4);
	a.rcpts[1].address.text = TEXT("b@x>\r\nRCPT TO:<d@x");
	a.rcpts[2].orcpt = TEXT("rfc822;a b");
	start("PIPELINING DSN");
	begin("MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\nDATA\r\n");
	assert_outcome(&a, 1, "permanent IDLE 0");
	assert_int_equal(a.results[1].cause, SMTP_CAUSE_BAD_RCPT);
	assert_int_equal(a.results[2].cause, SMTP_CAUSE_BAD_PARAMETER);
	end();

	static const struct {
		struct text sender, envid;
		enum smtp_cause cause;
	} rows[] = {
		{ TEXT_INIT("s@y\r\n"), TEXT_INIT(""), SMTP_CAUSE_BAD_SENDER },
		{ TEXT_INIT("s@y"), TEXT_INIT("e 1"), SMTP_CAUSE_BAD_PARAMETER },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fixture_mail_init(&a, "s@y", "a@x b@x", "Hi\r\n", 4);
		a.envelope.sender.text = rows[i].sender;
		a.envelope.envid = rows[i].envid;
		start("PIPELINING DSN");
		begin("");
		fixture_work(&f);
		assert_true(a.is_done);
		assert_outcome(&a, 1, "permanent IDLE 0");
		assert_int_equal(a.results[1].cause, rows[i].cause);
		end();
	}
}

static const char many[] = "0@x 1@x 2@x 3@x 4@x 5@x 6@x 7@x 8@x 9@x";

/* SMTP-30, EXT-LIM-03, EXT-LIM-04: the smaller of ours and theirs. */
static void recipients_over_the_limit_go_into_the_next_transaction(void **state)
{
	(void)state;
	static const struct {
		uint32_t ours;
		const char *limits;
		uint32_t expected;
	} rows[] = { { 4, "", 4 }, { 4, " RCPTMAX=3", 3 }, { 4, " RCPTMAX=999", 4 },
		{ 100, " RCPTMAX=1", 1 }, { 100, "", 10 } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fixture_mail_init(&a, "s@y", many, "Hi\r\n", 4);
		fixture_init(&f);
		f.config.starttls = SMTP_STARTTLS_NEVER;
		f.config.rcpts_max = rows[i].ours;
		fixture_start(&f);
		fixture_turn(&f, "220 hi\r\n", "EHLO me.example\r\n");
		char ehlo[128];
		(void)snprintf(ehlo, sizeof ehlo, "250-x\r\n250-PIPELINING\r\n250 LIMITS%s\r\n",
			rows[i].limits);
		fixture_turn(&f, ehlo, "");
		fixture_add(&f, &a);
		f.out_len = 0;
		fixture_work(&f);
		uint32_t sent = 0;
		for (const char *at = f.out; (at = strstr(at, "RCPT TO")) != NULL; at++)
			sent++;
		assert_int_equal(sent, rows[i].expected);
		for (uint32_t rcpt = 0; rcpt < 10; rcpt++) {
			assert_int_equal(a.results[rcpt].verdict,
				rcpt < sent ? SMTP_VERDICT_NONE : SMTP_VERDICT_AGAIN);
			assert_int_equal(a.results[rcpt].sent, rcpt < sent);
		}
		end();
	}
}

/* SMTP-29, 0.4: 452 and 552 after one was accepted. */
static void too_many_recipients_is_no_refusal(void **state)
{
	(void)state;
	static const struct {
		const char *reply, *outcome;
	} rows[] = {
		{ "452 too many\r\n", "again RCPT 452" },
		{ "552 too many\r\n", "again RCPT 552" },
		{ "452 4.5.3 too many\r\n", "again RCPT 452" },
		{ "452 4.3.1 no storage\r\n", "again RCPT 452" },
		{ "452 4.2.2 mailbox full\r\n", "temporary RCPT 452" },
		{ "552 5.2.2 mailbox full\r\n", "permanent RCPT 552" },
		{ "452 4.3.4 too big\r\n", "temporary RCPT 452" },
		{ "552 5.3.4 too big\r\n", "permanent RCPT 552" },
		{ "450 busy\r\n", "temporary RCPT 450" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fixture_mail_init(&a, "s@y", "a@x b@x c@x", "Hi\r\n", 4);
		start("PIPELINING ENHANCEDSTATUSCODES");
		begin("MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT "
		      "TO:<c@x>\r\nDATA\r\n");
		fixture_turn(&f, OK OK OK, "");
		fixture_turn(&f, rows[i].reply, "");
		fixture_turn(&f, "354 go\r\n", "Hi\r\n.\r\n");
		fixture_turn(&f, OK, "");
		assert_outcome(&a, 0, "delivered BODY 250");
		assert_outcome(&a, 1, "delivered BODY 250");
		assert_outcome(&a, 2, rows[i].outcome);
		bool again = a.results[2].verdict == SMTP_VERDICT_AGAIN;
		assert_int_equal(smtp_session_rcpts_max(&f.session), again ? 2 : 100);
		end();
	}
	/* As the first RCPT: by its code. */
	static const char *const first[] = { "452 x\r\n", "552 x\r\n" };
	for (size_t i = 0; i < 2; i++) {
		fixture_mail_init(&a, "s@y", "a@x b@x", "Hi\r\n", 4);
		start("PIPELINING");
		begin("MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n");
		fixture_turn(&f, OK, "");
		fixture_turn(&f, first[i], "");
		fixture_turn(&f, "550 x\r\n503 x\r\n", "");
		assert_outcome(&a, 0, i == 0 ? "temporary RCPT 452" : "permanent RCPT 552");
		end();
	}
}

/* EXT-GEN-02: what is optional is left out once, the rest never. */
static void refused_parameters_are_left_out_in_the_next_transaction(void **state)
{
	(void)state;
	static const char *const codes[] = { "555", "455" };
	for (size_t i = 0; i < 2; i++) {
		fixture_mail_simple(&a);
		fixture_mail_simple(&b);
		start("SIZE DSN 8BITMIME");
		begin("MAIL FROM:<s@y.example> SIZE=4\r\n");
		char reply[32];
		(void)snprintf(reply, sizeof reply, "%s what\r\n", codes[i]);
		fixture_turn(&f, reply, "");
		assert_int_equal(a.results[0].verdict, SMTP_VERDICT_AGAIN);
		assert_int_equal(a.results[0].cause, SMTP_CAUSE_PARAMETERS);
		assert_int_equal(smtp_session_learned(&f.session), SMTP_CAP_SIZE);
		fixture_add(&f, &b);
		fixture_turn(&f, "", "RSET\r\n");
		fixture_turn(&f, OK, "MAIL FROM:<s@y.example>\r\n");
		fixture_turn(&f, reply, "");
		assert_int_equal(b.results[0].verdict,
			i == 0 ? SMTP_VERDICT_PERMANENT : SMTP_VERDICT_TEMPORARY);
		fixture_mail_deinit(&b);
		end();
	}
}

static void demanded_parameters_are_never_dropped(void **state)
{
	(void)state;
	fixture_mail_init(&a, "\xc3\xa4@y", "a@x", "\xc3\xa4\r\n", 4);
	start("SMTPUTF8 8BITMIME");
	begin("MAIL FROM:<\xc3\xa4@y> BODY=8BITMIME SMTPUTF8\r\n");
	fixture_turn(&f, "555 what\r\n", "");
	assert_outcome(&a, 0, "permanent MAIL 555");
	assert_int_equal(smtp_session_learned(&f.session), 0);
	end();
}

static void refused_rcpt_parameters_cost_that_recipient_another_transaction(void **state)
{
	(void)state;
	fixture_mail_init(&a, "s@y", "a@x b@x", "Hi\r\n", 4);
	a.rcpts[0].notify.success = true;
	start("PIPELINING DSN");
	begin("MAIL FROM:<s@y>\r\nRCPT TO:<a@x> NOTIFY=SUCCESS\r\nRCPT TO:<b@x>\r\nDATA\r\n");
	fixture_turn(&f, OK "555 what\r\n555 what\r\n503 x\r\n", "");
	assert_outcome(&a, 0, "again RCPT 555");
	/* It had no parameters: then it is a refusal. */
	assert_outcome(&a, 1, "permanent RCPT 555");
	assert_int_equal(smtp_session_learned(&f.session), SMTP_CAP_DSN);
	end();
}

/* EXT-LIM-03: MAILMAX counts every MAIL; ours as well. */
static void a_session_ends_when_its_mails_are_used_up(void **state)
{
	(void)state;
	for (int ours = 0; ours < 2; ours++) {
		fixture_mail_simple(&a);
		fixture_mail_simple(&b);
		fixture_init(&f);
		f.config.starttls = SMTP_STARTTLS_NEVER;
		f.config.mails_max = ours == 1 ? 2 : 0;
		fixture_start(&f);
		fixture_turn(&f, "220 hi\r\n", "EHLO me.example\r\n");
		fixture_turn(&f,
			ours == 1 ? "250-x\r\n250 PIPELINING\r\n"
				  : "250-x\r\n250-PIPELINING\r\n250 LIMITS MAILMAX=2\r\n",
			"");
		begin("MAIL FROM:<s@y.example>\r\nRCPT TO:<a@x.example>\r\nDATA\r\n");
		fixture_turn(&f, "450 no\r\n503 x\r\n503 x\r\n", "");
		assert_true(smtp_session_can_begin(&f.session));
		fixture_add(&f, &b);
		fixture_turn(&f, "",
			"RSET\r\nMAIL FROM:<s@y.example>\r\nRCPT TO:<a@x.example>\r\nDATA\r\n");
		fixture_turn(&f, OK OK OK "354 go\r\n", "Hi\r\n.\r\n");
		assert_false(smtp_session_can_begin(&f.session));
		fixture_turn(&f, OK, "QUIT\r\n");
		assert_outcome(&b, 0, "delivered BODY 250");
		fixture_mail_deinit(&b);
		end();
	}
}

/* EXT-LIM-03: RCPTDOMAINMAX counts domains over the whole session. */
static void domains_over_the_limit_go_to_another_session(void **state)
{
	(void)state;
	fixture_mail_init(&a, "s@y", "a@p1 b@p2 c@p1 d@p3 e@p2", "Hi\r\n", 4);
	fixture_mail_init(&b, "s@y", "a@p3 b@p4", "Hi\r\n", 4);
	fixture_init(&f);
	f.config.starttls = SMTP_STARTTLS_NEVER;
	fixture_start(&f);
	fixture_turn(&f, "220 hi\r\n", "EHLO me.example\r\n");
	fixture_turn(&f, "250-x\r\n250 LIMITS RCPTDOMAINMAX=2\r\n", "");
	begin("MAIL FROM:<s@y>\r\n");
	fixture_turn(&f, OK, "RCPT TO:<a@p1>\r\n");
	fixture_turn(&f, OK, "RCPT TO:<b@p2>\r\n");
	fixture_turn(&f, OK, "RCPT TO:<c@p1>\r\n");
	fixture_turn(&f, OK, "RCPT TO:<e@p2>\r\n");
	fixture_turn(&f, OK, "DATA\r\n");
	fixture_turn(&f, "354 go\r\n", "Hi\r\n.\r\n");
	/* No use in asking again here: the session ends. */
	assert_false(smtp_session_can_begin(&f.session));
	fixture_turn(&f, OK, "QUIT\r\n");
	assert_outcome(&a, 3, "not-tried IDLE 0");
	assert_outcome(&a, 4, "delivered BODY 250");
	fixture_mail_deinit(&b);
	end();
}

/* A done-at-once transaction does not disturb the one whose body is going out. */
static void a_transaction_that_cannot_go_is_done_while_another_is_under_way(void **state)
{
	(void)state;
	fixture_mail_simple(&a);
	fixture_mail_init(&b, "s@y", "a@x", "\xc3\xa4\r\n", 4);
	start("PIPELINING");
	begin("MAIL FROM:<s@y.example>\r\nRCPT TO:<a@x.example>\r\nDATA\r\n");
	fixture_add(&f, &b);
	fixture_turn(&f, OK OK "354 go\r\n", "Hi\r\n.\r\n");
	fixture_work(&f);
	assert_true(b.is_done);
	assert_int_equal(b.results[0].cause, SMTP_CAUSE_NO_8BITMIME);
	assert_false(a.is_done);
	fixture_turn(&f, OK, "");
	assert_outcome(&a, 0, "delivered BODY 250");
	fixture_mail_deinit(&b);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_are_those_that_are_offered_and_needed),
		cmocka_unit_test(a_feature_to_avoid_counts_as_not_offered),
		cmocka_unit_test(what_a_host_lacks_sends_the_message_to_another),
		cmocka_unit_test(smtputf8_is_given_when_something_needs_it),
		cmocka_unit_test(a_utf8_recipient_alone_goes_to_another_host),
		cmocka_unit_test(a_message_over_the_size_is_not_transferred),
		cmocka_unit_test(requiretls_needs_the_proof_and_the_offer_inside_tls),
		cmocka_unit_test(what_cannot_be_written_is_refused_by_ourselves),
		cmocka_unit_test(recipients_over_the_limit_go_into_the_next_transaction),
		cmocka_unit_test(too_many_recipients_is_no_refusal),
		cmocka_unit_test(refused_parameters_are_left_out_in_the_next_transaction),
		cmocka_unit_test(demanded_parameters_are_never_dropped),
		cmocka_unit_test(refused_rcpt_parameters_cost_that_recipient_another_transaction),
		cmocka_unit_test(a_session_ends_when_its_mails_are_used_up),
		cmocka_unit_test(domains_over_the_limit_go_to_another_session),
		cmocka_unit_test(a_transaction_that_cannot_go_is_done_while_another_is_under_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
