#include "tests/unit/unit.h"
#include <stdio.h>
#include "engine/base/lru_map.h"

enum { ENTRIES_MAX = 8 };

struct value {
	uint64_t number;
	char letter;
};

static const struct siphash_key hash_key = { 17, 4 };
static struct lru_map map;

static int set_up(void **state)
{
	(void)state;
	return lru_map_init(&map, ENTRIES_MAX, sizeof(struct value), &hash_key) != RESULT_OK;
}

static int tear_down(void **state)
{
	(void)state;
	lru_map_deinit(&map);
	return 0;
}

static struct value *put(const char *key, uint64_t number)
{
	struct value *value = lru_map_use_or_add(&map, text_of(key));
	assert_non_null(value);
	value->number = number;
	return value;
}

static void fill(void)
{
	char key[8];
	for (uint64_t i = 0; i < ENTRIES_MAX; i++) {
		snprintf(key, sizeof key, "k%u", (unsigned)i);
		put(key, i);
	}
	assert_int_equal(lru_map_count(&map), ENTRIES_MAX);
}

static void what_was_never_added_is_not_there(void **state)
{
	(void)state;
	assert_null(lru_map_peek(&map, TEXT("a")));
	assert_null(lru_map_use(&map, TEXT("a")));
	assert_int_equal(lru_map_count(&map), 0);
}

static void a_new_value_is_all_zeros_and_the_same_one_is_found_again(void **state)
{
	(void)state;
	char key[] = "abc";
	struct value *value = lru_map_use_or_add(&map, text_of(key));
	assert_non_null(value);
	assert_int_equal((uintptr_t)value % _Alignof(max_align_t), 0);
	assert_int_equal(value->number, 0);
	assert_int_equal(value->letter, 0);
	*value = (struct value){ 7, 'x' };
	assert_ptr_equal(lru_map_use_or_add(&map, TEXT("abc")), value);
	key[0] = 'z'; /* the key was copied */
	assert_ptr_equal(lru_map_use(&map, TEXT("abc")), value);
	assert_ptr_equal(lru_map_peek(&map, TEXT("abc")), value);
	assert_int_equal(value->number, 7);
	assert_int_equal(lru_map_count(&map), 1);
}

static void keys_are_bytes_of_any_number(void **state)
{
	(void)state;
	const struct text keys[] = { TEXT(""), text_of_bytes("\0", 1), text_of_bytes("\0\0", 2), TEXT("a"),
		text_of_bytes("a\0", 2) };
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		assert_null(lru_map_peek(&map, keys[i]));
		struct value *value = lru_map_use_or_add(&map, keys[i]);
		assert_non_null(value);
		*value = (struct value){ i, 'k' };
	}
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		assert_int_equal(((const struct value *)lru_map_peek(&map, keys[i]))->number, i);
}

static void when_it_is_full_the_one_not_used_longest_makes_room(void **state)
{
	(void)state;
	fill();
	assert_non_null(lru_map_use(&map, TEXT("k0")));        /* used */
	assert_non_null(lru_map_use_or_add(&map, TEXT("k1"))); /* used */
	assert_non_null(lru_map_peek(&map, TEXT("k2")));       /* only looked at */
	put("new", 100);
	assert_int_equal(lru_map_count(&map), ENTRIES_MAX);
	assert_null(lru_map_peek(&map, TEXT("k2")));
	put("newer", 101);
	assert_null(lru_map_peek(&map, TEXT("k3")));
	assert_int_equal(((struct value *)lru_map_peek(&map, TEXT("k0")))->number, 0);
	assert_int_equal(((struct value *)lru_map_peek(&map, TEXT("k1")))->number, 1);
	assert_int_equal(((struct value *)lru_map_peek(&map, TEXT("new")))->number, 100);
}

static void one_that_was_forgotten_begins_anew(void **state)
{
	(void)state;
	put("old", 7);
	fill();
	assert_null(lru_map_peek(&map, TEXT("old")));
	assert_int_equal(((struct value *)lru_map_use_or_add(&map, TEXT("old")))->number, 0);
	assert_null(lru_map_peek(&map, TEXT("k0")));
}

/* Against a plain array in the order of use. */
static void random_use_agrees_with_a_model(void **state)
{
	(void)state;
	enum { KEYS = 20 };
	uint64_t seed = 23, model[ENTRIES_MAX]; /* keys, the one not used longest first */
	size_t count = 0;
	char key[8];
	for (int turn = 0; turn < 20000; turn++) {
		uint64_t number = seeded_below(&seed, KEYS);
		snprintf(key, sizeof key, "k%u", (unsigned)number);
		size_t at = 0;
		while (at < count && model[at] != number)
			at++;
		const struct value *seen = lru_map_peek(&map, text_of(key));
		assert_int_equal(seen != NULL, at < count);
		if (seen != NULL)
			assert_int_equal(seen->number, number);
		if (seeded_below(&seed, 3) == 0)
			continue;
		put(key, number);
		if (at == count && count == ENTRIES_MAX)
			at = 0;
		if (at < count)
			memmove(&model[at], &model[at + 1], (--count - at) * sizeof *model);
		model[count++] = number;
		assert_int_equal(lru_map_count(&map), count);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_never_added_is_not_there),
		TEST(a_new_value_is_all_zeros_and_the_same_one_is_found_again),
		TEST(keys_are_bytes_of_any_number),
		TEST(when_it_is_full_the_one_not_used_longest_makes_room),
		TEST(one_that_was_forgotten_begins_anew),
		TEST(random_use_agrees_with_a_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
