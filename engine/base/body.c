#include "engine/base/body.h"
#include <stdlib.h>

void body_budget_init(struct body_budget *budget, size_t max_bytes)
{
	atomic_init(&budget->used_bytes, 0);
	budget->max_bytes = max_bytes;
}

static bool budget_take(struct body_budget *budget, size_t bytes)
{
	size_t before = atomic_fetch_add_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
	bool fits = before <= budget->max_bytes && bytes <= budget->max_bytes - before;
	if (fits || before == 0)
		return true;
	atomic_fetch_sub_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
	return false;
}

static void budget_give_back(struct body_budget *budget, size_t bytes)
{
	size_t before = atomic_fetch_sub_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
	CHECK(before >= bytes);
}

struct body *body_create(struct body_budget *budget, size_t data_max, size_t dots_max)
{
	/* The offsets come first, since they want alignment and the octets do not. */
	size_t dots_bytes, bytes;
	if (__builtin_mul_overflow(dots_max, sizeof(uint32_t), &dots_bytes) ||
		__builtin_add_overflow(dots_bytes, sizeof(struct body), &bytes) ||
		__builtin_add_overflow(bytes, data_max, &bytes))
		return NULL;
	if (!budget_take(budget, bytes))
		return NULL;
	struct body *body = malloc(bytes);
	if (body == NULL) {
		budget_give_back(budget, bytes);
		return NULL;
	}
	*body = (struct body){
		.magic = BODY_MAGIC,
		.budget = budget,
		.charged_bytes = bytes,
		.dot_at = (uint32_t *)(body + 1),
		.data = (uint8_t *)(body + 1) + dots_bytes,
	};
	refcount_init(&body->refs);
	return body;
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
	budget_give_back(body->budget, body->charged_bytes);
	free(body);
}
