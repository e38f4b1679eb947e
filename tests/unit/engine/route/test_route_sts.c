/* Which hosts of a route a policy of MTA-STS lets through, and what they must prove. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/engine/route/fake_fetches.h"
#include "tests/unit/engine/route/route_bench.h"

#define ENFORCE(mx) "version: STSv1\nmode: enforce\nmx: " mx "\nmax_age: 604800\n"
#define TLSA        "\\# 0301010123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define INSECURE    FAKE_INSECURE
#define NOT_LISTED  "is not among the hosts of the domain's MTA-STS policy"

static const struct fake_row world[] = {
	{ "a.lab", DNS_TYPE_MX, INSECURE, 300, "10 mx1.a.lab, 20 mx2.a.lab", NULL },
	{ "_mta-sts.a.lab", DNS_TYPE_TXT, INSECURE, 300, "v=STSv1; id=1", NULL },
	{ "mta-sts.a.lab", DNS_TYPE_A, INSECURE, 300, "9.9.9.1", NULL },
	{ "mta-sts.a.lab", DNS_TYPE_AAAA, INSECURE, 300, "", NULL },
	{ "mx1.a.lab", DNS_TYPE_A, INSECURE, 300, "9.9.9.9", NULL },
	{ "mx1.a.lab", DNS_TYPE_AAAA, INSECURE, 300, "", NULL },
	{ "mx2.a.lab", DNS_TYPE_A, INSECURE, 300, "9.9.9.10", NULL },
	{ "mx2.a.lab", DNS_TYPE_AAAA, INSECURE, 300, "", NULL },
	/* A domain whose zone is signed, and so is that of its host. */
	{ "s.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "10 mx.s.lab", NULL },
	{ "_mta-sts.s.lab", DNS_TYPE_TXT, FAKE_SECURE, 300, "v=STSv1; id=1", NULL },
	{ "mta-sts.s.lab", DNS_TYPE_A, FAKE_SECURE, 300, "9.9.9.1", NULL },
	{ "mta-sts.s.lab", DNS_TYPE_AAAA, FAKE_SECURE, 300, "", NULL },
	{ "mx.s.lab", DNS_TYPE_A, FAKE_SECURE, 300, "9.9.9.11", NULL },
	{ "mx.s.lab", DNS_TYPE_AAAA, FAKE_SECURE, 300, "", NULL },
	{ "_25._tcp.mx.s.lab", DNS_TYPE_TLSA, FAKE_SECURE, 300, TLSA, NULL },
};

static void start(const struct bench_options *given)
{
	struct bench_options options = given != NULL ? *given : (struct bench_options){ 0 };
	options.fetches = fake_fetches_reset();
	options.deliver_fetches = fake_fetches_deliver;
	bench_start(&options);
	fake_dns_script(world, COUNT_OF(world));
}

static const struct route_host *host_of(const char *domain, size_t at)
{
	const struct route *route = bench_get(domain);
	assert_non_null(route);
	assert_true(at < route->hosts_count);
	return &route->hosts[at];
}

/* STS-30, STS-32, STS-33, STS-34, STS-38: a host that is not listed waits in its place. */
static void a_listed_host_needs_a_public_certificate_for_its_name_and_others_wait(void **state)
{
	(void)state;
	start(NULL);
	fake_fetches_says("a.lab", ENFORCE("MX2.a.lab"));
	const struct route_host *host = host_of("a.lab", 1);
	assert_string_equal(
		bench_hosts(bench.route), "10 mx1.a.lab WAITS " NOT_LISTED ", 20 mx2.a.lab [9.9.9.10]");
	assert_int_equal(host->demand.need, SECURITY_NEED_STS);
	assert_int_equal(host->success, SECURITY_STS);
	assert_false(host->demand.cleartext_allowed);
	assert_true(text_equal(host->demand.sni, TEXT("mx2.a.lab")));
	assert_int_equal(host->demand.names_count, 1);
	assert_true(text_equal(host->demand.names[0], TEXT("mx2.a.lab")));
	assert_int_equal(host->demand.tls_version_min, TLS_VERSION_1_2);
	assert_true(bench.route->sts.enforced);
	assert_string_equal(bench.route->sts.mode, "enforce");
	assert_string_equal(bench.route->sts.id, "1");
	assert_string_equal(bench.route->sts.patterns, "MX2.a.lab");
}

/* STS-36: it was remembered, and nobody meets it: the domain may have another by now. */
static void where_no_host_is_listed_the_policy_is_asked_for_anew_once(void **state)
{
	(void)state;
	start(NULL);
	fake_fetches_says("a.lab", ENFORCE("old.a.lab"));
	assert_int_equal(bench_get("a.lab")->cause, ROUTE_CAUSE_UNPROVEN); /* fetched now: no doubt */
	assert_string_equal(fake_fetches_log(), "a.lab id=1 addresses=1");
	bench_pass(61 * SECOND_NS);
	fake_fetches_says("a.lab", ENFORCE("*.a.lab"));
	assert_int_equal(bench_get("a.lab")->kind, ROUTE_HOSTS);
	assert_string_equal(fake_fetches_log(), "a.lab id=1 addresses=1");
	bench_pass(301 * SECOND_NS);
	assert_int_equal(bench_get("a.lab")->kind, ROUTE_HOSTS);
	assert_string_equal(fake_fetches_log(), "");
}

/* STS-36: a host was listed and failed the handshake. */
static void a_policy_that_is_doubted_is_fetched_with_the_next_route(void **state)
{
	(void)state;
	start(NULL);
	fake_fetches_says("a.lab", ENFORCE("mx1.a.lab"));
	bench_get("a.lab");
	bench_pass(61 * SECOND_NS);
	fake_fetches_says("a.lab", "version: STSv1\nmode: none\nmax_age: 86400\n");
	fake_fetches_log();
	route_builder_doubt(bench.builder, TEXT("A.lab"));
	assert_int_equal(host_of("a.lab", 0)->demand.need, SECURITY_NEED_MAY);
	assert_string_equal(fake_fetches_log(), "a.lab id=1 addresses=1");
	assert_false(bench.route->sts.enforced);
}

/* POL-06, STS-43, STS-50 */
static void testing_and_none_block_nothing_and_testing_says_what_it_would(void **state)
{
	(void)state;
	start(NULL);
	fake_fetches_says("a.lab", "version: STSv1\nmode: testing\nmx: mx2.a.lab\nmax_age: 86400\n");
	const struct route_host *host = host_of("a.lab", 0);
	assert_int_equal(bench.route->kind, ROUTE_HOSTS);
	assert_int_equal(host->state, ROUTE_HOST_READY);
	assert_int_equal(host->demand.need, SECURITY_NEED_MAY);
	assert_true(host->demand.cleartext_allowed);
	assert_true(host->is_testing && host->audit_unmet);
	assert_string_equal(host->audit, NOT_LISTED);
	host = &bench.route->hosts[1];
	assert_true(host->is_testing && !host->audit_unmet);
	assert_int_equal(host->audited->need, SECURITY_NEED_STS);
	bench_stop(state);
	start(NULL);
	fake_fetches_says("a.lab", "version: STSv1\nmode: none\nmax_age: 86400\n");
	host = host_of("a.lab", 0);
	assert_int_equal(host->demand.need, SECURITY_NEED_MAY);
	assert_false(host->is_testing);
}

/* POL-03, POL-04, POL-05 */
static void full_dane_stands_above_the_policy_and_half_of_it_beside(void **state)
{
	(void)state;
	start(NULL);
	fake_fetches_says("s.lab", ENFORCE("elsewhere.lab"));
	const struct route_host *host = host_of("s.lab", 0);
	assert_int_equal(host->state, ROUTE_HOST_READY);
	assert_int_equal(host->demand.need, SECURITY_NEED_DANE);
	bench_stop(state);
	start(NULL); /* who forges the MX answer has DANE in the best of order */
	const struct fake_row forged = { "a.lab", DNS_TYPE_MX, INSECURE, 300, "10 mx.s.lab", NULL };
	fake_dns_script(&forged, 1);
	fake_fetches_says("a.lab", ENFORCE("mx1.a.lab"));
	host = host_of("a.lab", 0);
	assert_int_equal(host->state, ROUTE_HOST_WAITS);
	assert_string_equal(host->reason, NOT_LISTED " (_25._tcp.mx.s.lab)");
	bench_stop(state);
	start(NULL);
	const struct fake_row unusable = {
		"_25._tcp.mx.s.lab", DNS_TYPE_TLSA, FAKE_SECURE, 300, "\\# 000001ab", NULL };
	fake_dns_script(&unusable, 1);
	fake_fetches_says("s.lab", ENFORCE("mx.s.lab"));
	host = host_of("s.lab", 0);
	assert_int_equal(host->demand.need, SECURITY_NEED_STS);
}

/* STS-01, STS-02: no alias, no parent, no MX name has a say. */
static void the_policy_is_that_of_the_domain_as_written(void **state)
{
	(void)state;
	start(NULL);
	const struct fake_row rows[] = {
		{ "alias.lab", DNS_TYPE_MX, INSECURE, 300, "10 mx1.a.lab", "a.lab" },
		{ "_mta-sts.alias.lab", DNS_TYPE_TXT, INSECURE, 300, "", NULL },
		{ "sub.a.lab", DNS_TYPE_MX, INSECURE, 300, "10 mx1.a.lab", NULL },
		{ "_mta-sts.sub.a.lab", DNS_TYPE_TXT, FAKE_INSECURE_NXDOMAIN, 300, "", NULL },
	};
	fake_dns_script(rows, COUNT_OF(rows));
	assert_int_equal(host_of("alias.lab", 0)->demand.need, SECURITY_NEED_MAY);
	assert_int_equal(host_of("sub.a.lab", 0)->demand.need, SECURITY_NEED_MAY);
	assert_string_equal(fake_fetches_log(), "");
}

/* STS-03 */
static void a_smart_host_has_a_policy_of_its_own(void **state)
{
	(void)state;
	start(&(struct bench_options){ .routes = { "a.lab=relay.lab", "b.lab=9.9.9.9" } });
	const struct fake_row rows[] = {
		{ "relay.lab", DNS_TYPE_A, INSECURE, 300, "9.9.9.12", NULL },
		{ "relay.lab", DNS_TYPE_AAAA, INSECURE, 300, "", NULL },
		{ "_mta-sts.relay.lab", DNS_TYPE_TXT, INSECURE, 300, "v=STSv1; id=5", NULL },
		{ "mta-sts.relay.lab", DNS_TYPE_A, INSECURE, 300, "9.9.9.1", NULL },
		{ "mta-sts.relay.lab", DNS_TYPE_AAAA, INSECURE, 300, "", NULL },
	};
	fake_dns_script(rows, COUNT_OF(rows));
	fake_fetches_says("relay.lab", ENFORCE("relay.lab"));
	assert_int_equal(host_of("a.lab", 0)->demand.need, SECURITY_NEED_STS);
	assert_string_equal(fake_fetches_log(), "relay.lab id=5 addresses=1");
	assert_int_equal(host_of("b.lab", 0)->demand.need, SECURITY_NEED_MAY); /* an address */
	assert_int_equal(host_of("[9.9.9.9]", 0)->demand.need, SECURITY_NEED_MAY); /* STS-04 */
	assert_string_equal(fake_fetches_log(), "");
}

/* STS-31 */
static void a_domain_without_mx_must_be_listed_itself(void **state)
{
	(void)state;
	start(NULL);
	const struct fake_row rows[] = {
		{ "a.lab", DNS_TYPE_MX, INSECURE, 300, "", NULL },
		{ "a.lab", DNS_TYPE_A, INSECURE, 300, "9.9.9.9", NULL },
		{ "a.lab", DNS_TYPE_AAAA, INSECURE, 300, "", NULL },
	};
	fake_dns_script(rows, COUNT_OF(rows));
	fake_fetches_says("a.lab", ENFORCE("mx1.a.lab"));
	assert_int_equal(host_of("a.lab", 0)->state, ROUTE_HOST_WAITS);
	bench_stop(state);
	start(NULL);
	fake_dns_script(rows, COUNT_OF(rows));
	fake_fetches_says("a.lab", ENFORCE("a.lab"));
	assert_int_equal(host_of("a.lab", 0)->state, ROUTE_HOST_READY);
}

/* P1: ceilings of --tls. */
static void an_operator_who_lowers_the_level_asks_for_no_policy(void **state)
{
	(void)state;
	start(&(struct bench_options){ .tls = { "*=may" } });
	assert_int_equal(host_of("a.lab", 0)->demand.need, SECURITY_NEED_MAY);
	assert_int_equal(fake_dns_asked("_mta-sts.a.lab", DNS_TYPE_TXT), 0);
	bench_stop(state);
	start(&(struct bench_options){ .tls = { "*=audit" } });
	fake_fetches_says("a.lab", ENFORCE("mx2.a.lab"));
	const struct route_host *host = host_of("a.lab", 0);
	assert_int_equal(host->state, ROUTE_HOST_READY);
	assert_true(host->audit_unmet);
	assert_string_equal(host->audit, NOT_LISTED);
}

/* STS-15 */
static void a_record_that_does_not_validate_makes_mail_wait_unless_dane_is_whole(void **state)
{
	(void)state;
	start(NULL);
	const struct fake_row rows[] = {
		{ "_mta-sts.a.lab", DNS_TYPE_TXT, FAKE_FAILURE, 0, "bogus: no signatures", NULL },
		{ "_mta-sts.s.lab", DNS_TYPE_TXT, FAKE_FAILURE, 0, "bogus: no signatures", NULL },
	};
	fake_dns_script(rows, COUNT_OF(rows));
	const struct route *route = bench_get("a.lab");
	assert_int_equal(route->cause, ROUTE_CAUSE_UNPROVEN);
	assert_string_equal(route->sts.why, "_mta-sts.a.lab has no TXT answer now: bogus: no signatures");
	assert_int_equal(host_of("s.lab", 0)->state, ROUTE_HOST_READY);
}

/* POL-14, CONFORMANCE 0.4 */
static void an_unsigned_denial_does_not_bounce_the_mail_of_a_domain_with_a_policy(void **state)
{
	(void)state;
	static const struct {
		const char *records;
		enum fake_class class;
		enum route_cause cause;
	} denials[] = {
		{ "", FAKE_INSECURE_NXDOMAIN, ROUTE_CAUSE_NO_DOMAIN },
		{ "0 .", FAKE_INSECURE, ROUTE_CAUSE_NULL_MX },
		{ "10 out.lab", FAKE_INSECURE, ROUTE_CAUSE_LOOP },
		{ "10 gone.lab", FAKE_INSECURE, ROUTE_CAUSE_NO_ADDRESS },
	};
	static const struct fake_row gone[] = {
		{ "gone.lab", DNS_TYPE_A, FAKE_INSECURE_NXDOMAIN, 60, "", NULL },
		{ "gone.lab", DNS_TYPE_AAAA, FAKE_INSECURE_NXDOMAIN, 60, "", NULL },
	};
	for (size_t i = 0; i < COUNT_OF(denials); i++) {
		start(NULL);
		fake_fetches_says("a.lab", ENFORCE("*.a.lab"));
		assert_int_equal(bench_get("a.lab")->kind, ROUTE_HOSTS);
		bench_pass(301 * SECOND_NS);
		const struct fake_row denial = { "a.lab", DNS_TYPE_MX, denials[i].class, 60,
			denials[i].records, NULL };
		fake_dns_script(&denial, 1);
		fake_dns_script(gone, COUNT_OF(gone));
		assert_int_equal(bench_get("a.lab")->cause, ROUTE_CAUSE_DENIED);
		assert_int_equal(bench.route->kind, ROUTE_TEMPORARY);
		bench_pass(3600 * SECOND_NS);
		assert_int_equal(bench_get("a.lab")->cause, denials[i].cause);
		bench_stop(state);
	}
	start(NULL); /* without a policy, or proven: at once */
	const struct fake_row proven = { "s.lab", DNS_TYPE_MX, FAKE_SECURE_NXDOMAIN, 60, "", NULL };
	fake_fetches_says("s.lab", ENFORCE("mx.s.lab"));
	assert_int_equal(bench_get("s.lab")->kind, ROUTE_HOSTS);
	bench_pass(301 * SECOND_NS);
	fake_dns_script(&proven, 1);
	assert_int_equal(bench_get("s.lab")->cause, ROUTE_CAUSE_NO_DOMAIN);
}

/* MX-03: nobody waits for the policy where the mail cannot go anyway. */
static void a_failed_mx_answer_ends_the_search_for_the_policy(void **state)
{
	(void)state;
	start(NULL);
	const struct fake_row failing = { "a.lab", DNS_TYPE_MX, FAKE_FAILURE, 0, "SERVFAIL", NULL };
	const struct fake_row silent = { "_mta-sts.a.lab", DNS_TYPE_TXT, FAKE_SILENT, 0, "", NULL };
	fake_dns_script(&failing, 1);
	fake_dns_script(&silent, 1);
	assert_int_equal(bench_get("a.lab")->cause, ROUTE_CAUSE_MX_FAILED);
	assert_int_equal(fake_dns_pending(), 0);
}

/* DNS-12: nothing is used beyond the time of what it rests on. */
static void a_route_ends_with_the_record_or_the_policy(void **state)
{
	(void)state;
	start(NULL);
	fake_fetches_says("a.lab", "version: STSv1\nmode: enforce\nmx: *.a.lab\nmax_age: 20\n");
	uint64_t now_ns = bench.now_ns;
	assert_in_range(bench_get("a.lab")->expires_ns, now_ns + 19 * SECOND_NS, now_ns + 21 * SECOND_NS);
	bench_stop(state);
	start(NULL);
	const struct fake_row record = { "_mta-sts.a.lab", DNS_TYPE_TXT, INSECURE, 10, "v=STSv1; id=1", NULL };
	fake_dns_script(&record, 1);
	fake_fetches_says("a.lab", ENFORCE("*.a.lab"));
	now_ns = bench.now_ns;
	assert_in_range(bench_get("a.lab")->expires_ns, now_ns + 9 * SECOND_NS, now_ns + 11 * SECOND_NS);
}

/* DNS-18, STS-15: a domain whose name servers drop such questions is not held up each time. */
static void a_record_that_nobody_answers_holds_mail_up_once_in_five_minutes(void **state)
{
	(void)state;
	static const struct fake_row silent = { "_mta-sts.a.lab", DNS_TYPE_TXT, FAKE_SILENT, 0, "", NULL };
	start(NULL);
	fake_dns_script(&silent, 1);
	assert_null(bench_get("a.lab"));
	bench_pass(29 * SECOND_NS);
	assert_null(bench.route);
	bench_pass(2 * SECOND_NS);
	assert_non_null(bench.route);
	assert_int_equal(bench.route->kind, ROUTE_HOSTS);
	assert_non_null(strstr(bench.route->sts.why, "no answer within 30 s"));
	for (uint64_t s = 61; s < 300; s += 61) {
		bench_pass(61 * SECOND_NS); /* beyond the life of the route */
		assert_non_null(bench_get("a.lab"));
		assert_string_equal(bench.route->sts.finding,
			"no answer about its record; as if there were none");
		assert_non_null(strstr(bench.route->sts.why, "nobody answered a short time ago"));
	}
	assert_int_equal(fake_dns_asked("_mta-sts.a.lab", DNS_TYPE_TXT), 1);
	bench_pass(61 * SECOND_NS);
	fake_dns_script(world, COUNT_OF(world));
	fake_fetches_says("a.lab", ENFORCE("*.a.lab"));
	assert_true(bench_get("a.lab")->sts.enforced);
}

int main(void)
{
#define TEST_OF(name) cmocka_unit_test_teardown(name, bench_stop)
	const struct CMUnitTest tests[] = {
		TEST_OF(a_listed_host_needs_a_public_certificate_for_its_name_and_others_wait),
		TEST_OF(where_no_host_is_listed_the_policy_is_asked_for_anew_once),
		TEST_OF(a_policy_that_is_doubted_is_fetched_with_the_next_route),
		TEST_OF(testing_and_none_block_nothing_and_testing_says_what_it_would),
		TEST_OF(full_dane_stands_above_the_policy_and_half_of_it_beside),
		TEST_OF(the_policy_is_that_of_the_domain_as_written),
		TEST_OF(a_smart_host_has_a_policy_of_its_own),
		TEST_OF(a_domain_without_mx_must_be_listed_itself),
		TEST_OF(an_operator_who_lowers_the_level_asks_for_no_policy),
		TEST_OF(a_record_that_does_not_validate_makes_mail_wait_unless_dane_is_whole),
		TEST_OF(an_unsigned_denial_does_not_bounce_the_mail_of_a_domain_with_a_policy),
		TEST_OF(a_failed_mx_answer_ends_the_search_for_the_policy),
		TEST_OF(a_route_ends_with_the_record_or_the_policy),
		TEST_OF(a_record_that_nobody_answers_holds_mail_up_once_in_five_minutes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
