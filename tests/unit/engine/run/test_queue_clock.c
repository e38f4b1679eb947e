/* The time of the queue on disk, with clocks that jump. */
#include "engine/run/queue_clock.h"
#include <string.h>
#include "tests/unit/unit.h"

enum { MINUTE = 60 };

#define S_US 1000000ll
#define S_NS 1000000000ull
#define BOOT 1000ll          /* seconds that the monotonic clock had at the start */
#define WALL 1700000000ll    /* and the wall clock */

static struct queue_clock queue_time;
static int64_t passed, set_ahead; /* seconds since the start; what the wall clock was set by */

static uint64_t monotonic_ns(void) { return (uint64_t)(BOOT + passed) * S_NS; }
static int64_t wall_us(void) { return (WALL + passed + set_ahead) * S_US; }

static void start(int64_t wall_s, int64_t last_s)
{
	passed = set_ahead = 0;
	queue_clock_start(&queue_time, BOOT * S_NS, wall_s * S_US, (uint64_t)(last_s * S_US));
}

/* Time passes, and once a minute somebody looks. Returns how often a jump was believed. */
static int pass(int64_t minutes)
{
	int believed = 0;
	for (; minutes > 0; minutes--) {
		passed += MINUTE;
		believed += queue_clock_look(&queue_time, monotonic_ns(), wall_us());
	}
	return believed;
}

static int64_t now_s(void) { return (int64_t)queue_clock_us(&queue_time, monotonic_ns()) / S_US; }

static void it_goes_as_the_wall_clock_goes(void **state)
{
	(void)state;
	start(WALL, 0);
	assert_int_equal(now_s(), WALL);
	assert_int_equal(pass(100), 0);
	assert_int_equal(now_s(), WALL + 6000);
	uint64_t later = queue_clock_us(&queue_time, monotonic_ns() + 500 * S_NS);
	assert_int_equal(later, (WALL + 6500) * S_US);
	assert_int_equal(queue_clock_instant_ns(&queue_time, later), monotonic_ns() + 500 * S_NS);
	assert_int_equal(queue_clock_instant_ns(&queue_time, 5), 1); /* long before the boot */
	assert_true(queue_clock_instant_ns(&queue_time, UINT64_MAX / 4) > monotonic_ns());
}

static void small_corrections_are_followed_at_once(void **state)
{
	(void)state;
	start(WALL, 0);
	for (int i = 1; i <= 10; i++) {
		set_ahead = i;
		assert_int_equal(pass(1), 0);
		assert_int_equal(now_s(), WALL + i * MINUTE + i);
	}
}

static void a_clock_that_is_ahead_for_a_short_while_moves_nothing(void **state)
{
	(void)state;
	start(WALL, 0);
	for (int i = 0; i < 5; i++) {
		set_ahead = 365 * 86400;
		assert_int_equal(pass(4), 0);
		set_ahead = 0;
		assert_int_equal(pass(1), 0);
	}
	assert_int_equal(now_s(), WALL + 25 * MINUTE);
}

static void a_clock_that_stays_ahead_is_believed(void **state)
{
	(void)state;
	start(WALL, 0);
	set_ahead = 8 * 3600;
	assert_int_equal(pass(5), 0);
	assert_int_equal(now_s(), WALL + 5 * MINUTE);
	assert_int_equal(pass(1), 1);
	assert_int_equal(now_s(), WALL + 6 * MINUTE + 8 * 3600);
	assert_int_equal(pass(60), 0);
}

static void of_a_clock_that_cannot_make_up_its_mind_the_least_is_believed(void **state)
{
	(void)state;
	start(WALL, 0);
	int believed = 0;
	for (int i = 0; i < 3; i++) {
		set_ahead = 7200;
		believed += pass(1);
		set_ahead = 100;
		believed += pass(1);
	}
	assert_int_equal(believed, 1);
	assert_int_equal(now_s(), WALL + 6 * MINUTE + 100);
}

static void a_clock_that_is_set_back_is_overtaken_and_holds_nothing_up(void **state)
{
	(void)state;
	start(WALL, 0);
	set_ahead = -3600;
	assert_int_equal(pass(30), 0);
	assert_int_equal(now_s(), WALL + 30 * MINUTE);
	/* Ahead for long, and back: what was parked meanwhile comes in its time all the same. */
	set_ahead = 86400;
	assert_int_equal(pass(6), 1);
	uint64_t due_us = queue_clock_us(&queue_time, monotonic_ns() + 900 * S_NS);
	set_ahead = 0;
	assert_int_equal(pass(15), 0);
	assert_true(queue_clock_us(&queue_time, monotonic_ns()) >= due_us);
}

static void a_restart_goes_on_where_the_queue_was(void **state)
{
	(void)state;
	start(WALL - 1000000, WALL); /* the clock of the board was lost */
	assert_int_equal(now_s(), WALL);
	set_ahead = -1000000;
	assert_int_equal(pass(10), 0);
	assert_int_equal(now_s(), WALL + 10 * MINUTE);
	set_ahead = 86400; /* it is set, to a day after */
	assert_int_equal(pass(6), 1);
	assert_int_equal(now_s(), WALL + 16 * MINUTE + 86400);
	start(WALL, WALL - 3600); /* down for an hour */
	assert_int_equal(now_s(), WALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_goes_as_the_wall_clock_goes),
		cmocka_unit_test(small_corrections_are_followed_at_once),
		cmocka_unit_test(a_clock_that_is_ahead_for_a_short_while_moves_nothing),
		cmocka_unit_test(a_clock_that_stays_ahead_is_believed),
		cmocka_unit_test(of_a_clock_that_cannot_make_up_its_mind_the_least_is_believed),
		cmocka_unit_test(a_clock_that_is_set_back_is_overtaken_and_holds_nothing_up),
		cmocka_unit_test(a_restart_goes_on_where_the_queue_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
