/* What is known of policies, and when it is renewed. */
#include "tests/unit/engine/route/policies_fixture.h"

/* STS-39 */
static void a_policy_is_in_force_from_its_fetch_for_its_max_age(void **state)
{
	(void)state;
	struct sts_held *held;
	assert_int_equal(find("a.lab", &held), STS_HELD_NONE);
	assert_null(held);
	put("a.lab", "1", ENFORCE);
	kept_pass_s(604799);
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID);
	assert_true(text_equal(held->id, TEXT("1")));
	assert_true(sts_policy_covers(&held->policy, TEXT("MX.a.lab"), NULL));
	assert_int_equal(sts_held_left_s(held), 1);
	kept_pass_s(1);
	assert_int_equal(find("a.lab", &held), STS_HELD_EXPIRED);
	assert_int_equal(held->policy.mode, STS_MODE_ENFORCE);
	assert_int_equal(find("b.lab", &held), STS_HELD_NONE);
}

/* STS-28 */
static void a_max_age_of_nothing_is_not_kept_and_takes_the_old_one_away(void **state)
{
	(void)state;
	struct sts_held *held;
	put("a.lab", "1", ENFORCE);
	assert_null(put("a.lab", "2", "version: STSv1\nmode: enforce\nmx: mx.a.lab\nmax_age: 0\n"));
	assert_int_equal(find("a.lab", &held), STS_HELD_NONE);
}

/* DNS-26: losing a policy would be a downgrade. */
static void a_clock_that_goes_back_keeps_a_policy_for_its_max_age_from_now(void **state)
{
	(void)state;
	struct sts_held *held;
	put("a.lab", "1", ENFORCE);
	kept_pass_s(-1000 * DAY_S);
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID);
	assert_int_equal(sts_held_left_s(held), 604800);
	kept_pass_s(604800);
	assert_int_equal(find("a.lab", &held), STS_HELD_EXPIRED);
}

/* STS-40 */
static void a_policy_in_use_is_due_once_a_day_and_not_at_the_same_second_as_the_others(void **state)
{
	(void)state;
	struct sts_held *held;
	put("a.lab", "1", ENFORCE);
	pass(DAY_S * 3 / 4 - 1);
	assert_int_equal(dues, 0);
	pass(DAY_S / 4 + 2);
	assert_int_equal(dues, 1);
	uint64_t first_s = 0;
	for (int i = 0; i < 20; i++) {
		char domain[16] = "a.lab";
		domain[0] = (char)('b' + i);
		held = put(domain, "1", ENFORCE);
		first_s += timer_is_running(&held->timer);
	}
	assert_int_equal(first_s, 20);
	dues = 0;
	pass(DAY_S * 7 / 8);
	assert_in_range(dues, 3, 17);
}

static void a_short_policy_is_due_at_half_of_its_time(void **state)
{
	(void)state;
	put("a.lab", "1", "version: STSv1\nmode: enforce\nmx: mx.a.lab\nmax_age: 1000\n");
	pass(374);
	assert_int_equal(dues, 0);
	pass(127);
	assert_int_equal(dues, 1);
}

/* STS-41, STS-42 */
static void a_renewal_that_fails_is_due_again_in_an_hour_and_takes_nothing_away(void **state)
{
	(void)state;
	struct sts_held *held;
	due_fails = true;
	put("a.lab", "1", ENFORCE);
	while (dues == 0)
		pass(1);
	pass(3599);
	assert_int_equal(dues, 1);
	pass(3 * 3600 + 10);
	assert_int_equal(dues, 4);
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID);
	assert_int_equal(held->failures, dues);
	put("a.lab", "2", ENFORCE);
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID);
	assert_int_equal(held->failures, 0);
}

/* STS-41: an alarm after three of them is one after hours, not after a restart of the policy host. */
static void however_often_mail_tries_an_hour_has_one_failure(void **state)
{
	(void)state;
	struct sts_held *held = put("a.lab", "1", ENFORCE);
	for (unsigned minute = 0; minute < 150; minute++) {
		assert_int_equal(held->failures, (minute + 59) / 60);
		sts_policies_failed(policies, held);
		assert_false(sts_held_may_be_doubted(held));
		kept_pass_s(60);
	}
}

static void what_mail_does_not_ask_for_any_more_is_not_renewed(void **state)
{
	(void)state;
	struct sts_held *held = put("a.lab", "1", ENFORCE);
	held->used_s -= STS_RENEWALS_UNUSED * DAY_S;
	pass(DAY_S + 1);
	assert_int_equal(dues, 0);
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID); /* and now it is in use again */
	pass(2);
	assert_int_equal(dues, 1);
}

/* Its host would be asked ten thousand times for one mail. */
static void a_short_policy_is_not_renewed_for_days_after_the_last_mail(void **state)
{
	(void)state;
	struct sts_held *held;
	due_brings = "version: STSv1\nmode: enforce\nmx: mx.a.lab\nmax_age: 1000\n";
	put("a.lab", "1", due_brings);
	pass(STS_RENEWALS_UNUSED * 500 - 1);
	assert_in_range(dues, STS_RENEWALS_UNUSED - 1, STS_RENEWALS_UNUSED * 4 / 3);
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID);
	unsigned before = dues;
	pass(DAY_S);
	assert_in_range(dues - before, STS_RENEWALS_UNUSED - 1, STS_RENEWALS_UNUSED * 4 / 3);
}

/* STS-36 */
static void a_policy_is_doubted_no_sooner_than_a_minute_after_its_fetch(void **state)
{
	(void)state;
	struct sts_held *held = put("a.lab", "1", ENFORCE);
	sts_policies_doubt(policies, TEXT("a.lab"));
	sts_policies_doubt(policies, TEXT("b.lab")); /* nothing is known of it */
	assert_true(held->doubted);
	assert_false(sts_held_may_be_doubted(held));
	kept_pass_s(STS_DOUBT_MIN_S);
	assert_true(sts_held_may_be_doubted(held));
	sts_policies_failed(policies, held);
	assert_false(held->doubted);
	assert_false(sts_held_may_be_doubted(held));
}

/* POL-14 */
static void an_unsigned_denial_is_believed_after_an_hour(void **state)
{
	(void)state;
	assert_false(sts_policies_doubts_denial(policies, TEXT("a.lab")));
	put("a.lab", "1", ENFORCE);
	assert_true(sts_policies_doubts_denial(policies, TEXT("a.lab")));
	kept_pass_s(3599);
	assert_true(sts_policies_doubts_denial(policies, TEXT("a.lab")));
	kept_pass_s(1);
	assert_false(sts_policies_doubts_denial(policies, TEXT("a.lab")));
	sts_policies_exists(policies, TEXT("a.lab"));
	assert_true(sts_policies_doubts_denial(policies, TEXT("a.lab")));
	put("b.lab", "1", "version: STSv1\nmode: testing\nmx: mx.a.lab\nmax_age: 1000\n");
	assert_false(sts_policies_doubts_denial(policies, TEXT("b.lab")));
}

static void memory_is_bounded_and_who_was_not_asked_for_longest_goes(void **state)
{
	(void)state;
	struct sts_held *held;
	sts_policies_destroy(policies);
	begin(NULL, 2 * (sizeof(struct sts_held) + 100));
	put("a.lab", "1", ENFORCE);
	put("b.lab", "1", ENFORCE);
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID);
	put("c.lab", "1", ENFORCE);
	assert_int_equal(sts_policies_count(policies), 2);
	assert_int_equal(find("b.lab", &held), STS_HELD_NONE);
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_OF(a_policy_is_in_force_from_its_fetch_for_its_max_age),
		TEST_OF(a_max_age_of_nothing_is_not_kept_and_takes_the_old_one_away),
		TEST_OF(a_clock_that_goes_back_keeps_a_policy_for_its_max_age_from_now),
		TEST_OF(a_policy_in_use_is_due_once_a_day_and_not_at_the_same_second_as_the_others),
		TEST_OF(a_short_policy_is_due_at_half_of_its_time),
		TEST_OF(a_renewal_that_fails_is_due_again_in_an_hour_and_takes_nothing_away),
		TEST_OF(however_often_mail_tries_an_hour_has_one_failure),
		TEST_OF(what_mail_does_not_ask_for_any_more_is_not_renewed),
		TEST_OF(a_short_policy_is_not_renewed_for_days_after_the_last_mail),
		TEST_OF(a_policy_is_doubted_no_sooner_than_a_minute_after_its_fetch),
		TEST_OF(an_unsigned_denial_is_believed_after_an_hour),
		TEST_OF(memory_is_bounded_and_who_was_not_asked_for_longest_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
