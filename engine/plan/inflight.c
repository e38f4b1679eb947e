#include "engine/plan/inflight.h"

void inflight_init(struct inflight *inflight) { inflight->max = UINT32_MAX; }

static uint32_t lower(uint32_t count)
{
	uint32_t less = count - count / INFLIGHT_SINKS_BY;
	return less > INFLIGHT_MIN ? less : INFLIGHT_MIN;
}

static uint32_t higher(uint32_t count)
{
	uint32_t more = count / INFLIGHT_RISES_BY + 1;
	return count < UINT32_MAX - more ? count + more : UINT32_MAX;
}

void inflight_note(struct inflight *inflight, const struct inflight_window *window)
{
	uint64_t wall = window->wall_ns, busy = 100 * (window->ran_ns + window->waited_ns);
	bool is_shared = 100 * window->waited_ns >= INFLIGHT_SHARED_WAIT * wall;
	uint64_t too_busy = wall * (is_shared ? INFLIGHT_SHARED_BUSY : INFLIGHT_ALONE_BUSY);
	uint64_t has_room = wall * (is_shared ? INFLIGHT_SHARED_ROOM : INFLIGHT_ALONE_ROOM);
	if (busy >= too_busy && window->active <= inflight->max)
		inflight->max = lower(window->active);
	else if (busy < has_room && window->held)
		inflight->max = higher(inflight->max);
}

uint32_t inflight_room(const struct inflight *inflight, uint32_t active)
{
	return inflight->max > active ? inflight->max - active : 0;
}
