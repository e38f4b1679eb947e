/* The thread that writes the shared cache; the test is the resolver. */
#include "tests/unit/store/temp_folder.h"
#include <signal.h>
#include <sys/resource.h>
#include "engine/io/clock.h"
#include "engine/run/cache_writer.h"
#include "store/cache.h"
#include "tests/unit/engine/run/run_test.h"

enum { WAIT_MS = 15000, BATCH_BYTES = 4 << 20 };

static struct run_test t;
static struct cache_writer *writer;
static struct cache_batch *batch;
static pthread_t thread;
static bool is_running;

static void begin(const char *const *flags)
{
	struct fail fail = { 0 };
	run_test_init(&t, temp_folder, flags);
	if (cache_writer_create(&t.hub, &writer, &fail) != RESULT_OK)
		fail_msg("%s", fail.text);
	assert_int_equal(pthread_create(&thread, NULL, cache_writer_run, writer), 0);
	is_running = true;
}

static void begin_in_store(void)
{
	char flag[TEMP_PATH_SIZE + 16];
	(void)snprintf(flag, sizeof flag, "--store=%s", temp_path("store"));
	begin((const char *const[]){ flag, NULL });
}

static void end(void)
{
	if (!is_running)
		return;
	hub_post(t.hub.cache, POST_STOP, NULL, 0, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	cache_writer_destroy(writer);
	run_test_deinit(&t);
	is_running = false;
}

static int set_up(void **state)
{
	return temp_folder_make(state) || cache_batch_create(BATCH_BYTES, &batch, NULL) != RESULT_OK;
}

static int tear_down(void **state)
{
	end();
	cache_batch_destroy(&batch);
	return temp_folder_remove(state);
}

static uint64_t now_s(void) { return (uint64_t)clock_wall_us() / 1000000; }

static struct cache_entry numbered(int number, char name[32])
{
	(void)snprintf(name, 32, "host-%d.example", number);
	return (struct cache_entry){
		.key = { CACHE_TABLE_ANSWER, 1, DNS_TYPE_A, text_of(name) },
		.times = { now_s(), now_s() + 3600 },
		.of.answer = { .class = DNS_INSECURE_DENIAL },
	};
}

static void put(int from, int to)
{
	char name[32];
	for (int i = from; i < to; i++) {
		const struct cache_entry entry = numbered(i, name);
		assert_int_equal(cache_batch_put(batch, &entry, NULL), RESULT_OK);
	}
}

static struct mailbox_message wait_for(enum post_kind kind)
{
	struct mailbox_message message;
	assert_true(test_mailbox_wait(t.hub.resolver, &message, WAIT_MS));
	assert_int_equal(message.kind, kind);
	return message;
}

static enum result write_it(void)
{
	hub_post(t.hub.cache, POST_CACHE_WRITE, batch, 0, 0);
	struct mailbox_message message = wait_for(POST_CACHE_WRITTEN);
	assert_ptr_equal(message.object, batch);
	return (enum result)message.number;
}

static bool is_found(int number)
{
	char name[32];
	struct arena arena;
	struct cache_entry entry = numbered(number, name);
	struct cache_reader *reader;
	assert_int_equal(cache_reader_create(cache_writer_cache(writer), &reader, NULL), RESULT_OK);
	arena_init(&arena, 4096, 1 << 20);
	enum result r = cache_get(reader, &entry.key, now_s(), &arena, &entry);
	arena_deinit(&arena);
	cache_reader_destroy(&reader);
	return r == RESULT_OK;
}

static unsigned lines_with(const char *words)
{
	unsigned count = 0;
	pthread_mutex_lock(&t.log_lock);
	for (const char *at = t.log; (at = strstr(at, words)) != NULL; at++)
		count++;
	pthread_mutex_unlock(&t.log_lock);
	return count;
}

static void a_batch_is_written_and_comes_back_empty(void **state)
{
	(void)state;
	begin_in_store();
	put(0, 100);
	assert_int_equal(write_it(), RESULT_OK);
	assert_int_equal(cache_batch_count(batch), 0);
	assert_true(is_found(99));
	end();
	begin_in_store(); /* the next run */
	assert_true(is_found(0));
	assert_string_equal(t.log, "");
}

static void without_store_the_cache_is_in_the_state_of_the_spool(void **state)
{
	(void)state;
	assert_int_equal(mkdir(temp_path("state"), 0700), 0);
	begin(NULL);
	put(0, 1);
	assert_int_equal(write_it(), RESULT_OK);
	assert_int_equal(access(temp_path("state/cache/data.mdb"), F_OK), 0);
}

/* A file-size limit stands for a full disk. */
static void that_the_disk_is_full_is_said_once_and_that_it_is_over_too(void **state)
{
	(void)state;
	struct rlimit before, limited;
	begin_in_store();
	put(0, 1);
	assert_int_equal(write_it(), RESULT_OK);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limited = before;
	limited.rlim_cur = 16 * 4096;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limited), 0);
	put(1, 5000);
	enum result first = write_it(), second = write_it();
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(first, RESULT_NO_SPACE);
	assert_int_equal(second, RESULT_NO_SPACE);
	assert_int_equal(cache_batch_count(batch), 4999);
	assert_true(is_found(0));
	assert_int_equal(lines_with("cache_not_written"), 1);
	assert_int_equal(lines_with("event=cache_written"), 0);
	assert_int_equal(write_it(), RESULT_OK);
	assert_true(is_found(4999));
	assert_int_equal(lines_with("event=cache_written"), 1);
}

/* As another process does with a cache of another version or a damaged one. */
static void files_that_were_set_aside_are_opened_anew(void **state)
{
	(void)state;
	char from[TEMP_PATH_SIZE];
	begin_in_store();
	put(0, 10);
	assert_int_equal(write_it(), RESULT_OK);
	(void)snprintf(from, sizeof from, "%s", temp_path("store/cache"));
	assert_int_equal(rename(from, temp_path("store/cache.set-aside")), 0);
	put(10, 20);
	assert_int_equal(write_it(), RESULT_CHANGED);
	assert_int_equal(cache_batch_count(batch), 10);
	hub_post(t.hub.cache, POST_CACHE_REOPEN, NULL, 0, 0);
	assert_int_equal(wait_for(POST_CACHE_REOPENED).number, RESULT_OK);
	assert_int_equal(write_it(), RESULT_OK);
	assert_false(is_found(0));
	assert_true(is_found(10));
	assert_int_equal(lines_with("cache_reopened"), 1);
	assert_int_equal(lines_with("cache_not_written"), 0);
}

/* It is said once, and the sender goes on without. */
static void what_cannot_be_opened_anew_can_be_tried_again(void **state)
{
	(void)state;
	char from[TEMP_PATH_SIZE];
	begin_in_store();
	(void)snprintf(from, sizeof from, "%s", temp_path("store"));
	assert_int_equal(rename(from, temp_path("moved")), 0);
	temp_write("store", "w", "no folder", 9);
	put(0, 1);
	assert_int_equal(write_it(), RESULT_CHANGED);
	for (int i = 0; i < 2; i++) {
		hub_post(t.hub.cache, POST_CACHE_REOPEN, NULL, 0, 0);
		assert_true(wait_for(POST_CACHE_REOPENED).number != RESULT_OK);
		assert_int_equal(write_it(), RESULT_CHANGED);
	}
	assert_int_equal(lines_with("cache_not_written"), 1);
	assert_int_equal(unlink(temp_path("store")), 0);
	hub_post(t.hub.cache, POST_CACHE_REOPEN, NULL, 0, 0);
	assert_int_equal(wait_for(POST_CACHE_REOPENED).number, RESULT_OK);
	assert_int_equal(write_it(), RESULT_OK);
	assert_true(is_found(0));
}

/* DNS-27 */
static void a_cache_that_is_damaged_at_the_start_is_set_aside_with_one_line(void **state)
{
	(void)state;
	char garbage[8192];
	memset(garbage, 'x', sizeof garbage);
	assert_int_equal(mkdir(temp_path("store"), 0700), 0);
	assert_int_equal(mkdir(temp_path("store/cache"), 0700), 0);
	temp_write("store/cache/data.mdb", "w", garbage, sizeof garbage);
	assert_int_equal(chmod(temp_path("store/cache/data.mdb"), 0600), 0);
	begin_in_store();
	assert_int_equal(lines_with("cache_set_aside"), 1);
	assert_int_equal(access(temp_path("store/cache.set-aside/data.mdb"), F_OK), 0);
	put(0, 1);
	assert_int_equal(write_it(), RESULT_OK);
}

/* DNS-27: exit status 74, with the reason. */
static void a_cache_that_others_may_write_is_refused(void **state)
{
	(void)state;
	struct fail fail = { 0 };
	assert_int_equal(mkdir(temp_path("state"), 0700), 0);
	assert_int_equal(mkdir(temp_path("state/cache"), 0700), 0);
	assert_int_equal(chmod(temp_path("state/cache"), 0777), 0);
	run_test_init(&t, temp_folder, NULL);
	assert_int_equal(cache_writer_create(&t.hub, &writer, &fail), RESULT_IO);
	assert_non_null(strstr(fail.text, "may be written by others"));
	assert_null(writer);
	run_test_deinit(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_batch_is_written_and_comes_back_empty),
		TEST(without_store_the_cache_is_in_the_state_of_the_spool),
		TEST(that_the_disk_is_full_is_said_once_and_that_it_is_over_too),
		TEST(files_that_were_set_aside_are_opened_anew),
		TEST(what_cannot_be_opened_anew_can_be_tried_again),
		TEST(a_cache_that_is_damaged_at_the_start_is_set_aside_with_one_line),
		TEST(a_cache_that_others_may_write_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
