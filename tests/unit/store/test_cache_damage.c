/* DNS-27: files that are damaged, or of another version, are set aside; and nothing damaged is ever
 * believed, wherever a byte is flipped. */
#include <lmdb.h>
#include "tests/unit/store/cache_fixture.h"

enum { HOSTS = 150 };

/* Many entries in several pages, some of them large, and free pages. */
static void fill(void)
{
	open_cache();
	for (uint64_t i = 0; i < HOSTS; i++)
		put_numbered(i, 600);
	for (size_t i = EXAMPLE_TLSA; i <= EXAMPLE_A; i++)
		put(&examples[i]);
	write_batch(EXAMPLE_NOW_S);
	static char policy[10000];
	memset(policy, 'p', sizeof policy);
	struct cache_entry large = examples[EXAMPLE_STS];
	large.key.name = TEXT("large.example");
	large.of.sts.policy = (struct text){ policy, sizeof policy };
	for (uint64_t i = 0; i < 3; i++) {
		put(&large);
		put_numbered(i, 600);
		write_batch(EXAMPLE_NOW_S);
	}
	close_cache();
}

static void assert_set_aside_and_new(const char *because)
{
	open_cache();
	assert_non_null(strstr(cache_note(cache), because));
	assert_non_null(strstr(cache_note(cache), "/cache.set-aside, a new one is begun"));
	assert_null(strchr(cache_note(cache), '\n'));
	assert_int_equal(access(temp_path("cache.set-aside/data.mdb"), F_OK), 0);
	assert_int_equal(cache_entries(cache), 0);
	write_example(EXAMPLE_TLSA);
	close_cache();
	open_cache();
	assert_string_equal(cache_note(cache), "");
	assert_example_found(EXAMPLE_TLSA, EXAMPLE_NOW_S);
	close_cache();
}

static void a_file_that_is_none_is_set_aside(void **state)
{
	(void)state;
	char garbage[20000];
	memset(garbage, 'g', sizeof garbage);
	/* Twice: only one is kept. */
	for (int times = 0; times < 2; times++) {
		fill();
		temp_write("cache/data.mdb", "w", garbage, sizeof garbage);
		assert_set_aside_and_new("it is no file of LMDB");
	}
	fill();
	temp_write("cache/data.mdb", "w", garbage, 10);
	assert_set_aside_and_new("it is too short");
}

static void an_empty_file_is_a_cache_with_nothing_in_it(void **state)
{
	(void)state;
	fill();
	temp_write("cache/data.mdb", "w", "", 0);
	open_cache();
	assert_string_equal(cache_note(cache), "");
	assert_int_equal(cache_entries(cache), 0);
}

static void a_file_that_was_cut_is_set_aside(void **state)
{
	(void)state;
	fill();
	struct stat st;
	assert_int_equal(stat(temp_path("cache/data.mdb"), &st), 0);
	assert_int_equal(truncate(temp_path("cache/data.mdb"), st.st_size / 2), 0);
	assert_set_aside_and_new("is damaged: page ");
}

static void set_head(const void *data, size_t len)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	char zero = 0;
	MDB_val key = { 1, &zero }, value = { len, (void *)(uintptr_t)data };
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_open(env, temp_path("cache"), 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	assert_int_equal(
		len > 0 ? mdb_put(txn, dbi, &key, &value, 0) : mdb_del(txn, dbi, &key, NULL), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void another_version_is_set_aside(void **state)
{
	(void)state;
	fill();
	/* A later version may have anything behind its number. */
	set_head("LSCH\0\0\0\3 and more", 17);
	config.read_only = true;
	assert_int_equal(cache_open(&config, &cache, &why), RESULT_CHANGED);
	config.read_only = false;
	assert_set_aside_and_new("has version 3 instead of 2; set aside as ");
}

static void a_cache_without_its_head_is_set_aside(void **state)
{
	(void)state;
	static const char *const heads[] = { "", "LSCH", "XXXX\0\0\0\1\0\0\0\0\0\0\0\0" };
	static const size_t lens[] = { 0, 4, 16 };
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		fill();
		set_head(heads[i], lens[i]);
		assert_set_aside_and_new("it has no head");
	}
}

static void a_mark_of_damage_is_obeyed(void **state)
{
	(void)state;
	fill();
	temp_write("cache/damaged", "w", "", 0);
	config.read_only = true;
	assert_int_equal(cache_open(&config, &cache, &why), RESULT_DAMAGED);
	config.read_only = false;
	assert_set_aside_and_new("it was found so before");
}

/* Who has it open goes on reading, is told when it writes, and opens again. */
static void a_cache_that_was_set_aside_meanwhile_says_so(void **state)
{
	(void)state;
	char cache_path[TEMP_PATH_SIZE];
	fill();
	open_cache();
	(void)snprintf(cache_path, sizeof cache_path, "%s", temp_path("cache"));
	assert_int_equal(rename(cache_path, temp_path("cache.set-aside")), 0);
	assert_example_found(EXAMPLE_TLSA, EXAMPLE_NOW_S);
	put(&examples[EXAMPLE_MX]);
	assert_int_equal(cache_write(cache, batch, EXAMPLE_NOW_S, &why), RESULT_CHANGED);
	assert_int_equal(cache_batch_count(batch), 1);
	close_cache();
	open_cache();
	write_batch(EXAMPLE_NOW_S);
	assert_example_found(EXAMPLE_MX, EXAMPLE_NOW_S);
}

static enum result check_visited(const struct cache_entry *entry, void *context)
{
	uint64_t *count = context;
	for (size_t i = EXAMPLE_TLSA; i <= EXAMPLE_A; i++) {
		if (entry->key.table == examples[i].key.table &&
			entry->key.number == examples[i].key.number &&
			text_equal(entry->key.name, examples[i].key.name))
			assert_same_entry(entry, &examples[i]);
	}
	++*count;
	return RESULT_OK;
}

/* Opens what was changed, reads all of it and writes into it. True if it was set aside. */
static bool use_all(void)
{
	uint64_t visited = 0;
	open_cache();
	bool is_new = cache_note(cache)[0] != '\0';
	assert_int_equal(cache_walk(cache, 0, check_visited, &visited, NULL), RESULT_OK);
	for (size_t i = EXAMPLE_TLSA; i <= EXAMPLE_A; i++) {
		if (is_found(&examples[i].key, EXAMPLE_NOW_S))
			assert_example_found(i, EXAMPLE_NOW_S);
	}
	for (uint64_t i = 0; i < HOSTS; i += 3)
		put_numbered(i, 60);
	put(&examples[EXAMPLE_STS]);
	/* A clock that was changed is one that has gone back; the map of a file that says it is large
	 * may be full. */
	enum result result = cache_write(cache, batch, EXAMPLE_NOW_S, &why);
	assert_true(result == RESULT_OK || result == RESULT_NO_SPACE || result == RESULT_DAMAGED);
	cache_batch_clear(batch);
	assert_true(is_new == (visited == 0));
	close_cache();
	return is_new;
}

static void wherever_bits_are_flipped_nothing_false_is_found(void **state)
{
	(void)state;
	uint64_t seed = 7, set_aside = 0;
	struct stat st;
	fill();
	assert_int_equal(stat(temp_path("cache/data.mdb"), &st), 0);
	size_t len = (size_t)st.st_size;
	char *whole = temp_read("cache/data.mdb"), *changed = malloc(len);
	assert_non_null(changed);
	enum { TIMES = 300 };
	for (size_t times = 0; times < TIMES; times++) {
		memcpy(changed, whole, len);
		/* Half of them where the structure is: the first bytes of a page. */
		size_t at = (size_t)seeded_below(&seed, len);
		if (times % 2 == 0)
			at = at / 4096 * 4096 + at % (at < 8192 ? 160 : 64);
		for (uint64_t i = 0; i <= times % 3; i++) {
			size_t byte = at + (size_t)seeded_below(&seed, 8);
			if (byte < len)
				changed[byte] =
					(char)(changed[byte] ^ (1 << seeded_below(&seed, 8)));
		}
		temp_write("cache/data.mdb", "w", changed, len);
		set_aside += use_all();
	}
	/* Both happen: what only changes a value or a page that is free is no reason. */
	assert_in_range(set_aside, TIMES / 20, TIMES - TIMES / 20);
	free(changed);
	free(whole);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_that_is_none_is_set_aside),
		TEST(an_empty_file_is_a_cache_with_nothing_in_it),
		TEST(a_file_that_was_cut_is_set_aside),
		TEST(another_version_is_set_aside),
		TEST(a_cache_without_its_head_is_set_aside),
		TEST(a_mark_of_damage_is_obeyed),
		TEST(a_cache_that_was_set_aside_meanwhile_says_so),
		TEST(wherever_bits_are_flipped_nothing_false_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
