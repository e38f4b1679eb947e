/* The door of a sender for tools: what a tool may do to it. Scheduler, keeper and jobs thread are played. */
#include "engine/run/control.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "engine/io/clock.h"
#include "engine/io/loop.h"
#include "engine/run/control_task.h"
#include "tests/unit/engine/run/run_test.h"
#include "tests/unit/store/temp_folder.h"

enum { TURN_MS = 2, TURNS_MAX = 5000 };

static struct run_test t;
static struct loop loop;
static struct control control;
static struct fail why;
static unsigned scheduler_count, keeper_count, jobs_count, cancel_count;
static unsigned
	slices_wanted;   /* of each task at the scheduler, 64 KB each; then its phase is over */
static bool keeps_tasks; /* the scheduler does not answer, */
static struct control_task *kept; /* and this is what it has */

static void hear(struct loop *l, const struct mailbox_message *message)
{
	(void)l;
	assert_int_equal(message->kind, POST_CONTROL_SLICE);
	control_slice_done(&control, message->object);
}

static int set_up(void **state)
{
	static const struct loop_handlers handlers = { .message = hear };
	const struct ring_options options = {
		.submissions = 64, .buffers = 8, .buffer_bytes = 4096
	};
	if (temp_folder_make(state) != 0 || mkdir(temp_path("state"), 0700) != 0)
		return -1;
	run_test_init(&t, temp_folder, NULL);
	scheduler_count = keeper_count = jobs_count = cancel_count = slices_wanted = 0;
	keeps_tasks = false;
	if (mailbox_create(64, &t.hub.keeper, &why) != RESULT_OK ||
		mailbox_create(64, &t.hub.jobs, &why) != RESULT_OK ||
		loop_init(&loop, &options, t.hub.main, &handlers, NULL, &why) != RESULT_OK ||
		control_open(&control, &t.hub, &loop, &why) != RESULT_OK)
		fail_msg("%s", why.text);
	return 0;
}

static int tear_down(void **state)
{
	control_close(&control);
	loop_deinit(&loop);
	mailbox_destroy(t.hub.keeper);
	mailbox_destroy(t.hub.jobs);
	run_test_deinit(&t);
	return temp_folder_remove(state);
}

/* ---- those around it ---- */

static void fill(struct control_task *task)
{
	static char line[1024];
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 2] = '\n';
	if (task->out.data == NULL) {
		task->out.data = malloc(CONTROL_SLICE_BYTES);
		task->out.size = CONTROL_SLICE_BYTES;
	}
	assert_non_null(task->out.data);
	while (buf_room(&task->out) >= sizeof line - 1)
		buf_put(&task->out, line, sizeof line - 1);
}

static void play_scheduler(const struct mailbox_message *message)
{
	struct control_task *task = message->object;
	scheduler_count++;
	cancel_count += message->kind == POST_CONTROL_CANCEL;
	if (keeps_tasks) {
		kept = task;
		return;
	}
	task->is_phase_over = true;
	if (message->kind == POST_CONTROL && task->left < slices_wanted) {
		task->is_phase_over = ++task->left == slices_wanted;
		fill(task);
	}
	hub_post(t.hub.main, POST_CONTROL_SLICE, task, 0, 0);
}

static void turn(void)
{
	struct mailbox_message message;
	loop_run_once(&loop, clock_now_ns() + TURN_MS * TEST_MS_NS);
	while (mailbox_take(t.hub.scheduler, &message))
		play_scheduler(&message);
	while (mailbox_take(t.hub.keeper, &message)) {
		struct control_task *task = message.object;
		keeper_count++;
		task->rcpts = 7;
		task->is_phase_over = true;
		hub_post(t.hub.main, POST_CONTROL_SLICE, task, 0, 0);
	}
	while (mailbox_take(t.hub.jobs, &message)) {
		struct control_task *task = message.object;
		/* A drop begins here: who is made from then on is dropped. */
		assert_true(task->request.act != CONTROL_DROP || keeper_count == jobs_count);
		jobs_count++;
		task->is_phase_over = true;
		hub_post(t.hub.main, POST_CONTROL_SLICE, task, 0, 0);
	}
}

#define UNTIL(condition)                                                                           \
	do {                                                                                       \
		for (int turns_ = 0; !(condition); turns_++) {                                     \
			if (turns_ > TURNS_MAX)                                                    \
				fail_msg("waited in vain for %s", #condition);                     \
			turn();                                                                    \
		}                                                                                  \
	} while (0)

/* ---- a tool ---- */

struct tool {
	int fd;
	size_t len;
	char last[512]; /* the end of what it was told */
	bool is_over;
};

static struct tool knock(void)
{
	struct tool tool = { .fd = -1 };
	if (control_connect(temp_folder, &tool.fd, &why) != RESULT_OK)
		fail_msg("%s", why.text);
	return tool;
}

static void say(struct tool *tool, const char *text, size_t len)
{
	assert_int_equal(send(tool->fd, text, len, MSG_NOSIGNAL), len);
}

static struct tool ask(const char *line)
{
	struct tool tool = knock();
	say(&tool, line, strlen(line));
	return tool;
}

static bool hears_end(struct tool *tool)
{
	static char data[65536];
	ssize_t got;
	while (!tool->is_over && (got = recv(tool->fd, data, sizeof data, MSG_DONTWAIT)) >= 0) {
		size_t keep =
			(size_t)got < sizeof tool->last - 1 ? (size_t)got : sizeof tool->last - 1;
		tool->len += (size_t)got;
		tool->is_over = got == 0;
		if (got > 0) {
			memcpy(tool->last, data + got - keep, keep);
			tool->last[keep] = '\0';
		}
	}
	/* Let go before all that it said was read. */
	tool->is_over |= !tool->is_over && errno != EAGAIN;
	return tool->is_over;
}

static void hang_up(struct tool *tool)
{
	(void)close(tool->fd);
	tool->fd = -1;
}

/* ---- the tests ---- */

static void a_request_goes_to_memory_to_the_disk_and_to_the_jobs_and_is_answered(void **state)
{
	(void)state;
	struct tool tool = ask("{\"do\":\"list\"}\n");
	UNTIL(hears_end(&tool));
	assert_non_null(
		strstr(tool.last, "{\"end\":true,\"status\":0,\"attempts\":0,\"recipients\":7"));
	assert_int_equal(scheduler_count, 1);
	assert_int_equal(keeper_count, 1);
	assert_int_equal(jobs_count, 1);
	hang_up(&tool);
	tool = ask("{\"do\":\"drop\",\"file\":\"m.eml\"}\n");
	UNTIL(hears_end(&tool));
	assert_int_equal(scheduler_count, 3); /* once more: what was on its way has arrived */
	assert_int_equal(keeper_count, 2);
	assert_int_equal(jobs_count, 2);
	hang_up(&tool);
	tool = ask("{\"do\":\"retry\"}\n");
	UNTIL(hears_end(&tool));
	assert_int_equal(jobs_count, 2); /* who is not made yet is due in any case */
	hang_up(&tool);
}

static void a_line_may_come_in_pieces(void **state)
{
	(void)state;
	static const char line[] = "{\"do\":\"show\",\"file\":\"m.eml\"}\n";
	struct tool tool = knock();
	for (size_t i = 0; i < sizeof line - 1; i++) {
		say(&tool, line + i, 1);
		turn();
	}
	UNTIL(hears_end(&tool));
	assert_non_null(strstr(tool.last, "\"status\":0"));
	hang_up(&tool);
}

static void what_is_no_request_is_refused_and_nobody_is_bothered(void **state)
{
	(void)state;
	static const char *const lines[] = { "nonsense\n", "\n", "{\"do\":\"burn\"}\n",
		"{\"do\":\"hold\"}\n" };
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		struct tool tool = ask(lines[i]);
		UNTIL(hears_end(&tool));
		assert_non_null(strstr(tool.last, "\"error\":"));
		assert_non_null(strstr(tool.last, "\"status\":2"));
		hang_up(&tool);
	}
	assert_int_equal(scheduler_count, 0);
}

static void a_line_without_end_is_cut_off(void **state)
{
	(void)state;
	char many[CONTROL_LINE_MAX + 2];
	struct tool tool = knock();
	memset(many, 'x', sizeof many);
	say(&tool, many, sizeof many);
	UNTIL(hears_end(&tool));
	assert_int_equal(scheduler_count, 0);
	hang_up(&tool);
}

/* A megabyte waits for a tool that does not read; another one is answered meanwhile, and the first one has
 * not been asked for all of it. */
static void who_does_not_read_waits_alone(void **state)
{
	(void)state;
	slices_wanted = 64;
	struct tool slow = ask("{\"do\":\"list\"}\n");
	UNTIL(scheduler_count > 1);
	unsigned before;
	do {
		before = scheduler_count;
		for (int i = 0; i < 20; i++)
			turn();
	} while (scheduler_count > before);
	assert_true(scheduler_count < slices_wanted);
	slices_wanted = 0;
	struct tool quick = ask("{\"do\":\"list\"}\n");
	UNTIL(hears_end(&quick));
	assert_non_null(strstr(quick.last, "\"status\":0"));
	slices_wanted = 64;
	UNTIL(hears_end(&slow));
	assert_non_null(strstr(slow.last, "\"end\":true"));
	assert_true(slow.len > 60u * 64 * 1000);
	hang_up(&quick);
	hang_up(&slow);
}

static void a_tool_that_goes_while_its_task_is_out_is_kept_until_it_is_back(void **state)
{
	(void)state;
	keeps_tasks = true;
	struct tool tool = ask("{\"do\":\"list\"}\n");
	UNTIL(scheduler_count == 1);
	hang_up(&tool);
	for (int i = 0; i < 10; i++)
		turn();
	assert_int_equal(control.clients_count, 1); /* the scheduler has its task */
	assert_int_equal(cancel_count, 0);
	keeps_tasks = false;
	kept->is_phase_over = false;
	hub_post(t.hub.main, POST_CONTROL_SLICE, kept, 0, 0);
	UNTIL(control.clients_count == 0);
	assert_int_equal(cancel_count, 1);
}

static void a_tool_that_goes_between_two_slices_is_forgotten(void **state)
{
	(void)state;
	slices_wanted = 64;
	struct tool tool = ask("{\"do\":\"list\"}\n");
	UNTIL(scheduler_count > 1);
	hang_up(&tool);
	UNTIL(control.clients_count == 0);
	assert_int_equal(cancel_count, 1);
}

static void more_tools_than_the_limit_are_told_to_come_again(void **state)
{
	(void)state;
	struct tool tools[CONTROL_CLIENTS_MAX], more;
	for (size_t i = 0; i < COUNT_OF(tools); i++)
		tools[i] = knock();
	UNTIL(control.clients_count == CONTROL_CLIENTS_MAX);
	more = knock();
	UNTIL(hears_end(&more));
	assert_int_equal(more.len, 0);
	say(&tools[0], "{\"do\":\"list\"}\n", 14);
	UNTIL(hears_end(&tools[0]));
	UNTIL(control.clients_count < CONTROL_CLIENTS_MAX);
	struct tool again = ask("{\"do\":\"list\"}\n");
	UNTIL(hears_end(&again));
	assert_non_null(strstr(again.last, "\"status\":0"));
	for (size_t i = 0; i < COUNT_OF(tools); i++)
		hang_up(&tools[i]);
	hang_up(&more);
	hang_up(&again);
}

static bool has_rules_on_disk(const char *wanted)
{
	char text[256] = "";
	FILE *file = fopen(temp_path("state/holds"), "r");
	if (file == NULL)
		return false;
	size_t len = fread(text, 1, sizeof text - 1, file);
	(void)fclose(file);
	return len == strlen(wanted) && memcmp(text, wanted, len) == 0;
}

static void a_rule_is_on_disk_before_it_counts_and_until_it_does_not(void **state)
{
	(void)state;
	keeps_tasks = true;
	struct tool tool = ask("{\"do\":\"hold\",\"domain\":\"a.example\"}\n");
	UNTIL(scheduler_count == 1);
	assert_true(has_rules_on_disk("domain a.example\n"));
	keeps_tasks = false;
	struct tool other = ask("{\"do\":\"release\",\"domain\":\"a.example\"}\n");
	UNTIL(hears_end(&other));
	assert_non_null(strstr(other.last, "\"rule\":true"));
	assert_true(has_rules_on_disk(""));
	hang_up(&tool);
	hang_up(&other);
}

static void only_the_owner_may_open_the_door_and_a_dead_one_is_replaced(void **state)
{
	(void)state;
	struct stat status;
	assert_int_equal(stat(temp_path("state/control"), &status), 0);
	assert_true(S_ISSOCK(status.st_mode));
	assert_int_equal(status.st_mode & 0777, 0600);
	control_close(&control);
	int fd;
	assert_int_equal(control_connect(temp_folder, &fd, &why), RESULT_NOT_FOUND);
	temp_write("state/control", "w", "left", 4);
	assert_int_equal(control_open(&control, &t.hub, &loop, &why), RESULT_OK);
	struct tool tool = ask("{\"do\":\"list\"}\n");
	UNTIL(hears_end(&tool));
	assert_non_null(strstr(tool.last, "\"status\":0"));
	hang_up(&tool);
}

int main(void)
{
#define TEST_OF(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST_OF(a_request_goes_to_memory_to_the_disk_and_to_the_jobs_and_is_answered),
		TEST_OF(a_line_may_come_in_pieces),
		TEST_OF(what_is_no_request_is_refused_and_nobody_is_bothered),
		TEST_OF(a_line_without_end_is_cut_off),
		TEST_OF(who_does_not_read_waits_alone),
		TEST_OF(a_tool_that_goes_while_its_task_is_out_is_kept_until_it_is_back),
		TEST_OF(a_tool_that_goes_between_two_slices_is_forgotten),
		TEST_OF(more_tools_than_the_limit_are_told_to_come_again),
		TEST_OF(a_rule_is_on_disk_before_it_counts_and_until_it_does_not),
		TEST_OF(only_the_owner_may_open_the_door_and_a_dead_one_is_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
