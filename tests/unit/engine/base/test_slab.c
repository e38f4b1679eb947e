#include "tests/unit/engine/base/dies.h"
#include "engine/base/slab.h"

static void objects_are_apart_and_keep_their_index(void **state)
{
	(void)state;
	enum { COUNT = 100 };
	struct slab slab;
	uint8_t *objects[COUNT];
	assert_int_equal(slab_init(&slab, 100, COUNT), RESULT_OK);
	for (unsigned i = 0; i < COUNT; i++) {
		objects[i] = slab_acquire(&slab);
		assert_non_null(objects[i]);
		assert_int_equal((uintptr_t)objects[i] % 64, 0);
		for (unsigned k = 0; k < 100; k++)
			assert_int_equal(objects[i][k], 0);
		memset(objects[i], (int)i, 100);
	}
	assert_null(slab_acquire(&slab));
	assert_null(slab_acquire(&slab));
	assert_int_equal(slab.empty_count, 2);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_ptr_equal(slab_at(&slab, slab_index(&slab, objects[i])), objects[i]);
		for (unsigned k = 0; k < 100; k++)
			assert_int_equal(objects[i][k], i);
		slab_release(&slab, objects[i]);
	}
	assert_int_equal(slab_in_use(&slab), 0);
	slab_deinit(&slab);
}

/* Against a set of flags. */
static void random_use_agrees_with_a_model(void **state)
{
	(void)state;
	enum { COUNT = 37 };
	struct slab slab;
	void *held[COUNT] = { NULL };
	uint32_t in_use = 0;
	uint64_t seed = 3;
	assert_int_equal(slab_init(&slab, 8, COUNT), RESULT_OK);
	for (int turn = 0; turn < 20000; turn++) {
		unsigned at = (unsigned)seeded_below(&seed, COUNT);
		if (held[at] != NULL) {
			slab_release(&slab, held[at]);
			held[at] = NULL;
			in_use--;
		} else {
			held[at] = slab_acquire(&slab);
			assert_non_null(held[at]);
			*(uint64_t *)held[at] = at;
			in_use++;
		}
		assert_int_equal(slab_in_use(&slab), in_use);
	}
	uint32_t walked = 0;
	for (uint32_t i = 0; i < slab.touched; i++) {
		const uint64_t *object = slab_at(&slab, i);
		walked += object != NULL;
		if (object != NULL)
			assert_ptr_equal(object, held[*object]);
	}
	assert_int_equal(walked, in_use);
	for (unsigned i = 0; i < COUNT; i++) {
		if (held[i] != NULL)
			slab_release(&slab, held[i]);
	}
	slab_deinit(&slab);
}

static void the_last_released_comes_first(void **state)
{
	(void)state;
	struct slab slab;
	assert_int_equal(slab_init(&slab, 8, 4), RESULT_OK);
	void *a = slab_acquire(&slab), *b = slab_acquire(&slab);
	slab_release(&slab, a);
	slab_release(&slab, b);
	assert_ptr_equal(slab_acquire(&slab), b);
	assert_ptr_equal(slab_acquire(&slab), a);
	slab_release(&slab, a);
	slab_release(&slab, b);
	slab_deinit(&slab);
}

static void release_twice(void)
{
	struct slab slab;
	if (slab_init(&slab, 8, 4) != RESULT_OK)
		return;
	void *object = slab_acquire(&slab);
	slab_release(&slab, object);
	slab_release(&slab, object);
}

static void release_a_stranger(void)
{
	struct slab slab;
	int stranger;
	if (slab_init(&slab, 8, 4) == RESULT_OK)
		slab_release(&slab, &stranger);
}

static void release_the_middle(void)
{
	struct slab slab;
	if (slab_init(&slab, 64, 4) == RESULT_OK)
		slab_release(&slab, (char *)slab_acquire(&slab) + 8);
}

static void leave_one_behind(void)
{
	struct slab slab;
	if (slab_init(&slab, 64, 4) == RESULT_OK && slab_acquire(&slab) != NULL)
		slab_deinit(&slab);
}

static void wrong_releases_stop_the_program(void **state)
{
	(void)state;
	assert_dies(release_twice, "slab->next_free[index] == SLAB_IN_USE");
	assert_dies(release_a_stranger, "at >= slab->memory");
	assert_dies(release_the_middle, "offset % slab->object_bytes == 0");
	assert_dies(leave_one_behind, "slab->in_use == 0");
}

static void memory_that_cannot_be_had_is_a_result(void **state)
{
	(void)state;
	struct slab slab;
	assert_int_equal(slab_init(&slab, SIZE_MAX / 4, 1u << 20), RESULT_MEMORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_apart_and_keep_their_index),
		cmocka_unit_test(random_use_agrees_with_a_model),
		cmocka_unit_test(the_last_released_comes_first),
		cmocka_unit_test(wrong_releases_stop_the_program),
		cmocka_unit_test(memory_that_cannot_be_had_is_a_result),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
