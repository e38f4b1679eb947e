#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "engine/route/route_address.h"
#include "tests/unit/engine/route/fake_dns.h"

static struct route_draft draft;

static int setup(void **state)
{
	(void)state;
	fake_dns_reset();
	assert_true(route_draft_begin(&draft, TEXT("a.lab"), ROUTE_FROM_MX));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	route_draft_abandon(&draft);
	return 0;
}

struct side {
	enum fake_class class;
	const char *records;
	const char *canonical;
};

static struct route_host fill(const struct side *a, const struct side *aaaa,
	const struct side *alias, bool allow_private)
{
	struct fake_row rows[] = {
		{ "mx.lab", DNS_TYPE_A, a->class, 300, a->records, a->canonical },
		{ "mx.lab", DNS_TYPE_AAAA, aaaa->class, 300, aaaa->records, aaaa->canonical },
		{ "mx.lab", DNS_TYPE_CNAME, FAKE_INSECURE, 300, "", NULL },
	};
	struct route_address_answers answers = { fake_answer(&rows[0]), fake_answer(&rows[1]), NULL };
	if (alias != NULL) {
		rows[2].class = alias->class;
		rows[2].records = alias->records;
		answers.alias = fake_answer(&rows[2]);
	}
	struct route_host host = { .name = "mx.lab", .reason = "" };
	route_address_fill(&draft, &host, &answers, allow_private);
	return host;
}

static const char *addresses_of(const struct route_host *host)
{
	static char text[1024];
	struct buf out;
	buf_init(&out, text, sizeof text);
	for (size_t i = 0; i < host->addresses_count; i++) {
		if (i > 0)
			buf_put_u8(&out, ' ');
		ip_address_format(&host->addresses[i].ip, &out);
	}
	return buf_cstr(&out);
}

static const struct {
	const char *what;
	struct side a, aaaa;
	enum route_host_state state;
	bool secure;
	const char *addresses;
	const char *reason; /* a part of it */
} rows[] = {
	{ "A only", { FAKE_INSECURE, "9.9.9.9", NULL }, { FAKE_INSECURE, "", NULL },
		ROUTE_HOST_READY, false, "9.9.9.9", "" },
	{ "AAAA only", { FAKE_INSECURE, "", NULL }, { FAKE_INSECURE, "2620:fe::fe", NULL },
		ROUTE_HOST_READY, false, "2620:fe::fe", "" },
	{ "MX-17: the families take turns", { FAKE_INSECURE, "9.9.9.9, 9.9.9.10, 9.9.9.11", NULL },
		{ FAKE_INSECURE, "2620:fe::9, 2620:fe::fe", NULL }, ROUTE_HOST_READY, false,
		"2620:fe::9 9.9.9.9 2620:fe::fe 9.9.9.10 9.9.9.11", "" },
	{ "DNS-31: AAAA failed", { FAKE_SECURE, "9.9.9.9", NULL }, { FAKE_FAILURE, "SERVFAIL", NULL },
		ROUTE_HOST_READY, true, "9.9.9.9", "" },
	{ "DNS-31: A failed", { FAKE_FAILURE, "SERVFAIL", NULL }, { FAKE_SECURE, "2620:fe::9", NULL },
		ROUTE_HOST_READY, true, "2620:fe::9", "" },
	{ "DNS-31: one failed, no data in the other", { FAKE_FAILURE, "SERVFAIL", NULL },
		{ FAKE_SECURE, "", NULL }, ROUTE_HOST_WAITS, false, "", "SERVFAIL" },
	{ "DNS-31: the other way round", { FAKE_INSECURE_NXDOMAIN, "", NULL },
		{ FAKE_FAILURE, "bogus: signature expired", NULL }, ROUTE_HOST_WAITS, false, "",
		"signature expired" },
	{ "both failed", { FAKE_FAILURE, "SERVFAIL", NULL }, { FAKE_FAILURE, "REFUSED", NULL },
		ROUTE_HOST_WAITS, false, "", "SERVFAIL" },
	{ "both are denied", { FAKE_SECURE, "", NULL }, { FAKE_SECURE, "", NULL },
		ROUTE_HOST_UNUSABLE, false, "", "has no address" },
	{ "NXDOMAIN", { FAKE_INSECURE_NXDOMAIN, "", NULL }, { FAKE_INSECURE_NXDOMAIN, "", NULL },
		ROUTE_HOST_UNUSABLE, false, "", "does not exist" },
	{ "DNS-28: a malformed record goes", { FAKE_INSECURE, "\\# 0909, 9.9.9.9", NULL },
		{ FAKE_INSECURE, "\\# 09090909", NULL }, ROUTE_HOST_READY, false, "9.9.9.9", "" },
	{ "DNS-28: only malformed ones", { FAKE_INSECURE, "\\# 090909", NULL },
		{ FAKE_INSECURE, "", NULL }, ROUTE_HOST_WAITS, false, "", "malformed" },
	{ "MX-16: unspecified and loopback", { FAKE_INSECURE, "0.0.0.0, 127.0.0.1", NULL },
		{ FAKE_INSECURE, "::1", NULL }, ROUTE_HOST_UNUSABLE, false, "", "127.0.0.1" },
	{ "MX-16: one public among private", { FAKE_INSECURE, "10.0.0.1, 9.9.9.9, 192.168.1.1", NULL },
		{ FAKE_INSECURE, "fe80::1, ff02::1, ::ffff:10.0.0.1", NULL }, ROUTE_HOST_READY, false,
		"9.9.9.9", "" },
	{ "MX-16: private, and the other family failed", { FAKE_INSECURE, "10.0.0.1", NULL },
		{ FAKE_FAILURE, "SERVFAIL", NULL }, ROUTE_HOST_WAITS, false, "", "SERVFAIL" },
	{ "secure", { FAKE_SECURE, "9.9.9.9", NULL }, { FAKE_SECURE, "", NULL }, ROUTE_HOST_READY,
		true, "9.9.9.9", "" },
	{ "DNS-31: one family secure", { FAKE_INSECURE, "9.9.9.9", NULL },
		{ FAKE_SECURE, "2620:fe::9", NULL }, ROUTE_HOST_READY, true, "2620:fe::9 9.9.9.9", "" },
	{ "a secure denial makes no address secure", { FAKE_INSECURE, "9.9.9.9", NULL },
		{ FAKE_SECURE, "", NULL }, ROUTE_HOST_READY, false, "9.9.9.9", "" },
};

static void two_answers_make_one_host(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct route_host host = fill(&rows[i].a, &rows[i].aaaa, NULL, false);
		if (host.state != rows[i].state || host.address_secure != rows[i].secure ||
			strcmp(addresses_of(&host), rows[i].addresses) != 0 ||
			strstr(host.reason, rows[i].reason) == NULL)
			fail_msg("%s: %s %s", rows[i].what, addresses_of(&host), host.reason);
		assert_string_equal(host.canonical, "mx.lab");
		assert_int_equal(host.reason[0] == '\0', host.state == ROUTE_HOST_READY);
	}
}

static void each_address_keeps_the_security_of_its_answer(void **state)
{
	(void)state;
	struct route_host host = fill(&(struct side){ FAKE_SECURE, "9.9.9.9", NULL },
		&(struct side){ FAKE_INSECURE, "2620:fe::9", NULL }, NULL, false);
	assert_int_equal(host.addresses_count, 2);
	assert_false(host.addresses[0].secure);
	assert_true(host.addresses[1].secure);
}

static void the_lab_may_have_private_addresses(void **state)
{
	(void)state;
	struct route_host host = fill(&(struct side){ FAKE_INSECURE, "127.0.0.1", NULL },
		&(struct side){ FAKE_INSECURE, "::1", NULL }, NULL, true);
	assert_int_equal(host.state, ROUTE_HOST_READY);
	assert_string_equal(addresses_of(&host), "::1 127.0.0.1");
}

/* MX-22 */
static void ten_addresses_are_kept_and_the_families_balanced(void **state)
{
	(void)state;
	static const char v4[] = "9.0.0.1, 9.0.0.2, 9.0.0.3, 9.0.0.4, 9.0.0.5, 9.0.0.6, 9.0.0.7, "
		"9.0.0.8, 9.0.0.9, 9.0.0.10, 9.0.0.11, 9.0.0.12";
	static const char v6[] = "2620:fe::1, 2620:fe::2, 2620:fe::3, 2620:fe::4, 2620:fe::5, "
		"2620:fe::6, 2620:fe::7, 2620:fe::8, 2620:fe::9, 2620:fe::a, 2620:fe::b";
	struct route_host host = fill(&(struct side){ FAKE_INSECURE, v4, NULL },
		&(struct side){ FAKE_INSECURE, v6, NULL }, NULL, false);
	assert_int_equal(host.addresses_count, ROUTE_ADDRESSES_MAX);
	unsigned v6_count = 0;
	for (size_t i = 0; i < host.addresses_count; i++)
		v6_count += host.addresses[i].ip.family == IP_FAMILY_6;
	assert_int_equal(v6_count, ROUTE_ADDRESSES_MAX / 2);
	host = fill(&(struct side){ FAKE_INSECURE, v4, NULL },
		&(struct side){ FAKE_INSECURE, "2620:fe::1, 2620:fe::2", NULL }, NULL, false);
	assert_int_equal(host.addresses_count, ROUTE_ADDRESSES_MAX);
	host = fill(&(struct side){ FAKE_INSECURE, v4, NULL },
		&(struct side){ FAKE_INSECURE, "", NULL }, NULL, false);
	assert_int_equal(host.addresses_count, ROUTE_ADDRESSES_MAX);
}

static const struct {
	const char *what;
	struct side a, alias;
	bool wants_alias;
	enum route_host_state state;
	bool address_secure, first_alias_secure;
	const char *reason;
} aliases[] = {
	{ "DANE-04: all secure", { FAKE_SECURE, "9.9.9.9", "real.lab" }, { FAKE_SECURE, "", NULL },
		false, ROUTE_HOST_READY, true, true, "" },
	{ "DNS-07: the alias is signed, its target not", { FAKE_INSECURE, "9.9.9.9", "real.lab" },
		{ FAKE_SECURE, "real.lab", NULL }, true, ROUTE_HOST_READY, false, true, "" },
	{ "DANE-06: nothing is signed", { FAKE_INSECURE, "9.9.9.9", "real.lab" },
		{ FAKE_INSECURE, "real.lab", NULL }, true, ROUTE_HOST_READY, false, false, "" },
	{ "DNS-07: the look-up of the alias fails", { FAKE_INSECURE, "9.9.9.9", "real.lab" },
		{ FAKE_FAILURE, "SERVFAIL", NULL }, true, ROUTE_HOST_WAITS, false, false, "SERVFAIL" },
	{ "the alias has gone meanwhile", { FAKE_INSECURE, "9.9.9.9", "real.lab" },
		{ FAKE_INSECURE, "", NULL }, true, ROUTE_HOST_WAITS, false, false, "one answer" },
	{ "the alias is denied, securely", { FAKE_INSECURE, "9.9.9.9", "real.lab" },
		{ FAKE_SECURE, "", NULL }, true, ROUTE_HOST_WAITS, false, false, "one answer" },
	{ "DNS-08: it leads to no host name", { FAKE_SECURE, "9.9.9.9", "real?.lab" },
		{ FAKE_SECURE, "", NULL }, false, ROUTE_HOST_WAITS, true, false, "no valid host" },
};

/* MX-11, DNS-06, DNS-07, DNS-08 */
static void an_alias_is_followed_and_its_security_noted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(aliases); i++) {
		struct side none = { FAKE_SECURE, "", NULL };
		struct fake_row a_row = { "mx.lab", DNS_TYPE_A, aliases[i].a.class, 300,
			aliases[i].a.records, aliases[i].a.canonical };
		struct fake_row none_row = { "mx.lab", DNS_TYPE_AAAA, FAKE_SECURE, 300, "", NULL };
		bool wants =
			route_address_wants_alias(fake_answer(&a_row), fake_answer(&none_row));
		assert_int_equal(wants, aliases[i].wants_alias);
		struct route_host host =
			fill(&aliases[i].a, &none, wants ? &aliases[i].alias : NULL, false);
		if (host.state != aliases[i].state ||
			host.address_secure != aliases[i].address_secure ||
			host.first_alias_secure != aliases[i].first_alias_secure ||
			strstr(host.reason, aliases[i].reason) == NULL)
			fail_msg("%s: %s", aliases[i].what, host.reason);
		assert_true(host.is_alias);
		assert_string_equal(host.name, "mx.lab");
		assert_string_equal(host.canonical, aliases[i].a.canonical);
	}
}

static void only_insecure_data_behind_an_alias_wants_the_extra_question(void **state)
{
	(void)state;
	struct fake_row rows_of[] = {
		{ "mx.lab", DNS_TYPE_A, FAKE_INSECURE, 300, "9.9.9.9", NULL },
		{ "mx.lab", DNS_TYPE_AAAA, FAKE_INSECURE, 300, "2620:fe::9", "real.lab" },
		{ "mx.lab", DNS_TYPE_A, FAKE_FAILURE, 0, "SERVFAIL", NULL },
		{ "mx.lab", DNS_TYPE_AAAA, FAKE_INSECURE, 300, "", "real.lab" },
		{ "mx.lab", DNS_TYPE_AAAA, FAKE_SECURE, 300, "2620:fe::9", "real.lab" },
	};
	const struct dns_answer *a = fake_answer(&rows_of[0]), *aaaa = fake_answer(&rows_of[1]);
	const struct dns_answer *failed = fake_answer(&rows_of[2]);
	const struct dns_answer *denied = fake_answer(&rows_of[3]);
	const struct dns_answer *secure = fake_answer(&rows_of[4]);
	assert_true(route_address_wants_alias(failed, aaaa));
	assert_true(route_address_wants_alias(denied, aaaa));
	assert_false(route_address_wants_alias(a, denied));
	assert_false(route_address_wants_alias(failed, denied));
	assert_false(route_address_wants_alias(denied, denied));
	assert_false(route_address_wants_alias(denied, secure));
}

/* MX-19, MX-16 */
static void a_literal_is_a_host_without_a_name_to_prove(void **state)
{
	(void)state;
	struct ip_address ip;
	assert_int_equal(ip_address_parse(TEXT("9.9.9.9"), &ip), RESULT_OK);
	struct route_host host = { .reason = "" };
	route_address_fill_literal(&draft, &host, &ip, false);
	assert_int_equal(host.state, ROUTE_HOST_READY);
	assert_true(host.is_address);
	assert_false(host.address_secure);
	assert_string_equal(host.name, "9.9.9.9");
	assert_string_equal(addresses_of(&host), "9.9.9.9");
	assert_int_equal(ip_address_parse(TEXT("::1"), &ip), RESULT_OK);
	struct route_host private = { .reason = "" };
	route_address_fill_literal(&draft, &private, &ip, false);
	assert_int_equal(private.state, ROUTE_HOST_UNUSABLE);
	assert_non_null(strstr(private.reason, "--allow-private"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_answers_make_one_host, setup, teardown),
		cmocka_unit_test_setup_teardown(
			each_address_keeps_the_security_of_its_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_lab_may_have_private_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ten_addresses_are_kept_and_the_families_balanced, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_alias_is_followed_and_its_security_noted, setup, teardown),
		cmocka_unit_test_setup_teardown(
			only_insecure_data_behind_an_alias_wants_the_extra_question, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_literal_is_a_host_without_a_name_to_prove, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
