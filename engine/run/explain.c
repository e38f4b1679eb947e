#include "engine/run/explain.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include "dns/dns_resolver.h"
#include "engine/base/check.h"
#include "engine/io/clock.h"
#include "engine/io/loop.h"
#include "engine/io/random.h"
#include "engine/route/route_builder.h"
#include "engine/run/explain_answer.h"
#include "engine/run/explain_options.h"
#include "engine/run/explain_print.h"
#include "engine/run/explain_store.h"
#include "engine/run/policy_fetcher.h"
#include "engine/run/probe.h"
#include "engine/run/roots.h"
#include "engine/run/run.h"
#include "tls/tls_context.h"
#include "tls/tls_verifier.h"

struct explain {
	struct arena arena;
	struct explain_options options;
	struct run_config config;
	struct text domain;
	struct loop loop;
	struct random_state random;
	struct fail fail;

	/* looking up */
	struct dns_resolver *dns;
	struct policy_fetcher *fetcher;
	struct explain_store store;
	struct route_builder *builder;
	struct route_request request;
	struct io_op poll_op;
	const char **own_names;
	char dnssec[256];
	struct route *route;

	/* connecting: one probe at a time */
	struct conn_pool conns;
	struct tls_pool *tls_pool;
	struct tls_verifier *verifier;
	struct tls_context *tls;
	struct probe_env env;
	struct probe probe;
	size_t host_at, address_at;
	enum tls_rung rung;
	bool probing;
	struct explain_try *tries;
	size_t tries_count;
};

/* ---- looking up ---- */

static void answers_there(struct io_op *op, const struct io_result *result);

static void watch_answers(struct explain *e)
{
	ring_poll(e->loop.ring, &e->poll_op, dns_resolver_fd(e->dns), POLLIN, answers_there);
}

static void answers_there(struct io_op *op, const struct io_result *result)
{
	struct explain *e = CONTAINER_OF(op, struct explain, poll_op);
	if (result->value == -ECANCELED)
		return;
	if (dns_resolver_process(e->dns, &e->fail) != RESULT_OK)
		loop_stop(&e->loop);
	else if (e->route == NULL)
		watch_answers(e);
}

static void route_done(void *context, struct route *route)
{
	struct explain *e = context;
	e->route = route;
	loop_stop(&e->loop);
}

/* DNS-01: whether "insecure" is said of the domain or of this machine. */
static void self_test_done(void *context, enum dns_trust trust, const char *sentence)
{
	struct explain *e = context;
	(void)trust;
	snprintf(e->dnssec, sizeof e->dnssec, "%s", sentence);
}

static enum result make_builder(struct explain *e)
{
	e->own_names = calloc(e->config.sources_count + 1, sizeof *e->own_names);
	if (e->own_names == NULL)
		return fail_set(&e->fail, RESULT_MEMORY, "out of memory");
	struct route_builder_config config = run_config_routes(&e->config, e->own_names);
	config.resolver = e->dns;
	config.wheel = &e->loop.timers;
	config.random = &e->random;
	config.keep_steps = true;
	config.store = e->store.store;
	config.fetches = policy_fetcher_fetches(e->fetcher);
	config.wall_us = clock_wall_us;
	config.builds_max = config.cache_max = 1;
	return route_builder_create(&config, &e->builder, &e->fail);
}

static enum result find_route(struct explain *e)
{
	e->tls_pool = tls_pool_create();
	if (e->tls_pool == NULL)
		return fail_set(&e->fail, RESULT_MEMORY, "out of memory");
	enum result r = policy_fetcher_create(&e->loop, &e->config, e->tls_pool, 1, &e->fetcher, &e->fail);
	if (r == RESULT_OK)
		r = explain_store_open(&e->store, e->options.store, &e->fail);
	if (r == RESULT_OK)
		r = make_builder(e);
	if (r != RESULT_OK)
		return r;
	e->route = route_builder_get(e->builder, e->domain, &e->request, route_done, e);
	if (e->route != NULL)
		return RESULT_OK; /* nothing had to be looked up */
	dns_resolver_self_test(e->dns, self_test_done, e);
	watch_answers(e);
	loop_run(&e->loop);
	ring_cancel(e->loop.ring, &e->poll_op);
	while (e->poll_op.in_flight)
		ring_run_once(e->loop.ring, RING_FOREVER);
	return e->route != NULL ? RESULT_OK : e->fail.result; /* only a lost libunbound ends it without */
}

/* ---- connecting: as a delivery walks, but over all hosts ---- */

static void probe_next(struct explain *e);

static void keep_try(struct explain *e, const struct probe *probe)
{
	CHECK(e->tries_count < EXPLAIN_TRIES_MAX);
	e->tries[e->tries_count++] = (struct explain_try){ .host = probe->host, .result = probe->result };
}

static void next_host(struct explain *e)
{
	e->host_at++;
	e->address_at = 0;
	e->rung = TLS_RUNG_FULL;
}

static void next_address(struct explain *e)
{
	e->address_at++;
	e->rung = TLS_RUNG_FULL;
}

/* Who spoke speaks for all addresses of the host; who broke in the handshake gets a lower rung on the same
 * address, where nothing is demanded (TLS-03); else the next address may do better (MX-10, DANE-48). */
static void move_on(struct explain *e, const struct probe_result *result)
{
	bool needs_tls = security_demand_needs_tls(&e->route->hosts[e->host_at].demand);
	if (result->verdict == PROBE_PASSED || result->spoke)
		next_host(e);
	else if (result->tls_broke && !needs_tls && e->rung < TLS_RUNG_CLEAR)
		e->rung++;
	else
		next_address(e);
}

static void probe_done(struct probe *probe, void *context)
{
	struct explain *e = context;
	keep_try(e, probe);
	move_on(e, &probe->result);
	probe_next(e);
	if (!e->probing)
		loop_stop(&e->loop);
}

static void probe_next(struct explain *e)
{
	const struct route *route = e->route;
	e->probing = false;
	while (e->host_at < route->hosts_count) {
		const struct route_host *host = &route->hosts[e->host_at];
		if (host->state != ROUTE_HOST_READY || e->address_at == host->addresses_count) {
			next_host(e);
			continue;
		}
		e->probing = probe_start(
			&e->probe, &e->env, route, host, e->address_at, e->rung, probe_done, e);
		if (e->probing)
			return;
		keep_try(e, &e->probe);
		next_address(e);
	}
}

static uint64_t wall_s(void) { return (uint64_t)clock_wall_us() / 1000000; }

static enum result open_tools(struct explain *e)
{
	/* One connection at a time: paths of certificates are built in place. */
	const struct tls_verifier_config verifier = {
		.now_s = wall_s,
		.cache_bytes = TLS_VERIFIER_CACHE_BYTES,
		.roots = e->config.roots,
	};
	enum result r = tls_verifier_create(&verifier, &e->verifier, &e->fail);
	if (r != RESULT_OK)
		return r;
	e->tries = calloc(EXPLAIN_TRIES_MAX, sizeof *e->tries);
	if (e->tries == NULL)
		return fail_set(&e->fail, RESULT_MEMORY, "out of memory");
	const struct tls_client_config tls = {
		.pool = e->tls_pool,
		.conns_max = 1,
		.verify = tls_verifier_ask,
		.verify_cancel = tls_verifier_cancel,
		.verify_arg = e->verifier,
	};
	e->tls = tls_context_create_client(&tls, &e->fail);
	e->env = (struct probe_env){
		.loop = &e->loop,
		.pool = &e->conns,
		.tls = e->tls,
		.config = &e->config,
	};
	return e->tls != NULL ? RESULT_OK : e->fail.result;
}

static void close_tools(struct explain *e)
{
	tls_context_destroy(e->tls);
	tls_verifier_destroy(e->verifier);
	conn_pool_deinit(&e->conns);
}

static enum result try_hosts(struct explain *e)
{
	enum result r = conn_pool_init(&e->conns, e->loop.ring, 1, 0, &e->fail);
	if (r != RESULT_OK)
		return r;
	r = open_tools(e);
	if (r == RESULT_OK)
		probe_next(e);
	if (e->probing)
		loop_run(&e->loop);
	close_tools(e);
	return r;
}

/* ---- the answer ---- */

static int print_json(const struct explain_answer *answer, const struct explain_decision *decision)
{
	struct buf out;
	void *memory = malloc(EXPLAIN_JSON_BYTES_MAX);
	if (memory == NULL)
		return RUN_EXIT_MAIL_WAITS;
	buf_init(&out, memory, EXPLAIN_JSON_BYTES_MAX);
	explain_put_json(answer, decision, &out);
	CHECK(!out.overflow);
	fwrite(out.data, 1, out.len, stdout);
	free(memory);
	return explain_exit_status(decision->verdict);
}

static int print_answer(const struct explain *e)
{
	const struct explain_answer answer = {
		.route = e->route,
		.dnssec = e->dnssec,
		.connected = e->options.connect,
		.tries = e->tries,
		.tries_count = e->tries_count,
	};
	struct explain_decision decision;
	explain_decide(&answer, &decision);
	if (e->options.json)
		return print_json(&answer, &decision);
	explain_print_text(&answer, &decision, stdout);
	return explain_exit_status(decision.verdict);
}

/* ---- the command ---- */

static int exit_status_of(enum result result)
{
	if (result == RESULT_INVALID || result == RESULT_NOT_FOUND)
		return RUN_EXIT_ARGUMENTS;
	return result == RESULT_UNAVAILABLE ? RUN_EXIT_UNAVAILABLE : RUN_EXIT_MAIL_WAITS;
}

static enum result parse(struct explain *e, int argc, char *const *argv)
{
	struct option_list operands;
	struct fail *fail = &e->fail;
	enum result r = explain_options_parse(&e->options, argc, argv, &e->arena, &operands, fail);
	if (r != RESULT_OK || e->options.help)
		return r;
	if (operands.count != 1)
		return fail_set(fail, RESULT_INVALID,
			"one DOMAIN is needed, the part of an address behind the @; %zu are given",
			operands.count);
	e->domain = text_of(operands.items[0]);
	if (e->options.connect)
		r = run_config_need_helo(&e->options.send, fail);
	if (r == RESULT_OK)
		r = run_config_init_receivers(&e->config, &e->options.send, &e->arena, fail);
	return r == RESULT_OK ? roots_load(&e->config, fail) : r;
}

static enum result explain(struct explain *e)
{
	static const struct loop_handlers handlers = { 0 };
	const struct ring_options ring = { .submissions = 64 };
	const struct dns_resolver_config config = run_config_dns(&e->config);
	random_init(&e->random);
	enum result r = dns_resolver_create(&config, &e->dns, &e->fail);
	if (r != RESULT_OK)
		return r;
	r = loop_init(&e->loop, &ring, NULL, &handlers, e, &e->fail);
	if (r != RESULT_OK)
		return r;
	r = find_route(e);
	if (r == RESULT_OK && e->options.connect)
		r = try_hosts(e);
	route_builder_destroy(e->builder);
	policy_fetcher_destroy(e->fetcher);
	explain_store_close(&e->store);
	tls_pool_destroy(e->tls_pool);
	loop_deinit(&e->loop);
	return r;
}

static int explain_command(struct explain *e, int argc, char *const *argv)
{
	enum result r = parse(e, argc, argv);
	if (r == RESULT_OK && e->options.help) {
		options_print_help(&explain_option_table, stdout);
		return RUN_EXIT_DONE;
	}
	if (r == RESULT_OK)
		r = explain(e);
	if (r == RESULT_OK)
		return print_answer(e);
	fprintf(stderr, "longship explain: %s\n", e->fail.text);
	return exit_status_of(r);
}

int run_explain(int argc, char *const *argv)
{
	struct explain *e = calloc(1, sizeof *e);
	if (e == NULL)
		return RUN_EXIT_MAIL_WAITS;
	arena_init(&e->arena, 16384, OPTIONS_ARENA_BYTES_MAX);
	check_install_signal_handlers();
	int status = explain_command(e, argc, argv);
	route_unref(e->route);
	dns_resolver_destroy(e->dns);
	free(e->own_names);
	free(e->tries);
	roots_unload(&e->config);
	arena_deinit(&e->arena);
	free(e);
	return status;
}
