#include "tests/unit/store/cache_fixture.h"
#include <signal.h>
#include <sys/resource.h>

static void what_was_written_is_found_also_after_a_restart(void **state)
{
	(void)state;
	open_cache();
	assert_string_equal(cache_note(cache), "");
	for (size_t i = EXAMPLE_TLSA; i <= EXAMPLE_A; i++)
		put(&examples[i]);
	assert_int_equal(cache_batch_count(batch), 4);
	write_batch(EXAMPLE_NOW_S);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(cache_entries(cache), 4);
		for (size_t i = EXAMPLE_TLSA; i <= EXAMPLE_A; i++)
			assert_example_found(i, EXAMPLE_NOW_S + 10);
		close_cache();
		open_cache();
		assert_string_equal(cache_note(cache), "");
	}
}

/* DNS-36; DNS-25: another generation of the resolver's configuration finds nothing of the old one. */
static void a_key_is_found_in_any_case_and_only_in_its_generation(void **state)
{
	(void)state;
	open_cache();
	write_example(EXAMPLE_TLSA);
	struct cache_key key = examples[EXAMPLE_TLSA].key;
	key.name = TEXT("MX1.EXAMPLE.com.");
	assert_true(is_found(&key, EXAMPLE_NOW_S));
	key.generation++;
	assert_false(is_found(&key, EXAMPLE_NOW_S));
	key.generation--;
	key.number = 465;
	assert_false(is_found(&key, EXAMPLE_NOW_S));
	key.number = 25;
	key.name = TEXT("");
	assert_false(is_found(&key, EXAMPLE_NOW_S));
	assert_int_equal(arena_held_bytes(&arena), 65536);
}

/* DNS-12, DNS-15, DNS-24: not one second longer, and looking makes no difference. */
static void an_expired_entry_is_not_found(void **state)
{
	(void)state;
	static const uint64_t lives_s[] = { 300, 604800, 3600, 60 };
	open_cache();
	for (size_t i = EXAMPLE_TLSA; i <= EXAMPLE_A; i++)
		put(&examples[i]);
	write_batch(EXAMPLE_NOW_S);
	for (size_t i = EXAMPLE_TLSA; i <= EXAMPLE_A; i++) {
		for (int times = 0; times < 3; times++)
			assert_example_found(i, EXAMPLE_NOW_S + lives_s[i] - 1);
		assert_false(is_found(&examples[i].key, EXAMPLE_NOW_S + lives_s[i]));
		assert_false(is_found(&examples[i].key, UINT64_MAX / 2));
	}
	struct cache_entry entry;
	assert_int_equal(look_up(&examples[EXAMPLE_A].key, EXAMPLE_NOW_S + 50, &entry), RESULT_OK);
	assert_int_equal(entry.of.answer.ttl_s, 10);
}

/* DNS-14, DNS-19. */
static void what_may_not_be_kept_leaves_the_batch_as_it_was(void **state)
{
	(void)state;
	struct cache_entry bad = examples[EXAMPLE_A];
	bad.of.answer.class = DNS_FAILURE;
	put(&examples[EXAMPLE_MX]);
	assert_int_equal(cache_batch_put(batch, &bad, NULL), RESULT_INVALID);
	bad.key.name = TEXT("not a name");
	assert_int_equal(cache_batch_put(batch, &bad, NULL), RESULT_INVALID);
	assert_int_equal(cache_batch_delete(batch, &bad.key, &why), RESULT_INVALID);
	assert_string_equal(why.text, "not a name is no name for the cache");
	open_cache();
	write_batch(EXAMPLE_NOW_S);
	assert_int_equal(cache_entries(cache), 1);
	assert_example_found(EXAMPLE_MX, EXAMPLE_NOW_S);
}

static void a_full_batch_takes_no_more_until_it_is_written(void **state)
{
	(void)state;
	uint64_t count = 0;
	char name[64];
	struct cache_entry entry = numbered(0, 60, name);
	open_cache();
	while (cache_batch_put(batch, &entry, NULL) == RESULT_OK)
		entry = numbered(++count, 60, name);
	assert_int_equal(cache_batch_put(batch, &entry, NULL), RESULT_NO_SPACE);
	assert_int_equal(cache_batch_count(batch), count);
	write_batch(EXAMPLE_NOW_S);
	assert_int_equal(cache_entries(cache), count);
	put(&entry);
	cache_batch_clear(batch);
	write_batch(EXAMPLE_NOW_S);
	assert_int_equal(cache_entries(cache), count);
}

static void a_deleted_entry_is_gone_and_may_have_been_before(void **state)
{
	(void)state;
	open_cache();
	write_example(EXAMPLE_STS);
	for (int times = 0; times < 2; times++) {
		assert_int_equal(
			cache_batch_delete(batch, &examples[EXAMPLE_STS].key, NULL), RESULT_OK);
		write_batch(EXAMPLE_NOW_S);
		assert_false(is_found(&examples[EXAMPLE_STS].key, EXAMPLE_NOW_S));
	}
	write_example(EXAMPLE_STS);
	assert_example_found(EXAMPLE_STS, EXAMPLE_NOW_S);
}

/* STS-43: none replaces enforce. What another process learned before does not come back. */
static void the_entry_that_was_fetched_later_stays(void **state)
{
	(void)state;
	struct cache_entry none = examples[EXAMPLE_STS_NONE], failed, got;
	open_cache();
	write_example(EXAMPLE_STS);
	none.times.fetched_s += 10;
	put(&none);
	write_batch(EXAMPLE_NOW_S + 10);
	put(&examples[EXAMPLE_STS]);
	write_batch(EXAMPLE_NOW_S + 20);
	assert_int_equal(look_up(&none.key, EXAMPLE_NOW_S + 20, &got), RESULT_OK);
	assert_same_entry(&got, &none);
	/* STS-41: a failed renewal changes the entry, not when it was fetched. */
	failed = none;
	failed.of.sts.failures = 7;
	put(&failed);
	write_batch(EXAMPLE_NOW_S + 30);
	assert_int_equal(look_up(&none.key, EXAMPLE_NOW_S + 30, &got), RESULT_OK);
	assert_same_entry(&got, &failed);
}

struct seen {
	size_t count;
	uint8_t last_table;
	size_t of_table[4];
	bool stop;
};

static enum result see(const struct cache_entry *entry, void *context)
{
	struct seen *seen = context;
	assert_true(entry->key.table >= seen->last_table);
	seen->last_table = (uint8_t)entry->key.table;
	seen->count++;
	seen->of_table[entry->key.table]++;
	return seen->stop ? RESULT_CANCELLED : RESULT_OK;
}

static void a_walk_meets_every_entry_once(void **state)
{
	(void)state;
	enum { HOSTS = 2000 };
	open_cache();
	struct seen none = { 0 };
	assert_int_equal(cache_walk(cache, 0, see, &none, NULL), RESULT_OK);
	assert_int_equal(none.count, 0);
	put(&examples[EXAMPLE_TLSA]);
	put(&examples[EXAMPLE_STS]);
	for (uint64_t i = 0; i < HOSTS; i++)
		put_numbered(i, 60);
	write_batch(EXAMPLE_NOW_S);
	struct seen all = { 0 }, tlsa = { 0 }, sts = { 0 }, first = { .stop = true };
	assert_int_equal(cache_walk(cache, 0, see, &all, NULL), RESULT_OK);
	assert_int_equal(all.count, HOSTS + 2);
	assert_int_equal(all.of_table[CACHE_TABLE_ANSWER], HOSTS);
	assert_int_equal(cache_walk(cache, CACHE_TABLE_TLSA, see, &tlsa, NULL), RESULT_OK);
	assert_int_equal(tlsa.count, 1);
	assert_int_equal(tlsa.of_table[CACHE_TABLE_TLSA], 1);
	assert_int_equal(cache_walk(cache, CACHE_TABLE_STS, see, &sts, NULL), RESULT_OK);
	assert_int_equal(sts.count, 1);
	assert_int_equal(sts.of_table[CACHE_TABLE_STS], 1);
	assert_int_equal(cache_walk(cache, 0, see, &first, NULL), RESULT_CANCELLED);
	assert_int_equal(first.count, 1);
}

/* STS-51: an operator's command can drop what is known of one domain. */
static void a_forgotten_domain_leaves_the_others(void **state)
{
	(void)state;
	uint64_t count;
	open_cache();
	for (size_t i = EXAMPLE_TLSA; i <= EXAMPLE_A; i++)
		put(&examples[i]);
	struct cache_entry txt = examples[EXAMPLE_A];
	txt.key.number = DNS_TYPE_TXT;
	txt.key.name = TEXT("_mta-sts.example.com");
	put(&txt);
	write_batch(EXAMPLE_NOW_S);
	assert_int_equal(
		cache_forget(cache, TEXT("Example.COM."), EXAMPLE_NOW_S, &count, NULL), RESULT_OK);
	assert_int_equal(count, 3);
	assert_int_equal(cache_entries(cache), 2);
	assert_example_found(EXAMPLE_TLSA, EXAMPLE_NOW_S);
	assert_example_found(EXAMPLE_A, EXAMPLE_NOW_S);
	assert_int_equal(
		cache_forget(cache, TEXT("example.com"), EXAMPLE_NOW_S, &count, NULL), RESULT_OK);
	assert_int_equal(count, 0);
	assert_int_equal(
		cache_forget(cache, TEXT(""), EXAMPLE_NOW_S, &count, NULL), RESULT_INVALID);
}

static void too_many_entries_push_out_expired_ones_then_the_soonest_to_expire(void **state)
{
	(void)state;
	config.entries_max = 1000;
	open_cache();
	/* 300 that will have expired, 700 that live the longer the higher their number. */
	for (uint64_t i = 0; i < 1000; i++)
		put_numbered(i, i < 300 ? 10 : 1000 + i);
	write_batch(EXAMPLE_NOW_S);
	const uint64_t now_s = EXAMPLE_NOW_S + 20;
	put_numbered(1000, 5000);
	write_batch(now_s);
	assert_int_equal(cache_entries(cache), 701);
	for (uint64_t i = 300; i <= 1000; i++)
		assert_true(is_numbered_found(i, now_s));
	/* Full again, and nothing has expired: an eighth goes, in the order of expiry. */
	for (uint64_t i = 1001; i < 1300; i++)
		put_numbered(i, 5000);
	write_batch(now_s);
	assert_true(is_numbered_found(300, now_s));
	put_numbered(1300, 5000);
	write_batch(now_s);
	assert_in_range(cache_entries(cache), 870, 880);
	bool was_found = false;
	for (uint64_t i = 300; i <= 1300; i++) {
		bool found = is_numbered_found(i, now_s);
		assert_true(found || !was_found);
		was_found = found;
	}
	assert_true(was_found);
}

static void a_full_map_gives_way_to_what_is_new(void **state)
{
	(void)state;
	config.map_bytes = 512 * 1024;
	open_cache();
	static char policy[20000];
	memset(policy, 'p', sizeof policy);
	for (uint64_t i = 0; i < 400; i++) {
		char name[64];
		(void)snprintf(name, sizeof name, "domain-%llu.example", (unsigned long long)i);
		struct cache_entry entry = examples[EXAMPLE_STS];
		entry.key.name = text_of(name);
		entry.of.sts.policy = (struct text){ policy, (size_t)(i * 997 % sizeof policy) };
		entry.times.fetched_s += i;
		entry.times.expires_s += i;
		put(&entry);
		write_batch(EXAMPLE_NOW_S + i);
		assert_true(is_found(&entry.key, EXAMPLE_NOW_S + i));
	}
	assert_in_range(cache_entries(cache), 5, 60);
	close_cache();
	open_cache();
	assert_string_equal(cache_note(cache), "");
}

/* 1 PiB: more than any process has addresses for, as 64 GiB are under a limit or valgrind. */
static void a_map_without_room_in_memory_is_made_smaller(void **state)
{
	(void)state;
	config.map_bytes = UINT64_C(1) << 50;
	open_cache();
	write_example(EXAMPLE_TLSA);
	assert_example_found(EXAMPLE_TLSA, EXAMPLE_NOW_S);
	close_cache();
	open_cache();
	assert_example_found(EXAMPLE_TLSA, EXAMPLE_NOW_S);
}

/* Files may not grow beyond what they have: as with a full disk, writing fails in the middle. */
static void a_full_disk_is_a_sentence_and_look_ups_go_on(void **state)
{
	(void)state;
	struct rlimit before, limited;
	open_cache();
	write_example(EXAMPLE_STS);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limited = before;
	limited.rlim_cur = 16 * 4096;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limited), 0);
	for (uint64_t i = 0; i < 5000; i++)
		put_numbered(i, 60);
	size_t count = cache_batch_count(batch);
	enum result result = RESULT_OK;
	for (int times = 0; times < 3; times++) {
		result = cache_write(cache, batch, EXAMPLE_NOW_S, &why);
		if (result != RESULT_NO_SPACE || cache_batch_count(batch) != count)
			break;
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(result, RESULT_NO_SPACE);
	assert_non_null(strstr(why.text, "; it is read but not written until there is room"));
	assert_int_equal(cache_batch_count(batch), count);
	assert_example_found(EXAMPLE_STS, EXAMPLE_NOW_S);
	assert_int_equal(cache_entries(cache), 1);
	write_batch(EXAMPLE_NOW_S);
	assert_int_equal(cache_entries(cache), 5001);
	close_cache();
	open_cache();
	assert_string_equal(cache_note(cache), "");
}

static void a_read_only_cache_makes_nothing(void **state)
{
	(void)state;
	config.read_only = true;
	assert_int_equal(cache_open(&config, &cache, &why), RESULT_NOT_FOUND);
	assert_non_null(strstr(why.text, "there is no cache in "));
	assert_int_equal(access(temp_path("cache"), F_OK), -1);
	assert_int_equal(access(temp_path("cache.lock"), F_OK), -1);
	config.read_only = false;
	open_cache();
	write_example(EXAMPLE_TLSA);
	close_cache();
	config.read_only = true;
	open_cache();
	assert_example_found(EXAMPLE_TLSA, EXAMPLE_NOW_S);
}

/* DNS-27: who can write the file can forge what is secure. */
static void files_that_others_may_write_are_refused(void **state)
{
	(void)state;
	struct stat st;
	open_cache();
	close_cache();
	assert_int_equal(stat(temp_path("cache/data.mdb"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	static const char *const names[] = { "cache", "cache/data.mdb", "cache/lock.mdb" };
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		assert_int_equal(stat(temp_path(names[i]), &st), 0);
		assert_int_equal(chmod(temp_path(names[i]), st.st_mode | S_IWOTH), 0);
		assert_int_equal(cache_open(&config, &cache, &why), RESULT_FORBIDDEN);
		assert_non_null(strstr(why.text, "may be written by others"));
		assert_int_equal(chmod(temp_path(names[i]), st.st_mode), 0);
	}
	open_cache();
}

static void the_folder_of_the_store_is_made(void **state)
{
	(void)state;
	char path[TEMP_PATH_SIZE];
	struct cache_config deeper = config;
	(void)snprintf(path, sizeof path, "%s", temp_path("store"));
	deeper.path = path;
	assert_int_equal(cache_open(&deeper, &cache, &why), RESULT_OK);
	cache_close(&cache);
	deeper.path = "/nowhere/store";
	assert_int_equal(cache_open(&deeper, &cache, &why), RESULT_NOT_FOUND);
	assert_string_equal(
		why.text, "cannot make the directory /nowhere/store: No such file or directory");
}

static void an_arena_without_room_is_no_miss(void **state)
{
	(void)state;
	struct cache_entry entry;
	char memory[192];
	struct arena small;
	open_cache();
	write_example(EXAMPLE_STS);
	arena_init_fixed(&small, memory, sizeof memory);
	assert_int_equal(
		cache_get(reader, &examples[EXAMPLE_STS].key, EXAMPLE_NOW_S, &small, &entry),
		RESULT_MEMORY);
	arena_deinit(&small);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

/* STS-47: that there was something is no reason to use it (DNS-24). */
static void what_has_expired_can_be_looked_at_but_does_not_hold(void **state)
{
	(void)state;
	struct cache_entry entry;
	bool is_held = false;
	open_cache();
	write_example(EXAMPLE_TLSA);
	const struct cache_key *key = &examples[EXAMPLE_TLSA].key;
	assert_int_equal(cache_peek(reader, key, EXAMPLE_NOW_S, &arena, &entry, &is_held), RESULT_OK);
	assert_true(is_held);
	assert_int_equal(cache_peek(reader, key, EXAMPLE_NOW_S + 300, &arena, &entry, &is_held), RESULT_OK);
	assert_false(is_held);
	assert_same_entry(&entry, &examples[EXAMPLE_TLSA]);
	assert_int_equal(cache_peek(reader, &examples[EXAMPLE_STS].key, EXAMPLE_NOW_S, &arena, &entry, &is_held),
		RESULT_NOT_FOUND);
	assert_false(is_held);
}

/* STS-51: for processes that keep answers of their own. */
static void that_something_was_forgotten_is_seen_by_all(void **state)
{
	(void)state;
	uint64_t count = 0;
	open_cache();
	write_example(EXAMPLE_TLSA);
	assert_true(cache_forgotten(reader) == 0);
	assert_int_equal(cache_forget(cache, TEXT("other.example"), EXAMPLE_NOW_S, &count, &why), RESULT_OK);
	assert_true(cache_forgotten(reader) == 0);
	assert_int_equal(cache_forget(cache, TEXT("mx1.example.com"), EXAMPLE_NOW_S, &count, &why), RESULT_OK);
	assert_true(cache_forgotten(reader) == 1);
	write_example(EXAMPLE_TLSA);
	close_cache();
	open_cache();
	assert_true(cache_forgotten(reader) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_found_also_after_a_restart),
		TEST(a_key_is_found_in_any_case_and_only_in_its_generation),
		TEST(an_expired_entry_is_not_found),
		TEST(what_has_expired_can_be_looked_at_but_does_not_hold),
		TEST(what_may_not_be_kept_leaves_the_batch_as_it_was),
		TEST(a_full_batch_takes_no_more_until_it_is_written),
		TEST(a_deleted_entry_is_gone_and_may_have_been_before),
		TEST(the_entry_that_was_fetched_later_stays),
		TEST(a_walk_meets_every_entry_once),
		TEST(a_forgotten_domain_leaves_the_others),
		TEST(that_something_was_forgotten_is_seen_by_all),
		TEST(too_many_entries_push_out_expired_ones_then_the_soonest_to_expire),
		TEST(a_full_map_gives_way_to_what_is_new),
		TEST(a_map_without_room_in_memory_is_made_smaller),
		TEST(a_full_disk_is_a_sentence_and_look_ups_go_on),
		TEST(a_read_only_cache_makes_nothing),
		TEST(files_that_others_may_write_are_refused),
		TEST(the_folder_of_the_store_is_made),
		TEST(an_arena_without_room_is_no_miss),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
