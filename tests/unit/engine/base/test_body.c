#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/body.h"

/* The address sanitizer ends the program for a malloc that malloc itself refuses with NULL. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

static void a_body_has_the_room_that_was_asked_for_and_pays_it_back(void **state)
{
	(void)state;
	struct body_budget budget;
	body_budget_init(&budget, 1 << 20);
	for (size_t data_max = 0; data_max < 40; data_max++) {
		for (size_t dots_max = 0; dots_max < 5; dots_max++) {
			struct body *body = body_create(&budget, data_max, dots_max);
			assert_non_null(body);
			/* to the last octet: a sanitizer watches */
			memset(body->data, 'x', data_max);
			for (size_t i = 0; i < dots_max; i++)
				body->dot_at[i] = UINT32_MAX;
			assert_int_equal(body->data_bytes, 0);
			assert_int_equal(body->dots_count, 0);
			assert_int_equal(atomic_load(&budget.used_bytes), body->charged_bytes);
			assert_true(body->charged_bytes >= data_max + 4 * dots_max);
			body_unref(body);
			assert_int_equal(atomic_load(&budget.used_bytes), 0);
		}
	}
	body_unref(NULL);
}

static void the_budget_is_kept_at_its_border(void **state)
{
	(void)state;
	struct body_budget budget;
	body_budget_init(&budget, 1 << 20);
	struct body *probe = body_create(&budget, 100, 0);
	assert_non_null(probe);
	size_t one = probe->charged_bytes;
	body_unref(probe);
	for (size_t max = 2 * one - 1; max <= 2 * one + 1; max++) {
		body_budget_init(&budget, max);
		struct body *first = body_create(&budget, 100, 0);
		struct body *second = body_create(&budget, 100, 0);
		assert_non_null(first);
		assert_int_equal(second != NULL, max >= 2 * one);
		assert_true(atomic_load(&budget.used_bytes) <= max);
		assert_null(body_create(&budget, 100, 0));
		body_unref(first);
		body_unref(second);
		assert_int_equal(atomic_load(&budget.used_bytes), 0);
	}
}

/* Else a message of 30 MB could never leave a process with 20 MB for bodies. */
static void one_body_is_given_even_if_it_is_larger_than_the_budget(void **state)
{
	(void)state;
	struct body_budget budget;
	body_budget_init(&budget, 10);
	struct body *large = body_create(&budget, 1000, 0);
	assert_non_null(large);
	assert_null(body_create(&budget, 0, 0));
	assert_null(body_create(&budget, 1000, 0));
	body_unref(large);
	large = body_create(&budget, 1000, 0);
	assert_non_null(large);
	body_unref(large);
}

static void sizes_that_overflow_are_refused(void **state)
{
	(void)state;
	struct body_budget budget;
	body_budget_init(&budget, SIZE_MAX);
	assert_null(body_create(&budget, SIZE_MAX, 0));
	assert_null(body_create(&budget, SIZE_MAX - 8, 1));
	assert_null(body_create(&budget, 0, SIZE_MAX / 2));
	assert_null(body_create(&budget, 0, SIZE_MAX / 4));
	/* does not overflow, but no machine has it */
	assert_null(body_create(&budget, SIZE_MAX / 2, 0));
	assert_int_equal(atomic_load(&budget.used_bytes), 0);
}

enum { THREADS = 4, ROUNDS = 20000 };

static atomic_bool octets_changed;

static void *hold_and_release(void *context)
{
	struct body *body = context;
	for (int i = 0; i < ROUNDS; i++) {
		struct body *own = body_ref(body);
		if (own->data[0] != 'x')
			atomic_store(&octets_changed, true);
		body_unref(own);
	}
	body_unref(body); /* the reference that came with the thread */
	return NULL;
}

static void the_last_of_several_threads_frees_it(void **state)
{
	(void)state;
	struct body_budget budget;
	body_budget_init(&budget, 1000);
	struct body *body = body_create(&budget, 1, 0);
	assert_non_null(body);
	body->data[0] = 'x';
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, hold_and_release, body_ref(body)), 0);
	body_unref(body);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_false(atomic_load(&octets_changed));
	assert_int_equal(atomic_load(&budget.used_bytes), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_has_the_room_that_was_asked_for_and_pays_it_back),
		cmocka_unit_test(the_budget_is_kept_at_its_border),
		cmocka_unit_test(one_body_is_given_even_if_it_is_larger_than_the_budget),
		cmocka_unit_test(sizes_that_overflow_are_refused),
		cmocka_unit_test(the_last_of_several_threads_frees_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
