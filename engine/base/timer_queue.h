/* A priority queue by a 64-bit key (a time, mostly): the smallest key first. For millions of
 * waiting things: insert, remove and pop take O(log n) in the worst case, no operation ever stalls.
 * Nodes are embedded, nothing is allocated. Among equal keys the order is not defined. One thread. */
#ifndef ENGINE_BASE_TIMER_QUEUE_H
#define ENGINE_BASE_TIMER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer_queue_node {
	struct timer_queue_node *parent, *left, *right;
	uint64_t key;
	bool queued;
};

struct timer_queue {
	struct timer_queue_node *root; /* the smallest key */
	size_t count;
};

/* A zeroed node is "not queued". */
void timer_queue_init(struct timer_queue *queue);
void timer_queue_insert(struct timer_queue *queue, struct timer_queue_node *node, uint64_t key);
/* The node must be queued in this queue. */
void timer_queue_remove(struct timer_queue *queue, struct timer_queue_node *node);
/* Changes the key of a queued node. */
void timer_queue_update(struct timer_queue *queue, struct timer_queue_node *node, uint64_t key);
static inline bool timer_queue_is_queued(const struct timer_queue_node *node)
{
	return node->queued;
}
/* NULL when empty. */
static inline struct timer_queue_node *timer_queue_first(const struct timer_queue *queue)
{
	return queue->root;
}
struct timer_queue_node *timer_queue_pop(struct timer_queue *queue);
/* Takes the first if its key is at most `key`, else NULL: for "all that is due now". */
struct timer_queue_node *timer_queue_pop_until(struct timer_queue *queue, uint64_t key);

#endif
