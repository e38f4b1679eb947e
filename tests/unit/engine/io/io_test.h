/* What the tests of engine/io share: waiting for something with an end to it, and seccomp in a
 * child. */
#ifndef TESTS_UNIT_ENGINE_IO_IO_TEST_H
#define TESTS_UNIT_ENGINE_IO_IO_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine/io/clock.h"
#include "engine/io/ring.h"

/* Far above what any wait of these tests takes, also under valgrind; reaching it is a failure. */
#define IO_TEST_PATIENCE_NS 60000000000u

/* Runs turns until the expression holds. */
#define RUN_UNTIL(ring_, expression) \
	do { \
		uint64_t give_up_ns = clock_now_ns() + IO_TEST_PATIENCE_NS; \
		while (!(expression)) { \
			assert_true(clock_now_ns() < give_up_ns); \
			(void)ring_run_once(ring_, clock_now_ns() + 20000000); \
		} \
	} while (0)

/* Turns for a while, in which nothing is expected. */
static inline void run_for_ms(struct ring *ring, unsigned ms)
{
	uint64_t end_ns = clock_now_ns() + (uint64_t)ms * 1000000;
	while (clock_now_ns() < end_ns)
		(void)ring_run_once(ring, end_ns);
}

/* Runs `fn` in a child process and returns its exit status; -signal if one killed it. */
int run_in_child(void (*fn)(void *arg), void *arg);

struct ring *ring_for_test(struct ring_options options);

#endif
