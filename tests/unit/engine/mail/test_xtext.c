#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "engine/mail/xtext.h"

static char memory[2048];

static struct text encoded(struct text raw)
{
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	xtext_put(&buf, raw);
	assert_false(buf.overflow);
	return buf_text(&buf);
}

/* EXT-DSN-02: vectors with "+" and "=". */
static void texts_are_encoded_with_upper_case_hex(void **state)
{
	(void)state;
	static const struct {
		struct text raw, xtext;
	} rows[] = {
		{ TEXT_INIT(""), TEXT_INIT("") },
		{ TEXT_INIT("QQ314159"), TEXT_INIT("QQ314159") },
		{ TEXT_INIT("ann+tag@a.example"), TEXT_INIT("ann+2Btag@a.example") },
		{ TEXT_INIT("a=b"), TEXT_INIT("a+3Db") },
		{ TEXT_INIT("a b\tc"), TEXT_INIT("a+20b+09c") },
		{ TEXT_INIT("\0\r\n\x7f"), TEXT_INIT("+00+0D+0A+7F") },
		{ TEXT_INIT("j\xc3\xb6rg"), TEXT_INIT("j+C3+B6rg") },
		{ TEXT_INIT("<!~>"), TEXT_INIT("<!~>") },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_true(text_equal(encoded(rows[i].raw), rows[i].xtext));
}

static void every_octet_survives_encoding_and_decoding(void **state)
{
	(void)state;
	char raw[256];
	for (size_t i = 0; i < sizeof raw; i++)
		raw[i] = (char)i;
	struct text xtext = encoded((struct text){ raw, sizeof raw });
	assert_true(xtext_is_valid(xtext));
	char decoded[sizeof raw];
	struct buf buf;
	buf_init(&buf, decoded, sizeof decoded);
	xtext_put_decoded(&buf, xtext);
	assert_false(buf.overflow);
	assert_int_equal(buf.len, sizeof raw);
	assert_memory_equal(decoded, raw, sizeof raw);
}

static void only_what_may_go_on_the_wire_is_valid(void **state)
{
	(void)state;
	static const struct {
		struct text xtext;
		bool valid;
	} rows[] = {
		{ TEXT_INIT(""), true },
		{ TEXT_INIT("a+2Bb"), true },
		{ TEXT_INIT("+20"), true },
		{ TEXT_INIT("a+b"), false },
		{ TEXT_INIT("a+"), false },
		{ TEXT_INIT("a+2"), false },
		{ TEXT_INIT("a+2b"), false }, /* RFC 3461 4: upper case only */
		{ TEXT_INIT("a+G0"), false },
		{ TEXT_INIT("a=b"), false },
		{ TEXT_INIT("a b"), false },
		{ TEXT_INIT("a\r\nRSET"), false },
		{ TEXT_INIT("a\0"), false },
		{ TEXT_INIT("\x7f"), false },
		{ TEXT_INIT("\xc3\xb6"), false },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(xtext_is_valid(rows[i].xtext), rows[i].valid);
}

/* EXT-DSN-05 */
static void utf8_addresses_become_ascii(void **state)
{
	(void)state;
	static const struct {
		const char *utf8, *ascii;
	} rows[] = {
		{ "ann@a.example", "ann@a.example" },
		{ "j\xc3\xb6rg@a.example", "j\\x{F6}rg@a.example" },
		{ "\xe2\x82\xac", "\\x{20AC}" },
		{ "\xf0\x9f\x98\x80", "\\x{1F600}" },
		{ "\xf4\x8f\xbf\xbf", "\\x{10FFFF}" },
		{ "\\x{F6}", "\\x{F6}" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf buf;
		buf_init(&buf, memory, sizeof memory);
		xtext_put_utf8_address(&buf, text_of(rows[i].utf8));
		assert_true(text_equal(buf_text(&buf), text_of(rows[i].ascii)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_encoded_with_upper_case_hex),
		cmocka_unit_test(every_octet_survives_encoding_and_decoding),
		cmocka_unit_test(only_what_may_go_on_the_wire_is_valid),
		cmocka_unit_test(utf8_addresses_become_ascii),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
