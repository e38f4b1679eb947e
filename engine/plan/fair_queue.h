/* The order in which the mail of one throttle leaves: transactional first, and inside a class deficit
 * round robin over the jobs, so that a job of a million does not hold up one of ten (DESIGN 2).
 *
 * Items are embedded in what waits; flows (one for each class and job that waits here) too: the
 * owner gives a flow when it pushes to a job that has none, and gets it back when it runs empty.
 * Items of one flow keep their order. No allocation, no clock; every operation takes constant time
 * but for the search of a flow, which is a walk over the flows of the class, last used first. */
#ifndef ENGINE_PLAN_FAIR_QUEUE_H
#define ENGINE_PLAN_FAIR_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/list.h"

enum fair_class {
	FAIR_TRANSACTIONAL,
	FAIR_BULK,
	FAIR_CLASSES
};

enum {
	/* What a flow may send in one turn, in cost units: as much as a large message, so that one
	 * of these does not need many turns to save up. */
	FAIR_QUANTUM = 64,
	/* No single item costs more, so that saving up ends: 16 quanta. */
	FAIR_COST_MAX = 16 * FAIR_QUANTUM,
};

/* The waiting items of one job in one class. */
struct fair_flow {
	struct list_node node;  /* in the class, while items wait */
	const void *job;        /* identity of the job, NULL for mail without one */
	struct list items;
	uint32_t deficit;       /* what is left of this turn */
};

struct fair_item {
	struct list_node node;
	struct fair_flow *flow; /* while it waits */
	uint32_t cost;
};

struct fair_queue {
	struct list flows[FAIR_CLASSES]; /* the first one is whose turn it is */
	size_t count;                    /* waiting items */
};

/* The cost of a transaction: a unit for itself, one for each recipient and for each 4 KiB. */
uint32_t fair_cost(uint32_t rcpts_count, uint64_t message_bytes);

void fair_queue_init(struct fair_queue *queue);

/* The flow of the job, or NULL: then fair_queue_push() needs a fresh one. */
struct fair_flow *fair_queue_find(struct fair_queue *queue, enum fair_class class, const void *job);

/* Adds the item at the end of the job's flow. `flow` is what fair_queue_find() gave, or unused
 * memory of the owner, which the queue then holds until fair_queue_pop() gives it back. */
void fair_queue_push(struct fair_queue *queue, enum fair_class class, const void *job,
	struct fair_flow *flow, struct fair_item *item, uint32_t cost);

/* Whose turn it is, or NULL. *out_empty_flow is set to a flow that ran empty and is the owner's
 * again, else to NULL. */
struct fair_item *fair_queue_pop(struct fair_queue *queue, struct fair_flow **out_empty_flow);

/* Takes a waiting item out of its place (withdrawn, expired). *out_empty_flow as above. */
void fair_queue_remove(
	struct fair_queue *queue, struct fair_item *item, struct fair_flow **out_empty_flow);

/* Shows every waiting item, of each flow the oldest first, until `visit` says false. It may take that item
 * out; the memory of a flow that runs empty by that is to stay until the end. */
void fair_queue_for_each(struct fair_queue *queue, bool (*visit)(struct fair_item *item, void *context),
	void *context);

/* Will fair_queue_pop() give one of this class? */
static inline bool fair_queue_is_next(const struct fair_queue *queue, enum fair_class class)
{
	for (size_t before = 0; before < class; before++)
		if (!list_is_empty(&queue->flows[before]))
			return false;
	return !list_is_empty(&queue->flows[class]);
}

static inline bool fair_item_is_waiting(const struct fair_item *item) { return item->flow != NULL; }

#endif
