#include "engine/run/resolver.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include "dns/dns_resolver.h"
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/loop.h"
#include "engine/io/random.h"
#include "engine/route/route_builder.h"
#include "engine/run/config.h"
#include "engine/run/domain.h"
#include "engine/run/hub.h"

#define RESOLVER_MAGIC 0x4e501ee4u

struct resolver {
	uint32_t magic;
	struct hub *hub;
	const struct run_config *config;
	struct loop loop;
	struct logger log;
	struct fail fail;
	struct random_state random;
	struct dns_resolver *dns;
	struct route_builder *builder;
	struct io_op poll_op;
	const char **own_names;
	bool stopping;
};

/* ---- routes ---- */

static void send_route(struct resolver *r, struct domain *domain, struct route *route)
{
	domain->new_route = route;
	if (route->kind == ROUTE_TEMPORARY)
		log_write(&r->log, LOG_ROUTE_FAILED,
			LOG_FIELDS(log_cstr("domain", domain->name), log_cstr("why", route->reason)));
	hub_post(r->hub->scheduler, POST_ROUTE_FOUND, domain, 0, 0);
}

static void route_done(void *context, struct route *route)
{
	struct domain *domain = context;
	CHECK_OBJ(domain, DOMAIN_MAGIC);
	send_route(domain->resolver, domain, route);
}

static void want_route(struct resolver *r, struct domain *domain)
{
	CHECK_OBJ(domain, DOMAIN_MAGIC);
	domain->resolver = r;
	struct text name = text_of_bytes(domain->name, domain->name_len);
	struct route *route = route_builder_get(r->builder, name, &domain->request, route_done, domain);
	if (route != NULL)
		send_route(r, domain, route);
}

/* ---- the trust anchor ---- */

/* DNS-01, SEC-38: said in one line at the start; never a switch that turns anything off. */
static void self_test_done(void *context, enum dns_trust trust, const char *sentence)
{
	struct resolver *r = context;
	log_write(&r->log, trust == DNS_TRUST_SECURE ? LOG_DNSSEC_READY : LOG_DNSSEC_NOT_READY,
		LOG_FIELDS(log_cstr("what", sentence)));
	hub_post(r->hub->scheduler, POST_RESOLVER_READY, NULL, trust, 0);
}

/* ---- the loop ---- */

static void answers_there(struct io_op *op, const struct io_result *result);

static void watch_answers(struct resolver *r)
{
	ring_poll(r->loop.ring, &r->poll_op, dns_resolver_fd(r->dns), POLLIN, answers_there);
}

static void answers_there(struct io_op *op, const struct io_result *result)
{
	struct resolver *r = CONTAINER_OF(op, struct resolver, poll_op);
	if (r->stopping || result->value == -ECANCELED)
		return;
	struct fail fail = { 0 };
	if (dns_resolver_process(r->dns, &fail) != RESULT_OK)
		log_write(&r->log, LOG_FAILED,
			LOG_FIELDS(log_cstr("what", "DNS look-ups"), log_fail("why", &fail)));
	else
		watch_answers(r);
}

static void hear(struct loop *loop, const struct mailbox_message *message)
{
	struct resolver *r = loop->owner;
	switch (message->kind) {
	case POST_ROUTE_WANTED:
		want_route(r, message->object);
		break;
	case POST_STOP:
		r->stopping = true;
		ring_cancel(loop->ring, &r->poll_op);
		loop_stop(loop);
		break;
	default:
		UNREACHABLE("a message that is not for the resolver");
	}
}

static enum result make_builder(struct resolver *r)
{
	const struct send_options *options = r->config->options;
	const struct route_builder_config config = {
		.resolver = r->dns,
		.wheel = &r->loop.timers,
		.random = &r->random,
		.options = r->config->routes,
		.options_count = r->config->routes_count,
		.tls_options = r->config->tls,
		.tls_options_count = r->config->tls_count,
		.own_names = r->own_names,
		.own_names_count = r->config->sources_count,
		.port = (uint16_t)options->port,
		.allow_private = options->allow_private,
		.ignore_half_dane = options->half_dane != 0,
		.lookup_ns = (uint64_t)options->dns_ms * MS_NS,
	};
	return route_builder_create(&config, &r->builder, &r->fail);
}

void *resolver_run(void *resolver)
{
	static const struct loop_handlers handlers = { .message = hear };
	const struct ring_options options = { .submissions = 64, .without_buffers = true };
	struct resolver *r = resolver;
	check_install_signal_stack();
	if (loop_init(&r->loop, &options, r->hub->resolver, &handlers, r, &r->fail) != RESULT_OK)
		return r;
	if (make_builder(r) != RESULT_OK) {
		loop_deinit(&r->loop);
		return r;
	}
	watch_answers(r);
	dns_resolver_self_test(r->dns, self_test_done, r);
	loop_run(&r->loop);
	while (r->poll_op.in_flight)
		ring_run_once(r->loop.ring, RING_FOREVER);
	route_builder_destroy(r->builder);
	loop_deinit(&r->loop);
	return NULL;
}

/* ---- life ---- */

enum result resolver_create(struct hub *hub, struct resolver **out_resolver, struct fail *fail)
{
	struct resolver *r = calloc(1, sizeof *r);
	if (r == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for the resolver");
	const struct send_options *options = hub->config->options;
	r->magic = RESOLVER_MAGIC;
	r->hub = hub;
	r->config = hub->config;
	r->log = run_config_logger(hub->config, "resolver");
	random_init(&r->random);
	r->own_names = calloc(r->config->sources_count, sizeof *r->own_names);
	if (r->own_names == NULL) {
		free(r);
		return fail_set(fail, RESULT_MEMORY, "out of memory for the resolver");
	}
	for (uint32_t i = 0; i < r->config->sources_count; i++)
		r->own_names[i] = r->config->sources[i].helo;
	const struct dns_resolver_config config = {
		.forward = *options->resolver != '\0' ? options->resolver : NULL,
		.trust_anchor_file = *options->trust_anchor != '\0' ? options->trust_anchor : NULL,
		.allow_private = options->allow_private,
	};
	enum result result = dns_resolver_create(&config, &r->dns, fail);
	if (result != RESULT_OK) {
		resolver_destroy(r);
		return result;
	}
	*out_resolver = r;
	return RESULT_OK;
}

const struct fail *resolver_fail(const struct resolver *resolver) { return &resolver->fail; }

void resolver_destroy(struct resolver *r)
{
	if (r == NULL)
		return;
	CHECK_OBJ(r, RESOLVER_MAGIC);
	dns_resolver_destroy(r->dns);
	free(r->own_names);
	r->magic = 0;
	free(r);
}
