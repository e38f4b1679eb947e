#include "engine/plan/token_bucket.h"
#include "engine/base/nanoseconds.h"
#include "tests/unit/unit.h"

static struct token_bucket bucket;

static uint32_t take_all(uint64_t now_ns)
{
	uint32_t count = 0;
	while (count < 1000000 && token_bucket_take(&bucket, now_ns))
		count++;
	return count;
}

static void a_low_rate_gives_one_token_after_the_other(void **state)
{
	(void)state;
	token_bucket_init(&bucket, (struct rate){ 2, SECOND_NS });
	assert_int_equal(take_all(SECOND_NS), 1);
	assert_int_equal(token_bucket_due_ns(&bucket), SECOND_NS + SECOND_NS / 2);
	assert_int_equal(take_all(SECOND_NS + SECOND_NS / 2 - 1), 0);
	assert_int_equal(take_all(SECOND_NS + SECOND_NS / 2), 1);
}

static void nothing_is_saved_up_beyond_a_tenth_of_a_second(void **state)
{
	(void)state;
	token_bucket_init(&bucket, (struct rate){ 1000, SECOND_NS });
	assert_int_equal(token_bucket_count(&bucket, 3600 * SECOND_NS), 100);
	assert_int_equal(take_all(3600 * SECOND_NS), 100);
	assert_int_equal(token_bucket_count(&bucket, 3600 * SECOND_NS), 0);
	assert_int_equal(take_all(3600 * SECOND_NS + 7 * MS_NS), 7);
}

static void over_a_long_time_the_rate_is_kept(void **state)
{
	(void)state;
	static const struct {
		struct rate rate;
		uint32_t in_a_minute;
	} table[] = { { { 100, SECOND_NS }, 6000 }, { { 3, SECOND_NS }, 180 },
		{ { 30, 60 * SECOND_NS }, 30 }, { { 7, 60 * SECOND_NS }, 7 },
		{ { 7200, 3600 * SECOND_NS }, 120 },
		{ { RATE_PER_SECOND_MAX, SECOND_NS }, 60000000 } };
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		uint64_t step_ns = 10 * MS_NS + i * 1234567, now_ns = 0, count = 0;
		token_bucket_init(&bucket, table[i].rate);
		for (; now_ns < 60 * SECOND_NS; now_ns += step_ns)
			count += take_all(now_ns);
		uint64_t burst = 1 + table[i].in_a_minute / 600;
		assert_in_range(
			count, table[i].in_a_minute - burst - 1, table[i].in_a_minute + burst);
	}
}

static void a_token_that_was_not_used_comes_back(void **state)
{
	(void)state;
	token_bucket_init(&bucket, (struct rate){ 1, 60 * SECOND_NS });
	assert_int_equal(take_all(SECOND_NS), 1);
	token_bucket_give(&bucket);
	assert_int_equal(take_all(SECOND_NS), 1);
	assert_int_equal(take_all(SECOND_NS), 0);
}

static void without_a_rate_there_is_no_limit(void **state)
{
	(void)state;
	token_bucket_init(&bucket, (struct rate){ 0 });
	assert_int_equal(token_bucket_count(&bucket, 0), UINT32_MAX);
	for (int i = 0; i < 1000; i++)
		assert_true(token_bucket_take(&bucket, 5));
	token_bucket_give(&bucket);
	assert_int_equal(token_bucket_due_ns(&bucket), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_low_rate_gives_one_token_after_the_other),
		cmocka_unit_test(nothing_is_saved_up_beyond_a_tenth_of_a_second),
		cmocka_unit_test(over_a_long_time_the_rate_is_kept),
		cmocka_unit_test(a_token_that_was_not_used_comes_back),
		cmocka_unit_test(without_a_rate_there_is_no_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
