/* A rate: so many tokens in so long a time, and no more than a few saved up (the generic cell rate
 * algorithm: one instant says all). Pure: the caller gives the time. */
#ifndef ENGINE_PLAN_TOKEN_BUCKET_H
#define ENGINE_PLAN_TOKEN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* `count` in `period_ns`; count 0: no limit. */
struct rate {
	uint32_t count;
	uint64_t period_ns;
};

enum {
	/* More in a second than this is no limit that one machine would feel. */
	RATE_PER_SECOND_MAX = 1000000,
	/* What may be saved up are the tokens of so long a time, and one at least: the more tokens there
	 * are, the fewer timers it takes to hand them out; a second's worth at once would be a burst
	 * that receivers who count by the second refuse. */
	TOKEN_BUCKET_SAVES_MS = 100,
};

struct token_bucket {
	uint64_t every_ns; /* from one token to the next; 0: there is no limit */
	uint64_t saved_ns; /* so much earlier than `next_ns` a token may be taken */
	uint64_t next_ns;  /* when the next token would come if none were saved up */
};

/* Full at the start. */
void token_bucket_init(struct token_bucket *bucket, struct rate rate);

/* When the next token is there: an instant that is not later than now if one is there now. */
uint64_t token_bucket_due_ns(const struct token_bucket *bucket);
/* How many are there now; UINT32_MAX without a limit. */
uint32_t token_bucket_count(const struct token_bucket *bucket, uint64_t now_ns);
/* False: none is there, nothing was taken. */
bool token_bucket_take(struct token_bucket *bucket, uint64_t now_ns);
/* One that was taken was not used. */
void token_bucket_give(struct token_bucket *bucket);

#endif
