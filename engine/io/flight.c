#include "engine/io/flight.h"
#include "engine/base/check.h"

enum result flight_pool_init(struct flight_pool *pool, size_t flight_bytes, uint32_t count,
	flight_ready_fn *ready)
{
	CHECK(flight_bytes > 0 && count > 0);
	*pool = (struct flight_pool){ .flight_bytes = flight_bytes, .ready = ready };
	list_init(&pool->waiters);
	return slab_init(&pool->slab, sizeof(struct flight) + flight_bytes, count);
}

void flight_pool_deinit(struct flight_pool *pool)
{
	CHECK(list_is_empty(&pool->waiters));
	slab_deinit(&pool->slab);
}

static void clear(const struct flight_pool *pool, struct flight *flight)
{
	buf_init(&flight->bytes, flight + 1, pool->flight_bytes);
	flight->sent_bytes = 0;
}

bool flight_pool_has_one(const struct flight_pool *pool)
{
	return list_is_empty(&pool->waiters) && slab_in_use(&pool->slab) < pool->slab.count;
}

bool flight_pool_has_plenty(const struct flight_pool *pool)
{
	return slab_in_use(&pool->slab) < pool->slab.count - pool->slab.count / 4;
}

struct flight *flight_acquire(struct flight_pool *pool)
{
	if (!list_is_empty(&pool->waiters))
		return NULL; /* no overtaking */
	struct flight *flight = slab_acquire(&pool->slab);
	if (flight != NULL)
		clear(pool, flight);
	return flight;
}

void flight_release(struct flight_pool *pool, struct flight *flight)
{
	struct list_node *waiter = list_pop_front(&pool->waiters);
	if (waiter == NULL) {
		slab_release(&pool->slab, flight);
		return;
	}
	clear(pool, flight);
	pool->ready(waiter, flight);
}

void flight_wait(struct flight_pool *pool, struct list_node *waiter)
{
	if (list_node_is_linked(waiter))
		return;
	pool->waits++;
	list_push_back(&pool->waiters, waiter);
}
