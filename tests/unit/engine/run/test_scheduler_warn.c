/* Who sent mail that waits for long is told so, once (--warn-after; DSN-07). */
#include <stdio.h>
#include "engine/io/clock.h"
#include "engine/run/revival.h"
#include "tests/unit/engine/run/sched_test.h"

static struct sched s;
static struct mailbox *keeper;
static int stands_for_a_queue; /* nobody looks into it here */
static struct message *parked; /* the last one, as the keeper sees it */

static const char *const flags[] = { "--bounce=single", "--warn-after=400ms", "--retry-first=1h",
	"--park-after=1d", NULL };

static struct fake_file *put(const char *rcpts)
{
	return sched_mail(
		&s, &(struct test_mail){ .rcpts = rcpts, .birth_ns = clock_wall_us() * 1000 });
}

/* All of it is tried, and waits. */
static struct fake_file *defer(const char *rcpts)
{
	struct fake_file *file = put(rcpts);
	sched_settle(&s);
	sched_answer_all(&s, ATTEMPT_DEFERRED);
	sched_settle(&s);
	return file;
}

static void what_waits_for_long_is_told_of_once_for_all_domains_together(void **state)
{
	(void)state;
	sched_init(&s, flags);
	struct fake_file *file = defer("1@a.example 2@a.example 3@b.example");
	assert_int_equal(s.warnings, 0);
	SCHED_WAIT(&s, s.warnings == 1);
	assert_non_null(strstr(s.warned, "1@a.example "));
	assert_non_null(strstr(s.warned, "2@a.example "));
	assert_non_null(strstr(s.warned, "3@b.example "));
	sched_pass(&s, 200);
	assert_int_equal(s.warnings, 1);
	assert_int_equal(hub_read(&s.base.hub.counters.waiting), 2);
	for (int fate = 0; fate < FAKE_FINALS_COUNT; fate++)
		assert_true(fate == ATTEMPT_DEFERRED || file->by_fate[fate] == 0);
	sched_end(&s);
}

static void only_those_are_told_of_who_still_wait(void **state)
{
	(void)state;
	sched_init(&s, flags);
	put("1@a.example 2@b.example");
	sched_settle(&s);
	sched_answer(&s, sched_leased(&s, "a.example"), ATTEMPT_DELIVERED);
	sched_answer(&s, sched_leased(&s, "b.example"), ATTEMPT_DEFERRED);
	SCHED_WAIT(&s, s.warnings == 1);
	assert_null(strstr(s.warned, "1@a.example"));
	assert_non_null(strstr(s.warned, "2@b.example"));
	sched_end(&s);
}

/* What a worker has may be delivered in a moment: it is told of when it is back. */
static void what_a_worker_has_is_told_of_when_it_comes_back(void **state)
{
	(void)state;
	sched_init(&s, flags);
	put("1@a.example 2@b.example");
	sched_settle(&s);
	sched_answer(&s, sched_leased(&s, "a.example"), ATTEMPT_DEFERRED);
	SCHED_WAIT(&s, s.warnings == 1);
	assert_null(strstr(s.warned, "2@b.example"));
	sched_answer(&s, sched_leased(&s, "b.example"), ATTEMPT_DEFERRED);
	SCHED_WAIT(&s, s.warnings == 2);
	assert_null(strstr(s.warned, "1@a.example"));
	assert_non_null(strstr(s.warned, "2@b.example"));
	sched_end(&s);
}

static void mail_whose_hosts_are_not_found_is_told_of_without_having_been_tried(void **state)
{
	(void)state;
	sched_init(&s, flags);
	s.hold_routes = true;
	struct fake_file *file = put("1@a.example");
	SCHED_WAIT(&s, s.warnings == 1);
	assert_string_equal(s.warned, "1@a.example  not tried yet; ");
	s.hold_routes = false;
	sched_release(&s); /* and it goes on from where it was */
	sched_settle(&s);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	SCHED_WAIT(&s, file->unlinked == 1);
	assert_int_equal(s.warnings, 1);
	sched_end(&s);
}

static void the_file_stays_until_the_warning_is_recorded(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--bounce=single", "--warn-after=400ms",
			       "--retry-first=800ms", NULL });
	struct fake_file *file = defer("1@a.example");
	s.hold_records = true;
	SCHED_WAIT(&s, s.warnings == 1);
	s.hold_records = false; /* of what comes from now on: the warning alone is held back */
	SCHED_WAIT(&s, sched_leased(&s, NULL) != NULL);
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
	SCHED_WAIT(&s, file->by_fate[ATTEMPT_DELIVERED] == 1);
	sched_pass(&s, 20);
	assert_int_equal(file->unlinked, 0);
	sched_release(&s);
	SCHED_WAIT(&s, file->unlinked == 1);
	sched_end(&s);
}

static void old_mail_is_tried_before_it_is_told_of(void **state)
{
	(void)state;
	sched_init(&s, flags);
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example",
				       .birth_ns = (clock_wall_us() - 5000000) * 1000 });
	sched_settle(&s);
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
	SCHED_WAIT(&s, file->unlinked == 1);
	assert_int_equal(s.warnings, 0);
	sched_end(&s);
}

static void nobody_is_told_unless_that_is_wanted(void **state)
{
	(void)state;
	static const char *const never[][5] = {
		{ "--bounce=single", "--retry-first=1h", NULL }, /* the default */
		{ "--bounce=event", "--retry-first=1h", "--warn-after=20ms", NULL },
		{ "--bounce=single", "--retry-first=1h", "--warn-after=20ms", "--park-after=1d",
			NULL },
	};
	for (size_t i = 0; i < COUNT_OF(never); i++) {
		sched_init(&s, never[i]);
		struct test_mail mail = { .rcpts = "1@a.example",
			.birth_ns = clock_wall_us() * 1000 };
		if (i == 2)
			mail.job = "j1"; /* it has no NOTIFY */
		sched_mail(&s, &mail);
		sched_settle(&s);
		sched_answer_all(&s, ATTEMPT_DEFERRED);
		sched_pass(&s, 100);
		assert_int_equal(s.warnings, 0);
		sched_end(&s);
	}
}

/* ---- over a restart, and on disk ---- */

static void of_whom_the_journal_says_it_nobody_is_told_again(void **state)
{
	(void)state;
	sched_prepare(&s, flags);
	const int64_t birth_ns = clock_wall_us() * 1000;
	const struct file_identity identity = { .inode = 1, .birth_ns = birth_ns };
	assert_int_equal(recovery_add_warned(&s.base.recovery, TEXT("m0"), &identity, false, 0, 1),
		RESULT_OK);
	sched_start(&s);
	struct fake_file *file = sched_mail(&s,
		&(struct test_mail){ .rcpts = "1@a.example 2@a.example", .birth_ns = birth_ns });
	assert_string_equal(file->name, "m0");
	sched_settle(&s);
	sched_answer_all(&s, ATTEMPT_DEFERRED);
	SCHED_WAIT(&s, s.warnings == 1);
	assert_null(strstr(s.warned, "1@a.example"));
	assert_non_null(strstr(s.warned, "2@a.example"));
	sched_end(&s);
}

static void begin_with_a_queue(const char *const *these)
{
	struct fail fail;
	sched_prepare(&s, these);
	assert_int_equal(mailbox_create(1024, &keeper, &fail), RESULT_OK);
	s.base.hub.keeper = keeper;
	s.base.hub.queue = (struct queue *)(void *)&stands_for_a_queue;
	parked = NULL;
	sched_start(&s);
}

static void end_with_a_queue(void)
{
	sched_end(&s);
	mailbox_destroy(keeper);
}

/* As the keeper does; *out_warned and *out_warn_ns are what it would write down. */
static bool hear_park(bool *out_warned, uint64_t *out_warn_ns)
{
	struct mailbox_message message;
	bool any = false;
	while (mailbox_take(keeper, &message))
		if (message.kind == POST_PARK) {
			parked = message.object;
			const struct attempt *attempt = CONTAINER_OF(
				list_first(&parked->attempts), struct attempt, message_node);
			*out_warned = attempt->is_warned;
			*out_warn_ns = attempt->warn_ns;
			parked->park_left = 1;
			hub_post(s.base.hub.scheduler, POST_PARKED, parked, RESULT_OK, 0);
			any = true;
		}
	return any;
}

static void what_is_parked_comes_back_to_be_told_of_and_goes_on_waiting(void **state)
{
	(void)state;
	bool is_warned = true;
	uint64_t warn_ns = 0;
	begin_with_a_queue((const char *const[]){ "--bounce=single", "--warn-after=5s",
		"--retry-first=1h", "--park-after=1s", NULL });
	struct fake_file *file = defer("1@a.example");
	SCHED_WAIT(&s, hear_park(&is_warned, &warn_ns));
	assert_false(is_warned);
	assert_true(warn_ns > clock_now_ns()); /* the time of its key */
	SCHED_WAIT(&s, file->evicted == 1);
	/* Its time has come: an hour before its next attempt. */
	const struct queue_rcpt rcpts[] = { { 0, TEXT_INIT("1@a.example") } };
	const struct file_identity identity = { .inode = 1, .birth_ns = file->mail.birth_ns };
	const uint64_t now_us = (uint64_t)clock_wall_us();
	const struct queue_file queued = { .file = record_file_of(file->name, &identity),
		.accepted_us = now_us - 5000000,
		.from = TEXT_INIT("news@list.example"),
		.rcpts_left = 1 };
	const struct queue_attempt attempt = { .key = { now_us, 1 },
		.next_us = now_us + 3600000000u,
		.number = 2,
		.waits = 1,
		.expires_us = now_us + 7200000000u,
		.domain = TEXT_INIT("a.example"),
		.last = TEXT_INIT("mx.a.example: 450 4.2.1 not yet"),
		.rcpts = rcpts,
		.rcpts_count = 1 };
	struct revival *revival = revival_create(&queued, &attempt);
	assert_non_null(revival);
	file->message = test_message(&file->mail);
	revival->message = file->message;
	revival->is_first = true;
	hub_post(s.base.hub.scheduler, POST_REVIVED, revival, 0, 0);
	SCHED_WAIT(&s, s.warnings == 1);
	assert_string_equal(s.warned, "1@a.example 4.2.1 mx.a.example: 450 4.2.1 not yet; ");
	SCHED_WAIT(&s, hear_park(&is_warned, &warn_ns));
	assert_true(is_warned);
	assert_int_equal(warn_ns, 0);
	assert_null(sched_leased(&s, NULL)); /* it was not tried for that */
	SCHED_WAIT(&s, file->evicted == 2);
	end_with_a_queue();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_waits_for_long_is_told_of_once_for_all_domains_together),
		cmocka_unit_test(only_those_are_told_of_who_still_wait),
		cmocka_unit_test(what_a_worker_has_is_told_of_when_it_comes_back),
		cmocka_unit_test(
			mail_whose_hosts_are_not_found_is_told_of_without_having_been_tried),
		cmocka_unit_test(the_file_stays_until_the_warning_is_recorded),
		cmocka_unit_test(old_mail_is_tried_before_it_is_told_of),
		cmocka_unit_test(nobody_is_told_unless_that_is_wanted),
		cmocka_unit_test(of_whom_the_journal_says_it_nobody_is_told_again),
		cmocka_unit_test(what_is_parked_comes_back_to_be_told_of_and_goes_on_waiting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
