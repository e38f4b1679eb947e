#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "dns/dns_class.h"

/* DNS-02 in words of its own, to compare the code with. */
static enum dns_class class_by_the_law(bool error, bool bogus, bool have_data, bool secure, int rcode)
{
	if (error || bogus || (rcode != 0 && rcode != 3) || (have_data && rcode == 3))
		return DNS_FAILURE;
	if (have_data)
		return secure ? DNS_SECURE_DATA : DNS_INSECURE_DATA;
	return secure ? DNS_SECURE_DENIAL : DNS_INSECURE_DENIAL;
}

/* DNS-02, DNS-03 */
static void every_combination_of_bits_has_one_class(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 16; bits++)
		for (int rcode = 0; rcode < 24; rcode++) {
			struct dns_bits in = {
				.error = bits & 1,
				.bogus = bits & 2,
				.have_data = bits & 4,
				.secure = bits & 8,
				.rcode = rcode,
			};
			assert_int_equal(dns_class_of(&in), class_by_the_law(in.error, in.bogus,
				in.have_data, in.secure, rcode));
		}
}

static const struct {
	const char *what;
	struct dns_bits bits;
	enum dns_class class;
} named[] = {
	{ "bogus with data and rcode 0, as libunbound hands it out",
		{ .have_data = true, .bogus = true }, DNS_FAILURE },
	{ "bogus and secure at once", { .have_data = true, .bogus = true, .secure = true },
		DNS_FAILURE },
	{ "bogus denial", { .bogus = true, .rcode = 3 }, DNS_FAILURE },
	{ "SERVFAIL", { .rcode = 2 }, DNS_FAILURE },
	{ "REFUSED", { .rcode = 5 }, DNS_FAILURE },
	{ "NOTIMP", { .rcode = 4 }, DNS_FAILURE },
	{ "FORMERR", { .rcode = 1 }, DNS_FAILURE },
	{ "no packet", { .error = true }, DNS_FAILURE },
	{ "data of a signed zone", { .have_data = true, .secure = true }, DNS_SECURE_DATA },
	{ "data of an unsigned zone", { .have_data = true }, DNS_INSECURE_DATA },
	{ "signed NODATA", { .secure = true }, DNS_SECURE_DENIAL },
	{ "signed NXDOMAIN", { .secure = true, .rcode = 3 }, DNS_SECURE_DENIAL },
	{ "NODATA", { .rcode = 0 }, DNS_INSECURE_DENIAL },
	{ "NXDOMAIN", { .rcode = 3 }, DNS_INSECURE_DENIAL },
	{ "NXDOMAIN with data", { .have_data = true, .secure = true, .rcode = 3 }, DNS_FAILURE },
	{ "a negative rcode", { .rcode = -1 }, DNS_FAILURE },
};

/* DNS-02, DNS-03, DNS-04, DNS-05 */
static void bogus_is_looked_at_before_the_data(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(named); i++)
		if (dns_class_of(&named[i].bits) != named[i].class)
			fail_msg("%s", named[i].what);
}

static const struct {
	enum dns_class class;
	int ttl;
	uint32_t expected_s;
} ttls[] = {
	{ DNS_SECURE_DATA, 0, 0 },
	{ DNS_SECURE_DATA, 1, 1 },
	{ DNS_INSECURE_DATA, 86399, 86399 },
	{ DNS_INSECURE_DATA, 86401, 86400 },      /* DNS-13 */
	{ DNS_SECURE_DATA, INT_MAX, 86400 },      /* DNS-13 */
	{ DNS_SECURE_DATA, INT_MIN, 86400 },      /* DNS-14: the high bit is no sign */
	{ DNS_SECURE_DATA, -1, 86400 },           /* DNS-14 */
	{ DNS_SECURE_DENIAL, 10800, 10800 },
	{ DNS_SECURE_DENIAL, 604800, 10800 },     /* DNS-17 */
	{ DNS_INSECURE_DENIAL, -1, 10800 },
	{ DNS_INSECURE_DENIAL, 0, 0 },            /* DNS-16: no SOA, nothing to keep */
	{ DNS_INSECURE_DENIAL, 3, 3 },            /* DNS-15 */
	{ DNS_FAILURE, 300, 0 },                  /* DNS-18, DNS-19 */
};

static void a_ttl_is_clamped_and_never_lengthened(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ttls); i++)
		assert_int_equal(dns_class_ttl_s(ttls[i].class, ttls[i].ttl), ttls[i].expected_s);
}

static void rcodes_have_names(void **state)
{
	(void)state;
	assert_string_equal(dns_rcode_name(2), "SERVFAIL");
	assert_string_equal(dns_rcode_name(5), "REFUSED");
	assert_null(dns_rcode_name(11));
	assert_null(dns_rcode_name(-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_combination_of_bits_has_one_class),
		cmocka_unit_test(bogus_is_looked_at_before_the_data),
		cmocka_unit_test(a_ttl_is_clamped_and_never_lengthened),
		cmocka_unit_test(rcodes_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
