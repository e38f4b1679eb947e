/* What follows from a route and from the connections made: verdict, exit status, sentence, both forms. */
#include <stdlib.h>
#include "engine/run/explain_print.h"
#include "engine/run/run.h"
#include "tests/unit/engine/run/run_test.h"
#include "tests/unit/unit.h"

enum { TRIES_MAX = 8 };

static struct explain_try tries[TRIES_MAX];
static struct explain_answer answer;
static struct explain_decision decision;

static void ask(struct route *route)
{
	answer = (struct explain_answer){ .route = route, .dnssec = "DNSSEC works", .tries = tries };
}

/* A connection to the host at this index. */
static struct probe_result *try_host(size_t host, enum probe_verdict verdict, const char *why)
{
	struct explain_try *try = &tries[answer.tries_count++];
	assert_true(answer.tries_count <= TRIES_MAX);
	*try = (struct explain_try){ .host = &answer.route->hosts[host],
		.result = { .verdict = verdict, .ip = answer.route->hosts[host].addresses[0].ip,
			.tls = "", .cipher = "", .group = "" } };
	snprintf(try->result.why, sizeof try->result.why, "%s", why);
	answer.connected = true;
	return &try->result;
}

static void decides(enum explain_verdict verdict, int exit_status, const char *sentence)
{
	explain_decide(&answer, &decision);
	assert_string_equal(decision.sentence, sentence);
	assert_int_equal(decision.verdict, verdict);
	assert_int_equal(explain_exit_status(decision.verdict), exit_status);
}

static struct route *two_hosts(enum security_need need)
{
	const struct test_host hosts[] = {
		{ "mx1.example", 10, 0, "192.0.2.1", ROUTE_HOST_READY, NULL, need },
		{ "mx2.example", 20, 0, "192.0.2.2 2001:db8::2", ROUTE_HOST_READY, NULL, need },
		{ .name = NULL },
	};
	return test_route("a.example", hosts, UINT64_MAX);
}

/* MX-05, MX-12: what bounces for ever is a no, whatever else is asked for. */
static void a_domain_that_takes_no_mail_is_refused(void **state)
{
	(void)state;
	struct route *route = test_route_without_hosts("a.example", ROUTE_CAUSE_NULL_MX, UINT64_MAX);
	ask(route);
	decides(EXPLAIN_REFUSED, 1,
		"mail for a.example bounces (5.1.10): accepts no mail (null MX)");
	answer.connected = true;
	decides(EXPLAIN_REFUSED, 1,
		"mail for a.example bounces (5.1.10): accepts no mail (null MX)");
	route_unref(route);
}

static void a_failed_look_up_waits(void **state) /* DNS-03, MX-03 */
{
	(void)state;
	struct route *route = test_route_without_hosts("a.example", ROUTE_CAUSE_MX_FAILED, UINT64_MAX);
	ask(route);
	decides(EXPLAIN_WAITS, 75,
		"mail for a.example waits and is tried again (4.4.3): has no MX answer now");
	route_unref(route);
}

/* POL-10: dane-only without TLSA records is nothing that goes away by waiting; a failed look-up is. */
static void a_host_that_cannot_prove_what_is_demanded_makes_it_a_refusal(void **state)
{
	(void)state;
	const struct test_host hosts[] = {
		{ "mx1.example", 10, 0, "192.0.2.1", ROUTE_HOST_WAITS, "has no TLSA records",
			SECURITY_NEED_DANE },
		{ .name = NULL },
	};
	struct route *route = test_route("a.example", hosts, UINT64_MAX);
	struct route_host *host = (struct route_host *)(uintptr_t)&route->hosts[0];
	route->kind = ROUTE_TEMPORARY;
	route->status = "4.4.3";
	route->reason = "a.example: mx1.example has no TLSA records";
	host->tlsa.class = DNS_SECURE_DENIAL;
	host->waits_for_proof = true;
	ask(route);
	decides(EXPLAIN_REFUSED, 1,
		"mail for a.example waits until this is mended (4.4.3): "
		"a.example: mx1.example has no TLSA records");
	host->tlsa.class = DNS_FAILURE;
	decides(EXPLAIN_WAITS, 75,
		"mail for a.example waits and is tried again (4.4.3): "
		"a.example: mx1.example has no TLSA records");
	route_unref(route);
}

static void without_connecting_the_first_ready_host_and_its_demand_are_told(void **state)
{
	(void)state;
	struct route *route = two_hosts(SECURITY_NEED_DANE);
	((struct route_host *)(uintptr_t)&route->hosts[0])->state = ROUTE_HOST_WAITS;
	ask(route);
	decides(EXPLAIN_DELIVERABLE, 0,
		"mail for a.example goes to mx2.example, of which is demanded dane (A TLSA record must "
		"match); no connection was made, --connect makes one");
	assert_ptr_equal(decision.host, &route->hosts[1]);
	assert_null(decision.try);
	route_unref(route);
}

static void the_first_host_that_passes_decides(void **state)
{
	(void)state;
	struct route *route = two_hosts(SECURITY_NEED_DANE);
	ask(route);
	try_host(0, PROBE_REFUSED, "no record matches");
	struct probe_result *passed = try_host(1, PROBE_PASSED, "");
	passed->security = SECURITY_DANE;
	passed->tls = "TLSv1.3";
	decides(EXPLAIN_DELIVERABLE, 0,
		"mail for a.example goes to mx2.example [192.0.2.2], at the level dane over TLSv1.3");
	passed->security = SECURITY_CLEARTEXT;
	passed->tls = "";
	decides(EXPLAIN_DELIVERABLE, 0,
		"mail for a.example goes to mx2.example [192.0.2.2], at the level cleartext");
	assert_ptr_equal(decision.try, &tries[1]);
	route_unref(route);
}

static void nobody_passes_and_one_did_not_prove_it(void **state)
{
	(void)state;
	struct route *route = two_hosts(SECURITY_NEED_DANE);
	ask(route);
	try_host(0, PROBE_FAILED, "connection refused");
	try_host(1, PROBE_REFUSED, "no record matches");
	decides(EXPLAIN_REFUSED, 1,
		"mail for a.example waits until a host proves what is demanded: mx1.example [192.0.2.1]: "
		"connection refused; mx2.example [192.0.2.2]: no record matches");
	route_unref(route);
}

static void nobody_can_be_reached(void **state)
{
	(void)state;
	struct route *route = two_hosts(SECURITY_NEED_MAY);
	((struct route_host *)(uintptr_t)&route->hosts[1])->state = ROUTE_HOST_UNUSABLE;
	((struct route_host *)(uintptr_t)&route->hosts[1])->reason = "has no address";
	ask(route);
	try_host(0, PROBE_FAILED, "connection refused");
	decides(EXPLAIN_WAITS, 75,
		"mail for a.example waits and is tried again: mx1.example [192.0.2.1]: connection refused; "
		"mx2.example has no address");
	answer.tries_count = 0;
	answer.connected = true;
	try_host(0, PROBE_NOT_MADE, "no address of the family of our source");
	explain_decide(&answer, &decision);
	assert_int_equal(decision.verdict, EXPLAIN_WAITS);
	route_unref(route);
}

/* Whatever peers say, the sentence ends inside its memory and at a whole failure. */
static void a_long_list_of_failures_is_cut(void **state)
{
	(void)state;
	struct route *route = two_hosts(SECURITY_NEED_MAY);
	char why[DELIVERY_WHY_MAX];
	memset(why, 'x', sizeof why - 1);
	why[sizeof why - 1] = '\0';
	ask(route);
	for (size_t i = 0; i < TRIES_MAX; i++)
		try_host(0, PROBE_FAILED, why);
	explain_decide(&answer, &decision);
	size_t len = strlen(decision.sentence);
	assert_true(len > EXPLAIN_SENTENCE_MAX - 400 && len < EXPLAIN_SENTENCE_MAX);
	assert_int_equal(decision.sentence[len - 1], 'x');
	route_unref(route);
}

/* ---- the two forms ---- */

static const struct route_step steps[] = {
	{ "a.example", DNS_TYPE_MX, DNS_SECURE_DATA, false, 300, "10 mx1.example" },
	{ "mx1.example", DNS_TYPE_A, DNS_INSECURE_DATA, false, 60, "192.0.2.1" },
	{ "mx1.example", DNS_TYPE_AAAA, DNS_INSECURE_DENIAL, false, 5, "no such record" },
	{ "_25._tcp.mx1.example", DNS_TYPE_TLSA, DNS_FAILURE, true, 0, "bogus: signature expired" },
	{ "mx2.example", DNS_TYPE_A, DNS_FAILURE, false, 0, "SERVFAIL" },
};

static const uint8_t digest[] = { 0xab, 0xcd };
static const struct tlsa_record record = { .usage = 3, .selector = 1, .matching = 1,
		.data = { (const char *)digest, sizeof digest } };

static struct route *full_route(void)
{
	struct route *route = two_hosts(SECURITY_NEED_DANE);
	struct route_host *host = (struct route_host *)(uintptr_t)&route->hosts[0];
	route->steps = steps;
	route->steps_count = COUNT_OF(steps);
	host->tlsa = (struct tlsa_set){ DNS_SECURE_DATA, TEXT("mx1.example"), &record, 1, false };
	host->audit = "dane";
	route->sts = (struct route_sts){ "a policy that was fetched now", "testing", "2026", "mx1.example",
		"", .left_s = 600 };
	host->demand.tlsa = &record;
	host->demand.tlsa_count = 1;
	ask(route);
	struct probe_result *passed = try_host(0, PROBE_PASSED, "");
	passed->security = SECURITY_DANE;
	passed->tls = "TLSv1.3";
	passed->cipher = "TLS_AES_128_GCM_SHA256";
	passed->group = "X25519";
	passed->has_leaf = true;
	passed->matched = &record;
	passed->matched_depth = 2;
	memset(passed->key, 0x11, sizeof passed->key);
	passed->offered = SMTP_CAP_SIZE | SMTP_CAP_CHUNKING;
	try_host(1, PROBE_FAILED, "the greeting was a refusal: 554 \"no\"\x01");
	explain_decide(&answer, &decision);
	return route;
}

static void the_text_shows_every_step_host_and_try(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"a.example\n  DNSSEC works\n",
		"  MX    a.example                            secure      300 s  10 mx1.example\n",
		"  A     mx1.example                          insecure     60 s  192.0.2.1\n",
		"  AAAA  mx1.example                          insecure      5 s  no such record\n",
		"  TLSA  _25._tcp.mx1.example                 bogus              bogus: signature expired\n",
		"  A     mx2.example                          failed             SERVFAIL\n",
		"  MTA-STS: a policy that was fetched now\n"
		"           mode testing, id 2026, for 600 s; hosts mx1.example\n",
		"  10 mx1.example, port 25\n     addresses   192.0.2.1\n",
		"     TLSA at     _25._tcp.mx1.example\n     records     3 1 1 abcd\n",
		"     demanded    dane: A TLSA record must match.\n"
		"     audit       would be demanded: dane\n     one of      3 1 1 abcd\n",
		"     connection  192.0.2.1: passed, dane\n"
		"                 TLSv1.3 TLS_AES_128_GCM_SHA256 X25519\n",
		"     matches     3 1 1 abcd\n                 at depth 2 of the chain\n",
		"                 key         3 1 1 11111111",
		"                 offers SIZE CHUNKING\n",
		"  20 mx2.example, port 25\n     addresses   192.0.2.2, 2001:db8::2\n",
		"     connection  192.0.2.2: failed: the greeting was a refusal: 554",
		"\ndeliverable: mail for a.example goes to mx1.example [192.0.2.1], at the level dane over "
		"TLSv1.3\n",
	};
	struct route *route = full_route();
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	explain_print_text(&answer, &decision, out);
	assert_int_equal(fclose(out), 0);
	const char *at = text;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		at = strstr(at, lines[i]);
		if (at == NULL)
			fail_msg("\"%s\" is not in its place in:\n%s", lines[i], text);
	}
	free(text);
	route_unref(route);
}

static void the_json_has_the_same_facts_in_one_line(void **state)
{
	(void)state;
	static char memory[16 * 1024];
	static const char *const parts[] = {
		"{\"domain\":\"a.example\",\"verdict\":\"deliverable\",\"exit\":0,\"host\":\"mx1.example\","
		"\"policy\":\"dane\",\"security\":\"dane\",",
		"\"dnssec\":\"DNSSEC works\",\"connected\":true,\"steps\":[{\"type\":\"MX\","
		"\"name\":\"a.example\",\"security\":\"secure\",\"found\":true,\"ttl\":300,"
		"\"text\":\"10 mx1.example\"},",
		"\"security\":\"bogus\",\"found\":false,\"ttl\":null,\"text\":\"bogus: signature expired\"},",
		"\"security\":\"failed\"",
		"\"sts\":{\"finding\":\"a policy that was fetched now\",\"mode\":\"testing\",\"id\":\"2026\","
		"\"mx\":\"mx1.example\",\"left\":600,\"why\":\"\"},",
		"\"hosts\":[{\"name\":\"mx1.example\",",
		"\"addresses\":[{\"ip\":\"192.0.2.1\",\"secure\":false}],\"tlsa_base\":\"mx1.example\","
		"\"tlsa\":[\"3 1 1 abcd\"],\"policy\":\"dane\",",
		"\"usable\":[\"3 1 1 abcd\"],\"tries\":[{\"ip\":\"192.0.2.1\",\"verdict\":\"passed\","
		"\"security\":\"dane\",\"reason\":\"\",\"tls\":\"TLSv1.3\",",
		"\"matched\":\"3 1 1 abcd\",\"depth\":2,\"certificate\":\"",
		"\"offers\":[\"SIZE\",\"CHUNKING\"]}]},{\"name\":\"mx2.example\"",
		"\"verdict\":\"failed\",\"security\":\"\",\"reason\":\"the greeting was a refusal: 554 "
		"\\\"no\\\"\\u0001\"",
		"\"matched\":\"\",\"depth\":null,\"certificate\":\"\",\"key\":\"\",\"offers\":[]}]}]}\n",
	};
	struct route *route = full_route();
	struct buf out;
	buf_init(&out, memory, sizeof memory);
	explain_put_json(&answer, &decision, &out);
	const char *text = buf_cstr(&out), *at = text;
	assert_non_null(text);
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		at = strstr(at, parts[i]);
		if (at == NULL)
			fail_msg("\"%s\" is not in its place in:\n%s", parts[i], text);
	}
	assert_ptr_equal(strchr(text, '\n'), text + out.len - 1);
	route_unref(route);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_domain_that_takes_no_mail_is_refused),
		cmocka_unit_test(a_failed_look_up_waits),
		cmocka_unit_test(a_host_that_cannot_prove_what_is_demanded_makes_it_a_refusal),
		cmocka_unit_test(without_connecting_the_first_ready_host_and_its_demand_are_told),
		cmocka_unit_test(the_first_host_that_passes_decides),
		cmocka_unit_test(nobody_passes_and_one_did_not_prove_it),
		cmocka_unit_test(nobody_can_be_reached),
		cmocka_unit_test(a_long_list_of_failures_is_cut),
		cmocka_unit_test(the_text_shows_every_step_host_and_try),
		cmocka_unit_test(the_json_has_the_same_facts_in_one_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
