#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "engine/plan/fair_queue.h"

enum { ITEMS = 1000 };
static struct fair_item items[ITEMS];
static struct fair_flow flows[8];
static const char jobs[8];

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < ITEMS; i++)
		items[i] = (struct fair_item){ 0 };
	for (size_t i = 0; i < 8; i++)
		flows[i] = (struct fair_flow){ 0 };
	return 0;
}

static void push(struct fair_queue *q, enum fair_class class, size_t job, size_t item, uint32_t cost)
{
	struct fair_flow *flow = fair_queue_find(q, class, &jobs[job]);
	fair_queue_push(q, class, &jobs[job], flow != NULL ? flow : &flows[job], &items[item], cost);
}

static size_t pop(struct fair_queue *q)
{
	struct fair_flow *empty;
	struct fair_item *item = fair_queue_pop(q, &empty);
	assert_non_null(item);
	return (size_t)(item - items);
}

static void an_empty_queue_gives_nothing(void **state)
{
	(void)state;
	struct fair_queue q;
	struct fair_flow *empty;
	fair_queue_init(&q);
	assert_null(fair_queue_pop(&q, &empty));
	assert_null(empty);
}

static void transactional_mail_overtakes_bulk(void **state)
{
	(void)state;
	struct fair_queue q;
	fair_queue_init(&q);
	for (size_t i = 0; i < 100; i++)
		push(&q, FAIR_BULK, 0, i, 3);
	assert_int_equal(pop(&q), 0);
	push(&q, FAIR_TRANSACTIONAL, 1, 500, 3);
	assert_int_equal(pop(&q), 500);
	assert_int_equal(pop(&q), 1);
}

static void one_flow_keeps_its_order(void **state)
{
	(void)state;
	struct fair_queue q;
	fair_queue_init(&q);
	for (size_t i = 0; i < 200; i++)
		push(&q, FAIR_BULK, 0, i, 1 + (uint32_t)i % 50);
	for (size_t i = 0; i < 200; i++)
		assert_int_equal(pop(&q), i);
}

static void a_small_job_does_not_wait_for_a_large_one(void **state)
{
	(void)state;
	struct fair_queue q;
	fair_queue_init(&q);
	for (size_t i = 0; i < 900; i++)
		push(&q, FAIR_BULK, 0, i, 4);
	for (size_t i = 900; i < 910; i++)
		push(&q, FAIR_BULK, 1, i, 4);
	size_t seen = 0, popped = 0;
	while (seen < 10) {
		seen += pop(&q) >= 900;
		popped++;
	}
	assert_true(popped <= 10 + 2 * FAIR_QUANTUM / 4);
}

static void the_class_of_the_next_item_is_known_before_it_is_popped(void **state)
{
	(void)state;
	struct fair_queue q;
	fair_queue_init(&q);
	assert_false(fair_queue_is_next(&q, FAIR_TRANSACTIONAL));
	assert_false(fair_queue_is_next(&q, FAIR_BULK));
	push(&q, FAIR_BULK, 0, 0, 1);
	assert_false(fair_queue_is_next(&q, FAIR_TRANSACTIONAL));
	assert_true(fair_queue_is_next(&q, FAIR_BULK));
	push(&q, FAIR_TRANSACTIONAL, 1, 1, 1);
	assert_true(fair_queue_is_next(&q, FAIR_TRANSACTIONAL));
	assert_false(fair_queue_is_next(&q, FAIR_BULK));
	assert_int_equal(pop(&q), 1);
	assert_true(fair_queue_is_next(&q, FAIR_BULK));
}

/* Over a long time two jobs share by cost, not by number. */
static void jobs_share_by_cost(void **state)
{
	(void)state;
	struct fair_queue q;
	fair_queue_init(&q);
	for (size_t i = 0; i < 500; i++)
		push(&q, FAIR_BULK, 0, i, 30);
	for (size_t i = 500; i < 1000; i++)
		push(&q, FAIR_BULK, 1, i, 10);
	long cost[2] = { 0, 0 };
	for (size_t i = 0; i < 400; i++) {
		size_t item = pop(&q);
		cost[item >= 500] += item >= 500 ? 10 : 30;
	}
	assert_in_range(labs(cost[0] - cost[1]), 0, 2 * FAIR_QUANTUM);
}

static void a_flow_that_ran_empty_is_given_back(void **state)
{
	(void)state;
	struct fair_queue q;
	struct fair_flow *empty;
	fair_queue_init(&q);
	push(&q, FAIR_BULK, 0, 0, 1);
	push(&q, FAIR_BULK, 0, 1, 1);
	assert_non_null(fair_queue_pop(&q, &empty));
	assert_null(empty);
	fair_queue_remove(&q, &items[1], &empty);
	assert_ptr_equal(empty, &flows[0]);
	assert_int_equal(q.count, 0);
	assert_false(fair_item_is_waiting(&items[1]));
	push(&q, FAIR_BULK, 0, 1, 1); /* and may be used again */
	assert_int_equal(pop(&q), 1);
}

static void the_largest_cost_gets_its_turn(void **state)
{
	(void)state;
	struct fair_queue q;
	fair_queue_init(&q);
	assert_int_equal(fair_cost(10000, 1u << 30), FAIR_COST_MAX);
	assert_int_equal(fair_cost(1, 8192), 4);
	push(&q, FAIR_BULK, 0, 0, FAIR_COST_MAX);
	assert_int_equal(pop(&q), 0);
}

struct walk {
	struct fair_queue *queue;
	size_t seen[ITEMS], count, most;
	size_t taken; /* this one leaves */
};

static bool walk_on(struct fair_item *item, void *context)
{
	struct walk *walk = context;
	struct fair_flow *empty;
	size_t which = (size_t)(item - items);
	walk->seen[walk->count++] = which;
	if (which == walk->taken)
		fair_queue_remove(walk->queue, item, &empty);
	return walk->count < walk->most;
}

static void a_walk_shows_all_in_their_order_and_may_take_them_out(void **state)
{
	(void)state;
	struct fair_queue q;
	fair_queue_init(&q);
	push(&q, FAIR_BULK, 0, 1, 1);
	push(&q, FAIR_BULK, 0, 2, 1);
	push(&q, FAIR_TRANSACTIONAL, 1, 3, 1);
	push(&q, FAIR_BULK, 2, 4, 1);
	const size_t order[] = { 3, 1, 2, 4 };
	for (size_t taken = 1; taken <= 4; taken++) {
		struct walk walk = { .queue = &q, .most = ITEMS, .taken = taken };
		fair_queue_for_each(&q, walk_on, &walk);
		for (size_t i = 0, at = 0; i < 4; i++) /* those before are gone */
			if (order[i] >= taken)
				assert_int_equal(walk.seen[at++], order[i]);
		assert_int_equal(walk.count, 5 - taken);
		assert_int_equal(q.count, 4 - taken);
	}
}

static void a_walk_ends_when_it_is_told_to(void **state)
{
	(void)state;
	struct fair_queue q;
	fair_queue_init(&q);
	for (size_t i = 0; i < 6; i++)
		push(&q, FAIR_BULK, i % 2, i, 1);
	struct walk walk = { .queue = &q, .most = 4, .taken = ITEMS };
	fair_queue_for_each(&q, walk_on, &walk);
	assert_int_equal(walk.count, 4);
	assert_int_equal(q.count, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_empty_queue_gives_nothing, setup),
		cmocka_unit_test_setup(transactional_mail_overtakes_bulk, setup),
		cmocka_unit_test_setup(one_flow_keeps_its_order, setup),
		cmocka_unit_test_setup(a_small_job_does_not_wait_for_a_large_one, setup),
		cmocka_unit_test_setup(the_class_of_the_next_item_is_known_before_it_is_popped, setup),
		cmocka_unit_test_setup(jobs_share_by_cost, setup),
		cmocka_unit_test_setup(a_flow_that_ran_empty_is_given_back, setup),
		cmocka_unit_test_setup(the_largest_cost_gets_its_turn, setup),
		cmocka_unit_test_setup(a_walk_shows_all_in_their_order_and_may_take_them_out, setup),
		cmocka_unit_test_setup(a_walk_ends_when_it_is_told_to, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
