/* Taking is one addition as long as nobody waits. The queue has a lock; that nobody is forgotten in it
 * rests on an order: who waits is counted first and then looks for memory, who gives back first
 * gives and then looks whether anybody is counted. One of the two sees the other. */
#include "engine/base/body_budget.h"

void body_budget_init(struct body_budget *budget, size_t max_bytes)
{
	atomic_init(&budget->used_bytes, 0);
	budget->max_bytes = max_bytes;
	atomic_init(&budget->waiting_count, 0);
	CHECK(pthread_mutex_init(&budget->lock, NULL) == 0);
	list_init(&budget->waiting);
}

static bool try_take(struct body_budget *budget, size_t bytes)
{
	size_t before = atomic_fetch_add(&budget->used_bytes, bytes);
	bool fits = before <= budget->max_bytes && bytes <= budget->max_bytes - before;
	return fits || before == 0;
}

static void subtract(struct body_budget *budget, size_t bytes)
{
	size_t before = atomic_fetch_sub(&budget->used_bytes, bytes);
	CHECK(before >= bytes);
}

/* With the lock. A try that fails shows others more in use than there is, for a moment; whoever was misled
 * by that waits for the lock by now, or comes through give_back(). */
static void grant(struct body_budget *budget)
{
	struct list_node *node;
	while ((node = list_first(&budget->waiting)) != NULL) {
		struct body_wait *wait = CONTAINER_OF(node, struct body_wait, node);
		if (!try_take(budget, wait->bytes)) {
			subtract(budget, wait->bytes);
			return;
		}
		list_remove(node);
		atomic_fetch_sub(&budget->waiting_count, 1);
		wait->granted(wait);
	}
}

static void serve(struct body_budget *budget)
{
	CHECK(pthread_mutex_lock(&budget->lock) == 0);
	grant(budget);
	CHECK(pthread_mutex_unlock(&budget->lock) == 0);
}

void body_budget_give_back(struct body_budget *budget, size_t bytes)
{
	if (bytes == 0)
		return;
	subtract(budget, bytes);
	if (body_budget_is_wanted(budget))
		serve(budget);
}

bool body_budget_take(struct body_budget *budget, size_t bytes)
{
	if (bytes == 0)
		return true;
	if (body_budget_is_wanted(budget))
		return false;
	if (try_take(budget, bytes))
		return true;
	body_budget_give_back(budget, bytes); /* somebody may have begun to wait because of it */
	return false;
}

void body_budget_wait(struct body_budget *budget, struct body_wait *wait)
{
	CHECK(pthread_mutex_lock(&budget->lock) == 0);
	list_push_back(&budget->waiting, &wait->node);
	atomic_fetch_add(&budget->waiting_count, 1);
	grant(budget);
	CHECK(pthread_mutex_unlock(&budget->lock) == 0);
}

bool body_budget_cancel(struct body_budget *budget, struct body_wait *wait)
{
	CHECK(pthread_mutex_lock(&budget->lock) == 0);
	bool waits = list_node_is_linked(&wait->node);
	if (waits) {
		list_remove(&wait->node);
		atomic_fetch_sub(&budget->waiting_count, 1);
		grant(budget); /* the next may want less */
	}
	CHECK(pthread_mutex_unlock(&budget->lock) == 0);
	return waits;
}
