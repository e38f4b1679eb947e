/* What is said of work that another process holds up. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine/io/clock.h"
#include "engine/run/patience.h"
#include "tests/unit/engine/run/run_test.h"
#include "tests/unit/unit.h"

enum { WAIT_MS = 20000 };

static struct run_test base;
static char path[64];
static int fd;

static int set_up(void **state)
{
	(void)state;
	const char *above = getenv("TMPDIR");
	snprintf(path, sizeof path, "%s/patience-XXXXXX", above != NULL ? above : "/tmp");
	fd = mkstemp(path);
	run_test_init(&base, "/spool", (const char *const[]){ NULL });
	return fd < 0;
}

static int tear_down(void **state)
{
	(void)state;
	run_test_deinit(&base);
	close(fd);
	return unlink(path);
}

static void run(void (*work)(void *context), void *context)
{
	struct logger log = run_config_logger(&base.config, "main");
	patience_run(work, context, &log, LOG_SUPPRESS_HELD, path);
}

static void count(void *context) { ++*(int *)context; }

/* Until it has been told. */
static void be_held(void *context)
{
	for (int i = 0; i < WAIT_MS && !run_test_logged(&base, "suppress_held"); i++)
		clock_wait_ms(1);
	count(context);
}

static void work_that_is_soon_done_is_no_news(void **state)
{
	(void)state;
	int done = 0;
	run(count, &done);
	assert_int_equal(done, 1);
	assert_false(run_test_logged(&base, "suppress_held"));
}

static void work_that_is_held_up_is_waited_for_and_told(void **state)
{
	(void)state;
	int done = 0;
	uint64_t start_ns = clock_now_ns();
	run(be_held, &done);
	assert_int_equal(done, 1);
	assert_true(clock_now_ns() - start_ns >= 1000 * TEST_MS_NS);
	assert_true(run_test_logged(&base, "who=\"another process\""));
}

static _Noreturn void hold(int ready)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1 };
	if (fcntl(fd, F_SETLK, &lock) == 0 && write(ready, "r", 1) == 1)
		pause();
	_exit(1);
}

static void who_has_the_file_locked_is_named(void **state)
{
	(void)state;
	int pipes[2], done = 0;
	char byte, words[32];
	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		hold(pipes[1]);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	run(be_held, &done);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(pipes[0]);
	close(pipes[1]);
	snprintf(words, sizeof words, "who=\"%d (test_patience)\"", (int)child);
	assert_true(run_test_logged(&base, words));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(work_that_is_soon_done_is_no_news),
		TEST(work_that_is_held_up_is_waited_for_and_told),
		TEST(who_has_the_file_locked_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
