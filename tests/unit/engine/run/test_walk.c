/* The way over hosts and addresses (MX-08, MX-10, MX-17, MX-18, POL-17, DANE-48). */
#include "tests/unit/unit.h"
#include "engine/run/walk.h"
#include "engine/run/worker_state.h"
#include "tests/unit/engine/run/run_test.h"


struct walking {
	struct worker worker;
	struct source source;
	struct message *message;
	struct attempt *attempt;
};

static void walking_init(struct walking *w, const struct test_host *hosts)
{
	memset(w, 0, sizeof *w);
	w->worker.loop.now_ns = 1000 * SECOND_NS;
	random_init_seed(&w->worker.random, 1);
	assert_int_equal(host_memory_init(&w->worker.hosts, 4 * SECOND_NS), RESULT_OK);
	assert_int_equal(family_memory_init(&w->worker.families), RESULT_OK);
	w->message = test_message(&(struct test_mail){ 0 });
	w->attempt = attempt_create(w->message, 1);
	assert_non_null(w->attempt);
	w->attempt->source = &w->source;
	w->attempt->route = test_route("a.example", hosts, UINT64_MAX);
	assert_true(attempt_begin_work(w->attempt));
	walk_begin(&w->worker, w->attempt);
}

static void walking_deinit(struct walking *w)
{
	attempt_destroy(w->attempt);
	message_destroy(w->message);
	family_memory_deinit(&w->worker.families);
	host_memory_deinit(&w->worker.hosts);
}

static void assert_target(struct walking *w, const char *host, const char *address)
{
	struct walk_target target;
	for (int i = 0; i < 2; i++) { /* asking again gives the same */
		assert_true(walk_target(&w->worker, w->attempt, &target));
		assert_string_equal(target.host->name, host);
		struct ip_address ip = test_ip(address);
		assert_true(ip_address_equal(&target.address->ip, &ip));
	}
}

static void assert_over(struct walking *w)
{
	struct walk_target target;
	assert_false(walk_target(&w->worker, w->attempt, &target));
	assert_false(walk_target(&w->worker, w->attempt, &target));
}

static const char *reason(struct walking *w)
{
	static char text[ATTEMPT_REASON_MAX + 1];
	struct text of = buf_text(&w->attempt->work->reason);
	memcpy(text, of.data, of.len);
	text[of.len] = '\0';
	return text;
}

static const struct test_host two_hosts[] = {
	{ "mx1.example", 10, 0, "192.0.2.1 192.0.2.2", 0, NULL, 0 },
	{ "mx2.example", 20, 0, "192.0.2.3", 0, NULL, 0 },
	{ NULL, 0, 0, NULL, 0, NULL, 0 },
};

static void all_addresses_of_the_best_host_come_before_the_next_host(
	void **state) /* MX-08, MX-10 */
{
	(void)state;
	static struct walking w;
	walking_init(&w, two_hosts);
	assert_target(&w, "mx1.example", "192.0.2.1");
	walk_next_address(w.attempt);
	assert_target(&w, "mx1.example", "192.0.2.2");
	walk_next_address(w.attempt);
	assert_target(&w, "mx2.example", "192.0.2.3");
	walk_next_address(w.attempt);
	assert_over(&w);
	walking_deinit(&w);
}

static void the_next_host_is_tried_without_the_rest_of_the_addresses_of_one_that_spoke(void **state)
{
	(void)state;
	static struct walking w;
	walking_init(&w, two_hosts);
	assert_target(&w, "mx1.example", "192.0.2.1");
	walk_next_host(w.attempt);
	assert_target(&w, "mx2.example", "192.0.2.3");
	walk_next_host(w.attempt);
	assert_over(&w);
	walking_deinit(&w);
}

static void only_hosts_of_a_worse_preference_are_a_fallback(void **state)
{
	(void)state;
	static const struct test_host hosts[] = {
		{ "mx1.example", 10, 0, "192.0.2.1", 0, NULL, 0 },
		{ "mx2.example", 10, 0, "192.0.2.2", 0, NULL, 0 },
		{ "mx3.example", 11, 0, "192.0.2.3", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 },
	};
	static struct walking w;
	struct walk_target target;
	walking_init(&w, hosts);
	for (int i = 0; i < 3; i++) {
		assert_true(walk_target(&w.worker, w.attempt, &target));
		assert_int_equal(target.is_fallback, i == 2);
		walk_next_host(w.attempt);
	}
	walking_deinit(&w);
}

static void equal_preferences_are_shuffled_and_others_keep_their_place(void **state) /* MX-09 */
{
	(void)state;
	static const struct test_host hosts[] = {
		{ "mx1.example", 10, 0, "192.0.2.1", 0, NULL, 0 },
		{ "mx2.example", 10, 0, "192.0.2.2", 0, NULL, 0 },
		{ "mx3.example", 11, 0, "192.0.2.3", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 },
	};
	static struct walking w;
	struct walk_target target;
	int first_count = 0;
	walking_init(&w, hosts);
	for (int i = 0; i < 200; i++) {
		walk_begin(&w.worker, w.attempt);
		assert_true(walk_target(&w.worker, w.attempt, &target));
		assert_string_not_equal(target.host->name, "mx3.example");
		first_count += strcmp(target.host->name, "mx1.example") == 0;
	}
	assert_in_range(first_count, 60, 140);
	walking_deinit(&w);
}

static void hosts_that_wait_keep_their_place_and_are_told(void **state) /* POL-17, MX-20, DANE-13 */
{
	(void)state;
	static const struct test_host hosts[] = {
		{ "mx1.example", 10, 0, NULL, ROUTE_HOST_WAITS, "TLSA look-up failed: SERVFAIL",
			0 },
		{ "mx2.example", 20, 0, "192.0.2.3", 0, NULL, 0 },
		{ "mx3.example", 30, 0, NULL, ROUTE_HOST_UNUSABLE, "no address", 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 },
	};
	static struct walking w;
	walking_init(&w, hosts);
	assert_target(&w, "mx2.example", "192.0.2.3");
	assert_string_equal(reason(&w), "mx1.example: TLSA look-up failed: SERVFAIL");
	walk_next_address(w.attempt);
	assert_over(&w);
	assert_string_equal(
		reason(&w), "mx1.example: TLSA look-up failed: SERVFAIL; mx3.example: no address");
	walking_deinit(&w);
}

static void addresses_that_are_down_are_passed_over_and_told(void **state) /* MX-18 */
{
	(void)state;
	static struct walking w;
	struct ip_address first = test_ip("192.0.2.1");
	walking_init(&w, two_hosts);
	host_memory_down(&w.worker.hosts, &first, 25, w.worker.loop.now_ns);
	assert_target(&w, "mx1.example", "192.0.2.2");
	assert_string_equal(reason(&w),
		"mx1.example [192.0.2.1]: not reached before, left alone for another 5 s");
	walking_deinit(&w);
}

static void a_host_whose_addresses_are_all_down_gives_way_to_the_next(void **state)
{
	(void)state;
	static struct walking w;
	walking_init(&w, two_hosts);
	const char *const down[] = { "192.0.2.1", "192.0.2.2" };
	for (size_t i = 0; i < COUNT_OF(down); i++) {
		struct ip_address ip = test_ip(down[i]);
		host_memory_down(&w.worker.hosts, &ip, 25, w.worker.loop.now_ns);
	}
	struct walk_target target;
	assert_true(walk_target(&w.worker, w.attempt, &target));
	assert_string_equal(target.host->name, "mx2.example");
	assert_true(target.is_fallback);
	w.worker.loop.now_ns += 60 * SECOND_NS; /* a new pass finds them worth a try again */
	walk_begin(&w.worker, w.attempt);
	assert_target(&w, "mx1.example", "192.0.2.1");
	walking_deinit(&w);
}

static void a_source_of_one_family_uses_only_addresses_of_it(void **state) /* MX-17 */
{
	(void)state;
	static const struct test_host hosts[] = {
		{ "mx1.example", 10, 0, "2001:db8::1 192.0.2.1", 0, NULL, 0 },
		{ "mx2.example", 20, 0, "192.0.2.2", 0, NULL, 0 },
		{ "mx3.example", 30, 0, "2001:db8::3", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 },
	};
	static struct walking w;
	walking_init(&w, hosts);
	w.source.address = test_ip("2001:db8::99");
	assert_target(&w, "mx1.example", "2001:db8::1");
	walk_next_address(w.attempt);
	assert_target(&w, "mx3.example", "2001:db8::3");
	assert_string_equal(reason(&w), "mx2.example: no address of the family of our source");
	walk_begin(&w.worker, w.attempt);
	w.source.address = test_ip("198.51.100.1");
	assert_target(&w, "mx1.example", "192.0.2.1");
	walking_deinit(&w);
}

static const struct test_host both_families[] = {
	{ "mx1.example", 10, 0, "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2", 0, NULL, 0 },
	{ "mx2.example", 20, 0, "2001:db8::3", 0, NULL, 0 },
	{ NULL, 0, 0, NULL, 0, NULL, 0 },
};

static void without_a_source_ipv4_is_tried_before_ipv6(void **state) /* MX-17 */
{
	(void)state;
	static const char *const order[] = { "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2" };
	static struct walking w;
	struct walk_target target;
	walking_init(&w, both_families);
	for (size_t i = 0; i < COUNT_OF(order); i++) {
		assert_target(&w, "mx1.example", order[i]);
		assert_true(walk_target(&w.worker, w.attempt, &target));
		assert_null(target.other);
		walk_next_address(w.attempt);
	}
	assert_target(&w, "mx2.example", "2001:db8::3");
	assert_string_equal(reason(&w), "");
	walking_deinit(&w);
}

static void assert_race(struct walking *w, const char *first, const char *other)
{
	struct walk_target target;
	assert_target(w, "mx1.example", first);
	assert_true(walk_target(&w->worker, w->attempt, &target));
	assert_int_equal(target.other != NULL, other != NULL);
	if (other == NULL)
		return;
	struct ip_address ip = test_ip(other);
	assert_true(ip_address_equal(&target.other->ip, &ip));
	assert_true(target.head_start_ns >= FAMILY_HEAD_START_MIN_NS);
}

static void a_source_of_both_families_races_the_first_addresses_of_each(void **state) /* MX-10, MX-17 */
{
	(void)state;
	static struct walking w;
	walking_init(&w, both_families);
	w.source.address = test_ip("198.51.100.1");
	w.source.second = test_ip("2001:db8::99");
	assert_race(&w, "2001:db8::1", "192.0.2.1");
	/* One fails while the other goes on, then the other too: those behind them are next. */
	walk_tried(w.attempt, &w.attempt->route->hosts[0].addresses[0]);
	assert_race(&w, "2001:db8::2", "192.0.2.1");
	walk_took(w.attempt, &w.attempt->route->hosts[0].addresses[1]);
	walk_next_address(w.attempt);
	assert_race(&w, "2001:db8::2", "192.0.2.2");
	walk_next_address(w.attempt);
	assert_race(&w, "192.0.2.2", NULL);
	walk_next_address(w.attempt);
	assert_target(&w, "mx2.example", "2001:db8::3");
	walking_deinit(&w);
}

static void the_family_that_worked_goes_first(void **state)
{
	(void)state;
	const struct family_host host = { .name = "mx1.example", .port = 25 };
	static struct walking w;
	walking_init(&w, both_families);
	w.source.address = test_ip("198.51.100.1");
	w.source.second = test_ip("2001:db8::99");
	family_memory_won(&w.worker.families, &host, IP_FAMILY_4, 1, w.worker.loop.now_ns);
	assert_race(&w, "192.0.2.1", "2001:db8::1");
	w.source.index = 1; /* another source, another network */
	assert_race(&w, "2001:db8::1", "192.0.2.1");
	walking_deinit(&w);
}

static void an_address_that_is_down_is_not_raced_and_not_told_while_the_other_is_up(void **state) /* MX-18 */
{
	(void)state;
	static struct walking w;
	walking_init(&w, both_families);
	w.source.address = test_ip("198.51.100.1");
	w.source.second = test_ip("2001:db8::99");
	static const char *const down[] = { "192.0.2.1", "192.0.2.2" };
	for (size_t i = 0; i < COUNT_OF(down); i++) {
		struct ip_address ip = test_ip(down[i]);
		host_memory_down(&w.worker.hosts, &ip, 25, w.worker.loop.now_ns);
	}
	assert_race(&w, "2001:db8::1", NULL);
	assert_string_equal(reason(&w), "");
	walk_next_address(w.attempt);
	walk_next_address(w.attempt);
	assert_target(&w, "mx1.example", "2001:db8::2");
	walk_next_address(w.attempt);
	assert_target(&w, "mx2.example", "2001:db8::3");
	assert_non_null(strstr(reason(&w), "mx1.example [192.0.2.1]: not reached before"));
	assert_non_null(strstr(reason(&w), "mx1.example [192.0.2.2]: not reached before"));
	walking_deinit(&w);
}

static void another_session_of_the_pass_goes_where_the_first_one_was(void **state) /* TLS-27 */
{
	(void)state;
	static struct walking w;
	walking_init(&w, both_families);
	w.source.address = test_ip("198.51.100.1");
	w.source.second = test_ip("2001:db8::99");
	assert_race(&w, "2001:db8::1", "192.0.2.1");
	walk_took(w.attempt, &w.attempt->route->hosts[0].addresses[3]);
	assert_race(&w, "192.0.2.2", "2001:db8::1");
	walk_next_address(w.attempt);
	assert_race(&w, "2001:db8::1", "192.0.2.1");
	walking_deinit(&w);
}

/* ---- sessions that may serve ---- */

static bool accepts(struct walking *w, size_t host, const char *address)
{
	struct ip_address ip = test_ip(address);
	return walk_accepts(w->attempt, &w->attempt->route->hosts[host], &ip);
}

static void a_session_serves_at_any_address_of_the_host_whose_turn_it_is(void **state)
{
	(void)state;
	static struct walking w;
	walking_init(&w, two_hosts);
	assert_false(accepts(&w, 0, "192.0.2.9"));
	assert_false(accepts(&w, 1, "192.0.2.3")); /* a worse preference: not its turn */
	assert_true(accepts(&w, 0, "192.0.2.2"));
	assert_target(&w, "mx1.example", "192.0.2.2"); /* and is the target now */
	walking_deinit(&w);
}

static void an_address_that_failed_in_this_pass_serves_no_more(void **state)
{
	(void)state;
	static struct walking w;
	walking_init(&w, two_hosts);
	walk_next_address(w.attempt);
	assert_false(accepts(&w, 0, "192.0.2.1"));
	assert_true(accepts(&w, 0, "192.0.2.2"));
	walk_next_host(w.attempt);
	assert_false(accepts(&w, 0, "192.0.2.2"));
	assert_true(accepts(&w, 1, "192.0.2.3"));
	walk_next_host(w.attempt);
	assert_false(accepts(&w, 1, "192.0.2.3")); /* the pass is over */
	walking_deinit(&w);
}

static void a_host_of_the_same_preference_serves_and_changes_places(void **state)
{
	(void)state;
	static const struct test_host hosts[] = {
		{ "mx1.example", 10, 0, "192.0.2.1", 0, NULL, 0 },
		{ "mx2.example", 10, 0, "192.0.2.2", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 },
	};
	for (int first = 0; first < 2; first++) {
		static struct walking w;
		walking_init(&w, hosts);
		w.attempt->work->order[0] = (uint8_t)first;
		w.attempt->work->order[1] = (uint8_t)!first;
		assert_true(accepts(&w, 1, "192.0.2.2"));
		assert_target(&w, "mx2.example", "192.0.2.2");
		walk_next_host(w.attempt);
		assert_target(&w, "mx1.example", "192.0.2.1"); /* nobody was lost */
		walk_next_host(w.attempt);
		assert_over(&w);
		walking_deinit(&w);
	}
}

static void a_session_of_another_route_serves_only_with_an_equal_demand_and_port(
	void **state) /* POL-01 */
{
	(void)state;
	static const struct test_host hosts[] = {
		{ "mx1.example", 10, 0, "192.0.2.1", 0, NULL, SECURITY_NEED_ENCRYPT },
		{ NULL, 0, 0, NULL, 0, NULL, 0 },
	};
	static const struct {
		struct test_host host;
		bool serves;
	} others[] = {
		{ { "mx1.example", 5, 0, "192.0.2.1", 0, NULL, SECURITY_NEED_ENCRYPT }, true },
		{ { "mx1.example", 10, 0, "192.0.2.1", 0, NULL, SECURITY_NEED_MAY }, false },
		{ { "mx1.example", 10, 0, "192.0.2.1", 0, NULL, SECURITY_NEED_DANE }, false },
		{ { "mx1.example", 10, 2525, "192.0.2.1", 0, NULL, SECURITY_NEED_ENCRYPT }, false },
		/* Another name at the same address asks for another certificate (SNI). */
		{ { "mx9.example", 10, 0, "192.0.2.1", 0, NULL, SECURITY_NEED_ENCRYPT }, false },
	};
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		static struct walking w;
		const struct test_host list[] = { others[i].host,
			{ NULL, 0, 0, NULL, 0, NULL, 0 } };
		struct route *route = test_route("b.example", list, UINT64_MAX);
		struct ip_address ip = test_ip("192.0.2.1");
		walking_init(&w, hosts);
		assert_int_equal(walk_accepts(w.attempt, &route->hosts[0], &ip), others[i].serves);
		walking_deinit(&w);
		route_unref(route);
	}
}

static void a_host_that_waits_serves_nobody(void **state)
{
	(void)state;
	static const struct test_host hosts[] = {
		{ "mx1.example", 10, 0, "192.0.2.1", ROUTE_HOST_WAITS, "TLSA look-up failed", 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 },
	};
	static struct walking w;
	walking_init(&w, hosts);
	assert_false(accepts(&w, 0, "192.0.2.1"));
	walking_deinit(&w);
}

static struct security_demand dane_demand(const struct tlsa_record *record, const struct text *name)
{
	return (struct security_demand){ .need = SECURITY_NEED_DANE,
		.tls_version_min = TLS_VERSION_1_2,
		.sni = TEXT("mx1.example"),
		.names = name,
		.names_count = record->usage == TLSA_USAGE_DANE_TA,
		.tlsa = record,
		.tlsa_count = 1 };
}

/* SEC-07, POL-16, TLS-14: nothing of what has to be proven may differ. */
static void a_session_proven_by_dane_serves_only_who_demands_the_same_proof(void **state)
{
	(void)state;
	static const struct test_host hosts[] = {
		{ "mx1.example", 10, 0, "192.0.2.1", 0, NULL, SECURITY_NEED_DANE },
		{ NULL, 0, 0, NULL, 0, NULL, 0 },
	};
	static const struct tlsa_record key = { .usage = 3, .matching = 1, .data = TEXT_INIT("a") },
					other_key = { .usage = 3, .matching = 1, .data = TEXT_INIT("b") },
					anchor = { .usage = 2, .matching = 1, .data = TEXT_INIT("a") };
	static const struct text a = TEXT_INIT("a.example"), b = TEXT_INIT("b.example");
	static const struct {
		const struct tlsa_record *message, *session;
		const struct text *message_name, *session_name;
		bool serves;
	} table[] = {
		{ &key, &key, &a, &b, true }, /* usage 3 checks no name (DANE-37) */
		{ &key, &other_key, &a, &a, false },
		{ &key, &anchor, &a, &a, false },
		{ &anchor, &anchor, &a, &a, true },
		{ &anchor, &anchor, &b, &a, false }, /* the certificate may name only a.example */
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		static struct walking w;
		struct security_demand wanted = dane_demand(table[i].message, table[i].message_name),
				       proven = dane_demand(table[i].session, table[i].session_name);
		struct route *route = test_route("b.example", hosts, UINT64_MAX);
		struct ip_address ip = test_ip("192.0.2.1");
		walking_init(&w, hosts);
		test_route_demand(w.attempt->route, &wanted, SECURITY_DANE);
		test_route_demand(route, &proven, SECURITY_DANE);
		assert_int_equal(walk_accepts(w.attempt, &route->hosts[0], &ip), table[i].serves);
		walking_deinit(&w);
		route_unref(route);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_addresses_of_the_best_host_come_before_the_next_host),
		cmocka_unit_test(
			the_next_host_is_tried_without_the_rest_of_the_addresses_of_one_that_spoke),
		cmocka_unit_test(only_hosts_of_a_worse_preference_are_a_fallback),
		cmocka_unit_test(equal_preferences_are_shuffled_and_others_keep_their_place),
		cmocka_unit_test(hosts_that_wait_keep_their_place_and_are_told),
		cmocka_unit_test(addresses_that_are_down_are_passed_over_and_told),
		cmocka_unit_test(a_host_whose_addresses_are_all_down_gives_way_to_the_next),
		cmocka_unit_test(a_source_of_one_family_uses_only_addresses_of_it),
		cmocka_unit_test(without_a_source_ipv4_is_tried_before_ipv6),
		cmocka_unit_test(a_source_of_both_families_races_the_first_addresses_of_each),
		cmocka_unit_test(the_family_that_worked_goes_first),
		cmocka_unit_test(an_address_that_is_down_is_not_raced_and_not_told_while_the_other_is_up),
		cmocka_unit_test(another_session_of_the_pass_goes_where_the_first_one_was),
		cmocka_unit_test(a_session_serves_at_any_address_of_the_host_whose_turn_it_is),
		cmocka_unit_test(an_address_that_failed_in_this_pass_serves_no_more),
		cmocka_unit_test(a_host_of_the_same_preference_serves_and_changes_places),
		cmocka_unit_test(
			a_session_of_another_route_serves_only_with_an_equal_demand_and_port),
		cmocka_unit_test(a_session_proven_by_dane_serves_only_who_demands_the_same_proof),
		cmocka_unit_test(a_host_that_waits_serves_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
