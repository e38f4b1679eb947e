#include "engine/run/scheduler_source.h"
#include <stdlib.h>
#include "engine/base/nanoseconds.h"
#include "engine/run/scheduler_parts.h"

enum {
	/* At one blocked site: a fraction of a millisecond. */
	LOOKS_PER_TURN = 256,
};

enum result sources_init(struct scheduler *s, struct fail *fail)
{
	list_init(&s->sources.waiting);
	s->sources.candidates = calloc(s->config->sources_count, sizeof *s->sources.candidates);
	if (s->sources.candidates == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for the sources");
	const struct source *first = &s->config->sources[0];
	if (s->config->sources_count == 1 && first->pools_count == 0 && first->warmup.days == 0)
		s->sources.only = first;
	return warmups_init(s, fail);
}

void sources_deinit(struct scheduler *s)
{
	warmups_deinit(s);
	free(s->sources.candidates);
}

const struct source_pool *sources_pool(const struct scheduler *s, struct text name)
{
	return source_pools_find(&s->config->pools, name);
}

/* ---- the choice ---- */

uint32_t sources_gather(struct scheduler *s, const struct source_pool *pool, const struct provider *provider,
	const struct route *route)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < pool->count; i++) {
		uint32_t index = pool->sources[i];
		const struct source *source = &s->config->sources[index];
		const struct site *site = provider->sites[index];
		if (!domain_source_fits(route, source))
			continue;
		s->sources.candidates[count++] = (struct source_candidate){
			.index = index,
			.weight = source->weight,
			.throttle = site != NULL ? &site->throttle : NULL,
			.has_room = warmups_room(s, provider, source) > 0,
			.turn = &provider->turns[index],
		};
	}
	return count;
}

static uint32_t position_of(const struct scheduler *s, uint32_t count, const struct source *source)
{
	for (uint32_t i = 0; source != NULL && i < count; i++)
		if (s->sources.candidates[i].index == source->index)
			return i;
	return SOURCE_NONE;
}

static const struct source_pool *pool_of(const struct scheduler *s, const struct attempt *attempt)
{
	const struct message *message = attempt->message;
	/* He was asked for by the pool of his job: nothing else may come of it here, or he would go to and
	 * fro between the two. */
	if (message->rcpt != NULL && message->rcpt->job != NULL)
		return sources_pool(s, message->rcpt->job->pool);
	return sources_pool(s, message->envelope->pool);
}

/* A slip of whoever made the mail, or of the flags: nobody is bounced for it. */
static void lacks_pool(struct scheduler *s, struct attempt *attempt)
{
	char why[ATTEMPT_LAST_MAX];
	struct text name = attempt->message->envelope->pool;
	if (name.len > 0)
		(void)snprintf(why, sizeof why,
			"no --source has the pool '%.*s' that the message names", TEXT_ARG(name));
	else
		(void)snprintf(why, sizeof why,
			"each --source has a pool and the message names none; give one pool=default");
	if (!s->sources.pool_told)
		log_write(&s->log, LOG_POOL_UNKNOWN,
			LOG_FIELDS(log_cstr("file", attempt->message->name), log_cstr("why", why)));
	s->sources.pool_told = true;
	outcome_settle(s, attempt, ATTEMPT_DEFERRED, BOUNCE_CLASS_OTHER, "4.3.5", why);
}

static const char *family_of_hosts(const struct route *route)
{
	for (size_t i = 0; i < route->hosts_count; i++) {
		const struct route_host *host = &route->hosts[i];
		if (host->state == ROUTE_HOST_READY && host->addresses_count > 0)
			return host->addresses[0].ip.family == IP_FAMILY_6 ? "IPv6" : "IPv4";
	}
	return "fitting";
}

static bool any_fits(const struct scheduler *s, const struct route *route)
{
	for (uint32_t i = 0; i < s->config->sources_count; i++)
		if (domain_source_fits(route, &s->config->sources[i]))
			return true;
	return false;
}

/* Each source reaches a family: where none fits, the hosts have the other one only. */
static void lacks_family(struct scheduler *s, struct attempt *attempt, const struct source_pool *pool)
{
	enum { POOL_SHOWN_MAX = 64 };
	const struct route *route = attempt->domain->route;
	char why[ATTEMPT_LAST_MAX], of[POOL_SHOWN_MAX + 32] = "";
	struct text name = text_cut(pool->name, POOL_SHOWN_MAX);
	if (any_fits(s, route))
		(void)snprintf(of, sizeof of, " of the pool '%.*s'", TEXT_ARG(name));
	(void)snprintf(why, sizeof why,
		"no --source%s has an %s address, and the hosts of the domain have no other", of,
		family_of_hosts(route));
	outcome_settle(s, attempt, ATTEMPT_DEFERRED, BOUNCE_CLASS_NETWORK, "4.4.4", why);
}

static uint32_t choose(
	struct scheduler *s, const struct attempt *attempt, const struct source_pool *pool,
	uint32_t *out_count)
{
	const struct domain *domain = attempt->domain;
	uint64_t patience_ns = attempt->waits > 0 ? SOURCE_PATIENCE_S * SECOND_NS : 0;
	*out_count = sources_gather(s, pool, domain->provider, domain->route);
	return source_choose(s->sources.candidates, *out_count, position_of(s, *out_count, attempt->source),
		patience_ns, scheduler_now(s), random_u64(&s->random));
}

const struct source *sources_choose(struct scheduler *s, struct attempt *attempt)
{
	const struct source *only = s->sources.only;
	if (only != NULL && domain_source_fits(attempt->domain->route, only))
		return only;
	const struct source_pool *pool = pool_of(s, attempt);
	uint32_t count;
	if (pool == NULL) {
		lacks_pool(s, attempt);
		return NULL;
	}
	uint32_t chosen = choose(s, attempt, pool, &count);
	if (chosen == SOURCE_NONE && count > 0 && warmups_look_at_day(s))
		chosen = choose(s, attempt, pool, &count);
	if (chosen != SOURCE_NONE)
		return &s->config->sources[s->sources.candidates[chosen].index];
	if (count > 0 && jobs_give_back(s, attempt))
		return NULL;
	if (count > 0)
		warmups_wait(s, attempt, pool);
	else
		lacks_family(s, attempt, pool);
	return NULL;
}

/* ---- turns ---- */

static void charge(struct scheduler *s, const struct attempt *attempt, const struct site *site,
	const struct route *route, int messages)
{
	const struct source_pool *pool = pool_of(s, attempt);
	if (pool == NULL || pool->count == 1)
		return;
	uint32_t count = sources_gather(s, pool, site->provider, route);
	uint32_t at = position_of(s, count, site->source);
	if (at != SOURCE_NONE)
		source_charge(s->sources.candidates, count, at, messages, scheduler_now(s));
}

/* Others may have been waiting for their share. */
static void look_at_others(struct scheduler *s, const struct site *site)
{
	for (uint32_t i = 0; i < s->config->sources_count && jobs_site_is_awaited(site); i++)
		if (site->provider->sites[i] != NULL)
			lease_look_at(s, site->provider->sites[i]);
}

void sources_take(struct scheduler *s, struct attempt *attempt, struct site *site)
{
	if (s->sources.only != NULL) {
		attempt->source = site->source;
		return;
	}
	if (attempt->source != site->source || !attempt->has_turn) {
		charge(s, attempt, site, attempt->domain->route, 1);
		look_at_others(s, site);
	}
	attempt->source = site->source;
	attempt->has_turn = true;
	warmups_reserve(s, attempt, site);
}

void sources_put_back(struct scheduler *s, struct attempt *attempt)
{
	CHECK(attempt->state == ATTEMPT_QUEUED);
	if (attempt->has_turn)
		charge(s, attempt, attempt->site, attempt->route, -1);
	attempt->has_turn = false;
	warmups_release(s, attempt);
}

bool sources_suits(const struct scheduler *s, const struct source_pool *pool, const struct route *route,
	const struct source *source)
{
	if (!source_pool_has(pool, source))
		return false;
	if (route == NULL || domain_source_fits(route, source))
		return true;
	for (uint32_t i = 0; i < pool->count; i++)
		if (domain_source_fits(route, &s->config->sources[pool->sources[i]]))
			return false;
	return true;
}

uint32_t sources_lead(struct scheduler *s, const struct source_pool *pool, const struct route *route,
	const struct site *site, uint32_t max)
{
	if (!sources_suits(s, pool, route, site->source))
		return 0;
	if (pool->count == 1)
		return max;
	uint32_t count = 0, at = SOURCE_NONE;
	for (uint32_t i = 0; i < pool->count; i++) {
		uint32_t index = pool->sources[i];
		const struct site *other = site->provider->sites[index];
		bool fits = other == site || (other != NULL &&
				(route == NULL || domain_source_fits(route, other->source)));
		if (!fits)
			continue;
		if (other == site)
			at = count;
		s->sources.candidates[count++] = (struct source_candidate){
			.index = index,
			.weight = other->source->weight,
			.throttle = &other->throttle,
			.has_room = warmups_room(s, site->provider, other->source) > 0,
			.turn = &site->provider->turns[index],
		};
	}
	int64_t lead = (int64_t)max - source_ahead(s->sources.candidates, count, at, scheduler_now(s));
	return lead <= 0 ? 0 : lead < max ? (uint32_t)lead : max;
}

/* ---- away from where it is blocked ---- */

static void begin_round(struct scheduler *s, struct site *site)
{
	site->round = ++s->sources.round;
	if (site->round == 0) /* it means none */
		site->round = ++s->sources.round;
	lease_look_at(s, site);
}

void sources_reconsider(struct scheduler *s, const struct provider *provider)
{
	for (uint32_t i = 0; i < s->config->sources_count; i++)
		if (provider->sites[i] != NULL && provider->sites[i]->was_blocked)
			begin_round(s, provider->sites[i]);
}

void sources_note(struct scheduler *s, struct site *site, enum throttle_state state)
{
	bool is_blocked = state > THROTTLE_PAUSED;
	if (s->config->sources_count == 1 || is_blocked == site->was_blocked)
		return;
	site->was_blocked = is_blocked;
	if (is_blocked)
		begin_round(s, site);
	else
		sources_reconsider(s, site->provider);
}

struct leaving {
	struct scheduler *s;
	struct site *site;
	uint32_t looks;
};

static bool goes_from_elsewhere(struct scheduler *s, const struct attempt *attempt, const struct site *site)
{
	const struct source_pool *pool = pool_of(s, attempt);
	uint32_t count;
	if (attempt->domain->provider != site->provider || pool == NULL)
		return true; /* or nowhere */
	uint32_t chosen = choose(s, attempt, pool, &count);
	return chosen != SOURCE_NONE && s->sources.candidates[chosen].index != site->source->index;
}

static bool look_at(struct fair_item *item, void *context)
{
	struct leaving *leaving = context;
	struct attempt *attempt = CONTAINER_OF(item, struct attempt, fair);
	if (attempt->looked == leaving->site->round)
		return true;
	if (leaving->looks == 0)
		return false;
	leaving->looks--;
	attempt->looked = leaving->site->round;
	if (goes_from_elsewhere(leaving->s, attempt, leaving->site)) {
		lease_unqueue(leaving->s, attempt);
		if (hold_pass(leaving->s, attempt))
			domain_route(leaving->s, attempt);
	}
	return true;
}

void sources_leave(struct scheduler *s, struct site *site)
{
	struct leaving leaving = { .s = s, .site = site, .looks = LOOKS_PER_TURN };
	if (site->round == 0)
		return;
	if (site->was_blocked)
		fair_queue_for_each(&site->queue, look_at, &leaving);
	if (site->was_blocked && leaving.looks == 0)
		lease_look_at(s, site); /* for the others */
	else
		site->round = 0;
}

void sources_turn_end(struct scheduler *s)
{
	struct list_node *node;
	while ((node = list_pop_front(&s->sources.waiting)) != NULL)
		park_consider(s, CONTAINER_OF(node, struct message, again_node));
	warmups_turn_end(s);
}
