#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/limits.h"
#include "engine/spool/rcpt_set.h"

static const struct siphash_key key = { 0x0123456789abcdefu, 0xfedcba9876543210u };
static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 16, 64 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static struct envelope_rcpt rcpt_of(const char *address, const char *orcpt)
{
	return (struct envelope_rcpt){ .address = { .text = text_of(address) },
		.orcpt = text_of(orcpt) };
}

static void the_first_of_equal_addresses_stays_with_its_parameters(void **state)
{
	(void)state;
	struct envelope_rcpt rcpts[] = {
		rcpt_of("a@x.example", "1"),
		rcpt_of("b@x.example", "2"),
		rcpt_of("a@x.example", "3"),
		rcpt_of("A@x.example", "4"), /* the case of a local part counts (SMTP-22) */
		rcpt_of("a@y.example", "5"),
		rcpt_of("b@x.example", "6"),
		rcpt_of("a@x.example", "7"),
	};
	uint32_t count = COUNT_OF(rcpts);
	assert_int_equal(rcpt_set_merge(rcpts, &count, &key, &arena), RESULT_OK);
	assert_int_equal(count, 4);
	static const char *const want[] = { "1", "2", "4", "5" };
	for (size_t i = 0; i < COUNT_OF(want); i++)
		assert_string_equal(rcpts[i].orcpt.data, want[i]);
}

/* Below and above the border between comparing and hashing, up to the largest file. */
static void any_number_is_merged_in_order(void **state)
{
	(void)state;
	static const uint32_t counts[] = { 1, 2, 15, 16, 17, 18, 31, 32, 33, 64, 65, 1000,
		MESSAGE_RCPTS_MAX };
	for (size_t c = 0; c < COUNT_OF(counts); c++) {
		for (uint32_t distinct = 1; distinct <= counts[c];
			distinct = distinct < 40 ? distinct + 1 : distinct * 3) {
			struct envelope_rcpt *rcpts =
				arena_alloc_array(&arena, counts[c], sizeof *rcpts);
			for (uint32_t i = 0; i < counts[c]; i++)
				rcpts[i].address.text =
					arena_printf(&arena, "r%u@x.example", i * 7 % distinct);
			struct text first = rcpts[0].address.text;
			uint32_t count = counts[c];
			assert_int_equal(rcpt_set_merge(rcpts, &count, &key, &arena), RESULT_OK);
			assert_true(text_equal(rcpts[0].address.text, first));
			/* i * 7 runs through all of them unless 7 divides their number */
			uint32_t want = distinct % 7 == 0 ? distinct / 7 : distinct;
			assert_int_equal(count, want);
			for (uint32_t i = 0; i < count; i++) {
				struct text want_text =
					arena_printf(&arena, "r%u@x.example", i * 7 % distinct);
				assert_true(text_equal(rcpts[i].address.text, want_text));
			}
			arena_reset(&arena);
		}
	}
}

static void an_exhausted_arena_is_told(void **state)
{
	(void)state;
	struct envelope_rcpt rcpts[40];
	for (size_t i = 0; i < COUNT_OF(rcpts); i++)
		rcpts[i] = rcpt_of("a@x.example", "");
	uint8_t memory[128];
	struct arena small;
	arena_init_fixed(&small, memory, sizeof memory);
	uint32_t count = COUNT_OF(rcpts);
	assert_int_equal(rcpt_set_merge(rcpts, &count, &key, &small), RESULT_MEMORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_of_equal_addresses_stays_with_its_parameters),
		cmocka_unit_test(any_number_is_merged_in_order),
		cmocka_unit_test(an_exhausted_arena_is_told),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
