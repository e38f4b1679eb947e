#include "tests/unit/unit.h"
#include "tests/unit/store/cache_examples.h"

static uint8_t key_memory[CACHE_KEY_BYTES_MAX], value_memory[CACHE_VALUE_BYTES_MAX + 1024];
static struct buf key_buf, value_buf;
static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	buf_init(&key_buf, key_memory, sizeof key_memory);
	buf_init(&value_buf, value_memory, sizeof value_memory);
	arena_init(&arena, 65536, 8 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static enum result encode(const struct cache_entry *entry)
{
	buf_reset(&key_buf);
	buf_reset(&value_buf);
	assert_true(cache_schema_put_key(&key_buf, &entry->key));
	return cache_schema_put_value(&value_buf, buf_text(&key_buf), entry, NULL);
}

static bool decode(struct cache_entry *out_entry)
{
	return cache_schema_get_value(buf_text(&key_buf), buf_text(&value_buf), &arena, out_entry);
}

static void every_entry_comes_back_the_same_and_has_one_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < EXAMPLES; i++) {
		struct cache_entry back;
		assert_int_equal(encode(&examples[i]), RESULT_OK);
		assert_true(decode(&back));
		assert_same_entry(&back, &examples[i]);
		uint8_t again_memory[1024];
		struct buf again;
		buf_init(&again, again_memory, sizeof again_memory);
		assert_int_equal(
			cache_schema_put_value(&again, buf_text(&key_buf), &back, NULL), RESULT_OK);
		assert_true(text_equal(buf_text(&again), buf_text(&value_buf)));
	}
}

/* DNS-27: whatever was changed is a miss. */
static void each_changed_bit_and_each_missing_octet_is_damage(void **state)
{
	(void)state;
	for (size_t i = 0; i < EXAMPLES; i++) {
		struct cache_entry back;
		struct cache_times times;
		assert_int_equal(encode(&examples[i]), RESULT_OK);
		struct text key = buf_text(&key_buf), value = buf_text(&value_buf);
		for (size_t bit = 0; bit < 8 * value.len; bit++) {
			value_memory[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(cache_schema_get_value(key, value, &arena, &back));
			assert_false(cache_schema_get_times(key, value, &times));
			value_memory[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (size_t bit = 0; bit < 8 * key.len; bit++) {
			key_memory[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(cache_schema_get_value(key, value, &arena, &back));
			key_memory[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (size_t len = 0; len < value.len; len++)
			assert_false(
				cache_schema_get_value(key, text_cut(value, len), &arena, &back));
		buf_put_u8(&value_buf, 0);
		assert_false(decode(&back));
	}
}

/* DNS-36: "MX1.Example.COM." and "mx1.example.com" are one name. */
static void a_key_is_in_lower_case_without_the_last_dot(void **state)
{
	(void)state;
	struct cache_key key = { CACHE_TABLE_TLSA, UINT64_MAX, 465, TEXT("MX1.Example.COM.") },
			 back;
	assert_true(cache_schema_put_key(&key_buf, &key));
	assert_true(cache_schema_get_key(buf_text(&key_buf), &back));
	assert_int_equal(back.table, CACHE_TABLE_TLSA);
	assert_true(back.generation == UINT64_MAX);
	assert_int_equal(back.number, 465);
	assert_text_equal(back.name, "mx1.example.com");
	key_memory[CACHE_KEY_HEADER_BYTES] = 'M';
	assert_false(cache_schema_get_key(buf_text(&key_buf), &back));
}

static void a_key_that_cannot_be_is_refused(void **state)
{
	(void)state;
	char name[DOMAIN_BYTES_MAX + 1];
	memset(name, 'a', sizeof name);
	const struct text longest = { name, DOMAIN_BYTES_MAX }, too_long = { name, sizeof name };
	const struct cache_key keys[] = {
		{ CACHE_TABLE_STS, 0, 0, TEXT("") },
		{ CACHE_TABLE_STS, 0, 0, TEXT(".") },
		{ CACHE_TABLE_STS, 0, 0, TEXT("a..") },
		{ CACHE_TABLE_STS, 0, 0, TEXT("a b") },
		{ CACHE_TABLE_STS, 0, 0, TEXT("a\n") },
		{ CACHE_TABLE_STS, 0, 0, too_long },
		{ CACHE_TABLE_STS, 1, 0, TEXT("a") },
		{ CACHE_TABLE_STS, 0, 1, TEXT("a") },
		{ CACHE_TABLE_TLSA, 1, 0, TEXT("a") },
		{ CACHE_TABLE_ANSWER, 1, DNS_TYPE_TLSA, TEXT("a") },
		{ CACHE_TABLE_ANSWER, 1, 0, TEXT("a") },
		{ (enum cache_table)0, 1, 1, TEXT("a") },
		{ (enum cache_table)4, 1, 1, TEXT("a") },
	};
	struct cache_key back;
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		assert_false(cache_schema_put_key(&key_buf, &keys[i]));
		assert_int_equal(key_buf.len, 0);
	}
	const struct cache_key good = { CACHE_TABLE_STS, 0, 0, longest };
	assert_true(cache_schema_put_key(&key_buf, &good));
	assert_int_equal(key_buf.len, CACHE_KEY_BYTES_MAX);
	for (size_t len = 0; len <= CACHE_KEY_HEADER_BYTES; len++)
		assert_false(cache_schema_get_key(text_cut(buf_text(&key_buf), len), &back));
}

/* DNS-18, DNS-19: neither bogus nor failed answers; DNS-14: no TTL 0; STS: no max_age 0. */
static void what_may_not_be_kept_cannot_be_written(void **state)
{
	(void)state;
	struct cache_entry bad[12];
	size_t count = 0;
	bad[count] = examples[EXAMPLE_MX];
	bad[count].of.answer.class = DNS_FAILURE;
	bad[count++].of.answer.rdata_count = 0;
	bad[count] = examples[EXAMPLE_A];
	bad[count++].of.answer.bogus = true;
	bad[count] = examples[EXAMPLE_A];
	bad[count++].of.answer.class = DNS_FAILURE;
	bad[count] = examples[EXAMPLE_TLSA_NONE];
	bad[count++].of.tlsa.class = DNS_FAILURE;
	bad[count] = examples[EXAMPLE_TLSA];
	bad[count++].of.tlsa.class = DNS_SECURE_DENIAL;
	bad[count] = examples[EXAMPLE_MX];
	bad[count++].times.expires_s = EXAMPLE_NOW_S;
	bad[count] = examples[EXAMPLE_MX];
	bad[count++].times = (struct cache_times){ UINT64_MAX - 5, UINT64_MAX };
	bad[count] = examples[EXAMPLE_STS];
	bad[count++].of.sts.max_age_s = 0;
	bad[count] = examples[EXAMPLE_STS];
	bad[count++].of.sts.id = TEXT("a-b");
	bad[count] = examples[EXAMPLE_STS];
	bad[count++].of.sts.mx_count = 0;
	bad[count] = examples[EXAMPLE_STS];
	bad[count++].of.sts.mode = (enum cache_sts_mode)4;
	bad[count] = examples[EXAMPLE_STS];
	bad[count++].of.sts.max_age_s = CACHE_STS_AGE_MAX_S + 1;
	assert_int_equal(count, COUNT_OF(bad));
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(encode(&bad[i]), RESULT_INVALID);
		assert_int_equal(value_buf.len, 0);
	}
	struct fail fail;
	assert_int_equal(cache_schema_put_value(&value_buf, buf_text(&key_buf), &bad[11], &fail),
		RESULT_INVALID);
	assert_string_equal(
		fail.text, "the entry sts of example.com is not kept: its max_age is too large");
}

/* DNS-13, DNS-17, STS-39: a life is cut to what its kind allows, and never made longer. */
static void a_life_is_only_ever_shortened(void **state)
{
	(void)state;
	static const struct {
		size_t example;
		uint64_t asked_s, given_s;
	} rows[] = {
		{ EXAMPLE_TLSA, 1, 1 },
		{ EXAMPLE_TLSA, DNS_TTL_MAX_S, DNS_TTL_MAX_S },
		{ EXAMPLE_TLSA, INT32_MAX, DNS_TTL_MAX_S },
		{ EXAMPLE_MX, UINT32_MAX, DNS_TTL_MAX_S },
		{ EXAMPLE_TLSA_NONE, 604800, DNS_NEGATIVE_TTL_MAX_S },
		{ EXAMPLE_A, DNS_NEGATIVE_TTL_MAX_S + 1, DNS_NEGATIVE_TTL_MAX_S },
		{ EXAMPLE_A, 3, 3 },
		{ EXAMPLE_STS, 604801, 604800 },
		{ EXAMPLE_STS, 20, 20 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct cache_entry entry = examples[rows[i].example], back;
		entry.times.expires_s = entry.times.fetched_s + rows[i].asked_s;
		assert_int_equal(encode(&entry), RESULT_OK);
		assert_true(decode(&back));
		assert_true(back.times.expires_s == EXAMPLE_NOW_S + rows[i].given_s);
	}
}

static void other_times_keep_the_entry_whole(void **state)
{
	(void)state;
	struct cache_entry want = examples[EXAMPLE_STS], back;
	const struct cache_times times = { EXAMPLE_NOW_S - 1000, EXAMPLE_NOW_S - 10 };
	assert_int_equal(encode(&want), RESULT_OK);
	cache_schema_set_times(buf_text(&key_buf), value_memory, value_buf.len, &times);
	assert_true(decode(&back));
	want.times = times;
	assert_same_entry(&back, &want);
}

/* DNS-32: what comes through DNS fits, and STS-47: so does the largest policy with its text. */
static void the_largest_entries_fit_and_larger_ones_are_refused(void **state)
{
	(void)state;
	static char data[CACHE_STS_POLICY_BYTES_MAX];
	memset(data, 'x', sizeof data);
	struct tlsa_record records[TLSA_RECORDS_MAX];
	for (size_t i = 0; i < COUNT_OF(records); i++)
		records[i] =
			(struct tlsa_record){ .usage = 3, .selector = 0, .matching = 0, .data = { data, 65535 / TLSA_RECORDS_MAX } };
	struct cache_entry entry = examples[EXAMPLE_TLSA], back;
	entry.of.tlsa.records = records;
	entry.of.tlsa.count = COUNT_OF(records);
	assert_int_equal(encode(&entry), RESULT_OK);
	assert_true(decode(&back));
	assert_same_entry(&back, &entry);
	for (size_t i = 0; i < COUNT_OF(records); i++)
		records[i].data.len = TLSA_DATA_BYTES_MAX;
	assert_int_equal(encode(&entry), RESULT_NO_SPACE);
	assert_int_equal(value_buf.len, 0);

	/* "mx:a\n" is the shortest line of a pattern; the longest pattern has 255 octets. */
	static struct text mx[CACHE_STS_POLICY_BYTES_MAX / 5];
	static const size_t lens[] = { 1, 255 };
	for (size_t i = 0; i < COUNT_OF(lens); i++) {
		entry = examples[EXAMPLE_STS];
		entry.of.sts.policy = (struct text){ data, sizeof data };
		entry.of.sts.mx = mx;
		entry.of.sts.mx_count = CACHE_STS_POLICY_BYTES_MAX / (lens[i] + 4);
		for (size_t j = 0; j < entry.of.sts.mx_count; j++)
			mx[j] = (struct text){ data, lens[i] };
		assert_int_equal(encode(&entry), RESULT_OK);
		assert_true(decode(&back));
		assert_same_entry(&back, &entry);
	}
}

static void an_arena_without_room_says_so(void **state)
{
	(void)state;
	struct cache_entry back;
	struct arena small;
	char memory[128];
	arena_init_fixed(&small, memory, sizeof memory);
	assert_int_equal(encode(&examples[EXAMPLE_TLSA]), RESULT_OK);
	assert_false(
		cache_schema_get_value(buf_text(&key_buf), buf_text(&value_buf), &small, &back));
	assert_true(arena_is_exhausted(&small));
	arena_deinit(&small);
}

static void every_table_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(cache_table_name(CACHE_TABLE_TLSA), "tlsa");
	assert_string_equal(cache_table_name(CACHE_TABLE_STS), "sts");
	assert_string_equal(cache_table_name(CACHE_TABLE_ANSWER), "dns");
	assert_null(cache_table_name((enum cache_table)9));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_entry_comes_back_the_same_and_has_one_form),
		TEST(each_changed_bit_and_each_missing_octet_is_damage),
		TEST(a_key_is_in_lower_case_without_the_last_dot),
		TEST(a_key_that_cannot_be_is_refused),
		TEST(what_may_not_be_kept_cannot_be_written),
		TEST(a_life_is_only_ever_shortened),
		TEST(other_times_keep_the_entry_whole),
		TEST(the_largest_entries_fit_and_larger_ones_are_refused),
		TEST(an_arena_without_room_says_so),
		TEST(every_table_has_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
