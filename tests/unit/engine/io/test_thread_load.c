#include "engine/io/thread_load.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "tests/unit/unit.h"

static void who_works_has_run_and_who_sleeps_has_not(void **state)
{
	(void)state;
	struct thread_load load;
	uint64_t ran[3], waited[3];
	thread_load_open(&load);
	thread_load_read(&load, &ran[0], &waited[0]);
	uint64_t began_ns = clock_now_ns();
	while (clock_thread_cpu_ns() < ran[0] + 20 * MS_NS)
		;
	thread_load_read(&load, &ran[1], &waited[1]);
	uint64_t wall_ns = clock_now_ns() - began_ns;
	assert_true(ran[1] - ran[0] >= 20 * MS_NS);
	assert_true(waited[1] >= waited[0]);
	/* It did nothing else: what it did not run it waited, but for what the system rounds. */
	assert_true(ran[1] - ran[0] + waited[1] - waited[0] <= wall_ns + 10 * MS_NS);
	clock_wait_ms(20);
	thread_load_read(&load, &ran[2], &waited[2]);
	assert_true(ran[2] - ran[1] < 15 * MS_NS);
	thread_load_close(&load);
}

static void without_word_of_the_system_it_has_only_run(void **state)
{
	(void)state;
	struct thread_load load = { .fd = -1 };
	uint64_t ran_ns, waited_ns;
	thread_load_read(&load, &ran_ns, &waited_ns);
	assert_true(ran_ns > 0);
	assert_int_equal(waited_ns, 0);
	thread_load_close(&load);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_works_has_run_and_who_sleeps_has_not),
		cmocka_unit_test(without_word_of_the_system_it_has_only_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
