#include <stdlib.h>
#include "engine/run/scheduler_parts.h"

/* The life of a site: made with the first mail to its provider from its source, let go when no domain leads
 * there and nothing of it is on its way. */

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
