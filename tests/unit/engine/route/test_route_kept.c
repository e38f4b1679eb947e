/* Routes made of what the shared cache knows. */
#include "tests/unit/engine/route/store_fixture.h"
#include "tests/unit/engine/route/route_bench.h"

#define SCRIPT(...)                                                                                \
	do {                                                                                       \
		const struct fake_row rows_[] = { __VA_ARGS__ };                                   \
		fake_dns_script(rows_, COUNT_OF(rows_));                                           \
	} while (0)
#define OWNER "_25._tcp.mx.lab"
#define RECORD "\\# 03010100112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SIGNED(records)                                                                            \
	{ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL },                            \
	{ "mx.lab", DNS_TYPE_A, FAKE_SECURE, 600, "9.9.9.1", NULL },                               \
	{ "mx.lab", DNS_TYPE_AAAA, FAKE_SECURE, 900, "", NULL },                                   \
	{ OWNER, DNS_TYPE_TLSA, FAKE_SECURE, 1200, records, NULL }

static void start(void) { bench_start(&(struct bench_options){ .store = kept.store }); }

/* A process that begins with what another has left. */
static void restart(void)
{
	(void)bench_stop(NULL);
	kept_reopen();
	start();
}

static int tear_down(void **state)
{
	int builder = bench_stop(state), store = kept_tear_down(state);
	return builder != 0 ? builder : store;
}

static void pass_s(int64_t seconds)
{
	kept_pass_s(seconds);
	bench_pass((uint64_t)seconds * SECOND_NS);
}

static void assert_dane(const struct route *route)
{
	assert_non_null(route);
	assert_string_equal(bench_hosts(route), "10 mx.lab [9.9.9.1]");
	assert_true(route->mx_secure);
	assert_true(route->hosts[0].address_secure);
	assert_int_equal(route->hosts[0].tlsa.count, 1);
	assert_int_equal(route->hosts[0].demand.need, SECURITY_NEED_DANE);
}

/* MX, addresses and records with their security: nothing is asked a second time. */
static void a_route_that_was_learned_asks_nothing_after_a_restart(void **state)
{
	(void)state;
	start();
	SCRIPT(SIGNED(RECORD));
	assert_dane(bench_get("a.lab"));
	kept_write();
	restart();
	assert_dane(bench_get("a.lab"));
	assert_string_equal(fake_dns_log(), "");
}

/* The contract of route_builder_get(). */
static void what_is_known_comes_later_all_the_same(void **state)
{
	(void)state;
	start();
	SCRIPT(SIGNED(RECORD));
	(void)bench_get("a.lab");
	kept_write();
	restart();
	bench.has_store = false; /* only ask */
	assert_null(bench_get("a.lab"));
	bench_pass(1000000);
	assert_dane(bench.route); /* all of it in one step */
}

/* DNS-12: what is left of the first ingredient. */
static void a_route_lives_no_longer_than_what_is_left_of_its_answers(void **state)
{
	(void)state;
	start();
	SCRIPT(SIGNED(RECORD));
	(void)bench_get("a.lab");
	kept_write();
	kept_pass_s(570);
	restart();
	uint64_t begun_ns = bench.now_ns;
	assert_dane(bench_get("a.lab"));
	assert_in_range(bench.route->expires_ns, begun_ns + 29 * SECOND_NS, begun_ns + 31 * SECOND_NS);
	/* DNS-24: the addresses are asked again, the rest is still known. */
	SCRIPT({ "mx.lab", DNS_TYPE_A, FAKE_SECURE, 600, "9.9.9.2", NULL });
	pass_s(31);
	assert_string_equal(bench_hosts(bench_get("a.lab")), "10 mx.lab [9.9.9.2]");
	assert_string_equal(fake_dns_log(), "A mx.lab");
}

/* DNS-24: the name server is gone and the records with it. */
static void an_expired_entry_is_not_used_when_the_dns_fails(void **state)
{
	(void)state;
	start();
	SCRIPT(SIGNED(RECORD));
	(void)bench_get("a.lab");
	kept_write();
	kept_pass_s(1201);
	restart();
	SCRIPT({ "mx.lab", DNS_TYPE_A, FAKE_SECURE, 600, "9.9.9.1", NULL },
		{ "mx.lab", DNS_TYPE_AAAA, FAKE_SECURE, 600, "", NULL },
		{ OWNER, DNS_TYPE_TLSA, FAKE_FAILURE, 0, "SERVFAIL", NULL });
	assert_int_equal(bench_get("a.lab")->kind, ROUTE_TEMPORARY);
	assert_int_equal(fake_dns_asked("a.lab", DNS_TYPE_MX), 0);
	assert_int_equal(fake_dns_asked(OWNER, DNS_TYPE_TLSA), 1);
}

/* DNS-18, DNS-19, DNS-35: a failure is asked about again. */
static void failures_are_not_remembered(void **state)
{
	(void)state;
	start();
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_FAILURE, 0, "bogus: no signature", NULL },
		{ "b.lab", DNS_TYPE_MX, FAKE_SILENT, 0, "", NULL });
	assert_int_equal(bench_get("a.lab")->kind, ROUTE_TEMPORARY);
	assert_null(bench_get("b.lab"));
	pass_s(31);
	assert_int_equal(bench.route->kind, ROUTE_TEMPORARY);
	assert_null(route_store_take(kept.store));
}

/* DNS-25: what was secure under other anchors is asked again. */
static void a_route_is_not_made_of_what_another_configuration_found(void **state)
{
	(void)state;
	start();
	SCRIPT(SIGNED(RECORD));
	(void)bench_get("a.lab");
	kept_write();
	kept.generation++;
	restart();
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 3600, "10 mx.lab", NULL },
		{ "mx.lab", DNS_TYPE_A, FAKE_INSECURE, 600, "9.9.9.1", NULL },
		{ "mx.lab", DNS_TYPE_AAAA, FAKE_INSECURE, 600, "", NULL });
	assert_false(bench_get("a.lab")->mx_secure);
	assert_int_equal(fake_dns_asked("a.lab", DNS_TYPE_MX), 1);
	assert_int_equal(fake_dns_asked(OWNER, DNS_TYPE_TLSA), 0);
}

/* DNS-26 */
static void after_the_clock_has_gone_back_everything_is_asked_again(void **state)
{
	(void)state;
	start();
	SCRIPT(SIGNED(RECORD));
	(void)bench_get("a.lab");
	kept_write();
	kept_pass_s(-86400);
	restart();
	SCRIPT(SIGNED(RECORD));
	assert_dane(bench_get("a.lab"));
	assert_int_equal(fake_dns_asked("a.lab", DNS_TYPE_MX), 1);
	assert_int_equal(fake_dns_asked(OWNER, DNS_TYPE_TLSA), 1);
}

/* DNS-07: the alias and its security, too. */
static void aliases_and_their_security_are_kept(void **state)
{
	(void)state;
	start();
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL },
		{ "mx.lab", DNS_TYPE_A, FAKE_INSECURE, 600, "9.9.9.1", "host.net.lab" },
		{ "mx.lab", DNS_TYPE_AAAA, FAKE_INSECURE, 600, "", "host.net.lab" },
		{ "mx.lab", DNS_TYPE_CNAME, FAKE_SECURE, 600, "host.net.lab", NULL },
		{ OWNER, DNS_TYPE_TLSA, FAKE_SECURE, 1200, RECORD, NULL });
	for (int round = 0; round < 2; round++) {
		const struct route *route = bench_get("a.lab");
		assert_non_null(route);
		assert_true(route->hosts[0].is_alias);
		assert_true(route->hosts[0].first_alias_secure);
		assert_false(route->hosts[0].address_secure);
		assert_string_equal(route->hosts[0].canonical, "host.net.lab");
		assert_int_equal(route->hosts[0].tlsa.count, 1);
		if (round == 0) {
			kept_write();
			restart();
		}
	}
	assert_string_equal(fake_dns_log(), "");
}

static void route_ignored(void *context, struct route *route)
{
	(void)context;
	assert_dane(route);
	route_unref(route);
}

/* More at a time than one step of the wheel works off, and than there are places for. */
static void many_domains_are_made_of_what_is_known(void **state)
{
	(void)state;
	enum { DOMAINS = 200 };
	static struct route_request requests[DOMAINS];
	static char names[DOMAINS][16];
	start();
	SCRIPT(SIGNED(RECORD));
	for (int i = 0; i < DOMAINS; i++) {
		(void)snprintf(names[i], sizeof names[i], "d%d.lab", i);
		const struct fake_row row = { names[i], DNS_TYPE_MX, FAKE_SECURE, 3600, "10 mx.lab", NULL };
		route_store_learn(kept.store, fake_answer(&row));
	}
	(void)bench_get("a.lab");
	kept_write();
	(void)bench_stop(NULL);
	kept_reopen();
	bench_start(&(struct bench_options){ .store = kept.store, .builds_max = 100 });
	struct route_builder_counts counts = { 0 };
	memset(requests, 0, sizeof requests);
	for (int i = 0; i < DOMAINS; i++)
		assert_null(route_builder_get(
			bench.builder, text_of(names[i]), &requests[i], route_ignored, NULL));
	for (int steps = 0; counts.built < DOMAINS && steps < 10; steps++) {
		bench_pass(1000000);
		route_builder_count(bench.builder, &counts);
	}
	assert_int_equal(counts.built, DOMAINS);
	assert_string_equal(fake_dns_log(), "");
}

/* Shutting down between the look-up and its step. */
static void a_builder_may_go_while_known_answers_are_on_their_way(void **state)
{
	(void)state;
	start();
	SCRIPT(SIGNED(RECORD));
	(void)bench_get("a.lab");
	kept_write();
	restart();
	bench.has_store = false;
	assert_null(bench_get("a.lab"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, kept_set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_route_that_was_learned_asks_nothing_after_a_restart),
		TEST(what_is_known_comes_later_all_the_same),
		TEST(a_route_lives_no_longer_than_what_is_left_of_its_answers),
		TEST(an_expired_entry_is_not_used_when_the_dns_fails),
		TEST(failures_are_not_remembered),
		TEST(a_route_is_not_made_of_what_another_configuration_found),
		TEST(after_the_clock_has_gone_back_everything_is_asked_again),
		TEST(aliases_and_their_security_are_kept),
		TEST(many_domains_are_made_of_what_is_known),
		TEST(a_builder_may_go_while_known_answers_are_on_their_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
