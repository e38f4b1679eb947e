#include "engine/plan/latency.h"
#include "engine/base/nanoseconds.h"
#include "tests/unit/unit.h"

static struct latency latency;
static uint64_t now_ns;

static int set_up(void **state)
{
	(void)state;
	latency = (struct latency){ 0 };
	now_ns = SECOND_NS;
	return 0;
}

/* So many replies, one each so many ms; how often fewer sessions are asked for. */
static unsigned hear(unsigned count, uint32_t reply_ms, uint32_t each_ms)
{
	unsigned shrinks = 0;
	for (unsigned i = 0; i < count; i++, now_ns += each_ms * MS_NS)
		shrinks += latency_hear(&latency, reply_ms, now_ns) == LATENCY_SHRINK;
	return shrinks;
}

static void a_near_receiver_may_jitter(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		static const uint32_t jitter_ms[] = { 1, 1, 1, 40, 1, 200, 1, 3 };
		assert_int_equal(hear(1, jitter_ms[i % 8], 1), 0);
		assert_false(latency_is_slow(&latency));
	}
}

static void a_far_receiver_is_not_slow(void **state)
{
	(void)state;
	assert_int_equal(hear(1000, 900, 100), 0);
	assert_int_equal(
		hear(1000, 1800, 100), 0); /* twice that, and less than a quarter of a second */
	assert_false(latency_is_slow(&latency));
	assert_in_range(latency_best_us(&latency), 890000, 910000);
}

static void replies_that_rise_and_stay_high_ask_for_fewer_sessions(void **state)
{
	(void)state;
	assert_int_equal(hear(100, 100, 100), 0);
	assert_int_equal(hear(20, 2000, 100), 0); /* two seconds: too early to say */
	assert_true(latency_is_slow(&latency));
	assert_int_equal(hear(40, 2000, 100), 1);
}

static void a_few_slow_replies_over_a_long_time_say_nothing(void **state)
{
	(void)state;
	hear(100, 100, 100);
	assert_int_equal(hear(LATENCY_SAMPLES_MIN - 2, 5000, 1000), 0);
	assert_int_equal(hear(30, 100, 100), 0);
	assert_false(latency_is_slow(&latency));
}

static void what_gets_faster_with_fewer_sessions_is_asked_for_more_as_long_as_it_is_slow(
	void **state)
{
	(void)state;
	hear(100, 100, 100);
	assert_int_equal(hear(60, 4000, 100), 1);
	assert_int_equal(hear(60, 2500, 100), 1);
	assert_int_equal(hear(60, 1500, 100), 1);
	assert_int_equal(hear(60, 300, 100), 0);
	assert_false(latency_is_slow(&latency));
	assert_int_equal(latency.futile, 0);
}

static void what_stays_slow_with_fewer_sessions_is_its_own_pace(void **state)
{
	(void)state;
	hear(100, 100, 100);
	assert_int_equal(hear(1000, 3000, 100), LATENCY_FUTILE_MAX);
	assert_false(latency_is_slow(&latency));
	assert_in_range(latency_best_us(&latency), 2900000, 3000000);
	/* When it is fast again, that is what counts. */
	hear(1000, 100, 100);
	assert_in_range(latency_best_us(&latency), 100000, 110000);
}

static void the_best_of_long_ago_is_forgotten(void **state)
{
	(void)state;
	hear(100, 10, 100);
	now_ns += 2 * LATENCY_PERIOD_S * SECOND_NS;
	hear(1, 100, 100);
	assert_in_range(latency_best_us(&latency), 10000, 25000); /* of the period before */
	now_ns += 2 * LATENCY_PERIOD_S * SECOND_NS;
	hear(100, 100, 100);
	assert_in_range(latency_best_us(&latency), 15000, 100000);
	now_ns += 2 * LATENCY_PERIOD_S * SECOND_NS;
	hear(1, 100, 100);
	assert_in_range(latency_best_us(&latency), 20000, 100000);
}

static void the_longest_wait_does_not_overflow(void **state)
{
	(void)state;
	assert_int_equal(latency_hear(&latency, UINT32_MAX, now_ns), LATENCY_FINE);
	assert_int_equal(latency.smooth_us, 3600000000u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_near_receiver_may_jitter, set_up),
		cmocka_unit_test_setup(a_far_receiver_is_not_slow, set_up),
		cmocka_unit_test_setup(
			replies_that_rise_and_stay_high_ask_for_fewer_sessions, set_up),
		cmocka_unit_test_setup(a_few_slow_replies_over_a_long_time_say_nothing, set_up),
		cmocka_unit_test_setup(
			what_gets_faster_with_fewer_sessions_is_asked_for_more_as_long_as_it_is_slow,
			set_up),
		cmocka_unit_test_setup(what_stays_slow_with_fewer_sessions_is_its_own_pace, set_up),
		cmocka_unit_test_setup(the_best_of_long_ago_is_forgotten, set_up),
		cmocka_unit_test_setup(the_longest_wait_does_not_overflow, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
