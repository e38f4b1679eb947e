#include "tests/unit/unit.h"
#include "engine/base/check.h"
#include "engine/base/json_line.h"

static void escapes(void **state)
{
	(void)state;
	static const struct { struct text in; const char *out; } rows[] = {
		{ TEXT_INIT(""), "" },
		{ TEXT_INIT("plain text, <a@b> ok"), "plain text, <a@b> ok" },
		{ TEXT_INIT("\"\\"), "\\\"\\\\" },
		{ TEXT_INIT("a\r\nb\tc"), "a\\r\\nb\\tc" },
		{ TEXT_INIT("\0\x1b[31m\x7f"), "\\u0000\\u001b[31m\\u007f" },
		{ TEXT_INIT("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"), "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80" },
		{ TEXT_INIT("\xfcx"), "\xef\xbf\xbdx" },
		{ TEXT_INIT("\xc3"), "\xef\xbf\xbd" },
		{ TEXT_INIT("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ TEXT_INIT("\xc0\x80"), "\xef\xbf\xbd\xef\xbf\xbd" },
		{ TEXT_INIT("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t memory[64];
		struct buf buf;
		buf_init(&buf, memory, sizeof memory);
		json_put_escaped(&buf, rows[i].in);
		assert_text_equal(buf_text(&buf), rows[i].out);
	}
}

/* Whatever goes in: valid UTF-8, no control byte, no bare quote, within the bound. */
static void any_bytes_give_a_safe_string(void **state)
{
	(void)state;
	uint64_t seed = 31;
	for (int turn = 0; turn < 20000; turn++) {
		uint8_t in[40], memory[2 + 40 * JSON_ESCAPE_MAX];
		size_t len = seeded_below(&seed, sizeof in + 1);
		struct buf buf;
		for (size_t i = 0; i < len; i++)
			in[i] = (uint8_t)(seeded_below(&seed, 2) ? seeded_next(&seed) : 0xc0 | (i & 0x3f));
		buf_init(&buf, memory, sizeof memory);
		json_put_string(&buf, text_of_bytes(in, len));
		assert_false(buf.overflow);
		struct text inside = text_cut(text_skip(buf_text(&buf), 1), buf.len - 2);
		assert_true(text_is_utf8(inside));
		for (size_t i = 0; i < inside.len; i++) {
			assert_true((uint8_t)inside.data[i] >= 0x20 && inside.data[i] != 0x7f);
			if (inside.data[i] == '\\')
				i++;
			else
				assert_true(inside.data[i] != '"');
		}
	}
}

static void a_line_of_fields(void **state)
{
	(void)state;
	uint8_t memory[64];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	json_line_open(&buf);
	json_line_put_text(&buf, TEXT("a"), TEXT("x{"));
	json_line_put_number(&buf, TEXT("n"), 42);
	json_line_put_text(&buf, TEXT("e"), TEXT_EMPTY);
	json_line_close(&buf);
	assert_text_equal(buf_text(&buf), "{\"a\":\"x{\",\"n\":\"42\",\"e\":\"\"}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes),
		cmocka_unit_test(any_bytes_give_a_safe_string),
		cmocka_unit_test(a_line_of_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
