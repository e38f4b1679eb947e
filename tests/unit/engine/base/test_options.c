#include "tests/unit/unit.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/base/options.h"

struct test_options {
#define OPTIONS_FILE "tests/unit/engine/base/test_options.def"
#include "engine/base/options_fields.def"
};

static const struct option_row rows[] = {
#define OPTIONS_FILE "tests/unit/engine/base/test_options.def"
#define OPTIONS_STRUCT struct test_options
#include "engine/base/options_rows.def"
};

#define OPTIONS_FILE "tests/unit/engine/base/test_options.def"
#include "engine/base/options_asserts.def"

static const struct option_table table = { .program = "tester", .about = "Tests.",
	.operands = "DOMAIN...", .rows = rows, .rows_count = COUNT_OF(rows),
	.size = sizeof(struct test_options) };

enum { ARGS_MAX = 12 };

/* Parses the words (the program's name is put in front); the arena lives until the next call. */
static enum result parse(struct test_options *options, struct option_list *operands,
	struct fail *fail, const char *const *words)
{
	static struct arena arena;
	static bool used;
	static char program[] = "tester";
	char *argv[ARGS_MAX + 1] = { program };
	int argc = 1;
	for (; words[argc - 1] != NULL; argc++) {
		assert_true(argc < ARGS_MAX);
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
	}
	if (used)
		arena_deinit(&arena);
	used = true;
	arena_init(&arena, 4096, OPTIONS_ARENA_BYTES_MAX);
	fail_clear(fail);
	return options_parse(&table, options, argc, argv, &arena, operands, fail);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void defaults_are_there_without_any_flag(void **state)
{
	(void)state;
	struct test_options o;
	struct option_list operands;
	struct fail fail;
	assert_int_equal(parse(&o, &operands, &fail, (const char *const[]){ NULL }), RESULT_OK);
	assert_int_equal(o.count, 8);
	assert_int_equal(o.wait_ms, 30000);
	assert_int_equal(o.room_bytes, 268435456);
	assert_string_equal(o.name, "nobody");
	assert_string_equal(o.file, "");
	assert_int_equal(o.mode, 0);
	assert_int_equal(o.rule.count, 0);
	assert_false(o.loud);
	assert_int_equal(operands.count, 0);
}

static void both_forms_of_a_flag_and_every_type(void **state)
{
	(void)state;
	struct test_options o;
	struct option_list operands;
	struct fail fail;
	assert_int_equal(parse(&o, &operands, &fail, WORDS("--count", "9", "--wait-time=1h5s",
		"--room", "1G", "--name=x=y", "--mode=off", "--loud", "operand", "--file", "-")),
		RESULT_INVALID); /* 1h5s is over ten minutes */
	assert_int_equal(parse(&o, &operands, &fail, WORDS("--count", "9", "--wait-time=1m30s",
		"--room", "1G", "--name=x=y", "--mode=off", "--loud", "operand", "--file", "-")),
		RESULT_OK);
	assert_int_equal(o.count, 9);
	assert_int_equal(o.wait_ms, 90000);
	assert_int_equal(o.room_bytes, 1 << 30);
	assert_string_equal(o.name, "x=y");
	assert_int_equal(o.mode, 2);
	assert_true(o.loud);
	assert_string_equal(o.file, "-");
	assert_int_equal(operands.count, 1);
	assert_string_equal(operands.items[0], "operand");
}

static void the_last_one_counts_but_lists_keep_all(void **state)
{
	(void)state;
	struct test_options o;
	struct option_list operands;
	struct fail fail;
	assert_int_equal(parse(&o, &operands, &fail, WORDS("--count=1", "--count=2", "--rule", "a=1",
		"--rule=b=2", "--rule=", "--loud", "--loud=no", "--", "--count=3", "@x")), RESULT_OK);
	assert_int_equal(o.count, 2);
	assert_false(o.loud);
	assert_int_equal(o.rule.count, 3);
	assert_string_equal(o.rule.items[0], "a=1");
	assert_string_equal(o.rule.items[1], "b=2");
	assert_string_equal(o.rule.items[2], "");
	assert_int_equal(operands.count, 2);
	assert_string_equal(operands.items[0], "--count=3");
	assert_string_equal(operands.items[1], "@x");
}

/* What was given, what is allowed, and what may have been meant. */
static void errors_are_words_for_people(void **state)
{
	(void)state;
	static const struct { const char *words[3]; const char *text; } bad[] = {
		{ { "--count=999" }, "--count: '999' is not a number from 1 to 256 (things)" },
		{ { "--count", "x" }, "--count: 'x' is not a number from 1 to 256 (things)" },
		{ { "--count=-1" }, "--count: '-1' is not a number from 1 to 256 (things)" },
		{ { "--count=" }, "--count: '' is not a number from 1 to 256 (things)" },
		{ { "--wait-time", "5" }, "--wait-time: '5' is not a time from 100ms to 10m, as in 500ms, "
			"30s, 15m, 4h or 2d" },
		{ { "--room=10Q" }, "--room: '10Q' is not a size from 64K to 1T, as in 64K, 256M or 2G" },
		{ { "--room=99999999999T" }, "--room: '99999999999T' is not a size from 64K to 1T, as in "
			"64K, 256M or 2G" },
		{ { "--mode=maybe" }, "--mode: 'maybe' is not one of auto|on|off" },
		{ { "--mode=" }, "--mode: '' is not one of auto|on|off" },
		{ { "--loud=perhaps" }, "--loud: 'perhaps' is not yes or no" },
		{ { "--name" }, "--name needs a value: NAME" },
		{ { "--name", "--loud" }, "--name needs a value: NAME" },
		{ { "--coutn=3" }, "unknown flag --coutn; did you mean --count?" },
		{ { "--lout" }, "unknown flag --lout; did you mean --loud?" },
		{ { "--waittime=1s" }, "unknown flag --waittime; did you mean --wait-time?" },
		{ { "--xyzzy" }, "unknown flag --xyzzy; tester --help lists them" },
		{ { "--=3" }, "unknown flag --; tester --help lists them" },
		{ { "--First" }, "unknown flag --First; tester --help lists them" },
		{ { "-h" }, "'-h': flags begin with two dashes" },
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct test_options o;
		struct option_list operands;
		struct fail fail;
		assert_int_equal(parse(&o, &operands, &fail, bad[i].words), RESULT_INVALID);
		assert_string_equal(fail.text, bad[i].text);
	}
}

static void operands_are_refused_where_there_are_none(void **state)
{
	(void)state;
	struct test_options o;
	struct fail fail;
	assert_int_equal(parse(&o, NULL, &fail, WORDS("stray")), RESULT_INVALID);
	assert_string_equal(fail.text, "'stray' is no flag (flags begin with --)");
	assert_int_equal(parse(&o, NULL, &fail, WORDS("@/nonexistent/x")), RESULT_NOT_FOUND);
	assert_string_equal(fail.text, "cannot open /nonexistent/x: No such file or directory");
}

/* A long list is kept whole and in order; the limit is a result. */
static void lists_grow_to_their_limit(void **state)
{
	(void)state;
	static char *argv[OPTIONS_LIST_MAX + 3];
	static char text[] = "--rule=x";
	struct test_options o;
	struct fail fail;
	struct arena arena;
	arena_init(&arena, 65536, OPTIONS_ARENA_BYTES_MAX);
	for (size_t i = 0; i < COUNT_OF(argv); i++)
		argv[i] = text;
	assert_int_equal(options_parse(&table, &o, OPTIONS_LIST_MAX + 1, argv, &arena, NULL, &fail),
		RESULT_OK);
	assert_int_equal(o.rule.count, OPTIONS_LIST_MAX);
	arena_reset(&arena);
	assert_int_equal(options_parse(&table, &o, OPTIONS_LIST_MAX + 2, argv, &arena, NULL, &fail),
		RESULT_LIMIT);
	assert_string_equal(fail.text, "--rule: more than 65536 values");
	arena_deinit(&arena);
}

/* ---- what is printed ---- */

static char *printed(void (*print)(const struct option_table *, FILE *))
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	print(&table, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void help_shows_each_flag_with_range_and_default(void **state)
{
	(void)state;
	char *text = printed(options_print_help);
	static const char *const words[] = { "usage: tester [flags] DOMAIN...\nTests.\n",
		"\nFirst:\n  --count N\n        How many. Default 8; a number from 1 to 256 (things).\n",
		"  --wait-time TIME\n        How long. Default 30s; a time from 100ms to 10m",
		"  --name NAME\n        Who it is. Default nobody.\n",
		"  --file FILE\n        Where it is.\n",
		"  --rule A=B\n        What holds. May be repeated.\n",
		"  --loud\n        Whether it is heard.\n", "  @FILE\n" };
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (strstr(text, words[i]) == NULL)
			fail_msg("no \"%s\" in: %s", words[i], text);
	}
	struct text rest = text_of(text), line;
	while (text_split(&rest, '\n', &line))
		assert_true(line.len <= 80);
	free(text);
}

static void the_manual_page_escapes_dashes(void **state)
{
	(void)state;
	char *text = printed(options_print_man);
	assert_non_null(strstr(text, ".SS First\n.TP\n\\fB\\-\\-count\\fR \\fIN\\fR\nHow many."));
	assert_non_null(strstr(text, "\\fB\\-\\-wait\\-time\\fR"));
	free(text);
}

/* --show-config writes an @FILE that gives the same options back, however odd the values are. */
static void the_printed_config_reads_back_the_same(void **state)
{
	(void)state;
	static const char odd[] = "it's \"a\\b\" # no\n comment \t--loud";
	char name[] = "/tmp/longship_test_config.XXXXXX", at_name[sizeof name + 1];
	struct test_options o, back;
	struct option_list operands;
	struct fail fail;
	assert_int_equal(parse(&o, &operands, &fail, WORDS("--name", odd, "--count=3", "--rule=",
		"--rule", odd, "--mode=on", "--loud", "--room=65537", "--wait-time=1001ms", "--file=")),
		RESULT_OK);
	int fd = mkstemp(name);
	assert_true(fd >= 0);
	FILE *out = fdopen(fd, "w");
	options_print_config(&table, &o, out);
	assert_int_equal(fclose(out), 0);
	(void)snprintf(at_name, sizeof at_name, "@%s", name);
	assert_int_equal(parse(&back, &operands, &fail, WORDS(at_name)), RESULT_OK);
	(void)unlink(name);
	assert_int_equal(back.count, 3);
	assert_int_equal(back.wait_ms, 1001);
	assert_int_equal(back.room_bytes, 65537);
	assert_string_equal(back.name, odd);
	assert_string_equal(back.file, "");
	assert_int_equal(back.mode, 1);
	assert_int_equal(back.rule.count, 2);
	assert_string_equal(back.rule.items[0], "");
	assert_string_equal(back.rule.items[1], odd);
	assert_true(back.loud);
	assert_false(back.help);
}

static void rows_are_found_by_flag(void **state)
{
	(void)state;
	assert_non_null(options_find(&table, "rule"));
	assert_null(options_find(&table, "First"));
	assert_null(options_find(&table, "rul"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_there_without_any_flag),
		cmocka_unit_test(both_forms_of_a_flag_and_every_type),
		cmocka_unit_test(the_last_one_counts_but_lists_keep_all),
		cmocka_unit_test(errors_are_words_for_people),
		cmocka_unit_test(operands_are_refused_where_there_are_none),
		cmocka_unit_test(lists_grow_to_their_limit),
		cmocka_unit_test(help_shows_each_flag_with_range_and_default),
		cmocka_unit_test(the_manual_page_escapes_dashes),
		cmocka_unit_test(the_printed_config_reads_back_the_same),
		cmocka_unit_test(rows_are_found_by_flag),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
