/* The files thread on a real folder of $TMPDIR (DESIGN 1, the spool). The test is scheduler and recorder. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "engine/io/clock.h"
#include "engine/io/file.h"
#include "engine/io/signals.h"
#include "engine/run/files.h"
#include "engine/run/forgotten.h"
#include "engine/run/prepared.h"
#include "tests/unit/engine/run/run_test.h"
#include "tests/unit/unit.h"

enum { WAIT_MS = 20000, QUIET_MS = 200, FOUND_MAX = 8192 };

static struct run_test base;
static struct files *files;
static pthread_t thread;
static char spool[64];
static int spool_fd;
static struct message *found[FOUND_MAX];
static size_t found_count, gone_count, idle_count;
static struct message *gone;
static uint32_t files_open;
static uint32_t minute_ms; /* after which what is stuck is tried again; 0: a minute */

/* ---- the thread ---- */

static int make_spool(void **state)
{
	(void)state;
	const char *above = getenv("TMPDIR");
	snprintf(spool, sizeof spool, "%s/files-XXXXXX", above != NULL ? above : "/tmp");
	if (mkdtemp(spool) == NULL)
		return 1;
	spool_fd = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	found_count = gone_count = idle_count = 0;
	files_open = minute_ms = 0;
	return spool_fd < 0;
}

static int remove_spool(void **state)
{
	(void)state;
	char command[128];
	(void)close(spool_fd);
	snprintf(command, sizeof command, "rm -rf '%s'", spool);
	return system(command);
}

static void create(void)
{
	struct fail fail = { 0 };
	run_test_init(&base, spool, (const char *const[]){ "--log-level=warn", NULL });
	if (minute_ms > 0)
		base.config.watch_minute_ns = minute_ms * TEST_MS_NS;
	assert_int_equal(files_create(&base.hub, &files, &fail), RESULT_OK);
}

static bool play(void);

static void start(void)
{
	struct fail fail;
	assert_int_equal(pthread_create(&thread, NULL, files_run, files), 0);
	assert_int_equal(mailbox_test(base.hub.files, WAIT_MS, &fail), RESULT_OK);
	assert_false(play()); /* nothing is taken before all threads are up */
	hub_post(base.hub.files, POST_BEGIN, NULL, 0, 0);
}

/* Found and not yet over: the scheduler's. */
static void stop(void)
{
	hub_post(base.hub.files, POST_STOP, NULL, 0, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	struct mailbox_message message;
	while (mailbox_take(base.hub.recorder, &message))
		;
	files_destroy(files);
	for (size_t i = 0; i < found_count; i++)
		if (found[i] != NULL)
			message_destroy(found[i]);
	run_test_deinit(&base);
}

static bool play(void)
{
	struct mailbox_message message;
	bool any = false;
	for (; mailbox_take(base.hub.scheduler, &message); any = true) {
		switch (message.kind) {
		case POST_FILE_FOUND:
			assert_true(found_count < FOUND_MAX);
			found[found_count++] = message.object;
			break;
		case POST_FILE_GONE:
			gone_count++;
			gone = message.object;
			break;
		case POST_FILES_IDLE:
			idle_count++;
			files_open = message.number;
			break;
		default: fail_msg("%s came to the scheduler", post_name(message.kind));
		}
	}
	return any;
}

#define WAIT(condition)                                                                            \
	do {                                                                                       \
		for (int waited_ = 0; !(condition); waited_++) {                                   \
			if (waited_ > WAIT_MS)                                                     \
				fail_msg("waited in vain for %s", #condition);                     \
			if (!play())                                                               \
				clock_wait_ms(1);                                                  \
		}                                                                                  \
	} while (0)

static void pass(uint32_t ms)
{
	uint64_t end_ns = clock_now_ns() + ms * TEST_MS_NS;
	while (clock_now_ns() < end_ns) {
		(void)play();
		clock_wait_ms(1);
	}
}

static struct message *find(const char *name)
{
	for (size_t i = found_count; i-- > 0;)
		if (found[i] != NULL && strcmp(found[i]->name, name) == 0)
			return found[i];
	return NULL;
}

/* The scheduler is done with it; waits for the recorder's word and forgets it. */
static uint32_t leave(struct message *message, enum post_kind kind)
{
	struct mailbox_message heard;
	hub_post(base.hub.files, kind, message, 0, 0);
	assert_true(test_mailbox_wait(base.hub.recorder, &heard, WAIT_MS));
	assert_int_equal(heard.kind, POST_UNLINKED);
	assert_ptr_equal(heard.object, message);
	for (size_t i = 0; i < found_count; i++)
		if (found[i] == message)
			found[i] = NULL;
	message_destroy(message);
	return heard.number;
}

/* ---- the folder ---- */

static void write_file(const char *path, const char *text)
{
	int fd;
	assert_int_equal(file_create(spool_fd, path, &fd, NULL), RESULT_OK);
	assert_int_equal(file_write_all(fd, text, strlen(text), NULL), RESULT_OK);
	file_close(fd);
}

/* As a careful writer does it. */
static void submit(const char *name)
{
	char from[64], to[64];
	snprintf(from, sizeof from, "tmp/%s", name);
	snprintf(to, sizeof to, "new/%s", name);
	write_file(from, "hello\n");
	assert_int_equal(renameat(spool_fd, from, spool_fd, to), 0);
}

static bool exists(const char *path)
{
	struct stat st;
	return fstatat(spool_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void assert_text(const char *path, const char *want)
{
	char text[512];
	size_t len;
	assert_int_equal(file_read_small(spool_fd, path, text, sizeof text, &len, NULL), RESULT_OK);
	assert_string_equal(text, want);
}

/* ---- coming ---- */

static void the_folders_of_a_spool_are_made(void **state)
{
	(void)state;
	create();
	static const char *const names[] = { "tmp", "new", "bad" };
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_true(exists(names[i]));
	assert_true(files_new_fd(files) >= 0);
	start();
	WAIT(idle_count == 1);
	assert_int_equal(files_open, 0);
	stop();
}

static void files_that_are_there_already_are_found_once(void **state)
{
	(void)state;
	create();
	submit("m1");
	submit("m2");
	start();
	WAIT(idle_count > 0);
	assert_int_equal(found_count, 2);
	assert_non_null(find("m1"));
	assert_non_null(find("m2"));
	assert_int_equal(find("m1")->read_result, RESULT_OK);
	assert_int_equal(find("m1")->identity.bytes, 6);
	pass(QUIET_MS);
	assert_int_equal(found_count, 2);
	stop();
}

static void files_that_come_in_are_found_at_once(void **state)
{
	(void)state;
	create();
	start();
	WAIT(idle_count == 1);
	uint64_t start_ns = clock_now_ns();
	submit("m1");
	WAIT(find("m1") != NULL);
	assert_true(clock_now_ns() - start_ns < 900 * TEST_MS_NS); /* by inotify, not by a scan */
	write_file("new/m2", "written in place\n");
	WAIT(find("m2") != NULL);
	WAIT(idle_count >= 2);
	stop();
}

static void names_with_a_leading_dot_are_ignored(void **state)
{
	(void)state;
	create();
	submit(".hidden");
	start();
	WAIT(idle_count == 1);
	submit(".another");
	submit("m1");
	WAIT(find("m1") != NULL);
	pass(QUIET_MS);
	assert_int_equal(found_count, 1);
	stop();
}

static void a_file_that_is_open_for_writing_is_left_alone_until_it_is_closed(void **state)
{
	(void)state;
	int before, after;
	create();
	assert_int_equal(file_create(spool_fd, "new/before", &before, NULL), RESULT_OK);
	start();
	WAIT(idle_count > 0);
	assert_int_equal(files_open, 1); /* and it is told: --once ends with 75 */
	assert_int_equal(file_create(spool_fd, "new/after", &after, NULL), RESULT_OK);
	assert_int_equal(file_write_all(after, "half", 4, NULL), RESULT_OK);
	pass(QUIET_MS);
	assert_int_equal(found_count, 0);
	file_close(before);
	WAIT(find("before") != NULL);
	assert_int_equal(file_write_all(after, " and half", 9, NULL), RESULT_OK);
	file_close(after);
	WAIT(find("after") != NULL);
	assert_int_equal(find("after")->identity.bytes, 13);
	WAIT(files_open == 0);
	stop();
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
	create();
	assert_int_equal(pthread_create(&thread, NULL, run_without_leases, files), 0);
	assert_int_equal(mailbox_test(base.hub.files, WAIT_MS, &fail), RESULT_OK);
	hub_post(base.hub.files, POST_BEGIN, NULL, 0, 0);
	WAIT(idle_count > 0); /* the first scan is over: what comes now is told */
	snprintf(path, sizeof path, "%s/tmp/www", spool);
	write_file("tmp/www", "x");
	assert_int_equal(chown(path, 65534, 65534), 0);
	uint64_t from_ns = clock_now_ns();
	assert_int_equal(renameat(spool_fd, "tmp/www", spool_fd, "new/www"), 0);
	WAIT(find("www") != NULL);
	assert_true(clock_now_ns() - from_ns < FILE_QUIET_NS / 2);
	stop();
}

static void what_is_no_regular_file_is_refused_and_never_opened(void **state) /* DESIGN 1 */
{
	(void)state;
	create();
	submit("target");
	assert_int_equal(symlinkat("target", spool_fd, "new/link"), 0);
	assert_int_equal(symlinkat("/nowhere", spool_fd, "new/dangling"), 0);
	assert_int_equal(mkfifoat(spool_fd, "new/fifo", 0600), 0); /* an open would wait for ever */
	start();
	WAIT(idle_count > 0);
	assert_int_equal(found_count, 4);
	assert_int_equal(find("target")->read_result, RESULT_OK);
	static const char *const names[] = { "link", "dangling", "fifo" };
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char path[64];
		struct message *message = find(names[i]);
		assert_non_null(message);
		assert_int_equal(message->read_result, RESULT_INVALID);
		assert_string_equal(
			message->reason, "not a regular file: links and devices are not followed");
		assert_int_equal(leave(message, POST_MOVE_BAD), 0);
		snprintf(path, sizeof path, "new/%s", names[i]);
		assert_false(exists(path));
		snprintf(path, sizeof path, "bad/%s", names[i]);
		assert_true(exists(path));
		snprintf(path, sizeof path, "bad/%s.reason", names[i]);
		assert_text(path, "not a regular file: links and devices are not followed\n");
	}
	assert_true(exists("new/target"));
	stop();
}

static void make_job(const char *name)
{
	char path[96];
	(void)snprintf(path, sizeof path, "tmp/%s", name);
	assert_int_equal(mkdirat(spool_fd, path, 0700), 0);
	(void)snprintf(path, sizeof path, "tmp/%s/template.eml", name);
	write_file(path, "x");
	(void)snprintf(path, sizeof path, "tmp/%s/manifest.json", name);
	write_file(path, "{}");
}

static void a_directory_is_a_job_once_its_manifest_is_there(void **state) /* DESIGN 1 */
{
	(void)state;
	create();
	make_job("job");
	assert_int_equal(renameat(spool_fd, "tmp/job/manifest.json", spool_fd, "tmp/m"), 0);
	assert_int_equal(renameat(spool_fd, "tmp/job", spool_fd, "new/job"), 0);
	start();
	WAIT(idle_count > 0);
	assert_int_equal(found_count, 0);
	assert_int_equal(files_open, 1);
	assert_int_equal(renameat(spool_fd, "tmp/m", spool_fd, "new/job/manifest.json"), 0);
	WAIT(found_count > 0);
	struct message *job = find("job");
	assert_true(job->is_job);
	assert_int_equal(leave(job, POST_UNLINK), 0);
	assert_false(exists("new/job"));
	assert_false(exists("state/leaving/job"));
	stop();
}

static void a_job_that_is_refused_goes_to_bad_whole(void **state)
{
	(void)state;
	create();
	make_job("job");
	assert_int_equal(renameat(spool_fd, "tmp/job", spool_fd, "new/job"), 0);
	start();
	WAIT(find("job") != NULL);
	struct message *job = find("job");
	(void)snprintf(job->reason, sizeof job->reason, "it does not agree");
	assert_int_equal(leave(job, POST_MOVE_BAD), 0);
	assert_false(exists("new/job"));
	assert_true(exists("bad/job/template.eml"));
	assert_text("bad/job.reason", "it does not agree\n");
	stop();
}

static void a_job_that_is_moved_away_is_told_as_gone(void **state)
{
	(void)state;
	create();
	make_job("job");
	assert_int_equal(renameat(spool_fd, "tmp/job", spool_fd, "new/job"), 0);
	start();
	WAIT(find("job") != NULL);
	assert_int_equal(renameat(spool_fd, "new/job", spool_fd, "tmp/job"), 0);
	WAIT(gone_count > 0);
	struct message *job = find("job");
	job->withdrawn = true;
	assert_int_equal(leave(job, POST_UNLINK), 0);
	assert_true(exists("tmp/job/manifest.json"));
	stop();
}

/* ---- going away by itself ---- */

static void a_file_that_is_removed_is_told_as_gone(void **state)
{
	(void)state;
	create();
	submit("m1");
	start();
	WAIT(find("m1") != NULL);
	assert_int_equal(unlinkat(spool_fd, "new/m1", 0), 0);
	WAIT(gone_count == 1);
	assert_ptr_equal(gone, find("m1"));
	gone->withdrawn = true;
	assert_int_equal(leave(gone, POST_UNLINK), 0);
	/* The name is free for new mail. */
	submit("m1");
	WAIT(find("m1") != NULL);
	stop();
}

static void a_file_that_is_replaced_is_gone_and_the_new_one_is_found_after_it(void **state)
{
	(void)state;
	create();
	submit("m1");
	start();
	WAIT(find("m1") != NULL);
	struct message *old = find("m1");
	submit("m1"); /* over the old one */
	WAIT(gone_count == 1);
	assert_ptr_equal(gone, old);
	pass(QUIET_MS);
	assert_int_equal(found_count, 1); /* not while the old one is in work */
	uint64_t old_inode = old->identity.inode;
	old->withdrawn = true;
	assert_int_equal(leave(old, POST_UNLINK), 0);
	WAIT(find("m1") != NULL);
	assert_int_not_equal(find("m1")->identity.inode, old_inode);
	assert_true(exists("new/m1")); /* it was not the one to be unlinked */
	stop();
}

static void a_file_that_is_replaced_while_it_is_being_finished_is_not_unlinked(void **state)
{
	(void)state;
	create();
	submit("m1");
	start();
	WAIT(find("m1") != NULL);
	struct message *old = find("m1");
	submit("m1");
	assert_int_equal(leave(old, POST_UNLINK), 0); /* nobody knows yet that it was replaced */
	assert_true(exists("new/m1"));
	WAIT(find("m1") != NULL);
	stop();
}

/* The same, at whatever moment the new file comes: between a look at the name and its removal too. */
static void a_file_that_takes_the_name_of_one_that_leaves_is_never_lost(void **state)
{
	(void)state;
	enum { COUNT = 32, ROUNDS = 40 };
	char names[COUNT][8], from[16], to[16];
	create();
	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof names[i], "m%d", i);
		submit(names[i]);
	}
	start();
	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct message *old[COUNT];
		for (int i = 0; i < COUNT; i++) {
			WAIT(find(names[i]) != NULL);
			old[i] = find(names[i]);
			snprintf(from, sizeof from, "tmp/%.7s", names[i]);
			write_file(from, "hello\n");
		}
		for (int i = 0; i < COUNT; i++)
			hub_post(base.hub.files, POST_UNLINK, old[i], 0, 0);
		uint64_t start_ns = clock_now_ns();
		while (clock_now_ns() - start_ns < round * 5000)
			;
		for (int i = 0; i < COUNT; i++) {
			snprintf(from, sizeof from, "tmp/%.7s", names[i]);
			snprintf(to, sizeof to, "new/%.7s", names[i]);
			assert_int_equal(renameat(spool_fd, from, spool_fd, to), 0);
		}
		for (int i = 0; i < COUNT; i++) {
			struct mailbox_message heard;
			assert_true(test_mailbox_wait(base.hub.recorder, &heard, WAIT_MS));
			assert_int_equal(heard.kind, POST_UNLINKED);
		}
		for (int i = 0; i < COUNT; i++) {
			snprintf(to, sizeof to, "new/%.7s", names[i]);
			assert_true(exists(to));
			for (size_t j = 0; j < found_count; j++)
				if (found[j] == old[i])
					found[j] = NULL;
			message_destroy(old[i]);
		}
	}
	for (int i = 0; i < COUNT; i++)
		WAIT(find(names[i]) != NULL);
	stop();
}

/* ---- leaving ---- */

static void what_is_done_is_unlinked(void **state)
{
	(void)state;
	create();
	submit("m1");
	start();
	WAIT(find("m1") != NULL);
	assert_int_equal(leave(find("m1"), POST_UNLINK), 0);
	assert_false(exists("new/m1"));
	pass(QUIET_MS);
	assert_int_equal(gone_count, 0); /* our own doing is no removal by hand */
	stop();
}

static void what_is_no_mail_goes_to_bad_with_its_reason_and_never_over_another(void **state)
{
	(void)state;
	static const char *const names[] = { "bad/m1", "bad/m1.1", "bad/m1.2" };
	create();
	start();
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char reason_path[64], reason[64];
		submit("m1");
		WAIT(find("m1") != NULL);
		struct message *message = find("m1");
		snprintf(message->reason, sizeof message->reason, "line %zu: no sender", i);
		assert_int_equal(leave(message, POST_MOVE_BAD), 0);
		assert_false(exists("new/m1"));
		for (size_t j = 0; j <= i; j++) {
			snprintf(reason_path, sizeof reason_path, "%s.reason", names[j]);
			snprintf(reason, sizeof reason, "line %zu: no sender\n", j);
			assert_text(names[j], "hello\n");
			assert_text(reason_path, reason);
		}
	}
	assert_true(run_test_logged(&base, "event=spool_file_bad"));
	stop();
}

static void many_leave_before_the_thread_ends(void **state)
{
	(void)state;
	enum { COUNT = 1000 };
	char name[32];
	create();
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof name, "m%d", i);
		submit(name);
	}
	start();
	WAIT(found_count == COUNT);
	for (int i = 0; i < COUNT; i++)
		hub_post(base.hub.files, POST_UNLINK, found[i], 0, 0);
	hub_post(base.hub.files, POST_STOP, NULL, 0, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (int i = 0; i < COUNT; i++) {
		struct mailbox_message heard;
		assert_true(mailbox_take(base.hub.recorder, &heard));
		assert_int_equal(heard.kind, POST_UNLINKED);
		assert_int_equal(heard.number, 0);
		snprintf(name, sizeof name, "new/%s", ((struct message *)heard.object)->name);
		assert_false(exists(name));
	}
	files_destroy(files);
	for (int i = 0; i < COUNT; i++)
		message_destroy(found[i]);
	run_test_deinit(&base);
}

static void credits_bound_what_is_found_and_the_rest_comes_later(void **state)
{
	(void)state;
	enum { MORE = 50, COUNT = HUB_FILES_MAX + MORE };
	char name[32];
	create();
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof name, "m%d", i);
		submit(name);
	}
	start();
	WAIT(found_count == HUB_FILES_MAX);
	pass(QUIET_MS);
	assert_int_equal(found_count, HUB_FILES_MAX);
	assert_int_equal(idle_count, 0); /* it has not seen everything */
	hub_post(base.hub.files, POST_CREDIT, NULL, 20, 0);
	WAIT(found_count == HUB_FILES_MAX + 20);
	submit("late"); /* seen, but there is no credit for it */
	hub_post(base.hub.files, POST_CREDIT, NULL, COUNT, 0);
	WAIT(found_count == COUNT + 1);
	assert_non_null(find("late"));
	WAIT(idle_count > 0);
	for (size_t i = 0; i < found_count; i++) /* each once */
		assert_ptr_equal(find(found[i]->name), found[i]);
	stop();
}

/* ---- a file that does not go ---- */

static bool set_immutable(const char *path, bool on)
{
	int flags, fd = openat(spool_fd, path, O_RDONLY | O_NOFOLLOW);
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
		return fchmodat(spool_fd, "new", on ? 0500 : 0700, 0) == 0;
	return set_immutable("new/m1", on);
}

/* False, and skipped, where that cannot be done. */
static bool start_with_one_that_stays(void)
{
	create();
	submit("m1");
	if (!hold_files(true)) {
		print_message(
			"skipped: neither a folder nor a file can be made unremovable here\n");
		files_destroy(files);
		run_test_deinit(&base);
		return false;
	}
	start();
	WAIT(find("m1") != NULL);
	return true;
}

static void a_file_that_cannot_be_removed_is_told_and_not_sent_again(void **state)
{
	(void)state;
	if (!start_with_one_that_stays())
		skip();
	uint32_t stuck = leave(find("m1"), POST_UNLINK);
	pass(1500); /* scans go over it */
	size_t found_again = find("m1") != NULL;
	bool is_there = exists("new/m1");
	assert_true(hold_files(false));
	assert_int_equal(stuck, 1);
	assert_true(is_there);
	assert_int_equal(found_again, 0);
	/* New mail under that name is another matter. */
	submit("m1");
	WAIT(find("m1") != NULL);
	stop();
}

static void wait_for_forgotten(struct mailbox *at, enum post_kind kind, struct mailbox_message *heard)
{
	assert_true(test_mailbox_wait(at, heard, WAIT_MS));
	assert_int_equal(heard->kind, kind);
}

static void a_file_that_could_not_be_removed_goes_when_it_can_and_the_journal_is_told(void **state)
{
	(void)state;
	struct mailbox_message heard;
	minute_ms = 300;
	if (!start_with_one_that_stays())
		skip();
	assert_int_equal(leave(find("m1"), POST_UNLINK), 1);
	pass(700); /* tried again in vain */
	bool is_there = exists("new/m1");
	assert_true(hold_files(false));
	assert_true(is_there);
	wait_for_forgotten(base.hub.recorder, POST_FORGOTTEN, &heard);
	assert_int_equal(heard.a, 1);
	assert_false(exists("new/m1"));
	stop();
	assert_false(exists("state/leaving/m1"));
}

static void one_that_is_in_the_queue_as_well_leaves_that_before_the_journal_is_told(void **state)
{
	(void)state;
	struct mailbox_message heard;
	struct fail fail;
	minute_ms = 300;
	if (!start_with_one_that_stays())
		skip();
	assert_int_equal(mailbox_create(64, &base.hub.keeper, &fail), RESULT_OK);
	struct message *message = find("m1");
	struct file_identity identity = message->identity;
	message->in_queue = true;
	assert_int_equal(leave(message, POST_UNLINK), 1);
	assert_true(hold_files(false));
	wait_for_forgotten(base.hub.keeper, POST_FORGET_LATE, &heard);
	struct forgotten *forgotten = heard.object;
	assert_string_equal(forgotten->name, "m1");
	assert_true(file_identity_equal(&forgotten->identity, &identity));
	assert_null(forgotten->next);
	forgotten_free_chain(forgotten);
	mailbox_destroy(base.hub.keeper);
	stop();
}

/* Jobs wait for it to go (scheduler_jobs.c), and the operator may lose his patience with it first. */
static void a_notification_that_is_removed_by_hand_while_it_waits_in_the_queue_is_counted_out(void **state)
{
	(void)state;
	struct fail fail;
	char name[PREPARED_NAME_SIZE];
	const struct file_identity identity = { .inode = 1, .birth_ns = 1 };
	create();
	assert_int_equal(mailbox_create(64, &base.hub.keeper, &fail), RESULT_OK);
	start();
	prepared_name(PREPARED_NOTICE, "m1", &identity, 0, name);
	hub_count(&base.hub.counters.notices, 2);
	/* As often as it leaves memory while its file is there it is only parked. */
	for (int was_gone = 0; was_gone < 2; was_gone++) {
		struct message *message = message_create(name, &identity);
		assert_non_null(message);
		message->in_queue = true;
		message->was_gone = message->withdrawn = was_gone;
		assert_int_equal(leave(message, POST_EVICT), 0);
		assert_int_equal(hub_read(&base.hub.counters.notices), 2 - was_gone);
	}
	struct mailbox_message heard;
	while (mailbox_take(base.hub.keeper, &heard))
		free(heard.object);
	mailbox_destroy(base.hub.keeper);
	base.hub.keeper = NULL;
	stop();
}

/* Somebody has helped it on, and put new mail there. */
static void what_took_the_name_of_one_that_could_not_be_removed_stays(void **state)
{
	(void)state;
	struct mailbox_message heard;
	minute_ms = 300;
	if (!start_with_one_that_stays())
		skip();
	assert_int_equal(leave(find("m1"), POST_UNLINK), 1);
	assert_true(hold_files(false));
	submit("m1");
	WAIT(find("m1") != NULL);
	wait_for_forgotten(base.hub.recorder, POST_FORGOTTEN, &heard);
	assert_true(exists("new/m1"));
	stop();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_spool, remove_spool)

int main(void)
{
	signals_block(); /* as in the program: of files that are opened while the thread asks who writes them */
	const struct CMUnitTest tests[] = {
		TEST(the_folders_of_a_spool_are_made),
		TEST(files_that_are_there_already_are_found_once),
		TEST(files_that_come_in_are_found_at_once),
		TEST(names_with_a_leading_dot_are_ignored),
		TEST(a_file_that_is_open_for_writing_is_left_alone_until_it_is_closed),
		TEST(a_file_of_another_account_that_is_moved_in_is_found_at_once),
		TEST(what_is_no_regular_file_is_refused_and_never_opened),
		TEST(a_directory_is_a_job_once_its_manifest_is_there),
		TEST(a_job_that_is_refused_goes_to_bad_whole),
		TEST(a_job_that_is_moved_away_is_told_as_gone),
		TEST(a_file_that_is_removed_is_told_as_gone),
		TEST(a_file_that_is_replaced_is_gone_and_the_new_one_is_found_after_it),
		TEST(a_file_that_is_replaced_while_it_is_being_finished_is_not_unlinked),
		TEST(a_file_that_takes_the_name_of_one_that_leaves_is_never_lost),
		TEST(what_is_done_is_unlinked),
		TEST(what_is_no_mail_goes_to_bad_with_its_reason_and_never_over_another),
		TEST(many_leave_before_the_thread_ends),
		TEST(credits_bound_what_is_found_and_the_rest_comes_later),
		TEST(a_file_that_cannot_be_removed_is_told_and_not_sent_again),
		TEST(a_file_that_could_not_be_removed_goes_when_it_can_and_the_journal_is_told),
		TEST(one_that_is_in_the_queue_as_well_leaves_that_before_the_journal_is_told),
		TEST(what_took_the_name_of_one_that_could_not_be_removed_stays),
		TEST(a_notification_that_is_removed_by_hand_while_it_waits_in_the_queue_is_counted_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
