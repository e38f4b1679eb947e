#include "engine/base/nanoseconds.h"
#include "engine/run/hub.h"
#include "engine/run/keeper_state.h"
#include "engine/run/revival.h"

/* What is due: handed out once, in the order of time. */

enum {
	/* What the scheduler could not take just now comes again after this. */
	BACK_MS = 50,
	/* A queue that cannot be read is tried again after this. */
	READ_AGAIN_MS = 1000,
	US_PER_S = 1000000,
};

static void hand_out(struct keeper *k, struct revival *revival)
{
	hub_post(k->hub->files, POST_DUE, revival, 0, 0);
}

static void pump_due(struct timer *timer)
{
	keeper_pump(CONTAINER_OF(timer, struct keeper, due_timer));
}

static void pump_later(struct keeper *k, uint64_t wait_us)
{
	/* The wall clock may be set: it is looked at once a minute in any case. */
	const uint64_t look_us = 60 * 1000000ull;
	loop_timer_start(
		&k->loop, &k->due_timer, (wait_us < look_us ? wait_us : look_us) * 1000, pump_due);
}

/* Nothing more is due now: --once waits for that. */
static void tell_idle(struct keeper *k)
{
	if (k->told_idle && k->told_count == k->handed_count)
		return;
	k->told_idle = true;
	k->told_count = k->handed_count;
	hub_post(k->hub->scheduler, POST_KEEPER_IDLE, NULL, 0, k->handed_count);
}

/* The file of an attempt. RESULT_NOT_FOUND: it is not to be handed out. */
static enum result find_file(struct keeper *k, struct text name, struct queue_file *out_file,
	struct fail *fail)
{
	enum result r = queue_find(k->reader, name, &k->arena, out_file, fail);
	if (queue_file_is_damaged(r, out_file)) {
		keeper_tell_damaged(k, name, fail);
		return RESULT_NOT_FOUND;
	}
	if (r == RESULT_NOT_FOUND) {
		(void)fail_set(fail, RESULT_DAMAGED, "no file has this attempt");
		keeper_tell_damaged(k, TEXT_EMPTY, fail);
	}
	return r;
}

static enum result take_next(struct keeper *k, uint64_t *out_wait_us, struct fail *fail)
{
	struct text name;
	struct queue_file file;
	struct queue_attempt attempt;
	arena_reset(&k->arena);
	enum result r = queue_next(k->reader, &k->taken, &k->arena, &name, &attempt, fail);
	bool is_damaged = queue_attempt_is_damaged(r, &attempt);
	if (r != RESULT_OK && !is_damaged)
		return r;
	uint64_t now_us = keeper_now_us(k);
	if (attempt.key.due_us > now_us) {
		*out_wait_us = attempt.key.due_us - now_us;
		return RESULT_NOT_FOUND;
	}
	if (is_damaged)
		keeper_tell_damaged(k, name, fail);
	r = is_damaged ? RESULT_NOT_FOUND : find_file(k, name, &file, fail);
	if (r == RESULT_NOT_FOUND) {
		k->taken = attempt.key;
		return RESULT_OK;
	}
	struct revival *revival = r == RESULT_OK ? revival_create(&file, &attempt) : NULL;
	if (revival == NULL)
		return r == RESULT_OK ? fail_set(fail, RESULT_MEMORY, "out of memory here") : r;
	k->taken = attempt.key;
	k->handed_count++;
	k->outstanding++;
	hand_out(k, revival);
	return RESULT_OK;
}

static void look_at_clock(struct keeper *k)
{
	int64_t wall_us = clock_wall_us();
	uint64_t now_ns = clock_now_ns();
	if (queue_clock_look(&k->hub->clock, now_ns, wall_us))
		log_write(&k->log, LOG_CLOCK_JUMPED,
			LOG_FIELDS(log_number("unix", queue_clock_us(&k->hub->clock, now_ns) / US_PER_S)));
}

void keeper_pump(struct keeper *k)
{
	struct fail fail = { 0 };
	uint64_t wait_us = UINT64_MAX;
	enum result r = RESULT_OK;
	look_at_clock(k);
	if (k->changed)
		return; /* keys of this turn's transaction move: the commit comes first, and then this */
	while (r == RESULT_OK && k->outstanding < HUB_DUE_MAX)
		r = take_next(k, &wait_us, &fail);
	if (r == RESULT_OK)
		return; /* those who have them say when there is room */
	if (r == RESULT_NOT_FOUND) {
		pump_later(k, wait_us);
		if (k->looked)
			tell_idle(k);
		return;
	}
	if (!k->unreadable)
		log_write(&k->log, LOG_FAILED,
			LOG_FIELDS(log_cstr("what", "reading the queue"), log_fail("why", &fail)));
	k->unreadable = true;
	pump_later(k, READ_AGAIN_MS * 1000);
}

/* ---- what could not be taken ---- */

static void back_due(struct timer *timer)
{
	struct keeper *k = CONTAINER_OF(timer, struct keeper, back_timer);
	struct list_node *node;
	while ((node = list_pop_front(&k->back)) != NULL)
		hand_out(k, CONTAINER_OF(node, struct revival, node));
}

void keeper_take_back(struct keeper *k, struct revival *revival)
{
	revival->message = NULL;
	revival->is_first = revival->is_withdrawn = false;
	list_push_back(&k->back, &revival->node);
	loop_timer_start(&k->loop, &k->back_timer, BACK_MS * MS_NS, back_due);
}
