/* The ramp of a new source address: how much of its mail each provider gets on which day. Receivers trust an
 * address by what they have seen of it, so that it begins with little and has more from day to day.
 *
 * Days are those of UTC, counted from 1970-01-01. Pure: the caller says what day it is. */
#ifndef ENGINE_PLAN_WARMUP_H
#define ENGINE_PLAN_WARMUP_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/text.h"

enum {
	/* A ramp takes weeks; a year is more than anybody waits. */
	WARMUP_DAYS_MAX = 366,
	/* More than one address sends in a day to one provider. */
	WARMUP_LIMIT_MAX = 1000000000,
	WARMUP_DATE_SIZE = 10 + 1, /* 2026-09-01 and a zero */
};
#define WARMUP_UNLIMITED UINT32_MAX
/* No day: nothing has been sent yet. */
#define WARMUP_NEVER INT64_MIN

struct warmup {
	const uint32_t *limits; /* recipients a day for each provider, by day; borrowed */
	uint32_t days;          /* 0: no ramp, the address is warm */
	bool has_since;
	int64_t since;          /* the first day, if that was said */
};

/* How many recipients one provider may get on that day. `first`: the day of the first mail, which counts if
 * the ramp does not say its own; WARMUP_NEVER: none yet, so that this would be it. 0 before the first day;
 * WARMUP_UNLIMITED when the ramp is over. */
uint32_t warmup_limit(const struct warmup *ramp, int64_t first, int64_t day);

int64_t warmup_day_of(int64_t unix_us);
/* When the day begins, in microseconds since 1970. */
int64_t warmup_day_begins_us(int64_t day);
/* YYYY-MM-DD; false for everything else. */
MUST_USE bool warmup_parse_date(struct text text, int64_t *out_day);
void warmup_put_date(char out[static WARMUP_DATE_SIZE], int64_t day);

#endif
