/* What a domain had and has not any more is said, once. */
#include "tests/unit/engine/route/store_fixture.h"
#include "tests/unit/engine/route/route_bench.h"

#define SCRIPT(...)                                                                                \
	do {                                                                                       \
		const struct fake_row rows_[] = { __VA_ARGS__ };                                   \
		fake_dns_script(rows_, COUNT_OF(rows_));                                           \
	} while (0)
#define OWNER "_25._tcp.mx.lab"
#define RECORD "\\# 03010100112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define DOMAIN_IS(class_)                                                                          \
	{ "a.lab", DNS_TYPE_MX, FAKE_SECURE, 60, "10 mx.lab", NULL },                              \
	{ "b.lab", DNS_TYPE_MX, FAKE_SECURE, 60, "10 mx.lab", NULL },                              \
	{ "mx.lab", DNS_TYPE_A, class_, 60, "9.9.9.1", NULL },                                     \
	{ "mx.lab", DNS_TYPE_AAAA, class_, 60, "", NULL }

static char heard[1024];

static void hear(void *context, const struct route_change *change)
{
	assert_null(context);
	size_t len = strlen(heard);
	(void)snprintf(heard + len, sizeof heard - len, "%s %s: %s, %s: %s|", change->domain, change->host,
		change->before, change->now, change->reason);
}

static void start(const struct bench_options *options)
{
	struct bench_options given = options != NULL ? *options : (struct bench_options){ 0 };
	given.store = kept.store;
	given.changed = hear;
	bench_start(&given);
}

static int set_up(void **state)
{
	heard[0] = '\0';
	int r = kept_set_up(state);
	if (r == 0)
		start(NULL);
	return r;
}

static int tear_down(void **state)
{
	int builder = bench_stop(state), store = kept_tear_down(state);
	return builder != 0 ? builder : store;
}

static void pass_s(int64_t seconds)
{
	kept_pass_s(seconds);
	bench_pass((uint64_t)seconds * SECOND_NS);
}

/* A host with records, until all that is known of it has expired. */
static void had_records(void)
{
	SCRIPT(DOMAIN_IS(FAKE_SECURE), { OWNER, DNS_TYPE_TLSA, FAKE_SECURE, 60, RECORD, NULL });
	assert_int_equal(bench_get("a.lab")->hosts[0].demand.need, SECURITY_NEED_DANE);
	kept_write();
	pass_s(61);
	assert_string_equal(heard, "");
}

static void assert_heard(const char *want)
{
	assert_non_null(bench_get("a.lab"));
	assert_string_equal(heard, want);
	heard[0] = '\0';
}

static void records_that_are_gone_are_missed_once(void **state)
{
	(void)state;
	had_records();
	SCRIPT({ OWNER, DNS_TYPE_TLSA, FAKE_SECURE_NXDOMAIN, 60, "", NULL });
	assert_heard("a.lab mx.lab: dane, none: there are no TLSA records any more at _25._tcp.mx.lab|");
	/* Not by the next domain of that host, not before and not after it is written. */
	assert_non_null(bench_get("b.lab"));
	assert_string_equal(heard, "");
	kept_write();
	for (int i = 0; i < 3; i++) {
		pass_s(61);
		assert_heard("");
	}
}

/* And again if they come back and go again. */
static void records_that_come_back_can_be_missed_again(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		had_records();
		SCRIPT({ OWNER, DNS_TYPE_TLSA, FAKE_INSECURE, 60, "", NULL });
		assert_heard("a.lab mx.lab: dane, none: "
			     "there are no TLSA records any more, nor signatures, at _25._tcp.mx.lab|");
		kept_write();
		pass_s(61);
	}
}

/* TLSA-29 */
static void records_without_signatures_count_as_gone(void **state)
{
	(void)state;
	had_records();
	SCRIPT({ OWNER, DNS_TYPE_TLSA, FAKE_INSECURE, 60, RECORD, NULL });
	assert_heard("a.lab mx.lab: dane, none: the TLSA records are not signed any more at _25._tcp.mx.lab|");
}

/* DANE-02: they are not even asked for; they may be known for hours yet. */
static void addresses_without_signatures_end_dane_too(void **state)
{
	(void)state;
	SCRIPT(DOMAIN_IS(FAKE_SECURE), { OWNER, DNS_TYPE_TLSA, FAKE_SECURE, 86400, RECORD, NULL });
	assert_non_null(bench_get("a.lab"));
	kept_write();
	pass_s(61);
	SCRIPT(DOMAIN_IS(FAKE_INSECURE));
	assert_heard("a.lab mx.lab: dane, none: the addresses of the host are not signed any more, "
		     "so its TLSA records do not count: _25._tcp.mx.lab|");
	kept_write();
	pass_s(61);
	assert_heard("");
	assert_int_equal(fake_dns_asked(OWNER, DNS_TYPE_TLSA), 1);
}

/* What failed proves nothing; it is said when it is certain. */
static void a_failure_is_no_loss(void **state)
{
	(void)state;
	had_records();
	SCRIPT({ OWNER, DNS_TYPE_TLSA, FAKE_FAILURE, 0, "SERVFAIL", NULL });
	assert_heard("");
	pass_s(61);
	SCRIPT(DOMAIN_IS(FAKE_FAILURE));
	assert_heard("");
	pass_s(61);
	SCRIPT(DOMAIN_IS(FAKE_SECURE), { OWNER, DNS_TYPE_TLSA, FAKE_SECURE, 60, "", NULL });
	assert_heard("a.lab mx.lab: dane, none: there are no TLSA records any more at _25._tcp.mx.lab|");
}

/* DANE-08, DANE-10: as long as one of the names has records that count, nothing is lost. */
static void a_host_that_keeps_records_under_another_name_has_lost_nothing(void **state)
{
	(void)state;
	had_records();
	SCRIPT({ "mx.lab", DNS_TYPE_A, FAKE_SECURE, 60, "9.9.9.1", "host.lab" },
		{ "mx.lab", DNS_TYPE_AAAA, FAKE_SECURE, 60, "", "host.lab" },
		{ "_25._tcp.host.lab", DNS_TYPE_TLSA, FAKE_SECURE, 60, RECORD, NULL });
	assert_heard("");
	kept_write();
	pass_s(61);
	SCRIPT({ "_25._tcp.host.lab", DNS_TYPE_TLSA, FAKE_SECURE, 60, "", NULL },
		{ OWNER, DNS_TYPE_TLSA, FAKE_SECURE, 60, "", NULL });
	assert_heard("a.lab mx.lab: dane, none: there are no TLSA records any more at _25._tcp.host.lab|");
	kept_write();
	pass_s(61);
	assert_heard("");
}

/* Where published DANE is not looked at nothing is known of its end (CONFORMANCE 0.4 P1). */
static void under_a_ceiling_nothing_is_missed(void **state)
{
	(void)state;
	had_records();
	(void)bench_stop(NULL);
	start(&(struct bench_options){ .tls = { "a.lab=may" } });
	SCRIPT(DOMAIN_IS(FAKE_SECURE));
	assert_heard("");
}

static void records_that_never_were_are_not_missed(void **state)
{
	(void)state;
	SCRIPT(DOMAIN_IS(FAKE_SECURE), { OWNER, DNS_TYPE_TLSA, FAKE_SECURE, 60, "", NULL });
	assert_heard("");
	kept_write();
	pass_s(61);
	assert_heard("");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_that_are_gone_are_missed_once),
		TEST(records_that_come_back_can_be_missed_again),
		TEST(records_without_signatures_count_as_gone),
		TEST(addresses_without_signatures_end_dane_too),
		TEST(a_failure_is_no_loss),
		TEST(a_host_that_keeps_records_under_another_name_has_lost_nothing),
		TEST(under_a_ceiling_nothing_is_missed),
		TEST(records_that_never_were_are_not_missed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
