#include <string.h>
#include "bench/sink_address.h"
#include "bench/sink_session_internal.h"

/* What the parameters of a MAIL or RCPT may be, and which keyword must have been offered. */
struct parameter_row {
	struct text name;
	enum sink_keyword keyword;
	bool of_mail;
};

static const struct parameter_row parameter_rows[] = {
	{ TEXT_INIT("SIZE"), SINK_KEYWORD_SIZE, true },
	{ TEXT_INIT("BODY"), SINK_KEYWORD_EIGHTBIT, true },
	{ TEXT_INIT("SMTPUTF8"), SINK_KEYWORD_SMTPUTF8, true },
	{ TEXT_INIT("RET"), SINK_KEYWORD_DSN, true },
	{ TEXT_INIT("ENVID"), SINK_KEYWORD_DSN, true },
	{ TEXT_INIT("REQUIRETLS"), SINK_KEYWORD_REQUIRETLS, true },
	{ TEXT_INIT("NOTIFY"), SINK_KEYWORD_DSN, false },
	{ TEXT_INIT("ORCPT"), SINK_KEYWORD_DSN, false },
};

static bool offers(const struct sink_session *s, enum sink_keyword keyword)
{
	return sink_session_offer(s)->keywords[keyword];
}

/* RFC 2920 3.1: EHLO, DATA, VRFY, NOOP, QUIT and STARTTLS come last in a group. */
static void must_be_last(struct sink_session *s)
{
	s->last_must_wait = true;
	if (s->behind > 0)
		sink_odd(s, SINK_ODDITY_GROUP_ORDER);
}

static void syntax_error(struct sink_session *s, enum sink_stage stage, struct text reply)
{
	sink_odd(s, SINK_ODDITY_BAD_SYNTAX);
	sink_answer(s, stage, reply);
}

/* ---- hello, STARTTLS ---- */

static void on_ehlo(struct sink_session *s, struct text argument)
{
	const struct sink_offer *offer = sink_session_offer(s);
	enum sink_stage stage = s->in_tls ? SINK_STAGE_EHLO_TLS : SINK_STAGE_EHLO;
	must_be_last(s);
	if (text_is_empty(text_trim(argument))) {
		syntax_error(s, stage, TEXT("501 5.5.4 EHLO needs a name"));
		return;
	}
	sink_transaction_end(s);
	unsigned code = sink_answer(s, stage, (struct text){ offer->reply, offer->reply_len });
	s->greeted = code / 100 == 2;
}

static void on_helo(struct sink_session *s, struct text argument)
{
	char reply[SINK_NAME_MAX + 8];
	(void)argument;
	must_be_last(s);
	sink_transaction_end(s);
	snprintf(reply, sizeof reply, "250 %s", s->site->name);
	s->greeted = sink_answer(s, SINK_STAGE_HELO, text_of(reply)) / 100 == 2;
}

static const enum sink_deed handshake_bugs[] = { SINK_BUG_TLS_GARBAGE, SINK_BUG_TLS_ALERT,
	SINK_BUG_TLS_CLOSE, SINK_BUG_TLS_RESET, SINK_BUG_TLS_STALL, SINK_BUG_TLS_DRIP,
	SINK_BUG_TLS_DROP };

static void choose_handshake_bug(struct sink_session *s)
{
	s->tls_bug = SINK_DEED_NONE;
	for (size_t i = 0; i < COUNT_OF(handshake_bugs); i++) {
		struct sink_rule *rule = sink_bug(s, handshake_bugs[i]);
		if (rule == NULL)
			continue;
		s->tls_bug = (uint8_t)handshake_bugs[i];
		s->tls_number = rule->number;
		return;
	}
}

/* Plaintext behind the 220 (STLS-04): in the same segment, or later as a segment of its own. */
static void inject(struct sink_session *s)
{
	struct sink_rule *rule = sink_bug(s, SINK_BUG_INJECT);
	if (rule != NULL) {
		buf_put_cstr(s->out, rule->argument);
		buf_put_text(s->out, TEXT("\r\n"));
	}
	rule = sink_bug(s, SINK_BUG_INJECT_LATE);
	if (rule != NULL && s->want == SINK_WANT_INPUT) {
		s->want = SINK_WANT_WAIT;
		s->wait_ms = rule->number < UINT32_MAX ? (uint32_t)rule->number : UINT32_MAX;
		s->held_len = (uint32_t)snprintf(s->held, sizeof s->held, "250 Injected, late\r\n");
	}
}

static void on_starttls(struct sink_session *s, struct text argument)
{
	must_be_last(s);
	if (s->behind > 0)
		sink_odd(s, SINK_ODDITY_STARTTLS_EARLY);
	if (s->in_tls)
		sink_odd(s, SINK_ODDITY_STARTTLS_AGAIN);
	if (!text_is_empty(argument))
		sink_odd(s, SINK_ODDITY_STARTTLS_PARAMETER);
	if (s->in_tls || !offers(s, SINK_KEYWORD_STARTTLS)) {
		sink_answer(s, SINK_STAGE_STARTTLS, TEXT("502 5.5.1 STARTTLS is not offered"));
		return;
	}
	if (sink_answer(s, SINK_STAGE_STARTTLS, TEXT("220 2.0.0 Go ahead")) != 220)
		return;
	inject(s);
	choose_handshake_bug(s);
	sink_then(s, SINK_WANT_TLS);
}

/* ---- MAIL, RCPT ---- */

static bool read_body_type(struct sink_session *s, struct text value)
{
	if (text_equal_nocase(value, TEXT("8BITMIME")))
		s->mail.eight_bit = true;
	else if (text_equal_nocase(value, TEXT("BINARYMIME")) && offers(s, SINK_KEYWORD_BINARYMIME))
		s->mail.eight_bit = true;
	else if (!text_equal_nocase(value, TEXT("7BIT")))
		return false;
	return true;
}

/* What the sink acts on; false for a value that is none. */
static bool take_parameter(struct sink_session *s, struct text name, struct text value)
{
	if (text_equal_nocase(name, TEXT("SIZE"))) {
		s->mail.size_declared = text_to_u64(value, &s->mail.declared_octets);
		return s->mail.size_declared;
	}
	if (text_equal_nocase(name, TEXT("BODY")))
		return read_body_type(s, value);
	if (text_equal_nocase(name, TEXT("SMTPUTF8")))
		s->mail.smtputf8 = true;
	if (text_equal_nocase(name, TEXT("SMTPUTF8")) || text_equal_nocase(name, TEXT("REQUIRETLS")))
		return text_is_empty(value);
	return !text_is_empty(value) && text_is_printable(value);
}

static const struct parameter_row *find_parameter(struct text name, bool of_mail)
{
	for (size_t i = 0; i < COUNT_OF(parameter_rows); i++)
		if (parameter_rows[i].of_mail == of_mail &&
			text_equal_nocase(parameter_rows[i].name, name))
			return &parameter_rows[i];
	return NULL;
}

/* All parameters of a MAIL or RCPT. What is wrong is counted and refused with 555 or 501. */
static bool read_parameters(struct sink_session *s, enum sink_stage stage, struct text parameters)
{
	struct text rest = parameters, word;
	unsigned seen = 0;
	if (text_is_empty(parameters))
		return true;
	while (text_split(&rest, ' ', &word)) {
		size_t equals = text_find(word, '=');
		struct text name = text_cut(word, equals);
		struct text value = equals == TEXT_NONE ? TEXT_EMPTY : text_skip(word, equals + 1);
		const struct parameter_row *row = find_parameter(name, stage == SINK_STAGE_MAIL);
		if (row == NULL || !offers(s, row->keyword)) {
			sink_odd(s, SINK_ODDITY_PARAM_UNOFFERED);
			sink_answer(s, stage, TEXT("555 5.5.4 A parameter that was not offered"));
			return false;
		}
		unsigned bit = 1u << (row - parameter_rows);
		if ((seen & bit) != 0 || !take_parameter(s, name, value)) {
			sink_odd(s, SINK_ODDITY_PARAM_TWICE);
			sink_answer(s, stage, TEXT("501 5.5.4 A parameter twice, or with a bad value"));
			return false;
		}
		seen |= bit;
	}
	return true;
}

/* The path of a MAIL or RCPT; answers itself when there is none. */
static bool read_path(struct sink_session *s, enum sink_stage stage, struct text argument,
	struct text colon_word, struct sink_path *out_path)
{
	if (!text_starts_nocase(argument, colon_word) ||
		!sink_path_parse(text_skip(argument, colon_word.len), stage == SINK_STAGE_MAIL,
			out_path)) {
		syntax_error(s, stage, TEXT("501 5.1.3 Not an address"));
		return false;
	}
	if (out_path->source_route)
		sink_odd(s, SINK_ODDITY_SOURCE_ROUTE);
	return true;
}

static bool mail_is_in_order(struct sink_session *s)
{
	struct text refusal = TEXT_EMPTY;
	if (!s->greeted) {
		sink_odd(s, SINK_ODDITY_NO_GREETING);
		refusal = TEXT("503 5.5.1 EHLO first");
	} else if (s->mail.open) {
		sink_odd(s, SINK_ODDITY_NESTED_MAIL);
		refusal = TEXT("503 5.5.1 A transaction is open");
	} else if (s->site->mail_max > 0 && s->messages >= s->site->mail_max) {
		refusal = TEXT("421 4.7.0 Enough messages for one session");
	} else if (s->site->limit_mail > 0 && s->mails >= s->site->limit_mail) {
		sink_odd(s, SINK_ODDITY_LIMIT_EXCEEDED);
		refusal = TEXT("452 4.5.3 More than MAILMAX");
	}
	if (!text_is_empty(refusal))
		sink_answer(s, SINK_STAGE_MAIL, refusal);
	return text_is_empty(refusal);
}

static void on_mail(struct sink_session *s, struct text argument)
{
	struct sink_path path;
	if (!s->in_tls && s->site->plain.keywords[SINK_KEYWORD_STARTTLS])
		sink_odd(s, SINK_ODDITY_CLEARTEXT_MAIL);
	if (!mail_is_in_order(s) || !read_path(s, SINK_STAGE_MAIL, argument, TEXT("FROM:"), &path))
		return;
	s->mail = (struct sink_transaction){ .non_ascii = path.non_ascii };
	s->mail_tried = true;
	if (!read_parameters(s, SINK_STAGE_MAIL, path.parameters))
		return;
	if (path.non_ascii && !s->mail.smtputf8)
		sink_odd(s, SINK_ODDITY_NON_ASCII_ENVELOPE);
	struct text reply = TEXT("250 2.1.0 Ok");
	if (s->mail.size_declared && s->mail.declared_octets > s->site->size_max &&
		s->site->size_max > 0) {
		sink_odd(s, SINK_ODDITY_SIZE_OVER_LIMIT);
		reply = TEXT("552 5.3.4 Larger than SIZE");
	}
	s->mails++;
	if (sink_answer(s, SINK_STAGE_MAIL, reply) / 100 != 2)
		return;
	s->mail.open = true;
	sink_count(&s->book->counters.transactions, 1);
	if (s->tap != NULL && s->tap->mail != NULL)
		s->tap->mail(s->tap_context, path.address, path.parameters);
}

static void rcpt_rule_add(struct sink_session *s, struct sink_rule *rule)
{
	if (s->rcpt_rules_count < SINK_RCPT_RULES_MAX)
		s->rcpt_rules[s->rcpt_rules_count++] = rule;
}

/* The rules that this recipient brings. */
static void gather_rcpt_rules(struct sink_session *s, struct text rcpt)
{
	s->rcpt_rules_count = 0;
	if (s->site->rules->any_for_rcpts)
		for (uint32_t i = 0; i < s->site->rules->count; i++)
			if (sink_rule_is_for_rcpt(&s->site->rules->rules[i], rcpt))
				rcpt_rule_add(s, &s->site->rules->rules[i]);
	if (s->site->rcpt_rules && text_starts_nocase(rcpt, TEXT("bug.")) &&
		sink_rule_of_local_part(text_cut(rcpt, text_find_last(rcpt, '@')), &s->own_rule))
		rcpt_rule_add(s, &s->own_rule);
}

/* The recipient is in: what it brought holds for the rest of the transaction. */
static void keep_rcpt_rules(struct sink_session *s)
{
	for (uint32_t i = 0; i < s->rcpt_rules_count; i++) {
		uint32_t k = 0;
		while (k < s->mail.rules_count && s->mail.rules[k] != s->rcpt_rules[i])
			k++;
		if (k == s->mail.rules_count && k < SINK_RCPT_RULES_MAX)
			s->mail.rules[s->mail.rules_count++] = s->rcpt_rules[i];
	}
}

/* RFC 9422 4.3: distinct domains of a session. */
static bool domain_fits(struct sink_session *s, struct text domain)
{
	uint64_t hash = mail_token_rcpt_hash(domain);
	uint32_t max = s->site->limit_domain;
	if (max == 0)
		return true;
	for (uint32_t i = 0; i < s->domains_count; i++)
		if (s->domains[i] == hash)
			return true;
	if (s->domains_count >= max)
		return false;
	if (s->domains_count < SINK_DOMAINS_MAX)
		s->domains[s->domains_count++] = hash;
	return true;
}

/* The reply that the limits and the greylist give. */
static struct text judge_rcpt(struct sink_session *s, struct text rcpt)
{
	bool over_limit = s->site->limit_rcpt > 0 && s->mail.rcpts_offered > s->site->limit_rcpt;
	if (over_limit || !domain_fits(s, sink_address_domain(rcpt))) {
		sink_odd(s, SINK_ODDITY_LIMIT_EXCEEDED);
		return TEXT("452 4.5.3 More than LIMITS allow");
	}
	if (s->mail.rcpts >= s->site->rcpts_max)
		return s->site->rcpts_code == 552 ? TEXT("552 5.5.3 Too many recipients") :
						    TEXT("452 4.5.3 Too many recipients");
	struct sink_rule *greylist = sink_bug(s, SINK_BUG_GREYLIST);
	if (greylist != NULL && s->greylist != NULL &&
		!sink_greylist_passes(s->greylist, mail_token_rcpt_hash(rcpt), s->now_ns,
			greylist->number * 1000000000))
		return TEXT("451 4.7.1 Greylisted, come again");
	return TEXT("250 2.1.5 Ok");
}

static void on_rcpt(struct sink_session *s, struct text argument)
{
	struct sink_path path;
	if (!s->mail.open || s->mail.bdat) {
		/* Behind a MAIL that was refused it is the rest of a group, and in order. */
		if (!s->mail_tried || s->mail.bdat)
			sink_odd(s, SINK_ODDITY_OUT_OF_ORDER);
		sink_answer(s, SINK_STAGE_RCPT, TEXT("503 5.5.1 MAIL first"));
		return;
	}
	s->mail.rcpts_offered++;
	if (!read_path(s, SINK_STAGE_RCPT, argument, TEXT("TO:"), &path) ||
		!read_parameters(s, SINK_STAGE_RCPT, path.parameters))
		return;
	if (path.non_ascii && !s->mail.smtputf8)
		sink_odd(s, SINK_ODDITY_NON_ASCII_ENVELOPE);
	s->mail.non_ascii |= path.non_ascii;
	gather_rcpt_rules(s, path.address);
	unsigned code = sink_answer(s, SINK_STAGE_RCPT, judge_rcpt(s, path.address));
	if (code / 100 == 2 && s->mail.rcpts < SINK_RCPTS_MAX) {
		s->rcpts[s->mail.rcpts++] = mail_token_rcpt_hash(path.address);
		keep_rcpt_rules(s);
		sink_count(&s->book->counters.rcpts, 1);
	} else {
		sink_count(&s->book->counters.rcpts_refused, 1);
	}
	s->rcpt_rules_count = 0;
	if (s->tap != NULL && s->tap->rcpt != NULL)
		s->tap->rcpt(s->tap_context, path.address, path.parameters, code);
}

/* ---- DATA, BDAT ---- */

static const enum sink_deed body_bugs[] = { SINK_BUG_BODY_REPLY, SINK_BUG_BODY_CLOSE,
	SINK_BUG_BODY_RESET, SINK_BUG_BODY_STALL };

static void on_data(struct sink_session *s, struct text argument)
{
	must_be_last(s);
	if (!text_is_empty(argument)) {
		syntax_error(s, SINK_STAGE_DATA, TEXT("501 5.5.4 DATA has no argument"));
		return;
	}
	if (s->mail.bdat)
		sink_odd(s, SINK_ODDITY_BDAT_MIXED);
	bool out_of_order = !s->mail.open || s->mail.bdat;
	if (!s->mail_tried)
		sink_odd(s, SINK_ODDITY_OUT_OF_ORDER);
	if (out_of_order || (s->mail.rcpts == 0 && sink_bug(s, SINK_BUG_DATA_NO_RCPTS) == NULL)) {
		sink_answer(s, SINK_STAGE_DATA,
			out_of_order ? TEXT("503 5.5.1 MAIL and RCPT first") :
				       TEXT("554 5.5.1 No valid recipients"));
		return;
	}
	if (sink_answer(s, SINK_STAGE_DATA, TEXT("354 End with a dot")) != 354)
		return;
	s->body_trip = 0;
	for (size_t i = 0; i < COUNT_OF(body_bugs) && s->body_trip == 0; i++) {
		struct sink_rule *rule = sink_bug(s, body_bugs[i]);
		if (rule != NULL) {
			s->body_bug = (uint8_t)body_bugs[i];
			s->body_trip = rule->number > 0 ? rule->number : 1;
		}
	}
	sink_message_begin(s, true);
	if (s->phase != SINK_PHASE_BLIND)
		s->phase = SINK_PHASE_DATA;
}

static bool bdat_parse(struct text argument, uint64_t *out_octets, bool *out_last)
{
	struct text rest = argument, word;
	if (!text_split(&rest, ' ', &word) || !text_to_u64(word, out_octets))
		return false;
	*out_last = text_equal_nocase(rest, TEXT("LAST"));
	return *out_last || rest.data == NULL;
}

/* RFC 3030 2: the octets are taken whatever the reply will be. */
static void on_bdat(struct sink_session *s, struct text argument)
{
	uint64_t octets;
	bool last;
	if (!offers(s, SINK_KEYWORD_CHUNKING))
		sink_odd(s, SINK_ODDITY_UNKNOWN_COMMAND);
	if (!offers(s, SINK_KEYWORD_CHUNKING) || sink_bug(s, SINK_BUG_BDAT_UNKNOWN) != NULL) {
		sink_answer(s, SINK_STAGE_BDAT, TEXT("502 5.5.1 BDAT is not known here"));
		return;
	}
	if (!bdat_parse(argument, &octets, &last)) {
		syntax_error(s, SINK_STAGE_BDAT, TEXT("501 5.5.4 BDAT needs a number of octets"));
		return;
	}
	if (s->mail.bdat_failed)
		sink_odd(s, SINK_ODDITY_BDAT_AFTER_FAILURE);
	else if (!s->mail_tried)
		sink_odd(s, SINK_ODDITY_OUT_OF_ORDER);
	if (!s->mail.bdat)
		sink_message_begin(s, false);
	s->mail.bdat = true;
	s->bdat_left = octets;
	s->bdat_last = last;
	s->phase = SINK_PHASE_BDAT;
}

/* ---- the rest ---- */

static void on_rset(struct sink_session *s, struct text argument)
{
	(void)argument;
	if (sink_answer(s, SINK_STAGE_RSET, TEXT("250 2.0.0 Ok")) / 100 == 2)
		sink_transaction_end(s);
}

static void on_noop(struct sink_session *s, struct text argument)
{
	(void)argument;
	must_be_last(s);
	sink_answer(s, SINK_STAGE_NOOP, TEXT("250 2.0.0 Ok"));
}

static void on_vrfy(struct sink_session *s, struct text argument)
{
	(void)argument;
	must_be_last(s);
	sink_answer(s, SINK_STAGE_NOOP, TEXT("252 2.1.5 Send some mail and see"));
}

static void on_quit(struct sink_session *s, struct text argument)
{
	(void)argument;
	must_be_last(s);
	s->quitting = true;
	sink_count(&s->book->counters.quits, 1);
	sink_answer(s, SINK_STAGE_QUIT, TEXT("221 2.0.0 Bye"));
	sink_then(s, SINK_WANT_CLOSE);
}

static const struct verb_row {
	struct text name;
	void (*run)(struct sink_session *s, struct text argument);
} verbs[] = {
	{ TEXT_INIT("MAIL"), on_mail },
	{ TEXT_INIT("RCPT"), on_rcpt },
	{ TEXT_INIT("DATA"), on_data },
	{ TEXT_INIT("BDAT"), on_bdat },
	{ TEXT_INIT("RSET"), on_rset },
	{ TEXT_INIT("EHLO"), on_ehlo },
	{ TEXT_INIT("HELO"), on_helo },
	{ TEXT_INIT("STARTTLS"), on_starttls },
	{ TEXT_INIT("QUIT"), on_quit },
	{ TEXT_INIT("NOOP"), on_noop },
	{ TEXT_INIT("VRFY"), on_vrfy },
};

void sink_command(struct sink_session *s, struct text line)
{
	size_t blank = text_find(line, ' ');
	struct text verb = text_cut(line, blank);
	struct text argument = blank == TEXT_NONE ? TEXT_EMPTY : text_skip(line, blank + 1);
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		if (text_equal_nocase(verb, verbs[i].name)) {
			verbs[i].run(s, argument);
			return;
		}
	}
	sink_odd(s, SINK_ODDITY_UNKNOWN_COMMAND);
	sink_say(s, TEXT("500 5.5.2 Not a command"));
}
