/* Tests of what ends the process: the function runs in a child, whose end and last words are looked
 * at. */
#ifndef TESTS_UNIT_ENGINE_BASE_DIES_H
#define TESTS_UNIT_ENGINE_BASE_DIES_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/unit/unit.h"

enum { DIES_TEXT_SIZE = 8192 };

/* What the child wrote to stderr before it ended by `out_signal` (0: it did not). */
static inline void run_child(void (*fn)(void), char text[DIES_TEXT_SIZE], int *out_signal)
{
	int pipes[2], status;
	size_t len = 0;
	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		const struct rlimit no_core = { 0, 0 };
		(void)setrlimit(RLIMIT_CORE, &no_core);
		(void)dup2(pipes[1], STDERR_FILENO);
		(void)signal(SIGABRT, SIG_DFL);
		fn();
		_exit(0);
	}
	(void)close(pipes[1]);
	for (ssize_t n; len < DIES_TEXT_SIZE - 1; len += (size_t)n) {
		n = read(pipes[0], text + len, DIES_TEXT_SIZE - 1 - len);
		if (n <= 0)
			break;
	}
	text[len] = '\0';
	(void)close(pipes[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	*out_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static inline void assert_dies(void (*fn)(void), const char *last_words)
{
	char text[DIES_TEXT_SIZE];
	int number;
	run_child(fn, text, &number);
	assert_int_equal(number, SIGABRT);
	if (strstr(text, last_words) == NULL)
		fail_msg("no \"%s\" in: %s", last_words, text);
}

#endif
