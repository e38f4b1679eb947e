#include "engine/spool/rcpt_set.h"

enum {
	/* So many are compared each with each: 120 comparisons cost less than hashing them. */
	COMPARED_MAX = 16,
	FREE_SLOT = 0, /* other slots hold the index of a recipient, plus 1 */
};

/* Open addressing over at least twice as many slots as there are recipients. */
struct slots {
	uint32_t *at;
	size_t mask;
	const struct siphash_key *key;
};

static bool is_same(const struct envelope_rcpt *a, const struct envelope_rcpt *b)
{
	return text_equal(a->address.text, b->address.text);
}

static bool stands_before(
	const struct envelope_rcpt *rcpts, uint32_t count, const struct envelope_rcpt *rcpt)
{
	for (uint32_t i = 0; i < count; i++)
		if (is_same(&rcpts[i], rcpt))
			return true;
	return false;
}

/* True when the address was not there: it then stands for rcpts[index]. */
static bool slots_add(struct slots *slots, const struct envelope_rcpt *rcpts, uint32_t index,
	const struct envelope_rcpt *rcpt)
{
	size_t at = siphash(slots->key, rcpt->address.text.data, rcpt->address.text.len);
	for (;; at++) {
		uint32_t *slot = &slots->at[at & slots->mask];
		if (*slot == FREE_SLOT) {
			*slot = index + 1;
			return true;
		}
		if (is_same(&rcpts[*slot - 1], rcpt))
			return false;
	}
}

enum result rcpt_set_merge(struct envelope_rcpt *rcpts, uint32_t *rcpts_count,
	const struct siphash_key *key, struct arena *arena)
{
	uint32_t kept = 0;
	struct slots slots = { .key = key };
	bool hashes = *rcpts_count > COMPARED_MAX;
	if (hashes) {
		size_t size = 4 * COMPARED_MAX;
		while (size < 2 * (size_t)*rcpts_count)
			size *= 2;
		slots.at = arena_alloc_array(arena, size, sizeof *slots.at);
		if (slots.at == NULL)
			return RESULT_MEMORY;
		slots.mask = size - 1;
	}
	for (uint32_t i = 0; i < *rcpts_count; i++) {
		/* What is compared with lies below `kept`, where nothing moves any more. */
		bool is_new = hashes ? slots_add(&slots, rcpts, kept, &rcpts[i])
				     : !stands_before(rcpts, kept, &rcpts[i]);
		if (is_new)
			rcpts[kept++] = rcpts[i];
	}
	*rcpts_count = kept;
	return RESULT_OK;
}
