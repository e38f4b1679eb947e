/* DNS-26: what the cache does when the wall clock jumps. */
#include "tests/unit/store/cache_fixture.h"

enum { DAY_S = 86400 };

static void write_all(void)
{
	for (size_t i = EXAMPLE_TLSA; i <= EXAMPLE_A; i++)
		put(&examples[i]);
	write_batch(EXAMPLE_NOW_S);
}

static void a_jump_forward_makes_everything_expire(void **state)
{
	(void)state;
	open_cache();
	write_all();
	for (size_t i = EXAMPLE_TLSA; i <= EXAMPLE_A; i++)
		assert_false(is_found(&examples[i].key, EXAMPLE_NOW_S + 8 * DAY_S));
}

/* STS: losing an enforced policy would be a downgrade, so it stays, for max_age from now at most. */
static void after_a_jump_back_only_policies_are_found(void **state)
{
	(void)state;
	const uint64_t now_s = EXAMPLE_NOW_S - 2 * DAY_S;
	open_cache();
	write_all();
	for (int round = 0; round < 3; round++) {
		struct cache_entry entry;
		assert_false(is_found(&examples[EXAMPLE_TLSA].key, now_s));
		assert_false(is_found(&examples[EXAMPLE_MX].key, now_s));
		assert_false(is_found(&examples[EXAMPLE_A].key, now_s));
		assert_int_equal(look_up(&examples[EXAMPLE_STS].key, now_s, &entry), RESULT_OK);
		assert_same_sts(&entry.of.sts, &examples[EXAMPLE_STS].of.sts);
		assert_true(entry.times.fetched_s == now_s);
		assert_true(entry.times.expires_s == now_s + 604800);
		if (round == 0) {
			/* Another process, after a restart. */
			close_cache();
			open_cache();
		} else if (round == 1) {
			/* The next write makes it so in the file. */
			assert_int_equal(cache_entries(cache), 4);
			write_batch(now_s);
			assert_int_equal(cache_entries(cache), 1);
		}
	}
	/* Now its life is what the file says: it does not grow. */
	assert_true(is_found(&examples[EXAMPLE_STS].key, now_s + 604799));
	assert_false(is_found(&examples[EXAMPLE_STS].key, now_s + 604800));
}

/* A step back by less than the age of an entry would lengthen its life. */
static void a_step_back_within_the_life_of_an_entry_is_seen_too(void **state)
{
	(void)state;
	const uint64_t seen_s = EXAMPLE_NOW_S + 250, now_s = EXAMPLE_NOW_S + 20;
	open_cache();
	write_all();
	assert_true(is_found(&examples[EXAMPLE_TLSA].key, seen_s));
	put_numbered(1, 1000);
	write_batch(seen_s);
	assert_false(is_found(&examples[EXAMPLE_TLSA].key, now_s));
	close_cache();
	open_cache();
	assert_false(is_found(&examples[EXAMPLE_TLSA].key, now_s));
	write_batch(now_s);
	assert_int_equal(cache_entries(cache), 1);
	/* What is learned from then on is kept as ever. */
	struct cache_entry again = examples[EXAMPLE_TLSA];
	again.times = (struct cache_times){ now_s, now_s + 300 };
	put(&again);
	write_batch(now_s);
	assert_true(is_found(&again.key, now_s + 299));
	assert_false(is_found(&again.key, now_s + 300));
}

static void the_usual_unrest_of_a_clock_costs_nothing(void **state)
{
	(void)state;
	open_cache();
	write_all();
	put_numbered(1, 1000);
	write_batch(EXAMPLE_NOW_S + 100);
	const uint64_t now_s = EXAMPLE_NOW_S + 100 - CACHE_CLOCK_SLACK_S;
	assert_true(is_found(&examples[EXAMPLE_TLSA].key, now_s));
	assert_false(is_found(&examples[EXAMPLE_TLSA].key, now_s - 1));
	write_batch(now_s);
	assert_int_equal(cache_entries(cache), 5);
	assert_true(is_found(&examples[EXAMPLE_TLSA].key, now_s));
}

static void what_was_fetched_in_the_future_is_not_written(void **state)
{
	(void)state;
	open_cache();
	put(&examples[EXAMPLE_TLSA]);
	write_batch(EXAMPLE_NOW_S - CACHE_CLOCK_SLACK_S - 1);
	assert_int_equal(cache_entries(cache), 0);
	put(&examples[EXAMPLE_TLSA]);
	write_batch(EXAMPLE_NOW_S - CACHE_CLOCK_SLACK_S);
	assert_int_equal(cache_entries(cache), 1);
	assert_false(is_found(&examples[EXAMPLE_TLSA].key, EXAMPLE_NOW_S - 1));
	assert_true(is_found(&examples[EXAMPLE_TLSA].key, EXAMPLE_NOW_S));
}

static void what_expired_while_it_waited_is_not_written(void **state)
{
	(void)state;
	open_cache();
	put(&examples[EXAMPLE_TLSA]);
	write_batch(EXAMPLE_NOW_S + 300);
	assert_int_equal(cache_entries(cache), 0);
}

/* A policy that was fetched when the clock was years ahead. */
static void a_policy_from_the_future_lives_for_its_max_age_at_most(void **state)
{
	(void)state;
	const uint64_t ahead_s = EXAMPLE_NOW_S + 1000 * (uint64_t)DAY_S;
	struct cache_entry policy = examples[EXAMPLE_STS], got;
	policy.times = (struct cache_times){ ahead_s, ahead_s + 604800 };
	open_cache();
	put(&policy);
	write_batch(ahead_s);
	assert_int_equal(look_up(&policy.key, EXAMPLE_NOW_S, &got), RESULT_OK);
	assert_true(got.times.expires_s == EXAMPLE_NOW_S + 604800);
	write_batch(EXAMPLE_NOW_S);
	assert_false(is_found(&policy.key, EXAMPLE_NOW_S + 604800));
	/* And what is fetched now replaces it. */
	put(&examples[EXAMPLE_STS_NONE]);
	write_batch(EXAMPLE_NOW_S);
	assert_example_found(EXAMPLE_STS_NONE, EXAMPLE_NOW_S);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_jump_forward_makes_everything_expire),
		TEST(after_a_jump_back_only_policies_are_found),
		TEST(a_step_back_within_the_life_of_an_entry_is_seen_too),
		TEST(the_usual_unrest_of_a_clock_costs_nothing),
		TEST(what_was_fetched_in_the_future_is_not_written),
		TEST(what_expired_while_it_waited_is_not_written),
		TEST(a_policy_from_the_future_lives_for_its_max_age_at_most),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
