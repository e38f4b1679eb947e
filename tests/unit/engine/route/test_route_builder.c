/* The way of one domain through the builder: which questions are asked, and what comes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

/* MX-02: no A question. */
static void a_domain_that_does_not_exist_bounces(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "gone.lab", DNS_TYPE_MX, FAKE_INSECURE_NXDOMAIN, 60, "", NULL });
	struct route *route = bench_get("gone.lab");
	assert_int_equal(route->kind, ROUTE_PERMANENT);
	assert_string_equal(route->status, "5.1.2");
	assert_string_equal(route->reason, "gone.lab does not exist");
	assert_string_equal(fake_dns_log(), "MX gone.lab");
}

/* MX-03, DNS-03: whatever else the domain has. */
static void a_failed_mx_look_up_never_goes_on_with_addresses(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_FAILURE, 0, "bogus: signature expired", NULL },
		HOST("a.lab", "9.9.9.9"));
	struct route *route = bench_get("a.lab");
	assert_int_equal(route->kind, ROUTE_TEMPORARY);
	assert_string_equal(route->status, "4.4.3");
	assert_non_null(strstr(route->reason, "signature expired"));
	assert_int_equal(route->mx_class, DNS_FAILURE);
	assert_false(route->mx_secure);
	assert_string_equal(fake_dns_log(), "MX a.lab");
}

/* MX-04, DANE-28 */
static void without_mx_the_domain_is_its_own_host(void **state)
{
	(void)state;
	static const enum fake_class classes[] = { FAKE_INSECURE, FAKE_SECURE };
	for (size_t i = 0; i < COUNT_OF(classes); i++) {
		bench_start(NULL);
		SCRIPT({ "a.lab", DNS_TYPE_MX, classes[i], 60, "", NULL }, HOST("a.lab", "9.9.9.9"));
		struct route *route = bench_get("a.lab");
		assert_int_equal(route->kind, ROUTE_HOSTS);
		assert_int_equal(route->origin, ROUTE_FROM_DOMAIN);
		assert_int_equal(route->mx_secure, classes[i] == FAKE_SECURE);
		assert_string_equal(bench_hosts(route), "0 a.lab [9.9.9.9]");
		assert_int_equal(bench_stop(NULL), 0);
	}
	bench_start(NULL);
}

/* MX-05, MX-08, MX-17 */
static void mx_hosts_come_in_order_and_the_domains_address_is_not_asked_for(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "20 mx2.lab, 10 mx1.lab", NULL },
		{ "mx1.lab", DNS_TYPE_A, FAKE_SECURE, 300, "9.9.9.1", NULL },
		{ "mx1.lab", DNS_TYPE_AAAA, FAKE_SECURE, 300, "2620:fe::1", NULL },
		{ "_25._tcp.mx1.lab", DNS_TYPE_TLSA, FAKE_SECURE, 300, "", NULL },
		HOST("mx2.lab", "9.9.9.2"), HOST("a.lab", "9.9.9.3"));
	struct route *route = bench_get("a.lab");
	assert_int_equal(route->kind, ROUTE_HOSTS);
	assert_int_equal(route->origin, ROUTE_FROM_MX);
	assert_true(route->mx_secure);
	assert_string_equal(
		bench_hosts(route), "10 mx1.lab [2620:fe::1 9.9.9.1], 20 mx2.lab [9.9.9.2]");
	assert_true(route->hosts[0].address_secure);
	assert_false(route->hosts[1].address_secure);
	assert_int_equal(route->hosts[0].port, 25);
	assert_string_equal(route->sts_domain, "a.lab");
	assert_string_equal(route->status, "");
	assert_string_equal(fake_dns_log(),
		"MX a.lab, A mx1.lab, AAAA mx1.lab, A mx2.lab, AAAA mx2.lab, "
		"TLSA _25._tcp.mx1.lab");
}

/* MX-05: a dead list does not bring the domain's own address back. */
static void hosts_without_address_are_no_reason_to_use_the_domain(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab", NULL },
		{ "mx1.lab", DNS_TYPE_A, FAKE_INSECURE_NXDOMAIN, 60, "", NULL },
		{ "mx1.lab", DNS_TYPE_AAAA, FAKE_INSECURE_NXDOMAIN, 60, "", NULL },
		HOST("a.lab", "9.9.9.3"));
	struct route *route = bench_get("a.lab");
	assert_int_equal(route->kind, ROUTE_PERMANENT);
	assert_int_equal(fake_dns_asked("a.lab", DNS_TYPE_A), 0);
}

/* MX-06: definitive only if every host is. */
static void no_usable_host_is_permanent_only_when_all_are_certain(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab, 20 mx2.lab", NULL },
		{ "mx1.lab", DNS_TYPE_A, FAKE_INSECURE_NXDOMAIN, 60, "", NULL },
		{ "mx1.lab", DNS_TYPE_AAAA, FAKE_INSECURE_NXDOMAIN, 60, "", NULL },
		{ "mx2.lab", DNS_TYPE_A, FAKE_INSECURE, 60, "", NULL },
		{ "mx2.lab", DNS_TYPE_AAAA, FAKE_INSECURE, 60, "", NULL });
	struct route *route = bench_get("a.lab");
	assert_int_equal(route->kind, ROUTE_PERMANENT);
	assert_string_equal(route->status, "5.4.4");
	assert_string_equal(route->reason, "a.lab has no mail host with a usable address: "
		"mx1.lab does not exist; mx2.lab has no address");
	assert_int_equal(bench_stop(NULL), 0);

	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab, 20 mx2.lab", NULL },
		{ "mx1.lab", DNS_TYPE_A, FAKE_INSECURE_NXDOMAIN, 60, "", NULL },
		{ "mx1.lab", DNS_TYPE_AAAA, FAKE_INSECURE_NXDOMAIN, 60, "", NULL },
		{ "mx2.lab", DNS_TYPE_A, FAKE_FAILURE, 0, "SERVFAIL", NULL },
		{ "mx2.lab", DNS_TYPE_AAAA, FAKE_INSECURE, 60, "", NULL });
	route = bench_get("a.lab");
	assert_int_equal(route->kind, ROUTE_TEMPORARY);
	assert_string_equal(route->status, "4.4.3");
	assert_non_null(strstr(route->reason, "mx2.lab has no A answer now: SERVFAIL"));
}

/* MX-07, DANE-50 */
static void an_alias_at_the_domain_keeps_both_names(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab", "b.lab" },
		HOST("mx1.lab", "9.9.9.1"));
	struct route *route = bench_get("a.lab");
	assert_string_equal(route->domain, "a.lab");
	assert_string_equal(route->mx_owner, "b.lab");
	assert_string_equal(route->sts_domain, "a.lab");
	assert_false(route->mx_secure);
	assert_string_equal(bench_hosts(route), "10 mx1.lab [9.9.9.1]");
}

/* MX-12, MX-14: skipped without a question. */
static void what_can_be_no_host_is_skipped_without_a_question(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "0 ., 5 127.0.0.1, 10 mx1.lab", NULL },
		HOST("mx1.lab", "9.9.9.1"));
	struct route *route = bench_get("a.lab");
	assert_int_equal(route->kind, ROUTE_HOSTS);
	assert_string_equal(bench_hosts(route),
		"5 127.0.0.1 UNUSABLE is an address where a name belongs, 10 mx1.lab [9.9.9.1]");
	assert_string_equal(fake_dns_log(), "MX a.lab, A mx1.lab, AAAA mx1.lab");
	SCRIPT({ "b.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "5 192.0.2.1", NULL });
	route = bench_get("b.lab");
	assert_string_equal(route->status, "5.4.4");
}

/* MX-13 */
static void null_mx_bounces_at_once(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "0 .", NULL });
	struct route *route = bench_get("a.lab");
	assert_string_equal(route->status, "5.1.10");
	assert_string_equal(route->reason, "a.lab accepts no mail (null MX)");
	assert_true(route->mx_secure);
	assert_string_equal(fake_dns_log(), "MX a.lab");
}

/* MX-15 */
static void our_own_host_in_the_list_is_a_loop_unless_a_better_one_waits(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 out.lab, 20 mx1.lab", NULL });
	assert_string_equal(bench_get("a.lab")->status, "5.4.6");
	SCRIPT({ "b.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "5 mx1.lab, 10 out.lab", NULL },
		{ "mx1.lab", DNS_TYPE_A, FAKE_FAILURE, 0, "SERVFAIL", NULL },
		{ "mx1.lab", DNS_TYPE_AAAA, FAKE_INSECURE, 60, "", NULL });
	assert_int_equal(bench_get("b.lab")->kind, ROUTE_TEMPORARY);
	SCRIPT({ "c.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "5 mx2.lab, 10 out.lab", NULL },
		{ "mx2.lab", DNS_TYPE_A, FAKE_INSECURE, 60, "", NULL },
		{ "mx2.lab", DNS_TYPE_AAAA, FAKE_INSECURE, 60, "", NULL });
	assert_string_equal(bench_get("c.lab")->status, "5.4.6");
	SCRIPT({ "d.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "5 mx3.lab, 10 out.lab", NULL },
		HOST("mx3.lab", "9.9.9.9"));
	assert_string_equal(bench_hosts(bench_get("d.lab")), "5 mx3.lab [9.9.9.9]");
	SCRIPT({ "out.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "", NULL });
	assert_string_equal(bench_get("out.lab")->status, "5.4.6");
}

/* MX-16 */
static void private_addresses_are_refused_unless_allowed(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab", NULL },
		HOST("mx1.lab", "0.0.0.0, 127.0.0.1"));
	struct route *route = bench_get("a.lab");
	assert_string_equal(route->status, "5.4.4");
	assert_non_null(strstr(route->reason, "--allow-private"));
	assert_int_equal(bench_stop(NULL), 0);
	bench_start(&(struct bench_options){ .allow_private = true });
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab", NULL },
		HOST("mx1.lab", "127.0.0.1"));
	assert_string_equal(bench_hosts(bench_get("a.lab")), "10 mx1.lab [127.0.0.1]");
}

/* MX-20, POL-17: it keeps its place and its reason. */
static void a_host_whose_look_up_failed_waits_and_the_others_go_on(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab, 20 mx2.lab", NULL },
		{ "mx1.lab", DNS_TYPE_A, FAKE_FAILURE, 0, "SERVFAIL", NULL },
		{ "mx1.lab", DNS_TYPE_AAAA, FAKE_FAILURE, 0, "SERVFAIL", NULL },
		HOST("mx2.lab", "9.9.9.2"));
	assert_string_equal(bench_hosts(bench_get("a.lab")),
		"10 mx1.lab WAITS has no A answer now: SERVFAIL, 20 mx2.lab [9.9.9.2]");
}

/* MX-21 */
static void a_single_label_is_asked_for_as_it_is(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "host", DNS_TYPE_MX, FAKE_SECURE_NXDOMAIN, 60, "", NULL });
	assert_string_equal(bench_get("host")->status, "5.1.2");
	assert_string_equal(fake_dns_log(), "MX host");
}

/* MX-01, DNS-36 */
static void u_labels_case_and_last_dot_make_one_domain(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "xn--bcher-kva.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab", NULL },
		HOST("mx1.lab", "9.9.9.1"));
	assert_string_equal(bench_get("b\xc3\xbc" "cher.lab")->domain, "xn--bcher-kva.lab");
	assert_int_equal(bench_get("XN--Bcher-KVA.Lab.")->kind, ROUTE_HOSTS);
	assert_int_equal(fake_dns_asked("xn--bcher-kva.lab", DNS_TYPE_MX), 1);
	struct route *route = bench_get("b\xff.lab");
	assert_string_equal(route->status, "5.1.2");
	assert_non_null(strstr(route->reason, "is not UTF-8"));
	assert_string_equal(bench_get("")->status, "5.1.2");
	assert_string_equal(bench_get("1.2.3.4")->status, "5.1.2");
}

/* MX-11, DNS-07, DANE-26: with the question for the alias itself. */
static void an_insecure_alias_is_asked_for_by_its_own_name(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "10 mx1.lab", NULL },
		{ "mx1.lab", DNS_TYPE_A, FAKE_INSECURE, 300, "9.9.9.1", "real.unsigned.lab" },
		{ "mx1.lab", DNS_TYPE_AAAA, FAKE_INSECURE, 300, "", "real.unsigned.lab" },
		{ "mx1.lab", DNS_TYPE_CNAME, FAKE_SECURE, 300, "real.unsigned.lab", NULL },
		{ "_25._tcp.mx1.lab", DNS_TYPE_TLSA, FAKE_SECURE, 300, "", NULL });
	struct route *route = bench_get("a.lab");
	assert_string_equal(fake_dns_log(), "MX a.lab, A mx1.lab, AAAA mx1.lab, CNAME mx1.lab, "
					    "TLSA _25._tcp.mx1.lab");
	assert_string_equal(route->hosts[0].name, "mx1.lab");
	assert_string_equal(route->hosts[0].canonical, "real.unsigned.lab");
	assert_true(route->hosts[0].first_alias_secure);
	assert_false(route->hosts[0].address_secure);
	assert_true(text_equal(route->hosts[0].demand.sni, TEXT("mx1.lab")));
}

/* DNS-07: its failure makes the host wait. */
static void a_failed_question_for_the_alias_makes_the_host_wait(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "10 mx1.lab", NULL },
		{ "mx1.lab", DNS_TYPE_A, FAKE_INSECURE, 300, "9.9.9.1", "real.unsigned.lab" },
		{ "mx1.lab", DNS_TYPE_AAAA, FAKE_INSECURE, 300, "", "real.unsigned.lab" },
		{ "mx1.lab", DNS_TYPE_CNAME, FAKE_FAILURE, 0, "bogus", NULL });
	struct route *route = bench_get("a.lab");
	assert_int_equal(route->kind, ROUTE_TEMPORARY);
	assert_non_null(strstr(route->reason, "CNAME"));
}

/* MX-19, DANE-23 */
static void an_address_literal_needs_no_dns_at_all(void **state)
{
	(void)state;
	bench_start(NULL);
	struct route *route = bench_get("[9.9.9.9]");
	assert_int_equal(route->kind, ROUTE_HOSTS);
	assert_int_equal(route->origin, ROUTE_FROM_LITERAL);
	assert_string_equal(route->domain, "[9.9.9.9]");
	assert_string_equal(route->sts_domain, "");
	assert_string_equal(bench_hosts(route), "0 9.9.9.9 [9.9.9.9]");
	assert_true(route->hosts[0].is_address);
	assert_int_equal(route->hosts[0].demand.sni.len, 0);
	assert_int_equal(route->expires_ns, UINT64_MAX);
	assert_string_equal(bench_hosts(bench_get("[IPv6:2620:fe::9]")), "0 2620:fe::9 [2620:fe::9]");
	assert_string_equal(bench_get("[127.0.0.1]")->status, "5.4.4");
	static const char *const bad[] = { "[", "[]", "[9.9.9]", "[2620:fe::9]", "[IPv6:9.9.9.9]",
		"[9.9.9.9", "[tag:x]", "[9.9.9.9]x" };
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_string_equal(bench_get(bad[i])->status, "5.1.3");
	assert_string_equal(fake_dns_log(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_domain_that_does_not_exist_bounces, bench_stop),
		cmocka_unit_test_teardown(
			a_failed_mx_look_up_never_goes_on_with_addresses, bench_stop),
		cmocka_unit_test_teardown(without_mx_the_domain_is_its_own_host, bench_stop),
		cmocka_unit_test_teardown(
			mx_hosts_come_in_order_and_the_domains_address_is_not_asked_for, bench_stop),
		cmocka_unit_test_teardown(
			hosts_without_address_are_no_reason_to_use_the_domain, bench_stop),
		cmocka_unit_test_teardown(
			no_usable_host_is_permanent_only_when_all_are_certain, bench_stop),
		cmocka_unit_test_teardown(an_alias_at_the_domain_keeps_both_names, bench_stop),
		cmocka_unit_test_teardown(
			what_can_be_no_host_is_skipped_without_a_question, bench_stop),
		cmocka_unit_test_teardown(null_mx_bounces_at_once, bench_stop),
		cmocka_unit_test_teardown(
			our_own_host_in_the_list_is_a_loop_unless_a_better_one_waits, bench_stop),
		cmocka_unit_test_teardown(
			private_addresses_are_refused_unless_allowed, bench_stop),
		cmocka_unit_test_teardown(
			a_host_whose_look_up_failed_waits_and_the_others_go_on, bench_stop),
		cmocka_unit_test_teardown(a_single_label_is_asked_for_as_it_is, bench_stop),
		cmocka_unit_test_teardown(u_labels_case_and_last_dot_make_one_domain, bench_stop),
		cmocka_unit_test_teardown(
			an_insecure_alias_is_asked_for_by_its_own_name, bench_stop),
		cmocka_unit_test_teardown(
			a_failed_question_for_the_alias_makes_the_host_wait, bench_stop),
		cmocka_unit_test_teardown(an_address_literal_needs_no_dns_at_all, bench_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
