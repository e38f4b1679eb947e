/* A binary heap of pointers: a complete tree, in which the place of the last node is found from the
 * count. The bits of a place below its highest one are the way from the root: 0 left, 1 right. */
#include "engine/base/timer_queue.h"
#include "engine/base/check.h"

void timer_queue_init(struct timer_queue *queue) { *queue = (struct timer_queue){ .root = NULL }; }

/* The link that holds the node at `place` (from 1), or would hold it; its parent in *out_parent. */
static struct timer_queue_node **link_at(
	struct timer_queue *queue, size_t place, struct timer_queue_node **out_parent)
{
	struct timer_queue_node **link = &queue->root;
	*out_parent = NULL;
	for (int bit = 62 - __builtin_clzll(place); bit >= 0; bit--) {
		*out_parent = *link;
		link = (place >> bit & 1) != 0 ? &(*link)->right : &(*link)->left;
	}
	return link;
}

static struct timer_queue_node **link_of(struct timer_queue *queue, struct timer_queue_node *node)
{
	if (node->parent == NULL)
		return &queue->root;
	return node->parent->left == node ? &node->parent->left : &node->parent->right;
}

static void set_parent(struct timer_queue_node *node, struct timer_queue_node *parent)
{
	if (node != NULL)
		node->parent = parent;
}

/* Exchanges a node with its parent. */
static void lift(struct timer_queue *queue, struct timer_queue_node *child)
{
	struct timer_queue_node *parent = child->parent;
	struct timer_queue_node *left = child->left, *right = child->right;
	*link_of(queue, parent) = child;
	child->parent = parent->parent;
	if (parent->left == child) {
		child->left = parent;
		child->right = parent->right;
		set_parent(child->right, child);
	} else {
		child->left = parent->left;
		child->right = parent;
		set_parent(child->left, child);
	}
	parent->parent = child;
	parent->left = left;
	parent->right = right;
	set_parent(left, parent);
	set_parent(right, parent);
}

static void lift_while_smaller(struct timer_queue *queue, struct timer_queue_node *node)
{
	while (node->parent != NULL && node->key < node->parent->key)
		lift(queue, node);
}

static void sink_while_larger(struct timer_queue *queue, struct timer_queue_node *node)
{
	for (;;) {
		struct timer_queue_node *least = node->left;
		if (least != NULL && node->right != NULL && node->right->key < least->key)
			least = node->right;
		if (least == NULL || node->key <= least->key)
			return;
		lift(queue, least);
	}
}

void timer_queue_insert(struct timer_queue *queue, struct timer_queue_node *node, uint64_t key)
{
	CHECK(!node->queued);
	*node = (struct timer_queue_node){ .key = key, .queued = true };
	struct timer_queue_node *parent;
	struct timer_queue_node **link = link_at(queue, ++queue->count, &parent);
	node->parent = parent;
	*link = node;
	lift_while_smaller(queue, node);
}

void timer_queue_remove(struct timer_queue *queue, struct timer_queue_node *node)
{
	CHECK(node->queued);
	CHECK(queue->count > 0);
	struct timer_queue_node *parent;
	struct timer_queue_node **link = link_at(queue, queue->count--, &parent);
	struct timer_queue_node *last = *link;
	*link = NULL;
	if (last != node) {
		/* The last node takes the place, then goes to where its key belongs. */
		last->parent = node->parent;
		last->left = node->left;
		last->right = node->right;
		*link_of(queue, node) = last;
		set_parent(last->left, last);
		set_parent(last->right, last);
		lift_while_smaller(queue, last);
		sink_while_larger(queue, last);
	}
	*node = (struct timer_queue_node){ .queued = false };
}

void timer_queue_update(struct timer_queue *queue, struct timer_queue_node *node, uint64_t key)
{
	CHECK(node->queued);
	node->key = key;
	lift_while_smaller(queue, node);
	sink_while_larger(queue, node);
}

struct timer_queue_node *timer_queue_pop(struct timer_queue *queue)
{
	struct timer_queue_node *first = queue->root;
	if (first != NULL)
		timer_queue_remove(queue, first);
	return first;
}

struct timer_queue_node *timer_queue_pop_until(struct timer_queue *queue, uint64_t key)
{
	if (queue->root == NULL || queue->root->key > key)
		return NULL;
	return timer_queue_pop(queue);
}
