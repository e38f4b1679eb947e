/* Two parts: the class of a reply (find), and the table of CONFORMANCE 0.4 (a row is a
 * function). */
#include "engine/smtp/smtp_reply_class.h"
#include <string.h>
#include "engine/base/buf.h"

/* ---- the class ---- */

#define ANY 0
static const struct {
	enum bounce_class bounce_class;
	unsigned first_digit;
	struct text phrase, and_phrase;
} rules[] = {
#define RULE(class, first_digit, phrase, and_phrase)                                               \
	{ BOUNCE_CLASS_##class, first_digit, TEXT_INIT(phrase), TEXT_INIT(and_phrase) },
#include "engine/smtp/smtp_reply_rules.def"
#undef RULE
};
#undef ANY

static const struct {
	enum bounce_class bounce_class;
	uint16_t subject, first_detail, last_detail;
} statuses[] = {
#define STATUS(class, subject, first_detail, last_detail)                                          \
	{ BOUNCE_CLASS_##class, subject, first_detail, last_detail },
#include "engine/smtp/smtp_reply_rules.def"
#undef STATUS
};

static bool occurs(struct text text, struct text phrase)
{
	return phrase.len == 0 || memmem(text.data, text.len, phrase.data, phrase.len) != NULL;
}

static enum bounce_class find_by_words(unsigned first_digit, struct text words)
{
	for (size_t i = 0; i < COUNT_OF(rules); i++)
		if ((rules[i].first_digit == 0 || rules[i].first_digit == first_digit) &&
			occurs(words, rules[i].phrase) && occurs(words, rules[i].and_phrase))
			return rules[i].bounce_class;
	return BOUNCE_CLASS_NONE;
}

static enum bounce_class find_by_status(struct smtp_status status)
{
	for (size_t i = 0; i < COUNT_OF(statuses); i++)
		if (statuses[i].subject == status.subject &&
			statuses[i].first_detail <= status.detail &&
			status.detail <= statuses[i].last_detail)
			return statuses[i].bounce_class;
	return BOUNCE_CLASS_NONE;
}

/* RFC 5321 4.2.3, RFC 7504: the little that a code alone says. */
static enum bounce_class find_by_code(enum smtp_step step, unsigned code)
{
	switch (code) {
	case 421:
	case 451:
	case 452:
	case 521: return BOUNCE_CLASS_RECEIVER;
	case 455:
	case 500:
	case 501:
	case 502:
	case 503:
	case 504:
	case 555: return BOUNCE_CLASS_PROTOCOL;
	case 523: return BOUNCE_CLASS_SIZE;
	case 551: return BOUNCE_CLASS_MAILBOX;
	case 552: return step == SMTP_STEP_RCPT ? BOUNCE_CLASS_QUOTA : BOUNCE_CLASS_SIZE;
	case 556: return BOUNCE_CLASS_DOMAIN;
	default: return BOUNCE_CLASS_OTHER;
	}
}

static bool is_about_rcpt(enum smtp_step step)
{
	return step == SMTP_STEP_RCPT || step == SMTP_STEP_DATA || step == SMTP_STEP_BODY ||
	       step == SMTP_STEP_BDAT;
}

/* Before RCPT no mailbox was named but the sender's. */
static enum bounce_class class_at(enum smtp_step step, enum bounce_class found)
{
	bool is_rcpt_class = found == BOUNCE_CLASS_MAILBOX || found == BOUNCE_CLASS_DOMAIN ||
			     found == BOUNCE_CLASS_QUOTA;
	return is_rcpt_class && !is_about_rcpt(step) ? BOUNCE_CLASS_POLICY : found;
}

static enum bounce_class find(
	enum smtp_step step, const struct smtp_reply *reply, struct text words)
{
	unsigned first_digit = reply->code / 100;
	enum bounce_class found = find_by_words(first_digit, words);
	/* Many a host writes a status without having offered it. For an event it is not one
	 * (SMTP-43); as a hint it is as good as words. */
	struct smtp_status status = smtp_status_parse(reply->text);
	if (found == BOUNCE_CLASS_NONE && status.class == first_digit)
		found = find_by_status(status);
	if (found == BOUNCE_CLASS_NONE)
		found = find_by_code(step, reply->code);
	return class_at(step, found);
}

enum bounce_class smtp_reply_class_find(enum smtp_step step, const struct smtp_reply *reply)
{
	char memory[SMTP_REPLY_TEXT_BYTES_MAX + 2];
	return find(step, reply, smtp_reply_words(reply->text, memory, sizeof memory));
}

/* ---- the table: where | the message | the throttle | next MX ---- */

/* connect, banner 4xx, TLS failure | defer, not an attempt of its own | back off | yes */
static struct smtp_action not_reached(enum bounce_class bounce_class)
{
	return (struct smtp_action){
		.fate = SMTP_FATE_DEFER,
		.throttle = SMTP_THROTTLE_BACK_OFF,
		.bounce_class = bounce_class,
		.next_mx = true,
	};
}

/* banner 5xx; EHLO and HELO 5xx | defer; 521 from all hosts at opportunistic level: bounce |
 * suspend | yes. It is about us, not about any address. */
static struct smtp_action not_welcome(const struct smtp_answer *answer, enum bounce_class found)
{
	return (struct smtp_action){
		.fate = SMTP_FATE_DEFER,
		.throttle = SMTP_THROTTLE_SUSPEND,
		.bounce_class = found,
		.next_mx = true,
		.counts_as_attempt = true,
		/* RFC 7504 3; what could be forged on the way never bounces (POL-14). */
		.bounce_if_all = answer->reply.code == 521 && !answer->channel.level_is_mandatory,
	};
}

/* 421 anywhere; MAIL 4xx | defer; 421 is not an attempt | slow down | no */
static struct smtp_action slow_down(enum bounce_class bounce_class, bool is_attempt)
{
	return (struct smtp_action){
		.fate = SMTP_FATE_DEFER,
		.throttle = SMTP_THROTTLE_SLOW_DOWN,
		.bounce_class = bounce_class,
		.counts_as_attempt = is_attempt,
	};
}

/* RCPT or final dot 4xx | defer, same source and host again | nothing | no */
static struct smtp_action come_back(enum bounce_class bounce_class)
{
	return (struct smtp_action){
		.fate = SMTP_FATE_DEFER,
		.bounce_class = bounce_class,
		.counts_as_attempt = true,
		.same_host = true,
	};
}

/* RCPT 452/552 after one was accepted | next transaction at once | nothing | no */
static struct smtp_action at_once(void) { return (struct smtp_action){ .fate = SMTP_FATE_AGAIN }; }

/* 5xx of mailbox or domain class | bounce; may suppress if the channel was what the level demands
 * 5xx of policy or block class | by rule; never suppresses | over a tenth of the last 200: suspend
 *
 * The rule: what our address or our pace has brought on us is waited out; the rest is the
 * receiver's last word on this message. */
static struct smtp_action refused(const struct smtp_answer *answer, enum bounce_class found)
{
	bool is_address = found == BOUNCE_CLASS_MAILBOX || found == BOUNCE_CLASS_DOMAIN;
	bool is_ours = found == BOUNCE_CLASS_BLOCK || found == BOUNCE_CLASS_RATE;
	bool is_policy = is_ours || found == BOUNCE_CLASS_POLICY || found == BOUNCE_CLASS_AUTH ||
			 found == BOUNCE_CLASS_SPAM;
	/* POL-14: what was heard before the demanded channel was up is not the last word. */
	bool is_heard = answer->channel.is_demanded || !answer->channel.level_is_mandatory;
	return (struct smtp_action){
		.fate = is_ours || !is_heard ? SMTP_FATE_DEFER : SMTP_FATE_BOUNCE,
		.bounce_class = found,
		.next_mx = !is_heard,
		.counts_as_attempt = true,
		.may_suppress = is_address && answer->about_one_rcpt && answer->channel.is_demanded,
		.counts_as_block = is_policy,
	};
}

static struct smtp_action by_table(const struct smtp_answer *answer, enum bounce_class found)
{
	const struct smtp_reply *reply = &answer->reply;
	unsigned first_digit = reply->code / 100;
	bool in_opening = answer->step == SMTP_STEP_GREETING || answer->step == SMTP_STEP_EHLO ||
			  answer->step == SMTP_STEP_HELO;
	if (answer->step == SMTP_STEP_STARTTLS)
		return not_reached(BOUNCE_CLASS_TLS);
	if (in_opening && first_digit == 5)
		return not_welcome(answer, found);
	if (answer->step == SMTP_STEP_GREETING)
		return not_reached(found);
	if (reply->code == 421)
		return slow_down(found, false);
	if (in_opening)
		return not_reached(found);
	if (answer->step == SMTP_STEP_RCPT && answer->rcpt_accepted_before &&
		smtp_reply_is_too_many(reply))
		return at_once();
	if (first_digit == 5)
		return refused(answer, found);
	return answer->step == SMTP_STEP_MAIL ? slow_down(found, true) : come_back(found);
}

/* What the operator wants beyond the table. He may end the mail of a recipient, but not by words that could
 * be forged (POL-14), nor by what was said to all. */
static struct smtp_action by_rule(struct smtp_action action, const struct smtp_answer *answer,
	const struct smtp_reply_rule *rule)
{
	bool is_heard = answer->channel.is_demanded || !answer->channel.level_is_mandatory;
	if (action.fate == SMTP_FATE_AGAIN || answer->step == SMTP_STEP_STARTTLS)
		return action;
	if (rule->slow && action.throttle < SMTP_THROTTLE_SLOW_DOWN)
		action.throttle = SMTP_THROTTLE_SLOW_DOWN;
	if (rule->suspend)
		action.throttle = SMTP_THROTTLE_SUSPEND;
	if (rule->bounce && is_about_rcpt(answer->step) && is_heard) {
		action.fate = SMTP_FATE_BOUNCE;
		action.same_host = false;
		action.counts_as_attempt = true;
	}
	if (rule->defer) {
		action.fate = SMTP_FATE_DEFER;
		action.may_suppress = action.bounce_if_all = false;
	}
	return action;
}

struct smtp_action smtp_reply_class_answer(const struct smtp_answer *answer)
{
	char memory[SMTP_REPLY_TEXT_BYTES_MAX + 2];
	unsigned first_digit = answer->reply.code / 100;
	if (first_digit == 2)
		return (struct smtp_action){ .fate = SMTP_FATE_DELIVERED,
			.counts_as_attempt = true };
	CHECK(first_digit == 4 || first_digit == 5);
	struct text words = smtp_reply_words(answer->reply.text, memory, sizeof memory);
	const struct smtp_reply_rule *rule =
		smtp_reply_rules_find(answer->channel.rules, first_digit, words);
	bool has_class = rule != NULL && rule->has_class;
	enum bounce_class found = has_class ? class_at(answer->step, rule->bounce_class)
					    : find(answer->step, &answer->reply, words);
	struct smtp_action action = by_table(answer, found);
	return rule != NULL ? by_rule(action, answer, rule) : action;
}

/* ---- ends without an answer ---- */

/* RFC 5321 3.8: a connection that breaks is a 451 (SMTP-16), so its row is that of the step. */
static struct smtp_action broken(enum smtp_step step, enum bounce_class bounce_class)
{
	if (step == SMTP_STEP_MAIL || step == SMTP_STEP_RSET)
		return slow_down(bounce_class, true);
	return is_about_rcpt(step) || step == SMTP_STEP_SENDING ? come_back(bounce_class)
								: not_reached(bounce_class);
}

struct smtp_action smtp_reply_class_end(enum smtp_end end, enum smtp_step step,
	const struct smtp_reply *reply, const struct smtp_channel *channel)
{
	const struct smtp_answer answer = { .step = step, .reply = *reply, .channel = *channel };
	switch (end) {
	case SMTP_END_GREETING_REFUSED:
	case SMTP_END_HELLO_REFUSED: return smtp_reply_class_answer(&answer);
	case SMTP_END_TLS_NOT_OFFERED:
	case SMTP_END_TLS_REFUSED:
	case SMTP_END_TLS_FAILED:
	case SMTP_END_INJECTION: return not_reached(BOUNCE_CLASS_TLS);
	case SMTP_END_CLOSING:
		/* An idle session that is told to go has done nothing wrong (SMTP-42). */
		if (step == SMTP_STEP_IDLE)
			return at_once();
		return slow_down(smtp_reply_class_find(step, reply), false);
	case SMTP_END_PROTOCOL:
	case SMTP_END_TOO_LONG:
		return step == SMTP_STEP_IDLE ? at_once() : broken(step, BOUNCE_CLASS_PROTOCOL);
	case SMTP_END_LOST:
	case SMTP_END_TIMEOUT:
		return step == SMTP_STEP_IDLE ? at_once() : broken(step, BOUNCE_CLASS_NETWORK);
	case SMTP_END_NONE:
	case SMTP_END_QUIT:
	case SMTP_END_EARLY_REPLY:
	case SMTP_END_BDAT_REFUSED:
	case SMTP_END_FLIGHT_REFUSED:
	case SMTP_END_RSET_REFUSED:
	case SMTP_END_NO_SENDER:
	case SMTP_END_STOPPED: return at_once();
	case SMTP_END_COUNT: break;
	}
	UNREACHABLE("all ends are listed");
}

/* ---- recipients ---- */

/* The host lacks something, or we cannot write it: what it is, and that nobody was asked. */
static enum bounce_class class_of_cause(enum smtp_cause cause)
{
	switch (cause) {
	case SMTP_CAUSE_LOST:
	case SMTP_CAUSE_TIMEOUT:
	case SMTP_CAUSE_SESSION_OVER: return BOUNCE_CLASS_NETWORK;
	case SMTP_CAUSE_TOO_BIG: return BOUNCE_CLASS_SIZE;
	case SMTP_CAUSE_NO_REQUIRETLS:
	case SMTP_CAUSE_REQUIRETLS_UNPROVEN: return BOUNCE_CLASS_TLS;
	case SMTP_CAUSE_BAD_SENDER:
	case SMTP_CAUSE_BAD_RCPT:
	case SMTP_CAUSE_BAD_PARAMETER: return BOUNCE_CLASS_INPUT;
	case SMTP_CAUSE_NONE:
	case SMTP_CAUSE_REPLY:
	case SMTP_CAUSE_PROTOCOL:
	case SMTP_CAUSE_RCPTS_MAX:
	case SMTP_CAUSE_RCPT_DOMAINS_MAX:
	case SMTP_CAUSE_PARAMETERS:
	case SMTP_CAUSE_BDAT_REFUSED:
	case SMTP_CAUSE_NO_8BITMIME:
	case SMTP_CAUSE_NO_BINARYMIME:
	case SMTP_CAUSE_NO_SMTPUTF8: return BOUNCE_CLASS_PROTOCOL;
	case SMTP_CAUSE_COUNT: break;
	}
	UNREACHABLE("all causes are listed");
}

static struct smtp_action answered(const struct smtp_transaction *transaction,
	const struct smtp_rcpt_result *rcpt, const struct smtp_channel *channel)
{
	enum smtp_step step = (enum smtp_step)rcpt->step;
	/* Too many recipients were told apart by the session, with verdict AGAIN. */
	const struct smtp_answer answer = {
		.step = step,
		.reply = { .code = rcpt->code,
			.status = rcpt->status,
			.text = smtp_rcpt_text(transaction, rcpt) },
		.about_one_rcpt = step == SMTP_STEP_RCPT ||
				  (is_about_rcpt(step) && transaction->rcpts_accepted == 1),
		.channel = *channel,
	};
	return smtp_reply_class_answer(&answer);
}

struct smtp_action smtp_reply_class_rcpt(const struct smtp_transaction *transaction,
	const struct smtp_rcpt_result *rcpt, const struct smtp_channel *channel)
{
	enum smtp_cause cause = (enum smtp_cause)rcpt->cause;
	enum bounce_class of_cause = class_of_cause(cause);
	if (cause == SMTP_CAUSE_REPLY)
		return answered(transaction, rcpt, channel);
	switch ((enum smtp_verdict)rcpt->verdict) {
	case SMTP_VERDICT_AGAIN:
	case SMTP_VERDICT_NOT_TRIED: return at_once();
	case SMTP_VERDICT_TEMPORARY: return broken((enum smtp_step)rcpt->step, of_cause);
	case SMTP_VERDICT_PERMANENT:
		return (struct smtp_action){ .fate = SMTP_FATE_BOUNCE, .bounce_class = of_cause };
	case SMTP_VERDICT_OTHER_HOST:
		/* RTLS-06: what is not proven yet may be so tomorrow. */
		return (struct smtp_action){ .fate = cause == SMTP_CAUSE_REQUIRETLS_UNPROVEN
							     ? SMTP_FATE_DEFER
							     : SMTP_FATE_BOUNCE,
			.bounce_class = of_cause,
			.next_mx = true };
	case SMTP_VERDICT_NONE:
	case SMTP_VERDICT_DELIVERED: break;
	}
	UNREACHABLE("a finished transaction has a verdict, and delivery a reply");
}
