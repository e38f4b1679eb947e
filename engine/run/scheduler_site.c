#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/nanoseconds.h"
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
	throttle_init(&site->throttle, rules_sessions(s, provider), run_config_first_wait_ns(s->config));
	fair_queue_init(&site->queue);
	jobs_site_init(site);
	rules_bind(s, site);
	warmups_bind(s, site);
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
	rules_unbind(site);
	loop_timer_stop(&s->loop, &site->wake);
	site_free(s, site);
}

void site_free(struct scheduler *s, struct site *site)
{
	if (site == NULL)
		return;
	for (uint32_t i = 0; i < s->hub->workers_count; i++)
		free(atomic_load(&site->leases[i].why));
	warmups_unbind(site);
	free(site->why);
	site->magic = 0;
	free(site);
}

/* ---- what is told ---- */

void site_take_why(struct lease *lease)
{
	char *why = atomic_exchange(&lease->why, NULL);
	if (why == NULL) /* an earlier word of trouble has taken it along */
		return;
	free(lease->site->why);
	lease->site->why = why;
}

static const char *word_of(enum throttle_cause cause)
{
	switch (cause) {
	case THROTTLE_CAUSE_NONE:
		break;
	case THROTTLE_CAUSE_SLOW_DOWN:
	case THROTTLE_CAUSE_LATENCY:
		return "slowed down";
	case THROTTLE_CAUSE_BACK_OFF:
		return "backing off";
	case THROTTLE_CAUSE_REFUSED:
	case THROTTLE_CAUSE_BLOCKS:
		return "suspended";
	case THROTTLE_CAUSE_RESUMED:
		return "resumed";
	case THROTTLE_CAUSE_RECOVERED:
		return "recovered";
	case THROTTLE_CAUSE_LIMIT:
		return "limited";
	}
	UNREACHABLE("a change without a cause");
}

static void put_cause(const struct scheduler *s, const struct site *site, char *out, size_t size)
{
	const struct throttle *t = &site->throttle;
	const char *why = site->why != NULL ? site->why : "";
	uint64_t now_ns = scheduler_now(s);
	uint64_t wait_ns = t->blocked_until_ns > now_ns ? t->blocked_until_ns - now_ns : 0;
	unsigned long long wait_s = (wait_ns + SECOND_NS - 1) / SECOND_NS;
	switch (t->cause) {
	case THROTTLE_CAUSE_NONE:
		break;
	case THROTTLE_CAUSE_SLOW_DOWN:
		snprintf(out, size, "it answered 421 or refused MAIL for now, a pause of %llu s; %s",
			wait_s, why);
		break;
	case THROTTLE_CAUSE_LATENCY:
		snprintf(out, size, "its replies take %.1f s, %.1f s at best", t->latency.smooth_us / 1e6,
			latency_best_us(&t->latency) / 1e6);
		break;
	case THROTTLE_CAUSE_BACK_OFF:
		snprintf(out, size, "no host could be reached, again in %llu s; %s", wait_s, why);
		break;
	case THROTTLE_CAUSE_REFUSED:
		snprintf(out, size, "it refuses us, again in %llu s; %s", wait_s, why);
		break;
	case THROTTLE_CAUSE_BLOCKS:
		snprintf(out, size, "over a tenth of its replies are blocks, again in %llu s; %s",
			wait_s, why);
		break;
	case THROTTLE_CAUSE_RESUMED:
		snprintf(out, size, "the wait is over");
		break;
	case THROTTLE_CAUSE_RECOVERED:
		snprintf(out, size, "it answers well again");
		break;
	case THROTTLE_CAUSE_LIMIT:
		snprintf(out, size, "other rules, which allow %u", t->sessions_max);
		break;
	}
}

static void log_state(struct scheduler *s, const struct site *site, enum throttle_state state)
{
	if (state == site->told || (state != THROTTLE_SUSPENDED && site->told != THROTTLE_SUSPENDED))
		return;
	log_write(&s->log, state == THROTTLE_SUSPENDED ? LOG_SITE_SUSPENDED : LOG_SITE_RESUMED,
		LOG_FIELDS(log_cstr("provider", site->provider->key), log_cstr("source", site->source->text),
			log_cstr("why", site->why != NULL ? site->why : "")));
}

void site_tell(struct scheduler *s, struct site *site, enum throttle_state state)
{
	struct throttle *t = &site->throttle;
	if (state == THROTTLE_OPEN && site->told != THROTTLE_OPEN && t->cause != THROTTLE_CAUSE_RESUMED)
		throttle_resumed(t);
	if (t->changes == site->changes_told)
		return;
	struct site_report *report = calloc(1, sizeof *report);
	if (report == NULL || !mailbox_credits_take(&s->site_reports, 1)) {
		free(report);
		return; /* it is told at the next look at this site */
	}
	log_state(s, site, state);
	site->told = state;
	site->changes_told = t->changes;
	report->wall_us = clock_wall_us();
	report->source = site->source->text;
	memcpy(report->provider, site->provider->key, sizeof site->provider->key);
	int len = snprintf(report->reason, sizeof report->reason, "%s, %u to %u sessions: ",
		word_of(t->cause), t->sessions_before, t->sessions_now);
	CHECK(len > 0 && (size_t)len < sizeof report->reason);
	put_cause(s, site, report->reason + len, sizeof report->reason - (size_t)len);
	hub_post(s->hub->recorder, POST_SITE_CHANGED, report, 0, 0);
}
