/* The keeper on its thread, with a queue in $TMPDIR; the test is scheduler and files thread. */
#include <errno.h>
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
#include "engine/run/forgotten.h"
#include "engine/run/keeper.h"
#include "engine/run/revival.h"
#include "store/queue.h"
#include "tests/unit/damage.h"
#include "tests/unit/engine/run/lmdb_fails.h"
#include "tests/unit/engine/run/run_test.h"
#include "tests/unit/unit.h"

enum { WAIT_MS = 10000, SECOND_US = 1000000 };

static struct run_test base;
static struct keeper *keeper;
static pthread_t thread;
static char spool[64];
static int new_fd;

/* The linker puts this in the place of clock_wall_us(). */
static _Atomic int64_t wall_ahead_us;
int64_t __real_clock_wall_us(void);
int64_t __wrap_clock_wall_us(void);
int64_t __wrap_clock_wall_us(void) { return __real_clock_wall_us() + wall_ahead_us; }

static int make_spool(void **state)
{
	wall_ahead_us = 0;
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

static struct queue *open_queue(void)
{
	struct fail fail = { 0 };
	char state[80];
	struct queue *queue;
	snprintf(state, sizeof state, "%s/state", spool);
	assert_int_equal(queue_open(state, true, &queue, &fail), RESULT_OK);
	return queue;
}

static const struct file_identity identity = { .inode = 1, .birth_ns = 2 };

/* One recipient of a file that is not in new/ any more, due at this time from now. */
static void put_waiting(const char *name, int64_t due_us, const char *last)
{
	struct fail fail = { 0 };
	struct queue *queue = open_queue();
	uint32_t left;
	const struct queue_rcpt rcpts[] = { { 0, text_of("ann@a.example") } };
	struct queue_attempt attempts[] = { {
		.key.due_us = (uint64_t)(clock_wall_us() + due_us),
		.expires_us = (uint64_t)clock_wall_us() + 1000000000,
		.number = 2,
		.waits = 1,
		.domain = text_of("a.example"),
		.last = text_of(last),
		.rcpts = rcpts,
		.rcpts_count = 1,
	} };
	const struct queue_parking parking = { .file.file = record_file_of(name, &identity),
		.attempts = attempts,
		.attempts_count = 1 };
	assert_int_equal(queue_park(queue, &parking, &left, &fail), RESULT_OK);
	assert_int_equal(queue_commit(queue, &fail), RESULT_OK);
	queue_close(&queue);
}

static void put_due(const char *name) { put_waiting(name, -SECOND_US, ""); }

static uint64_t files_in_queue(void)
{
	struct queue *queue = open_queue();
	uint64_t count = queue_files_count(queue);
	queue_close(&queue);
	return count;
}

static void create(void)
{
	struct fail fail = { 0 };
	char path[80];
	run_test_init(&base, spool, (const char *const[]){ "--log-level=warn", NULL });
	assert_int_equal(mailbox_create(1024, &base.hub.keeper, &fail), RESULT_OK);
	snprintf(path, sizeof path, "%s/new", spool);
	assert_int_equal(file_open_directory(AT_FDCWD, path, &new_fd, &fail), RESULT_OK);
	assert_int_equal(
		keeper_create(&base.hub, &base.recovery, new_fd, &keeper, &fail), RESULT_OK);
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

static void put_file(const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/new/%s", spool, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
}

/* The next message of this kind for that mailbox; others are passed over. */
static struct mailbox_message wait_for(struct mailbox *mailbox, enum post_kind kind)
{
	struct mailbox_message message;
	do {
		if (!test_mailbox_wait(mailbox, &message, WAIT_MS))
			fail_msg("no %s came", post_name(kind));
	} while (message.kind != kind);
	return message;
}

/* The name of the file of the revival that comes next; it is destroyed. */
static const char *next_due(void)
{
	static char name[64];
	struct revival *revival = wait_for(base.hub.files, POST_DUE).object;
	snprintf(name, sizeof name, "%s", revival->name);
	revival_destroy(revival);
	return name;
}

static void assert_nothing_is_due(void)
{
	struct mailbox_message message;
	hub_post(base.hub.keeper, POST_PARKED_GONE, strdup("no such file"), 0, 0);
	while (test_mailbox_wait(base.hub.files, &message, WAIT_MS) &&
		message.kind != POST_GONE_HEARD)
		assert_int_not_equal(message.kind, POST_DUE);
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

static struct domain *make_domain(const char *name)
{
	struct domain *domain = calloc(1, sizeof *domain + strlen(name) + 1);
	assert_non_null(domain);
	domain->name_len = (uint16_t)strlen(name);
	memcpy(domain->name, name, domain->name_len);
	return domain;
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
	struct domain *domain = make_domain("a.example");
	assert_non_null(attempt);
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

/* ---- what cannot be written ---- */

static void what_could_not_leave_the_queue_leaves_it_later_and_the_journal_is_told(void **state)
{
	(void)state;
	put_waiting("m1", 3600ll * SECOND_US, "");
	create();
	start();
	lmdb_fails(LMDB_COMMIT, EIO, 2);
	struct message *message = test_message(&(struct test_mail){ .inode = 1, .birth_ns = 2 });
	message->in_queue = true;
	hub_post(base.hub.keeper, POST_FORGET, message, 0, 0);
	/* Nobody waits for the disk; the journal is kept meanwhile. */
	struct mailbox_message told = wait_for(base.hub.recorder, POST_UNLINKED);
	assert_ptr_equal(told.object, message);
	assert_int_equal(told.number, 1);
	assert_true(run_test_logged(&base, "queue_not_written"));
	message_destroy(message);
	assert_int_equal(wait_for(base.hub.recorder, POST_FORGOTTEN).a, 1);
	stop();
	assert_int_equal(files_in_queue(), 0);
}

static void what_was_done_and_could_not_be_removed_leaves_the_queue_once_it_is_gone(void **state)
{
	(void)state;
	put_waiting("m1", 3600ll * SECOND_US, "");
	create();
	start();
	const struct file_identity file = { .inode = 1, .birth_ns = 2 };
	struct forgotten *first = forgotten_create("m1", &file);
	assert_non_null(first);
	first->next = forgotten_create("not there", &file);
	assert_non_null(first->next);
	hub_post(base.hub.keeper, POST_FORGET_LATE, first, 0, 0);
	assert_int_equal(wait_for(base.hub.recorder, POST_FORGOTTEN).a, 2);
	stop();
	assert_int_equal(files_in_queue(), 0);
}

static void what_the_end_of_a_run_leaves_in_the_queue_is_the_journals(void **state)
{
	(void)state;
	put_waiting("m1", 3600ll * SECOND_US, "");
	create();
	start();
	lmdb_fails(LMDB_COMMIT, ENOSPC, 1000);
	struct message *message = test_message(&(struct test_mail){ .inode = 1, .birth_ns = 2 });
	hub_post(base.hub.keeper, POST_FORGET, message, 0, 0);
	assert_int_equal(wait_for(base.hub.recorder, POST_UNLINKED).number, 1);
	message_destroy(message);
	stop();
	lmdb_fails(LMDB_COMMIT, 0, 0);
	assert_int_equal(files_in_queue(), 1);
}

static void a_file_that_goes_while_the_queue_cannot_be_written_is_recalled_later(void **state)
{
	(void)state;
	put_waiting("m1", 3600ll * SECOND_US, "");
	create();
	start();
	lmdb_fails(LMDB_COMMIT, ENOSPC, 1);
	hub_post(base.hub.keeper, POST_PARKED_GONE, strdup("m1"), 0, 0);
	hub_post(base.hub.keeper, POST_BEGIN, NULL, 0, 0);
	assert_string_equal(next_due(), "m1");
	assert_nothing_is_due();
	stop();
}

static void files_are_looked_for_to_the_end_when_the_map_was_full(void **state)
{
	(void)state;
	put_waiting("m1", 3600ll * SECOND_US, "");
	put_waiting("m2", 3700ll * SECOND_US, "");
	create();
	start();
	lmdb_fails(LMDB_PUT, LMDB_MAP_FULL, 1);
	hub_post(base.hub.keeper, POST_BEGIN, NULL, 0, 0);
	assert_string_equal(next_due(), "m1");
	assert_string_equal(next_due(), "m2");
	assert_nothing_is_due();
	stop();
}

static void what_cannot_be_parked_is_given_back_and_is_in_the_queue_once_in_the_end(void **state)
{
	(void)state;
	struct domain *domain = make_domain("a.example");
	struct message *message = test_message(&(struct test_mail){ .name = "m1" });
	message->envelope = test_envelope(&(struct test_mail){ .rcpts = "ann@a.example" });
	struct attempt *attempt = attempt_create(message, 1);
	attempt->domain = domain;
	attempt->due_ns = attempt->expires_ns = clock_now_ns() + 3600 * 1000 * TEST_MS_NS;
	create();
	start();
	const struct {
		enum lmdb_call call;
		int error;
		enum result result;
	} failures[] = {
		{ LMDB_COMMIT, EIO, RESULT_IO },
		{ LMDB_COMMIT, ENOSPC, RESULT_NO_SPACE },
		{ LMDB_PUT, LMDB_MAP_FULL, RESULT_NO_SPACE },
	};
	for (size_t i = 0; i < COUNT_OF(failures); i++) {
		lmdb_fails(failures[i].call, failures[i].error, 1);
		hub_post(base.hub.keeper, POST_PARK, message, 0, 0);
		assert_int_equal(
			wait_for(base.hub.scheduler, POST_PARKED).number, failures[i].result);
	}
	hub_post(base.hub.keeper, POST_PARK, message, 0, 0);
	assert_int_equal(wait_for(base.hub.scheduler, POST_PARKED).number, RESULT_OK);
	assert_int_equal(message->park_left, 1);
	assert_true(run_test_logged(&base, "queue_not_written"));
	attempt_destroy(attempt);
	message_destroy(message);
	free(domain);
	stop();
	struct queue *queue = open_queue();
	assert_int_equal(queue_count(queue), 1);
	assert_int_equal(queue_files_count(queue), 1);
	queue_close(&queue);
}

static void a_queue_that_the_disk_broke_ends_the_run_in_order(void **state)
{
	(void)state;
	put_waiting("m1", 3600ll * SECOND_US, "");
	create();
	start();
	lmdb_fails(LMDB_COMMIT, EIO, 1);
	lmdb_fails(LMDB_BEGIN, LMDB_PANIC, 2);
	struct message *message = test_message(&(struct test_mail){ .inode = 1, .birth_ns = 2 });
	hub_post(base.hub.keeper, POST_FORGET, message, 0, 0);
	/* The first transaction is begun already refused, and everything after it. */
	assert_int_equal(wait_for(base.hub.recorder, POST_UNLINKED).number, 1);
	struct mailbox_message told = wait_for(base.hub.scheduler, POST_RECORD_FAILED);
	assert_int_equal(told.number, 0);
	assert_true(run_test_logged(&base, "queue_failed"));
	message_destroy(message);
	lmdb_fails(LMDB_BEGIN, 0, 0);
	lmdb_fails(LMDB_COMMIT, 0, 0);
	stop();
}

/* ---- clocks that jump ---- */

#define DAY_US (86400ll * SECOND_US)

static void a_clock_that_jumps_and_comes_back_neither_hastens_nor_holds(void **state)
{
	(void)state;
	put_waiting("m1", 3600ll * SECOND_US, "");
	put_file("m1");
	create();
	start();
	wall_ahead_us = DAY_US;
	hub_post(base.hub.keeper, POST_DUE_TAKEN, NULL, 0, 0);
	assert_nothing_is_due();
	struct domain *domain = make_domain("a.example");
	struct message *message = test_message(&(struct test_mail){ .name = "m2" });
	message->envelope = test_envelope(&(struct test_mail){ .rcpts = "ann@a.example" });
	struct attempt *attempt = attempt_create(message, 1);
	attempt->domain = domain;
	attempt->due_ns = clock_now_ns() + 50 * TEST_MS_NS;
	attempt->expires_ns = clock_now_ns() + 3600 * 1000 * TEST_MS_NS;
	wall_ahead_us = 0;
	hub_post(base.hub.keeper, POST_PARK, message, 0, 0);
	assert_int_equal(wait_for(base.hub.scheduler, POST_PARKED).number, RESULT_OK);
	assert_string_equal(next_due(), "m2");
	attempt_destroy(attempt);
	message_destroy(message);
	free(domain);
	stop();
}

static void what_is_parked_for_a_warning_keeps_its_own_time_by_the_clock_of_the_queue(void **state)
{
	(void)state;
	wall_ahead_us = DAY_US;
	create();
	start();
	hub_post(base.hub.keeper, POST_DUE_TAKEN, NULL, 0, 0);
	assert_nothing_is_due();
	wall_ahead_us = 0; /* the queue goes on as it was */
	struct domain *domain = make_domain("a.example");
	struct message *message = test_message(&(struct test_mail){ .name = "m2" });
	message->envelope = test_envelope(&(struct test_mail){ .rcpts = "ann@a.example" });
	struct attempt *attempt = attempt_create(message, 1);
	attempt->domain = domain;
	attempt->warn_ns = clock_now_ns() + 50 * TEST_MS_NS;
	attempt->due_ns = clock_now_ns() + 1800 * 1000 * TEST_MS_NS;
	attempt->expires_ns = clock_now_ns() + 3600 * 1000 * TEST_MS_NS;
	hub_post(base.hub.keeper, POST_PARK, message, 0, 0);
	assert_int_equal(wait_for(base.hub.scheduler, POST_PARKED).number, RESULT_OK);
	struct revival *revival = wait_for(base.hub.files, POST_DUE).object;
	uint64_t next_ns = queue_clock_instant_ns(&base.hub.clock, revival->attempt.next_us);
	assert_in_range(next_ns, attempt->due_ns - TEST_MS_NS, attempt->due_ns + TEST_MS_NS);
	revival_destroy(revival);
	attempt_destroy(attempt);
	message_destroy(message);
	free(domain);
	stop();
}

static void a_clock_that_was_set_back_between_two_runs_holds_nothing(void **state)
{
	(void)state;
	put_due("m1");
	put_waiting("m2", 3600ll * SECOND_US, "");
	create();
	start();
	struct message *message =
		test_message(&(struct test_mail){ .name = "m2", .inode = 1, .birth_ns = 2 });
	hub_post(base.hub.keeper, POST_FORGET, message, 0, 0);
	assert_int_equal(wait_for(base.hub.recorder, POST_UNLINKED).number, 0);
	message_destroy(message);
	assert_string_equal(next_due(), "m1");
	stop();
	wall_ahead_us = -DAY_US;
	create();
	start();
	hub_post(base.hub.keeper, POST_DUE_TAKEN, NULL, 0, 0);
	assert_string_equal(next_due(), "m1");
	stop();
}

/* ---- damage ---- */

static void damage_queue(const char *words)
{
	char path[96];
	snprintf(path, sizeof path, "%s/state/queue/data.mdb", spool);
	damage_file(path, words);
}

static void a_damaged_entry_is_told_by_name_and_what_is_behind_it_comes(void **state)
{
	(void)state;
	put_file("m1");
	put_waiting("m1", -2 * SECOND_US, "damaged here");
	put_due("m2");
	damage_queue("damaged here");
	create();
	start();
	hub_post(base.hub.keeper, POST_DUE_TAKEN, NULL, 0, 0);
	assert_string_equal(next_due(), "m2");
	assert_true(run_test_logged(&base, "queue_damaged thread=keeper file=m1"));
	assert_nothing_is_due();
	stop();
	assert_int_equal(files_in_queue(), 2);
}

static void what_is_damaged_goes_with_its_file(void **state)
{
	(void)state;
	put_waiting("m1", -2 * SECOND_US, "damaged here");
	put_waiting("m2", 3600ll * SECOND_US, "damaged there");
	put_due("m3");
	damage_queue("damaged here");
	damage_queue("damaged there");
	create();
	start();
	hub_post(base.hub.keeper, POST_DUE_TAKEN, NULL, 0, 0);
	assert_string_equal(next_due(), "m3");
	hub_post(base.hub.keeper, POST_PARKED_GONE, strdup("m2"), 0, 0);
	assert_nothing_is_due();
	stop();
	assert_true(run_test_logged(&base, "queue_damaged thread=keeper file=m1"));
	assert_true(run_test_logged(&base, "queue_damaged thread=keeper file=m2"));
	assert_int_equal(files_in_queue(), 1);
}

static void a_file_whose_own_entry_is_damaged_is_withdrawn_when_it_goes(void **state)
{
	(void)state;
	struct fail fail = { 0 };
	uint32_t left;
	put_file("m1");
	struct queue *queue = open_queue();
	const struct queue_rcpt rcpts[] = { { 0, text_of("ann@a.example") } };
	struct queue_attempt attempts[] = { {
		.key.due_us = 5,
		.domain = text_of("a.example"),
		.rcpts = rcpts,
		.rcpts_count = 1,
	} };
	const struct queue_parking parking = {
		.file = { .file = record_file_of("m1", &identity),
			.from = text_of("damaged@here") },
		.attempts = attempts,
		.attempts_count = 1,
	};
	assert_int_equal(queue_park(queue, &parking, &left, &fail), RESULT_OK);
	assert_int_equal(queue_commit(queue, &fail), RESULT_OK);
	queue_close(&queue);
	put_due("m2");
	damage_queue("damaged@here");
	create();
	start();
	hub_post(base.hub.keeper, POST_BEGIN, NULL, 0, 0);
	assert_string_equal(next_due(), "m2");
	assert_true(run_test_logged(&base, "queue_damaged thread=keeper file=m1"));
	assert_nothing_is_due();
	stop();
	/* It is taken away by hand: who waited in there is told of as withdrawn. */
	char path[128];
	snprintf(path, sizeof path, "%s/new/m1", spool);
	assert_int_equal(remove(path), 0);
	create();
	start();
	hub_post(base.hub.keeper, POST_BEGIN, NULL, 0, 0);
	assert_string_equal(next_due(), "m1");
	assert_string_equal(next_due(), "m2");
	stop();
}

int main(void)
{
#define TEST_OF(name) cmocka_unit_test_setup_teardown(name, make_spool, remove_spool)
	const struct CMUnitTest tests[] = {
		TEST_OF(an_attempt_whose_file_goes_in_the_instant_it_is_due_is_handed_out_once),
		TEST_OF(what_is_parked_is_there_for_the_request_behind_it),
		TEST_OF(what_could_not_leave_the_queue_leaves_it_later_and_the_journal_is_told),
		TEST_OF(what_was_done_and_could_not_be_removed_leaves_the_queue_once_it_is_gone),
		TEST_OF(what_the_end_of_a_run_leaves_in_the_queue_is_the_journals),
		TEST_OF(a_file_that_goes_while_the_queue_cannot_be_written_is_recalled_later),
		TEST_OF(files_are_looked_for_to_the_end_when_the_map_was_full),
		TEST_OF(what_cannot_be_parked_is_given_back_and_is_in_the_queue_once_in_the_end),
		TEST_OF(a_queue_that_the_disk_broke_ends_the_run_in_order),
		TEST_OF(a_clock_that_jumps_and_comes_back_neither_hastens_nor_holds),
		TEST_OF(what_is_parked_for_a_warning_keeps_its_own_time_by_the_clock_of_the_queue),
		TEST_OF(a_clock_that_was_set_back_between_two_runs_holds_nothing),
		TEST_OF(a_damaged_entry_is_told_by_name_and_what_is_behind_it_comes),
		TEST_OF(what_is_damaged_goes_with_its_file),
		TEST_OF(a_file_whose_own_entry_is_damaged_is_withdrawn_when_it_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
