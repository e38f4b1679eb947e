/* Files that are done and cannot be removed, on a real folder. */
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/io/signals.h"
#include "engine/run/forgotten.h"
#include "tests/unit/engine/run/files_test.h"

static bool set_immutable(const char *path, bool on)
{
	int flags, fd = openat(feed.spool_fd, path, O_RDONLY | O_NOFOLLOW);
	bool done = false;
	if (fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
		flags = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
		done = ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
	}
	if (fd >= 0)
		(void)close(fd);
	return done;
}

/* A folder that cannot be written keeps its files; root needs the immutable flag for that. */
static bool hold_files(bool on)
{
	if (geteuid() != 0)
		return fchmodat(feed.spool_fd, "new", on ? 0500 : 0700, 0) == 0;
	return set_immutable("new/m1", on);
}

/* False, and skipped, where that cannot be done. */
static bool start_with_one_that_stays(void)
{
	feed_create();
	feed_submit("m1");
	if (!hold_files(true)) {
		print_message(
			"skipped: neither a folder nor a file can be made unremovable here\n");
		files_destroy(feed.files);
		run_test_deinit(&feed.base);
		return false;
	}
	feed_start();
	FEED_WAIT(feed_find("m1") != NULL);
	return true;
}

static void a_file_that_cannot_be_removed_is_told_and_not_sent_again(void **state)
{
	(void)state;
	if (!start_with_one_that_stays())
		skip();
	uint32_t stuck = feed_leave(feed_find("m1"), POST_UNLINK);
	feed_pass(1500); /* scans go over it */
	size_t found_again = feed_find("m1") != NULL;
	bool is_there = feed_exists("new/m1");
	assert_true(hold_files(false));
	assert_int_equal(stuck, 1);
	assert_true(is_there);
	assert_int_equal(found_again, 0);
	/* New mail under that name is another matter. */
	feed_submit("m1");
	FEED_WAIT(feed_find("m1") != NULL);
	feed_stop();
}

static void wait_for_forgotten(struct mailbox *at, enum post_kind kind, struct mailbox_message *heard)
{
	assert_true(test_mailbox_wait(at, heard, FEED_WAIT_MS));
	assert_int_equal(heard->kind, kind);
}

static void a_file_that_could_not_be_removed_goes_when_it_can_and_the_journal_is_told(void **state)
{
	(void)state;
	struct mailbox_message heard;
	feed.minute_ms = 300;
	if (!start_with_one_that_stays())
		skip();
	assert_int_equal(feed_leave(feed_find("m1"), POST_UNLINK), 1);
	feed_pass(700); /* tried again in vain */
	bool is_there = feed_exists("new/m1");
	assert_true(hold_files(false));
	assert_true(is_there);
	wait_for_forgotten(feed.base.hub.recorder, POST_FORGOTTEN, &heard);
	assert_int_equal(heard.a, 1);
	assert_false(feed_exists("new/m1"));
	feed_stop();
	assert_false(feed_exists("state/leaving/m1"));
}

static void one_that_is_in_the_queue_as_well_leaves_that_before_the_journal_is_told(void **state)
{
	(void)state;
	struct mailbox_message heard;
	struct fail fail;
	feed.minute_ms = 300;
	if (!start_with_one_that_stays())
		skip();
	assert_int_equal(mailbox_create(64, &feed.base.hub.keeper, &fail), RESULT_OK);
	struct message *message = feed_find("m1");
	struct file_identity identity = message->identity;
	message->in_queue = true;
	assert_int_equal(feed_leave(message, POST_UNLINK), 1);
	assert_true(hold_files(false));
	wait_for_forgotten(feed.base.hub.keeper, POST_FORGET_LATE, &heard);
	struct forgotten *forgotten = heard.object;
	assert_string_equal(forgotten->name, "m1");
	assert_true(file_identity_equal(&forgotten->identity, &identity));
	assert_null(forgotten->next);
	forgotten_free_chain(forgotten);
	mailbox_destroy(feed.base.hub.keeper);
	feed_stop();
}

/* Somebody has helped it on, and put new mail there. */
static void what_took_the_name_of_one_that_could_not_be_removed_stays(void **state)
{
	(void)state;
	struct mailbox_message heard;
	feed.minute_ms = 300;
	if (!start_with_one_that_stays())
		skip();
	assert_int_equal(feed_leave(feed_find("m1"), POST_UNLINK), 1);
	assert_true(hold_files(false));
	feed_submit("m1");
	FEED_WAIT(feed_find("m1") != NULL);
	wait_for_forgotten(feed.base.hub.recorder, POST_FORGOTTEN, &heard);
	assert_true(feed_exists("new/m1"));
	feed_stop();
}

int main(void)
{
	signals_block(); /* as in the program: of files that are opened while the thread asks who writes them */
	const struct CMUnitTest tests[] = {
		FEED_TEST(a_file_that_cannot_be_removed_is_told_and_not_sent_again),
		FEED_TEST(a_file_that_could_not_be_removed_goes_when_it_can_and_the_journal_is_told),
		FEED_TEST(one_that_is_in_the_queue_as_well_leaves_that_before_the_journal_is_told),
		FEED_TEST(what_took_the_name_of_one_that_could_not_be_removed_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
