#include <stdlib.h>
#include "engine/run/revival.h"
#include "engine/run/scheduler_parts.h"

/* What comes from the queue and has no file any more: its outcome is told out of what the queue knows. */

/* An envelope with those recipients alone that are told of; their mail cannot be read any more. */
static struct envelope *make_stub(const struct revival *revival)
{
	const struct queue_attempt *attempt = &revival->attempt;
	struct envelope_rcpt *rcpts = calloc(attempt->rcpts_count, sizeof *rcpts);
	if (rcpts == NULL)
		return NULL;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		struct text address = attempt->rcpts[i].address;
		rcpts[i].address.text = address;
		rcpts[i].address.domain_at = (uint16_t)(address.len - attempt->domain.len);
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
	message->envelope = make_stub(revival);
	message->withdrawn = true;
	message->state = MESSAGE_DELIVERING;
	list_push_back(&s->in_work, &message->node);
	if (message->envelope != NULL) {
		list_push_back(&message->revivals, &revival->node);
		park_attach(s, message);
		return;
	}
	park_give_back(s, revival);
	intake_evict(s, message);
}

void park_unreadable(struct scheduler *s, struct message *message)
{
	struct list_node *node;
	if (message->rcpt != NULL) {
		jobs_unreadable(s, message);
		return;
	}
	/* The files thread sees that they are gone when they come again. */
	while ((node = list_pop_front(&message->revivals)) != NULL)
		park_give_back(s, CONTAINER_OF(node, struct revival, node));
	intake_evict(s, message);
}
