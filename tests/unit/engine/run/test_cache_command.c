/* longship cache on a cache that the test fills, as a sender would that still has it open. */
#include "engine/run/cache_command.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/io/clock.h"
#include "store/cache.h"
#include "tests/unit/engine/run/command_test.h"
#include "tests/unit/unit.h"

static char folder[96], store[128];
static struct command_result result;
static struct cache *cache;
static struct cache_batch *batch;
static uint64_t now_s;

static const struct tlsa_record records[] = {
	{ .usage = TLSA_USAGE_DANE_EE, .selector = TLSA_SELECTOR_SPKI,
		.matching = TLSA_MATCHING_SHA256, .malformed = false,
		.data = TEXT_INIT("\x0a\xff") },
};
static const struct text patterns[] = { TEXT_INIT("mx1.a.example"), TEXT_INIT("*.b.example") };
static const uint8_t mx_rdata[] = { 0, 10, 3, 'm', 'x', '1', 1, 'a', 7, 'e', 'x', 'a', 'm', 'p',
	'l', 'e', 0 };
static const struct dns_rdata mx = { mx_rdata, sizeof mx_rdata };

static void put(struct cache_entry entry, uint64_t left_s)
{
	entry.times = (struct cache_times){ now_s - 10, now_s + left_s };
	assert_int_equal(cache_batch_put(batch, &entry, NULL), RESULT_OK);
}

static void fill(void)
{
	put((struct cache_entry){ .key = { CACHE_TABLE_TLSA, 5, 25, TEXT("mx1.a.example") },
		    .of.tlsa = { DNS_SECURE_DATA, TEXT("host.example"), records, 1, false } },
		600);
	put((struct cache_entry){ .key = { CACHE_TABLE_STS, 0, 0, TEXT("a.example") },
		    .of.sts = { CACHE_STS_ENFORCE, TEXT("20260901"), 86400, patterns, 2, 1,
			    now_s - 5, TEXT("version: STSv1\r\n") } },
		600);
	put((struct cache_entry){ .key = { CACHE_TABLE_ANSWER, 5, DNS_TYPE_MX, TEXT("a.example") },
		    .of.answer = { .class = DNS_SECURE_DATA, .rdata = &mx, .rdata_count = 1 } },
		600);
	put((struct cache_entry){ .key = { CACHE_TABLE_ANSWER, 5, DNS_TYPE_TXT,
					  TEXT("_mta-sts.a.example") },
		    .of.answer = { .class = DNS_INSECURE_DENIAL, .nxdomain = true } },
		600);
	put((struct cache_entry){ .key = { CACHE_TABLE_ANSWER, 5, DNS_TYPE_A,
					  TEXT("old.a.example") },
		    .of.answer = { .class = DNS_INSECURE_DENIAL } },
		5);
	put((struct cache_entry){ .key = { CACHE_TABLE_STS, 0, 0, TEXT("z.example") },
		    .of.sts = { .mode = CACHE_STS_NONE, .id = TEXT("1"), .max_age_s = 86400 } },
		600);
}

static int set_up(void **state)
{
	(void)state;
	const char *tmp = getenv("TMPDIR");
	(void)snprintf(folder, sizeof folder, "%s/cache-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(store, sizeof store, "--store=%s", folder);
	const struct cache_config config = { folder, CACHE_MAP_BYTES, CACHE_READERS_MAX,
		CACHE_ENTRIES_MAX, false };
	now_s = (uint64_t)clock_wall_us() / 1000000;
	assert_int_equal(cache_open(&config, &cache, NULL), RESULT_OK);
	assert_int_equal(cache_batch_create(CACHE_BATCH_BYTES_MIN, &batch, NULL), RESULT_OK);
	/* So long ago that one of them has expired when somebody asks. */
	now_s -= 100;
	fill();
	assert_int_equal(cache_write(cache, batch, now_s, NULL), RESULT_OK);
	/* The program opens it itself: once in a process. */
	cache_close(&cache);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	char command[128];
	cache_batch_destroy(&batch);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

static void says(int status, const char *text)
{
	if (result.status != status || strstr(result.out, text) == NULL)
		fail_msg("status %d, not %d; \"%s\" is not in %s%s", result.status, status, text,
			result.out, result.err);
}

static size_t lines(void)
{
	size_t count = 0;
	for (const char *at = result.out; *at != '\0'; at++)
		count += *at == '\n';
	return count;
}

#define CACHE(...) COMMAND(run_cache, &result, __VA_ARGS__)

static void list_shows_a_line_for_each_entry_that_has_not_expired(void **state)
{
	(void)state;
	CACHE("list", store);
	says(0, "tlsa mx1.a.example:25 secure data, 1 record of host.example, for another ");
	says(0, "sts a.example enforce, id 20260901, 2 patterns, 1 failed renewal, for another ");
	says(0, "sts z.example none, id 1, 0 patterns, for another ");
	says(0, "dns a.example MX: secure data, 1 record, for another ");
	says(0, "dns _mta-sts.a.example TXT: insecure denial, for another ");
	assert_int_equal(lines(), 5);
	assert_string_equal(result.err, "");
}

static void list_shows_one_table_alone(void **state)
{
	(void)state;
	CACHE("list", "--dane", store);
	says(0, "tlsa ");
	assert_int_equal(lines(), 1);
	CACHE("list", "--sts", store);
	says(0, "sts ");
	assert_int_equal(lines(), 2);
	CACHE("list", "--sts", "--dane", store);
	assert_int_equal(lines(), 3);
}

static void json_has_everything(void **state)
{
	(void)state;
	CACHE("show", "A.example.", "--json", store);
	says(0, "{\"table\":\"tlsa\",\"name\":\"mx1.a.example\",\"port\":25,\"class\":\"secure "
		"data\","
		"\"base_domain\":\"host.example\",\"records\":[\"3 1 1 0aff\"],\"truncated\":false,"
		"\"fetched\":\"20");
	says(0, "{\"table\":\"sts\",\"name\":\"a.example\",\"mode\":\"enforce\",\"id\":"
		"\"20260901\","
		"\"mx\":[\"mx1.a.example\",\"*.b.example\"],\"max_age\":86400,\"failures\":1,"
		"\"failed\":\"20");
	says(0, "\"policy\":\"version: STSv1\\r\\n\",\"fetched\":\"20");
	says(0, "{\"table\":\"dns\",\"name\":\"a.example\",\"type\":\"MX\",\"class\":\"secure "
		"data\","
		"\"nxdomain\":false,\"records\":[\"10 mx1.a.example\"],\"fetched\":\"20");
	says(0, "\"left_s\":");
	assert_int_equal(lines(), 4);
	CACHE("list", "--json", store);
	assert_int_equal(lines(), 5);
	assert_null(strstr(result.out, "\"policy\""));
}

static void show_has_the_records_of_a_domain_and_below(void **state)
{
	(void)state;
	CACHE("show", "a.example", store);
	says(0, "\n  3 1 1 0aff\n");
	says(0, "\n  mx: *.b.example\n");
	says(0, "\n  10 mx1.a.example\n");
	assert_null(strstr(result.out, "z.example"));
	CACHE("show", "mx1.a.example", store);
	assert_int_equal(lines(), 2);
	CACHE("show", "nobody.example", store);
	assert_int_equal(result.status, 1);
	assert_string_equal(result.out, "");
	assert_string_equal(result.err, "longship cache: nothing is kept of nobody.example\n");
}

static void forget_takes_one_domain(void **state) /* STS-51 */
{
	(void)state;
	CACHE("forget", "a.example", store);
	says(0, "a.example: 3 forgotten\n");
	CACHE("list", store);
	assert_int_equal(lines(), 2);
	says(0, "tlsa mx1.a.example:25 ");
	says(0, "sts z.example ");
	CACHE("forget", "a.example", store);
	assert_int_equal(result.status, 1);
	assert_string_equal(result.err, "longship cache: nothing is kept of a.example\n");
	CACHE("forget", "z.example", "--json", store);
	says(0, "{\"name\":\"z.example\",\"forgotten\":1}\n");
}

static void assert_refused(const char *words)
{
	assert_int_equal(result.status, 2);
	assert_string_equal(result.out, "");
	if (strstr(result.err, words) == NULL)
		fail_msg("\"%s\" is not in %s", words, result.err);
}

static void wrong_words_are_refused_with_a_sentence(void **state)
{
	(void)state;
	CACHE(store);
	assert_refused("list, show DOMAIN or forget DOMAIN must stand behind the name");
	CACHE("empty", store);
	assert_refused("list, show DOMAIN or forget DOMAIN must stand behind the name");
	CACHE("list", "a.example", store);
	assert_refused("list takes no DOMAIN");
	CACHE("show", store);
	assert_refused("show takes one DOMAIN");
	CACHE("forget", "a..example", store);
	assert_refused("'a..example' has an empty label");
	CACHE("show", "a.example", "--dane", store);
	assert_refused("--dane and --sts are for list");
	CACHE("list");
	assert_refused("--store DIR is needed");
	CACHE("--help");
	says(0, "list | show DOMAIN | forget DOMAIN");
}

/* A tool begins no cache where none was, and repairs none: that is the sender's. */
static void without_a_cache_nothing_is_made(void **state)
{
	(void)state;
	char path[160], data[128];
	(void)snprintf(path, sizeof path, "%s/empty", store);
	CACHE("list", path);
	assert_refused("there is no cache in ");
	CACHE("forget", "a.example", path);
	assert_refused("there is no cache in ");
	assert_int_equal(access(path + strlen("--store="), F_OK), -1);
	(void)snprintf(data, sizeof data, "%s/cache/data.mdb", folder);
	assert_int_equal(truncate(data, 5000), 0);
	CACHE("forget", "a.example", store);
	assert_refused(" is damaged: ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(list_shows_a_line_for_each_entry_that_has_not_expired),
		TEST(list_shows_one_table_alone),
		TEST(json_has_everything),
		TEST(show_has_the_records_of_a_domain_and_below),
		TEST(forget_takes_one_domain),
		TEST(wrong_words_are_refused_with_a_sentence),
		TEST(without_a_cache_nothing_is_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
