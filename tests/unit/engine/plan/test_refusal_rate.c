/* When a host refuses seldom enough (CONFORMANCE 0.4, EXT-CHUNK-05: under 0.5 %). */
#include "engine/plan/refusal_rate.h"
#include "tests/unit/unit.h"

static void few_answers_say_nothing(void **state)
{
	(void)state;
	struct refusal_rate rate = { 0 };
	assert_false(refusal_rate_is_low(&rate));
	refusal_rate_add(&rate, REFUSAL_RATE_SELDOM - 1, 0);
	assert_false(refusal_rate_is_low(&rate));
	refusal_rate_add(&rate, 1, 0);
	assert_true(refusal_rate_is_low(&rate));
}

static void one_in_two_hundred_is_too_many(void **state)
{
	(void)state;
	struct refusal_rate rate = { 0 };
	refusal_rate_add(&rate, REFUSAL_RATE_SELDOM, 1);
	assert_false(refusal_rate_is_low(&rate));
	refusal_rate_add(&rate, 1, 0);
	assert_true(refusal_rate_is_low(&rate));
	refusal_rate_add(&rate, 100, 1);
	assert_false(refusal_rate_is_low(&rate));
}

static void what_was_long_ago_counts_for_less(void **state)
{
	(void)state;
	struct refusal_rate rate = { 0 };
	for (int i = 0; i < 100000; i++)
		refusal_rate_add(&rate, 1, 0);
	assert_true(rate.answers <= REFUSAL_RATE_ANSWERS_MAX);
	/* A host that begins to refuse is noticed soon, however long it was good. */
	int refused = 0;
	for (; refusal_rate_is_low(&rate); refused++)
		refusal_rate_add(&rate, 1, 1);
	assert_in_range(refused, 2, REFUSAL_RATE_ANSWERS_MAX / REFUSAL_RATE_SELDOM);
	int good = 0;
	for (; !refusal_rate_is_low(&rate); good++)
		refusal_rate_add(&rate, 1, 0);
	assert_in_range(good, 1, 10 * REFUSAL_RATE_ANSWERS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_answers_say_nothing),
		cmocka_unit_test(one_in_two_hundred_is_too_many),
		cmocka_unit_test(what_was_long_ago_counts_for_less),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
