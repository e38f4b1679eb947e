#include <stdlib.h>
#include <string.h>
#include "engine/base/nanoseconds.h"
#include "engine/run/scheduler_parts.h"
#include "engine/run/site_rules_set.h"

/* What the rules of --site allow, shared by all sites that one holds for (site_rules.h):
 *
 *   sessions   a share that is used up gives no slot. Who has none at all is hungry: the next that comes
 *              back is for it; if none does one is asked back, as for the total (scheduler_hungry.c).
 *   rate       a token for each message that is handed out. Who finds none stands in line; when one is
 *              there the first has its turn, and while others wait nobody takes two. */

/* No timer is finer than a step of the wheel. */
#define PACE_STEP_NS TIMER_WHEEL_STEP_NS

/* ---- the shares of all rules ---- */

static uint32_t shares_of(const struct scheduler *s, const struct site_rule *rule)
{
	return rule->per_source ? s->config->sources_count : 1;
}

static struct site_share *share_of(
	const struct scheduler *s, const struct site_rule *rule, const struct site *site)
{
	size_t index = (size_t)(rule - s->site_rules.rules->items);
	return s->site_rules.shares[index] + (rule->per_source ? site->source->index : 0);
}

static void free_shares(struct site_share **shares, size_t count)
{
	for (size_t i = 0; shares != NULL && i < count; i++)
		free(shares[i]);
	free(shares);
}

static struct site_share **make_shares(struct scheduler *s, const struct site_rules *rules)
{
	struct site_share **shares = calloc(rules->count + 1, sizeof *shares);
	for (size_t i = 0; shares != NULL && i < rules->count; i++) {
		uint32_t count = shares_of(s, &rules->items[i]);
		shares[i] = calloc(count, sizeof *shares[i]);
		if (shares[i] == NULL) {
			free_shares(shares, i);
			return NULL;
		}
		for (uint32_t j = 0; j < count; j++) {
			struct site_share *share = &shares[i][j];
			share->rule = &rules->items[i];
			share->scheduler = s;
			list_init(&share->hungry);
			list_init(&share->paced);
			token_bucket_init(&share->bucket, share->rule->rate);
		}
	}
	return shares;
}

enum result rules_init(struct scheduler *s)
{
	list_init(&s->site_rules.hungry);
	s->site_rules.rules = &s->config->site_rules;
	s->site_rules.shares = make_shares(s, s->site_rules.rules);
	return s->site_rules.shares != NULL ? RESULT_OK : RESULT_MEMORY;
}

void rules_deinit(struct scheduler *s)
{
	if (s->site_rules.rules != NULL)
		free_shares(s->site_rules.shares, s->site_rules.rules->count);
	site_rules_set_destroy(s->site_rules.set);
}

/* ---- a site and its shares ---- */

static void leave_lines(struct site *site)
{
	hungry_leave(site);
	if (list_node_is_linked(&site->paced_node))
		list_remove(&site->paced_node);
	site->is_next = false;
}

/* The most specific word counts; what is only known of the provider lowers what the flag says. */
uint32_t rules_sessions(const struct scheduler *s, const struct provider *provider)
{
	for (size_t i = 0; i < provider->match.count; i++) {
		const struct site_rule *rule = provider->match.rules[i];
		if (rule->sessions != 0 && !text_equal(rule->name, TEXT("*")))
			return rule
				->sessions; /* that of * is one limit for all sites, not one for each */
	}
	uint32_t sessions = (uint32_t)s->config->options->site_sessions;
	uint32_t known = provider->limits.sessions;
	return known != 0 && known < sessions ? known : sessions;
}

static uint32_t per_session_of(const struct scheduler *s, const struct provider *provider)
{
	for (size_t i = 0; i < provider->match.count; i++)
		if (provider->match.rules[i]->per_session != 0)
			return provider->match.rules[i]->per_session;
	uint32_t known = provider->limits.per_session;
	return known < (uint32_t)s->config->options->session_messages ? known : 0;
}

static bool single_flight_of(const struct provider *provider)
{
	for (size_t i = 0; i < provider->match.count; i++)
		if (provider->match.rules[i]->single_flight != SITE_FLIGHT_NOT_SAID)
			return provider->match.rules[i]->single_flight == SITE_FLIGHT_ON;
	return false;
}

void rules_bind(struct scheduler *s, struct site *site)
{
	const struct provider *provider = site->provider;
	CHECK(site->shares_count == 0);
	for (size_t i = 0; i < provider->match.count; i++) {
		struct site_share *share = share_of(s, provider->match.rules[i], site);
		share->slots += site->slots;
		site->shares[site->shares_count++] = share;
	}
	atomic_store_explicit(
		&site->per_session, per_session_of(s, provider), memory_order_relaxed);
	atomic_store_explicit(
		&site->single_flight, single_flight_of(provider), memory_order_relaxed);
}

void rules_unbind(struct site *site)
{
	leave_lines(site);
	for (uint32_t i = 0; i < site->shares_count; i++)
		site->shares[i]->slots -= site->slots;
	site->shares_count = 0;
}

/* ---- sessions ---- */

bool rules_holds_for(const struct site_share *share, const struct site *site)
{
	for (uint32_t i = 0; i < site->shares_count; i++)
		if (site->shares[i] == share)
			return true;
	return false;
}

struct site_share *rules_full_share(const struct site *site)
{
	for (uint32_t i = 0; i < site->shares_count; i++) {
		struct site_share *share = site->shares[i];
		bool gives_way = !list_is_empty(&share->hungry) && !hungry_for_first(site);
		if (share->rule->sessions != 0 &&
			(share->slots >= share->rule->sessions || gives_way))
			return share;
	}
	return NULL;
}

struct list *rules_hungry(struct scheduler *s, struct site_share *share)
{
	if (!list_node_is_linked(&share->hungry_node))
		list_push_back(&s->site_rules.hungry, &share->hungry_node);
	return &share->hungry;
}

void rules_granted(struct site *site, uint32_t count)
{
	for (uint32_t i = 0; i < site->shares_count; i++)
		site->shares[i]->slots += count;
}

static uint32_t room_of(const struct site_share *share)
{
	uint32_t sessions = share->rule->sessions;
	return share->slots < sessions ? sessions - share->slots : 0;
}

void rules_returned(struct scheduler *s, struct site *site, uint32_t count)
{
	for (uint32_t i = 0; i < site->shares_count; i++) {
		struct site_share *share = site->shares[i];
		CHECK(share->slots >= count);
		share->slots -= count;
		if (!list_is_empty(&share->hungry))
			hungry_offer(s, &share->hungry, room_of(share));
	}
}

/* So many slots of the share are asked back already. */
static uint64_t called_back(const struct scheduler *s, const struct site_share *share)
{
	uint64_t count = 0;
	LIST_FOR_EACH(node, &s->hungry.holders)
	{
		const struct lease *lease = CONTAINER_OF(node, struct lease, holder_node);
		if (rules_holds_for(share, lease->site))
			count += lease->called_back;
	}
	return count;
}

void rules_feed(struct scheduler *s)
{
	LIST_FOR_EACH_SAFE(node, &s->site_rules.hungry)
	{
		struct site_share *share = CONTAINER_OF(node, struct site_share, hungry_node);
		hungry_offer(s, &share->hungry, room_of(share));
		if (list_is_empty(&share->hungry))
			list_remove(node);
		else
			hungry_feed(s, &share->hungry, share, called_back(s, share));
	}
}

/* ---- rates ---- */

static void pace_due(struct timer *timer);

static void set_pace(struct scheduler *s, struct site_share *share, uint64_t at_ns)
{
	uint64_t soonest_ns = scheduler_now(s) + PACE_STEP_NS;
	timer_start(
		&s->loop.timers, &share->pace, at_ns > soonest_ns ? at_ns : soonest_ns, pace_due);
}

static void pace_due(struct timer *timer)
{
	struct site_share *share = CONTAINER_OF(timer, struct site_share, pace);
	struct scheduler *s = share->scheduler;
	uint32_t tokens = token_bucket_count(&share->bucket, scheduler_now(s));
	struct list_node *node;
	for (; tokens > 0 && (node = list_pop_front(&share->paced)) != NULL; tokens--) {
		struct site *site = CONTAINER_OF(node, struct site, paced_node);
		site->is_next = true;
		lease_look_at(s, site);
	}
	/* Whether those take their tokens is not sure: the others are looked after in any case. */
	if (!list_is_empty(&share->paced))
		set_pace(s, share, token_bucket_due_ns(&share->bucket));
}

bool rules_may_send(struct scheduler *s, struct site *site)
{
	for (uint32_t i = 0; i < site->shares_count; i++) {
		struct site_share *share = site->shares[i];
		if (share->rule->rate.count == 0)
			continue;
		bool has_token = token_bucket_count(&share->bucket, scheduler_now(s)) > 0;
		if (has_token && (list_is_empty(&share->paced) || site->is_next))
			continue;
		if (list_node_is_linked(&site->paced_node))
			return false;
		hungry_leave(site); /* nobody is to give way to it meanwhile */
		if (site->is_next)
			list_push_front(&share->paced, &site->paced_node);
		else
			list_push_back(&share->paced, &site->paced_node);
		if (!timer_is_running(&share->pace))
			set_pace(s, share, token_bucket_due_ns(&share->bucket));
		return false;
	}
	return true;
}

void rules_sent(struct scheduler *s, struct site *site)
{
	site->is_next = false;
	for (uint32_t i = 0; i < site->shares_count; i++)
		CHECK(token_bucket_take(&site->shares[i]->bucket, scheduler_now(s)));
}

void rules_unsent(struct scheduler *s, struct site *site)
{
	for (uint32_t i = 0; i < site->shares_count; i++) {
		struct site_share *share = site->shares[i];
		token_bucket_give(&share->bucket);
		if (!list_is_empty(&share->paced))
			set_pace(s, share, token_bucket_due_ns(&share->bucket));
	}
}

const struct site_rule *rules_paced_by(const struct scheduler *s, const struct site *site)
{
	for (uint32_t i = 0; i < site->shares_count; i++)
		if (token_bucket_count(&site->shares[i]->bucket, scheduler_now(s)) == 0)
			return site->shares[i]->rule;
	return NULL;
}

/* ---- other rules ---- */

static void forget_rules(struct hash_node *node, void *context)
{
	const struct scheduler *s = context;
	struct provider *provider = CONTAINER_OF(node, struct provider, node);
	provider->match = (struct site_match){ .count = 0 };
	for (uint32_t i = 0; i < s->config->sources_count; i++)
		if (provider->sites[i] != NULL)
			rules_unbind(provider->sites[i]);
}

/* What was used of a rate that is the same as before stays used. */
static void keep_tokens(
	struct scheduler *s, const struct site_rules *before, struct site_share **shares)
{
	for (size_t i = 0; i < s->site_rules.rules->count; i++) {
		const struct site_rule *rule = &s->site_rules.rules->items[i],
				       *was = site_rules_find(before, rule->key);
		if (was == NULL || was->per_source != rule->per_source ||
			was->rate.count != rule->rate.count ||
			was->rate.period_ns != rule->rate.period_ns)
			continue;
		for (uint32_t j = 0; j < shares_of(s, rule); j++)
			s->site_rules.shares[i][j].bucket = shares[was - before->items][j].bucket;
	}
}

static void stop_timers(
	struct scheduler *s, const struct site_rules *rules, struct site_share **shares)
{
	for (size_t i = 0; i < rules->count; i++)
		for (uint32_t j = 0; j < shares_of(s, &rules->items[i]); j++)
			loop_timer_stop(&s->loop, &shares[i][j].pace);
}

/* Slots beyond what a rule allows now are asked back. */
static void call_back_excess(struct scheduler *s)
{
	for (size_t i = 0; i < s->site_rules.rules->count; i++)
		for (uint32_t j = 0; j < shares_of(s, &s->site_rules.rules->items[i]); j++) {
			const struct site_share *share = &s->site_rules.shares[i][j];
			uint32_t sessions = share->rule->sessions;
			if (sessions != 0 && share->slots > sessions)
				slots_take_back(s, share, share->slots - sessions);
		}
}

static void rebind(struct hash_node *node, void *context)
{
	struct scheduler *s = context;
	struct provider *provider = CONTAINER_OF(node, struct provider, node);
	for (uint32_t i = 0; i < s->config->sources_count; i++) {
		struct site *site = provider->sites[i];
		if (site == NULL)
			continue;
		rules_bind(s, site);
		throttle_limit(&site->throttle, rules_sessions(s, provider));
		lease_look_at(s, site);
	}
}

void rules_replace(struct scheduler *s, struct site_rules_set *set)
{
	const struct site_rules *before = s->site_rules.rules;
	struct site_share **shares = s->site_rules.shares,
			  **new_shares = make_shares(s, &set->rules);
	if (new_shares == NULL) { /* no memory: as if they had not been read */
		site_rules_set_destroy(set);
		return;
	}
	hash_map_for_each(&s->providers, forget_rules, s);
	while (list_pop_front(&s->site_rules.hungry) != NULL)
		;
	s->site_rules.rules = &set->rules;
	s->site_rules.shares = new_shares;
	keep_tokens(s, before, shares);
	stop_timers(s, before, shares);
	domains_match_rules(s);
	hash_map_for_each(&s->providers, rebind, s);
	call_back_excess(s);
	free_shares(shares, before->count);
	site_rules_set_destroy(s->site_rules.set);
	s->site_rules.set = set;
}
