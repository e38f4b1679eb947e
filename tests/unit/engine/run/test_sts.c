/* longship sts with files of $TMPDIR: what it prints in both forms, and each exit status. */
#include "engine/run/sts.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/base/check.h"
#include "tests/unit/engine/run/command_test.h"
#include "tests/unit/unit.h"

static char path[128], policy[160];
static struct command_result result;

static int set_up(void **state)
{
	(void)state;
	const char *tmp = getenv("TMPDIR");
	snprintf(path, sizeof path, "%s/sts-XXXXXX", tmp != NULL ? tmp : "/tmp");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	snprintf(policy, sizeof policy, "--policy=%s", path);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static void write_file(const char *text, size_t len)
{
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

#define FILE_IS(text) write_file(text, sizeof(text) - 1)
#define STS(...)      COMMAND(run_sts, &result, __VA_ARGS__)

static void says(int status, const char *out)
{
	assert_string_equal(result.err, "");
	assert_string_equal(result.out, out);
	assert_int_equal(result.status, status);
}

#define TWO                                                                                        \
	"version: STSv1\nmode: enforce\nmx: mail.example.com\r\nmx: *.example.net\nmax_age: "      \
	"604800\n"

static void a_valid_policy_is_printed_with_status_0(void **state)
{
	(void)state;
	FILE_IS(TWO);
	STS(policy, "--json");
	says(0, "{\"verdict\":\"valid\",\"mode\":\"enforce\",\"max_age\":604800,"
		"\"mx\":[\"mail.example.com\",\"*.example.net\"],\"hosts\":[],\"reason\":\"\"}\n");
	STS(policy);
	says(0, "  mode         enforce\n"
		"  max_age      604800 s\n"
		"  mx           mail.example.com\n"
		"  mx           *.example.net\n"
		"valid: mail goes to covered hosts with a good certificate alone\n");
	FILE_IS("version: STSv1\nmode: testing\nmx: a.example\nmax_age: 9999999999\n"); /* STS-28 */
	STS(policy);
	says(0, "  mode         testing\n"
		"  max_age      31557600 s\n"
		"  mx           a.example\n"
		"valid: failures are reported and mail is delivered all the same\n");
	FILE_IS("version: STSv1\nmode: none\nmax_age: 0\n");
	STS(policy);
	says(0, "  mode         none\n"
		"  max_age      0 s\n"
		"valid: the domain asks for nothing\n");
}

/* STS-30 */
static void each_host_is_told_with_the_pattern_that_covers_it(void **state)
{
	(void)state;
	FILE_IS(TWO);
	STS("--json", policy, "--mx=MAIL.example.com.", "--mx", "b\xc3\xbc.example.net");
	says(0, "{\"verdict\":\"valid\",\"mode\":\"enforce\",\"max_age\":604800,"
		"\"mx\":[\"mail.example.com\",\"*.example.net\"],\"hosts\":["
		"{\"host\":\"mail.example.com\",\"match\":true,\"pattern\":\"mail.example.com\"},"
		"{\"host\":\"xn--b-eha.example.net\",\"match\":true,\"pattern\":\"*.example.net\"}]"
		","
		"\"reason\":\"\"}\n");
	STS(policy, "--mx=mx.example.net");
	says(0, "  mode         enforce\n"
		"  max_age      604800 s\n"
		"  mx           mail.example.com\n"
		"  mx           *.example.net\n"
		"  covered      mx.example.net by *.example.net\n"
		"valid: mail goes to covered hosts with a good certificate alone\n");
}

/* STS-30: whatever the mode; status 4 for any host. */
static void a_host_that_is_not_covered_gives_status_4(void **state)
{
	(void)state;
	FILE_IS(TWO);
	STS("--json", policy, "--mx=mx.example.net", "--mx=a.b.example.net", "--mx=example.net");
	says(4, "{\"verdict\":\"no-match\",\"mode\":\"enforce\",\"max_age\":604800,"
		"\"mx\":[\"mail.example.com\",\"*.example.net\"],\"hosts\":["
		"{\"host\":\"mx.example.net\",\"match\":true,\"pattern\":\"*.example.net\"},"
		"{\"host\":\"a.b.example.net\",\"match\":false,\"pattern\":null},"
		"{\"host\":\"example.net\",\"match\":false,\"pattern\":null}],"
		"\"reason\":\"no mx of the policy covers a.b.example.net\"}\n");
	FILE_IS("version: STSv1\nmode: none\nmax_age: 1\n");
	STS(policy, "--mx=mx.example.net");
	says(4, "  mode         none\n"
		"  max_age      1 s\n"
		"  not covered  mx.example.net\n"
		"no-match: no mx of the policy covers mx.example.net\n");
}

/* STS-26, STS-21 */
static void a_policy_that_is_not_valid_gives_status_1_and_why(void **state)
{
	(void)state;
	static char large[64 * 1024 + 1];
	FILE_IS("version: STSv1\nmode: enforced\nmx: a.example\nmax_age: 1\n");
	STS("--json", policy, "--mx=a.example");
	says(1, "{\"verdict\":\"invalid\",\"mode\":null,\"max_age\":null,\"mx\":[],\"hosts\":[],"
		"\"reason\":"
		"\"line 2 of the policy: \\\"enforced\\\" is no mode: enforce, testing or "
		"none\"}\n");
	STS(policy);
	says(1, "invalid: line 2 of the policy: \"enforced\" is no mode: enforce, testing or "
		"none\n");
	FILE_IS("");
	STS(policy);
	says(1, "invalid: the policy has no field version\n");
	memset(large, '\n', sizeof large);
	memcpy(large, TWO, sizeof TWO - 1);
	write_file(large, sizeof large);
	STS(policy);
	says(1, "invalid: the policy has more than 65536 octets\n");
	write_file(large, sizeof large - 1);
	STS(policy);
	assert_int_equal(result.status, 0);
}

/* STS-21: no number of patterns is too large but by the size of the file. */
static void the_most_patterns_of_a_file_are_printed(void **state)
{
	(void)state;
	static char large[64 * 1024];
	static const char head[] = "version:STSv1\nmode:enforce\nmax_age:1\n", line[] = "mx:a\n";
	size_t len = sizeof head - 1, patterns = 0;
	memcpy(large, head, len);
	for (; len + sizeof line - 1 <= sizeof large; len += sizeof line - 1, patterns++)
		memcpy(large + len, line, sizeof line - 1);
	write_file(large, len);
	STS(policy, "--json", "--mx=a");
	assert_int_equal(result.status, 0);
	size_t found = 0;
	for (const char *at = result.out; (at = strstr(at, "\"a\"")) != NULL; at++)
		found++;
	assert_int_equal(found, patterns + 2); /* the host and what covers it */
	assert_string_equal(result.out + strlen(result.out) - strlen("\"reason\":\"\"}\n"),
		"\"reason\":\"\"}\n");
}

/* STS-06, STS-09, STS-10 */
static void a_valid_record_is_printed_with_status_0(void **state)
{
	(void)state;
	STS("--json", "--txt", "v=STSv1; id=20160831085700Z;");
	says(0, "{\"verdict\":\"valid\",\"id\":\"20160831085700Z\",\"fault\":null,\"reason\":\"\"}"
		"\n");
	STS("--txt=v=spf1 -all", "--txt=v=STSv1; id=1; id=2");
	says(0, "valid: id 1\n");
	STS("--txt=v=STSv1 ; id=x"); /* STS-08 */
	says(0, "valid: id x, with white space before the first semicolon, which not every sender "
		"takes\n");
}

/* STS-06, STS-07, STS-09 */
static void records_that_do_not_make_one_give_status_1_and_why(void **state)
{
	(void)state;
	STS("--json", "--txt=v=spf1 -all");
	says(1, "{\"verdict\":\"invalid\",\"id\":null,\"fault\":\"none\",\"reason\":"
		"\"there is no TXT record that begins with \\\"v=STSv1;\\\"\"}\n");
	STS("--json", "--txt=v=STSv1; id=1", "--txt=v=STSv1; id=1");
	says(1, "{\"verdict\":\"invalid\",\"id\":null,\"fault\":\"several\",\"reason\":"
		"\"there are 2 TXT records that begin with \\\"v=STSv1;\\\", and only one "
		"may\"}\n");
	STS("--json", "--txt=v=STSv1;");
	says(1, "{\"verdict\":\"invalid\",\"id\":null,\"fault\":\"broken\",\"reason\":"
		"\"the TXT record has no field id\"}\n");
	STS("--txt=");
	says(1, "invalid: there is no TXT record that begins with \"v=STSv1;\"\n");
	STS("--txt=v=STSv1; id=a-b");
	says(1, "invalid: field 1 of the TXT record, \"id=a-b\", is no id, which has 1 to 32 "
		"letters and "
		"digits\n");
}

static void what_cannot_be_meant_so_is_told_in_one_line_with_status_2(void **state)
{
	(void)state;
	static const char which[] = "one of --policy FILE and --txt RECORD is needed";
	char folder[160], none[160];
	const char *tmp = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "--policy=%s", tmp != NULL ? tmp : "/tmp");
	snprintf(none, sizeof none, "--policy=%s.none", path);
	FILE_IS(TWO);
	const struct {
		const char *words[4];
		const char *said;
	} table[] = {
		{ { NULL }, which },
		{ { "--json" }, which },
		{ { "--mx=a.example" }, which },
		{ { policy, "--txt=v=STSv1; id=1" }, which },
		{ { "--txt=v=STSv1; id=1", "--mx=a.example" }, "--mx goes with --policy" },
		{ { policy, "--mx=a..b" }, "--mx: 'a..b' has an empty label" },
		{ { policy, "--mx=192.0.2.1" }, "--mx: '192.0.2.1' looks like an address" },
		{ { policy, "--mx=*.example.net" }, "--mx: '*.example.net' has a character" },
		{ { policy, "a.example" }, "'a.example' is no flag" },
		{ { policy, "--name=a" }, "--name" },
		{ { none }, "--policy: cannot open " },
		{ { folder }, "--policy: cannot read " },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		command_run(run_sts, table[i].words, &result);
		if (result.status != 2 || strstr(result.err, table[i].said) == NULL)
			fail_msg("status %d, \"%s\" is not in %s", result.status, table[i].said,
				result.err);
		assert_string_equal(result.out, "");
		assert_ptr_equal(strchr(result.err, '\n'), result.err + strlen(result.err) - 1);
	}
}

/* The word as often as said, behind two others. */
static void repeat(const char *first, const char *second, const char *word, size_t count)
{
	const char *words[COMMAND_WORDS_MAX + 1] = { first, second };
	assert_true(count + 2 <= COMMAND_WORDS_MAX);
	for (size_t i = 0; i < count; i++)
		words[2 + i] = word;
	command_run(run_sts, words, &result);
}

#define LABEL63 "a23456789012345678901234567890123456789012345678901234567890123"
#define NAME251                                                                                    \
	LABEL63 "." LABEL63 "." LABEL63 "."                                                        \
		"a2345678901234567890123456789012345678901234567890123456789"

/* As many as an answer of the DNS holds, and each as long as a name can be. */
static void hosts_and_records_are_128_at_most(void **state)
{
	(void)state;
	FILE_IS("version: STSv1\nmode: enforce\nmax_age: 1\nmx: *." NAME251 "\n");
	repeat(policy, "--json", "--mx=a." NAME251, 128);
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.out,
		"{\"host\":\"a." NAME251 "\",\"match\":true,\"pattern\":\"*." NAME251 "\"},"));
	repeat(policy, "--json", "--mx=a." NAME251, 129);
	assert_int_equal(result.status, 2);
	assert_string_equal(result.err, "longship sts: --mx: 129 hosts, at most 128\n");
	repeat("--json", "--txt=v=STSv1; id=1", "--txt=v=spf1 -all", 127);
	assert_int_equal(result.status, 0);
	repeat("--json", "--txt=v=STSv1; id=1", "--txt=v=spf1 -all", 128);
	assert_int_equal(result.status, 2);
	assert_string_equal(result.err,
		"longship sts: --txt: 129 records, of one answer at most 128 are looked at\n");
}

static void help_names_each_flag(void **state)
{
	(void)state;
	STS("--help");
	assert_int_equal(result.status, 0);
	static const char *const flags[] = { "--policy FILE", "--mx HOST", "--txt RECORD",
		"--json" };
	for (size_t i = 0; i < COUNT_OF(flags); i++)
		assert_non_null(strstr(result.out, flags[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_valid_policy_is_printed_with_status_0),
		cmocka_unit_test(each_host_is_told_with_the_pattern_that_covers_it),
		cmocka_unit_test(a_host_that_is_not_covered_gives_status_4),
		cmocka_unit_test(a_policy_that_is_not_valid_gives_status_1_and_why),
		cmocka_unit_test(the_most_patterns_of_a_file_are_printed),
		cmocka_unit_test(a_valid_record_is_printed_with_status_0),
		cmocka_unit_test(records_that_do_not_make_one_give_status_1_and_why),
		cmocka_unit_test(what_cannot_be_meant_so_is_told_in_one_line_with_status_2),
		cmocka_unit_test(hosts_and_records_are_128_at_most),
		cmocka_unit_test(help_names_each_flag),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
