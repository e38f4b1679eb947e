/* A worker beside its sessions: slots it gives back, its end. */
#include "engine/io/clock.h"
#include "tests/unit/engine/run/work_test.h"

static struct work w;
static struct peer peers[2];

static void set_up(const char *flag)
{
	const char *const flags[] = { "--idle-timeout=1m", "--retry-first=4ms", flag, NULL };
	work_init(&w, flags);
	peer_init(&peers[0], "127.0.0.1");
	peer_init(&peers[1], "127.0.0.2");
}

static void tear_down(void)
{
	work_end(&w);
	peer_deinit(&peers[0]);
	peer_deinit(&peers[1]);
}

/* ---- slots ---- */

static struct attempt *deliver(uint32_t slots)
{
	struct attempt *attempt = work_send_slots(&w, work_route_to(&peers[0]),
		&(struct test_mail){ .rcpts = "ann@a.example" }, slots);
	assert_ptr_equal(work_outcome(&w), attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	return attempt;
}

static void a_call_back_ends_an_idle_session(void **state)
{
	(void)state;
	set_up(NULL);
	work_done(&w, deliver(1));
	clock_wait_ms(20);
	(void)work_play(&w);
	assert_int_equal(w.slots, 1); /* kept for more mail */
	hub_post(w.base.hub.workers[0], POST_CALL_BACK, w.lease, 0, 0);
	WORK_WAIT(&w, w.slots == 0);
	assert_int_equal(w.call_backs_answered, 1);
	assert_int_equal(peers[0].quits, 1); /* in good order */
	tear_down();
}

static void a_call_back_ends_a_busy_session_after_what_it_does(void **state)
{
	(void)state;
	set_up("--command-timeout=400ms");
	peers[0].rules[0] = (struct peer_rules){ .silent_at = PEER_RCPT };
	peers[0].rules_count = 1;
	struct attempt *first = work_send_slots(
		&w, work_route_to(&peers[0]), &(struct test_mail){ .rcpts = "ann@a.example" }, 1);
	WORK_WAIT(&w, peers[0].mails == 1);
	struct attempt *second = work_send_slots(
		&w, work_route_to(&peers[0]), &(struct test_mail){ .rcpts = "ann@a.example" }, 0);
	hub_post(w.base.hub.workers[0], POST_CALL_BACK, w.lease, 0, 0);
	assert_ptr_equal(work_outcome(&w), first);
	WORK_WAIT(&w, w.slots == 0);
	/* Nobody is left here who could send the second. */
	assert_ptr_equal(work_returned(&w), second);
	assert_int_equal(second->rcpts[0].fate, ATTEMPT_OPEN);
	work_done(&w, first);
	work_done(&w, second);
	tear_down();
}

static void a_call_back_that_comes_when_nothing_is_left_is_answered(void **state)
{
	(void)state; /* the scheduler keeps the site until then */
	set_up(NULL);
	hub_post(w.base.hub.workers[0], POST_CALL_BACK, w.lease, 0, 0);
	WORK_WAIT(&w, w.call_backs_answered == 1);
	assert_int_equal(w.slots, 0);
	tear_down();
}

static void mail_that_comes_without_a_slot_goes_back(void **state)
{
	(void)state;
	set_up(NULL);
	struct attempt *attempt = work_send_slots(
		&w, work_route_to(&peers[0]), &(struct test_mail){ .rcpts = "ann@a.example" }, 0);
	assert_ptr_equal(work_returned(&w), attempt);
	assert_non_null(attempt->body);
	work_done(&w, attempt);
	tear_down();
}

static void as_many_sessions_are_open_as_there_are_slots_and_mail(void **state)
{
	(void)state;
	enum { COUNT = 12 };
	set_up(NULL);
	struct attempt *attempts[COUNT];
	for (int i = 0; i < COUNT; i++)
		attempts[i] = work_send_slots(&w, work_route_to(&peers[0]),
			&(struct test_mail){ .rcpts = "ann@a.example" }, i < 3);
	for (int i = 0; i < COUNT; i++) {
		struct attempt *attempt = work_outcome(&w);
		assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	}
	assert_true(peers[0].conns_count <= 3);
	assert_int_equal(peers[0].taken, COUNT);
	for (int i = 0; i < COUNT; i++)
		work_done(&w, attempts[i]);
	tear_down();
}

static void a_worse_host_has_two_sessions_at_most_while_the_best_one_fails(void **state) /* 0.4 */
{
	(void)state;
	enum { COUNT = 8 };
	set_up(NULL);
	const struct test_host hosts[] = {
		{ "mx0.test", 10, peer_refusing_port("127.0.0.7"), "127.0.0.7", 0, NULL, 0 },
		{ "mx1.test", 20, peers[0].port, "127.0.0.1", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 },
	};
	struct attempt *attempts[COUNT];
	for (int i = 0; i < COUNT; i++)
		attempts[i] = work_send_slots(&w, test_route("a.example", hosts, UINT64_MAX),
			&(struct test_mail){ .rcpts = "ann@a.example" }, 1);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(work_outcome(&w)->rcpts[0].fate, ATTEMPT_DELIVERED);
	assert_in_range(peers[0].conns_count, 1, 2);
	for (int i = 0; i < COUNT; i++)
		work_done(&w, attempts[i]);
	tear_down();
}

/* ---- the end ---- */

static void drain(bool at_once)
{
	hub_post(w.base.hub.workers[0], POST_WORKER_DRAIN, NULL, at_once, 0);
}

static void a_drain_lets_a_transaction_end_and_returns_what_waits(void **state)
{
	(void)state;
	set_up("--command-timeout=400ms");
	peers[0].rules[0] = (struct peer_rules){ .silent_at = PEER_RCPT };
	peers[0].rules_count = 1;
	struct attempt *attempts[3];
	for (int i = 0; i < 3; i++) {
		attempts[i] = work_send_slots(&w, work_route_to(&peers[0]),
			&(struct test_mail){ .rcpts = "ann@a.example" }, i == 0);
		if (i == 0)
			WORK_WAIT(&w, peers[0].mails == 1);
	}
	drain(false);
	assert_ptr_equal(work_returned(&w), attempts[1]);
	assert_ptr_equal(work_returned(&w), attempts[2]);
	assert_int_equal(w.drained, 0); /* one is still at work */
	assert_ptr_equal(work_outcome(&w), attempts[0]);
	WORK_WAIT(&w, w.drained == 1);
	assert_int_equal(w.slots, 0);
	for (int i = 0; i < 3; i++)
		work_done(&w, attempts[i]);
	tear_down();
}

static void a_drain_at_once_ends_transactions_as_they_stand(void **state)
{
	(void)state;
	set_up(NULL);
	peers[0].rules[0] = (struct peer_rules){ .silent_at = PEER_RCPT };
	peers[0].rules_count = 1;
	uint64_t start_ns = clock_now_ns();
	struct attempt *attempt = work_send(
		&w, work_route_to(&peers[0]), &(struct test_mail){ .rcpts = "ann@a.example" });
	WORK_WAIT(&w, peers[0].mails == 1);
	drain(false);
	drain(true);
	WORK_WAIT(&w, w.drained == 1);
	assert_true(clock_now_ns() - start_ns < 10000 * TEST_MS_NS);
	if (!list_is_empty(&w.outcomes))
		assert_int_equal(work_outcome(&w)->rcpts[0].fate, ATTEMPT_DEFERRED);
	else
		assert_ptr_equal(work_returned(&w), attempt);
	work_done(&w, attempt);
	tear_down();
}

static void transactional_mail_takes_the_next_free_session_before_bulk(void **state)
{
	(void)state;
	set_up(NULL);
	const struct {
		const char *rcpt;
		enum envelope_class class;
		size_t place; /* among the outcomes */
	} table[] = {
		{ "first@a.example", ENVELOPE_CLASS_BULK, 0 }, /* the session is opened for it */
		{ "second@a.example", ENVELOPE_CLASS_BULK, 3 },
		{ "code1@a.example", ENVELOPE_CLASS_TRANSACTIONAL, 1 },
		{ "third@a.example", ENVELOPE_CLASS_BULK, 4 },
		{ "code2@a.example", ENVELOPE_CLASS_TRANSACTIONAL, 2 },
	};
	struct attempt *attempts[COUNT_OF(table)];
	CHECK(pthread_mutex_lock(&peers[0].lock) == 0); /* it hears no EHLO yet */
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		attempts[i] = work_send_slots(&w, work_route_to(&peers[0]),
			&(struct test_mail){ .rcpts = table[i].rcpt, .class = table[i].class }, i == 0);
		WORK_WAIT(&w, peers[0].conns_count == 1);
	}
	WORK_WAIT(&w, mailbox_used(w.base.hub.workers[0]) == 0); /* it has heard of all */
	CHECK(pthread_mutex_unlock(&peers[0].lock) == 0);
	for (size_t place = 0; place < COUNT_OF(table); place++) {
		struct attempt *attempt = work_outcome(&w);
		for (size_t i = 0; i < COUNT_OF(table); i++)
			if (attempts[i] == attempt)
				assert_int_equal(table[i].place, place);
		work_done(&w, attempt);
	}
	tear_down();
}

static void a_drain_ends_idle_sessions_in_good_order(void **state)
{
	(void)state;
	set_up(NULL);
	work_done(&w, deliver(1));
	drain(false);
	WORK_WAIT(&w, peers[0].quits == 1);
	WORK_WAIT(&w, w.drained == 1);
	tear_down();
}

/* Five minutes for a greeting, and two for a handshake, are longer than an end may take. */
static void a_drain_does_not_wait_for_hosts_that_are_silent_before_any_mail(void **state)
{
	(void)state;
	static const struct peer_rules rules[] = {
		{ .silent_at = PEER_GREETING },
		{ .silent_at = PEER_EHLO },
		{ .silent_at = PEER_HANDSHAKE, .tls = PEER_TLS_GOOD },
	};
	for (size_t i = 0; i < COUNT_OF(rules); i++) {
		set_up(NULL);
		peers[0].rules[0] = rules[i];
		peers[0].rules_count = 1;
		struct attempt *attempt = work_send(
			&w, work_route_to(&peers[0]), &(struct test_mail){ .rcpts = "ann@a.example" });
		WORK_WAIT(&w, peers[0].conns_count == 1);
		if (i > 0)
			WORK_WAIT(&w, peer_said(&peers[0], 0, i == 1 ? "EHLO" : "STARTTLS"));
		uint64_t start_ns = clock_now_ns();
		drain(false);
		assert_ptr_equal(work_returned(&w), attempt); /* nobody was asked about it */
		WORK_WAIT(&w, w.drained == 1);
		assert_true(clock_now_ns() - start_ns < 10000 * TEST_MS_NS);
		assert_int_equal(w.outcomes_count, 0);
		work_done(&w, attempt);
		tear_down();
	}
}

/* A first host where nobody listens, then one that says nothing: its turn is broken off by a drain. */
static struct route *dead_then(struct peer *peer)
{
	const struct test_host hosts[] = {
		{ "dead.test", 10, peer_refusing_port("127.0.0.3"), "127.0.0.3", ROUTE_HOST_READY, NULL,
			SECURITY_NEED_MAY },
		{ "mx1.test", 20, peer->port, peer->address, ROUTE_HOST_READY, NULL, SECURITY_NEED_MAY },
		{ 0 },
	};
	return test_route("a.example", hosts, UINT64_MAX);
}

static void mail_that_no_host_decided_about_goes_back_though_hosts_were_tried(void **state)
{
	(void)state;
	set_up(NULL);
	peers[0].rules[0] = (struct peer_rules){ .silent_at = PEER_GREETING };
	peers[0].rules_count = 1;
	struct attempt *attempt =
		work_send(&w, dead_then(&peers[0]), &(struct test_mail){ .rcpts = "ann@a.example" });
	WORK_WAIT(&w, peers[0].conns_count == 1);
	drain(false);
	assert_ptr_equal(work_returned(&w), attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_OPEN);
	assert_int_equal(w.outcomes_count, 0);
	WORK_WAIT(&w, w.drained == 1);
	work_done(&w, attempt);
	tear_down();
}

static void a_host_that_deferred_is_heard_though_the_next_one_was_broken_off(void **state)
{
	(void)state;
	set_up(NULL);
	peers[0].rules[0] = (struct peer_rules){ .banner = "450 4.3.9 later" };
	peers[1].rules[0] = (struct peer_rules){ .silent_at = PEER_GREETING };
	peers[0].rules_count = peers[1].rules_count = 1;
	struct peer *list[] = { &peers[0], &peers[1] };
	struct attempt *attempt = work_send(&w, work_route(list, 2, SECURITY_NEED_MAY),
		&(struct test_mail){ .rcpts = "ann@a.example" });
	WORK_WAIT(&w, peers[1].conns_count == 1);
	drain(false);
	assert_ptr_equal(work_outcome(&w), attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DEFERRED);
	assert_int_equal(attempt->rcpts[0].code, 450);
	assert_false(attempt->given_back);
	assert_non_null(strstr(work_reason(attempt), "interrupted here"));
	WORK_WAIT(&w, w.drained == 1);
	work_done(&w, attempt);
	tear_down();
}

static void what_is_left_of_a_message_that_was_broken_off_is_to_be_tried_at_once(void **state)
{
	(void)state;
	set_up(NULL); /* the first host has no SMTPUTF8, the second is silent */
	peers[1].rules[0] = (struct peer_rules){ .silent_at = PEER_GREETING };
	peers[1].rules_count = 1;
	struct peer *list[] = { &peers[0], &peers[1] };
	struct attempt *attempt = work_send(&w, work_route(list, 2, SECURITY_NEED_MAY),
		&(struct test_mail){ .rcpts = "ann@a.example jos\xc3\xa9@a.example" });
	WORK_WAIT(&w, peers[1].conns_count == 1);
	drain(false);
	assert_ptr_equal(work_outcome(&w), attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	assert_int_equal(attempt->rcpts[1].fate, ATTEMPT_DEFERRED);
	assert_true(attempt->given_back);
	WORK_WAIT(&w, w.drained == 1);
	work_done(&w, attempt);
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_back_ends_an_idle_session),
		cmocka_unit_test(a_call_back_ends_a_busy_session_after_what_it_does),
		cmocka_unit_test(a_call_back_that_comes_when_nothing_is_left_is_answered),
		cmocka_unit_test(mail_that_comes_without_a_slot_goes_back),
		cmocka_unit_test(as_many_sessions_are_open_as_there_are_slots_and_mail),
		cmocka_unit_test(a_worse_host_has_two_sessions_at_most_while_the_best_one_fails),
		cmocka_unit_test(a_drain_lets_a_transaction_end_and_returns_what_waits),
		cmocka_unit_test(a_drain_at_once_ends_transactions_as_they_stand),
		cmocka_unit_test(transactional_mail_takes_the_next_free_session_before_bulk),
		cmocka_unit_test(a_drain_ends_idle_sessions_in_good_order),
		cmocka_unit_test(
			a_drain_does_not_wait_for_hosts_that_are_silent_before_any_mail),
		cmocka_unit_test(
			mail_that_no_host_decided_about_goes_back_though_hosts_were_tried),
		cmocka_unit_test(
			a_host_that_deferred_is_heard_though_the_next_one_was_broken_off),
		cmocka_unit_test(
			what_is_left_of_a_message_that_was_broken_off_is_to_be_tried_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
