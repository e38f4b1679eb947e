/* What the operator holds back: rules that stay over a restart, and mean what they say. */
#include "engine/run/holds.h"
#include <string.h>
#include "tests/unit/store/temp_folder.h"

static struct holds holds;
static struct fail why;

static int set_up(void **state)
{
	why = (struct fail){ 0 };
	return temp_folder_make(state) != 0 || holds_load(&holds, temp_folder, &why) != RESULT_OK;
}

static int tear_down(void **state)
{
	holds_deinit(&holds);
	return temp_folder_remove(state);
}

static void load_again(enum result expected)
{
	holds_deinit(&holds);
	assert_int_equal(holds_load(&holds, temp_folder, &why), expected);
}

static void add(enum hold_kind kind, const char *name)
{
	assert_int_equal(holds_add(&holds, kind, text_of(name), &why), RESULT_OK);
}

static const char *match(const char *domain, const char *job, const char *file)
{
	return holds_match(&holds, text_of(domain), text_of(job), text_of(file));
}

static void without_a_rule_nothing_is_held(void **state)
{
	(void)state;
	assert_int_equal(why.result, RESULT_OK);
	assert_int_equal(holds_count(&holds), 0);
	assert_null(match("a.example", "job", "m.eml"));
}

static void a_rule_holds_what_it_names_and_nothing_else(void **state)
{
	(void)state;
	add(HOLD_DOMAIN, "a.example");
	add(HOLD_JOB, "spring sale");
	add(HOLD_FILE, "m.eml");
	assert_string_equal(match("a.example", "", "x"), "domain a.example");
	assert_string_equal(match("b.example", "spring sale", "x"), "job spring sale");
	assert_string_equal(match("b.example", "", "m.eml"), "file m.eml");
	assert_null(match("sub.a.example", "spring", "m.eml2"));
	/* A name of one kind is none of another. */
	assert_null(match("m.eml", "a.example", "spring sale"));
}

static void rules_are_there_after_a_restart(void **state)
{
	(void)state;
	add(HOLD_DOMAIN, "a.example");
	add(HOLD_JOB, "b\xc3\xbc"
		      "cher  zwei");
	add(HOLD_FILE, "m.eml");
	assert_int_equal(holds_save(&holds, &why), RESULT_OK);
	load_again(RESULT_OK);
	assert_int_equal(holds_count(&holds), 3);
	assert_true(holds_have(&holds, HOLD_JOB,
		TEXT("b\xc3\xbc"
		     "cher  zwei")));
	assert_true(holds_remove(&holds, HOLD_FILE, TEXT("m.eml")));
	assert_false(holds_remove(&holds, HOLD_FILE, TEXT("m.eml")));
	assert_int_equal(holds_save(&holds, &why), RESULT_OK);
	load_again(RESULT_OK);
	assert_int_equal(holds_count(&holds), 2);
}

static void what_a_write_left_behind_that_was_cut_off_does_not_count(void **state)
{
	(void)state;
	add(HOLD_DOMAIN, "a.example");
	assert_int_equal(holds_save(&holds, &why), RESULT_OK);
	temp_write("holds.new", "w", "domain b.exam", 13);
	load_again(RESULT_OK);
	assert_int_equal(holds_count(&holds), 1);
	add(HOLD_DOMAIN, "c.example");
	assert_int_equal(holds_save(&holds, &why), RESULT_OK);
	load_again(RESULT_OK);
	assert_int_equal(holds_count(&holds), 2);
}

static void a_line_that_is_no_rule_is_an_error_with_its_number(void **state)
{
	(void)state;
	static const char *const bad[] = { "domain a.example\nnonsense\n", "job x\ndomain \n",
		"domain a\ndomainb\n" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		temp_write("holds", "w", bad[i], strlen(bad[i]));
		load_again(RESULT_DAMAGED);
		assert_non_null(strstr(why.text, "line 2 of "));
	}
}

static void there_are_not_more_rules_than_the_limit(void **state)
{
	(void)state;
	char name[300];
	for (int i = 0; i < HOLDS_MAX; i++) {
		(void)snprintf(name, sizeof name, "%0255d", i);
		add(HOLD_FILE, name);
	}
	add(HOLD_FILE, name); /* it is there */
	assert_int_equal(holds_add(&holds, HOLD_FILE, TEXT("one more"), &why), RESULT_LIMIT);
	assert_int_equal(holds_save(&holds, &why), RESULT_OK);
	load_again(RESULT_OK);
	assert_int_equal(holds_count(&holds), HOLDS_MAX);
}

int main(void)
{
#define TEST_OF(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST_OF(without_a_rule_nothing_is_held),
		TEST_OF(a_rule_holds_what_it_names_and_nothing_else),
		TEST_OF(rules_are_there_after_a_restart),
		TEST_OF(what_a_write_left_behind_that_was_cut_off_does_not_count),
		TEST_OF(a_line_that_is_no_rule_is_an_error_with_its_number),
		TEST_OF(there_are_not_more_rules_than_the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
