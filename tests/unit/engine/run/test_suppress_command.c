/* longship suppress, as its words and files come to it. */
#include "engine/run/suppress_command.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/run/suppress_import.h"
#include "store/suppress.h"
#include "tests/unit/engine/run/command_test.h"
#include "tests/unit/unit.h"

static char folder[96], spool[128], state_path[128], file_path[128];
static struct command_result result;

static int set_up(void **state)
{
	(void)state;
	const char *tmp = getenv("TMPDIR");
	(void)snprintf(folder, sizeof folder, "%s/suppress-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(spool, sizeof spool, "--spool=%s", folder);
	(void)snprintf(state_path, sizeof state_path, "%s/state", folder);
	(void)snprintf(file_path, sizeof file_path, "%s/list", folder);
	return mkdir(state_path, 0700);
}

static int tear_down(void **state)
{
	(void)state;
	char command[128];
	(void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

static void write_file(const char *text)
{
	FILE *file = fopen(file_path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

#define SUPPRESS(...) COMMAND(run_suppress, &result, __VA_ARGS__)

static void says(int status, const char *out, const char *err)
{
	if (result.status != status || strstr(result.out, out) == NULL ||
		strstr(result.err, err) == NULL)
		fail_msg("status %d, not %d: %s%s", result.status, status, result.out, result.err);
}

static void what_is_added_is_listed_until_it_is_deleted(void **state)
{
	(void)state;
	SUPPRESS("list", spool);
	says(0, "", "");
	assert_string_equal(result.out, "");
	SUPPRESS("list", "ann@a.example", spool);
	says(1, "", "nobody is on the list");
	SUPPRESS("add", "Ann@A.example", "<bob@b.example>", spool, "--reason", "asked by phone");
	says(0, "", "");
	SUPPRESS("add", "ann@a.example", spool, "--json");
	says(0, "{\"address\":\"ann@a.example\",\"added\":false}\n", "");
	SUPPRESS("list", spool);
	says(0, "ann@a.example\t20", "");
	says(0, "Z\tasked by phone\nbob@b.example\t20", "");
	SUPPRESS("list", "ANN@a.example", "cy@c.example", spool, "--json");
	says(1, "{\"address\":\"ann@a.example\",\"time\":\"20", "cy@c.example is not on the list");
	says(1, "Z\",\"reason\":\"asked by phone\",\"automatic\":false}\n", "");
	SUPPRESS("add", "dee@d.example", spool, "--reason", "automatic: hard bounce: 550 no");
	SUPPRESS("list", "dee@d.example", spool, "--json");
	says(0, "Z\",\"reason\":\"automatic: hard bounce: 550 no\",\"automatic\":true}\n", "");
	SUPPRESS("del", "dee@d.example", spool);
	SUPPRESS("del", "ann@a.example", "cy@c.example", spool, "--json");
	says(1, "{\"address\":\"ann@a.example\",\"deleted\":true}\n",
		"cy@c.example is not on the list");
	SUPPRESS("del", "ann@a.example", spool);
	says(1, "", "ann@a.example is not on the list");
	SUPPRESS("list", spool);
	says(0, "bob@b.example\t", "");
	assert_null(strstr(result.out, "ann@"));
}

static void one_bad_address_and_nothing_is_changed(void **state)
{
	(void)state;
	SUPPRESS("add", "ann@a.example", "no address", spool);
	says(2, "", "'no");
	SUPPRESS("list", spool);
	assert_string_equal(result.out, "");
}

static void import_takes_what_it_can_read_and_tells_the_rest(void **state)
{
	(void)state;
	write_file("email,reason\n# list of May\nann@a.example,first\r\n\nANN@a.example,second\n"
		   "bob@b.example\t2026-09-01T12:34:56Z\tkept\nnobody\ncy@c.example");
	SUPPRESS("import", file_path, spool, "--reason", "from May");
	says(1, "3 added, 1 were on the list, 2 lines refused\n",
		"/list, line 1: 'email' is not an address");
	says(1, "", "/list, line 7: 'nobody' is not an address");
	SUPPRESS("list", spool);
	says(0, "Z\tfirst\nbob@b.example\t2026-09-01T12:34:56.000000Z\tkept\ncy@c.example\t", "");
	says(0, "Z\tfrom May\n", "");
	/* What list prints is what import reads. */
	static char listed[COMMAND_OUTPUT_SIZE];
	memcpy(listed, result.out, sizeof listed);
	SUPPRESS("del", "ann@a.example", "bob@b.example", "cy@c.example", spool);
	write_file(listed);
	SUPPRESS("import", file_path, spool, "--json");
	says(0, "{\"added\":3,\"known\":0,\"refused\":0}\n", "");
	SUPPRESS("list", spool);
	assert_string_equal(result.out, listed);
}

static void many_refused_lines_are_counted_and_not_all_shown(void **state)
{
	(void)state;
	char text[400] = "";
	for (int i = 0; i < 50; i++)
		memcpy(text + strlen(text), "nobody\n", sizeof "nobody\n");
	write_file(text);
	SUPPRESS("import", file_path, spool);
	says(1, "0 added, 0 were on the list, 50 lines refused\n", "more lines are refused");
	size_t lines = 0;
	for (const char *at = result.err; *at != '\0'; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 21);
}

/* Pieces of a pipe end anywhere: in a line, at its end, in a line that is too long. */
static void an_import_is_the_same_however_its_pieces_come(void **state)
{
	(void)state;
	struct suppress *list;
	struct fail fail;
	static char text[80000];
	size_t len = 0;
	assert_int_equal(suppress_open(state_path, true, &list, &fail), RESULT_OK);
	len += (size_t)snprintf(text, sizeof text, "ann@a.example\nbob@b.example,x\r\n");
	memset(text + len, 'x', 70000);
	len += 70000;
	len += (size_t)snprintf(text + len, sizeof text - len, "\ncy@c.example");
	const size_t cuts[] = { 1, 5, 13, 14, 15, 30, 31, 32, 33, 65536, 65537, 70031, 70032, 70033,
		len - 1 };
	for (size_t i = 0; i < COUNT_OF(cuts); i++) {
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			bool done = write(ends[1], text, cuts[i]) == (ssize_t)cuts[i] &&
				    write(ends[1], text + cuts[i], len - cuts[i]) ==
					    (ssize_t)(len - cuts[i]);
			_exit(!done);
		}
		(void)close(ends[1]);
		struct suppress_import import = {
			.suppress = list, .name = "pipe", .now_unix_s = 1
		};
		assert_int_equal(suppress_import_fd(&import, ends[0], &fail), RESULT_OK);
		(void)close(ends[0]);
		assert_int_equal(import.lines, 4);
		assert_int_equal(import.added + import.known, 3);
		assert_int_equal(import.refused, 1);
	}
	assert_int_equal(suppress_count(list), 3);
	suppress_close(&list);
}

static void words_that_cannot_be_meant_are_arguments(void **state)
{
	(void)state;
	SUPPRESS(spool);
	says(2, "", "add ADDRESS");
	SUPPRESS("remove", "a@b", spool);
	says(2, "", "add ADDRESS");
	SUPPRESS("add", spool);
	says(2, "", "at least one ADDRESS");
	SUPPRESS("import", spool);
	says(2, "", "at least one FILE");
	SUPPRESS("import", "/nonexistent", spool);
	says(2, "", "/nonexistent");
	SUPPRESS("add", "a@b");
	says(2, "", "--spool");
	SUPPRESS("add", "a@b", "--spool=/nonexistent");
	says(2, "", "longship send");
	SUPPRESS("add", "a@b", spool, "--reason=a\nb");
	says(2, "", "--reason");
	SUPPRESS("--help");
	says(0, "import FILE", "");
}

static void a_list_that_cannot_be_read_is_74(void **state)
{
	(void)state;
	char path[160];
	(void)snprintf(path, sizeof path, "%s/suppress", state_path);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	SUPPRESS("list", spool);
	says(74, "", "state/suppress");
	SUPPRESS("add", "a@b", spool);
	says(74, "", "state/suppress");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	(void)unsetenv("LONGSHIP_SPOOL");
	const struct CMUnitTest tests[] = {
		TEST(what_is_added_is_listed_until_it_is_deleted),
		TEST(one_bad_address_and_nothing_is_changed),
		TEST(import_takes_what_it_can_read_and_tells_the_rest),
		TEST(many_refused_lines_are_counted_and_not_all_shown),
		TEST(an_import_is_the_same_however_its_pieces_come),
		TEST(words_that_cannot_be_meant_are_arguments),
		TEST(a_list_that_cannot_be_read_is_74),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
