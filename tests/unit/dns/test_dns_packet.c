#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "dns/dns_packet.h"
#include "engine/base/check.h"

/* As libunbound 1.17.1 made it: NODATA without authority, with EDNS and its DO bit. */
static const uint8_t edns_only[] = { 0, 0, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 1, 4, 'b', 'a', 'r', 'e', 3,
	'l', 'a', 'b', 0, 0, 1, 0, 1, 0, 0, 0x29, 4, 0xd0, 0, 0, 0x80, 0, 0, 0 };

/* The same with a CNAME as answer, an NS and the SOA as authority, names compressed. */
static const uint8_t with_soa[] = { 0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 2, 0, 1, 4, 'b', 'a', 'r', 'e', 3,
	'l', 'a', 'b', 0, 0, 1, 0, 1,
	0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 5, 0, 4, 1, 'x', 0xc0, 17,
	0xc0, 17, 0, 2, 0, 1, 0, 0, 0, 5, 0, 5, 2, 'n', 's', 0xc0, 17,
	1, 'x', 0xc0, 17, 0, 6, 0, 1, 0, 0, 0, 5, 0, 22, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0,
	4, 0, 0, 0, 5,
	0, 0, 0x29, 4, 0xd0, 0, 0, 0x80, 0, 0, 0 };

/* DNS-16 */
static void only_an_soa_among_the_authorities_counts(void **state)
{
	(void)state;
	assert_false(dns_packet_has_soa(edns_only, sizeof edns_only));
	assert_true(dns_packet_has_soa(with_soa, sizeof with_soa));
	uint8_t packet[sizeof with_soa];
	memcpy(packet, with_soa, sizeof packet);
	packet[7] = 3; /* all three are answers: an SOA there is data */
	packet[9] = 0;
	assert_false(dns_packet_has_soa(packet, sizeof packet));
	packet[7] = 1; /* one authority, the NS */
	packet[9] = 1;
	assert_false(dns_packet_has_soa(packet, sizeof packet));
}

static void a_packet_cut_anywhere_has_no_soa(void **state)
{
	(void)state;
	assert_false(dns_packet_has_soa(NULL, 0));
	for (size_t len = 0; len < sizeof with_soa - 11; len++)
		assert_false(dns_packet_has_soa(with_soa, len));
	assert_true(dns_packet_has_soa(with_soa, sizeof with_soa - 11)); /* all but EDNS */
}

static void a_name_without_end_is_an_error(void **state)
{
	(void)state;
	uint8_t packet[400] = { 0, 0, 0x81, 0x80, 0, 1, 0, 0, 0, 1 };
	for (size_t i = 12; i < sizeof packet; i += 2)
		packet[i] = 1;
	assert_false(dns_packet_has_soa(packet, sizeof packet));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_an_soa_among_the_authorities_counts),
		cmocka_unit_test(a_packet_cut_anywhere_has_no_soa),
		cmocka_unit_test(a_name_without_end_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
