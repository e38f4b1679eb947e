/* STS-05 to STS-10, SEC-35: what the TXT records at _mta-sts. of a domain say. */
#include <stdlib.h>
#include "engine/base/check.h"
#include "tests/unit/unit.h"
#include "tls/sts_record.h"

static struct sts_record record;
static struct fail why;

static enum sts_record_fault choose(const char *const *texts, size_t count)
{
	struct text records[8];
	assert_true(count <= COUNT_OF(records));
	for (size_t i = 0; i < count; i++)
		records[i] = text_of(texts[i]);
	fail_clear(&why);
	enum sts_record_fault fault = sts_record_choose(records, count, &record, &why);
	if (fault != STS_RECORD_OK) {
		assert_string_equal(record.id, "");
		assert_false(record.is_spaced);
		assert_true(text_is_printable(text_of(why.text)) && why.text[0] != '\0');
	}
	return fault;
}

#define CHOOSE(...)                                                                                \
	choose((const char *const[]){ __VA_ARGS__ },                                               \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void is_id(const char *text, const char *id)
{
	if (CHOOSE(text) != STS_RECORD_OK || strcmp(record.id, id) != 0)
		fail_msg("\"%s\" gives \"%s\": %s", text, record.id, why.text);
}

static void is_fault(const char *text, enum sts_record_fault fault)
{
	if (CHOOSE(text) != fault)
		fail_msg("\"%s\" gives \"%s\": %s", text, record.id, why.text);
}

static void records_of_other_programs_test_suites_mean_the_same_here(void **state)
{
	(void)state;
	static const struct {
		const char *name, *id, *texts[4];
	} table[] = {
#define STS_TXT(name, record, id)  { name, id, { record } },
#define STS_TXT_SET(name, id, ...) { name, id, { __VA_ARGS__ } },
#include "tests/unit/tls/sts_vectors.def"
#undef STS_TXT
#undef STS_TXT_SET
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		size_t count = 0;
		while (count < COUNT_OF(table[i].texts) && table[i].texts[count] != NULL)
			count++;
		bool is_there = choose(table[i].texts, count) == STS_RECORD_OK;
		if (is_there != (table[i].id != NULL) ||
			(is_there && strcmp(record.id, table[i].id) != 0))
			fail_msg("%s gives \"%s\": %s", table[i].name, record.id, why.text);
	}
}

/* STS-06 */
static void only_records_that_begin_with_the_version_are_looked_at(void **state)
{
	(void)state;
	assert_int_equal(
		CHOOSE("v=spf1 -all", "v=STSv1; id=1", "STSv1", "x v=STSv1; id=2"), STS_RECORD_OK);
	assert_string_equal(record.id, "1");
	assert_int_equal(CHOOSE("v=STSv1; id=1;", "v=STSv10; id=2;", "v=STSv1", ""), STS_RECORD_OK);
	assert_int_equal(choose(NULL, 0), STS_RECORD_NONE);
	assert_int_equal(CHOOSE(NULL, NULL), STS_RECORD_NONE); /* empty texts without bytes */
	assert_string_equal(why.text, "there is no TXT record that begins with \"v=STSv1;\"");
}

/* STS-06: a broken one counts, so that nobody chooses for the domain what it means. */
static void several_are_none(void **state)
{
	(void)state;
	assert_int_equal(CHOOSE("v=STSv1; id=1", "v=STSv1; id=2"), STS_RECORD_SEVERAL);
	assert_string_equal(
		why.text, "there are 2 TXT records that begin with \"v=STSv1;\", and only one may");
	assert_int_equal(CHOOSE("v=STSv1; id=1", "v=STSv1; id=1"), STS_RECORD_SEVERAL);
	assert_int_equal(CHOOSE("v=STSv1;", "v=STSv1; id=1"), STS_RECORD_SEVERAL);
	assert_int_equal(
		CHOOSE("a", "v=STSv1; id=1", "b", "v=STSv1;", "v=STSv1;;"), STS_RECORD_SEVERAL);
	assert_non_null(strstr(why.text, "there are 3 "));
}

/* STS-07, SEC-35 */
static void the_version_comes_first_and_has_its_case(void **state)
{
	(void)state;
	static const char *const none[] = { "id=1; v=STSv1;", "V=STSv1; id=1", "v=stsv1; id=1",
		"V=stsv1;", " v=STSv1; id=1", "v =STSv1; id=1", "v= STSv1; id=1",
		"\"v=STSv1; id=1\"", "v=STSv1, id=1", "v=STSv1 id=1", "v=STSv1 ", "v=STSv1" };
	for (size_t i = 0; i < COUNT_OF(none); i++)
		is_fault(none[i], STS_RECORD_NONE);
	is_id("v=STSv1; a=b; id=1", "1");
	is_id("v=STSv1; v=STSv2; id=1", "1");
	is_fault("v=STSv1; ID=1", STS_RECORD_BROKEN);
	is_fault("v=STSv1; Id=1;", STS_RECORD_BROKEN);
}

/* STS-08, erratum 6285 */
static void a_space_before_the_semicolon_counts_when_there_is_no_better_one(void **state)
{
	(void)state;
	is_id("v=STSv1 ; id=x", "x");
	assert_true(record.is_spaced);
	is_id("v=STSv1\t \t; id=x", "x");
	assert_true(record.is_spaced);
	assert_int_equal(CHOOSE("v=STSv1 ; id=x", "v=STSv1; id=y"), STS_RECORD_OK);
	assert_string_equal(record.id, "y");
	assert_false(record.is_spaced);
	assert_int_equal(CHOOSE("v=STSv1 ; id=x", "v=STSv1; id="), STS_RECORD_BROKEN);
	assert_int_equal(CHOOSE("v=STSv1 ; id=x", "v=STSv1 ; id=x"), STS_RECORD_SEVERAL);
	is_fault("v=STSv1 ; id=", STS_RECORD_BROKEN);
}

/* STS-09 */
static void an_id_is_1_to_32_letters_and_digits(void **state)
{
	(void)state;
	is_id("v=STSv1;id=0", "0");
	is_id("v=STSv1; id=abcdefghijklmnopqrstuvwxyz012345;", "abcdefghijklmnopqrstuvwxyz012345");
	is_id("v=STSv1; id=ABCXYZ", "ABCXYZ");
	static const char *const bad[] = { "v=STSv1; id=abcdefghijklmnopqrstuvwxyz0123456",
		"v=STSv1; id=", "v=STSv1; id=a-b", "v=STSv1; id=a_b", "v=STSv1; id=a.b",
		"v=STSv1; id==a", "v=STSv1; id=\xc3\xa9", "v=STSv1; id= a", "v=STSv1; id =a",
		"v=STSv1; id", "v=STSv1;", "v=STSv1; ", "v=STSv1; a=b", "v=STSv1; id=a-b; id=1",
		"v=STSv1; id=\x7f" };
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		is_fault(bad[i], STS_RECORD_BROKEN);
}

/* STS-10 */
static void the_first_id_counts_and_other_fields_are_ignored(void **state)
{
	(void)state;
	is_id("v=STSv1; id=1; id=2; foo=bar", "1");
	is_id("v=STSv1; foo=bar; id=1; id=a-b", "1");
	is_id("v=STSv1; idx=2; id.=3; id=1", "1");
	is_id("v=STSv1; 0_-.=!\"#$%&'()*+,-./:<>?@[\\]^_`{|}~; id=1", "1");
	is_id("v=STSv1; a2345678901234567890123456789_-.=x; id=1", "1");
}

static void fields_that_are_not_of_the_grammar_break_the_record(void **state)
{
	(void)state;
	static const char *const bad[] = { "v=STSv1; id=1; a23456789012345678901234567890_-.=x",
		"v=STSv1; id=1; _a=b", "v=STSv1; id=1; -a=b", "v=STSv1; id=1; .a=b",
		"v=STSv1; id=1; a+b=c", "v=STSv1; id=1; =b",
		"v=STSv1; id=1; a=", "v=STSv1; id=1; a", "v=STSv1; id=1; a=b=c",
		"v=STSv1; id=1; a=b c", "v=STSv1; id=1 a=b", "v=STSv1; id=1;; a=b",
		"v=STSv1;; id=1", "v=STSv1; id=1; ;", "v=STSv1; id=1;;", "v=STSv1; id=1 ",
		"v=STSv1; id=1\n", "v=STSv1; id=1;\n", "v=STSv1; id=1; a=\x01",
		"v=STSv1; id=1; a=\xc3\xa9" };
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		is_fault(bad[i], STS_RECORD_BROKEN);
}

static void white_space_may_stand_around_each_semicolon(void **state)
{
	(void)state;
	is_id("v=STSv1;id=1;a=b", "1");
	is_id("v=STSv1;\t id=1\t ;\t a=b \t;", "1");
	is_id("v=STSv1; id=1; ", "1");
	is_id("v=STSv1; id=1 ;\t", "1");
}

static void what_is_broken_is_told_in_a_sentence(void **state)
{
	(void)state;
	static const struct {
		const char *record, *sentence;
	} table[] = {
		{ "v=STSv1; a=b", "the TXT record has no field id" },
		{ "v=STSv1; a=b; id=a-b", "field 2 of the TXT record, \"id=a-b\", is no id, which "
					  "has 1 to 32 letters and digits" },
		{ "v=STSv1; id=1;;", "field 2 of the TXT record, \"\", is empty" },
		{ "v=STSv1; id=1 a=b", "field 1 of the TXT record, \"id=1\", is followed by white "
				       "space and no semicolon" },
		{ "v=STSv1; id=1; p\xc3\xa9\x1b[31m=1",
			"field 2 of the TXT record, \"p???[31m=1\", has no good name, which is 1 "
			"to 32 "
			"letters, digits, \"_\", \"-\" and \".\"" },
		{ "v=STSv1; a", "field 1 of the TXT record, \"a\", has no \"=\"" },
		{ "v=STSv1; a=0123456789012345678901234567890123456789\x01",
			"field 1 of the TXT record, "
			"\"a=01234567890123456789012345678901234567...\", has no "
			"good value, which is printable ASCII without \"=\"" },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		is_fault(table[i].record, STS_RECORD_BROKEN);
		assert_string_equal(why.text, table[i].sentence);
	}
	assert_string_equal(sts_record_fault_text(STS_RECORD_OK), "ok");
	assert_string_equal(sts_record_fault_text(STS_RECORD_NONE), "none");
	assert_string_equal(sts_record_fault_text(STS_RECORD_SEVERAL), "several");
	assert_string_equal(sts_record_fault_text(STS_RECORD_BROKEN), "broken");
}

/* Of a record without its end a reader sees either none, or one whose id is what came of it. */
static void a_record_may_end_at_any_octet(void **state)
{
	(void)state;
	static const char whole[] = "v=STSv1; id=2026a; ext=1 ;";
	static const size_t id_at = sizeof "v=STSv1; id=" - 1,
			    id_end = sizeof "v=STSv1; id=2026a" - 1;
	static const size_t ext_value = sizeof "v=STSv1; id=2026a; ext=1" - 1;
	for (size_t len = 0; len < sizeof whole; len++) {
		/* Memory that ends where the record does. */
		char *cut = malloc(len > 0 ? len : 1);
		assert_non_null(cut);
		memcpy(cut, whole, len);
		struct text text = text_of_bytes(cut, len);
		enum sts_record_fault fault = sts_record_choose(&text, 1, &record, &why);
		bool is_in_ext = len > id_end + 2 && len < ext_value;
		bool is_before_semicolon = len == sizeof whole - 2;
		enum sts_record_fault expected = len < sizeof "v=STSv1;" - 1 ? STS_RECORD_NONE
						 : len <= id_at || is_in_ext || is_before_semicolon
							 ? STS_RECORD_BROKEN
							 : STS_RECORD_OK;
		if (fault != expected)
			fail_msg("%zu octets: %s", len, sts_record_fault_text(fault));
		if (fault == STS_RECORD_OK) {
			size_t id_len = (len < id_end ? len : id_end) - id_at;
			assert_int_equal(strlen(record.id), id_len);
			assert_memory_equal(record.id, whole + id_at, id_len);
		}
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_of_other_programs_test_suites_mean_the_same_here),
		cmocka_unit_test(only_records_that_begin_with_the_version_are_looked_at),
		cmocka_unit_test(several_are_none),
		cmocka_unit_test(the_version_comes_first_and_has_its_case),
		cmocka_unit_test(a_space_before_the_semicolon_counts_when_there_is_no_better_one),
		cmocka_unit_test(an_id_is_1_to_32_letters_and_digits),
		cmocka_unit_test(the_first_id_counts_and_other_fields_are_ignored),
		cmocka_unit_test(fields_that_are_not_of_the_grammar_break_the_record),
		cmocka_unit_test(white_space_may_stand_around_each_semicolon),
		cmocka_unit_test(what_is_broken_is_told_in_a_sentence),
		cmocka_unit_test(a_record_may_end_at_any_octet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
