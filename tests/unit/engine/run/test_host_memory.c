/* What a worker remembers of addresses and hosts (MX-18, MX-23, TLS-03, TLS-27). */
#include "tests/unit/unit.h"
#include "engine/run/host_memory.h"
#include "engine/smtp/smtp_caps.h"
#include "tests/unit/engine/run/run_test.h"

#define FIRST_NS  (4 * SECOND_NS)
#define NOW_NS    (1000 * SECOND_NS)

static struct host_memory memory;
static struct ip_address ip;

static int set_up(void **state)
{
	(void)state;
	ip = test_ip("192.0.2.1");
	return host_memory_init(&memory, FIRST_NS) != RESULT_OK;
}

static int tear_down(void **state)
{
	(void)state;
	host_memory_deinit(&memory);
	return 0;
}

static struct host_facts facts_at(uint64_t now_ns)
{
	return host_memory_get(&memory, "mx.a.example", &ip, 25, now_ns);
}

static bool is_down_at(uint64_t now_ns)
{
	return host_memory_is_down(&memory, &ip, 25, now_ns, NULL);
}

static uint64_t down_until(uint64_t now_ns)
{
	uint64_t until_ns = 0;
	assert_true(host_memory_is_down(&memory, &ip, 25, now_ns, &until_ns));
	return until_ns;
}

static void an_unknown_address_is_up_and_does_everything(void **state)
{
	(void)state;
	struct host_facts facts = facts_at(NOW_NS);
	assert_false(is_down_at(NOW_NS));
	assert_int_equal(facts.rung, TLS_RUNG_FULL);
	assert_int_equal(facts.avoid, 0);
}

static void a_dead_address_is_left_alone_for_the_first_wait(void **state) /* MX-18 */
{
	(void)state;
	host_memory_down(&memory, &ip, 25, NOW_NS);
	assert_true(is_down_at(NOW_NS));
	assert_int_equal(down_until(NOW_NS), NOW_NS + FIRST_NS);
	assert_true(is_down_at(NOW_NS + FIRST_NS - 1));
	assert_false(is_down_at(NOW_NS + FIRST_NS));
}

static void the_wait_doubles_up_to_ten_minutes(void **state)
{
	(void)state;
	uint64_t now_ns = NOW_NS, wait_ns = FIRST_NS;
	for (int i = 0; i < 12; i++) {
		host_memory_down(&memory, &ip, 25, now_ns);
		assert_int_equal(down_until(now_ns) - now_ns, wait_ns);
		now_ns += wait_ns;
		wait_ns = wait_ns * 2 < 600 * SECOND_NS ? wait_ns * 2 : 600 * SECOND_NS;
	}
}

static void sessions_that_fail_together_are_one_failure(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 20; i++)
		host_memory_down(&memory, &ip, 25, NOW_NS + i);
	assert_int_equal(down_until(NOW_NS), NOW_NS + FIRST_NS);
	uint64_t later_ns = NOW_NS + FIRST_NS;
	host_memory_down(&memory, &ip, 25, later_ns);
	assert_int_equal(down_until(later_ns), later_ns + 2 * FIRST_NS);
}

static void an_address_that_greets_is_up_and_its_next_wait_is_the_first_again(void **state)
{
	(void)state;
	host_memory_down(&memory, &ip, 25, NOW_NS);
	host_memory_down(&memory, &ip, 25, NOW_NS + FIRST_NS);
	host_memory_up(&memory, &ip, 25);
	assert_false(is_down_at(NOW_NS + FIRST_NS));
	host_memory_down(&memory, &ip, 25, NOW_NS + 10 * FIRST_NS);
	assert_int_equal(down_until(NOW_NS + 10 * FIRST_NS), NOW_NS + 11 * FIRST_NS);
}

static void ports_and_addresses_are_told_apart(void **state)
{
	(void)state;
	struct ip_address other = test_ip("192.0.2.2"), six = test_ip("2001:db8::1");
	host_memory_down(&memory, &ip, 25, NOW_NS);
	assert_false(host_memory_is_down(&memory, &ip, 2525, NOW_NS, NULL));
	assert_false(host_memory_is_down(&memory, &other, 25, NOW_NS, NULL));
	assert_false(host_memory_is_down(&memory, &six, 25, NOW_NS, NULL));
	/* The bytes of 192.0.2.1 at the front of an IPv6 address are another address. */
	struct ip_address alike = ip;
	alike.family = IP_FAMILY_6;
	assert_false(host_memory_is_down(&memory, &alike, 25, NOW_NS, NULL));
}

static void tls_goes_down_one_rung_at_a_time_and_up_after_an_hour(void **state) /* TLS-03, TLS-27 */
{
	(void)state;
	host_memory_tls_failed(&memory, "mx.a.example", &ip, 25, TLS_RUNG_FULL, NOW_NS);
	assert_int_equal(facts_at(NOW_NS).rung, TLS_RUNG_1_2);
	host_memory_tls_failed(&memory, "mx.a.example", &ip, 25, TLS_RUNG_1_2, NOW_NS + 1);
	assert_int_equal(facts_at(NOW_NS + 1).rung, TLS_RUNG_CLEAR);
	assert_int_equal(facts_at(NOW_NS + 3600 * SECOND_NS).rung, TLS_RUNG_CLEAR);
	assert_int_equal(facts_at(NOW_NS + 1 + 3600 * SECOND_NS).rung, TLS_RUNG_FULL);
	/* The ladder begins anew: what was remembered is no reason to skip a rung. */
	host_memory_tls_failed(&memory, "mx.a.example", &ip, 25, TLS_RUNG_FULL, NOW_NS + 4000 * SECOND_NS);
	assert_int_equal(facts_at(NOW_NS + 4000 * SECOND_NS).rung, TLS_RUNG_1_2);
}

static void a_late_failure_on_a_higher_rung_does_not_lift_the_rung(void **state)
{
	(void)state;
	host_memory_tls_failed(&memory, "mx.a.example", &ip, 25, TLS_RUNG_1_2, NOW_NS);
	host_memory_tls_failed(&memory, "mx.a.example", &ip, 25, TLS_RUNG_FULL, NOW_NS + 1);
	assert_int_equal(facts_at(NOW_NS + 1).rung, TLS_RUNG_CLEAR);
}

static void extensions_that_failed_are_avoided_for_a_day(void **state)
{
	(void)state;
	host_memory_avoid(&memory, "mx.a.example", &ip, 25, (unsigned)SMTP_CAP_CHUNKING, 0, NOW_NS);
	host_memory_avoid(&memory, "mx.a.example", &ip, 25, (unsigned)SMTP_CAP_SIZE, 0, NOW_NS + 1);
	assert_int_equal(
		facts_at(NOW_NS + 2).avoid, (unsigned)SMTP_CAP_CHUNKING | (unsigned)SMTP_CAP_SIZE);
	uint64_t day_ns = 24 * 3600 * SECOND_NS;
	assert_int_equal(facts_at(NOW_NS + 1 + day_ns).avoid, 0);
	/* What is learned after that day does not bring the old back. */
	host_memory_avoid(&memory, "mx.a.example", &ip, 25, (unsigned)SMTP_CAP_DSN, 0,
		NOW_NS + 2 + day_ns);
	assert_int_equal(facts_at(NOW_NS + 3 + day_ns).avoid, (unsigned)SMTP_CAP_DSN);
}

static void group_failed(uint64_t opened_ns, uint64_t now_ns)
{
	host_memory_avoid(
		&memory, "mx.a.example", &ip, 25, (unsigned)SMTP_CAP_PIPELINING, opened_ns, now_ns);
}

static void pipelining_is_avoided_when_it_failed_twice_within_a_day(void **state)
{
	(void)state;
	uint64_t day_ns = 24 * 3600 * SECOND_NS;
	unsigned both = (unsigned)SMTP_CAP_PIPELINING | (unsigned)SMTP_CAP_DSN;
	host_memory_avoid(&memory, "mx.a.example", &ip, 25, both, 0, NOW_NS);
	assert_int_equal(facts_at(NOW_NS).avoid, (unsigned)SMTP_CAP_DSN);
	/* A day later the first time is forgotten. */
	group_failed(NOW_NS, NOW_NS + day_ns);
	assert_int_equal(facts_at(NOW_NS + day_ns).avoid, 0);
	group_failed(NOW_NS + day_ns, NOW_NS + day_ns + 1);
	assert_int_equal(facts_at(NOW_NS + day_ns + 1).avoid, (unsigned)SMTP_CAP_PIPELINING);
	assert_int_equal(facts_at(NOW_NS + 2 * day_ns + 1).avoid, 0);
}

static void groups_that_break_together_are_one_failure(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 10; i++)
		group_failed(NOW_NS + i, NOW_NS + 10);
	assert_int_equal(facts_at(NOW_NS + 10).avoid, 0);
	group_failed(NOW_NS + 10, NOW_NS + 11);
	assert_int_equal(facts_at(NOW_NS + 11).avoid, (unsigned)SMTP_CAP_PIPELINING);
}

static void pipelining_that_works_is_suspected_no_more(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 10; i++) {
		group_failed(NOW_NS + i, NOW_NS + i);
		assert_int_equal(facts_at(NOW_NS + i).avoid, 0);
		host_memory_works(&memory, "mx.a.example", &ip, 25, (unsigned)SMTP_CAP_PIPELINING);
	}
	group_failed(NOW_NS + 10, NOW_NS + 10);
	group_failed(NOW_NS + 11, NOW_NS + 11);
	assert_int_equal(facts_at(NOW_NS + 11).avoid, (unsigned)SMTP_CAP_PIPELINING);
	/* Of one that was never heard of nothing is kept. */
	host_memory_works(&memory, "mx.b.example", &ip, 25, (unsigned)SMTP_CAP_PIPELINING);
	assert_int_equal(lru_map_count(&memory.hosts), 1);
}

static void group_was_silent(uint64_t opened_ns, uint64_t now_ns)
{
	host_memory_silent(
		&memory, "mx.a.example", &ip, 25, (unsigned)SMTP_CAP_PIPELINING, opened_ns, now_ns);
}

static void pipelining_that_was_not_answered_in_time_is_avoided_for_an_hour(void **state)
{
	(void)state;
	const unsigned pipelining = (unsigned)SMTP_CAP_PIPELINING;
	uint64_t hour_ns = 3600 * SECOND_NS;
	group_was_silent(NOW_NS, NOW_NS + 1);
	assert_int_equal(facts_at(NOW_NS + 1).avoid, 0);
	group_was_silent(NOW_NS + 1, NOW_NS + 2);
	assert_int_equal(facts_at(NOW_NS + 1 + hour_ns).avoid, pipelining);
	assert_int_equal(facts_at(NOW_NS + 2 + hour_ns).avoid, 0);
	/* It is under suspicion still: that it is silent once more is enough. */
	uint64_t later_ns = NOW_NS + 2 * hour_ns;
	group_was_silent(later_ns, later_ns);
	assert_int_equal(facts_at(later_ns).avoid, pipelining);
	assert_int_equal(facts_at(later_ns + hour_ns).avoid, 0);
	/* Or that it hangs up on a group: that is worth a day. */
	later_ns += hour_ns;
	group_failed(later_ns, later_ns);
	assert_int_equal(facts_at(later_ns + 24 * hour_ns - 1).avoid, pipelining);
	assert_int_equal(facts_at(later_ns + 24 * hour_ns).avoid, 0);
}

static void what_was_answered_wrongly_stays_avoided_when_silence_is_forgotten(void **state)
{
	(void)state;
	uint64_t hour_ns = 3600 * SECOND_NS;
	host_memory_avoid(&memory, "mx.a.example", &ip, 25, (unsigned)SMTP_CAP_DSN, 0, NOW_NS);
	group_was_silent(NOW_NS, NOW_NS);
	group_was_silent(NOW_NS + 1, NOW_NS + 1);
	assert_int_equal(
		facts_at(NOW_NS + 1).avoid, (unsigned)SMTP_CAP_DSN | (unsigned)SMTP_CAP_PIPELINING);
	assert_int_equal(facts_at(NOW_NS + 1 + hour_ns).avoid, (unsigned)SMTP_CAP_DSN);
	assert_int_equal(facts_at(NOW_NS + 24 * hour_ns).avoid, 0); /* nor does silence prolong it */
}

static void a_host_that_is_up_again_keeps_what_was_learned_of_it(void **state)
{
	(void)state;
	host_memory_tls_failed(&memory, "mx.a.example", &ip, 25, TLS_RUNG_FULL, NOW_NS);
	host_memory_avoid(&memory, "mx.a.example", &ip, 25, (unsigned)SMTP_CAP_CHUNKING, 0, NOW_NS);
	host_memory_down(&memory, &ip, 25, NOW_NS);
	host_memory_up(&memory, &ip, 25);
	assert_int_equal(facts_at(NOW_NS).rung, TLS_RUNG_1_2);
	assert_int_equal(facts_at(NOW_NS).avoid, (unsigned)SMTP_CAP_CHUNKING);
}

/* Two names at one address may be two servers behind SNI; that nobody listens there holds for both. */
static void names_at_one_address_have_memories_of_their_own(void **state) /* MX-23 */
{
	(void)state;
	const char *other = "mx.b.example";
	host_memory_tls_failed(&memory, "mx.a.example", &ip, 25, TLS_RUNG_1_2, NOW_NS);
	host_memory_avoid(&memory, "mx.a.example", &ip, 25, (unsigned)SMTP_CAP_CHUNKING, 0, NOW_NS);
	assert_int_equal(facts_at(NOW_NS).rung, TLS_RUNG_CLEAR);
	struct host_facts facts = host_memory_get(&memory, other, &ip, 25, NOW_NS);
	assert_int_equal(facts.rung, TLS_RUNG_FULL);
	assert_int_equal(facts.avoid, 0);
	host_memory_tls_failed(&memory, other, &ip, 25, TLS_RUNG_FULL, NOW_NS);
	host_memory_tls_works(&memory, "mx.a.example", &ip, 25);
	assert_int_equal(facts_at(NOW_NS).rung, TLS_RUNG_FULL);
	assert_int_equal(host_memory_get(&memory, other, &ip, 25, NOW_NS).rung, TLS_RUNG_1_2);
	assert_int_equal(host_memory_get(&memory, other, &ip, 2525, NOW_NS).rung, TLS_RUNG_FULL);
}

static struct ip_address numbered(uint32_t number)
{
	struct ip_address made = { .family = IP_FAMILY_4, .bytes = { 10 } };
	made.bytes[1] = (uint8_t)(number >> 16);
	made.bytes[2] = (uint8_t)(number >> 8);
	made.bytes[3] = (uint8_t)number;
	return made;
}

static void when_memory_is_full_the_one_not_used_longest_is_forgotten(void **state)
{
	(void)state;
	enum { MAX = 16384 };
	for (uint32_t i = 0; i < MAX; i++) {
		struct ip_address address = numbered(i);
		host_memory_down(&memory, &address, 25, NOW_NS);
	}
	assert_int_equal(lru_map_count(&memory.hosts), MAX);
	struct ip_address first = numbered(0), second = numbered(1);
	host_memory_down(&memory, &first, 25, NOW_NS); /* used: now the newest */
	host_memory_down(&memory, &ip, 25, NOW_NS);
	assert_int_equal(lru_map_count(&memory.hosts), MAX);
	assert_true(host_memory_is_down(&memory, &first, 25, NOW_NS, NULL));
	assert_false(host_memory_is_down(&memory, &second, 25, NOW_NS, NULL));
	assert_true(host_memory_is_down(&memory, &ip, 25, NOW_NS, NULL));
}

static void a_host_seldom_refuses_when_it_took_enough(void **state) /* EXT-CHUNK-05 */
{
	(void)state;
	assert_false(facts_at(NOW_NS).seldom_refuses);
	host_memory_answered(&memory, "mx.a.example", &ip, 25, 199, 0);
	assert_false(facts_at(NOW_NS).seldom_refuses);
	host_memory_answered(&memory, "mx.a.example", &ip, 25, 1, 0);
	assert_true(facts_at(NOW_NS).seldom_refuses);
	host_memory_answered(&memory, "mx.a.example", &ip, 25, 2, 2);
	assert_false(facts_at(NOW_NS).seldom_refuses);
	assert_int_equal(facts_at(NOW_NS).rung, TLS_RUNG_FULL);
	assert_int_equal(facts_at(NOW_NS).avoid, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_unknown_address_is_up_and_does_everything),
		TEST(a_dead_address_is_left_alone_for_the_first_wait),
		TEST(the_wait_doubles_up_to_ten_minutes),
		TEST(sessions_that_fail_together_are_one_failure),
		TEST(an_address_that_greets_is_up_and_its_next_wait_is_the_first_again),
		TEST(ports_and_addresses_are_told_apart),
		TEST(tls_goes_down_one_rung_at_a_time_and_up_after_an_hour),
		TEST(a_late_failure_on_a_higher_rung_does_not_lift_the_rung),
		TEST(extensions_that_failed_are_avoided_for_a_day),
		TEST(pipelining_is_avoided_when_it_failed_twice_within_a_day),
		TEST(groups_that_break_together_are_one_failure),
		TEST(pipelining_that_works_is_suspected_no_more),
		TEST(pipelining_that_was_not_answered_in_time_is_avoided_for_an_hour),
		TEST(what_was_answered_wrongly_stays_avoided_when_silence_is_forgotten),
		TEST(a_host_that_is_up_again_keeps_what_was_learned_of_it),
		TEST(names_at_one_address_have_memories_of_their_own),
		TEST(a_host_seldom_refuses_when_it_took_enough),
		TEST(when_memory_is_full_the_one_not_used_longest_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
