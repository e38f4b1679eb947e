/* The second session to the same place resumes the first one's, and whatever is wrong with a ticket costs a
 * connection and nothing else (TLS-13, TLS-14, SEC-06). The peers take each other's tickets, so that what
 * is not resumed was not offered. */
#include "engine/io/clock.h"
#include "tests/unit/engine/run/work_test.h"

static struct work w;
static struct peer peers[2];
static char reason[ATTEMPT_REASON_MAX]; /* of the last message */
static const enum peer_tls versions[] = { PEER_TLS_1_2, PEER_TLS_GOOD };
static const char *const names[] = { "TLSv1.2", "TLSv1.3" };

/* Sessions end as soon as there is nothing to send. */
static const char *const flags[] = { "--connect-timeout=5s", "--idle-timeout=0s",
	"--tls-timeout=3s", "--retry-first=4ms", "--source=127.0.0.1", "--source=127.0.0.2",
	NULL };

static void set_up(enum peer_tls tls)
{
	static const char *const addresses[] = { "127.0.0.1", "127.0.0.2" };
	work_init(&w, flags);
	for (size_t i = 0; i < COUNT_OF(peers); i++) {
		peer_init(&peers[i], addresses[i]);
		peers[i].rules[0] = (struct peer_rules){ .tls = tls, .pipelining = true };
		peers[i].rules_count = 1;
	}
}

static void tear_down(void)
{
	work_end(&w);
	for (size_t i = 0; i < COUNT_OF(peers); i++)
		peer_deinit(&peers[i]);
}

static const struct attempt_facts *facts_of(const struct attempt *attempt)
{
	return &attempt->work->facts[attempt->rcpts[0].facts];
}

/* A message in a session of its own; which TLS it went by, NULL if it did not. */
static const char *send_to(struct peer *peer, enum security_need need, uint32_t source)
{
	struct test_mail mail = { .rcpts = "ann@a.example" };
	w.source = source;
	struct attempt *attempt = work_send(&w, work_route(&peer, 1, need), &mail);
	assert_ptr_equal(work_outcome(&w), attempt);
	snprintf(reason, sizeof reason, "%s", work_reason(attempt));
	const char *tls = NULL;
	if (attempt->rcpts[0].fate == ATTEMPT_DELIVERED)
		tls = facts_of(attempt)->tls;
	work_done(&w, attempt);
	WORK_WAIT(&w, w.slots == 0 && hub_read(&w.base.hub.counters.sessions_open) == 0);
	return tls;
}

static uint64_t resumed(void) { return hub_read(&w.base.hub.counters.sessions_resumed); }

static void the_second_session_to_the_same_place_is_resumed(void **state) /* TLS-14 */
{
	(void)state;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		set_up(versions[v]);
		for (uint32_t i = 0; i < 4; i++) {
			assert_string_equal(send_to(&peers[0], SECURITY_NEED_MAY, 0), names[v]);
			assert_int_equal(peers[0].conns_count, i + 1);
			assert_int_equal(peers[0].handshakes, i + 1);
			assert_int_equal(peers[0].resumed, i);
			assert_int_equal(resumed(), i); /* what the status says is what was */
		}
		assert_int_equal(hub_read(&w.base.hub.counters.sessions_tls), 4);
		tear_down();
	}
}

static void another_place_or_demand_makes_a_full_handshake(void **state) /* TLS-14, SEC-06 */
{
	(void)state;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		set_up(versions[v]);
		send_to(&peers[0], SECURITY_NEED_MAY, 0);
		assert_string_equal(send_to(&peers[0], SECURITY_NEED_ENCRYPT, 0), names[v]);
		assert_string_equal(send_to(&peers[0], SECURITY_NEED_MAY, 1), names[v]);
		assert_string_equal(send_to(&peers[1], SECURITY_NEED_MAY, 0), names[v]);
		assert_int_equal(resumed(), 0);
		assert_int_equal(peers[0].handshakes, 3);
		assert_int_equal(peers[1].handshakes, 1);
		/* Each of them has its own. */
		send_to(&peers[0], SECURITY_NEED_ENCRYPT, 0);
		send_to(&peers[0], SECURITY_NEED_MAY, 1);
		send_to(&peers[0], SECURITY_NEED_MAY, 0);
		send_to(&peers[1], SECURITY_NEED_MAY, 0);
		assert_int_equal(resumed(), 4);
		tear_down();
	}
}

/* In the second session the handshake breaks, in each way in which it can. */
static const struct peer_rules breaks[] = {
	{ .tls = PEER_TLS_GARBAGE },
	{ .tls = PEER_TLS_CLOSE },
	{ .tls = PEER_TLS_GOOD, .silent_at = PEER_HANDSHAKE },
	{ .tls = PEER_TLS_1_0 },
};
static const enum security_need needs[] = { SECURITY_NEED_MAY, SECURITY_NEED_ENCRYPT };

static void a_handshake_that_fails_with_a_ticket_is_tried_in_full(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(breaks); i++) {
		for (size_t n = 0; n < COUNT_OF(needs); n++) {
			set_up(PEER_TLS_GOOD);
			peers[0].rules[1] = breaks[i];
			peers[0].rules[2] = peers[0].rules[0];
			peers[0].rules_count = 3;
			send_to(&peers[0], needs[n], 0);
			/* Not by TLS 1.2, not in clear, not later; and not with the other ticket. */
			assert_string_equal(send_to(&peers[0], needs[n], 0), "TLSv1.3");
			assert_int_equal(peers[0].conns_count, 3);
			assert_int_equal(resumed(), 0);
			assert_non_null(strstr(reason, "while a session was resumed"));
			/* The host's memory holds nothing against it, and no ticket of it is used. */
			assert_string_equal(send_to(&peers[0], needs[n], 0), "TLSv1.3");
			assert_int_equal(peers[0].conns_count, 4);
			assert_int_equal(resumed(), 0);
			tear_down();
			/* Nor does a TLS report: it failed for us alone. */
			assert_int_equal(w.reports_count, 4);
			assert_int_equal(w.reports[1].result, TLS_RESULT_NONE);
			assert_int_equal(w.reports[2].result, TLS_RESULT_SUCCESS);
		}
	}
}

static void a_host_that_fails_in_full_as_well_is_judged_as_ever(void **state) /* TLS-03, POL-12 */
{
	(void)state;
	for (size_t n = 0; n < COUNT_OF(needs); n++) {
		set_up(PEER_TLS_GOOD);
		peers[0].rules[1] = (struct peer_rules){ .tls = PEER_TLS_GARBAGE };
		peers[0].rules[2] = peers[0].rules[1];
		peers[0].rules[3] = peers[0].rules[0];
		peers[0].rules_count = 4;
		send_to(&peers[0], needs[n], 0);
		const char *tls = send_to(&peers[0], needs[n], 0);
		if (needs[n] == SECURITY_NEED_MAY) {
			assert_string_equal(tls, "TLSv1.2"); /* the next rung */
			assert_int_equal(peers[0].conns_count, 4);
		} else {
			assert_null(tls);
			assert_int_equal(peers[0].conns_count, 3);
		}
		tear_down();
		assert_int_equal(w.reports[1].result, TLS_RESULT_NONE);
		assert_int_equal(w.reports[2].result, TLS_RESULT_VALIDATION_FAILURE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_second_session_to_the_same_place_is_resumed),
		cmocka_unit_test(another_place_or_demand_makes_a_full_handshake),
		cmocka_unit_test(a_handshake_that_fails_with_a_ticket_is_tried_in_full),
		cmocka_unit_test(a_host_that_fails_in_full_as_well_is_judged_as_ever),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
