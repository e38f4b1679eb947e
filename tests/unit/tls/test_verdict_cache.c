/* TLS-13, TLS-14: what was proved is believed again for the very same question, and for no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/policy.h"
#include "tls/tls_verify.h"
#include "tls/verdict_cache.h"

static struct verdict_cache *cache;
static const struct verdict_cache_value proved = { true, false, 1000, 2000 };

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(verdict_cache_create(64 * 1024, &cache), RESULT_OK);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	verdict_cache_destroy(cache);
	return 0;
}

static struct tls_chain chain_of(const char *leaf, const char *other)
{
	struct tls_chain chain = { .certs_count = other != NULL ? 2 : 1 };
	chain.certs[0] = (struct tls_cert){ (const uint8_t *)leaf, strlen(leaf) };
	if (other != NULL)
		chain.certs[1] = (struct tls_cert){ (const uint8_t *)other, strlen(other) };
	return chain;
}

static struct security_demand demand_with(const struct tlsa_record *record, const struct text *name)
{
	return (struct security_demand){
		.need = SECURITY_NEED_DANE,
		.tls_version_min = TLS_VERSION_1_2,
		.sni = TEXT("mx.example"),
		.names = name,
		.names_count = name != NULL,
		.tlsa = record,
		.tlsa_count = 1,
	};
}

static bool found(const struct tls_chain *chain, const struct security_demand *demand, uint64_t now)
{
	struct verdict_cache_value value;
	if (!verdict_cache_find(cache, chain, demand, now, &value))
		return false;
	assert_true(value.proved_dane && !value.proved_pkix);
	return true;
}

static void what_was_proved_is_found_while_it_holds(void **state)
{
	(void)state;
	const struct tlsa_record record = { .usage = 2, .selector = 1, .matching = 1,
		.data = TEXT("0123") };
	const struct text name = TEXT("mx.example");
	const struct tls_chain chain = chain_of("leaf", "middle");
	const struct security_demand demand = demand_with(&record, &name);
	assert_false(found(&chain, &demand, 1000));
	verdict_cache_add(cache, &chain, &demand, &proved);
	assert_true(found(&chain, &demand, 1000));
	assert_true(found(&chain, &demand, 2000));
	assert_false(found(&chain, &demand, 2001));
	assert_int_equal(verdict_cache_count(cache), 0);
	verdict_cache_add(cache, &chain, &demand, &proved);
	assert_false(found(&chain, &demand, 999)); /* the clock was set back */
}

static void another_chain_or_demand_is_another_question(void **state)
{
	(void)state;
	const struct tlsa_record record = { .usage = 2, .selector = 1, .matching = 1,
		.data = TEXT("0123") };
	const struct text name = TEXT("mx.example"), other_name = TEXT("mx2.example");
	const struct tls_chain chain = chain_of("leaf", "middle");
	const struct security_demand demand = demand_with(&record, &name);
	verdict_cache_add(cache, &chain, &demand, &proved);

	const struct tls_chain others[] = { chain_of("leaf", NULL), chain_of("leafmiddle", NULL),
		chain_of("leaf", "Middle"), chain_of("lea", "fmiddle"),
		chain_of("middle", "leaf") };
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_false(found(&others[i], &demand, 1500));

	struct tlsa_record changed[] = { record, record, record, record };
	changed[0].usage = 3;
	changed[1].selector = 0;
	changed[2].matching = 2;
	changed[3].data = TEXT("0124");
	for (size_t i = 0; i < COUNT_OF(changed); i++) {
		const struct security_demand with = demand_with(&changed[i], &name);
		assert_false(found(&chain, &with, 1500));
	}
	const struct security_demand renamed = demand_with(&record, &other_name);
	assert_false(found(&chain, &renamed, 1500));
	struct security_demand more = demand;
	more.need = SECURITY_NEED_DANE_STS;
	assert_false(found(&chain, &more, 1500));
	more = demand;
	more.trust_generation = 2;
	assert_false(found(&chain, &more, 1500));
	more = demand;
	more.root_names = &name;
	more.root_names_count = 1;
	assert_false(found(&chain, &more, 1500));
	assert_true(found(&chain, &demand, 1500));
}

static void the_newest_value_stands(void **state)
{
	(void)state;
	const struct tlsa_record record = { .usage = 2, .selector = 1, .matching = 1,
		.data = TEXT("0123") };
	const struct tls_chain chain = chain_of("leaf", NULL);
	const struct security_demand demand = demand_with(&record, NULL);
	struct verdict_cache_value later = proved;
	later.until_s = 5000;
	verdict_cache_add(cache, &chain, &demand, &proved);
	verdict_cache_add(cache, &chain, &demand, &later);
	assert_int_equal(verdict_cache_count(cache), 1);
	assert_true(found(&chain, &demand, 4000));
}

static void memory_is_bounded_and_the_least_used_goes_first(void **state)
{
	(void)state;
	char leaf[4000];
	const struct tlsa_record record = { .usage = 2, .selector = 1, .matching = 1,
		.data = TEXT("0123") };
	const struct security_demand demand = demand_with(&record, NULL);
	memset(leaf, 'x', sizeof leaf);
	leaf[sizeof leaf - 1] = '\0';
	leaf[0] = '0';
	const struct tls_chain first = chain_of(leaf, NULL);
	verdict_cache_add(cache, &first, &demand, &proved);
	char keeper[4000];
	memcpy(keeper, leaf, sizeof leaf);
	for (int i = 1; i < 100; i++) {
		leaf[0] = (char)i;
		const struct tls_chain chain = chain_of(leaf, NULL);
		verdict_cache_add(cache, &chain, &demand, &proved);
		assert_true(verdict_cache_bytes(cache) <= 64 * 1024);
		const struct tls_chain used = chain_of(keeper, NULL);
		assert_true(found(&used, &demand, 1500));
	}
	leaf[0] = 1;
	const struct tls_chain old = chain_of(leaf, NULL);
	assert_false(found(&old, &demand, 1500));
	assert_true(verdict_cache_count(cache) >= 14);
}

static void what_is_too_long_is_not_kept(void **state)
{
	(void)state;
	static char leaf[VERDICT_CACHE_KEY_BYTES_MAX + 1];
	const struct tlsa_record record = { .usage = 2, .selector = 1, .matching = 1,
		.data = TEXT("0123") };
	const struct security_demand demand = demand_with(&record, NULL);
	memset(leaf, 'x', sizeof leaf - 1);
	const struct tls_chain chain = chain_of(leaf, NULL);
	verdict_cache_add(cache, &chain, &demand, &proved);
	assert_false(found(&chain, &demand, 1500));
	assert_int_equal(verdict_cache_bytes(cache), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_was_proved_is_found_while_it_holds),
		TEST(another_chain_or_demand_is_another_question),
		TEST(the_newest_value_stands),
		TEST(memory_is_bounded_and_the_least_used_goes_first),
		TEST(what_is_too_long_is_not_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
