/* The envelope of a transaction: RSET where needed, MAIL, RCPT for each recipient.
 *
 * Happy path, pipelined:  MAIL RCPT RCPT DATA  ▶  250 250 250 354
 * Failure modes: MAIL refused decides all recipients, RCPT refused decides that one; when none is
 * left nothing more is sent, but every reply that is due is still read, in order (EXT-PIPE-03). */
#include "engine/smtp/smtp_command.h"
#include "engine/smtp/smtp_session_inside.h"

enum result smtp_mail_write_rset(const struct smtp_session *s, struct buf *buf)
{
	(void)s;
	return smtp_command_verb(buf, "RSET");
}

void smtp_mail_sent_rset(struct smtp_session *s)
{
	s->needs_rset = false;
	smtp_session_await(s, SMTP_STEP_RSET);
	smtp_session_go(s, SMTP_STEP_MAIL);
}

enum result smtp_mail_on_rset(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail)
{
	if (smtp_reply_is_positive(reply))
		return RESULT_OK;
	if (!smtp_reply_is_negative(reply))
		return smtp_session_out_of_turn(s, SMTP_STEP_RSET, reply, fail);
	/* RFC 5321 4.1.1.5 knows no refusal. What the host still holds is unknown, so nothing
	 * may be sent on top of it; the message has not been looked at and goes elsewhere. */
	smtp_session_stop(s, SMTP_END_RSET_REFUSED, SMTP_STEP_RSET, true);
	return RESULT_OK;
}

enum result smtp_mail_write_mail(const struct smtp_session *s, struct buf *buf)
{
	return smtp_command_mail(buf, s->sending->envelope, &s->sending->mail_params);
}

void smtp_mail_sent_mail(struct smtp_session *s)
{
	s->sending->mail_sent = true;
	s->chunk_at = 0;
	s->mails_count++;
	smtp_session_await(s, SMTP_STEP_MAIL);
	smtp_session_go(s, SMTP_STEP_RCPT);
}

/* RFC 5321 4.1.1.11: 555 and 455 are about parameters. */
static bool is_about_parameters(const struct smtp_reply *reply)
{
	return reply->code == 555 || reply->code == 455;
}

enum result smtp_mail_on_mail(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail)
{
	struct smtp_transaction *transaction = s->answered;
	transaction->mail_answered = true;
	if (smtp_reply_is_positive(reply))
		return RESULT_OK;
	if (!smtp_reply_is_negative(reply))
		return smtp_session_out_of_turn(s, SMTP_STEP_MAIL, reply, fail);
	transaction->failed = true;
	transaction->mail_refused = true;
	/* What is optional is left out from now on; SMTPUTF8, BODY and REQUIRETLS change what is
	 * sent or promised, so they are never dropped (EXT-GEN-02). */
	unsigned optional = (transaction->mail_params.size ? SMTP_CAP_SIZE : 0u) |
			    (transaction->mail_params.dsn ? SMTP_CAP_DSN : 0u);
	if (is_about_parameters(reply) && optional != 0) {
		s->learned |= optional;
		smtp_transaction_decide(transaction, SMTP_VERDICT_AGAIN, SMTP_CAUSE_PARAMETERS,
			SMTP_STEP_MAIL, reply);
	} else {
		smtp_transaction_decide(transaction, smtp_reply_verdict(reply), SMTP_CAUSE_REPLY,
			SMTP_STEP_MAIL, reply);
	}
	smtp_flight_on_refusal(s, SMTP_STEP_MAIL);
	return RESULT_OK;
}

static const struct envelope_rcpt *envelope_rcpt_at(
	const struct smtp_transaction *transaction, uint32_t at)
{
	return &transaction->envelope->rcpts[transaction->rcpts[at].rcpt];
}

enum result smtp_mail_write_rcpt(const struct smtp_session *s, struct buf *buf)
{
	const struct smtp_transaction *transaction = s->sending;
	const struct smtp_rcpt_params params = {
		.smtputf8 = transaction->mail_params.smtputf8,
		.dsn = transaction->rcpt_dsn,
	};
	return smtp_command_rcpt(
		buf, envelope_rcpt_at(transaction, transaction->rcpts_sent), &params);
}

void smtp_mail_sent_rcpt(struct smtp_session *s)
{
	struct smtp_transaction *transaction = s->sending;
	transaction->rcpts[transaction->rcpts_sent].sent = true;
	smtp_session_await(s, SMTP_STEP_RCPT);
	/* Those that were decided before anything was sent are passed over. */
	do
		transaction->rcpts_sent++;
	while (transaction->rcpts_sent < transaction->rcpts_count &&
		transaction->rcpts[transaction->rcpts_sent].verdict != SMTP_VERDICT_NONE);
	if (transaction->rcpts_sent == transaction->rcpts_count)
		smtp_session_go(s, transaction->use_bdat ? SMTP_STEP_BDAT : SMTP_STEP_DATA);
}

static struct smtp_rcpt_result *next_answered(struct smtp_transaction *transaction)
{
	while (!transaction->rcpts[transaction->rcpts_answered].sent)
		transaction->rcpts_answered++;
	CHECK(transaction->rcpts_answered < transaction->rcpts_sent);
	return &transaction->rcpts[transaction->rcpts_answered++];
}

static void on_rcpt_refused(struct smtp_session *s, struct smtp_transaction *transaction,
	struct smtp_rcpt_result *rcpt, const struct smtp_reply *reply)
{
	const struct envelope_rcpt *to = &transaction->envelope->rcpts[rcpt->rcpt];
	bool had_parameters =
		transaction->rcpt_dsn && (envelope_notify_given(to->notify) || to->orcpt.len > 0);
	if (is_about_parameters(reply) && had_parameters) {
		s->learned |= SMTP_CAP_DSN;
		smtp_transaction_decide_rcpt(transaction, rcpt, SMTP_VERDICT_AGAIN,
			SMTP_CAUSE_PARAMETERS, SMTP_STEP_RCPT, reply);
	} else if (transaction->rcpts_accepted > 0 && smtp_reply_is_too_many(reply)) {
		if (s->learned_rcpts_max == 0 || s->learned_rcpts_max > transaction->rcpts_accepted)
			s->learned_rcpts_max = transaction->rcpts_accepted;
		smtp_transaction_decide_rcpt(transaction, rcpt, SMTP_VERDICT_AGAIN,
			SMTP_CAUSE_RCPTS_MAX, SMTP_STEP_RCPT, reply);
	} else {
		smtp_transaction_decide_rcpt(transaction, rcpt, smtp_reply_verdict(reply),
			SMTP_CAUSE_REPLY, SMTP_STEP_RCPT, reply);
	}
}

enum result smtp_mail_on_rcpt(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail)
{
	struct smtp_transaction *transaction = s->answered;
	struct smtp_rcpt_result *rcpt = next_answered(transaction);
	/* RFC 5321 3.3: 250, 251 and 252 are accepted alike (SMTP-28, SMTP-31). */
	if (smtp_reply_is_positive(reply)) {
		rcpt->accepted = true;
		if (!transaction->failed)
			transaction->rcpts_accepted++;
	} else if (!smtp_reply_is_negative(reply)) {
		return smtp_session_out_of_turn(s, SMTP_STEP_RCPT, reply, fail);
	} else if (!transaction->failed) {
		on_rcpt_refused(s, transaction, rcpt, reply);
	}
	bool all_sent = transaction->rcpts_sent == transaction->rcpts_count;
	bool all_answered =
		s->awaited_count == 0 || s->awaited[s->awaited_first].step != SMTP_STEP_RCPT;
	if (all_sent && all_answered && transaction->rcpts_accepted == 0) {
		transaction->failed = true;
		smtp_flight_on_refusal(s, SMTP_STEP_RCPT);
	}
	return RESULT_OK;
}
