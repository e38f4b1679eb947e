/* How much memory messages may take in the process (--memory): files while they are read, and bodies.
 *
 * Memory is taken when there is some, or waited for in a queue. Who waits is served in the order of
 * coming, and while anybody waits nothing is given past the queue: a large message would starve
 * behind small ones. What all that is held together must cover is taken in one piece (a file and the
 * body made of it), so that nobody holds a part while waiting for the rest, and so all that is held
 * comes back. More than the whole budget is given when nothing else is held, since otherwise it could
 * never be. All functions may be called on any thread. */
#ifndef ENGINE_BASE_BODY_BUDGET_H
#define ENGINE_BASE_BODY_BUDGET_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/list.h"

/* Outlives everything that is charged to it. */
struct body_budget {
	_Atomic size_t used_bytes;
	size_t max_bytes;
	_Atomic uint32_t waiting_count;
	pthread_mutex_t lock; /* of `waiting` */
	struct list waiting;  /* of struct body_wait, the first to come first */
};

/* Memory that was taken and that bodies may be made in (body.h). Zero bytes are a room too: then each
 * body is charged to the budget itself. One thread. */
struct body_room {
	struct body_budget *budget;
	size_t bytes;
};

struct body_wait;
/* `wait->bytes` are taken; the waiter is its owner's again. Called with a lock held, on the thread that
 * gave memory back: it tells the owner and does nothing else. */
typedef void body_granted_fn(struct body_wait *wait);

/* One who waits, embedded in its owner. */
struct body_wait {
	struct list_node node;
	size_t bytes;
	body_granted_fn *granted;
};

void body_budget_init(struct body_budget *budget, size_t max_bytes);

/* False: there is not so much, or others wait. Zero bytes are always there. */
MUST_USE bool body_budget_take(struct body_budget *budget, size_t bytes);
void body_budget_give_back(struct body_budget *budget, size_t bytes);

/* `bytes` and `granted` are set; `granted` is called once, maybe before this returns. */
void body_budget_wait(struct body_budget *budget, struct body_wait *wait);
/* True: it is out of the queue and will not be called. False: it was granted before. */
MUST_USE bool body_budget_cancel(struct body_budget *budget, struct body_wait *wait);

/* Somebody waits: what is held without need should be given back. */
static inline bool body_budget_is_wanted(const struct body_budget *budget)
{
	return atomic_load(&budget->waiting_count) > 0;
}

#endif
