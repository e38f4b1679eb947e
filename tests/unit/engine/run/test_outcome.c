/* Which bounces put their address onto the suppression list: by what was said, and over which channel. */
#include <stdio.h>
#include "tests/unit/engine/run/work_test.h"

static struct work w;
static struct peer peer;

static const struct text host_names[] = { TEXT_INIT("mx0.test") };

/* What a session comes to: without TLS, with any certificate, or with one that the DNS vouches for. */
static struct attempt *refuse(enum peer_tls tls, enum security_level level, const char *rcpt_reply,
	const char *final_reply, const char *flag)
{
	struct peer *list[] = { &peer };
	struct tlsa_record record = { .usage = 3, .selector = 1, .matching = 1 };
	work_init(&w, (const char *const[]){ "--idle-timeout=100ms", flag, NULL });
	peer_init(&peer, "127.0.0.1");
	peer.rules[0] = (struct peer_rules){
		.tls = tls, .rcpt = rcpt_reply, .final = final_reply, .pipelining = true
	};
	peer.rules_count = 1;
	bool by_dane = level != SECURITY_CLEARTEXT && level != SECURITY_ENCRYPTED;
	struct route *route = work_route(list, 1, by_dane ? SECURITY_NEED_DANE : SECURITY_NEED_MAY);
	if (by_dane) {
		struct security_demand demand = security_demand_opportunistic(host_names[0]);
		record.data = text_of_bytes(peer_key_digest(), 32);
		demand.need = SECURITY_NEED_DANE;
		demand.cleartext_allowed = false;
		demand.tlsa = &record;
		demand.tlsa_count = 1;
		demand.names = host_names;
		demand.names_count = 1;
		test_route_demand(route, &demand, level);
	}
	struct attempt *attempt =
		work_send(&w, route, &(struct test_mail){ .rcpts = "ann@a.example" });
	assert_ptr_equal(work_outcome(&w), attempt);
	return attempt;
}

static void end(struct attempt *attempt)
{
	work_done(&w, attempt);
	work_end(&w);
	peer_deinit(&peer);
}

#define OFF           "--suppress-bounces=off"
#define AUTHENTICATED "--suppress-bounces=authenticated"
#define DEMANDED      "--suppress-bounces=demanded"
#define NO_USER       "550 5.1.1 no such user"

/* DESIGN 5: what can be forged burns no list, unless the operator wants to believe it (SEC-20, CONFORMANCE 0.4).
 * Behind half-DANE anybody can stand who forges an MX answer. */
static void an_address_is_hard_by_the_channel_and_the_flag(void **state)
{
	(void)state;
	static const struct {
		enum peer_tls tls;
		enum security_level level;
		const char *flag;
		bool is_hard;
	} table[] = {
		{ PEER_TLS_NOT_OFFERED, SECURITY_CLEARTEXT, OFF, false },
		{ PEER_TLS_NOT_OFFERED, SECURITY_CLEARTEXT, AUTHENTICATED, false },
		{ PEER_TLS_NOT_OFFERED, SECURITY_CLEARTEXT, DEMANDED, true },
		{ PEER_TLS_GOOD, SECURITY_ENCRYPTED, AUTHENTICATED, false },
		{ PEER_TLS_GOOD, SECURITY_ENCRYPTED, DEMANDED, true },
		{ PEER_TLS_GOOD, SECURITY_HALF_DANE, AUTHENTICATED, false },
		{ PEER_TLS_GOOD, SECURITY_HALF_DANE, DEMANDED, true },
		{ PEER_TLS_GOOD, SECURITY_DANE, OFF, false },
		{ PEER_TLS_GOOD, SECURITY_DANE, AUTHENTICATED, true },
		{ PEER_TLS_GOOD, SECURITY_DANE_STS, AUTHENTICATED, true },
		{ PEER_TLS_GOOD, SECURITY_DANE, DEMANDED, true },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct attempt *attempt =
			refuse(table[i].tls, table[i].level, NO_USER, NULL, table[i].flag);
		print_message("row %zu: %s\n", i, work_reply(attempt));
		assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_BOUNCED);
		assert_int_equal(
			attempt->work->facts[attempt->rcpts[0].facts].security, table[i].level);
		assert_int_equal(attempt->rcpts[0].is_hard, table[i].is_hard);
		end(attempt);
	}
}

static void only_words_about_the_address_make_it_hard(void **state)
{
	(void)state;
	static const struct {
		const char *rcpt, *final;
		bool is_hard;
	} table[] = {
		{ NO_USER, NULL, true },
		{ "556 5.1.10 this domain takes no mail", NULL, true },
		{ NULL, NO_USER, true }, /* nobody else can be meant */
		{ "552 5.2.2 mailbox full", NULL, false },
		{ "550 5.7.1 blocked, see spamhaus", NULL, false },
		{ "550 mailbox unavailable: your IP is on a blocklist", NULL, false },
		{ "554 5.7.1 relay access denied", NULL, false },
		{ "450 4.1.1 no such user", NULL, false },
		{ NULL, "554 5.6.0 bad content", false },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct attempt *attempt = refuse(PEER_TLS_NOT_OFFERED, SECURITY_CLEARTEXT,
			table[i].rcpt, table[i].final, DEMANDED);
		print_message("row %zu: %s\n", i, work_reply(attempt));
		assert_int_equal(attempt->rcpts[0].is_hard, table[i].is_hard);
		end(attempt);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_hard_by_the_channel_and_the_flag),
		cmocka_unit_test(only_words_about_the_address_make_it_hard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
