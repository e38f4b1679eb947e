#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "bench/load_spread.h"

enum { DRAWS = 200000 };

static struct random_state dice(void)
{
	struct random_state random;
	random_init_seed(&random, 7);
	return random;
}

/* Within 5 standard deviations of a binomial: a run in a million would fail by chance, and the seed
 * is fixed. */
static void assert_share(size_t count, double share)
{
	double expected = DRAWS * share;
	double variance = expected * (1 - share);
	double off = (double)count - expected;
	assert_true(off * off <= 25 * variance + 1);
}

static void weights_are_drawn_by_their_share(void **state)
{
	(void)state;
	const double each[] = { 1, 0, 3, 6 };
	size_t counts[4] = { 0 };
	struct load_weights weights;
	struct fail fail;
	struct random_state random = dice();
	assert_int_equal(load_weights_init(&weights, each, 4, &fail), RESULT_OK);
	for (size_t i = 0; i < DRAWS; i++)
		counts[load_weights_pick(&weights, &random)]++;
	assert_share(counts[0], 0.1);
	assert_int_equal(counts[1], 0);
	assert_share(counts[2], 0.3);
	assert_share(counts[3], 0.6);
	load_weights_deinit(&weights);
}

static void weights_that_are_none_are_refused(void **state)
{
	(void)state;
	const double negative[] = { 1, -1 }, zero[] = { 0, 0 };
	struct load_weights weights;
	struct fail fail;
	assert_int_equal(load_weights_init(&weights, negative, 2, &fail), RESULT_INVALID);
	assert_int_equal(load_weights_init(&weights, zero, 2, &fail), RESULT_INVALID);
	assert_int_equal(load_weights_init(&weights, zero, 0, &fail), RESULT_INVALID);
}

static const char *name_of(const struct load_domains *domains, size_t index)
{
	static char memory[300];
	struct buf out;
	buf_init(&out, memory, sizeof memory - 1);
	load_domains_put(domains, index, &out);
	memory[out.len] = '\0';
	return memory;
}

static void a_pattern_makes_the_names(void **state)
{
	(void)state;
	struct load_domains domains;
	struct fail fail;
	const struct load_domains_config config = { .pattern = "d%05d.lab", .count = 12 };
	assert_int_equal(load_domains_init(&domains, &config, &fail), RESULT_OK);
	assert_string_equal(name_of(&domains, 0), "d00000.lab");
	assert_string_equal(name_of(&domains, 11), "d00011.lab");
	load_domains_deinit(&domains);
	const struct load_domains_config bare = { .pattern = "%d.x", .count = 12 };
	assert_int_equal(load_domains_init(&domains, &bare, &fail), RESULT_OK);
	assert_string_equal(name_of(&domains, 11), "11.x");
	load_domains_deinit(&domains);
}

static void what_is_no_set_of_domains_is_refused(void **state)
{
	(void)state;
	static const struct load_domains_config bad[] = {
		{ .pattern = "lab", .count = 2 },
		{ .pattern = "d%s.lab", .count = 2 },
		{ .pattern = "d%-5d.lab", .count = 2 },
		{ .pattern = "d%d.lab", .count = 0 },
		{ .pattern = "d%d.lab", .count = 2, .skew = "big.lab" },
		{ .pattern = "d%d.lab", .count = 2, .skew = "big.lab=x" },
		{ .pattern = "d%d.lab", .count = 2, .skew = "a.lab=60,b.lab=50" },
	};
	struct load_domains domains;
	struct fail fail;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(load_domains_init(&domains, &bad[i], &fail), RESULT_INVALID);
	const struct load_domains_config missing = { .pattern = "d%d", .file = "/nonexistent/file" };
	assert_int_not_equal(load_domains_init(&domains, &missing, &fail), RESULT_OK);
}

static void skewed_domains_get_their_share(void **state)
{
	(void)state;
	struct load_domains domains;
	struct fail fail;
	struct random_state random = dice();
	size_t counts[12] = { 0 };
	const struct load_domains_config config = { .pattern = "d%d.lab", .count = 10,
		.skew = "big.lab=30,large.lab=20" };
	assert_int_equal(load_domains_init(&domains, &config, &fail), RESULT_OK);
	assert_string_equal(name_of(&domains, 1), "large.lab");
	assert_string_equal(name_of(&domains, 2), "d0.lab");
	for (size_t i = 0; i < DRAWS; i++)
		counts[load_domains_pick(&domains, &random)]++;
	assert_share(counts[0], 0.3);
	assert_share(counts[1], 0.2);
	for (size_t i = 2; i < 12; i++)
		assert_share(counts[i], 0.05);
	load_domains_deinit(&domains);
}

static void zipf_weighs_by_rank(void **state)
{
	(void)state;
	struct load_domains domains;
	struct fail fail;
	struct random_state random = dice();
	size_t counts[3] = { 0 };
	const struct load_domains_config config = { .pattern = "d%d.lab", .count = 3, .zipf = 1 };
	assert_int_equal(load_domains_init(&domains, &config, &fail), RESULT_OK);
	for (size_t i = 0; i < DRAWS; i++)
		counts[load_domains_pick(&domains, &random)]++;
	assert_share(counts[0], 6.0 / 11);
	assert_share(counts[1], 3.0 / 11);
	assert_share(counts[2], 2.0 / 11);
	load_domains_deinit(&domains);
}

static void a_file_names_domains_with_weights(void **state)
{
	(void)state;
	char path[] = "/tmp/longship-domains-XXXXXX";
	static const char text[] = "# providers\nbig.lab 3\n\n  small.lab\nnext.lab\t2\n";
	struct load_domains domains;
	struct fail fail;
	struct random_state random = dice();
	size_t counts[3] = { 0 };
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
	close(fd);
	const struct load_domains_config config = { .pattern = "d%d.lab", .file = path };
	assert_int_equal(load_domains_init(&domains, &config, &fail), RESULT_OK);
	assert_int_equal(domains.weights.count, 3);
	assert_string_equal(name_of(&domains, 2), "next.lab");
	for (size_t i = 0; i < DRAWS; i++)
		counts[load_domains_pick(&domains, &random)]++;
	assert_share(counts[0], 3.0 / 6);
	assert_share(counts[1], 1.0 / 6);
	load_domains_deinit(&domains);
	unlink(path);
}

static void sizes_come_from_a_list(void **state)
{
	(void)state;
	struct load_sizes sizes;
	struct fail fail;
	struct random_state random = dice();
	size_t small = 0, large = 0;
	assert_int_equal(load_sizes_init(&sizes, "8K", 1, 1 << 20, &fail), RESULT_OK);
	assert_int_equal(load_sizes_pick(&sizes, &random), 8192);
	load_sizes_deinit(&sizes);
	assert_int_equal(load_sizes_init(&sizes, "2000:3,1M:1", 1, 1 << 20, &fail), RESULT_OK);
	for (size_t i = 0; i < DRAWS; i++) {
		uint64_t size = load_sizes_pick(&sizes, &random);
		small += size == 2000;
		large += size == 1 << 20;
	}
	assert_int_equal(small + large, DRAWS);
	assert_share(small, 0.75);
	load_sizes_deinit(&sizes);
}

static void lognormal_sizes_have_their_median_and_percentile(void **state)
{
	(void)state;
	struct load_sizes sizes;
	struct fail fail;
	struct random_state random = dice();
	size_t below_median = 0, below_95 = 0;
	assert_int_equal(load_sizes_init(&sizes, "lognormal:24K:110K", 1024, 1 << 30, &fail), RESULT_OK);
	for (size_t i = 0; i < DRAWS; i++) {
		uint64_t size = load_sizes_pick(&sizes, &random);
		assert_in_range(size, 1024, 1 << 30);
		below_median += size < 24 * 1024;
		below_95 += size < 110 * 1024;
	}
	assert_share(below_median, 0.5);
	assert_share(below_95, 0.95);
	load_sizes_deinit(&sizes);
}

static void what_is_no_size_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "8X", "8K:", "8K:-1", "8K:0", "lognormal:8K",
		"lognormal:8K:4K", "lognormal:0:4K", "K", "8K,,4K" };
	struct load_sizes sizes;
	struct fail fail;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(load_sizes_init(&sizes, bad[i], 1, 100, &fail), RESULT_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_are_drawn_by_their_share),
		cmocka_unit_test(weights_that_are_none_are_refused),
		cmocka_unit_test(a_pattern_makes_the_names),
		cmocka_unit_test(what_is_no_set_of_domains_is_refused),
		cmocka_unit_test(skewed_domains_get_their_share),
		cmocka_unit_test(zipf_weighs_by_rank),
		cmocka_unit_test(a_file_names_domains_with_weights),
		cmocka_unit_test(sizes_come_from_a_list),
		cmocka_unit_test(lognormal_sizes_have_their_median_and_percentile),
		cmocka_unit_test(what_is_no_size_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
