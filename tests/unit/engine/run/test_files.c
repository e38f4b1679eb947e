/* Files that come into the spool and leave it (DESIGN 1, the spool). */
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "engine/io/file.h"
#include "engine/io/signals.h"
#include "engine/run/prepared.h"
#include "tests/unit/engine/run/files_test.h"

static void assert_text(const char *path, const char *want)
{
	char text[512];
	size_t len;
	assert_int_equal(file_read_small(feed.spool_fd, path, text, sizeof text, &len, NULL), RESULT_OK);
	assert_string_equal(text, want);
}

/* ---- coming ---- */

static void the_folders_of_a_spool_are_made(void **state)
{
	(void)state;
	feed_create();
	static const char *const names[] = { "tmp", "new", "bad" };
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_true(feed_exists(names[i]));
	assert_true(files_new_fd(feed.files) >= 0);
	feed_start();
	FEED_WAIT(feed.idle_count == 1);
	assert_int_equal(feed.files_open, 0);
	feed_stop();
}

static void files_that_are_there_already_are_found_once(void **state)
{
	(void)state;
	feed_create();
	feed_submit("m1");
	feed_submit("m2");
	feed_start();
	FEED_WAIT(feed.idle_count > 0);
	assert_int_equal(feed.found_count, 2);
	assert_non_null(feed_find("m1"));
	assert_non_null(feed_find("m2"));
	assert_int_equal(feed_find("m1")->read_result, RESULT_OK);
	assert_int_equal(feed_find("m1")->identity.bytes, 6);
	feed_pass(FEED_QUIET_MS);
	assert_int_equal(feed.found_count, 2);
	feed_stop();
}

static void files_that_come_in_are_found_at_once(void **state)
{
	(void)state;
	feed_create();
	feed_start();
	FEED_WAIT(feed.idle_count == 1);
	uint64_t start_ns = clock_now_ns();
	feed_submit("m1");
	FEED_WAIT(feed_find("m1") != NULL);
	assert_true(clock_now_ns() - start_ns < 900 * TEST_MS_NS); /* by inotify, not by a scan */
	feed_write_file("new/m2", "written in place\n");
	FEED_WAIT(feed_find("m2") != NULL);
	FEED_WAIT(feed.idle_count >= 2);
	feed_stop();
}

static void names_with_a_leading_dot_are_ignored(void **state)
{
	(void)state;
	feed_create();
	feed_submit(".hidden");
	feed_start();
	FEED_WAIT(feed.idle_count == 1);
	feed_submit(".another");
	feed_submit("m1");
	FEED_WAIT(feed_find("m1") != NULL);
	feed_pass(FEED_QUIET_MS);
	assert_int_equal(feed.found_count, 1);
	feed_stop();
}

static void a_file_that_is_open_for_writing_is_left_alone_until_it_is_closed(void **state)
{
	(void)state;
	int before, after;
	feed_create();
	assert_int_equal(file_create(feed.spool_fd, "new/before", &before, NULL), RESULT_OK);
	feed_start();
	FEED_WAIT(feed.idle_count > 0);
	assert_int_equal(feed.files_open, 1); /* and it is told: --once ends with 75 */
	assert_int_equal(file_create(feed.spool_fd, "new/after", &after, NULL), RESULT_OK);
	assert_int_equal(file_write_all(after, "half", 4, NULL), RESULT_OK);
	feed_pass(FEED_QUIET_MS);
	assert_int_equal(feed.found_count, 0);
	file_close(before);
	FEED_WAIT(feed_find("before") != NULL);
	assert_int_equal(file_write_all(after, " and half", 9, NULL), RESULT_OK);
	file_close(after);
	FEED_WAIT(feed_find("after") != NULL);
	assert_int_equal(feed_find("after")->identity.bytes, 13);
	FEED_WAIT(feed.files_open == 0);
	feed_stop();
}

/* The thread without the right to ask for writers of files that are not its own: as every account but root. */
static void *run_without_leases(void *thread_files)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	CHECK(syscall(SYS_capget, &head, data) == 0);
	data[0].effective &= ~(1u << CAP_LEASE);
	CHECK(syscall(SYS_capset, &head, data) == 0);
	return files_run(thread_files);
}

/* Mail from a web server comes at once, and not when it has been quiet for ten seconds. */
static void a_file_of_another_account_that_is_moved_in_is_found_at_once(void **state)
{
	(void)state;
	char path[128];
	struct fail fail;
	if (geteuid() != 0)
		skip();
	feed_create();
	assert_int_equal(pthread_create(&feed.thread, NULL, run_without_leases, feed.files), 0);
	assert_int_equal(mailbox_test(feed.base.hub.files, FEED_WAIT_MS, &fail), RESULT_OK);
	hub_post(feed.base.hub.files, POST_BEGIN, NULL, 0, 0);
	FEED_WAIT(feed.idle_count > 0); /* the first scan is over: what comes now is told */
	snprintf(path, sizeof path, "%s/tmp/www", feed.spool);
	feed_write_file("tmp/www", "x");
	assert_int_equal(chown(path, 65534, 65534), 0);
	uint64_t from_ns = clock_now_ns();
	assert_int_equal(renameat(feed.spool_fd, "tmp/www", feed.spool_fd, "new/www"), 0);
	FEED_WAIT(feed_find("www") != NULL);
	assert_true(clock_now_ns() - from_ns < FILE_QUIET_NS / 2);
	feed_stop();
}

static void what_is_no_regular_file_is_refused_and_never_opened(void **state) /* DESIGN 1 */
{
	(void)state;
	feed_create();
	feed_submit("target");
	assert_int_equal(symlinkat("target", feed.spool_fd, "new/link"), 0);
	assert_int_equal(symlinkat("/nowhere", feed.spool_fd, "new/dangling"), 0);
	assert_int_equal(mkfifoat(feed.spool_fd, "new/fifo", 0600), 0); /* an open would wait for ever */
	feed_start();
	FEED_WAIT(feed.idle_count > 0);
	assert_int_equal(feed.found_count, 4);
	assert_int_equal(feed_find("target")->read_result, RESULT_OK);
	static const char *const names[] = { "link", "dangling", "fifo" };
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char path[64];
		struct message *message = feed_find(names[i]);
		assert_non_null(message);
		assert_int_equal(message->read_result, RESULT_INVALID);
		assert_string_equal(
			message->reason, "not a regular file: links and devices are not followed");
		assert_int_equal(feed_leave(message, POST_MOVE_BAD), 0);
		snprintf(path, sizeof path, "new/%s", names[i]);
		assert_false(feed_exists(path));
		snprintf(path, sizeof path, "bad/%s", names[i]);
		assert_true(feed_exists(path));
		snprintf(path, sizeof path, "bad/%s.reason", names[i]);
		assert_text(path, "not a regular file: links and devices are not followed\n");
	}
	assert_true(feed_exists("new/target"));
	feed_stop();
}

static void make_job(const char *name)
{
	char path[96];
	(void)snprintf(path, sizeof path, "tmp/%s", name);
	assert_int_equal(mkdirat(feed.spool_fd, path, 0700), 0);
	(void)snprintf(path, sizeof path, "tmp/%s/template.eml", name);
	feed_write_file(path, "x");
	(void)snprintf(path, sizeof path, "tmp/%s/manifest.json", name);
	feed_write_file(path, "{}");
}

static void a_directory_is_a_job_once_its_manifest_is_there(void **state) /* DESIGN 1 */
{
	(void)state;
	feed_create();
	make_job("job");
	assert_int_equal(renameat(feed.spool_fd, "tmp/job/manifest.json", feed.spool_fd, "tmp/m"), 0);
	assert_int_equal(renameat(feed.spool_fd, "tmp/job", feed.spool_fd, "new/job"), 0);
	feed_start();
	FEED_WAIT(feed.idle_count > 0);
	assert_int_equal(feed.found_count, 0);
	assert_int_equal(feed.files_open, 1);
	assert_int_equal(renameat(feed.spool_fd, "tmp/m", feed.spool_fd, "new/job/manifest.json"), 0);
	FEED_WAIT(feed.found_count > 0);
	struct message *job = feed_find("job");
	assert_true(job->is_job);
	assert_int_equal(feed_leave(job, POST_UNLINK), 0);
	assert_false(feed_exists("new/job"));
	assert_false(feed_exists("state/leaving/job"));
	feed_stop();
}

static void a_job_that_is_refused_goes_to_bad_whole(void **state)
{
	(void)state;
	feed_create();
	make_job("job");
	assert_int_equal(renameat(feed.spool_fd, "tmp/job", feed.spool_fd, "new/job"), 0);
	feed_start();
	FEED_WAIT(feed_find("job") != NULL);
	struct message *job = feed_find("job");
	(void)snprintf(job->reason, sizeof job->reason, "it does not agree");
	assert_int_equal(feed_leave(job, POST_MOVE_BAD), 0);
	assert_false(feed_exists("new/job"));
	assert_true(feed_exists("bad/job/template.eml"));
	assert_text("bad/job.reason", "it does not agree\n");
	feed_stop();
}

static void a_job_that_is_moved_away_is_told_as_gone(void **state)
{
	(void)state;
	feed_create();
	make_job("job");
	assert_int_equal(renameat(feed.spool_fd, "tmp/job", feed.spool_fd, "new/job"), 0);
	feed_start();
	FEED_WAIT(feed_find("job") != NULL);
	assert_int_equal(renameat(feed.spool_fd, "new/job", feed.spool_fd, "tmp/job"), 0);
	FEED_WAIT(feed.gone_count > 0);
	struct message *job = feed_find("job");
	job->withdrawn = true;
	assert_int_equal(feed_leave(job, POST_UNLINK), 0);
	assert_true(feed_exists("tmp/job/manifest.json"));
	feed_stop();
}

/* ---- going away by itself ---- */

static void a_file_that_is_removed_is_told_as_gone(void **state)
{
	(void)state;
	feed_create();
	feed_submit("m1");
	feed_start();
	FEED_WAIT(feed_find("m1") != NULL);
	assert_int_equal(unlinkat(feed.spool_fd, "new/m1", 0), 0);
	FEED_WAIT(feed.gone_count == 1);
	assert_ptr_equal(feed.gone, feed_find("m1"));
	feed.gone->withdrawn = true;
	assert_int_equal(feed_leave(feed.gone, POST_UNLINK), 0);
	/* The name is free for new mail. */
	feed_submit("m1");
	FEED_WAIT(feed_find("m1") != NULL);
	feed_stop();
}

static void a_file_that_is_replaced_is_gone_and_the_new_one_is_found_after_it(void **state)
{
	(void)state;
	feed_create();
	feed_submit("m1");
	feed_start();
	FEED_WAIT(feed_find("m1") != NULL);
	struct message *old = feed_find("m1");
	feed_submit("m1"); /* over the old one */
	FEED_WAIT(feed.gone_count == 1);
	assert_ptr_equal(feed.gone, old);
	feed_pass(FEED_QUIET_MS);
	assert_int_equal(feed.found_count, 1); /* not while the old one is in work */
	uint64_t old_inode = old->identity.inode;
	old->withdrawn = true;
	assert_int_equal(feed_leave(old, POST_UNLINK), 0);
	FEED_WAIT(feed_find("m1") != NULL);
	assert_int_not_equal(feed_find("m1")->identity.inode, old_inode);
	assert_true(feed_exists("new/m1")); /* it was not the one to be unlinked */
	feed_stop();
}

static void a_file_that_is_replaced_while_it_is_being_finished_is_not_unlinked(void **state)
{
	(void)state;
	feed_create();
	feed_submit("m1");
	feed_start();
	FEED_WAIT(feed_find("m1") != NULL);
	struct message *old = feed_find("m1");
	feed_submit("m1");
	assert_int_equal(feed_leave(old, POST_UNLINK), 0); /* nobody knows yet that it was replaced */
	assert_true(feed_exists("new/m1"));
	FEED_WAIT(feed_find("m1") != NULL);
	feed_stop();
}

/* The same, at whatever moment the new file comes: between a look at the name and its removal too. */
static void a_file_that_takes_the_name_of_one_that_leaves_is_never_lost(void **state)
{
	(void)state;
	enum { COUNT = 32, ROUNDS = 40 };
	char names[COUNT][8], from[16], to[16];
	feed_create();
	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof names[i], "m%d", i);
		feed_submit(names[i]);
	}
	feed_start();
	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct message *old[COUNT];
		for (int i = 0; i < COUNT; i++) {
			FEED_WAIT(feed_find(names[i]) != NULL);
			old[i] = feed_find(names[i]);
			snprintf(from, sizeof from, "tmp/%.7s", names[i]);
			feed_write_file(from, "hello\n");
		}
		for (int i = 0; i < COUNT; i++)
			hub_post(feed.base.hub.files, POST_UNLINK, old[i], 0, 0);
		uint64_t start_ns = clock_now_ns();
		while (clock_now_ns() - start_ns < round * 5000)
			;
		for (int i = 0; i < COUNT; i++) {
			snprintf(from, sizeof from, "tmp/%.7s", names[i]);
			snprintf(to, sizeof to, "new/%.7s", names[i]);
			assert_int_equal(renameat(feed.spool_fd, from, feed.spool_fd, to), 0);
		}
		for (int i = 0; i < COUNT; i++) {
			struct mailbox_message heard;
			assert_true(test_mailbox_wait(feed.base.hub.recorder, &heard, FEED_WAIT_MS));
			assert_int_equal(heard.kind, POST_UNLINKED);
		}
		for (int i = 0; i < COUNT; i++) {
			snprintf(to, sizeof to, "new/%.7s", names[i]);
			assert_true(feed_exists(to));
			for (size_t j = 0; j < feed.found_count; j++)
				if (feed.found[j] == old[i])
					feed.found[j] = NULL;
			message_destroy(old[i]);
		}
	}
	for (int i = 0; i < COUNT; i++)
		FEED_WAIT(feed_find(names[i]) != NULL);
	feed_stop();
}

/* ---- leaving ---- */

static void what_is_done_is_unlinked(void **state)
{
	(void)state;
	feed_create();
	feed_submit("m1");
	feed_start();
	FEED_WAIT(feed_find("m1") != NULL);
	assert_int_equal(feed_leave(feed_find("m1"), POST_UNLINK), 0);
	assert_false(feed_exists("new/m1"));
	feed_pass(FEED_QUIET_MS);
	assert_int_equal(feed.gone_count, 0); /* our own doing is no removal by hand */
	feed_stop();
}

static void what_is_no_mail_goes_to_bad_with_its_reason_and_never_over_another(void **state)
{
	(void)state;
	static const char *const names[] = { "bad/m1", "bad/m1.1", "bad/m1.2" };
	feed_create();
	feed_start();
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char reason_path[64], reason[64];
		feed_submit("m1");
		FEED_WAIT(feed_find("m1") != NULL);
		struct message *message = feed_find("m1");
		snprintf(message->reason, sizeof message->reason, "line %zu: no sender", i);
		assert_int_equal(feed_leave(message, POST_MOVE_BAD), 0);
		assert_false(feed_exists("new/m1"));
		for (size_t j = 0; j <= i; j++) {
			snprintf(reason_path, sizeof reason_path, "%s.reason", names[j]);
			snprintf(reason, sizeof reason, "line %zu: no sender\n", j);
			assert_text(names[j], "hello\n");
			assert_text(reason_path, reason);
		}
	}
	assert_true(run_test_logged(&feed.base, "event=spool_file_bad"));
	feed_stop();
}

static void many_leave_before_the_thread_ends(void **state)
{
	(void)state;
	enum { COUNT = 1000 };
	char name[32];
	feed_create();
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof name, "m%d", i);
		feed_submit(name);
	}
	feed_start();
	FEED_WAIT(feed.found_count == COUNT);
	for (int i = 0; i < COUNT; i++)
		hub_post(feed.base.hub.files, POST_UNLINK, feed.found[i], 0, 0);
	hub_post(feed.base.hub.files, POST_STOP, NULL, 0, 0);
	assert_int_equal(pthread_join(feed.thread, NULL), 0);
	for (int i = 0; i < COUNT; i++) {
		struct mailbox_message heard;
		assert_true(mailbox_take(feed.base.hub.recorder, &heard));
		assert_int_equal(heard.kind, POST_UNLINKED);
		assert_int_equal(heard.number, 0);
		snprintf(name, sizeof name, "new/%s", ((struct message *)heard.object)->name);
		assert_false(feed_exists(name));
	}
	files_destroy(feed.files);
	for (int i = 0; i < COUNT; i++)
		message_destroy(feed.found[i]);
	run_test_deinit(&feed.base);
}

static void credits_bound_what_is_found_and_the_rest_comes_later(void **state)
{
	(void)state;
	enum { MORE = 50, COUNT = HUB_FILES_MAX + MORE };
	char name[32];
	feed_create();
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof name, "m%d", i);
		feed_submit(name);
	}
	feed_start();
	FEED_WAIT(feed.found_count == HUB_FILES_MAX);
	feed_pass(FEED_QUIET_MS);
	assert_int_equal(feed.found_count, HUB_FILES_MAX);
	assert_int_equal(feed.idle_count, 0); /* it has not seen everything */
	hub_post(feed.base.hub.files, POST_CREDIT, NULL, 20, 0);
	FEED_WAIT(feed.found_count == HUB_FILES_MAX + 20);
	feed_submit("late"); /* seen, but there is no credit for it */
	hub_post(feed.base.hub.files, POST_CREDIT, NULL, COUNT, 0);
	FEED_WAIT(feed.found_count == COUNT + 1);
	assert_non_null(feed_find("late"));
	FEED_WAIT(feed.idle_count > 0);
	for (size_t i = 0; i < feed.found_count; i++) /* each once */
		assert_ptr_equal(feed_find(feed.found[i]->name), feed.found[i]);
	feed_stop();
}

/* Jobs wait for it to go (scheduler_jobs.c), and the operator may lose his patience with it first. */
static void a_notification_that_is_removed_by_hand_while_it_waits_in_the_queue_is_counted_out(void **state)
{
	(void)state;
	struct fail fail;
	char name[PREPARED_NAME_SIZE];
	const struct file_identity identity = { .inode = 1, .birth_ns = 1 };
	feed_create();
	assert_int_equal(mailbox_create(64, &feed.base.hub.keeper, &fail), RESULT_OK);
	feed_start();
	prepared_name(PREPARED_NOTICE, "m1", &identity, 0, name);
	hub_count(&feed.base.hub.counters.notices, 2);
	/* As often as it leaves memory while its file is there it is only parked. */
	for (int was_gone = 0; was_gone < 2; was_gone++) {
		struct message *message = message_create(name, &identity);
		assert_non_null(message);
		message->in_queue = true;
		message->was_gone = message->withdrawn = was_gone;
		assert_int_equal(feed_leave(message, POST_EVICT), 0);
		assert_int_equal(hub_read(&feed.base.hub.counters.notices), 2 - was_gone);
	}
	struct mailbox_message heard;
	while (mailbox_take(feed.base.hub.keeper, &heard))
		free(heard.object);
	mailbox_destroy(feed.base.hub.keeper);
	feed.base.hub.keeper = NULL;
	feed_stop();
}

int main(void)
{
	signals_block(); /* as in the program: of files that are opened while the thread asks who writes them */
	const struct CMUnitTest tests[] = {
		FEED_TEST(the_folders_of_a_spool_are_made),
		FEED_TEST(files_that_are_there_already_are_found_once),
		FEED_TEST(files_that_come_in_are_found_at_once),
		FEED_TEST(names_with_a_leading_dot_are_ignored),
		FEED_TEST(a_file_that_is_open_for_writing_is_left_alone_until_it_is_closed),
		FEED_TEST(a_file_of_another_account_that_is_moved_in_is_found_at_once),
		FEED_TEST(what_is_no_regular_file_is_refused_and_never_opened),
		FEED_TEST(a_directory_is_a_job_once_its_manifest_is_there),
		FEED_TEST(a_job_that_is_refused_goes_to_bad_whole),
		FEED_TEST(a_job_that_is_moved_away_is_told_as_gone),
		FEED_TEST(a_file_that_is_removed_is_told_as_gone),
		FEED_TEST(a_file_that_is_replaced_is_gone_and_the_new_one_is_found_after_it),
		FEED_TEST(a_file_that_is_replaced_while_it_is_being_finished_is_not_unlinked),
		FEED_TEST(a_file_that_takes_the_name_of_one_that_leaves_is_never_lost),
		FEED_TEST(what_is_done_is_unlinked),
		FEED_TEST(what_is_no_mail_goes_to_bad_with_its_reason_and_never_over_another),
		FEED_TEST(many_leave_before_the_thread_ends),
		FEED_TEST(credits_bound_what_is_found_and_the_rest_comes_later),
		FEED_TEST(a_notification_that_is_removed_by_hand_while_it_waits_in_the_queue_is_counted_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
