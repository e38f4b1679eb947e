/* A timer stands in the level of the highest digit (6 bits) in which its deadline differs from the
 * wheel's step, in the slot of that digit. So a timer in level 0 fires when the wheel comes to its
 * slot; one in a higher level moves down when the wheel comes to the start of its slot, and its
 * deadline then differs in a lower digit only. No slot is ever shared by two rounds of the wheel:
 * when the wheel stands at digit d of a level, all timers of that level are in slots above d. */
#include "engine/base/timer_wheel.h"

static_assert(TIMER_WHEEL_SLOTS == 64, "a level's slots are the bits of one uint64_t");
static_assert(TIMER_WHEEL_LEVELS * TIMER_WHEEL_SLOT_BITS >= 45, "UINT64_MAX ns are 2^44.1 steps");

static uint64_t step_up(uint64_t ns)
{
	return ns / TIMER_WHEEL_STEP_NS + (ns % TIMER_WHEEL_STEP_NS != 0);
}

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ns)
{
	wheel->now_ns = now_ns;
	wheel->step = now_ns / TIMER_WHEEL_STEP_NS;
	wheel->count = 0;
	for (unsigned level = 0; level < TIMER_WHEEL_LEVELS; level++) {
		wheel->occupied[level] = 0;
		for (unsigned slot = 0; slot < TIMER_WHEEL_SLOTS; slot++)
			list_init(&wheel->slots[level][slot]);
	}
	list_init(&wheel->due);
}

static unsigned digit(uint64_t step, unsigned level)
{
	return (unsigned)(step >> (level * TIMER_WHEEL_SLOT_BITS)) & (TIMER_WHEEL_SLOTS - 1);
}

/* Links a timer by its deadline; one that is due goes to the end of `due`. */
static void place(struct timer_wheel *wheel, struct timer *timer)
{
	if (timer->deadline_step <= wheel->step) {
		timer->level = TIMER_WHEEL_LEVELS;
		timer->slot = 0;
		list_push_back(&wheel->due, &timer->node);
		return;
	}
	uint64_t differing = timer->deadline_step ^ wheel->step;
	unsigned high_bit = 63u - (unsigned)__builtin_clzll(differing);
	unsigned level = high_bit / TIMER_WHEEL_SLOT_BITS;
	unsigned slot = digit(timer->deadline_step, level);
	CHECK(level < TIMER_WHEEL_LEVELS);
	timer->level = (uint8_t)level;
	timer->slot = (uint8_t)slot;
	wheel->occupied[level] |= UINT64_C(1) << slot;
	list_push_back(&wheel->slots[level][slot], &timer->node);
}

void timer_start(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline_ns, timer_fn *fn)
{
	CHECK(fn != NULL);
	timer_stop(wheel, timer);
	timer->deadline_step = step_up(deadline_ns);
	/* Never in the step that is being worked on: a callback that starts itself anew with a
	 * deadline in the past would keep advance from ending. */
	if (timer->deadline_step <= wheel->step)
		timer->deadline_step = wheel->step + 1;
	timer->fn = fn;
	wheel->count++;
	place(wheel, timer);
}

void timer_stop(struct timer_wheel *wheel, struct timer *timer)
{
	if (!timer_is_running(timer))
		return;
	CHECK(wheel->count > 0);
	wheel->count--;
	list_remove(&timer->node);
	if (timer->level < TIMER_WHEEL_LEVELS &&
		list_is_empty(&wheel->slots[timer->level][timer->slot]))
		wheel->occupied[timer->level] &= ~(UINT64_C(1) << timer->slot);
}

/* The next slot to be worked on; false if there is none. Lower levels come first in time. */
static bool next_slot(const struct timer_wheel *wheel, unsigned *out_level, unsigned *out_slot,
	uint64_t *out_step)
{
	for (unsigned level = 0; level < TIMER_WHEEL_LEVELS; level++) {
		if (wheel->occupied[level] == 0)
			continue;
		unsigned slot = (unsigned)__builtin_ctzll(wheel->occupied[level]);
		unsigned shift = level * TIMER_WHEEL_SLOT_BITS;
		uint64_t above = wheel->step >> (shift + TIMER_WHEEL_SLOT_BITS);
		CHECK_SLOW(slot > digit(wheel->step, level));
		*out_level = level;
		*out_slot = slot;
		*out_step = (above << TIMER_WHEEL_SLOT_BITS | slot) << shift;
		return true;
	}
	return false;
}

uint64_t timer_wheel_next_ns(const struct timer_wheel *wheel)
{
	unsigned level, slot;
	uint64_t step;
	if (!list_is_empty(&wheel->due))
		return wheel->step * TIMER_WHEEL_STEP_NS;
	if (!next_slot(wheel, &level, &slot, &step) || step > UINT64_MAX / TIMER_WHEEL_STEP_NS)
		return TIMER_NEVER_NS;
	return step * TIMER_WHEEL_STEP_NS;
}

static uint64_t call_due(struct timer_wheel *wheel)
{
	uint64_t called = 0;
	for (struct list_node *node; (node = list_pop_front(&wheel->due)) != NULL; called++) {
		struct timer *timer = CONTAINER_OF(node, struct timer, node);
		wheel->count--;
		timer->fn(timer); /* the timer may be gone after this */
	}
	return called;
}

uint64_t timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ns)
{
	uint64_t target = now_ns / TIMER_WHEEL_STEP_NS, called = 0;
	unsigned level, slot;
	uint64_t step;
	timer_wheel_tell(wheel, now_ns);
	while (next_slot(wheel, &level, &slot, &step) && step <= target) {
		struct list moved;
		list_init(&moved);
		list_splice_back(&moved, &wheel->slots[level][slot]);
		wheel->occupied[level] &= ~(UINT64_C(1) << slot);
		wheel->step = step;
		for (struct list_node *node; (node = list_pop_front(&moved)) != NULL;)
			place(wheel, CONTAINER_OF(node, struct timer, node));
		called += call_due(wheel);
	}
	if (target > wheel->step)
		wheel->step = target;
	return called;
}
