#include "engine/run/job_merge.h"
#include <stdlib.h>
#include "engine/run/job_content.h"
#include "engine/run/job_run.h"

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

static enum result make(struct job_merger *m, const struct message *message,
	const struct job_recipient *recipient, struct body_room *room,
	struct envelope **out_envelope, struct body **out_body, struct fail *out_fail)
{
	const struct job_content *content = message->rcpt->job->content;
	struct message_file_context context = {
		.date = m->date,
		.host = m->host,
		.hash_key = m->hash_key,
		.room = room,
	};
	struct job_scratch scratch = {
		.arena = m->arena,
		.part = m->part,
		.message = m->message,
	};
	message_unique(message->name, &message->identity, context.unique);
	enum result r = job_message_make(
		&content->job, recipient, &context, &scratch, out_envelope, out_body, out_fail);
	if (r == RESULT_INVALID || r == RESULT_TOO_LONG)
		*out_envelope = stub(&content->manifest, recipient);
	return r;
}

void job_merger_end(struct job_merger *merger)
{
	free(merger->part.data);
	free(merger->message.data);
	merger->part = merger->message = (struct buf){ .data = NULL };
}

enum result job_merge(struct job_merger *m, const struct message *message, struct body_room *room,
	struct envelope **out_envelope, struct body **out_body, struct fail *out_fail)
{
	const struct job_rcpt *rcpt = message->rcpt;
	size_t bytes = rcpt->job->content->message_bytes_max;
	struct job_recipient recipient;
	*out_envelope = NULL;
	*out_body = NULL;
	if (!has_room(&m->part, bytes) || !has_room(&m->message, bytes))
		return fail_set(out_fail, RESULT_MEMORY, "no memory left for the message");
	enum result r = job_recipient_parse(
		text_of_bytes(rcpt->line, rcpt->line_len), m->arena, &recipient, out_fail);
	bool is_his = r == RESULT_OK &&
		      (rcpt->domain == NULL ||
			      text_equal(envelope_domain(&recipient.to), rcpt->domain->name));
	if (r == RESULT_OK && !is_his)
		r = fail_set(out_fail, RESULT_INVALID,
			"recipients.jsonl was changed after the job was accepted");
	if (r == RESULT_OK)
		r = make(m, message, &recipient, room, out_envelope, out_body, out_fail);
	arena_reset(m->arena);
	return r;
}
