#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "dns/dns_name.h"

#define WIRE(bytes) { bytes, sizeof(bytes) - 1 }

static const struct {
	struct {
		const char *bytes;
		size_t len;
	} wire;
	const char *name; /* NULL: refused */
} names[] = {
	{ WIRE("\0"), "" },
	{ WIRE("\4MAIL\7Example\0"), "mail.example" }, /* DNS-36 */
	{ WIRE("\3a.b\0"), "a\\.b" },                  /* one label, not two */
	{ WIRE("\3a\\b\0"), "a\\\\b" },
	{ WIRE("\3a b\0"), "a\\032b" },
	{ WIRE("\2\0\377\0"), "\\000\\255" },
	{ WIRE("\4_tcp\1x\0"), "_tcp.x" },
	{ WIRE("\1\"\0"), "\"" },
	{ WIRE("\4mail"), NULL },       /* no root */
	{ WIRE("\4mai"), NULL },        /* cut short */
	{ WIRE(""), NULL },
	{ WIRE("\300\14"), NULL },      /* a compression pointer */
	{ WIRE("\1a\300\0"), NULL },
	{ WIRE("\100abc\0"), NULL },    /* label type 01 */
	{ WIRE("\200abc\0"), NULL },    /* label type 10 */
};

/* DNS-28 */
static void a_name_is_read_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct buf_reader reader;
		buf_reader_init(&reader, names[i].wire.bytes, names[i].wire.len);
		char name[DNS_NAME_TEXT_SIZE] = "left over";
		bool good = dns_name_read(&reader, name);
		if (good != (names[i].name != NULL))
			fail_msg("row %zu", i);
		assert_string_equal(name, good ? names[i].name : "");
		if (good)
			assert_int_equal(reader.at, names[i].wire.len);
	}
}

/* As many labels of 63 octets as asked for, the last one cut to `last`. */
static size_t put_long_name(uint8_t *wire, unsigned labels, uint8_t last)
{
	size_t len = 0;
	for (unsigned i = 0; i < labels; i++) {
		uint8_t octets = i + 1 == labels ? last : 63;
		wire[len++] = octets;
		memset(wire + len, '\1', octets); /* as text the longest there is */
		len += octets;
	}
	wire[len++] = 0;
	return len;
}

/* DNS-29, RFC 1035 2.3.4 */
static void a_name_has_at_most_255_octets(void **state)
{
	(void)state;
	uint8_t wire[512];
	struct buf_reader reader;
	char name[DNS_NAME_TEXT_SIZE];
	size_t len = put_long_name(wire, 4, 61);
	assert_int_equal(len, 255);
	buf_reader_init(&reader, wire, len);
	assert_true(dns_name_read(&reader, name));
	assert_int_equal(strlen(name), 250 * 4 + 3);
	len = put_long_name(wire, 4, 62);
	buf_reader_init(&reader, wire, len);
	assert_false(dns_name_read(&reader, name));
}

static void only_what_can_exist_is_asked_for(void **state)
{
	(void)state;
	char label[65], longest[300];
	memset(label, 'a', 63);
	label[63] = '\0';
	snprintf(longest, sizeof longest, "%s.%s.%s.%.61s", label, label, label, label);
	assert_int_equal(strlen(longest), 253);
	assert_true(dns_name_can_be_asked(""));
	assert_true(dns_name_can_be_asked("lab"));
	assert_true(dns_name_can_be_asked("_25._tcp.mx.a-b.lab"));
	assert_true(dns_name_can_be_asked(label));
	assert_true(dns_name_can_be_asked(longest));
	assert_false(dns_name_can_be_asked("a..b"));
	assert_false(dns_name_can_be_asked(".a"));
	assert_false(dns_name_can_be_asked("a."));
	assert_false(dns_name_can_be_asked("."));
	assert_false(dns_name_can_be_asked("a\\.b"));
	memcpy(label, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 65);
	assert_false(dns_name_can_be_asked(label));
	memmove(longest + 2, longest, 254);
	memcpy(longest, "a.", 2);
	assert_false(dns_name_can_be_asked(longest));
}

/* DANE-11, DNS-29 */
static void the_name_of_tlsa_records_may_be_too_long_to_exist(void **state)
{
	(void)state;
	char name[DOMAIN_NAME_SIZE];
	assert_true(dns_name_of_tlsa("mx.lab", 25, name));
	assert_string_equal(name, "_25._tcp.mx.lab");
	assert_true(dns_name_of_tlsa("mx.lab", 2525, name));
	assert_string_equal(name, "_2525._tcp.mx.lab");
	char host[260];
	for (size_t len = 240; len <= 253; len++) {
		for (size_t i = 0; i < len; i++)
			host[i] = i % 50 == 49 ? '.' : 'a';
		host[len - 1] = 'a';
		host[len] = '\0';
		assert_int_equal(dns_name_of_tlsa(host, 25, name), len + 9 <= 253);
	}
	assert_string_equal(name, "");
}

static void the_host_and_port_of_tlsa_records_are_read_off_their_name(void **state)
{
	(void)state;
	static const char *const others[] = { "", "_", "mx.lab", "_25.mx.lab", "_25._tcp", "_25._tcp.", "_25._udp.mx.lab",
		"_+25._tcp.mx.lab", "_025._tcp.mx.lab", "_0._tcp.mx.lab", "_65536._tcp.mx.lab" };
	struct text host;
	uint16_t port;
	assert_true(dns_name_split_tlsa(TEXT("_25._tcp.mx.lab"), &host, &port));
	assert_true(text_equal(host, TEXT("mx.lab")));
	assert_int_equal(port, 25);
	assert_true(dns_name_split_tlsa(TEXT("_65535._tcp._tcp.lab"), &host, &port));
	assert_true(text_equal(host, TEXT("_tcp.lab")));
	assert_int_equal(port, 65535);
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_false(dns_name_split_tlsa(text_of(others[i]), &host, &port));
}

static void zones_are_guessed_well_enough_to_share_places(void **state)
{
	(void)state;
	static const struct {
		const char *name, *zone;
	} rows[] = {
		{ "", "" },
		{ "lab", "lab" },
		{ "example.com", "example.com" },
		{ "mx.example.com", "example.com" },
		{ "x-com.mail.protection.outlook.com", "outlook.com" },
		{ "mx.firm.co.uk", "firm.co.uk" },
		{ "firm.co.uk", "firm.co.uk" },
		{ "co.uk", "co.uk" },
		{ "mx.firm.de", "firm.de" },
		{ "a.mx.firmware.de", "firmware.de" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_true(text_equal(
			dns_name_zone_guess(text_of(rows[i].name)), text_of(rows[i].zone)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_read_or_refused),
		cmocka_unit_test(a_name_has_at_most_255_octets),
		cmocka_unit_test(only_what_can_exist_is_asked_for),
		cmocka_unit_test(the_name_of_tlsa_records_may_be_too_long_to_exist),
		cmocka_unit_test(the_host_and_port_of_tlsa_records_are_read_off_their_name),
		cmocka_unit_test(zones_are_guessed_well_enough_to_share_places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
