#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine/plan/retry.h"

#define MS_NS 1000000ull

static void the_defaults_are_those_of_the_class(void **state)
{
	(void)state;
	struct retry_schedule bulk = retry_schedule_of(RETRY_BULK, 0, 0, 0);
	assert_int_equal(bulk.first_ms, 15 * 60 * 1000);
	assert_int_equal(bulk.max_ms, 4 * 3600 * 1000);
	assert_int_equal(bulk.lifetime_ms, 2 * 24 * 3600 * 1000);
	struct retry_schedule transactional = retry_schedule_of(RETRY_TRANSACTIONAL, 0, 0, 0);
	assert_int_equal(transactional.first_ms, 5 * 60 * 1000);
	assert_int_equal(transactional.lifetime_ms, 5 * 24 * 3600 * 1000);
}

static void a_flag_replaces_the_default_of_both(void **state)
{
	(void)state;
	struct retry_schedule s = retry_schedule_of(RETRY_TRANSACTIONAL, 100, 50, 7000);
	assert_int_equal(s.first_ms, 100);
	assert_int_equal(s.max_ms, 100); /* a maximum below the first wait is the first wait */
	assert_int_equal(s.lifetime_ms, 7000);
}

/* SMTP-36: the wait doubles up to the maximum, and jitter stays within an eighth. */
static void the_wait_doubles_within_its_jitter(void **state)
{
	(void)state;
	struct retry_schedule s = { .first_ms = 1000, .max_ms = 8000, .lifetime_ms = 1000000 };
	static const uint64_t middle[] = { 1000, 2000, 4000, 8000, 8000, 8000 };
	for (uint32_t n = 1; n <= 6; n++) {
		uint64_t least = UINT64_MAX, most = 0;
		for (uint64_t random = 0; random < 5000; random++) {
			uint64_t wait = retry_wait_ms(&s, n, random);
			least = wait < least ? wait : least;
			most = wait > most ? wait : most;
		}
		assert_int_equal(least, middle[n - 1] - middle[n - 1] / 8);
		assert_int_equal(most, middle[n - 1] + middle[n - 1] / 8);
	}
	assert_true(retry_wait_ms(&s, UINT32_MAX, 0) <= 8000);
}

/* SMTP-37: nothing expires without a try close to the end of its lifetime. */
static void the_last_attempt_falls_just_before_the_end_of_the_lifetime(void **state)
{
	(void)state;
	struct retry_schedule s = { .first_ms = 1000, .max_ms = 1000, .lifetime_ms = 2000 };
	uint64_t start_ns = 77, expires_ns = start_ns + 2000 * MS_NS;
	uint64_t due_ns = retry_due_ns(&s, expires_ns, start_ns, 1, 125);
	assert_int_equal(due_ns, start_ns + 1000 * MS_NS);
	due_ns = retry_due_ns(&s, expires_ns, due_ns, 2, 125);
	assert_int_equal(due_ns, expires_ns - 100 * MS_NS);
	due_ns = retry_due_ns(&s, expires_ns, due_ns, 3, 125);
	assert_int_equal(due_ns, expires_ns);
	assert_int_equal(retry_due_ns(&s, expires_ns, expires_ns + 5, 4, 125), expires_ns + 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_defaults_are_those_of_the_class),
		cmocka_unit_test(a_flag_replaces_the_default_of_both),
		cmocka_unit_test(the_wait_doubles_within_its_jitter),
		cmocka_unit_test(the_last_attempt_falls_just_before_the_end_of_the_lifetime),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
