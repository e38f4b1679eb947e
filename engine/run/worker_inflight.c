#include "engine/run/worker_inflight.h"
#include "engine/base/nanoseconds.h"
#include "engine/run/delivery.h"
#include "engine/run/worker_state.h"

static void begin_window(struct worker *w, uint64_t ran_ns, uint64_t waited_ns)
{
	w->inflight.since_ns = worker_now(w);
	w->inflight.until_ns = w->inflight.since_ns + INFLIGHT_WINDOW_MS * MS_NS;
	w->inflight.ran_ns = ran_ns;
	w->inflight.waited_ns = waited_ns;
	w->inflight.has_held = !list_is_empty(&w->inflight.held);
}

void inflight_begin(struct worker *w)
{
	uint64_t ran_ns, waited_ns;
	inflight_init(&w->inflight.limit);
	thread_load_open(&w->inflight.load);
	thread_load_read(&w->inflight.load, &ran_ns, &waited_ns);
	begin_window(w, ran_ns, waited_ns);
}

void inflight_end(struct worker *w)
{
	loop_timer_stop(&w->loop, &w->inflight.timer);
	thread_load_close(&w->inflight.load);
}

uint32_t inflight_active(const struct worker *w)
{
	return (uint32_t)slab_in_use(&w->deliveries) - w->idle_sessions;
}

uint32_t inflight_left(const struct worker *w)
{
	return list_is_empty(&w->inflight.held) ? inflight_room(&w->inflight.limit, inflight_active(w)) : 0;
}

/* Does a lease other than this one stand in line? */
static bool others_wait(const struct worker *w, const struct lease *lease)
{
	const struct list *held = &w->inflight.held;
	return !list_is_empty(held) &&
		(list_first(held) != &lease->held_node || list_last(held) != &lease->held_node);
}

bool inflight_may_go_on(const struct worker *w, const struct delivery *d)
{
	return inflight_active(w) <= w->inflight.limit.max &&
		(d->begun_in_row < WORKER_TURN_MESSAGES || !others_wait(w, d->lease));
}

void inflight_hold(struct worker *w, struct lease *lease)
{
	w->inflight.has_held = true;
	if (!list_node_is_linked(&lease->held_node))
		list_push_back(&w->inflight.held, &lease->held_node);
}

void inflight_turn_over(struct worker *w, struct delivery *d)
{
	struct list_node *place = &d->lease->held_node;
	if (!d->turn_is_over && list_node_is_linked(place))
		list_remove(place);
	d->turn_is_over = true;
	inflight_hold(w, d->lease);
}

struct lease *inflight_next(struct worker *w)
{
	if (list_is_empty(&w->inflight.held) || inflight_room(&w->inflight.limit, inflight_active(w)) == 0)
		return NULL;
	return CONTAINER_OF(list_pop_front(&w->inflight.held), struct lease, held_node);
}

void inflight_drain(struct worker *w)
{
	struct list_node *node;
	while ((node = list_pop_front(&w->inflight.held)) != NULL)
		lease_touch(w, CONTAINER_OF(node, struct lease, held_node));
}

/* The turn that it makes measures. */
static void window_due(struct timer *timer) { (void)timer; }

static void end_window(struct worker *w)
{
	uint64_t ran_ns, waited_ns;
	thread_load_read(&w->inflight.load, &ran_ns, &waited_ns);
	const struct inflight_window window = {
		.wall_ns = worker_now(w) - w->inflight.since_ns,
		.ran_ns = ran_ns - w->inflight.ran_ns,
		.waited_ns = waited_ns - w->inflight.waited_ns,
		.active = inflight_active(w),
		.held = w->inflight.has_held,
	};
	inflight_note(&w->inflight.limit, &window);
	begin_window(w, ran_ns, waited_ns);
	if (w->inflight.has_held && inflight_room(&w->inflight.limit, window.active) > 0)
		loop_turn_again(&w->loop);
}

void inflight_measure(struct worker *w)
{
	if (worker_now(w) >= w->inflight.until_ns)
		end_window(w);
	/* All that is at work may wait for its receivers: then nobody else wakes us. */
	if (!list_is_empty(&w->inflight.held) && !timer_is_running(&w->inflight.timer))
		loop_timer_start(&w->loop, &w->inflight.timer, w->inflight.until_ns - worker_now(w),
			window_due);
}
