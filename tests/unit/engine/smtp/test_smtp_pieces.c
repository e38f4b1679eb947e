/* Whole sessions: however the octets are cut, whatever a server answers, the outcome is right. */
#include <stdio.h>
#include "tests/unit/engine/smtp/smtp_fixture.h"
#include "tests/unit/engine/smtp/smtp_peer.h"

static const struct {
	const char *says, *hears;
} script[] = {
	{ "220-x.example\r\n220 hi\r\n", "EHLO me.example\r\n" },
	{ "250-x.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n", "STARTTLS\r\n" },
	{ "220 2.0.0 go\r\n", "" },
	/* the handshake */
	{ "", "EHLO me.example\r\n" },
	{ "250-x.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n"
	  "250-DSN\r\n250 ENHANCEDSTATUSCODES\r\n",
		"MAIL FROM:<s@y.example> SIZE=15 RET=HDRS ENVID=e1\r\n"
		"RCPT TO:<a@x.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a@z\r\n"
		"RCPT TO:<b@x.example>\r\nRCPT TO:<c@x.example>\r\nDATA\r\n" },
	{ "250 2.1.0 ok\r\n250 2.1.5 ok\r\n550-5.1.1 no\r\n550 5.1.1 such\r\n250\r\n354 go\r\n",
		"a: b\r\n\r\n..\r\n..c\r\n.\r\n"
		"MAIL FROM:<> SIZE=4\r\nRCPT TO:<d@x.example>\r\nDATA\r\n" },
	{ "250 2.0.0 queued\r\n250 2.1.0 ok\r\n450 4.2.0 busy\r\n354 go\r\n", ".\r\n" },
	{ "554 5.5.1 nobody\r\n", "RSET\r\nMAIL FROM:<t@y.example> SIZE=4 BODY=8BITMIME\r\n"
				  "RCPT TO:<e@x.example>\r\nDATA\r\n" },
	{ "250 ok\n250 ok\n250 ok\n354 go\n", "\xc3\xa4\r\n.\r\n" },
	{ "250-2.0.0 taken\r\n250 2.0.0 as 7\r\n", "QUIT\r\n" },
	{ "221 2.0.0 bye\r\n", "" },
};

static void run_script(size_t in_piece, size_t out_piece)
{
	static const char content[] = "a: b\r\n\r\n.\r\n.c\r\n";
	static struct fixture f;
	static struct fixture_mail a, b, c;
	fixture_mail_init(&a, "s@y.example", "a@x.example b@x.example c@x.example", content,
		sizeof content - 1);
	a.envelope.ret = ENVELOPE_RET_HDRS;
	a.envelope.envid = TEXT("e1");
	a.rcpts[0].notify.failure = true;
	a.rcpts[0].notify.delay = true;
	a.rcpts[0].orcpt = TEXT("rfc822;a@z");
	fixture_mail_init(&b, "", "d@x.example", "Hi\r\n", 4);
	fixture_mail_init(&c, "t@y.example", "e@x.example", "\xc3\xa4\r\n", 4);
	fixture_init(&f);
	f.in_piece = in_piece;
	f.out_piece = out_piece;
	fixture_start(&f);
	fixture_add(&f, &a);
	fixture_add(&f, &b);
	fixture_add(&f, &c);
	for (size_t i = 0; i < sizeof script / sizeof *script; i++) {
		if (smtp_session_want(&f.session) == SMTP_WANT_STARTTLS)
			smtp_session_tls_started(&f.session);
		if (i == 9)
			smtp_session_quit(&f.session);
		fixture_turn(&f, script[i].says, script[i].hears);
	}
	assert_int_equal(smtp_session_want(&f.session), SMTP_WANT_CLOSE);
	assert_int_equal(f.session.end, SMTP_END_QUIT);
	assert_outcome(&a, 0, "delivered BODY 250");
	assert_outcome(&a, 1, "permanent RCPT 550");
	assert_outcome(&a, 2, "delivered BODY 250");
	assert_outcome(&b, 0, "temporary RCPT 450");
	assert_outcome(&c, 0, "delivered BODY 250");
	assert_true(
		text_equal(smtp_rcpt_text(&a.transaction, &a.results[1]), TEXT("5.1.1 no such")));
	assert_true(text_equal(
		smtp_rcpt_text(&c.transaction, &c.results[0]), TEXT("2.0.0 taken as 7")));
	fixture_deinit(&f);
	fixture_mail_deinit(&a);
	fixture_mail_deinit(&b);
	fixture_mail_deinit(&c);
}

static void every_cut_of_what_the_peer_says_ends_the_same(void **state)
{
	(void)state;
	/* The longest turn has fewer octets: each place is once the first cut. */
	for (size_t piece = 1; piece <= 130; piece++)
		run_script(piece, 4096);
}

static void every_size_of_output_says_the_same(void **state)
{
	(void)state;
	for (size_t piece = 1; piece <= 260; piece++)
		run_script(SIZE_MAX, piece);
}

static void cuts_on_both_sides_at_once(void **state)
{
	(void)state;
	for (size_t in = 1; in <= 12; in++)
		for (size_t out = 1; out <= 12; out++)
			run_script(in, out);
}

/* ---- random servers ---- */

struct world {
	struct smtp_peer peer;
	struct fixture f;
	struct fixture_mail mails[PEER_MESSAGES_MAX];
	char texts[PEER_MESSAGES_MAX][400]; /* addresses */
	unsigned mails_count;
	bool is_lost;
};

static size_t make_content(struct smtp_peer *peer, char *content)
{
	size_t len = 0;
	uint32_t lines = smtp_peer_random(peer, 10);
	for (uint32_t i = 0; i < lines; i++) {
		uint32_t line = smtp_peer_random(peer, 40);
		for (uint32_t k = 0; k < line; k++)
			content[len++] = "..ab \tc:"[smtp_peer_random(peer, 8)];
		content[len++] = '\r';
		content[len++] = '\n';
	}
	return len;
}

static void make_world(struct world *w, uint64_t seed)
{
	smtp_peer_init(&w->peer, seed, 0, 0);
	struct smtp_peer *peer = &w->peer;
	unsigned caps = smtp_peer_random(peer, 1u << 9) & ~(unsigned)SMTP_CAP_STARTTLS;
	if (smtp_peer_random(peer, 4) != 0)
		caps |= SMTP_CAP_PIPELINING;
	static const unsigned troubles[] = { 0, 10, 40, 120 };
	peer->caps = caps;
	peer->trouble = troubles[smtp_peer_random(peer, 4)];
	fixture_init(&w->f);
	w->f.config.starttls = SMTP_STARTTLS_NEVER;
	w->f.config.ahead = smtp_peer_random(peer, 4) != 0;
	w->f.config.prefer_bdat = smtp_peer_random(peer, 2) != 0;
	w->f.config.rcpts_max = 1 + smtp_peer_random(peer, 5);
	w->f.config.mails_max = smtp_peer_random(peer, 8);
	fixture_start(&w->f);
	w->mails_count = 1 + smtp_peer_random(peer, PEER_MESSAGES_MAX);
	for (unsigned i = 0; i < w->mails_count; i++) {
		char *sender = w->texts[i], *rcpts = w->texts[i] + 20, content[512];
		(void)snprintf(sender, 20, "s%u@y", i);
		size_t len = 0;
		unsigned count = 1 + smtp_peer_random(peer, 4);
		for (unsigned k = 0; k < count; k++)
			len += (size_t)snprintf(
				rcpts + len, 20, "%sr%u.%u@x", k > 0 ? " " : "", i, k);
		size_t content_len = make_content(peer, content);
		fixture_mail_init(&w->mails[i], sender, rcpts, content, content_len);
		peer->bodies[i] = text_of_bytes(w->mails[i].body.data, w->mails[i].body.data_bytes);
		struct smtp_transaction *transaction = &w->mails[i].transaction;
		transaction->wants_bdat = smtp_peer_random(peer, 2) == 0;
		transaction->may_fly = smtp_peer_random(peer, 2) == 0;
		peer->may_fly[i] = transaction->may_fly && count == 1;
		fixture_add(&w->f, &w->mails[i]);
	}
	w->is_lost = false;
}

/* One thing that may happen next, in any order. */
static void step_world(struct world *w)
{
	struct fixture *f = &w->f;
	struct smtp_peer *peer = &w->peer;
	uint8_t octets[300];
	size_t max = 1 + smtp_peer_random(peer, smtp_peer_random(peer, 2) == 0 ? 8 : sizeof octets);
	struct smtp_transaction *done;
	switch (smtp_peer_random(peer, 4)) {
	case 0: { /* the session reads */
		size_t len = smtp_peer_give(peer, octets, max);
		if (smtp_session_want(&f->session) == SMTP_WANT_CLOSE)
			break;
		if (len > 0)
			(void)!smtp_session_input(&f->session, octets, len, NULL);
		else if (peer->is_closed && peer->out_len == 0)
			smtp_session_lost(&f->session, SMTP_END_LOST);
		break;
	}
	case 1: { /* the session writes */
		size_t len = smtp_session_output(&f->session, octets, max);
		if (!peer->is_closed)
			smtp_peer_take(peer, octets, len);
		break;
	}
	case 2: /* mail is there */
		if (f->mails_begun < f->mails_count && smtp_session_can_begin(&f->session))
			smtp_session_begin(&f->session, &f->mails[f->mails_begun++]->transaction);
		else if (f->mails_begun == f->mails_count && smtp_peer_random(peer, 8) == 0)
			smtp_session_quit(&f->session);
		break;
	case 3:
		while ((done = smtp_session_take_done(&f->session)) != NULL) {
			struct fixture_mail *mail = done->owner;
			assert_false(mail->is_done);
			mail->is_done = true;
		}
		if (smtp_peer_random(peer, 3000) < peer->trouble / 10)
			smtp_session_lost(&f->session, SMTP_END_TIMEOUT);
		break;
	}
}

/* Promises of DESIGN 5: each recipient has exactly one verdict, and it is the truth. */
static void check_world(const struct world *w)
{
	for (unsigned i = 0; i < w->f.mails_begun; i++) {
		const struct fixture_mail *mail = &w->mails[i];
		assert_true(mail->is_done);
		uint32_t delivered = 0;
		for (uint32_t k = 0; k < mail->envelope.rcpts_count; k++) {
			const struct smtp_rcpt_result *rcpt = &mail->results[k];
			unsigned accepted = w->peer.accepted[i][k];
			assert_int_not_equal(rcpt->verdict, SMTP_VERDICT_NONE);
			assert_int_not_equal(rcpt->cause, SMTP_CAUSE_NONE);
			if (rcpt->verdict == SMTP_VERDICT_DELIVERED) {
				delivered++;
				assert_int_equal(accepted, 1);
			} else if (!mail->transaction.in_doubt) {
				assert_int_equal(accepted, 0);
			} else {
				assert_true(accepted <= 1);
				assert_true(mail->transaction.body_sent);
			}
		}
		assert_int_equal(mail->transaction.delivered_count, delivered);
	}
}

static void whatever_a_server_answers_no_verdict_is_wrong(void **state)
{
	(void)state;
	static struct world w;
	unsigned delivered = 0, ended[SMTP_END_COUNT] = { 0 }, verdicts[8] = { 0 };
	for (uint64_t seed = 1; seed <= 4000; seed++) {
		make_world(&w, seed * 0x9e3779b97f4a7c15u);
		unsigned steps = 0;
		while (smtp_session_want(&w.f.session) != SMTP_WANT_CLOSE) {
			step_world(&w);
			assert_true(++steps < 200000);
		}
		ended[w.f.session.end]++;
		fixture_work(&w.f);
		check_world(&w);
		for (unsigned i = 0; i < w.f.mails_begun; i++) {
			delivered += w.mails[i].transaction.delivered_count;
			for (uint32_t k = 0; k < w.mails[i].envelope.rcpts_count; k++)
				verdicts[w.mails[i].results[k].verdict]++;
		}
		fixture_deinit(&w.f);
		for (unsigned i = 0; i < w.mails_count; i++)
			fixture_mail_deinit(&w.mails[i]);
	}
	/* The runs were not all the same. */
	assert_true(delivered > 1000);
	assert_true(verdicts[SMTP_VERDICT_TEMPORARY] > 100);
	assert_true(verdicts[SMTP_VERDICT_PERMANENT] > 100);
	assert_true(verdicts[SMTP_VERDICT_AGAIN] > 100);
	assert_true(verdicts[SMTP_VERDICT_NOT_TRIED] > 100);
	static const enum smtp_end seen[] = { SMTP_END_QUIT, SMTP_END_CLOSING, SMTP_END_PROTOCOL,
		SMTP_END_LOST, SMTP_END_TIMEOUT, SMTP_END_BDAT_REFUSED, SMTP_END_RSET_REFUSED,
		SMTP_END_FLIGHT_REFUSED };
	for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
		assert_true(ended[seen[i]] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut_of_what_the_peer_says_ends_the_same),
		cmocka_unit_test(every_size_of_output_says_the_same),
		cmocka_unit_test(cuts_on_both_sides_at_once),
		cmocka_unit_test(whatever_a_server_answers_no_verdict_is_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
