/* What is known of policies, with a wheel and a clock that the test moves on. */
#ifndef TESTS_UNIT_ENGINE_ROUTE_POLICIES_FIXTURE_H
#define TESTS_UNIT_ENGINE_ROUTE_POLICIES_FIXTURE_H

#include "tests/unit/engine/route/store_fixture.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/random.h"
#include "engine/route/route_store.h"
#include "engine/route/sts_policies.h"

#define DAY_S 86400
#define ENFORCE "version: STSv1\nmode: enforce\nmx: mx.a.lab\nmax_age: 604800\n"

static struct sts_policies *policies;
static struct timer_wheel wheel;
static struct random_state random_source;
static uint64_t wheel_ns;
static unsigned dues;
static bool due_fails;
static const char *due_brings; /* the text of a policy */

static inline struct sts_held *put(const char *domain, const char *id, const char *text)
{
	struct sts_policy policy;
	struct fail fail;
	assert_int_equal(sts_policy_parse(text_of(text), &policy, &fail), RESULT_OK);
	return sts_policies_put(policies, text_of(domain), text_of(id), &policy);
}

static inline void due(void *context, struct sts_held *held)
{
	(void)context;
	dues++;
	if (due_fails)
		sts_policies_failed(policies, held);
	else if (due_brings != NULL)
		put("a.lab", "1", due_brings);
}

static inline void begin(struct route_store *store, size_t bytes_max)
{
	const struct sts_policies_config config = {
		.store = store,
		.wheel = &wheel,
		.random = &random_source,
		.wall_us = kept_wall_us,
		.bytes_max = bytes_max,
		.due = due,
		.key = { 1, 2 },
	};
	assert_int_equal(sts_policies_create(&config, &policies), RESULT_OK);
}

static inline int set_up(void **state)
{
	if (kept_set_up(state) != 0)
		return -1;
	wheel_ns = 1000 * SECOND_NS;
	dues = 0;
	due_fails = false;
	due_brings = NULL;
	timer_wheel_init(&wheel, wheel_ns);
	random_init_seed(&random_source, 5);
	begin(NULL, 0);
	return 0;
}

static inline int tear_down(void **state)
{
	sts_policies_destroy(policies);
	return kept_tear_down(state) == 0 && wheel.count == 0 ? 0 : -1;
}

static inline void pass(uint64_t seconds)
{
	for (; seconds > 0; seconds--) {
		kept_pass_s(1);
		wheel_ns += SECOND_NS;
		timer_wheel_advance(&wheel, wheel_ns);
	}
}

static inline enum sts_held_state find(const char *domain, struct sts_held **out_held)
{
	return sts_policies_find(policies, text_of(domain), true, out_held);
}

#define TEST_OF(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
