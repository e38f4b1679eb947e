#include "tests/unit/engine/route/route_bench.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct route_bench bench;

static struct route_option options[8];
static struct route_tls_option tls_options[8];
static const char *const own_names[] = { "out.lab" };

/* It goes with the wheel. */
static int64_t wall_us(void) { return INT64_C(1800000000000000) + (int64_t)(bench.now_ns / 1000); }

void bench_start(const struct bench_options *given)
{
	static const struct bench_options none;
	if (given == NULL)
		given = &none;
	struct dns_resolver *resolver = fake_dns_reset();
	bench.now_ns = 1000 * SECOND_NS;
	bench.has_store = given->store != NULL;
	bench.deliver_fetches = given->deliver_fetches;
	timer_wheel_init(&bench.wheel, bench.now_ns);
	random_init_seed(&bench.random, 99);
	struct route_builder_config config = {
		.resolver = resolver,
		.wheel = &bench.wheel,
		.random = &bench.random,
		.store = given->store,
		.changed = given->changed,
		.fetches = given->fetches,
		.wall_us = wall_us,
		.options = options,
		.tls_options = tls_options,
		.own_names = own_names,
		.own_names_count = COUNT_OF(own_names),
		.port = 25,
		.allow_private = given->allow_private,
		.keep_steps = given->keep_steps,
		.ignore_half_dane = given->ignore_half_dane,
		.builds_max = given->builds_max,
		.cache_max = given->cache_max,
	};
	struct fail fail;
	for (; given->routes[config.options_count] != NULL; config.options_count++)
		assert_int_equal(route_option_parse(text_of(given->routes[config.options_count]),
			&options[config.options_count], &fail), RESULT_OK);
	for (; given->tls[config.tls_options_count] != NULL; config.tls_options_count++)
		assert_int_equal(route_tls_option_parse(text_of(given->tls[config.tls_options_count]),
			&tls_options[config.tls_options_count], &fail), RESULT_OK);
	assert_int_equal(route_builder_create(&config, &bench.builder, &fail), RESULT_OK);
}

int bench_stop(void **state)
{
	(void)state;
	route_unref(bench.route);
	bench.route = NULL;
	route_builder_destroy(bench.builder);
	bench.builder = NULL;
	return bench.wheel.count == 0 && fake_dns_pending() == 0 ? 0 : -1;
}

static void on_route(void *context, struct route *route)
{
	struct route_bench *self = context;
	assert_null(self->route);
	self->route = route;
}

struct route *bench_get(const char *domain)
{
	static struct route_request request;
	route_builder_cancel(bench.builder, &request);
	route_unref(bench.route);
	bench.route = NULL;
	struct route *route = route_builder_get(
		bench.builder, text_of(domain), &request, on_route, &bench);
	if (route != NULL)
		bench.route = route;
	else
		fake_dns_deliver();
	/* What the store knows comes with the next step of the wheel, and may lead to the DNS and back. */
	bool is_staged = bench.has_store || bench.deliver_fetches != NULL;
	for (int i = 0; i < 8 && bench.route == NULL && is_staged; i++) {
		if (bench.deliver_fetches != NULL)
			bench.deliver_fetches();
		bench_pass(1000000);
		fake_dns_deliver();
	}
	return bench.route;
}

void bench_pass(uint64_t ns)
{
	bench.now_ns += ns;
	timer_wheel_advance(&bench.wheel, bench.now_ns);
}

static void put_host(const struct route_host *host, struct buf *out)
{
	static const char *const states[] = { "", " WAITS ", " UNUSABLE " };
	buf_printf(out, "%u %s", host->preference, host->name);
	if (host->state != ROUTE_HOST_READY) {
		buf_put_cstr(out, states[host->state]);
		buf_put_cstr(out, host->reason);
		return;
	}
	buf_put_cstr(out, " [");
	for (size_t i = 0; i < host->addresses_count; i++) {
		if (i > 0)
			buf_put_u8(out, ' ');
		ip_address_format(&host->addresses[i].ip, out);
	}
	buf_put_u8(out, ']');
}

const char *bench_hosts(const struct route *route)
{
	static char text[8192];
	struct buf out;
	buf_init(&out, text, sizeof text);
	for (size_t i = 0; i < route->hosts_count; i++) {
		if (i > 0)
			buf_put_cstr(&out, ", ");
		put_host(&route->hosts[i], &out);
	}
	return buf_cstr(&out);
}
