/* What every unit test includes: cmocka with the headers it wants before it, and numbers that look
 * random but are the same in every run. */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/text.h"

/* splitmix64: the state may start at any number, which is the seed that a failing test prints. */
static inline uint64_t seeded_next(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* From 0 to bound - 1. */
static inline uint64_t seeded_below(uint64_t *state, uint64_t bound)
{
	return seeded_next(state) % bound;
}

#define assert_text_equal(got, want) \
	do { \
		struct text got_ = (got); \
		assert_int_equal(got_.len, strlen(want)); \
		assert_memory_equal(got_.data != NULL ? got_.data : "", want, got_.len); \
	} while (0)

#endif
