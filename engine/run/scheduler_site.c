#include <stdlib.h>
#include <string.h>
#include "engine/io/clock.h"
#include "engine/run/report.h"
#include "engine/run/scheduler_parts.h"

/* The life of a site: made with the first mail to its provider from its source, let go when no domain leads
 * there and nothing of it is on its way; and what is told of it. */

struct site *site_create(struct scheduler *s, struct provider *provider, const struct source *source)
{
	struct site *site = calloc(1, sizeof *site + s->hub->workers_count * sizeof site->leases[0]);
	if (site == NULL)
		return NULL;
	site->magic = SITE_MAGIC;
	site->provider = provider;
	site->source = source;
	site->scheduler = s;
	throttle_init(&site->throttle, (uint32_t)s->config->options->site_sessions,
		run_config_first_wait_ns(s->config));
	fair_queue_init(&site->queue);
	jobs_site_init(site);
	for (uint32_t i = 0; i < s->hub->workers_count; i++) {
		struct lease *lease = &site->leases[i];
		lease->magic = LEASE_MAGIC;
		lease->site = site;
		lease->worker = i;
		list_init(&lease->fifo);
		list_init(&lease->sessions);
		list_init(&lease->idle);
	}
	return site;
}

/* An attempt may be on its way back after the last slot has come. */
bool site_is_idle(const struct site *site)
{
	const struct scheduler *s = site->scheduler;
	for (uint32_t i = 0; i < s->hub->workers_count; i++)
		if (site->leases[i].outstanding > 0 || site->leases[i].unanswered > 0)
			return false;
	return site->slots == 0 && site->queue.count == 0 && jobs_site_is_idle(site) &&
		!list_node_is_linked(&site->pump_node);
}

void site_destroy(struct scheduler *s, struct site *site)
{
	CHECK(site_is_idle(site));
	for (uint32_t i = 0; i < s->hub->workers_count; i++)
		CHECK(site->leases[i].outstanding == 0);
	if (list_node_is_linked(&site->hungry_node))
		list_remove(&site->hungry_node);
	loop_timer_stop(&s->loop, &site->wake);
	site->magic = 0;
	free(site);
}

void site_tell(struct scheduler *s, struct site *site, enum throttle_state state)
{
	if (state == site->told)
		return;
	static const char *const words[] = {
		[THROTTLE_OPEN] = "resumed",
		[THROTTLE_PAUSED] = "slowed down: it answered 421 or refused MAIL for now",
		[THROTTLE_BACK_OFF] = "backing off: no host could be reached",
		[THROTTLE_SUSPENDED] = "suspended: it refuses us",
	};
	struct site_report *report = calloc(1, sizeof *report);
	if (report == NULL || !mailbox_credits_take(&s->site_reports, 1)) {
		free(report);
		return; /* the state is told at the next look at this site */
	}
	if (state == THROTTLE_SUSPENDED || site->told == THROTTLE_SUSPENDED)
		log_write(&s->log, state == THROTTLE_SUSPENDED ? LOG_SITE_SUSPENDED : LOG_SITE_RESUMED,
			LOG_FIELDS(log_cstr("provider", site->provider->key),
				log_cstr("source", site->source->text)));
	site->told = state;
	report->wall_us = clock_wall_us();
	report->source = site->source->text;
	memcpy(report->provider, site->provider->key, sizeof site->provider->key);
	snprintf(report->reason, sizeof report->reason, "%s; %u sessions", words[state],
		site->throttle.sessions_now);
	hub_post(s->hub->recorder, POST_SITE_CHANGED, report, 0, 0);
}
