/* The resolver's thread over a dns_resolver that the test plays: what it does when libunbound is lost.
 * The real one is looked at by tests/lab/test_resolver.py. */
#include "tests/unit/unit.h"
#include <stdlib.h>
#include "engine/io/clock.h"
#include "engine/run/domain.h"
#include "engine/run/resolver.h"
#include "tests/unit/engine/run/dns_played.h"
#include "tests/unit/engine/run/run_test.h"

enum { WAIT_MS = 15000 };

/* ---- the test's own side: the scheduler ---- */

static struct run_test t;
static struct resolver *resolver;
static pthread_t thread;

static int set_up(void **state)
{
	(void)state;
	struct fail fail;
	struct mailbox_message message;
	dns_played_reset();
	run_test_init(&t, "/nowhere", (const char *const[]){ "--dns-timeout=1s", NULL });
	assert_int_equal(resolver_create(&t.hub, NULL, &resolver, &fail), RESULT_OK);
	assert_int_equal(pthread_create(&thread, NULL, resolver_run, resolver), 0);
	assert_true(test_mailbox_wait(t.hub.scheduler, &message, WAIT_MS));
	assert_int_equal(message.kind, POST_RESOLVER_READY);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hub_post(t.hub.resolver, POST_STOP, NULL, 0, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	resolver_destroy(resolver);
	run_test_deinit(&t);
	return 0;
}

/* What the route of `name` turns out to be. */
static enum route_kind kind_of(const char *name)
{
	struct mailbox_message message;
	struct domain *domain = calloc(1, sizeof *domain + strlen(name) + 1);
	assert_non_null(domain);
	domain->magic = DOMAIN_MAGIC;
	domain->name_len = (uint16_t)strlen(name);
	memcpy(domain->name, name, strlen(name) + 1);
	hub_post(t.hub.resolver, POST_ROUTE_WANTED, domain, 0, 0);
	assert_true(test_mailbox_wait(t.hub.scheduler, &message, WAIT_MS));
	assert_int_equal(message.kind, POST_ROUTE_FOUND);
	assert_ptr_equal(message.object, domain);
	enum route_kind kind = (enum route_kind)domain->new_route->kind;
	route_unref(domain->new_route);
	free(domain);
	return kind;
}

static unsigned lines_with(const char *words)
{
	unsigned count = 0;
	pthread_mutex_lock(&t.log_lock);
	for (const char *at = t.log; (at = strstr(at, words)) != NULL; at++)
		count++;
	pthread_mutex_unlock(&t.log_lock);
	return count;
}

#define WAIT_FOR(condition)                                                                        \
	do {                                                                                       \
		for (int waited_ = 0; !(condition); waited_++) {                                   \
			assert_true(waited_ < WAIT_MS);                                            \
			clock_wait_ms(1);                                                          \
		}                                                                                  \
	} while (0)

static void look_ups_go_on_after_the_worker_of_libunbound_was_lost(void **state)
{
	(void)state;
	assert_int_equal(kind_of("one.example"), ROUTE_PERMANENT);
	atomic_store(&dns_played.breaks, true);
	assert_int_equal(kind_of("two.example"), ROUTE_TEMPORARY);
	WAIT_FOR(atomic_load(&dns_played.reopened) == 1);
	assert_int_equal(kind_of("three.example"), ROUTE_PERMANENT);
	WAIT_FOR(lines_with("resolver_reopened") == 1);
	assert_int_equal(lines_with("resolver_lost"), 1);
}

/* The first try is at once, the others each after a longer wait; the log has one line for all. */
static void reopening_that_fails_is_said_once_and_tried_again(void **state)
{
	(void)state;
	atomic_store(&dns_played.refusals, 2);
	atomic_store(&dns_played.breaks, true);
	uint64_t start_ns = clock_now_ns();
	assert_int_equal(kind_of("one.example"), ROUTE_TEMPORARY);
	WAIT_FOR(lines_with("no room for another") == 1);
	assert_int_equal(kind_of("two.example"), ROUTE_TEMPORARY);
	WAIT_FOR(atomic_load(&dns_played.reopened) == 1);
	assert_true(clock_now_ns() - start_ns >= 1000 * TEST_MS_NS);
	assert_int_equal(kind_of("three.example"), ROUTE_PERMANENT);
	assert_int_equal(lines_with("no room for another"), 1);
	WAIT_FOR(lines_with("resolver_reopened") == 1);
}

/* A context that breaks at once, again and again, must not be made at the speed of the loop. */
static void a_second_loss_waits(void **state)
{
	(void)state;
	atomic_store(&dns_played.breaks, true);
	dns_played_raise();
	WAIT_FOR(atomic_load(&dns_played.reopened) == 1);
	uint64_t start_ns = clock_now_ns();
	atomic_store(&dns_played.breaks, true);
	assert_int_equal(kind_of("one.example"), ROUTE_TEMPORARY);
	WAIT_FOR(atomic_load(&dns_played.reopened) == 2);
	assert_true(clock_now_ns() - start_ns >= 900 * TEST_MS_NS);
	assert_int_equal(lines_with("resolver_lost"), 2);
}

/* DNS-24, DNS-35. The clock that look-ups and routes go by is not the one of before the thread fell asleep. */
static void after_a_long_sleep_a_look_up_has_all_its_time(void **state)
{
	(void)state;
	assert_int_equal(kind_of("one.example"), ROUTE_PERMANENT);
	uint64_t start_ns = clock_now_ns();
	WAIT_FOR(clock_now_ns() - start_ns > 1500 * TEST_MS_NS);
	assert_int_equal(kind_of("two.example"), ROUTE_PERMANENT);
}

static void it_can_be_stopped_while_it_waits_to_reopen(void **state)
{
	(void)state;
	atomic_store(&dns_played.refusals, 1000);
	atomic_store(&dns_played.breaks, true);
	dns_played_raise();
	WAIT_FOR(lines_with("no room for another") == 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(look_ups_go_on_after_the_worker_of_libunbound_was_lost),
		TEST(reopening_that_fails_is_said_once_and_tried_again),
		TEST(a_second_loss_waits),
		TEST(after_a_long_sleep_a_look_up_has_all_its_time),
		TEST(it_can_be_stopped_while_it_waits_to_reopen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
