/* What a connection of the sink has to say and may not say yet: replies that model a distant receiver
 * and leave after a delay, or that the client does not read. Empty most of the time, and then it
 * owns no memory. Bytes leave in their order; each knows from when on it may. */
#ifndef BENCH_SINK_OUTBOX_H
#define BENCH_SINK_OUTBOX_H

#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/text.h"

enum {
	/* Groups of replies on their way at once: a client that pipelines message after message has
	 * two or three. More share the last due time, so that they come late, never early. */
	SINK_OUTBOX_MARKS = 16,
};
#define SINK_OUTBOX_NEVER UINT64_MAX

struct sink_outbox {
	uint8_t *data;
	size_t len, size, taken;  /* bytes in it, room, bytes taken off the front */
	struct {
		uint64_t due_ns;
		size_t end;       /* bytes up to here */
	} marks[SINK_OUTBOX_MARKS]; /* oldest first */
	uint32_t marks_count;
};

/* A zeroed outbox is empty. Gives the memory back. */
void sink_outbox_deinit(struct sink_outbox *outbox);
/* False when there is no memory. Due times must not go back. */
MUST_USE bool sink_outbox_add(
	struct sink_outbox *outbox, const void *data, size_t len, uint64_t due_ns);
/* What may leave now; borrowed until the next call that changes it. */
struct text sink_outbox_due(const struct sink_outbox *outbox, uint64_t now_ns);
/* The first `len` bytes have left. When it is empty its memory goes back. */
void sink_outbox_take(struct sink_outbox *outbox, size_t len);
/* When the next bytes become due; SINK_OUTBOX_NEVER if it is empty. */
uint64_t sink_outbox_next_ns(const struct sink_outbox *outbox);
static inline size_t sink_outbox_bytes(const struct sink_outbox *outbox)
{
	return outbox->len - outbox->taken;
}

#endif
