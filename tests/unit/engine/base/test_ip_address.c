#include "tests/unit/unit.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include "engine/base/ip_address.h"

static struct ip_address address_of(const char *text)
{
	struct ip_address address;
	assert_int_equal(ip_address_parse(text_of(text), &address), RESULT_OK);
	return address;
}

static void good_forms_are_written_canonically(void **state)
{
	(void)state;
	static const struct { const char *in, *out; } rows[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "::", "::" },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "fe80::1", "fe80::1" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[IP_ADDRESS_TEXT_SIZE];
		struct ip_address address = address_of(rows[i].in);
		assert_string_equal(ip_address_text(&address, text), rows[i].out);
	}
}

static void everything_else_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256",
		"0x1.2.3.4", " 1.2.3.4", "1.2.3.4 ", "1.2.3.4\n", ":::", "1::2::3", "fe80::1%eth0",
		"[::1]", "2001:db8", "::1/128", "12345::",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct ip_address address = { .family = 9 };
		assert_int_equal(ip_address_parse(text_of(bad[i]), &address), RESULT_INVALID);
		assert_int_equal(address.family, IP_FAMILY_NONE);
	}
	struct ip_address address;
	assert_int_equal(ip_address_parse(TEXT("1.2.3.4\0x"), &address), RESULT_INVALID);
	assert_int_equal(ip_address_of_bytes("abc", 3, &address), RESULT_INVALID);
}

/* (MX-16) Both ends of each range, and what stands just outside of it. */
static void only_public_addresses_are_public(void **state)
{
	(void)state;
	static const char *const not_public[] = {
		"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
		"127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254", "172.16.0.0",
		"172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.0.1", "192.168.255.255",
		"192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.255",
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::2", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:0.0.0.0",
		"64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2001:db8:ffff::1",
		"2002:7f00:1::1", "3fff::1", "3fff:fff::1", "5f00::1", "fc00::1", "fdff::1", "fe80::1",
		"febf::1", "fec0::1", "ff02::1", "ff0e::1", "4000::1", "1fff::1",
	};
	static const char *const public[] = {
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
		"126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255",
		"172.32.0.0", "192.0.1.1", "192.0.3.1", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "198.51.99.1", "198.51.101.1", "203.0.112.1",
		"203.0.114.1", "223.255.255.255", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
		"2001:4860:4860::8888", "2001:200::1", "2a00:1450::1", "2600::1", "3ffe::1",
	};
	for (size_t i = 0; i < COUNT_OF(not_public); i++) {
		struct ip_address address = address_of(not_public[i]);
		if (ip_address_is_public(&address))
			fail_msg("%s is called public", not_public[i]);
	}
	for (size_t i = 0; i < COUNT_OF(public); i++) {
		struct ip_address address = address_of(public[i]);
		if (!ip_address_is_public(&address))
			fail_msg("%s is not called public", public[i]);
	}
	assert_false(ip_address_is_public(&(struct ip_address){ .family = IP_FAMILY_NONE }));
}

static void loopback_in_all_its_forms(void **state)
{
	(void)state;
	static const struct { const char *text; bool want; } rows[] = {
		{ "127.0.0.1", true }, { "127.9.9.9", true }, { "::1", true }, { "::ffff:127.0.0.1", true },
		{ "128.0.0.1", false }, { "::2", false }, { "::ffff:1.2.3.4", false },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct ip_address address = address_of(rows[i].text);
		assert_int_equal(ip_address_is_loopback(&address), rows[i].want);
	}
	assert_false(ip_address_is_loopback(&(struct ip_address){ .family = IP_FAMILY_NONE }));
}

static void socket_addresses_and_back(void **state)
{
	(void)state;
	static const char *const texts[] = { "192.0.2.7", "2001:db8::25" };
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct sockaddr_storage storage;
		struct ip_address address = address_of(texts[i]), back;
		uint16_t port = 0;
		socklen_t len = ip_address_to_sockaddr(&address, 2525, &storage);
		assert_int_equal(len, i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		assert_int_equal(ip_address_of_sockaddr(&storage, &back, &port), RESULT_OK);
		assert_true(ip_address_equal(&address, &back));
		assert_int_equal(port, 2525);
		storage.ss_family = AF_UNIX;
		assert_int_equal(ip_address_of_sockaddr(&storage, &back, NULL), RESULT_INVALID);
	}
	struct ip_address a = address_of("1.2.3.4"), b = address_of("102:304::");
	assert_memory_equal(a.bytes, b.bytes, 16);
	assert_false(ip_address_equal(&a, &b));
}

static void format_appends_to_a_buf(void **state)
{
	(void)state;
	uint8_t memory[64];
	struct buf buf;
	struct ip_address address = address_of("::1");
	buf_init(&buf, memory, sizeof memory);
	buf_put_u8(&buf, '[');
	ip_address_format(&address, &buf);
	ip_address_format(&(struct ip_address){ .family = IP_FAMILY_NONE }, &buf);
	assert_text_equal(buf_text(&buf), "[::1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_forms_are_written_canonically),
		cmocka_unit_test(everything_else_is_refused),
		cmocka_unit_test(only_public_addresses_are_public),
		cmocka_unit_test(loopback_in_all_its_forms),
		cmocka_unit_test(socket_addresses_and_back),
		cmocka_unit_test(format_appends_to_a_buf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
