#include "engine/route/sts_policies.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/base/domain_name.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/random.h"
#include "engine/route/route_store.h"

enum {
	/* Policies of usual length are 1 KB with all that belongs to them: some 60,000. */
	BYTES_DEFAULT = 64 * 1024 * 1024,
	/* One entry of the cache, of any size. */
	ARENA_BYTES = 2 * CACHE_VALUE_BYTES_MAX,
	CLOCK_SLACK_S = CACHE_CLOCK_SLACK_S,
};

static_assert((int)CACHE_STS_ID_BYTES_MAX == (int)STS_ID_BYTES_MAX, "an id fits into the cache");

struct sts_policies {
	struct sts_policies_config config;
	struct hash_map map;
	struct list by_use;
	size_t bytes; /* of all that are held */
	struct arena arena; /* for what is read from the cache */
};

static struct text key_of(const struct hash_node *node)
{
	return CONTAINER_OF(node, const struct sts_held, node)->domain;
}

static uint64_t now_s(const struct sts_policies *policies)
{
	return (uint64_t)policies->config.wall_us() / 1000000;
}

/* ---- life ---- */

enum result sts_policies_create(
	const struct sts_policies_config *config, struct sts_policies **out_policies)
{
	struct sts_policies *policies = calloc(1, sizeof *policies);
	if (policies == NULL)
		return RESULT_MEMORY;
	policies->config = *config;
	if (config->bytes_max == 0)
		policies->config.bytes_max = BYTES_DEFAULT;
	list_init(&policies->by_use);
	arena_init(&policies->arena, 4096, ARENA_BYTES);
	if (hash_map_init(&policies->map, 0, &config->key, key_of) != RESULT_OK) {
		arena_deinit(&policies->arena);
		free(policies);
		return RESULT_MEMORY;
	}
	*out_policies = policies;
	return RESULT_OK;
}

static void let_go(struct sts_held *held)
{
	struct sts_policies *policies = held->policies;
	timer_stop(policies->config.wheel, &held->timer);
	hash_map_remove(&policies->map, &held->node);
	list_remove(&held->use);
	policies->bytes -= held->size;
	free(held);
}

void sts_policies_destroy(struct sts_policies *policies)
{
	if (policies == NULL)
		return;
	struct list_node *use;
	while ((use = list_first(&policies->by_use)) != NULL)
		let_go(CONTAINER_OF(use, struct sts_held, use));
	hash_map_deinit(&policies->map);
	arena_deinit(&policies->arena);
	free(policies);
}

/* ---- renewal ---- */

static void renewal_due(struct timer *timer);

static uint64_t seconds_between_renewals(const struct sts_held *held)
{
	uint64_t wait_s = held->policy.max_age_s / 2;
	if (wait_s > STS_RENEW_S)
		return STS_RENEW_S;
	return wait_s < STS_RENEW_MIN_S ? STS_RENEW_MIN_S : wait_s;
}

static uint64_t seconds_until_due(const struct sts_held *held)
{
	struct sts_policies *policies = held->policies;
	uint64_t now = now_s(policies);
	uint64_t wait_s = seconds_between_renewals(held);
	wait_s -= random_below(policies->config.random, wait_s / 4 + 1);
	uint64_t due_s = held->fetched_s + wait_s;
	if (held->failures > 0 && due_s < held->tried_s + STS_RENEW_RETRY_S)
		due_s = held->tried_s + STS_RENEW_RETRY_S;
	return due_s > now ? due_s - now : 0;
}

static void start_timer(struct sts_held *held)
{
	struct timer_wheel *wheel = held->policies->config.wheel;
	uint64_t wait_ns = seconds_until_due(held) * SECOND_NS;
	timer_start(wheel, &held->timer, timer_wheel_now_ns(wheel) + wait_ns, renewal_due);
}

/* ---- what is held ---- */

/* All texts are copied. NULL: no memory. */
static struct sts_held *make(struct sts_policies *policies, struct text domain, struct text id,
	const struct sts_policy *policy)
{
	size_t size = sizeof(struct sts_held) + domain.len + id.len + policy->text.len;
	struct sts_held *held = malloc(size);
	if (held == NULL)
		return NULL;
	memset(held, 0, sizeof *held);
	held->policies = policies;
	held->size = size;
	held->policy = *policy;
	memcpy(held->bytes, domain.data, domain.len);
	if (id.len > 0)
		memcpy(held->bytes + domain.len, id.data, id.len);
	memcpy(held->bytes + domain.len + id.len, policy->text.data, policy->text.len);
	held->domain = text_of_bytes(held->bytes, domain.len);
	held->id = text_of_bytes(held->bytes + domain.len, id.len);
	held->policy.text = text_of_bytes(held->bytes + domain.len + id.len, policy->text.len);
	return held;
}

/* Instead of `old`, which may be NULL: for mail it is the same policy. */
static void hold(struct sts_policies *policies, struct sts_held *held, struct sts_held *old)
{
	if (old != NULL) {
		held->used_s = old->used_s;
		held->denied_s = old->denied_s;
		let_go(old);
	}
	hash_map_insert(&policies->map, &held->node);
	list_push_back(&policies->by_use, &held->use);
	policies->bytes += held->size;
}

static struct sts_held *find_in_memory(struct sts_policies *policies, struct text domain)
{
	struct hash_node *node = hash_map_find(&policies->map, domain);
	return node != NULL ? CONTAINER_OF(node, struct sts_held, node) : NULL;
}

/* `kept` stays, however large it is. */
static void make_room(struct sts_policies *policies, const struct sts_held *kept)
{
	LIST_FOR_EACH_SAFE (use, &policies->by_use) {
		struct sts_held *held = CONTAINER_OF(use, struct sts_held, use);
		if (policies->bytes <= policies->config.bytes_max)
			return;
		if (held != kept)
			let_go(held);
	}
}

/* ---- the cache ---- */

static enum cache_sts_mode mode_in_cache(enum sts_mode mode)
{
	switch (mode) {
	case STS_MODE_NONE: return CACHE_STS_NONE;
	case STS_MODE_TESTING: return CACHE_STS_TESTING;
	case STS_MODE_ENFORCE: return CACHE_STS_ENFORCE;
	case STS_MODES: break;
	}
	UNREACHABLE("a mode that is not in the enum");
}

/* The patterns are in the text; the cache has them apart too, for its tools. */
static void store(struct sts_held *held)
{
	struct sts_policies *policies = held->policies;
	arena_reset(&policies->arena);
	struct text *mx = arena_alloc_array(&policies->arena, held->policy.mx_count, sizeof *mx);
	if (held->policy.mx_count > 0 && mx == NULL)
		return;
	size_t at = 0, count = 0;
	while (count < held->policy.mx_count &&
		sts_policy_next_mx(&held->policy, &at, &mx[count]))
		count++;
	const struct cache_entry entry = {
		.key = { .table = CACHE_TABLE_STS, .name = held->domain },
		.times = { held->fetched_s, held->expires_s },
		.of.sts = {
			.mode = mode_in_cache(held->policy.mode),
			.id = held->id,
			.max_age_s = held->policy.max_age_s,
			.mx = mx,
			.mx_count = count,
			.failures = held->failures,
			.tried_s = held->tried_s,
			.policy = held->policy.text,
		},
	};
	uint64_t batch = route_store_number(policies->config.store);
	held->batch = route_store_put_sts(policies->config.store, &entry) ? batch : 0;
	held->opening = 0;
}

static struct sts_held *take_over(struct sts_policies *policies, const struct cache_entry *entry,
	struct sts_held *old)
{
	struct fail fail = { 0 };
	struct sts_policy policy;
	const struct cache_sts *sts = &entry->of.sts;
	/* Written by us after it had been read; another version may have read it otherwise. */
	if (sts_policy_parse(sts->policy, &policy, &fail) != RESULT_OK)
		return old;
	struct sts_held *held = make(policies, entry->key.name, sts->id, &policy);
	if (held == NULL)
		return old;
	hold(policies, held, old);
	held->fetched_s = entry->times.fetched_s;
	held->expires_s = entry->times.expires_s;
	held->failures = sts->failures;
	held->tried_s = held->counted_s = sts->tried_s;
	held->opening = route_store_opening(policies->config.store);
	return held;
}

static bool is_on_its_way(const struct sts_held *held)
{
	return held->batch > route_store_written(held->policies->config.store);
}

/* It is not there. What was, was forgotten on purpose (STS-51); what could not be put, or was in a cache that
 * was set aside, is put again. */
static struct sts_held *miss_in_cache(struct sts_held *held)
{
	struct route_store *cache = held->policies->config.store;
	if (held->is_dropped || held->opening == route_store_opening(cache) ||
		route_store_has_written(cache, held->batch)) {
		let_go(held);
		return NULL;
	}
	if (!is_on_its_way(held))
		store(held);
	return held;
}

/* What is in the cache goes before what is in memory, but for what is on its way there. */
static struct sts_held *compare_with_cache(
	struct sts_policies *policies, struct text domain, struct sts_held *held)
{
	struct cache_entry entry;
	if (policies->config.store == NULL)
		return held;
	arena_reset(&policies->arena);
	switch (route_store_find_sts(policies->config.store, domain, &policies->arena, &entry)) {
	case ROUTE_STORE_STS_UNKNOWN: return held;
	case ROUTE_STORE_STS_NONE: return held != NULL ? miss_in_cache(held) : NULL;
	case ROUTE_STORE_STS_DAMAGED:
		if (held != NULL && !held->is_dropped && !is_on_its_way(held))
			store(held);
		return held;
	case ROUTE_STORE_STS_EXPIRED:
	case ROUTE_STORE_STS_VALID:
		if (held != NULL && (is_on_its_way(held) || entry.times.fetched_s <= held->fetched_s))
			return held;
		return take_over(policies, &entry, held);
	}
	UNREACHABLE("a state that is not in the enum");
}

static void renewal_due(struct timer *timer)
{
	struct sts_held *held = CONTAINER_OF(timer, struct sts_held, timer);
	struct sts_policies *policies = held->policies;
	/* Not asked for any more: it expires in its time, and mail that comes again starts anew. */
	if (now_s(policies) >= held->used_s + STS_RENEWALS_UNUSED * seconds_between_renewals(held))
		return;
	struct sts_held *current = compare_with_cache(policies, held->domain, held);
	if (current == held)
		policies->config.due(policies->config.context, held);
	else if (current != NULL)
		start_timer(current); /* another process has renewed it */
}

void sts_policies_postpone(struct sts_held *held, uint32_t seconds)
{
	struct timer_wheel *wheel = held->policies->config.wheel;
	timer_start(wheel, &held->timer, timer_wheel_now_ns(wheel) + seconds * SECOND_NS, renewal_due);
}

/* ---- asking ---- */

/* DNS-26: the clock went back. */
static void mind_the_clock(struct sts_held *held, uint64_t now)
{
	if (held->fetched_s <= now + CLOCK_SLACK_S)
		return;
	held->fetched_s = now;
	if (held->expires_s > now + held->policy.max_age_s)
		held->expires_s = now + held->policy.max_age_s;
}

enum sts_held_state sts_policies_find(struct sts_policies *policies, struct text domain, bool for_mail,
	struct sts_held **out_held)
{
	uint64_t now = now_s(policies);
	struct sts_held *held =
		compare_with_cache(policies, domain, find_in_memory(policies, domain));
	if (held != NULL && held->is_dropped)
		held = NULL;
	*out_held = held;
	if (held == NULL)
		return STS_HELD_NONE;
	mind_the_clock(held, now);
	if (for_mail) {
		held->used_s = now;
		list_remove(&held->use);
		list_push_back(&policies->by_use, &held->use);
	}
	make_room(policies, held);
	if (now >= held->expires_s)
		return STS_HELD_EXPIRED;
	if (for_mail && !timer_is_running(&held->timer))
		start_timer(held);
	return STS_HELD_VALID;
}

struct sts_held *sts_policies_put(struct sts_policies *policies, struct text domain, struct text id,
	const struct sts_policy *policy)
{
	uint64_t now = now_s(policies);
	struct sts_held *old = find_in_memory(policies, domain);
	if (policy->max_age_s == 0) {
		(void)route_store_drop_sts(policies->config.store, domain);
		if (old != NULL)
			let_go(old);
		return NULL;
	}
	struct sts_held *held = make(policies, domain, id, policy);
	if (held == NULL)
		return NULL;
	held->used_s = now;
	hold(policies, held, old);
	held->fetched_s = now;
	held->expires_s = now + policy->max_age_s;
	store(held);
	start_timer(held);
	make_room(policies, held);
	return held;
}

void sts_policies_failed(struct sts_policies *policies, struct sts_held *held)
{
	uint64_t now = now_s(policies);
	/* Mail may ask much more often than the renewal, which is never this much early. */
	if (held->failures == 0 || now + CLOCK_SLACK_S >= held->counted_s + STS_RENEW_RETRY_S ||
		now < held->counted_s) {
		held->failures++;
		held->counted_s = now;
	}
	held->tried_s = now;
	held->doubted = false; /* it was tried */
	store(held);
	start_timer(held);
}

void sts_policies_drop(struct sts_policies *policies, struct sts_held *held)
{
	struct route_store *cache = policies->config.store;
	uint64_t batch = cache != NULL ? route_store_number(cache) : 0;
	if (!route_store_drop_sts(cache, held->domain)) {
		let_go(held);
		return;
	}
	/* Until it is written there the cache would give it again, to be told of and dropped again. */
	timer_stop(policies->config.wheel, &held->timer);
	held->batch = batch;
	held->is_dropped = true;
}

/* ---- doubts ---- */

void sts_policies_doubt(struct sts_policies *policies, struct text domain)
{
	struct sts_held *held = find_in_memory(policies, domain);
	if (held != NULL)
		held->doubted = true;
}

bool sts_held_may_be_doubted(const struct sts_held *held)
{
	uint64_t looked_s = held->tried_s > held->fetched_s ? held->tried_s : held->fetched_s;
	return now_s(held->policies) >= looked_s + STS_DOUBT_MIN_S;
}

uint64_t sts_held_left_s(const struct sts_held *held)
{
	uint64_t now = now_s(held->policies);
	return held->expires_s > now ? held->expires_s - now : 0;
}

bool sts_policies_doubts_denial(struct sts_policies *policies, struct text domain)
{
	struct sts_held *held;
	if (sts_policies_find(policies, domain, true, &held) != STS_HELD_VALID ||
		held->policy.mode != STS_MODE_ENFORCE)
		return false;
	uint64_t now = now_s(policies);
	if (held->denied_s == 0 || held->denied_s > now)
		held->denied_s = now;
	return now < held->denied_s + STS_DENIED_S;
}

void sts_policies_exists(struct sts_policies *policies, struct text domain)
{
	struct sts_held *held = find_in_memory(policies, domain);
	if (held != NULL)
		held->denied_s = 0;
}

size_t sts_policies_count(const struct sts_policies *policies)
{
	return hash_map_count(&policies->map);
}
