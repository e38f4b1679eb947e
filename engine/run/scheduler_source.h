/* From where mail leaves, in the scheduler: the choice among --source (source_choice.h). */
#ifndef ENGINE_RUN_SCHEDULER_SOURCE_H
#define ENGINE_RUN_SCHEDULER_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/result.h"
#include "engine/base/text.h"
#include "engine/plan/source_choice.h"

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
	uint32_t round;                /* the last one (struct site, round) */
	bool pool_told;                /* a message named a pool that nobody has */
};

/* RESULT_MEMORY. */
MUST_USE enum result sources_init(struct scheduler *s, struct fail *fail);
void sources_deinit(struct scheduler *s);
/* NULL: no --source has it. */
const struct source_pool *sources_pool(const struct scheduler *s, struct text name);
/* The sources of the pool that fit the route, into s->sources.candidates; returns how many. */
uint32_t sources_gather(struct scheduler *s, const struct source_pool *pool, const struct provider *provider,
	const struct route *route);
/* From where it goes, by the fresh route of its domain; NULL: from nowhere now; it waits or is settled. */
const struct source *sources_choose(struct scheduler *s, struct attempt *attempt);
/* It is about to be queued there: that is its source, and has its turn. */
void sources_take(struct scheduler *s, struct attempt *attempt, struct site *site);
/* It is QUEUED, and goes back to its job untried. */
void sources_put_back(struct scheduler *s, struct attempt *attempt);
/* How many messages of the pool the site may be given ahead of its share, at most `max`; 0: none, or it
 * is not of the pool. */
uint32_t sources_lead(
	struct scheduler *s, const struct source_pool *pool, const struct site *site, uint32_t max);
/* The site is looked at, and is in that state: who is blocked is left, who is so no more is gone to. */
void sources_note(struct scheduler *s, struct site *site, enum throttle_state state);
/* If that is new: what waits at a blocked site and may go from elsewhere does. */
void sources_leave(struct scheduler *s, struct site *site);
/* The mail that waits at the blocked sites of the provider may go from elsewhere by now. */
void sources_reconsider(struct scheduler *s, const struct provider *provider);

#endif
