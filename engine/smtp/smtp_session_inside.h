/* What the files of the session share; nobody else includes this.
 *
 * Each step has up to three functions. write_ puts the command at `step` into a buffer; it may
 * be called several times for one command, with the same outcome, when the output is drained in
 * small pieces. sent_ runs once, when the last octet has been handed out. on_ gets the reply.
 * They read top to bottom in smtp_hello.c, smtp_mail.c and smtp_data.c, in the order of the
 * protocol. */
#ifndef ENGINE_SMTP_SESSION_INSIDE_H
#define ENGINE_SMTP_SESSION_INSIDE_H

#include "engine/base/buf.h"
#include "engine/smtp/smtp_session.h"

enum {
	/* RFC 3030 leaves the size of a chunk open; this bounds what goes out after a refusal
	 * (EXT-CHUNK-06), and nearly every message is one chunk, so that the wait for the reply
	 * between chunks costs nothing. */
	SMTP_CHUNK_BYTES_MAX = 1024 * 1024,
};

/* ---- smtp_session.c, smtp_session_end.c: the driver ---- */

/* The only writer of `step`; checks the move against smtp_steps.def. */
void smtp_session_go(struct smtp_session *s, enum smtp_step to);
/* A reply to this step is due behind those that are awaited already. */
void smtp_session_await(struct smtp_session *s, enum smtp_step step);
/* The newest reply, as an answer to this step. */
struct smtp_reply smtp_session_reply(const struct smtp_session *s, enum smtp_step step);
/* QUIT, because of this reply. */
void smtp_session_leave(struct smtp_session *s, enum smtp_end end, enum smtp_step step);
/* No more words: over at once. Whatever transaction is left is decided. `by_reply`: the newest
 * reply is the one to be shown. */
void smtp_session_stop(
	struct smtp_session *s, enum smtp_end end, enum smtp_step step, bool by_reply);
/* The host has answered something that this step cannot have. */
enum result smtp_session_out_of_turn(struct smtp_session *s, enum smtp_step step,
	const struct smtp_reply *reply, struct fail *fail);
/* The oldest transaction is decided: moves it to the list of those that are done. */
void smtp_session_finish(struct smtp_session *s);
void smtp_session_push_done(struct smtp_session *s, struct smtp_transaction *transaction);
/* After each reply, each command and each wish of the owner: what follows without another word. */
void smtp_session_settle(struct smtp_session *s);
/* RFC 9422 4.1 counts every MAIL, also those that were refused (EXT-LIM-03). */
static inline bool smtp_session_has_mails_left(const struct smtp_session *s)
{
	return (s->config->mails_max == 0 || s->mails_count < s->config->mails_max) &&
	       (s->caps.mails_max == 0 || s->mails_count < s->caps.mails_max);
}
/* What the host offers and nobody told us to avoid. */
static inline bool smtp_session_can_use(const struct smtp_session *s, unsigned caps)
{
	return (s->caps.offered & ~(s->config->avoid | s->learned) & caps) == caps;
}

/* Where the session stands, for people: what is awaited, else what would be sent. */
static inline enum smtp_step smtp_session_here(const struct smtp_session *s)
{
	return (enum smtp_step)(s->awaited_count > 0 ? s->awaited[s->awaited_first].step : s->step);
}

static inline bool smtp_reply_is_positive(const struct smtp_reply *reply)
{
	return reply->code / 100 == 2;
}

static inline bool smtp_reply_is_negative(const struct smtp_reply *reply)
{
	return reply->code / 100 == 4 || reply->code / 100 == 5;
}

/* RFC 5321 4.2.1: 4yz may work later, 5yz will not. */
static inline enum smtp_verdict smtp_reply_verdict(const struct smtp_reply *reply)
{
	return reply->code / 100 == 4 ? SMTP_VERDICT_TEMPORARY : SMTP_VERDICT_PERMANENT;
}

/* ---- smtp_hello.c ---- */

enum result smtp_hello_on_greeting(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail);
enum result smtp_hello_write_ehlo(const struct smtp_session *s, struct buf *buf);
/* A line of the answer, the last one too. */
void smtp_hello_on_ehlo_line(struct smtp_session *s);
enum result smtp_hello_on_ehlo(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail);
enum result smtp_hello_write_helo(const struct smtp_session *s, struct buf *buf);
enum result smtp_hello_on_helo(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail);
enum result smtp_hello_write_starttls(const struct smtp_session *s, struct buf *buf);
enum result smtp_hello_on_starttls(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail);
enum result smtp_hello_write_quit(const struct smtp_session *s, struct buf *buf);
enum result smtp_hello_on_quit(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail);

/* ---- smtp_mail.c ---- */

enum result smtp_mail_write_rset(const struct smtp_session *s, struct buf *buf);
void smtp_mail_sent_rset(struct smtp_session *s);
enum result smtp_mail_on_rset(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail);
enum result smtp_mail_write_mail(const struct smtp_session *s, struct buf *buf);
void smtp_mail_sent_mail(struct smtp_session *s);
enum result smtp_mail_on_mail(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail);
enum result smtp_mail_write_rcpt(const struct smtp_session *s, struct buf *buf);
void smtp_mail_sent_rcpt(struct smtp_session *s);
enum result smtp_mail_on_rcpt(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail);

/* ---- smtp_flight.c ---- */

enum {
	/* CONFORMANCE 0.4, EXT-CHUNK-05: what goes out for nobody when the recipient is refused. */
	SMTP_FLIGHT_BYTES_MAX = 64 * 1024,
};

/* The prepared transaction may go out in one flight. */
bool smtp_flight_may_begin(const struct smtp_session *s, const struct smtp_transaction *transaction);
/* BDAT may follow the RCPT that is not answered yet. */
static inline bool smtp_flight_may_send_bdat(const struct smtp_transaction *transaction, enum smtp_step step)
{
	return transaction != NULL && transaction->flies && step == SMTP_STEP_BDAT;
}
/* MAIL or RCPT of the oldest transaction was refused, so that it has failed. Ends the session if octets of
 * its message are on their way and not all of them. */
void smtp_flight_on_refusal(struct smtp_session *s, enum smtp_step step);
/* The reply to the BDAT of a flight: true if the session is over with it. */
bool smtp_flight_on_bdat(struct smtp_session *s, const struct smtp_reply *reply);
/* The session ends so: what that says of a host that was sent flights is learned. */
void smtp_flight_on_end(struct smtp_session *s, enum smtp_end end, bool by_reply);

/* ---- smtp_data.c ---- */

enum result smtp_data_write_data(const struct smtp_session *s, struct buf *buf);
enum result smtp_data_on_data(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail);
enum result smtp_data_write_bdat(const struct smtp_session *s, struct buf *buf);
/* The command of a chunk has gone, its octets follow. */
void smtp_data_begin_chunk(struct smtp_session *s);
/* The next octets of the body or chunk; at its end the session moves on. */
size_t smtp_data_produce(struct smtp_session *s, uint8_t *out, size_t max);
enum result smtp_data_on_body(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail);
enum result smtp_data_on_bdat(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail);
/* A reply to the message while it is still going out (DATA-11). */
void smtp_data_on_early_reply(struct smtp_session *s, const struct smtp_reply *reply);

#endif
