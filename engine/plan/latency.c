#include "engine/plan/latency.h"
#include "engine/base/nanoseconds.h"

/* No reply takes longer than the longest time limit, an hour. */
#define REPLY_MS_MAX 3600000u

uint32_t latency_best_us(const struct latency *latency)
{
	uint32_t now_us = latency->best_us[0], before_us = latency->best_us[1];
	if (now_us == 0 || before_us == 0)
		return now_us + before_us;
	return now_us < before_us ? now_us : before_us;
}

static void smooth(struct latency *latency, uint32_t reply_us)
{
	if (latency->smooth_us == 0)
		latency->smooth_us = reply_us;
	else if (reply_us > latency->smooth_us)
		latency->smooth_us += (reply_us - latency->smooth_us) / LATENCY_WEIGHT;
	else
		latency->smooth_us -= (latency->smooth_us - reply_us) / LATENCY_WEIGHT;
}

static void note_best(struct latency *latency, uint64_t now_ns)
{
	if (now_ns >= latency->period_until_ns) {
		latency->best_us[1] = latency->best_us[0];
		latency->best_us[0] = 0;
		latency->period_until_ns = now_ns + LATENCY_PERIOD_S * SECOND_NS;
	}
	if (latency->best_us[0] == 0 || latency->smooth_us < latency->best_us[0])
		latency->best_us[0] = latency->smooth_us;
}

static enum latency_verdict judge_slow(struct latency *latency, uint64_t now_ns)
{
	if (latency->samples < LATENCY_SAMPLES_MIN ||
		now_ns - latency->slow_since_ns < LATENCY_SLOW_S * SECOND_NS)
		return LATENCY_SLOW;
	bool in_vain = latency->shrunk_at_us != 0 &&
		       latency->smooth_us > latency->shrunk_at_us - latency->shrunk_at_us / 4;
	latency->futile = in_vain ? latency->futile + 1 : 0;
	latency->samples = 0;
	if (latency->futile < LATENCY_FUTILE_MAX) {
		latency->shrunk_at_us = latency->smooth_us;
		latency->slow_since_ns = now_ns;
		return LATENCY_SHRINK;
	}
	latency->best_us[0] = latency->smooth_us;
	latency->best_us[1] = 0;
	latency->slow_since_ns = 0;
	latency->shrunk_at_us = 0;
	latency->futile = 0;
	return LATENCY_FINE;
}

enum latency_verdict latency_hear(struct latency *latency, uint32_t reply_ms, uint64_t now_ns)
{
	uint32_t reply_us = (reply_ms < REPLY_MS_MAX ? reply_ms : REPLY_MS_MAX) * 1000u;
	smooth(latency, reply_us);
	note_best(latency, now_ns);
	uint64_t limit_us = 2ull * latency_best_us(latency) + LATENCY_SLACK_MS * 1000u;
	if (latency->smooth_us > limit_us) {
		if (!latency_is_slow(latency)) {
			latency->slow_since_ns = now_ns != 0 ? now_ns : 1;
			latency->samples = 0;
		}
		if (reply_us <= limit_us) /* it gets better by itself */
			return LATENCY_SLOW;
		latency->samples++;
		return judge_slow(latency, now_ns);
	}
	latency->slow_since_ns = 0;
	latency->shrunk_at_us = 0;
	latency->futile = 0;
	return LATENCY_FINE;
}
