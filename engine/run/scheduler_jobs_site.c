#include "engine/run/scheduler_parts.h"

/* What a site has of jobs: recipients that wait for it as mail, and behind these, in a line of its provider,
 * the domains that are asked for more of them when one of its sites can use some; of each class apart, so
 * that bulk is not in the way of others.
 *
 * The line holds of each job one domain, the others of the job stand behind that one: so the jobs have their
 * turns one after the other, however many of their domains lead there. */

enum {
	/* A site has this much more than its sessions can have bound to them: what comes in one turn. */
	SITE_RESERVE = 16,
	/* Domains in a line that the site can do nothing for, looked at for one that it can. */
	OTHERS_MAX = 64,
};

static enum fair_class class_of(const struct job_run *job)
{
	return job->class == ENVELOPE_CLASS_TRANSACTIONAL ? FAIR_TRANSACTIONAL : FAIR_BULK;
}

static struct site_jobs *jobs_of(struct site *site, const struct job_run *job)
{
	return &site->jobs[class_of(job)];
}

void jobs_provider_init(struct provider *provider)
{
	for (size_t i = 0; i < FAIR_CLASSES; i++)
		list_init(&provider->job_lines[i]);
}

void jobs_site_init(struct site *site)
{
	for (size_t i = 0; i < FAIR_CLASSES; i++)
		list_init(&site->jobs[i].rcpts);
}

/* ---- how much ---- */

static bool is_open(const struct scheduler *s, const struct site *site)
{
	return throttle_state_at(&site->throttle, scheduler_now(s)) == THROTTLE_OPEN;
}

bool jobs_is_tight(const struct scheduler *s) { return s->job_alive > s->job_alive_max / 2; }

bool jobs_site_is_known(const struct site *site)
{
	return site->throttle.window_len > 0 && site->throttle.backs_off_in_row == 0;
}

/* Of one class: enough that the site never waits, nobody while it is blocked. */
static uint32_t wants_of(const struct scheduler *s, const struct site *site)
{
	if (!is_open(s, site))
		return 0;
	if (site->slots == 0)
		return 1; /* to have the first session */
	if (!jobs_site_is_known(site))
		return site->slots + 1; /* nobody knows whether it answers */
	if (jobs_is_tight(s))
		return LEASE_AHEAD * site->slots + 1;
	return 2 * LEASE_AHEAD * site->throttle.sessions_now + SITE_RESERVE;
}

static uint32_t coming_to(const struct site *site)
{
	uint32_t coming = 0;
	for (size_t i = 0; i < FAIR_CLASSES; i++)
		coming += site->jobs[i].coming;
	return coming;
}

static uint32_t less(uint32_t a, uint32_t b) { return a > b ? a - b : 0; }

/* Of what its warm-up allows today. */
static uint32_t warmup_room(struct scheduler *s, const struct site *site)
{
	uint32_t room = warmups_room(s, site->provider, site->source);
	return room == WARMUP_UNLIMITED ? room : less(room, coming_to(site));
}

static uint32_t room_of(
	struct scheduler *s, const struct site *site, const struct site_jobs *jobs)
{
	uint32_t room = less(wants_of(s, site), jobs->rcpts_count + jobs->coming);
	uint32_t most = room > 0 ? warmup_room(s, site) : 0;
	return room < most ? room : most;
}

/* Few at a time would be asked for too often; but the last of a warm-up. */
static uint32_t room_worth_asking(
	struct scheduler *s, const struct site *site, const struct site_jobs *jobs)
{
	uint32_t room = room_of(s, site, jobs);
	return room > wants_of(s, site) / 2 || (room > 0 && room == warmup_room(s, site)) ? room : 0;
}

/* Who is in the line was there before. */
static uint32_t room_for(struct scheduler *s, struct site *site, const struct job_run *job)
{
	if (site == NULL)
		return 1;
	const struct site_jobs *jobs = jobs_of(site, job);
	return list_is_empty(&site->provider->job_lines[class_of(job)])
		       ? room_of(s, site, jobs)
		       : room_worth_asking(s, site, jobs);
}

/* No more than its share of the pool's mail, and what its sessions can have. */
static uint32_t with_lead(struct scheduler *s, const struct source_pool *pool, const struct route *route,
	const struct site *site, uint32_t room)
{
	uint32_t lead = sources_lead(s, pool, route, site, wants_of(s, site));
	if (pool->count > 1)
		lead = less(lead, coming_to(site));
	return room < lead ? room : lead;
}

uint32_t jobs_room_for(struct scheduler *s, struct job_domain *domain, const struct domain *known,
	struct site **out_site)
{
	const struct source_pool *pool = sources_pool(s, domain->job->pool);
	domain->source = NULL;
	*out_site = NULL;
	if (known == NULL || known->provider == NULL || pool == NULL)
		return 1; /* who goes ahead */
	struct source_candidate *candidates = s->sources.candidates;
	uint32_t count = sources_gather(s, pool, known->provider, known->route);
	for (uint32_t i = 0; i < count; i++) {
		struct site *site = known->provider->sites[candidates[i].index];
		candidates[i].has_room &= room_for(s, site, domain->job) > 0;
	}
	uint32_t chosen = source_choose(
		candidates, count, SOURCE_NONE, 0, scheduler_now(s), random_u64(&s->random));
	if (chosen == SOURCE_NONE)
		return count == 0 ? 1 : 0; /* without a source that fits he has his outcome at once */
	domain->source = &s->config->sources[candidates[chosen].index];
	*out_site = known->provider->sites[domain->source->index];
	uint32_t room = room_for(s, *out_site, domain->job);
	return *out_site != NULL ? with_lead(s, pool, known->route, *out_site, room) : room;
}

/* ---- who is on his way to it ---- */

void jobs_site_comes(struct site *site, const struct job_run *job, uint32_t count)
{
	jobs_of(site, job)->coming += count;
}

void jobs_site_came(struct site *site, const struct job_run *job, uint32_t count)
{
	CHECK(jobs_of(site, job)->coming >= count);
	jobs_of(site, job)->coming -= count;
}

bool jobs_site_has_enough(const struct scheduler *s, struct site *site, const struct job_run *job)
{
	return jobs_of(site, job)->rcpts_count >= wants_of(s, site);
}

bool jobs_provider_is_awaited(const struct provider *provider)
{
	bool is_awaited = false;
	for (size_t i = 0; i < FAIR_CLASSES; i++)
		is_awaited |= !list_is_empty(&provider->job_lines[i]);
	return is_awaited;
}

bool jobs_site_is_awaited(const struct site *site) { return jobs_provider_is_awaited(site->provider); }

bool jobs_site_is_idle(const struct site *site)
{
	return coming_to(site) == 0;
}

/* ---- recipients that wait for it ---- */

/* Who was tried, or was told of as waiting, or comes from the queue, has more to remember than his line. */
static bool may_go_back(const struct attempt *attempt)
{
	const struct message *message = attempt->message;
	return message->rcpt != NULL && message->rcpt->domain != NULL && !message->in_queue &&
	       attempt->waits == 0 && attempt->last == NULL && !attempt->is_warned;
}

void jobs_queued(struct site *site, const struct attempt *attempt)
{
	if (!may_go_back(attempt))
		return;
	struct site_jobs *jobs = jobs_of(site, attempt->message->rcpt->job);
	list_push_back(&jobs->rcpts, &attempt->message->rcpt->site_node);
	jobs->rcpts_count++;
}

void jobs_unqueued(struct site *site, const struct attempt *attempt)
{
	struct job_rcpt *rcpt = attempt->message->rcpt;
	if (rcpt == NULL || !list_node_is_linked(&rcpt->site_node))
		return;
	list_remove(&rcpt->site_node);
	jobs_of(site, rcpt->job)->rcpts_count--;
}

static struct job_rcpt *last_of(struct site_jobs *jobs)
{
	return CONTAINER_OF(list_last(&jobs->rcpts), struct job_rcpt, site_node);
}

/* A site that is blocked sends to nobody, for an hour maybe: its recipients wait in their jobs, where they
 * cost nothing. One without a session, where memory is tight, keeps who is to have the first one, unless too
 * many do. */
static void give_back(struct scheduler *s, struct site *site, struct site_jobs *jobs)
{
	uint32_t keep = UINT32_MAX;
	if (!is_open(s, site))
		keep = 0;
	else if (jobs_is_tight(s) && site->slots == 0)
		keep = 1;
	while (jobs->rcpts_count > keep)
		jobs_put_back(s, last_of(jobs)->message);
	if (keep == 1 && jobs->rcpts_count == 1 && !jobs_waits_ahead(s, last_of(jobs)))
		jobs_put_back(s, last_of(jobs)->message);
}

/* ---- the line of domains ---- */

void jobs_line_push(struct scheduler *s, struct provider *provider, struct job_domain *domain)
{
	struct list *line = &provider->job_lines[class_of(domain->job)];
	for (uint32_t i = 0; i < s->config->sources_count; i++)
		if (provider->sites[i] != NULL && !is_open(s, provider->sites[i]))
			lease_look_at(s, provider->sites[i]); /* it wakes when that ends */
	LIST_FOR_EACH(node, line)
	{
		struct job_domain *first = CONTAINER_OF(node, struct job_domain, node);
		if (first->job == domain->job) {
			list_push_back(&first->behind, &domain->node);
			return;
		}
	}
	list_push_back(line, &domain->node);
}

/* The next one of its job, with all that stand behind it; NULL: there is none. */
static struct job_domain *take_next(struct job_domain *first)
{
	struct list_node *node = list_pop_front(&first->behind);
	if (node == NULL)
		return NULL;
	struct job_domain *next = CONTAINER_OF(node, struct job_domain, node);
	list_splice_back(&next->behind, &first->behind);
	return next;
}

void jobs_line_leave(struct job_domain *domain)
{
	if (!list_node_is_linked(&domain->node))
		return;
	struct job_domain *next = take_next(domain);
	if (next != NULL)
		list_insert_before(&domain->node, &next->node);
	list_remove(&domain->node);
}

static void all_to_ready(struct job_domain *first)
{
	list_push_back(&first->job->ready, &first->node);
	list_splice_back(&first->job->ready, &first->behind);
}

/* How many jobs have domains in the line. Those of a job that is held leave it: they are in nobody's way. */
static uint32_t count_jobs(struct scheduler *s, struct list *line)
{
	uint32_t count = 0;
	LIST_FOR_EACH_SAFE(node, line)
	{
		struct job_domain *first = CONTAINER_OF(node, struct job_domain, node);
		if (jobs_may_go_on(s, first->job)) {
			count++;
			continue;
		}
		list_remove(node);
		all_to_ready(first);
	}
	return count;
}

static const struct route *route_of(struct scheduler *s, const struct job_domain *domain)
{
	struct hash_node *node = hash_map_find(&s->domains, domain->name);
	return node != NULL ? CONTAINER_OF(node, struct domain, node)->route : NULL;
}

static void feed(
	struct scheduler *s, struct site *site, const struct site_jobs *jobs, struct list *line)
{
	uint32_t room = room_worth_asking(s, site, jobs);
	if (list_is_empty(line) || room == 0)
		return;
	uint32_t count = count_jobs(s, line), share = count > 0 ? (room + count - 1) / count : 0;
	uint32_t others = OTHERS_MAX;
	struct list_node *node;
	for (uint32_t looks = count; room > 0 && looks > 0; looks--) {
		node = list_pop_front(line);
		if (node == NULL)
			break;
		struct job_domain *domain = CONTAINER_OF(node, struct job_domain, node);
		uint32_t part = with_lead(s, sources_pool(s, domain->job->pool), route_of(s, domain), site,
			share < room ? share : room);
		struct job_domain *next = take_next(domain);
		if (part == 0) { /* it goes from elsewhere, or others are to have their share first */
			bool is_more = next != NULL && others > 0;
			if (next != NULL)
				list_push_back(&next->behind, node);
			list_push_back(line, next != NULL ? &next->node : node);
			others -= is_more;
			looks += is_more;
			continue;
		}
		if (next != NULL)
			list_push_back(line, &next->node);
		if (jobs_hold_domain(s, domain))
			continue;
		domain->source = site->source;
		jobs_ask(s, domain, site, part);
		room -= part;
		looks = count + 1;
	}
}

static bool can_send(struct scheduler *s, const struct provider *provider, const struct job_domain *domain)
{
	const struct source_pool *pool = sources_pool(s, domain->job->pool);
	const struct route *route = route_of(s, domain);
	for (uint32_t i = 0; pool != NULL && i < pool->count; i++) {
		const struct site *site = provider->sites[pool->sources[i]];
		if (site != NULL && sources_suits(s, pool, route, site->source) &&
			throttle_state_at(&site->throttle, scheduler_now(s)) <= THROTTLE_PAUSED &&
			warmups_room(s, provider, site->source) > 0)
			return true;
	}
	return false;
}

bool jobs_provider_has_work(struct scheduler *s, const struct provider *provider)
{
	for (size_t i = 0; i < FAIR_CLASSES; i++)
		LIST_FOR_EACH (node, &provider->job_lines[i])
			if (can_send(s, provider, CONTAINER_OF(node, struct job_domain, node)))
				return true;
	return false;
}

void jobs_feed(struct scheduler *s, struct site *site)
{
	for (size_t i = 0; i < FAIR_CLASSES; i++) {
		give_back(s, site, &site->jobs[i]);
		feed(s, site, &site->jobs[i], &site->provider->job_lines[i]);
	}
}

void jobs_provider_ends(struct provider *provider)
{
	struct list_node *node;
	for (size_t i = 0; i < FAIR_CLASSES; i++)
		while ((node = list_pop_front(&provider->job_lines[i])) != NULL)
			all_to_ready(CONTAINER_OF(node, struct job_domain, node));
}
