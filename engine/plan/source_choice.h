/* From which of our addresses the next message to a provider leaves.
 *
 * Those that may be used now have it in turn by their weights (smooth weighted round robin: 3 to 1 is
 * a a b a, not a a a b). One that the provider has slowed down has as much less of it as it has fewer
 * sessions. One that is blocked there or has had what its warm-up allows today is passed over. Pure. */
#ifndef ENGINE_PLAN_SOURCE_CHOICE_H
#define ENGINE_PLAN_SOURCE_CHOICE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/plan/throttle.h"

enum {
	/* Shares are told apart to a thousandth; who wants finer ones has other plans. */
	SOURCE_WEIGHT_MAX = 1000,
	/* A message that was tried waits so long for its source: who greylists lets it in after five
	 * minutes at most, and from another address it would begin anew. */
	SOURCE_PATIENCE_S = 300,
};
#define SOURCE_NONE UINT32_MAX

struct source_candidate {
	uint32_t index;                  /* the caller's */
	uint32_t weight;                 /* 1 to SOURCE_WEIGHT_MAX */
	const struct throttle *throttle; /* of the provider from there; NULL: never used */
	bool has_room;                   /* in its warm-up of today */
	int64_t *turn;                   /* the state of the turns there, 0 at first */
};

/* It takes mail now, or after a short pause. */
bool source_is_open(const struct source_candidate *candidate, uint64_t now_ns);

/* Returns a position in `candidates`; SOURCE_NONE: not one has room. `last`: the position of the one that the
 * message was queued for or tried from, or SOURCE_NONE: it is kept unless it has no room, or is blocked for
 * longer than `patience_ns` while another is open (greylisting wants the same address again). If all are
 * blocked it is the one whose block ends first. `random`: where nobody is before others it is left to chance,
 * since most providers get only a message or two. Changes nothing: see source_charge(). */
uint32_t source_choose(const struct source_candidate *candidates, uint32_t count, uint32_t last,
	uint64_t patience_ns, uint64_t now_ns, uint64_t random);

/* The message goes from the chosen one: the others are before it now. Or, with -1, it does not after all. */
void source_charge(const struct source_candidate *candidates, uint32_t count, uint32_t chosen, int messages,
	uint64_t now_ns);

/* How many messages more than its share one of them has had, of all that went from those that are open and
 * have been answered; negative: less. */
int64_t source_ahead(
	const struct source_candidate *candidates, uint32_t count, uint32_t which, uint64_t now_ns);

#endif
