#include "engine/run/scheduler_parts.h"
#include "engine/run/scheduler_split.h"

/* Batch files: the files thread makes mail of one after the other. */

void splits_init(struct scheduler *s) { list_init(&s->to_split); }

void split_wait(struct scheduler *s, struct message *message)
{
	const struct recovered_file *recovered =
		recovery_find(s->recovery, message->name, &message->identity);
	message->recovered = recovered != NULL;
	if (recovered != NULL && recovered->split) { /* an earlier run has made mail of it */
		intake_leave(s, message, POST_UNLINK);
		return;
	}
	message->state = MESSAGE_FOUND;
	control_message_leaves(s, message);
	list_remove(&message->node);
	list_push_back(&s->to_split, &message->node);
}

void split_next(struct scheduler *s)
{
	if (s->phase != PHASE_RUNNING || s->splitting != NULL || list_is_empty(&s->to_split))
		return;
	s->splitting = CONTAINER_OF(list_first(&s->to_split), struct message, node);
	control_message_leaves(s, s->splitting);
	list_remove(&s->splitting->node);
	s->splitting->state = MESSAGE_READING;
	list_push_back(&s->in_work, &s->splitting->node);
	hub_post(s->hub->files, POST_SPLIT, s->splitting, 0, 0);
}

void split_over(struct scheduler *s, struct message *message)
{
	CHECK(s->splitting == message);
	s->splitting = NULL;
	s->files_idle = false; /* it is told again behind the mail that came of it */
	if (message->read_result == RESULT_OK || message->withdrawn) {
		intake_leave(s, message, POST_UNLINK);
	} else if (message->read_result == RESULT_NOT_FOUND ||
		   message->read_result == RESULT_CHANGED) {
		message->withdrawn = true;
		intake_leave(s, message, POST_UNLINK);
	} else if (message->read_result == RESULT_TOO_LONG) { /* it is no batch */
		intake_reject(s, message);
	} else if (message->read_result == RESULT_CANCELLED) { /* we are about to stop */
		split_wait(s, message);
	} else {
		intake_read_later(s, message);
	}
}
