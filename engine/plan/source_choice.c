#include "engine/plan/source_choice.h"
#include "engine/base/check.h"

/* A weight of 1, so that a part of it is a number. */
enum { UNIT = 1000 };

bool source_is_open(const struct source_candidate *candidate, uint64_t now_ns)
{
	if (candidate->throttle == NULL)
		return true;
	enum throttle_state state = throttle_state_at(candidate->throttle, now_ns);
	return state == THROTTLE_OPEN || state == THROTTLE_PAUSED;
}

static int64_t weight_of(const struct source_candidate *candidate)
{
	const struct throttle *t = candidate->throttle;
	int64_t weight = (int64_t)candidate->weight * UNIT;
	if (t == NULL || t->sessions_whole <= t->sessions_now)
		return weight;
	weight = weight * t->sessions_now / t->sessions_whole;
	return weight > 0 ? weight : 1;
}

static bool may_be_used(const struct source_candidate *candidate, uint64_t now_ns)
{
	return candidate->has_room && source_is_open(candidate, now_ns);
}

static uint32_t soonest(const struct source_candidate *candidates, uint32_t count)
{
	uint32_t best = SOURCE_NONE;
	for (uint32_t i = 0; i < count; i++)
		if (candidates[i].has_room &&
			(best == SOURCE_NONE || candidates[i].throttle->blocked_until_ns <
							candidates[best].throttle->blocked_until_ns))
			best = i;
	return best;
}

static uint32_t by_chance(const struct source_candidate *candidates, uint32_t count, int64_t total,
	uint64_t now_ns, uint64_t random)
{
	int64_t left = (int64_t)(random % (uint64_t)total);
	for (uint32_t i = 0; i < count; i++) {
		if (!may_be_used(&candidates[i], now_ns))
			continue;
		left -= weight_of(&candidates[i]);
		if (left < 0)
			return i;
	}
	UNREACHABLE("the weights are the total");
}

/* Who is furthest behind its share. */
static uint32_t in_turn(
	const struct source_candidate *candidates, uint32_t count, uint64_t now_ns, uint64_t random)
{
	int64_t total = 0, best_turn = 0;
	uint32_t best = SOURCE_NONE;
	bool all_equal = true;
	for (uint32_t i = 0; i < count; i++) {
		const struct source_candidate *candidate = &candidates[i];
		if (!may_be_used(candidate, now_ns))
			continue;
		int64_t turn = *candidate->turn + weight_of(candidate);
		all_equal &= *candidate->turn == 0;
		total += weight_of(candidate);
		if (best != SOURCE_NONE && turn <= best_turn)
			continue;
		best = i;
		best_turn = turn;
	}
	return best != SOURCE_NONE && all_equal ? by_chance(candidates, count, total, now_ns, random)
						: best;
}

static bool is_blocked_beyond(const struct source_candidate *candidate, uint64_t patience_ns, uint64_t now_ns)
{
	return !source_is_open(candidate, now_ns) &&
		candidate->throttle->blocked_until_ns - now_ns > patience_ns;
}

uint32_t source_choose(const struct source_candidate *candidates, uint32_t count, uint32_t last,
	uint64_t patience_ns, uint64_t now_ns, uint64_t random)
{
	CHECK(last == SOURCE_NONE || last < count);
	bool may_stay = last != SOURCE_NONE && candidates[last].has_room;
	if (may_stay && !is_blocked_beyond(&candidates[last], patience_ns, now_ns))
		return last;
	uint32_t best = in_turn(candidates, count, now_ns, random);
	if (best != SOURCE_NONE)
		return best;
	return may_stay ? last : soonest(candidates, count);
}

void source_charge(const struct source_candidate *candidates, uint32_t count, uint32_t chosen, int messages,
	uint64_t now_ns)
{
	int64_t total = 0;
	CHECK(chosen < count);
	for (uint32_t i = 0; i < count; i++) {
		if (i != chosen && !may_be_used(&candidates[i], now_ns))
			continue;
		*candidates[i].turn += messages * weight_of(&candidates[i]);
		total += weight_of(&candidates[i]);
	}
	*candidates[chosen].turn -= messages * total;
}

/* Nobody waits for one of which nobody knows whether it is let in. */
static bool is_known(const struct source_candidate *candidate)
{
	const struct throttle *t = candidate->throttle;
	return t != NULL && t->window_len > 0 && t->backs_off_in_row == 0;
}

int64_t source_ahead(
	const struct source_candidate *candidates, uint32_t count, uint32_t which, uint64_t now_ns)
{
	CHECK(which < count);
	int64_t total = weight_of(&candidates[which]), owed = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct source_candidate *candidate = &candidates[i];
		if (i == which || !may_be_used(candidate, now_ns) || !is_known(candidate))
			continue;
		total += weight_of(candidate);
		owed += *candidate->turn;
	}
	return owed / total;
}
