#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "engine/run/scheduler_parts.h"
#include "engine/run/warmup_file.h"

/* How much of its mail a source that warms up may give each provider today.
 *
 *   queued: its recipients are reserved ──▶ recorded: those who were taken count ──▶ in the file
 *                                      └──▶ else they are free again
 *
 * Its recipients are the same ones from the one to the other.
 *
 * A message goes while there is any room, so that the limit is passed by the recipients of one message less
 * one at most. The keeper writes what has changed while the last text is being written, ten times a second at
 * most; after a crash what was taken since, and what was on its way, comes on top. */

#define WRITE_EVERY_NS (100 * MS_NS)
/* A file that could not be written is tried again after this. */
#define AGAIN_NS (5 * SECOND_NS)
/* A timer has no further end than this; and the wall clock may be set. */
#define LOOK_NS (3600 * SECOND_NS)

enum {
	/* Of older lines in the file: more than this, and more than the others, is too much. */
	OLD_BYTES = 65536,
};

static void set_limits(struct scheduler *s)
{
	for (uint32_t i = 0; i < s->config->sources_count; i++) {
		const struct source *source = &s->config->sources[i];
		int64_t first = s->sources.has_warmup
			? warmup_counts_first(&s->sources.counts, text_of(source->text))
			: WARMUP_NEVER;
		s->sources.limits[i] = warmup_limit(&source->warmup, first, s->sources.counts.day);
	}
}

enum result warmups_init(struct scheduler *s, struct fail *fail)
{
	struct siphash_key key = random_siphash_key();
	struct scheduler_sources *of = &s->sources;
	for (uint32_t i = 0; i < s->config->sources_count; i++)
		of->has_warmup |= s->config->sources[i].warmup.days > 0;
	of->limits = calloc(s->config->sources_count, sizeof *of->limits);
	if (of->limits == NULL ||
		warmup_counts_init(&of->counts, warmup_day_of(clock_wall_us()), &key) != RESULT_OK)
		return fail_set(fail, RESULT_MEMORY, "out of memory for the sources");
	enum result r = RESULT_OK;
	if (of->has_warmup)
		r = warmup_file_read(s->config->options->spool, &of->counts, fail);
	of->writes_all = true;
	set_limits(s);
	return r;
}

void warmups_deinit(struct scheduler *s)
{
	if (s->sources.limits == NULL)
		return;
	warmup_counts_deinit(&s->sources.counts);
	free(s->sources.limits);
}

/* ---- days ---- */

static void look_at_all(struct hash_node *node, void *context)
{
	struct scheduler *s = context;
	struct provider *provider = CONTAINER_OF(node, struct provider, node);
	jobs_provider_ends(provider); /* who waits for it is offered anew */
	sources_reconsider(s, provider);
	for (uint32_t i = 0; i < s->config->sources_count; i++)
		if (provider->sites[i] != NULL)
			lease_look_at(s, provider->sites[i]);
}

bool warmups_look_at_day(struct scheduler *s)
{
	int64_t day = warmup_day_of(clock_wall_us());
	/* A clock that is set back does not bring a day again. */
	if (!s->sources.has_warmup || day <= s->sources.counts.day)
		return false;
	warmup_counts_begin_day(&s->sources.counts, day);
	s->sources.writes_all = true;
	set_limits(s);
	hash_map_for_each(&s->providers, look_at_all, s);
	return true;
}

static void day_due(struct timer *timer);

static void set_day_timer(struct scheduler *s)
{
	int64_t left_us = warmup_day_begins_us(s->sources.counts.day + 1) - clock_wall_us();
	uint64_t left_ns = left_us > 0 ? (uint64_t)left_us * 1000 : MS_NS;
	loop_timer_start(&s->loop, &s->sources.day_timer, left_ns < LOOK_NS ? left_ns : LOOK_NS, day_due);
}

static void day_due(struct timer *timer)
{
	struct scheduler *s = CONTAINER_OF(timer, struct scheduler, sources.day_timer);
	(void)warmups_look_at_day(s);
	set_day_timer(s);
}

void warmups_start(struct scheduler *s)
{
	if (s->sources.has_warmup)
		set_day_timer(s);
}

/* ---- room ---- */

void warmups_bind(struct scheduler *s, struct site *site)
{
	if (site->source->warmup.days == 0)
		return;
	site->warmup = warmup_counts_take(
		&s->sources.counts, text_of(site->source->text), text_of(site->provider->whole));
	if (site->warmup != NULL)
		site->warmup->users++;
}

void warmups_unbind(struct site *site)
{
	if (site->warmup != NULL)
		site->warmup->users--;
	site->warmup = NULL;
}

uint32_t warmups_room(struct scheduler *s, const struct provider *provider, const struct source *source)
{
	uint32_t limit = s->sources.limits[source->index];
	if (limit == WARMUP_UNLIMITED)
		return limit;
	const struct site *site = provider->sites[source->index];
	const struct warmup_count *count = site != NULL
		? site->warmup
		: warmup_counts_find(&s->sources.counts, text_of(source->text), text_of(provider->whole));
	if (count == NULL)
		return site == NULL ? limit : 0;
	uint64_t used = (uint64_t)count->sent + count->reserved;
	return used < limit ? (uint32_t)(limit - used) : 0;
}

void warmups_reserve(struct scheduler *s, struct attempt *attempt, struct site *site)
{
	warmups_release(s, attempt);
	if (site->warmup == NULL || s->sources.limits[site->source->index] == WARMUP_UNLIMITED)
		return;
	attempt->warmup = site->warmup;
	attempt->warmup->reserved += attempt->rcpts_count;
}

void warmups_release(struct scheduler *s, struct attempt *attempt)
{
	struct warmup_count *count = attempt->warmup;
	if (count == NULL)
		return;
	uint64_t used = (uint64_t)count->sent + count->reserved;
	uint32_t limit = s->sources.limits[attempt->source->index];
	CHECK(count->reserved >= attempt->rcpts_count);
	count->reserved -= attempt->rcpts_count;
	attempt->warmup = NULL;
	s->sources.has_left_room |= used >= limit && used - attempt->rcpts_count < limit;
}

/* There was none before. Who waits in line may be of another part of the provider. */
static void look_who_waits(struct hash_node *node, void *context)
{
	struct scheduler *s = context;
	struct provider *provider = CONTAINER_OF(node, struct provider, node);
	for (uint32_t i = 0; i < s->config->sources_count && jobs_provider_is_awaited(provider); i++) {
		if (s->sources.limits[i] == WARMUP_UNLIMITED ||
			warmups_room(s, provider, &s->config->sources[i]) == 0)
			continue;
		loop_turn_again(&s->loop);
		if (provider->sites[i] != NULL)
			lease_look_at(s, provider->sites[i]);
		else
			jobs_provider_ends(provider);
	}
}

static void tell_who_waits(struct scheduler *s)
{
	if (s->sources.has_left_room)
		hash_map_for_each(&s->providers, look_who_waits, s);
	s->sources.has_left_room = false;
}

void warmups_settle(struct scheduler *s, struct attempt *attempt)
{
	struct warmup_count *count = attempt->warmup;
	uint32_t taken = 0;
	if (count == NULL)
		return;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++)
		taken += attempt->rcpts[i].fate == ATTEMPT_DELIVERED;
	warmup_counts_add(&s->sources.counts, count, taken);
	warmups_release(s, attempt);
	const struct provider *provider = attempt->domain->provider;
	struct site *site = provider != NULL ? provider->sites[attempt->source->index] : NULL;
	if (taken < attempt->rcpts_count && site != NULL && jobs_site_is_awaited(site))
		lease_look_at(s, site);
}

/* ---- no room ---- */

/* What is on its way may fail, and leave some, to those from where it may go. */
static bool is_used_up(struct scheduler *s, const struct domain *domain, const struct source_pool *pool)
{
	for (uint32_t i = 0; i < pool->count; i++) {
		const struct source *source = &s->config->sources[pool->sources[i]];
		const struct warmup_count *count = warmup_counts_find(
			&s->sources.counts, text_of(source->text), text_of(domain->provider->whole));
		if (count != NULL && count->sent < s->sources.limits[source->index] &&
			domain_source_fits(domain->route, source))
			return false;
	}
	return true;
}

static void note(struct attempt *attempt, const char *provider, int64_t day)
{
	char words[ATTEMPT_LAST_MAX], date[WARMUP_DATE_SIZE];
	if (attempt->last != NULL)
		return;
	warmup_put_date(date, day);
	(void)snprintf(words, sizeof words,
		"waits since what the warm-up of our addresses allows to %s is used up for %s", provider,
		date);
	attempt->last = strdup(words);
}

void warmups_wait(struct scheduler *s, struct attempt *attempt, const struct source_pool *pool)
{
	const struct provider *provider = attempt->domain->provider;
	int64_t day = s->sources.counts.day;
	const struct retry_schedule *retry =
		&s->config->retry[attempt->transactional ? RETRY_TRANSACTIONAL : RETRY_BULK];
	uint64_t due_ns = scheduler_now(s) + retry->first_ms * MS_NS;
	/* A second later, so that no rounding brings it back the evening before. */
	int64_t morning_ns = outcome_instant_of(s, warmup_day_begins_us(day + 1) / 1000000 + 1);
	if (morning_ns > 0 && ((uint64_t)morning_ns < due_ns || is_used_up(s, attempt->domain, pool)))
		due_ns = (uint64_t)morning_ns;
	note(attempt, provider->whole, day);
	struct message *message = attempt->message;
	outcome_wait(s, attempt, due_ns < attempt->expires_ns ? due_ns : attempt->expires_ns);
	attempt->waits_for_room = true;
	/* Not now: its other attempts may not be made yet. */
	if (!list_node_is_linked(&message->again_node))
		list_push_back(&s->sources.waiting, &message->again_node);
	mailbox_wake(s->hub->scheduler);
}

/* ---- the file ---- */

static void post_text(struct scheduler *s)
{
	struct scheduler_sources *of = &s->sources;
	bool all = of->writes_all || of->file_bytes > 2 * of->counts.text_bytes + OLD_BYTES;
	struct warmup_text *text = calloc(1, sizeof *text);
	if (text != NULL)
		text->bytes = warmup_counts_take_text(&of->counts, all, &text->len);
	if (text == NULL || text->bytes == NULL) {
		free(text);
		return; /* it is tried again at the next change */
	}
	text->is_all = all;
	of->file_bytes = all ? text->len : of->file_bytes + text->len;
	of->writes_all = false;
	of->writing++;
	hub_post(s->hub->keeper, POST_WARMUP, text, 0, 0);
}

static bool has_to_write(const struct scheduler *s)
{
	return s->sources.has_warmup && s->hub->queue != NULL &&
		(s->sources.is_failing || warmup_counts_changed(&s->sources.counts));
}

static void write_due(struct timer *timer)
{
	mailbox_wake(CONTAINER_OF(timer, struct scheduler, sources.write_timer)->hub->scheduler);
}

void warmups_turn_end(struct scheduler *s)
{
	tell_who_waits(s);
	if (!has_to_write(s) || s->sources.writing > 0 || timer_is_running(&s->sources.write_timer))
		return;
	post_text(s);
	loop_timer_start(&s->loop, &s->sources.write_timer, WRITE_EVERY_NS, write_due);
}

void warmups_written(struct scheduler *s, enum result result)
{
	CHECK(s->sources.writing > 0);
	s->sources.writing--;
	s->sources.is_failing = result != RESULT_OK;
	if (result == RESULT_OK)
		return;
	s->sources.writes_all = true;
	loop_timer_start(&s->loop, &s->sources.write_timer, AGAIN_NS, write_due);
}

void warmups_end(struct scheduler *s)
{
	loop_timer_stop(&s->loop, &s->sources.day_timer);
	loop_timer_stop(&s->loop, &s->sources.write_timer);
	if (has_to_write(s))
		post_text(s);
}
