/* Outcomes become durable, then event lines, then known (DESIGN 2, 5). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/io/clock.h"
#include "engine/io/file.h"
#include "engine/run/job_run.h"
#include "engine/run/notice.h"
#include "engine/run/report.h"
#include "tests/unit/engine/run/recorder_test.h"

/* ---- outcomes ---- */

static void an_outcome_is_in_the_event_file_before_it_is_told(void **state)
{
	(void)state;
	rec_start();
	struct message *message = rec_make_message("m1", "ann@a.example bob@a.example", false);
	struct attempt *attempt = rec_settle(message, 0, 2, ATTEMPT_DELIVERED);
	rec_assert_recorded(attempt);
	const char *text = rec_read_events(rec_events_path);
	assert_int_equal(rec_count_of(text, "\n"), 2);
	assert_non_null(strstr(text, "{\"event\":\"delivered\",\"seq\":\"1\""));
	assert_non_null(strstr(text, "{\"event\":\"delivered\",\"seq\":\"2\""));
	assert_non_null(strstr(text, "\"rcpt\":\"bob@a.example\""));
	assert_true(message->first_seq != 0);
	attempt_destroy(attempt);
	rec_finish(message, false);
	assert_int_equal(hub_read(&rec.base.hub.counters.event_lines), 2);
	rec_stop();
}

static void outcomes_of_one_interval_are_committed_together(void **state)
{
	(void)state;
	enum { COUNT = 200 };
	struct attempt *attempts[COUNT];
	rec_start_with(rec_events_flag(), "--commit-interval=200ms");
	struct message *message = rec_make_message("m1", "ann@a.example", false);
	for (int i = 0; i < COUNT; i++)
		attempts[i] = rec_settle(message, 0, 1, ATTEMPT_DEFERRED);
	for (int i = 0; i < COUNT; i++)
		rec_assert_recorded(attempts[i]); /* in their order */
	assert_in_range(hub_read(&rec.base.hub.counters.commits), 1, 3);
	for (int i = 0; i < COUNT; i++)
		attempt_destroy(attempts[i]);
	rec_finish(message, false);
	rec_stop();
}

static void a_flood_is_recorded_whole_and_in_order(void **state)
{
	(void)state;
	enum { COUNT = 3000 };
	static struct attempt *attempts[COUNT];
	char words[64];
	rec_start();
	struct message *message = rec_make_message("m1", "ann@a.example", false);
	for (int i = 0; i < COUNT; i++)
		attempts[i] = rec_settle(message, 0, 1, ATTEMPT_DEFERRED);
	for (int i = 0; i < COUNT; i++) {
		rec_assert_recorded(attempts[i]);
		attempt_destroy(attempts[i]);
	}
	const char *at = rec_read_events(rec_events_path);
	for (int i = 1; i <= COUNT; i++) {
		snprintf(words, sizeof words, "{\"event\":\"deferred\",\"seq\":\"%d\",", i);
		assert_memory_equal(at, words, strlen(words));
		at = strchr(at, '\n') + 1;
	}
	assert_int_equal(*at, '\0');
	rec_finish(message, false);
	rec_stop();
}

static void a_flush_is_answered_when_all_is_durable(void **state)
{
	(void)state;
	rec_start_with(rec_events_flag(), "--commit-interval=1s");
	struct message *message = rec_make_message("m1", "ann@a.example", false);
	struct attempt *attempt = rec_settle(message, 0, 1, ATTEMPT_DELIVERED);
	uint64_t start_ns = clock_now_ns();
	hub_post(rec.base.hub.recorder, POST_RECORDER_FLUSH, NULL, 0, 0);
	rec_assert_recorded(attempt);
	rec_hear(rec.base.hub.scheduler, POST_RECORDER_FLUSHED);
	assert_true(clock_now_ns() - start_ns < 900 * TEST_MS_NS);
	attempt_destroy(attempt);
	rec_finish(message, false);
	rec_stop();
}

static void rejections_and_reports_have_their_lines_and_credits_come_back(void **state)
{
	(void)state;
	rec_start();
	struct message *message = rec_make_message("bad", "ann@a.example", false);
	snprintf(message->reason, sizeof message->reason, "line 1: no sender");
	hub_post(rec.base.hub.recorder, POST_REJECTED, message, 0, 0);
	assert_ptr_equal(rec_hear(rec.base.hub.scheduler, POST_REJECT_RECORDED).object, message);
	rec_finish(message, false);

	const struct test_host hosts[] = { { "mx.a.example", 10, 0, "192.0.2.1", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 } };
	struct route *route = test_route("a.example", hosts, UINT64_MAX);
	struct session_report *session = calloc(1, sizeof *session);
	assert_non_null(session);
	*session = (struct session_report){
		.route = route, .host = &route->hosts[0], .helo = "", .tls = "", .session = 5
	};
	hub_post(rec.base.hub.recorder, POST_SESSION_OVER, session, 0, 0);
	assert_int_equal(rec_hear(rec.base.hub.workers[0], POST_REPORT_DONE).number, 1);

	struct site_report *site = calloc(1, sizeof *site);
	assert_non_null(site);
	site->source = "";
	snprintf(site->provider, sizeof site->provider, "google");
	hub_post(rec.base.hub.recorder, POST_SITE_CHANGED, site, 0, 0);
	assert_int_equal(rec_hear(rec.base.hub.scheduler, POST_REPORT_DONE).number, 1);

	struct policy_report *policy = calloc(1, sizeof *policy);
	assert_non_null(policy);
	hub_post(rec.base.hub.recorder, POST_POLICY_CHANGED, policy, 0, 0);
	assert_int_equal(rec_hear(rec.base.hub.resolver, POST_REPORT_DONE).number, 1);
	const char *text = rec_read_events(rec_events_path);
	assert_non_null(strstr(text, "{\"event\":\"rejected-input\",\"seq\":\"1\""));
	assert_non_null(strstr(text, "{\"event\":\"session\",\"seq\":\"2\""));
	assert_non_null(strstr(text, "{\"event\":\"site-changed\",\"seq\":\"3\""));
	assert_non_null(strstr(text, "{\"event\":\"policy-changed\",\"seq\":\"4\""));
	rec_stop();
}

static void without_events_outcomes_are_recorded_all_the_same(void **state)
{
	(void)state;
	rec_start_with("--commit-interval=1ms", NULL);
	rec_record_one("m1", ATTEMPT_DELIVERED);
	assert_int_equal(access(rec_events_path, F_OK), -1);
	rec_stop();
}

static void after_sighup_lines_go_to_the_new_file(void **state)
{
	(void)state;
	char rotated[160];
	snprintf(rotated, sizeof rotated, "%s.1", rec_events_path);
	rec_start();
	rec_record_one("m1", ATTEMPT_DELIVERED);
	assert_int_equal(rename(rec_events_path, rotated), 0);
	rec_record_one("m2", ATTEMPT_DELIVERED);
	hub_post(rec.base.hub.recorder, POST_REOPEN, NULL, 0, 0);
	rec_record_one("m3", ATTEMPT_DELIVERED);
	assert_int_equal(rec_count_of(rec_read_events(rotated), "\n"), 2);
	const char *text = rec_read_events(rec_events_path);
	assert_int_equal(rec_count_of(text, "\n"), 1);
	assert_non_null(strstr(text, "\"seq\":\"4\"")); /* 3 notes what the old one has */
	rec_stop();
}

/* ---- trouble ---- */

static void one_sender_at_a_time_has_a_spool(void **state) /* 73 */
{
	(void)state;
	struct fail fail = { 0 };
	struct recovery recovery;
	struct recorder *second = NULL;
	rec_start();
	assert_int_equal(recovery_init(&recovery), RESULT_OK);
	assert_int_equal(
		recorder_create(&rec.base.hub, &recovery, rec.new_fd, &second, &fail), RESULT_BUSY);
	assert_null(second);
	assert_int_not_equal(fail.text[0], '\0');
	recovery_deinit(&recovery);
	rec_record_one("m1", ATTEMPT_DELIVERED); /* the first is not disturbed */
	rec_stop();
}

static void events_that_cannot_be_opened_are_told_in_words(void **state) /* 74 */
{
	(void)state;
	assert_int_equal(
		rec_create("--events=/nowhere/at/all", "--commit-interval=1ms"), RESULT_NOT_FOUND);
	file_close(rec.new_fd);
	run_test_deinit(&rec.base);
}

static void when_events_cannot_be_written_outcomes_are_recorded_and_the_run_ends(
	void **state) /* 74 */
{
	(void)state;
	rec_start_with("--events=/dev/full", "--commit-interval=1ms");
	struct message *message = rec_make_message("m1", "ann@a.example", true);
	struct file_identity identity = message->identity;
	struct attempt *first = rec_settle(message, 0, 1, ATTEMPT_DELIVERED);
	/* The journal takes it all the same, so that nothing is sent twice. */
	assert_int_equal(rec_hear(rec.base.hub.scheduler, POST_RECORD_FAILED).number, 0);
	assert_ptr_equal(rec_hear(rec.base.hub.scheduler, POST_RECORDED).object, first);
	struct attempt *second = rec_settle(message, 0, 1, ATTEMPT_DEFERRED);
	assert_ptr_equal(rec_hear(rec.base.hub.scheduler, POST_RECORDED).object, second);
	rec_stop();
	attempt_destroy(first);
	attempt_destroy(second);
	message_destroy(message);
	/* The journal has it: the next run, with a disk that works, tells of it and does not send again. */
	rec_start();
	assert_non_null(recovery_find(&rec.base.recovery, "m1", &identity));
	assert_non_null(
		strstr(rec_read_events(rec_events_path), "{\"event\":\"delivered\",\"seq\":\"1\""));
	rec_stop();
}

static void an_outcome_that_its_sender_is_told_of_waits_for_the_notification(void **state) /* DSN-07 */
{
	(void)state;
	rec_bounce = "--bounce=dsn";
	rec_start();
	struct message *message = rec_make_message("m1", "1@a.example 2@a.example", false);
	struct attempt *bounced = rec_settle(message, 0, 1, ATTEMPT_BOUNCED);
	assert_ptr_equal(rec_hear(rec.base.hub.files, POST_NOTICE).object, bounced);
	struct attempt *delivered = rec_settle(message, 1, 1, ATTEMPT_DELIVERED);
	rec_assert_recorded(delivered);
	assert_null(strstr(rec_read_events(rec_events_path), "bounced"));
	hub_post(rec.base.hub.recorder, POST_NOTICED, bounced, RESULT_OK, 0);
	/* It becomes mail when the outcome is durable, and that is told by the files thread. */
	assert_ptr_equal(rec_hear(rec.base.hub.files, POST_PUBLISH).object, bounced);
	assert_int_equal(rec_count_of(rec_read_events(rec_events_path), "\"event\":\"bounced\""), 1);
	attempt_destroy(bounced);
	attempt_destroy(delivered);
	rec_finish(message, false);
	rec_stop();
	rec_bounce = "--bounce=event";
}

static void without_its_notification_a_failure_is_deferred(void **state)
{
	(void)state;
	rec_bounce = "--bounce=dsn";
	rec_start();
	struct message *message = rec_make_message("m1", "1@a.example", false);
	struct attempt *attempt = rec_settle(message, 0, 1, ATTEMPT_BOUNCED);
	assert_ptr_equal(rec_hear(rec.base.hub.files, POST_NOTICE).object, attempt);
	hub_post(rec.base.hub.recorder, POST_NOTICED, attempt, RESULT_NO_SPACE, 0);
	rec_assert_recorded(attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DEFERRED);
	const char *events = rec_read_events(rec_events_path);
	assert_int_equal(rec_count_of(events, "\"event\":\"deferred\""), 1);
	assert_int_equal(rec_count_of(events, "bounced"), 0);
	attempt_destroy(attempt);
	rec_finish(message, false);
	rec_stop();
	rec_bounce = "--bounce=event";
}

/* ---- recipients of jobs whose senders are told ---- */

/* One recipient of a job, refused; the test is the files thread as well. */
static struct attempt *refuse_of_job(struct job_run *job, uint32_t ordinal, enum attempt_fate fate)
{
	char name[32];
	snprintf(name, sizeof name, "may/%u", ordinal);
	struct message *message = rec_make_message(name, "ann@a.example", false);
	message->rcpt = calloc(1, sizeof *message->rcpt);
	assert_non_null(message->rcpt);
	*message->rcpt = (struct job_rcpt){
		.message = message, .job = job, .ordinal = ordinal, .name_len = 3
	};
	return rec_settle(message, 0, 1, fate);
}

static void over(struct attempt *attempt)
{
	struct message *message = attempt->message;
	attempt_destroy(attempt);
	message_destroy(message);
}

/* What is saved of a job is "all up to this record" (POST_JOB_SAVED): none may overtake another. */
static void outcomes_of_a_job_are_told_in_their_order_though_one_has_a_notification(void **state)
{
	(void)state;
	rec_bounce = "--bounce=dsn";
	rec_start();
	rec_bounce = "--bounce=event";
	struct message *directory = rec_make_message("may", "-@a.example", false);
	struct job_run job = { .message = directory };
	struct attempt *before = refuse_of_job(&job, 0, ATTEMPT_DELIVERED);
	rec_assert_recorded(before); /* nobody is to be told: by the short way */
	struct attempt *told = refuse_of_job(&job, 1, ATTEMPT_BOUNCED);
	assert_ptr_equal(rec_hear(rec.base.hub.files, POST_NOTICE).object, told);
	hub_post(rec.base.hub.recorder, POST_NOTICED, told, RESULT_OK, 0);
	struct attempt *behind = refuse_of_job(&job, 2, ATTEMPT_DELIVERED);
	assert_ptr_equal(rec_hear(rec.base.hub.files, POST_PUBLISH).object, told);
	assert_ptr_equal(rec_hear(rec.base.hub.files, POST_PUBLISH).object, behind);
	assert_true(told->is_noticed && !behind->is_noticed);
	assert_true(told->message->first_seq < behind->message->first_seq);
	over(before);
	over(told);
	over(behind);
	rec_finish(directory, false);
	rec_stop();
}

static void where_too_many_notifications_wait_a_failure_of_a_job_is_tried_again(void **state)
{
	(void)state;
	rec_bounce = "--bounce=dsn";
	rec_start();
	rec_bounce = "--bounce=event";
	hub_count(&rec.base.hub.counters.notices, NOTICES_MAX);
	struct message *directory = rec_make_message("may", "-@a.example", false);
	struct job_run job = { .message = directory };
	struct attempt *attempt = refuse_of_job(&job, 0, ATTEMPT_EXPIRED);
	rec_assert_recorded(attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DEFERRED);
	assert_true(attempt->expires_ns > clock_now_ns());
	assert_non_null(strstr(rec_read_events(rec_events_path), "could not be told"));
	over(attempt);
	hub_uncount(&rec.base.hub.counters.notices, 1);
	attempt = refuse_of_job(&job, 1, ATTEMPT_EXPIRED);
	assert_ptr_equal(rec_hear(rec.base.hub.files, POST_NOTICE).object, attempt);
	over(attempt);
	rec_finish(directory, false);
	rec_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REC_TEST(an_outcome_is_in_the_event_file_before_it_is_told),
		REC_TEST(outcomes_of_one_interval_are_committed_together),
		REC_TEST(a_flood_is_recorded_whole_and_in_order),
		REC_TEST(a_flush_is_answered_when_all_is_durable),
		REC_TEST(rejections_and_reports_have_their_lines_and_credits_come_back),
		REC_TEST(without_events_outcomes_are_recorded_all_the_same),
		REC_TEST(after_sighup_lines_go_to_the_new_file),
		REC_TEST(an_outcome_that_its_sender_is_told_of_waits_for_the_notification),
		REC_TEST(without_its_notification_a_failure_is_deferred),
		REC_TEST(one_sender_at_a_time_has_a_spool),
		REC_TEST(events_that_cannot_be_opened_are_told_in_words),
		REC_TEST(when_events_cannot_be_written_outcomes_are_recorded_and_the_run_ends),
		REC_TEST(outcomes_of_a_job_are_told_in_their_order_though_one_has_a_notification),
		REC_TEST(where_too_many_notifications_wait_a_failure_of_a_job_is_tried_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
