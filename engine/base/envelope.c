#include "engine/base/envelope.h"
#include <stdlib.h>
#include <string.h>

/* Where the next text of the block goes. */
struct text_writer {
	char *at;
};

static size_t texts_bytes(const struct envelope *draft)
{
	size_t bytes = draft->sender.text.len + draft->envid.len + draft->job.len +
		       draft->pool.len + draft->id.len;
	for (uint32_t i = 0; i < draft->rcpts_count; i++)
		bytes += draft->rcpts[i].address.text.len + draft->rcpts[i].orcpt.len;
	return bytes;
}

static struct text text_move_in(struct text_writer *writer, struct text text)
{
	if (text.len == 0)
		return TEXT_EMPTY;
	struct text moved = { writer->at, text.len };
	memcpy(writer->at, text.data, text.len);
	writer->at += text.len;
	return moved;
}

struct envelope *envelope_create(const struct envelope *draft)
{
	CHECK(draft->rcpts_count >= 1);
	CHECK(draft->rcpts_count <= MESSAGE_RCPTS_MAX);
	/* No overflow: at most 10,000 recipients, each text within its own limit. */
	size_t rcpts_bytes = draft->rcpts_count * sizeof(struct envelope_rcpt);
	size_t text_bytes = texts_bytes(draft);
	size_t bytes = sizeof(struct envelope) + rcpts_bytes + text_bytes;
	struct envelope *envelope = malloc(bytes);
	if (envelope == NULL)
		return NULL;
	struct envelope_rcpt *rcpts = (struct envelope_rcpt *)(envelope + 1);
	struct text_writer writer = { (char *)rcpts + rcpts_bytes };
	*envelope = *draft;
	refcount_init(&envelope->refs);
	envelope->memory_bytes = bytes;
	envelope->rcpts = rcpts;
	envelope->sender.text = text_move_in(&writer, draft->sender.text);
	envelope->envid = text_move_in(&writer, draft->envid);
	envelope->job = text_move_in(&writer, draft->job);
	envelope->pool = text_move_in(&writer, draft->pool);
	envelope->id = text_move_in(&writer, draft->id);
	for (uint32_t i = 0; i < draft->rcpts_count; i++) {
		rcpts[i] = draft->rcpts[i];
		rcpts[i].address.text = text_move_in(&writer, draft->rcpts[i].address.text);
		rcpts[i].orcpt = text_move_in(&writer, draft->rcpts[i].orcpt);
	}
	CHECK(writer.at == (char *)envelope + bytes);
	return envelope;
}

struct envelope *envelope_ref(struct envelope *envelope)
{
	refcount_acquire(&envelope->refs);
	return envelope;
}

void envelope_unref(struct envelope *envelope)
{
	if (envelope != NULL && refcount_release(&envelope->refs))
		free(envelope);
}
