#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "engine/io/random.h"
#include "engine/route/route_mx.h"
#include "tests/unit/engine/route/fake_dns.h"

static const char *const own_names[] = { "out.sender.lab", "sender.lab" };

static void read_mx(struct route_mx_list *list, enum fake_class class, const char *records)
{
	struct random_state random;
	random_init_seed(&random, 1);
	struct fake_row row = { "a.lab", DNS_TYPE_MX, class, 300, records, NULL };
	route_mx_read(list, fake_answer(&row), own_names, COUNT_OF(own_names), &random);
}

/* "10 mx1.lab, 20 mx2.lab!" with a mark behind what is unusable. */
static const char *list_text(const struct route_mx_list *list)
{
	static char text[8192];
	size_t len = 0;
	text[0] = '\0';
	for (size_t i = 0; i < list->count; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%u %s%s",
			i > 0 ? ", " : "", list->hosts[i].preference, list->hosts[i].name,
			list->hosts[i].unusable ? "!" : "");
	return text;
}

static const struct {
	const char *what;
	enum fake_class class;
	const char *records;
	enum route_mx_verdict verdict;
	enum route_cause cause;
	const char *hosts;
} rows[] = {
	{ "MX-02: NXDOMAIN is permanent", FAKE_INSECURE_NXDOMAIN, "", ROUTE_MX_CAUSE,
		ROUTE_CAUSE_NO_DOMAIN, "" },
	{ "MX-02: signed too", FAKE_SECURE_NXDOMAIN, "", ROUTE_MX_CAUSE, ROUTE_CAUSE_NO_DOMAIN, "" },
	{ "MX-03: a failure is never 'no MX'", FAKE_FAILURE, "SERVFAIL", ROUTE_MX_CAUSE,
		ROUTE_CAUSE_MX_FAILED, "" },
	{ "MX-04: NODATA, insecure", FAKE_INSECURE, "", ROUTE_MX_IMPLICIT, 0, "" },
	{ "MX-04: NODATA, secure", FAKE_SECURE, "", ROUTE_MX_IMPLICIT, 0, "" },
	{ "MX-08: the lower number first", FAKE_SECURE, "20 mx2.lab, 10 mx1.lab, 15 mx3.lab",
		ROUTE_MX_HOSTS, 0, "10 mx1.lab, 15 mx3.lab, 20 mx2.lab" },
	{ "MX-08: 0 and 65535 are preferences", FAKE_INSECURE, "65535 mx2.lab, 0 mx1.lab",
		ROUTE_MX_HOSTS, 0, "0 mx1.lab, 65535 mx2.lab" },
	{ "DNS-36: case does not count", FAKE_INSECURE, "10 MX1.Lab", ROUTE_MX_HOSTS, 0,
		"10 mx1.lab" },
	{ "a host named twice counts once, with its better preference", FAKE_INSECURE,
		"20 mx1.lab, 30 mx2.lab, 10 MX1.lab, 40 mx2.lab", ROUTE_MX_HOSTS, 0,
		"10 mx1.lab, 30 mx2.lab" },
	{ "MX-12: an address as a name is no host", FAKE_INSECURE, "10 192.0.2.1, 20 mx.lab",
		ROUTE_MX_HOSTS, 0, "10 192.0.2.1!, 20 mx.lab" },
	{ "no host has such a name", FAKE_INSECURE, "10 a b.lab, 20 mx.lab", ROUTE_MX_HOSTS, 0,
		"10 a\\032b.lab!, 20 mx.lab" },
	{ "MX-13: null MX", FAKE_INSECURE, "0 .", ROUTE_MX_CAUSE, ROUTE_CAUSE_NULL_MX, "" },
	{ "MX-13: signed null MX", FAKE_SECURE, "0 .", ROUTE_MX_CAUSE, ROUTE_CAUSE_NULL_MX, "" },
	{ "MX-14: another preference", FAKE_INSECURE, "10 .", ROUTE_MX_CAUSE, ROUTE_CAUSE_NULL_MX,
		"" },
	{ "MX-14: only root targets", FAKE_INSECURE, "0 ., 10 .", ROUTE_MX_CAUSE,
		ROUTE_CAUSE_NULL_MX, "" },
	{ "MX-14: the root beside others is ignored", FAKE_INSECURE, "0 ., 10 mx.lab",
		ROUTE_MX_HOSTS, 0, "10 mx.lab" },
	{ "MX-15: we and all that is no better go", FAKE_INSECURE,
		"10 mx1.lab, 20 Out.Sender.Lab, 20 mx2.lab, 30 mx3.lab", ROUTE_MX_HOSTS, 0,
		"10 mx1.lab" },
	{ "MX-15: the best of our names counts", FAKE_INSECURE,
		"10 mx1.lab, 30 out.sender.lab, 20 sender.lab, 25 mx2.lab", ROUTE_MX_HOSTS, 0,
		"10 mx1.lab" },
	{ "MX-15: we are the best", FAKE_INSECURE, "10 out.sender.lab, 20 mx1.lab", ROUTE_MX_CAUSE,
		ROUTE_CAUSE_LOOP, "" },
	{ "MX-15: we are the only one", FAKE_SECURE, "10 sender.lab", ROUTE_MX_CAUSE,
		ROUTE_CAUSE_LOOP, "" },
	{ "DNS-28: malformed records go", FAKE_INSECURE,
		"\\# , \\# 00, \\# 000a, \\# 000a0361, 10 mx.lab", ROUTE_MX_HOSTS, 0, "10 mx.lab" },
	{ "DNS-28: only malformed ones are a failure", FAKE_INSECURE, "\\# 000a, \\# 00",
		ROUTE_MX_CAUSE, ROUTE_CAUSE_MX_FAILED, "" },
	{ "a malformed one beside the root proves no null MX", FAKE_INSECURE, "\\# 000a, 0 .",
		ROUTE_MX_CAUSE, ROUTE_CAUSE_MX_FAILED, "" },
};

static void every_answer_has_its_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct route_mx_list list;
		read_mx(&list, rows[i].class, rows[i].records);
		if (list.verdict != rows[i].verdict ||
			strcmp(list_text(&list), rows[i].hosts) != 0 ||
			(list.verdict == ROUTE_MX_CAUSE && list.cause != rows[i].cause))
			fail_msg("%s: %s, %s", rows[i].what, list_text(&list),
				route_cause_name(list.cause));
	}
}

static void own_name_sets_the_mark_only_when_it_stood_there(void **state)
{
	(void)state;
	struct route_mx_list list;
	read_mx(&list, FAKE_INSECURE, "10 mx1.lab, 20 sender.lab");
	assert_true(list.own_dropped);
	read_mx(&list, FAKE_INSECURE, "10 mx1.lab, 20 mx.sender.lab");
	assert_false(list.own_dropped);
	assert_int_equal(list.count, 2);
}

static unsigned number_of(const struct route_mx_host *host)
{
	unsigned number = 999;
	assert_int_equal(sscanf(host->name, "mx%u.lab", &number), 1);
	assert_true(number < ROUTE_HOSTS_MAX);
	assert_int_equal(host->preference, 0);
	return number;
}

/* MX-22: 200 hosts; which 20 are kept does not depend on their order in the answer. */
static void a_long_list_keeps_the_best_twenty(void **state)
{
	(void)state;
	static char forward[8192], backward[8192];
	size_t f = 0, b = 0;
	for (unsigned i = 0; i < 200; i++) {
		f += (size_t)snprintf(forward + f, sizeof forward - f, "%s%u mx%03u.lab",
			i > 0 ? ", " : "", i / 30, i);
		b += (size_t)snprintf(backward + b, sizeof backward - b, "%s%u mx%03u.lab",
			i > 0 ? ", " : "", (199 - i) / 30, 199 - i);
	}
	struct route_mx_list first, second;
	read_mx(&first, FAKE_INSECURE, forward);
	read_mx(&second, FAKE_INSECURE, backward);
	assert_int_equal(first.count, ROUTE_HOSTS_MAX);
	assert_int_equal(second.count, ROUTE_HOSTS_MAX);
	unsigned seen_first = 0, seen_second = 0;
	for (size_t i = 0; i < ROUTE_HOSTS_MAX; i++) {
		seen_first |= 1u << number_of(&first.hosts[i]);
		seen_second |= 1u << number_of(&second.hosts[i]);
	}
	assert_int_equal(seen_first, (1u << ROUTE_HOSTS_MAX) - 1);
	assert_int_equal(seen_second, seen_first);
}

/* MX-09: 4,000 readings of four equal hosts; each is first in a quarter, within four sigma. */
static void equal_preferences_are_spread_evenly(void **state)
{
	(void)state;
	struct fake_row row = { "a.lab", DNS_TYPE_MX, FAKE_INSECURE, 300,
		"5 mx0.lab, 10 mx1.lab, 10 mx2.lab, 10 mx3.lab, 10 mx4.lab, 20 mx5.lab", NULL };
	const struct dns_answer *answer = fake_answer(&row);
	struct random_state random;
	random_init_seed(&random, 4711);
	unsigned first[5] = { 0 };
	for (unsigned i = 0; i < 4000; i++) {
		struct route_mx_list list;
		route_mx_read(&list, answer, NULL, 0, &random);
		assert_string_equal(list.hosts[0].name, "mx0.lab");
		assert_string_equal(list.hosts[5].name, "mx5.lab");
		first[list.hosts[1].name[2] - '0']++;
	}
	for (unsigned i = 1; i <= 4; i++)
		assert_in_range(first[i], 1000 - 110, 1000 + 110);
}

static int setup(void **state)
{
	(void)state;
	fake_dns_reset();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_answer_has_its_verdict, setup),
		cmocka_unit_test_setup(own_name_sets_the_mark_only_when_it_stood_there, setup),
		cmocka_unit_test_setup(a_long_list_keeps_the_best_twenty, setup),
		cmocka_unit_test_setup(equal_preferences_are_spread_evenly, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
