#include "engine/run/warmup_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/plan/warmup_counts.h"
#include "tests/unit/store/temp_folder.h"

enum { DAY = 20697 }; /* 2026-09-01 */
#define HEAD "longship-warmup 1\n"

static const struct siphash_key key;

static uint32_t sent_of_file(enum result expected, struct fail *fail)
{
	struct warmup_counts counts;
	assert_int_equal(warmup_counts_init(&counts, DAY, &key), RESULT_OK);
	assert_int_equal(warmup_file_read(temp_folder, &counts, fail), expected);
	const struct warmup_count *count = warmup_counts_find(&counts, TEXT("192.0.2.1"), TEXT("google"));
	uint32_t sent = count != NULL ? count->sent : 0;
	warmup_counts_deinit(&counts);
	return sent;
}

static void write_text(bool is_all, const char *bytes)
{
	struct fail fail = { 0 };
	struct warmup_text *text = calloc(1, sizeof *text);
	assert_non_null(text);
	*text = (struct warmup_text){ is_all, strdup(bytes), strlen(bytes) };
	assert_int_equal(warmup_file_write(temp_folder, text, &fail), RESULT_OK);
	warmup_text_destroy(text);
}

static void without_a_file_nothing_was_sent(void **state)
{
	(void)state;
	struct fail fail = { 0 };
	assert_int_equal(sent_of_file(RESULT_OK, &fail), 0);
	assert_int_equal(mkdir(temp_path("state"), 0700), 0);
	assert_int_equal(sent_of_file(RESULT_OK, &fail), 0);
	assert_int_equal(fail.result, RESULT_OK);
}

static void what_is_written_replaces_or_follows_what_was_there(void **state)
{
	(void)state;
	struct fail fail = { 0 };
	write_text(true, HEAD "sent 2026-09-01 192.0.2.1 google 3\n");
	assert_int_equal(sent_of_file(RESULT_OK, &fail), 3);
	write_text(false, "sent 2026-09-01 192.0.2.1 google 4\n");
	assert_int_equal(sent_of_file(RESULT_OK, &fail), 4);
	write_text(true, HEAD);
	assert_int_equal(sent_of_file(RESULT_OK, &fail), 0);
	assert_int_not_equal(access(temp_path("state/warmup.new"), F_OK), 0);
}

static void another_format_is_told_of_with_its_name(void **state)
{
	(void)state;
	struct fail fail = { 0 };
	write_text(true, "longship-warmup 2\n");
	assert_int_equal(sent_of_file(RESULT_DAMAGED, &fail), 0);
	assert_int_equal(fail.result, RESULT_DAMAGED);
	assert_non_null(strstr(fail.text, "state/warmup"));
	assert_non_null(strstr(fail.text, "no file of this version of longship"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file_nothing_was_sent),
		cmocka_unit_test(what_is_written_replaces_or_follows_what_was_there),
		cmocka_unit_test(another_format_is_told_of_with_its_name),
	};
	return cmocka_run_group_tests(tests, temp_folder_make, temp_folder_remove);
}
