/* What a look-up in the shared cache costs (DESIGN 6: at most 2 us), among as many domains as a large
 * sender knows, in an order that no cache of the processor foresees. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bench/micro/micro.h"
#include "store/cache.h"

enum {
	DOMAINS = 20000,
	STEP = 7919, /* prime to DOMAINS: all of them, neighbours far apart */
	NOW_S = 1788266096,
	LIFE_S = 3600,
	BATCH_BYTES = 8 << 20,
	ARENA_BYTES = 65536,
	NAME_SIZE = 32,
};

struct cache_bench {
	char path[32];
	struct cache *cache;
	struct cache_reader *reader;
	char (*names)[NAME_SIZE];
	uint64_t at; /* which is asked for next */
	struct arena arena;
};

static const struct tlsa_record records[] = {
	{ .usage = TLSA_USAGE_DANE_EE,
		.selector = TLSA_SELECTOR_SPKI,
		.matching = TLSA_MATCHING_SHA256,
		.data = TEXT_INIT("0123456789abcdef0123456789abcdef") },
	{ .usage = TLSA_USAGE_DANE_EE,
		.selector = TLSA_SELECTOR_SPKI,
		.matching = TLSA_MATCHING_SHA256,
		.data = TEXT_INIT("fedcba9876543210fedcba9876543210") },
};
static const struct text patterns[] = { TEXT_INIT("mx1.example.com"), TEXT_INIT("*.example.net") };

static struct cache_key key_of(
	const struct cache_bench *bench, enum cache_table table, uint64_t domain)
{
	const struct text name = text_of(bench->names[domain]);
	return table == CACHE_TABLE_TLSA ? (struct cache_key){ table, 1, 25, name }
					 : (struct cache_key){ table, 0, 0, name };
}

static void put_domain(struct cache_bench *bench, struct cache_batch *batch, uint64_t domain)
{
	const struct cache_entry tlsa = {
		.key = key_of(bench, CACHE_TABLE_TLSA, domain),
		.times = { NOW_S, NOW_S + LIFE_S },
		.of.tlsa = { DNS_SECURE_DATA, TEXT("mx.example.com"), records, COUNT_OF(records),
			false },
	};
	const struct cache_entry sts = {
		.key = key_of(bench, CACHE_TABLE_STS, domain),
		.times = { NOW_S, NOW_S + LIFE_S },
		.of.sts = { CACHE_STS_ENFORCE, TEXT("20260901"), LIFE_S, patterns,
			COUNT_OF(patterns), 0, 0,
			TEXT("version: STSv1\nmode: enforce\nmx: mx1.example.com\nmx: "
			     "*.example.net\n"
			     "max_age: 3600\n") },
	};
	CHECK(cache_batch_put(batch, &tlsa, NULL) == RESULT_OK);
	CHECK(cache_batch_put(batch, &sts, NULL) == RESULT_OK);
}

static void fill(struct cache_bench *bench)
{
	struct cache_batch *batch;
	CHECK(cache_batch_create(BATCH_BYTES, &batch, NULL) == RESULT_OK);
	for (uint64_t i = 0; i < DOMAINS; i++) {
		put_domain(bench, batch, i);
		if (i % 4096 == 4095 || i == DOMAINS - 1)
			CHECK(cache_write(bench->cache, batch, NOW_S, NULL) == RESULT_OK);
	}
	cache_batch_destroy(&batch);
}

static void *set_up(void)
{
	struct cache_bench *bench = calloc(1, sizeof *bench);
	CHECK(bench != NULL);
	bench->names = calloc(DOMAINS, sizeof *bench->names);
	CHECK(bench->names != NULL);
	for (uint64_t i = 0; i < DOMAINS; i++)
		(void)snprintf(bench->names[i], NAME_SIZE, "mx%llu.example%llu.net",
			(unsigned long long)(i % 7), (unsigned long long)i);
	(void)snprintf(bench->path, sizeof bench->path, "/tmp/longship_micro.%ld", (long)getpid());
	CHECK(mkdir(bench->path, 0700) == 0);
	const struct cache_config config = { .path = bench->path,
		.map_bytes = CACHE_MAP_BYTES,
		.readers_max = CACHE_READERS_MAX,
		.entries_max = CACHE_ENTRIES_MAX };
	CHECK(cache_open(&config, &bench->cache, NULL) == RESULT_OK);
	CHECK(cache_reader_create(bench->cache, &bench->reader, NULL) == RESULT_OK);
	fill(bench);
	arena_init(&bench->arena, ARENA_BYTES, ARENA_BYTES);
	return bench;
}

static void tear_down(void *state)
{
	static const char *const files[] = { "cache/data.mdb", "cache/lock.mdb", "cache.lock" };
	struct cache_bench *bench = state;
	char path[64];
	cache_reader_destroy(&bench->reader);
	cache_close(&bench->cache);
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		(void)snprintf(path, sizeof path, "%s/%s", bench->path, files[i]);
		CHECK(unlink(path) == 0);
	}
	(void)snprintf(path, sizeof path, "%s/cache", bench->path);
	CHECK(rmdir(path) == 0 && rmdir(bench->path) == 0);
	arena_deinit(&bench->arena);
	free(bench->names);
	free(bench);
}

static void look_up(struct cache_bench *bench, enum cache_table table, uint64_t times,
	uint64_t now_s, enum result want)
{
	for (uint64_t i = 0; i < times; i++) {
		struct cache_entry entry;
		bench->at = (bench->at + STEP) % DOMAINS;
		const struct cache_key key = key_of(bench, table, bench->at);
		arena_reset(&bench->arena);
		CHECK(cache_get(bench->reader, &key, now_s, &bench->arena, &entry) == want);
		micro_use(&entry);
	}
}

static void run_tlsa(void *state, uint64_t times)
{
	look_up(state, CACHE_TABLE_TLSA, times, NOW_S, RESULT_OK);
}

static void run_sts(void *state, uint64_t times)
{
	look_up(state, CACHE_TABLE_STS, times, NOW_S, RESULT_OK);
}

static void run_expired(void *state, uint64_t times)
{
	look_up(state, CACHE_TABLE_TLSA, times, NOW_S + LIFE_S, RESULT_NOT_FOUND);
}

static const struct micro_case cases[] = {
	{ .name = "cache: look up two TLSA records",
		.bound_ns = 2000,
		.setup = set_up,
		.run = run_tlsa,
		.teardown = tear_down },
	{ .name = "cache: look up a policy of MTA-STS",
		.bound_ns = 2000,
		.setup = set_up,
		.run = run_sts,
		.teardown = tear_down },
	{ .name = "cache: look up what has expired",
		.bound_ns = 2000,
		.setup = set_up,
		.run = run_expired,
		.teardown = tear_down },
};

int main(int argc, char **argv) { return micro_main(cases, COUNT_OF(cases), argc, argv); }
