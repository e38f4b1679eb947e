/* What the command line turns around, and what a route carries for the plan and for explain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/engine/route/route_bench.h"

#define SCRIPT(...) \
	do { \
		const struct fake_row rows_[] = { __VA_ARGS__ }; \
		fake_dns_script(rows_, COUNT_OF(rows_)); \
	} while (0)
#define HOST(name, address) \
	{ name, DNS_TYPE_A, FAKE_INSECURE, 300, address, NULL }, \
	{ name, DNS_TYPE_AAAA, FAKE_INSECURE, 300, "", NULL }

/* ---- --route and --tls ---- */

static void a_route_to_a_name_asks_for_its_addresses_only(void **state)
{
	(void)state;
	bench_start(&(struct bench_options){ .routes = { "a.lab=relay.lab:2525" } });
	SCRIPT(HOST("relay.lab", "9.9.9.5"));
	struct route *route = bench_get("a.lab");
	assert_int_equal(route->origin, ROUTE_FROM_OPTION);
	assert_true(route->mx_secure); /* CONFORMANCE 0.4 */
	assert_string_equal(route->sts_domain, "relay.lab");
	assert_string_equal(route->domain, "a.lab");
	assert_string_equal(bench_hosts(route), "0 relay.lab [9.9.9.5]");
	assert_int_equal(route->hosts[0].port, 2525);
	assert_string_equal(fake_dns_log(), "A relay.lab, AAAA relay.lab");
}

/* DESIGN 1: "*" means all mail, that for literals included. */
static void a_route_to_a_name_takes_the_literals_too(void **state)
{
	(void)state;
	bench_start(&(struct bench_options){ .routes = { "*=relay.lab" } });
	SCRIPT(HOST("relay.lab", "9.9.9.5"));
	struct route *route = bench_get("[9.9.9.9]");
	assert_string_equal(route->domain, "[9.9.9.9]");
	assert_string_equal(bench_hosts(route), "0 relay.lab [9.9.9.5]");
}

static void a_route_to_an_address_asks_for_nothing(void **state)
{
	(void)state;
	bench_start(&(struct bench_options){ .routes = { "*=9.9.9.7", "a.lab=[2620:fe::7]:587" } });
	struct route *route = bench_get("a.lab");
	assert_string_equal(bench_hosts(route), "0 2620:fe::7 [2620:fe::7]");
	assert_int_equal(route->hosts[0].port, 587);
	assert_string_equal(route->sts_domain, "");
	route = bench_get("b.lab");
	assert_string_equal(bench_hosts(route), "0 9.9.9.7 [9.9.9.7]");
	assert_int_equal(route->hosts[0].port, 25);
	assert_string_equal(bench_hosts(bench_get("[9.9.9.9]")), "0 9.9.9.7 [9.9.9.7]");
	assert_string_equal(bench_get("a..b")->status, "5.1.2"); /* it is no domain, routed or not */
	assert_string_equal(fake_dns_log(), "");
}

/* Mistakes in a flag of ours never bounce the mail of others. */
static void a_route_that_cannot_be_used_is_temporary(void **state)
{
	(void)state;
	bench_start(&(struct bench_options){
		.routes = { "a.lab=relay.lab", "b.lab=127.0.0.1", "c.lab=broken.lab" } });
	SCRIPT({ "relay.lab", DNS_TYPE_A, FAKE_SECURE_NXDOMAIN, 300, "", NULL },
		{ "relay.lab", DNS_TYPE_AAAA, FAKE_SECURE_NXDOMAIN, 300, "", NULL },
		{ "broken.lab", DNS_TYPE_A, FAKE_FAILURE, 0, "SERVFAIL", NULL },
		{ "broken.lab", DNS_TYPE_AAAA, FAKE_FAILURE, 0, "SERVFAIL", NULL });
	struct route *route = bench_get("a.lab");
	assert_int_equal(route->kind, ROUTE_TEMPORARY);
	assert_non_null(strstr(route->reason, "relay.lab does not exist"));
	route = bench_get("b.lab");
	assert_int_equal(route->kind, ROUTE_TEMPORARY);
	assert_non_null(strstr(route->reason, "--allow-private"));
	assert_int_equal(bench_get("c.lab")->kind, ROUTE_TEMPORARY);
}

/* POL-10, and CONFORMANCE 0.4 P1: under a ceiling DANE does not count, so no CNAME question. */
static void the_level_of_the_operator_is_on_every_host(void **state)
{
	(void)state;
	bench_start(&(struct bench_options){
		.tls = { "a.lab=encrypt", "b.lab=may", "c.lab=dane-only", "*=secure" } });
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab, 20 mx2.lab", NULL },
		{ "b.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 alias.lab", NULL },
		{ "c.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab", NULL },
		{ "d.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab", NULL },
		{ "alias.lab", DNS_TYPE_A, FAKE_INSECURE, 300, "9.9.9.3", "real.lab" },
		{ "alias.lab", DNS_TYPE_AAAA, FAKE_INSECURE, 300, "", "real.lab" },
		HOST("mx1.lab", "9.9.9.1"), HOST("mx2.lab", "9.9.9.2"));
	struct route *route = bench_get("a.lab");
	assert_int_equal(route->hosts[0].demand.need, SECURITY_NEED_ENCRYPT);
	assert_int_equal(route->hosts[1].demand.need, SECURITY_NEED_ENCRYPT);
	assert_false(route->hosts[1].demand.cleartext_allowed);
	route = bench_get("b.lab");
	assert_int_equal(route->hosts[0].demand.need, SECURITY_NEED_MAY);
	assert_int_equal(fake_dns_asked("alias.lab", DNS_TYPE_CNAME), 0);
	route = bench_get("c.lab");
	assert_int_equal(route->kind, ROUTE_TEMPORARY);
	assert_non_null(strstr(route->reason, "dane-only"));
	route = bench_get("d.lab");
	assert_int_equal(route->hosts[0].demand.need, SECURITY_NEED_SECURE);
	assert_true(text_equal(route->hosts[0].demand.names[0], TEXT("d.lab")));
	route = bench_get("[9.9.9.9]");
	assert_int_equal(route->kind, ROUTE_TEMPORARY);
}

/* ---- for the plan and for explain ---- */

/* The provider key: equal for equal sets, whatever preferences and order. */
static void the_set_of_hosts_is_sorted_and_each_once(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx2.lab, 20 mx1.lab, 30 MX2.lab", NULL },
		{ "b.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab, 10 mx2.lab", NULL },
		HOST("mx1.lab", "9.9.9.1"), HOST("mx2.lab", "9.9.9.2"));
	static const char *const domains[] = { "a.lab", "b.lab" };
	for (size_t i = 0; i < COUNT_OF(domains); i++) {
		struct route *route = bench_get(domains[i]);
		assert_int_equal(route->host_set_count, 2);
		assert_string_equal(route->host_set[0], "mx1.lab");
		assert_string_equal(route->host_set[1], "mx2.lab");
	}
}

static void steps_are_kept_for_explain_with_their_class(void **state)
{
	(void)state;
	bench_start(&(struct bench_options){ .keep_steps = true });
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "10 mx1.lab", "b.lab" },
		{ "mx1.lab", DNS_TYPE_A, FAKE_INSECURE, 60, "9.9.9.1, 9.9.9.2", NULL },
		{ "mx1.lab", DNS_TYPE_AAAA, FAKE_FAILURE, 0, "bogus: no signatures", NULL });
	struct route *route = bench_get("a.lab");
	assert_int_equal(route->steps_count, 3);
	assert_string_equal(route->steps[0].name, "a.lab");
	assert_int_equal(route->steps[0].class, DNS_SECURE_DATA);
	assert_string_equal(route->steps[0].text, "alias of b.lab: 10 mx1.lab");
	assert_int_equal(route->steps[1].type, DNS_TYPE_A);
	assert_int_equal(route->steps[1].ttl_s, 60);
	assert_string_equal(route->steps[1].text, "9.9.9.1, 9.9.9.2");
	assert_int_equal(route->steps[2].class, DNS_FAILURE);
	assert_true(route->steps[2].bogus);
	assert_false(route->steps[1].bogus);
	assert_string_equal(route->steps[2].text, "bogus: no signatures");
}

/* MX-22: the largest route there can be, with all that explain keeps. */
static void the_largest_route_fits(void **state)
{
	(void)state;
	bench_start(&(struct bench_options){ .keep_steps = true });
	static char names[ROUTE_HOSTS_MAX][DOMAIN_NAME_SIZE], list[ROUTE_HOSTS_MAX * 260];
	static char canonical[DOMAIN_NAME_SIZE];
	memset(canonical, 'c', 250);
	for (size_t i = 49; i < 250; i += 50)
		canonical[i] = i < 249 ? '.' : 'c';
	size_t len = 0;
	for (size_t i = 0; i < ROUTE_HOSTS_MAX; i++) {
		memcpy(names[i], canonical, sizeof canonical);
		names[i][0] = (char)('a' + (char)i);
		len += (size_t)snprintf(list + len, sizeof list - len, "%s%zu %s", i > 0 ? ", " : "",
			i, names[i]);
		SCRIPT({ names[i], DNS_TYPE_A, FAKE_INSECURE, 300, "9.0.0.1, 9.0.0.2, 9.0.0.3, "
			"9.0.0.4, 9.0.0.5, 9.0.0.6, 9.0.0.7, 9.0.0.8", canonical },
			{ names[i], DNS_TYPE_AAAA, FAKE_INSECURE, 300, "2620:fe::1, 2620:fe::2, "
			"2620:fe::3, 2620:fe::4, 2620:fe::5, 2620:fe::6, 2620:fe::7", canonical },
			{ names[i], DNS_TYPE_CNAME, FAKE_INSECURE, 300, canonical, NULL });
	}
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, list, NULL });
	struct route *route = bench_get("a.lab");
	assert_int_equal(route->kind, ROUTE_HOSTS);
	assert_int_equal(route->hosts_count, ROUTE_HOSTS_MAX);
	assert_int_equal(route->host_set_count, ROUTE_HOSTS_MAX);
	assert_int_equal(route->steps_count, 1 + 3 * ROUTE_HOSTS_MAX);
	for (size_t i = 0; i < ROUTE_HOSTS_MAX; i++) {
		assert_string_equal(route->hosts[i].name, names[i]);
		assert_string_equal(route->hosts[i].canonical, canonical);
		assert_int_equal(route->hosts[i].addresses_count, ROUTE_ADDRESSES_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			a_route_to_a_name_asks_for_its_addresses_only, bench_stop),
		cmocka_unit_test_teardown(a_route_to_a_name_takes_the_literals_too, bench_stop),
		cmocka_unit_test_teardown(a_route_to_an_address_asks_for_nothing, bench_stop),
		cmocka_unit_test_teardown(a_route_that_cannot_be_used_is_temporary, bench_stop),
		cmocka_unit_test_teardown(the_level_of_the_operator_is_on_every_host, bench_stop),
		cmocka_unit_test_teardown(the_set_of_hosts_is_sorted_and_each_once, bench_stop),
		cmocka_unit_test_teardown(steps_are_kept_for_explain_with_their_class, bench_stop),
		cmocka_unit_test_teardown(the_largest_route_fits, bench_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
