#include "engine/mail/address_key.h"
#include "engine/run/scheduler_parts.h"
#include "store/suppress.h"

/* Somebody may get onto the list while his mail waits: looked at whenever an attempt becomes ready, not
 * only when its file is read. */

static enum result look_up(struct scheduler *s, const struct envelope_address *address,
	struct suppress_entry *out_entry, struct fail *fail)
{
	uint8_t memory[ADDRESS_BYTES_MAX];
	struct buf key;
	buf_init(&key, memory, sizeof memory);
	address_key_put(&key, address);
	CHECK(!key.overflow);
	return suppress_find(s->hub->suppress, buf_text(&key), out_entry, fail);
}

/* What those who are on the list have in common, for the event. */
struct why {
	char text[SUPPRESS_REASON_MAX + 64];
	bool differs;
};

static void add_why(struct why *why, const struct suppress_entry *entry)
{
	char text[sizeof why->text];
	(void)snprintf(text, sizeof text, "on the suppression list%s%.*s", entry->reason.len > 0 ? ": " : "",
		TEXT_ARG(entry->reason));
	if (why->text[0] == '\0')
		memcpy(why->text, text, sizeof text);
	else
		why->differs |= strcmp(why->text, text) != 0;
}

/* Marks them; how many. */
static enum result mark(struct scheduler *s, struct attempt *attempt, uint32_t *out_count,
	struct why *why, struct fail *fail)
{
	const struct envelope *envelope = attempt->message->envelope;
	*out_count = 0;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		struct suppress_entry entry;
		enum result r = look_up(s, &envelope->rcpts[attempt->rcpts[i].rcpt].address, &entry, fail);
		if (r == RESULT_NOT_FOUND)
			continue;
		if (r != RESULT_OK)
			return r;
		add_why(why, &entry);
		attempt->rcpts[i].fate = ATTEMPT_SUPPRESSED;
		++*out_count;
	}
	return RESULT_OK;
}

static void unmark(struct attempt *attempt)
{
	for (uint32_t i = 0; i < attempt->rcpts_count; i++)
		attempt->rcpts[i].fate = ATTEMPT_OPEN;
}

/* An attempt of their own for those that are marked; NULL: out of memory. It stands before all others of
 * the message, so that whoever walks over these does not meet it. */
static struct attempt *split_off(struct scheduler *s, struct attempt *attempt, uint32_t count)
{
	struct message *message = attempt->message;
	const struct envelope_rcpt *first = &message->envelope->rcpts[attempt->rcpts[0].rcpt];
	struct attempt *other = attempt_create(message, count);
	if (other == NULL)
		return NULL;
	list_remove(&other->message_node);
	list_push_front(&message->attempts, &other->message_node);
	other->domain = domain_take(s, envelope_domain(&first->address));
	CHECK(other->domain == attempt->domain); /* it is there already */
	other->transactional = attempt->transactional;
	other->expires_ns = attempt->expires_ns;
	other->number = attempt->number;
	uint32_t kept = 0, moved = 0;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		uint32_t rcpt = attempt->rcpts[i].rcpt;
		if (attempt->rcpts[i].fate == ATTEMPT_SUPPRESSED)
			other->rcpts[moved++].rcpt = rcpt;
		else
			attempt->rcpts[kept++] = (struct attempt_rcpt){ .rcpt = rcpt };
	}
	CHECK(moved == count);
	attempt->rcpts_count = kept;
	return other;
}

/* Mail waits while nobody knows who wants none; one line tells of all that do. */
static void list_is_unreadable(struct scheduler *s, struct attempt *attempt, const struct fail *fail)
{
	if (!s->suppress_failed)
		log_write(&s->log, LOG_SUPPRESS_UNREADABLE, LOG_FIELDS(log_fail("why", fail)));
	s->suppress_failed = true;
	unmark(attempt);
	outcome_settle(s, attempt, ATTEMPT_DEFERRED, BOUNCE_CLASS_OTHER, "4.3.0", fail->text);
}

bool suppress_pass(struct scheduler *s, struct attempt *attempt)
{
	struct why why = { .text = "" };
	struct fail fail = { 0 };
	uint32_t count;
	if (s->hub->suppress == NULL)
		return true;
	enum result r = mark(s, attempt, &count, &why, &fail);
	if (r != RESULT_OK) {
		list_is_unreadable(s, attempt, &fail);
		return false;
	}
	s->suppress_failed = false;
	if (count == 0)
		return true;
	struct attempt *suppressed = attempt;
	if (count < attempt->rcpts_count) {
		suppressed = split_off(s, attempt, count);
		if (suppressed == NULL) {
			unmark(attempt);
			outcome_settle(s, attempt, ATTEMPT_DEFERRED, BOUNCE_CLASS_OTHER, "4.3.0",
				"out of memory here");
			return false;
		}
	}
	unmark(suppressed);
	outcome_settle(s, suppressed, ATTEMPT_SUPPRESSED, BOUNCE_CLASS_NONE, "5.7.1",
		why.differs ? "on the suppression list, for several reasons" : why.text);
	return suppressed != attempt;
}
