#include "tests/unit/store/temp_folder.h"
#include <signal.h>
#include <sys/wait.h>
#include "store/state_lock.h"

/* A lock belongs to an open file, so that a second opening in the same process stands for another
 * process as well; the one that is killed must be real. */
static void the_second_one_is_told_who_has_it(void **state)
{
	(void)state;
	struct state_lock *first, *second;
	struct fail fail;
	char want[200];
	assert_int_equal(state_lock_acquire(temp_folder, &first, &fail), RESULT_OK);
	assert_int_equal(state_lock_acquire(temp_folder, &second, &fail), RESULT_BUSY);
	assert_null(second);
	(void)snprintf(want, sizeof want, "%s is in use by process %ld", temp_folder, (long)getpid());
	assert_string_equal(fail.text, want);
	state_lock_release(&first);
	assert_null(first);
	state_lock_release(&first);
	assert_int_equal(state_lock_acquire(temp_folder, &second, &fail), RESULT_OK);
	state_lock_release(&second);
}

static void a_process_that_dies_leaves_no_lock(void **state)
{
	(void)state;
	struct state_lock *lock;
	struct fail fail;
	int ready[2];
	char byte;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		bool held = state_lock_acquire(temp_folder, &lock, &fail) == RESULT_OK;
		(void)!write(ready[1], held ? "y" : "n", 1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	assert_int_equal(state_lock_acquire(temp_folder, &lock, &fail), RESULT_BUSY);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(state_lock_acquire(temp_folder, &lock, &fail), RESULT_OK);
	state_lock_release(&lock);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void a_lock_file_with_odd_content_is_taken(void **state)
{
	(void)state;
	struct state_lock *lock, *second;
	struct fail fail;
	temp_write("lock", "w", "not a number at all, and a long one at that\n", 44);
	assert_int_equal(state_lock_acquire(temp_folder, &lock, &fail), RESULT_OK);
	char *text = temp_read("lock");
	assert_int_equal(strtol(text, NULL, 10), getpid());
	free(text);
	temp_write("lock", "w", "x", 1);
	assert_int_equal(state_lock_acquire(temp_folder, &second, &fail), RESULT_BUSY);
	assert_non_null(strstr(fail.text, "is in use by another process"));
	state_lock_release(&lock);
}

static void errors_of_the_system_are_told(void **state)
{
	(void)state;
	struct state_lock *lock;
	struct fail fail;
	assert_int_equal(state_lock_acquire("/nonexistent", &lock, &fail), RESULT_NOT_FOUND);
	assert_null(lock);
	assert_int_equal(unlink(temp_path("lock")), 0);
	assert_int_equal(symlink("elsewhere", temp_path("lock")), 0);
	assert_int_equal(state_lock_acquire(temp_folder, &lock, &fail), RESULT_FORBIDDEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_second_one_is_told_who_has_it),
		cmocka_unit_test(a_process_that_dies_leaves_no_lock),
		cmocka_unit_test(a_lock_file_with_odd_content_is_taken),
		cmocka_unit_test(errors_of_the_system_are_told),
	};
	return cmocka_run_group_tests(tests, temp_folder_make, temp_folder_remove);
}
