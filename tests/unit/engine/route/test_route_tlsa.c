#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/domain_name.h"
#include "tests/unit/engine/route/route_bench.h"

#define SCRIPT(...) \
	do { \
		const struct fake_row rows_[] = { __VA_ARGS__ }; \
		fake_dns_script(rows_, COUNT_OF(rows_)); \
	} while (0)
#define GOOD     "\\# 030101aabb"
#define UNUSABLE "\\# 000001aabb"
#define QUIET    FAKE_SILENT, "" /* must not be asked: the route would never come */

struct tlsa_answer {
	enum fake_class class;
	const char *records;
};

/* mx.lab is an alias of mid.lab, that of end.lab, or no alias. */
static const struct {
	const char *what;
	bool aliased;
	enum fake_class address, alias; /* FAKE_SILENT: the CNAME must not be asked for */
	struct tlsa_answer at_end, at_name;
	const char *asked; /* after the addresses */
	const char *base;  /* NULL: no set */
	const char *waits; /* a part of the reason; NULL: ready */
} rows[] = {
	{ "DANE-03: one candidate", false, FAKE_SECURE, FAKE_SILENT, { QUIET }, { FAKE_SECURE, GOOD },
		", TLSA _25._tcp.mx.lab", "mx.lab", NULL },
	{ "DANE-02: insecure addresses", false, FAKE_INSECURE, FAKE_SILENT, { QUIET }, { QUIET }, "",
		NULL, NULL },
	{ "DANE-04: the expanded name first", true, FAKE_SECURE, FAKE_SILENT, { FAKE_SECURE, GOOD },
		{ QUIET }, ", TLSA _25._tcp.end.lab", "end.lab", NULL },
	{ "DANE-04, DANE-07: then the original, never between", true, FAKE_SECURE, FAKE_SILENT,
		{ FAKE_SECURE, "" }, { FAKE_SECURE, GOOD },
		", TLSA _25._tcp.end.lab, TLSA _25._tcp.mx.lab", "mx.lab", NULL },
	{ "DANE-10: an insecure set is passed over", true, FAKE_SECURE, FAKE_SILENT,
		{ FAKE_INSECURE, GOOD }, { FAKE_SECURE, GOOD },
		", TLSA _25._tcp.end.lab, TLSA _25._tcp.mx.lab", "mx.lab", NULL },
	{ "DANE-10, DNS-20: an insecure denial as under opt-out", true, FAKE_SECURE, FAKE_SILENT,
		{ FAKE_INSECURE_NXDOMAIN, "" }, { FAKE_INSECURE, "" },
		", TLSA _25._tcp.end.lab, TLSA _25._tcp.mx.lab", NULL, NULL },
	{ "DANE-10: both denied", true, FAKE_SECURE, FAKE_SILENT, { FAKE_SECURE_NXDOMAIN, "" },
		{ FAKE_SECURE, "" }, ", TLSA _25._tcp.end.lab, TLSA _25._tcp.mx.lab", NULL, NULL },
	{ "TLSA-29: insecure records are not even a hint", false, FAKE_SECURE, FAKE_SILENT, { QUIET },
		{ FAKE_INSECURE, GOOD }, ", TLSA _25._tcp.mx.lab", NULL, NULL },
	{ "DANE-05: only the alias is signed", true, FAKE_INSECURE, FAKE_SECURE, { QUIET },
		{ FAKE_SECURE, GOOD }, ", CNAME mx.lab, TLSA _25._tcp.mx.lab", "mx.lab", NULL },
	{ "DANE-06: not even the alias", true, FAKE_INSECURE, FAKE_INSECURE, { QUIET }, { QUIET },
		", CNAME mx.lab", NULL, NULL },
	{ "DNS-07: the alias cannot be looked up", true, FAKE_INSECURE, FAKE_FAILURE, { QUIET },
		{ QUIET }, ", CNAME mx.lab", NULL, "CNAME" },
	{ "DANE-08: unusable records end the search", true, FAKE_SECURE, FAKE_SILENT,
		{ FAKE_SECURE, UNUSABLE }, { QUIET }, ", TLSA _25._tcp.end.lab", "end.lab", NULL },
	{ "DANE-08, DNS-28: so does a malformed one", true, FAKE_SECURE, FAKE_SILENT,
		{ FAKE_SECURE, "\\# 0301" }, { QUIET }, ", TLSA _25._tcp.end.lab", "end.lab", NULL },
	{ "DANE-09: no way around a failure", true, FAKE_SECURE, FAKE_SILENT,
		{ FAKE_FAILURE, "SERVFAIL" }, { QUIET }, ", TLSA _25._tcp.end.lab", NULL,
		"_25._tcp.end.lab: SERVFAIL" },
	{ "DANE-13: the second candidate fails", true, FAKE_SECURE, FAKE_SILENT, { FAKE_SECURE, "" },
		{ FAKE_FAILURE, "bogus" }, ", TLSA _25._tcp.end.lab, TLSA _25._tcp.mx.lab", NULL,
		"_25._tcp.mx.lab: bogus" },
	{ "DANE-13: the only candidate fails", false, FAKE_SECURE, FAKE_SILENT, { QUIET },
		{ FAKE_FAILURE, "bogus" }, ", TLSA _25._tcp.mx.lab", NULL, "_25._tcp.mx.lab: bogus" },
};

static void script_row(size_t i)
{
	const char *end = rows[i].aliased ? "end.lab" : NULL;
	bool alias_failed = rows[i].alias == FAKE_FAILURE;
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "10 mx.lab", NULL },
		{ "mx.lab", DNS_TYPE_A, rows[i].address, 300, "9.9.9.1", end },
		{ "mx.lab", DNS_TYPE_AAAA, rows[i].address, 300, "", end },
		{ "mx.lab", DNS_TYPE_CNAME, rows[i].alias, 300, alias_failed ? "SERVFAIL" : "mid.lab",
			NULL },
		{ "_25._tcp.end.lab", DNS_TYPE_TLSA, rows[i].at_end.class, 60, rows[i].at_end.records,
			NULL },
		{ "_25._tcp.mx.lab", DNS_TYPE_TLSA, rows[i].at_name.class, 60,
			rows[i].at_name.records, NULL });
}

static void each_search_asks_in_order_and_ends_where_it_must(void **state)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		bench_start(NULL);
		script_row(i);
		struct route *route = bench_get("a.lab");
		if (route == NULL)
			fail_msg("%s: %s", rows[i].what, fake_dns_log());
		char log[300] = "MX a.lab, A mx.lab, AAAA mx.lab"; /* DANE-01 */
		memcpy(log + strlen(log), rows[i].asked, strlen(rows[i].asked) + 1);
		if (strcmp(fake_dns_log(), log) != 0)
			fail_msg("%s: %s", rows[i].what, fake_dns_log());
		const struct route_host *host = &route->hosts[0];
		bool waits = host->state == ROUTE_HOST_WAITS;
		if (waits != (rows[i].waits != NULL) ||
			(waits && strstr(host->reason, rows[i].waits) == NULL))
			fail_msg("%s: %s", rows[i].what, host->reason);
		if ((host->tlsa.class == DNS_SECURE_DATA) != (rows[i].base != NULL))
			fail_msg("%s: %s", rows[i].what, dns_class_name(host->tlsa.class));
		if (rows[i].base != NULL &&
			!text_equal(host->tlsa.base_domain, text_of(rows[i].base)))
			fail_msg("%s: %.*s", rows[i].what, TEXT_ARG(host->tlsa.base_domain));
		assert_int_equal(bench_stop(state), 0);
	}
}

/* DANE-11, DANE-28, DANE-29 */
static void the_owner_name_has_the_port_and_the_host_that_is_connected_to(void **state)
{
	(void)state;
	bench_start(&(struct bench_options){ .routes = { "b.lab=relay.lab:2525" } });
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "", NULL },
		{ "a.lab", DNS_TYPE_A, FAKE_SECURE, 300, "9.9.9.1", NULL },
		{ "a.lab", DNS_TYPE_AAAA, FAKE_SECURE, 300, "", NULL },
		{ "_25._tcp.a.lab", DNS_TYPE_TLSA, FAKE_SECURE, 300, GOOD, NULL },
		{ "relay.lab", DNS_TYPE_A, FAKE_SECURE, 300, "9.9.9.2", "end.lab" },
		{ "relay.lab", DNS_TYPE_AAAA, FAKE_SECURE, 300, "", "end.lab" },
		{ "_2525._tcp.end.lab", DNS_TYPE_TLSA, FAKE_SECURE, 300, GOOD, NULL });
	assert_true(text_equal(bench_get("a.lab")->hosts[0].tlsa.base_domain, TEXT("a.lab")));
	assert_true(text_equal(bench_get("b.lab")->hosts[0].tlsa.base_domain, TEXT("end.lab")));
}

/* DANE-12 */
static void an_alias_at_the_owner_leaves_the_base_domain(void **state)
{
	(void)state;
	bench_start(NULL);
	script_row(0);
	SCRIPT({ "_25._tcp.mx.lab", DNS_TYPE_TLSA, FAKE_SECURE, 60, GOOD, "tlsa.other.lab" });
	const struct route_host *host = &bench_get("a.lab")->hosts[0];
	assert_true(text_equal(host->tlsa.base_domain, TEXT("mx.lab")));
	assert_int_equal(host->tlsa.count, 1);
	assert_int_equal(host->tlsa.records[0].usage, TLSA_USAGE_DANE_EE);
	/* DNS-11: the route lives no longer than the records. */
	assert_in_range(bench.route->expires_ns, bench.now_ns + 59 * SECOND_NS,
		bench.now_ns + 60 * SECOND_NS);
}

/* DNS-29 */
static void a_host_whose_tlsa_name_would_be_too_long_has_none(void **state)
{
	(void)state;
	static char name[DOMAIN_NAME_SIZE], list[300];
	memset(name, 'c', 250);
	for (size_t i = 49; i < 249; i += 50)
		name[i] = '.';
	memcpy(list, "10 ", 3);
	memcpy(list + 3, name, 251);
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, list, NULL },
		{ name, DNS_TYPE_A, FAKE_SECURE, 300, "9.9.9.1", NULL },
		{ name, DNS_TYPE_AAAA, FAKE_SECURE, 300, "", NULL });
	struct route *route = bench_get("a.lab");
	assert_int_equal(route->kind, ROUTE_HOSTS);
	assert_null(strstr(fake_dns_log(), "TLSA"));
}

/* CONFORMANCE 0.4 P1: none and may do not search; audit does, and goes on without an answer. */
static void ceilings_search_nothing_and_audit_only_looks(void **state)
{
	(void)state;
	static const char *const levels[] = { "a.lab=none", "a.lab=may", "a.lab=audit" };
	for (size_t i = 0; i < COUNT_OF(levels); i++) {
		bench_start(&(struct bench_options){ .tls = { levels[i] } });
		script_row(COUNT_OF(rows) - 1);
		struct route *route = bench_get("a.lab");
		assert_int_equal(route->kind, ROUTE_HOSTS);
		assert_int_equal(fake_dns_asked("_25._tcp.mx.lab", DNS_TYPE_TLSA), i == 2);
		assert_int_equal(route->hosts[0].tlsa.class == DNS_FAILURE, i == 2);
		assert_string_equal(route->hosts[0].reason, ""); /* it is ready */
		assert_int_equal(bench_stop(state), 0);
	}
}

/* DANE-13, DNS-35: silence is a failure like any other. */
static void silence_about_tlsa_makes_the_host_wait(void **state)
{
	(void)state;
	bench_start(NULL);
	script_row(0);
	SCRIPT({ "_25._tcp.mx.lab", DNS_TYPE_TLSA, FAKE_SILENT, 0, "", NULL });
	assert_null(bench_get("a.lab"));
	bench_pass(31 * SECOND_NS);
	assert_int_equal(bench.route->kind, ROUTE_TEMPORARY);
	assert_non_null(strstr(bench.route->reason, "_25._tcp.mx.lab: no answer within 30 s"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_search_asks_in_order_and_ends_where_it_must),
		cmocka_unit_test_teardown(
			the_owner_name_has_the_port_and_the_host_that_is_connected_to, bench_stop),
		cmocka_unit_test_teardown(an_alias_at_the_owner_leaves_the_base_domain, bench_stop),
		cmocka_unit_test_teardown(
			a_host_whose_tlsa_name_would_be_too_long_has_none, bench_stop),
		cmocka_unit_test(ceilings_search_nothing_and_audit_only_looks),
		cmocka_unit_test_teardown(silence_about_tlsa_makes_the_host_wait, bench_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
