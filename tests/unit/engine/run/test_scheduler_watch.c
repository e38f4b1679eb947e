/* The watchdog: what stands in a state for longer than that may last is seen in each of them, and threads that do
 * not come round. A minute of it has 10 ms here. */
#include "engine/io/clock.h"
#include "tests/unit/engine/run/sched_test.h"

static struct sched s;

#define MINUTE_NS (10 * TEST_MS_NS)

static void init(const char *const *flags)
{
	sched_prepare(&s, flags);
	s.base.config.watch_minute_ns = MINUTE_NS;
	sched_start(&s);
}

static uint64_t stuck(void) { return hub_read(&s.base.hub.counters.stuck); }

static bool was_logged(const char *words) { return run_test_logged(&s.base, words); }

/* It is seen, told of with what to do, and forgotten when it goes on. */
static void is_seen_and_forgotten(const char *state)
{
	char words[64];
	SCHED_WAIT(&s, stuck() > 0);
	(void)snprintf(words, sizeof words, "event=stuck thread=scheduler state=%s ", state);
	assert_true(was_logged(words));
	sched_release(&s);
	SCHED_WAIT(&s, stuck() == 0);
}

static void a_file_that_is_not_read(void **state)
{
	(void)state;
	init(NULL);
	s.hold_reads = true;
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	SCHED_WAIT(&s, stuck() > 0);
	s.hold_reads = false;
	is_seen_and_forgotten("reading");
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

/* More than the workers may read at once: the first of those behind is seen. */
static void files_that_no_worker_comes_to(void **state)
{
	(void)state;
	init((const char *const[]){ "--workers=1", NULL });
	s.hold_reads = true;
	for (int i = 0; i < HUB_READS_MAX + 10; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	SCHED_WAIT(&s, stuck() > HUB_READS_MAX);
	assert_true(was_logged("state=to-read count=1 "));
	s.hold_reads = false;
	sched_release(&s);
	SCHED_WAIT(&s, stuck() == 0);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void a_file_that_cannot_be_read(void **state)
{
	(void)state;
	init(NULL);
	s.hold_reads = true;
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	file->read_result = RESULT_FORBIDDEN;
	s.hold_reads = false;
	sched_release(&s);
	SCHED_WAIT(&s, stuck() > 0);
	assert_true(was_logged("state=unreadable "));
	sched_end(&s);
}

static void a_batch_file_that_is_not_split_and_those_behind_it(void **state)
{
	(void)state;
	init((const char *const[]){ "--lifetime=1s", NULL });
	s.hold_reads = true;
	for (int i = 0; i < 2; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" })->read_result =
			RESULT_UNAVAILABLE;
	sched_settle(&s);
	s.hold_reads = false;
	sched_release(&s);
	SCHED_WAIT(&s, stuck() == 2);
	assert_true(was_logged("state=splitting "));
	assert_true(was_logged("state=to-split "));
	sched_split_over(&s, RESULT_OK);
	sched_settle(&s);
	sched_split_over(&s, RESULT_OK);
	SCHED_WAIT(&s, stuck() == 0);
	sched_end(&s);
}

static void a_domain_without_a_route(void **state)
{
	(void)state;
	init(NULL);
	s.hold_routes = true;
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	SCHED_WAIT(&s, stuck() > 0);
	s.hold_routes = false;
	is_seen_and_forgotten("routing");
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void mail_that_a_worker_keeps_beyond_every_session(void **state)
{
	(void)state;
	init((const char *const[]){ "--session-timeout=1s", NULL });
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	SCHED_WAIT(&s, stuck() > 0);
	assert_true(was_logged("state=sending "));
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	SCHED_WAIT(&s, stuck() == 0);
	sched_end(&s);
}

static void an_outcome_that_is_not_recorded(void **state)
{
	(void)state;
	init(NULL);
	s.hold_records = true;
	struct fake_file *file = sched_mail(
		&s, &(struct test_mail){ .rcpts = "1@a.example", .not_before_unix_s = 4000000000 });
	sched_settle(&s);
	sched_file_gone(&s, file);
	SCHED_WAIT(&s, stuck() > 0);
	s.hold_records = false;
	is_seen_and_forgotten("recording");
	sched_end(&s);
}

static void a_file_that_is_not_unlinked(void **state)
{
	(void)state;
	init(NULL);
	s.hold_unlinks = true;
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	SCHED_WAIT(&s, stuck() > 0);
	assert_true(was_logged("state=leaving count=1 file=m0 "));
	struct message *message = file->message;
	file->message = NULL;
	hub_post(s.base.hub.scheduler, POST_MESSAGE_OVER, message, 0, 0);
	SCHED_WAIT(&s, stuck() == 0);
	sched_end(&s);
}

static void mail_that_the_keeper_does_not_park(void **state)
{
	(void)state;
	static int stands_for_a_queue; /* nobody looks into it here */
	struct fail fail;
	struct mailbox *keeper;
	struct mailbox_message parked = { .kind = 0 };
	sched_prepare(&s, (const char *const[]){ "--retry-first=1h", "--park-after=0s", NULL });
	s.base.config.watch_minute_ns = MINUTE_NS;
	assert_int_equal(mailbox_create(64, &keeper, &fail), RESULT_OK);
	s.base.hub.keeper = keeper;
	s.base.hub.queue = (struct queue *)(void *)&stands_for_a_queue;
	sched_start(&s);
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	sched_answer_all(&s, ATTEMPT_DEFERRED);
	SCHED_WAIT(&s, stuck() > 0);
	assert_true(was_logged("state=parking count=1 file=m0 "));
	assert_true(mailbox_take(keeper, &parked));
	assert_int_equal(parked.kind, POST_PARK);
	file->message->park_left = 1;
	hub_post(s.base.hub.scheduler, POST_PARKED, file->message, RESULT_OK, 0);
	SCHED_WAIT(&s, stuck() == 0);
	assert_int_equal(file->evicted, 1);
	sched_end(&s);
	mailbox_destroy(keeper);
}

/* As if the timer of it had been lost. */
static void mail_past_its_lifetime_that_its_timer_missed_is_expired(void **state)
{
	(void)state;
	init((const char *const[]){ "--site-sessions=1", NULL });
	struct fake_file *files[8];
	for (size_t i = 0; i < COUNT_OF(files); i++)
		files[i] = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	struct fake_file *last = files[COUNT_OF(files) - 1];
	struct attempt *attempt =
		CONTAINER_OF(list_first(&last->message->attempts), struct attempt, message_node);
	assert_int_equal(attempt->state, ATTEMPT_QUEUED);
	attempt->expires_ns = 1;
	SCHED_WAIT(&s, last->by_fate[ATTEMPT_EXPIRED] == 1);
	assert_int_equal(hub_read(&s.base.hub.counters.expired_late), 1);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(files[0]->by_fate[ATTEMPT_DELIVERED], 1);
	sched_end(&s);
}

static void what_waits_for_its_turn_or_its_time_is_not_stuck(void **state)
{
	(void)state;
	init((const char *const[]){ "--site-sessions=1", "--session-timeout=1h", NULL });
	for (int i = 0; i < 20; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_mail(
		&s, &(struct test_mail){ .rcpts = "1@b.example", .not_before_unix_s = 4000000000 });
	sched_pass(&s, 300); /* 30 of these minutes */
	assert_int_equal(stuck(), 0);
	assert_int_equal(hub_read(&s.base.hub.counters.stalled), 0);
	assert_int_equal(hub_read(&s.base.hub.counters.expired_late), 0);
	assert_true(hub_read(&s.base.hub.counters.sums_checked) > 0);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

/* It holds up no mail. */
static void a_warning_that_is_not_recorded_is_not_stuck(void **state)
{
	(void)state;
	init((const char *const[]){ "--bounce=single", "--warn-after=400ms", "--retry-first=1h",
		"--park-after=1d", NULL });
	sched_mail(&s,
		&(struct test_mail){ .rcpts = "1@a.example", .birth_ns = clock_wall_us() * 1000 });
	sched_settle(&s);
	sched_answer_all(&s, ATTEMPT_DEFERRED);
	sched_settle(&s);
	s.hold_records = true;
	SCHED_WAIT(&s, s.warnings == 1);
	sched_pass(&s, 300); /* 30 of these minutes */
	assert_int_equal(stuck(), 0);
	s.hold_records = false;
	sched_release(&s);
	sched_end(&s);
}

/* What is not to be sent yet has an end of its own. */
static void mail_that_expires_before_its_time_comes_expires_then(void **state)
{
	(void)state;
	init(NULL);
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example",
				       .not_before_unix_s = 4000000000,
				       .expiry_unix_s = clock_wall_us() / 1000000 + 1 });
	SCHED_WAIT(&s, file->by_fate[ATTEMPT_EXPIRED] == 1);
	SCHED_WAIT(&s, file->unlinked == 1);
	assert_int_equal(hub_read(&s.base.hub.counters.expired_late), 0);
	sched_end(&s);
}

static void threads_that_do_not_come_round_are_told_once_and_when_they_do(void **state)
{
	(void)state;
	init(NULL);
	struct hub_counters *counters = &s.base.hub.counters;
	/* Nobody takes anything out of a mailbox meanwhile. */
	for (int i = 0; hub_read(&counters->stalled) < 6 + s.base.hub.workers_count; i++) {
		assert_true(i < SCHED_WAIT_MS);
		clock_wait_ms(1);
	}
	assert_true(was_logged("event=stalled thread=scheduler thread_name=files "));
	assert_true(was_logged("event=stalled thread=scheduler thread_name=recorder "));
	assert_true(was_logged("event=stalled thread=scheduler thread_name=worker "));
	assert_false(was_logged("event=stall_over"));
	SCHED_WAIT(&s, hub_read(&counters->stalled) == 0);
	assert_true(was_logged("event=stall_over thread=scheduler thread_name=files "));
	sched_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_that_is_not_read),
		cmocka_unit_test(files_that_no_worker_comes_to),
		cmocka_unit_test(a_file_that_cannot_be_read),
		cmocka_unit_test(a_batch_file_that_is_not_split_and_those_behind_it),
		cmocka_unit_test(a_domain_without_a_route),
		cmocka_unit_test(mail_that_a_worker_keeps_beyond_every_session),
		cmocka_unit_test(an_outcome_that_is_not_recorded),
		cmocka_unit_test(a_file_that_is_not_unlinked),
		cmocka_unit_test(mail_that_the_keeper_does_not_park),
		cmocka_unit_test(mail_past_its_lifetime_that_its_timer_missed_is_expired),
		cmocka_unit_test(what_waits_for_its_turn_or_its_time_is_not_stuck),
		cmocka_unit_test(a_warning_that_is_not_recorded_is_not_stuck),
		cmocka_unit_test(mail_that_expires_before_its_time_comes_expires_then),
		cmocka_unit_test(threads_that_do_not_come_round_are_told_once_and_when_they_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
