/* Output buffers, lent to a connection while it has something to send and no longer.
 *
 * A pool belongs to one thread. Its memory is reserved at once, but costs nothing until it is
 * touched; the flight that came back last is lent first, so a thread touches as many as were
 * ever out at the same time. With a flight for each session no peer that stops reading can
 * starve the others; with fewer, an empty pool makes connections wait their turn (in order). */
#ifndef ENGINE_IO_FLIGHT_H
#define ENGINE_IO_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/list.h"
#include "engine/base/result.h"
#include "engine/base/slab.h"

struct flight {
	struct buf bytes;  /* over the memory behind this struct */
	size_t sent_bytes; /* how much of them is on the wire */
};

/* The turn of a waiter has come: `flight` is its own now. Called from within flight_release(),
 * so it notes it and acts later, in a callback of its own. */
typedef void flight_ready_fn(struct list_node *waiter, struct flight *flight);

struct flight_pool {
	struct slab slab;    /* struct flight with its memory behind it */
	size_t flight_bytes; /* what one holds */
	struct list waiters; /* oldest first */
	uint64_t waits;      /* how often the pool was found empty */
	flight_ready_fn *ready;
};

/* RESULT_MEMORY. */
MUST_USE enum result flight_pool_init(struct flight_pool *pool, size_t flight_bytes, uint32_t count,
	flight_ready_fn *ready);
/* All flights have come back. */
void flight_pool_deinit(struct flight_pool *pool);

/* An empty flight; NULL when none is left, or when others wait already: then flight_wait()
 * queues. */
struct flight *flight_acquire(struct flight_pool *pool);
/* To the first waiter, else back to the pool. */
void flight_release(struct flight_pool *pool, struct flight *flight);
/* Does nothing if it waits already. */
void flight_wait(struct flight_pool *pool, struct list_node *waiter);
/* flight_acquire() would give one. */
bool flight_pool_has_one(const struct flight_pool *pool);
/* Plenty is left: a connection may hold two, one on the wire and one being filled. */
bool flight_pool_has_plenty(const struct flight_pool *pool);

#endif
