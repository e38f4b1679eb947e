/* Requests of tools at the scheduler: what is told of mail in memory, held, released, retried, dropped. */
#include <stdlib.h>
#include <string.h>
#include "engine/run/control_task.h"
#include "engine/run/holds.h"
#include "tests/unit/engine/run/sched_test.h"
#include "tests/unit/store/temp_folder.h"

static struct sched s;
static struct holds holds;
static char told[1 << 20];

static void init(const char *const *flags)
{
	struct fail fail = { 0 };
	sched_prepare(&s, flags);
	assert_int_equal(holds_load(&holds, temp_folder, &fail), RESULT_OK);
	s.base.hub.holds = &holds;
	told[0] = '\0';
	sched_start(&s);
}

static void end(void)
{
	sched_end(&s);
	holds_deinit(&holds);
}

static struct control_task *task_of(const char *line)
{
	struct control_request request;
	struct fail fail = { 0 };
	assert_int_equal(control_request_parse(text_of(line), &request, &fail), RESULT_OK);
	struct control_task *task = control_task_create(&request);
	assert_non_null(task);
	if (task->phase == CONTROL_IN_JOBS)
		control_task_go_on(task);
	assert_int_equal(task->phase, CONTROL_IN_MEMORY);
	return task;
}

/* One slice; what it wrote stands in `told`. */
static void slice(struct control_task *task)
{
	s.slices_count = 0;
	hub_post(s.base.hub.scheduler, POST_CONTROL, task, 0, 0);
	SCHED_WAIT(&s, s.slices_count == 1);
	assert_ptr_equal(s.slice, task);
	size_t len = strlen(told);
	assert_true(len + task->out.len < sizeof told);
	if (task->out.len > 0)
		memcpy(told + len, task->out.data, task->out.len);
	told[len + task->out.len] = '\0';
	buf_reset(&task->out);
}

/* All slices of the phase; how many. */
static unsigned walk(struct control_task *task)
{
	unsigned slices = 0;
	do {
		slice(task);
		slices++;
	} while (!task->is_phase_over);
	return slices;
}

/* Without a keeper nothing is on disk. Returns the recipients that were meant. */
static uint64_t ask(const char *line)
{
	struct control_task *task = task_of(line);
	told[0] = '\0';
	walk(task);
	assert_int_equal(task->fail.result, RESULT_OK);
	if (task->request.act == CONTROL_DROP) {
		task->phase = CONTROL_TO_END;
		task->is_phase_over = false;
		walk(task);
	}
	uint64_t rcpts = task->rcpts;
	control_task_destroy(task);
	return rcpts;
}

static unsigned lines(const char *with)
{
	unsigned count = 0;
	for (const char *at = told; (at = strstr(at, with)) != NULL; at++)
		count++;
	return count;
}

static void a_list_tells_the_state_of_each_and_why(void **state)
{
	(void)state;
	init((const char *const[]){ "--site-sessions=1", NULL });
	s.hold_routes = true;
	sched_mail(&s, &(struct test_mail){ .name = "route", .rcpts = "1@a.example" });
	sched_mail(&s,
		&(struct test_mail){
			.name = "later", .rcpts = "1@b.example", .not_before_unix_s = 4000000000 });
	sched_settle(&s);
	assert_int_equal(ask("{\"do\":\"list\"}"), 2);
	assert_int_equal(lines("\"state\":\"routing\""), 1);
	assert_int_equal(lines("\"state\":\"waiting\""), 1);
	s.hold_routes = false;
	sched_release(&s);
	for (int i = 0; i < 4; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = "2@a.example 3@a.example" });
	sched_settle(&s);
	assert_int_equal(ask("{\"do\":\"list\",\"domain\":\"a.example\"}"), 9);
	assert_true(lines("\"state\":\"sending\"") >= 1);
	assert_true(lines("\"state\":\"queued\"") >= 1);
	assert_true(lines("sessions to mx:mx.a.example are in use") >= 1);
	assert_int_equal(lines("b.example"), 0);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	end();
}

static void what_waits_for_a_rule_names_it(void **state)
{
	(void)state;
	init((const char *const[]){
		"--site=a.example rate=1/h", "--site=b.example sessions=1", NULL });
	for (int i = 0; i < 3; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	for (int i = 0; i < 8; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@b.example" });
	sched_settle(&s);
	assert_int_equal(ask("{\"do\":\"list\",\"domain\":\"a.example\"}"), 3);
	assert_int_equal(lines("waits for its turn: the rate of the rule for a.example"), 2);
	assert_int_equal(ask("{\"do\":\"list\",\"domain\":\"b.example\"}"), 8);
	assert_true(lines("1 of 1 sessions to mx:mx.b.example are in use") >= 1);
	sched_file_gone(&s, s.files[1]);
	sched_file_gone(&s, s.files[2]);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	end();
}

static struct fake_file *put_batch(void)
{
	s.hold_reads = true;
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	file->read_result = RESULT_UNAVAILABLE;
	sched_settle(&s);
	s.hold_reads = false;
	sched_release(&s);
	sched_settle(&s);
	return file;
}

static void a_batch_file_that_waits_to_be_split_is_told(void **state)
{
	(void)state;
	init(NULL);
	struct fake_file *first = put_batch(), *second = put_batch();
	assert_ptr_equal(s.splitting, first);
	assert_int_equal(ask("{\"do\":\"list\"}"), 0); /* nobody knows how many they are for */
	assert_int_equal(lines("a batch file: being made into mail"), 1);
	assert_int_equal(lines("a batch file: made into mail when those before it are"), 1);
	char line[64];
	(void)snprintf(line, sizeof line, "{\"do\":\"show\",\"file\":\"%s\"}", second->name);
	ask(line);
	assert_int_equal(lines("\"file\":"), 1);
	ask("{\"do\":\"list\",\"domain\":\"a.example\"}");
	assert_int_equal(lines("\"file\":"), 0);
	sched_split_over(&s, RESULT_OK);
	sched_settle(&s);
	sched_split_over(&s, RESULT_OK);
	sched_settle(&s);
	assert_int_equal(second->unlinked, 1);
	end();
}

static void a_walk_goes_on_when_batch_files_leave_their_line(void **state)
{
	(void)state;
	enum { FILES = 150 };
	init(NULL);
	for (int i = 0; i < FILES; i++)
		put_batch();
	struct control_task *task = task_of("{\"do\":\"list\"}");
	slice(task);
	assert_false(task->is_phase_over);
	for (int i = 0; i < FILES - 1; i++) {
		sched_split_over(&s, RESULT_OK);
		sched_settle(&s);
	}
	told[0] = '\0';
	walk(task);
	assert_int_equal(lines("\"file\":"), 1);
	control_task_destroy(task);
	sched_split_over(&s, RESULT_OK);
	end();
}

static void a_file_that_cannot_be_read_now_is_told_with_the_reason(void **state)
{
	(void)state;
	init(NULL);
	s.hold_reads = true;
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	file->read_result = RESULT_FORBIDDEN;
	s.hold_reads = false;
	sched_release(&s);
	sched_settle(&s);
	ask("{\"do\":\"list\"}");
	assert_int_equal(lines("\"state\":\"new\""), 1);
	assert_int_equal(lines("cannot be read now, tried again soon: "), 1);
	end();
}

/* A list is made in slices, and what leaves meanwhile does not break it. */
static void a_walk_goes_on_where_it_was_when_messages_leave(void **state)
{
	(void)state;
	init((const char *const[]){ "--site-sessions=1", NULL });
	enum { FILES = 500 };
	for (int i = 0; i < FILES; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	struct control_task *task = task_of("{\"do\":\"list\"}");
	slice(task);
	assert_false(task->is_phase_over);
	assert_true(task->attempts <= CONTROL_SLICE_ATTEMPTS);
	/* All of them, also the one that is next. */
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_settle(&s);
	struct fake_file *fresh = sched_mail(&s, &(struct test_mail){ .rcpts = "1@b.example" });
	sched_settle(&s);
	told[0] = '\0';
	walk(task);
	assert_int_equal(lines("a.example"), 0);
	control_task_destroy(task);
	assert_int_equal(ask("{\"do\":\"list\"}"), 1);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(fresh->unlinked, 1);
	end();
}

static void many_are_told_in_slices(void **state)
{
	(void)state;
	init((const char *const[]){ "--site-sessions=1", NULL });
	enum { FILES = 1000 };
	for (int i = 0; i < FILES; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	struct control_task *task = task_of("{\"do\":\"list\"}");
	assert_true(walk(task) >= FILES / CONTROL_SLICE_ATTEMPTS);
	assert_int_equal(task->attempts, FILES);
	assert_int_equal(lines("\"file\":"), FILES);
	control_task_destroy(task);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	end();
}

static void what_is_held_is_taken_out_of_the_line_and_comes_back_when_released(void **state)
{
	(void)state;
	init((const char *const[]){ "--site-sessions=1", NULL });
	struct fake_file *files[6];
	for (size_t i = 0; i < COUNT_OF(files); i++)
		files[i] = sched_mail(
			&s, &(struct test_mail){ .rcpts = "1@a.example", .job = "spring" });
	sched_settle(&s);
	uint32_t leased = s.leased_count;
	assert_true(leased > 0 && leased < COUNT_OF(files));
	/* What a worker has goes its way. */
	assert_int_equal(ask("{\"do\":\"hold\",\"job\":\"spring\"}"), COUNT_OF(files) - leased);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_settle(&s);
	struct fake_file *late =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example", .job = "spring" });
	struct fake_file *other = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	assert_ptr_equal(sched_leased(&s, NULL)->message, other->message);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	ask("{\"do\":\"list\"}");
	assert_int_equal(lines("\"state\":\"held\""), COUNT_OF(files) - leased + 1);
	assert_int_equal(lines("held by the operator: job spring"), COUNT_OF(files) - leased + 1);
	assert_int_equal(ask("{\"do\":\"retry\"}"), 0); /* held is held */
	assert_int_equal(
		ask("{\"do\":\"release\",\"job\":\"spring\"}"), COUNT_OF(files) - leased + 1);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	for (size_t i = 0; i < COUNT_OF(files); i++)
		assert_int_equal(files[i]->finals[0], 1);
	assert_int_equal(late->unlinked, 1);
	end();
}

static void what_is_held_expires_in_its_time(void **state)
{
	(void)state;
	init((const char *const[]){ "--lifetime=1s", NULL });
	assert_int_equal(ask("{\"do\":\"hold\",\"domain\":\"a.example\"}"), 0);
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	assert_null(sched_leased(&s, NULL));
	SCHED_WAIT(&s, file->by_fate[ATTEMPT_EXPIRED] == 1);
	SCHED_WAIT(&s, file->unlinked == 1);
	end();
}

static void what_is_deferred_is_due_when_the_operator_says_so(void **state)
{
	(void)state;
	init(NULL);
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example 2@b.example" });
	sched_settle(&s);
	sched_answer_all(&s, ATTEMPT_DEFERRED);
	sched_settle(&s);
	assert_null(sched_leased(&s, NULL));
	assert_int_equal(ask("{\"do\":\"retry\",\"domain\":\"b.example\"}"), 1);
	sched_settle(&s);
	assert_int_equal(sched_leased_of(&s, "b.example"), 1);
	assert_int_equal(sched_leased_of(&s, "a.example"), 0);
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
	assert_int_equal(ask("{\"do\":\"drop\",\"file\":\"no-such\"}"), 0);
	assert_int_equal(ask("{\"do\":\"drop\"}"), 1);
	SCHED_WAIT(&s, file->unlinked == 1);
	assert_string_equal(file->reason, "dropped by the operator");
	assert_int_equal(file->by_fate[ATTEMPT_WITHDRAWN], 1);
	end();
}

static void a_drop_is_told_when_it_is_durable(void **state)
{
	(void)state;
	init(NULL);
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	sched_answer_all(&s, ATTEMPT_DEFERRED);
	sched_settle(&s);
	s.hold_records = true;
	struct control_task *task = task_of("{\"do\":\"drop\"}");
	walk(task);
	task->phase = CONTROL_TO_END;
	task->is_phase_over = false;
	s.slices_count = 0;
	hub_post(s.base.hub.scheduler, POST_CONTROL, task, 0, 0);
	sched_pass(&s, 20);
	assert_int_equal(s.slices_count, 0);
	s.hold_records = false;
	sched_release(&s);
	SCHED_WAIT(&s, s.slices_count == 1);
	assert_true(task->is_phase_over);
	control_task_destroy(task);
	assert_int_equal(file->by_fate[ATTEMPT_WITHDRAWN], 1);
	end();
}

/* A worker has it: it is not taken away from it, but not tried again either. */
static void what_is_being_sent_when_it_is_dropped_is_not_tried_again(void **state)
{
	(void)state;
	init((const char *const[]){ "--retry-first=20ms", NULL });
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	struct fake_file *back = sched_mail(&s, &(struct test_mail){ .rcpts = "1@b.example" });
	sched_settle(&s);
	assert_int_equal(ask("{\"do\":\"drop\"}"), 0);
	sched_answer(&s, sched_leased(&s, "a.example"), ATTEMPT_DEFERRED);
	sched_return(&s, sched_leased(&s, "b.example"));
	SCHED_WAIT(&s, file->unlinked == 1);
	SCHED_WAIT(&s, back->unlinked == 1);
	assert_int_equal(file->by_fate[ATTEMPT_WITHDRAWN], 1);
	assert_int_equal(back->by_fate[ATTEMPT_WITHDRAWN], 1);
	assert_null(sched_leased(&s, NULL));
	end();
}

static void a_tool_that_goes_away_leaves_nothing_behind(void **state)
{
	(void)state;
	init((const char *const[]){ "--site-sessions=1", NULL });
	for (int i = 0; i < 200; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	struct control_task *task = task_of("{\"do\":\"list\"}");
	slice(task);
	assert_false(task->is_phase_over);
	s.slices_count = 0;
	hub_post(s.base.hub.scheduler, POST_CONTROL_CANCEL, task, 0, 0);
	SCHED_WAIT(&s, s.slices_count == 1);
	control_task_destroy(task); /* the scheduler looks at it no more, whoever leaves */
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	end();
}

static void a_sender_that_is_about_to_stop_says_so(void **state)
{
	(void)state;
	init(NULL);
	s.slow_drain = true;
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	hub_post(s.base.hub.scheduler, POST_DRAIN, NULL, 0, 0);
	sched_settle(&s);
	struct control_task *task = task_of("{\"do\":\"list\"}");
	slice(task);
	assert_true(task->is_phase_over);
	assert_int_equal(task->fail.result, RESULT_UNAVAILABLE);
	control_task_destroy(task);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_drain_workers(&s);
	end();
}

int main(void)
{
#define TEST_OF(name) cmocka_unit_test_setup_teardown(name, temp_folder_make, temp_folder_remove)
	const struct CMUnitTest tests[] = {
		TEST_OF(a_list_tells_the_state_of_each_and_why),
		TEST_OF(what_waits_for_a_rule_names_it),
		TEST_OF(a_batch_file_that_waits_to_be_split_is_told),
		TEST_OF(a_walk_goes_on_when_batch_files_leave_their_line),
		TEST_OF(a_file_that_cannot_be_read_now_is_told_with_the_reason),
		TEST_OF(a_walk_goes_on_where_it_was_when_messages_leave),
		TEST_OF(many_are_told_in_slices),
		TEST_OF(what_is_held_is_taken_out_of_the_line_and_comes_back_when_released),
		TEST_OF(what_is_held_expires_in_its_time),
		TEST_OF(what_is_deferred_is_due_when_the_operator_says_so),
		TEST_OF(a_drop_is_told_when_it_is_durable),
		TEST_OF(what_is_being_sent_when_it_is_dropped_is_not_tried_again),
		TEST_OF(a_tool_that_goes_away_leaves_nothing_behind),
		TEST_OF(a_sender_that_is_about_to_stop_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
