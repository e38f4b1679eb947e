/* One session after another over loopback in cleartext: what a receiver says, and what becomes of the
 * message, the site and the other hosts (the table of CONFORMANCE 0.4). */
#include <sys/socket.h>
#include "engine/io/clock.h"
#include "tests/unit/engine/run/work_test.h"

static struct work w;
static struct peer peers[3];

static const char *const flags[] = { "--connect-timeout=5s", "--idle-timeout=200ms", NULL };

static void set_up(size_t peers_count)
{
	static const char *const addresses[] = { "127.0.0.1", "127.0.0.2", "127.0.0.3" };
	work_init(&w, flags);
	for (size_t i = 0; i < peers_count; i++)
		peer_init(&peers[i], addresses[i]);
}

static void tear_down(size_t peers_count)
{
	work_end(&w);
	for (size_t i = 0; i < peers_count; i++)
		peer_deinit(&peers[i]);
}

static struct route *route_over(size_t count)
{
	struct peer *list[] = { &peers[0], &peers[1], &peers[2] };
	return work_route(list, count, SECURITY_NEED_MAY);
}

static struct attempt *send_one(size_t hosts)
{
	struct attempt *attempt =
		work_send(&w, route_over(hosts), &(struct test_mail){ .rcpts = "ann@a.example" });
	assert_ptr_equal(work_outcome(&w), attempt);
	WORK_WAIT(&w, w.heard_count > 0);
	return attempt;
}

static void a_message_is_delivered_with_every_octet(void **state) /* DATA-03, SMTP-12 */
{
	(void)state;
	set_up(1);
	struct attempt *attempt = send_one(1);
	const struct attempt_rcpt *rcpt = &attempt->rcpts[0];
	assert_int_equal(rcpt->fate, ATTEMPT_DELIVERED);
	assert_string_equal(work_reply(attempt), "250 2.0.0 taken");
	assert_string_equal(work_status(attempt), "2.0.0");
	const struct attempt_facts *facts = &attempt->work->facts[rcpt->facts];
	assert_string_equal(facts->mx, "mx0.test");
	assert_string_equal(facts->helo, "mail.sender.example");
	assert_string_equal(facts->tls, "");
	assert_int_equal(facts->security, SECURITY_CLEARTEXT);
	assert_false(facts->authenticated);
	assert_int_not_equal(facts->session, 0);
	assert_int_equal(facts->source.family, IP_FAMILY_4); /* as the kernel chose it */
	assert_true(peer_said(&peers[0], 0, "EHLO mail.sender.example\r\n"));
	assert_true(peer_said(&peers[0], 0, "MAIL FROM:<news@list.example>"));
	assert_true(peer_said(&peers[0], 0, "RCPT TO:<ann@a.example>\r\n"));
	assert_true(peer_said(
		&peers[0], 0, "DATA\r\nSubject: hello\r\n\r\n..dot at the front\r\nend\r\n.\r\n"));
	assert_int_equal(w.heard.good, 1);
	assert_int_equal(w.sessions_up, 1);
	work_done(&w, attempt);
	/* Nothing follows: the session says goodbye after a while, and its slot comes back. */
	WORK_WAIT(&w, w.slots == 0);
	assert_int_equal(peers[0].quits, 1);
	WORK_WAIT(&w, w.reports_count == 1);
	assert_int_equal(w.reports[0].delivered_count, 1);
	assert_string_equal(w.reports[0].reason, "");
	assert_int_equal(w.reports[0].result, TLS_RESULT_STARTTLS_NOT_SUPPORTED); /* RFC 8460 */
	tear_down(1);
}

static void a_session_is_used_for_the_next_message(void **state)
{
	(void)state;
	set_up(1);
	for (int i = 0; i < 5; i++) {
		struct attempt *attempt = work_send_slots(
			&w, route_over(1), &(struct test_mail){ .rcpts = "ann@a.example" }, i == 0);
		assert_ptr_equal(work_outcome(&w), attempt);
		assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
		work_done(&w, attempt);
	}
	assert_int_equal(peers[0].conns_count, 1);
	assert_int_equal(peers[0].taken, 5);
	tear_down(1);
	assert_int_equal(w.reports[0].delivered_count, 5);
}

static void a_rule_says_how_many_messages_a_session_carries(void **state)
{
	(void)state;
	set_up(1);
	atomic_store(&w.lease->site->per_session, 2);
	for (int i = 0; i < 5; i++) {
		struct attempt *attempt = work_send_slots(
			&w, route_over(1), &(struct test_mail){ .rcpts = "ann@a.example" }, 1);
		assert_ptr_equal(work_outcome(&w), attempt);
		assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
		work_done(&w, attempt);
	}
	assert_true(peers[0].conns_count >= 3);
	assert_int_equal(peers[0].taken, 5);
	tear_down(1);
	for (uint32_t i = 0; i < w.reports_count; i++)
		assert_true(w.reports[i].delivered_count <= 2);
}

static void the_slowest_reply_of_a_transaction_is_heard_of(void **state)
{
	(void)state;
	set_up(1);
	peers[0].rules[0] = (struct peer_rules){ .final_ms = 150 };
	peers[0].rules_count = 1;
	struct attempt *attempt = send_one(1);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	assert_in_range(w.heard.latency_ms, 150, WORK_WAIT_MS);
	work_done(&w, attempt);
	tear_down(1);
	/* What comes before the first message (greeting, EHLO, TLS) does not count. */
	set_up(1);
	peers[0].rules[0] = (struct peer_rules){ .banner_ms = 1500 };
	peers[0].rules_count = 1;
	attempt = send_one(1);
	assert_in_range(w.heard.latency_ms, 0, 1400);
	work_done(&w, attempt);
	tear_down(1);
}

static void each_recipient_has_its_own_answer(void **state)
{
	(void)state;
	set_up(1);
	peers[0].rules[0] = (struct peer_rules){ .bad_rcpt = "bob@", .pipelining = true };
	peers[0].rules_count = 1;
	struct attempt *attempt = work_send(&w, route_over(1),
		&(struct test_mail){ .rcpts = "ann@a.example bob@a.example cid@a.example" });
	assert_ptr_equal(work_outcome(&w), attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	assert_int_equal(attempt->rcpts[1].fate, ATTEMPT_BOUNCED);
	assert_int_equal(attempt->rcpts[1].code, 550);
	assert_int_equal(attempt->rcpts[1].bounce_class, BOUNCE_CLASS_MAILBOX);
	assert_int_equal(attempt->rcpts[2].fate, ATTEMPT_DELIVERED);
	assert_text_equal(attempt_reply_text(attempt, &attempt->rcpts[1]), "5.1.1 unknown");
	WORK_WAIT(&w, w.heard_count == 1);
	assert_int_equal(w.heard.good, 2);
	work_done(&w, attempt);
	tear_down(1);
}

/* ---- the next host ---- */

static void after_a_refused_connection_comes_the_next_address_and_then_the_next_host(void **state)
{
	(void)state; /* MX-10, MX-08 */
	set_up(1);
	uint16_t dead = peer_refusing_port("127.0.0.7");
	const struct test_host hosts[] = {
		{ "mx0.test", 10, dead, "127.0.0.7 127.0.0.8", 0, NULL, 0 },
		{ "mx1.test", 20, peers[0].port, "127.0.0.1", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 },
	};
	struct route *route = test_route("a.example", hosts, UINT64_MAX);
	struct attempt *attempt =
		work_send(&w, route, &(struct test_mail){ .rcpts = "ann@a.example" });
	assert_ptr_equal(work_outcome(&w), attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	assert_non_null(strstr(work_reason(attempt), "mx0.test [127.0.0.7]: "));
	assert_non_null(strstr(work_reason(attempt), "mx0.test [127.0.0.8]: "));
	assert_non_null(strstr(work_reason(attempt), "refused"));
	assert_false(w.heard.back_off);
	work_done(&w, attempt);
	tear_down(1);
	assert_int_equal(w.reports_count, 3);
}

static void when_no_host_can_be_reached_the_pass_is_deferred_and_the_site_backs_off(void **state)
{
	(void)state;
	set_up(0);
	const struct test_host hosts[] = {
		{ "mx0.test", 10, peer_refusing_port("127.0.0.7"), "127.0.0.7", 0, NULL, 0 },
		{ "mx1.test", 20, 1, NULL, ROUTE_HOST_WAITS, "A look-up failed", 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 },
	};
	struct attempt *attempt = work_send(&w, test_route("a.example", hosts, UINT64_MAX),
		&(struct test_mail){ .rcpts = "ann@a.example bob@a.example" });
	assert_ptr_equal(work_outcome(&w), attempt);
	WORK_WAIT(&w, w.heard_count == 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(attempt->rcpts[i].fate, ATTEMPT_DEFERRED);
		assert_false(attempt->rcpts[i].counts_as_attempt); /* 0.4 */
		assert_int_equal(attempt->rcpts[i].rcpt, i);
	}
	assert_string_equal(work_status(attempt), "4.4.1");
	assert_non_null(strstr(work_reason(attempt), "mx1.test: A look-up failed"));
	assert_true(w.heard.back_off);
	assert_int_equal(w.heard.good, 0);
	work_done(&w, attempt);
	/* The address is left alone now: the next one does not even try. */
	attempt = work_send(&w, test_route("a.example", hosts, UINT64_MAX),
		&(struct test_mail){ .rcpts = "ann@a.example" });
	assert_ptr_equal(work_outcome(&w), attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DEFERRED);
	assert_non_null(strstr(work_reason(attempt), "left alone"));
	work_done(&w, attempt);
	tear_down(0);
	assert_int_equal(w.reports_count, 1);
}

enum throttled { NOTHING, SLOW_DOWN, BACK_OFF, SUSPEND };

struct refusal {
	struct peer_rules rules;
	enum attempt_fate fate;
	const char *status;
	bool next_host, counts;
	enum throttled site;
};

/* Where the first host says this, the second one is asked or not; what follows if none is left. */
static const struct refusal refusals[] = {
	{ { .banner = "554 5.7.1 no" }, ATTEMPT_DEFERRED, "4.0.0", true, true, SUSPEND },
	{ { .banner = "421 busy" }, ATTEMPT_DEFERRED, "4.0.0", true, false, BACK_OFF },
	{ { .banner = "450 4.3.2 later" }, ATTEMPT_DEFERRED, "4.0.0", true, false, BACK_OFF },
	{ { .mail = "421 4.3.2 closing" }, ATTEMPT_DEFERRED, "4.3.2", false, false, SLOW_DOWN },
	{ { .mail = "451 4.3.0 later" }, ATTEMPT_DEFERRED, "4.3.0", false, true, SLOW_DOWN },
	{ { .mail = "550 5.1.8 no such sender" }, ATTEMPT_BOUNCED, "5.1.8", false, true, NOTHING },
	{ { .rcpt = "450 4.2.0 greylisted" }, ATTEMPT_DEFERRED, "4.2.0", false, true, NOTHING },
	{ { .rcpt = "550 5.1.1 unknown" }, ATTEMPT_BOUNCED, "5.1.1", false, true, NOTHING },
	{ { .data = "451 4.3.0 disk" }, ATTEMPT_DEFERRED, "4.3.0", false, true, NOTHING },
	{ { .final = "451 4.3.0 disk" }, ATTEMPT_DEFERRED, "4.3.0", false, true, NOTHING },
	{ { .final = "554 5.6.0 bad content" }, ATTEMPT_BOUNCED, "5.6.0", false, true, NOTHING },
	{ { .close_at = PEER_GREETING }, ATTEMPT_DEFERRED, "4.4.2", true, false, BACK_OFF },
	{ { .close_at = PEER_EHLO }, ATTEMPT_DEFERRED, "4.4.2", true, false, BACK_OFF },
};

/* The scheduler is told the words of what slows a site down. */
static void check_why(const struct refusal *refusal)
{
	const char *why = atomic_load(&w.lease->why);
	const char *reply = refusal->rules.banner != NULL ? refusal->rules.banner : refusal->rules.mail;
	if (refusal->site == NOTHING)
		assert_int_equal(why != NULL, w.heard.blocks > 0);
	else if (reply != NULL)
		assert_string_equal(why, reply);
	else
		assert_non_null(strstr(why, "mx0.test [127.0.0.1]: the peer closed the connection"));
}

static void every_refusal_has_its_effect_on_mail_site_and_next_host(void **state) /* 0.4 */
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(refusals); i++) {
		const struct refusal *refusal = &refusals[i];
		set_up(1);
		peers[0].rules[0] = refusal->rules;
		peers[0].rules_count = 1;
		struct attempt *attempt = send_one(1);
		print_message("row %zu: %s, %s\n", i, work_reply(attempt), work_reason(attempt));
		assert_int_equal(attempt->rcpts[0].fate, refusal->fate);
		assert_string_equal(work_status(attempt), refusal->status);
		assert_int_equal(attempt->rcpts[0].counts_as_attempt, refusal->counts);
		assert_int_equal(w.heard.slow_down, refusal->site == SLOW_DOWN);
		assert_int_equal(w.heard.back_off, refusal->site == BACK_OFF);
		assert_int_equal(w.heard.suspend, refusal->site == SUSPEND);
		assert_int_equal(w.heard.good, 0);
		check_why(refusal);
		work_done(&w, attempt);
		tear_down(1);

		set_up(2);
		peers[0].rules[0] = refusal->rules;
		peers[0].rules_count = 1;
		attempt = send_one(2);
		assert_int_equal(attempt->rcpts[0].fate,
			refusal->next_host ? ATTEMPT_DELIVERED : refusal->fate);
		assert_int_equal(peers[1].conns_count, refusal->next_host);
		work_done(&w, attempt);
		tear_down(2);
	}
}

static void hosts_that_all_accept_no_mail_bounce_it(void **state) /* RFC 7504, 0.4 */
{
	(void)state;
	for (int all = 0; all < 2; all++) {
		set_up(2);
		for (int i = 0; i < 2; i++) {
			peers[i].rules[0].banner =
				i == 0 || all ? "521 5.3.2 no mail here" : "554 5.3.2 no";
			peers[i].rules_count = 1;
		}
		struct attempt *attempt = send_one(2);
		assert_int_equal(attempt->rcpts[0].fate, all ? ATTEMPT_BOUNCED : ATTEMPT_DEFERRED);
		work_done(&w, attempt);
		tear_down(2);
	}
}

static void a_connection_that_breaks_after_the_dot_is_deferred(void **state) /* SMTP-17 */
{
	(void)state;
	set_up(2);
	peers[0].rules[0].close_at = PEER_FINAL;
	peers[0].rules_count = 1;
	struct attempt *attempt = send_one(2);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DEFERRED);
	assert_int_equal(
		peers[1].conns_count, 0); /* it may have been taken: nobody else is asked now */
	assert_int_not_equal(work_reason(attempt)[0], '\0');
	work_done(&w, attempt);
	tear_down(2);
}

static void a_session_that_was_closed_while_it_idled_costs_no_attempt(void **state) /* SMTP-41 */
{
	(void)state;
	set_up(1);
	peers[0].rules[0].pipelining = true;
	struct attempt *attempt = send_one(1);
	work_done(&w, attempt);
	/* It goes away at the very moment at which the next message comes. */
	(void)shutdown(peers[0].conns[0].fd, SHUT_RDWR);
	attempt = work_send(&w, route_over(1), &(struct test_mail){ .rcpts = "ann@a.example" });
	assert_ptr_equal(work_outcome(&w), attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	assert_int_equal(peers[0].conns_count, 2);
	work_done(&w, attempt);
	tear_down(1);
}

/* One message a session; whether the last of them had its commands in one group. */
static bool last_is_pipelined(const struct peer_rules *rules, size_t count)
{
	set_up(1);
	atomic_store(&w.lease->site->per_session, 1);
	memcpy(peers[0].rules, rules, count * sizeof *rules);
	peers[0].rules_count = count;
	for (size_t i = 0; i < count; i++)
		work_done(&w, send_one(1));
	assert_int_equal(peers[0].conns_count, count);
	bool is = peer_said(&peers[0], count - 1, "DATA");
	tear_down(1);
	return is;
}

static void pipelining_is_given_up_where_it_never_works_and_not_where_sessions_break(void **state) /* EXT-PIPE-01 */
{
	(void)state;
	const struct peer_rules cut = { .close_at = PEER_RCPT, .pipelining = true };
	const struct peer_rules good = { .pipelining = true };
	const struct peer_rules none = { .rcpt = "450 4.2.0 later", .pipelining = true };
	assert_true(last_is_pipelined((const struct peer_rules[]){ cut, none }, 2));
	assert_false(last_is_pipelined((const struct peer_rules[]){ cut, cut, none }, 3));
	assert_true(last_is_pipelined((const struct peer_rules[]){ cut, good, cut, none }, 4));
}

static void what_is_deferred_at_the_end_of_its_lifetime_has_expired(void **state)
{
	(void)state;
	set_up(1);
	peers[0].rules[0].rcpt = "450 4.2.0 later";
	peers[0].rules_count = 1;
	struct attempt *attempt = send_one(1);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DEFERRED);
	work_done(&w, attempt);
	w.expires_ns = 1; /* over while it was on its way */
	attempt = work_send(&w, route_over(1), &(struct test_mail){ .rcpts = "ann@a.example" });
	assert_ptr_equal(work_outcome(&w), attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_EXPIRED);
	assert_string_equal(work_reply(attempt), "450 4.2.0 later");
	work_done(&w, attempt);
	tear_down(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_delivered_with_every_octet),
		cmocka_unit_test(a_session_is_used_for_the_next_message),
		cmocka_unit_test(a_rule_says_how_many_messages_a_session_carries),
		cmocka_unit_test(the_slowest_reply_of_a_transaction_is_heard_of),
		cmocka_unit_test(each_recipient_has_its_own_answer),
		cmocka_unit_test(
			after_a_refused_connection_comes_the_next_address_and_then_the_next_host),
		cmocka_unit_test(
			when_no_host_can_be_reached_the_pass_is_deferred_and_the_site_backs_off),
		cmocka_unit_test(every_refusal_has_its_effect_on_mail_site_and_next_host),
		cmocka_unit_test(hosts_that_all_accept_no_mail_bounce_it),
		cmocka_unit_test(a_connection_that_breaks_after_the_dot_is_deferred),
		cmocka_unit_test(a_session_that_was_closed_while_it_idled_costs_no_attempt),
		cmocka_unit_test(pipelining_is_given_up_where_it_never_works_and_not_where_sessions_break),
		cmocka_unit_test(what_is_deferred_at_the_end_of_its_lifetime_has_expired),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
