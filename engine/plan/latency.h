/* Whether a receiver answers more slowly than it could: replies of now, smoothed, against the best that
 * was seen. A receiver under load, or one that slows us down without a word (a tarpit), shows it here
 * before it says 421. Pure: the caller gives the time.
 *
 * Slow is more than twice the best and a quarter of a second: a near receiver, whose replies take
 * microseconds one time and milliseconds the next, never is. What stays slow though fewer sessions
 * are open is not slow because of us: after that the new pace is taken for the best there is. */
#ifndef ENGINE_PLAN_LATENCY_H
#define ENGINE_PLAN_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

enum {
	/* Added to twice the best: below it nobody is slow. Our own turns under full load take tens of
	 * milliseconds, which must not count against a receiver. */
	LATENCY_SLACK_MS = 250,
	/* One reply weighs an eighth. */
	LATENCY_WEIGHT = 8,
	/* A verdict needs so many slow replies, while the smoothed one is slow for so long. */
	LATENCY_SAMPLES_MIN = 16,
	LATENCY_SLOW_S = 5,
	/* The best is that of this period and the one before: paths change. */
	LATENCY_PERIOD_S = 600,
	/* So often it is tried in vain to make it faster by sending less. */
	LATENCY_FUTILE_MAX = 2,
};

enum latency_verdict {
	LATENCY_FINE,
	LATENCY_SLOW,   /* no more sessions now */
	LATENCY_SHRINK, /* it has been slow for long enough: fewer */
};

struct latency {
	uint32_t smooth_us;  /* 0: no reply yet */
	uint32_t best_us[2]; /* of this period, and the one before; 0: none */
	uint64_t period_until_ns;
	uint64_t slow_since_ns; /* 0: it is not slow */
	uint32_t samples;       /* slow replies since then */
	uint32_t
		shrunk_at_us; /* what it was when fewer sessions were last asked for; 0: not since */
	uint32_t futile;      /* how often that brought nothing, in a row */
};

/* All zero is the start. A reply took so long, at least 1 ms. */
enum latency_verdict latency_hear(struct latency *latency, uint32_t reply_ms, uint64_t now_ns);
/* The best there was, smoothed; 0: not known. */
uint32_t latency_best_us(const struct latency *latency);

static inline bool latency_is_slow(const struct latency *latency)
{
	return latency->slow_since_ns != 0;
}

#endif
