/* How long routes live beside a shared cache, and how they are renewed before mail asks. */
#include "tests/unit/engine/route/store_fixture.h"
#include "engine/route/route_build.h"
#include "engine/route/route_cache.h"
#include "tests/unit/engine/route/route_bench.h"

#define SCRIPT(...)                                                                                \
	do {                                                                                       \
		const struct fake_row rows_[] = { __VA_ARGS__ };                                   \
		fake_dns_script(rows_, COUNT_OF(rows_));                                           \
	} while (0)
#define PLAIN(ttl_s, address)                                                                      \
	{ "a.lab", DNS_TYPE_MX, FAKE_INSECURE, ttl_s, "10 mx.lab", NULL },                         \
	{ "mx.lab", DNS_TYPE_A, FAKE_INSECURE, ttl_s, address, NULL },                             \
	{ "mx.lab", DNS_TYPE_AAAA, FAKE_INSECURE, ttl_s, "", NULL }
#define STEP_NS 1000000ull

static int set_up(void **state)
{
	int r = kept_set_up(state);
	if (r == 0)
		bench_start(&(struct bench_options){ .store = kept.store });
	return r;
}

static int tear_down(void **state)
{
	int builder = bench_stop(state), store = kept_tear_down(state);
	return builder != 0 ? builder : store;
}

static struct route_builder_counts counts(void)
{
	struct route_builder_counts now;
	route_builder_count(bench.builder, &now);
	return now;
}

/* Time as it goes by, in steps of 10 ms; the DNS answers and what was learned is written. */
static void pass_ms(uint64_t ms)
{
	for (uint64_t i = 0; i < ms; i += 10) {
		kept.wall_us += 10000;
		bench_pass(10 * STEP_NS);
		fake_dns_deliver();
		struct cache_batch *batch = i % 200 == 0 ? route_store_take(kept.store) : NULL;
		if (batch == NULL)
			continue;
		assert_int_equal(cache_write(kept.cache, batch, (uint64_t)kept.wall_us / 1000000, &kept.fail),
			RESULT_OK);
		route_store_give(kept.store, batch);
	}
}

/* At once, or it is a wait. */
static bool is_ready(const char *domain, const char *address)
{
	static struct route_request request;
	route_builder_cancel(bench.builder, &request);
	route_unref(bench.route);
	bench.route = route_builder_get(bench.builder, text_of(domain), &request, NULL, NULL);
	if (bench.route == NULL) {
		route_builder_cancel(bench.builder, &request);
		return false;
	}
	char text[IP_ADDRESS_TEXT_SIZE];
	assert_string_equal(ip_address_text(&bench.route->hosts[0].addresses[0].ip, text), address);
	return true;
}

static void a_route_lives_for_a_minute_at_most(void **state)
{
	(void)state;
	uint64_t shortest_ns = UINT64_MAX, longest_ns = 0;
	SCRIPT(PLAIN(3600, "9.9.9.1"));
	for (int i = 0; i < 200; i++) {
		route_builder_forget(bench.builder, TEXT("a.lab"));
		uint64_t life_ns = bench_get("a.lab")->expires_ns - bench.now_ns;
		shortest_ns = life_ns < shortest_ns ? life_ns : shortest_ns;
		longest_ns = life_ns > longest_ns ? life_ns : longest_ns;
	}
	assert_true(longest_ns <= ROUTE_LIFE_MAX_S * SECOND_NS);
	assert_true(shortest_ns >= (ROUTE_LIFE_MAX_S - ROUTE_LIFE_SPREAD_S) * SECOND_NS);
	assert_true(longest_ns - shortest_ns > ROUTE_LIFE_SPREAD_S * SECOND_NS / 2); /* no two bursts alike */
}

/* The whole of ten minutes, whenever mail asks, and the DNS has one question for each life of an answer. */
static void mail_never_waits_for_a_route_in_use(void **state)
{
	(void)state;
	SCRIPT(PLAIN(300, "9.9.9.1"));
	assert_non_null(bench_get("a.lab"));
	for (int i = 0; i < 1200; i++) {
		pass_ms(500);
		/* Right at an end it may be under way, which is some steps. */
		if (!is_ready("a.lab", "9.9.9.1")) {
			pass_ms(20);
			assert_true(is_ready("a.lab", "9.9.9.1"));
		}
	}
	assert_in_range(fake_dns_asked("a.lab", DNS_TYPE_MX), 2, 3);
	assert_in_range(counts().renewed, 10, 14);
}

static void a_route_that_is_not_used_any_more_is_let_go(void **state)
{
	(void)state;
	SCRIPT(PLAIN(300, "9.9.9.1"));
	assert_non_null(bench_get("a.lab"));
	pass_ms(ROUTE_CACHE_IN_USE_S * 1000 - 30000);
	assert_int_equal(counts().cached + counts().building, 1);
	pass_ms(100000);
	assert_int_equal(counts().cached, 0);
	assert_in_range(counts().renewed, 9, 14);
	uint64_t renewed = counts().renewed;
	pass_ms(100000);
	assert_int_equal(counts().renewed, renewed);
	assert_int_equal(bench.wheel.count, 0);
}

/* What another process learned, or `longship cache forget`, has its effect while mail is sent. */
static void what_the_cache_is_told_by_others_counts_within_a_minute(void **state)
{
	(void)state;
	SCRIPT(PLAIN(3600, "9.9.9.1"));
	assert_non_null(bench_get("a.lab"));
	pass_ms(1000);
	SCRIPT(PLAIN(3600, "9.9.9.2"));
	uint64_t count = 0;
	assert_int_equal(cache_forget(kept.cache, TEXT("mx.lab"), (uint64_t)kept.wall_us / 1000000, &count,
		&kept.fail), RESULT_OK);
	assert_int_equal(count, 2);
	assert_true(is_ready("a.lab", "9.9.9.1"));
	pass_ms(60010);
	assert_true(is_ready("a.lab", "9.9.9.2"));
	assert_int_equal(fake_dns_asked("a.lab", DNS_TYPE_MX), 1);
	assert_int_equal(fake_dns_asked("mx.lab", DNS_TYPE_A), 2);
}

/* DNS-14: name servers are not asked all day for one mail. */
static void short_lives_are_not_renewed_for_long(void **state)
{
	(void)state;
	SCRIPT(PLAIN(0, "9.9.9.1"));
	assert_non_null(bench_get("a.lab"));
	pass_ms(60000);
	assert_int_equal(fake_dns_asked("a.lab", DNS_TYPE_MX), 1 + ROUTE_CACHE_SHORT_MAX);
	assert_int_equal(counts().cached, 0);
	assert_non_null(bench_get("a.lab"));
	assert_int_equal(fake_dns_asked("a.lab", DNS_TYPE_MX), 2 + ROUTE_CACHE_SHORT_MAX);
}

/* In the second in which an answer ends libunbound still has it, with TTL 0. */
static void a_route_that_is_renewed_out_of_the_last_second_of_an_answer_stays_in_use(void **state)
{
	(void)state;
	SCRIPT(PLAIN(40, "9.9.9.1"));
	assert_non_null(bench_get("a.lab"));
	pass_ms(35000);
	SCRIPT(PLAIN(0, "9.9.9.1"));
	pass_ms(5100);
	SCRIPT(PLAIN(40, "9.9.9.2"));
	pass_ms(1100);
	assert_true(is_ready("a.lab", "9.9.9.2"));
	pass_ms(41000);
	assert_true(is_ready("a.lab", "9.9.9.2"));
}

/* MX-03: mail waits and asks in its own time. */
static void failures_are_not_renewed(void **state)
{
	(void)state;
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_FAILURE, 0, "SERVFAIL", NULL },
		{ "b.lab", DNS_TYPE_MX, FAKE_INSECURE_NXDOMAIN, 60, "", NULL });
	assert_non_null(bench_get("a.lab"));
	assert_non_null(bench_get("b.lab"));
	pass_ms(120000);
	assert_int_equal(fake_dns_asked("a.lab", DNS_TYPE_MX), 1);
	assert_int_equal(fake_dns_asked("b.lab", DNS_TYPE_MX), 1);
	assert_int_equal(counts().cached, 0);
}

/* ---- many ---- */

enum { DOMAINS = 120, JOBS = 8 };

static unsigned found;

static void on_route(void *context, struct route *route)
{
	(void)context;
	found++;
	route_unref(route);
}

static void learn_domains(void)
{
	char name[16];
	SCRIPT(PLAIN(3600, "9.9.9.1"));
	assert_non_null(bench_get("a.lab"));
	for (int i = 0; i < DOMAINS; i++) {
		(void)snprintf(name, sizeof name, "d%d.lab", i);
		const struct fake_row row = { name, DNS_TYPE_MX, FAKE_INSECURE, 3600, "10 mx.lab", NULL };
		route_store_learn(kept.store, fake_answer(&row));
	}
	kept_write();
}

static void ask_domains(struct route_request *requests, int from, int to)
{
	char name[16];
	for (int i = from; i < to; i++) {
		(void)snprintf(name, sizeof name, "d%d.lab", i);
		struct route *route = route_builder_get(
			bench.builder, text_of(name), &requests[i], on_route, NULL);
		found += route != NULL;
		route_unref(route);
	}
}

/* All come due while no job is free: mail gets the jobs, then they have their turn. */
static void mail_comes_before_what_is_renewed(void **state)
{
	(void)state;
	static struct route_request requests[DOMAINS];
	memset(requests, 0, sizeof requests);
	found = 0;
	(void)bench_stop(NULL);
	bench_start(&(struct bench_options){ .store = kept.store, .builds_max = JOBS });
	learn_domains();
	ask_domains(requests, 0, DOMAINS);
	pass_ms(100);
	assert_int_equal(found, DOMAINS);
	/* The DNS is silent about as many new domains as there are jobs: all are taken. */
	SCRIPT({ "s0.lab", DNS_TYPE_MX, FAKE_SILENT, 0, "", NULL }, { "s1.lab", DNS_TYPE_MX, FAKE_SILENT, 0, "", NULL },
		{ "s2.lab", DNS_TYPE_MX, FAKE_SILENT, 0, "", NULL }, { "s3.lab", DNS_TYPE_MX, FAKE_SILENT, 0, "", NULL },
		{ "s4.lab", DNS_TYPE_MX, FAKE_SILENT, 0, "", NULL }, { "s5.lab", DNS_TYPE_MX, FAKE_SILENT, 0, "", NULL },
		{ "s6.lab", DNS_TYPE_MX, FAKE_SILENT, 0, "", NULL }, { "s7.lab", DNS_TYPE_MX, FAKE_SILENT, 0, "", NULL },
		{ "s8.lab", DNS_TYPE_MX, FAKE_SILENT, 0, "", NULL });
	static struct route_request silent[JOBS + 1];
	memset(silent, 0, sizeof silent);
	pass_ms(40000);
	for (int i = 0; i <= JOBS; i++) {
		char name[16];
		(void)snprintf(name, sizeof name, "s%d.lab", i);
		assert_null(route_builder_get(bench.builder, text_of(name), &silent[i], on_route, NULL));
	}
	pass_ms(25000);
	assert_int_equal(counts().renewed, 0);
	assert_int_equal(counts().waiting, 1);
	/* After their deadline all are renewed, and the DNS has heard of none. */
	pass_ms(40000);
	assert_int_equal(counts().waiting, 0);
	assert_in_range(counts().renewed, DOMAINS + 1, 2 * (DOMAINS + 1));
	found = 0;
	ask_domains(requests, 0, DOMAINS);
	assert_int_equal(found, DOMAINS);
	assert_int_equal(fake_dns_asked("d0.lab", DNS_TYPE_MX), 0);
	for (int i = 0; i <= JOBS; i++)
		route_builder_cancel(bench.builder, &silent[i]);
}

/* Whoever asks while it is renewed joins. */
static void mail_may_ask_for_what_is_being_renewed(void **state)
{
	(void)state;
	static struct route_request request;
	memset(&request, 0, sizeof request);
	found = 0;
	SCRIPT(PLAIN(20, "9.9.9.1"));
	assert_non_null(bench_get("a.lab"));
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SILENT, 0, "", NULL });
	pass_ms(20100);
	assert_int_equal(counts().renewed, 1);
	assert_null(route_builder_get(bench.builder, TEXT("a.lab"), &request, on_route, NULL));
	assert_int_equal(counts().joined, 1);
	SCRIPT(PLAIN(20, "9.9.9.2"));
	pass_ms(100);
	assert_int_equal(found, 1);
	assert_true(is_ready("a.lab", "9.9.9.2"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_route_lives_for_a_minute_at_most),
		TEST(mail_never_waits_for_a_route_in_use),
		TEST(a_route_that_is_not_used_any_more_is_let_go),
		TEST(what_the_cache_is_told_by_others_counts_within_a_minute),
		TEST(short_lives_are_not_renewed_for_long),
		TEST(a_route_that_is_renewed_out_of_the_last_second_of_an_answer_stays_in_use),
		TEST(failures_are_not_renewed),
		TEST(mail_comes_before_what_is_renewed),
		TEST(mail_may_ask_for_what_is_being_renewed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
