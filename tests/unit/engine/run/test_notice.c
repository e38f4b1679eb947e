/* Whom notifications tell, and which of those that a crash left in tmp/ become mail. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/io/file.h"
#include "engine/run/notice.h"
#include "tests/unit/engine/run/run_test.h"
#include "tests/unit/unit.h"

static struct run_test base;

/* ---- who is told ---- */

enum { NO_NOTIFY, NEVER, SUCCESS, FAILURE, DELAY, NOTIFY_COUNT };

/* What becomes of a recipient at a host that offers DSN or does not: 'F'ailed, 'R'elayed or '-'. */
static char told_of(const char *sender, const char *job, int notify, enum attempt_fate fate, bool lacks_dsn)
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
	attempt->work->facts[1] = (struct attempt_facts){ .mx = "mx.a.example",
		.helo = "",
		.tls = "",
		.session = 7,
		.lacks_dsn = lacks_dsn };
	attempt->rcpts[0].fate = (uint8_t)fate;
	attempt->rcpts[0].facts = 1;
	enum notification_action action;
	bool is_due = notice_is_due(&base.config, attempt, &attempt->rcpts[0], &action);
	assert_int_equal(notice_mark(&base.config, attempt), is_due);
	attempt_destroy(attempt);
	message_destroy(message);
	return !is_due ? '-' : action == NOTIFICATION_FAILED ? 'F' : 'R';
}

static void told_by_notify(const char *job, enum attempt_fate fate, bool lacks_dsn, const char *want)
{
	char got[NOTIFY_COUNT + 1] = "";
	for (int notify = 0; notify < NOTIFY_COUNT; notify++)
		got[notify] = told_of(NULL, job, notify, fate, lacks_dsn);
	assert_string_equal(got, want);
}

static void start(const char *bounce)
{
	run_test_init(&base, "/nowhere", (const char *const[]){ "--log-level=error", bounce, NULL });
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

static void mail_of_a_job_is_told_of_only_where_it_asks_or_the_flag_says_so(void **state) /* DSN-13 */
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
	assert_true(text_find_text(buf_text(&attempt->work->reason), TEXT("could not be told")) != TEXT_NONE);
	attempt_destroy(attempt);
	message_destroy(message);
	run_test_deinit(&base);
}

/* ---- after a crash ---- */

static char folder[64];
static int tmp_fd, new_fd;
static struct recovery recovery;

static int make_folder(void **state)
{
	(void)state;
	const char *above = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%s/notice-XXXXXX", above != NULL ? above : "/tmp");
	if (mkdtemp(folder) == NULL)
		return 1;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || mkdirat(fd, "tmp", 0700) != 0 || mkdirat(fd, "new", 0700) != 0)
		return 1;
	tmp_fd = openat(fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	new_fd = openat(fd, "new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(fd);
	return recovery_init(&recovery) != RESULT_OK || tmp_fd < 0 || new_fd < 0;
}

static int remove_folder(void **state)
{
	(void)state;
	char command[128];
	close(tmp_fd);
	close(new_fd);
	recovery_deinit(&recovery);
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

static void put(const char *name)
{
	int fd = openat(tmp_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static bool is_in(int dir_fd, const char *name) { return faccessat(dir_fd, name, F_OK, 0) == 0; }

/* The name of its notification for this recipient; recorded or not. */
static void leave(const char *name, uint64_t inode, uint32_t rcpt, bool is_recorded,
	char out[static NOTICE_NAME_SIZE])
{
	const struct test_mail mail = { .name = name, .inode = inode, .birth_ns = 1000 };
	struct message *message = test_message(&mail);
	notice_name(message, rcpt, out);
	put(out);
	if (is_recorded)
		assert_int_equal(recovery_add_done(&recovery, text_of(name), &message->identity, rcpt, 1),
			RESULT_OK);
	message_destroy(message);
}

static void restore(void)
{
	struct fail fail = { 0 };
	assert_int_equal(notice_restore(tmp_fd, new_fd, &recovery, &fail), RESULT_OK);
}

static void what_the_journal_has_becomes_mail_and_what_it_has_not_goes(void **state) /* DESIGN 5 */
{
	(void)state;
	char recorded[NOTICE_NAME_SIZE], other_rcpt[NOTICE_NAME_SIZE], other_file[NOTICE_NAME_SIZE],
		also[NOTICE_NAME_SIZE];
	leave("m1", 1, 12, true, recorded);
	leave("m1", 1, 1, false, other_rcpt); /* one that the other's begins with */
	leave("m2", 1, 12, false, other_file);
	leave("m1", 1, 9999, true, also);
	restore();
	assert_true(is_in(new_fd, recorded) && !is_in(tmp_fd, recorded));
	assert_true(is_in(new_fd, also) && !is_in(tmp_fd, also));
	assert_true(!is_in(new_fd, other_rcpt) && !is_in(tmp_fd, other_rcpt));
	assert_true(!is_in(new_fd, other_file) && !is_in(tmp_fd, other_file));
}

static void a_name_that_returned_with_another_identity_is_another_file(void **state)
{
	(void)state;
	char before[NOTICE_NAME_SIZE], after[NOTICE_NAME_SIZE];
	leave("m1", 1, 0, false, before);
	leave("m1", 2, 0, true, after);
	assert_string_not_equal(before, after);
	restore();
	assert_false(is_in(new_fd, before) || is_in(tmp_fd, before));
	assert_true(is_in(new_fd, after));
}

static void one_that_is_mail_already_is_not_made_so_again(void **state)
{
	(void)state;
	char name[NOTICE_NAME_SIZE];
	leave("m1", 1, 0, true, name);
	restore();
	struct stat first, second;
	assert_int_equal(fstatat(new_fd, name, &first, 0), 0);
	put(name);
	restore();
	assert_false(is_in(tmp_fd, name));
	assert_int_equal(fstatat(new_fd, name, &second, 0), 0);
	assert_int_equal(first.st_ino, second.st_ino);
}

static void files_of_others_in_tmp_are_left_alone(void **state)
{
	(void)state;
	static const char *const names[] = { "dsn-", "dsn-12", "dsn-00112233445566778899aabbccddeeff",
		"dsn-00112233445566778899aabbccddeeff-", "dsn-00112233445566778899aabbccddeeff-1x",
		"dsn-00112233445566778899AABBCCDDEEFF-1", "dsn-00112233445566778899aabbccddeeff-12345678901",
		"draft.eml" };
	for (size_t i = 0; i < COUNT_OF(names); i++)
		put(names[i]);
	restore();
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_true(is_in(tmp_fd, names[i]));
}

static void many_are_told_apart(void **state)
{
	(void)state;
	enum { MANY = 500 };
	static char names[MANY][NOTICE_NAME_SIZE];
	for (uint32_t i = 0; i < MANY; i++) {
		char file[16];
		snprintf(file, sizeof file, "m%u", i / 5);
		leave(file, 1, i % 5, i % 3 == 0, names[i]);
	}
	restore();
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(is_in(new_fd, names[i]), i % 3 == 0);
		assert_false(is_in(tmp_fd, names[i]));
	}
}

#define CRASH_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_told_follows_notify),
		cmocka_unit_test(mail_of_a_job_is_told_of_only_where_it_asks_or_the_flag_says_so),
		cmocka_unit_test(the_null_sender_is_never_told),
		cmocka_unit_test(what_nobody_can_be_told_of_is_tried_again),
		CRASH_TEST(what_the_journal_has_becomes_mail_and_what_it_has_not_goes),
		CRASH_TEST(a_name_that_returned_with_another_identity_is_another_file),
		CRASH_TEST(one_that_is_mail_already_is_not_made_so_again),
		CRASH_TEST(files_of_others_in_tmp_are_left_alone),
		CRASH_TEST(many_are_told_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
