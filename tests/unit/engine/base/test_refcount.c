#include "tests/unit/engine/base/dies.h"
#include <pthread.h>
#include "engine/base/refcount.h"

static void the_last_release_says_so(void **state)
{
	(void)state;
	struct refcount refs;
	refcount_init(&refs);
	refcount_acquire(&refs);
	assert_int_equal(refcount_get(&refs), 2);
	assert_false(refcount_release(&refs));
	assert_true(refcount_release(&refs));
}

enum { THREADS = 4, TURNS = 100000 };
static struct refcount shared;
static atomic_int lasts;

static void *take_and_give(void *unused)
{
	(void)unused;
	for (int i = 0; i < TURNS; i++) {
		refcount_acquire(&shared);
		if (refcount_release(&shared))
			atomic_fetch_add(&lasts, 1);
	}
	if (refcount_release(&shared))
		atomic_fetch_add(&lasts, 1);
	return NULL;
}

static void among_threads_exactly_one_is_the_last(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	refcount_init(&shared);
	for (int i = 1; i < THREADS; i++)
		refcount_acquire(&shared);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&lasts), 1);
	assert_int_equal(refcount_get(&shared), 0);
}

static void acquire_what_is_gone(void)
{
	struct refcount refs;
	refcount_init(&refs);
	if (refcount_release(&refs))
		refcount_acquire(&refs);
}

static void release_too_often(void)
{
	struct refcount refs;
	refcount_init(&refs);
	if (refcount_release(&refs) && refcount_release(&refs))
		return;
}

static void wrong_counts_stop_the_program(void **state)
{
	(void)state;
	assert_dies(acquire_what_is_gone, "before > 0");
	assert_dies(release_too_often, "before > 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_release_says_so),
		cmocka_unit_test(among_threads_exactly_one_is_the_last),
		cmocka_unit_test(wrong_counts_stop_the_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
