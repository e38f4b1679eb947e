#include "engine/run/queue_clock.h"

void queue_clock_start(
	struct queue_clock *clock, uint64_t now_ns, int64_t wall_us, uint64_t last_us)
{
	int64_t us = wall_us > (int64_t)last_us ? wall_us : (int64_t)last_us;
	atomic_store(&clock->offset_us, us - (int64_t)(now_ns / 1000));
	clock->ahead_since_ns = 0;
}

static void move(struct queue_clock *clock, int64_t ahead_us)
{
	atomic_fetch_add(&clock->offset_us, ahead_us);
	clock->ahead_since_ns = 0;
}

bool queue_clock_look(struct queue_clock *clock, uint64_t now_ns, int64_t wall_us)
{
	int64_t ahead_us = wall_us - (int64_t)queue_clock_us(clock, now_ns);
	if (ahead_us <= QUEUE_CLOCK_STEP_US) {
		move(clock, ahead_us > 0 ? ahead_us : 0);
		return false;
	}
	if (clock->ahead_since_ns == 0) {
		clock->ahead_since_ns = now_ns;
		clock->ahead_us = ahead_us;
	}
	if (ahead_us < clock->ahead_us)
		clock->ahead_us = ahead_us;
	if (now_ns - clock->ahead_since_ns < QUEUE_CLOCK_BELIEVE_NS)
		return false;
	move(clock, clock->ahead_us);
	return true;
}

uint64_t queue_clock_us(const struct queue_clock *clock, uint64_t monotonic_ns)
{
	int64_t us = atomic_load(&clock->offset_us) + (int64_t)(monotonic_ns / 1000);
	return us > 0 ? (uint64_t)us : 1;
}

uint64_t queue_clock_instant_ns(const struct queue_clock *clock, uint64_t us)
{
	const int64_t far_us = INT64_MAX / 2000;
	int64_t instant_us = (int64_t)us - atomic_load(&clock->offset_us);
	if (instant_us > far_us)
		instant_us = far_us;
	return instant_us > 0 ? (uint64_t)instant_us * 1000 : 1;
}
