/* How a run ends: --once, signals, a disk that takes nothing more; and a large run by chance. */
#include <stdio.h>
#include "engine/io/clock.h"
#include "tests/unit/engine/run/sched_test.h"

static struct sched s;

static void resolver_ready(void)
{
	hub_post(s.base.hub.scheduler, POST_RESOLVER_READY, NULL, 0, 0);
}

static void once_ends_when_nothing_is_left_to_try(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--once", NULL });
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_files_idle(&s, 0);
	resolver_ready();
	sched_settle(&s);
	assert_true(s.running); /* a worker has it */
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
	SCHED_WAIT(&s, !s.running);
	assert_int_equal(file->unlinked, 1);
	assert_int_equal(s.flushes, 1); /* the last records are durable */
	sched_end(&s);
	assert_false(s.end.mail_waits || s.end.record_failed);
}

static void once_with_an_empty_spool_waits_for_the_files_and_not_for_the_resolver(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--once", NULL });
	sched_pass(&s, 20);
	assert_true(s.running);
	sched_files_idle(&s, 0);
	SCHED_WAIT(&s, !s.running);
	sched_end(&s);
	assert_false(s.end.mail_waits);
}

/* Their state would stay for ever, were each run as short as this one. */
static void once_waits_for_jobs_that_went_away_before_it(void **state)
{
	(void)state;
	sched_prepare(&s, (const char *const[]){ "--once", NULL });
	s.hold_begin = true;
	sched_start(&s);
	sched_files_idle(&s, 0);
	sched_pass(&s, 20);
	assert_true(s.running);
	hub_post(s.base.hub.scheduler, POST_JOBS_BEGUN, NULL, 0, 0);
	SCHED_WAIT(&s, !s.running);
	sched_end(&s);
}

static void once_waits_for_the_self_test_of_a_resolver_that_was_asked(void **state) /* DNS-01 */
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--once", NULL });
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_files_idle(&s, 0);
	sched_settle(&s);
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
	sched_settle(&s);
	sched_pass(&s, 20);
	assert_true(s.running);
	resolver_ready();
	SCHED_WAIT(&s, !s.running);
	sched_end(&s);
	assert_false(s.end.mail_waits);
}

static void a_file_found_after_the_last_look_is_sent_too(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--once", NULL });
	s.hold_routes = true; /* so that there is something to wait for */
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@b.example" });
	sched_settle(&s);
	sched_files_idle(&s, 0);
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	resolver_ready();
	sched_settle(&s);
	sched_release(&s);
	sched_settle(&s);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_settle(&s);
	assert_true(
		s.running); /* the files thread has found something and not said that it was all */
	sched_files_idle(&s, 0);
	SCHED_WAIT(&s, !s.running);
	assert_int_equal(file->unlinked, 1);
	sched_end(&s);
}

static void once_does_not_wait_for_retries_but_tells_of_them(void **state) /* 75 */
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--once", "--retry-first=1h", NULL });
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_files_idle(&s, 0);
	resolver_ready();
	sched_settle(&s);
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED);
	SCHED_WAIT(&s, !s.running);
	assert_int_equal(file->unlinked, 0);
	sched_end(&s);
	assert_true(s.end.mail_waits);
	assert_int_equal(s.end.pending, 1);
}

static void once_tells_of_files_that_are_still_open(void **state) /* 75 */
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--once", NULL });
	sched_files_idle(&s, 2);
	resolver_ready();
	SCHED_WAIT(&s, !s.running);
	sched_end(&s);
	assert_true(s.end.mail_waits);
	assert_int_equal(s.end.pending, 0);
}

static void once_does_not_wait_for_a_suspended_site_but_for_a_slow_one(void **state)
{
	(void)state;
	for (int slow = 0; slow < 2; slow++) {
		sched_init(&s, (const char *const[]){
				       "--once", "--site-sessions=1", "--retry-first=1h", NULL });
		for (int i = 0; i < LEASE_AHEAD + 2; i++)
			sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
		sched_files_idle(&s, 0);
		resolver_ready();
		sched_settle(&s);
		sched_answer_heard(&s, sched_leased(&s, NULL), ATTEMPT_BOUNCED,
			slow ? (struct heard){ .slow_down = true }
			     : (struct heard){ .suspend = true });
		sched_settle(&s);
		for (int i = 1; i < LEASE_AHEAD; i++)
			sched_answer_heard(
				&s, sched_leased(&s, NULL), ATTEMPT_BOUNCED, (struct heard){ 0 });
		sched_pass(&s, 100);
		assert_int_equal(s.running, slow); /* some seconds are now */
		sched_end(&s);
		assert_true(s.end.mail_waits);
		assert_int_equal(s.end.pending, 2);
	}
}

static void once_waits_until_outcomes_are_durable_and_files_are_gone(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--once", NULL });
	s.hold_records = s.hold_unlinks = true;
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_files_idle(&s, 0);
	resolver_ready();
	sched_settle(&s);
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
	sched_pass(&s, 50);
	assert_true(s.running);
	sched_release(&s);
	sched_pass(&s, 50);
	assert_true(s.running);
	struct message *message = file->message;
	file->message = NULL;
	hub_post(s.base.hub.scheduler, POST_MESSAGE_OVER, message, 0, 0);
	SCHED_WAIT(&s, !s.running);
	sched_end(&s);
}

/* ---- signals ---- */

static void after_a_signal_nothing_new_is_begun_and_what_is_at_work_ends(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){
			       "--site-sessions=1", "--drain-timeout=1m", "--workers=2", NULL });
	s.slow_drain = true;
	struct fake_file *files[6];
	for (size_t i = 0; i < COUNT_OF(files); i++)
		files[i] = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	hub_post(s.base.hub.scheduler, POST_DRAIN, NULL, 0, 0);
	sched_settle(&s);
	assert_int_equal(s.drains, 2); /* each worker */
	assert_int_equal(s.drains_at_once, 0);
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
	struct fake_file *late = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_pass(&s, 50);
	assert_true(s.running);
	assert_int_equal(s.leased_count, LEASE_AHEAD - 1);
	assert_int_equal(late->reads, 0);
	sched_drain_workers(&s);
	SCHED_WAIT(&s, !s.running);
	assert_int_equal(files[0]->unlinked, 1);
	sched_end(&s);
	assert_true(s.end.mail_waits);
	assert_int_equal(s.end.pending, 5);
}

static void a_second_signal_ends_transactions_at_once(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--drain-timeout=1m", NULL });
	s.slow_drain = true;
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	hub_post(s.base.hub.scheduler, POST_DRAIN, NULL, 0, 0);
	sched_settle(&s);
	assert_true(s.running);
	hub_post(s.base.hub.scheduler, POST_DRAIN, NULL, 1, 0);
	SCHED_WAIT(&s, !s.running);
	assert_int_equal(s.drains_at_once, 1);
	sched_end(&s);
	assert_int_equal(s.end.pending, 1);
}

static void transactions_that_do_not_end_in_time_are_ended(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--drain-timeout=200ms", NULL });
	s.slow_drain = true;
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	uint64_t start_ns = clock_now_ns();
	hub_post(s.base.hub.scheduler, POST_DRAIN, NULL, 0, 0);
	SCHED_WAIT(&s, !s.running);
	assert_true(clock_now_ns() - start_ns >= 190 * TEST_MS_NS);
	assert_int_equal(s.drains_at_once, 1);
	sched_end(&s);
}

/* ---- the disk ---- */

static void when_nothing_can_be_recorded_the_run_ends_without_waiting_for_it(void **state) /* 74 */
{
	(void)state;
	sched_init(&s, NULL);
	s.hold_records = true;
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@b.example" });
	sched_settle(&s);
	sched_answer(&s, sched_leased(&s, "a.example"), ATTEMPT_DELIVERED);
	hub_post(s.base.hub.scheduler, POST_RECORD_FAILED, NULL, 1, 0);
	SCHED_WAIT(&s, !s.running);
	assert_int_equal(file->unlinked, 0); /* nobody was told: the next run sends it again */
	assert_int_equal(s.flushes, 0);
	sched_end(&s);
	assert_true(s.end.record_failed);
	assert_int_equal(s.end.pending, 2);
}

static void when_the_disk_is_nearly_full_what_is_in_flight_is_still_recorded(void **state)
{
	(void)state;
	sched_init(&s, NULL);
	s.slow_drain = true;
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	hub_post(s.base.hub.scheduler, POST_RECORD_FAILED, NULL, 0, 0);
	sched_settle(&s);
	assert_int_equal(s.drains, 1);
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
	sched_settle(&s);
	assert_int_equal(file->unlinked, 1);
	sched_drain_workers(&s);
	SCHED_WAIT(&s, !s.running);
	assert_int_equal(s.flushes, 1);
	sched_end(&s);
	assert_true(s.end.record_failed);
	assert_int_equal(s.end.pending, 0);
}

static void a_disk_that_dies_while_it_is_nearly_full_ends_the_run_in_every_phase(void **state)
{
	(void)state;
	for (int phase = 0; phase < 2; phase++) {
		sched_init(&s, NULL);
		s.slow_drain = s.hold_records = true;
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
		sched_settle(&s);
		hub_post(s.base.hub.scheduler, POST_RECORD_FAILED, NULL, 0, 0);
		sched_settle(&s);
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
		sched_settle(&s);
		if (phase == 1)
			sched_drain_workers(&s); /* it waits for the record now */
		sched_settle(&s);
		hub_post(s.base.hub.scheduler, POST_RECORD_FAILED, NULL, 1, 0);
		if (phase == 0)
			sched_drain_workers(&s);
		SCHED_WAIT(&s, !s.running);
		sched_end(&s);
		assert_true(s.end.record_failed);
	}
}

/* ---- by chance ---- */

static const char *random_rcpts(uint64_t *seed, char *out, size_t size)
{
	size_t len = 0, count = 1 + seeded_below(seed, 4);
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(out + len, size - len, "%sr%zu@d%u.example",
			i > 0 ? " " : "", i, (unsigned)seeded_below(seed, 300));
	return out;
}

static void do_something(uint64_t *seed)
{
	struct attempt *attempt = sched_leased(&s, NULL);
	uint64_t chance = seeded_below(seed, 1000);
	if (attempt == NULL)
		return;
	if (chance < 700) {
		sched_answer(&s, attempt, ATTEMPT_DELIVERED);
	} else if (chance < 850) {
		sched_answer(&s, attempt, ATTEMPT_DEFERRED);
	} else if (chance < 900) {
		if (attempt->rcpts_count > 1)
			attempt->rcpts[1].fate = ATTEMPT_DELIVERED;
		sched_answer_heard(
			&s, attempt, ATTEMPT_DEFERRED, (struct heard){ .back_off = true });
	} else if (chance < 940) {
		sched_answer(&s, attempt, ATTEMPT_BOUNCED);
	} else if (chance < 990) {
		sched_return(&s, attempt);
	} else {
		sched_return_slots(&s);
	}
}

enum { STORM_MAX = 10000 };

static void storm(uint64_t seed, int count)
{
	static char rcpts[STORM_MAX][128];
	print_message("seed %llu\n", (unsigned long long)seed);
	sched_init(&s, (const char *const[]){ "--workers=3", "--sessions=40", "--site-sessions=4",
			       "--retry-first=4ms", "--retry-max=8ms", "--max-rcpts=2", NULL });
	const struct hub_counters *counters = &s.base.hub.counters;
	uint64_t expected = 0;
	int found_count = 0;
	while (found_count < count || hub_read(&counters->rcpts_pending) > 0 ||
		s.files_count == 0) {
		for (int i = 0; i < 50 && found_count < count; i++, found_count++)
			sched_mail(&s,
				&(struct test_mail){ .rcpts = random_rcpts(&seed,
							     rcpts[found_count], sizeof rcpts[0]),
					.class = (enum envelope_class)seeded_below(&seed, 3) });
		for (int i = 0; i < 200; i++)
			do_something(&seed);
		struct fake_file *file = s.files[seeded_below(&seed, s.files_count)];
		if (seeded_below(&seed, 10) == 0 && file->message != NULL)
			sched_file_gone(&s, file);
		/* A real route lives for a second at least; this is short enough to run out in queues. */
		s.route_lives_ns = (50 + seeded_below(&seed, 200)) * TEST_MS_NS;
		if (!sched_play(&s) || seeded_below(&seed, 4) == 0)
			sched_settle(&s);
	}
	sched_settle(&s);
	for (size_t i = 0; i < s.files_count; i++) {
		assert_null(s.files[i]->message); /* every object is gone */
		assert_int_equal(s.files[i]->unlinked, 1);
		uint32_t finals = 0;
		for (uint32_t j = 0; j < FAKE_RCPTS_MAX; j++)
			finals += s.files[i]->finals[j]; /* never two: take_outcome() looks */
		uint32_t rcpts_count = 1;
		for (const char *c = s.files[i]->mail.rcpts; *c != '\0'; c++)
			rcpts_count += *c == ' ';
		if (finals > 0) /* a file that went away before it was read has none */
			assert_int_equal(finals, rcpts_count);
		expected += finals;
	}
	assert_int_equal(hub_read(&counters->rcpts_accepted), expected);
	assert_int_equal(hub_read(&counters->waiting), 0);
	assert_true(hub_read(&counters->delivered) > expected / 2);
	sched_end(&s);
	assert_false(s.end.mail_waits);
}

static void ten_thousand_messages_have_one_final_outcome_for_each_recipient(
	void **state) /* DESIGN 5 */
{
	(void)state;
	storm(1, STORM_MAX);
	for (uint64_t seed = 2; seed <= 6; seed++)
		storm(seed, 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(once_ends_when_nothing_is_left_to_try),
		cmocka_unit_test(once_with_an_empty_spool_waits_for_the_files_and_not_for_the_resolver),
		cmocka_unit_test(once_waits_for_jobs_that_went_away_before_it),
		cmocka_unit_test(once_waits_for_the_self_test_of_a_resolver_that_was_asked),
		cmocka_unit_test(a_file_found_after_the_last_look_is_sent_too),
		cmocka_unit_test(once_does_not_wait_for_retries_but_tells_of_them),
		cmocka_unit_test(once_tells_of_files_that_are_still_open),
		cmocka_unit_test(once_does_not_wait_for_a_suspended_site_but_for_a_slow_one),
		cmocka_unit_test(once_waits_until_outcomes_are_durable_and_files_are_gone),
		cmocka_unit_test(after_a_signal_nothing_new_is_begun_and_what_is_at_work_ends),
		cmocka_unit_test(a_second_signal_ends_transactions_at_once),
		cmocka_unit_test(transactions_that_do_not_end_in_time_are_ended),
		cmocka_unit_test(when_nothing_can_be_recorded_the_run_ends_without_waiting_for_it),
		cmocka_unit_test(when_the_disk_is_nearly_full_what_is_in_flight_is_still_recorded),
		cmocka_unit_test(
			a_disk_that_dies_while_it_is_nearly_full_ends_the_run_in_every_phase),
		cmocka_unit_test(ten_thousand_messages_have_one_final_outcome_for_each_recipient),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
