/* A transaction enters the session: may it, what does it need, what can this host not do. All that
 * could go wrong when commands are written later is found here. */
#include "engine/smtp/smtp_command.h"
#include "engine/smtp/smtp_session_inside.h"

bool smtp_session_can_begin(const struct smtp_session *s)
{
	CHECK_OBJ(s, SMTP_SESSION_MAGIC);
	if (s->quit_wanted || !smtp_session_has_mails_left(s))
		return false;
	if (s->sending == NULL)
		return s->step == SMTP_STEP_IDLE;
	/* One ahead, once it is sure that the body before it goes out. */
	if (s->sending != s->answered || s->answered->failed || s->answered->flies || !s->config->ahead ||
		!smtp_session_can_use(s, SMTP_CAP_PIPELINING))
		return false;
	return s->step == SMTP_STEP_BODY || s->step == SMTP_STEP_IDLE ||
	       (s->step == SMTP_STEP_BDAT && s->awaited_count == 0);
}

uint32_t smtp_session_rcpts_max(const struct smtp_session *s)
{
	uint32_t max = s->config->rcpts_max;
	if (s->caps.rcpts_max > 0 && s->caps.rcpts_max < max)
		max = s->caps.rcpts_max;
	if (s->learned_rcpts_max > 0 && s->learned_rcpts_max < max)
		max = s->learned_rcpts_max;
	return max;
}

static const struct envelope_rcpt *envelope_rcpt_of(
	const struct smtp_transaction *transaction, const struct smtp_rcpt_result *rcpt)
{
	CHECK(rcpt->rcpt < transaction->envelope->rcpts_count);
	return &transaction->envelope->rcpts[rcpt->rcpt];
}

/* ---- what the host must offer ---- */

/* What the whole message needs and this host lacks; NONE if it may go. */
static enum smtp_cause find_lack(
	const struct smtp_session *s, const struct smtp_transaction *transaction)
{
	const struct envelope *envelope = transaction->envelope;
	const struct body *body = transaction->body;
	bool utf8 = smtp_session_can_use(s, SMTP_CAP_SMTPUTF8);
	/* RFC 3030 3: binary content by BDAT only (EXT-BIN-01). */
	if (envelope->body_type == ENVELOPE_BODY_BINARYMIME &&
		!smtp_session_can_use(s, SMTP_CAP_BINARYMIME | SMTP_CAP_CHUNKING))
		return SMTP_CAUSE_NO_BINARYMIME;
	/* RFC 6531 3.5 (EXT-U8-01). Headers may go as they are when no host is better (0.4), an
	 * address never. */
	if (!utf8 && (envelope->sender.needs_smtputf8 ||
			     (body->has_utf8_headers && !transaction->eightbit_as_is)))
		return SMTP_CAUSE_NO_SMTPUTF8;
	/* RFC 6152 3 (EXT-8B-01); RFC 6531 3.6: SMTPUTF8 implies 8BITMIME (EXT-U8-05). */
	if (body->has_8bit && !utf8 && !smtp_session_can_use(s, SMTP_CAP_8BITMIME) &&
		!transaction->eightbit_as_is)
		return SMTP_CAUSE_NO_8BITMIME;
	/* RFC 8689 4.2.1. A notification, which has no sender, goes without (5; RTLS-08). Only what
	 * an authenticated host says inside TLS is its last word (RTLS-06, RTLS-12). */
	if (envelope->requiretls && envelope->sender.text.len > 0) {
		if (!s->tls_active || !transaction->requiretls_proven)
			return SMTP_CAUSE_REQUIRETLS_UNPROVEN;
		if (!smtp_session_can_use(s, SMTP_CAP_REQUIRETLS))
			return SMTP_CAUSE_NO_REQUIRETLS;
	}
	/* RFC 1870 6.1 (EXT-SIZE-02). */
	if (s->caps.size_max > 0 && smtp_dot_body_bytes(body) > s->caps.size_max)
		return SMTP_CAUSE_TOO_BIG;
	return SMTP_CAUSE_NONE;
}

static void choose_params(const struct smtp_session *s, struct smtp_transaction *transaction,
	bool rcpt_needs_smtputf8)
{
	const struct envelope *envelope = transaction->envelope;
	const struct body *body = transaction->body;
	struct smtp_mail_params *params = &transaction->mail_params;
	params->size = smtp_session_can_use(s, SMTP_CAP_SIZE);
	params->size_bytes = smtp_dot_body_bytes(body);
	params->dsn = smtp_session_can_use(s, SMTP_CAP_DSN) &&
		      (envelope->ret != ENVELOPE_RET_NONE || envelope->envid.len > 0);
	transaction->rcpt_dsn = smtp_session_can_use(s, SMTP_CAP_DSN);
	/* RFC 6531 3.4: not without need (EXT-U8-02). Who asked for it may mean headers of parts,
	 * and those are 8-bit. */
	params->smtputf8 =
		smtp_session_can_use(s, SMTP_CAP_SMTPUTF8) &&
		(envelope->sender.needs_smtputf8 || rcpt_needs_smtputf8 || body->has_utf8_headers ||
			(envelope->wants_smtputf8 && body->has_8bit));
	if (envelope->body_type == ENVELOPE_BODY_BINARYMIME)
		params->body_type = SMTP_BODY_BINARYMIME;
	else if (body->has_8bit && smtp_session_can_use(s, SMTP_CAP_8BITMIME))
		params->body_type = SMTP_BODY_8BITMIME;
	params->requiretls = envelope->requiretls && transaction->requiretls_proven &&
			     s->tls_active && smtp_session_can_use(s, SMTP_CAP_REQUIRETLS);
	transaction->use_bdat =
		smtp_session_can_use(s, SMTP_CAP_CHUNKING) &&
		(s->config->prefer_bdat || transaction->wants_bdat ||
			params->body_type == SMTP_BODY_BINARYMIME);
}

/* ---- which recipients may be named ---- */

/* FNV-1a; domains in an envelope are in lower case. Two that collide count as one, which costs a
 * host that asked for few domains one more. */
static uint64_t hash_domain(struct text domain)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (size_t i = 0; i < domain.len; i++)
		hash = (hash ^ (uint8_t)domain.data[i]) * 0x100000001b3u;
	return hash;
}

/* RFC 9422 4.3: RCPTDOMAINMAX counts the domains of all recipients in the session (EXT-LIM-03). */
static bool take_domain(struct smtp_session *s, const struct envelope_address *address)
{
	if (s->caps.rcpt_domains_max == 0)
		return true;
	uint64_t hash = hash_domain(envelope_domain(address));
	for (unsigned i = 0; i < s->rcpt_domains_count; i++)
		if (s->rcpt_domains[i] == hash)
			return true;
	if (s->rcpt_domains_count == SMTP_RCPT_DOMAINS_MAX ||
		s->rcpt_domains_count == s->caps.rcpt_domains_max)
		return false;
	s->rcpt_domains[s->rcpt_domains_count++] = hash;
	return true;
}

static void refuse(struct smtp_transaction *transaction, struct smtp_rcpt_result *rcpt,
	enum smtp_verdict verdict, enum smtp_cause cause)
{
	smtp_transaction_decide_rcpt(transaction, rcpt, verdict, cause, SMTP_STEP_IDLE, NULL);
}

/* Those that are not to be named in this session or in this transaction. */
static void limit_rcpts(struct smtp_session *s, struct smtp_transaction *transaction)
{
	uint32_t open = 0;
	for (uint32_t i = 0; i < transaction->rcpts_count; i++) {
		struct smtp_rcpt_result *rcpt = &transaction->rcpts[i];
		const struct envelope_address *address =
			&envelope_rcpt_of(transaction, rcpt)->address;
		if (address->needs_smtputf8 && !smtp_session_can_use(s, SMTP_CAP_SMTPUTF8)) {
			refuse(transaction, rcpt, SMTP_VERDICT_OTHER_HOST, SMTP_CAUSE_NO_SMTPUTF8);
		} else if (open == smtp_session_rcpts_max(s)) {
			refuse(transaction, rcpt, SMTP_VERDICT_AGAIN, SMTP_CAUSE_RCPTS_MAX);
		} else if (!take_domain(s, address)) {
			/* It would be refused for ever here: another session must come. */
			s->quit_wanted = true;
			refuse(transaction, rcpt, SMTP_VERDICT_NOT_TRIED,
				SMTP_CAUSE_RCPT_DOMAINS_MAX);
		} else {
			open++;
		}
	}
}

/* ---- what cannot be written (SMTP-24) ---- */

static void check_mail(struct smtp_transaction *transaction)
{
	char memory[SMTP_COMMAND_BYTES_MAX];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	struct smtp_mail_params params = transaction->mail_params;
	if (smtp_command_mail(&buf, transaction->envelope, &params) == RESULT_OK)
		return;
	params.dsn = false;
	bool is_parameter = smtp_command_mail(&buf, transaction->envelope, &params) == RESULT_OK;
	smtp_transaction_decide(transaction, SMTP_VERDICT_PERMANENT,
		is_parameter ? SMTP_CAUSE_BAD_PARAMETER : SMTP_CAUSE_BAD_SENDER, SMTP_STEP_IDLE,
		NULL);
}

static void check_rcpt(struct smtp_transaction *transaction, struct smtp_rcpt_result *rcpt)
{
	char memory[SMTP_COMMAND_BYTES_MAX];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	struct smtp_rcpt_params params = { .smtputf8 = transaction->mail_params.smtputf8,
		.dsn = transaction->rcpt_dsn };
	const struct envelope_rcpt *to = envelope_rcpt_of(transaction, rcpt);
	if (smtp_command_rcpt(&buf, to, &params) == RESULT_OK)
		return;
	params.dsn = false;
	bool is_parameter = smtp_command_rcpt(&buf, to, &params) == RESULT_OK;
	refuse(transaction, rcpt, SMTP_VERDICT_PERMANENT,
		is_parameter ? SMTP_CAUSE_BAD_PARAMETER : SMTP_CAUSE_BAD_RCPT);
}

/* Decides all that can be decided without a word; returns the first recipient that is left. */
static uint32_t prepare(struct smtp_session *s, struct smtp_transaction *transaction)
{
	enum smtp_cause lack = find_lack(s, transaction);
	if (lack != SMTP_CAUSE_NONE) {
		smtp_transaction_decide(
			transaction, SMTP_VERDICT_OTHER_HOST, lack, SMTP_STEP_IDLE, NULL);
		return transaction->rcpts_count;
	}
	limit_rcpts(s, transaction);
	bool needs_smtputf8 = false;
	for (uint32_t i = 0; i < transaction->rcpts_count; i++) {
		const struct smtp_rcpt_result *rcpt = &transaction->rcpts[i];
		if (rcpt->verdict == SMTP_VERDICT_NONE)
			needs_smtputf8 =
				needs_smtputf8 ||
				envelope_rcpt_of(transaction, rcpt)->address.needs_smtputf8;
	}
	choose_params(s, transaction, needs_smtputf8);
	check_mail(transaction);
	uint32_t first = transaction->rcpts_count;
	for (uint32_t i = transaction->rcpts_count; i-- > 0;) {
		struct smtp_rcpt_result *rcpt = &transaction->rcpts[i];
		if (rcpt->verdict == SMTP_VERDICT_NONE)
			check_rcpt(transaction, rcpt);
		if (rcpt->verdict == SMTP_VERDICT_NONE)
			first = i;
	}
	return first;
}

/* Only what the owner has put in is left. */
static void clear_results(struct smtp_transaction *transaction)
{
	*transaction = (struct smtp_transaction){
		.envelope = transaction->envelope,
		.body = transaction->body,
		.rcpts = transaction->rcpts,
		.rcpts_count = transaction->rcpts_count,
		.texts = transaction->texts,
		.texts_size = transaction->texts_size,
		.eightbit_as_is = transaction->eightbit_as_is,
		.requiretls_proven = transaction->requiretls_proven,
		.wants_bdat = transaction->wants_bdat,
		.may_fly = transaction->may_fly,
		.owner = transaction->owner,
	};
	for (uint32_t i = 0; i < transaction->rcpts_count; i++)
		transaction->rcpts[i] =
			(struct smtp_rcpt_result){ .rcpt = transaction->rcpts[i].rcpt };
}

void smtp_session_begin(struct smtp_session *s, struct smtp_transaction *transaction)
{
	CHECK(smtp_session_can_begin(s));
	CHECK_OBJ(transaction->body, BODY_MAGIC);
	CHECK(transaction->rcpts_count > 0);
	CHECK(transaction->texts != NULL || transaction->texts_size == 0);
	clear_results(transaction);
	transaction->rcpts_sent = prepare(s, transaction);
	if (transaction->rcpts_sent == transaction->rcpts_count) {
		smtp_session_push_done(s, transaction);
	} else {
		transaction->flies = smtp_flight_may_begin(s, transaction);
		s->flights_count += transaction->flies;
		s->sending = transaction;
		if (s->answered == NULL)
			s->answered = transaction;
		s->queued = true;
	}
	smtp_session_settle(s);
}
