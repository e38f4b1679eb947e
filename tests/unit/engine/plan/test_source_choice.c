#include "engine/plan/source_choice.h"
#include "engine/base/nanoseconds.h"
#include "tests/unit/unit.h"

#define NOW (1000 * SECOND_NS)
#define NO_PATIENCE 0

static struct throttle throttles[3];
static int64_t turns[3];
static struct source_candidate c[3];

/* Three that have been answered, with these weights. */
static void begin(uint32_t a, uint32_t b, uint32_t third)
{
	const uint32_t weights[] = { a, b, third };
	for (uint32_t i = 0; i < 3; i++) {
		throttle_init(&throttles[i], 10, 0);
		throttle_on_block_reply(&throttles[i], NOW, 0); /* it has said something */
		turns[i] = 0;
		c[i] = (struct source_candidate){ i, weights[i], &throttles[i], true, &turns[i] };
	}
}

static uint32_t next(uint32_t count, uint64_t now_ns)
{
	uint32_t chosen = source_choose(c, count, SOURCE_NONE, NO_PATIENCE, now_ns, 0);
	if (chosen != SOURCE_NONE)
		source_charge(c, count, chosen, 1, now_ns);
	return chosen;
}

static void send(uint32_t count, uint32_t messages, uint32_t out_had[3])
{
	memset(out_had, 0, 3 * sizeof *out_had);
	for (uint32_t i = 0; i < messages; i++)
		out_had[next(count, NOW)]++;
}

static void each_has_its_share_and_no_run_of_its_own(void **state)
{
	(void)state;
	begin(5, 3, 2);
	uint32_t in_row = 0, last = SOURCE_NONE;
	for (int round = 0; round < 20; round++) {
		uint32_t had[3] = { 0 };
		for (int i = 0; i < 10; i++) {
			uint32_t chosen = next(3, NOW);
			in_row = chosen == last ? in_row + 1 : 1;
			last = chosen;
			had[chosen]++;
			assert_true(in_row <= 2);
		}
		assert_int_equal(had[0], 5);
		assert_int_equal(had[1], 3);
		assert_int_equal(had[2], 2);
	}
}

static void who_is_first_is_left_to_chance_by_the_weights(void **state)
{
	(void)state;
	uint32_t had[3] = { 0 };
	begin(5, 3, 2);
	for (uint64_t random = 0; random < 10000; random++)
		had[source_choose(c, 3, SOURCE_NONE, NO_PATIENCE, NOW, random)]++;
	assert_int_equal(had[0], 5000);
	assert_int_equal(had[1], 3000);
	assert_int_equal(had[2], 2000);
}

static void what_does_not_go_after_all_changes_nothing(void **state)
{
	(void)state;
	begin(5, 3, 2);
	for (uint32_t i = 0; i < 3; i++)
		source_charge(c, 3, i, 1, NOW);
	for (uint32_t i = 0; i < 3; i++)
		source_charge(c, 3, i, -1, NOW);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(turns[i], 0);
}

static void who_is_blocked_or_has_no_room_is_passed_over_and_owed_nothing(void **state)
{
	(void)state;
	uint32_t had[3];
	begin(1, 1, 1);
	throttle_on_suspend(&throttles[0], NOW, 0);
	c[1].has_room = false;
	send(3, 100, had);
	assert_int_equal(had[2], 100);
	begin(1, 1, 1);
	throttle_on_suspend(&throttles[0], NOW, 0);
	send(3, 100, had);
	assert_int_equal(had[1], 50);
	/* When it is over nobody makes up for it. */
	memset(had, 0, sizeof had);
	for (uint32_t i = 0; i < 30; i++)
		had[next(3, NOW + 2 * 3600 * SECOND_NS)]++;
	assert_in_range(had[0], 9, 11);
}

static void who_is_slowed_down_has_less_by_its_sessions(void **state)
{
	(void)state;
	uint32_t had[3];
	begin(1, 1, 1);
	throttles[0].sessions_whole = 10;
	throttles[0].sessions_now = 2;
	send(2, 600, had);
	assert_int_equal(had[0], 100);
	assert_int_equal(had[1], 500);
}

static void a_short_pause_is_no_block(void **state)
{
	(void)state;
	begin(1, 1, 1);
	throttles[0].answers = true;
	throttle_on_slow_down(&throttles[0], NOW, 0);
	assert_int_equal(throttle_state_at(&throttles[0], NOW), THROTTLE_PAUSED);
	assert_true(source_is_open(&c[0], NOW));
}

static void a_message_that_was_tried_keeps_its_source(void **state) /* greylisting */
{
	(void)state;
	begin(1, 1, 1);
	turns[2] = -1000000;
	assert_int_equal(source_choose(c, 3, 2, NO_PATIENCE, NOW, 0), 2);
	/* Through a block that is soon over, and not through a long one. */
	throttles[2].state = THROTTLE_BACK_OFF;
	throttles[2].blocked_until_ns = NOW + 60 * SECOND_NS;
	assert_int_equal(source_choose(c, 3, 2, 300 * SECOND_NS, NOW, 0), 2);
	assert_int_not_equal(source_choose(c, 3, 2, NO_PATIENCE, NOW, 0), 2);
	throttles[2].blocked_until_ns = NOW + 301 * SECOND_NS;
	assert_int_not_equal(source_choose(c, 3, 2, 300 * SECOND_NS, NOW, 0), 2);
	/* Where no other is open it stays; where it has no room it goes. */
	throttle_on_suspend(&throttles[0], NOW, 0);
	throttle_on_suspend(&throttles[1], NOW, 0);
	assert_int_equal(source_choose(c, 3, 2, 300 * SECOND_NS, NOW, 0), 2);
	c[2].has_room = false;
	assert_int_not_equal(source_choose(c, 3, 2, 300 * SECOND_NS, NOW, 0), 2);
}

static void where_all_are_blocked_the_first_to_open_is_waited_for(void **state)
{
	(void)state;
	begin(1, 1, 1);
	for (uint32_t i = 0; i < 3; i++) {
		throttles[i].state = THROTTLE_SUSPENDED;
		throttles[i].blocked_until_ns = NOW + (3 - i) * SECOND_NS;
	}
	assert_int_equal(next(3, NOW), 2);
	c[2].has_room = false;
	assert_int_equal(next(3, NOW), 1);
	c[0].has_room = c[1].has_room = false;
	assert_int_equal(next(3, NOW), SOURCE_NONE);
}

static void one_that_was_never_used_is_open(void **state)
{
	(void)state;
	begin(1, 1, 1);
	c[1].throttle = NULL;
	throttle_on_suspend(&throttles[0], NOW, 0);
	assert_int_equal(next(2, NOW), 1);
	assert_int_equal(next(0, NOW), SOURCE_NONE);
}

static void who_is_ahead_of_its_share_is_told_by_how_much(void **state)
{
	(void)state;
	begin(9, 1, 1);
	for (int i = 0; i < 90; i++)
		source_charge(c, 2, 0, 1, NOW);
	assert_int_equal(source_ahead(c, 2, 0, NOW), 9);
	assert_int_equal(source_ahead(c, 2, 1, NOW), -9);
	/* Nobody waits for one that cannot be reached, or of which nobody knows. */
	throttles[1].backs_off_in_row = 1;
	assert_int_equal(source_ahead(c, 2, 0, NOW), 0);
	c[1].throttle = NULL;
	assert_int_equal(source_ahead(c, 2, 0, NOW), 0);
	assert_int_equal(source_ahead(c, 1, 0, NOW), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_its_share_and_no_run_of_its_own),
		cmocka_unit_test(who_is_first_is_left_to_chance_by_the_weights),
		cmocka_unit_test(what_does_not_go_after_all_changes_nothing),
		cmocka_unit_test(who_is_blocked_or_has_no_room_is_passed_over_and_owed_nothing),
		cmocka_unit_test(who_is_slowed_down_has_less_by_its_sessions),
		cmocka_unit_test(a_short_pause_is_no_block),
		cmocka_unit_test(a_message_that_was_tried_keeps_its_source),
		cmocka_unit_test(where_all_are_blocked_the_first_to_open_is_waited_for),
		cmocka_unit_test(one_that_was_never_used_is_open),
		cmocka_unit_test(who_is_ahead_of_its_share_is_told_by_how_much),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
