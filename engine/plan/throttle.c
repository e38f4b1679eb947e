#include "engine/plan/throttle.h"
#include <string.h>
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"

/* A 421 often means "too many at once": the next try needs only a moment and fewer sessions. */
#define PAUSE_NS (5 * SECOND_NS)
#define BACK_OFF_FIRST_NS (15 * SECOND_NS)
#define BACK_OFF_MAX_NS (3600 * SECOND_NS)
#define SUSPEND_NS (3600 * SECOND_NS)

void throttle_init(struct throttle *t, uint32_t sessions_max, uint64_t back_off_first_ns)
{
	CHECK(sessions_max > 0);
	*t = (struct throttle){
		.sessions_max = sessions_max,
		.sessions_now =
			sessions_max < THROTTLE_SESSIONS_FIRST ? sessions_max : THROTTLE_SESSIONS_FIRST,
		.is_starting = true,
		.back_off_first_ns = back_off_first_ns != 0 ? back_off_first_ns : BACK_OFF_FIRST_NS,
	};
}

enum throttle_state throttle_state_at(const struct throttle *t, uint64_t now_ns)
{
	return now_ns < t->blocked_until_ns ? t->state : THROTTLE_OPEN;
}

/* A wait with up to an eighth more, so that throttles do not all wake together. */
static uint64_t jittered(uint64_t wait_ns, uint64_t random)
{
	return wait_ns + random % (wait_ns / 8 + 1);
}

static void block(struct throttle *t, enum throttle_state state, uint64_t until_ns)
{
	if (until_ns <= t->blocked_until_ns)
		return;
	t->state = state;
	t->blocked_until_ns = until_ns;
}

/* ---- sessions ---- */

static void note_change(struct throttle *t, enum throttle_cause cause, uint32_t sessions_before)
{
	t->cause = cause;
	t->changes++;
	t->sessions_before = sessions_before;
}

static void trouble(struct throttle *t)
{
	t->good_in_row = 0;
	t->answers = false;
	t->is_starting = false;
}

/* Fewer sessions, at least one, and no quick growth any more. */
static void shrink(struct throttle *t, enum throttle_cause cause, uint32_t less)
{
	uint32_t before = t->sessions_now;
	trouble(t);
	if (t->sessions_whole < before)
		t->sessions_whole = before;
	t->sessions_now = before > less ? before - less : 1;
	t->sessions_low = t->sessions_now;
	note_change(t, cause, before);
}

/* It has said no to so many. */
static void note_ceiling(struct throttle *t)
{
	bool again = t->ceiling != 0 && t->sessions_now <= t->ceiling;
	t->ceiling = t->sessions_now;
	t->probes = again ? t->probes + (t->probes < THROTTLE_PROBES_MAX) : 1;
}

static uint32_t replies_to_grow(const struct throttle *t)
{
	bool probes = t->ceiling != 0 && t->sessions_now + 1 >= t->ceiling;
	return (uint32_t)THROTTLE_RECOVER_REPLIES << (probes ? t->probes : 0);
}

static void grow(struct throttle *t)
{
	if (t->sessions_now == t->sessions_max)
		return;
	t->sessions_now++;
	if (t->sessions_now > t->ceiling)
		t->ceiling = t->probes = 0;
	bool is_whole = t->sessions_whole != 0 &&
			(t->sessions_now >= t->sessions_whole || t->sessions_now == t->sessions_max);
	if (!is_whole)
		return;
	t->sessions_whole = 0;
	note_change(t, THROTTLE_CAUSE_RECOVERED, t->sessions_low);
}

void throttle_limit(struct throttle *t, uint32_t sessions_max)
{
	CHECK(sessions_max > 0);
	if (sessions_max == t->sessions_max)
		return;
	uint32_t before = t->sessions_now;
	bool was_full = before == t->sessions_max;
	t->sessions_max = sessions_max;
	if (t->sessions_now > sessions_max)
		t->sessions_now = sessions_max;
	else if (was_full && t->is_starting)
		t->sessions_now++; /* the next that comes up brings the one after it */
	if (t->sessions_whole != 0 && t->sessions_now == sessions_max)
		t->sessions_whole = 0;
	note_change(t, THROTTLE_CAUSE_LIMIT, before);
}

static void window_add(struct throttle *t, bool is_block)
{
	if (t->window_len == THROTTLE_WINDOW)
		t->window_blocks = (uint16_t)(t->window_blocks - t->window[t->window_next]);
	else
		t->window_len++;
	t->window[t->window_next] = is_block;
	t->window_blocks = (uint16_t)(t->window_blocks + is_block);
	t->window_next = (uint16_t)((t->window_next + 1) % THROTTLE_WINDOW);
}

void throttle_on_session_up(struct throttle *t)
{
	if (latency_is_slow(&t->latency))
		t->is_starting = false;
	if (t->is_starting)
		grow(t);
}

void throttle_on_good(struct throttle *t)
{
	window_add(t, false);
	t->backs_off_in_row = 0;
	t->answers = true;
	if (latency_is_slow(&t->latency) || ++t->good_in_row < replies_to_grow(t))
		return;
	t->good_in_row = 0;
	grow(t);
}

void throttle_on_latency(struct throttle *t, uint32_t reply_ms, uint64_t now_ns)
{
	switch (latency_hear(&t->latency, reply_ms, now_ns)) {
	case LATENCY_FINE:
		break;
	case LATENCY_SLOW:
		t->good_in_row = 0;
		break;
	case LATENCY_SHRINK:
		if (t->sessions_now > 1)
			shrink(t, THROTTLE_CAUSE_LATENCY, t->sessions_now > 4 ? t->sessions_now / 4 : 1);
		break;
	}
}

/* Half the sessions and a moment's rest. */
static void ease(struct throttle *t, enum throttle_cause cause, uint64_t now_ns, uint64_t random)
{
	note_ceiling(t);
	shrink(t, cause, t->sessions_now - t->sessions_now / 2);
	block(t, THROTTLE_PAUSED, now_ns + jittered(PAUSE_NS, random));
}

void throttle_on_slow_down(struct throttle *t, uint64_t now_ns, uint64_t random)
{
	/* Twenty sessions which hear the same 421 are one piece of news. */
	if (throttle_state_at(t, now_ns) == THROTTLE_OPEN)
		ease(t, THROTTLE_CAUSE_SLOW_DOWN, now_ns, random);
	trouble(t);
}

void throttle_on_back_off(struct throttle *t, uint64_t now_ns, uint64_t random)
{
	bool answered = t->answers;
	trouble(t);
	if (throttle_state_at(t, now_ns) != THROTTLE_OPEN)
		return;
	if (answered) {
		ease(t, THROTTLE_CAUSE_BACK_OFF, now_ns, random);
		return;
	}
	uint64_t wait_ns = t->back_off_first_ns;
	for (uint32_t i = 0; i < t->backs_off_in_row && wait_ns < BACK_OFF_MAX_NS; i++)
		wait_ns *= 2;
	if (wait_ns > BACK_OFF_MAX_NS)
		wait_ns = BACK_OFF_MAX_NS;
	bool is_first = t->backs_off_in_row++ == 0;
	shrink(t, THROTTLE_CAUSE_BACK_OFF, is_first ? t->sessions_now - t->sessions_now / 2 : 0);
	block(t, THROTTLE_BACK_OFF, now_ns + jittered(wait_ns, random));
}

bool throttle_on_suspend(struct throttle *t, uint64_t now_ns, uint64_t random)
{
	trouble(t);
	if (throttle_state_at(t, now_ns) == THROTTLE_SUSPENDED)
		return false;
	note_change(t, THROTTLE_CAUSE_REFUSED, t->sessions_now);
	block(t, THROTTLE_SUSPENDED, now_ns + jittered(SUSPEND_NS, random));
	return true;
}

bool throttle_on_block_reply(struct throttle *t, uint64_t now_ns, uint64_t random)
{
	window_add(t, true);
	if (t->window_len < THROTTLE_WINDOW_MIN)
		return false;
	if (t->window_blocks * 10u <= t->window_len)
		return false;
	bool news = throttle_on_suspend(t, now_ns, random);
	if (news) {
		t->cause = THROTTLE_CAUSE_BLOCKS;
		/* The verdict is spent: what comes after the suspension is judged anew. */
		t->window_len = t->window_blocks = t->window_next = 0;
		memset(t->window, 0, sizeof t->window);
	}
	return news;
}

void throttle_resumed(struct throttle *t) { note_change(t, THROTTLE_CAUSE_RESUMED, t->sessions_now); }
