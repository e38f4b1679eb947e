/* The message: DATA, the body and its end, or BDAT chunks.
 *
 * Happy path:  DATA 354  body CRLF.CRLF 250      BDAT n LAST body 250
 * DATA is the default: its 354 proves, message by message, that replies and commands are still in
 * step; BDAT has no such mark, and a host that refuses it may read the octets as commands.
 * Failure modes: no 354, so no data (SMTP-32); 354 though nobody is left to receive, so an empty
 * message (EXT-PIPE-04); a refusal before the end, so the connection is closed (DATA-11); no reply
 * after the end, so the outcome is in doubt (SMTP-17). */
#include "engine/smtp/smtp_command.h"
#include "engine/smtp/smtp_session_inside.h"

enum result smtp_data_write_data(const struct smtp_session *s, struct buf *buf)
{
	(void)s;
	return smtp_command_verb(buf, "DATA");
}

enum result smtp_data_on_data(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail)
{
	struct smtp_transaction *transaction = s->answered;
	/* RFC 5321 3.3: data after 354 only. */
	if (reply->code == 354) {
		/* RFC 2920 3.1: 354 and no recipient left: an empty message, and its reply is
		 * nobody's. */
		smtp_dot_init(&s->body, transaction->failed ? NULL : transaction->body);
		smtp_session_go(s, SMTP_STEP_BODY);
		return RESULT_OK;
	}
	if (reply->code / 100 == 3)
		return smtp_session_out_of_turn(s, SMTP_STEP_DATA, reply, fail);
	if (smtp_reply_is_positive(reply))
		smtp_transaction_decide(transaction, SMTP_VERDICT_TEMPORARY, SMTP_CAUSE_PROTOCOL,
			SMTP_STEP_DATA, reply);
	else
		smtp_transaction_decide(transaction, smtp_reply_verdict(reply), SMTP_CAUSE_REPLY,
			SMTP_STEP_DATA, reply);
	transaction->failed = true;
	return RESULT_OK;
}

static size_t chunk_bytes(const struct smtp_session *s)
{
	size_t left = smtp_dot_body_bytes(s->answered->body) - s->chunk_at;
	return left < SMTP_CHUNK_BYTES_MAX ? left : SMTP_CHUNK_BYTES_MAX;
}

static bool is_last_chunk(const struct smtp_session *s)
{
	return s->chunk_at + chunk_bytes(s) == smtp_dot_body_bytes(s->answered->body);
}

enum result smtp_data_write_bdat(const struct smtp_session *s, struct buf *buf)
{
	return smtp_command_bdat(buf, chunk_bytes(s), is_last_chunk(s));
}

/* The end of the data has gone: the reply decides, and what follows may leave with it. */
static void sent_end(struct smtp_session *s, enum smtp_step step)
{
	s->body_begun = false;
	s->answered->body_sent = true;
	smtp_session_await(s, step);
	smtp_session_go(s, SMTP_STEP_IDLE);
}

static void sent_chunk(struct smtp_session *s)
{
	if (s->chunk_at == smtp_dot_body_bytes(s->answered->body)) {
		sent_end(s, SMTP_STEP_BDAT);
	} else {
		/* The next chunk waits for this one's reply: no octet goes after a refusal. */
		s->body_begun = false;
		smtp_session_await(s, SMTP_STEP_BDAT);
	}
}

void smtp_data_begin_chunk(struct smtp_session *s)
{
	s->chunk_left = chunk_bytes(s);
	s->body_begun = true;
	/* "BDAT 0 LAST" is whole with its command, and may be answered before we are asked for
	 * more. */
	if (s->chunk_left == 0)
		sent_chunk(s);
}

static size_t produce_chunk(struct smtp_session *s, uint8_t *out, size_t max)
{
	size_t len = s->chunk_left < max ? s->chunk_left : max;
	smtp_dot_copy_raw(s->answered->body, s->chunk_at, out, len);
	s->chunk_at += len;
	s->chunk_left -= len;
	if (s->chunk_left == 0)
		sent_chunk(s);
	return len;
}

size_t smtp_data_produce(struct smtp_session *s, uint8_t *out, size_t max)
{
	if (s->step == SMTP_STEP_BDAT)
		return produce_chunk(s, out, max);
	s->body_begun = true;
	size_t len = smtp_dot_next(&s->body, out, max);
	if (smtp_dot_is_done(&s->body))
		sent_end(s, SMTP_STEP_BODY);
	return len;
}

/* RFC 5321 4.2.5: one reply for all recipients that were accepted (SMTP-33). */
static void decide_message(
	struct smtp_session *s, enum smtp_step step, const struct smtp_reply *reply)
{
	if (smtp_reply_is_positive(reply)) {
		s->delivered_count++;
		smtp_transaction_decide(
			s->answered, SMTP_VERDICT_DELIVERED, SMTP_CAUSE_REPLY, step, reply);
	} else {
		smtp_transaction_decide(
			s->answered, smtp_reply_verdict(reply), SMTP_CAUSE_REPLY, step, reply);
	}
}

enum result smtp_data_on_body(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail)
{
	struct smtp_transaction *transaction = s->answered;
	if (reply->code / 100 == 3)
		return smtp_session_out_of_turn(s, SMTP_STEP_BODY, reply, fail);
	if (transaction->failed && transaction->mail_refused) {
		/* It took data without a sender: what it thinks of us is not to be known
		 * (EXT-PIPE-07). */
		smtp_session_finish(s);
		smtp_session_leave(s, SMTP_END_NO_SENDER, SMTP_STEP_BODY);
		return RESULT_OK;
	}
	if (!transaction->failed)
		decide_message(s, SMTP_STEP_BODY, reply);
	smtp_session_finish(s);
	return RESULT_OK;
}

/* RFC 5321 4.2.4: the command itself is not known or not implemented. After a chunk was taken that
 * cannot be. */
static bool is_bdat_refused(const struct smtp_session *s, const struct smtp_reply *reply)
{
	return (reply->code == 500 || reply->code == 502 || reply->code == 504) &&
	       !s->answered->chunk_taken;
}

enum result smtp_data_on_bdat(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail)
{
	struct smtp_transaction *transaction = s->answered;
	if (reply->code / 100 == 3)
		return smtp_session_out_of_turn(s, SMTP_STEP_BDAT, reply, fail);
	if (is_bdat_refused(s, reply)) {
		/* The octets of the chunk may be read as commands now: say no more. */
		s->learned |= SMTP_CAP_CHUNKING;
		smtp_transaction_decide(transaction, SMTP_VERDICT_AGAIN, SMTP_CAUSE_BDAT_REFUSED,
			SMTP_STEP_BDAT, reply);
		smtp_session_stop(s, SMTP_END_BDAT_REFUSED, SMTP_STEP_BDAT, true);
		return RESULT_OK;
	}
	if (smtp_flight_on_bdat(s, reply))
		return RESULT_OK;
	if (transaction->body_sent) {
		decide_message(s, SMTP_STEP_BDAT, reply);
		/* RFC 3030 2: after a refused chunk RSET comes first (EXT-CHUNK-02). A transaction
		 * that was begun ahead has sent it already. */
		s->needs_rset = smtp_reply_is_negative(reply) && s->sending == transaction;
		smtp_session_finish(s);
	} else if (smtp_reply_is_negative(reply)) {
		decide_message(s, SMTP_STEP_BDAT, reply);
		transaction->failed = true;
	} else {
		transaction->chunk_taken = true;
	}
	return RESULT_OK;
}

void smtp_data_on_early_reply(struct smtp_session *s, const struct smtp_reply *reply)
{
	enum smtp_step step = (enum smtp_step)s->step;
	decide_message(s, step, reply);
	smtp_session_stop(
		s, reply->code == 421 ? SMTP_END_CLOSING : SMTP_END_EARLY_REPLY, step, true);
}
