#include "tests/unit/unit.h"
#include "engine/base/buf.h"

static void what_is_put_is_read_back(void **state)
{
	(void)state;
	uint8_t memory[128];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	buf_put_u8(&buf, 0xab);
	buf_put_u16(&buf, 0x1234);
	buf_put_u32(&buf, 0xdeadbeef);
	buf_put_u64(&buf, UINT64_C(0x0123456789abcdef));
	buf_put_text16(&buf, TEXT("hello"));
	buf_put_text32(&buf, TEXT(""));
	assert_false(buf.overflow);
	/* Network byte order. */
	assert_int_equal(memory[1], 0x12);
	assert_int_equal(memory[3], 0xde);

	struct buf_reader r;
	buf_reader_init(&r, memory, buf.len);
	assert_int_equal(buf_reader_u8(&r), 0xab);
	assert_int_equal(buf_reader_u16(&r), 0x1234);
	assert_true(buf_reader_u32(&r) == 0xdeadbeefu);
	assert_true(buf_reader_u64(&r) == UINT64_C(0x0123456789abcdef));
	assert_text_equal(buf_reader_text16(&r), "hello");
	assert_text_equal(buf_reader_text32(&r), "");
	assert_true(buf_reader_done(&r));
}

static void a_reader_that_ran_out_gives_zeros_for_ever(void **state)
{
	(void)state;
	const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	for (size_t len = 0; len < sizeof bytes; len++) {
		struct buf_reader r;
		buf_reader_init(&r, bytes, len);
		(void)buf_reader_u64(&r);
		if (len >= 8)
			continue;
		assert_true(r.error);
		assert_int_equal(buf_reader_u8(&r), 0);
		assert_int_equal(buf_reader_u16(&r), 0);
		assert_null(buf_reader_bytes(&r, 0));
		assert_false(buf_reader_done(&r));
	}
}

static void bytes_left_over_are_not_done(void **state)
{
	(void)state;
	struct buf_reader r;
	buf_reader_init(&r, "ab", 2);
	(void)buf_reader_u8(&r);
	assert_int_equal(buf_reader_left(&r), 1);
	assert_false(buf_reader_done(&r));
	(void)buf_reader_u8(&r);
	assert_true(buf_reader_done(&r));
	buf_reader_set_error(&r);
	assert_false(buf_reader_done(&r));
}

static void a_length_that_lies_reads_nothing(void **state)
{
	(void)state;
	struct buf_reader r;
	buf_reader_init(&r, "\xff\xff\xff\xff" "ab", 6);
	assert_text_equal(buf_reader_text32(&r), "");
	assert_true(r.error);
	buf_reader_init(&r, "\x00\x03" "ab", 4);
	assert_text_equal(buf_reader_text16(&r), "");
	assert_true(r.error);
}

/* Every size: what fits is there, the first put that does not fit leaves no trace, nor any later. */
static void a_put_that_does_not_fit_writes_nothing_ever_after(void **state)
{
	(void)state;
	for (size_t size = 0; size <= 16; size++) {
		uint8_t memory[17];
		memset(memory, '#', sizeof memory);
		struct buf buf;
		buf_init(&buf, memory, size);
		buf_put_cstr(&buf, "abcd");
		buf_put_u32(&buf, 0x65666768);
		buf_put_number(&buf, 12345);
		buf_put_u8(&buf, '!');
		size_t want = size >= 14 ? 14 : size >= 13 ? 13 : size >= 8 ? 8 : size >= 4 ? 4 : 0;
		assert_int_equal(buf.len, want);
		assert_int_equal(buf.overflow, size < 14);
		assert_memory_equal(memory, "abcdefgh12345!", want);
		assert_int_equal(memory[want], '#');
	}
}

static void numbers_in_decimal(void **state)
{
	(void)state;
	static const struct { uint64_t number; unsigned width; const char *want; } rows[] = {
		{ 0, 1, "0" },      { 7, 2, "07" },   { 123, 2, "123" }, { 0, 0, "" },
		{ UINT64_MAX, 1, "18446744073709551615" }, { 5, 20, "00000000000000000005" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t memory[32];
		struct buf buf;
		buf_init(&buf, memory, sizeof memory);
		buf_put_number_padded(&buf, rows[i].number, rows[i].width);
		assert_text_equal(buf_text(&buf), rows[i].want);
	}
}

static void hex_and_printf(void **state)
{
	(void)state;
	uint8_t memory[12];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	buf_put_hex(&buf, "\x00\xff\x1a", 3);
	assert_text_equal(buf_text(&buf), "00ff1a");
	buf_printf(&buf, "-%d", 42);
	assert_text_equal(buf_text(&buf), "00ff1a-42");
	assert_string_equal(buf_cstr(&buf), "00ff1a-42");
	buf_printf(&buf, "%s", "long");
	assert_true(buf.overflow);
	assert_int_equal(buf.len, 9);
	assert_null(buf_cstr(&buf));
	buf_truncate(&buf, 6);
	assert_false(buf.overflow);
	assert_text_equal(buf_text(&buf), "00ff1a");
	buf_reset(&buf);
	assert_int_equal(buf.len, 0);
}

static void discard_moves_the_rest_to_the_front(void **state)
{
	(void)state;
	uint8_t memory[8];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	buf_put_cstr(&buf, "abcdefgh");
	assert_null(buf_cstr(&buf));
	buf_discard(&buf, 3);
	assert_text_equal(buf_text(&buf), "defgh");
	buf_discard(&buf, 0);
	buf_discard(&buf, 5);
	assert_int_equal(buf.len, 0);
	assert_int_equal(buf_room(&buf), 8);
}

static void a_text_longer_than_its_length_field_overflows(void **state)
{
	(void)state;
	static char large[70000];
	static uint8_t memory[80000];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	buf_put_text16(&buf, (struct text){ large, 65536 });
	assert_true(buf.overflow);
	assert_int_equal(buf.len, 0);
	buf_reset(&buf);
	buf_put_text16(&buf, (struct text){ large, 65535 });
	assert_false(buf.overflow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_read_back),
		cmocka_unit_test(a_reader_that_ran_out_gives_zeros_for_ever),
		cmocka_unit_test(bytes_left_over_are_not_done),
		cmocka_unit_test(a_length_that_lies_reads_nothing),
		cmocka_unit_test(a_put_that_does_not_fit_writes_nothing_ever_after),
		cmocka_unit_test(numbers_in_decimal),
		cmocka_unit_test(hex_and_printf),
		cmocka_unit_test(discard_moves_the_rest_to_the_front),
		cmocka_unit_test(a_text_longer_than_its_length_field_overflows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
