/* What is known of policies, and the shared cache behind it. */
#include "tests/unit/engine/route/policies_fixture.h"

/* A sender that starts. */
static void restart(void)
{
	sts_policies_destroy(policies);
	kept_reopen();
	begin(kept.store, 0);
}

static uint64_t now_s(void) { return (uint64_t)kept.wall_us / 1000000; }

/* STS-47 */
static void a_restart_knows_what_was_written(void **state)
{
	(void)state;
	struct sts_held *held;
	restart();
	put("a.lab", "7", ENFORCE);
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID); /* before it is written */
	kept_write();
	restart();
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID);
	assert_true(text_equal(held->id, TEXT("7")));
	assert_true(text_equal(held->policy.text, TEXT(ENFORCE)));
	assert_int_equal(sts_held_left_s(held), 604800);
	kept_pass_s(604800);
	assert_int_equal(find("a.lab", &held), STS_HELD_EXPIRED); /* that there was one is known */
}

/* STS-51 */
static void what_is_forgotten_in_the_cache_is_forgotten_here(void **state)
{
	struct sts_held *held;
	struct fail fail;
	uint64_t count;
	(void)state;
	restart();
	put("a.lab", "1", ENFORCE);
	kept_write();
	put("b.lab", "1", ENFORCE);
	assert_int_equal(cache_forget(kept.cache, TEXT("a.lab"), now_s(), &count, &fail), RESULT_OK);
	assert_int_equal(count, 1);
	assert_int_equal(find("a.lab", &held), STS_HELD_NONE);
	assert_int_equal(find("b.lab", &held), STS_HELD_VALID); /* on its way to the cache */
}

/* What another process writes. */
static void write_elsewhere(const char *domain, const char *text)
{
	struct cache_batch *batch;
	struct fail fail;
	const struct text mx[] = { TEXT("other.lab") };
	const struct cache_entry entry = {
		.key = { .table = CACHE_TABLE_STS, .name = text_of(domain) },
		.times = { now_s(), now_s() + 100 * DAY_S },
		.of.sts = { .mode = CACHE_STS_TESTING, .id = TEXT("2"), .max_age_s = 100 * DAY_S, .mx = mx,
			.mx_count = 1, .policy = text_of(text) },
	};
	assert_int_equal(cache_batch_create(CACHE_BATCH_BYTES_MIN, &batch, &fail), RESULT_OK);
	assert_int_equal(cache_batch_put(batch, &entry, &fail), RESULT_OK);
	assert_int_equal(cache_write(kept.cache, batch, now_s(), &fail), RESULT_OK);
	cache_batch_destroy(&batch);
}

static void what_another_process_has_fetched_later_is_taken_over(void **state)
{
	struct sts_held *held;
	(void)state;
	restart();
	put("a.lab", "1", ENFORCE);
	kept_write();
	kept_pass_s(1);
	write_elsewhere("a.lab", "version: STSv1\nmode: testing\nmx: other.lab\nmax_age: 1000\n");
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID);
	assert_int_equal(held->policy.mode, STS_MODE_TESTING);
	assert_int_equal(sts_policies_count(policies), 1);
}

static void a_policy_that_is_dropped_is_gone_from_the_cache_too(void **state)
{
	struct sts_held *held;
	(void)state;
	restart();
	held = put("a.lab", "1", ENFORCE);
	kept_write();
	sts_policies_drop(policies, held);
	kept_write();
	assert_int_equal(find("a.lab", &held), STS_HELD_NONE);
	restart();
	assert_int_equal(find("a.lab", &held), STS_HELD_NONE);
}

/* DESIGN 5: what cannot be looked at is not what was forgotten. */
static void while_the_cache_is_opened_anew_policies_stay(void **state)
{
	struct sts_held *held;
	(void)state;
	restart();
	put("a.lab", "1", ENFORCE);
	kept_write();
	route_store_set_reader(kept.store, NULL);
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID);
	assert_int_equal(find("b.lab", &held), STS_HELD_NONE);
	route_store_set_reader(kept.store, kept.reader);
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID);
}

/* As the thread that writes does with files that are damaged, or gone. */
static void begin_cache_anew(void)
{
	char gone[TEMP_PATH_SIZE];
	(void)snprintf(gone, sizeof gone, "%s", temp_path("gone"));
	route_store_set_reader(kept.store, NULL);
	cache_reader_destroy(&kept.reader);
	cache_close(&kept.cache);
	assert_int_equal(rename(temp_path("cache"), gone), 0);
	kept_open_cache();
	route_store_set_reader(kept.store, kept.reader);
}

/* STS-47 */
static void a_cache_that_begins_anew_gets_the_policies_in_use_again(void **state)
{
	struct sts_held *held;
	(void)state;
	restart();
	put("a.lab", "1", ENFORCE);
	kept_write();
	restart();
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID); /* read from there */
	put("b.lab", "1", ENFORCE);
	kept_write(); /* written there */
	begin_cache_anew();
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID);
	assert_int_equal(find("b.lab", &held), STS_HELD_VALID);
	kept_write();
	restart();
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID);
	assert_int_equal(find("b.lab", &held), STS_HELD_VALID);
}

/* STS-51 */
static void what_was_read_after_a_start_is_forgotten_with_the_cache_too(void **state)
{
	struct sts_held *held;
	struct fail fail;
	uint64_t count;
	(void)state;
	restart();
	put("a.lab", "1", ENFORCE);
	kept_write();
	restart();
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID);
	assert_int_equal(cache_forget(kept.cache, TEXT("a.lab"), now_s(), &count, &fail), RESULT_OK);
	assert_int_equal(find("a.lab", &held), STS_HELD_NONE);
	assert_null(route_store_take(kept.store));
}

/* STS-47: a burst of others must not cost a restart its policies. */
static void what_had_no_room_on_the_way_to_the_cache_is_sent_again(void **state)
{
	struct sts_held *held;
	(void)state;
	char *large = calloc(1, STS_POLICY_BYTES_MAX);
	assert_non_null(large);
	int len = snprintf(large, STS_POLICY_BYTES_MAX, "%s", ENFORCE);
	while (len + 24 < STS_POLICY_BYTES_MAX)
		len += snprintf(large + len, 24, "note: filled up\n");
	restart();
	for (char domain[] = "a.large"; domain[0] < 'e'; domain[0]++)
		put(domain, "1", large);
	free(large);
	put("e.lab", "1", ENFORCE);
	struct route_store_counts counts;
	route_store_count(kept.store, &counts);
	assert_true(counts.dropped > 0);
	for (int i = 0; i < 2; i++) {
		kept_write();
		for (char domain[] = "a.large"; domain[0] < 'e'; domain[0]++)
			assert_int_equal(find(domain, &held), STS_HELD_VALID);
		assert_int_equal(find("e.lab", &held), STS_HELD_VALID);
	}
	restart();
	for (char domain[] = "a.large"; domain[0] < 'e'; domain[0]++)
		assert_int_equal(find(domain, &held), STS_HELD_VALID);
	assert_int_equal(find("e.lab", &held), STS_HELD_VALID);
}

/* DNS-27: a corrupt value is a miss there; here the policy is known. */
static void a_damaged_entry_of_the_cache_takes_no_policy_away(void **state)
{
	static const char text[] = "mode: enforce";
	struct sts_held *held;
	(void)state;
	restart();
	put("a.lab", "1", ENFORCE);
	kept_write();
	FILE *file = fopen(temp_path("cache/data.mdb"), "r+");
	assert_non_null(file);
	static char page[64 * 1024];
	size_t len = fread(page, 1, sizeof page, file);
	char *at = memmem(page, len, text, strlen(text));
	assert_non_null(at);
	assert_int_equal(fseek(file, at - page, SEEK_SET), 0);
	assert_int_equal(fwrite("nods", 1, 4, file), 4);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID);
	kept_write();
	restart();
	assert_int_equal(find("a.lab", &held), STS_HELD_VALID);
}

static void who_is_found_is_never_the_one_who_makes_room(void **state)
{
	static const char longer[] = "version: STSv1\nmode: testing\nmx: other.lab\nmax_age: 8640000\n"
				     "note: so long that there is not room for both of them any more, since "
				     "another process has fetched this one\n";
	struct sts_held *held;
	(void)state;
	sts_policies_destroy(policies);
	begin(kept.store, 2 * (sizeof(struct sts_held) + 100));
	put("a.lab", "1", ENFORCE);
	put("b.lab", "1", ENFORCE);
	kept_write();
	kept_pass_s(10);
	write_elsewhere("b.lab", longer);
	pass(DAY_S + 1); /* the renewal of b finds what the other has */
	assert_int_equal(sts_policies_find(policies, TEXT("a.lab"), false, &held), STS_HELD_VALID);
	assert_true(text_equal(held->domain, TEXT("a.lab")));
	assert_int_equal(sts_policies_count(policies), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_OF(a_restart_knows_what_was_written),
		TEST_OF(what_is_forgotten_in_the_cache_is_forgotten_here),
		TEST_OF(what_another_process_has_fetched_later_is_taken_over),
		TEST_OF(a_policy_that_is_dropped_is_gone_from_the_cache_too),
		TEST_OF(while_the_cache_is_opened_anew_policies_stay),
		TEST_OF(a_cache_that_begins_anew_gets_the_policies_in_use_again),
		TEST_OF(what_was_read_after_a_start_is_forgotten_with_the_cache_too),
		TEST_OF(what_had_no_room_on_the_way_to_the_cache_is_sent_again),
		TEST_OF(a_damaged_entry_of_the_cache_takes_no_policy_away),
		TEST_OF(who_is_found_is_never_the_one_who_makes_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
