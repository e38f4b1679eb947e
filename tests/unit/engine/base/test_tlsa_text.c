#include "tests/unit/unit.h"
#include "engine/base/limits.h"
#include "engine/base/tlsa_text.h"

static struct arena arena;
static struct fail fail;

static enum result parse(const char *text, struct tlsa_record *out_record)
{
	fail_clear(&fail);
	return tlsa_text_parse(text_of(text), &arena, out_record, &fail);
}

/* (TLSA-01) Numbers in decimal, data in hex, in the order of the wire. */
static void a_record_as_in_a_zone_file_is_read(void **state)
{
	(void)state;
	struct tlsa_record record;
	assert_int_equal(parse(" 3 1 2  00FFab\t01 ", &record), RESULT_OK);
	assert_int_equal(record.usage, 3);
	assert_int_equal(record.selector, 1);
	assert_int_equal(record.matching, 2);
	assert_false(record.malformed);
	assert_int_equal(record.data.len, 4);
	assert_memory_equal(record.data.data, "\x00\xff\xab\x01", 4);
}

/* (TLSA-02) A record without data is one, and malformed, as from the wire. */
static void a_record_without_data_is_malformed_and_no_error(void **state)
{
	(void)state;
	struct tlsa_record record;
	assert_int_equal(parse("3 1 1", &record), RESULT_OK);
	assert_true(record.malformed);
	assert_int_equal(parse("255 254 253 00", &record), RESULT_OK);
	assert_int_equal(record.usage, 255);
	assert_false(record.malformed);
}

static void data_over_the_limit_is_malformed_as_from_the_wire(void **state)
{
	(void)state;
	static char text[2 * TLSA_DATA_BYTES_MAX + 16];
	memset(text, 'a', sizeof text - 1);
	memcpy(text, "3 0 0 ", 6);
	struct tlsa_record record;
	text[6 + 2 * TLSA_DATA_BYTES_MAX] = '\0';
	assert_int_equal(parse(text, &record), RESULT_OK);
	assert_false(record.malformed);
	memcpy(text + 6 + 2 * TLSA_DATA_BYTES_MAX, "aa", 3);
	assert_int_equal(parse(text, &record), RESULT_OK);
	assert_true(record.malformed);
}

static void what_is_no_record_is_told_in_words(void **state)
{
	(void)state;
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", "is no usage" },
		{ "x 1 1 00", "\"x\" is no usage" },
		{ "3", "is no selector" },
		{ "3 256 1 00", "\"256\" is no selector" },
		{ "3 1 -1 00", "\"-1\" is no matching type" },
		{ "3 1 1 0g", "\"0g\" is not made of hex digits" },
		{ "3 1 1 012", "odd number of hex digits" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct tlsa_record record;
		assert_int_equal(parse(cases[i].text, &record), RESULT_INVALID);
		assert_non_null(strstr(fail.text, cases[i].words));
	}
}

/* (TLSA-30) Spaces between the numbers, none in the hex; long data is cut for a line of text. */
static void a_record_is_written_as_dig_writes_it(void **state)
{
	(void)state;
	char memory[64];
	struct buf buf;
	struct tlsa_record record;
	assert_int_equal(parse("2 0 1 00FF ab", &record), RESULT_OK);
	buf_init(&buf, memory, sizeof memory);
	tlsa_text_put(&buf, &record, 3);
	assert_text_equal(buf_text(&buf), "2 0 1 00ffab");
	buf_reset(&buf);
	tlsa_text_put(&buf, &record, 2);
	assert_text_equal(buf_text(&buf), "2 0 1 00ff...");
	assert_int_equal(parse("2 0 1", &record), RESULT_OK);
	buf_reset(&buf);
	tlsa_text_put(&buf, &record, 3);
	assert_text_equal(buf_text(&buf), "2 0 1");
}

int main(void)
{
	arena_init(&arena, 1024, 1024 * 1024);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_as_in_a_zone_file_is_read),
		cmocka_unit_test(a_record_without_data_is_malformed_and_no_error),
		cmocka_unit_test(data_over_the_limit_is_malformed_as_from_the_wire),
		cmocka_unit_test(what_is_no_record_is_told_in_words),
		cmocka_unit_test(a_record_is_written_as_dig_writes_it),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_deinit(&arena);
	return failed;
}
