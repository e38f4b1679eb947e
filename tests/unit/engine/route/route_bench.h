/* A route builder on the scripted DNS, with a clock of its own: for the tests of the builder. */
#ifndef TESTS_UNIT_ENGINE_ROUTE_ROUTE_BENCH_H
#define TESTS_UNIT_ENGINE_ROUTE_ROUTE_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/timer_wheel.h"
#include "engine/io/random.h"
#include "engine/route/route_builder.h"
#include "tests/unit/engine/route/fake_dns.h"

#define SECOND_NS 1000000000ull

struct route_bench {
	struct timer_wheel wheel;
	struct random_state random;
	struct route_builder *builder;
	uint64_t now_ns;
	bool has_store;
	struct route *route; /* the last one found */
	unsigned (*deliver_fetches)(void);
};

extern struct route_bench bench;

/* What bench_start() is given beside the defaults: port 25, nothing private, own name out.lab. */
struct bench_options {
	const char *routes[8];     /* values of --route, until NULL */
	const char *tls[8];        /* values of --tls */
	bool allow_private, keep_steps, ignore_half_dane;
	/* MTA-STS with fake_fetches.c, and what answers them; NULL: it is not looked at. */
	struct sts_fetches *fetches;
	unsigned (*deliver_fetches)(void);
	uint32_t builds_max, cache_max;
	struct route_store *store;
	route_changed_fn *changed; /* with a NULL context */
};

void bench_start(const struct bench_options *options);
int bench_stop(void **state); /* a cmocka teardown */

/* Asks, lets the DNS answer, and gives the route, or NULL while it is still under way. It lives until
 * the next call. */
struct route *bench_get(const char *domain);
/* Lets time pass and timers fire. */
void bench_pass(uint64_t ns);

/* "10 mx1.lab [9.9.9.9 2620:fe::9], 20 mx2.lab WAITS has no A answer now: SERVFAIL" */
const char *bench_hosts(const struct route *route);

#endif
