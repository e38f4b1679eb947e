/* Who has a file locked, told for people. */
#include "tests/unit/unit.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine/io/file_lockers.h"

static char path[64], who[200];
static int fd;

static int set_up(void **state)
{
	(void)state;
	const char *above = getenv("TMPDIR");
	snprintf(path, sizeof path, "%s/lockers-XXXXXX", above != NULL ? above : "/tmp");
	fd = mkstemp(path);
	return fd < 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(fd);
	return unlink(path);
}

static bool lock(void)
{
	struct flock all = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1 };
	return fcntl(fd, F_SETLK, &all) == 0;
}

/* Comes back when it has the lock. */
static pid_t locker(void)
{
	int pipes[2];
	char byte;
	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (lock() && write(pipes[1], "r", 1) == 1)
			pause();
		_exit(1);
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	close(pipes[0]);
	return child;
}

static void end(pid_t child)
{
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void of_a_file_that_nobody_else_has_locked_nobody_is_named(void **state)
{
	(void)state;
	file_lockers_put(path, who, sizeof who);
	assert_string_equal(who, "another process");
	assert_true(lock());
	file_lockers_put(path, who, sizeof who);
	assert_string_equal(who, "another process");
	file_lockers_put("/nowhere/at/all", who, sizeof who);
	assert_string_equal(who, "another process");
}

static void each_who_has_it_locked_is_named_as_far_as_there_is_room(void **state)
{
	(void)state;
	char one[64], other[64], both[132];
	pid_t first = locker();
	snprintf(one, sizeof one, "%d (test_file_locke)", (int)first); /* the kernel's names are short */
	file_lockers_put(path, who, sizeof who);
	assert_string_equal(who, one);
	pid_t second = locker();
	snprintf(other, sizeof other, "%d (test_file_locke)", (int)second);
	file_lockers_put(path, who, sizeof who);
	snprintf(both, sizeof both, "%s, %s", one, other);
	bool is_in_order = strcmp(who, both) == 0;
	snprintf(both, sizeof both, "%s, %s", other, one);
	assert_true(is_in_order || strcmp(who, both) == 0);
	file_lockers_put(path, who, 8);
	assert_int_equal(strlen(who), 7);
	end(first);
	end(second);
	file_lockers_put(path, who, sizeof who);
	assert_string_equal(who, "another process");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(of_a_file_that_nobody_else_has_locked_nobody_is_named),
		TEST(each_who_has_it_locked_is_named_as_far_as_there_is_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
