/* How long routes live, and who waits for whom. */
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

/* ---- deadlines ---- */

/* DNS-35: 40 seconds of silence; the late answer changes nothing. */
static void an_mx_look_up_without_answer_fails_after_its_deadline(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SILENT, 0, "", NULL });
	assert_null(bench_get("a.lab"));
	bench_pass(29 * SECOND_NS);
	assert_null(bench.route);
	bench_pass(2 * SECOND_NS);
	assert_non_null(bench.route);
	assert_string_equal(bench.route->status, "4.4.3");
	assert_non_null(strstr(bench.route->reason, "no answer within 30 s"));
	assert_int_equal(fake_dns_cancelled(), 1);
	struct route_builder_counts counts;
	route_builder_count(bench.builder, &counts);
	assert_int_equal(counts.deadlines, 1);
	assert_int_equal(counts.building, 0);
}

/* DNS-31: AAAA is dropped by somebody on the way. */
static void silence_about_one_family_only_costs_time(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "10 mx1.lab", NULL },
		{ "mx1.lab", DNS_TYPE_A, FAKE_SECURE, 300, "9.9.9.1", NULL },
		{ "mx1.lab", DNS_TYPE_AAAA, FAKE_SILENT, 0, "", NULL },
		{ "_25._tcp.mx1.lab", DNS_TYPE_TLSA, FAKE_SECURE, 300, "", NULL });
	assert_null(bench_get("a.lab"));
	bench_pass(31 * SECOND_NS);
	fake_dns_deliver(); /* DNS-31: the secure family has the TLSA search begin */
	assert_non_null(bench.route);
	assert_string_equal(bench_hosts(bench.route), "10 mx1.lab [9.9.9.1]");
	assert_true(bench.route->hosts[0].address_secure);
	/* A part failed: the whole is looked at anew within a minute. */
	assert_in_range(bench.route->expires_ns, bench.now_ns + 58 * SECOND_NS,
		bench.now_ns + 60 * SECOND_NS);
}

static void silence_about_both_families_makes_the_host_wait(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "10 mx1.lab", NULL },
		{ "mx1.lab", DNS_TYPE_A, FAKE_SILENT, 0, "", NULL },
		{ "mx1.lab", DNS_TYPE_AAAA, FAKE_SILENT, 0, "", NULL });
	assert_null(bench_get("a.lab"));
	bench_pass(31 * SECOND_NS);
	assert_int_equal(bench.route->kind, ROUTE_TEMPORARY);
}

/* ---- lifetimes ---- */

/* DNS-11, DNS-12, MX-24: the first ingredient that runs out ends the route. */
static void a_route_lives_as_long_as_its_shortest_answer(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 3600, "10 mx1.lab, 20 mx2.lab", NULL },
		{ "mx1.lab", DNS_TYPE_A, FAKE_INSECURE, 300, "9.9.9.1", NULL },
		{ "mx1.lab", DNS_TYPE_AAAA, FAKE_INSECURE, 5, "", NULL }, HOST("mx2.lab", "9.9.9.2"));
	struct route *route = bench_get("a.lab");
	assert_int_equal(route->expires_ns, bench.now_ns + 5 * SECOND_NS);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 3600, "10 mx3.lab", NULL },
		HOST("mx3.lab", "9.9.9.3"));
	bench_pass(4 * SECOND_NS);
	assert_string_equal(bench_get("a.lab")->hosts[0].name, "mx1.lab");
	bench_pass(SECOND_NS);
	assert_string_equal(bench_get("a.lab")->hosts[0].name, "mx3.lab");
	assert_int_equal(fake_dns_asked("a.lab", DNS_TYPE_MX), 2);
}

/* DNS-14 with the ruling of CONFORMANCE 0.4. */
static void ttl_zero_serves_one_second(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 0, "10 mx1.lab", NULL },
		HOST("mx1.lab", "9.9.9.1"));
	assert_int_equal(bench_get("a.lab")->expires_ns, bench.now_ns + SECOND_NS);
	assert_non_null(bench_get("a.lab"));
	assert_int_equal(fake_dns_asked("a.lab", DNS_TYPE_MX), 1);
	bench_pass(SECOND_NS);
	assert_non_null(bench_get("a.lab"));
	assert_int_equal(fake_dns_asked("a.lab", DNS_TYPE_MX), 2);
}

/* DNS-15, DNS-16: a denial as long as its SOA says, without SOA a second. */
static void a_denial_lives_as_long_as_its_soa_says(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE_NXDOMAIN, 3, "", NULL },
		{ "b.lab", DNS_TYPE_MX, FAKE_INSECURE_NXDOMAIN, 0, "", NULL });
	assert_int_equal(bench_get("a.lab")->expires_ns, bench.now_ns + 3 * SECOND_NS);
	assert_int_equal(bench_get("b.lab")->expires_ns, bench.now_ns + SECOND_NS);
}

/* DNS-18, DNS-19 */
static void a_failure_is_remembered_for_seconds_only(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_FAILURE, 0, "SERVFAIL", NULL });
	assert_int_equal(bench_get("a.lab")->kind, ROUTE_TEMPORARY);
	assert_int_equal(bench_get("a.lab")->kind, ROUTE_TEMPORARY);
	assert_int_equal(fake_dns_asked("a.lab", DNS_TYPE_MX), 1);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab", NULL },
		HOST("mx1.lab", "9.9.9.1"));
	bench_pass(6 * SECOND_NS);
	assert_int_equal(bench_get("a.lab")->kind, ROUTE_HOSTS);
}

static void what_is_forgotten_is_asked_anew(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab", NULL },
		HOST("mx1.lab", "9.9.9.1"));
	bench_get("a.lab");
	route_builder_forget(bench.builder, TEXT("A.Lab."));
	bench_get("a.lab");
	assert_int_equal(fake_dns_asked("a.lab", DNS_TYPE_MX), 2);
}

/* A route in use outlives the cache and the builder. */
static void a_route_lives_as_long_as_somebody_holds_it(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 1, "10 mx1.lab", NULL },
		HOST("mx1.lab", "9.9.9.1"));
	struct route *route = route_ref(bench_get("a.lab"));
	bench_pass(10 * SECOND_NS);
	bench_get("a.lab");
	assert_int_equal(bench_stop(NULL), 0);
	assert_string_equal(bench_hosts(route), "10 mx1.lab [9.9.9.1]");
	route_unref(route);
	bench_start(NULL);
}

/* ---- many at once ---- */

enum { WAITERS = 6 };
static struct route_request requests[WAITERS];
static struct route *found[WAITERS];

static void on_found(void *context, struct route *route)
{
	found[(struct route_request *)context - requests] = route;
}

static struct route *ask(size_t i, const char *domain)
{
	return route_builder_get(
		bench.builder, text_of(domain), &requests[i], on_found, &requests[i]);
}

static int stop_all(void **state)
{
	for (size_t i = 0; i < WAITERS; i++) {
		route_unref(found[i]);
		found[i] = NULL;
		requests[i] = (struct route_request){ 0 };
	}
	return bench_stop(state);
}

static void all_who_wait_for_a_domain_get_one_route(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab", NULL },
		HOST("mx1.lab", "9.9.9.1"));
	for (size_t i = 0; i < 4; i++)
		assert_null(ask(i, i % 2 == 0 ? "a.lab" : "A.LAB"));
	route_builder_cancel(bench.builder, &requests[2]);
	fake_dns_deliver();
	assert_non_null(found[0]);
	assert_ptr_equal(found[0], found[1]);
	assert_ptr_equal(found[0], found[3]);
	assert_null(found[2]);
	assert_int_equal(fake_dns_asked("a.lab", DNS_TYPE_MX), 1);
	struct route_builder_counts counts;
	route_builder_count(bench.builder, &counts);
	assert_int_equal(counts.built, 1);
	assert_int_equal(counts.joined, 3);
}

static void on_found_cancel_next(void *context, struct route *route)
{
	on_found(context, route);
	route_builder_cancel(bench.builder, (struct route_request *)context + 1);
}

static void a_callback_may_cancel_who_waits_behind_it(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab", NULL },
		HOST("mx1.lab", "9.9.9.1"));
	assert_null(route_builder_get(bench.builder, TEXT("a.lab"), &requests[0],
		on_found_cancel_next, &requests[0]));
	assert_null(ask(1, "a.lab"));
	assert_null(ask(2, "a.lab"));
	fake_dns_deliver();
	assert_non_null(found[0]);
	assert_null(found[1]);
	assert_non_null(found[2]);
}

/* Two at a time: the others wait in their order, cancelled ones leave, equal ones share. */
static void more_domains_than_places_wait_in_order(void **state)
{
	(void)state;
	bench_start(&(struct bench_options){ .builds_max = 2 });
	for (char c = 'a'; c <= 'e'; c++) {
		static char names[8][8];
		snprintf(names[c - 'a'], sizeof names[0], "%c.lab", c);
		SCRIPT({ names[c - 'a'], DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab", NULL });
	}
	SCRIPT(HOST("mx1.lab", "9.9.9.1"));
	static const char *const domains[] = { "a.lab", "b.lab", "c.lab", "d.lab", "e.lab", "d.lab" };
	for (size_t i = 0; i < WAITERS; i++)
		assert_null(ask(i, domains[i]));
	struct route_builder_counts counts;
	route_builder_count(bench.builder, &counts);
	assert_int_equal(counts.building, 2);
	assert_int_equal(counts.waiting, 4);
	assert_string_equal(fake_dns_log(), "MX a.lab, MX b.lab");
	route_builder_cancel(bench.builder, &requests[2]);
	fake_dns_deliver();
	for (size_t i = 0; i < WAITERS; i++) {
		assert_int_equal(found[i] != NULL, i != 2);
		if (found[i] != NULL)
			assert_string_equal(found[i]->domain, domains[i]);
	}
	assert_int_equal(fake_dns_asked("c.lab", DNS_TYPE_MX), 0);
	assert_int_equal(fake_dns_asked("d.lab", DNS_TYPE_MX), 1);
	assert_ptr_equal(found[3], found[5]);
	route_builder_count(bench.builder, &counts);
	assert_int_equal(counts.building + counts.waiting, 0);
}

static void a_full_cache_forgets_what_was_not_asked_for_longest(void **state)
{
	(void)state;
	bench_start(&(struct bench_options){ .cache_max = 2 });
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab", NULL },
		{ "b.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab", NULL },
		{ "c.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab", NULL },
		HOST("mx1.lab", "9.9.9.1"));
	bench_get("a.lab");
	bench_get("b.lab");
	bench_get("a.lab");
	bench_get("c.lab"); /* b goes */
	bench_get("a.lab");
	assert_int_equal(fake_dns_asked("a.lab", DNS_TYPE_MX), 1);
	bench_get("b.lab");
	assert_int_equal(fake_dns_asked("b.lab", DNS_TYPE_MX), 2);
	struct route_builder_counts counts;
	route_builder_count(bench.builder, &counts);
	assert_int_equal(counts.cached, 2);
	assert_int_equal(counts.evicted, 2);
}

/* Nothing is called back and nothing is left behind (the teardown counts timers and questions). */
static void destroy_in_the_middle_leaves_nothing_behind(void **state)
{
	(void)state;
	bench_start(&(struct bench_options){ .builds_max = 2 });
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx1.lab, 20 mx2.lab", NULL },
		{ "mx1.lab", DNS_TYPE_A, FAKE_INSECURE, 300, "9.9.9.9", NULL },
		{ "mx1.lab", DNS_TYPE_AAAA, FAKE_SILENT, 300, "", NULL },
		{ "mx2.lab", DNS_TYPE_A, FAKE_SILENT, 300, "", NULL },
		{ "mx2.lab", DNS_TYPE_AAAA, FAKE_SILENT, 300, "", NULL },
		{ "b.lab", DNS_TYPE_MX, FAKE_SILENT, 300, "", NULL });
	assert_null(ask(0, "a.lab"));
	assert_null(ask(1, "b.lab"));
	assert_null(ask(2, "c.lab"));
	fake_dns_deliver();
	assert_int_equal(fake_dns_pending(), 4);
	route_builder_destroy(bench.builder);
	bench.builder = NULL;
	assert_int_equal(fake_dns_pending(), 0);
	assert_int_equal(bench.wheel.count, 0);
	assert_false(requests[0].pending || requests[1].pending || requests[2].pending);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			an_mx_look_up_without_answer_fails_after_its_deadline, bench_stop),
		cmocka_unit_test_teardown(silence_about_one_family_only_costs_time, bench_stop),
		cmocka_unit_test_teardown(
			silence_about_both_families_makes_the_host_wait, bench_stop),
		cmocka_unit_test_teardown(a_route_lives_as_long_as_its_shortest_answer, bench_stop),
		cmocka_unit_test_teardown(ttl_zero_serves_one_second, bench_stop),
		cmocka_unit_test_teardown(a_denial_lives_as_long_as_its_soa_says, bench_stop),
		cmocka_unit_test_teardown(a_failure_is_remembered_for_seconds_only, bench_stop),
		cmocka_unit_test_teardown(what_is_forgotten_is_asked_anew, bench_stop),
		cmocka_unit_test_teardown(a_route_lives_as_long_as_somebody_holds_it, bench_stop),
		cmocka_unit_test_teardown(all_who_wait_for_a_domain_get_one_route, stop_all),
		cmocka_unit_test_teardown(a_callback_may_cancel_who_waits_behind_it, stop_all),
		cmocka_unit_test_teardown(more_domains_than_places_wait_in_order, stop_all),
		cmocka_unit_test_teardown(
			a_full_cache_forgets_what_was_not_asked_for_longest, bench_stop),
		cmocka_unit_test_teardown(destroy_in_the_middle_leaves_nothing_behind, stop_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
