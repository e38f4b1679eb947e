/* A system that does not let us: one line that says what to change. Each case runs in a child,
 * which takes its own rights away first. */
#include "tests/unit/engine/io/io_test.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SKIPPED = 77, NOT_REFUSED = 1, WRONG_RESULT = 2, WRONG_WORDS = 3, NOT_ONE_LINE = 4 };

/* The system call fails with `error` from now on in this process. */
static bool forbid(unsigned number, unsigned error)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = sizeof program / sizeof *program, .filter = program };
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static void expect(const struct ring_options *options, enum result want, const char *words)
{
	struct ring *ring;
	struct fail fail;
	enum result result = ring_create(options, &ring, &fail);
	if (result == RESULT_OK)
		_exit(NOT_REFUSED);
	if (result != want || fail.result != want || ring != NULL)
		_exit(WRONG_RESULT);
	if (strstr(fail.text, words) == NULL)
		_exit(WRONG_WORDS);
	if (strchr(fail.text, '\n') != NULL || strlen(fail.text) >= sizeof fail.text - 1)
		_exit(NOT_ONE_LINE);
	_exit(0);
}

static void with_seccomp(void *arg)
{
	const unsigned *error = arg;
	const struct ring_options options = { 0 };
	if (!forbid(SYS_io_uring_setup, *error))
		_exit(SKIPPED);
	expect(&options, RESULT_UNAVAILABLE, "io_uring_setup");
}

static void a_seccomp_filter_is_named(void **state)
{
	(void)state;
	unsigned errors[] = { EPERM, EACCES, ENOSYS };
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		int status = run_in_child(with_seccomp, &errors[i]);
		if (status == SKIPPED)
			skip();
		assert_int_equal(status, 0);
	}
}

static void with_an_old_kernel(void *arg)
{
	(void)arg;
	const struct ring_options options = { 0 };
	if (!forbid(SYS_io_uring_register, EINVAL)) /* no ring of buffers before 5.19 */
		_exit(SKIPPED);
	expect(&options, RESULT_UNAVAILABLE, "Linux 5.19");
}

static void an_old_kernel_is_named(void **state)
{
	(void)state;
	int status = run_in_child(with_an_old_kernel, NULL);
	if (status == SKIPPED)
		skip();
	assert_int_equal(status, 0);
}

/* What this system does with the memory of rings decides what must happen: where it is counted, the
 * second ring of a user with little RLIMIT_MEMLOCK is made smaller, and in the end refused. */
static void with_little_memory(void *arg)
{
	(void)arg;
	struct rlimit limit = { 256 * 1024, 256 * 1024 };
	if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		_exit(SKIPPED);
	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		_exit(SKIPPED);
	struct ring *rings[64];
	const struct ring_options options = { .submissions = 1024, .without_buffers = true };
	struct fail fail;
	for (size_t i = 0; i < sizeof rings / sizeof *rings; i++) {
		enum result result = ring_create(&options, &rings[i], &fail);
		if (result == RESULT_OK)
			continue;
		if (result != RESULT_UNAVAILABLE)
			_exit(WRONG_RESULT);
		if (strstr(fail.text, "LimitMEMLOCK=") == NULL)
			_exit(WRONG_WORDS);
		/* The ring before it was already made smaller than it was asked for. */
		_exit(i > 0 && strncmp(ring_describe(rings[i - 1]), "1024/", 5) == 0 ? NOT_REFUSED
										     : 0);
	}
	_exit(SKIPPED); /* not counted here */
}

static void a_ring_shrinks_before_memlock_is_named(void **state)
{
	(void)state;
	int status = run_in_child(with_little_memory, NULL);
	if (status == SKIPPED)
		skip();
	assert_int_equal(status, 0);
}

static void with_no_descriptor(void *arg)
{
	(void)arg;
	const struct ring_options options = { 0 };
	struct rlimit limit = { 3, 3 };
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		_exit(SKIPPED);
	expect(&options, RESULT_LIMIT, "LimitNOFILE=");
}

static void missing_descriptors_are_named(void **state)
{
	(void)state;
	int status = run_in_child(with_no_descriptor, NULL);
	if (status == SKIPPED)
		skip();
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seccomp_filter_is_named),
		cmocka_unit_test(an_old_kernel_is_named),
		cmocka_unit_test(a_ring_shrinks_before_memlock_is_named),
		cmocka_unit_test(missing_descriptors_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
