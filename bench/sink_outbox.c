#include "bench/sink_outbox.h"
#include <stdlib.h>
#include <string.h>

enum {
	/* The replies of a group; grows by doubling when there is more. */
	OUTBOX_FIRST_BYTES = 512,
};

void sink_outbox_deinit(struct sink_outbox *outbox)
{
	free(outbox->data);
	*outbox = (struct sink_outbox){ .data = NULL };
}

static bool make_room(struct sink_outbox *outbox, size_t len)
{
	size_t size = outbox->size > 0 ? outbox->size : OUTBOX_FIRST_BYTES;
	while (size - outbox->len < len)
		size *= 2;
	if (size == outbox->size)
		return true;
	uint8_t *data = realloc(outbox->data, size);
	if (data == NULL)
		return false;
	outbox->data = data;
	outbox->size = size;
	return true;
}

bool sink_outbox_add(struct sink_outbox *outbox, const void *data, size_t len, uint64_t due_ns)
{
	if (len == 0)
		return true;
	if (!make_room(outbox, len))
		return false;
	memcpy(outbox->data + outbox->len, data, len);
	outbox->len += len;
	if (outbox->marks_count < SINK_OUTBOX_MARKS)
		outbox->marks_count++;
	outbox->marks[outbox->marks_count - 1].due_ns = due_ns;
	outbox->marks[outbox->marks_count - 1].end = outbox->len;
	return true;
}

struct text sink_outbox_due(const struct sink_outbox *outbox, uint64_t now_ns)
{
	size_t end = outbox->taken;
	for (uint32_t i = 0; i < outbox->marks_count && outbox->marks[i].due_ns <= now_ns; i++)
		end = outbox->marks[i].end;
	return text_of_bytes(outbox->data + outbox->taken, end - outbox->taken);
}

void sink_outbox_take(struct sink_outbox *outbox, size_t len)
{
	CHECK(len <= sink_outbox_bytes(outbox));
	outbox->taken += len;
	if (outbox->taken == outbox->len) {
		sink_outbox_deinit(outbox);
		return;
	}
	uint32_t done = 0;
	while (outbox->marks[done].end <= outbox->taken)
		done++;
	outbox->marks_count -= done;
	memmove(outbox->marks, outbox->marks + done, outbox->marks_count * sizeof *outbox->marks);
}

uint64_t sink_outbox_next_ns(const struct sink_outbox *outbox)
{
	return outbox->marks_count > 0 ? outbox->marks[0].due_ns : SINK_OUTBOX_NEVER;
}
