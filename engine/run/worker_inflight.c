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

void inflight_end(struct worker *w) { thread_load_close(&w->inflight.load); }

static uint32_t active(const struct worker *w)
{
	return (uint32_t)slab_in_use(&w->deliveries) - w->idle_sessions;
}

uint32_t inflight_left(const struct worker *w)
{
	return list_is_empty(&w->inflight.held) ? inflight_room(&w->inflight.limit, active(w)) : 0;
}

bool inflight_may_go_on(const struct worker *w, const struct delivery *d)
{
	return active(w) <= w->inflight.limit.max &&
		(list_is_empty(&w->inflight.held) || d->begun_in_row < WORKER_TURN_MESSAGES);
}

void inflight_hold(struct worker *w, struct lease *lease)
{
	w->inflight.has_held = true;
	if (!list_node_is_linked(&lease->held_node))
		list_push_back(&w->inflight.held, &lease->held_node);
}

void inflight_turn_over(struct worker *w, struct lease *lease)
{
	if (list_node_is_linked(&lease->held_node))
		list_remove(&lease->held_node);
	inflight_hold(w, lease);
}

struct lease *inflight_next(struct worker *w)
{
	if (list_is_empty(&w->inflight.held) || inflight_room(&w->inflight.limit, active(w)) == 0)
		return NULL;
	return CONTAINER_OF(list_pop_front(&w->inflight.held), struct lease, held_node);
}

void inflight_drain(struct worker *w)
{
	struct list_node *node;
	while ((node = list_pop_front(&w->inflight.held)) != NULL)
		lease_touch(w, CONTAINER_OF(node, struct lease, held_node));
}

void inflight_measure(struct worker *w)
{
	uint64_t ran_ns, waited_ns;
	if (worker_now(w) < w->inflight.until_ns)
		return;
	thread_load_read(&w->inflight.load, &ran_ns, &waited_ns);
	const struct inflight_window window = {
		.wall_ns = worker_now(w) - w->inflight.since_ns,
		.ran_ns = ran_ns - w->inflight.ran_ns,
		.waited_ns = waited_ns - w->inflight.waited_ns,
		.active = active(w),
		.held = w->inflight.has_held,
	};
	inflight_note(&w->inflight.limit, &window);
	begin_window(w, ran_ns, waited_ns);
}
