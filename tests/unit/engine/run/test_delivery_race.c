/* A host with addresses of both families, worked from a source with both: who gets the session, what is
 * remembered, and what the addresses that lost leave behind (MX-17, RFC 8305). */
#include <unistd.h>
#include "engine/io/clock.h"
#include "tests/unit/engine/run/work_test.h"

static struct work w;
static struct peer four, six, next;
static bool has_four, has_six;

#define FOUR "127.0.0.1"
#define SIX "::1"

static void set_up(const char *flag)
{
	const char *const flags[] = { "--source=" FOUR, "--source=" SIX, "--idle-timeout=100ms",
		"--retry-first=4ms", flag, NULL };
	has_four = has_six = false;
	work_init(&w, flags);
	assert_int_equal(w.base.config.sources_count, 1);
	peer_init(&next, "127.0.0.2");
}

/* What stands at the two addresses of the host: the port is that of `next`. */
static void listen_four(void)
{
	peer_init_at(&four, FOUR, next.port);
	has_four = true;
}

static void listen_six(void)
{
	peer_init_at(&six, SIX, next.port);
	has_six = true;
}

static void tear_down(void)
{
	work_end(&w);
	if (has_four)
		peer_deinit(&four);
	if (has_six)
		peer_deinit(&six);
	peer_deinit(&next);
}

static struct route *route_to(enum security_need need)
{
	const struct test_host hosts[] = {
		{ "mx.test", 10, next.port, SIX " " FOUR, ROUTE_HOST_READY, NULL, need },
		{ "next.test", 20, next.port, "127.0.0.2", ROUTE_HOST_READY, NULL, need },
		{ NULL, 0, 0, NULL, 0, NULL, 0 },
	};
	return test_route("a.example", hosts, UINT64_MAX);
}

static struct attempt *send_over(struct route *route)
{
	struct attempt *attempt = work_send(&w, route, &(struct test_mail){ .rcpts = "ann@a.example" });
	assert_ptr_equal(work_outcome(&w), attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	return attempt;
}

static struct attempt *send_one(void) { return send_over(route_to(SECURITY_NEED_MAY)); }

static void assert_sent_to(const struct attempt *attempt, const char *mx, const char *address)
{
	const struct attempt_facts *facts = &attempt->work->facts[attempt->rcpts[0].facts];
	struct ip_address ip = test_ip(address);
	assert_string_equal(facts->mx, mx);
	assert_true(ip_address_equal(&facts->ip, &ip));
}

static void ipv6_alone_is_connected_to_while_it_answers(void **state)
{
	(void)state;
	set_up(NULL);
	listen_four();
	listen_six();
	struct attempt *attempt = send_one();
	assert_sent_to(attempt, "mx.test", SIX);
	struct ip_address from = attempt->work->facts[1].source, ours = test_ip(SIX);
	assert_true(ip_address_equal(&from, &ours));
	work_done(&w, attempt);
	tear_down();
	assert_int_equal(six.conns_count, 1);
	assert_int_equal(four.conns_count, 0);
	assert_int_equal(w.reports_count, 1);
	assert_int_equal(hub_read(&w.base.hub.counters.sessions_total), 1);
}

static void when_ipv6_is_silent_ipv4_carries_the_message_and_the_next_goes_there_straight(void **state)
{
	(void)state;
	int fillers[PEER_FILLERS];
	set_up(NULL);
	listen_four();
	atomic_store(&w.lease->site->per_session, 1); /* a session for each message */
	int silent = peer_silent(SIX, next.port, fillers);
	struct attempt *attempt = send_one();
	assert_sent_to(attempt, "mx.test", FOUR);
	assert_string_equal(work_reason(attempt), "");
	work_done(&w, attempt);
	/* Now IPv6 would answer, but IPv4 is known to work and goes first. */
	for (int i = 0; i < PEER_FILLERS; i++)
		close(fillers[i]);
	close(silent);
	listen_six();
	attempt = send_one();
	assert_sent_to(attempt, "mx.test", FOUR);
	work_done(&w, attempt);
	WORK_WAIT(&w, w.reports_count == 2); /* of the lost address nothing is told: it may be fine */
	tear_down();
	assert_int_equal(four.conns_count, 2);
	assert_int_equal(six.conns_count, 0);
	assert_int_equal(four.taken, 2);
	assert_int_equal(hub_read(&w.base.hub.counters.sessions_total), 2);
}

static void when_ipv6_refuses_ipv4_comes_at_once_and_the_refusal_is_told(void **state)
{
	(void)state;
	set_up(NULL);
	listen_four();
	struct attempt *attempt = send_one();
	assert_sent_to(attempt, "mx.test", FOUR);
	assert_non_null(strstr(work_reason(attempt), "mx.test [::1]: cannot connect: "));
	work_done(&w, attempt);
	tear_down();
	assert_int_equal(w.reports_count, 2);
	struct ip_address lost = test_ip(SIX);
	assert_true(ip_address_equal(&w.reports[0].ip, &lost));
	assert_true(ip_address_equal(&w.reports[0].source, &lost));
	assert_int_not_equal(w.reports[0].session, w.reports[1].session);
	assert_int_equal(w.reports[0].delivered_count, 0);
	assert_int_equal(w.reports[1].delivered_count, 1);
}

static void when_ipv4_is_down_ipv6_is_used_and_nobody_waits(void **state)
{
	(void)state;
	set_up(NULL);
	listen_six();
	struct attempt *attempt = send_one();
	assert_sent_to(attempt, "mx.test", SIX);
	work_done(&w, attempt);
	tear_down();
	assert_int_equal(w.reports_count, 1);
}

static void when_both_refuse_the_next_host_has_its_turn(void **state) /* MX-08 */
{
	(void)state;
	set_up(NULL);
	struct attempt *attempt = send_one();
	assert_sent_to(attempt, "next.test", "127.0.0.2");
	assert_non_null(strstr(work_reason(attempt), "mx.test [::1]: "));
	assert_non_null(strstr(work_reason(attempt), "mx.test [127.0.0.1]: "));
	assert_int_equal(attempt->work->hosts_tried, 1);
	work_done(&w, attempt);
	tear_down();
	assert_int_equal(w.reports_count, 3);
	assert_int_equal(w.heard.back_off, 0); /* the pass came to something */
}

static void when_both_are_silent_the_time_limit_ends_both(void **state) /* SMTP-02 */
{
	(void)state;
	int fillers[2][PEER_FILLERS];
	set_up("--connect-timeout=600ms");
	int silent[] = { peer_silent(SIX, next.port, fillers[0]), peer_silent(FOUR, next.port, fillers[1]) };
	struct attempt *attempt = send_one();
	assert_sent_to(attempt, "next.test", "127.0.0.2");
	assert_non_null(strstr(work_reason(attempt), "mx.test [::1]: no connection within the time limit"));
	assert_non_null(strstr(work_reason(attempt), "mx.test [127.0.0.1]: no connection within the time limit"));
	work_done(&w, attempt);
	tear_down();
	assert_int_equal(w.reports_count, 3);
	for (int i = 0; i < 2; i++) {
		for (int j = 0; j < PEER_FILLERS; j++)
			close(fillers[i][j]);
		close(silent[i]);
	}
}

/* What is told of the silence is told of who was silent. */
static void when_ipv6_refuses_and_ipv4_is_silent_each_is_told_once(void **state)
{
	(void)state;
	int fillers[PEER_FILLERS];
	set_up("--connect-timeout=600ms");
	int silent = peer_silent(FOUR, next.port, fillers);
	struct attempt *attempt = send_one();
	assert_sent_to(attempt, "next.test", "127.0.0.2");
	assert_non_null(strstr(work_reason(attempt), "mx.test [::1]: cannot connect: "));
	assert_non_null(strstr(work_reason(attempt), "mx.test [127.0.0.1]: no connection within the time limit"));
	assert_null(strstr(work_reason(attempt), "mx.test [::1]: no connection"));
	work_done(&w, attempt);
	tear_down();
	assert_int_equal(w.reports_count, 3);
	struct ip_address six_ip = test_ip(SIX), four_ip = test_ip(FOUR);
	assert_true(ip_address_equal(&w.reports[0].ip, &six_ip));
	assert_true(ip_address_equal(&w.reports[1].ip, &four_ip));
	assert_true(ip_address_equal(&w.reports[1].source, &four_ip));
	for (int i = 0; i < PEER_FILLERS; i++)
		close(fillers[i]);
	close(silent);
}

static void a_host_that_greeted_with_a_refusal_is_not_asked_again_over_the_other_family(void **state)
{
	(void)state;
	set_up(NULL);
	listen_four();
	listen_six();
	six.rules[0] = (struct peer_rules){ .banner = "421 4.3.2 not now" };
	six.rules_count = 1;
	struct attempt *attempt = send_one();
	assert_sent_to(attempt, "next.test", "127.0.0.2"); /* as with one address */
	work_done(&w, attempt);
	tear_down();
	assert_int_equal(six.conns_count, 1);
	assert_int_equal(four.conns_count, 0);
}

static void the_demand_is_the_same_over_both(void **state) /* DANE-48, POL-12 */
{
	(void)state;
	set_up(NULL);
	listen_four(); /* without TLS */
	struct attempt *attempt =
		work_send(&w, route_to(SECURITY_NEED_ENCRYPT), &(struct test_mail){ .rcpts = "ann@a.example" });
	assert_ptr_equal(work_outcome(&w), attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DEFERRED);
	assert_non_null(strstr(work_reason(attempt), "mx.test [127.0.0.1]: "));
	work_done(&w, attempt);
	tear_down();
	assert_false(peer_said(&four, 0, "MAIL"));
	assert_int_equal(four.mails, 0);
}

static void a_stop_in_the_middle_of_a_race_gives_the_message_back(void **state)
{
	(void)state;
	int fillers[2][PEER_FILLERS];
	set_up("--connect-timeout=60s");
	int silent[] = { peer_silent(SIX, next.port, fillers[0]), peer_silent(FOUR, next.port, fillers[1]) };
	struct attempt *attempt = work_send(
		&w, route_to(SECURITY_NEED_MAY), &(struct test_mail){ .rcpts = "ann@a.example" });
	WORK_WAIT(&w, hub_read(&w.base.hub.counters.sessions_open) == 1);
	hub_post(w.base.hub.workers[0], POST_WORKER_DRAIN, NULL, true, 0);
	assert_ptr_equal(work_returned(&w), attempt);
	WORK_WAIT(&w, w.drained == 1);
	work_done(&w, attempt);
	tear_down();
	for (int i = 0; i < 2; i++) {
		for (int j = 0; j < PEER_FILLERS; j++)
			close(fillers[i][j]);
		close(silent[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv6_alone_is_connected_to_while_it_answers),
		cmocka_unit_test(when_ipv6_is_silent_ipv4_carries_the_message_and_the_next_goes_there_straight),
		cmocka_unit_test(when_ipv6_refuses_ipv4_comes_at_once_and_the_refusal_is_told),
		cmocka_unit_test(when_ipv4_is_down_ipv6_is_used_and_nobody_waits),
		cmocka_unit_test(when_both_refuse_the_next_host_has_its_turn),
		cmocka_unit_test(when_both_are_silent_the_time_limit_ends_both),
		cmocka_unit_test(when_ipv6_refuses_and_ipv4_is_silent_each_is_told_once),
		cmocka_unit_test(a_host_that_greeted_with_a_refusal_is_not_asked_again_over_the_other_family),
		cmocka_unit_test(the_demand_is_the_same_over_both),
		cmocka_unit_test(a_stop_in_the_middle_of_a_race_gives_the_message_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
