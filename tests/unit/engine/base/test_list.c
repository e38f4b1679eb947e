#include "tests/unit/engine/base/dies.h"
#include "engine/base/list.h"

struct item { int value; struct list_node node; };

static void assert_values(const struct list *list, const int *want, size_t count)
{
	size_t n = 0;
	LIST_FOR_EACH(node, list) {
		assert_true(n < count);
		assert_int_equal(CONTAINER_OF(node, struct item, node)->value, want[n++]);
	}
	assert_int_equal(n, count);
	for (const struct list_node *node = list->head.prev; node != &list->head; node = node->prev)
		assert_int_equal(CONTAINER_OF(node, const struct item, node)->value, want[--n]);
	assert_int_equal(n, 0);
}

static void order_is_as_pushed(void **state)
{
	(void)state;
	struct item items[5] = { { .value = 0 }, { 1, { 0 } }, { 2, { 0 } }, { 3, { 0 } }, { 4, { 0 } } };
	struct list list;
	list_init(&list);
	assert_true(list_is_empty(&list));
	assert_null(list_first(&list));
	assert_null(list_last(&list));
	assert_null(list_pop_front(&list));
	list_push_back(&list, &items[1].node);
	list_push_back(&list, &items[2].node);
	list_push_front(&list, &items[0].node);
	list_push_back(&list, &items[4].node);
	list_insert_before(&items[4].node, &items[3].node);
	assert_values(&list, (const int[]){ 0, 1, 2, 3, 4 }, 5);
	list_remove(&items[2].node);
	assert_false(list_node_is_linked(&items[2].node));
	assert_values(&list, (const int[]){ 0, 1, 3, 4 }, 4);
	assert_ptr_equal(list_pop_front(&list), &items[0].node);
	assert_ptr_equal(list_last(&list), &items[4].node);
	assert_ptr_equal(list_next(&list, &items[1].node), &items[3].node);
	assert_null(list_next(&list, &items[4].node));
}

static void splice_moves_all_in_order(void **state)
{
	(void)state;
	struct item items[4] = { { .value = 0 }, { 1, { 0 } }, { 2, { 0 } }, { 3, { 0 } } };
	struct list a, b;
	list_init(&a);
	list_init(&b);
	list_splice_back(&a, &b);
	assert_true(list_is_empty(&a));
	list_push_back(&b, &items[2].node);
	list_push_back(&b, &items[3].node);
	list_splice_back(&a, &b);
	assert_values(&a, (const int[]){ 2, 3 }, 2);
	assert_true(list_is_empty(&b));
	list_push_back(&b, &items[0].node);
	list_push_back(&b, &items[1].node);
	list_splice_back(&b, &a);
	assert_values(&b, (const int[]){ 0, 1, 2, 3 }, 4);
}

static void the_safe_walk_allows_removal_of_where_it_is(void **state)
{
	(void)state;
	struct item items[6];
	struct list list;
	list_init(&list);
	memset(items, 0, sizeof items);
	for (int i = 0; i < 6; i++) {
		items[i].value = i;
		list_push_back(&list, &items[i].node);
	}
	LIST_FOR_EACH_SAFE(node, &list) {
		if (CONTAINER_OF(node, struct item, node)->value % 2 == 0)
			list_remove(node);
	}
	assert_values(&list, (const int[]){ 1, 3, 5 }, 3);
}

static void link_twice(void)
{
	struct list list;
	struct item item = { .value = 0 };
	list_init(&list);
	list_push_back(&list, &item.node);
	list_push_back(&list, &item.node);
}

static void remove_unlinked(void)
{
	struct item item = { .value = 0 };
	list_remove(&item.node);
}

static void a_node_is_in_one_list_at_a_time(void **state)
{
	(void)state;
	assert_dies(link_twice, "node->next == NULL");
	assert_dies(remove_unlinked, "node->next != NULL");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_as_pushed),
		cmocka_unit_test(splice_moves_all_in_order),
		cmocka_unit_test(the_safe_walk_allows_removal_of_where_it_is),
		cmocka_unit_test(a_node_is_in_one_list_at_a_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
