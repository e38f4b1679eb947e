#include "tests/unit/unit.h"
#include "engine/base/check.h"

static void equality_looks_at_length_and_bytes(void **state)
{
	(void)state;
	assert_true(text_equal(TEXT("a\0b"), TEXT("a\0b")));
	assert_false(text_equal(TEXT("a\0b"), TEXT("a\0c")));
	assert_false(text_equal(TEXT("a"), TEXT("ab")));
	assert_true(text_equal(TEXT_EMPTY, TEXT("")));
	assert_false(text_equal(TEXT("A"), TEXT("a")));
}

/* Only ASCII letters have case: neither [ and {, nor what a Turkish locale would do. */
static void case_is_ignored_for_ascii_letters_only(void **state)
{
	(void)state;
	assert_true(text_equal_nocase(TEXT("StartTLS"), TEXT("STARTTLS")));
	assert_false(text_equal_nocase(TEXT("["), TEXT("{")));
	assert_false(text_equal_nocase(TEXT("@"), TEXT("`")));
	assert_false(text_equal_nocase(TEXT("\xc4"), TEXT("\xe4")));
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			char x = (char)a, y = (char)b;
			bool letter = (a | 0x20) >= 'a' && (a | 0x20) <= 'z' && a < 128 && b < 128;
			bool want = a == b || (letter && (a ^ b) == 0x20);
			assert_int_equal(text_equal_nocase((struct text){ &x, 1 }, (struct text){ &y, 1 }),
				want);
		}
	}
}

static void prefixes_and_suffixes(void **state)
{
	(void)state;
	assert_true(text_starts(TEXT("250-SIZE"), TEXT("250")));
	assert_false(text_starts(TEXT("25"), TEXT("250")));
	assert_true(text_starts_nocase(TEXT("size 10"), TEXT("SIZE")));
	assert_true(text_starts(TEXT("x"), TEXT("")));
	assert_true(text_ends(TEXT("mx.example.com"), TEXT(".com")));
	assert_false(text_ends(TEXT("com"), TEXT(".com")));
	assert_true(text_ends_nocase(TEXT("MX.EXAMPLE.COM"), TEXT(".example.com")));
}

static void order_is_by_bytes_then_length(void **state)
{
	(void)state;
	assert_true(text_compare(TEXT("a"), TEXT("b")) < 0);
	assert_true(text_compare(TEXT("a"), TEXT("ab")) < 0);
	assert_true(text_compare(TEXT("\xff"), TEXT("a")) > 0);
	assert_int_equal(text_compare(TEXT("ab"), TEXT("ab")), 0);
	assert_int_equal(text_compare(TEXT_EMPTY, TEXT_EMPTY), 0);
	assert_true(text_compare(TEXT_EMPTY, TEXT("a")) < 0);
}

static void skip_and_cut_never_leave_the_text(void **state)
{
	(void)state;
	assert_text_equal(text_skip(TEXT("abc"), 1), "bc");
	assert_text_equal(text_skip(TEXT("abc"), 9), "");
	assert_text_equal(text_skip(TEXT_EMPTY, 9), "");
	assert_text_equal(text_cut(TEXT("abc"), 2), "ab");
	assert_text_equal(text_cut(TEXT("abc"), 9), "abc");
	assert_text_equal(text_trim(TEXT(" \t a b\r\n")), "a b");
	assert_text_equal(text_trim(TEXT(" \r\n")), "");
	assert_text_equal(text_trim(TEXT_EMPTY), "");
}

static void finding_bytes_and_texts(void **state)
{
	(void)state;
	assert_int_equal(text_find(TEXT("a@b@c"), '@'), 1);
	assert_int_equal(text_find_last(TEXT("a@b@c"), '@'), 3);
	assert_int_equal(text_find(TEXT("abc"), '@'), TEXT_NONE);
	assert_int_equal(text_find(TEXT_EMPTY, '@'), TEXT_NONE);
	assert_int_equal(text_find_last(TEXT_EMPTY, '@'), TEXT_NONE);
	assert_int_equal(text_find_text(TEXT("a\r\nb"), TEXT("\r\n")), 1);
	assert_int_equal(text_find_text(TEXT("a\r"), TEXT("\r\n")), TEXT_NONE);
	assert_int_equal(text_find_text(TEXT("abc"), TEXT("")), 0);
}

static void split_gives_empty_parts_too(void **state)
{
	(void)state;
	static const struct { const char *text; const char *parts[4]; size_t count; } rows[] = {
		{ "a,,b", { "a", "", "b" }, 3 }, { "", { "" }, 1 },     { ",", { "", "" }, 2 },
		{ "a", { "a" }, 1 },             { "a,", { "a", "" }, 2 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct text rest = text_of(rows[i].text), part;
		for (size_t n = 0; n < rows[i].count; n++) {
			assert_true(text_split(&rest, ',', &part));
			assert_text_equal(part, rows[i].parts[n]);
		}
		assert_false(text_split(&rest, ',', &part));
	}
}

static void numbers_are_digits_and_fit(void **state)
{
	(void)state;
	uint64_t number = 7;
	assert_true(text_to_u64(TEXT("0"), &number));
	assert_int_equal(number, 0);
	assert_true(text_to_u64(TEXT("18446744073709551615"), &number));
	assert_true(number == UINT64_MAX);
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x1", "1e3",
		"18446744073709551616", "99999999999999999999" };
	number = 7;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(text_to_u64(text_of(bad[i]), &number));
	assert_int_equal(number, 7);
}

/* Against a decoder written the other way round: by value, not by bytes. */
static size_t utf8_len_by_value(const uint8_t *b, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = b[0] < 0x80 ? 1 : (b[0] & 0xe0) == 0xc0 ? 2 : (b[0] & 0xf0) == 0xe0 ? 3 :
		(b[0] & 0xf8) == 0xf0 ? 4 : 0;
	if (n == 0 || n > len)
		return 0;
	uint32_t value = n == 1 ? b[0] : b[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (b[i] & 0x3f);
	}
	bool good = value >= least[n] && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
	return good ? n : 0;
}

static void utf8_agrees_with_a_decoder_by_value(void **state)
{
	(void)state;
	for (uint32_t head = 0; head < 0x10000; head++) {
		uint8_t b[4] = { (uint8_t)(head >> 8), (uint8_t)head, 0x80, 0xbf };
		for (size_t len = 1; len <= 4; len++)
			assert_int_equal(text_utf8_len(text_of_bytes(b, len)), utf8_len_by_value(b, len));
		b[2] = 0x7f;
		assert_int_equal(text_utf8_len(text_of_bytes(b, 4)), utf8_len_by_value(b, 4));
		b[2] = 0xbf;
		b[3] = 0xc0;
		assert_int_equal(text_utf8_len(text_of_bytes(b, 4)), utf8_len_by_value(b, 4));
	}
	assert_int_equal(text_utf8_len(TEXT_EMPTY), 0);
	assert_true(text_is_utf8(TEXT("gr\xc3\xbc\xc3\x9f")));
	assert_false(text_is_utf8(TEXT("gr\xfc")));
}

static void a_cut_never_splits_a_character(void **state)
{
	(void)state;
	const struct text t = TEXT("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z");
	static const size_t want[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11 };
	for (size_t n = 0; n < COUNT_OF(want); n++)
		assert_int_equal(text_cut_utf8(t, n).len, want[n]);
	/* What is no UTF-8 is cut anywhere. */
	assert_int_equal(text_cut_utf8(TEXT("\xfc\xfc\xfc\xfc\xfc"), 3).len, 3);
	assert_int_equal(text_cut_utf8(TEXT("\x80\x80\x80\x80\x80"), 4).len, 4);
}

static void printable_is_ascii_without_control_bytes(void **state)
{
	(void)state;
	assert_true(text_is_printable(TEXT(" ~az")));
	assert_false(text_is_printable(TEXT("a\n")));
	assert_false(text_is_printable(TEXT("\x7f")));
	assert_false(text_is_printable(TEXT("\xc3\xbc")));
}

static void a_long_text_is_utf8_or_not_at_every_place(void **state)
{
	(void)state;
	static const struct text kinds[] = { TEXT_INIT("\xc3\xbc"), TEXT_INIT("\xe2\x82\xac"),
		TEXT_INIT("\xf0\x9f\x98\x80"), TEXT_INIT("\x80"), TEXT_INIT("\xff"),
		TEXT_INIT("\xc3") };
	for (size_t len = 4; len < 40; len++) {
		for (size_t i = 0; i < COUNT_OF(kinds); i++) {
			for (size_t at = 0; at + kinds[i].len <= len; at++) {
				char text[40];
				memset(text, 'x', len);
				assert_true(text_is_utf8((struct text){ text, len }));
				memcpy(text + at, kinds[i].data, kinds[i].len);
				assert_int_equal(text_is_utf8((struct text){ text, len }), i < 3);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality_looks_at_length_and_bytes),
		cmocka_unit_test(case_is_ignored_for_ascii_letters_only),
		cmocka_unit_test(prefixes_and_suffixes),
		cmocka_unit_test(order_is_by_bytes_then_length),
		cmocka_unit_test(skip_and_cut_never_leave_the_text),
		cmocka_unit_test(finding_bytes_and_texts),
		cmocka_unit_test(split_gives_empty_parts_too),
		cmocka_unit_test(numbers_are_digits_and_fit),
		cmocka_unit_test(utf8_agrees_with_a_decoder_by_value),
		cmocka_unit_test(a_cut_never_splits_a_character),
		cmocka_unit_test(printable_is_ascii_without_control_bytes),
		cmocka_unit_test(a_long_text_is_utf8_or_not_at_every_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
