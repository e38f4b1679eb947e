/* Whom notifications tell. */
#include "engine/run/notice.h"
#include "tests/unit/engine/run/run_test.h"
#include "tests/unit/unit.h"

static struct run_test base;

/* ---- who is told ---- */

enum { NO_NOTIFY, NEVER, SUCCESS, FAILURE, DELAY, NOTIFY_COUNT };

/* What becomes of a recipient at a host that offers DSN or does not: 'F'ailed, 'R'elayed or '-'. */
static char told_of(
	const char *sender, const char *job, int notify, enum attempt_fate fate, bool lacks_dsn)
{
	const struct test_mail mail = { .sender = sender, .job = job };
	struct message *message = test_message(&mail);
	message->envelope = test_envelope(&mail);
	struct envelope_rcpt *rcpt = (struct envelope_rcpt *)(uintptr_t)message->envelope->rcpts;
	rcpt->notify = (struct envelope_notify){
		.never = notify == NEVER,
		.success = notify == SUCCESS,
		.failure = notify == FAILURE,
		.delay = notify == DELAY,
	};
	struct attempt *attempt = attempt_create(message, 1);
	assert_non_null(attempt);
	assert_true(attempt_begin_work(attempt));
	attempt->work->facts_count = 2;
	attempt->work->facts[1] = (struct attempt_facts){
		.mx = "mx.a.example", .helo = "", .tls = "", .session = 7, .lacks_dsn = lacks_dsn
	};
	attempt->rcpts[0].fate = (uint8_t)fate;
	attempt->rcpts[0].facts = 1;
	enum notification_action action;
	bool is_due = notice_is_due(&base.config, attempt, &attempt->rcpts[0], &action);
	assert_int_equal(notice_mark(&base.config, attempt), is_due);
	attempt_destroy(attempt);
	message_destroy(message);
	return !is_due ? '-' : action == NOTIFICATION_FAILED ? 'F' : 'R';
}

static void told_by_notify(
	const char *job, enum attempt_fate fate, bool lacks_dsn, const char *want)
{
	char got[NOTIFY_COUNT + 1] = "";
	for (int notify = 0; notify < NOTIFY_COUNT; notify++)
		got[notify] = told_of(NULL, job, notify, fate, lacks_dsn);
	assert_string_equal(got, want);
}

static void start(const char *bounce)
{
	run_test_init(
		&base, "/nowhere", (const char *const[]){ "--log-level=error", bounce, NULL });
}

static void who_is_told_follows_notify(void **state) /* DSN-07, EXT-DSN-03 */
{
	(void)state;
	start("--bounce=single");
	told_by_notify("", ATTEMPT_BOUNCED, false, "F--F-");
	told_by_notify("", ATTEMPT_EXPIRED, false, "F--F-");
	told_by_notify("", ATTEMPT_DELIVERED, true, "--R--");
	told_by_notify("", ATTEMPT_DELIVERED, false, "-----");
	told_by_notify("", ATTEMPT_DEFERRED, true, "-----");
	told_by_notify("", ATTEMPT_WITHDRAWN, true, "-----");
	told_by_notify("", ATTEMPT_SUPPRESSED, true, "-----");
	run_test_deinit(&base);
}

static void mail_of_a_job_is_told_of_only_where_it_asks_or_the_flag_says_so(
	void **state) /* DSN-13 */
{
	(void)state;
	start("--bounce=single");
	told_by_notify("j1", ATTEMPT_BOUNCED, false, "---F-");
	told_by_notify("j1", ATTEMPT_DELIVERED, true, "--R--");
	run_test_deinit(&base);
	start("--bounce=dsn");
	told_by_notify("j1", ATTEMPT_BOUNCED, false, "F--F-");
	run_test_deinit(&base);
	start("--bounce=event");
	told_by_notify("", ATTEMPT_BOUNCED, false, "-----");
	told_by_notify("", ATTEMPT_DELIVERED, true, "-----");
	run_test_deinit(&base);
}

/* Whom a warning may tell of, by NOTIFY: 'D' or '-'. */
static void warned_by_notify(const char *sender, const char *job, const char *want)
{
	char got[NOTIFY_COUNT + 1] = "";
	const struct test_mail mail = { .sender = sender, .job = job };
	struct envelope *envelope = test_envelope(&mail);
	for (int notify = 0; notify < NOTIFY_COUNT; notify++) {
		struct envelope_rcpt rcpt = envelope->rcpts[0];
		rcpt.notify = (struct envelope_notify){ .never = notify == NEVER, .success = notify == SUCCESS,
			.failure = notify == FAILURE, .delay = notify == DELAY };
		bool is_wanted =
			notice_is_wanted(&base.config, envelope, &rcpt, NOTIFICATION_DELAYED);
		got[notify] = is_wanted ? 'D' : '-';
	}
	assert_string_equal(got, want);
	envelope_unref(envelope);
}

static void of_a_delay_who_is_told_follows_notify_as_well(void **state) /* DSN-07, DSN-02 */
{
	(void)state;
	start("--bounce=single");
	warned_by_notify(NULL, "", "D---D");
	warned_by_notify(NULL, "j1", "----D");
	warned_by_notify("", "", "-----");
	run_test_deinit(&base);
	start("--bounce=dsn");
	warned_by_notify(NULL, "j1", "D---D");
	run_test_deinit(&base);
	start("--bounce=event");
	warned_by_notify(NULL, "", "-----");
	run_test_deinit(&base);
}

static void the_null_sender_is_never_told(void **state) /* SMTP-38, DSN-02 */
{
	(void)state;
	start("--bounce=dsn");
	for (int notify = 0; notify < NOTIFY_COUNT; notify++) {
		assert_int_equal(told_of("", NULL, notify, ATTEMPT_BOUNCED, false), '-');
		assert_int_equal(told_of("", NULL, notify, ATTEMPT_DELIVERED, true), '-');
	}
	run_test_deinit(&base);
}

static void what_nobody_can_be_told_of_is_tried_again(void **state)
{
	(void)state;
	start("--bounce=dsn");
	const struct test_mail mail = { .rcpts = "1@a.example 2@a.example 3@a.example" };
	struct message *message = test_message(&mail);
	message->envelope = test_envelope(&mail);
	struct attempt *attempt = attempt_create(message, 3);
	assert_non_null(attempt);
	const enum attempt_fate fates[] = { ATTEMPT_EXPIRED, ATTEMPT_DELIVERED, ATTEMPT_BOUNCED };
	for (uint32_t i = 0; i < 3; i++) {
		attempt->rcpts[i].rcpt = i;
		attempt->rcpts[i].fate = (uint8_t)fates[i];
	}
	attempt->expires_ns = 50;
	assert_int_equal(notice_mark(&base.config, attempt), 2);
	notice_defer(attempt, 100, RESULT_NO_SPACE);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DEFERRED);
	assert_int_equal(attempt->rcpts[1].fate, ATTEMPT_DELIVERED);
	assert_int_equal(attempt->rcpts[2].fate, ATTEMPT_DEFERRED);
	assert_true(attempt->expires_ns > 100);
	assert_true(text_find_text(buf_text(&attempt->work->reason), TEXT("could not be told")) !=
		    TEXT_NONE);
	attempt_destroy(attempt);
	message_destroy(message);
	run_test_deinit(&base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_told_follows_notify),
		cmocka_unit_test(mail_of_a_job_is_told_of_only_where_it_asks_or_the_flag_says_so),
		cmocka_unit_test(of_a_delay_who_is_told_follows_notify_as_well),
		cmocka_unit_test(the_null_sender_is_never_told),
		cmocka_unit_test(what_nobody_can_be_told_of_is_tried_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
