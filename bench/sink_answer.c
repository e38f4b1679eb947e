#include "bench/sink_session_internal.h"
#include <string.h>

enum {
	/* How much of an endless reply is made at a time. */
	FILL_BYTES = 8192,
};

/* What is to be done with one reply, after all rules of its stage had their say. */
struct plan {
	struct text reply;
	enum sink_fault frame;  /* the one that changes the form */
	enum sink_fault ending; /* CLOSE, RESET, STALL instead of a reply */
	uint32_t delay_ms, drip_ms;
	uint64_t number;       /* of the frame */
	char text[SINK_RULE_TEXT_MAX + 64];
};

void sink_odd(struct sink_session *s, enum sink_oddity oddity)
{
	sink_count(&s->book->oddities[oddity], 1);
	if (s->tap != NULL && s->tap->oddity != NULL)
		s->tap->oddity(s->tap_context, oddity);
}

void sink_then(struct sink_session *s, enum sink_want want)
{
	bool waits = s->want == SINK_WANT_WAIT || s->want == SINK_WANT_DRIP;
	/* A session that ends stays ended. */
	if (s->want == SINK_WANT_INPUT)
		s->want = (uint8_t)want;
	else if (waits && s->want_next == SINK_WANT_INPUT)
		s->want_next = (uint8_t)want;
}

/* ---- which rules concern us: of the address, of the transaction, of this recipient ---- */

static uint32_t rules_count(const struct sink_session *s)
{
	return s->site->active_count + s->mail.rules_count + s->rcpt_rules_count;
}

static struct sink_rule *rule_at(struct sink_session *s, uint32_t index)
{
	if (index < s->site->active_count)
		return &s->site->rules->rules[s->site->active[index]];
	index -= s->site->active_count;
	return index < s->mail.rules_count ? s->mail.rules[index] :
					     s->rcpt_rules[index - s->mail.rules_count];
}

struct sink_rule *sink_bug(struct sink_session *s, enum sink_deed bug)
{
	for (uint32_t i = 0, count = rules_count(s); i < count; i++) {
		struct sink_rule *rule = rule_at(s, i);
		if (rule->deed == bug && sink_rule_strikes(rule, sink_dice(s))) {
			sink_count(&s->book->counters.faults, 1);
			s->at_fault = true;
			return rule;
		}
	}
	return NULL;
}

/* ---- the plan ---- */

/* "452" becomes a whole line, a whole line stays as it is. */
static void plan_reply(struct plan *plan, const char *argument)
{
	struct text text = text_of(argument);
	if (text.len > 3) {
		snprintf(plan->text, sizeof plan->text, "%s", argument);
	} else {
		char digit = argument[0] == '4' || argument[0] == '5' ? argument[0] : '2';
		const char *status = argument[0] == '3' || argument[0] == '1' ? "" : ".0.0 ";
		snprintf(plan->text, sizeof plan->text, "%s %.*s%sAsked for by a bug", argument,
			status[0] != '\0', &digit, status);
	}
	plan->reply = text_of(plan->text);
}

static void plan_rule(struct plan *plan, const struct sink_rule *rule)
{
	uint32_t ms = rule->number < UINT32_MAX ? (uint32_t)rule->number : UINT32_MAX;
	enum sink_fault fault = sink_deed_fault(rule->deed);
	switch (fault) {
	case SINK_FAULT_NONE:
	case SINK_FAULT_COUNT:
		break;
	case SINK_FAULT_REPLY:
		plan_reply(plan, rule->argument);
		break;
	case SINK_FAULT_DELAY:
		plan->delay_ms = ms;
		break;
	case SINK_FAULT_DRIP:
		plan->drip_ms = ms;
		break;
	case SINK_FAULT_CLOSE:
	case SINK_FAULT_RESET:
	case SINK_FAULT_STALL:
		plan->ending = fault;
		break;
	case SINK_FAULT_GARBAGE:
	case SINK_FAULT_TWICE:
	case SINK_FAULT_DIFFER:
	case SINK_FAULT_ENDLESS:
	case SINK_FAULT_LONGLINE:
	case SINK_FAULT_LF:
	case SINK_FAULT_CR:
	case SINK_FAULT_BARE:
	case SINK_FAULT_MULTI:
	case SINK_FAULT_CONTROLS:
	case SINK_FAULT_CUT:
	case SINK_FAULT_HALFCLOSE:
	case SINK_FAULT_BYE:
		plan->frame = fault;
		plan->number = rule->number;
		break;
	}
}

static void make_plan(struct sink_session *s, enum sink_stage stage, struct text reply,
	struct plan *plan)
{
	*plan = (struct plan){ .reply = reply };
	for (uint32_t i = 0, count = rules_count(s); i < count; i++) {
		struct sink_rule *rule = rule_at(s, i);
		/* Rules of other recipients of the transaction do not touch this RCPT. */
		bool foreign = stage == SINK_STAGE_RCPT && i >= s->site->active_count &&
			i < s->site->active_count + s->mail.rules_count;
		if (foreign || sink_deed_fault(rule->deed) == SINK_FAULT_NONE || rule->stage != stage ||
			!sink_rule_strikes(rule, sink_dice(s)))
			continue;
		sink_count(&s->book->counters.faults, 1);
		s->at_fault = true;
		plan_rule(plan, rule);
	}
}

/* ---- how the reply is written ---- */

static void put_line(struct sink_session *s, struct buf *to, struct text line)
{
	buf_put_text(to, line);
	buf_put_text(to, TEXT("\r\n"));
	if (s->tap != NULL && s->tap->line != NULL)
		s->tap->line(s->tap_context, false, line);
}

static unsigned code_of(struct text reply)
{
	CHECK(reply.len >= 3);
	return (unsigned)(reply.data[0] - '0') * 100 + (unsigned)(reply.data[1] - '0') * 10 +
		(unsigned)(reply.data[2] - '0');
}

/* Writes CODE, the separator and a text as a line of its own. */
static void put_part(struct sink_session *s, struct buf *to, struct text code, struct text rest)
{
	char line[64];
	int len = snprintf(line, sizeof line, "%.*s%.*s", TEXT_ARG(code), TEXT_ARG(rest));
	put_line(s, to, (struct text){ line, (size_t)len });
}

/* Everything but the last line of a reply is written as it is. Returns the last line. */
static struct text put_first_lines(struct sink_session *s, struct buf *to, struct text reply)
{
	size_t end = text_find_last(reply, '\n');
	if (end == TEXT_NONE)
		return reply;
	put_line(s, to, text_cut(reply, end - 1));
	return text_skip(reply, end + 1);
}

static void start_filler(struct sink_session *s, const struct plan *plan, struct text code)
{
	s->filler = (uint8_t)plan->frame;
	s->filler_left = plan->number;
	memcpy(s->filler_code, code.data, 3);
	s->filler_code[3] = '\0';
	if (s->want != SINK_WANT_INPUT)
		return; /* behind a delay */
	s->want = SINK_WANT_WAIT;
	s->wait_ms = 0;
}

/* Returns the code that the client sees last. */
static unsigned put_framed(struct sink_session *s, struct buf *to, const struct plan *plan)
{
	struct text code = text_cut(plan->reply, 3), last;
	bool negative = code.data[0] == '4' || code.data[0] == '5';
	struct text other = negative ? TEXT("250") : TEXT("550");
	switch (plan->frame) {
	case SINK_FAULT_GARBAGE:
		put_line(s, to, TEXT("This line is no reply"));
		put_line(s, to, plan->reply);
		break;
	case SINK_FAULT_TWICE:
		put_line(s, to, plan->reply);
		put_line(s, to, plan->reply);
		break;
	case SINK_FAULT_DIFFER:
		put_part(s, to, code, TEXT("-One thing first"));
		put_part(s, to, other, TEXT(" Another at the end"));
		return code_of(other);
	case SINK_FAULT_LF:
	case SINK_FAULT_CR:
		last = put_first_lines(s, to, plan->reply);
		buf_put_text(to, last);
		buf_put_u8(to, plan->frame == SINK_FAULT_LF ? '\n' : '\r');
		break;
	case SINK_FAULT_BARE:
		last = put_first_lines(s, to, plan->reply);
		put_line(s, to, text_cut(last, 3));
		break;
	case SINK_FAULT_MULTI:
		put_part(s, to, code, TEXT("-This is the first line"));
		put_part(s, to, code, TEXT("-and this the second"));
		put_line(s, to, plan->reply);
		break;
	case SINK_FAULT_CONTROLS:
		put_part(s, to, code, TEXT("-\x1b[31mred\x07\x80\xff"));
		buf_put_text(to, code);
		buf_put_text(to, TEXT(" a\0b\r\n"));
		break;
	case SINK_FAULT_CUT:
		buf_put_text(to, text_cut(plan->reply, plan->reply.len / 2));
		return 0;
	case SINK_FAULT_BYE:
		put_line(s, to, plan->reply);
		put_line(s, to, TEXT("421 4.3.2 Closing, unasked"));
		break;
	case SINK_FAULT_ENDLESS:
		start_filler(s, plan, code);
		return 0;
	case SINK_FAULT_LONGLINE:
		put_first_lines(s, to, plan->reply);
		start_filler(s, plan, code);
		buf_put_text(to, code);
		buf_put_u8(to, ' ');
		break;
	case SINK_FAULT_HALFCLOSE:
	case SINK_FAULT_NONE:
		put_line(s, to, plan->reply);
		break;
	case SINK_FAULT_REPLY:
	case SINK_FAULT_CLOSE:
	case SINK_FAULT_RESET:
	case SINK_FAULT_STALL:
	case SINK_FAULT_DELAY:
	case SINK_FAULT_DRIP:
	case SINK_FAULT_COUNT:
		UNREACHABLE("not the form of a reply");
	}
	return code_of(plan->reply);
}

/* What follows the reply because of its form or code. */
static void after_reply(struct sink_session *s, const struct plan *plan)
{
	if (text_starts(plan->reply, TEXT("421")) || plan->frame == SINK_FAULT_CUT ||
		plan->frame == SINK_FAULT_BYE) {
		s->said_421 = true;
		sink_then(s, SINK_WANT_CLOSE);
	} else if (plan->frame == SINK_FAULT_HALFCLOSE) {
		s->phase = SINK_PHASE_BLIND;
		sink_then(s, SINK_WANT_HALF_CLOSE);
	}
}

static unsigned carry_out(struct sink_session *s, const struct plan *plan)
{
	struct buf held;
	struct buf *to = s->out;
	buf_init(&held, s->held, sizeof s->held);
	if (plan->delay_ms > 0) {
		to = &held;
		s->want = SINK_WANT_WAIT;
		s->wait_ms = plan->delay_ms;
	} else if (plan->drip_ms > 0) {
		s->want = SINK_WANT_DRIP;
		s->wait_ms = plan->drip_ms;
	}
	if (plan->ending == SINK_FAULT_STALL)
		s->phase = SINK_PHASE_BLIND;
	else if (plan->ending != SINK_FAULT_NONE)
		sink_then(s, plan->ending == SINK_FAULT_CLOSE ? SINK_WANT_CLOSE : SINK_WANT_RESET);
	if (plan->ending != SINK_FAULT_NONE)
		return 0;
	unsigned code = put_framed(s, to, plan);
	s->held_len = (uint32_t)held.len;
	after_reply(s, plan);
	return code;
}

unsigned sink_answer(struct sink_session *s, enum sink_stage stage, struct text reply)
{
	if (rules_count(s) == 0) {
		put_line(s, s->out, reply);
		if (text_starts(reply, TEXT("421"))) {
			s->said_421 = true;
			sink_then(s, SINK_WANT_CLOSE);
		}
		return code_of(reply);
	}
	struct plan plan;
	make_plan(s, stage, reply, &plan);
	return carry_out(s, &plan);
}

void sink_say(struct sink_session *s, struct text reply) { put_line(s, s->out, reply); }

void sink_answer_fill(struct sink_session *s)
{
	static const char row[] = "and so on and so on and so on and so on and so on and so on\r\n";
	static const char xs[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	for (size_t made = 0; made < FILL_BYTES;) {
		if (s->filler == SINK_FAULT_ENDLESS) {
			buf_put(s->out, s->filler_code, 3);
			buf_put_u8(s->out, '-');
			buf_put(s->out, row, sizeof row - 1);
			made += sizeof row + 3;
			continue;
		}
		size_t n = s->filler_left < sizeof xs - 1 ? (size_t)s->filler_left : sizeof xs - 1;
		buf_put(s->out, xs, n);
		s->filler_left -= n;
		made += n;
		if (s->filler_left == 0) {
			buf_put_text(s->out, TEXT("\r\n"));
			s->filler = SINK_FAULT_NONE;
			s->want = s->want_next;
			s->want_next = SINK_WANT_INPUT;
			return;
		}
	}
}
