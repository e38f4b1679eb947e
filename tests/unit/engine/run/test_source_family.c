/* Which of our addresses belong together, and which of them a connection is made from. */
#include "tests/unit/unit.h"
#include "engine/run/source_family.h"
#include "tests/unit/engine/run/run_test.h"

static struct source sources[6];

static uint32_t pair(const char *const *words, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		sources[i] = (struct source){
			.address = test_ip(words[2 * i]), .text = words[2 * i], .helo = words[2 * i + 1] };
	return sources_pair(sources, count);
}

static void assert_source(uint32_t at, const char *address, const char *second)
{
	struct ip_address ip = test_ip(address);
	assert_true(ip_address_equal(&sources[at].address, &ip));
	assert_int_equal(source_is_dual(&sources[at]), second != NULL);
	if (second == NULL)
		return;
	ip = test_ip(second);
	assert_true(ip_address_equal(&sources[at].second, &ip));
}

static void one_of_each_family_under_a_name_is_one_source(void **state)
{
	(void)state;
	static const char *const words[] = { "192.0.2.1", "a.example", "192.0.2.2", "a.example", "2001:db8::1",
		"a.example", "2001:db8::2", "b.example", "2001:db8::3", "a.example", "192.0.2.3", "b.example" };
	assert_int_equal(pair(words, 6), 3);
	assert_source(0, "192.0.2.1", "2001:db8::1");
	assert_source(1, "192.0.2.2", "2001:db8::3");
	assert_source(2, "192.0.2.3", "2001:db8::2");
}

/* The counts of a warm-up stand under it on disk: another order of the flags must not begin it anew. */
static void a_pair_has_the_name_of_its_ipv4_address_in_any_order(void **state)
{
	(void)state;
	static const char *const words[] = { "192.0.2.1", "a.example", "2001:db8::1", "a.example" };
	static const char *const turned[] = { "2001:db8::1", "a.example", "192.0.2.1", "a.example" };
	assert_int_equal(pair(words, 2), 1);
	assert_string_equal(sources[0].text, "192.0.2.1");
	assert_int_equal(pair(turned, 2), 1);
	assert_string_equal(sources[0].text, "192.0.2.1");
	assert_source(0, "192.0.2.1", "2001:db8::1");
}

static void what_has_no_partner_stays_alone(void **state)
{
	(void)state;
	static const char *const words[] = { "192.0.2.1", "a.example", "192.0.2.2", "a.example", "2001:db8::1",
		"b.example", "2001:db8::2", "a.example" };
	assert_int_equal(pair(words, 4), 3);
	assert_source(0, "192.0.2.1", "2001:db8::2");
	assert_source(1, "192.0.2.2", NULL);
	assert_source(2, "2001:db8::1", NULL);
}

static void other_settings_make_another_source(void **state)
{
	(void)state;
	static const uint32_t ramp[] = { 50, 100 }, steeper[] = { 50, 200 };
	const struct source four = { .address = test_ip("192.0.2.1"), .helo = "a.example", .weight = 1,
		.pools = { TEXT("news") }, .pools_count = 1, .warmup = { .limits = ramp, .days = 2 } };
	struct source six = four;
	six.address = test_ip("2001:db8::1");
	struct source others[] = { six, six, six, six, six };
	others[0].weight = 2;
	others[1].pools[0] = TEXT("shop");
	others[2].pools_count = 0;
	others[3].warmup.limits = steeper;
	others[4].warmup.has_since = true;
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		sources[0] = four;
		sources[1] = others[i];
		assert_int_equal(sources_pair(sources, 2), 2);
	}
	sources[0] = four;
	sources[1] = six;
	assert_int_equal(sources_pair(sources, 2), 1);
	assert_source(0, "192.0.2.1", "2001:db8::1");
}

static void a_connection_is_made_from_the_address_of_its_family(void **state) /* MX-17 */
{
	(void)state;
	struct source any = { .helo = "a.example" }, four = { .address = test_ip("192.0.2.1") }, both = four;
	both.second = test_ip("2001:db8::1");
	assert_true(source_reaches(&any, IP_FAMILY_4) && source_reaches(&any, IP_FAMILY_6));
	assert_int_equal(source_address(&any, IP_FAMILY_6).family, IP_FAMILY_NONE);
	assert_true(source_reaches(&four, IP_FAMILY_4));
	assert_false(source_reaches(&four, IP_FAMILY_6));
	assert_true(source_reaches(&both, IP_FAMILY_4) && source_reaches(&both, IP_FAMILY_6));
	struct ip_address from = source_address(&both, IP_FAMILY_6);
	assert_true(ip_address_equal(&from, &both.second));
	from = source_address(&both, IP_FAMILY_4);
	assert_true(ip_address_equal(&from, &both.address));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_each_family_under_a_name_is_one_source),
		cmocka_unit_test(a_pair_has_the_name_of_its_ipv4_address_in_any_order),
		cmocka_unit_test(what_has_no_partner_stays_alone),
		cmocka_unit_test(other_settings_make_another_source),
		cmocka_unit_test(a_connection_is_made_from_the_address_of_its_family),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
