#include "engine/plan/retry.h"
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"

#define MINUTE_MS (60ull * 1000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
/* The last attempt begins so long before the end at most: enough for one slow session. */
#define LAST_TRY_MAX_NS (5 * MINUTE_MS * MS_NS)

struct retry_schedule retry_schedule_of(
	enum retry_class class, uint64_t first_ms, uint64_t max_ms, uint64_t lifetime_ms)
{
	struct retry_schedule s = { 0 };
	switch (class) {
	case RETRY_BULK:
		s = (struct retry_schedule){ 15 * MINUTE_MS, 4 * HOUR_MS, 2 * DAY_MS };
		break;
	case RETRY_TRANSACTIONAL:
		s = (struct retry_schedule){ 5 * MINUTE_MS, 4 * HOUR_MS, 5 * DAY_MS };
		break;
	}
	if (first_ms != 0)
		s.first_ms = first_ms;
	if (max_ms != 0)
		s.max_ms = max_ms;
	if (lifetime_ms != 0)
		s.lifetime_ms = lifetime_ms;
	if (s.max_ms < s.first_ms)
		s.max_ms = s.first_ms;
	return s;
}

uint64_t retry_wait_ms(const struct retry_schedule *schedule, uint32_t attempts_done, uint64_t random)
{
	CHECK(attempts_done >= 1);
	uint64_t wait = schedule->first_ms;
	for (uint32_t i = 1; i < attempts_done && wait < schedule->max_ms; i++)
		wait *= 2;
	if (wait > schedule->max_ms)
		wait = schedule->max_ms;
	uint64_t spread = wait / 4;
	return wait - spread / 2 + (spread > 0 ? random % (spread + 1) : 0);
}

uint64_t retry_due_ns(const struct retry_schedule *schedule, uint64_t expires_ns, uint64_t now_ns,
	uint32_t attempts_done, uint64_t random)
{
	uint64_t due_ns = now_ns + retry_wait_ms(schedule, attempts_done, random) * MS_NS;
	uint64_t before_ns = schedule->lifetime_ms * MS_NS / 20;
	if (before_ns > LAST_TRY_MAX_NS)
		before_ns = LAST_TRY_MAX_NS;
	uint64_t last_ns = expires_ns > before_ns ? expires_ns - before_ns : 0;
	if (due_ns <= last_ns)
		return due_ns;
	if (now_ns < last_ns)
		return last_ns;
	return expires_ns > now_ns ? expires_ns : now_ns;
}
