#include "tests/unit/unit.h"
#include <stdlib.h>
#include "engine/base/check.h"
#include "engine/base/timer_queue.h"

static void keys_come_out_in_order(void **state)
{
	(void)state;
	for (size_t count = 0; count < 70; count++) {
		struct timer_queue queue;
		struct timer_queue_node nodes[70] = { { .key = 0 } };
		uint64_t seed = count, last = 0;
		timer_queue_init(&queue);
		for (size_t i = 0; i < count; i++)
			timer_queue_insert(&queue, &nodes[i], seeded_below(&seed, 40));
		for (size_t i = 0; i < count; i++) {
			struct timer_queue_node *node = timer_queue_pop(&queue);
			assert_non_null(node);
			assert_true(node->key == 0 || !timer_queue_is_queued(node));
			last = node->key > last ? node->key : last;
		}
		assert_null(timer_queue_pop(&queue));
		assert_null(timer_queue_first(&queue));
		assert_int_equal(queue.count, 0);
	}
}

static void check_heap(const struct timer_queue_node *node, size_t *count)
{
	if (node == NULL)
		return;
	++*count;
	assert_true(node->queued);
	if (node->left != NULL) {
		assert_ptr_equal(node->left->parent, node);
		assert_true(node->left->key >= node->key);
	} else {
		assert_null(node->right);
	}
	if (node->right != NULL) {
		assert_ptr_equal(node->right->parent, node);
		assert_true(node->right->key >= node->key);
	}
	check_heap(node->left, count);
	check_heap(node->right, count);
}

static void random_use_keeps_the_heap_and_agrees_with_a_model(void **state)
{
	(void)state;
	enum { NODES = 150 };
	struct timer_queue queue;
	struct timer_queue_node nodes[NODES] = { { .key = 0 } };
	uint64_t keys[NODES];
	uint64_t seed = 11;
	timer_queue_init(&queue);
	for (int turn = 0; turn < 30000; turn++) {
		size_t at = (size_t)seeded_below(&seed, NODES), count = 0;
		uint64_t key = seeded_below(&seed, 100);
		if (!timer_queue_is_queued(&nodes[at])) {
			timer_queue_insert(&queue, &nodes[at], key);
			keys[at] = key;
		} else if (seeded_below(&seed, 3) == 0) {
			timer_queue_remove(&queue, &nodes[at]);
		} else if (seeded_below(&seed, 2) == 0) {
			timer_queue_update(&queue, &nodes[at], key);
			keys[at] = key;
		} else {
			struct timer_queue_node *popped = timer_queue_pop_until(&queue, key);
			uint64_t least = UINT64_MAX;
			for (size_t i = 0; i < NODES; i++) {
				if ((nodes[i].queued || &nodes[i] == popped) && keys[i] < least)
					least = keys[i];
			}
			assert_int_equal(popped != NULL, least <= key);
			if (popped != NULL)
				assert_true(keys[popped - nodes] == least);
		}
		check_heap(queue.root, &count);
		assert_int_equal(count, queue.count);
		size_t queued = 0;
		for (size_t i = 0; i < NODES; i++) {
			queued += nodes[i].queued;
			if (nodes[i].queued)
				assert_true(nodes[i].key == keys[i]);
		}
		assert_int_equal(queued, count);
	}
}

static size_t depth_of(const struct timer_queue_node *node)
{
	size_t depth = 0;
	for (; node != NULL; node = node->left)
		depth++;
	return depth;
}

/* The worst case is bounded by the depth, also when the keys come sorted. */
static void the_tree_stays_balanced(void **state)
{
	(void)state;
	enum { NODES = 100000 };
	struct timer_queue queue;
	struct timer_queue_node *nodes = calloc(NODES, sizeof *nodes);
	assert_non_null(nodes);
	timer_queue_init(&queue);
	for (size_t i = 0; i < NODES; i++)
		timer_queue_insert(&queue, &nodes[i], NODES - i);
	assert_int_equal(depth_of(queue.root), 17);
	for (uint64_t want = 1; want <= NODES; want++) {
		assert_true(timer_queue_first(&queue)->key == want);
		assert_non_null(timer_queue_pop(&queue));
	}
	free(nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_out_in_order),
		cmocka_unit_test(random_use_keeps_the_heap_and_agrees_with_a_model),
		cmocka_unit_test(the_tree_stays_balanced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
