#include "engine/run/job_run.h"
#include "engine/run/worker_state.h"

/* A recipient of a job has no file: his line came with the message, and what he gets is made of it and of the
 * template, right before it is sent. */

enum result job_merge_here(struct worker *w, const struct message *message, struct body_room *room,
	struct envelope **out_envelope, struct body **out_body, struct fail *out_fail)
{
	w->merger.arena = &w->scratch;
	w->merger.date = read_date(w, message->rcpt->job->index.header.made_unix_s);
	w->merger.host = text_of(w->config->sources[0].helo);
	w->merger.hash_key = w->hash_key;
	return job_merge(&w->merger, message, room, out_envelope, out_body, out_fail);
}

/* Without room for his body he goes on without it: the scheduler needs the envelope. */
void job_read(struct worker *w, struct message *message)
{
	struct body_room room = { .budget = &w->hub->bodies };
	struct body *body = NULL;
	struct fail fail = { 0 };
	message->read_result = job_merge_here(w, message, &room, &message->envelope, &body, &fail);
	message->body = body;
	if (message->read_result != RESULT_OK)
		snprintf(message->reason, sizeof message->reason, "%s", fail.text);
	hub_post(w->hub->scheduler, POST_READ_DONE, message, w->index, 0);
}
