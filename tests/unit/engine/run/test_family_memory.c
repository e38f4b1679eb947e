/* Which family of a host goes first, and how far ahead (RFC 8305 5, MX-17). */
#include "tests/unit/unit.h"
#include <stdio.h>
#include "engine/base/ip_address.h"
#include "engine/base/nanoseconds.h"
#include "engine/run/family_memory.h"

#define NOW_NS (1000 * SECOND_NS)

static struct family_memory memory;
static const struct family_host mx = { .name = "mx.a.example", .port = 25, .source = 0 };

static int set_up(void **state)
{
	(void)state;
	return family_memory_init(&memory) != RESULT_OK;
}

static int tear_down(void **state)
{
	(void)state;
	family_memory_deinit(&memory);
	return 0;
}

static void assert_plan(const struct family_host *host, uint64_t now_ns, uint8_t first, uint64_t head_start_ms)
{
	struct family_plan plan = family_memory_plan(&memory, host, now_ns);
	assert_int_equal(plan.first, first);
	assert_int_equal(plan.head_start_ns / MS_NS, head_start_ms);
}

static void of_a_host_that_nobody_knows_ipv6_is_first_by_a_quarter_of_a_second(void **state)
{
	(void)state;
	assert_plan(&mx, NOW_NS, IP_FAMILY_6, 250);
}

static void who_won_is_first_until_the_memory_is_over(void **state)
{
	(void)state;
	family_memory_won(&memory, &mx, IP_FAMILY_4, 10 * MS_NS, NOW_NS);
	assert_plan(&mx, NOW_NS, IP_FAMILY_4, 250);
	assert_plan(&mx, NOW_NS + FAMILY_REMEMBERED_NS - 1, IP_FAMILY_4, 250);
	assert_plan(&mx, NOW_NS + FAMILY_REMEMBERED_NS, IP_FAMILY_6, 250);
}

static void successes_do_not_keep_the_other_family_from_its_turn(void **state)
{
	(void)state;
	family_memory_won(&memory, &mx, IP_FAMILY_4, 10 * MS_NS, NOW_NS);
	for (uint64_t at_ns = NOW_NS; at_ns < NOW_NS + FAMILY_REMEMBERED_NS; at_ns += 60 * SECOND_NS)
		family_memory_won(&memory, &mx, IP_FAMILY_4, 10 * MS_NS, at_ns);
	assert_plan(&mx, NOW_NS + FAMILY_REMEMBERED_NS, IP_FAMILY_6, 250);
}

static void a_family_that_failed_lets_the_other_go_first(void **state)
{
	(void)state;
	family_memory_failed(&memory, &mx, IP_FAMILY_6, NOW_NS);
	assert_plan(&mx, NOW_NS, IP_FAMILY_4, 250);
	/* That it fails again is no news. */
	family_memory_failed(&memory, &mx, IP_FAMILY_6, NOW_NS + 60 * SECOND_NS);
	assert_plan(&mx, NOW_NS + FAMILY_REMEMBERED_NS, IP_FAMILY_6, 250);
	/* But when the other one fails too, the first is as good. */
	family_memory_failed(&memory, &mx, IP_FAMILY_6, NOW_NS);
	family_memory_failed(&memory, &mx, IP_FAMILY_4, NOW_NS);
	assert_plan(&mx, NOW_NS, IP_FAMILY_6, 250);
}

static void a_slow_host_gets_twice_the_time_it_took_and_no_more_than_two_seconds(void **state)
{
	(void)state;
	family_memory_won(&memory, &mx, IP_FAMILY_6, 400 * MS_NS, NOW_NS);
	assert_plan(&mx, NOW_NS, IP_FAMILY_6, 800);
	for (int i = 0; i < 50; i++)
		family_memory_won(&memory, &mx, IP_FAMILY_6, 5000 * MS_NS, NOW_NS);
	assert_plan(&mx, NOW_NS, IP_FAMILY_6, 2000);
	for (int i = 0; i < 50; i++)
		family_memory_won(&memory, &mx, IP_FAMILY_6, 10 * MS_NS, NOW_NS);
	assert_plan(&mx, NOW_NS, IP_FAMILY_6, 250);
}

static void the_speed_of_one_family_says_nothing_of_the_other(void **state)
{
	(void)state;
	family_memory_won(&memory, &mx, IP_FAMILY_6, 900 * MS_NS, NOW_NS);
	family_memory_won(&memory, &mx, IP_FAMILY_4, 20 * MS_NS, NOW_NS);
	assert_plan(&mx, NOW_NS, IP_FAMILY_4, 250);
}

static void hosts_ports_and_sources_are_apart(void **state)
{
	(void)state;
	const struct family_host others[] = { { "mx.b.example", 25, 0 }, { "mx.a.example", 587, 0 },
		{ "mx.a.example", 25, 1 } };
	family_memory_failed(&memory, &mx, IP_FAMILY_6, NOW_NS);
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_plan(&others[i], NOW_NS, IP_FAMILY_6, 250);
}

static void the_host_that_was_not_used_for_longest_is_forgotten_for_a_new_one(void **state)
{
	(void)state;
	char name[32];
	struct family_host host = { .name = name, .port = 25 };
	for (int i = 0; i < FAMILY_MEMORY_MAX; i++) {
		snprintf(name, sizeof name, "mx%d.example", i);
		family_memory_failed(&memory, &host, IP_FAMILY_6, NOW_NS);
	}
	const struct family_host first = { "mx0.example", 25, 0 }, second = { "mx1.example", 25, 0 };
	assert_plan(&first, NOW_NS, IP_FAMILY_4, 250);
	family_memory_failed(&memory, &mx, IP_FAMILY_6, NOW_NS);
	assert_plan(&first, NOW_NS, IP_FAMILY_4, 250);
	assert_plan(&second, NOW_NS, IP_FAMILY_6, 250);
	assert_int_equal(lru_map_count(&memory.hosts), FAMILY_MEMORY_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(of_a_host_that_nobody_knows_ipv6_is_first_by_a_quarter_of_a_second),
		TEST(who_won_is_first_until_the_memory_is_over),
		TEST(successes_do_not_keep_the_other_family_from_its_turn),
		TEST(a_family_that_failed_lets_the_other_go_first),
		TEST(a_slow_host_gets_twice_the_time_it_took_and_no_more_than_two_seconds),
		TEST(the_speed_of_one_family_says_nothing_of_the_other),
		TEST(hosts_ports_and_sources_are_apart),
		TEST(the_host_that_was_not_used_for_longest_is_forgotten_for_a_new_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
