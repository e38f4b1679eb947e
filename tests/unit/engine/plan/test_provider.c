#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "engine/plan/provider.h"

static void a_known_suffix_gives_the_provider(void **state)
{
	(void)state;
	static const struct {
		const char *host, *key;
		bool is_known;
	} table[] = {
		{ "gmail-smtp-in.l.google.com", "google", true },
		{ "google.com", "google", true },
		{ "example-com.mail.protection.outlook.com", "microsoft", true },
		{ "hotmail-com.olc.protection.outlook.com", "outlook", true },
		{ "mta5.am0.yahoodns.net", "yahoo", true },
		{ "notgoogle.com", "mx:notgoogle.com", false },
		{ "google.com.evil.example", "mx:google.com.evil.example", false },
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		char key[PROVIDER_KEY_MAX];
		assert_int_equal(provider_key(&table[i].host, 1, key), table[i].is_known);
		assert_string_equal(key, table[i].key);
	}
}

static void every_row_of_limits_is_of_a_known_provider(void **state)
{
	(void)state;
	static const char *const known[] = {
#define PROVIDER(name, suffix) name,
#include "engine/plan/provider.def"
#undef PROVIDER
	};
	static const char *const limited[] = {
#define PROVIDER_LIMITS(name, sessions, per_session) name,
#include "engine/plan/provider_limits.def"
#undef PROVIDER_LIMITS
	};
	for (size_t i = 0; i < sizeof limited / sizeof *limited; i++) {
		size_t at = 0;
		while (at < sizeof known / sizeof *known && strcmp(known[at], limited[i]) != 0)
			at++;
		assert_true(at < sizeof known / sizeof *known);
	}
	assert_int_equal(provider_limits_of("google").sessions, 5);
	assert_int_equal(provider_limits_of("google").per_session, 50);
	assert_int_equal(provider_limits_of("mx:google").sessions, 0);
	assert_int_equal(provider_limits_of("").per_session, 0);
}

static void the_order_of_the_hosts_does_not_matter(void **state)
{
	(void)state;
	const char *one[] = { "a.x.example", "b.x.example", "c.x.example" };
	const char *two[] = { "c.x.example", "a.x.example", "b.x.example" };
	char key_one[PROVIDER_KEY_MAX], key_two[PROVIDER_KEY_MAX];
	provider_key(one, 3, key_one);
	provider_key(two, 3, key_two);
	assert_string_equal(key_one, key_two);
	assert_memory_equal(key_one, "mx:a.x.example+", 15);
}

static void another_set_is_another_provider(void **state)
{
	(void)state;
	const char *one[] = { "a.x.example", "b.x.example" };
	const char *two[] = { "a.x.example", "b.y.example" };
	char key_one[PROVIDER_KEY_MAX], key_two[PROVIDER_KEY_MAX], key_three[PROVIDER_KEY_MAX];
	provider_key(one, 2, key_one);
	provider_key(two, 2, key_two);
	provider_key(one, 1, key_three);
	assert_string_not_equal(key_one, key_two);
	assert_string_not_equal(key_one, key_three);
}

static void a_name_of_the_longest_kind_fits(void **state)
{
	(void)state;
	char host[256];
	memset(host, 'a', sizeof host - 1);
	host[sizeof host - 1] = '\0';
	const char *hosts[] = { host, "b.example" };
	char key[PROVIDER_KEY_MAX];
	provider_key(hosts, 2, key);
	assert_int_equal(strlen(key), PROVIDER_KEY_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_suffix_gives_the_provider),
		cmocka_unit_test(every_row_of_limits_is_of_a_known_provider),
		cmocka_unit_test(the_order_of_the_hosts_does_not_matter),
		cmocka_unit_test(another_set_is_another_provider),
		cmocka_unit_test(a_name_of_the_longest_kind_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
