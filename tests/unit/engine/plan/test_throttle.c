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
	assert_int_equal(t.sessions_now, 1);
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
	assert_int_equal(t.blocked_until_ns, 205 * SECOND_NS); /* maybe one session too many */
	throttle_on_back_off(&t, 300 * SECOND_NS, 0);
	assert_int_equal(t.blocked_until_ns, 315 * SECOND_NS);
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

static void a_dead_site_loses_half_of_its_sessions_once(void **state)
{
	(void)state;
	struct throttle t;
	begin(&t, 20);
	for (uint64_t i = 0; i < 10; i++)
		throttle_on_back_off(&t, t.blocked_until_ns, 0);
	assert_int_equal(t.sessions_now, 10);
	throttle_on_good(&t);
	throttle_on_back_off(&t, t.blocked_until_ns, 0);
	assert_int_equal(t.sessions_now, 5);
	assert_int_equal(t.cause, THROTTLE_CAUSE_BACK_OFF);
}

static void sessions_that_all_fail_at_once_are_one_piece_of_news(void **state)
{
	(void)state;
	struct throttle t;
	begin(&t, 16);
	throttle_on_good(&t);
	for (int i = 0; i < 16; i++)
		throttle_on_back_off(&t, SECOND_NS, 0);
	assert_int_equal(t.sessions_now, 8);
	assert_int_equal(t.changes, 1);
	assert_int_equal(throttle_state_at(&t, SECOND_NS), THROTTLE_PAUSED);
	/* Nobody answers after the pause either: that is no session too many. */
	throttle_on_back_off(&t, 10 * SECOND_NS, 0);
	assert_int_equal(throttle_state_at(&t, 10 * SECOND_NS), THROTTLE_BACK_OFF);
}

/* Good replies until it grows. */
static unsigned replies_until_growth(struct throttle *t)
{
	uint32_t before = t->sessions_now;
	unsigned count = 0;
	for (; t->sessions_now == before && count < 100000; count++)
		throttle_on_good(t);
	return count;
}

static void a_number_of_sessions_that_was_too_much_is_tried_more_and_more_rarely(void **state)
{
	(void)state;
	struct throttle t;
	uint64_t now_ns = SECOND_NS;
	begin(&t, 20);
	throttle_on_slow_down(&t, now_ns, 0); /* at 20, 10, 5: it takes four */
	throttle_on_slow_down(&t, now_ns += 60 * SECOND_NS, 0);
	throttle_on_slow_down(&t, now_ns += 60 * SECOND_NS, 0);
	assert_int_equal(t.sessions_now, 2);
	for (unsigned probe = 3; probe < 12; probe++) {
		assert_int_equal(replies_until_growth(&t), THROTTLE_RECOVER_REPLIES);
		assert_int_equal(replies_until_growth(&t), THROTTLE_RECOVER_REPLIES);
		assert_int_equal(t.sessions_now, 4);
		unsigned doublings = probe < THROTTLE_PROBES_MAX ? probe : THROTTLE_PROBES_MAX;
		assert_int_equal(replies_until_growth(&t), THROTTLE_RECOVER_REPLIES << doublings);
		throttle_on_slow_down(&t, now_ns += 60 * SECOND_NS, 0);
		assert_int_equal(t.sessions_now, 2);
	}
	/* One day it takes five: from there on it grows as before. */
	replies_until_growth(&t);
	replies_until_growth(&t);
	replies_until_growth(&t);
	assert_int_equal(t.sessions_now, 5);
	replies_until_growth(&t);
	assert_int_equal(replies_until_growth(&t), THROTTLE_RECOVER_REPLIES);
}

/* ---- latency ---- */

static uint64_t hear_replies(struct throttle *t, unsigned count, uint32_t reply_ms, uint64_t now_ns)
{
	for (unsigned i = 0; i < count; i++, now_ns += SECOND_NS / 10) {
		throttle_on_latency(t, reply_ms, now_ns);
		throttle_on_good(t);
	}
	return now_ns;
}

static void rising_latency_takes_a_quarter_of_the_sessions(void **state)
{
	(void)state;
	struct throttle t;
	begin(&t, 20);
	uint64_t now_ns = hear_replies(&t, 100, 50, SECOND_NS);
	assert_int_equal(t.changes, 0);
	hear_replies(&t, 70, 2000, now_ns);
	assert_int_equal(t.sessions_now, 15);
	assert_int_equal(t.changes, 1);
	assert_int_equal(t.cause, THROTTLE_CAUSE_LATENCY);
	assert_int_equal(t.sessions_before, 20);
	assert_int_equal(throttle_state_at(&t, now_ns), THROTTLE_OPEN); /* it goes on, with less */
}

static void slow_replies_let_no_session_come_back_and_fast_ones_do(void **state)
{
	(void)state;
	struct throttle t;
	begin(&t, 10);
	uint64_t now_ns = hear_replies(&t, 100, 50, SECOND_NS);
	throttle_on_slow_down(&t, now_ns, 0);
	assert_int_equal(t.sessions_now, 5);
	throttle_on_latency(&t, 60000, now_ns);
	assert_true(latency_is_slow(&t.latency));
	for (int i = 0; i < 3 * THROTTLE_RECOVER_REPLIES; i++)
		throttle_on_good(&t);
	assert_int_equal(t.sessions_now, 5);
	hear_replies(&t, 10 * THROTTLE_RECOVER_REPLIES, 50, now_ns);
	assert_int_equal(t.sessions_now, 10);
	assert_int_equal(t.cause, THROTTLE_CAUSE_RECOVERED);
	assert_int_equal(t.sessions_before, 5);
}

static void slow_replies_end_the_quick_growth(void **state)
{
	(void)state;
	struct throttle t;
	throttle_init(&t, 100, 0);
	hear_replies(&t, 20, 50, SECOND_NS);
	throttle_on_session_up(&t);
	assert_int_equal(t.sessions_now, 3);
	throttle_on_latency(&t, 60000, 10 * SECOND_NS);
	throttle_on_session_up(&t);
	assert_int_equal(t.sessions_now, 3);
}

static void a_receiver_that_is_slow_by_itself_keeps_one_session_at_least(void **state)
{
	(void)state;
	struct throttle t;
	begin(&t, 2);
	uint64_t now_ns = SECOND_NS;
	for (uint32_t reply_ms = 10; reply_ms < 600000; reply_ms *= 3)
		now_ns = hear_replies(&t, 70, reply_ms, now_ns);
	assert_int_equal(t.sessions_now, 1);
}

/* ---- limits, and what is told ---- */

static void a_lower_limit_holds_at_once_and_a_higher_one_is_grown_into(void **state)
{
	(void)state;
	struct throttle t;
	begin(&t, 10);
	throttle_limit(&t, 4);
	assert_int_equal(t.sessions_now, 4);
	assert_int_equal(t.cause, THROTTLE_CAUSE_LIMIT);
	assert_int_equal(t.sessions_before, 10);
	throttle_limit(&t, 8);
	assert_int_equal(t.sessions_now, 5); /* it never had trouble: as at the start */
	throttle_on_session_up(&t);
	throttle_on_session_up(&t);
	throttle_on_session_up(&t);
	throttle_on_session_up(&t);
	assert_int_equal(t.sessions_now, 8);
	assert_int_equal(t.changes, 2);
	throttle_limit(&t, 8);
	assert_int_equal(t.changes, 2);
}

static void each_change_has_a_cause_and_single_sessions_are_none(void **state)
{
	(void)state;
	struct throttle t;
	throttle_init(&t, 8, 0);
	for (int i = 0; i < 10; i++)
		throttle_on_session_up(&t);
	assert_int_equal(t.changes, 0);
	throttle_on_slow_down(&t, SECOND_NS, 0);
	throttle_on_slow_down(&t, SECOND_NS, 0);
	assert_int_equal(t.changes, 1);
	assert_int_equal(t.cause, THROTTLE_CAUSE_SLOW_DOWN);
	assert_int_equal(t.sessions_before, 8);
	throttle_resumed(&t);
	assert_int_equal(t.changes, 2);
	assert_int_equal(t.cause, THROTTLE_CAUSE_RESUMED);
	for (int i = 0; i < 3 * THROTTLE_RECOVER_REPLIES; i++)
		throttle_on_good(&t);
	assert_int_equal(t.sessions_now, 7);
	assert_int_equal(t.changes, 2);
	for (int i = 0; i < 2 * THROTTLE_RECOVER_REPLIES; i++)
		throttle_on_good(&t);
	assert_int_equal(t.changes, 3);
	assert_int_equal(t.cause, THROTTLE_CAUSE_RECOVERED);
	throttle_on_suspend(&t, 100 * SECOND_NS, 0);
	assert_int_equal(t.changes, 4);
	assert_int_equal(t.cause, THROTTLE_CAUSE_REFUSED);
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
		cmocka_unit_test(a_dead_site_loses_half_of_its_sessions_once),
		cmocka_unit_test(sessions_that_all_fail_at_once_are_one_piece_of_news),
		cmocka_unit_test(a_number_of_sessions_that_was_too_much_is_tried_more_and_more_rarely),
		cmocka_unit_test(rising_latency_takes_a_quarter_of_the_sessions),
		cmocka_unit_test(slow_replies_let_no_session_come_back_and_fast_ones_do),
		cmocka_unit_test(slow_replies_end_the_quick_growth),
		cmocka_unit_test(a_receiver_that_is_slow_by_itself_keeps_one_session_at_least),
		cmocka_unit_test(a_lower_limit_holds_at_once_and_a_higher_one_is_grown_into),
		cmocka_unit_test(each_change_has_a_cause_and_single_sessions_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
