/* Journals in tests: records whose content follows from their number, and what came back. */
#ifndef TESTS_UNIT_STORE_JOURNAL_FIXTURE_H
#define TESTS_UNIT_STORE_JOURNAL_FIXTURE_H

#include <stdlib.h>
#include "store/journal.h"
#include "tests/unit/unit.h"

enum {
	/* Small, so that segments come and go. */
	TEST_SEGMENT_BYTES = 8 * JOURNAL_BLOCK_BYTES,
	TEST_BATCH_BYTES = 3 * JOURNAL_BLOCK_BYTES,
	TEST_PAYLOAD_MAX = 2000,
	RECORDS_MAX = 4096,
};

/* What stands for a record in the model: the seed of its content, of which all else follows. */
struct test_payload { uint64_t seed; uint8_t data[TEST_PAYLOAD_MAX]; size_t len; uint8_t type; };

static inline void test_payload_make(struct test_payload *p, uint64_t seed)
{
	uint64_t state = p->seed = seed;
	p->len = 1 + seeded_below(&state, seeded_below(&state, 4) == 0 ? TEST_PAYLOAD_MAX : 200);
	p->type = (uint8_t)(1 + seeded_below(&state, 250));
	for (size_t i = 0; i < p->len; i++)
		p->data[i] = (uint8_t)seeded_next(&state);
}

/* What an open gave back: seqs from `first` on, each compared with the model. */
struct came_back {
	uint64_t first, next; /* next 0: nothing yet */
	const uint64_t *seeds; /* by seq; NULL: not compared */
	uint64_t seeds_max;
};

static inline enum result take_back(const struct journal_record *record, void *context)
{
	struct came_back *back = context;
	struct test_payload p;
	if (back->next == 0)
		back->first = back->next = record->seq;
	assert_true(record->seq == back->next);
	back->next++;
	if (back->seeds == NULL)
		return RESULT_OK;
	assert_true(record->seq < back->seeds_max);
	test_payload_make(&p, back->seeds[record->seq]);
	assert_int_equal(record->type, p.type);
	assert_int_equal(record->payload.len, p.len);
	assert_memory_equal(record->payload.data, p.data, p.len);
	return RESULT_OK;
}

static inline enum result test_journal_open(
	struct journal **out_journal, struct came_back *back, struct fail *fail)
{
	const struct journal_config config = { .path = ".", .segment_bytes = TEST_SEGMENT_BYTES,
		.batch_bytes = TEST_BATCH_BYTES };
	fail_clear(fail);
	return journal_open(&config, take_back, back, out_journal, fail);
}

#endif
