/* The words of --source, and the pools that they make up. */
#include "engine/run/source.h"
#include <stdio.h>
#include <string.h>
#include "engine/plan/source_choice.h"
#include "tests/unit/unit.h"

static struct arena arena;
static struct source source;
static struct fail fail;

static enum result parse(const char *value)
{
	arena_reset(&arena);
	fail_clear(&fail);
	return source_parse(value, "mail.sender.example", &arena, &source, &fail);
}

static void an_address_alone_is_a_source(void **state)
{
	(void)state;
	assert_int_equal(parse("2001:DB8::0:5"), RESULT_OK);
	assert_string_equal(source.text, "2001:db8::5");
	assert_string_equal(source.helo, "mail.sender.example");
	assert_int_equal(source.weight, 1);
	assert_int_equal(source.warmup.days, 0);
	assert_int_equal(source.pools_count, 0);
}

static void the_old_form_with_a_comma_is_understood(void **state)
{
	(void)state;
	static const char *const forms[] = { "192.0.2.7,helo=a.sender.example",
		" 192.0.2.7 , helo=a.sender.example ", "192.0.2.7 helo=a.sender.example" };
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		assert_int_equal(parse(forms[i]), RESULT_OK);
		assert_string_equal(source.text, "192.0.2.7");
		assert_string_equal(source.helo, "a.sender.example");
	}
}

static void every_setting_is_read(void **state)
{
	(void)state;
	assert_int_equal(parse("192.0.2.7 weight=3  pool=news,Alerts warmup=50,100,200 since=2026-09-01 "
			       "helo=a.sender.example"),
		RESULT_OK);
	assert_int_equal(source.weight, 3);
	assert_int_equal(source.pools_count, 2);
	assert_text_equal(source.pools[0], "news");
	assert_text_equal(source.pools[1], "Alerts");
	assert_int_equal(source.warmup.days, 3);
	assert_int_equal(source.warmup.limits[0], 50);
	assert_int_equal(source.warmup.limits[2], 200);
	assert_true(source.warmup.has_since);
	assert_int_equal(source.warmup.since, 20697);
}

static void what_cannot_be_meant_so_is_told_in_words(void **state)
{
	(void)state;
	static const struct {
		const char *value, *words;
	} table[] = {
		{ "", "--source: '' is not an IP address of this machine" },
		{ "mx.example weight=1", "--source: 'mx.example' is not an IP address" },
		{ "192.0.2.7 weight=0", "--source 192.0.2.7: '0' is no weight from 1 to 1000" },
		{ "192.0.2.7 weight=1001", "'1001' is no weight" },
		{ "192.0.2.7 weight=", "'' is no weight" },
		{ "192.0.2.7 pool=", "'' is no name of a pool" },
		{ "192.0.2.7 pool=a,,b", "'' is no name of a pool" },
		{ "192.0.2.7 pool=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "at most 16 pools" },
		{ "192.0.2.7 warmup=", "'' of the warm-up is no number of recipients a day" },
		{ "192.0.2.7 warmup=50,x", "'x' of the warm-up" },
		{ "192.0.2.7 warmup=50,0", "'0' of the warm-up" },
		{ "192.0.2.7 warmup=50 since=1.9.2026", "'1.9.2026' is no date like 2026-09-01" },
		{ "192.0.2.7 since=2026-09-01", "since= is the first day of a warmup=, and there is none" },
		{ "192.0.2.7 weight=2 weight=3", "'weight=3' is said twice" },
		{ "192.0.2.7 helo=a", "--helo: 'a' is not a fully qualified name" },
		{ "192.0.2.7 fast", "'fast' is not understood; after the address come helo=NAME" },
		{ "192.0.2.7,name=x", "'name=x' is not understood" },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		assert_int_equal(parse(table[i].value), RESULT_INVALID);
		if (strstr(fail.text, table[i].words) == NULL)
			fail_msg("\"%s\" is not in \"%s\"", table[i].words, fail.text);
	}
}

static void a_warm_up_has_a_last_day(void **state)
{
	(void)state;
	char value[2000] = "192.0.2.7 warmup=1";
	for (int i = 1; i < WARMUP_DAYS_MAX; i++)
		strcat(value, ",1");
	assert_int_equal(parse(value), RESULT_OK);
	strcat(value, ",1");
	assert_int_equal(parse(value), RESULT_INVALID);
	assert_non_null(strstr(fail.text, "a warm-up of 367 days, at most 366"));
}

/* ---- pools ---- */

static struct source sources[4];
static struct source_pools pools;

/* One word of --source each, up to NULL. */
static void make(const char *const *values)
{
	uint32_t count = 0;
	arena_reset(&arena);
	for (; values[count] != NULL; count++) {
		assert_int_equal(source_parse(values[count], "mail.sender.example", &arena, &sources[count],
					 &fail),
			RESULT_OK);
		sources[count].index = count;
	}
	assert_int_equal(source_pools_make(sources, count, &arena, &pools, &fail), RESULT_OK);
}

/* Who is in the pool of that name, as bits; -1: there is no such pool. */
static int members(const char *name)
{
	const struct source_pool *pool = source_pools_find(&pools, text_of(name));
	int bits = 0;
	if (pool == NULL)
		return -1;
	for (uint32_t i = 0; i < pool->count; i++) {
		bits |= 1 << pool->sources[i];
		assert_true(source_pool_has(pool, &sources[pool->sources[i]]));
	}
	return bits;
}

static void without_pools_all_serve_all_mail(void **state)
{
	(void)state;
	make((const char *const[]){ "192.0.2.1", "192.0.2.2", NULL });
	assert_int_equal(members(""), 3);
	assert_int_equal(members("news"), 3);
}

static void a_pool_is_those_that_have_its_name(void **state)
{
	(void)state;
	make((const char *const[]){ "192.0.2.1", "192.0.2.2 pool=news", "192.0.2.3 pool=NEWS,alerts",
		"192.0.2.4 pool=default,alerts,alerts", NULL });
	assert_int_equal(members("News"), 2 | 4);
	assert_int_equal(members("alerts"), 4 | 8);
	assert_int_equal(members(""), 1 | 8);
	assert_int_equal(members("default"), 1 | 8);
	assert_int_equal(members("other"), -1);
	assert_false(source_pool_has(source_pools_find(&pools, TEXT("news")), &sources[0]));
	assert_false(source_pool_has(NULL, &sources[0]));
}

static void where_all_have_pools_nobody_serves_mail_that_names_none(void **state)
{
	(void)state;
	make((const char *const[]){ "192.0.2.1 pool=news", "192.0.2.2 pool=alerts", NULL });
	assert_int_equal(members("news"), 1);
	assert_int_equal(members(""), -1);
	assert_int_equal(members("default"), -1);
}

static int begin(void **state)
{
	(void)state;
	arena_init(&arena, 4096, 1 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_alone_is_a_source),
		cmocka_unit_test(the_old_form_with_a_comma_is_understood),
		cmocka_unit_test(every_setting_is_read),
		cmocka_unit_test(what_cannot_be_meant_so_is_told_in_words),
		cmocka_unit_test(a_warm_up_has_a_last_day),
		cmocka_unit_test(without_pools_all_serve_all_mail),
		cmocka_unit_test(a_pool_is_those_that_have_its_name),
		cmocka_unit_test(where_all_have_pools_nobody_serves_mail_that_names_none),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
