/* The end of transactions, and of the session with all that is still in it. */
#include "engine/smtp/smtp_session_inside.h"

void smtp_session_push_done(struct smtp_session *s, struct smtp_transaction *transaction)
{
	transaction->next = NULL;
	if (s->done_last != NULL)
		s->done_last->next = transaction;
	else
		s->done_first = transaction;
	s->done_last = transaction;
}

void smtp_session_finish(struct smtp_session *s)
{
	struct smtp_transaction *transaction = s->answered;
	CHECK(transaction != NULL);
	for (uint32_t i = 0; i < transaction->rcpts_count; i++)
		CHECK_SLOW(transaction->rcpts[i].verdict != SMTP_VERDICT_NONE);
	if (transaction->failed)
		s->needs_rset = true;
	s->answered = s->sending != transaction ? s->sending : NULL;
	if (s->sending == transaction)
		s->sending = NULL;
	smtp_session_push_done(s, transaction);
}

static enum smtp_cause cause_of(enum smtp_end end)
{
	switch (end) {
	case SMTP_END_LOST: return SMTP_CAUSE_LOST;
	case SMTP_END_TIMEOUT: return SMTP_CAUSE_TIMEOUT;
	case SMTP_END_PROTOCOL:
	case SMTP_END_TOO_LONG:
	case SMTP_END_INJECTION: return SMTP_CAUSE_PROTOCOL;
	case SMTP_END_NONE:
	case SMTP_END_QUIT:
	case SMTP_END_GREETING_REFUSED:
	case SMTP_END_HELLO_REFUSED:
	case SMTP_END_TLS_NOT_OFFERED:
	case SMTP_END_TLS_REFUSED:
	case SMTP_END_TLS_FAILED:
	case SMTP_END_CLOSING:
	case SMTP_END_EARLY_REPLY:
	case SMTP_END_BDAT_REFUSED:
	case SMTP_END_FLIGHT_REFUSED:
	case SMTP_END_RSET_REFUSED:
	case SMTP_END_NO_SENDER:
	case SMTP_END_STOPPED: return SMTP_CAUSE_SESSION_OVER;
	case SMTP_END_COUNT: break;
	}
	UNREACHABLE("all ends are listed");
}

/* A transaction that the session cannot go on with; the recipients that a reply has decided keep
 * it. */
static void abandon(struct smtp_session *s, struct smtp_transaction *transaction, enum smtp_end end,
	enum smtp_step step)
{
	bool is_open = false;
	for (uint32_t i = 0; i < transaction->rcpts_count; i++)
		is_open = is_open || transaction->rcpts[i].verdict == SMTP_VERDICT_NONE;
	/* Nobody has looked at it. On a session that has served others the host may simply have
	 * tired of us between two messages (SMTP-41). */
	bool tired =
		end == SMTP_END_LOST || end == SMTP_END_CLOSING || end == SMTP_END_RSET_REFUSED;
	bool untouched = transaction != s->answered || !transaction->mail_sent ||
			 (!transaction->mail_answered && s->mails_count > 1 && tired &&
				 !transaction->body_sent);
	/* We broke it off ourselves: no attempt, unless the host may have taken it. */
	if (end == SMTP_END_STOPPED && !transaction->body_sent)
		untouched = true;
	if (is_open && untouched) {
		smtp_transaction_decide(
			transaction, SMTP_VERDICT_NOT_TRIED, SMTP_CAUSE_SESSION_OVER, step, NULL);
	} else if (is_open) {
		/* RFC 5321 4.1.1.10: after the final dot nobody knows (SMTP-17). */
		transaction->in_doubt = transaction->body_sent;
		smtp_transaction_decide(
			transaction, SMTP_VERDICT_TEMPORARY, cause_of(end), step, NULL);
	}
}

/* It answered the beginning of its first group and nothing behind it: it may throw away what came along (an
 * old firewall in front of it does). Or it just broke down: who remembers it waits for a second time. */
static bool is_group_cut(const struct smtp_session *s, enum smtp_end end)
{
	const struct smtp_transaction *transaction = s->answered;
	if (transaction == NULL || !transaction->mail_answered || transaction->flies || s->awaited_count == 0)
		return false;
	if (s->mails_count > 1)
		return false; /* a group was answered whole */
	enum smtp_step step = smtp_session_here(s);
	return (end == SMTP_END_LOST || end == SMTP_END_TIMEOUT) &&
		(step == SMTP_STEP_RCPT || step == SMTP_STEP_DATA) &&
		smtp_session_can_use(s, SMTP_CAP_PIPELINING);
}

void smtp_session_stop(
	struct smtp_session *s, enum smtp_end end, enum smtp_step step, bool by_reply)
{
	if (s->end == SMTP_END_NONE) {
		s->end = (uint8_t)end;
		s->end_step = (uint8_t)step;
		s->end_has_reply = by_reply;
		if (by_reply)
			smtp_reply_freeze(&s->parser);
	}
	smtp_flight_on_end(s, end, by_reply);
	if (is_group_cut(s, end))
		s->learned |= SMTP_CAP_PIPELINING;
	if (s->answered != NULL)
		abandon(s, s->answered, end, step);
	if (s->sending != NULL && s->sending != s->answered)
		abandon(s, s->sending, end, step);
	while (s->answered != NULL)
		smtp_session_finish(s);
	s->queued = false;
	s->body_begun = false;
	s->awaited_count = 0;
	s->command_at = 0;
	smtp_session_go(s, SMTP_STEP_OVER);
}

void smtp_session_leave(struct smtp_session *s, enum smtp_end end, enum smtp_step step)
{
	CHECK(s->answered == NULL && s->end == SMTP_END_NONE);
	s->end = (uint8_t)end;
	s->end_step = (uint8_t)step;
	s->end_has_reply = true;
	smtp_reply_freeze(&s->parser);
	smtp_session_go(s, SMTP_STEP_QUIT);
}

enum result smtp_session_out_of_turn(struct smtp_session *s, enum smtp_step step,
	const struct smtp_reply *reply, struct fail *fail)
{
	smtp_session_stop(s, SMTP_END_PROTOCOL, step, true);
	return fail_set(fail, RESULT_PROTOCOL, "reply %u to %s", reply->code, smtp_step_name(step));
}

void smtp_session_lost(struct smtp_session *s, enum smtp_end end)
{
	CHECK_OBJ(s, SMTP_SESSION_MAGIC);
	CHECK(end == SMTP_END_LOST || end == SMTP_END_TIMEOUT || end == SMTP_END_TLS_FAILED ||
		end == SMTP_END_INJECTION || end == SMTP_END_STOPPED);
	if (s->step == SMTP_STEP_OVER)
		return;
	if (s->step == SMTP_STEP_QUIT)
		end = SMTP_END_QUIT; /* all was said (SMTP-18) */
	/* TLS 1.3: a server that does not like the handshake may say so only now (STLS-19). */
	else if (end == SMTP_END_LOST && s->tls_active && !s->heard_in_tls)
		end = SMTP_END_TLS_FAILED;
	smtp_session_stop(s, end, smtp_session_here(s), false);
}

struct smtp_reply smtp_session_end_reply(const struct smtp_session *s)
{
	CHECK_OBJ(s, SMTP_SESSION_MAGIC);
	if (!s->end_has_reply)
		return (struct smtp_reply){ 0 };
	return smtp_session_reply(s, (enum smtp_step)s->end_step);
}
