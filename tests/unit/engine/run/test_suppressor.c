/* The thread that puts hard bounces onto the suppression list; the test is the recorder. */
#include "tests/unit/store/temp_folder.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "engine/run/suppressor.h"
#include "store/suppress.h"
#include "tests/unit/engine/run/run_test.h"

enum { WAIT_MS = 15000 };

static struct run_test t;
static struct suppressor *suppressor;
static pthread_t thread;
static struct fail fail;

static void begin(void)
{
	run_test_init(&t, temp_folder, NULL);
	assert_int_equal(suppress_open(temp_folder, true, &t.hub.suppress, &fail), RESULT_OK);
	assert_int_equal(mailbox_create(64, &t.hub.suppressor, &fail), RESULT_OK);
	assert_int_equal(suppressor_create(&t.hub, &suppressor, &fail), RESULT_OK);
	assert_int_equal(pthread_create(&thread, NULL, suppressor_run, suppressor), 0);
}

static void end(void)
{
	struct mailbox_message message;
	hub_post(t.hub.suppressor, POST_STOP, NULL, 0, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(suppressor_fail(suppressor)->result, RESULT_OK);
	suppressor_destroy(suppressor);
	while (mailbox_take(t.hub.recorder, &message))
		suppress_batch_destroy(message.object);
	mailbox_destroy(t.hub.suppressor);
	suppress_close(&t.hub.suppress);
	run_test_deinit(&t);
}

static void post(const char *address, uint64_t seq)
{
	struct suppress_batch *batch = calloc(1, sizeof *batch);
	assert_non_null(batch);
	list_init(&batch->items);
	for (int i = 0; i < 2; i++) {
		char text[64];
		(void)snprintf(text, sizeof text, "%s%s", i == 0 ? "" : "also-", address);
		struct suppress_item *item = suppress_item_create(text_of(text),
			TEXT(SUPPRESS_AUTOMATIC "550 no"), 1788266096, seq + (uint64_t)i);
		assert_non_null(item);
		list_push_back(&batch->items, &item->node);
	}
	hub_post(t.hub.suppressor, POST_SUPPRESS, batch, 0, 0);
}

static void hear_done(void)
{
	struct mailbox_message message;
	assert_true(test_mailbox_wait(t.hub.recorder, &message, WAIT_MS));
	assert_int_equal(message.kind, POST_SUPPRESSED);
	suppress_batch_destroy(message.object);
}

/* By another process's eyes. */
static enum result find(const char *address, struct suppress_entry *out_entry)
{
	return suppress_find(t.hub.suppress, text_of(address), out_entry, &fail);
}

static void what_it_says_is_on_the_list_is_on_it(void **state)
{
	(void)state;
	struct suppress_entry entry;
	uint64_t seq;
	begin();
	post("ann@a.example", 7);
	hear_done();
	assert_int_equal(find("ann@a.example", &entry), RESULT_OK);
	assert_true(suppress_is_automatic(&entry));
	assert_int_equal(entry.time_unix_s, 1788266096);
	assert_int_equal(find("also-ann@a.example", &entry), RESULT_OK);
	assert_int_equal(suppress_applied_seq(t.hub.suppress, &seq, &fail), RESULT_OK);
	assert_int_equal(seq, 8);
	end();
}

static void whom_a_person_put_there_stays_with_that_persons_reason(void **state)
{
	(void)state;
	struct suppress_entry entry;
	begin();
	const struct suppress_entry by_hand = { TEXT("ann@a.example"), TEXT("by phone"), 5 };
	bool is_new;
	assert_int_equal(suppress_put(t.hub.suppress, &by_hand, &is_new, &fail), RESULT_OK);
	assert_int_equal(suppress_commit(t.hub.suppress, &fail), RESULT_OK);
	post("ann@a.example", 7);
	hear_done();
	assert_int_equal(find("ann@a.example", &entry), RESULT_OK);
	assert_text_equal(entry.reason, "by phone");
	assert_false(suppress_is_automatic(&entry));
	end();
}

static void what_came_before_the_end_is_written(void **state)
{
	(void)state;
	struct suppress_entry entry;
	begin();
	for (int i = 0; i < 20; i++) {
		char address[32];
		(void)snprintf(address, sizeof address, "%d@a.example", i);
		post(address, 1 + 2 * (uint64_t)i);
	}
	end();
	begin();
	assert_int_equal(suppress_count(t.hub.suppress), 40);
	assert_int_equal(find("19@a.example", &entry), RESULT_OK);
	end();
}

/* Another process holds the list; it lets go when the pipe is closed. */
static pid_t hold(int *out_fd)
{
	int ready[2], go[2];
	char octet;
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	pid_t pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		struct suppress *list;
		bool is_new;
		const struct suppress_entry entry = { TEXT("tool@a.example"), TEXT("t"), 1 };
		(void)close(go[1]);
		if (suppress_open(temp_folder, true, &list, &fail) != RESULT_OK ||
			suppress_put(list, &entry, &is_new, &fail) != RESULT_OK ||
			write(ready[1], "1", 1) != 1 || read(go[0], &octet, 1) != 0 ||
			suppress_commit(list, &fail) != RESULT_OK)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(close(go[0]), 0);
	assert_int_equal(read(ready[0], &octet, 1), 1);
	assert_int_equal(close(ready[0]) | close(ready[1]), 0);
	*out_fd = go[1];
	return pid;
}

static void it_alone_waits_for_a_tool_that_holds_the_list(void **state)
{
	(void)state;
	struct suppress_entry entry;
	int fd, status;
	/* Opened once in a process: the child comes first. */
	assert_int_equal(mkdir(temp_path("suppress"), 0700), 0);
	pid_t pid = hold(&fd);
	begin();
	post("ann@a.example", 7);
	/* The scheduler goes on looking meanwhile. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(find("ann@a.example", &entry), RESULT_NOT_FOUND);
	struct mailbox_message message;
	assert_false(mailbox_take(t.hub.recorder, &message));
	assert_int_equal(close(fd), 0);
	hear_done();
	assert_int_equal(find("ann@a.example", &entry), RESULT_OK);
	assert_int_equal(find("tool@a.example", &entry), RESULT_OK);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	end();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_make, temp_folder_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_it_says_is_on_the_list_is_on_it),
		TEST(whom_a_person_put_there_stays_with_that_persons_reason),
		TEST(what_came_before_the_end_is_written),
		TEST(it_alone_waits_for_a_tool_that_holds_the_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
