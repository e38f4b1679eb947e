#include "engine/plan/refusal_rate.h"
#include "engine/base/check.h"

void refusal_rate_add(struct refusal_rate *rate, uint32_t answers, uint32_t refusals)
{
	CHECK(refusals <= answers);
	rate->answers += answers;
	rate->refusals += refusals;
	while (rate->answers > REFUSAL_RATE_ANSWERS_MAX) {
		rate->answers /= 2;
		rate->refusals = (rate->refusals + 1) / 2; /* the last one is not forgotten by rounding */
	}
}

bool refusal_rate_is_low(const struct refusal_rate *rate)
{
	return rate->answers >= REFUSAL_RATE_SELDOM &&
		(uint64_t)rate->refusals * REFUSAL_RATE_SELDOM < rate->answers;
}
