#include "tests/unit/engine/run/files_test.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/io/file.h"

struct feed feed;

/* ---- the thread ---- */

int feed_make_spool(void **state)
{
	(void)state;
	const char *above = getenv("TMPDIR");
	snprintf(feed.spool, sizeof feed.spool, "%s/files-XXXXXX", above != NULL ? above : "/tmp");
	if (mkdtemp(feed.spool) == NULL)
		return 1;
	feed.spool_fd = open(feed.spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	feed.found_count = feed.gone_count = feed.idle_count = 0;
	feed.files_open = feed.minute_ms = 0;
	return feed.spool_fd < 0;
}

int feed_remove_spool(void **state)
{
	(void)state;
	char command[128];
	(void)close(feed.spool_fd);
	snprintf(command, sizeof command, "rm -rf '%s'", feed.spool);
	return system(command);
}

void feed_create(void)
{
	struct fail fail = { 0 };
	run_test_init(&feed.base, feed.spool, (const char *const[]){ "--log-level=warn", NULL });
	if (feed.minute_ms > 0)
		feed.base.config.watch_minute_ns = feed.minute_ms * TEST_MS_NS;
	assert_int_equal(files_create(&feed.base.hub, &feed.files, &fail), RESULT_OK);
}

bool feed_play(void)
{
	struct mailbox_message message;
	bool any = false;
	for (; mailbox_take(feed.base.hub.scheduler, &message); any = true) {
		switch (message.kind) {
		case POST_FILE_FOUND:
			assert_true(feed.found_count < FEED_FOUND_MAX);
			feed.found[feed.found_count++] = message.object;
			break;
		case POST_FILE_GONE:
			feed.gone_count++;
			feed.gone = message.object;
			break;
		case POST_FILES_IDLE:
			feed.idle_count++;
			feed.files_open = message.number;
			break;
		default: fail_msg("%s came to the scheduler", post_name(message.kind));
		}
	}
	return any;
}

void feed_start(void)
{
	struct fail fail;
	assert_int_equal(pthread_create(&feed.thread, NULL, files_run, feed.files), 0);
	assert_int_equal(mailbox_test(feed.base.hub.files, FEED_WAIT_MS, &fail), RESULT_OK);
	assert_false(feed_play()); /* nothing is taken before all threads are up */
	hub_post(feed.base.hub.files, POST_BEGIN, NULL, 0, 0);
}

void feed_stop(void)
{
	hub_post(feed.base.hub.files, POST_STOP, NULL, 0, 0);
	assert_int_equal(pthread_join(feed.thread, NULL), 0);
	struct mailbox_message message;
	while (mailbox_take(feed.base.hub.recorder, &message))
		;
	files_destroy(feed.files);
	for (size_t i = 0; i < feed.found_count; i++)
		if (feed.found[i] != NULL)
			message_destroy(feed.found[i]);
	run_test_deinit(&feed.base);
}

void feed_pass(uint32_t ms)
{
	uint64_t end_ns = clock_now_ns() + ms * TEST_MS_NS;
	while (clock_now_ns() < end_ns) {
		(void)feed_play();
		clock_wait_ms(1);
	}
}

struct message *feed_find(const char *name)
{
	for (size_t i = feed.found_count; i-- > 0;)
		if (feed.found[i] != NULL && strcmp(feed.found[i]->name, name) == 0)
			return feed.found[i];
	return NULL;
}

uint32_t feed_leave(struct message *message, enum post_kind kind)
{
	struct mailbox_message heard;
	hub_post(feed.base.hub.files, kind, message, 0, 0);
	assert_true(test_mailbox_wait(feed.base.hub.recorder, &heard, FEED_WAIT_MS));
	assert_int_equal(heard.kind, POST_UNLINKED);
	assert_ptr_equal(heard.object, message);
	for (size_t i = 0; i < feed.found_count; i++)
		if (feed.found[i] == message)
			feed.found[i] = NULL;
	message_destroy(message);
	return heard.number;
}

/* ---- the folder ---- */

void feed_write_file(const char *path, const char *text)
{
	int fd;
	assert_int_equal(file_create(feed.spool_fd, path, &fd, NULL), RESULT_OK);
	assert_int_equal(file_write_all(fd, text, strlen(text), NULL), RESULT_OK);
	file_close(fd);
}

void feed_submit(const char *name)
{
	char from[64], to[64];
	snprintf(from, sizeof from, "tmp/%s", name);
	snprintf(to, sizeof to, "new/%s", name);
	feed_write_file(from, "hello\n");
	assert_int_equal(renameat(feed.spool_fd, from, feed.spool_fd, to), 0);
}

bool feed_exists(const char *path)
{
	struct stat st;
	return fstatat(feed.spool_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}
