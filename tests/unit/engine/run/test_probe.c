/* Conversations without mail, with receivers on loopback. */
#include "engine/io/clock.h"
#include "engine/run/probe.h"
#include "tests/unit/engine/run/work_test.h"
#include "tls/tls_verifier.h"

struct bench {
	struct run_test base;
	struct loop loop;
	struct conn_pool pool;
	struct tls_verifier *verifier;
	struct tls_context *tls;
	struct probe_env env;
	struct probe probe;
	struct peer peer;
	struct route *route;
	struct tlsa_record records[2]; /* that are demanded */
	size_t records_count;
	bool is_done;
};

static struct bench b;

static uint64_t wall_s(void) { return (uint64_t)clock_wall_us() / 1000000; }

static void set_up_flags(struct peer_rules rules, const char *const *flags)
{
	static const struct loop_handlers handlers = { 0 };
	const struct ring_options ring = { .submissions = 64 };
	struct fail fail;
	memset(&b, 0, sizeof b);
	run_test_init(&b.base, "/spool", flags);
	assert_int_equal(loop_init(&b.loop, &ring, NULL, &handlers, &b, &fail), RESULT_OK);
	assert_int_equal(conn_pool_init(&b.pool, b.loop.ring, 1, 0, &fail), RESULT_OK);
	const struct tls_verifier_config verifier = { .now_s = wall_s, .cache_bytes = 65536 };
	assert_int_equal(tls_verifier_create(&verifier, &b.verifier, &fail), RESULT_OK);
	const struct tls_client_config tls = {
		.pool = b.base.hub.tls_pool,
		.conns_max = 1,
		.verify = tls_verifier_ask,
		.verify_cancel = tls_verifier_cancel,
		.verify_arg = b.verifier,
	};
	b.tls = tls_context_create_client(&tls, &fail);
	assert_non_null(b.tls);
	b.env = (struct probe_env){ &b.loop, &b.pool, b.tls, &b.base.config };
	peer_init(&b.peer, "127.0.0.1");
	b.peer.rules[0] = rules;
	b.peer.rules_count = 1;
}

static void set_up(struct peer_rules rules)
{
	static const char *const flags[] = { "--connect-timeout=5s", NULL };
	set_up_flags(rules, flags);
}

static void tear_down(void)
{
	route_unref(b.route);
	tls_context_destroy(b.tls);
	tls_verifier_destroy(b.verifier);
	conn_pool_deinit(&b.pool);
	loop_deinit(&b.loop);
	peer_deinit(&b.peer);
	run_test_deinit(&b.base);
}

static void done(struct probe *probe, void *context)
{
	assert_ptr_equal(probe, &b.probe);
	*(bool *)context = true;
}

static struct route_host *host(void) { return (struct route_host *)(uintptr_t)&b.route->hosts[0]; }

static bool begin(enum security_need need, enum tls_rung rung)
{
	struct peer *peer = &b.peer;
	route_unref(b.route);
	b.route = work_route(&peer, 1, need);
	host()->demand.tlsa = b.records;
	host()->demand.tlsa_count = b.records_count;
	host()->success = SECURITY_HALF_DANE;
	b.is_done = false;
	return probe_start(&b.probe, &b.env, b.route, &b.route->hosts[0], 0, rung, done, &b.is_done);
}

static const struct probe_result *probe_rung(enum security_need need, enum tls_rung rung)
{
	assert_true(begin(need, rung));
	while (!b.is_done)
		loop_run_once(&b.loop, RING_FOREVER);
	return &b.probe.result;
}

static const struct probe_result *probe(enum security_need need)
{
	return probe_rung(need, TLS_RUNG_FULL);
}

static void a_ready_host_passes_and_hears_of_no_mail(void **state)
{
	(void)state;
	set_up((struct peer_rules){ .pipelining = true });
	const struct probe_result *result = probe(SECURITY_NEED_MAY);
	assert_int_equal(result->verdict, PROBE_PASSED);
	assert_int_equal(result->security, SECURITY_CLEARTEXT);
	assert_int_equal(result->offered, SMTP_CAP_PIPELINING | SMTP_CAP_SIZE | SMTP_CAP_8BITMIME |
						  SMTP_CAP_ENHANCEDSTATUSCODES);
	assert_string_equal(result->tls, "");
	assert_string_equal(result->why, "");
	assert_false(result->has_leaf);
	tear_down();
	assert_true(peer_said(&b.peer, 0, "EHLO mail.sender.example\r\nQUIT\r\n"));
	assert_int_equal(b.peer.mails, 0);
	assert_int_equal(b.peer.quits, 1);
}

static void tls_is_used_and_the_certificate_shown(void **state)
{
	(void)state;
	set_up((struct peer_rules){ .tls = PEER_TLS_GOOD });
	const struct probe_result *result = probe(SECURITY_NEED_ENCRYPT);
	assert_int_equal(result->verdict, PROBE_PASSED);
	assert_int_equal(result->security, SECURITY_ENCRYPTED);
	assert_string_equal(result->tls, "TLSv1.3");
	assert_string_not_equal(result->cipher, "");
	assert_string_equal(result->group, "X25519");
	assert_true(result->has_leaf);
	assert_memory_not_equal(result->certificate, result->key, TLS_DIGEST_LEN);
	result = probe_rung(SECURITY_NEED_MAY, TLS_RUNG_1_2);
	assert_string_equal(result->tls, "TLSv1.2");
	tear_down();
	assert_true(peer_said(&b.peer, 0, "STARTTLS\r\nEHLO mail.sender.example\r\nQUIT\r\n")); /* STLS-05 */
}

/* CONFORMANCE 0.1, POL-12: what is demanded is not given up, and that is a refusal; STLS-04. */
static void a_host_that_does_not_prove_what_is_demanded_is_refused(void **state)
{
	(void)state;
	static const struct {
		struct peer_rules rules;
		const char *why;
	} table[] = {
		{ { .tls = PEER_TLS_NOT_OFFERED }, "STARTTLS is required and was not offered" },
		{ { .tls = PEER_TLS_GOOD, .starttls = "454 4.7.0 not now" },
			"STARTTLS was offered and refused: 454 4.7.0 not now" },
		{ { .tls = PEER_TLS_GARBAGE }, "" },
		{ { .tls = PEER_TLS_1_0 }, "" },
		{ { .tls = PEER_TLS_CLOSE }, "" },
		{ { .tls = PEER_TLS_GOOD, .inject = "250 injected\r\n" }, "" },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		set_up(table[i].rules);
		const struct probe_result *result = probe(SECURITY_NEED_ENCRYPT);
		assert_int_equal(result->verdict, PROBE_REFUSED);
		assert_string_not_equal(result->why, "");
		if (table[i].why[0] != '\0')
			assert_string_equal(result->why, table[i].why);
		tear_down();
		assert_int_equal(b.peer.mails, 0);
	}
}

/* DANE-37, TLSA-10: the verifier decides, and the record that matched is shown. */
static void a_chain_that_matches_a_record_is_proven(void **state)
{
	(void)state;
	static const uint8_t other[TLS_DIGEST_LEN];
	uint8_t key[TLS_DIGEST_LEN];
	set_up((struct peer_rules){ .tls = PEER_TLS_GOOD });
	memcpy(key, probe(SECURITY_NEED_ENCRYPT)->key, sizeof key);
	assert_null(b.probe.result.matched);
	b.records[0] = (struct tlsa_record){ .usage = 3, .selector = 1, .matching = 1,
		.data = { (const char *)other, sizeof other } };
	b.records[1] = (struct tlsa_record){ .usage = 3, .selector = 1, .matching = 1,
		.data = { (const char *)key, sizeof key } };
	b.records_count = 2;
	const struct probe_result *result = probe(SECURITY_NEED_DANE);
	assert_int_equal(result->verdict, PROBE_PASSED);
	assert_int_equal(result->security, SECURITY_HALF_DANE); /* as the route has it */
	assert_ptr_equal(result->matched, &b.records[1]);
	assert_int_equal(result->matched_depth, 0);
	b.records_count = 1;
	result = probe(SECURITY_NEED_DANE);
	assert_int_equal(result->verdict, PROBE_REFUSED);
	assert_null(result->matched);
	assert_non_null(strstr(result->why, "matches no TLSA record (3 1 1 0000"));
	assert_int_equal(result->tls_result, TLS_RESULT_CERTIFICATE_NOT_TRUSTED);
	tear_down();
	assert_int_equal(b.peer.mails, 0);
}

/* TLS-03, TLS-27: where nothing is demanded the next rung may do. */
static void a_broken_handshake_without_demand_asks_for_a_lower_rung(void **state)
{
	(void)state;
	set_up((struct peer_rules){ .tls = PEER_TLS_GARBAGE });
	const struct probe_result *result = probe(SECURITY_NEED_MAY);
	assert_int_equal(result->verdict, PROBE_FAILED);
	assert_true(result->tls_broke);
	result = probe_rung(SECURITY_NEED_MAY, TLS_RUNG_CLEAR);
	assert_int_equal(result->verdict, PROBE_PASSED);
	assert_int_equal(result->security, SECURITY_CLEARTEXT);
	tear_down();
	assert_false(peer_said(&b.peer, 1, "STARTTLS"));
}

static void a_host_that_refuses_to_talk_is_a_failure_in_its_words(void **state)
{
	(void)state;
	set_up((struct peer_rules){ .banner = "554 5.7.1 go away" });
	const struct probe_result *result = probe(SECURITY_NEED_ENCRYPT);
	assert_int_equal(result->verdict, PROBE_FAILED);
	assert_true(result->was_open && result->spoke);
	assert_string_equal(result->why, "the greeting was a refusal: 554 5.7.1 go away");
	tear_down();
}

static void an_address_where_nobody_listens_is_a_failure(void **state)
{
	(void)state;
	set_up((struct peer_rules){ .pipelining = true });
	uint16_t port = b.peer.port;
	b.peer.port = peer_refusing_port("127.0.0.1");
	const struct probe_result *result = probe(SECURITY_NEED_DANE);
	b.peer.port = port;
	assert_int_equal(result->verdict, PROBE_FAILED);
	assert_false(result->was_open || result->spoke);
	assert_non_null(strstr(result->why, "Connection refused"));
	tear_down();
}

/* SMTP-02: every wait has its limit. */
static void a_silent_host_is_left_after_the_time_limit(void **state)
{
	(void)state;
	static const char *const flags[] = { "--greeting-timeout=100ms", "--command-timeout=100ms",
		"--tls-timeout=100ms", NULL };
	static const enum peer_stage stages[] = { PEER_GREETING, PEER_EHLO, PEER_STARTTLS,
		PEER_HANDSHAKE };
	for (size_t i = 0; i < COUNT_OF(stages); i++) {
		set_up_flags((struct peer_rules){ .tls = PEER_TLS_GOOD, .silent_at = stages[i] }, flags);
		const struct probe_result *result = probe(SECURITY_NEED_MAY);
		assert_int_equal(result->verdict, PROBE_FAILED);
		assert_true(result->was_open);
		assert_false(result->spoke);
		tear_down();
	}
}

/* Ready for mail is what was asked; how the farewell goes does not matter. */
static void a_host_that_does_not_answer_quit_has_passed(void **state)
{
	(void)state;
	static const char *const flags[] = { "--command-timeout=100ms", NULL };
	static const struct peer_rules rules[] = { { .silent_at = PEER_QUIT }, { .close_at = PEER_QUIT } };
	for (size_t i = 0; i < COUNT_OF(rules); i++) {
		set_up_flags(rules[i], flags);
		assert_int_equal(probe(SECURITY_NEED_MAY)->verdict, PROBE_PASSED);
		assert_string_equal(b.probe.result.why, "");
		tear_down();
	}
}

static void a_source_of_the_other_family_makes_no_connection(void **state) /* MX-17 */
{
	(void)state;
	static const char *const flags[] = { "--source=::1", NULL };
	set_up_flags((struct peer_rules){ .pipelining = true }, flags);
	assert_false(begin(SECURITY_NEED_MAY, TLS_RUNG_FULL));
	assert_int_equal(b.probe.result.verdict, PROBE_NOT_MADE);
	assert_string_equal(b.probe.result.why, "no address of the family of our source");
	tear_down();
	assert_int_equal(b.peer.conns_count, 0);
}

static void the_source_and_its_name_are_used(void **state)
{
	(void)state;
	static const char *const flags[] = { "--source=::1", "--source=127.0.0.9,helo=other.sender.example",
		NULL };
	set_up_flags((struct peer_rules){ .pipelining = true }, flags);
	assert_int_equal(probe(SECURITY_NEED_MAY)->verdict, PROBE_PASSED);
	tear_down();
	assert_true(peer_said(&b.peer, 0, "EHLO other.sender.example\r\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ready_host_passes_and_hears_of_no_mail),
		cmocka_unit_test(tls_is_used_and_the_certificate_shown),
		cmocka_unit_test(a_host_that_does_not_prove_what_is_demanded_is_refused),
		cmocka_unit_test(a_chain_that_matches_a_record_is_proven),
		cmocka_unit_test(a_broken_handshake_without_demand_asks_for_a_lower_rung),
		cmocka_unit_test(a_host_that_refuses_to_talk_is_a_failure_in_its_words),
		cmocka_unit_test(an_address_where_nobody_listens_is_a_failure),
		cmocka_unit_test(a_silent_host_is_left_after_the_time_limit),
		cmocka_unit_test(a_host_that_does_not_answer_quit_has_passed),
		cmocka_unit_test(a_source_of_the_other_family_makes_no_connection),
		cmocka_unit_test(the_source_and_its_name_are_used),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
