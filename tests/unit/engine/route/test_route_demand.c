/* What was found about a host becomes what it must prove: the decision itself is tested in
 * tests/unit/tls/test_policy_decide.c, here it is what it is asked and where its verdict goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/domain_name.h"
#include "tests/unit/engine/route/route_bench.h"

#define SCRIPT(...) \
	do { \
		const struct fake_row rows_[] = { __VA_ARGS__ }; \
		fake_dns_script(rows_, COUNT_OF(rows_)); \
	} while (0)
#define DIGEST   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define EE_256   "\\# 030101" DIGEST
#define EE_512   "\\# 030102" DIGEST DIGEST
#define TA_256   "\\# 020001" DIGEST
#define UNUSABLE "\\# 010101" DIGEST
#define SHORT    "\\# 030101"
#define N(name)  SECURITY_NEED_##name

/* a.lab has its mail at mx.lab. */
static void script(enum fake_class mx, enum fake_class tlsa, const char *records)
{
	SCRIPT({ "a.lab", DNS_TYPE_MX, mx, 300, "10 mx.lab", NULL },
		{ "mx.lab", DNS_TYPE_A, FAKE_SECURE, 300, "9.9.9.1", NULL },
		{ "mx.lab", DNS_TYPE_AAAA, FAKE_SECURE, 300, "", NULL },
		{ "_25._tcp.mx.lab", DNS_TYPE_TLSA, tlsa, 300, records, NULL });
}

static const struct {
	const char *what;
	enum fake_class mx, tlsa;
	const char *records;
	const char *level; /* NULL: none is given */
	bool ignore_half_dane;
	enum security_need need;
	size_t tlsa_count;
	enum security_level success;
	const char *waits; /* the reason; NULL: ready */
} rows[] = {
	{ "DANE-14", FAKE_SECURE, FAKE_SECURE, EE_256, NULL, false, N(DANE), 1, SECURITY_DANE, NULL },
	{ "DANE-15, DANE-40", FAKE_SECURE, FAKE_SECURE, UNUSABLE, NULL, false, N(ENCRYPT), 0,
		SECURITY_ENCRYPTED, NULL },
	{ "TLSA-02", FAKE_SECURE, FAKE_SECURE, SHORT, NULL, false, N(ENCRYPT), 0, SECURITY_ENCRYPTED,
		NULL },
	{ "DANE-41", FAKE_SECURE, FAKE_SECURE, UNUSABLE ", " EE_256, NULL, false, N(DANE), 1,
		SECURITY_DANE, NULL },
	{ "DANE-42, TLSA-14", FAKE_SECURE, FAKE_SECURE, EE_256 ", " EE_512, NULL, false, N(DANE), 1,
		SECURITY_DANE, NULL },
	{ "DANE-16", FAKE_SECURE, FAKE_INSECURE, EE_256, NULL, false, N(MAY), 0, SECURITY_ENCRYPTED,
		NULL },
	{ "no records", FAKE_SECURE, FAKE_SECURE, "", NULL, false, N(MAY), 0, SECURITY_ENCRYPTED, NULL },
	{ "DANE-24, DANE-27", FAKE_INSECURE, FAKE_SECURE, EE_256, NULL, false, N(DANE), 1,
		SECURITY_HALF_DANE, NULL },
	{ "DANE-24: without usable ones", FAKE_INSECURE, FAKE_SECURE, UNUSABLE, NULL, false, N(ENCRYPT), 0,
		SECURITY_ENCRYPTED, NULL },
	{ "DANE-24: ignored", FAKE_INSECURE, FAKE_SILENT, "", NULL, true, N(MAY), 0, SECURITY_ENCRYPTED,
		NULL },
	{ "DANE-24: a secure MX is no half", FAKE_SECURE, FAKE_SECURE, EE_256, NULL, true, N(DANE), 1,
		SECURITY_DANE, NULL },
	{ "DANE-13", FAKE_SECURE, FAKE_FAILURE, "bogus", NULL, false, N(MAY), 0, SECURITY_ENCRYPTED,
		"has no TLSA answer now: _25._tcp.mx.lab: bogus" },
	{ "P1 none", FAKE_SECURE, FAKE_SILENT, "", "*=none", false, N(NONE), 0, SECURITY_CLEARTEXT, NULL },
	{ "P1 may", FAKE_SECURE, FAKE_SILENT, "", "*=may", false, N(MAY), 0, SECURITY_ENCRYPTED, NULL },
	{ "POL-10", FAKE_SECURE, FAKE_SECURE, "", "*=encrypt", false, N(ENCRYPT), 0, SECURITY_ENCRYPTED,
		NULL },
	{ "POL-10: a floor lowers nothing", FAKE_SECURE, FAKE_SECURE, EE_256, "*=encrypt", false, N(DANE),
		1, SECURITY_DANE, NULL },
	{ "dane-only", FAKE_SECURE, FAKE_SECURE, EE_256, "*=dane-only", false, N(DANE), 1, SECURITY_DANE,
		NULL },
	{ "DANE-44", FAKE_SECURE, FAKE_SECURE, UNUSABLE, "*=dane-only", false, N(DANE), 0, SECURITY_DANE,
		"has no usable TLSA record, which --tls dane-only demands (_25._tcp.mx.lab)" },
	{ "DANE-44: none", FAKE_SECURE, FAKE_SECURE, "", "*=dane-only", false, N(DANE), 0, SECURITY_DANE,
		"has no TLSA records that --tls dane-only could check" },
	{ "DANE-25", FAKE_INSECURE, FAKE_SECURE, EE_256, "*=dane-only", false, N(DANE), 1,
		SECURITY_HALF_DANE, "comes from an insecure MX answer, which --tls dane-only refuses "
		"(_25._tcp.mx.lab)" },
	{ "secure", FAKE_SECURE, FAKE_SECURE, "", "*=secure:x.lab|y.lab", false, N(SECURE), 0,
		SECURITY_SECURE, NULL },
	{ "secure and DANE", FAKE_SECURE, FAKE_SECURE, EE_256, "*=secure", false, N(DANE_SECURE), 1,
		SECURITY_SECURE, NULL },
};

static void check_row(size_t i, const struct route *route)
{
	const struct route_host *host = &route->hosts[0];
	const struct security_demand *demand = &host->demand;
	if (demand->need != rows[i].need || demand->tlsa_count != rows[i].tlsa_count ||
		host->success != rows[i].success)
		fail_msg("%s: %s with %zu records", rows[i].what,
			security_need_text(demand->need).data, demand->tlsa_count);
	bool cleartext = rows[i].need == N(MAY) || rows[i].need == N(NONE); /* POL-12 */
	if (demand->cleartext_allowed != cleartext)
		fail_msg("%s: cleartext", rows[i].what);
	if ((host->state == ROUTE_HOST_WAITS) != (rows[i].waits != NULL) ||
		strcmp(host->reason, rows[i].waits != NULL ? rows[i].waits : "") != 0)
		fail_msg("%s: %s", rows[i].what, host->reason);
	/* POL-13, DANE-13: temporary, and told apart from a DNS that does not answer. */
	assert_int_equal(route->kind, rows[i].waits != NULL ? ROUTE_TEMPORARY : ROUTE_HOSTS);
	assert_string_equal(route->status, rows[i].waits != NULL ? "4.7.5" : "");
	if (rows[i].waits != NULL)
		assert_non_null(strstr(route->reason, host->reason));
	assert_string_equal(host->audit, "");
}

static void what_was_found_becomes_what_the_host_must_prove(void **state)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		bench_start(&(struct bench_options){
			.tls = { rows[i].level }, .ignore_half_dane = rows[i].ignore_half_dane });
		script(rows[i].mx, rows[i].tlsa, rows[i].records);
		struct route *route = bench_get("a.lab");
		if (route == NULL)
			fail_msg("%s: %s", rows[i].what, fake_dns_log());
		check_row(i, route);
		assert_int_equal(bench_stop(state), 0);
	}
}

/* ---- names, SNI, and whose bytes they are ---- */

/* DANE-30 to DANE-33: the base domain, the recipient's, and where its aliases end. */
static void usage_2_brings_the_names_that_a_certificate_may_carry(void **state)
{
	(void)state;
	bench_start(NULL);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "10 mx.lab", "b.lab" },
		{ "c.lab", DNS_TYPE_MX, FAKE_INSECURE, 300, "10 mx.lab", NULL },
		{ "mx.lab", DNS_TYPE_A, FAKE_SECURE, 300, "9.9.9.1", "end.lab" },
		{ "mx.lab", DNS_TYPE_AAAA, FAKE_SECURE, 300, "", "end.lab" },
		{ "_25._tcp.end.lab", DNS_TYPE_TLSA, FAKE_SECURE, 300, TA_256, NULL });
	const struct security_demand *demand = &bench_get("a.lab")->hosts[0].demand;
	assert_int_equal(demand->names_count, 3);
	assert_true(text_equal(demand->names[0], TEXT("end.lab")));
	assert_true(text_equal(demand->names[1], TEXT("a.lab")));
	assert_true(text_equal(demand->names[2], TEXT("b.lab")));
	assert_true(text_equal(demand->sni, TEXT("end.lab")));
	demand = &bench_get("c.lab")->hosts[0].demand; /* DANE-33 */
	assert_int_equal(demand->names_count, 1);
	assert_true(text_equal(demand->names[0], TEXT("end.lab")));
}

/* DANE-28, DANE-29: a domain without MX, and a host that the operator names. */
static void hosts_that_no_mx_record_names_are_proven_too(void **state)
{
	(void)state;
	bench_start(&(struct bench_options){ .routes = { "b.lab=relay.lab:2525" } });
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "", NULL },
		{ "a.lab", DNS_TYPE_A, FAKE_SECURE, 300, "9.9.9.1", NULL },
		{ "a.lab", DNS_TYPE_AAAA, FAKE_SECURE, 300, "", NULL },
		{ "_25._tcp.a.lab", DNS_TYPE_TLSA, FAKE_SECURE, 300, TA_256, NULL },
		{ "relay.lab", DNS_TYPE_A, FAKE_SECURE, 300, "9.9.9.2", NULL },
		{ "relay.lab", DNS_TYPE_AAAA, FAKE_SECURE, 300, "", NULL },
		{ "_2525._tcp.relay.lab", DNS_TYPE_TLSA, FAKE_SECURE, 300, TA_256, NULL });
	const struct route_host *host = &bench_get("a.lab")->hosts[0];
	assert_int_equal(host->demand.need, SECURITY_NEED_DANE);
	assert_int_equal(host->success, SECURITY_DANE);
	assert_int_equal(host->demand.names_count, 1);
	assert_true(text_equal(host->demand.names[0], TEXT("a.lab")));
	host = &bench_get("b.lab")->hosts[0];
	assert_int_equal(host->demand.need, SECURITY_NEED_DANE);
	assert_int_equal(host->success, SECURITY_DANE);
	assert_int_equal(host->demand.names_count, 1);
	assert_true(text_equal(host->demand.names[0], TEXT("relay.lab")));
}

static void an_address_gets_the_operators_level_alone(void **state) /* P0, DANE-23 */
{
	(void)state;
	bench_start(&(struct bench_options){ .routes = { "a.lab=9.9.9.1", "b.lab=9.9.9.2" },
		.tls = { "a.lab=secure", "*=dane-only" } });
	const struct route_host *host = &bench_get("a.lab")->hosts[0];
	assert_int_equal(host->demand.need, SECURITY_NEED_SECURE);
	assert_true(text_equal(host->demand.names[0], TEXT("a.lab")));
	assert_int_equal(host->demand.sni.len, 0);
	static const char *const unmet[] = { "b.lab", "[9.9.9.9]" };
	for (size_t i = 0; i < COUNT_OF(unmet); i++) {
		struct route *route = bench_get(unmet[i]);
		assert_string_equal(route->status, "4.7.5");
		assert_non_null(strstr(route->reason, "dane-only"));
	}
}

/* POL-17: the host that waits keeps its place, the others go on. */
static void a_host_that_cannot_prove_it_waits_at_its_place(void **state)
{
	(void)state;
	bench_start(&(struct bench_options){ .tls = { "*=dane-only" } });
	script(FAKE_SECURE, FAKE_SECURE, EE_256);
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "10 bare.lab, 20 mx.lab", NULL },
		{ "bare.lab", DNS_TYPE_A, FAKE_SECURE, 300, "9.9.9.2", NULL },
		{ "bare.lab", DNS_TYPE_AAAA, FAKE_SECURE, 300, "", NULL },
		{ "_25._tcp.bare.lab", DNS_TYPE_TLSA, FAKE_SECURE_NXDOMAIN, 300, "", NULL });
	assert_string_equal(bench_hosts(bench_get("a.lab")),
		"10 bare.lab WAITS has no TLSA records that --tls dane-only could check, "
		"20 mx.lab [9.9.9.1]");
}

/* Where one host only lacks addresses, the DNS is what is waited for. */
static void a_failed_look_up_beside_it_is_told_as_such(void **state)
{
	(void)state;
	bench_start(&(struct bench_options){ .tls = { "*=dane-only" } });
	script(FAKE_SECURE, FAKE_SECURE, "");
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, "10 lost.lab, 20 mx.lab", NULL },
		{ "lost.lab", DNS_TYPE_A, FAKE_FAILURE, 0, "SERVFAIL", NULL },
		{ "lost.lab", DNS_TYPE_AAAA, FAKE_FAILURE, 0, "SERVFAIL", NULL });
	struct route *route = bench_get("a.lab");
	assert_string_equal(route->status, "4.4.3");
	assert_non_null(strstr(route->reason, "SERVFAIL"));
	assert_non_null(strstr(route->reason, "dane-only"));
}

/* ---- the limits ---- */

/* Puts `count` records of one kind into the answer for mx.lab. */
static const char *many_records(size_t count, const char *record)
{
	static char text[64 * 160];
	size_t len = 0;
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s%02zx", i > 0 ? ", " : "",
			record, i);
	return text;
}

/* TLSA-28: it is not known that all are unusable, so no less is asked for. */
static void a_set_beyond_the_limit_is_no_set_of_unusable_records(void **state)
{
	(void)state;
	for (size_t count = TLSA_RECORDS_MAX; count <= TLSA_RECORDS_MAX + 1; count++) {
		bench_start(NULL);
		script(FAKE_SECURE, FAKE_SECURE, many_records(count, "\\# 000101"));
		struct route *route = bench_get("a.lab");
		assert_int_equal(route->kind == ROUTE_HOSTS, count == TLSA_RECORDS_MAX);
		assert_int_equal(route->hosts[0].demand.cleartext_allowed, count > TLSA_RECORDS_MAX);
		if (count > TLSA_RECORDS_MAX)
			assert_non_null(strstr(route->reason, "mx.lab has more TLSA records than are "
				"looked at, or larger ones, and no other is usable (_25._tcp.mx.lab)"));
		assert_int_equal(bench_stop(state), 0);
	}
}

/* TLSA-28: a certificate may be larger than what is looked at, and then it is not known not to match. What
 * could match nothing at any size is unusable as ever. */
static void a_record_that_is_too_large_to_be_looked_at_makes_the_host_wait(void **state)
{
	(void)state;
	static const struct {
		const char *head;
		bool waits;
	} table[] = { { "\\# 030000", true }, { "\\# 020100", true }, { "\\# 000000", false },
		{ "\\# 030101", false }, { "\\# 030900", false } };
	static char record[2 * TLSA_DATA_BYTES_MAX + 16];
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		size_t len = strlen(table[i].head);
		memcpy(record, table[i].head, len);
		memset(record + len, 'a', 2 * (TLSA_DATA_BYTES_MAX + 1));
		record[len + 2 * (TLSA_DATA_BYTES_MAX + 1)] = '\0';
		bench_start(NULL);
		script(FAKE_SECURE, FAKE_SECURE, record);
		struct route *route = bench_get("a.lab");
		assert_int_equal(route->kind != ROUTE_HOSTS, table[i].waits);
		if (!table[i].waits)
			assert_int_equal(route->hosts[0].demand.need, SECURITY_NEED_ENCRYPT);
		assert_int_equal(bench_stop(state), 0);
	}
}

/* MX-22, TLSA-28: twenty hosts with as many records as are looked at. */
static void the_largest_route_with_dane_fits(void **state)
{
	(void)state;
	static char names[ROUTE_HOSTS_MAX][DOMAIN_NAME_SIZE], owners[ROUTE_HOSTS_MAX][DOMAIN_NAME_SIZE];
	static char list[ROUTE_HOSTS_MAX * 40];
	/* With the number behind it, a digest of 64 octets. */
	const char *records = many_records(TLSA_RECORDS_MAX,
		"\\# 030102" DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddee");
	bench_start(&(struct bench_options){ .keep_steps = true });
	size_t len = 0;
	for (size_t i = 0; i < ROUTE_HOSTS_MAX; i++) {
		snprintf(names[i], sizeof names[i], "mx%zu.lab", i);
		snprintf(owners[i], sizeof owners[i], "_25._tcp.%.60s", names[i]);
		len += (size_t)snprintf(list + len, sizeof list - len, "%s%zu %s", i > 0 ? ", " : "", i,
			names[i]);
		SCRIPT({ names[i], DNS_TYPE_A, FAKE_SECURE, 300, "9.0.0.1", NULL },
			{ names[i], DNS_TYPE_AAAA, FAKE_SECURE, 300, "", NULL },
			{ owners[i], DNS_TYPE_TLSA, FAKE_SECURE, 300, records, NULL });
	}
	SCRIPT({ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 300, list, NULL });
	struct route *route = bench_get("a.lab");
	assert_int_equal(route->kind, ROUTE_HOSTS);
	for (size_t i = 0; i < ROUTE_HOSTS_MAX; i++)
		assert_int_equal(route->hosts[i].demand.tlsa_count, TLSA_RECORDS_MAX);
}

/* ---- --tls audit ---- */

static const struct {
	enum fake_class tlsa;
	const char *records, *audit;
	bool unmet;
} audits[] = {
	{ FAKE_SECURE, EE_256, "dane (_25._tcp.mx.lab)", false },
	{ FAKE_SECURE, UNUSABLE, "encrypt (_25._tcp.mx.lab)", false },
	{ FAKE_SECURE, "", "may", false },
	{ FAKE_FAILURE, "bogus", "has no TLSA answer now: _25._tcp.mx.lab: bogus", true },
};

/* POL-11: what is published is worked out, kept for the log, and demanded of nobody. */
static void under_audit_the_demand_is_only_told(void **state)
{
	for (size_t i = 0; i < COUNT_OF(audits); i++) {
		bench_start(&(struct bench_options){ .tls = { "a.lab=audit" } });
		script(FAKE_SECURE, audits[i].tlsa, audits[i].records);
		const struct route_host *host = &bench_get("a.lab")->hosts[0];
		assert_int_equal(host->state, ROUTE_HOST_READY);
		assert_string_equal(host->audit, audits[i].audit);
		assert_int_equal(host->audit_unmet, audits[i].unmet);
		assert_int_equal(host->demand.need, SECURITY_NEED_MAY);
		assert_true(host->demand.cleartext_allowed);
		assert_int_equal(host->success, SECURITY_ENCRYPTED);
		assert_int_equal(bench_stop(state), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_found_becomes_what_the_host_must_prove),
		cmocka_unit_test_teardown(
			usage_2_brings_the_names_that_a_certificate_may_carry, bench_stop),
		cmocka_unit_test_teardown(hosts_that_no_mx_record_names_are_proven_too, bench_stop),
		cmocka_unit_test_teardown(an_address_gets_the_operators_level_alone, bench_stop),
		cmocka_unit_test_teardown(a_host_that_cannot_prove_it_waits_at_its_place, bench_stop),
		cmocka_unit_test_teardown(a_failed_look_up_beside_it_is_told_as_such, bench_stop),
		cmocka_unit_test(a_set_beyond_the_limit_is_no_set_of_unusable_records),
		cmocka_unit_test(a_record_that_is_too_large_to_be_looked_at_makes_the_host_wait),
		cmocka_unit_test_teardown(the_largest_route_with_dane_fits, bench_stop),
		cmocka_unit_test(under_audit_the_demand_is_only_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
