/* A whole message in one flight: MAIL, RCPT, BDAT LAST and the octets, one round trip less where nothing else
 * is under way (CONFORMANCE 0.4, EXT-CHUNK-05: a choice of the owner, off by default).
 *
 * Happy path:  MAIL RCPT BDAT n LAST body  >  250 250 250
 * Failure modes: the recipient is refused before the BDAT has left, so it never does; while the octets go
 * out, so no more of them do; after them, and RFC 3030 2 wants 503 to the BDAT. In the last two the session
 * ends without another word: whether the host has read past the octets or takes them for commands cannot be
 * told from its answers, since who wrote the message may have written commands into it. */
#include "engine/smtp/smtp_session_inside.h"

bool smtp_flight_may_begin(const struct smtp_session *s, const struct smtp_transaction *transaction)
{
	bool works = ((s->config->avoid | s->learned) & SMTP_CAP_SINGLE_FLIGHT) == 0;
	return transaction->may_fly && works && transaction->use_bdat && transaction->rcpts_count == 1 &&
		smtp_session_can_use(s, SMTP_CAP_PIPELINING | SMTP_CAP_CHUNKING) && s->sending == NULL &&
		s->answered == NULL && s->awaited_count == 0 &&
		smtp_dot_body_bytes(transaction->body) <= SMTP_FLIGHT_BYTES_MAX;
}

void smtp_flight_on_refusal(struct smtp_session *s, enum smtp_step step)
{
	bool is_going = s->answered->flies && s->step == SMTP_STEP_BDAT &&
		(s->command_at > 0 || s->body_begun);
	if (is_going)
		smtp_session_stop(s, SMTP_END_FLIGHT_REFUSED, step, true);
}

bool smtp_flight_on_bdat(struct smtp_session *s, const struct smtp_reply *reply)
{
	if (!s->answered->flies || !s->answered->failed)
		return false;
	/* A message without recipients that was taken: what it means by its replies is not to be known. */
	if (smtp_reply_is_positive(reply))
		s->learned |= SMTP_CAP_SINGLE_FLIGHT;
	smtp_session_stop(s, SMTP_END_FLIGHT_REFUSED, SMTP_STEP_BDAT, true);
	return true;
}

/* It hung up on a flight, or said more than it was asked for. */
void smtp_flight_on_end(struct smtp_session *s, enum smtp_end end, bool by_reply)
{
	bool in_flight = s->answered != NULL && s->answered->flies && s->answered->mail_sent;
	/* One that had others before may just have been tired of us (SMTP-41); one that has answered a flight
	 * bears them. */
	bool is_about_it = in_flight && s->flights_count == 1 &&
		(s->mails_count == 1 || s->answered->mail_answered);
	bool hung_up = is_about_it && (end == SMTP_END_LOST || end == SMTP_END_TIMEOUT);
	bool babbled = end == SMTP_END_PROTOCOL || end == SMTP_END_TOO_LONG || end == SMTP_END_EARLY_REPLY ||
		(end == SMTP_END_CLOSING && by_reply && smtp_reply_get(&s->parser).code != 421);
	if (s->flights_count > 0 && (hung_up || babbled))
		s->learned |= SMTP_CAP_SINGLE_FLIGHT;
}
