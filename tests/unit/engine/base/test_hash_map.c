#include "tests/unit/engine/base/dies.h"
#include "engine/base/hash_map.h"

struct entry {
	struct hash_node node;
	char name[24];
	unsigned visits;
};

static struct text entry_key(const struct hash_node *node)
{
	return text_of(CONTAINER_OF(node, const struct entry, node)->name);
}

static const struct siphash_key key = { 17, 4 };

static void random_use_agrees_with_a_model(void **state)
{
	(void)state;
	enum { ENTRIES = 3000 };
	struct hash_map map;
	struct entry *entries = calloc(ENTRIES, sizeof *entries);
	uint64_t seed = 23;
	size_t inside = 0;
	assert_non_null(entries);
	for (unsigned i = 0; i < ENTRIES; i++)
		(void)snprintf(entries[i].name, sizeof entries[i].name, "host%u.example", i);
	assert_int_equal(hash_map_init(&map, 0, &key, entry_key), RESULT_OK);
	for (int turn = 0; turn < 200000; turn++) {
		/* First more and more, later the same number in and out: the table grows and is
		 * used. */
		struct entry *entry = &entries[seeded_below(&seed, ENTRIES)];
		struct hash_node *found = hash_map_find(&map, text_of(entry->name));
		assert_ptr_equal(found, hash_node_is_inside(&entry->node) ? &entry->node : NULL);
		if (found == NULL) {
			hash_map_insert(&map, &entry->node);
			inside++;
		} else if (seeded_below(&seed, 3) != 0) {
			hash_map_remove(&map, &entry->node);
			inside--;
		}
		assert_int_equal(hash_map_count(&map), inside);
	}
	for (unsigned i = 0; i < ENTRIES; i++)
		assert_int_equal(hash_map_find(&map, text_of(entries[i].name)) != NULL,
			hash_node_is_inside(&entries[i].node));
	hash_map_deinit(&map);
	free(entries);
}

static void count_visit(struct hash_node *node, void *context)
{
	struct hash_map *map = context;
	struct entry *entry = CONTAINER_OF(node, struct entry, node);
	entry->visits++;
	if (map != NULL)
		hash_map_remove(map, node);
}

/* At every size, also in the middle of a move to a larger table. */
static void a_walk_sees_each_node_once_and_may_remove_it(void **state)
{
	(void)state;
	enum { ENTRIES = 200 };
	static struct entry entries[ENTRIES];
	struct hash_map map;
	memset(entries, 0, sizeof entries);
	for (unsigned count = 0; count < ENTRIES; count++) {
		assert_int_equal(hash_map_init(&map, 0, &key, entry_key), RESULT_OK);
		for (unsigned i = 0; i < count; i++) {
			(void)snprintf(entries[i].name, sizeof entries[i].name, "n%u", i);
			entries[i].visits = 0;
			hash_map_insert(&map, &entries[i].node);
		}
		hash_map_for_each(&map, count_visit, NULL);
		for (unsigned i = 0; i < count; i++)
			assert_int_equal(entries[i].visits, 1);
		hash_map_for_each(&map, count_visit, &map);
		for (unsigned i = 0; i < count; i++)
			assert_int_equal(entries[i].visits, 2);
		assert_int_equal(hash_map_count(&map), 0);
		hash_map_deinit(&map);
	}
}

/* Growing is spread over the operations: no insert works through the table. */
static void the_table_grows_in_small_steps(void **state)
{
	(void)state;
	enum { ENTRIES = 5000 };
	struct entry *entries = calloc(ENTRIES, sizeof *entries);
	struct hash_map map;
	bool seen_moving = false;
	assert_non_null(entries);
	assert_int_equal(hash_map_init(&map, 0, &key, entry_key), RESULT_OK);
	for (unsigned i = 0; i < ENTRIES; i++) {
		size_t before = map.old.buckets != NULL ? map.old_next : 0;
		(void)snprintf(entries[i].name, sizeof entries[i].name, "n%u", i);
		hash_map_insert(&map, &entries[i].node);
		if (map.old.buckets != NULL) {
			seen_moving = true;
			assert_true(map.old_next - before <= 4 || map.old_next <= 4);
		}
		assert_true(map.table.mask + 1 >= map.count / 2);
	}
	assert_true(seen_moving);
	assert_true(map.table.mask >= 4095);
	hash_map_deinit(&map);
	free(entries);
}

static void keys_are_bytes(void **state)
{
	(void)state;
	struct hash_map map;
	struct entry empty = { .name = "" }, high = { .name = "\xff" };
	assert_int_equal(hash_map_init(&map, 100, &key, entry_key), RESULT_OK);
	hash_map_insert(&map, &empty.node);
	hash_map_insert(&map, &high.node);
	assert_ptr_equal(hash_map_find(&map, TEXT_EMPTY), &empty.node);
	assert_ptr_equal(hash_map_find(&map, TEXT("\xff")), &high.node);
	assert_null(hash_map_find(&map, TEXT("\xff\0")));
	hash_map_deinit(&map);
}

static void insert_twice(void)
{
	struct hash_map map;
	struct entry entry = { .name = "a" };
	if (hash_map_init(&map, 0, &key, entry_key) != RESULT_OK)
		return;
	hash_map_insert(&map, &entry.node);
	hash_map_insert(&map, &entry.node);
}

static void remove_a_stranger(void)
{
	struct hash_map map, other;
	struct entry entry = { .name = "a" };
	if (hash_map_init(&map, 0, &key, entry_key) != RESULT_OK ||
		hash_map_init(&other, 0, &key, entry_key) != RESULT_OK)
		return;
	hash_map_insert(&map, &entry.node);
	hash_map_remove(&other, &entry.node);
}

static void wrong_use_stops_the_program(void **state)
{
	(void)state;
	assert_dies(insert_twice, "!node->inside");
	assert_dies(remove_a_stranger, "*link == node");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_use_agrees_with_a_model),
		cmocka_unit_test(a_walk_sees_each_node_once_and_may_remove_it),
		cmocka_unit_test(the_table_grows_in_small_steps),
		cmocka_unit_test(keys_are_bytes),
		cmocka_unit_test(wrong_use_stops_the_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
