#include <stdlib.h>
#include "engine/run/revival.h"
#include "engine/run/scheduler_back.h"
#include "engine/run/scheduler_parts.h"

/* What comes from the queue and has no file any more, or one that cannot be read before its lifetime ends:
 * its outcome is told out of what the queue knows. And what comes only after that end. */

static uint32_t count_rcpts(const struct list *revivals)
{
	uint32_t count = 0;
	LIST_FOR_EACH(node, revivals)
	count += CONTAINER_OF(node, struct revival, node)->attempt.rcpts_count;
	return count;
}

static void fill_stub(
	const struct list *revivals, struct envelope_rcpt *rcpts, uint32_t *out_numbers)
{
	uint32_t at = 0;
	LIST_FOR_EACH(node, revivals)
	{
		const struct queue_attempt *attempt =
			&CONTAINER_OF(node, struct revival, node)->attempt;
		for (uint32_t i = 0; i < attempt->rcpts_count; i++, at++) {
			struct text address = attempt->rcpts[i].address;
			rcpts[at].address.text = address;
			rcpts[at].address.domain_at = (uint16_t)(address.len - attempt->domain.len);
			rcpts[at].notify.never = true; /* of what could a notification tell? */
			out_numbers[at] = attempt->rcpts[i].rcpt;
		}
	}
}

/* An envelope with those recipients alone that have come; their mail cannot be read any more. */
static struct envelope *make_stub(const struct list *revivals, uint32_t **out_numbers)
{
	const struct revival *first = CONTAINER_OF(list_first(revivals), struct revival, node);
	uint32_t count = count_rcpts(revivals);
	struct envelope_rcpt *rcpts = calloc(count, sizeof *rcpts);
	free(*out_numbers);
	*out_numbers = calloc(count, sizeof **out_numbers);
	if (rcpts == NULL || *out_numbers == NULL) {
		free(rcpts);
		return NULL;
	}
	fill_stub(revivals, rcpts, *out_numbers);
	const struct envelope draft = {
		.sender.text = first->file.from,
		.rcpts_count = count,
		.rcpts = rcpts,
		.class = (enum envelope_class)first->file.class,
		.job = first->file.job,
		.id = first->file.id,
	};
	struct envelope *envelope = envelope_create(&draft);
	free(rcpts);
	return envelope;
}

bool park_stub_index(const struct message *message, uint32_t rcpt, uint32_t *inout_index)
{
	uint32_t count = message->envelope->rcpts_count;
	for (uint32_t i = 0; i < count; i++) { /* mostly they come in the order of the stub */
		uint32_t at = (*inout_index + i) % count;
		if (message->stub_rcpts[at] != rcpt)
			continue;
		*inout_index = at;
		return true;
	}
	return false;
}

void park_withdrawn(struct scheduler *s, struct message *message, struct revival *revival)
{
	list_push_back(&message->revivals, &revival->node);
	message->envelope = make_stub(&message->revivals, &message->stub_rcpts);
	message->withdrawn = true;
	message->state = MESSAGE_DELIVERING;
	list_push_back(&s->in_work, &message->node);
	if (message->envelope != NULL) {
		park_attach(s, message);
		return;
	}
	list_remove(&revival->node);
	back_give(s, revival);
	intake_evict(s, message);
}

/* ---- after the end ---- */

/* For one attempt: enough for some slow sessions, or for a file to be readable again. */
#define LATE_NS (300 * SECOND_NS)

/* Before its lifetime ended, not when it did. Its key may be earlier, for a warning. */
static bool was_due(const struct revival *revival)
{
	return revival->attempt.next_us < revival->attempt.expires_us && !revival->attempt.is_dropped;
}

void park_allow_late(struct scheduler *s, struct attempt *attempt, const struct revival *revival)
{
	uint64_t now_ns = scheduler_now(s), ends_ns = now_ns + LATE_NS;
	int64_t expiry_s = attempt->message->envelope->expiry_unix_s;
	if (!was_due(revival) || now_ns < attempt->expires_ns)
		return;
	if (expiry_s != 0 && outcome_instant_of(s, expiry_s) < (int64_t)ends_ns)
		return;
	attempt->expires_ns = ends_ns;
}

/* ---- not readable now ---- */

/* By the queue's time. What would be tried once though it comes after its end has as long to be read. */
static uint64_t ends_at(const struct scheduler *s, const struct revival *revival)
{
	uint64_t ends_ns = queue_clock_instant_ns(&s->hub->clock, revival->attempt.expires_us);
	bool is_late = was_due(revival) && revival->arrived_ns >= ends_ns;
	return is_late ? revival->arrived_ns + LATE_NS : ends_ns;
}

static bool all_expired(const struct scheduler *s, const struct message *message)
{
	LIST_FOR_EACH(node, &message->revivals)
	{
		if (scheduler_now(s) < ends_at(s, CONTAINER_OF(node, struct revival, node)))
			return false;
	}
	return !list_is_empty(&message->revivals);
}

void park_read_later(struct scheduler *s, struct message *message)
{
	if (all_expired(s, message))
		message->envelope = make_stub(&message->revivals, &message->stub_rcpts);
	if (message->envelope == NULL) {
		intake_read_later(s, message);
		return;
	}
	message->state = MESSAGE_DELIVERING;
	park_attach(s, message);
}

void park_unreadable(struct scheduler *s, struct message *message)
{
	struct list_node *node;
	if (message->rcpt != NULL) {
		jobs_unreadable(s, message);
		return;
	}
	bool is_changed = message->read_result == RESULT_INVALID || message->read_result == RESULT_TOO_LONG;
	/* The files thread sees that they are gone when they come again; not that one was written over. */
	while ((node = list_pop_front(&message->revivals)) != NULL) {
		struct revival *revival = CONTAINER_OF(node, struct revival, node);
		revival->is_changed |= is_changed;
		back_give(s, revival);
	}
	intake_evict(s, message);
}
