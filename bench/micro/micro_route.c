/* What a route costs that is built of the shared cache: all of the resolver's work for a domain once a
 * minute, without the DNS (ROUTE_LIFE_MAX_S). Among as many domains as a large sender has in use, in an
 * order that no cache of the processor foresees; each has its own MX host. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bench/micro/micro.h"
#include "engine/base/timer_wheel.h"
#include "engine/io/random.h"
#include "engine/route/route_builder.h"
#include "engine/route/route_store.h"
#include "store/cache.h"

enum {
	DOMAINS = 20000,
	STEP = 7919, /* prime to DOMAINS: all of them, neighbours far apart */
	LIFE_S = 3600,
	AT_ONCE = 64, /* asked for before the next step of the wheel */
	BATCH_BYTES = 16 << 20,
	NAME_SIZE = 40,
};
#define WALL_US INT64_C(1788266096000000)
#define STEP_NS 1000000ull

struct route_bench {
	char path[40];
	struct cache *cache;
	struct cache_reader *reader;
	struct route_store *store;
	struct timer_wheel wheel;
	struct random_state random;
	struct route_builder *builder;
	struct route_request requests[AT_ONCE];
	uint64_t at, now_ns; /* which domain is asked for next, and when */
	uint64_t found;
};

static int64_t wall_us(void) { return WALL_US; }

/* ---- what is known of a domain ---- */

static void learn(struct route_bench *bench, const char *name, enum dns_type type, enum dns_class class,
	const struct dns_rdata *rdata, size_t count)
{
	const struct dns_answer answer = {
		.class = class,
		.type = (uint16_t)type,
		.ttl_s = LIFE_S,
		.extended_error = DNS_EXTENDED_ERROR_NONE,
		.name = text_of(name),
		.canonical_name = text_of(name),
		.rdata = rdata,
		.rdata_count = count,
	};
	route_store_learn(bench->store, &answer);
}

static void learn_mx(struct route_bench *bench, const char *domain, enum dns_class class)
{
	uint8_t rdata[NAME_SIZE + 8]; /* preference 10, "mx" and the domain */
	struct buf buf;
	buf_init(&buf, rdata, sizeof rdata);
	buf_put(&buf, "\0\12\2mx", 5);
	struct text rest = text_of(domain), label;
	while (text_split(&rest, '.', &label)) {
		buf_put_u8(&buf, (uint8_t)label.len);
		buf_put_text(&buf, label);
	}
	buf_put_u8(&buf, 0);
	CHECK(!buf.overflow);
	const struct dns_rdata record = { rdata, buf.len };
	learn(bench, domain, DNS_TYPE_MX, class, &record, 1);
}

static void learn_host(struct route_bench *bench, const char *domain, enum dns_class class)
{
	static const uint8_t addresses[2][4] = { { 9, 9, 9, 1 }, { 9, 9, 9, 2 } };
	static const uint8_t records[2][35] = { { 3, 1, 1, 1 }, { 3, 1, 1, 2 } };
	const struct dns_rdata a[] = { { addresses[0], 4 }, { addresses[1], 4 } };
	const struct dns_rdata tlsa[] = { { records[0], 35 }, { records[1], 35 } };
	bool is_secure = class == DNS_SECURE_DATA;
	char name[NAME_SIZE + 16];
	(void)snprintf(name, sizeof name, "mx.%s", domain);
	learn(bench, name, DNS_TYPE_A, class, a, 2);
	learn(bench, name, DNS_TYPE_AAAA, is_secure ? DNS_SECURE_DENIAL : DNS_INSECURE_DENIAL, NULL, 0);
	(void)snprintf(name, sizeof name, "_25._tcp.mx.%s", domain);
	if (is_secure)
		learn(bench, name, DNS_TYPE_TLSA, class, tlsa, 2);
}

static void name_of(uint64_t number, char out_name[NAME_SIZE])
{
	(void)snprintf(out_name, NAME_SIZE, "d%llu.example%llu.net", (unsigned long long)number,
		(unsigned long long)(number % 97));
}

static void write_learned(struct route_bench *bench)
{
	struct cache_batch *batch = route_store_take(bench->store);
	CHECK(batch != NULL);
	CHECK(cache_write(bench->cache, batch, WALL_US / 1000000, NULL) == RESULT_OK);
	route_store_give(bench->store, batch);
}

static void fill(struct route_bench *bench, enum dns_class class)
{
	char name[NAME_SIZE];
	for (uint64_t i = 0; i < DOMAINS; i++) {
		name_of(i, name);
		learn_mx(bench, name, class);
		learn_host(bench, name, class);
		if (i % 4096 == 4095 || i == DOMAINS - 1)
			write_learned(bench);
	}
}

/* ---- life ---- */

static void open_store(struct route_bench *bench)
{
	(void)snprintf(bench->path, sizeof bench->path, "/tmp/longship_micro.%ld", (long)getpid());
	CHECK(mkdir(bench->path, 0700) == 0);
	const struct cache_config cache = { .path = bench->path,
		.map_bytes = CACHE_MAP_BYTES,
		.readers_max = CACHE_READERS_MAX,
		.entries_max = CACHE_ENTRIES_MAX };
	CHECK(cache_open(&cache, &bench->cache, NULL) == RESULT_OK);
	CHECK(cache_reader_create(bench->cache, &bench->reader, NULL) == RESULT_OK);
	const struct route_store_config store = { .reader = bench->reader,
		.generation = 1,
		.wall_us = wall_us,
		.batch_bytes = BATCH_BYTES };
	CHECK(route_store_create(&store, &bench->store, NULL) == RESULT_OK);
}

/* The resolver is never asked: all is known. */
static void *set_up(enum dns_class class)
{
	struct route_bench *bench = calloc(1, sizeof *bench);
	CHECK(bench != NULL);
	open_store(bench);
	fill(bench, class);
	bench->now_ns = STEP_NS;
	timer_wheel_init(&bench->wheel, bench->now_ns);
	random_init_seed(&bench->random, 1);
	const struct route_builder_config config = {
		.wheel = &bench->wheel,
		.random = &bench->random,
		.store = bench->store,
		.port = 25,
		.cache_max = AT_ONCE, /* each is built anew when its turn comes again */
	};
	CHECK(route_builder_create(&config, &bench->builder, NULL) == RESULT_OK);
	return bench;
}

static void *set_up_dane(void) { return set_up(DNS_SECURE_DATA); }
static void *set_up_plain(void) { return set_up(DNS_INSECURE_DATA); }

static void tear_down(void *state)
{
	static const char *const files[] = { "cache/data.mdb", "cache/lock.mdb", "cache.lock" };
	struct route_bench *bench = state;
	char path[64];
	route_builder_destroy(bench->builder);
	route_store_destroy(bench->store);
	cache_reader_destroy(&bench->reader);
	cache_close(&bench->cache);
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		(void)snprintf(path, sizeof path, "%s/%s", bench->path, files[i]);
		CHECK(unlink(path) == 0);
	}
	(void)snprintf(path, sizeof path, "%s/cache", bench->path);
	CHECK(rmdir(path) == 0 && rmdir(bench->path) == 0);
	free(bench);
}

/* ---- building ---- */

static void on_route(void *context, struct route *route)
{
	struct route_bench *bench = context;
	CHECK(route->kind == ROUTE_HOSTS);
	bench->found++;
	route_unref(route);
}

static void run(void *state, uint64_t times)
{
	struct route_bench *bench = state;
	char name[NAME_SIZE];
	for (uint64_t done = 0; done < times; done += AT_ONCE) {
		uint64_t want = bench->found + AT_ONCE;
		for (size_t i = 0; i < AT_ONCE; i++) {
			bench->at = (bench->at + STEP) % DOMAINS;
			name_of(bench->at, name);
			CHECK(route_builder_get(bench->builder, text_of(name), &bench->requests[i],
				      on_route, bench) == NULL);
		}
		/* A step works off so many look-ups and leaves the rest to the next. */
		while (bench->found < want)
			timer_wheel_advance(&bench->wheel, bench->now_ns += STEP_NS);
	}
}

static const struct micro_case cases[] = {
	{ .name = "route: build one to a host with TLSA records out of the cache",
		.bound_ns = 25000,
		.setup = set_up_dane,
		.run = run,
		.teardown = tear_down },
	{ .name = "route: build one to a host without DNSSEC out of the cache",
		.bound_ns = 20000,
		.setup = set_up_plain,
		.run = run,
		.teardown = tear_down },
};

int main(int argc, char **argv) { return micro_main(cases, COUNT_OF(cases), argc, argv); }
