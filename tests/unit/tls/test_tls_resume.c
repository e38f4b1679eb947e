/* Resumed sessions: who may use whose ticket, for how long, and that each of them is judged anew
 * (TLS-13, TLS-14, TLS-15, SEC-06, SEC-21). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/tls/tls_pair.h"
#include "tests/unit/tls/tls_test_certs.h"
#include "tls/tls_tickets.h"

enum {
	BUDGET = 1024 * 1024,
	NOW_S = 1000,
};

/* A verifier that says what the test told it to, and counts. */
struct verifier {
	struct tls_verdict verdict;
	unsigned calls;
	struct tls_conn *conn;
	uint8_t leaf[4096];
	size_t leaf_len;
};

static struct test_certs certs;
static struct tls_pool *pool;
static struct verifier verifier;
static struct tls_context *client_ctx, *server_ctx;
static const uint16_t versions[] = { TLS_VERSION_1_2, TLS_VERSION_1_3 };
static const uint8_t secret[TLS_TICKET_SECRET_LEN] = "what all the servers of this test know";

static struct tls_verdict verify(void *arg, struct tls_conn *conn, const struct tls_chain *chain,
	const struct security_demand *demand)
{
	struct verifier *v = arg;
	(void)demand;
	v->calls++;
	v->conn = conn;
	assert_true(chain->certs_count > 0);
	v->leaf_len = chain->certs[0].der_len;
	assert_true(v->leaf_len <= sizeof v->leaf);
	memcpy(v->leaf, chain->certs[0].der, v->leaf_len);
	return v->verdict;
}

static int set_up_all(void **state)
{
	(void)state;
	test_certs_init(&certs);
	pool = tls_pool_create();
	return 0;
}

static int tear_down_all(void **state)
{
	(void)state;
	tls_pool_destroy(pool);
	test_certs_deinit(&certs);
	return 0;
}

static struct tls_context *server_of(
	uint16_t version_max, const struct test_cert *cert, const uint8_t *ticket_secret)
{
	struct tls_identity identity = test_identity(cert, NULL);
	return make_server(pool,
		(struct tls_server_config){ .version_max = version_max,
			.tickets = true,
			.ticket_secret = ticket_secret },
		&identity, 1);
}

static void begin(uint16_t version_max, size_t budget)
{
	verifier = (struct verifier){ .verdict = {
					      .kind = TLS_VERDICT_ACCEPTED, .proved_dane = true } };
	client_ctx = make_client(pool,
		(struct tls_client_config){
			.verify = verify, .verify_arg = &verifier, .tickets_bytes_max = budget });
	server_ctx = server_of(version_max, &certs.certs[TEST_KEY_P256], secret);
}

static void end(void)
{
	tls_context_destroy(client_ctx);
	tls_context_destroy(server_ctx);
}

static void prepare(struct tls_pair *pair, const struct security_demand *demand, const char *sni,
	const char *where, uint64_t now_s)
{
	tls_pair_init(pair, client_ctx, demand, sni, server_ctx);
	tls_conn_use_tickets(
		pair->client.conn, &(struct tls_place){ .where = text_of(where), .now_s = now_s });
}

/* The server says something, by which the client knows that its handshake was taken. */
static void greet(struct tls_pair *pair)
{
	uint8_t plain[64];
	assert_int_equal(tls_pair_write(pair, &pair->server, "250 hello", 9), TLS_OK);
	assert_int_equal(tls_pair_read(pair, &pair->client, plain, sizeof plain), 9);
}

/* A whole session; what was known of it. */
static struct tls_info talk_to(
	const struct security_demand *demand, const char *sni, const char *where, uint64_t now_s)
{
	struct tls_pair pair;
	prepare(&pair, demand, sni, where, now_s);
	tls_pair_run(&pair);
	if (pair.client.status == TLS_OK && pair.server.status == TLS_OK)
		greet(&pair);
	struct tls_info info = info_of(&pair.client);
	tls_pair_deinit(&pair);
	return info;
}

static struct tls_info talk(const struct security_demand *demand)
{
	return talk_to(demand, "mx.example", "here", NOW_S);
}

static void a_second_session_resumes_the_first_and_is_judged_like_it(void **state) /* TLS-13 */
{
	(void)state;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		begin(versions[v], BUDGET);
		struct security_demand demand = demand_of(SECURITY_NEED_DANE);
		struct tls_info info = talk(&demand);
		assert_false(info.ticket_offered || info.resumed);
		assert_int_equal(verifier.calls, 1);
		assert_true(tls_context_tickets(client_ctx) > 0);
		verifier.leaf_len = 0;
		info = talk(&demand);
		assert_true(info.ticket_offered && info.resumed && info.proved_dane);
		assert_int_equal(verifier.calls, 2);
		assert_int_equal(verifier.leaf_len, certs.certs[TEST_KEY_P256].der_len);
		assert_memory_equal(
			verifier.leaf, certs.certs[TEST_KEY_P256].der, verifier.leaf_len);
		info = talk(
			&demand); /* and so on: the resumed one gave a ticket too, or kept its */
		assert_true(info.resumed);
		assert_int_equal(verifier.calls, 3);
		end();
	}
}

static void where_nothing_is_demanded_sessions_are_resumed_as_well(void **state)
{
	(void)state;
	static const enum security_need needs[] = { SECURITY_NEED_MAY, SECURITY_NEED_ENCRYPT };
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		for (size_t i = 0; i < COUNT_OF(needs); i++) {
			begin(versions[v], BUDGET);
			struct security_demand demand = demand_of(needs[i]);
			assert_false(talk(&demand).resumed);
			assert_true(talk(&demand).resumed);
			assert_int_equal(verifier.calls, 0);
			end();
		}
	}
}

/* (SEC-06, SEC-21) The stored chain does not do any more: nothing is sent, and the next one is a full
 * handshake, not the same failure again. */
static void a_verifier_that_now_says_no_ends_a_resumed_handshake(void **state)
{
	(void)state;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		begin(versions[v], BUDGET);
		struct security_demand demand = demand_of(SECURITY_NEED_STS);
		talk(&demand);
		talk(&demand);
		struct tls_pair pair;
		verifier.verdict = (struct tls_verdict){ .kind = TLS_VERDICT_REJECTED,
			.failure = TLS_FAILURE_EXPIRED,
			.reason = "over since yesterday" };
		prepare(&pair, &demand, "mx.example", "here", NOW_S);
		tls_pair_run(&pair);
		assert_int_equal(pair.client.status, TLS_FAILED);
		assert_int_equal(pair.server.status, TLS_FAILED);
		assert_non_null(strstr(pair.client.fail.text, "over since yesterday"));
		struct tls_info info = info_of(&pair.client);
		assert_true(info.ticket_offered && info.alert_sent);
		assert_int_equal(info.failure, TLS_FAILURE_EXPIRED);
		assert_false(info.proved_dane || info.proved_pkix);
		assert_int_equal(verifier.calls, 3);
		assert_int_equal(
			tls_context_tickets(client_ctx), 0); /* at once, not when it goes */
		tls_pair_deinit(&pair);
		verifier.verdict =
			(struct tls_verdict){ .kind = TLS_VERDICT_ACCEPTED, .proved_pkix = true };
		info = talk(&demand);
		assert_false(info.ticket_offered || info.resumed);
		assert_true(info.proved_pkix);
		end();
	}
}

static void the_verdict_on_a_resumed_session_may_come_later(void **state)
{
	(void)state;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		begin(versions[v], BUDGET);
		struct security_demand demand = demand_of(SECURITY_NEED_DANE);
		talk(&demand);
		struct tls_pair pair;
		verifier.verdict.kind = TLS_VERDICT_WAIT;
		prepare(&pair, &demand, "mx.example", "here", NOW_S);
		tls_pair_run(&pair);
		assert_int_equal(pair.client.status, TLS_WAIT_VERIFY);
		struct tls_verdict verdict = { .kind = TLS_VERDICT_ACCEPTED, .proved_pkix = true };
		tls_conn_resume_verify(verifier.conn, &verdict);
		tls_pair_handshake_once(&pair, &pair.client);
		tls_pair_run(&pair);
		assert_int_equal(pair.client.status, TLS_OK);
		struct tls_info info = info_of(&pair.client);
		assert_true(info.resumed && info.proved_pkix);
		assert_false(info.proved_dane); /* what was proved before counts for nothing */
		tls_pair_deinit(&pair);
		end();
	}
}

/* (TLS-14) Miss on any difference, the rotated TLSA set and the opportunistic session among them. */
static void nothing_is_offered_where_anything_differs(void **state)
{
	(void)state;
	static const struct text names[] = { TEXT_INIT("mx.example"), TEXT_INIT("b.example") };
	static const struct tlsa_record old = { .usage = 3, .selector = 1, .matching = 1,
		.data = TEXT_INIT("thirty-two bytes of a digest, 01") };
	static const struct tlsa_record rotated = { .usage = 3, .selector = 1, .matching = 1,
		.data = TEXT_INIT("thirty-two bytes of a digest, 02") };
	struct security_demand first = demand_of(SECURITY_NEED_DANE_STS);
	first.tlsa = &old;
	first.tlsa_count = 1;
	first.names = names;
	first.names_count = 1;
	first.trust_generation = 7;
	struct security_demand others[11];
	for (size_t i = 0; i < COUNT_OF(others); i++)
		others[i] = first;
	others[0].tlsa = &rotated;
	others[1].tlsa_count = 0;
	others[2].names = names + 1;
	others[3].names_count = 2;
	others[4].trust_generation = 8;
	others[5].need = SECURITY_NEED_DANE;
	others[6].tls_version_min = TLS_VERSION_1_3;
	others[7] = demand_of(SECURITY_NEED_MAY);
	others[8].root_names = names;
	others[8].root_names_count = 1;
	others[9].sni = names[1];
	others[10].need = SECURITY_NEED_ENCRYPT;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		begin(0, BUDGET);
		tls_context_destroy(server_ctx);
		server_ctx = server_of(versions[v], &certs.certs[TEST_KEY_P256], secret);
		talk(&first);
		for (size_t i = 0; i < COUNT_OF(others); i++) {
			assert_false(talk(&others[i]).ticket_offered);
			struct tls_info back = talk_to(&first, "mx.example", "here", NOW_S);
			assert_true(back.ticket_offered);
		}
		assert_false(talk_to(&first, "b.example", "here", NOW_S).ticket_offered);
		assert_false(talk_to(&first, "", "here", NOW_S).ticket_offered);
		assert_false(talk_to(&first, "mx.example", "there", NOW_S).ticket_offered);
		/* The border between two fields is part of them. */
		assert_false(talk_to(&first, "x.example", "herem", NOW_S).ticket_offered);
		assert_true(talk(&first).resumed);
		end();
	}
}

/* (TLS-14) Without proof first, then with: the bars are not the same. */
static void a_session_that_proved_nothing_is_no_help_to_one_that_must(void **state)
{
	(void)state;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		begin(versions[v], BUDGET);
		struct security_demand may = demand_of(SECURITY_NEED_MAY);
		struct security_demand dane = demand_of(SECURITY_NEED_DANE);
		talk(&may);
		assert_true(talk(&may).resumed);
		struct tls_info info = talk(&dane);
		assert_false(info.ticket_offered || info.resumed);
		assert_int_equal(verifier.calls, 1);
		end();
	}
}

static void a_ticket_of_tls_1_3_is_used_once(void **state) /* TLS-15 */
{
	(void)state;
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		bool once = versions[v] == TLS_VERSION_1_3;
		begin(versions[v], BUDGET);
		talk(&demand);
		uint32_t count = tls_context_tickets(client_ctx);
		assert_int_equal(count, once ? 2 : 1); /* what BoringSSL's servers give */
		struct tls_pair pairs[3];
		for (size_t i = 0; i < COUNT_OF(pairs); i++) {
			prepare(&pairs[i], &demand, "mx.example", "here", NOW_S);
			tls_pair_handshake_once(&pairs[i], &pairs[i].client);
			bool offered = info_of(&pairs[i].client).ticket_offered;
			assert_int_equal(offered, !once || i < count);
		}
		assert_int_equal(tls_context_tickets(client_ctx), once ? 0 : 1);
		for (size_t i = 0; i < COUNT_OF(pairs); i++) {
			tls_pair_run(&pairs[i]);
			assert_int_equal(pairs[i].client.status, TLS_OK);
			greet(&pairs[i]);
		}
		for (size_t i = 0; i < COUNT_OF(pairs); i++)
			tls_pair_deinit(&pairs[i]);
		assert_int_equal(tls_context_tickets(client_ctx), once ? 6 : 1);
		end();
	}
}

static void a_ticket_that_is_too_old_is_not_offered(void **state) /* TLS-15 */
{
	(void)state;
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		begin(versions[v], BUDGET);
		talk(&demand);
		uint64_t late_s = NOW_S + TLS_TICKET_LIFETIME_MAX_S;
		assert_false(talk_to(&demand, "mx.example", "here", late_s).ticket_offered);
		assert_true(talk_to(&demand, "mx.example", "here", late_s + 60).resumed);
		end();
	}
}

static void resuming_again_and_again_ends_after_a_day(void **state)
{
	(void)state;
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		begin(versions[v], BUDGET);
		talk(&demand);
		unsigned full_handshakes = 0;
		/* Each one resumes what the last one gave, an hour later. */
		for (uint64_t s = 3600; s < TLS_TICKET_LINEAGE_MAX_S + 3600; s += 3600) {
			bool resumed = talk_to(&demand, "mx.example", "here", NOW_S + s).resumed;
			if (s >= TLS_TICKET_LINEAGE_MAX_S)
				assert_false(resumed);
			full_handshakes += !resumed;
		}
		/* A ticket of TLS 1.2 is the same one all the time, so that its own end comes first. */
		if (versions[v] == TLS_VERSION_1_3)
			assert_int_equal(full_handshakes, 1);
		else
			assert_in_range(full_handshakes, 6, 12);
		end();
	}
}

/* Under TLS 1.3 our side is done before the peer has judged it: its tickets count when it has spoken. */
static void what_comes_before_the_peer_has_spoken_is_not_kept(void **state)
{
	(void)state;
	uint8_t plain[64];
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	struct tls_pair pair;
	begin(TLS_VERSION_1_3, BUDGET);
	prepare(&pair, &demand, "mx.example", "here", NOW_S);
	tls_pair_run(&pair);
	assert_int_equal(pair.client.status, TLS_OK);
	assert_true(pipe_len(&pair.client.in) > 0); /* the tickets are on their way */
	assert_int_equal(tls_pair_read(&pair, &pair.client, plain, sizeof plain), 0);
	assert_int_equal(pair.client.status, TLS_WANT_READ);
	assert_int_equal(tls_context_tickets(client_ctx), 0);
	greet(&pair);
	assert_int_equal(tls_context_tickets(client_ctx), 2);
	tls_pair_deinit(&pair);
	assert_int_equal(tls_context_tickets(client_ctx), 2);
	prepare(&pair, &demand, "mx.example", "there", NOW_S);
	tls_pair_run(&pair);
	assert_int_equal(tls_pair_read(&pair, &pair.client, plain, sizeof plain), 0);
	tls_pair_deinit(&pair);
	assert_int_equal(tls_context_tickets(client_ctx), 2);
	end();
}

static void a_handshake_that_is_not_accepted_leaves_no_ticket(void **state) /* SEC-21 */
{
	(void)state;
	struct security_demand demand = demand_of(SECURITY_NEED_DANE);
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		begin(versions[v], BUDGET);
		verifier.verdict = (struct tls_verdict){ .kind = TLS_VERDICT_REJECTED,
			.failure = TLS_FAILURE_UNTRUSTED };
		talk(&demand);
		assert_int_equal(tls_context_tickets(client_ctx), 0);
		assert_false(talk(&demand).ticket_offered);
		end();
	}
}

/* The peer is lost in the middle of a handshake with a ticket: maybe for its sake. */
static void a_connection_that_comes_to_nothing_takes_the_tickets_with_it(void **state)
{
	(void)state;
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		for (int closed = 0; closed < 2; closed++) {
			struct tls_pair pair;
			begin(versions[v], BUDGET);
			talk(&demand);
			prepare(&pair, &demand, "mx.example", "here", NOW_S);
			tls_pair_handshake_once(&pair, &pair.client);
			assert_true(info_of(&pair.client).ticket_offered);
			if (closed) { /* else a time limit: nothing is said any more */
				pair.client.in.eof = true;
				tls_pair_handshake_once(&pair, &pair.client);
				assert_int_equal(pair.client.status, TLS_FAILED);
				assert_int_equal(tls_context_tickets(client_ctx), 0);
			}
			tls_pair_deinit(&pair);
			assert_int_equal(tls_context_tickets(client_ctx), 0);
			assert_false(talk(&demand).ticket_offered);
			assert_int_equal(
				tls_context_tickets(client_ctx), 0); /* nor kept, for an hour */
			assert_false(talk(&demand).ticket_offered);
			uint64_t later_s = NOW_S + TLS_TICKET_BAR_S;
			talk_to(&demand, "mx.example", "here", later_s);
			assert_true(talk_to(&demand, "mx.example", "here", later_s).resumed);
			end();
		}
	}
}

static void a_server_that_does_not_know_the_ticket_makes_a_full_handshake(void **state)
{
	(void)state;
	struct security_demand demand = demand_of(SECURITY_NEED_DANE);
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		begin(versions[v], BUDGET);
		talk(&demand);
		tls_context_destroy(server_ctx);
		server_ctx = server_of(versions[v], &certs.certs[TEST_KEY_RSA], NULL);
		struct tls_info info = talk(&demand);
		assert_true(info.ticket_offered);
		assert_false(info.resumed);
		assert_true(info.proved_dane);
		/* It is the new certificate that was judged. */
		assert_int_equal(verifier.leaf_len, certs.certs[TEST_KEY_RSA].der_len);
		end();
	}
}

/* ---- bounds ---- */

static void memory_for_tickets_is_bounded_and_what_was_used_goes_last(void **state)
{
	(void)state;
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	char where[16];
	begin(TLS_VERSION_1_2, 8 * (TLS_TICKET_BASE_BYTES + 1024));
	for (int i = 0; i < 50; i++) {
		snprintf(where, sizeof where, "place %d", i);
		talk_to(&demand, "mx.example", where, NOW_S);
		assert_true(i == 0 || talk_to(&demand, "mx.example", "place 0", NOW_S).resumed);
		assert_true(tls_context_tickets(client_ctx) <= 16);
	}
	uint32_t count = tls_context_tickets(client_ctx);
	assert_in_range(count, 4, 16);
	assert_true(talk_to(&demand, "mx.example", "place 49", NOW_S).resumed);
	assert_false(talk_to(&demand, "mx.example", "place 20", NOW_S).ticket_offered);
	end();
	/* Too little for a single one: none is kept, and nothing else happens. */
	begin(TLS_VERSION_1_3, TLS_TICKET_BASE_BYTES);
	talk(&demand);
	assert_int_equal(tls_context_tickets(client_ctx), 0);
	end();
}

static void one_place_holds_so_many_tickets_and_not_more(void **state)
{
	(void)state;
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	begin(TLS_VERSION_1_3, BUDGET);
	for (int i = 0; i < 40; i++) /* each uses one and is given two */
		talk(&demand);
	assert_int_equal(tls_context_tickets(client_ctx), TLS_TICKETS_PER_KEY);
	end();
}

static void without_a_budget_or_a_place_no_ticket_is_kept(void **state)
{
	(void)state;
	struct security_demand demand = demand_of(SECURITY_NEED_MAY);
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		begin(versions[v], 0);
		talk(&demand);
		assert_int_equal(tls_context_tickets(client_ctx), 0);
		assert_false(talk(&demand).ticket_offered);
		end();
		struct tls_pair pair;
		begin(versions[v], BUDGET);
		tls_pair_init(&pair, client_ctx, &demand, "mx.example", server_ctx);
		tls_pair_run(&pair);
		greet(&pair);
		tls_pair_deinit(&pair);
		assert_int_equal(tls_context_tickets(client_ctx), 0);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_session_resumes_the_first_and_is_judged_like_it),
		cmocka_unit_test(where_nothing_is_demanded_sessions_are_resumed_as_well),
		cmocka_unit_test(a_verifier_that_now_says_no_ends_a_resumed_handshake),
		cmocka_unit_test(the_verdict_on_a_resumed_session_may_come_later),
		cmocka_unit_test(nothing_is_offered_where_anything_differs),
		cmocka_unit_test(a_session_that_proved_nothing_is_no_help_to_one_that_must),
		cmocka_unit_test(a_ticket_of_tls_1_3_is_used_once),
		cmocka_unit_test(a_ticket_that_is_too_old_is_not_offered),
		cmocka_unit_test(resuming_again_and_again_ends_after_a_day),
		cmocka_unit_test(what_comes_before_the_peer_has_spoken_is_not_kept),
		cmocka_unit_test(a_handshake_that_is_not_accepted_leaves_no_ticket),
		cmocka_unit_test(a_connection_that_comes_to_nothing_takes_the_tickets_with_it),
		cmocka_unit_test(a_server_that_does_not_know_the_ticket_makes_a_full_handshake),
		cmocka_unit_test(memory_for_tickets_is_bounded_and_what_was_used_goes_last),
		cmocka_unit_test(one_place_holds_so_many_tickets_and_not_more),
		cmocka_unit_test(without_a_budget_or_a_place_no_ticket_is_kept),
	};
	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
