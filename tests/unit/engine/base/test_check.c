#include "tests/unit/engine/base/dies.h"
#include <sys/mman.h>
#include "engine/base/check.h"

/* A page that nobody may touch: a fault that no sanitizer sees coming, as it does with NULL. */
static void fault(void)
{
	volatile int *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*page = 1;
}

static void report_two_sessions(void *context)
{
	const int *first = context;
	check_report_text("session ");
	check_report_number((uint64_t)*first);
	check_report_text(" of \x1b[31mmx.example\n");
}

static void report_and_fail(void *context)
{
	(void)context;
	check_report_text("half a report\n");
	CHECK(1 == 2);
}

static void report_and_fault(void *context)
{
	(void)context;
	check_report_text("half a report\n");
	fault();
}

static int seven = 7;

static void fail_plainly(void)
{
	int rcpts = 3;
	CHECK(rcpts == 4);
}

static void fail_with_a_report(void)
{
	check_set_reporter(report_two_sessions, &seven);
	CHECK(false);
}

static void fail_within_the_report(void)
{
	check_set_reporter(report_and_fail, NULL);
	CHECK(false);
}

static void fault_with_a_report(void)
{
	check_install_signal_handlers();
	check_set_reporter(report_two_sessions, &seven);
	fault();
}

static void fault_within_the_report(void)
{
	check_install_signal_handlers();
	check_set_reporter(report_and_fault, NULL);
	CHECK(false);
}

static void be_sent_a_signal(void)
{
	check_install_signal_handlers();
	(void)raise(SIGBUS);
}

__attribute__((noinline)) static unsigned fill_the_stack(unsigned depth)
{
	volatile char room[4096];
	room[depth % sizeof room] = (char)depth;
	return depth == 0 ? 0 : fill_the_stack(depth + 1) + (unsigned)room[0];
}

static void run_out_of_stack(void)
{
	const struct rlimit small = { 256 * 1024, 256 * 1024 };
	(void)setrlimit(RLIMIT_STACK, &small);
	check_install_signal_handlers();
	check_set_reporter(report_two_sessions, &seven);
	_exit((int)fill_the_stack(1) & 1);
}

static void a_failed_check_says_what_and_where(void **state)
{
	(void)state;
	char text[DIES_TEXT_SIZE];
	int number;
	run_child(fail_plainly, text, &number);
	assert_int_equal(number, SIGABRT);
	assert_non_null(strstr(text, "CHECK failed: rcpts == 4 at "));
	assert_non_null(strstr(text, "test_check.c:"));
	assert_non_null(strstr(text, " in fail_plainly\n"));
}

static void the_report_of_the_thread_follows_without_control_bytes(void **state)
{
	(void)state;
	assert_dies(fail_with_a_report, "session 7 of ?[31mmx.example\n");
}

static void a_second_failure_ends_at_once(void **state)
{
	(void)state;
	char text[DIES_TEXT_SIZE];
	int number;
	run_child(fail_within_the_report, text, &number);
	assert_int_equal(number, SIGABRT);
	assert_non_null(strstr(text, "half a report\nCHECK failed while reporting: 1 == 2"));
	const char *report = strstr(text, "half a report");
	assert_null(strstr(report + 1, "half a report"));
}

/* The signals: tested where no sanitizer has put itself before us. */
static void a_fault_reports_and_dies_of_its_signal(void **state)
{
	(void)state;
	static const struct { void (*fn)(void); int number; const char *words; } rows[] = {
		{ fault_with_a_report, SIGSEGV, "fatal: SIGSEGV" },
		{ fault_with_a_report, SIGSEGV, "session 7 of" },
		{ fault_within_the_report, SIGSEGV, "fatal signal while reporting" },
		{ be_sent_a_signal, SIGBUS, "fatal: SIGBUS" },
		{ run_out_of_stack, SIGSEGV, "session 7 of" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[DIES_TEXT_SIZE];
		int number;
		run_child(rows[i].fn, text, &number);
		assert_int_equal(number, rows[i].number);
		assert_non_null(strstr(text, rows[i].words));
	}
}

struct thing { uint32_t magic; int value; };
static struct thing *no_thing;
static void use_null(void) { CHECK_OBJ(no_thing, 1u); }
static void use_released(void)
{
	struct thing thing = { .magic = 0 };
	CHECK_OBJ(&thing, 0x1234u);
}
static void come_to_nowhere(void) { UNREACHABLE("the moon"); }

static void objects_are_known_by_their_magic(void **state)
{
	(void)state;
	struct thing thing = { .magic = 0x1234u };
	CHECK_OBJ(&thing, 0x1234u);
	assert_dies(use_null, "(no_thing) != NULL");
	assert_dies(use_released, "(&thing)->magic == (0x1234u)");
	assert_dies(come_to_nowhere, "unreachable: the moon");
}

static void the_holder_is_found_from_its_member(void **state)
{
	(void)state;
	struct thing thing = { .value = 5 };
	int *value = &thing.value;
	assert_ptr_equal(CONTAINER_OF(value, struct thing, value), &thing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_check_says_what_and_where),
		cmocka_unit_test(the_report_of_the_thread_follows_without_control_bytes),
		cmocka_unit_test(a_second_failure_ends_at_once),
		cmocka_unit_test(a_fault_reports_and_dies_of_its_signal),
		cmocka_unit_test(objects_are_known_by_their_magic),
		cmocka_unit_test(the_holder_is_found_from_its_member),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
