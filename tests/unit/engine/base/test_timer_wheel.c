#include "tests/unit/unit.h"
#include "engine/base/check.h"
#include "engine/base/timer_wheel.h"

#define MS UINT64_C(1000000)

struct probe {
	struct timer timer;
	struct timer_wheel *wheel;
	unsigned fired;
	uint64_t again_ns; /* start anew with this deadline when it fires; 0: no */
	struct probe *stops; /* stop this one when it fires */
};

static void on_probe(struct timer *timer)
{
	struct probe *probe = CONTAINER_OF(timer, struct probe, timer);
	probe->fired++;
	if (probe->stops != NULL)
		timer_stop(probe->wheel, &probe->stops->timer);
	if (probe->again_ns != 0)
		timer_start(probe->wheel, timer, probe->again_ns, on_probe);
}

static void a_timer_fires_once_at_its_deadline_rounded_up(void **state)
{
	(void)state;
	static const uint64_t starts[] = { 0, 1, 63 * MS, 64 * MS, 4095 * MS, 123456789 * MS + 5 };
	static const uint64_t waits[] = { 1, MS - 1, MS, MS + 1, 62 * MS, 63 * MS, 64 * MS, 65 * MS,
		4095 * MS, 4096 * MS, 4097 * MS, 300000 * MS, 86400000 * MS, 2592000000 * MS };
	for (size_t s = 0; s < COUNT_OF(starts); s++) {
		for (size_t w = 0; w < COUNT_OF(waits); w++) {
			struct timer_wheel wheel;
			struct probe probe = { .wheel = &wheel };
			uint64_t deadline = starts[s] + waits[w];
			uint64_t due = (deadline + MS - 1) / MS * MS;
			timer_wheel_init(&wheel, starts[s]);
			timer_start(&wheel, &probe.timer, deadline, on_probe);
			assert_true(timer_is_running(&probe.timer));
			assert_true(timer_wheel_next_ns(&wheel) <= due);
			(void)timer_wheel_advance(&wheel, due - 1);
			assert_int_equal(probe.fired, 0);
			assert_int_equal(timer_wheel_advance(&wheel, due), 1);
			assert_int_equal(probe.fired, 1);
			assert_false(timer_is_running(&probe.timer));
			assert_true(timer_wheel_next_ns(&wheel) == TIMER_NEVER_NS);
			assert_int_equal(timer_wheel_advance(&wheel, due + 1000 * MS), 0);
		}
	}
}

static void sleeping_until_next_reaches_every_deadline_in_few_turns(void **state)
{
	(void)state;
	uint64_t seed = 5;
	for (int i = 0; i < 2000; i++) {
		struct timer_wheel wheel;
		struct probe probe = { .wheel = &wheel };
		uint64_t now = seeded_below(&seed, UINT64_C(1) << 50), turns = 0;
		uint64_t deadline = now + 1 + (seeded_next(&seed) >> (20 + seeded_below(&seed, 40)));
		timer_wheel_init(&wheel, now);
		timer_start(&wheel, &probe.timer, deadline, on_probe);
		while (probe.fired == 0) {
			uint64_t next = timer_wheel_next_ns(&wheel);
			assert_true(next > now && next <= (deadline + MS - 1) / MS * MS);
			now = next;
			(void)timer_wheel_advance(&wheel, now);
			assert_true(++turns <= TIMER_WHEEL_LEVELS);
		}
		assert_true(now >= deadline && now < deadline + MS);
	}
}

/* A naive model: an array of deadlines that is searched from end to end. */
static void random_use_agrees_with_a_model(void **state)
{
	(void)state;
	enum { TIMERS = 200 };
	for (uint64_t start_seed = 1; start_seed <= 20; start_seed++) {
		static struct timer_wheel wheel;
		static struct probe probes[TIMERS];
		uint64_t deadlines[TIMERS] = { 0 }; /* in steps; 0: not running */
		unsigned want[TIMERS] = { 0 };
		uint64_t seed = start_seed, now = seeded_below(&seed, UINT64_C(1) << 45);
		timer_wheel_init(&wheel, now);
		memset(probes, 0, sizeof probes);
		for (int turn = 0; turn < 3000; turn++) {
			unsigned at = (unsigned)seeded_below(&seed, TIMERS);
			uint64_t what = seeded_below(&seed, 10);
			if (what < 6) {
				uint64_t wait = seeded_next(&seed) >> (24 + seeded_below(&seed, 40));
				uint64_t past = seeded_below(&seed, 8) == 0 ? wait % (now + 1) : 0;
				uint64_t deadline = past > 0 ? now - past : now + wait;
				probes[at].wheel = &wheel;
				timer_start(&wheel, &probes[at].timer, deadline, on_probe);
				deadlines[at] = (deadline + MS - 1) / MS;
				if (deadlines[at] <= now / MS)
					deadlines[at] = now / MS + 1;
			} else if (what < 8) {
				timer_stop(&wheel, &probes[at].timer);
				deadlines[at] = 0;
			} else {
				uint64_t called = 0;
				now += seeded_next(&seed) >> (26 + seeded_below(&seed, 38));
				for (unsigned i = 0; i < TIMERS; i++) {
					if (deadlines[i] == 0 || deadlines[i] > now / MS)
						continue;
					deadlines[i] = 0;
					want[i]++;
					called++;
				}
				assert_int_equal(timer_wheel_advance(&wheel, now), called);
			}
			uint64_t first = UINT64_MAX, running = 0;
			for (unsigned i = 0; i < TIMERS; i++) {
				assert_int_equal(probes[i].fired, want[i]);
				assert_int_equal(timer_is_running(&probes[i].timer), deadlines[i] != 0);
				running += deadlines[i] != 0;
				if (deadlines[i] != 0 && deadlines[i] < first)
					first = deadlines[i];
			}
			assert_int_equal(wheel.count, running);
			if (first == UINT64_MAX)
				assert_true(timer_wheel_next_ns(&wheel) == TIMER_NEVER_NS);
			else
				assert_true(timer_wheel_next_ns(&wheel) <= first * MS);
		}
	}
}

static void a_callback_may_start_itself_and_stop_others(void **state)
{
	(void)state;
	struct timer_wheel wheel;
	timer_wheel_init(&wheel, 0);
	struct probe victim = { .wheel = &wheel };
	struct probe killer = { .wheel = &wheel, .stops = &victim };
	struct probe again = { .wheel = &wheel, .again_ns = 1 };
	timer_start(&wheel, &killer.timer, 5 * MS, on_probe);
	timer_start(&wheel, &victim.timer, 5 * MS, on_probe);
	assert_int_equal(timer_wheel_advance(&wheel, 10 * MS), 1);
	assert_int_equal(victim.fired, 0);
	/* A deadline that lies in the past: once a step, and advance comes to an end. */
	timer_start(&wheel, &again.timer, 11 * MS, on_probe);
	assert_int_equal(timer_wheel_advance(&wheel, 15 * MS), 5);
	assert_int_equal(again.fired, 5);
	assert_true(timer_is_running(&again.timer));
	timer_stop(&wheel, &again.timer);
}

static void never_and_time_that_goes_back(void **state)
{
	(void)state;
	struct timer_wheel wheel;
	struct probe probe = { .wheel = &wheel };
	timer_wheel_init(&wheel, 1000 * MS);
	timer_start(&wheel, &probe.timer, TIMER_NEVER_NS, on_probe);
	assert_true(timer_is_running(&probe.timer));
	assert_int_equal(timer_wheel_advance(&wheel, UINT64_C(1) << 62), 0);
	timer_stop(&wheel, &probe.timer);
	timer_stop(&wheel, &probe.timer);
	assert_int_equal(timer_wheel_advance(&wheel, 5), 0);
	timer_start(&wheel, &probe.timer, 0, on_probe);
	assert_int_equal(timer_wheel_advance(&wheel, 5), 0);
	assert_int_equal(timer_wheel_advance(&wheel, (UINT64_C(1) << 62) + MS), 1);
}

static void on_timer_never(struct timer *timer)
{
	fail_msg("%p was called", (void *)timer);
}

static void the_time_is_the_latest_that_was_told_and_telling_fires_nothing(void **state)
{
	(void)state;
	struct timer_wheel wheel;
	struct timer timer = { 0 };
	timer_wheel_init(&wheel, 5 * TIMER_WHEEL_STEP_NS + 7);
	assert_int_equal(timer_wheel_now_ns(&wheel), 5 * TIMER_WHEEL_STEP_NS + 7);
	timer_start(&wheel, &timer, 6 * TIMER_WHEEL_STEP_NS, on_timer_never); /* nobody calls it */
	timer_wheel_tell(&wheel, 90 * TIMER_WHEEL_STEP_NS + 1);
	assert_true(timer_is_running(&timer));
	assert_int_equal(timer_wheel_now_ns(&wheel), 90 * TIMER_WHEEL_STEP_NS + 1);
	timer_wheel_tell(&wheel, 80 * TIMER_WHEEL_STEP_NS);
	assert_int_equal(timer_wheel_now_ns(&wheel), 90 * TIMER_WHEEL_STEP_NS + 1);
	timer_stop(&wheel, &timer);
	assert_int_equal(timer_wheel_advance(&wheel, 100 * TIMER_WHEEL_STEP_NS), 0);
	assert_int_equal(timer_wheel_now_ns(&wheel), 100 * TIMER_WHEEL_STEP_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timer_fires_once_at_its_deadline_rounded_up),
		cmocka_unit_test(sleeping_until_next_reaches_every_deadline_in_few_turns),
		cmocka_unit_test(random_use_agrees_with_a_model),
		cmocka_unit_test(a_callback_may_start_itself_and_stop_others),
		cmocka_unit_test(never_and_time_that_goes_back),
		cmocka_unit_test(the_time_is_the_latest_that_was_told_and_telling_fires_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
