#include "tests/unit/engine/io/io_test.h"
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

int run_in_child(void (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* What the child says on a failed check is expected and of no interest. */
		int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
		(void)dup2(nowhere, 2);
		fn(arg);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct ring *ring_for_test(struct ring_options options)
{
	struct ring *ring;
	struct fail fail;
	enum result result = ring_create(&options, &ring, &fail);
	if (result != RESULT_OK)
		fail_msg("%s", fail.text);
	return ring;
}
