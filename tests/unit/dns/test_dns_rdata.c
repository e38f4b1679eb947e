#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "dns/dns_rdata.h"
#include "engine/base/tlsa.h"

#define RDATA(bytes) { (const uint8_t *)bytes, sizeof(bytes) - 1 }

/* DNS-28: at least 3 octets, one whole name, nothing behind it. */
static void an_mx_record_is_whole_or_refused(void **state)
{
	(void)state;
	static const struct {
		struct dns_rdata rdata;
		const char *host; /* NULL: refused */
	} rows[] = {
		{ RDATA(""), NULL },
		{ RDATA("\0"), NULL },
		{ RDATA("\0\12"), NULL },
		{ RDATA("\0\12\0"), "" },
		{ RDATA("\0\12\2MX\3lab\0"), "mx.lab" },
		{ RDATA("\0\12\2MX\3lab"), NULL },
		{ RDATA("\0\12\2MX\3lab\0\0"), NULL },
		{ RDATA("\0\12\300\14"), NULL },
		{ RDATA("\0\12\77mx"), NULL },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct dns_mx mx;
		bool good = dns_rdata_read_mx(&rows[i].rdata, &mx);
		if (good != (rows[i].host != NULL))
			fail_msg("row %zu", i);
		if (!good)
			continue;
		assert_int_equal(mx.preference, 10);
		assert_string_equal(mx.host, rows[i].host);
	}
}

/* DNS-28 */
static void an_address_record_has_exactly_its_length(void **state)
{
	(void)state;
	uint8_t bytes[20] = { 192, 0, 2, 1 };
	for (size_t len = 0; len <= sizeof bytes; len++) {
		struct dns_rdata rdata = { bytes, len };
		struct ip_address address;
		assert_int_equal(dns_rdata_read_address(&rdata, DNS_TYPE_A, &address), len == 4);
		assert_int_equal(
			dns_rdata_read_address(&rdata, DNS_TYPE_AAAA, &address), len == 16);
	}
}

/* DNS-28; RFC 8461 3.1: strings are joined without a space. */
static void the_strings_of_a_txt_record_are_joined(void **state)
{
	(void)state;
	static const struct {
		struct dns_rdata rdata;
		const char *text; /* NULL: refused */
	} rows[] = {
		{ RDATA("\3abc"), "abc" },
		{ RDATA("\3abc\2de"), "abcde" },
		{ RDATA("\0"), "" },
		{ RDATA("\0\1a\0"), "a" },
		{ RDATA(""), NULL },
		{ RDATA("\4abc"), NULL },
		{ RDATA("\3abc\3de"), NULL },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char memory[64];
		struct buf out;
		buf_init(&out, memory, sizeof memory);
		buf_put_cstr(&out, "before:");
		bool good = dns_rdata_read_txt(&rows[i].rdata, &out);
		if (good != (rows[i].text != NULL))
			fail_msg("row %zu", i);
		assert_true(text_equal(text_skip(buf_text(&out), 7),
			text_of(good ? rows[i].text : "")));
		assert_true(text_starts(buf_text(&out), TEXT("before:")));
	}
}

static void a_txt_record_that_does_not_fit_leaves_nothing_behind(void **state)
{
	(void)state;
	const struct dns_rdata rdata = RDATA("\3abc\3def");
	char memory[5];
	struct buf out;
	buf_init(&out, memory, sizeof memory);
	assert_false(dns_rdata_read_txt(&rdata, &out));
	assert_int_equal(out.len, 0);
	assert_false(out.overflow);
}

/* TLSA-02, DNS-28: kept, as unusable. */
static void a_short_tlsa_record_is_kept_as_malformed(void **state)
{
	(void)state;
	uint8_t bytes[8] = { 3, 1, 1, 0xab, 0xcd, 0xef, 1, 2 };
	for (size_t len = 0; len <= sizeof bytes; len++) {
		struct dns_rdata rdata = { bytes, len };
		assert_int_equal(tlsa_record_of_rdata(&rdata).malformed, len < 4);
	}
}

static void a_record_is_shown_as_in_a_zone_file(void **state)
{
	(void)state;
	static const struct {
		struct dns_rdata rdata;
		uint16_t type;
		const char *text;
	} rows[] = {
		{ RDATA("\0\12\2MX\3lab\0"), DNS_TYPE_MX, "10 mx.lab" },
		{ RDATA("\0\0\0"), DNS_TYPE_MX, "0 ." },
		{ RDATA("\0\12"), DNS_TYPE_MX, "\\# 2 000a" },
		{ RDATA(""), DNS_TYPE_MX, "\\# 0" },
		{ RDATA("\300\0\2\1"), DNS_TYPE_A, "192.0.2.1" },
		{ RDATA("\300\0\2"), DNS_TYPE_A, "\\# 3 c00002" },
		{ RDATA("\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1"), DNS_TYPE_AAAA, "2001:db8::1" },
		{ RDATA("\2mx\3LAB\0"), DNS_TYPE_CNAME, "mx.lab" },
		{ RDATA("\3\1\1\253\315"), DNS_TYPE_TLSA, "3 1 1 abcd" },
		{ RDATA("\3\1\1"), DNS_TYPE_TLSA, "\\# 3 030101" },
		{ RDATA("\3a\"b\2\33[\0"), DNS_TYPE_TXT, "\"a\\\"b\" \"\\027[\" \"\"" },
		{ RDATA("\3a"), DNS_TYPE_TXT, "\\# 2 0361" },
		{ RDATA("\1\2"), 99, "\\# 2 0102" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char memory[128];
		struct buf out;
		buf_init(&out, memory, sizeof memory);
		dns_rdata_put_text(&rows[i].rdata, rows[i].type, &out);
		assert_string_equal(buf_cstr(&out), rows[i].text);
	}
}

static void a_record_that_does_not_fit_is_an_overflow(void **state)
{
	(void)state;
	const struct dns_rdata rdata = RDATA("\2mx\3LAB\0");
	char memory[4];
	struct buf out;
	buf_init(&out, memory, sizeof memory);
	dns_rdata_put_text(&rdata, DNS_TYPE_CNAME, &out);
	assert_true(out.overflow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_mx_record_is_whole_or_refused),
		cmocka_unit_test(an_address_record_has_exactly_its_length),
		cmocka_unit_test(the_strings_of_a_txt_record_are_joined),
		cmocka_unit_test(a_txt_record_that_does_not_fit_leaves_nothing_behind),
		cmocka_unit_test(a_short_tlsa_record_is_kept_as_malformed),
		cmocka_unit_test(a_record_is_shown_as_in_a_zone_file),
		cmocka_unit_test(a_record_that_does_not_fit_is_an_overflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
