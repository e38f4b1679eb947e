#include "engine/plan/warmup.h"
#include "tests/unit/unit.h"

enum { DAY = 20000 };

static const uint32_t limits[] = { 50, 100, 200 };

static void a_source_without_a_ramp_is_warm(void **state)
{
	(void)state;
	const struct warmup none = { .days = 0 };
	assert_int_equal(warmup_limit(&none, WARMUP_NEVER, DAY), WARMUP_UNLIMITED);
	assert_int_equal(warmup_limit(&none, DAY, DAY), WARMUP_UNLIMITED);
}

static void the_ramp_goes_up_by_the_day_from_the_first_mail_on(void **state)
{
	(void)state;
	const struct warmup ramp = { .limits = limits, .days = 3 };
	assert_int_equal(warmup_limit(&ramp, WARMUP_NEVER, DAY), 50);
	assert_int_equal(warmup_limit(&ramp, DAY, DAY), 50);
	assert_int_equal(warmup_limit(&ramp, DAY, DAY + 1), 100);
	assert_int_equal(warmup_limit(&ramp, DAY, DAY + 2), 200);
	assert_int_equal(warmup_limit(&ramp, DAY, DAY + 3), WARMUP_UNLIMITED);
	assert_int_equal(warmup_limit(&ramp, DAY, DAY - 1), 50); /* the clock was set back */
}

static void a_day_that_was_said_stands_above_that_of_the_first_mail(void **state)
{
	(void)state;
	const struct warmup ramp = { .limits = limits, .days = 3, .has_since = true, .since = DAY };
	assert_int_equal(warmup_limit(&ramp, DAY + 2, DAY + 1), 100);
	assert_int_equal(warmup_limit(&ramp, WARMUP_NEVER, DAY + 3), WARMUP_UNLIMITED);
	assert_int_equal(warmup_limit(&ramp, WARMUP_NEVER, DAY - 1), 0);
}

static void days_are_those_of_utc(void **state)
{
	(void)state;
	const int64_t day_us = 86400 * 1000000ll;
	assert_int_equal(warmup_day_of(0), 0);
	assert_int_equal(warmup_day_of(day_us - 1), 0);
	assert_int_equal(warmup_day_of(day_us), 1);
	assert_int_equal(warmup_day_of(-1), -1);
	assert_int_equal(warmup_day_begins_us(3), 3 * day_us);
}

static void a_date_is_read_and_written(void **state)
{
	(void)state;
	char text[WARMUP_DATE_SIZE];
	int64_t day = 0;
	assert_true(warmup_parse_date(TEXT("2026-09-01"), &day));
	assert_int_equal(day, 20697);
	warmup_put_date(text, day);
	assert_string_equal(text, "2026-09-01");
	static const char *const bad[] = { "", "2026-9-1", "2026-02-30", "2026-13-01", "01.09.2026", "2026-09-01 ",
		"tomorrow!!" };
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(warmup_parse_date(text_of(bad[i]), &day));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_without_a_ramp_is_warm),
		cmocka_unit_test(the_ramp_goes_up_by_the_day_from_the_first_mail_on),
		cmocka_unit_test(a_day_that_was_said_stands_above_that_of_the_first_mail),
		cmocka_unit_test(days_are_those_of_utc),
		cmocka_unit_test(a_date_is_read_and_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
