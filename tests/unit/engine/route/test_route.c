#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "engine/io/random.h"
#include "engine/route/route.h"

static void every_cause_has_a_status_of_its_kind(void **state)
{
	(void)state;
	assert_string_equal(route_cause_status(ROUTE_CAUSE_NONE), "");
	assert_int_equal(route_cause_kind(ROUTE_CAUSE_NONE), ROUTE_HOSTS);
	for (int i = ROUTE_CAUSE_NONE + 1; i < ROUTE_CAUSES; i++) {
		enum route_cause cause = (enum route_cause)i;
		enum route_kind kind = route_cause_kind(cause);
		assert_true(kind == ROUTE_PERMANENT || kind == ROUTE_TEMPORARY);
		assert_int_equal(route_cause_status(cause)[0], kind == ROUTE_PERMANENT ? '5' : '4');
		assert_true(strlen(route_cause_sentence(cause)) > 5);
		assert_true(strlen(route_cause_name(cause)) > 3);
	}
}

/* RFC 7505 4.2, RFC 3463: what CONFORMANCE asks for by number. */
static void the_statuses_are_those_of_the_rfcs(void **state)
{
	(void)state;
	assert_string_equal(route_cause_status(ROUTE_CAUSE_NULL_MX), "5.1.10");    /* MX-13 */
	assert_string_equal(route_cause_status(ROUTE_CAUSE_NO_DOMAIN), "5.1.2");   /* MX-02 */
	assert_string_equal(route_cause_status(ROUTE_CAUSE_BAD_NAME), "5.1.2");    /* MX-01 */
	assert_string_equal(route_cause_status(ROUTE_CAUSE_NO_ADDRESS), "5.4.4");  /* MX-06 */
	assert_string_equal(route_cause_status(ROUTE_CAUSE_LOOP), "5.4.6");        /* MX-15 */
	assert_string_equal(route_cause_status(ROUTE_CAUSE_MX_FAILED), "4.4.3");   /* MX-03 */
	assert_string_equal(route_cause_status(ROUTE_CAUSE_UNPROVEN), "4.7.5");    /* POL-13 */
}

/* POL-17, MX-09, MX-24 */
static void each_attempt_has_the_order_of_preferences_and_a_new_shuffle(void **state)
{
	(void)state;
	const struct route_host hosts[] = { { .preference = 5 }, { .preference = 10 },
		{ .preference = 10 }, { .preference = 10, .state = ROUTE_HOST_WAITS },
		{ .preference = 20 }, { .preference = 20 } };
	struct route route = { .magic = ROUTE_MAGIC, .hosts = hosts, .hosts_count = 6 };
	struct random_state random;
	random_init_seed(&random, 7);
	unsigned second[6] = { 0 }, last[6] = { 0 };
	for (unsigned i = 0; i < 3000; i++) {
		uint8_t order[ROUTE_HOSTS_MAX];
		route_order(&route, &random, order);
		assert_int_equal(order[0], 0);
		unsigned seen = 0;
		for (size_t at = 0; at < 6; at++) {
			seen |= 1u << order[at];
			if (at > 0)
				assert_true(hosts[order[at]].preference >=
					hosts[order[at - 1]].preference);
		}
		assert_int_equal(seen, 0x3f);
		second[order[1]]++;
		last[order[5]]++;
	}
	for (size_t i = 1; i <= 3; i++)
		assert_in_range(second[i], 900, 1100);
	assert_in_range(last[4], 1380, 1620);
	assert_in_range(last[5], 1380, 1620);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cause_has_a_status_of_its_kind),
		cmocka_unit_test(the_statuses_are_those_of_the_rfcs),
		cmocka_unit_test(each_attempt_has_the_order_of_preferences_and_a_new_shuffle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
