#include "engine/run/revival.h"
#include "engine/run/scheduler_back.h"
#include "engine/run/scheduler_parts.h"

/* Revivals that cannot be used now: the message is just leaving, there is no memory, or the file is not
 * what it was. The keeper hands them out again; to it they have arrived once, to --once not at all until
 * they stay. */

void back_init(struct scheduler *s)
{
	list_init(&s->to_give_back);
	mailbox_credits_init(&s->backs, HUB_DUE_MAX);
}

void back_deinit(struct scheduler *s)
{
	struct list_node *node;
	while ((node = list_pop_front(&s->to_give_back)) != NULL)
		revival_destroy(CONTAINER_OF(node, struct revival, node));
}

void back_give(struct scheduler *s, struct revival *revival)
{
	s->revived_count--;
	list_push_back(&s->to_give_back, &revival->node);
}

void back_arrived(struct scheduler *s, struct revival *revival)
{
	s->revived_count++;
	if (revival->arrived_ns == 0)
		revival->arrived_ns = scheduler_now(s);
	if (revival->was_back)
		mailbox_credits_give(&s->backs, 1);
	else
		s->due_taken++;
	revival->was_back = false;
}

void back_turn_end(struct scheduler *s)
{
	/* Of one message with many domains there may be more than the keeper's mailbox holds. */
	while (!list_is_empty(&s->to_give_back) && mailbox_credits_take(&s->backs, 1)) {
		struct list_node *node = list_pop_front(&s->to_give_back);
		struct revival *revival = CONTAINER_OF(node, struct revival, node);
		revival->was_back = true;
		hub_post(s->hub->keeper, POST_DUE_BACK, revival, 0, 0);
	}
	if (s->due_taken > 0)
		hub_post(s->hub->keeper, POST_DUE_TAKEN, NULL, s->due_taken, 0);
	s->due_taken = 0;
}

bool back_is_of_stub(const struct message *message, const struct revival *revival)
{
	uint32_t at = 0;
	return message->stub_rcpts == NULL ||
	       park_stub_index(message, revival->attempt.rcpts[0].rcpt, &at);
}

/* With other recipients now: none is to get another's mail, and none to be lost. */
bool back_is_of_envelope(const struct message *message, const struct revival *revival)
{
	if (message->was_gone || message->rcpt != NULL || message->stub_rcpts != NULL)
		return true; /* a recipient of a job is read by the number of its line */
	for (uint32_t i = 0; i < revival->attempt.rcpts_count; i++) {
		const struct queue_rcpt *rcpt = &revival->attempt.rcpts[i];
		if (rcpt->rcpt >= message->envelope->rcpts_count ||
			!text_equal(rcpt->address, message->envelope->rcpts[rcpt->rcpt].address.text))
			return false;
	}
	return true;
}
