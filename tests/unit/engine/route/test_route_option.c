#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "engine/route/route_option.h"

static const struct {
	const char *value;
	const char *domain, *host, *address; /* domain NULL: refused; else one of the two others */
	uint16_t port;
	const char *says; /* when refused */
} rows[] = {
	{ "a.lab=relay.lab", "a.lab", "relay.lab", NULL, 0, NULL },
	{ "A.Lab.=Relay.Lab.", "a.lab", "relay.lab", NULL, 0, NULL },
	{ "*=relay.lab:2525", "*", "relay.lab", NULL, 2525, NULL },
	{ "a.lab=192.0.2.1", "a.lab", NULL, "192.0.2.1", 0, NULL },
	{ "a.lab=192.0.2.1:25", "a.lab", NULL, "192.0.2.1", 25, NULL },
	{ "a.lab=[192.0.2.1]", "a.lab", NULL, "192.0.2.1", 0, NULL },
	{ "a.lab=[192.0.2.1]:65535", "a.lab", NULL, "192.0.2.1", 65535, NULL },
	{ "a.lab=[2001:db8::1]", "a.lab", NULL, "2001:db8::1", 0, NULL },
	{ "a.lab=[2001:db8::1]:1", "a.lab", NULL, "2001:db8::1", 1, NULL },
	{ "a.lab=2001:db8::1", "a.lab", NULL, "2001:db8::1", 0, NULL },
	{ "a.lab=2001:db8::1:25", "a.lab", NULL, "2001:db8::1:25", 0, NULL }, /* a whole address */
	{ "b\xc3\xbc" "cher.lab=m\xc3\xa4il.lab", "xn--bcher-kva.lab", "xn--mil-qla.lab", NULL, 0, NULL },

	{ "a.lab", NULL, NULL, NULL, 0, "DOMAIN=HOST" },
	{ "", NULL, NULL, NULL, 0, "DOMAIN=HOST" },
	{ "=relay.lab", NULL, NULL, NULL, 0, "is empty" },
	{ "a.lab=", NULL, NULL, NULL, 0, "is empty" },
	{ "a.lab=:25", NULL, NULL, NULL, 0, "is empty" },
	{ "a.lab=relay.lab:", NULL, NULL, NULL, 0, "no port" },
	{ "a.lab=relay.lab:0", NULL, NULL, NULL, 0, "no port" },
	{ "a.lab=relay.lab:65536", NULL, NULL, NULL, 0, "no port" },
	{ "a.lab=relay.lab:smtp", NULL, NULL, NULL, 0, "no port" },
	{ "a.lab=relay..lab", NULL, NULL, NULL, 0, "empty label" },
	{ "a..lab=relay.lab", NULL, NULL, NULL, 0, "empty label" },
	{ "a.lab=192.0.2.300", NULL, NULL, NULL, 0, "address" },
	{ "a.lab=[192.0.2.1", NULL, NULL, NULL, 0, "brackets" },
	{ "a.lab=[relay.lab]", NULL, NULL, NULL, 0, "brackets" },
	{ "a.lab=[192.0.2.1]x", NULL, NULL, NULL, 0, "follows the bracket" },
	{ "a.lab=2001:db8:0:0:0:0:0:1:25", NULL, NULL, NULL, 0, "in brackets" },
};

static void a_route_is_parsed_or_refused_with_the_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct route_option option;
		struct fail fail = { 0 };
		enum result r = route_option_parse(text_of(rows[i].value), &option, &fail);
		if ((r == RESULT_OK) != (rows[i].domain != NULL))
			fail_msg("%s: %s", rows[i].value, fail.text);
		if (r != RESULT_OK) {
			assert_int_equal(r, RESULT_INVALID);
			if (strstr(fail.text, rows[i].says) == NULL)
				fail_msg("%s: %s", rows[i].value, fail.text);
			continue;
		}
		assert_string_equal(option.domain, rows[i].domain);
		assert_int_equal(option.port, rows[i].port);
		assert_string_equal(option.host, rows[i].host != NULL ? rows[i].host : "");
		char address[IP_ADDRESS_TEXT_SIZE];
		assert_string_equal(ip_address_text(&option.address, address),
			rows[i].address != NULL ? rows[i].address : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_route_is_parsed_or_refused_with_the_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
