#include "tests/unit/engine/run/recorder_test.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "engine/io/file.h"

char rec_folder[64], rec_events_path[128];
static char events[REC_EVENTS_MAX]; /* as read last */

struct rec rec;
const char *rec_bounce = "--bounce=event";

/* ---- a spool, and runs of the recorder on it ---- */

int rec_make_folder(void **state)
{
	(void)state;
	const char *above = getenv("TMPDIR");
	snprintf(rec_folder, sizeof rec_folder, "%s/recorder-XXXXXX",
		above != NULL ? above : "/tmp");
	if (mkdtemp(rec_folder) == NULL)
		return 1;
	snprintf(rec_events_path, sizeof rec_events_path, "%s/events", rec_folder);
	char path[128];
	snprintf(path, sizeof path, "%s/new", rec_folder);
	return mkdir(path, 0700);
}

int rec_remove_folder(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", rec_folder);
	return system(command);
}

enum result rec_create(const char *events_flag, const char *interval_flag)
{
	struct fail fail = { 0 };
	char path[128];
	run_test_init(
		&rec.base, rec_folder, (const char *const[]){ rec_bounce, events_flag, interval_flag, NULL });
	snprintf(path, sizeof path, "%s/new", rec_folder);
	assert_int_equal(file_open_directory(AT_FDCWD, path, &rec.new_fd, &fail), RESULT_OK);
	enum result r = recorder_create(
		&rec.base.hub, &rec.base.recovery, rec.new_fd, &rec.recorder, &fail);
	if (r != RESULT_OK)
		assert_int_not_equal(fail.text[0], '\0');
	else
		recorder_forget_gone(rec.recorder, rec.new_fd);
	return r;
}

void rec_start_with(const char *events_flag, const char *interval_flag)
{
	struct fail fail;
	assert_int_equal(rec_create(events_flag, interval_flag), RESULT_OK);
	assert_int_equal(pthread_create(&rec.thread, NULL, recorder_run, rec.recorder), 0);
	assert_int_equal(mailbox_test(rec.base.hub.recorder, REC_WAIT_MS, &fail), RESULT_OK);
}

const char *rec_events_flag(void)
{
	static char flag[160];
	snprintf(flag, sizeof flag, "--events=%s", rec_events_path);
	return flag;
}

void rec_start(void) { rec_start_with(rec_events_flag(), "--commit-interval=1ms"); }

void rec_stop(void)
{
	hub_post(rec.base.hub.recorder, POST_STOP, NULL, 0, 0);
	assert_int_equal(pthread_join(rec.thread, NULL), 0);
	recorder_destroy(rec.recorder);
	file_close(rec.new_fd);
	run_test_deinit(&rec.base);
}

/* ---- what it is told and tells ---- */

struct message *rec_make_message(const char *name, const char *rcpts, bool on_disk)
{
	const struct test_mail mail = { .name = name, .rcpts = rcpts };
	struct message *message = test_message(&mail);
	message->envelope = test_envelope(&mail);
	if (on_disk) {
		enum file_type type;
		int fd;
		assert_int_equal(file_create(rec.new_fd, name, &fd, NULL), RESULT_OK);
		assert_int_equal(file_describe(fd, &type, &message->identity, NULL), RESULT_OK);
		file_close(fd);
	}
	return message;
}

/* The recipients from `first` on have this fate. */
struct attempt *rec_settle(
	struct message *message, uint32_t first, uint32_t count, enum attempt_fate fate)
{
	struct attempt *attempt = attempt_create(message, count);
	assert_non_null(attempt);
	for (uint32_t i = 0; i < count; i++)
		attempt->rcpts[i].rcpt = first + i;
	assert_true(attempt_begin_work(attempt));
	attempt_settle(
		attempt, fate, BOUNCE_CLASS_NONE, fate == ATTEMPT_DELIVERED ? "2.0.0" : "4.0.0");
	hub_post(rec.base.hub.recorder, POST_OUTCOME, attempt, 0, 0);
	return attempt;
}

struct mailbox_message rec_hear(struct mailbox *mailbox, enum post_kind kind)
{
	struct mailbox_message message;
	assert_true(test_mailbox_wait(mailbox, &message, REC_WAIT_MS));
	assert_int_equal(message.kind, kind);
	return message;
}

void rec_assert_recorded(struct attempt *attempt)
{
	assert_ptr_equal(rec_hear(rec.base.hub.scheduler, POST_RECORDED).object, attempt);
}

/* One message from outcome to unlink: nothing of it is left in memory. */
void rec_finish(struct message *message, bool stuck)
{
	hub_post(rec.base.hub.recorder, POST_UNLINKED, message, stuck, 0);
	assert_ptr_equal(rec_hear(rec.base.hub.scheduler, POST_MESSAGE_OVER).object, message);
	message_destroy(message);
}

void rec_record_one(const char *name, enum attempt_fate fate)
{
	struct message *message = rec_make_message(name, "ann@a.example", false);
	struct attempt *attempt = rec_settle(message, 0, 1, fate);
	rec_assert_recorded(attempt);
	attempt_destroy(attempt);
	rec_finish(message, false);
}

const char *rec_read_events(const char *path)
{
	size_t len;
	assert_int_equal(
		file_read_small(AT_FDCWD, path, events, sizeof events, &len, NULL), RESULT_OK);
	return events;
}

void rec_keep(const char *text, char *out, size_t size)
{
	size_t len = strlen(text);
	assert_true(len < size);
	memcpy(out, text, len + 1);
}

size_t rec_count_of(const char *text, const char *words)
{
	size_t count = 0;
	for (const char *at = strstr(text, words); at != NULL; at = strstr(at + 1, words))
		count++;
	return count;
}

size_t rec_segments(void)
{
	char path[128];
	size_t count = 0;
	snprintf(path, sizeof path, "%s/state", rec_folder);
	DIR *dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
		count += strncmp(entry->d_name, "journal-", 8) == 0;
	closedir(dir);
	return count;
}
