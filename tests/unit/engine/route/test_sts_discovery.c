/* From the record of a domain to the policy in force. */
#include "tests/unit/engine/route/store_fixture.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/random.h"
#include "engine/route/sts_service.h"
#include "tests/unit/engine/route/fake_dns.h"
#include "tests/unit/engine/route/fake_fetches.h"

#define DAY_S     86400
#define RECORD    "_mta-sts.a.lab", DNS_TYPE_TXT
#define HOST      "mta-sts.a.lab"
#define ENFORCE   "version: STSv1\nmode: enforce\nmx: mx.a.lab\nmax_age: 604800\n"
#define TESTING   "version: STSv1\nmode: testing\nmx: mx.a.lab\nmax_age: 604800\n"
#define NONE      "version: STSv1\nmode: none\nmax_age: 604800\n"
#define ASKED(id) "a.lab id=" id " addresses=2"

static struct timer_wheel wheel;
static struct random_state random_source;
static struct route_lookup_env lookups;
static struct sts_service *service;
static struct sts_discovery discovery;

/* Of the last one. */
static struct {
	bool is_over, has_policy, is_current;
	enum sts_finding finding;
	enum sts_mode mode;
	char id[40], why[300];
} found;
static char failures[512], changes[512];

static void failed(void *context, const struct sts_failure *failure)
{
	(void)context;
	size_t used = strlen(failures);
	snprintf(failures + used, sizeof failures - used, "%s: %s%s%s; ", failure->domain,
		sts_fault_text(failure->fault), failure->held != NULL ? " (held)" : "",
		failure->is_renewal ? " (renewal)" : "");
}

static void changed(void *context, const struct route_change *change)
{
	(void)context;
	size_t used = strlen(changes);
	snprintf(changes + used, sizeof changes - used, "%s: %s to %s; ", change->domain,
		change->before, change->now);
}

static void begin(void)
{
	const struct sts_service_config config = {
		.lookups = &lookups,
		.fetches = fake_fetches_reset(),
		.store = kept.store,
		.wheel = &wheel,
		.random = &random_source,
		.wall_us = kept_wall_us,
		.failed = failed,
		.changed = changed,
	};
	lookups = (struct route_lookup_env){
		.resolver = fake_dns_reset(), .wheel = &wheel, .lookup_ns = 30 * SECOND_NS };
	route_lookup_env_init(&lookups);
	assert_int_equal(sts_service_create(&config, &service), RESULT_OK);
	failures[0] = changes[0] = '\0';
	const struct fake_row rows[] = {
		{ HOST, DNS_TYPE_A, FAKE_INSECURE, 60, "192.0.2.1", NULL },
		{ HOST, DNS_TYPE_AAAA, FAKE_INSECURE, 60, "2001:db8::1", NULL },
	};
	fake_dns_script(rows, COUNT_OF(rows));
}

static int set_up(void **state)
{
	if (kept_set_up(state) != 0)
		return -1;
	timer_wheel_init(&wheel, 1000 * SECOND_NS);
	random_init_seed(&random_source, 7);
	begin();
	return 0;
}

static void end(void)
{
	sts_discovery_stop(&discovery);
	sts_service_destroy(service);
	route_lookup_env_deinit(&lookups);
}

static int tear_down(void **state)
{
	end();
	return kept_tear_down(state) == 0 && wheel.count == 0 && fake_dns_pending() == 0 ? 0 : -1;
}

static void pass_ms(uint64_t ms)
{
	timer_wheel_advance(&wheel, timer_wheel_now_ns(&wheel) + ms * MS_NS);
}

static void record_is(enum fake_class class, const char *text)
{
	const struct fake_row row = { RECORD, class, 0, text, NULL };
	fake_dns_script(&row, 1);
}

static void done(struct sts_discovery *d, const struct sts_outcome *outcome)
{
	(void)d;
	assert_false(found.is_over);
	found.is_over = true;
	found.finding = outcome->finding;
	found.has_policy = outcome->policy != NULL;
	found.is_current = outcome->is_current;
	if (found.has_policy)
		found.mode = outcome->policy->mode;
	snprintf(found.id, sizeof found.id, "%.*s", TEXT_ARG(outcome->id));
	snprintf(found.why, sizeof found.why, "%s", outcome->why);
}

static void start(enum sts_purpose purpose)
{
	sts_discovery_stop(&discovery);
	memset(&found, 0, sizeof found);
	assert_true(sts_discovery_start(
		&discovery, &service->env, "a.lab", purpose, done, NULL));
	assert_false(found.is_over);
}

static enum sts_finding discover(enum sts_purpose purpose)
{
	start(purpose);
	for (int i = 0; i < 8 && !found.is_over; i++) {
		fake_dns_deliver();
		fake_fetches_deliver();
		pass_ms(1);
	}
	assert_true(found.is_over);
	return found.finding;
}

static void assert_asked(const char *want) { assert_string_equal(fake_fetches_log(), want); }

/* STS-16, STS-39: the record, the host, the policy; then the id is enough. */
static void a_new_domain_is_fetched_once_and_remembered_for_its_id(void **state)
{
	(void)state;
	record_is(FAKE_INSECURE, "v=STSv1; id=1");
	fake_fetches_says("a.lab", ENFORCE);
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_FETCHED);
	assert_int_equal(found.mode, STS_MODE_ENFORCE);
	assert_string_equal(found.id, "1");
	assert_true(found.is_current);
	assert_asked(ASKED("1"));
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_HELD);
	assert_int_equal(found.mode, STS_MODE_ENFORCE);
	assert_false(found.is_current);
	assert_asked("");
	assert_string_equal(changes, "");
}

/* STS-12: ids have no order. */
static void another_id_than_before_is_fetched(void **state)
{
	(void)state;
	record_is(FAKE_INSECURE, "v=STSv1; id=2");
	fake_fetches_says("a.lab", ENFORCE);
	discover(STS_FOR_MAIL);
	record_is(FAKE_INSECURE, "v=STSv1; id=1");
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_FETCHED);
	assert_string_equal(found.id, "1");
	assert_asked(ASKED("2") ", " ASKED("1"));
}

/* STS-05, STS-06, STS-09, SEC-35 */
static void what_is_no_record_brings_no_policy_and_no_fetch(void **state)
{
	(void)state;
	const char *const records[] = { "", "v=spf1 -all", "v=STSv1; id=1, v=STSv1; id=2",
		"v=STSv1; id=", "V=STSv1; id=1", "x=1; v=STSv1; id=1", "v=STSv1; id=a-b" };
	for (size_t i = 0; i < COUNT_OF(records); i++) {
		record_is(FAKE_INSECURE, records[i]);
		assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_NO_RECORD);
		assert_false(found.has_policy);
	}
	record_is(FAKE_SECURE_NXDOMAIN, "");
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_NO_RECORD);
	assert_asked("");
}

static void junk_beside_the_record_does_not_hide_it(void **state)
{
	(void)state;
	fake_fetches_says("a.lab", ENFORCE);
	record_is(FAKE_INSECURE, "v=spf1 -all, v=STSv1; id=1, google-site-verification=x");
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_FETCHED);
	/* STS-05: "v=STSv1; i" "d=1;" */
	record_is(FAKE_INSECURE, "\\# 0a763d53545376313b206904643d313b");
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_HELD);
}

/* STS-13, STS-42, SEC-04 */
static void nothing_that_happens_to_the_record_takes_a_policy_away(void **state)
{
	(void)state;
	record_is(FAKE_INSECURE, "v=STSv1; id=1");
	fake_fetches_says("a.lab", ENFORCE);
	discover(STS_FOR_MAIL);
	const struct {
		enum fake_class class;
		const char *text;
	} records[] = {
		{ FAKE_INSECURE, "" },
		{ FAKE_INSECURE_NXDOMAIN, "" },
		{ FAKE_FAILURE, "SERVFAIL" },
		{ FAKE_INSECURE, "v=STSv1; id=1, v=STSv1; id=2" },
		{ FAKE_INSECURE, "v=STSv1; id=?" },
	};
	for (size_t i = 0; i < COUNT_OF(records); i++) {
		record_is(records[i].class, records[i].text);
		assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_KEPT);
		assert_int_equal(found.mode, STS_MODE_ENFORCE);
		assert_true(found.why[0] != '\0');
	}
	assert_asked(ASKED("1"));
}

/* STS-42: the new id is not stored, so that it is tried again. STS-54: what would be reported is told. */
static void a_new_id_whose_policy_cannot_be_had_keeps_the_old_policy(void **state)
{
	(void)state;
	record_is(FAKE_INSECURE, "v=STSv1; id=1");
	fake_fetches_says("a.lab", ENFORCE);
	discover(STS_FOR_MAIL);
	record_is(FAKE_INSECURE, "v=STSv1; id=2");
	fake_fetches_fails("a.lab", STS_FAULT_STATUS);
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_KEPT);
	assert_string_equal(found.id, "1");
	assert_string_equal(failures, "a.lab: HTTP status other than 200 (held); ");
	fake_fetches_says("a.lab", NONE);
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_FETCHED);
	assert_string_equal(found.id, "2");
	assert_asked(ASKED("1") ", " ASKED("2") ", " ASKED("2"));
}

/* STS-14, STS-54 */
static void without_a_policy_a_failed_fetch_is_as_if_there_were_none(void **state)
{
	(void)state;
	record_is(FAKE_INSECURE, "v=STSv1; id=1");
	fake_fetches_fails("a.lab", STS_FAULT_CERTIFICATE);
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_UNFETCHED);
	assert_false(found.has_policy);
	assert_string_equal(failures, "a.lab: certificate of the policy host is not good; ");
	/* STS-22: what was not tried is no news. */
	fake_fetches_fails("a.lab", STS_FAULT_WAITS);
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_UNFETCHED);
	assert_string_equal(failures, "a.lab: certificate of the policy host is not good; ");
	assert_asked(ASKED("1") ", a.lab id=1 addresses=0");
}

static void a_policy_host_without_addresses_is_told_from_one_that_is_not_known_now(void **state)
{
	(void)state;
	const struct fake_row failing = { HOST, DNS_TYPE_A, FAKE_FAILURE, 0, "SERVFAIL", NULL };
	const struct fake_row none[] = {
		{ HOST, DNS_TYPE_A, FAKE_INSECURE_NXDOMAIN, 60, "", NULL },
		{ HOST, DNS_TYPE_AAAA, FAKE_INSECURE_NXDOMAIN, 60, "", NULL },
	};
	record_is(FAKE_INSECURE, "v=STSv1; id=1");
	fake_fetches_says("a.lab", ENFORCE);
	fake_dns_script(none, 2);
	fake_dns_script(&failing, 1);
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_UNFETCHED);
	assert_string_equal(found.why, HOST " has no A answer now: SERVFAIL");
	assert_asked(""); /* no fetch that would have to wait before the next */
	fake_fetches_fails("a.lab", STS_FAULT_ADDRESS);
	fake_dns_script(none, 2);
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_UNFETCHED);
	assert_asked("a.lab id=1 addresses=0");
}

/* STS-15 */
static void a_record_that_fails_is_asked_for_once_more_and_then_counts_as_none(void **state)
{
	(void)state;
	record_is(FAKE_FAILURE, "SERVFAIL");
	start(STS_FOR_MAIL);
	fake_dns_deliver();
	pass_ms(STS_RECORD_RETRY_MS - 1);
	assert_int_equal(fake_dns_pending(), 0);
	assert_false(found.is_over);
	pass_ms(2);
	fake_dns_deliver();
	assert_true(found.is_over);
	assert_int_equal(found.finding, STS_FINDING_NO_ANSWER);
	assert_int_equal(fake_dns_asked(RECORD), 2);
	record_is(FAKE_FAILURE, "bogus: a signature is expired");
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_BOGUS);
	assert_int_equal(fake_dns_asked(RECORD), 3);
}

/* STS-40, STS-44: also without a record, also with the same id. */
static void a_renewal_fetches_in_any_case(void **state)
{
	(void)state;
	record_is(FAKE_INSECURE, "v=STSv1; id=1");
	fake_fetches_says("a.lab", ENFORCE);
	discover(STS_FOR_MAIL);
	assert_int_equal(discover(STS_FOR_RENEWAL), STS_FINDING_FETCHED);
	record_is(FAKE_INSECURE, "");
	assert_int_equal(discover(STS_FOR_RENEWAL), STS_FINDING_FETCHED);
	assert_string_equal(found.id, "1");
	fake_fetches_fails("a.lab", STS_FAULT_NETWORK);
	assert_int_equal(discover(STS_FOR_RENEWAL), STS_FINDING_KEPT);
	assert_string_equal(failures, "a.lab: policy host not reachable (held) (renewal); ");
	assert_asked(ASKED("1") ", " ASKED("1") ", " ASKED("1") ", " ASKED("1"));
}

/* STS-36 */
static void a_policy_that_a_host_has_failed_is_fetched_anew_once_it_is_a_minute_old(void **state)
{
	(void)state;
	record_is(FAKE_INSECURE, "v=STSv1; id=1");
	fake_fetches_says("a.lab", ENFORCE);
	discover(STS_FOR_MAIL);
	assert_int_equal(discover(STS_FOR_DOUBT), STS_FINDING_HELD);
	kept_pass_s(STS_DOUBT_MIN_S);
	fake_fetches_says("a.lab", NONE);
	assert_int_equal(discover(STS_FOR_DOUBT), STS_FINDING_FETCHED);
	assert_int_equal(found.mode, STS_MODE_NONE);
	sts_policies_doubt(service->policies, TEXT("a.lab"));
	kept_pass_s(STS_DOUBT_MIN_S);
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_FETCHED);
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_HELD);
}

/* STS-43, and the alarm: once. */
static void a_weaker_policy_is_told_once_and_a_stronger_one_never(void **state)
{
	(void)state;
	record_is(FAKE_INSECURE, "v=STSv1; id=1");
	fake_fetches_says("a.lab", TESTING);
	discover(STS_FOR_MAIL);
	fake_fetches_says("a.lab", ENFORCE);
	discover(STS_FOR_RENEWAL);
	assert_string_equal(changes, "");
	fake_fetches_says("a.lab", NONE);
	discover(STS_FOR_RENEWAL);
	discover(STS_FOR_RENEWAL);
	discover(STS_FOR_MAIL);
	assert_int_equal(found.mode, STS_MODE_NONE);
	assert_string_equal(changes, "a.lab: enforce to none; ");
}

/* STS-47 */
static void a_policy_that_is_over_and_has_no_heir_is_told_once(void **state)
{
	(void)state;
	record_is(FAKE_INSECURE, "v=STSv1; id=1");
	fake_fetches_says("a.lab", ENFORCE);
	discover(STS_FOR_MAIL);
	kept_pass_s(604800);
	record_is(FAKE_FAILURE, "SERVFAIL"); /* not known for certain */
	start(STS_FOR_MAIL);
	fake_dns_deliver();
	pass_ms(STS_RECORD_RETRY_MS + 1);
	fake_dns_deliver();
	assert_int_equal(found.finding, STS_FINDING_NO_ANSWER);
	assert_string_equal(changes, "");
	record_is(FAKE_INSECURE, "");
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_NO_RECORD);
	assert_string_equal(changes, "a.lab: enforce to none; ");
	discover(STS_FOR_MAIL);
	assert_string_equal(changes, "a.lab: enforce to none; ");
}

/* STS-47: the thread that writes the cache has not had its turn yet. */
static void a_policy_that_is_over_is_told_once_however_late_the_cache_hears_of_it(void **state)
{
	(void)state;
	record_is(FAKE_INSECURE, "v=STSv1; id=1");
	fake_fetches_says("a.lab", ENFORCE);
	discover(STS_FOR_MAIL);
	kept_write();
	kept_pass_s(604800);
	record_is(FAKE_INSECURE, "");
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_NO_RECORD);
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_NO_RECORD);
	assert_string_equal(changes, "a.lab: enforce to none; ");
	kept_write();
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_NO_RECORD);
	assert_string_equal(changes, "a.lab: enforce to none; ");
	/* Another one is nothing that the domain had before. */
	record_is(FAKE_INSECURE, "v=STSv1; id=2");
	fake_fetches_says("a.lab", TESTING);
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_FETCHED);
	assert_string_equal(changes, "a.lab: enforce to none; ");
}

/* STS-28 */
static void a_policy_for_now_alone_is_in_force_and_not_kept(void **state)
{
	(void)state;
	record_is(FAKE_INSECURE, "v=STSv1; id=1");
	fake_fetches_says("a.lab", "version: STSv1\nmode: enforce\nmx: mx.a.lab\nmax_age: 0\n");
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_FETCHED);
	assert_int_equal(found.mode, STS_MODE_ENFORCE);
	assert_int_equal(sts_policies_count(service->policies), 0);
}

/* STS-47, STS-40: a restart, and the policy host is gone. */
static void a_restart_knows_the_policy_and_renews_it_in_its_time(void **state)
{
	(void)state;
	record_is(FAKE_INSECURE, "v=STSv1; id=1");
	fake_fetches_says("a.lab", ENFORCE);
	discover(STS_FOR_MAIL);
	kept_write();
	end();
	kept_reopen();
	begin();
	record_is(FAKE_INSECURE, "v=STSv1; id=1");
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_HELD);
	fake_fetches_says("a.lab", TESTING);
	kept_pass_s(DAY_S);
	pass_ms(DAY_S * 1000ull);
	for (int i = 0; i < 4; i++) {
		fake_dns_deliver();
		pass_ms(1);
	}
	assert_int_equal(fake_fetches_deliver(), 1);
	assert_string_equal(changes, "a.lab: enforce to testing; ");
	assert_int_equal(discover(STS_FOR_MAIL), STS_FINDING_HELD);
	assert_int_equal(found.mode, STS_MODE_TESTING);
}

static void a_discovery_may_be_stopped_anywhere(void **state)
{
	(void)state;
	record_is(FAKE_INSECURE, "v=STSv1; id=1");
	fake_fetches_says("a.lab", ENFORCE);
	start(STS_FOR_MAIL);
	sts_discovery_stop(&discovery);
	assert_int_equal(fake_dns_pending(), 0);
	start(STS_FOR_MAIL);
	fake_dns_deliver();
	assert_int_equal(fake_fetches_pending(), 1);
	sts_discovery_stop(&discovery);
	fake_fetches_deliver();
	record_is(FAKE_FAILURE, "SERVFAIL");
	start(STS_FOR_MAIL);
	fake_dns_deliver();
	sts_discovery_stop(&discovery);
	pass_ms(STS_RECORD_RETRY_MS + 1);
	assert_false(found.is_over);
}

static void count_policies(struct sts_discovery *d, const struct sts_outcome *outcome)
{
	*(unsigned *)d->owner += outcome->policy != NULL;
}

/* STS-45: with --route *=HOST thousands of domains may wait for one policy. */
static void what_came_of_a_fetch_is_told_and_kept_once_whoever_waits(void **state)
{
	(void)state;
	struct sts_discovery other = { 0 };
	struct route_store_counts counts;
	struct sts_held *held;
	unsigned policies = 0;
	fake_fetches_says("a.lab", ENFORCE);
	for (char id[] = "v=STSv1; id=1;"; id[12] <= '2'; id[12]++) {
		record_is(FAKE_INSECURE, id);
		sts_discovery_stop(&other);
		assert_true(sts_discovery_start(
			&other, &service->env, "a.lab", STS_FOR_MAIL, count_policies, &policies));
		discover(STS_FOR_MAIL);
		assert_true(found.has_policy);
		route_store_count(kept.store, &counts);
		assert_int_equal(counts.learned, policies);
		fake_fetches_fails("a.lab", STS_FAULT_STATUS);
	}
	assert_int_equal(policies, 2);
	assert_string_equal(failures, "a.lab: HTTP status other than 200 (held); ");
	assert_int_equal(sts_policies_find(service->policies, TEXT("a.lab"), true, &held), STS_HELD_VALID);
	assert_int_equal(held->failures, 1);
	sts_discovery_stop(&other);
}

static void a_domain_whose_record_could_have_no_name_has_no_policy(void **state)
{
	(void)state;
	char domain[254];
	memset(domain, 'a', sizeof domain - 1);
	for (size_t i = 49; i < sizeof domain - 1; i += 50)
		domain[i] = '.';
	domain[sizeof domain - 1] = '\0';
	assert_false(sts_discovery_start(
		&discovery, &service->env, domain, STS_FOR_MAIL, done, NULL));
}

int main(void)
{
#define TEST_OF(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST_OF(a_new_domain_is_fetched_once_and_remembered_for_its_id),
		TEST_OF(another_id_than_before_is_fetched),
		TEST_OF(what_is_no_record_brings_no_policy_and_no_fetch),
		TEST_OF(junk_beside_the_record_does_not_hide_it),
		TEST_OF(nothing_that_happens_to_the_record_takes_a_policy_away),
		TEST_OF(a_new_id_whose_policy_cannot_be_had_keeps_the_old_policy),
		TEST_OF(without_a_policy_a_failed_fetch_is_as_if_there_were_none),
		TEST_OF(a_policy_host_without_addresses_is_told_from_one_that_is_not_known_now),
		TEST_OF(a_record_that_fails_is_asked_for_once_more_and_then_counts_as_none),
		TEST_OF(a_renewal_fetches_in_any_case),
		TEST_OF(a_policy_that_a_host_has_failed_is_fetched_anew_once_it_is_a_minute_old),
		TEST_OF(a_weaker_policy_is_told_once_and_a_stronger_one_never),
		TEST_OF(a_policy_that_is_over_and_has_no_heir_is_told_once),
		TEST_OF(a_policy_that_is_over_is_told_once_however_late_the_cache_hears_of_it),
		TEST_OF(a_policy_for_now_alone_is_in_force_and_not_kept),
		TEST_OF(a_restart_knows_the_policy_and_renews_it_in_its_time),
		TEST_OF(a_discovery_may_be_stopped_anywhere),
		TEST_OF(what_came_of_a_fetch_is_told_and_kept_once_whoever_waits),
		TEST_OF(a_domain_whose_record_could_have_no_name_has_no_policy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
