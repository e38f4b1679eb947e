/* How often a host refuses what it is offered: enough of it to say that it does so seldom. Older answers
 * count for less and less, by halves. Pure. */
#ifndef ENGINE_PLAN_REFUSAL_RATE_H
#define ENGINE_PLAN_REFUSAL_RATE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	/* CONFORMANCE 0.4, EXT-CHUNK-05: under 0.5 %, one in 200. Fewer answers than that say nothing. */
	REFUSAL_RATE_SELDOM = 200,
	/* Then all counts are halved: a host that changed its mind is noticed within that many. */
	REFUSAL_RATE_ANSWERS_MAX = 8 * REFUSAL_RATE_SELDOM,
};

struct refusal_rate {
	uint32_t answers, refusals; /* zeroed: nothing is known */
};

/* So many recipients more had an answer, and so many of these were refused. */
void refusal_rate_add(struct refusal_rate *rate, uint32_t answers, uint32_t refusals);
/* Known well enough, and under 0.5 %. */
bool refusal_rate_is_low(const struct refusal_rate *rate);

#endif
