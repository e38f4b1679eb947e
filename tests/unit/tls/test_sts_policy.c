/* STS-23 to STS-30, SEC-09: policy files of MTA-STS, and the hosts that they cover. */
#include <stdio.h>
#include <stdlib.h>
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "tests/unit/unit.h"
#include "tls/cert_name.h"
#include "tls/sts_policy.h"

static struct sts_policy policy;
static struct fail why;

static enum result parse_text(struct text text)
{
	fail_clear(&why);
	enum result r = sts_policy_parse(text, &policy, &why);
	if (r != RESULT_OK) {
		assert_int_equal(policy.mode, STS_MODE_NONE);
		assert_int_equal(policy.mx_count + policy.max_age_s + policy.text.len, 0);
		assert_true(text_is_printable(text_of(why.text)) && why.text[0] != '\0');
	}
	return r;
}

static enum result parse(const char *file) { return parse_text(text_of(file)); }

/* "MODE MAX_AGE MX..." */
static const char *content(void)
{
	static char memory[1024];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	buf_put_text(&buf, sts_mode_text(policy.mode));
	buf_printf(&buf, " %u", policy.max_age_s);
	size_t count = 0;
	struct text pattern;
	for (size_t at = 0; sts_policy_next_mx(&policy, &at, &pattern); count++) {
		buf_put_u8(&buf, ' ');
		buf_put_text(&buf, pattern);
	}
	assert_int_equal(count, policy.mx_count);
	return buf_cstr(&buf);
}

static void is_policy(const char *file, const char *expected)
{
	if (parse(file) != RESULT_OK)
		fail_msg("\"%s\": %s", file, why.text);
	assert_string_equal(content(), expected);
}

static void is_invalid(const char *file, const char *sentence)
{
	if (parse(file) != RESULT_INVALID || strstr(why.text, sentence) == NULL)
		fail_msg("\"%s\": \"%s\" is not in \"%s\"", file, sentence, why.text);
}

static void policies_of_other_programs_test_suites_mean_the_same_here(void **state)
{
	(void)state;
	static const struct {
		const char *name, *content, *file;
	} table[] = {
#define STS_POLICY(name, content, file) { name, content, file },
#include "tests/unit/tls/sts_vectors.def"
#undef STS_POLICY
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		bool is_valid = parse(table[i].file) == RESULT_OK;
		if (is_valid != (table[i].content != NULL) ||
			(is_valid && strcmp(content(), table[i].content) != 0))
			fail_msg("%s gives \"%s\": %s", table[i].name, content(), why.text);
	}
}

/* A file with one mx line for each word. */
static enum result parse_patterns(const char *patterns)
{
	static char memory[1024];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	buf_put_cstr(&buf, "version: STSv1\nmode: enforce\nmax_age: 1\n");
	struct text rest = text_of(patterns), pattern;
	while (text_split(&rest, ' ', &pattern))
		buf_printf(&buf, "mx: %.*s\n", TEXT_ARG(pattern));
	assert_false(buf.overflow);
	return parse_text(buf_text(&buf));
}

static void matches_of_other_programs_test_suites_are_the_same_here(void **state)
{
	(void)state;
	enum verdict { COVERED, NOT_COVERED, NO_PATTERN };
	static const struct {
		const char *name, *host, *patterns;
		enum verdict verdict;
	} table[] = {
#define STS_MATCH(name, host, patterns, verdict) { name, host, patterns, verdict },
#include "tests/unit/tls/sts_vectors.def"
#undef STS_MATCH
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct text host = text_of(table[i].host);
		enum verdict verdict = parse_patterns(table[i].patterns) != RESULT_OK ? NO_PATTERN
				       : sts_policy_covers(&policy, host, NULL)       ? COVERED
										      : NOT_COVERED;
		if (verdict != table[i].verdict)
			fail_msg("%s is %d", table[i].name, (int)verdict);
		if (verdict == NO_PATTERN)
			assert_false(sts_pattern_covers(text_of(table[i].patterns), host));
	}
}

#define HEAD "version: STSv1\nmode: enforce\nmax_age: 86400\n"
#define GOOD HEAD "mx: a.example\n"

/* STS-23 */
static void lines_end_in_lf_or_crlf_and_never_in_cr(void **state)
{
	(void)state;
	is_policy("version: STSv1\r\nmode: testing\nmax_age: 7\r\nmx: a.example\nmx: b.example",
		"testing 7 a.example b.example");
	is_invalid("version: STSv1\rmode: enforce\rmax_age: 1\rmx: a.example\r",
		"line 1 of the policy: \"STSv1?mode: enforce?max_age: 1?mx: a.exa...\" has an "
		"octet");
	is_invalid(HEAD "mx: a.example\r", "line 4 of the policy: \"a.example?\" has an octet");
	is_invalid(HEAD "mx: a.example\r\r\n", "has an octet");
	is_invalid(GOOD "\r", "line 5 of the policy: \"?\" has no colon");
	is_invalid("\r", "\"?\" has no colon");
}

/* STS-24 */
static void a_field_is_key_colon_value_with_its_case(void **state)
{
	(void)state;
	is_policy("mode:enforce\nmx:a.example\nversion:STSv1\nmax_age:1", "enforce 1 a.example");
	is_policy("version:\t STSv1 \t\nmode: \tnone\t\nmax_age:  1  ", "none 1");
	is_invalid("version: STSv1\nMode: none\nmax_age: 1", "the policy has no field mode");
	is_invalid("version: STSv1\nmode : none\nmax_age: 1",
		"line 2 of the policy: \"mode \" is no name");
	is_invalid("version: STSv1\n mode: none\nmax_age: 1", "\" mode\" is no name");
	is_invalid("version: STSv1\nmode: None\nmax_age: 1", "\"None\" is no mode");
	is_invalid("version: STSv1\nmode= none\nmax_age: 1", "\"mode= none\" has no colon");
	is_invalid("version: stsv1\nmode: none\nmax_age: 1", "\"stsv1\" is not the version STSv1");
	is_invalid(
		"version: STSv1;\nmode: none\nmax_age: 1", "\"STSv1;\" is not the version STSv1");
}

/* STS-25: empty lines at the end and nothing else that the grammar does not have. */
static void only_the_end_of_the_file_may_be_empty(void **state)
{
	(void)state;
	is_policy(GOOD "\n", "enforce 86400 a.example");
	is_policy(GOOD "\r\n\n \t\n\r\n", "enforce 86400 a.example");
	is_invalid("\n" GOOD, "line 1 of the policy is empty, which only the last lines may be");
	is_invalid(GOOD "\n\nx: y", "line 5 of the policy is empty");
	is_invalid(
		"\xef\xbb\xbf" GOOD, "line 1 of the policy: \"???version\" is no name of a field");
	is_invalid(GOOD "junk", "line 5 of the policy: \"junk\" has no colon");
	is_invalid(GOOD "\n# end", "line 5 of the policy is empty");
}

/* STS-26 */
static void version_mode_max_age_and_mx_must_be_there(void **state)
{
	(void)state;
	is_invalid("", "the policy has no field version");
	assert_int_equal(parse_text(TEXT_EMPTY), RESULT_INVALID);
	is_invalid("\n", "the policy has no field version");
	is_invalid("mode: enforce\nmax_age: 1\nmx: a.example", "the policy has no field version");
	is_invalid("version: STSv1\nmax_age: 1\nmx: a.example", "the policy has no field mode");
	is_invalid(
		"version: STSv1\nmode: enforce\nmx: a.example", "the policy has no field max_age");
	is_invalid("version: STSv1\nmode: enforce\nmax_age: 1", "the policy has no field mx");
	is_invalid("version: STSv1\nmode: testing\nmax_age: 1", "the policy has no field mx");
	is_policy("version: STSv1\nmode: none\nmax_age: 1", "none 1");
	is_policy("version: STSv1\nmode: none\nmax_age: 1\nmx: a.example", "none 1 a.example");
}

/* STS-27 */
static void the_first_value_counts(void **state)
{
	(void)state;
	is_policy("version: STSv1\nmode: none\nmode: enforce\nmax_age: 1\nmax_age: 2", "none 1");
	is_policy(GOOD "mode: none\nmax_age: 0\nversion: STSv2\nmode: doubt\nmax_age: x",
		"enforce 86400 a.example");
	is_invalid("version: STSv2\nversion: STSv1\nmode: none\nmax_age: 1", "line 1 ");
	is_invalid("version: STSv1\nmode: doubt\nmode: none\nmax_age: 1", "line 2 ");
	is_invalid("version: STSv1\nmode: none\nmax_age: x\nmax_age: 1", "line 3 ");
}

/* STS-27 */
static void unknown_fields_are_ignored_if_they_are_well_formed(void **state)
{
	(void)state;
	static const char *const good[] = { "x: y", "0_-.: y", "mx2: *", "MX: b.example",
		"x: a:b : c", "x: d\xc3\xa9j\xc3\xa0 vu \xf0\x9f\x93\xa7",
		"a2345678901234567890123456789_-.: ~" };
	static const char *const bad[] = { "x:", "x: \t ", ": y", "_x: y", "-x: y", ".x: y",
		"x y: z", "x+: y", "a23456789012345678901234567890_-.: y", "x: a\tb", "x: a\x7f",
		"x: a\x1b[0m", "x: \xc3", "x: \xed\xa0\x80", "x: \xc0\xaf" };
	char file[200];
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		snprintf(file, sizeof file, "%s\n" GOOD, good[i]);
		is_policy(file, "enforce 86400 a.example");
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		snprintf(file, sizeof file, GOOD "%s\n", bad[i]);
		is_invalid(file, "line 5 of the policy: ");
	}
	static const char with_nul[] = GOOD "x: a\0b\n";
	assert_int_equal(parse_text(text_of_bytes(with_nul, sizeof with_nul - 1)), RESULT_INVALID);
}

/* STS-28, erratum 7282 */
static void max_age_is_1_to_10_digits_and_at_most_a_year(void **state)
{
	(void)state;
	static const struct {
		const char *value;
		uint32_t seconds;
	} good[] = { { "0", 0 }, { "0000000001", 1 }, { "31557600", 31557600 },
		{ "31557601", 31557600 }, { "4294967296", 31557600 }, { "4294967297", 31557600 },
		{ "9999999999", 31557600 } };
	static const char *const bad[] = { "-1", "+1", "1d", "1.0", "1 0", "0x1", "10000000000",
		"01234567890", "18446744073709551617", "\xd9\xa1" };
	char file[200];
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		snprintf(file, sizeof file, "version: STSv1\nmode: none\nmax_age: %s",
			good[i].value);
		assert_int_equal(parse(file), RESULT_OK);
		assert_int_equal(policy.max_age_s, good[i].seconds);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		snprintf(file, sizeof file, "version: STSv1\nmode: none\nmax_age: %s", bad[i]);
		is_invalid(file, "is no max_age: 1 to 10 digits, in seconds");
	}
}

#define LABEL63 "a23456789012345678901234567890123456789012345678901234567890123"

/* STS-29: such a line is never taken for an extension with the name mx. */
static void an_mx_is_a_name_or_a_wildcard_label_and_a_name(void **state)
{
	(void)state;
	static const char *const good[] = { "a.example", "A.Example", "*.example", "localhost",
		"1.example", "xn--bcher-kva.example", "*." LABEL63 ".example", "a--b.example",
		"*.a1" };
	static const char *const bad[] = { "*", "*.", "a.*.b", "mail*.x", "*mail.x", "**.x",
		"*.*.x", "*x", ".", ".a.example", "a..example", "a.example.", "*.example.",
		"*..example", "b\xc3\xbc.example", "192.0.2.1", "[192.0.2.1]", "*.0.2.1",
		"2001:db8::1", "[IPv6:2001:db8::1]", "a_b.example", "-a.example", "a-.example",
		"a.example-", "a.example:25", "a b", "a.example,b.example", "a@b.example",
		LABEL63 "4.example", LABEL63 "." LABEL63 "." LABEL63 "." LABEL63 };
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		char expected[200];
		if (parse_patterns(good[i]) != RESULT_OK)
			fail_msg("%s", why.text);
		snprintf(expected, sizeof expected, "enforce 1 %s", good[i]);
		assert_string_equal(content(), expected);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		char file[400];
		static const char *const modes[] = { "enforce", "testing", "none" };
		for (size_t m = 0; m < COUNT_OF(modes); m++) {
			snprintf(file, sizeof file,
				"version: STSv1\nmode: %s\nmx: b.example\nmx: %s\nmax_age: 1",
				modes[m], bad[i]);
			is_invalid(file, "line 4 of the policy: ");
		}
	}
	is_invalid(HEAD "mx: *\n", "\"*\" is no mx: a host name in ASCII, perhaps behind \"*.\"");
	is_invalid(HEAD "mx: 192.0.2.1\n", "\"192.0.2.1\" looks like an address");
	is_invalid(HEAD "mx: a_b.example\n", "\"a_b.example\" is no mx: it has an underscore");
}

/* SEC-09, STS-30, DANE-36. */
static void pattern_and_certificate_cover_what_they_should(void **state)
{
	(void)state;
	enum { N, Y };
	static const struct {
		const char *pattern, *host;
		bool sts, certificate;
	} table[] = {
#define NAME_PAIR(pattern, host, sts, certificate) { pattern, host, sts, certificate },
#include "tests/unit/tls/name_pairs.def"
#undef NAME_PAIR
	};
	static_assert(COUNT_OF(table) >= 30, "SEC-09 asks for that many");
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct text pattern = text_of(table[i].pattern), host = text_of(table[i].host);
		if (sts_pattern_covers(pattern, host) != table[i].sts)
			fail_msg("%s, %s in a policy", table[i].pattern, table[i].host);
		if (cert_name_covers(pattern, host) != table[i].certificate)
			fail_msg("%s, %s in a certificate", table[i].pattern, table[i].host);
	}
}

/* STS-30 */
static void the_first_pattern_that_covers_a_host_is_told(void **state)
{
	(void)state;
	struct text pattern;
	assert_int_equal(
		parse("mx: mail.example.com\nversion: STSv1\nmode: testing\nmx:\t*.example.net \r\n"
		      "mxx: c.example\nmax_age: 1\nmx: mx.example.net"),
		RESULT_OK);
	assert_int_equal(policy.mx_count, 3);
	assert_true(sts_policy_covers(&policy, TEXT("MAIL.example.com"), &pattern));
	assert_text_equal(pattern, "mail.example.com");
	assert_true(sts_policy_covers(&policy, TEXT("mx.example.net."), &pattern));
	assert_text_equal(pattern, "*.example.net");
	assert_false(sts_policy_covers(&policy, TEXT("example.net"), &pattern));
	assert_false(sts_policy_covers(&policy, TEXT("a.mx.example.net"), &pattern));
	assert_false(sts_policy_covers(&policy, TEXT("c.example"), &pattern));
	assert_false(sts_policy_covers(&policy, TEXT("x\nmail.example.com"), &pattern));
	assert_false(sts_policy_covers(&policy, TEXT_EMPTY, NULL));
	assert_int_equal(parse("version: STSv1\nmode: none\nmax_age: 1"), RESULT_OK);
	assert_false(sts_policy_covers(&policy, TEXT("mail.example.com"), &pattern));
}

static struct text file_of(size_t bytes, char **out_memory)
{
	static const char line[] = "mx: a.b\n", head[] = GOOD;
	char *memory = malloc(bytes);
	assert_non_null(memory);
	memset(memory, '\n', bytes);
	memcpy(memory, head, sizeof head - 1);
	for (size_t at = sizeof head - 1; at + sizeof line - 1 <= bytes; at += sizeof line - 1)
		memcpy(memory + at, line, sizeof line - 1);
	*out_memory = memory;
	return text_of_bytes(memory, bytes);
}

/* STS-21: all of the largest file is read and matched, and nothing of a larger one (fetch-014). */
static void a_file_has_at_most_64_kib(void **state)
{
	(void)state;
	char *memory;
	size_t patterns = 0;
	struct text pattern;
	assert_int_equal(parse_text(file_of(STS_POLICY_BYTES_MAX, &memory)), RESULT_OK);
	assert_true(policy.mx_count > STS_POLICY_BYTES_MAX / 9);
	assert_false(sts_policy_covers(&policy, TEXT("c.b"), NULL));
	for (size_t at = 0; sts_policy_next_mx(&policy, &at, &pattern);)
		patterns++;
	assert_int_equal(policy.mx_count, patterns);
	free(memory);
	assert_int_equal(parse_text(file_of(STS_POLICY_BYTES_MAX + 1, &memory)), RESULT_TOO_LONG);
	assert_string_equal(why.text, "the policy has more than 65536 octets");
	free(memory);
}

/* What is cut off at the end shows, unless all that must be there is there already. */
static void a_file_may_end_at_any_octet(void **state)
{
	(void)state;
	static const char whole[] =
		"version: STSv1\r\nmode: enforce\r\nmx: mx.example\r\nmax_age: 604800\r\n\xc3\xa9";
	static const size_t digits =
		sizeof "version: STSv1\r\nmode: enforce\r\nmx: mx.example\r\nmax_age: " - 1;
	for (size_t len = 0; len < sizeof whole; len++) {
		/* Memory that ends where the file does. */
		char *cut = malloc(len > 0 ? len : 1);
		assert_non_null(cut);
		memcpy(cut, whole, len);
		bool is_valid = parse_text(text_of_bytes(cut, len)) == RESULT_OK;
		size_t behind = len > digits ? len - digits : 0;
		/* The digits, then CR alone, CRLF, and the octets that are no field. */
		bool expected = (behind >= 1 && behind <= 6) || behind == 8;
		if (is_valid != expected)
			fail_msg("%zu octets: %s", len, why.text);
		if (is_valid) {
			static const uint32_t ages[] = { 6, 60, 604, 6048, 60480, 604800 };
			assert_int_equal(policy.max_age_s, ages[behind < 6 ? behind - 1 : 5]);
			assert_true(sts_policy_covers(&policy, TEXT("mx.example"), NULL));
		}
		free(cut);
	}
}

static void modes_have_the_names_of_the_file(void **state)
{
	(void)state;
	assert_text_equal(sts_mode_text(STS_MODE_NONE), "none");
	assert_text_equal(sts_mode_text(STS_MODE_TESTING), "testing");
	assert_text_equal(sts_mode_text(STS_MODE_ENFORCE), "enforce");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_of_other_programs_test_suites_mean_the_same_here),
		cmocka_unit_test(matches_of_other_programs_test_suites_are_the_same_here),
		cmocka_unit_test(lines_end_in_lf_or_crlf_and_never_in_cr),
		cmocka_unit_test(a_field_is_key_colon_value_with_its_case),
		cmocka_unit_test(only_the_end_of_the_file_may_be_empty),
		cmocka_unit_test(version_mode_max_age_and_mx_must_be_there),
		cmocka_unit_test(the_first_value_counts),
		cmocka_unit_test(unknown_fields_are_ignored_if_they_are_well_formed),
		cmocka_unit_test(max_age_is_1_to_10_digits_and_at_most_a_year),
		cmocka_unit_test(an_mx_is_a_name_or_a_wildcard_label_and_a_name),
		cmocka_unit_test(pattern_and_certificate_cover_what_they_should),
		cmocka_unit_test(the_first_pattern_that_covers_a_host_is_told),
		cmocka_unit_test(a_file_has_at_most_64_kib),
		cmocka_unit_test(a_file_may_end_at_any_octet),
		cmocka_unit_test(modes_have_the_names_of_the_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
