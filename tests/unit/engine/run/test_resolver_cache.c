/* The resolver's thread with the shared cache and the thread that writes it; the DNS is played. */
#include "tests/unit/store/temp_folder.h"
#include <stdlib.h>
#include "engine/io/clock.h"
#include "engine/run/cache_writer.h"
#include "engine/run/domain.h"
#include "engine/run/resolver.h"
#include "engine/run/resolver_cache.h"
#include "store/cache.h"
#include "tests/unit/engine/run/dns_played.h"
#include "tests/unit/engine/run/run_test.h"

enum { WAIT_MS = 15000 };

static struct run_test t;
static struct cache_writer *writer;
static struct resolver *resolver;
static pthread_t writer_thread, resolver_thread;

static void begin(void)
{
	struct fail fail = { 0 };
	struct mailbox_message message;
	/* One question for each domain: nothing that it publishes is looked for. */
	run_test_init(&t, temp_folder, (const char *const[]){ "--tls=*=may", NULL });
	if (cache_writer_create(&t.hub, &writer, &fail) != RESULT_OK ||
		resolver_create(&t.hub, writer, &resolver, &fail) != RESULT_OK)
		fail_msg("%s", fail.text);
	assert_int_equal(pthread_create(&writer_thread, NULL, cache_writer_run, writer), 0);
	assert_int_equal(pthread_create(&resolver_thread, NULL, resolver_run, resolver), 0);
	assert_true(test_mailbox_wait(t.hub.scheduler, &message, WAIT_MS));
	assert_int_equal(message.kind, POST_RESOLVER_READY);
}

/* The scheduler stops the resolver only. */
static void end(void)
{
	hub_post(t.hub.resolver, POST_STOP, NULL, 0, 0);
	assert_int_equal(pthread_join(resolver_thread, NULL), 0);
	assert_int_equal(pthread_join(writer_thread, NULL), 0);
	resolver_destroy(resolver);
	cache_writer_destroy(writer);
	run_test_deinit(&t);
}

static int set_up(void **state)
{
	dns_played_reset();
	atomic_store(&dns_played.ttl_s, 3600);
	if (temp_folder_make(state) != 0 || mkdir(temp_path("state"), 0700) != 0)
		return -1;
	begin();
	return 0;
}

static int tear_down(void **state)
{
	end();
	return temp_folder_remove(state);
}

static void ask(const char *name)
{
	struct mailbox_message message;
	struct domain *domain = calloc(1, sizeof *domain + strlen(name) + 1);
	assert_non_null(domain);
	domain->magic = DOMAIN_MAGIC;
	domain->name_len = (uint16_t)strlen(name);
	memcpy(domain->name, name, strlen(name) + 1);
	hub_post(t.hub.resolver, POST_ROUTE_WANTED, domain, 0, 0);
	assert_true(test_mailbox_wait(t.hub.scheduler, &message, WAIT_MS));
	assert_int_equal(message.kind, POST_ROUTE_FOUND);
	assert_int_equal(domain->new_route->kind, ROUTE_PERMANENT);
	route_unref(domain->new_route);
	free(domain);
}

static unsigned asked(void) { return atomic_load(&dns_played.asked); }

static uint64_t entries(void) { return cache_entries(cache_writer_cache(writer)); }

#define WAIT_FOR(condition)                                                                        \
	do {                                                                                       \
		for (int waited_ = 0; !(condition); waited_++) {                                   \
			assert_true(waited_ < WAIT_MS);                                            \
			clock_wait_ms(1);                                                          \
		}                                                                                  \
	} while (0)

/* No entry waits for a next one. */
static void what_was_learned_is_written_a_moment_later(void **state)
{
	(void)state;
	ask("one.example");
	WAIT_FOR(entries() == 1);
	ask("two.example");
	WAIT_FOR(entries() == 2);
}

/* `--once`: the run is shorter than the moment. */
static void what_was_learned_last_is_written_at_the_end(void **state)
{
	(void)state;
	ask("one.example");
	ask("two.example");
	end();
	begin();
	assert_int_equal(entries(), 2);
	ask("one.example");
	ask("two.example");
	assert_int_equal(asked(), 2);
}

static void a_cache_that_another_process_set_aside_is_opened_anew(void **state)
{
	(void)state;
	char from[TEMP_PATH_SIZE];
	ask("one.example");
	WAIT_FOR(entries() == 1);
	(void)snprintf(from, sizeof from, "%s", temp_path("state/cache"));
	assert_int_equal(rename(from, temp_path("state/cache.set-aside")), 0);
	ask("two.example");
	WAIT_FOR(run_test_logged(&t, "cache_reopened"));
	end();
	begin();
	assert_int_equal(entries(), 1); /* the second, not the first */
	assert_int_equal(asked(), 2);
	ask("two.example");
	assert_int_equal(asked(), 2);
	ask("one.example");
	assert_int_equal(asked(), 3);
}

/* STS-51: `longship cache forget` while mail is sent. */
static void what_is_forgotten_by_hand_is_asked_of_name_servers(void **state)
{
	(void)state;
	uint64_t count = 0;
	struct fail fail = { 0 };
	ask("one.example");
	ask("two.example");
	WAIT_FOR(entries() == 2);
	assert_int_equal(atomic_load(&dns_played.renewed), 0);
	/* As the tool does it, on the same files; the handle is ours, since one process has one. */
	assert_int_equal(cache_forget(cache_writer_cache(writer), TEXT("three.example"), 1, &count, &fail),
		RESULT_OK);
	ask("four.example");
	assert_int_equal(atomic_load(&dns_played.renewed), 0);
	assert_int_equal(cache_forget(cache_writer_cache(writer), TEXT("one.example"),
		(uint64_t)clock_wall_us() / 1000000, &count, &fail), RESULT_OK);
	assert_int_equal(count, 1);
	ask("five.example");
	assert_int_equal(atomic_load(&dns_played.renewed), 1);
	assert_true(run_test_logged(&t, "cache_forgotten"));
	ask("six.example");
	assert_int_equal(atomic_load(&dns_played.renewed), 1);
}

/* DNS-25 */
static void the_generation_follows_what_decides_about_security(void **state)
{
	(void)state;
	static const char *const flags[][3] = { { NULL }, { "--resolver=192.0.2.1", NULL },
		{ "--resolver=192.0.2.2", NULL }, { "--allow-private", NULL } };
	static const char *const anchors[] = { "", ". IN DS 20326 8 2 E06D44B8\n", ". IN DS 20326 8 2 E06D44B9\n",
		". IN DS 20326 8 2 E06D44B8\n. IN DS 38696 8 2 683D2D0A\n" };
	uint64_t seen[COUNT_OF(flags) * COUNT_OF(anchors)];
	size_t count = 0;
	for (size_t i = 0; i < COUNT_OF(flags); i++)
		for (size_t j = 0; j < COUNT_OF(anchors); j++) {
			struct run_test other;
			run_test_init(&other, temp_folder, flags[i]);
			temp_write("anchor", "w", anchors[j], strlen(anchors[j]));
			uint64_t generation = resolver_cache_generation(&other.config, temp_path("anchor"));
			assert_true(generation == resolver_cache_generation(&other.config, temp_path("anchor")));
			for (size_t k = 0; k < count; k++)
				assert_true(seen[k] != generation);
			seen[count++] = generation;
			run_test_deinit(&other);
		}
}

/* unbound-anchor's file changes with every look at the root, and not in its keys. */
static void the_generation_does_not_follow_remarks_in_the_anchor_file(void **state)
{
	(void)state;
	static const char *const same[] = {
		".\t86400\tIN\tDNSKEY\t257 3 8 AwEAAa= ;{id = 20326} ;;state=2 ;;lastchange=1 \n",
		"; autotrust trust anchor file\n;;last_queried: 17 \n\n"
		". 86400  IN DNSKEY 257 3 8 AwEAAa= ;{id = 20326} ;;state=2 ;;lastchange=2\n",
	};
	uint64_t generations[COUNT_OF(same)];
	for (size_t i = 0; i < COUNT_OF(same); i++) {
		temp_write("anchor", "w", same[i], strlen(same[i]));
		generations[i] = resolver_cache_generation(&t.config, temp_path("anchor"));
	}
	assert_true(generations[0] == generations[1]);
	assert_true(generations[0] != resolver_cache_generation(&t.config, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_learned_is_written_a_moment_later),
		TEST(what_was_learned_last_is_written_at_the_end),
		TEST(a_cache_that_another_process_set_aside_is_opened_anew),
		TEST(what_is_forgotten_by_hand_is_asked_of_name_servers),
		TEST(the_generation_follows_what_decides_about_security),
		TEST(the_generation_does_not_follow_remarks_in_the_anchor_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
