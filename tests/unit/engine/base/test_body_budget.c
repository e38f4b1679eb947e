/* Memory that is taken, waited for and given back. */
#include <pthread.h>
#include "engine/base/body.h"
#include "tests/unit/unit.h"

static struct body_budget budget;

struct waiter {
	struct body_wait wait;
	_Atomic unsigned granted;
};

static void on_granted(struct body_wait *wait)
{
	struct waiter *waiter = CONTAINER_OF(wait, struct waiter, wait);
	atomic_fetch_add(&waiter->granted, 1);
}

static void wait_for(struct waiter *waiter, size_t bytes)
{
	*waiter = (struct waiter){ .wait = { .bytes = bytes, .granted = on_granted } };
	body_budget_wait(&budget, &waiter->wait);
}

static void assert_used(size_t bytes) { assert_int_equal(atomic_load(&budget.used_bytes), bytes); }

static void what_is_there_is_taken_and_waited_for_without_a_wait(void **state)
{
	(void)state;
	struct waiter waiter;
	body_budget_init(&budget, 100);
	assert_true(body_budget_take(&budget, 0));
	assert_true(body_budget_take(&budget, 60));
	assert_false(body_budget_take(&budget, 41));
	assert_used(60);
	wait_for(&waiter, 40);
	assert_int_equal(waiter.granted, 1);
	assert_used(100);
	body_budget_give_back(&budget, 100);
	assert_used(0);
}

static void who_waits_is_served_when_memory_comes_back_and_in_order(void **state)
{
	(void)state;
	struct waiter first, second, third;
	body_budget_init(&budget, 100);
	assert_true(body_budget_take(&budget, 90));
	wait_for(&first, 80);
	wait_for(&second, 20);
	wait_for(&third, 30);
	assert_true(body_budget_is_wanted(&budget));
	assert_int_equal(first.granted + second.granted + third.granted, 0);
	body_budget_give_back(&budget, 60); /* enough for the small ones, and not their turn */
	assert_int_equal(first.granted + second.granted + third.granted, 0);
	body_budget_give_back(&budget, 30);
	assert_int_equal(first.granted, 1);
	assert_int_equal(second.granted, 1);
	assert_int_equal(third.granted, 0);
	assert_used(100);
	body_budget_give_back(&budget, 80);
	assert_int_equal(third.granted, 1);
	assert_false(body_budget_is_wanted(&budget));
	assert_used(50);
}

/* Otherwise those that need little would take it from under the one that needs much, for ever. */
static void nothing_is_given_past_those_who_wait(void **state)
{
	(void)state;
	struct waiter large;
	body_budget_init(&budget, 100);
	assert_true(body_budget_take(&budget, 50));
	wait_for(&large, 90);
	assert_false(body_budget_take(&budget, 1));
	assert_null(body_create(&budget, 1, 0));
	body_budget_give_back(&budget, 50);
	assert_int_equal(large.granted, 1);
	assert_true(body_budget_take(&budget, 10));
}

static void more_than_there_ever_is_waits_until_nothing_is_held(void **state)
{
	(void)state;
	struct waiter huge;
	body_budget_init(&budget, 100);
	assert_true(body_budget_take(&budget, 1));
	wait_for(&huge, 1000);
	assert_int_equal(huge.granted, 0);
	body_budget_give_back(&budget, 1);
	assert_int_equal(huge.granted, 1);
	assert_used(1000);
	assert_false(body_budget_take(&budget, 1));
	body_budget_give_back(&budget, 1000);
}

static void who_gives_up_waiting_makes_way(void **state)
{
	(void)state;
	struct waiter large, small;
	body_budget_init(&budget, 100);
	assert_true(body_budget_take(&budget, 50));
	wait_for(&large, 90);
	wait_for(&small, 10);
	assert_int_equal(small.granted, 0);
	assert_true(body_budget_cancel(&budget, &large.wait));
	assert_int_equal(small.granted, 1);
	assert_false(body_budget_cancel(&budget, &small.wait)); /* too late: it has its memory */
	assert_int_equal(large.granted, 0);
	assert_false(body_budget_is_wanted(&budget));
	assert_used(60);
}

static void a_body_is_made_in_what_was_taken_for_it(void **state)
{
	(void)state;
	struct body_room room = { .budget = &budget };
	struct waiter waiter;
	size_t bytes = body_bytes(100, 5);
	body_budget_init(&budget, 2 * bytes);
	assert_true(body_budget_take(&budget, bytes + 7));
	room.bytes = bytes + 7;
	wait_for(&waiter, 10 * bytes); /* others wait: it is ours all the same */
	struct body *body = body_create_in(&room, 100, 5);
	assert_non_null(body);
	assert_int_equal(body->charged_bytes, bytes);
	assert_int_equal(room.bytes, 7);
	assert_used(bytes + 7);
	assert_null(body_create_in(&room, 100, 5)); /* what is missing is not there */
	assert_int_equal(room.bytes, 7);
	assert_true(body_budget_cancel(&budget, &waiter.wait));
	struct body *second = body_create_in(&room, 80, 0);
	assert_non_null(second);
	assert_int_equal(room.bytes, 0);
	body_unref(second);
	body_unref(body);
	assert_used(0);
	assert_int_equal(body_bytes(SIZE_MAX, 0), SIZE_MAX);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 20000, BUDGET = 1000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t was_granted = PTHREAD_COND_INITIALIZER;

static void wake(struct body_wait *wait)
{
	on_granted(wait);
	assert_int_equal(pthread_mutex_lock(&lock), 0);
	assert_int_equal(pthread_cond_broadcast(&was_granted), 0);
	assert_int_equal(pthread_mutex_unlock(&lock), 0);
}

static void *take_and_give(void *seed)
{
	uint64_t random = (uint64_t)(uintptr_t)seed;
	for (int i = 0; i < ROUNDS; i++) {
		size_t bytes = 1 + (size_t)seeded_below(&random, BUDGET);
		if (!body_budget_take(&budget, bytes)) {
			struct waiter waiter = { .wait = { .bytes = bytes, .granted = wake } };
			body_budget_wait(&budget, &waiter.wait);
			pthread_mutex_lock(&lock);
			while (atomic_load(&waiter.granted) == 0)
				pthread_cond_wait(&was_granted, &lock);
			pthread_mutex_unlock(&lock);
		}
		body_budget_give_back(&budget, bytes);
	}
	return NULL;
}

/* A wake-up that is lost ends this test by its time limit. */
static void threads_that_take_and_wait_all_come_to_their_end(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	body_budget_init(&budget, BUDGET);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, take_and_give, (void *)(i + 1)), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_used(0);
	assert_false(body_budget_is_wanted(&budget));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_there_is_taken_and_waited_for_without_a_wait),
		cmocka_unit_test(who_waits_is_served_when_memory_comes_back_and_in_order),
		cmocka_unit_test(nothing_is_given_past_those_who_wait),
		cmocka_unit_test(more_than_there_ever_is_waits_until_nothing_is_held),
		cmocka_unit_test(who_gives_up_waiting_makes_way),
		cmocka_unit_test(a_body_is_made_in_what_was_taken_for_it),
		cmocka_unit_test(threads_that_take_and_wait_all_come_to_their_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
