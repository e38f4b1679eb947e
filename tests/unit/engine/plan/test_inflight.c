#include "engine/plan/inflight.h"
#include "engine/base/nanoseconds.h"
#include "tests/unit/unit.h"

static struct inflight inflight;

/* A window in which the thread ran and waited for so many percent. */
static void note(uint32_t ran, uint32_t waited, uint32_t active, bool held)
{
	const struct inflight_window window = {
		.wall_ns = 100 * MS_NS,
		.ran_ns = ran * MS_NS,
		.waited_ns = waited * MS_NS,
		.active = active,
		.held = held,
	};
	inflight_note(&inflight, &window);
}

static void without_need_there_is_no_limit(void **state)
{
	(void)state;
	inflight_init(&inflight);
	assert_int_equal(inflight_room(&inflight, 20000), UINT32_MAX - 20000);
	for (int i = 0; i < 100; i++)
		note(50, 20, 20000, false);
	assert_int_equal(inflight.max, UINT32_MAX);
}

static void a_thread_that_never_rests_has_fewer_at_work(void **state)
{
	(void)state;
	inflight_init(&inflight);
	note(100, 0, 400, false);
	assert_int_equal(inflight.max, 350);
	assert_int_equal(inflight_room(&inflight, 340), 10);
	assert_int_equal(inflight_room(&inflight, 350), 0);
	assert_int_equal(inflight_room(&inflight, 400), 0);
	note(100, 0, 350, true);
	assert_int_equal(inflight.max, 307);
}

/* Sessions follow at the pace of their receivers. */
static void it_sinks_no_further_before_the_sessions_have_followed(void **state)
{
	(void)state;
	inflight_init(&inflight);
	note(100, 0, 400, false);
	for (int i = 0; i < 50; i++)
		note(100, 0, 351, true);
	assert_int_equal(inflight.max, 350);
	note(100, 0, 350, true);
	assert_int_equal(inflight.max, 307);
}

static void it_never_sinks_to_nothing(void **state)
{
	(void)state;
	inflight_init(&inflight);
	for (int i = 0; i < 100; i++)
		note(60, 40, inflight.max < 400 ? inflight.max : 400, true);
	assert_int_equal(inflight.max, INFLIGHT_MIN);
	note(60, 40, 0, true);
	assert_int_equal(inflight.max, INFLIGHT_MIN);
}

static void with_room_and_something_held_back_it_rises(void **state)
{
	(void)state;
	inflight_init(&inflight);
	note(100, 0, 16, false);
	assert_int_equal(inflight.max, 14);
	note(50, 0, 14, false); /* nothing was held back */
	assert_int_equal(inflight.max, 14);
	note(50, 0, 14, true);
	assert_int_equal(inflight.max, 15);
	for (int i = 0; i < 200; i++) /* four seconds */
		note(50, 0, 14, true);
	assert_in_range(inflight.max, 20000, UINT32_MAX);
	for (int i = 0; i < 1000; i++)
		note(50, 0, 14, true);
	assert_int_equal(inflight.max, UINT32_MAX);
}

/* Alone on its core it is to use all of it; where others want the core too a little rest is theirs. */
static void what_is_too_busy_depends_on_whether_the_core_is_shared(void **state)
{
	(void)state;
	static const struct {
		uint32_t ran, waited;
		int moves; /* -1: it sinks */
	} table[] = {
		{ 96, 0, 1 }, { 96, 4, -1 }, { 97, 0, 0 }, { 98, 0, 0 }, { 99, 0, -1 }, { 95, 4, -1 },
		{ 94, 4, 0 }, { 76, 5, 1 }, { 77, 5, 0 }, { 84, 5, 0 }, { 85, 5, -1 }, { 30, 60, -1 },
		{ 30, 59, 0 }, { 30, 51, 1 }, { 0, 100, -1 }, { 0, 0, 1 },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		inflight_init(&inflight);
		inflight.max = 160;
		note(table[i].ran, table[i].waited, 160, true);
		uint32_t wanted = table[i].moves < 0 ? 140 : table[i].moves > 0 ? 171 : 160;
		if (inflight.max != wanted)
			fail_msg("row %zu: %u and not %u", i, inflight.max, wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_need_there_is_no_limit),
		cmocka_unit_test(a_thread_that_never_rests_has_fewer_at_work),
		cmocka_unit_test(it_sinks_no_further_before_the_sessions_have_followed),
		cmocka_unit_test(it_never_sinks_to_nothing),
		cmocka_unit_test(with_room_and_something_held_back_it_rises),
		cmocka_unit_test(what_is_too_busy_depends_on_whether_the_core_is_shared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
