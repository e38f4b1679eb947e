/* longship queue without a sender: what is on disk is told and changed there. */
#include "engine/run/queue_command.h"
#include <fcntl.h>
#include <string.h>
#include "engine/io/file.h"
#include "engine/run/job_index.h"
#include "engine/run/job_run.h"
#include "engine/run/revival.h"
#include "store/queue.h"
#include "store/state_lock.h"
#include "tests/unit/engine/run/command_test.h"
#include "tests/unit/damage.h"
#include "tests/unit/store/temp_folder.h"

static char spool[96];
static struct command_result result;
static struct fail why;

#define QUEUE(...) COMMAND(run_queue, &result, __VA_ARGS__, spool)
#define ASSERT_SAYS(words)                                                                         \
	do {                                                                                       \
		if (strstr(result.out, words) == NULL)                                             \
			fail_msg("'%s' is not in '%s' (%s)", words, result.out, result.err);       \
	} while (0)

static int set_up(void **state)
{
	if (temp_folder_make(state) != 0)
		return -1;
	(void)snprintf(spool, sizeof spool, "--spool=%s", temp_folder);
	return mkdir(temp_path("state"), 0700) != 0 || mkdir(temp_path("new"), 0700) != 0;
}

static void put(const char *name, const char *rcpts)
{
	char path[64], text[512];
	(void)snprintf(path, sizeof path, "new/%s", name);
	int len = snprintf(text, sizeof text,
		"X-Sender: <me@b.example>\nX-Longship-Job: spring\n%sSubject: x\n\nHello.\n",
		rcpts);
	temp_write(path, "w", text, (size_t)len);
}

static bool is_there(const char *name)
{
	char path[64];
	(void)snprintf(path, sizeof path, "new/%s", name);
	return access(temp_path(path), F_OK) == 0;
}

/* It waits with these words of its last pass. */
static void park_as(const char *name, const struct file_identity *identity, const char *last)
{
	struct queue *queue;
	uint32_t left;
	const struct queue_rcpt rcpt = { 0, TEXT("ann@a.example") };
	struct queue_attempt attempt = {
		.key.due_us = 4000000000000000,
		.expires_us = 4100000000000000,
		.number = 2,
		.waits = 1,
		.domain = TEXT("a.example"),
		.last = text_of(last),
		.rcpts = &rcpt,
		.rcpts_count = 1,
	};
	const struct queue_parking parking = {
		.file = { .file = record_file_of(name, identity), .job = TEXT("spring") },
		.attempts = &attempt,
		.attempts_count = 1,
	};
	assert_int_equal(queue_open(temp_path("state"), true, &queue, &why), RESULT_OK);
	assert_int_equal(queue_park(queue, &parking, &left, &why), RESULT_OK);
	assert_int_equal(queue_commit(queue, &why), RESULT_OK);
	queue_close(&queue);
}

/* The file that put() made does. */
static void park(const char *name, const char *last)
{
	struct file_identity identity;
	enum file_type type;
	int fd;
	assert_int_equal(file_open_directory(AT_FDCWD, temp_path("new"), &fd, &why), RESULT_OK);
	assert_int_equal(file_look(fd, name, &type, &identity, &why), RESULT_OK);
	file_close(fd);
	park_as(name, &identity, last);
}

static void what_waits_is_told_with_its_reason_and_nothing_drives_the_terminal(void **state)
{
	(void)state;
	put("m.eml", "X-Receiver: ann@a.example\n");
	park("m.eml", "mx.a.example: 451 \x1b]0;gotcha\x07 \xc2\x9b"
		      "2J later");
	put("n.eml", "X-Receiver: bob@b.example\n");
	QUEUE("list");
	assert_int_equal(result.status, 0);
	ASSERT_SAYS("2 recipients: 1 waiting, 1 new\n");
	ASSERT_SAYS(
		"deferred: tried again in its time; last: mx.a.example: 451 ?]0;gotcha? ?2J later");
	ASSERT_SAYS("no sender runs");
	QUEUE("show", "m.eml");
	ASSERT_SAYS("ann@a.example");
	ASSERT_SAYS("next 2096-10-02T07:06:40.000000Z");
	QUEUE("list", "--json");
	ASSERT_SAYS("\"state\":\"new\",\"parked\":false,\"recipients\":1");
	ASSERT_SAYS("\\u001b");
	QUEUE("list", "--by=job");
	ASSERT_SAYS("         2  spring\n");
}

static void without_a_queue_and_without_mail_there_is_nothing(void **state)
{
	(void)state;
	QUEUE("list");
	assert_int_equal(result.status, 0);
	assert_string_equal(result.out, "0 recipients\n");
	assert_int_equal(access(temp_path("state/queue"), F_OK), -1); /* nor was one made */
	QUEUE("retry", "--all");
	assert_int_equal(result.status, 1);
	assert_int_equal(access(temp_path("state/queue"), F_OK), -1);
}

static void a_file_goes_only_if_all_of_it_is_dropped(void **state)
{
	(void)state;
	put("one.eml", "X-Receiver: ann@a.example\nX-Receiver: bob@a.example\n");
	put("two.eml", "X-Receiver: ann@a.example\nX-Receiver: bob@b.example\n");
	put("other.eml", "X-Receiver: bob@b.example\n");
	QUEUE("drop", "--domain=A.example");
	assert_int_equal(result.status, 75);
	ASSERT_SAYS("2 recipients dropped\n1 more");
	assert_false(is_there("one.eml"));
	assert_true(is_there("two.eml"));
	assert_true(is_there("other.eml"));
	QUEUE("drop", "two.eml", "gone.eml");
	assert_int_equal(result.status, 1);
	assert_false(is_there("two.eml"));
	QUEUE("drop", "--job=spring");
	assert_int_equal(result.status, 0);
	assert_false(is_there("other.eml"));
}

static void what_is_held_is_told_as_held_until_it_is_released(void **state)
{
	(void)state;
	put("m.eml", "X-Receiver: ann@a.example\n");
	park("m.eml", "");
	QUEUE("hold", "--job=spring");
	assert_int_equal(result.status, 0);
	ASSERT_SAYS("1 recipient held");
	QUEUE("list");
	ASSERT_SAYS("held: job spring\n1 recipient: 1 held\n");
	QUEUE("release", "--job=spring");
	assert_int_equal(result.status, 0);
	QUEUE("release", "--job=spring");
	assert_int_equal(result.status, 1);
	QUEUE("list");
	ASSERT_SAYS("1 recipient: 1 waiting\n");
}

static void what_another_has_is_shown_but_not_changed(void **state)
{
	(void)state;
	struct state_lock *lock;
	put("m.eml", "X-Receiver: ann@a.example\n");
	assert_int_equal(state_lock_acquire(temp_path("state"), &lock, &why), RESULT_OK);
	QUEUE("drop", "m.eml");
	assert_int_equal(result.status, 73);
	assert_true(is_there("m.eml"));
	QUEUE("show", "m.eml");
	assert_int_equal(result.status, 0);
	state_lock_release(&lock);
}

static void holds_that_cannot_be_read_stop_everything(void **state)
{
	(void)state;
	put("m.eml", "X-Receiver: ann@a.example\n");
	temp_write("state/holds", "w", "nonsense\n", 9);
	QUEUE("drop", "m.eml");
	assert_int_equal(result.status, 74);
	assert_non_null(strstr(result.err, "line 1 of "));
	assert_true(is_there("m.eml"));
}

static void write_job(const char *file, const char *text)
{
	char path[64];
	(void)snprintf(path, sizeof path, "new/may/%s", file);
	temp_write(path, "w", text, strlen(text));
}

static void put_job(void)
{
	assert_int_equal(mkdir(temp_path("new/may"), 0700), 0);
	write_job("template.eml", "Subject: x\r\n\r\nHello.\r\n");
	write_job("recipients.jsonl", "{\"to\":\"a@a.example\"}\n{\"to\":\"b@b.example\"}\n");
	write_job("manifest.json", "{\"version\":1,\"id\":\"may-1\",\"recipients\":2,"
				   "\"sender\":\"me@b.example\",\"job\":\"letter\"}");
}

static void a_job_that_no_sender_has_seen_is_told_and_dropped_as_a_whole(void **state)
{
	(void)state;
	put_job();
	put("m.eml", "X-Receiver: ann@a.example\n");
	QUEUE("job", "list");
	assert_int_equal(result.status, 0);
	ASSERT_SAYS("may, job letter, new\n    2 recipients: 2 pending (2 not made yet)\n");
	ASSERT_SAYS("job spring, single files\n    1 recipient pending\n");
	QUEUE("job", "show", "letter", "--json");
	ASSERT_SAYS("{\"directory\":\"may\",\"job\":\"letter\",\"state\":\"new\"");
	QUEUE("job", "show", "autumn");
	assert_int_equal(result.status, 1);
	QUEUE("list", "--job=letter");
	ASSERT_SAYS("2 recipients: 2 unmade\n");
	/* Who of them is of a domain only a sender finds out. */
	QUEUE("drop", "--domain=a.example", "--job=letter");
	assert_int_equal(result.status, 75);
	QUEUE("drop", "may");
	assert_int_equal(result.status, 0);
	ASSERT_SAYS("2 recipients dropped\n");
	assert_int_equal(access(temp_path("state/jobs/may/dropped"), F_OK), 0);
	assert_true(is_there("may")); /* the next sender tells of each */
	QUEUE("list", "--job=letter");
	ASSERT_SAYS("dropped by the operator: the next sender tells so");
	QUEUE("drop", "may");
	assert_int_equal(result.status, 1);
}

static void a_batch_file_that_no_sender_has_split_is_told(void **state)
{
	static const char batch[] = "MAIL FROM:<me@b.example>\r\nRCPT TO:<a@a.example>\r\nDATA\r\n"
				    "Subject: x\r\n\r\nHello.\r\n.\r\n";
	(void)state;
	temp_write("new/b.bsmtp", "w", batch, strlen(batch));
	QUEUE("list", "--by=file");
	assert_int_equal(result.status, 0);
	ASSERT_SAYS("b.bsmtp\n  a batch file: no sender runs that would make mail of it\n");
	QUEUE("show", "b.bsmtp");
	assert_int_equal(result.status, 0);
	ASSERT_SAYS("a batch file");
}

static void words_of_jobs_that_mean_nothing_are_refused(void **state)
{
	(void)state;
	QUEUE("job");
	assert_int_equal(result.status, 2);
	QUEUE("job", "burn");
	assert_int_equal(result.status, 2);
	QUEUE("job", "show");
	assert_int_equal(result.status, 2);
	QUEUE("job", "list", "may");
	assert_int_equal(result.status, 2);
	QUEUE("job", "show", "may", "--domain=a.example");
	assert_int_equal(result.status, 2);
}

static void one_that_is_damaged_is_told_as_such_and_hides_no_other(void **state)
{
	(void)state;
	put("a.eml", "X-Receiver: ann@a.example\n");
	put("b.eml", "X-Receiver: ann@a.example\n");
	park("a.eml", "damaged here");
	park("b.eml", "later");
	damage_file(temp_path("state/queue/data.mdb"), "damaged here");
	QUEUE("list");
	assert_int_equal(result.status, 0);
	ASSERT_SAYS("the queue's entry of a.eml is damaged");
	ASSERT_SAYS("1 recipient: 1 waiting\n");
	QUEUE("retry", "--all");
	assert_int_equal(result.status, 0);
	ASSERT_SAYS("1 recipient due now");
}

/* As a sender does that accepts it. */
static void index_job(void)
{
	int state_fd, recipients_fd;
	struct job_indexing *indexing;
	const struct file_identity of = job_identity(text_of("may-1"));
	const uint64_t identity[2] = { of.inode, (uint64_t)of.birth_ns };
	assert_int_equal(file_make_directories(temp_path("state/jobs/may"), 0700, &why), RESULT_OK);
	assert_int_equal(file_open_directory(AT_FDCWD, temp_path("state/jobs/may"), &state_fd, &why),
		RESULT_OK);
	assert_int_equal(file_open_regular(AT_FDCWD, temp_path("new/may/recipients.jsonl"),
				 &recipients_fd, NULL, &why),
		RESULT_OK);
	assert_int_equal(
		job_indexing_begin(state_fd, recipients_fd, identity, 42, &indexing, &why), RESULT_OK);
	while (job_indexing_step(indexing, &why) == RESULT_AGAIN)
		;
	assert_int_equal(job_indexing_finish(indexing, &why), RESULT_OK);
	job_indexing_end(&indexing);
	file_close(recipients_fd);
	file_close(state_fd);
}

static void who_waits_in_a_damaged_entry_is_told_neither_as_new_nor_as_unmade(void **state)
{
	(void)state;
	const struct file_identity of_job = job_identity(text_of("may-1"));
	put_job();
	index_job();
	put("a.eml", "X-Receiver: ann@a.example\n");
	park("a.eml", "later");
	park_as("may/0", &of_job, "later");
	park_as("may/1", &of_job, "later");
	damage_file(temp_path("state/queue/data.mdb"), "spring"); /* the entries of the files */
	QUEUE("list", "--by=file");
	assert_int_equal(result.status, 0);
	ASSERT_SAYS("the queue's entry of a.eml is damaged");
	ASSERT_SAYS("the queue's entry of may/1 is damaged");
	assert_null(strstr(result.out, "no sender runs"));
	QUEUE("job", "show", "may");
	assert_int_equal(result.status, 0);
	ASSERT_SAYS("2 recipients: 2 pending");
	assert_null(strstr(result.out, "not made yet"));
}

int main(void)
{
#define TEST_OF(name) cmocka_unit_test_setup_teardown(name, set_up, temp_folder_remove)
	const struct CMUnitTest tests[] = {
		TEST_OF(what_waits_is_told_with_its_reason_and_nothing_drives_the_terminal),
		TEST_OF(without_a_queue_and_without_mail_there_is_nothing),
		TEST_OF(a_file_goes_only_if_all_of_it_is_dropped),
		TEST_OF(what_is_held_is_told_as_held_until_it_is_released),
		TEST_OF(what_another_has_is_shown_but_not_changed),
		TEST_OF(one_that_is_damaged_is_told_as_such_and_hides_no_other),
		TEST_OF(who_waits_in_a_damaged_entry_is_told_neither_as_new_nor_as_unmade),
		TEST_OF(holds_that_cannot_be_read_stop_everything),
		TEST_OF(a_job_that_no_sender_has_seen_is_told_and_dropped_as_a_whole),
		TEST_OF(a_batch_file_that_no_sender_has_split_is_told),
		TEST_OF(words_of_jobs_that_mean_nothing_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
