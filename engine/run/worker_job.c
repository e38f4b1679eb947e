#include <stdlib.h>
#include "engine/run/job_content.h"
#include "engine/run/job_run.h"
#include "engine/run/worker_state.h"

/* A recipient of a job has no file: his line came with the message, and what he gets is made of it and of the
 * template, right before it is sent. */

static bool has_room(struct buf *buf, size_t bytes)
{
	if (buf->size >= bytes)
		return true;
	free(buf->data);
	void *memory = malloc(bytes);
	buf_init(buf, memory, memory != NULL ? bytes : 0);
	return memory != NULL;
}

/* For his event: who it is that is refused. */
static struct envelope *stub(
	const struct job_manifest *manifest, const struct job_recipient *recipient)
{
	const struct envelope_rcpt rcpt = { .address = recipient->to };
	const struct envelope draft = {
		.sender = recipient->has_from ? recipient->from : manifest->sender,
		.rcpts_count = 1,
		.rcpts = &rcpt,
		.class = manifest->class,
		.job = manifest->job,
		.pool = manifest->pool,
		.id = recipient->id,
	};
	return envelope_create(&draft);
}

static enum result make(struct worker *w, const struct message *message,
	const struct job_recipient *recipient, struct body_room *room,
	struct envelope **out_envelope, struct body **out_body, struct fail *out_fail)
{
	const struct job_content *content = message->rcpt->job->content;
	struct message_file_context context = {
		.date = read_date(w, message->rcpt->job->index.header.made_unix_s),
		.host = text_of(w->config->sources[0].helo),
		.hash_key = w->hash_key,
		.room = room,
	};
	struct job_scratch scratch = {
		.arena = &w->scratch,
		.part = w->job_part,
		.message = w->job_message,
	};
	message_unique(message->name, &message->identity, context.unique);
	enum result r = job_message_make(
		&content->job, recipient, &context, &scratch, out_envelope, out_body, out_fail);
	if (r == RESULT_INVALID || r == RESULT_TOO_LONG)
		*out_envelope = stub(&content->manifest, recipient);
	return r;
}

enum result job_merge(struct worker *w, const struct message *message, struct body_room *room,
	struct envelope **out_envelope, struct body **out_body, struct fail *out_fail)
{
	const struct job_rcpt *rcpt = message->rcpt;
	size_t bytes = rcpt->job->content->message_bytes_max;
	struct job_recipient recipient;
	*out_envelope = NULL;
	*out_body = NULL;
	if (!has_room(&w->job_part, bytes) || !has_room(&w->job_message, bytes))
		return fail_set(out_fail, RESULT_MEMORY, "no memory left for the message");
	enum result r = job_recipient_parse(
		text_of_bytes(rcpt->line, rcpt->line_len), &w->scratch, &recipient, out_fail);
	bool is_his = r == RESULT_OK &&
		      (rcpt->domain == NULL ||
			      text_equal(envelope_domain(&recipient.to), rcpt->domain->name));
	if (r == RESULT_OK && !is_his)
		r = fail_set(out_fail, RESULT_INVALID,
			"recipients.jsonl was changed after the job was accepted");
	if (r == RESULT_OK)
		r = make(w, message, &recipient, room, out_envelope, out_body, out_fail);
	arena_reset(&w->scratch);
	return r;
}

/* Without room for his body he goes on without it: the scheduler needs the envelope. */
void job_read(struct worker *w, struct message *message)
{
	struct body_room room = { .budget = &w->hub->bodies };
	struct body *body = NULL;
	struct fail fail = { 0 };
	message->read_result = job_merge(w, message, &room, &message->envelope, &body, &fail);
	message->body = body;
	if (message->read_result != RESULT_OK)
		snprintf(message->reason, sizeof message->reason, "%s", fail.text);
	hub_post(w->hub->scheduler, POST_READ_DONE, message, w->index, 0);
}
