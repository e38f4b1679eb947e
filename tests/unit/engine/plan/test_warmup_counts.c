#include "engine/plan/warmup_counts.h"
#include <stdio.h>
#include <stdlib.h>
#include "tests/unit/unit.h"

enum { DAY = 20697 }; /* 2026-09-01 */
#define A TEXT("192.0.2.1")
#define B TEXT("2001:db8::5")
#define HEAD "longship-warmup 1\n"

static const struct siphash_key key;
static struct warmup_counts c;

static void begin(int64_t day) { assert_int_equal(warmup_counts_init(&c, day, &key), RESULT_OK); }

static void add(struct text source, struct text provider, uint32_t rcpts)
{
	struct warmup_count *count = warmup_counts_take(&c, source, provider);
	assert_non_null(count);
	warmup_counts_add(&c, count, rcpts);
}

static uint32_t sent(struct text source, struct text provider)
{
	const struct warmup_count *count = warmup_counts_find(&c, source, provider);
	return count != NULL ? count->sent : 0;
}

static enum result reads(const char *text, struct fail *fail)
{
	return warmup_counts_read(&c, text_of(text), fail);
}

/* What is taken, as a file: all there is, or what came behind. */
static char *take(bool all)
{
	size_t len;
	char *text = warmup_counts_take_text(&c, all, &len);
	assert_non_null(text);
	text[len] = '\0'; /* there is room for one more */
	return text;
}

static void each_source_counts_for_each_provider(void **state)
{
	(void)state;
	begin(DAY);
	add(A, TEXT("google"), 3);
	add(A, TEXT("google"), 4);
	add(A, TEXT("yahoo"), 1);
	add(B, TEXT("google"), 2);
	assert_int_equal(sent(A, TEXT("google")), 7);
	assert_int_equal(sent(A, TEXT("yahoo")), 1);
	assert_int_equal(sent(B, TEXT("google")), 2);
	assert_int_equal(sent(B, TEXT("yahoo")), 0);
	assert_int_equal(warmup_counts_first(&c, A), DAY);
	assert_int_equal(warmup_counts_first(&c, TEXT("192.0.2.9")), WARMUP_NEVER);
	warmup_counts_deinit(&c);
}

static void a_day_begins_with_nothing_and_the_first_day_stays(void **state)
{
	(void)state;
	begin(DAY);
	add(A, TEXT("google"), 3);
	add(A, TEXT("yahoo"), 3);
	struct warmup_count *held = warmup_counts_find(&c, A, TEXT("yahoo"));
	held->users = 1;
	warmup_counts_begin_day(&c, DAY + 1);
	assert_null(warmup_counts_find(&c, A, TEXT("google"))); /* nobody uses it */
	assert_ptr_equal(warmup_counts_find(&c, A, TEXT("yahoo")), held);
	assert_int_equal(held->sent, 0);
	assert_int_equal(warmup_counts_first(&c, A), DAY);
	warmup_counts_deinit(&c);
}

static void what_was_written_is_read_again(void **state)
{
	(void)state;
	struct fail fail = { 0 };
	begin(DAY);
	add(A, TEXT("mx:mx.a.example"), 3);
	char *file = take(true);
	assert_false(warmup_counts_changed(&c));
	add(A, TEXT("mx:mx.a.example"), 4);
	add(B, TEXT("google"), 5);
	char *more = take(false);
	warmup_counts_deinit(&c);
	assert_ptr_equal(strstr(file, HEAD), file);
	assert_non_null(strstr(file, "first 2026-09-01 192.0.2.1\n"));
	assert_non_null(strstr(file, "sent 2026-09-01 192.0.2.1 mx:mx.a.example 3\n"));
	assert_string_equal(more, "sent 2026-09-01 192.0.2.1 mx:mx.a.example 7\n"
				  "sent 2026-09-01 2001:db8::5 google 5\nfirst 2026-09-01 2001:db8::5\n");
	char both[1000];
	snprintf(both, sizeof both, "%s%s", file, more);
	begin(DAY);
	assert_int_equal(reads(both, &fail), RESULT_OK);
	assert_int_equal(sent(A, TEXT("mx:mx.a.example")), 7);
	assert_int_equal(sent(B, TEXT("google")), 5);
	assert_int_equal(warmup_counts_first(&c, B), DAY);
	warmup_counts_deinit(&c);
	begin(DAY + 1);
	assert_int_equal(reads(both, &fail), RESULT_OK);
	assert_int_equal(sent(A, TEXT("mx:mx.a.example")), 0); /* that was yesterday */
	assert_int_equal(warmup_counts_first(&c, A), DAY);
	warmup_counts_deinit(&c);
	free(file);
	free(more);
}

/* After a crash the file may end anywhere. */
static void wherever_a_file_is_cut_off_its_whole_lines_count(void **state)
{
	(void)state;
	static const char file[] = HEAD "first 2026-09-01 192.0.2.1\nsent 2026-09-01 192.0.2.1 google 3\n"
					"sent 2026-09-01 192.0.2.1 google 17\n";
	const size_t first_sent = strlen(HEAD "first 2026-09-01 192.0.2.1\nsent 2026-09-01 192.0.2.1 google 3\n");
	for (size_t len = strlen(HEAD); len <= strlen(file); len++) {
		char cut[sizeof file];
		struct fail fail = { 0 };
		snprintf(cut, len + 1, "%s", file);
		begin(DAY);
		assert_int_equal(reads(cut, &fail), RESULT_OK);
		uint32_t expected = len == strlen(file) ? 17 : len >= first_sent ? 3 : 0;
		assert_int_equal(sent(A, TEXT("google")), expected);
		warmup_counts_deinit(&c);
	}
}

static void what_is_no_file_of_ours_is_told_in_words(void **state)
{
	(void)state;
	static const struct {
		const char *file, *words;
	} table[] = {
		{ "", "no file of this version" },
		{ "longship-warmup 2\n", "no file of this version" },
		{ "sent 2026-09-01 192.0.2.1 google 3\n", "no file of this version" },
		{ HEAD "sent 2026-09-01 192.0.2.1 google\n", "line 2 is no line of it: 'sent 2026" },
		{ HEAD "sent 2026-09-01 192.0.2.1 google 3 4\n", "line 2" },
		{ HEAD "sent 2026-09-01 192.0.2.1 google -3\n", "line 2" },
		{ HEAD "sent 2026-09-01 192.0.2.1 google 99999999999\n", "line 2" },
		{ HEAD "first 2026-09-01 192.0.2.1\nfirst 2026-09-31 192.0.2.1\n", "line 3" },
		{ HEAD "first 2026-09-01 \n", "line 2" },
		{ HEAD "first 2026-09-01 a b\n", "line 2" },
		{ HEAD "last 2026-09-01 192.0.2.1\n", "line 2" },
		{ HEAD "\n", "line 2" },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct fail fail = { 0 };
		begin(DAY);
		assert_int_equal(reads(table[i].file, &fail), RESULT_INVALID);
		if (strstr(fail.text, table[i].words) == NULL)
			fail_msg("\"%s\" is not in \"%s\"", table[i].words, fail.text);
		warmup_counts_deinit(&c);
	}
}

static void there_is_an_end_to_what_is_counted(void **state)
{
	(void)state;
	char provider[32];
	begin(DAY);
	for (int i = 0; i < WARMUP_COUNTS_MAX; i++) {
		snprintf(provider, sizeof provider, "mx:%d", i);
		assert_non_null(warmup_counts_take(&c, A, text_of(provider)));
	}
	assert_null(warmup_counts_take(&c, A, TEXT("google")));
	assert_non_null(warmup_counts_take(&c, A, TEXT("mx:7")));
	warmup_counts_deinit(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_source_counts_for_each_provider),
		cmocka_unit_test(a_day_begins_with_nothing_and_the_first_day_stays),
		cmocka_unit_test(what_was_written_is_read_again),
		cmocka_unit_test(wherever_a_file_is_cut_off_its_whole_lines_count),
		cmocka_unit_test(what_is_no_file_of_ours_is_told_in_words),
		cmocka_unit_test(there_is_an_end_to_what_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
