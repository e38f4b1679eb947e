#include "tests/unit/unit.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/base/options_file.h"

struct two_options {
	int64_t count;
	struct option_list rule;
};
static const struct option_row rows[] = {
	{ .type = OPTION_TYPE_NUMBER, .flag = "count", .argument = "things", .max = 100,
		.offset = offsetof(struct two_options, count) },
	{ .type = OPTION_TYPE_LIST, .flag = "rule", .argument = "R",
		.offset = offsetof(struct two_options, rule) },
};
static const struct option_table table = { .program = "tester", .about = "Tests.", .rows = rows,
	.rows_count = COUNT_OF(rows), .size = sizeof(struct two_options) };

static struct arena arena;
static char folder[] = "/tmp/longship_test_options.XXXXXX";

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 65536, OPTIONS_ARENA_BYTES_MAX);
	return mkdtemp(folder) == NULL;
}

static int teardown(void **state)
{
	(void)state;
	char command[sizeof folder + 16];
	arena_deinit(&arena);
	(void)snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

static void write_file(const char *name, const char *text, size_t len)
{
	char path[200];
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

static enum result parse_file(const char *name, struct two_options *options, struct fail *fail)
{
	char word[200], program[] = "tester";
	(void)snprintf(word, sizeof word, "@%s/%s", folder, name);
	char *argv[] = { program, word };
	arena_reset(&arena);
	return options_parse(&table, options, 2, argv, &arena, NULL, fail);
}

static void words_quotes_and_comments(void **state)
{
	(void)state;
	static const struct { const char *text; const char *words[4]; unsigned lines[4]; } cases[] = {
		{ "", { NULL }, { 0 } },
		{ " \n\t\r\n# only a comment", { NULL }, { 0 } },
		{ "a b\nc", { "a", "b", "c" }, { 1, 1, 2 } },
		{ "a#b # c\r\nd", { "a#b", "d" }, { 1, 2 } },
		{ "'a b' \"c d\"", { "a b", "c d" }, { 1, 1 } },
		{ "x\"a b\"y'c d'", { "xa byc d" }, { 1 } },
		{ "\"a\\\"b\\\\\" 'a\\b'", { "a\"b\\", "a\\b" }, { 1, 1 } },
		{ "a\\ b \\# \\\"", { "a b", "#", "\"" }, { 1, 1, 1 } },
		{ "'a\nb' c\n''", { "a\nb", "c", "" }, { 1, 2, 3 } },
		{ "--x=\"\"", { "--x=" }, { 1 } },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct option_words words;
		struct fail fail;
		char text[64];
		arena_reset(&arena);
		(void)snprintf(text, sizeof text, "%s", cases[i].text);
		assert_int_equal(options_file_split(text, strlen(text), &arena, &words, &fail), RESULT_OK);
		size_t count = 0;
		for (; cases[i].words[count] != NULL; count++) {
			assert_true(count < words.count);
			assert_string_equal(words.items[count].text, cases[i].words[count]);
			assert_int_equal(words.items[count].line, cases[i].lines[count]);
		}
		assert_int_equal(words.count, count);
	}
}

static void what_is_not_whole_is_refused_with_its_line(void **state)
{
	(void)state;
	static const struct { struct text text; const char *want; } cases[] = {
		{ TEXT_INIT("a\n'b\nc"), "line 2: the quote ' is not closed" },
		{ TEXT_INIT("\"b\\\""), "line 1: the quote \" is not closed" },
		{ TEXT_INIT("a\nb\\"), "line 2: nothing follows the backslash" },
		{ TEXT_INIT("a\0b"), "a zero byte: this is no text" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct option_words words;
		struct fail fail;
		char text[64];
		memcpy(text, cases[i].text.data, cases[i].text.len + 1);
		assert_int_equal(options_file_split(text, cases[i].text.len, &arena, &words, &fail),
			RESULT_INVALID);
		assert_string_equal(fail.text, cases[i].want);
	}
}

/* Any bytes: no word leaves the text, each is terminated. */
static void any_bytes_are_split_or_refused(void **state)
{
	(void)state;
	static const char letters[] = "ab #'\"\\\n\t";
	uint64_t seed = 41;
	for (int turn = 0; turn < 20000; turn++) {
		char text[24];
		struct option_words words;
		struct fail fail;
		size_t len = seeded_below(&seed, sizeof text), total = 0;
		for (size_t i = 0; i < len; i++)
			text[i] = letters[seeded_below(&seed, sizeof letters - 1)];
		text[len] = '\0';
		arena_reset(&arena);
		if (options_file_split(text, len, &arena, &words, &fail) != RESULT_OK)
			continue;
		for (size_t i = 0; i < words.count; i++) {
			assert_true(words.items[i].text >= text && words.items[i].text <= text + len);
			total += strlen(words.items[i].text) + 1;
		}
		assert_true(total <= len + 1);
	}
}

static void files_name_files_beside_them(void **state)
{
	(void)state;
	static const char a[] = "--count 5 @b.conf --rule last", b[] = "# nested\n--rule 'first one'\n";
	struct two_options options;
	struct fail fail;
	write_file("a.conf", a, sizeof a - 1);
	write_file("b.conf", b, sizeof b - 1);
	assert_int_equal(parse_file("a.conf", &options, &fail), RESULT_OK);
	assert_int_equal(options.count, 5);
	assert_int_equal(options.rule.count, 2);
	assert_string_equal(options.rule.items[0], "first one");
	assert_string_equal(options.rule.items[1], "last");
}

static void errors_name_file_and_line(void **state)
{
	(void)state;
	static const char text[] = "--rule a\n\n--count 500\n";
	char want[200];
	struct two_options options;
	struct fail fail;
	write_file("bad.conf", text, sizeof text - 1);
	assert_int_equal(parse_file("bad.conf", &options, &fail), RESULT_INVALID);
	(void)snprintf(want, sizeof want,
		"%s/bad.conf line 3: --count: '500' is not a number from 0 to 100 (things)", folder);
	assert_string_equal(fail.text, want);
}

static void a_circle_of_files_ends(void **state)
{
	(void)state;
	struct two_options options;
	struct fail fail;
	write_file("circle.conf", "@circle.conf", 12);
	assert_int_equal(parse_file("circle.conf", &options, &fail), RESULT_LIMIT);
	assert_non_null(strstr(fail.text, "circle.conf line 1: "));
}

static void a_file_that_is_too_long_is_refused(void **state)
{
	(void)state;
	struct two_options options;
	struct fail fail;
	char *spaces = malloc(OPTIONS_FILE_BYTES_MAX + 1);
	assert_non_null(spaces);
	memset(spaces, ' ', OPTIONS_FILE_BYTES_MAX + 1);
	write_file("large.conf", spaces, OPTIONS_FILE_BYTES_MAX);
	assert_int_equal(parse_file("large.conf", &options, &fail), RESULT_OK);
	write_file("large.conf", spaces, OPTIONS_FILE_BYTES_MAX + 1);
	assert_int_equal(parse_file("large.conf", &options, &fail), RESULT_TOO_LONG);
	free(spaces);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_quotes_and_comments),
		cmocka_unit_test(what_is_not_whole_is_refused_with_its_line),
		cmocka_unit_test(any_bytes_are_split_or_refused),
		cmocka_unit_test(files_name_files_beside_them),
		cmocka_unit_test(errors_name_file_and_line),
		cmocka_unit_test(a_circle_of_files_ends),
		cmocka_unit_test(a_file_that_is_too_long_is_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
