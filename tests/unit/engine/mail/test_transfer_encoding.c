#include "engine/mail/transfer_encoding.h"
#include <stdlib.h>
#include "tests/unit/unit.h"

static char memory[65536];
static struct buf out;

static struct text put(enum transfer_encoding encoding, struct text body)
{
	size_t bytes = transfer_encoding_bytes_max(encoding, body);
	assert_true(bytes <= sizeof memory);
	buf_init(&out, memory, bytes > 0 ? bytes : 1);
	transfer_encoding_put(&out, encoding, body);
	assert_false(out.overflow);
	return buf_text(&out);
}

static void quoted_printable_is_that_of_rfc_2045(void **state)
{
	(void)state;
	static const struct {
		const char *body, *encoded;
	} rows[] = {
		{ "", "" },
		{ "a\r\n", "a\r\n" },
		{ "a\nb\r\n", "a\r\nb\r\n" },
		{ "a", "a=\r\n" },
		{ "\n", "\r\n" },
		{ "1=2", "1=3D2=\r\n" },
		{ "Gr\xc3\xbc\xc3\x9f"
		  "e\r\n",
			"Gr=C3=BC=C3=9Fe\r\n" },
		{ "a \r\nb\t\n c d\r\n", "a=20\r\nb=09\r\n c d\r\n" },
		{ "a ", "a=20=\r\n" },
		{ "a\rb\r\n", "a=0Db\r\n" },
		{ "a\r\r\n", "a=0D\r\n" },
		{ "\x01\x7f\n", "=01=7F\r\n" },
		/* 76 octets stand on a line when it ends there, 75 and a "=" when not. */
		{ "0123456789012345678901234567890123456789012345678901234567890123456789012345\n",
			"01234567890123456789012345678901234567890123456789012345678901234567890123"
			"45\r\n" },
		{ "01234567890123456789012345678901234567890123456789012345678901234567890123456\n",
			"01234567890123456789012345678901234567890123456789012345678901234567890123"
			"4=\r\n"
			"56\r\n" },
		{ "01234567890123456789012345678901234567890123456789012345678901234567890123=\n",
			"01234567890123456789012345678901234567890123456789012345678901234567890123"
			"=\r\n"
			"=3D\r\n" },
		{ "0123456789012345678901234567890123456789012345678901234567890123456789012=\n",
			"0123456789012345678901234567890123456789012345678901234567890123456789012="
			"3D\r\n" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_text_equal(put(TRANSFER_ENCODING_QUOTED_PRINTABLE, text_of(rows[i].body)),
			rows[i].encoded);
}

static void base64_is_that_of_rfc_2045_and_lines_are_crlf_before(void **state)
{
	(void)state;
	static const struct {
		const char *body, *encoded;
	} rows[] = {
		{ "", "" },
		{ "a", "YQ==\r\n" },
		{ "ab", "YWI=\r\n" },
		{ "abc", "YWJj\r\n" },
		{ "\n", "DQo=\r\n" },
		{ "a\nb\r\nc", "YQ0KYg0KYw==\r\n" },
		{ "\n\n\n", "DQoNCg0K\r\n" },
		{ "012345678901234567890123456789012345678901234567890123456",
			"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzND"
			"U2\r\n" },
		{ "0123456789012345678901234567890123456789012345678901234567",
			"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzND"
			"U2\r\n"
			"Nw==\r\n" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_text_equal(
			put(TRANSFER_ENCODING_BASE64, text_of(rows[i].body)), rows[i].encoded);
}

static void mail_stays_and_else_the_shorter_one_is_chosen(void **state)
{
	(void)state;
	static char longest[1001];
	memset(longest, 'x', sizeof longest);
	longest[998] = '\r';
	longest[999] = '\n';
	const struct {
		struct text body;
		enum transfer_encoding encoding;
	} rows[] = {
		{ TEXT(""), TRANSFER_ENCODING_7BIT },
		{ TEXT("a = b \r\n.\r\nx\n"), TRANSFER_ENCODING_7BIT },
		{ TEXT("a"), TRANSFER_ENCODING_QUOTED_PRINTABLE },
		{ TEXT("a\0b\r\n"), TRANSFER_ENCODING_QUOTED_PRINTABLE },
		{ TEXT("a\rb\r\n"), TRANSFER_ENCODING_QUOTED_PRINTABLE },
		{ { longest, 1000 }, TRANSFER_ENCODING_7BIT },
		{ { longest + 1, 1000 }, TRANSFER_ENCODING_QUOTED_PRINTABLE },
		{ TEXT("Sch\xc3\xb6ne Gr\xc3\xbc\xc3\x9f"
		       "e aus M\xc3\xbcnchen\r\n"),
			TRANSFER_ENCODING_BASE64 },
		{ TEXT("Viele Gr\xc3\xbc\xc3\x9f"
		       "e von uns allen hier aus der Stadt\r\n"),
			TRANSFER_ENCODING_QUOTED_PRINTABLE },
		{ TEXT("\xe5\xb1\xb1\xe7\x94\xb0\r\n"), TRANSFER_ENCODING_BASE64 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(transfer_encoding_of(rows[i].body), rows[i].encoding);
	assert_text_equal(put(TRANSFER_ENCODING_7BIT, TEXT("a\nb\r\n\n")), "a\r\nb\r\n\r\n");
	assert_string_equal(
		transfer_encoding_name(TRANSFER_ENCODING_QUOTED_PRINTABLE), "quoted-printable");
}

/* ---- what comes out is what went in ---- */

static int hex(char c) { return c >= 'A' ? c - 'A' + 10 : c - '0'; }

static size_t decode_quoted_printable(struct text t, char *to)
{
	size_t len = 0;
	for (size_t i = 0; i < t.len; i++) {
		if (t.data[i] != '=') {
			to[len++] = t.data[i];
		} else if (t.data[i + 1] == '\r') {
			i += 2;
		} else {
			to[len++] = (char)(hex(t.data[i + 1]) << 4 | hex(t.data[i + 2]));
			i += 2;
		}
	}
	return len;
}

static size_t decode_base64(struct text t, char *to)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = 0, count = 0;
	uint32_t bits = 0;
	for (size_t i = 0; i < t.len; i++) {
		const char *at = t.data[i] != '\0' ? strchr(digits, t.data[i]) : NULL;
		if (at == NULL)
			continue;
		bits = bits << 6 | (uint32_t)(at - digits);
		if (++count % 4 != 1)
			to[len++] = (char)(bits >> (6 - 2 * (int)((count + 3) % 4)));
	}
	return len;
}

static void any_octets_come_out_as_they_went_in(void **state)
{
	(void)state;
	static char body[4000], crlf[8000], decoded[8000];
	static const char octets[] = "ab =.\t\r\n\n\n\xc3\xbc\x01";
	uint64_t seed = 7;
	for (int round = 0; round < 3000; round++) {
		size_t len = seeded_below(&seed, round < 2000 ? 40 : sizeof body), wanted = 0;
		for (size_t i = 0; i < len; i++)
			body[i] = octets[seeded_below(&seed, sizeof octets - 1)];
		for (size_t i = 0; i < len; i++) {
			if (body[i] == '\n' && (i == 0 || body[i - 1] != '\r'))
				crlf[wanted++] = '\r';
			crlf[wanted++] = body[i];
		}
		struct text text = { body, len };
		struct text encoded = put(TRANSFER_ENCODING_QUOTED_PRINTABLE, text);
		assert_int_equal(decode_quoted_printable(encoded, decoded), wanted);
		assert_memory_equal(decoded, crlf, wanted);
		encoded = put(TRANSFER_ENCODING_BASE64, text);
		assert_int_equal(decode_base64(encoded, decoded), wanted);
		assert_memory_equal(decoded, crlf, wanted);
		struct text line;
		while (text_split(&encoded, '\n', &line))
			assert_true(line.len <= 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quoted_printable_is_that_of_rfc_2045),
		cmocka_unit_test(base64_is_that_of_rfc_2045_and_lines_are_crlf_before),
		cmocka_unit_test(mail_stays_and_else_the_shorter_one_is_chosen),
		cmocka_unit_test(any_octets_come_out_as_they_went_in),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
