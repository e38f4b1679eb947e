#include "tests/unit/unit.h"
#include <stdalign.h>
#include <stdlib.h>
#include "engine/base/arena.h"
#include "tests/unit/engine/base/dies.h"

static void allocations_are_zeroed_aligned_and_apart(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, 256, 64 * 1024);
	uint8_t *given[100];
	size_t sizes[100];
	uint64_t seed = 1;
	for (size_t i = 0; i < COUNT_OF(given); i++) {
		sizes[i] = seeded_below(&seed, 300);
		given[i] = arena_alloc(&arena, sizes[i]);
		assert_non_null(given[i]);
		assert_int_equal((uintptr_t)given[i] % alignof(max_align_t), 0);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(given[i][k], 0);
		memset(given[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < COUNT_OF(given); i++) {
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(given[i][k], i + 1);
	}
	arena_deinit(&arena);
}

static void the_maximum_is_never_passed_and_is_a_result(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, 1024, 4096);
	size_t got = 0;
	while (arena_alloc(&arena, 100) != NULL)
		got += 100;
	assert_true(got >= 2000 && got <= 4096);
	assert_true(arena_is_exhausted(&arena));
	assert_true(arena_held_bytes(&arena) <= 4096);
	assert_null(arena_alloc(&arena, 5000));
	arena_reset(&arena);
	assert_false(arena_is_exhausted(&arena));
	assert_non_null(arena_alloc(&arena, 100));
	assert_null(arena_alloc(&arena, SIZE_MAX - 8));
	assert_null(arena_alloc_array(&arena, SIZE_MAX / 2, 3));
	arena_deinit(&arena);
}

static void a_fixed_arena_never_grows(void **state)
{
	(void)state;
	uint8_t memory[1024];
	struct arena arena;
	arena_init_fixed(&arena, memory + 1, sizeof memory - 1); /* need not be aligned */
	char *first = arena_alloc(&arena, 10);
	assert_non_null(first);
	assert_true((uint8_t *)first > memory && (uint8_t *)first < memory + sizeof memory);
	assert_null(arena_alloc(&arena, 1024));
	assert_true(arena_is_exhausted(&arena));
	arena_reset(&arena);
	assert_ptr_equal(arena_alloc(&arena, 10), first);
	arena_deinit(&arena);
}

static void rewind_gives_back_what_came_after_the_snapshot(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, 128, 64 * 1024);
	struct arena_mark start = arena_snapshot(&arena);
	struct text kept = arena_text_copy(&arena, TEXT("kept"));
	struct arena_mark mark = arena_snapshot(&arena);
	for (int i = 0; i < 50; i++)
		assert_non_null(arena_alloc(&arena, 60));
	size_t held = arena_held_bytes(&arena);
	arena_rewind(&arena, mark);
	assert_true(arena_held_bytes(&arena) < held);
	assert_text_equal(kept, "kept");
	char *again = arena_alloc(&arena, 60);
	for (int i = 0; i < 60; i++)
		assert_int_equal(again[i], 0);
	arena_rewind(&arena, start);
	assert_int_equal(arena_held_bytes(&arena), 0);
	arena_deinit(&arena);
}

static void copies_and_printed_texts_are_terminated(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, 64, 1024);
	struct text copy = arena_text_copy(&arena, text_cut(TEXT("abcdef"), 3));
	assert_text_equal(copy, "abc");
	assert_int_equal(copy.data[3], '\0');
	struct text empty = arena_text_copy(&arena, TEXT_EMPTY);
	assert_non_null(empty.data);
	assert_int_equal(empty.len, 0);
	struct text printed = arena_printf(&arena, "%s:%d", "host", 25);
	assert_text_equal(printed, "host:25");
	assert_int_equal(printed.data[printed.len], '\0');
	assert_null(arena_printf(&arena, "%2000d", 1).data);
	assert_true(arena_is_exhausted(&arena));
	arena_deinit(&arena);
}

static void write_behind_the_chunk(void)
{
	/* Not arena_alloc's memory, but the red zone behind the caller's: the sanitizers see
	 * nothing wrong in it, the arena must. */
	_Alignas(16) uint8_t memory[512];
	struct arena arena;
	arena_init_fixed(&arena, memory, sizeof memory);
	memory[sizeof memory - 1] ^= 1;
	arena_reset(&arena);
}

static void a_broken_red_zone_stops_the_program(void **state)
{
	(void)state;
	assert_dies(write_behind_the_chunk, "CHECK failed: chunk->memory[chunk->size + i]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocations_are_zeroed_aligned_and_apart),
		cmocka_unit_test(the_maximum_is_never_passed_and_is_a_result),
		cmocka_unit_test(a_fixed_arena_never_grows),
		cmocka_unit_test(rewind_gives_back_what_came_after_the_snapshot),
		cmocka_unit_test(copies_and_printed_texts_are_terminated),
		cmocka_unit_test(a_broken_red_zone_stops_the_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
