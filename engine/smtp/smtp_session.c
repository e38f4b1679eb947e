/* The driver: one loop that sends what may be sent, one that gives each reply to the step it
 * answers.
 *
 * `step` is what is sent next, `awaited` what was sent and not yet answered. With pipelining
 * they run apart: the commands of a transaction go out while the reply to the body of the one
 * before is still due. Replies are matched by counting, never by looking at them (EXT-PIPE-03). */
#include "engine/smtp/smtp_session.h"
#include <string.h>
#include "engine/smtp/smtp_command.h"
#include "engine/smtp/smtp_session_inside.h"

typedef enum result write_fn(const struct smtp_session *, struct buf *);
typedef void sent_fn(struct smtp_session *);
typedef enum result on_fn(struct smtp_session *, const struct smtp_reply *, struct fail *);

static const struct {
	write_fn *write; /* NULL: nothing is sent, or the octets of a body */
	sent_fn *sent;   /* NULL: its reply is awaited, nothing else */
	on_fn *on;       /* NULL: it has no reply */
} handlers[SMTP_STEP_COUNT] = {
	[SMTP_STEP_GREETING] = { NULL, NULL, smtp_hello_on_greeting },
	[SMTP_STEP_EHLO] = { smtp_hello_write_ehlo, NULL, smtp_hello_on_ehlo },
	[SMTP_STEP_HELO] = { smtp_hello_write_helo, NULL, smtp_hello_on_helo },
	[SMTP_STEP_STARTTLS] = { smtp_hello_write_starttls, NULL, smtp_hello_on_starttls },
	[SMTP_STEP_RSET] = { smtp_mail_write_rset, smtp_mail_sent_rset, smtp_mail_on_rset },
	[SMTP_STEP_MAIL] = { smtp_mail_write_mail, smtp_mail_sent_mail, smtp_mail_on_mail },
	[SMTP_STEP_RCPT] = { smtp_mail_write_rcpt, smtp_mail_sent_rcpt, smtp_mail_on_rcpt },
	[SMTP_STEP_DATA] = { smtp_data_write_data, NULL, smtp_data_on_data },
	[SMTP_STEP_BODY] = { NULL, NULL, smtp_data_on_body },
	[SMTP_STEP_BDAT] = { smtp_data_write_bdat, smtp_data_begin_chunk, smtp_data_on_bdat },
	[SMTP_STEP_QUIT] = { smtp_hello_write_quit, NULL, smtp_hello_on_quit },
};

/* ---- moving on ---- */

void smtp_session_go(struct smtp_session *s, enum smtp_step to)
{
	CHECK(smtp_step_may_go((enum smtp_step)s->step, to));
	CHECK(s->command_at == 0 || to == SMTP_STEP_OVER);
	s->step = (uint8_t)to;
}

static struct smtp_awaited *last_awaited(struct smtp_session *s)
{
	CHECK(s->awaited_count > 0);
	unsigned last = (s->awaited_first + s->awaited_count - 1u) % SMTP_AWAITED_MAX;
	return &s->awaited[last];
}

void smtp_session_await(struct smtp_session *s, enum smtp_step step)
{
	if (step == SMTP_STEP_RCPT && s->awaited_count > 0 && last_awaited(s)->step == step) {
		last_awaited(s)->count++;
		return;
	}
	CHECK(s->awaited_count < SMTP_AWAITED_MAX);
	s->awaited_count++;
	*last_awaited(s) = (struct smtp_awaited){ .step = (uint8_t)step, .count = 1 };
}

static enum smtp_step pop_awaited(struct smtp_session *s)
{
	struct smtp_awaited *first = &s->awaited[s->awaited_first];
	CHECK(s->awaited_count > 0 && first->count > 0);
	enum smtp_step step = (enum smtp_step)first->step;
	if (--first->count == 0) {
		s->awaited_first = (uint8_t)((s->awaited_first + 1) % SMTP_AWAITED_MAX);
		s->awaited_count--;
	}
	return step;
}

/* The transaction that `step` belongs to. */
static struct smtp_transaction *step_transaction(const struct smtp_session *s)
{
	return s->queued ? s->answered : s->sending;
}

/* MAIL of the transaction that was begun ahead, as soon as the body before it has gone. */
static void start_queued(struct smtp_session *s)
{
	s->queued = false;
	/* RFC 3030 2: should this chunk be refused, RSET has to come before MAIL (EXT-CHUNK-02). */
	if (s->awaited_count > 0 && last_awaited(s)->step == SMTP_STEP_BDAT)
		s->needs_rset = true;
	smtp_session_go(s, s->needs_rset ? SMTP_STEP_RSET : SMTP_STEP_MAIL);
}

static bool may_quit_now(const struct smtp_session *s)
{
	if (s->answered != NULL || s->awaited_count > 0 || s->command_at > 0)
		return false;
	return s->step == SMTP_STEP_IDLE || s->step == SMTP_STEP_EHLO ||
	       s->step == SMTP_STEP_HELO || s->step == SMTP_STEP_STARTTLS;
}

void smtp_session_settle(struct smtp_session *s)
{
	struct smtp_transaction *transaction = s->answered;
	bool owns_step = transaction != NULL && transaction == step_transaction(s);
	bool in_envelope =
		s->step == SMTP_STEP_RCPT || s->step == SMTP_STEP_DATA || s->step == SMTP_STEP_BDAT;
	if (owns_step && in_envelope && transaction->failed && s->awaited_count == 0 &&
		s->command_at == 0) {
		smtp_session_go(s, SMTP_STEP_IDLE);
		smtp_session_finish(s);
	}
	if (s->queued && s->step == SMTP_STEP_IDLE)
		start_queued(s);
	if (s->step == SMTP_STEP_IDLE && !smtp_session_has_mails_left(s))
		s->quit_wanted = true;
	if (s->quit_wanted && may_quit_now(s))
		smtp_session_go(s, SMTP_STEP_QUIT);
}

/* ---- input ---- */

/* RFC 5321 3.8: 421 may answer anything, and nothing may follow it (SMTP-15). */
static void on_421(struct smtp_session *s, enum smtp_step step, const struct smtp_reply *reply)
{
	enum smtp_end end = SMTP_END_CLOSING;
	if (step == SMTP_STEP_GREETING)
		end = SMTP_END_GREETING_REFUSED;
	bool about_mail = step == SMTP_STEP_MAIL || step == SMTP_STEP_RCPT ||
			  step == SMTP_STEP_DATA || step == SMTP_STEP_BODY ||
			  step == SMTP_STEP_BDAT;
	if (about_mail)
		smtp_transaction_decide(
			s->answered, SMTP_VERDICT_TEMPORARY, SMTP_CAUSE_REPLY, step, reply);
	smtp_session_stop(s, end, step, true);
}

/* A reply that no command is waiting for. */
static enum result on_unasked(
	struct smtp_session *s, const struct smtp_reply *reply, struct fail *fail)
{
	bool in_message = s->step == SMTP_STEP_BODY || s->step == SMTP_STEP_BDAT;
	if (in_message && smtp_reply_is_negative(reply)) {
		smtp_data_on_early_reply(s, reply);
		return RESULT_OK;
	}
	/* A host that has had enough says so before it hangs up, mostly with 421 (SMTP-42). */
	if (!in_message && smtp_reply_is_negative(reply) && s->command_at == 0) {
		smtp_session_stop(s, SMTP_END_CLOSING, (enum smtp_step)s->step, true);
		return RESULT_OK;
	}
	smtp_session_stop(s, SMTP_END_PROTOCOL, (enum smtp_step)s->step, true);
	return fail_set(fail, RESULT_PROTOCOL, "reply %u before anything was asked", reply->code);
}

struct smtp_reply smtp_session_reply(const struct smtp_session *s, enum smtp_step step)
{
	struct smtp_reply reply = smtp_reply_get(&s->parser);
	/* RFC 2034 3: the codes are there when they were offered, and never in the greeting or the
	 * answer to EHLO (SMTP-43). */
	bool in_hello =
		step == SMTP_STEP_GREETING || step == SMTP_STEP_EHLO || step == SMTP_STEP_HELO;
	if (in_hello || (s->caps.offered & SMTP_CAP_ENHANCEDSTATUSCODES) == 0)
		reply.status = (struct smtp_status){ 0 };
	return reply;
}

static enum result on_reply(struct smtp_session *s, struct fail *fail)
{
	struct smtp_reply reply = smtp_session_reply(s, smtp_session_here(s));
	s->progress++;
	if (s->awaited_count == 0)
		return on_unasked(s, &reply, fail);
	enum smtp_step step = pop_awaited(s);
	enum result result = RESULT_OK;
	if (reply.code == 421 && step != SMTP_STEP_QUIT)
		on_421(s, step, &reply);
	else
		result = handlers[step].on(s, &reply, fail);
	smtp_session_settle(s);
	return result;
}

static void on_line(struct smtp_session *s)
{
	bool is_ehlo = s->awaited_count > 0 && smtp_session_here(s) == SMTP_STEP_EHLO;
	if (is_ehlo && s->parser.code / 100 == 2)
		smtp_hello_on_ehlo_line(s);
}

static enum result on_bad(struct smtp_session *s, enum result result)
{
	smtp_session_stop(s, result == RESULT_TOO_LONG ? SMTP_END_TOO_LONG : SMTP_END_PROTOCOL,
		smtp_session_here(s), false);
	return result;
}

enum result smtp_session_input(
	struct smtp_session *s, const uint8_t *data, size_t len, struct fail *fail)
{
	CHECK_OBJ(s, SMTP_SESSION_MAGIC);
	struct fail ignored;
	if (fail == NULL)
		fail = &ignored;
	fail_clear(fail);
	s->heard_in_tls = s->heard_in_tls || (s->tls_active && len > 0);
	enum result result = RESULT_OK;
	while (len > 0 && result == RESULT_OK && s->step != SMTP_STEP_OVER) {
		/* RFC 3207 4.2: whatever stands behind the 220 was not said inside TLS
		 * (STLS-04). */
		if (s->step == SMTP_STEP_HANDSHAKE) {
			smtp_session_stop(s, SMTP_END_INJECTION, SMTP_STEP_STARTTLS, false);
			return fail_set(fail, RESULT_PROTOCOL, "data after STARTTLS reply");
		}
		size_t used = 0;
		switch (smtp_reply_read(&s->parser, data, len, &used, fail)) {
		case SMTP_REPLY_MORE: break;
		case SMTP_REPLY_LINE: on_line(s); break;
		case SMTP_REPLY_DONE:
			on_line(s);
			result = on_reply(s, fail);
			break;
		case SMTP_REPLY_BAD: result = on_bad(s, fail->result); break;
		}
		data += used;
		len -= used;
	}
	return result;
}

/* ---- output ---- */

static bool may_send(const struct smtp_session *s)
{
	if (s->command_at > 0 || s->body_begun)
		return true; /* what was begun has to be finished */
	enum smtp_step step = (enum smtp_step)s->step;
	const struct smtp_transaction *transaction = step_transaction(s);
	if (transaction != NULL && transaction->failed && step != SMTP_STEP_BODY)
		return false; /* nothing more of this transaction, settle() ends it */
	enum smtp_group group = smtp_step_group(step);
	if (group == SMTP_GROUP_SILENT)
		return false;
	if (s->awaited_count == 0)
		return true;
	/* RFC 2920 3.1 (EXT-PIPE-01, EXT-PIPE-02). */
	unsigned last = (s->awaited_first + s->awaited_count - 1u) % SMTP_AWAITED_MAX;
	enum smtp_group before = smtp_step_group((enum smtp_step)s->awaited[last].step);
	return smtp_session_can_use(s, SMTP_CAP_PIPELINING) &&
	       (group == SMTP_GROUP_ANYWHERE || group == SMTP_GROUP_LAST ||
		       smtp_flight_may_send_bdat(transaction, step)) &&
	       (before == SMTP_GROUP_ANYWHERE || before == SMTP_GROUP_FIRST);
}

/* The command is written anew for each piece, so that no session holds one; mostly it is one
 * piece. */
static size_t produce_command(struct smtp_session *s, uint8_t *out, size_t max)
{
	enum smtp_step step = (enum smtp_step)s->step;
	char memory[SMTP_COMMAND_BYTES_MAX];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	CHECK(handlers[step].write != NULL);
	/* What cannot be written was found when the transaction began. */
	CHECK(handlers[step].write(s, &buf) == RESULT_OK);
	CHECK(s->command_at < buf.len);
	size_t len = buf.len - s->command_at;
	if (len > max)
		len = max;
	memcpy(out, memory + s->command_at, len);
	s->command_at += (uint32_t)len;
	if (s->command_at < buf.len)
		return len;
	s->command_at = 0;
	if (handlers[step].sent != NULL)
		handlers[step].sent(s);
	else
		smtp_session_await(s, step);
	return len;
}

static size_t produce(struct smtp_session *s, uint8_t *out, size_t max)
{
	bool is_body = s->step == SMTP_STEP_BODY || (s->step == SMTP_STEP_BDAT && s->body_begun);
	size_t len = is_body ? smtp_data_produce(s, out, max) : produce_command(s, out, max);
	smtp_session_settle(s);
	return len;
}

size_t smtp_session_output(struct smtp_session *s, uint8_t *out, size_t max)
{
	CHECK_OBJ(s, SMTP_SESSION_MAGIC);
	/* Half a reply that nothing has been asked for: whoever sends it would be taken for the
	 * answer to what is about to be said (STLS-15). */
	bool in_message = s->step == SMTP_STEP_BODY || s->step == SMTP_STEP_BDAT;
	if (s->awaited_count == 0 && s->command_at == 0 && !in_message && may_send(s) &&
		smtp_reply_is_partial(&s->parser)) {
		smtp_session_stop(s, SMTP_END_PROTOCOL, (enum smtp_step)s->step, false);
		return 0;
	}
	size_t len = 0;
	while (len < max && may_send(s))
		len += produce(s, out + len, max - len);
	if (len > 0)
		s->progress++;
	return len;
}

/* ---- what the owner asks and tells ---- */

void smtp_session_init(struct smtp_session *s, const struct smtp_session_config *config)
{
	*s = (struct smtp_session){ .magic = SMTP_SESSION_MAGIC, .config = config };
	CHECK(smtp_session_config_check(config, NULL) == RESULT_OK);
	smtp_reply_init(&s->parser);
	smtp_session_await(s, SMTP_STEP_GREETING);
}

void smtp_session_deinit(struct smtp_session *s)
{
	CHECK_OBJ(s, SMTP_SESSION_MAGIC);
	CHECK(s->answered == NULL && s->sending == NULL && s->done_first == NULL);
	s->magic = 0;
}

enum smtp_want smtp_session_want(const struct smtp_session *s)
{
	CHECK_OBJ(s, SMTP_SESSION_MAGIC);
	if (s->step == SMTP_STEP_OVER)
		return SMTP_WANT_CLOSE;
	if (s->step == SMTP_STEP_HANDSHAKE)
		return SMTP_WANT_STARTTLS;
	if (may_send(s))
		return SMTP_WANT_SEND;
	if (s->step == SMTP_STEP_IDLE && s->awaited_count == 0)
		return SMTP_WANT_MAIL;
	CHECK(s->awaited_count > 0);
	return SMTP_WANT_READ;
}

struct smtp_deadline smtp_session_deadline(const struct smtp_session *s)
{
	CHECK_OBJ(s, SMTP_SESSION_MAGIC);
	enum smtp_step step = smtp_session_here(s);
	bool in_message = s->step == SMTP_STEP_BODY || s->step == SMTP_STEP_BDAT;
	if (in_message && s->awaited_count == 0)
		step = SMTP_STEP_SENDING;
	return (struct smtp_deadline){
		.step = step, .wait_ms = s->config->deadline_ms[step], .progress = s->progress
	};
}

void smtp_session_tls_started(struct smtp_session *s)
{
	CHECK_OBJ(s, SMTP_SESSION_MAGIC);
	CHECK(s->step == SMTP_STEP_HANDSHAKE && !s->tls_active && s->awaited_count == 0);
	/* RFC 3207 4.2, RFC 9422 3.6: only what is said inside TLS counts (EXT-LIM-02). */
	smtp_caps_reset(&s->caps);
	smtp_reply_init(&s->parser);
	s->hello_seen = false;
	s->tls_active = true;
	s->progress++;
	/* RFC 3207 4.2: EHLO is the first command (STLS-06). */
	smtp_session_go(s, SMTP_STEP_EHLO);
	smtp_session_settle(s);
}

void smtp_session_quit(struct smtp_session *s)
{
	CHECK_OBJ(s, SMTP_SESSION_MAGIC);
	s->quit_wanted = true;
	smtp_session_settle(s);
}

struct smtp_transaction *smtp_session_take_done(struct smtp_session *s)
{
	CHECK_OBJ(s, SMTP_SESSION_MAGIC);
	struct smtp_transaction *transaction = s->done_first;
	if (transaction == NULL)
		return NULL;
	s->done_first = transaction->next;
	if (s->done_first == NULL)
		s->done_last = NULL;
	transaction->next = NULL;
	return transaction;
}
