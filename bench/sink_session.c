#include <string.h>
#include "bench/sink_session_internal.h"

enum {
	/* RFC 5321 4.5.3.1.4, and what extensions add to it: SIZE 26 (RFC 1870 3), 8BITMIME 17
	 * (RFC 6152 2), DSN 500 (RFC 3461 4), SMTPUTF8 10 (RFC 6531 3.4). */
	COMMAND_OCTETS_MAX = 512 + 26 + 17 + 500 + 10,
};

void sink_transaction_end(struct sink_session *s)
{
	s->mail = (struct sink_transaction){ .open = false };
	s->mail_tried = false;
}

/* ---- a message ---- */

void sink_message_begin(struct sink_session *s, bool dotted)
{
	bool tolerant = dotted && sink_bug(s, SINK_BUG_TOLERANT_ENDS) != NULL;
	sink_body_init(&s->body, dotted, tolerant, s->tap != NULL ? s->tap->content : NULL,
		s->tap_context);
}

static void message_oddities(struct sink_session *s)
{
	struct sink_body *body = &s->body;
	const struct sink_transaction *mail = &s->mail;
	sink_body_finish(body);
	if (body->has_8bit && !mail->eight_bit)
		body->oddities |= UINT64_C(1) << SINK_ODDITY_EIGHT_BIT;
	if (mail->smtputf8 && !mail->non_ascii && !body->header_has_8bit)
		body->oddities |= UINT64_C(1) << SINK_ODDITY_SMTPUTF8_NEEDLESS;
	/* EXT-PIPE-04: a lone dot ends what nobody will get; it is not the message. */
	bool lone_dot = mail->rcpts == 0 && body->octets == 0;
	if (mail->size_declared && mail->declared_octets != body->octets && !lone_dot)
		body->oddities |= UINT64_C(1) << SINK_ODDITY_SIZE_DIFFERS;
	if (mail->rcpts == 0 && body->octets > 0)
		body->oddities |= UINT64_C(1) << SINK_ODDITY_BODY_WITHOUT_RCPT;
	for (uint64_t left = body->oddities; left != 0; left &= left - 1)
		sink_odd(s, (enum sink_oddity)__builtin_ctzll(left));
}

/* A record for each recipient of a message that proves itself by a token. */
static void record_message(struct sink_session *s, bool answered, bool intact)
{
	for (uint32_t i = 0; i < s->mail.rcpts; i++) {
		struct sink_record record = {
			.key = mail_token_join(s->body.token.run, s->body.token.id, s->rcpts[i]),
			.id = s->body.token.id,
			.serial = s->serial,
			.answered = answered,
			.damaged = !intact,
		};
		sink_ledger_add(&s->book->ledger, &record);
	}
}

static void count_message(struct sink_session *s, bool answered)
{
	struct sink_counters *counters = &s->book->counters;
	bool intact = s->body.token_found && sink_body_is_intact(&s->body);
	if (s->body.token_found)
		record_message(s, answered, intact);
	if (!answered) {
		sink_count(&counters->messages_unanswered, 1);
		return;
	}
	s->messages++;
	sink_count(&counters->messages, 1);
	sink_count(&counters->message_bytes, s->body.octets);
	sink_count(&counters->messages_tls, s->in_tls);
	sink_count(&counters->messages_bdat, s->mail.bdat);
	if (!s->body.token_found)
		sink_count(&counters->messages_untokened, 1);
	else
		sink_count(intact ? &counters->messages_intact : &counters->messages_damaged, 1);
}

static struct text judge_message(struct sink_session *s, char *reply, size_t size)
{
	if (s->mail.rcpts == 0)
		return s->mail.open ? TEXT("554 5.5.1 No valid recipients") :
				      TEXT("503 5.5.1 MAIL and RCPT first");
	if (s->mail.bdat_failed)
		return TEXT("503 5.5.1 An earlier BDAT was refused");
	if (s->site->size_max > 0 && s->body.octets > s->site->size_max)
		return TEXT("552 5.3.4 Larger than SIZE");
	struct buf out;
	buf_init(&out, reply, size);
	buf_put_text(&out, TEXT("250 2.0.0 Ok: "));
	buf_put_number(&out, s->serial);
	buf_put_u8(&out, '-');
	buf_put_number(&out, (uint64_t)s->messages + 1);
	return buf_text(&out);
}

void sink_message_end(struct sink_session *s, enum sink_stage stage)
{
	char reply[64];
	message_oddities(s);
	s->phase = SINK_PHASE_COMMAND;
	s->last_must_wait = false;
	struct text wanted = judge_message(s, reply, sizeof reply);
	bool takes = text_starts(wanted, TEXT("2"));
	unsigned code = sink_answer(s, stage, wanted);
	/* Without a reply (closed, reset, stalled, cut) we have it and the client cannot know. */
	if (takes && (code / 100 == 2 || code == 0))
		count_message(s, code != 0);
	else
		sink_count(&s->book->counters.messages_refused, 1);
	if (s->tap != NULL && s->tap->message != NULL)
		s->tap->message(s->tap_context, s, code);
	sink_transaction_end(s);
	if (s->site->close_after > 0 && s->messages >= s->site->close_after)
		sink_then(s, SINK_WANT_CLOSE);
}

/* ---- input: DATA ---- */

static void body_bug_strikes(struct sink_session *s)
{
	enum sink_deed bug = (enum sink_deed)s->body_bug;
	s->body_trip = 0;
	if (bug == SINK_BUG_BODY_REPLY) {
		sink_say(s, TEXT("552 5.3.4 That is enough"));
		s->phase = SINK_PHASE_BLIND;
	} else if (bug == SINK_BUG_BODY_STALL) {
		sink_then(s, SINK_WANT_DEAF);
	} else {
		sink_then(s, bug == SINK_BUG_BODY_CLOSE ? SINK_WANT_CLOSE : SINK_WANT_RESET);
	}
}

static size_t input_data(struct sink_session *s, const char *data, size_t len)
{
	size_t n = len;
	if (s->body_trip > 0 && s->body_trip - s->body.wire_octets < n)
		n = (size_t)(s->body_trip - s->body.wire_octets);
	size_t taken = sink_body_input(&s->body, data, n);
	if (s->body.ended) {
		s->behind = len - taken;
		if (s->behind > 0 && !sink_session_offer(s)->keywords[SINK_KEYWORD_PIPELINING])
			sink_odd(s, SINK_ODDITY_PIPELINED_UNOFFERED);
		sink_message_end(s, SINK_STAGE_DOT);
	} else if (s->body_trip > 0 && s->body.wire_octets >= s->body_trip) {
		body_bug_strikes(s);
	}
	return taken;
}

/* ---- input: BDAT ---- */

static void chunk_end(struct sink_session *s)
{
	char reply[64];
	if (s->bdat_last) {
		sink_message_end(s, SINK_STAGE_BDAT);
		return;
	}
	s->phase = SINK_PHASE_COMMAND;
	snprintf(reply, sizeof reply, "250 2.0.0 Ok, %llu octets so far",
		(unsigned long long)s->body.octets);
	struct text wanted = s->mail.open && s->mail.rcpts > 0 && !s->mail.bdat_failed ?
		text_of(reply) :
		TEXT("503 5.5.1 MAIL and RCPT first");
	if (sink_answer(s, SINK_STAGE_BDAT, wanted) / 100 != 2)
		s->mail.bdat_failed = true;
}

static size_t input_bdat(struct sink_session *s, const char *data, size_t len)
{
	size_t n = len < s->bdat_left ? len : (size_t)s->bdat_left;
	if (n > 0)
		(void)sink_body_input(&s->body, data, n);
	s->bdat_left -= n;
	return n;
}

/* ---- input: commands ---- */

static bool has_controls(struct text line)
{
	for (size_t i = 0; i < line.len; i++)
		if ((uint8_t)line.data[i] < ' ' || line.data[i] == 127)
			return true;
	return false;
}

static void one_line(struct sink_session *s, struct text line)
{
	sink_count(&s->book->counters.commands, 1);
	s->last_must_wait = false;
	if (line.len > COMMAND_OCTETS_MAX)
		sink_odd(s, SINK_ODDITY_LONG_COMMAND);
	line = text_cut(line, line.len - 1);
	bool crlf = text_ends(line, TEXT("\r"));
	if (crlf)
		line = text_cut(line, line.len - 1);
	if (!crlf || has_controls(line))
		sink_odd(s, SINK_ODDITY_COMMAND_BARE_LF);
	if (s->behind > 0 && !sink_session_offer(s)->keywords[SINK_KEYWORD_PIPELINING] &&
		!text_starts_nocase(line, TEXT("BDAT ")))
		sink_odd(s, SINK_ODDITY_PIPELINED_UNOFFERED);
	if (s->said_421 && !text_equal_nocase(line, TEXT("QUIT")))
		sink_odd(s, SINK_ODDITY_COMMAND_AFTER_421);
	if (s->in_tls && !s->greeted && !s->mail_tried && !text_starts_nocase(line, TEXT("EHLO")) &&
		!text_starts_nocase(line, TEXT("HELO")) && !text_equal_nocase(line, TEXT("QUIT")))
		sink_odd(s, SINK_ODDITY_NO_EHLO_AFTER_TLS);
	if (s->tap != NULL && s->tap->line != NULL)
		s->tap->line(s->tap_context, true, line);
	sink_command(s, line);
}

/* A line that cannot be a command: swallowed to its end. */
static size_t too_long(struct sink_session *s, const char *lf, const char *data, size_t len)
{
	s->line_len = 0;
	s->line_too_long = lf == NULL;
	if (lf == NULL)
		return len;
	sink_odd(s, SINK_ODDITY_LONG_COMMAND);
	sink_say(s, TEXT("500 5.5.2 Line too long"));
	return (size_t)(lf - data) + 1;
}

static size_t input_command(struct sink_session *s, const char *data, size_t len)
{
	const char *lf = memchr(data, '\n', len);
	size_t n = lf != NULL ? (size_t)(lf - data) + 1 : len;
	if (s->line_too_long || n > sizeof s->line - s->line_len)
		return too_long(s, lf, data, len);
	s->behind = len - n;
	if (lf != NULL && s->line_len == 0) {
		one_line(s, text_of_bytes(data, n));
		return n;
	}
	memcpy(s->line + s->line_len, data, n);
	s->line_len += (uint32_t)n;
	if (lf != NULL) {
		struct text line = { s->line, s->line_len };
		s->line_len = 0;
		one_line(s, line);
	}
	return n;
}

/* ---- the driver ---- */

static void begin_call(struct sink_session *s, uint64_t now_ns, struct buf *out)
{
	CHECK_OBJ(s, SINK_SESSION_MAGIC);
	s->now_ns = now_ns;
	s->out = out;
}

/* More replies than fit: the client pipelines without end, or does not read. */
static void end_call(struct sink_session *s)
{
	if (s->out->overflow) {
		sink_odd(s, SINK_ODDITY_FLOOD);
		s->want = SINK_WANT_RESET;
	}
	s->out = NULL;
}

void sink_session_open(struct sink_session *session, const struct sink_session_config *config,
	uint64_t now_ns, struct buf *out)
{
	char reply[SINK_NAME_MAX + 32];
	/* All but the memory that most sessions never touch. */
	memset(session, 0, offsetof(struct sink_session, rcpts));
	session->magic = SINK_SESSION_MAGIC;
	session->site = config->site;
	session->book = config->book;
	session->greylist = config->greylist;
	session->tap = config->tap;
	session->tap_context = config->tap_context;
	session->serial = config->serial;
	session->dice = config->dice | 1;
	begin_call(session, now_ns, out);
	snprintf(reply, sizeof reply, "220 %s ESMTP longship-sink", session->site->name);
	bool full = session->site->sessions_max > 0 &&
		atomic_load(&session->site->sessions) > session->site->sessions_max;
	session->phase = SINK_PHASE_COMMAND;
	sink_answer(session, SINK_STAGE_BANNER,
		full ? TEXT("421 4.7.0 Too many sessions") : text_of(reply));
	if (session->want == SINK_WANT_WAIT && session->phase != SINK_PHASE_BLIND)
		session->phase = SINK_PHASE_GREETING;
	end_call(session);
}

/* Octets that come while the client has to wait for a reply. */
static void early_octets(struct sink_session *s)
{
	if (s->early_counted)
		return;
	s->early_counted = true;
	if (s->phase == SINK_PHASE_GREETING)
		sink_odd(s, SINK_ODDITY_EARLY_TALK);
	else if (s->want_next == SINK_WANT_TLS)
		sink_odd(s, SINK_ODDITY_STARTTLS_EARLY);
	else if (s->last_must_wait)
		sink_odd(s, SINK_ODDITY_GROUP_ORDER);
	else if (!sink_session_offer(s)->keywords[SINK_KEYWORD_PIPELINING])
		sink_odd(s, SINK_ODDITY_PIPELINED_UNOFFERED);
}

static size_t input_once(struct sink_session *s, const char *data, size_t len)
{
	switch ((enum sink_phase)s->phase) {
	case SINK_PHASE_GREETING:
	case SINK_PHASE_COMMAND:
		return input_command(s, data, len);
	case SINK_PHASE_DATA:
		return input_data(s, data, len);
	case SINK_PHASE_BDAT:
		return input_bdat(s, data, len);
	case SINK_PHASE_BLIND:
		return len;
	}
	UNREACHABLE("phase of a session");
}

size_t sink_session_input(struct sink_session *session, const char *data, size_t len, uint64_t now_ns,
	struct buf *out)
{
	size_t at = 0;
	begin_call(session, now_ns, out);
	if (len > 0 && (session->want == SINK_WANT_WAIT || session->want == SINK_WANT_DRIP))
		early_octets(session);
	while (session->want == SINK_WANT_INPUT) {
		/* A chunk of no octets ends without any. */
		if (session->phase == SINK_PHASE_BDAT && session->bdat_left == 0) {
			session->behind = len - at;
			chunk_end(session);
			continue;
		}
		if (at == len)
			break;
		at += input_once(session, data + at, len - at);
	}
	end_call(session);
	return at;
}

void sink_session_resume(struct sink_session *session, uint64_t now_ns, struct buf *out)
{
	begin_call(session, now_ns, out);
	CHECK(session->want == SINK_WANT_WAIT || session->want == SINK_WANT_DRIP);
	buf_put(out, session->held, session->held_len);
	session->held_len = 0;
	session->early_counted = false;
	if (session->filler != SINK_FAULT_NONE) {
		session->want = SINK_WANT_WAIT;
		session->wait_ms = 0;
		sink_answer_fill(session);
	} else {
		session->want = session->want_next;
		session->want_next = SINK_WANT_INPUT;
	}
	if (session->phase == SINK_PHASE_GREETING)
		session->phase = SINK_PHASE_COMMAND;
	end_call(session);
}

void sink_session_tls_up(struct sink_session *session, uint64_t now_ns, struct buf *out)
{
	begin_call(session, now_ns, out);
	CHECK(session->want == SINK_WANT_TLS);
	/* RFC 3207 4.2: the server forgets what it learned before TLS. */
	session->in_tls = true;
	session->greeted = false;
	session->line_len = 0;
	sink_transaction_end(session);
	session->want = SINK_WANT_INPUT;
	if (session->tls_bug == SINK_BUG_TLS_DROP)
		sink_then(session, SINK_WANT_CLOSE);
	else if (sink_bug(session, SINK_BUG_GREET_TLS) != NULL)
		sink_say(session, TEXT("220 Hello again, from inside"));
	end_call(session);
}

bool sink_session_is_idle(const struct sink_session *session)
{
	return session->want == SINK_WANT_INPUT && session->phase == SINK_PHASE_COMMAND &&
		!session->mail.open && session->greeted && session->line_len == 0;
}

bool sink_session_is_silent(const struct sink_session *session)
{
	return session->phase == SINK_PHASE_BLIND || session->want == SINK_WANT_DEAF ||
		session->want == SINK_WANT_WAIT || session->want == SINK_WANT_DRIP;
}

void sink_session_idle(struct sink_session *session, bool patience_over, struct buf *out)
{
	begin_call(session, session->now_ns, out);
	if (patience_over || session->site->idle_says_421) {
		sink_say(session, TEXT("421 4.4.2 Nothing heard, closing"));
		session->said_421 = true;
	}
	session->at_fault = true;
	sink_then(session, SINK_WANT_CLOSE);
	end_call(session);
}

void sink_session_gone(struct sink_session *session, bool clean)
{
	CHECK_OBJ(session, SINK_SESSION_MAGIC);
	if (session->phase == SINK_PHASE_DATA || session->phase == SINK_PHASE_BDAT)
		sink_count(&session->book->counters.messages_cut, 1);
	/* Only from a session in which nothing was done to the client. */
	if (clean && !session->quitting && !session->said_421 && !session->at_fault)
		sink_odd(session, SINK_ODDITY_NO_QUIT);
}
