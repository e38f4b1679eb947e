#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "engine/route/domain_index.h"

struct row {
	char domain[DOMAIN_NAME_SIZE];
	int number;
};

static int number_of(const struct domain_index *index, const char *domain)
{
	const struct row *row = domain_index_find(index, text_of(domain));
	return row != NULL ? row->number : -1;
}

static void the_exact_name_wins_over_the_star(void **state)
{
	(void)state;
	static const struct row rows[] = { { "b.lab", 1 }, { "*", 2 }, { "a.lab", 3 } };
	struct domain_index index;
	assert_int_equal(
		domain_index_init(&index, rows, sizeof rows[0], COUNT_OF(rows)), RESULT_OK);
	assert_int_equal(number_of(&index, "a.lab"), 3);
	assert_int_equal(number_of(&index, "b.lab"), 1);
	assert_int_equal(number_of(&index, "c.lab"), 2);
	assert_int_equal(number_of(&index, "x.a.lab"), 2); /* a name does not stand for those below */
	domain_index_deinit(&index);
}

static void the_later_of_two_rows_for_a_domain_wins(void **state)
{
	(void)state;
	static const struct row rows[] = { { "*", 1 }, { "a.lab", 2 }, { "b.lab", 3 },
		{ "a.lab", 4 }, { "*", 5 }, { "a.lab", 6 } };
	struct domain_index index;
	assert_int_equal(
		domain_index_init(&index, rows, sizeof rows[0], COUNT_OF(rows)), RESULT_OK);
	assert_int_equal(number_of(&index, "a.lab"), 6);
	assert_int_equal(number_of(&index, "b.lab"), 3);
	assert_int_equal(number_of(&index, "z.lab"), 5);
	domain_index_deinit(&index);
}

static void an_empty_table_says_nothing(void **state)
{
	(void)state;
	struct domain_index index;
	assert_int_equal(domain_index_init(&index, NULL, sizeof(struct row), 0), RESULT_OK);
	assert_int_equal(number_of(&index, "a.lab"), -1);
	domain_index_deinit(&index);
}

static void every_row_of_a_large_table_is_found(void **state)
{
	(void)state;
	enum { ROWS = 5000 };
	static struct row rows[ROWS];
	for (int i = 0; i < ROWS; i++) {
		snprintf(rows[i].domain, sizeof rows[i].domain, "d%d.lab", (i * 7919) % ROWS);
		rows[i].number = (i * 7919) % ROWS;
	}
	struct domain_index index;
	assert_int_equal(domain_index_init(&index, rows, sizeof rows[0], ROWS), RESULT_OK);
	for (int i = 0; i < ROWS; i++) {
		char domain[32];
		snprintf(domain, sizeof domain, "d%d.lab", i);
		assert_int_equal(number_of(&index, domain), i);
	}
	assert_int_equal(number_of(&index, "d5000.lab"), -1);
	domain_index_deinit(&index);
}

static void a_domain_is_parsed_in_any_spelling(void **state)
{
	(void)state;
	char domain[DOMAIN_NAME_SIZE];
	struct fail fail;
	assert_int_equal(domain_index_parse(TEXT("*"), domain, &fail), RESULT_OK);
	assert_string_equal(domain, "*");
	assert_int_equal(domain_index_parse(TEXT("B\xc3\x9c" "CHER.Lab."), domain, &fail), RESULT_OK);
	assert_string_equal(domain, "xn--bcher-kva.lab");
	assert_int_equal(domain_index_parse(TEXT("*.lab"), domain, &fail), RESULT_INVALID);
	assert_non_null(strstr(fail.text, "*.lab"));
	assert_int_equal(domain_index_parse(TEXT(""), domain, &fail), RESULT_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_exact_name_wins_over_the_star),
		cmocka_unit_test(the_later_of_two_rows_for_a_domain_wins),
		cmocka_unit_test(an_empty_table_says_nothing),
		cmocka_unit_test(every_row_of_a_large_table_is_found),
		cmocka_unit_test(a_domain_is_parsed_in_any_spelling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
