/* The opening of a session and its end: greeting, EHLO or HELO, STARTTLS, QUIT.
 *
 * Happy path: 220 EHLO 250 STARTTLS 220 handshake EHLO 250 ... QUIT 221 Before TLS nothing is
 * said but EHLO and STARTTLS (STLS-13). A refused STARTTLS goes on in clear on the same
 * connection when nothing better is demanded; a failed handshake never does (STLS-08). */
#include "engine/smtp/smtp_command.h"
#include "engine/smtp/smtp_session_inside.h"

enum result smtp_hello_on_greeting(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail)
{
	if (smtp_reply_is_positive(reply))
		smtp_session_go(s, SMTP_STEP_EHLO);
	else if (smtp_reply_is_negative(reply))
		smtp_session_leave(s, SMTP_END_GREETING_REFUSED, SMTP_STEP_GREETING);
	else
		return smtp_session_out_of_turn(s, SMTP_STEP_GREETING, reply, fail);
	return RESULT_OK;
}

enum result smtp_hello_write_ehlo(const struct smtp_session *s, struct buf *buf)
{
	return smtp_command_hello(buf, "EHLO", s->config->helo);
}

void smtp_hello_on_ehlo_line(struct smtp_session *s)
{
	bool cut = false;
	struct text line = smtp_reply_line(&s->parser, &cut);
	/* RFC 5321 4.1.1.1: the first line is the name of the host, never a keyword (SEC-36). */
	if (s->hello_seen)
		smtp_caps_add_line(&s->caps, line, cut);
	s->hello_seen = true;
	smtp_reply_drop_lines(&s->parser);
}

/* Said hello, now TLS or mail. */
static void go_on_after_hello(struct smtp_session *s)
{
	bool wants_tls = s->config->starttls != SMTP_STARTTLS_NEVER && !s->tls_active;
	if (wants_tls && (s->caps.offered & SMTP_CAP_STARTTLS) != 0)
		smtp_session_go(s, SMTP_STEP_STARTTLS);
	else if (wants_tls && s->config->starttls == SMTP_STARTTLS_REQUIRED)
		smtp_session_leave(s, SMTP_END_TLS_NOT_OFFERED, SMTP_STEP_EHLO);
	else
		smtp_session_go(s, SMTP_STEP_IDLE);
}

static void on_ehlo_refused(struct smtp_session *s, const struct smtp_reply *reply)
{
	smtp_caps_reset(&s->caps);
	/* RFC 5321 3.2: a host that does not know EHLO gets HELO (SMTP-13). RFC 7504: 521 is no
	 * mail at all. A host that we must have TLS with cannot do with HELO (STLS-17). */
	bool may_helo = reply->code / 100 == 5 && reply->code != 521;
	if (may_helo && s->config->starttls != SMTP_STARTTLS_REQUIRED)
		smtp_session_go(s, SMTP_STEP_HELO);
	else if (may_helo && !s->tls_active)
		smtp_session_leave(s, SMTP_END_TLS_NOT_OFFERED, SMTP_STEP_EHLO);
	else
		smtp_session_leave(s, SMTP_END_HELLO_REFUSED, SMTP_STEP_EHLO);
}

enum result smtp_hello_on_ehlo(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail)
{
	/* 220 is a second greeting, inside TLS sent by somebody who was not asked (STLS-15). */
	if (reply->code == 220 || reply->code / 100 == 3)
		return smtp_session_out_of_turn(s, SMTP_STEP_EHLO, reply, fail);
	if (smtp_reply_is_positive(reply))
		go_on_after_hello(s);
	else
		on_ehlo_refused(s, reply);
	return RESULT_OK;
}

enum result smtp_hello_write_helo(const struct smtp_session *s, struct buf *buf)
{
	return smtp_command_hello(buf, "HELO", s->config->helo);
}

enum result smtp_hello_on_helo(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail)
{
	if (reply->code == 220 || reply->code / 100 == 3)
		return smtp_session_out_of_turn(s, SMTP_STEP_HELO, reply, fail);
	if (smtp_reply_is_positive(reply))
		smtp_session_go(s, SMTP_STEP_IDLE);
	else
		smtp_session_leave(s, SMTP_END_HELLO_REFUSED, SMTP_STEP_HELO);
	return RESULT_OK;
}

enum result smtp_hello_write_starttls(const struct smtp_session *s, struct buf *buf)
{
	/* RFC 3207 4.2: never inside TLS (STLS-07). */
	CHECK(!s->tls_active);
	return smtp_command_verb(buf, "STARTTLS");
}

enum result smtp_hello_on_starttls(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail)
{
	/* RFC 3207 4: 220 alone starts TLS (STLS-03). */
	if (reply->code == 220) {
		smtp_session_go(s, SMTP_STEP_HANDSHAKE);
		return RESULT_OK;
	}
	if (!smtp_reply_is_negative(reply))
		return smtp_session_out_of_turn(s, SMTP_STEP_STARTTLS, reply, fail);
	/* RFC 3207 4: 454 is "not now"; in clear or later is for the operator to say (STLS-10). */
	bool leave = s->config->starttls == SMTP_STARTTLS_REQUIRED ||
		     (reply->code / 100 == 4 && s->config->leave_on_454);
	if (leave)
		smtp_session_leave(s, SMTP_END_TLS_REFUSED, SMTP_STEP_STARTTLS);
	else
		smtp_session_go(s, SMTP_STEP_IDLE);
	return RESULT_OK;
}

enum result smtp_hello_write_quit(const struct smtp_session *s, struct buf *buf)
{
	(void)s;
	return smtp_command_verb(buf, "QUIT");
}

enum result smtp_hello_on_quit(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail)
{
	/* Whatever it says, both sides have ended now. */
	(void)reply;
	(void)fail;
	smtp_session_stop(s, SMTP_END_QUIT, SMTP_STEP_QUIT, false);
	return RESULT_OK;
}
