/* STARTTLS over loopback: what is demanded is never given up, what is not may come down by rungs (POL-12,
 * TLS-03, TLS-27, STLS-04). */
#include "engine/io/clock.h"
#include "tests/unit/engine/run/work_test.h"

static struct work w;
static struct peer peers[2];

static const char *const flags[] = { "--connect-timeout=5s", "--idle-timeout=100ms",
	"--retry-first=4ms", NULL };

static void set_up(size_t peers_count, struct peer_rules rules)
{
	static const char *const addresses[] = { "127.0.0.1", "127.0.0.2" };
	work_init(&w, flags);
	for (size_t i = 0; i < peers_count; i++)
		peer_init(&peers[i], addresses[i]);
	peers[0].rules[0] = rules;
	peers[0].rules_count = 1;
}

static void tear_down(size_t peers_count)
{
	work_end(&w);
	for (size_t i = 0; i < peers_count; i++)
		peer_deinit(&peers[i]);
}

static struct attempt *send_needing(size_t hosts, enum security_need need)
{
	struct peer *list[] = { &peers[0], &peers[1] };
	struct attempt *attempt = work_send(
		&w, work_route(list, hosts, need), &(struct test_mail){ .rcpts = "ann@a.example" });
	assert_ptr_equal(work_outcome(&w), attempt);
	return attempt;
}

static const struct attempt_facts *facts_of(const struct attempt *attempt)
{
	return &attempt->work->facts[attempt->rcpts[0].facts];
}

static void tls_is_used_where_it_is_offered(void **state)
{
	(void)state;
	static const struct {
		enum peer_tls tls;
		const char *protocol;
	} table[] = {
		{ PEER_TLS_GOOD, "TLSv1.3" },
		{ PEER_TLS_1_2, "TLSv1.2" },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		set_up(1, (struct peer_rules){ .tls = table[i].tls, .pipelining = true });
		struct attempt *attempt = send_needing(1, SECURITY_NEED_MAY);
		assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
		assert_string_equal(facts_of(attempt)->tls, table[i].protocol);
		assert_int_equal(facts_of(attempt)->security, SECURITY_ENCRYPTED);
		assert_false(facts_of(attempt)->authenticated);
		assert_true(peer_said(
			&peers[0], 0, "STARTTLS\r\nEHLO mail.sender.example\r\n")); /* STLS-05 */
		assert_int_equal(peers[0].conns_count, 1);
		assert_int_equal(hub_read(&w.base.hub.counters.messages_tls), 1);
		assert_int_equal(hub_read(&w.base.hub.counters.messages_clear), 0);
		assert_int_equal(hub_read(&w.base.hub.counters.sessions_tls), 1);
		work_done(&w, attempt);
		tear_down(1);
		assert_int_equal(w.reports[0].result, TLS_RESULT_SUCCESS);
		assert_string_equal(w.reports[0].tls, table[i].protocol);
		assert_int_equal(w.reports[0].security, SECURITY_ENCRYPTED);
	}
}

static void a_session_with_tls_is_used_for_the_next_message(void **state)
{
	(void)state;
	set_up(1, (struct peer_rules){ .tls = PEER_TLS_GOOD, .pipelining = true });
	for (int i = 0; i < 3; i++) {
		struct attempt *attempt = send_needing(1, SECURITY_NEED_MAY);
		assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
		work_done(&w, attempt);
	}
	assert_int_equal(peers[0].handshakes, 1);
	assert_int_equal(peers[0].taken, 3);
	tear_down(1);
}

static void a_session_in_clear_serves_nobody_who_demands_tls(void **state) /* POL-01, POL-12 */
{
	(void)state;
	set_up(1, (struct peer_rules){ .pipelining = true });
	peers[0].rules[1] = (struct peer_rules){ .tls = PEER_TLS_GOOD, .pipelining = true };
	peers[0].rules_count = 2;
	struct attempt *attempt = send_needing(1, SECURITY_NEED_MAY);
	assert_string_equal(facts_of(attempt)->tls, "");
	work_done(&w, attempt);
	attempt = send_needing(1, SECURITY_NEED_ENCRYPT);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	assert_string_equal(facts_of(attempt)->tls, "TLSv1.3");
	assert_int_equal(peers[0].conns_count, 2);
	assert_false(peer_said(&peers[0], 0, "MAIL FROM:<news@list.example>\r\nMAIL"));
	work_done(&w, attempt);
	tear_down(1);
}

static void a_ceiling_of_none_never_asks_for_tls(void **state)
{
	(void)state;
	set_up(1, (struct peer_rules){ .tls = PEER_TLS_GOOD, .pipelining = true });
	struct attempt *attempt = send_needing(1, SECURITY_NEED_NONE);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	assert_int_equal(facts_of(attempt)->security, SECURITY_CLEARTEXT);
	assert_false(peer_said(&peers[0], 0, "STARTTLS"));
	work_done(&w, attempt);
	tear_down(1);
	assert_int_equal(w.reports[0].result, TLS_RESULT_NONE);
}

/* ---- rungs ---- */

static void a_failed_handshake_is_tried_with_tls_1_2_and_then_without(void **state) /* TLS-03 */
{
	(void)state;
	static const struct peer_rules broken[] = {
		{ .tls = PEER_TLS_GARBAGE },
		{ .tls = PEER_TLS_CLOSE },
		{ .tls = PEER_TLS_1_0 },
	};
	for (size_t i = 0; i < COUNT_OF(broken); i++) {
		set_up(1, broken[i]);
		struct attempt *attempt = send_needing(1, SECURITY_NEED_MAY);
		assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
		assert_int_equal(peers[0].conns_count, 3); /* POL-12: each on a fresh connection */
		assert_true(peer_said(&peers[0], 0, "STARTTLS"));
		assert_true(peer_said(&peers[0], 1, "STARTTLS"));
		assert_false(peer_said(&peers[0], 2, "STARTTLS"));
		assert_false(peer_said(&peers[0], 0, "MAIL"));
		assert_false(peer_said(&peers[0], 1, "MAIL"));
		assert_string_equal(facts_of(attempt)->tls, "");
		assert_int_equal(facts_of(attempt)->security, SECURITY_CLEARTEXT);
		assert_int_not_equal(work_reason(attempt)[0], '\0'); /* people are told */
		work_done(&w, attempt);
		/* The rung is remembered: the next session does not try in vain. */
		WORK_WAIT(&w, w.slots == 0);
		attempt = send_needing(1, SECURITY_NEED_MAY);
		assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
		assert_int_equal(peers[0].conns_count, 4);
		assert_false(peer_said(&peers[0], 3, "STARTTLS"));
		work_done(&w, attempt);
		tear_down(1);
		assert_int_not_equal(w.reports[0].result, TLS_RESULT_SUCCESS);
	}
}

static void what_failed_for_one_name_is_no_reason_for_another_at_the_same_address(void **state) /* MX-23 */
{
	(void)state;
	set_up(1, (struct peer_rules){ .tls = PEER_TLS_GARBAGE });
	peers[0].rules[1] = peers[0].rules[0];
	peers[0].rules[2] = (struct peer_rules){ 0 };
	peers[0].rules[3] = (struct peer_rules){ .tls = PEER_TLS_GOOD };
	peers[0].rules_count = 4;
	struct attempt *attempt = send_needing(1, SECURITY_NEED_MAY);
	assert_string_equal(facts_of(attempt)->tls, "");
	work_done(&w, attempt);
	WORK_WAIT(&w, w.slots == 0);
	const struct test_host other[] = { { "mx.other.example", 10, peers[0].port, peers[0].address,
						   ROUTE_HOST_READY, NULL, SECURITY_NEED_MAY },
		{ 0 } };
	attempt = work_send(&w, test_route("b.example", other, UINT64_MAX),
		&(struct test_mail){ .rcpts = "bob@b.example" });
	assert_ptr_equal(work_outcome(&w), attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	assert_string_equal(facts_of(attempt)->tls, "TLSv1.3");
	assert_int_equal(peers[0].conns_count, 4);
	work_done(&w, attempt);
	tear_down(1);
}

static void the_middle_rung_is_enough_where_only_tls_1_3_fails(void **state) /* TLS-03 */
{
	(void)state;
	set_up(1, (struct peer_rules){ .tls = PEER_TLS_GARBAGE });
	peers[0].rules[1] = (struct peer_rules){ .tls = PEER_TLS_GOOD };
	peers[0].rules_count = 2;
	struct attempt *attempt = send_needing(1, SECURITY_NEED_MAY);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	assert_string_equal(facts_of(attempt)->tls, "TLSv1.2"); /* it did not ask for more */
	assert_int_equal(peers[0].conns_count, 2);
	work_done(&w, attempt);
	tear_down(1);
}

static void a_refused_starttls_goes_on_in_clear_on_the_same_connection(void **state) /* STLS-10 */
{
	(void)state;
	set_up(1, (struct peer_rules){ .tls = PEER_TLS_GOOD, .starttls = "454 4.7.0 not now" });
	struct attempt *attempt = send_needing(1, SECURITY_NEED_MAY);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	assert_int_equal(peers[0].conns_count, 1);
	assert_string_equal(facts_of(attempt)->tls, "");
	work_done(&w, attempt);
	tear_down(1);
}

/* ---- what is demanded ---- */

static void demanded_tls_is_never_given_up(void **state) /* POL-12, STLS-11, STLS-17, STLS-18 */
{
	(void)state;
	static const struct {
		struct peer_rules rules;
		enum tls_result result;
		const char *status; /* the receiver's where it spoke */
	} table[] = {
		{ { .tls = PEER_TLS_NOT_OFFERED }, TLS_RESULT_STARTTLS_NOT_SUPPORTED, "4.7.5" },
		{ { .tls = PEER_TLS_GOOD, .starttls = "454 4.7.0 not now" },
			TLS_RESULT_STARTTLS_NOT_SUPPORTED, "4.7.0" },
		{ { .tls = PEER_TLS_GOOD, .starttls = "502 what" },
			TLS_RESULT_STARTTLS_NOT_SUPPORTED, "4.0.0" },
		{ { .tls = PEER_TLS_GARBAGE }, TLS_RESULT_VALIDATION_FAILURE, "4.7.5" },
		{ { .tls = PEER_TLS_CLOSE }, TLS_RESULT_VALIDATION_FAILURE, "4.7.5" },
		{ { .tls = PEER_TLS_1_0 }, TLS_RESULT_VALIDATION_FAILURE, "4.7.5" },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		set_up(1, table[i].rules);
		for (uint32_t pass = 1; pass <= 3; pass++) { /* not on the second try either */
			struct attempt *attempt = send_needing(1, SECURITY_NEED_ENCRYPT);
			assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DEFERRED);
			assert_int_equal(attempt->rcpts[0].bounce_class, BOUNCE_CLASS_TLS);
			assert_string_equal(work_status(attempt), table[i].status);
			assert_int_equal(peers[0].conns_count, pass);
			assert_int_equal(peers[0].mails, 0);
			work_done(&w, attempt);
		}
		tear_down(1);
		assert_int_equal(w.reports[0].result, table[i].result);
		assert_int_equal(w.reports[0].need, SECURITY_NEED_ENCRYPT);
	}
}

static void a_host_that_fails_what_is_demanded_gives_way_to_the_next(void **state) /* POL-17 */
{
	(void)state;
	set_up(2, (struct peer_rules){ .tls = PEER_TLS_NOT_OFFERED });
	peers[1].rules[0] = (struct peer_rules){ .tls = PEER_TLS_GOOD };
	peers[1].rules_count = 1;
	struct attempt *attempt = send_needing(2, SECURITY_NEED_ENCRYPT);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	assert_string_equal(facts_of(attempt)->mx, "mx1.test");
	assert_string_equal(facts_of(attempt)->tls, "TLSv1.3");
	assert_int_equal(facts_of(attempt)->need, SECURITY_NEED_ENCRYPT);
	assert_int_equal(peers[0].mails, 0);
	work_done(&w, attempt);
	tear_down(2);
}

static void without_a_proof_no_mail_is_sent_where_one_is_demanded(void **state) /* TLS-14, SEC-21 */
{
	(void)state;
	static const enum security_need needs[] = { SECURITY_NEED_DANE, SECURITY_NEED_STS,
		SECURITY_NEED_DANE_STS, SECURITY_NEED_SECURE, SECURITY_NEED_DANE_SECURE };
	for (size_t i = 0; i < COUNT_OF(needs); i++) {
		set_up(1, (struct peer_rules){ .tls = PEER_TLS_GOOD });
		struct attempt *attempt = send_needing(1, needs[i]);
		assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DEFERRED);
		assert_int_equal(peers[0].mails, 0);
		assert_int_equal(peers[0].conns_count, 1);
		work_done(&w, attempt);
		tear_down(1);
	}
}

/* ---- DANE ---- */

/* Sends to one host with this TLSA record; `digest` is its data. */
static struct attempt *send_under_dane(struct tlsa_record *record, const uint8_t digest[32])
{
	struct peer *list[] = { &peers[0] };
	struct route *route = work_route(list, 1, SECURITY_NEED_DANE);
	static const struct text names[] = { TEXT_INIT("mx0.test") };
	route->mx_secure = true;
	record->data = text_of_bytes(digest, 32);
	/* A route is read-only once made; this one nobody has seen yet. */
	struct route_host *host = (struct route_host *)(uintptr_t)&route->hosts[0];
	struct security_demand *demand = &host->demand;
	demand->tlsa = record;
	demand->tlsa_count = 1;
	demand->names = names;
	demand->names_count = 1;
	struct attempt *attempt =
		work_send(&w, route, &(struct test_mail){ .rcpts = "ann@a.example" });
	assert_ptr_equal(work_outcome(&w), attempt);
	return attempt;
}

static void a_key_that_the_dns_vouches_for_gets_its_mail(void **state) /* DANE-37 */
{
	(void)state;
	struct tlsa_record record = { .usage = 3, .selector = 1, .matching = 1 };
	set_up(1, (struct peer_rules){ .tls = PEER_TLS_GOOD, .pipelining = true });
	struct attempt *attempt = send_under_dane(&record, peer_key_digest());
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	assert_int_equal(facts_of(attempt)->security, SECURITY_DANE);
	assert_true(facts_of(attempt)->authenticated);
	assert_int_equal(w.chains, 0);
	work_done(&w, attempt);
	tear_down(1);
	assert_int_equal(w.reports[0].security, SECURITY_DANE);
}

/* TLSA-26, and the reason tells a person which record of which host. */
static void another_key_than_the_published_one_gets_nothing(void **state)
{
	(void)state;
	static const uint8_t other[32] = { 0xab, 0xcd };
	static const struct {
		uint8_t usage;
		uint32_t chains;
		const char *named;
	} table[] = { { 3, 0, "3 1 1 abcd0000" }, { 2, 1, "2 1 1 abcd0000" } };
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct tlsa_record record = { .usage = table[i].usage, .selector = 1, .matching = 1 };
		set_up(1, (struct peer_rules){ .tls = PEER_TLS_GOOD, .pipelining = true });
		struct attempt *attempt = send_under_dane(&record, other);
		assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DEFERRED);
		assert_int_equal(peers[0].mails, 0);
		assert_int_equal(peers[0].conns_count, 1);
		assert_int_equal(w.chains, table[i].chains);
		if (strstr(work_reason(attempt), table[i].named) == NULL ||
			strstr(work_reason(attempt), "mx0.test") == NULL)
			fail_msg("%s", work_reason(attempt));
		assert_string_equal(work_status(attempt), "4.7.5");
		work_done(&w, attempt);
		tear_down(1);
	}
}

static void a_refusal_before_demanded_tls_bounces_nobody(void **state) /* POL-14, SEC-20 */
{
	(void)state;
	static const struct peer_rules rules[] = {
		{ .banner = "521 5.3.2 no mail here", .tls = PEER_TLS_GOOD },
		{ .banner = "554 5.7.1 no", .tls = PEER_TLS_GOOD },
		{ .ehlo = "550 5.7.1 no", .tls = PEER_TLS_GOOD },
	};
	static const enum security_need needs[] = { SECURITY_NEED_ENCRYPT, SECURITY_NEED_DANE };
	for (size_t i = 0; i < COUNT_OF(rules) * COUNT_OF(needs); i++) {
		set_up(1, rules[i / COUNT_OF(needs)]);
		struct attempt *attempt = send_needing(1, needs[i % COUNT_OF(needs)]);
		assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DEFERRED);
		assert_int_not_equal(attempt->rcpts[0].status.class, 5);
		work_done(&w, attempt);
		tear_down(1);
	}
}

/* ---- injection ---- */

static void what_stands_behind_the_220_ends_the_session_and_is_no_reason_for_cleartext(void **state)
{
	(void)state; /* STLS-04 */
	static const enum security_need needs[] = { SECURITY_NEED_MAY, SECURITY_NEED_ENCRYPT };
	for (size_t i = 0; i < COUNT_OF(needs); i++) {
		set_up(1, (struct peer_rules){ .tls = PEER_TLS_GOOD, .inject = "250 2.0.0 taken" });
		struct attempt *attempt = send_needing(1, needs[i]);
		assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DEFERRED);
		assert_string_equal(work_status(attempt), "4.7.5");
		assert_int_equal(peers[0].conns_count, 1);
		assert_int_equal(peers[0].mails, 0);
		work_done(&w, attempt);
		/* Nor is it remembered as one: the next session begins with TLS again. */
		WORK_WAIT(&w, w.slots == 0);
		attempt = send_needing(1, needs[i]);
		assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DEFERRED);
		assert_true(peer_said(&peers[0], 1, "STARTTLS"));
		assert_int_equal(peers[0].mails, 0);
		work_done(&w, attempt);
		tear_down(1);
		assert_int_equal(w.reports[0].result, TLS_RESULT_VALIDATION_FAILURE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_is_used_where_it_is_offered),
		cmocka_unit_test(a_session_with_tls_is_used_for_the_next_message),
		cmocka_unit_test(a_session_in_clear_serves_nobody_who_demands_tls),
		cmocka_unit_test(a_ceiling_of_none_never_asks_for_tls),
		cmocka_unit_test(a_failed_handshake_is_tried_with_tls_1_2_and_then_without),
		cmocka_unit_test(
			what_failed_for_one_name_is_no_reason_for_another_at_the_same_address),
		cmocka_unit_test(the_middle_rung_is_enough_where_only_tls_1_3_fails),
		cmocka_unit_test(a_refused_starttls_goes_on_in_clear_on_the_same_connection),
		cmocka_unit_test(demanded_tls_is_never_given_up),
		cmocka_unit_test(a_host_that_fails_what_is_demanded_gives_way_to_the_next),
		cmocka_unit_test(without_a_proof_no_mail_is_sent_where_one_is_demanded),
		cmocka_unit_test(a_key_that_the_dns_vouches_for_gets_its_mail),
		cmocka_unit_test(another_key_than_the_published_one_gets_nothing),
		cmocka_unit_test(a_refusal_before_demanded_tls_bounces_nobody),
		cmocka_unit_test(
			what_stands_behind_the_220_ends_the_session_and_is_no_reason_for_cleartext),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
