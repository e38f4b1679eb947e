/* Sessions when the total is used up: who has none gets one (DESIGN 2, "idle slots can be called back"). */
#include <stdio.h>
#include "engine/io/clock.h"
#include "tests/unit/engine/run/sched_test.h"

static struct sched s;

static void fill(const char *rcpts, int count)
{
	for (int i = 0; i < count; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = rcpts });
	sched_settle(&s);
}

static void a_busy_site_gives_way_to_a_hungry_one_after_a_while(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--sessions=2", NULL });
	fill("1@a.example", 2000);
	assert_int_equal(sched_slots_of(&s, "mx:mx.a.example"), 2);
	fill("1@b.example", 1);
	uint64_t start_ns = clock_now_ns();
	while (sched_leased(&s, "b.example") == NULL) {
		assert_true(clock_now_ns() - start_ns < 8000 * TEST_MS_NS);
		sched_answer(&s, sched_leased(&s, "a.example"), ATTEMPT_DELIVERED);
		sched_pass(&s, 10);
	}
	/* Not at once: a session for one message costs more than it gives. */
	assert_true(clock_now_ns() - start_ns >= 1500 * TEST_MS_NS);
	assert_true(s.call_backs >= 1);
	assert_true(sched_slots_of(&s, "mx:mx.a.example") >= 1);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

/* All 2,000 are for one provider: there is nobody to make room for. */
static void a_site_that_is_alone_keeps_its_sessions(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--sessions=2", NULL });
	fill("1@a.example", 2000);
	uint64_t end_ns = clock_now_ns() + 3000 * TEST_MS_NS;
	while (clock_now_ns() < end_ns) {
		SCHED_WAIT(&s, sched_leased(&s, NULL) != NULL);
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
		sched_pass(&s, 10);
	}
	assert_int_equal(s.call_backs, 0);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void every_one_of_many_sites_has_its_turn(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--sessions=4", NULL });
	char rcpts[8][32];
	for (int i = 0; i < 8; i++) {
		snprintf(rcpts[i], sizeof rcpts[i], "1@d%d.example", i);
		fill(rcpts[i], 2000);
	}
	bool seen[8] = { false };
	uint64_t end_ns = clock_now_ns() + 25000 * TEST_MS_NS;
	for (int count = 0; count < 8 && clock_now_ns() < end_ns;) {
		SCHED_WAIT(&s, sched_leased(&s, NULL) != NULL);
		struct attempt *attempt = sched_leased(&s, NULL);
		int site = attempt->route->domain[1] - '0';
		count += !seen[site];
		seen[site] = true;
		sched_answer(&s, attempt, ATTEMPT_DELIVERED);
		sched_pass(&s, 5);
	}
	for (int i = 0; i < 8; i++)
		assert_true(seen[i]);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_busy_site_gives_way_to_a_hungry_one_after_a_while),
		cmocka_unit_test(a_site_that_is_alone_keeps_its_sessions),
		cmocka_unit_test(every_one_of_many_sites_has_its_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
