#include "engine/plan/fair_queue.h"
#include "engine/base/check.h"

uint32_t fair_cost(uint32_t rcpts_count, uint64_t message_bytes)
{
	uint64_t cost = 1 + rcpts_count + message_bytes / 4096;
	return cost < FAIR_COST_MAX ? (uint32_t)cost : FAIR_COST_MAX;
}

void fair_queue_init(struct fair_queue *queue)
{
	for (size_t i = 0; i < FAIR_CLASSES; i++)
		list_init(&queue->flows[i]);
	queue->count = 0;
}

struct fair_flow *fair_queue_find(struct fair_queue *queue, enum fair_class class, const void *job)
{
	LIST_FOR_EACH (node, &queue->flows[class]) {
		struct fair_flow *flow = CONTAINER_OF(node, struct fair_flow, node);
		if (flow->job == job)
			return flow;
	}
	return NULL;
}

void fair_queue_push(struct fair_queue *queue, enum fair_class class, const void *job,
	struct fair_flow *flow, struct fair_item *item, uint32_t cost)
{
	CHECK(item->flow == NULL);
	CHECK(cost > 0 && cost <= FAIR_COST_MAX);
	if (!list_node_is_linked(&flow->node)) {
		flow->job = job;
		flow->deficit = 0;
		list_init(&flow->items);
		list_push_back(&queue->flows[class], &flow->node);
	}
	CHECK(flow->job == job);
	item->flow = flow;
	item->cost = cost;
	list_push_back(&flow->items, &item->node);
	queue->count++;
}

static void take_out(struct fair_queue *queue, struct fair_item *item, struct fair_flow **out_empty_flow)
{
	struct fair_flow *flow = item->flow;
	*out_empty_flow = NULL;
	list_remove(&item->node);
	item->flow = NULL;
	CHECK(queue->count > 0);
	queue->count--;
	if (list_is_empty(&flow->items)) {
		list_remove(&flow->node);
		*out_empty_flow = flow;
	}
}

/* Deficit round robin: a flow whose turn it is sends while its deficit pays for the next item; when
 * it does not, the flow saves it up and goes to the end. Costs are bounded, so this ends. */
struct fair_item *fair_queue_pop(struct fair_queue *queue, struct fair_flow **out_empty_flow)
{
	*out_empty_flow = NULL;
	for (size_t class = 0; class < FAIR_CLASSES; class++) {
		struct list *flows = &queue->flows[class];
		while (!list_is_empty(flows)) {
			struct fair_flow *flow = CONTAINER_OF(list_first(flows), struct fair_flow, node);
			struct fair_item *item =
				CONTAINER_OF(list_first(&flow->items), struct fair_item, node);
			if (flow->deficit < item->cost) {
				flow->deficit += FAIR_QUANTUM;
				list_remove(&flow->node);
				list_push_back(flows, &flow->node);
				continue;
			}
			flow->deficit -= item->cost;
			take_out(queue, item, out_empty_flow);
			return item;
		}
	}
	return NULL;
}

static bool visit_flow(
	struct fair_flow *flow, bool (*visit)(struct fair_item *item, void *context), void *context)
{
	LIST_FOR_EACH_SAFE (node, &flow->items)
		if (!visit(CONTAINER_OF(node, struct fair_item, node), context))
			return false;
	return true;
}

void fair_queue_for_each(
	struct fair_queue *queue, bool (*visit)(struct fair_item *item, void *context), void *context)
{
	for (size_t class = 0; class < FAIR_CLASSES; class++)
		LIST_FOR_EACH_SAFE (node, &queue->flows[class])
			if (!visit_flow(CONTAINER_OF(node, struct fair_flow, node), visit, context))
				return;
}

void fair_queue_remove(
	struct fair_queue *queue, struct fair_item *item, struct fair_flow **out_empty_flow)
{
	CHECK(item->flow != NULL);
	take_out(queue, item, out_empty_flow);
}
