/* As many sessions at work as the machine has the cores for: who waits, and in which order. The limit is set
 * here; how it moves is tests/unit/engine/plan/test_inflight.c. */
#include <stdlib.h>
#include <string.h>
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "engine/run/delivery.h"
#include "engine/run/worker_state.h"
#include "tests/unit/engine/run/work_test.h"

enum { MAILS = 2 * WORKER_TURN_MESSAGES };

static struct work w;
static struct peer peer;

static void set_up(uint32_t max)
{
	const char *const flags[] = { "--idle-timeout=1m", "--retry-first=4ms", NULL };
	work_init(&w, flags);
	peer_init(&peer, "127.0.0.1");
	uint64_t until_ns = clock_now_ns() + 3600 * SECOND_NS;
	/* It may have been about to write them itself: whole turns later it is not. */
	do {
		w.worker->inflight.limit.max = max;
		w.worker->inflight.until_ns = until_ns;
		assert_int_equal(mailbox_test(w.base.hub.workers[0], WORK_WAIT_MS, NULL), RESULT_OK);
	} while (w.worker->inflight.limit.max != max || w.worker->inflight.until_ns != until_ns);
}

static void tear_down(void)
{
	work_end(&w);
	peer_deinit(&peer);
}

static struct attempt *send_as(enum envelope_class class, uint32_t slots)
{
	const struct test_mail mail = { .class = class };
	return work_send_slots(&w, work_route_to(&peer), &mail, slots);
}

static void take_delivered(struct attempt **out_attempt)
{
	*out_attempt = work_outcome(&w);
	assert_int_equal((*out_attempt)->rcpts[0].fate, ATTEMPT_DELIVERED);
}

static void what_is_too_many_waits_and_opens_no_session(void **state)
{
	(void)state;
	struct attempt *attempt;
	set_up(1);
	peer.rules[0].banner_ms = 50;
	peer.rules_count = 1;
	for (int i = 0; i < MAILS; i++)
		send_as(ENVELOPE_CLASS_BULK, 1);
	for (int i = 0; i < MAILS; i++) {
		take_delivered(&attempt);
		work_done(&w, attempt);
	}
	assert_int_equal(atomic_load(&peer.conns_count), 1);
	assert_int_equal(atomic_load(&peer.taken), MAILS);
	tear_down();
}

static void transactional_mail_stands_in_no_line(void **state)
{
	(void)state;
	set_up(1);
	peer.rules[0].silent_at = PEER_FINAL;
	peer.rules_count = 2;
	struct attempt *silent = send_as(ENVELOPE_CLASS_BULK, 1);
	WORK_WAIT(&w, peer_said(&peer, 0, "\r\n.\r\n"));
	struct attempt *held = send_as(ENVELOPE_CLASS_BULK, 1);
	struct attempt *urgent = send_as(ENVELOPE_CLASS_TRANSACTIONAL, 1);
	struct attempt *attempt;
	take_delivered(&attempt);
	assert_ptr_equal(attempt, urgent);
	work_done(&w, urgent);
	assert_int_equal(w.outcomes_count, 1);
	assert_int_equal(atomic_load(&peer.mails), 2);
	hub_post(w.base.hub.workers[0], POST_WORKER_DRAIN, NULL, 1, 0);
	assert_ptr_equal(work_returned(&w), held);
	attempt = work_outcome(&w);
	assert_ptr_equal(attempt, silent);
	work_done(&w, held);
	work_done(&w, silent);
	WORK_WAIT(&w, w.drained == 1);
	tear_down();
}

/* One lease has a session at work, the other waits until that has sent its share. */
static void leases_take_turns_of_some_messages(void **state)
{
	(void)state;
	struct attempt *attempt;
	set_up(1);
	peer.rules[0].banner_ms = 200; /* by then all of it is there */
	peer.rules_count = 1;
	for (int lease = 0; lease < 2; lease++) {
		w.lease = w.leases[lease];
		for (int i = 0; i < MAILS; i++)
			send_as(ENVELOPE_CLASS_BULK, i == 0);
	}
	for (int i = 0; i < 2 * MAILS; i++) {
		take_delivered(&attempt);
		assert_ptr_equal(attempt->lease, w.leases[i / WORKER_TURN_MESSAGES % 2]);
		work_done(&w, attempt);
	}
	assert_int_equal(atomic_load(&peer.conns_count), 2);
	tear_down();
}

/* ---- the line alone ---- */

static struct worker line;

static struct lease make_lease(void)
{
	struct lease lease = { .magic = LEASE_MAGIC };
	return lease;
}

static void make_line(uint32_t max)
{
	memset(&line, 0, sizeof line);
	line.inflight.limit.max = max;
	list_init(&line.inflight.held);
	list_init(&line.dirty_leases);
}

/* So that the body of one message still goes with the commands of the next. */
static void a_lease_that_is_alone_in_line_does_not_give_up_its_turn(void **state)
{
	(void)state;
	struct lease leases[2] = { make_lease(), make_lease() };
	struct delivery d = { .lease = &leases[0], .begun_in_row = WORKER_TURN_MESSAGES };
	make_line(1);
	assert_true(inflight_may_go_on(&line, &d));
	inflight_hold(&line, &leases[0]);
	assert_true(inflight_may_go_on(&line, &d));
	inflight_hold(&line, &leases[1]);
	assert_false(inflight_may_go_on(&line, &d));
	d.begun_in_row--;
	assert_true(inflight_may_go_on(&line, &d));
	assert_ptr_equal(inflight_next(&line), &leases[0]);
	d.begun_in_row++;
	assert_false(inflight_may_go_on(&line, &d)); /* only the other is left */
}

/* It asks with each reply and each block that has left. */
static void a_session_sends_its_lease_behind_the_others_once(void **state)
{
	(void)state;
	struct lease leases[3] = { make_lease(), make_lease(), make_lease() };
	struct delivery d = { .lease = &leases[0] };
	make_line(10);
	inflight_hold(&line, &leases[0]);
	inflight_hold(&line, &leases[1]);
	inflight_turn_over(&line, &d);
	inflight_hold(&line, &leases[2]);
	inflight_turn_over(&line, &d);
	static const int order[] = { 1, 0, 2 };
	for (size_t i = 0; i < COUNT_OF(order); i++)
		assert_ptr_equal(inflight_next(&line), &leases[order[i]]);
	assert_null(inflight_next(&line));
	inflight_turn_over(&line, &d);
	assert_ptr_equal(inflight_next(&line), &leases[0]);
}

/* Bulk whose first host has failed goes on before other bulk, but never before transactional mail. */
static void no_bulk_stands_before_transactional_mail(void **state)
{
	(void)state;
	struct lease lease = make_lease();
	static const struct {
		bool transactional, first;
	} table[] = { { false, false }, { true, false }, { false, true }, { true, false }, { true, true } };
	struct attempt *attempts[COUNT_OF(table)];
	make_line(1);
	list_init(&lease.fifo);
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		attempts[i] = calloc(1, sizeof *attempts[i]);
		assert_non_null(attempts[i]);
		attempts[i]->lease = &lease;
		attempts[i]->transactional = table[i].transactional;
		if (table[i].first)
			lease_add_first(&line, attempts[i]);
		else
			lease_add(&line, attempts[i]);
	}
	assert_int_equal(lease.urgent_count, 3);
	static const int order[] = { 4, 1, 3, 2, 0 };
	for (size_t i = 0; i < COUNT_OF(order); i++)
		assert_ptr_equal(list_pop_front(&lease.fifo), &attempts[order[i]]->node);
	for (size_t i = 0; i < COUNT_OF(table); i++)
		free(attempts[i]);
}

/* ---- with receivers ---- */

/* Those who stand in line have no session that could wake the worker, and those at work hear nothing. */
static void a_limit_that_is_too_low_rises_while_all_at_work_wait(void **state)
{
	(void)state;
	set_up(1);
	w.worker->inflight.until_ns = 0;
	peer.rules[0].silent_at = PEER_FINAL;
	peer.rules_count = 2;
	struct attempt *silent = send_as(ENVELOPE_CLASS_BULK, 1);
	WORK_WAIT(&w, peer_said(&peer, 0, "\r\n.\r\n"));
	struct attempt *attempt;
	for (int i = 0; i < 3; i++)
		send_as(ENVELOPE_CLASS_BULK, 1);
	for (int i = 0; i < 3; i++) {
		take_delivered(&attempt);
		work_done(&w, attempt);
	}
	hub_post(w.base.hub.workers[0], POST_WORKER_DRAIN, NULL, 1, 0);
	assert_ptr_equal(work_outcome(&w), silent);
	work_done(&w, silent);
	WORK_WAIT(&w, w.drained == 1);
	tear_down();
}

/* The scheduler gives a site that grows no other slot before that session is up. */
static void the_slot_of_mail_that_a_session_at_work_took_goes_back(void **state)
{
	(void)state;
	set_up(1);
	peer.rules[0].pipelining = true;
	peer.rules[0].banner_ms = 200; /* by then all of it is there */
	peer.rules[0].silent_at = PEER_FINAL;
	peer.rules_count = 1;
	struct attempt *attempts[2];
	for (int i = 0; i < 2; i++)
		attempts[i] = send_as(ENVELOPE_CLASS_BULK, 1);
	WORK_WAIT(&w, peer_said(&peer, 0, "\r\n.\r\n"));
	WORK_WAIT(&w, w.slots == 1);
	assert_int_equal(atomic_load(&peer.conns_count), 1);
	hub_post(w.base.hub.workers[0], POST_WORKER_DRAIN, NULL, 1, 0);
	WORK_WAIT(&w, w.outcomes_count + w.returned_count == 2);
	for (int i = 0; i < 2; i++) {
		list_remove(&attempts[i]->node);
		work_done(&w, attempts[i]);
	}
	WORK_WAIT(&w, w.drained == 1);
	tear_down();
}

/* CONFORMANCE 0.4: two sessions at a worse MX. Who waits for one of them takes nobody's turn, and the worker
 * goes on. */
static void who_waits_for_a_fallback_session_does_not_use_up_a_turn(void **state)
{
	(void)state;
	enum { WAITING = 6 };
	struct fail fail;
	static struct peer refusing;
	struct peer *const both[] = { &refusing, &peer };
	set_up(3);
	refusing.address = "127.0.0.1";
	refusing.port = peer_refusing_port("127.0.0.1");
	peer.rules[0].silent_at = PEER_FINAL;
	peer.rules_count = 1;
	for (int i = 0; i < 2 + WAITING; i++)
		work_send(&w, work_route(both, 2, SECURITY_NEED_MAY), &(struct test_mail){ .name = "m" });
	WORK_WAIT(&w, peer_said(&peer, 0, "\r\n.\r\n") && peer_said(&peer, 1, "\r\n.\r\n"));
	assert_int_equal(mailbox_test(w.base.hub.workers[0], WORK_WAIT_MS, &fail), RESULT_OK);
	assert_int_equal(atomic_load(&peer.conns_count), 2);
	hub_post(w.base.hub.workers[0], POST_WORKER_DRAIN, NULL, 1, 0);
	WORK_WAIT(&w, w.outcomes_count + w.returned_count == 2 + WAITING);
	while (!list_is_empty(&w.outcomes))
		work_done(&w, work_outcome(&w));
	while (!list_is_empty(&w.returned))
		work_done(&w, work_returned(&w));
	WORK_WAIT(&w, w.drained == 1);
	tear_down();
}

/* Mail that waits for its turn comes back, and nothing looks at its lease after that. */
static void who_waits_for_a_turn_comes_back_where_all_stops(void **state)
{
	(void)state;
	set_up(0);
	struct attempt *attempts[MAILS];
	for (int i = 0; i < MAILS; i++)
		attempts[i] = send_as(ENVELOPE_CLASS_BULK, 1);
	hub_post(w.base.hub.workers[0], POST_WORKER_DRAIN, NULL, 0, 0);
	for (int i = 0; i < MAILS; i++)
		assert_ptr_equal(work_returned(&w), attempts[i]);
	for (int i = 0; i < MAILS; i++)
		work_done(&w, attempts[i]);
	WORK_WAIT(&w, w.drained == 1);
	assert_int_equal(atomic_load(&peer.conns_count), 0);
	tear_down();
}

/* The scheduler needs its slots for others. */
static void slots_that_are_called_back_go_while_their_mail_waits(void **state)
{
	(void)state;
	set_up(0);
	struct attempt *attempts[3];
	for (int i = 0; i < 3; i++)
		attempts[i] = send_as(ENVELOPE_CLASS_BULK, 1);
	for (int i = 0; i < 3; i++)
		hub_post(w.base.hub.workers[0], POST_CALL_BACK, w.lease, 0, 0);
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(work_returned(&w), attempts[i]);
	WORK_WAIT(&w, w.slots == 0 && w.call_backs_answered == 3);
	for (int i = 0; i < 3; i++)
		work_done(&w, attempts[i]);
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_too_many_waits_and_opens_no_session),
		cmocka_unit_test(transactional_mail_stands_in_no_line),
		cmocka_unit_test(leases_take_turns_of_some_messages),
		cmocka_unit_test(a_lease_that_is_alone_in_line_does_not_give_up_its_turn),
		cmocka_unit_test(a_session_sends_its_lease_behind_the_others_once),
		cmocka_unit_test(no_bulk_stands_before_transactional_mail),
		cmocka_unit_test(a_limit_that_is_too_low_rises_while_all_at_work_wait),
		cmocka_unit_test(the_slot_of_mail_that_a_session_at_work_took_goes_back),
		cmocka_unit_test(who_waits_for_a_fallback_session_does_not_use_up_a_turn),
		cmocka_unit_test(who_waits_for_a_turn_comes_back_where_all_stops),
		cmocka_unit_test(slots_that_are_called_back_go_while_their_mail_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
