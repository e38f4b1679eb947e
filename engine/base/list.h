/* A doubly linked list whose nodes are embedded in the objects. Nothing is allocated, every
 * operation takes the same time. A zeroed node is "not linked"; a node is in one list at a time
 * (checked).
 *
 *   LIST_FOR_EACH(node, &list) {
 *           struct job *job = CONTAINER_OF(node, struct job, node);
 *   }
 * LIST_FOR_EACH_SAFE allows the body to remove the node it is at (only that one). */
#ifndef ENGINE_BASE_LIST_H
#define ENGINE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/check.h"

struct list_node {
	struct list_node *prev, *next; /* both NULL: not linked */
};

struct list {
	struct list_node head; /* a ring through the head */
};

#define LIST_FOR_EACH(node, list)                                                                  \
	for (struct list_node *node = (list)->head.next; node != &(list)->head; node = node->next)
#define LIST_FOR_EACH_SAFE(node, list)                                                             \
	for (struct list_node *node = (list)->head.next, *node##_next = node->next;                \
		node != &(list)->head; node = node##_next, node##_next = node->next)

/* The list must not move afterwards: its nodes point to it. */
static inline void list_init(struct list *list)
{
	list->head.prev = &list->head;
	list->head.next = &list->head;
}

static inline bool list_is_empty(const struct list *list) { return list->head.next == &list->head; }
static inline bool list_node_is_linked(const struct list_node *node) { return node->next != NULL; }

/* Puts `node` between two neighbours; for the functions below. */
static inline void list_link(struct list_node *node, struct list_node *prev, struct list_node *next)
{
	CHECK(node->next == NULL);
	CHECK(prev->next == next);
	node->prev = prev;
	node->next = next;
	prev->next = node;
	next->prev = node;
}

static inline void list_push_back(struct list *list, struct list_node *node)
{
	list_link(node, list->head.prev, &list->head);
}

static inline void list_push_front(struct list *list, struct list_node *node)
{
	list_link(node, &list->head, list->head.next);
}

static inline void list_insert_before(struct list_node *at, struct list_node *node)
{
	list_link(node, at->prev, at);
}

/* The node must be linked. */
static inline void list_remove(struct list_node *node)
{
	CHECK(node->next != NULL);
	CHECK(node->next->prev == node);
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->prev = NULL;
	node->next = NULL;
}

/* NULL when empty. */
static inline struct list_node *list_first(const struct list *list)
{
	return list_is_empty(list) ? NULL : list->head.next;
}

static inline struct list_node *list_last(const struct list *list)
{
	return list_is_empty(list) ? NULL : list->head.prev;
}

/* The one behind `node`, NULL at the end. */
static inline struct list_node *list_next(const struct list *list, const struct list_node *node)
{
	return node->next == &list->head ? NULL : node->next;
}

/* The one before `node`, NULL at the start. */
static inline struct list_node *list_before(const struct list *list, const struct list_node *node)
{
	return node->prev == &list->head ? NULL : node->prev;
}

static inline struct list_node *list_pop_front(struct list *list)
{
	struct list_node *node = list_first(list);
	if (node != NULL)
		list_remove(node);
	return node;
}

/* Moves all nodes of `from` behind those of `list`, in their order. */
static inline void list_splice_back(struct list *list, struct list *from)
{
	if (list_is_empty(from))
		return;
	struct list_node *first = from->head.next, *last = from->head.prev;
	first->prev = list->head.prev;
	list->head.prev->next = first;
	last->next = &list->head;
	list->head.prev = last;
	list_init(from);
}

#endif
