#include "engine/base/body.h"
#include <stdlib.h>

size_t body_bytes(size_t data_max, size_t dots_max)
{
	size_t dots_bytes, bytes;
	if (__builtin_mul_overflow(dots_max, sizeof(uint32_t), &dots_bytes) ||
		__builtin_add_overflow(dots_bytes, sizeof(struct body), &bytes) ||
		__builtin_add_overflow(bytes, data_max, &bytes))
		return SIZE_MAX;
	return bytes;
}

struct body *body_create_in(struct body_room *room, size_t data_max, size_t dots_max)
{
	size_t bytes = body_bytes(data_max, dots_max);
	if (bytes == SIZE_MAX)
		return NULL;
	size_t more = bytes > room->bytes ? bytes - room->bytes : 0;
	if (!body_budget_take(room->budget, more))
		return NULL;
	struct body *body = malloc(bytes);
	if (body == NULL) {
		body_budget_give_back(room->budget, more);
		return NULL;
	}
	room->bytes -= bytes - more;
	/* The offsets come first, since they want alignment and the octets do not. */
	*body = (struct body){
		.magic = BODY_MAGIC,
		.budget = room->budget,
		.charged_bytes = bytes,
		.dot_at = (uint32_t *)(body + 1),
		.data = (uint8_t *)(body + 1) + dots_max * sizeof(uint32_t),
	};
	refcount_init(&body->refs);
	return body;
}

struct body *body_create(struct body_budget *budget, size_t data_max, size_t dots_max)
{
	struct body_room room = { .budget = budget };
	return body_create_in(&room, data_max, dots_max);
}

struct body *body_ref(struct body *body)
{
	CHECK_OBJ(body, BODY_MAGIC);
	refcount_acquire(&body->refs);
	return body;
}

void body_unref(struct body *body)
{
	if (body == NULL)
		return;
	CHECK_OBJ(body, BODY_MAGIC);
	if (!refcount_release(&body->refs))
		return;
	body->magic = 0;
	struct body_budget *budget = body->budget;
	size_t bytes = body->charged_bytes;
	free(body);
	body_budget_give_back(budget, bytes);
}
