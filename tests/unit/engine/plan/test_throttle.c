#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine/plan/throttle.h"

#define SECOND_NS 1000000000ull

/* A throttle that has grown to its limit. */
static void begin(struct throttle *t, uint32_t sessions_max)
{
	throttle_init(t, sessions_max, 0);
	t->sessions_now = sessions_max;
}

static void a_site_starts_with_two_sessions_and_gets_one_more_for_each_that_comes_up(void **state)
{
	(void)state;
	struct throttle t;
	throttle_init(&t, 4, 0);
	assert_int_equal(t.sessions_now, 2);
	throttle_on_session_up(&t);
	assert_int_equal(t.sessions_now, 3);
	for (int i = 0; i < 10; i++)
		throttle_on_session_up(&t);
	assert_int_equal(t.sessions_now, 4);
	throttle_init(&t, 1, 0);
	assert_int_equal(t.sessions_now, 1);
}

static void after_trouble_at_the_start_it_grows_slowly(void **state)
{
	(void)state;
	struct throttle t;
	throttle_init(&t, 10, SECOND_NS);
	throttle_on_back_off(&t, 0, 0);
	assert_int_equal(t.blocked_until_ns, SECOND_NS);
	throttle_on_session_up(&t);
	throttle_on_good(&t);
	assert_int_equal(t.sessions_now, 2);
}

static void a_421_halves_the_sessions_once(void **state)
{
	(void)state;
	struct throttle t;
	begin(&t, 20);
	for (int i = 0; i < 20; i++)
		throttle_on_slow_down(&t, SECOND_NS, 0);
	assert_int_equal(t.sessions_now, 10);
	assert_int_equal(throttle_state_at(&t, SECOND_NS), THROTTLE_PAUSED);
	assert_int_equal(throttle_state_at(&t, 60 * SECOND_NS), THROTTLE_OPEN);
}

static void one_session_always_stays(void **state)
{
	(void)state;
	struct throttle t;
	begin(&t, 3);
	for (uint64_t i = 1; i < 10; i++)
		throttle_on_slow_down(&t, i * 60 * SECOND_NS, 0);
	assert_int_equal(t.sessions_now, 1);
}

static void good_replies_bring_sessions_back_up_to_the_limit(void **state)
{
	(void)state;
	struct throttle t;
	begin(&t, 3);
	throttle_on_slow_down(&t, 0, 0);
	assert_int_equal(t.sessions_now, 1);
	for (int i = 0; i < THROTTLE_RECOVER_REPLIES; i++)
		throttle_on_good(&t);
	assert_int_equal(t.sessions_now, 2);
	for (int i = 0; i < 10 * THROTTLE_RECOVER_REPLIES; i++)
		throttle_on_good(&t);
	assert_int_equal(t.sessions_now, 3);
}

static void back_off_doubles_and_a_success_resets_it(void **state)
{
	(void)state;
	struct throttle t;
	begin(&t, 10);
	throttle_on_back_off(&t, 0, 0);
	throttle_on_back_off(&t, SECOND_NS, 0); /* the same trouble */
	assert_int_equal(throttle_state_at(&t, 14 * SECOND_NS), THROTTLE_BACK_OFF);
	assert_int_equal(throttle_state_at(&t, 15 * SECOND_NS), THROTTLE_OPEN);
	throttle_on_back_off(&t, 100 * SECOND_NS, 0);
	assert_int_equal(t.blocked_until_ns, 130 * SECOND_NS);
	throttle_on_good(&t);
	throttle_on_back_off(&t, 200 * SECOND_NS, 0);
	assert_int_equal(t.blocked_until_ns, 215 * SECOND_NS);
	for (uint64_t i = 0; i < 100; i++)
		throttle_on_back_off(&t, t.blocked_until_ns, 0);
	uint64_t now_ns = t.blocked_until_ns;
	throttle_on_back_off(&t, now_ns, 0);
	assert_int_equal(t.blocked_until_ns - now_ns, 3600 * SECOND_NS);
}

/* CONFORMANCE 0.4: over a tenth of the last 200 suspends. */
static void block_replies_over_a_tenth_suspend(void **state)
{
	(void)state;
	struct throttle t;
	begin(&t, 10);
	for (int i = 0; i < 180; i++)
		throttle_on_good(&t);
	for (int i = 0; i < 20; i++)
		assert_false(throttle_on_block_reply(&t, SECOND_NS, 0));
	assert_true(throttle_on_block_reply(&t, SECOND_NS, 0));
	assert_int_equal(throttle_state_at(&t, SECOND_NS), THROTTLE_SUSPENDED);
	assert_int_equal(throttle_state_at(&t, 2 * 3600 * SECOND_NS), THROTTLE_OPEN);
}

static void a_few_block_replies_at_the_start_do_not_suspend(void **state)
{
	(void)state;
	struct throttle t;
	begin(&t, 10);
	for (int i = 0; i < THROTTLE_WINDOW_MIN - 1; i++)
		assert_false(throttle_on_block_reply(&t, 0, 0));
	assert_int_equal(throttle_state_at(&t, 0), THROTTLE_OPEN);
}

static void old_block_replies_leave_the_window(void **state)
{
	(void)state;
	struct throttle t;
	begin(&t, 10);
	for (int i = 0; i < 19; i++)
		throttle_on_block_reply(&t, 0, 0);
	for (int i = 0; i < THROTTLE_WINDOW; i++)
		throttle_on_good(&t);
	assert_int_equal(t.window_blocks, 0);
	assert_int_equal(t.window_len, THROTTLE_WINDOW);
}

static void a_suspension_is_news_only_once(void **state)
{
	(void)state;
	struct throttle t;
	begin(&t, 10);
	assert_true(throttle_on_suspend(&t, 0, 0));
	assert_false(throttle_on_suspend(&t, SECOND_NS, 0));
	throttle_on_back_off(&t, SECOND_NS, 0);
	assert_int_equal(throttle_state_at(&t, 2 * SECOND_NS), THROTTLE_SUSPENDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_site_starts_with_two_sessions_and_gets_one_more_for_each_that_comes_up),
		cmocka_unit_test(after_trouble_at_the_start_it_grows_slowly),
		cmocka_unit_test(a_421_halves_the_sessions_once),
		cmocka_unit_test(one_session_always_stays),
		cmocka_unit_test(good_replies_bring_sessions_back_up_to_the_limit),
		cmocka_unit_test(back_off_doubles_and_a_success_resets_it),
		cmocka_unit_test(block_replies_over_a_tenth_suspend),
		cmocka_unit_test(a_few_block_replies_at_the_start_do_not_suspend),
		cmocka_unit_test(old_block_replies_leave_the_window),
		cmocka_unit_test(a_suspension_is_news_only_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
