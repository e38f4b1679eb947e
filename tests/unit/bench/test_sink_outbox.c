#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "bench/sink_outbox.h"

static void assert_due(const struct sink_outbox *outbox, uint64_t now_ns, const char *wanted)
{
	struct text due = sink_outbox_due(outbox, now_ns);
	assert_int_equal(due.len, strlen(wanted));
	if (due.len > 0)
		assert_memory_equal(due.data, wanted, due.len);
}

static void bytes_leave_in_order_and_not_before_they_are_due(void **state)
{
	(void)state;
	struct sink_outbox outbox = { .data = NULL };
	assert_int_equal(sink_outbox_next_ns(&outbox), SINK_OUTBOX_NEVER);
	assert_true(sink_outbox_add(&outbox, "one", 3, 100));
	assert_true(sink_outbox_add(&outbox, "two", 3, 200));
	assert_true(sink_outbox_add(&outbox, "three", 5, 200));
	assert_due(&outbox, 99, "");
	assert_due(&outbox, 100, "one");
	assert_int_equal(sink_outbox_next_ns(&outbox), 100);
	sink_outbox_take(&outbox, 2);
	assert_due(&outbox, 150, "e");
	assert_due(&outbox, 200, "etwothree");
	sink_outbox_take(&outbox, 1);
	assert_int_equal(sink_outbox_next_ns(&outbox), 200);
	sink_outbox_take(&outbox, 8);
	assert_int_equal(sink_outbox_bytes(&outbox), 0);
	assert_null(outbox.data);
	assert_int_equal(sink_outbox_next_ns(&outbox), SINK_OUTBOX_NEVER);
}

static void more_marks_than_fit_come_late_and_never_early(void **state)
{
	(void)state;
	struct sink_outbox outbox = { .data = NULL };
	size_t all = SINK_OUTBOX_MARKS + 10;
	for (size_t i = 0; i < all; i++)
		assert_true(sink_outbox_add(&outbox, "x", 1, i));
	for (uint64_t now = 0; now < all; now++)
		assert_true(sink_outbox_due(&outbox, now).len <= now + 1);
	assert_int_equal(sink_outbox_due(&outbox, all - 1).len, all);
	sink_outbox_take(&outbox, all);
	assert_int_equal(sink_outbox_bytes(&outbox), 0);
}

static void much_is_kept_whole(void **state)
{
	(void)state;
	struct sink_outbox outbox = { .data = NULL };
	char row[100];
	for (int i = 0; i < 1000; i++) {
		memset(row, 'a' + i % 26, sizeof row);
		assert_true(sink_outbox_add(&outbox, row, sizeof row, 5));
	}
	for (int i = 0; i < 1000; i++) {
		struct text due = sink_outbox_due(&outbox, 5);
		assert_int_equal(due.len, 100000 - i * 100);
		assert_int_equal(due.data[0], 'a' + i % 26);
		assert_int_equal(due.data[99], 'a' + i % 26);
		sink_outbox_take(&outbox, sizeof row);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_leave_in_order_and_not_before_they_are_due),
		cmocka_unit_test(more_marks_than_fit_come_late_and_never_early),
		cmocka_unit_test(much_is_kept_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
