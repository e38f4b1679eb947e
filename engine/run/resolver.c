#include "engine/run/resolver.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include "dns/dns_resolver.h"
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "engine/io/loop.h"
#include "engine/io/random.h"
#include "engine/route/route_builder.h"
#include "engine/run/config.h"
#include "engine/run/domain.h"
#include "engine/run/hub.h"
#include "engine/run/policy_fetcher.h"
#include "engine/run/report.h"
#include "engine/run/resolver_cache.h"

#define RESOLVER_MAGIC 0x4e501ee4u

enum {
	/* A worker of libunbound that was lost is replaced at once; if the new one is lost as well or
	 * cannot be made, then after this, and twice that, up to so much. One that held for longer than
	 * the longest wait begins anew. Each look-up that fails meanwhile is a temporary route. */
	REOPEN_FIRST_S = 1,
	REOPEN_MAX_S = 60,
	/* Each has 72 KiB while it runs. A cold start on ten thousand domains of which a tenth has a policy
	 * makes a thousand, each for some hundred milliseconds. */
	FETCHES_MAX = 64,
	/* Three hours in which a policy could not be renewed are more than a restart of its host. */
	RENEWALS_ALARM = 3,
};

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
	struct policy_fetcher *fetcher;
	struct resolver_cache cache;
	struct io_op poll_op;
	struct timer reopen_timer;
	uint64_t opened_ns, reopen_wait_ns;
	bool reopen_failed; /* and it was said */
	const char **own_names;
	struct mailbox_credits reports;
	struct list unposted; /* policy_report, for want of credits */
	bool stopping;
};

/* ---- routes ---- */

/* POL-11: what would stop the mail before anybody is asked. What sessions prove they tell themselves. */
static void note_audits(struct resolver *r, const struct route *route)
{
	for (size_t i = 0; i < route->hosts_count; i++) {
		const struct route_host *host = &route->hosts[i];
		if (host->audit_unmet && !host->is_testing)
			log_write(&r->log, LOG_AUDIT_UNMET,
				LOG_FIELDS(log_cstr("domain", route->domain), log_cstr("host", host->name),
					log_cstr("why", host->audit)));
	}
}

static void send_route(struct resolver *r, struct domain *domain, struct route *route)
{
	domain->new_route = route;
	if (route->kind == ROUTE_TEMPORARY)
		log_write(&r->log, LOG_ROUTE_FAILED,
			LOG_FIELDS(log_cstr("domain", domain->name), log_cstr("why", route->reason)));
	note_audits(r, route);
	hub_post(r->hub->scheduler, POST_ROUTE_FOUND, domain, 0, 0);
}

static void route_done(void *context, struct route *route)
{
	struct domain *domain = context;
	CHECK_OBJ(domain, DOMAIN_MAGIC);
	send_route(domain->resolver, domain, route);
}

static void want_route(struct resolver *r, struct domain *domain, bool is_doubted)
{
	CHECK_OBJ(domain, DOMAIN_MAGIC);
	domain->resolver = r;
	struct text name = text_of_bytes(domain->name, domain->name_len);
	if (is_doubted)
		route_builder_doubt(r->builder, name);
	struct route *route = route_builder_get(r->builder, name, &domain->request, route_done, domain);
	if (route != NULL)
		send_route(r, domain, route);
}

/* ---- policies of MTA-STS ---- */

/* STS-41: repeated failures are told long before the policy is over; that of a domain which wants none is
 * nobody's loss. */
static void fetch_failed(void *context, const struct sts_failure *failure)
{
	struct resolver *r = context;
	const struct sts_held *held = failure->held;
	log_write(&r->log, LOG_POLICY_FETCH_FAILED,
		LOG_FIELDS(log_cstr("domain", failure->domain),
			log_cstr("result", tls_result_text(sts_fault_result(failure->fault)).data),
			log_cstr("why", failure->fail->text)));
	if (held == NULL || held->policy.mode == STS_MODE_NONE || held->failures < RENEWALS_ALARM)
		return;
	log_write(&r->log, LOG_POLICY_RENEWAL_FAILS,
		LOG_FIELDS(log_cstr("domain", failure->domain),
			log_cstr("mode", sts_mode_text(held->policy.mode).data),
			log_number("failures", held->failures),
			log_number("hours_left", sts_held_left_s(held) / 3600),
			log_cstr("why", failure->fail->text)));
}

/* ---- what domains do not publish any more ---- */

static void post_reports(struct resolver *r)
{
	while (!list_is_empty(&r->unposted) && mailbox_credits_take(&r->reports, 1)) {
		struct list_node *node = list_pop_front(&r->unposted);
		hub_post(r->hub->recorder, POST_POLICY_CHANGED,
			CONTAINER_OF(node, struct policy_report, node), 0, 0);
	}
}

static void policy_changed(void *context, const struct route_change *change)
{
	struct resolver *r = context;
	log_write(&r->log, LOG_POLICY_CHANGED,
		LOG_FIELDS(log_cstr("domain", change->domain), log_cstr("host", change->host),
			log_cstr("before", change->before), log_cstr("now", change->now),
			log_cstr("why", change->reason)));
	struct policy_report *report = calloc(1, sizeof *report);
	if (report == NULL)
		return; /* the log has it */
	report->wall_us = clock_wall_us();
	snprintf(report->domain, sizeof report->domain, "%s", change->domain);
	snprintf(report->host, sizeof report->host, "%s", change->host);
	snprintf(report->before, sizeof report->before, "%s", change->before);
	snprintf(report->now, sizeof report->now, "%s", change->now);
	snprintf(report->reason, sizeof report->reason, "%s", change->reason);
	list_push_back(&r->unposted, &report->node);
	post_reports(r);
}

static void drop_reports(struct resolver *r)
{
	struct list_node *node;
	while ((node = list_pop_front(&r->unposted)) != NULL)
		free(CONTAINER_OF(node, struct policy_report, node));
}

/* STS-51: the operator knows that what was learned is not so any more, and libunbound keeps it too. */
static void forgotten(void *context)
{
	struct resolver *r = context;
	struct fail fail = { 0 };
	enum result result = dns_resolver_renew(r->dns, &fail);
	log_write(&r->log, LOG_CACHE_FORGOTTEN,
		LOG_FIELDS(log_cstr("dns", result == RESULT_OK ? "asked anew" : fail.text)));
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

static void wait_longer(struct resolver *r)
{
	r->reopen_wait_ns = r->reopen_wait_ns == 0 ? REOPEN_FIRST_S * SECOND_NS : 2 * r->reopen_wait_ns;
	if (r->reopen_wait_ns > REOPEN_MAX_S * SECOND_NS)
		r->reopen_wait_ns = REOPEN_MAX_S * SECOND_NS;
}

/* Failing is said for the first time only: until it works there is nothing else to say. */
static void reopen(struct timer *timer)
{
	struct resolver *r = CONTAINER_OF(timer, struct resolver, reopen_timer);
	struct fail fail = { 0 };
	if (dns_resolver_reopen(r->dns, &fail) == RESULT_OK) {
		r->opened_ns = loop_now_ns(&r->loop);
		r->reopen_failed = false;
		log_write(&r->log, LOG_RESOLVER_REOPENED, LOG_NO_FIELDS);
		return;
	}
	if (!r->reopen_failed)
		log_write(&r->log, LOG_RESOLVER_LOST, LOG_FIELDS(log_fail("why", &fail)));
	r->reopen_failed = true;
	wait_longer(r);
	loop_timer_start(&r->loop, &r->reopen_timer, r->reopen_wait_ns, reopen);
}

static void lost(struct resolver *r, const struct fail *fail)
{
	log_write(&r->log, LOG_RESOLVER_LOST, LOG_FIELDS(log_fail("why", fail)));
	if (loop_now_ns(&r->loop) - r->opened_ns >= REOPEN_MAX_S * SECOND_NS)
		r->reopen_wait_ns = 0;
	uint64_t wait_ns = r->reopen_wait_ns;
	wait_longer(r);
	loop_timer_start(&r->loop, &r->reopen_timer, wait_ns, reopen);
}

static void answers_there(struct io_op *op, const struct io_result *result)
{
	struct resolver *r = CONTAINER_OF(op, struct resolver, poll_op);
	if (r->stopping || result->value == -ECANCELED)
		return;
	struct fail fail = { 0 };
	if (dns_resolver_process(r->dns, &fail) != RESULT_OK)
		lost(r, &fail);
	watch_answers(r);
}

static void hear(struct loop *loop, const struct mailbox_message *message)
{
	struct resolver *r = loop->owner;
	switch (message->kind) {
	case POST_ROUTE_WANTED:
		want_route(r, message->object, message->number != 0);
		break;
	case POST_CACHE_WRITTEN:
		resolver_cache_written(&r->cache, message->object, (enum result)message->number);
		break;
	case POST_CACHE_REOPENED:
		resolver_cache_reopened(&r->cache, (enum result)message->number);
		break;
	case POST_REPORT_DONE:
		mailbox_credits_give(&r->reports, message->number);
		post_reports(r);
		break;
	case POST_STOP:
		r->stopping = true;
		loop_timer_stop(loop, &r->reopen_timer);
		resolver_cache_stop(&r->cache);
		ring_cancel(loop->ring, &r->poll_op);
		loop_stop(loop);
		break;
	default:
		UNREACHABLE("a message that is not for the resolver");
	}
}

static enum result make_builder(struct resolver *r)
{
	struct route_builder_config config = run_config_routes(r->config, r->own_names);
	config.resolver = r->dns;
	config.wheel = &r->loop.timers;
	config.random = &r->random;
	config.store = r->cache.store;
	config.fetches = policy_fetcher_fetches(r->fetcher);
	config.wall_us = clock_wall_us;
	config.sts_failed = fetch_failed;
	config.sts_failed_context = r;
	config.changed = policy_changed;
	config.changed_context = r;
	return route_builder_create(&config, &r->builder, &r->fail);
}

void *resolver_run(void *resolver)
{
	static const struct loop_handlers handlers = { .message = hear };
	const struct ring_options options = { .submissions = 256, .buffers = 64 };
	struct resolver *r = resolver;
	check_install_signal_stack();
	if (loop_init(&r->loop, &options, r->hub->resolver, &handlers, r, &r->fail) != RESULT_OK)
		return r;
	enum result result = policy_fetcher_create(
		&r->loop, r->config, r->hub->tls_pool, FETCHES_MAX, &r->fetcher, &r->fail);
	if (result != RESULT_OK || make_builder(r) != RESULT_OK) {
		policy_fetcher_destroy(r->fetcher);
		loop_deinit(&r->loop);
		return r;
	}
	resolver_cache_start(&r->cache, &r->loop);
	watch_answers(r);
	dns_resolver_self_test(r->dns, self_test_done, r);
	loop_run(&r->loop);
	while (r->poll_op.in_flight)
		ring_run_once(r->loop.ring, RING_FOREVER);
	route_builder_destroy(r->builder);
	policy_fetcher_destroy(r->fetcher);
	loop_deinit(&r->loop);
	return NULL;
}

/* ---- life ---- */

enum result resolver_create(struct hub *hub, struct cache_writer *writer, struct resolver **out_resolver,
	struct fail *fail)
{
	struct resolver *r = calloc(1, sizeof *r);
	if (r == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for the resolver");
	r->magic = RESOLVER_MAGIC;
	r->hub = hub;
	r->config = hub->config;
	r->log = run_config_logger(hub->config, "resolver");
	random_init(&r->random);
	mailbox_credits_init(&r->reports, HUB_POLICIES_MAX);
	list_init(&r->unposted);
	r->own_names = calloc(r->config->sources_count, sizeof *r->own_names);
	if (r->own_names == NULL) {
		free(r);
		return fail_set(fail, RESULT_MEMORY, "out of memory for the resolver");
	}
	const struct dns_resolver_config config = run_config_dns(r->config);
	enum result result = dns_resolver_create(&config, &r->dns, fail);
	if (result == RESULT_OK)
		result = resolver_cache_init(&r->cache, hub, writer,
			resolver_cache_generation(hub->config, dns_resolver_anchor_file(r->dns)), forgotten,
			r, fail);
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
	resolver_cache_deinit(&r->cache);
	drop_reports(r);
	free(r->own_names);
	r->magic = 0;
	free(r);
}
