#include "tests/unit/unit.h"
#include "engine/base/limits.h"
#include "engine/base/tlsa.h"

static struct tlsa_record record_of(const char *bytes, size_t len)
{
	const struct dns_rdata rdata = { (const uint8_t *)bytes, len };
	return tlsa_record_of_rdata(&rdata);
}

/* (DNS-28, TLSA-02) Short rdata is kept and known to be malformed. */
static void every_length_gives_a_record(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 6; len++) {
		struct tlsa_record record = record_of("\x03\x01\x02" "abc", len);
		assert_int_equal(record.malformed, len < 4);
		assert_int_equal(record.usage, len >= 1 ? 3 : 0);
		assert_int_equal(record.selector, len >= 2 ? 1 : 0);
		assert_int_equal(record.matching, len >= 3 ? 2 : 0);
		assert_int_equal(record.data.len, len < 4 ? 0 : len - 3);
	}
	static char large[TLSA_DATA_BYTES_MAX + 4];
	assert_false(record_of(large, TLSA_DATA_BYTES_MAX + 3).malformed);
	assert_true(record_of(large, TLSA_DATA_BYTES_MAX + 4).malformed);
	assert_false(record_of(large, TLSA_DATA_BYTES_MAX + 3).too_large);
	assert_true(record_of(large, TLSA_DATA_BYTES_MAX + 4).too_large);
	assert_false(record_of(large, 3).too_large);
}

static void a_copied_set_is_sorted_without_doubles(void **state)
{
	(void)state;
	struct tlsa_record records[] = {
		record_of("\x03\x01\x01" "bb", 5), record_of("\x02\x00\x01" "aa", 5),
		record_of("\x03\x01\x01" "aa", 5), record_of("\x03\x01\x01" "bb", 5),
		record_of("\x03\x00\x01" "aa", 5), record_of("\x03\x01\x00" "zz", 5),
		record_of("\x03\x01", 2), record_of("\x03\x01\x01" "aab", 6),
	};
	struct tlsa_set set, from = { .class = DNS_SECURE_DATA, .base_domain = TEXT("mx.example"),
		.records = records, .count = COUNT_OF(records), .truncated = true };
	struct arena arena;
	arena_init(&arena, 1024, 65536);
	assert_true(tlsa_set_copy(&set, &from, &arena));
	memset(records, 0, sizeof records);
	assert_int_equal(set.count, 7);
	assert_int_equal(set.class, DNS_SECURE_DATA);
	assert_true(set.truncated);
	assert_text_equal(set.base_domain, "mx.example");
	for (size_t i = 1; i < set.count; i++)
		assert_true(tlsa_record_compare(&set.records[i - 1], &set.records[i]) < 0);
	assert_int_equal(set.records[0].usage, 2);
	assert_text_equal(set.records[4].data, "aa");
	assert_text_equal(set.records[5].data, "aab");
	assert_text_equal(set.records[6].data, "bb");
	arena_deinit(&arena);
}

static void a_set_too_large_for_the_arena_is_a_result(void **state)
{
	(void)state;
	static char bytes[900] = "\x03\x01\x01";
	struct tlsa_record records[] = { record_of(bytes, sizeof bytes), record_of("\x03\x01\x01x", 4) };
	struct tlsa_set set, from = { .class = DNS_SECURE_DATA, .records = records, .count = 2 };
	struct arena arena;
	arena_init(&arena, 512, 512);
	assert_false(tlsa_set_copy(&set, &from, &arena));
	assert_true(arena_is_exhausted(&arena));
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_gives_a_record),
		cmocka_unit_test(a_copied_set_is_sorted_without_doubles),
		cmocka_unit_test(a_set_too_large_for_the_arena_is_a_result),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
