/* From where mail leaves, in the scheduler: the choice among --source (source_choice.h) and what their
 * warm-up allows today (warmup.h). What its files offer the others. */
#ifndef ENGINE_RUN_SCHEDULER_SOURCE_H
#define ENGINE_RUN_SCHEDULER_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/list.h"
#include "engine/base/result.h"
#include "engine/base/text.h"
#include "engine/base/timer_wheel.h"
#include "engine/plan/source_choice.h"
#include "engine/plan/warmup_counts.h"

struct attempt;
struct provider;
struct route;
struct scheduler;
struct site;
struct source;
struct source_pool;

struct scheduler_sources {
	const struct source *only;     /* as most have it: nothing is to be chosen; else NULL */
	struct source_candidate *candidates; /* of one look; room for all sources */
	struct list waiting;           /* messages, by again_node, that wait for room since this turn */
	uint32_t round;                /* the last one (struct site, round) */
	bool pool_told;                /* a message named a pool that nobody has */

	/* warm-up */
	bool has_warmup;
	bool has_left_room;            /* some was left in this turn where there was none */
	struct warmup_counts counts;
	uint32_t *limits;              /* of today, by source */
	struct timer day_timer, write_timer;
	uint32_t writing;              /* texts that the keeper has */
	bool writes_all, is_failing;   /* the next is the whole file; the last could not be written */
	uint64_t file_bytes;
};

/* ---- scheduler_source.c ---- */
/* RESULT_MEMORY, and what reading the counts of the warm-up can say. */
MUST_USE enum result sources_init(struct scheduler *s, struct fail *fail);
void sources_deinit(struct scheduler *s);
/* NULL: no --source has it. */
const struct source_pool *sources_pool(const struct scheduler *s, struct text name);
/* The sources of the pool that fit the route, into s->sources.candidates; returns how many. */
uint32_t sources_gather(struct scheduler *s, const struct source_pool *pool, const struct provider *provider,
	const struct route *route);
/* From where it goes, by the fresh route of its domain; NULL: from nowhere now; it waits or is settled. */
const struct source *sources_choose(struct scheduler *s, struct attempt *attempt);
/* It is about to be queued there: that is its source, has its turn and its room. */
void sources_take(struct scheduler *s, struct attempt *attempt, struct site *site);
/* It is QUEUED, and goes back to its job untried. */
void sources_put_back(struct scheduler *s, struct attempt *attempt);
/* Mail of the pool by that route (NULL: not known) may go from there: the source reaches one of its hosts, or
 * none of the pool does, and its outcome is to be had anywhere. */
bool sources_suits(const struct scheduler *s, const struct source_pool *pool, const struct route *route,
	const struct source *source);
/* How many messages of the pool the site may be given ahead of its share, at most `max`; 0: none, or it
 * is not of the pool. `route`: theirs, NULL if it is not known; who does not fit it has no share in them. */
uint32_t sources_lead(struct scheduler *s, const struct source_pool *pool, const struct route *route,
	const struct site *site, uint32_t max);
/* The site is looked at, and is in that state: who is blocked is left, who is so no more is gone to. */
void sources_note(struct scheduler *s, struct site *site, enum throttle_state state);
/* If that is new: what waits at a blocked site and may go from elsewhere does. */
void sources_leave(struct scheduler *s, struct site *site);
/* The mail that waits at the blocked sites of the provider may go from elsewhere by now. */
void sources_reconsider(struct scheduler *s, const struct provider *provider);
void sources_turn_end(struct scheduler *s);

/* ---- scheduler_warmup.c ---- */
MUST_USE enum result warmups_init(struct scheduler *s, struct fail *fail);
void warmups_start(struct scheduler *s); /* the loop is there */
void warmups_deinit(struct scheduler *s);
void warmups_bind(struct scheduler *s, struct site *site);
void warmups_unbind(struct site *site);
/* Recipients that the provider may get from there today, besides those on their way; WARMUP_UNLIMITED. */
uint32_t warmups_room(struct scheduler *s, const struct provider *provider, const struct source *source);
void warmups_reserve(struct scheduler *s, struct attempt *attempt, struct site *site);
/* It is not queued any more, and was not sent. */
void warmups_release(struct scheduler *s, struct attempt *attempt);
/* Its fates are durable: who was taken counts. */
void warmups_settle(struct scheduler *s, struct attempt *attempt);
/* Another day has begun. */
bool warmups_look_at_day(struct scheduler *s);
/* No source of the pool has room: it waits for the next day, or for what is on its way to fail. */
void warmups_wait(struct scheduler *s, struct attempt *attempt, const struct source_pool *pool);
/* POST_WARMUP_WRITTEN */
void warmups_written(struct scheduler *s, enum result result);
void warmups_turn_end(struct scheduler *s);
/* The last text goes to the keeper. */
void warmups_end(struct scheduler *s);

#endif
