/* Job directories: begun, held, cancelled, gone on with, over; and what else ends the wait of a recipient. */
#include "engine/io/clock.h"
#include "engine/run/holds.h"
#include "engine/run/notice.h"
#include "store/suppress.h"
#include "tests/unit/engine/run/sched_jobs.h"
#include "tests/unit/store/temp_folder.h"

static struct sched s;

static struct fake_job *put(const struct test_job *draft, const char *name, uint32_t count)
{
	const struct fake_group groups[] = { { name, 1, count }, { NULL, 0, 0 } };
	struct test_job job = *draft;
	job.groups = groups;
	return sched_job(&s, &job);
}

static uint32_t of_fate(const struct fake_job *job, enum attempt_fate fate)
{
	return job->tally[0].by_fate[fate];
}

static void deliver(uint32_t count)
{
	sched_settle(&s);
	for (; count > 0; count--) {
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
		sched_settle(&s);
	}
}

/* The thread may end at any time now: nothing is settled. */
static void deliver_until_it_ends(void)
{
	struct attempt *attempt;
	for (int waited = 0; s.running && waited < SCHED_WAIT_MS; waited++) {
		sched_pass(&s, 1);
		while ((attempt = sched_leased(&s, NULL)) != NULL)
			sched_answer(&s, attempt, ATTEMPT_DELIVERED);
	}
	assert_false(s.running);
}

static int64_t unix_now(void) { return clock_wall_us() / 1000000; }

/* ---- notifications ---- */

static void a_job_whose_failures_are_mail_waits_while_too_many_of_these_are_in_the_spool(void **state)
{
	(void)state;
	_Atomic uint64_t *notices = &s.base.hub.counters.notices;
	sched_jobs_init(&s, (const char *const[]){ "--bounce=dsn", "--site-sessions=1", NULL });
	struct fake_job *job = put(&(struct test_job){ 0 }, "a", 300);
	deliver(10);
	hub_count(notices, NOTICES_JOBS_WAIT);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	uint32_t made = job->tally[0].made;
	assert_in_range(made, 11, 299); /* those that were made already went out */
	assert_int_equal(of_fate(job, ATTEMPT_DELIVERED), made);
	/* Others are not stopped: the notifications among them. */
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@b.example" });
	sched_settle(&s);
	assert_non_null(sched_leased(&s, "b.example"));
	assert_int_equal(job->tally[0].made, made);
	hub_uncount(notices, 1);
	sched_answer_all(&s, ATTEMPT_DELIVERED); /* as one of them has gone: the job goes on */
	assert_int_equal(of_fate(job, ATTEMPT_DELIVERED), 300);
	assert_int_equal(job->unlinked, 1);
	sched_jobs_end(&s);
}

static void a_job_that_tells_by_events_does_not_wait_for_notifications(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--bounce=single", NULL });
	hub_count(&s.base.hub.counters.notices, NOTICES_JOBS_WAIT);
	struct fake_job *job = put(&(struct test_job){ 0 }, "a", 300);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(of_fate(job, ATTEMPT_DELIVERED), 300);
	sched_jobs_end(&s);
}

static void a_job_that_is_cancelled_ends_though_too_many_notifications_wait(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--bounce=dsn", "--site-sessions=1", NULL });
	struct fake_job *job = put(&(struct test_job){ 0 }, "a", 300);
	deliver(10);
	hub_count(&s.base.hub.counters.notices, NOTICES_JOBS_WAIT);
	sched_job_gone(&s, job);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(of_fate(job, ATTEMPT_WITHDRAWN) + of_fate(job, ATTEMPT_DELIVERED), 300);
	assert_true(of_fate(job, ATTEMPT_WITHDRAWN) > 200);
	sched_jobs_end(&s);
}

/* CONFORMANCE 0.4: they could not be tried, and that was our doing. */
static void the_time_for_which_a_job_waits_for_notifications_is_not_of_its_lifetime(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--bounce=dsn", "--site-sessions=1", "--lifetime=2s", NULL });
	struct fake_job *job = put(&(struct test_job){ 0 }, "a", 300);
	deliver(10);
	hub_count(&s.base.hub.counters.notices, NOTICES_JOBS_WAIT);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	uint32_t made = job->tally[0].made;
	assert_in_range(made, 11, 299);
	sched_pass(&s, 3000);
	assert_int_equal(of_fate(job, ATTEMPT_EXPIRED), 0);
	assert_int_equal(job->tally[0].made, made);
	hub_uncount(&s.base.hub.counters.notices, 1);
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@b.example" }); /* something that goes on */
	sched_settle(&s);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(of_fate(job, ATTEMPT_DELIVERED), 300);
	assert_int_equal(job->unlinked, 1);
	sched_jobs_end(&s);
}

/* His sender has that word already, and the recorder has the attempt that tells of him. */
static void who_was_told_of_as_waiting_is_not_given_back_when_his_provider_blocks_us(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--bounce=dsn", "--warn-after=400ms",
				    "--site-sessions=1", "--retry-first=1h", NULL });
	struct fake_job *job = put(&(struct test_job){ 0 }, "a", 100);
	deliver(10);
	uint32_t queued = job->tally[0].made - 10 - s.leased_count;
	assert_true(queued > 0);
	s.hold_records = true;
	SCHED_WAIT(&s, s.warnings == queued);
	sched_answer_heard(
		&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED, (struct heard){ .suspend = true });
	sched_settle(&s);
	assert_true(job->held >= queued);
	s.hold_records = false;
	sched_release(&s);
	sched_settle(&s);
	assert_int_equal(s.warnings, queued);
	sched_job_gone(&s, job);
	sched_settle(&s);
	assert_true(of_fate(job, ATTEMPT_WITHDRAWN) >= queued);
	sched_jobs_end(&s);
}

/* ---- the end ---- */

static void a_job_goes_when_its_last_recipient_is_done(void **state)
{
	(void)state;
	sched_jobs_init(&s, NULL);
	struct fake_job *job = put(&(struct test_job){ .label = "letter" }, "a", 10);
	deliver(9);
	assert_int_equal(job->unlinked, 0);
	deliver(1);
	assert_int_equal(job->unlinked, 1);
	assert_null(job->message);
	assert_null(job->run);
	assert_int_equal(sched_count(&s, &s.base.hub.counters.rcpts_pending), 0);
	sched_jobs_end(&s);
}

static void once_ends_when_all_are_done(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--once", NULL });
	struct fake_job *job = put(&(struct test_job){ 0 }, "a", 500);
	hub_post(s.base.hub.scheduler, POST_KEEPER_IDLE, NULL, 0, 0);
	sched_files_idle(&s, 0);
	deliver_until_it_ends();
	assert_int_equal(of_fate(job, ATTEMPT_DELIVERED), 500);
	assert_int_equal(job->unlinked, 1);
	sched_jobs_end(&s);
	assert_false(s.end.mail_waits);
}

/* A slow-down is short: those who wait for it are sent in this run; a back-off is not. */
static void once_waits_for_a_pause_and_not_for_a_provider_that_cannot_be_reached(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--once", "--retry-first=1h", NULL });
	struct fake_job *job = put(&(struct test_job){ 0 }, "a", 50);
	hub_post(s.base.hub.scheduler, POST_KEEPER_IDLE, NULL, 0, 0);
	deliver(1);
	sched_files_idle(&s, 0);
	sched_answer_heard(
		&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED, (struct heard){ .slow_down = true });
	while (sched_leased(&s, NULL) != NULL)
		deliver(1);
	assert_int_equal(job->held, 0);
	assert_true(s.running);
	SCHED_WAIT(&s, sched_leased(&s, NULL) != NULL);
	sched_answer_heard(
		&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED, (struct heard){ .back_off = true });
	deliver_until_it_ends();
	sched_jobs_end(&s);
	assert_true(s.end.mail_waits);
}

static void lines_that_nobody_can_read_are_refused_alone(void **state)
{
	(void)state;
	sched_jobs_init(&s, NULL);
	const struct fake_group groups[] = { { "a", 1, 5 }, { "", 1, 40 }, { NULL, 0, 0 } };
	struct fake_job *job = sched_job(&s, &(struct test_job){ .groups = groups });
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(of_fate(job, ATTEMPT_DELIVERED), 5);
	assert_int_equal(job->tally[1].by_fate[ATTEMPT_REJECTED], 40);
	assert_int_equal(job->unlinked, 1);
	sched_jobs_end(&s);
}

/* ---- not yet ---- */

static void nobody_is_made_before_the_time_of_the_job(void **state)
{
	(void)state;
	sched_jobs_init(&s, NULL);
	struct fake_job *job =
		put(&(struct test_job){ .not_before_unix_s = unix_now() + 2 }, "a", 10);
	sched_settle(&s);
	assert_int_equal(job->tally[0].made, 0);
	assert_int_equal(sched_count(&s, &s.base.hub.counters.rcpts_pending), 10);
	SCHED_WAIT(&s, sched_leased(&s, NULL) != NULL);
	assert_true(unix_now() >= job->job.not_before_unix_s);
	deliver(10);
	assert_int_equal(job->unlinked, 1);
	sched_jobs_end(&s);
}

static void who_has_a_later_time_of_his_own_waits_in_the_queue(void **state)
{
	(void)state;
	sched_jobs_init(&s, NULL);
	struct fake_job *job =
		put(&(struct test_job){ .rcpts_not_before_unix_s = unix_now() + 7200 }, "a", 100);
	sched_settle(&s);
	assert_int_equal(job->tally[0].parked, 100);
	assert_int_equal(job->held, 0);
	assert_int_equal(s.outcomes, 0);
	assert_int_equal(job->unlinked, 0);
	sched_jobs_end(&s);
}

static void a_job_that_is_held_makes_nobody_and_stops_nobody_else_until_it_is_released(void **state)
{
	(void)state;
	struct fail fail = { 0 };
	struct holds holds = { 0 };
	sched_jobs_prepare(&s, (const char *const[]){ "--site-sessions=1", NULL });
	assert_int_equal(holds_load(&holds, temp_folder, &fail), RESULT_OK);
	s.base.hub.holds = &holds;
	sched_jobs_start(&s);
	/* Domains of the held one stand in the line of the site, before those of the other. */
	const struct fake_group groups[] = { { "a", 1, 200 }, { NULL, 0, 0 } };
	struct fake_job *held =
		sched_job(&s, &(struct test_job){ .label = "held", .groups = groups });
	struct fake_job *other =
		sched_job(&s, &(struct test_job){ .label = "other", .groups = groups });
	deliver(20);
	assert_int_equal(holds_add(&holds, HOLD_JOB, TEXT("held"), &fail), RESULT_OK);
	uint32_t made = held->tally[0].made;
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(of_fate(other, ATTEMPT_DELIVERED), 200);
	assert_int_equal(held->tally[0].made, made);
	assert_true(of_fate(held, ATTEMPT_DELIVERED) < 200);
	assert_true(holds_remove(&holds, HOLD_JOB, TEXT("held")));
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(of_fate(held, ATTEMPT_DELIVERED), 200);
	assert_int_equal(held->unlinked, 1);
	sched_jobs_end(&s);
	holds_deinit(&holds);
}

/* ---- not any more ---- */

static void whoever_is_left_when_the_directory_goes_is_withdrawn(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--site-sessions=1", "--retry-first=1h", NULL });
	struct fake_job *job = put(&(struct test_job){ 0 }, "a", 300);
	deliver(10);
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED);
	sched_settle(&s);
	assert_int_equal(job->tally[0].parked, 1);
	sched_job_gone(&s, job);
	sched_settle(&s);
	/* Who is at a worker has the outcome that the receiver gives; who is in the queue is looked for. */
	assert_int_equal(of_fate(job, ATTEMPT_WITHDRAWN), 300 - 11 - s.leased_count);
	assert_true(s.jobs->looks > 0);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(job->unlinked, 0);
	sched_revive(&s, job, 10);
	sched_settle(&s);
	assert_int_equal(of_fate(job, ATTEMPT_WITHDRAWN) + of_fate(job, ATTEMPT_DELIVERED), 300);
	assert_int_equal(job->unlinked, 1);
	sched_jobs_end(&s);
}

static void those_who_wait_for_a_blocked_provider_are_withdrawn_at_once(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--retry-first=1h", NULL });
	const struct fake_group groups[] = { { "a", 1, 50 }, { "dead", 40, 5 }, { NULL, 0, 0 } };
	struct fake_job *job = sched_job(&s, &(struct test_job){ .groups = groups });
	sched_settle(&s);
	for (struct attempt *attempt; (attempt = sched_leased(&s, NULL)) != NULL; sched_settle(&s))
		sched_answer_heard(
			&s, attempt, ATTEMPT_DEFERRED, (struct heard){ .suspend = true });
	assert_int_equal(job->held, 0);
	uint32_t parked = job->tally[0].parked + job->tally[1].parked;
	sched_job_gone(&s, job);
	sched_settle(&s);
	assert_int_equal(of_fate(job, ATTEMPT_WITHDRAWN) + job->tally[1].by_fate[ATTEMPT_WITHDRAWN],
		250 - parked);
	sched_jobs_end(&s);
}

static void whoever_had_no_turn_when_the_job_expires_is_told_so(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--site-sessions=1", NULL });
	struct fake_job *job = put(&(struct test_job){ .expiry_unix_s = unix_now() + 2 }, "a", 200);
	deliver(5);
	SCHED_WAIT(&s, of_fate(job, ATTEMPT_EXPIRED) >= 195 - s.leased_count);
	assert_true(unix_now() >= job->job.expiry_unix_s);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(of_fate(job, ATTEMPT_EXPIRED) + of_fate(job, ATTEMPT_DELIVERED), 200);
	assert_int_equal(job->unlinked, 1);
	sched_jobs_end(&s);
}

/* CONFORMANCE 0.4: a recipient's lifetime in a job counts from its first attempt. */
static void who_comes_late_in_a_long_job_has_a_whole_lifetime(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--site-sessions=1", "--lifetime=4s", NULL });
	struct fake_job *job = put(&(struct test_job){ 0 }, "a", 200);
	uint64_t end_ns = clock_now_ns() + 8000 * TEST_MS_NS; /* of a job that takes longer than that */
	while (clock_now_ns() < end_ns && of_fate(job, ATTEMPT_DELIVERED) < 100) {
		deliver(1);
		sched_pass(&s, 80);
	}
	assert_true(clock_now_ns() >= end_ns - 1500 * TEST_MS_NS);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(of_fate(job, ATTEMPT_EXPIRED), 0);
	assert_int_equal(of_fate(job, ATTEMPT_DELIVERED), 200);
	assert_int_equal(job->unlinked, 1);
	sched_jobs_end(&s);
}

static void a_job_of_which_nobody_has_an_answer_for_a_lifetime_is_over(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--retry-first=1h", "--lifetime=2s",
				    "--park-after=0s", NULL });
	const struct fake_group groups[] = { { "a", 1, 5 }, { "dead", 1, 50 }, { NULL, 0, 0 } };
	struct fake_job *job = sched_job(&s, &(struct test_job){ .groups = groups });
	sched_settle(&s);
	for (struct attempt *attempt; (attempt = sched_leased(&s, NULL)) != NULL; sched_settle(&s)) {
		if (strcmp(attempt->route->domain, "a.example") == 0)
			sched_answer(&s, attempt, ATTEMPT_DELIVERED);
		else
			sched_answer_heard(
				&s, attempt, ATTEMPT_DEFERRED, (struct heard){ .suspend = true });
	}
	uint64_t answered_ns = clock_now_ns();
	uint32_t parked = job->tally[1].parked;
	assert_in_range(parked, 1, 49);
	assert_int_equal(job->tally[1].by_fate[ATTEMPT_EXPIRED], 0);
	SCHED_WAIT(&s, job->tally[1].by_fate[ATTEMPT_EXPIRED] == 50 - parked);
	assert_true(clock_now_ns() - answered_ns >= 1000 * TEST_MS_NS);
	assert_int_equal(of_fate(job, ATTEMPT_DELIVERED), 5);
	sched_jobs_end(&s);
}

/* Two days ago, and the lifetime is two days. */
static void a_restart_does_not_end_a_job_that_was_answered_of_late_nor_lengthen_another(void **state)
{
	(void)state;
	enum { DAY_S = 86400 };
	const struct test_job draft = { .done = 10,
		.made_ns = (unix_now() - 3 * DAY_S) * 1000000000,
		.answered_us = (unix_now() - 60) * 1000000 };
	sched_jobs_init(&s, NULL);
	struct fake_job *job = put(&draft, "a", 50);
	struct test_job old = draft;
	old.answered_us = (unix_now() - 2 * DAY_S - 60) * 1000000;
	struct fake_job *over = put(&old, "b", 50);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(of_fate(job, ATTEMPT_DELIVERED), 40);
	assert_int_equal(of_fate(over, ATTEMPT_EXPIRED), 40);
	sched_jobs_end(&s);
}

static void whoever_is_on_the_suppression_list_is_not_tried(void **state)
{
	(void)state;
	struct fail fail;
	struct suppress *list;
	bool is_new;
	assert_int_equal(suppress_open(temp_folder, true, &list, &fail), RESULT_OK);
	for (int i = 0; i < 100; i += 2) {
		char address[32];
		(void)snprintf(address, sizeof address, "r%d@a.example", i);
		const struct suppress_entry entry = { text_of(address), TEXT("asked"), 1 };
		assert_int_equal(suppress_put(list, &entry, &is_new, &fail), RESULT_OK);
	}
	assert_int_equal(suppress_commit(list, &fail), RESULT_OK);
	sched_jobs_prepare(&s, NULL);
	s.base.hub.suppress = list;
	sched_jobs_start(&s);
	struct fake_job *job = put(&(struct test_job){ 0 }, "a", 100);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(of_fate(job, ATTEMPT_SUPPRESSED), 50);
	assert_int_equal(of_fate(job, ATTEMPT_DELIVERED), 50);
	assert_int_equal(job->unlinked, 1);
	sched_jobs_end(&s);
	suppress_close(&list);
}

/* ---- again ---- */

static void who_was_deferred_comes_back_from_the_queue_with_his_line(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--retry-first=1h", NULL });
	struct fake_job *job = put(&(struct test_job){ 0 }, "a", 20);
	sched_answer_all(&s, ATTEMPT_DEFERRED);
	assert_int_equal(job->tally[0].parked, 20);
	assert_int_equal(job->held, 0);
	for (uint32_t i = 0; i < 20; i++)
		sched_revive(&s, job, i);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(of_fate(job, ATTEMPT_DELIVERED), 20);
	assert_int_equal(job->tally[0].parked, 0);
	assert_int_equal(job->unlinked, 1);
	sched_jobs_end(&s);
}

static void a_restart_sends_to_those_who_are_neither_done_nor_in_the_queue(void **state)
{
	(void)state;
	sched_jobs_init(&s, NULL);
	struct fake_job *job =
		put(&(struct test_job){ .done = 10, .waiting = 5, .leftovers = 2 }, "a", 50);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(of_fate(job, ATTEMPT_DELIVERED), 35);
	assert_int_equal(job->unlinked, 0);
	for (uint32_t i = 10; i < 15; i++)
		sched_revive(&s, job, i);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(of_fate(job, ATTEMPT_DELIVERED), 40);
	assert_int_equal(job->unlinked, 0); /* two are still in the queue */
	sched_revive(&s, job, 0);
	sched_revive(&s, job, 1);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(of_fate(job, ATTEMPT_DELIVERED), 40); /* nobody gets it twice */
	assert_int_equal(job->unlinked, 1);
	sched_jobs_end(&s);
}

static void a_job_of_which_all_were_done_goes_at_once(void **state)
{
	(void)state;
	sched_jobs_init(&s, NULL);
	struct fake_job *job = put(&(struct test_job){ .done = 7 }, "a", 7);
	sched_settle(&s);
	assert_int_equal(job->tally[0].made, 0);
	assert_int_equal(job->unlinked, 1);
	sched_jobs_end(&s);
}

int main(void)
{
#define TEST_OF(name) cmocka_unit_test_setup_teardown(name, temp_folder_make, temp_folder_remove)
	const struct CMUnitTest tests[] = {
		TEST_OF(a_job_whose_failures_are_mail_waits_while_too_many_of_these_are_in_the_spool),
		TEST_OF(the_time_for_which_a_job_waits_for_notifications_is_not_of_its_lifetime),
		TEST_OF(a_job_that_tells_by_events_does_not_wait_for_notifications),
		TEST_OF(a_job_that_is_cancelled_ends_though_too_many_notifications_wait),
		TEST_OF(who_was_told_of_as_waiting_is_not_given_back_when_his_provider_blocks_us),
		TEST_OF(a_job_goes_when_its_last_recipient_is_done),
		TEST_OF(once_ends_when_all_are_done),
		TEST_OF(once_waits_for_a_pause_and_not_for_a_provider_that_cannot_be_reached),
		TEST_OF(lines_that_nobody_can_read_are_refused_alone),
		TEST_OF(nobody_is_made_before_the_time_of_the_job),
		TEST_OF(who_has_a_later_time_of_his_own_waits_in_the_queue),
		TEST_OF(a_job_that_is_held_makes_nobody_and_stops_nobody_else_until_it_is_released),
		TEST_OF(whoever_is_left_when_the_directory_goes_is_withdrawn),
		TEST_OF(those_who_wait_for_a_blocked_provider_are_withdrawn_at_once),
		TEST_OF(whoever_had_no_turn_when_the_job_expires_is_told_so),
		TEST_OF(who_comes_late_in_a_long_job_has_a_whole_lifetime),
		TEST_OF(a_job_of_which_nobody_has_an_answer_for_a_lifetime_is_over),
		TEST_OF(a_restart_does_not_end_a_job_that_was_answered_of_late_nor_lengthen_another),
		TEST_OF(whoever_is_on_the_suppression_list_is_not_tried),
		TEST_OF(who_was_deferred_comes_back_from_the_queue_with_his_line),
		TEST_OF(a_restart_sends_to_those_who_are_neither_done_nor_in_the_queue),
		TEST_OF(a_job_of_which_all_were_done_goes_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
