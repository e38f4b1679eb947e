/* The keeper on its thread, with a queue in $TMPDIR; the test is scheduler and files thread. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "engine/io/clock.h"
#include "engine/io/file.h"
#include "engine/run/attempt.h"
#include "engine/run/control_task.h"
#include "engine/run/domain.h"
#include "engine/run/keeper.h"
#include "engine/run/revival.h"
#include "store/queue.h"
#include "tests/unit/engine/run/run_test.h"
#include "tests/unit/unit.h"

enum { WAIT_MS = 10000 };

static struct run_test base;
static struct keeper *keeper;
static pthread_t thread;
static char spool[64];
static int new_fd;

static int make_spool(void **state)
{
	(void)state;
	char path[80];
	const char *above = getenv("TMPDIR");
	snprintf(spool, sizeof spool, "%s/keeper-XXXXXX", above != NULL ? above : "/tmp");
	if (mkdtemp(spool) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/state", spool);
	if (mkdir(path, 0700) != 0)
		return 1;
	snprintf(path, sizeof path, "%s/new", spool);
	return mkdir(path, 0700);
}

static int remove_spool(void **state)
{
	(void)state;
	char command[96];
	snprintf(command, sizeof command, "rm -rf '%s'", spool);
	return system(command);
}

/* One recipient of a file that is not in new/ any more, due a second ago. */
static void put_due(const char *name)
{
	struct fail fail = { 0 };
	char state[80];
	struct queue *queue;
	uint32_t left;
	snprintf(state, sizeof state, "%s/state", spool);
	assert_int_equal(queue_open(state, true, &queue, &fail), RESULT_OK);
	const struct queue_rcpt rcpts[] = { { 0, text_of("ann@a.example") } };
	struct queue_attempt attempts[] = { { .key.due_us = (uint64_t)clock_wall_us() - 1000000,
		.expires_us = (uint64_t)clock_wall_us() + 1000000000, .number = 2, .waits = 1,
		.domain = text_of("a.example"), .rcpts = rcpts, .rcpts_count = 1 } };
	const struct file_identity identity = { .inode = 1, .birth_ns = 2 };
	const struct queue_parking parking = { .file.file = record_file_of(name, &identity),
		.attempts = attempts, .attempts_count = 1 };
	assert_int_equal(queue_park(queue, &parking, &left, &fail), RESULT_OK);
	assert_int_equal(queue_commit(queue, &fail), RESULT_OK);
	queue_close(&queue);
}

static void create(void)
{
	struct fail fail = { 0 };
	char path[80];
	run_test_init(&base, spool, (const char *const[]){ "--log-level=warn", NULL });
	assert_int_equal(mailbox_create(1024, &base.hub.keeper, &fail), RESULT_OK);
	snprintf(path, sizeof path, "%s/new", spool);
	assert_int_equal(file_open_directory(AT_FDCWD, path, &new_fd, &fail), RESULT_OK);
	assert_int_equal(keeper_create(&base.hub, &base.recovery, new_fd, &keeper, &fail), RESULT_OK);
}

static void start(void)
{
	struct fail fail;
	assert_int_equal(pthread_create(&thread, NULL, keeper_run, keeper), 0);
	assert_int_equal(mailbox_test(base.hub.keeper, WAIT_MS, &fail), RESULT_OK);
}

static void stop(void)
{
	hub_post(base.hub.keeper, POST_STOP, NULL, 0, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	keeper_destroy(keeper);
	mailbox_destroy(base.hub.keeper);
	file_close(new_fd);
	run_test_deinit(&base);
}

static void an_attempt_whose_file_goes_in_the_instant_it_is_due_is_handed_out_once(void **state)
{
	(void)state;
	struct mailbox_message message;
	uint32_t due = 0;
	put_due("m1");
	create();
	/* Both in one turn: its time is changed, and it is looked for. */
	hub_post(base.hub.keeper, POST_PARKED_GONE, strdup("m1"), 0, 0);
	hub_post(base.hub.keeper, POST_DUE_TAKEN, NULL, 0, 0);
	start();
	while (test_mailbox_wait(base.hub.files, &message, due == 0 ? WAIT_MS : 300)) {
		if (message.kind != POST_DUE)
			continue; /* GONE_HEARD */
		due++;
		revival_destroy(message.object);
	}
	assert_int_equal(due, 1);
	stop();
}

/* Parked and asked for in one turn: a drop would be told as done, and pass it over. */
static void what_is_parked_is_there_for_the_request_behind_it(void **state)
{
	(void)state;
	struct fail fail = { 0 };
	struct mailbox_message heard;
	struct control_request request;
	const char *line = "{\"do\":\"drop\",\"file\":\"m1\"}";
	create();
	struct message *message = test_message(&(struct test_mail){ .name = "m1" });
	message->envelope = test_envelope(&(struct test_mail){ .name = "m1" });
	struct attempt *attempt = attempt_create(message, 1);
	struct domain *domain = calloc(1, sizeof *domain + sizeof "a.example");
	assert_non_null(attempt);
	assert_non_null(domain);
	domain->name_len = strlen("a.example");
	memcpy(domain->name, "a.example", sizeof "a.example");
	attempt->domain = domain;
	attempt->due_ns = attempt->expires_ns = clock_now_ns() + 3600 * 1000 * TEST_MS_NS;
	attempt->rcpts[0].rcpt = 0;
	assert_int_equal(control_request_parse(text_of(line), &request, &fail), RESULT_OK);
	struct control_task *task = control_task_create(&request);
	assert_non_null(task);
	hub_post(base.hub.keeper, POST_PARK, message, 0, 0);
	hub_post(base.hub.keeper, POST_CONTROL, task, 0, 0);
	start();
	assert_true(test_mailbox_wait(base.hub.main, &heard, WAIT_MS));
	assert_int_equal(heard.kind, POST_CONTROL_SLICE);
	assert_int_equal(task->fail.result, RESULT_OK);
	assert_int_equal(task->rcpts, 1);
	/* It is due at once, with its mark. */
	assert_true(test_mailbox_wait(base.hub.files, &heard, WAIT_MS));
	assert_int_equal(heard.kind, POST_DUE);
	assert_true(((struct revival *)heard.object)->attempt.is_dropped);
	revival_destroy(heard.object);
	control_task_destroy(task);
	stop();
	attempt_destroy(attempt);
	free(domain);
	message_destroy(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_attempt_whose_file_goes_in_the_instant_it_is_due_is_handed_out_once,
			make_spool, remove_spool),
		cmocka_unit_test_setup_teardown(what_is_parked_is_there_for_the_request_behind_it,
			make_spool, remove_spool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
