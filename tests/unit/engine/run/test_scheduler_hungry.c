/* Sessions when the total is used up: who has none gets one, and who could use more those that idle (DESIGN 2,
 * "idle slots can be called back"). */
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

/* And on a machine that has no time for its thread the scheduler has leased what it can by then. */
static void pass(uint32_t ms)
{
	sched_pass(&s, ms);
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
		assert_true(clock_now_ns() - start_ns < SCHED_WAIT_MS * TEST_MS_NS);
		sched_answer(&s, sched_leased(&s, "a.example"), ATTEMPT_DELIVERED);
		pass(10);
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
		pass(10);
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
		pass(5);
	}
	for (int i = 0; i < 8; i++)
		assert_true(seen[i]);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

/* ---- more sessions for a site that has some ---- */

static void sessions_that_idle_go_to_a_site_that_could_use_more(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--sessions=6", NULL });
	char rcpts[32];
	for (int i = 0; i < 5; i++) {
		(void)snprintf(rcpts, sizeof rcpts, "1@d%d.example", i);
		fill(rcpts, 1);
	}
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(s.slots, 5);
	fill("1@a.example", 200);
	assert_int_equal(sched_slots_of(&s, "mx:mx.a.example"), 6);
	assert_int_equal(s.call_backs, 5);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void sessions_that_idle_stay_where_nobody_has_more_mail_than_his_own_take(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--sessions=3", NULL });
	fill("1@b.example", 1);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	fill("1@a.example", 6); /* three bound to each of two */
	assert_int_equal(sched_slots_of(&s, "mx:mx.a.example"), 2);
	assert_int_equal(sched_slots_of(&s, "mx:mx.b.example"), 1);
	assert_int_equal(s.call_backs, 0);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void sessions_that_work_stay_where_all_have_some(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--sessions=3", NULL });
	fill("1@a.example", 1);
	fill("1@b.example", 1);
	fill("1@b.example", 600);
	fill("1@a.example", 600);
	uint32_t slots = sched_slots_of(&s, "mx:mx.a.example");
	assert_in_range(slots, 1, 2);
	uint64_t end_ns = clock_now_ns() + 2600 * TEST_MS_NS; /* longer than who has none waits */
	while (clock_now_ns() < end_ns) {
		sched_answer(&s, sched_leased(&s, "a.example"), ATTEMPT_DELIVERED);
		sched_answer(&s, sched_leased(&s, "b.example"), ATTEMPT_DELIVERED);
		pass(10);
	}
	assert_int_equal(s.call_backs, 0);
	assert_int_equal(sched_slots_of(&s, "mx:mx.a.example"), slots);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void a_session_that_idles_goes_first_to_who_has_none(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--sessions=2", NULL });
	fill("1@c.example", 1);
	fill("1@a.example", 100);
	fill("1@b.example", 1);
	assert_null(sched_leased(&s, "b.example"));
	sched_answer(&s, sched_leased(&s, "c.example"), ATTEMPT_DELIVERED);
	sched_settle(&s);
	assert_int_equal(sched_slots_of(&s, "mx:mx.a.example"), 1);
	assert_non_null(sched_leased(&s, "b.example"));
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

/* Else it would have to wait until the last of thousands of small ones has had its turn. */
static void a_large_site_grows_while_others_wait_for_their_first_session(void **state)
{
	(void)state;
	enum { SMALL = 60 };
	char rcpts[32];
	sched_init(&s, (const char *const[]){ "--sessions=4", NULL });
	for (int i = 0; i < SMALL; i++) {
		if (i == 3) { /* three of them have the others */
			fill("1@a.example", 400);
			for (int count = 0; count < 50; count++) {
				sched_answer(&s, sched_leased(&s, "a.example"), ATTEMPT_DELIVERED);
				sched_settle(&s);
			}
		}
		(void)snprintf(rcpts, sizeof rcpts, "1@d%d.example", i);
		fill(rcpts, 1);
	}
	assert_int_equal(sched_slots_of(&s, "mx:mx.a.example"), 1);
	while (sched_leased(&s, "d59.example") == NULL) {
		struct attempt *attempt = NULL;
		for (int i = 0; i < SMALL && attempt == NULL; i++) {
			(void)snprintf(rcpts, sizeof rcpts, "d%d.example", i);
			attempt = sched_leased(&s, rcpts);
		}
		sched_answer(&s, attempt, ATTEMPT_DELIVERED);
		sched_settle(&s);
	}
	/* Every fourth was for it, until half of all were further ones. */
	assert_int_equal(sched_slots_of(&s, "mx:mx.a.example"), 3);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_busy_site_gives_way_to_a_hungry_one_after_a_while),
		cmocka_unit_test(a_site_that_is_alone_keeps_its_sessions),
		cmocka_unit_test(every_one_of_many_sites_has_its_turn),
		cmocka_unit_test(sessions_that_idle_go_to_a_site_that_could_use_more),
		cmocka_unit_test(
			sessions_that_idle_stay_where_nobody_has_more_mail_than_his_own_take),
		cmocka_unit_test(sessions_that_work_stay_where_all_have_some),
		cmocka_unit_test(a_session_that_idles_goes_first_to_who_has_none),
		cmocka_unit_test(a_large_site_grows_while_others_wait_for_their_first_session),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
