#include "tests/unit/unit.h"
#include <errno.h>
#include <stdio.h>
#include "engine/base/result.h"

static void every_result_has_a_name_and_a_text(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RESULT_COUNT; i++) {
		assert_true(strlen(result_name((enum result)i)) > 0);
		assert_true(strlen(result_text((enum result)i)) > 0);
	}
	assert_string_equal(result_name(RESULT_TOO_LONG), "TOO_LONG");
}

static void a_failure_of_the_system_carries_its_meaning(void **state)
{
	(void)state;
	struct fail fail;
	assert_int_equal(fail_set_errno(&fail, ENOENT, "cannot open %s", "x"), RESULT_NOT_FOUND);
	assert_int_equal(fail.sys_errno, ENOENT);
	assert_string_equal(fail.text, "cannot open x: No such file or directory");
	assert_int_equal(result_of_errno(EIO), RESULT_IO);
	assert_int_equal(result_of_errno(ENOSPC), RESULT_NO_SPACE);
	assert_int_equal(result_of_errno(0), RESULT_OK);
	assert_int_equal(result_of_errno(99999), RESULT_IO);
}

static void context_goes_in_front(void **state)
{
	(void)state;
	struct fail fail;
	assert_int_equal(fail_set(&fail, RESULT_INVALID, "%d is odd", 3), RESULT_INVALID);
	assert_int_equal(fail_prefix(&fail, "%s line %u", "f", 7u), RESULT_INVALID);
	assert_string_equal(fail.text, "f line 7: 3 is odd");
	/* An argument that points into the text itself. */
	assert_int_equal(fail_set(&fail, RESULT_IO, "again: %s", fail.text), RESULT_IO);
	assert_string_equal(fail.text, "again: f line 7: 3 is odd");
	fail_clear(&fail);
	assert_int_equal(fail.result, RESULT_OK);
	assert_string_equal(fail.text, "");
}

static void long_texts_are_cut_and_terminated(void **state)
{
	(void)state;
	struct fail fail;
	char large[1000];
	memset(large, 'x', sizeof large);
	large[sizeof large - 1] = '\0';
	assert_int_equal(fail_set(&fail, RESULT_IO, "%s", large), RESULT_IO);
	assert_int_equal(strlen(fail.text), sizeof fail.text - 1);
	assert_int_equal(fail_prefix(&fail, "%s", large), RESULT_IO);
	assert_int_equal(strlen(fail.text), sizeof fail.text - 1);
	assert_int_equal(fail_set_errno(&fail, EIO, "%s", large), RESULT_IO);
	assert_int_equal(strlen(fail.text), sizeof fail.text - 1);
}

static void nobody_has_to_listen(void **state)
{
	(void)state;
	assert_int_equal(fail_set(NULL, RESULT_LIMIT, "x"), RESULT_LIMIT);
	assert_int_equal(fail_set_errno(NULL, ENOMEM, "x"), RESULT_MEMORY);
	assert_int_equal(fail_prefix(NULL, "x"), RESULT_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_result_has_a_name_and_a_text),
		cmocka_unit_test(a_failure_of_the_system_carries_its_meaning),
		cmocka_unit_test(context_goes_in_front),
		cmocka_unit_test(long_texts_are_cut_and_terminated),
		cmocka_unit_test(nobody_has_to_listen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
