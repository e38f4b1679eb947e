#include <stdlib.h>
#include "engine/run/revival.h"
#include "engine/run/scheduler_back.h"
#include "engine/run/scheduler_parts.h"

/* What comes from the queue and has no file any more: its outcome is told out of what the queue knows. */

/* An envelope with those recipients alone that are told of; their mail cannot be read any more. */
static struct envelope *make_stub(const struct revival *revival, uint32_t **out_rcpts)
{
	const struct queue_attempt *attempt = &revival->attempt;
	struct envelope_rcpt *rcpts = calloc(attempt->rcpts_count, sizeof *rcpts);
	free(*out_rcpts);
	*out_rcpts = calloc(attempt->rcpts_count, sizeof **out_rcpts);
	if (rcpts == NULL || *out_rcpts == NULL) {
		free(rcpts);
		return NULL;
	}
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		struct text address = attempt->rcpts[i].address;
		rcpts[i].address.text = address;
		rcpts[i].address.domain_at = (uint16_t)(address.len - attempt->domain.len);
		(*out_rcpts)[i] = attempt->rcpts[i].rcpt;
	}
	const struct envelope draft = {
		.sender.text = revival->file.from,
		.rcpts_count = attempt->rcpts_count,
		.rcpts = rcpts,
		.class = (enum envelope_class)revival->file.class,
		.job = revival->file.job,
		.id = revival->file.id,
	};
	struct envelope *envelope = envelope_create(&draft);
	free(rcpts);
	return envelope;
}

void park_withdrawn(struct scheduler *s, struct message *message, struct revival *revival)
{
	message->envelope = make_stub(revival, &message->stub_rcpts);
	message->withdrawn = true;
	message->state = MESSAGE_DELIVERING;
	list_push_back(&s->in_work, &message->node);
	if (message->envelope != NULL) {
		list_push_back(&message->revivals, &revival->node);
		park_attach(s, message);
		return;
	}
	back_give(s, revival);
	intake_evict(s, message);
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
