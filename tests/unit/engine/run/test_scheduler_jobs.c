/* Job directories: which recipient of which job is made into mail next, and who stops whom. */
#include "tests/unit/engine/run/sched_jobs.h"

static struct sched s;

static bool is_dead(const struct attempt *attempt)
{
	return strncmp(attempt->route->domain, "dead", 4) == 0;
}

/* As workers do: what is dead cannot be reached, and its session ends; all others take their mail. Goes on
 * for so many answers, or until nobody has anything. */
static void answer(uint32_t max)
{
	struct attempt *attempt;
	sched_settle(&s);
	for (; max > 0 && (attempt = sched_leased(&s, NULL)) != NULL; max--) {
		if (is_dead(attempt)) {
			sched_answer_heard(
				&s, attempt, ATTEMPT_DEFERRED, (struct heard){ .back_off = true });
			sched_return_slots(&s);
		} else {
			sched_answer(&s, attempt, ATTEMPT_DELIVERED);
		}
		if (sched_leased(&s, NULL) == NULL)
			sched_settle(&s);
	}
	sched_settle(&s);
}

static struct fake_job *put(const char *label, const struct fake_group *groups)
{
	return sched_job(&s, &(struct test_job){ .label = label, .groups = groups });
}

/* ---- dead and throttled providers ---- */

static void thousands_of_dead_domains_stop_nobody_and_hold_almost_nothing(void **state)
{
	(void)state;
	enum { DEAD = 4000, HEALTHY = 3000 };
	sched_jobs_init(&s, (const char *const[]){ "--sessions=32", "--retry-first=1h", NULL });
	struct fake_job *job = put(NULL, (const struct fake_group[]){ { "dead", DEAD, 8 },
						 { "fine", 1, HEALTHY }, { NULL, 0, 0 } });
	answer(UINT32_MAX);
	assert_int_equal(job->tally[1].by_fate[ATTEMPT_DELIVERED], HEALTHY);
	/* Each was tried as often as it took to learn that it is dead, and has nobody in memory. */
	assert_in_range(job->tally[0].by_fate[ATTEMPT_DEFERRED], DEAD, 4 * DEAD);
	assert_int_equal(job->tally[0].held, 0);
	assert_in_range(job->held_max, 1, 2048 + 4 * 32);
	sched_jobs_end(&s);
}

static void domains_that_nobody_can_look_up_leave_the_sessions_of_others_their_memory(void **state)
{
	(void)state;
	enum { UNKNOWN = 3000, HEALTHY = 3000 };
	sched_jobs_init(&s, (const char *const[]){ "--sessions=32", NULL });
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@fine.example" });
	answer(1);
	s.hold_routes = true;
	struct fake_job *job = put(NULL, (const struct fake_group[]){ { "dark", UNKNOWN, 1 },
						 { "fine", 1, HEALTHY }, { NULL, 0, 0 } });
	answer(UINT32_MAX);
	assert_int_equal(job->tally[1].by_fate[ATTEMPT_DELIVERED], HEALTHY);
	assert_in_range(job->tally[0].held, 1, UNKNOWN / 2);
	s.hold_routes = false;
	sched_release(&s);
	answer(UINT32_MAX);
	assert_int_equal(job->tally[0].by_fate[ATTEMPT_DELIVERED], UNKNOWN);
	assert_int_equal(job->unlinked, 1);
	sched_jobs_end(&s);
}

static void while_the_disk_is_slow_memory_has_its_bound_and_all_goes_on_behind_it(void **state)
{
	(void)state;
	enum { HEALTHY = 3000 };
	sched_jobs_init(&s, (const char *const[]){ "--sessions=32", "--retry-first=1h", NULL });
	s.jobs->hold_parks = true;
	struct fake_job *job = put(NULL, (const struct fake_group[]){ { "dead", 3000, 3 },
						 { "fine", 1, HEALTHY }, { NULL, 0, 0 } });
	answer(UINT32_MAX);
	assert_in_range(job->held_max, 2048, 2048 + 4 * 32);
	s.jobs->hold_parks = false;
	sched_release_parks(&s);
	answer(UINT32_MAX);
	assert_int_equal(job->tally[1].by_fate[ATTEMPT_DELIVERED], HEALTHY);
	assert_int_equal(job->held, 0);
	sched_jobs_end(&s);
}

static void what_a_blocked_provider_has_goes_back_to_the_job_and_comes_again_when_it_opens(
	void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--site-sessions=4", "--retry-first=2s",
				    "--retry-max=1h", "--park-after=0s", NULL });
	struct fake_job *job =
		put(NULL, (const struct fake_group[]){ { "a", 1, 200 }, { NULL, 0, 0 } });
	answer(40);
	assert_in_range(job->held, 1 + s.leased_count, 100);
	sched_answer_heard(
		&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED, (struct heard){ .back_off = true });
	sched_settle(&s);
	assert_int_equal(job->held, s.leased_count); /* what workers have goes its way */
	assert_true(s.jobs->backs > 0);
	answer(UINT32_MAX);
	assert_int_equal(job->held, 0);
	uint32_t delivered = job->tally[0].by_fate[ATTEMPT_DELIVERED];
	assert_in_range(delivered, 40, 60);
	SCHED_WAIT(&s, sched_leased(&s, NULL) != NULL); /* half a second later */
	answer(UINT32_MAX);
	assert_int_equal(job->tally[0].by_fate[ATTEMPT_DELIVERED], 199);
	assert_int_equal(job->tally[0].parked, 1);
	sched_jobs_end(&s);
}

static void a_source_that_is_blocked_does_not_stop_the_others(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--source=192.0.2.1", "--source=192.0.2.2",
				    "--retry-first=1h", NULL });
	struct fake_job *job =
		put(NULL, (const struct fake_group[]){ { "a", 1, 300 }, { NULL, 0, 0 } });
	sched_settle(&s);
	struct attempt *attempt = sched_leased(&s, NULL);
	const struct source *blocked = attempt->source;
	sched_answer_heard(&s, attempt, ATTEMPT_DEFERRED, (struct heard){ .suspend = true });
	sched_settle(&s);
	for (uint32_t i = s.leased_count; i > 0; i--) /* some of these were on their way before */
		answer(1);
	while ((attempt = sched_leased(&s, NULL)) != NULL) {
		assert_ptr_not_equal(attempt->source, blocked);
		answer(1);
	}
	assert_int_equal(job->tally[0].by_fate[ATTEMPT_DELIVERED], 299);
	sched_jobs_end(&s);
}

/* ---- memory ---- */

static void recipients_are_made_by_the_session_and_not_all_at_once(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--site-sessions=4", NULL });
	struct fake_job *job =
		put(NULL, (const struct fake_group[]){ { "a", 1, 4000 }, { NULL, 0, 0 } });
	answer(UINT32_MAX);
	assert_int_equal(job->tally[0].by_fate[ATTEMPT_DELIVERED], 4000);
	assert_in_range(job->held_max, 8, 8 + 2 * 2 * 4 + 16 + 32);
	assert_int_equal(s.jobs->backs, 0);
	assert_int_equal(job->unlinked, 1);
	assert_null(job->run);
	sched_jobs_end(&s);
}

static void many_domains_at_one_provider_have_together_what_it_can_use(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--site-sessions=4", NULL });
	struct fake_job *job =
		put(NULL, (const struct fake_group[]){ { "a", 3000, 2 }, { NULL, 0, 0 } });
	answer(UINT32_MAX);
	assert_int_equal(job->tally[0].by_fate[ATTEMPT_DELIVERED], 6000);
	assert_in_range(job->held_max, 8, 2048 + 4 * 1000);
	sched_jobs_end(&s);
}

/* Those that have a session go on with it: it does not go round for one message at a time. */
static void where_domains_are_more_than_memory_each_session_takes_what_its_domain_has(void **state)
{
	(void)state;
	enum { DOMAINS = 3000, EACH = 8 };
	sched_jobs_init(&s, (const char *const[]){ "--sessions=32", NULL });
	put(NULL, (const struct fake_group[]){ { "a", DOMAINS, 1 }, { NULL, 0, 0 } });
	answer(UINT32_MAX); /* now each of them is known, and has no session */
	uint32_t before = s.sessions_opened;
	struct fake_job *job =
		put(NULL, (const struct fake_group[]){ { "a", DOMAINS, EACH }, { NULL, 0, 0 } });
	answer(UINT32_MAX);
	assert_int_equal(job->tally[0].by_fate[ATTEMPT_DELIVERED], DOMAINS * EACH);
	assert_in_range(s.sessions_opened - before, DOMAINS - 32, 2 * DOMAINS);
	assert_in_range(job->held_max, 1, 2048 + 4 * 32);
	sched_jobs_end(&s);
}

/* The jobs thread has made the last one and is about to say so when the scheduler, whose provider has just
 * been blocked, gives him back. */
static void who_comes_back_before_the_word_that_all_are_made_is_made_again(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--site-sessions=1", "--retry-first=2s",
				    "--retry-max=1h", "--park-after=0s", NULL });
	struct fake_job *job =
		put(NULL, (const struct fake_group[]){ { "a", 1, 8 }, { NULL, 0, 0 } });
	s.jobs->hold_ends = true;
	answer(1);
	assert_int_equal(job->held, 7);
	assert_int_equal(s.jobs->ends_count, 1);
	sched_answer_heard(
		&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED, (struct heard){ .back_off = true });
	sched_settle(&s);
	assert_true(s.jobs->backs > 0);
	s.jobs->hold_ends = false;
	sched_release_ends(&s);
	answer(UINT32_MAX);
	SCHED_WAIT(&s, sched_leased(&s, NULL) != NULL); /* half a second later */
	answer(UINT32_MAX);
	assert_int_equal(job->tally[0].by_fate[ATTEMPT_DELIVERED], 8);
	assert_int_equal(job->unlinked, 1);
	sched_jobs_end(&s);
}

/* ---- jobs beside each other, and beside files ---- */

static struct route *at_one_provider(struct sched *sched, const char *domain)
{
	(void)sched;
	const struct test_host hosts[] = { { "mx.hoster.example", 10, 0, "192.0.2.1", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 } };
	return test_route(domain, hosts, UINT64_MAX);
}

static void a_job_with_thousands_of_domains_at_a_provider_leaves_another_its_turn(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--site-sessions=2", NULL });
	s.route_for = at_one_provider;
	struct fake_job *large =
		put("large", (const struct fake_group[]){ { "a", 3000, 4 }, { NULL, 0, 0 } });
	answer(100);
	struct fake_job *small =
		put("small", (const struct fake_group[]){ { "b", 1, 100 }, { NULL, 0, 0 } });
	answer(400);
	assert_int_equal(small->tally[0].by_fate[ATTEMPT_DELIVERED], 100);
	assert_in_range(large->tally[0].by_fate[ATTEMPT_DELIVERED], 350, 450);
	sched_jobs_end(&s);
}

static void files_that_wait_for_a_provider_leave_a_job_its_turn(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--site-sessions=2", NULL });
	for (int i = 0; i < 1000; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example", .job = "files" });
	answer(100);
	struct fake_job *job =
		put("job", (const struct fake_group[]){ { "a", 1, 100 }, { NULL, 0, 0 } });
	answer(400);
	assert_int_equal(job->tally[0].by_fate[ATTEMPT_DELIVERED], 100);
	sched_jobs_end(&s);
}

static void a_transactional_job_overtakes_one_of_bulk(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--site-sessions=2", NULL });
	struct fake_job *bulk =
		put("bulk", (const struct fake_group[]){ { "a", 1, 5000 }, { NULL, 0, 0 } });
	answer(100);
	uint32_t before = bulk->tally[0].by_fate[ATTEMPT_DELIVERED];
	struct fake_job *now = sched_job(&s,
		&(struct test_job){ .label = "now",
			.class = ENVELOPE_CLASS_TRANSACTIONAL,
			.groups = (const struct fake_group[]){ { "a", 1, 50 }, { NULL, 0, 0 } } });
	while (now->tally[0].by_fate[ATTEMPT_DELIVERED] < 50)
		answer(1);
	assert_in_range(bulk->tally[0].by_fate[ATTEMPT_DELIVERED], before, before + 10);
	sched_jobs_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thousands_of_dead_domains_stop_nobody_and_hold_almost_nothing),
		cmocka_unit_test(
			domains_that_nobody_can_look_up_leave_the_sessions_of_others_their_memory),
		cmocka_unit_test(
			while_the_disk_is_slow_memory_has_its_bound_and_all_goes_on_behind_it),
		cmocka_unit_test(
			what_a_blocked_provider_has_goes_back_to_the_job_and_comes_again_when_it_opens),
		cmocka_unit_test(a_source_that_is_blocked_does_not_stop_the_others),
		cmocka_unit_test(recipients_are_made_by_the_session_and_not_all_at_once),
		cmocka_unit_test(many_domains_at_one_provider_have_together_what_it_can_use),
		cmocka_unit_test(
			where_domains_are_more_than_memory_each_session_takes_what_its_domain_has),
		cmocka_unit_test(
			who_comes_back_before_the_word_that_all_are_made_is_made_again),
		cmocka_unit_test(
			a_job_with_thousands_of_domains_at_a_provider_leaves_another_its_turn),
		cmocka_unit_test(files_that_wait_for_a_provider_leave_a_job_its_turn),
		cmocka_unit_test(a_transactional_job_overtakes_one_of_bulk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
