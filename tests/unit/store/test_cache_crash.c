/* Several processes on one cache, and what is left when one of them is killed. */
#include "tests/unit/store/cache_fixture.h"
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

enum { PAIR = 40 /* entries of a batch that belong together */ };

/* A policy of a domain with the number as its id, fetched so many seconds later. */
static void put_round(uint64_t domain, uint64_t round)
{
	char name[64], id[32];
	struct cache_entry entry = examples[EXAMPLE_STS];
	(void)snprintf(name, sizeof name, "domain-%llu.example", (unsigned long long)domain);
	(void)snprintf(id, sizeof id, "%llu", (unsigned long long)round);
	entry.key.name = text_of(name);
	entry.of.sts.id = text_of(id);
	/* Of other lengths each time, up to some pages. */
	static char policy[20000];
	memset(policy, 'p', sizeof policy);
	entry.of.sts.policy =
		(struct text){ policy, (size_t)((round * 7919 + domain * 131) % 6000) };
	CHECK(cache_batch_put(batch, &entry, NULL) == RESULT_OK);
}

/* The number of the round that the entry has; 0: none. */
static uint64_t round_of(uint64_t domain)
{
	char name[64];
	struct cache_entry entry;
	uint64_t round = 0;
	(void)snprintf(name, sizeof name, "domain-%llu.example", (unsigned long long)domain);
	const struct cache_key key = { CACHE_TABLE_STS, 0, 0, text_of(name) };
	enum result result = look_up(&key, EXAMPLE_NOW_S, &entry);
	if (result == RESULT_NOT_FOUND)
		return 0;
	assert_int_equal(result, RESULT_OK);
	assert_true(text_to_u64(entry.of.sts.id, &round));
	assert_int_equal(entry.of.sts.policy.len, (round * 7919 + domain * 131) % 6000);
	return round;
}

/* Writes rounds, a byte to the pipe after each, until it is killed or nobody reads. */
_Noreturn static void write_rounds(int out, uint64_t first_domain, uint64_t first_round)
{
	(void)signal(SIGPIPE, SIG_IGN);
	CHECK(cache_open(&config, &cache, NULL) == RESULT_OK);
	for (uint64_t round = first_round;; round++) {
		for (uint64_t i = 0; i < PAIR; i++)
			put_round(first_domain + i, round);
		CHECK(cache_write(cache, batch, EXAMPLE_NOW_S, NULL) == RESULT_OK);
		if (write(out, "", 1) != 1)
			_exit(0);
	}
}

static pid_t start_writer(int *out_fd, uint64_t first_domain, uint64_t first_round)
{
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)close(pipes[0]);
		write_rounds(pipes[1], first_domain, first_round);
	}
	(void)close(pipes[1]);
	*out_fd = pipes[0];
	return child;
}

static uint64_t wait_for_rounds(int fd, uint64_t count)
{
	char bytes[64];
	uint64_t done = 0;
	while (done < count) {
		size_t want = count - done < sizeof bytes ? (size_t)(count - done) : sizeof bytes;
		ssize_t n = read(fd, bytes, want);
		assert_true(n > 0);
		done += (uint64_t)n;
	}
	return done;
}

static void end(pid_t child, int signal_number)
{
	int status;
	if (signal_number != 0)
		assert_int_equal(kill(child, signal_number), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), signal_number);
}

/* All entries of a batch, or none; all that was said to be written; and the file is whole. */
static void a_writer_killed_at_any_point_leaves_whole_batches(void **state)
{
	(void)state;
	uint64_t seed = 20260901, round = 1;
	for (int kills = 0; kills < 25; kills++) {
		int fd;
		pid_t child = start_writer(&fd, 0, round);
		uint64_t said = wait_for_rounds(fd, 1 + seeded_below(&seed, 12));
		/* At some point of the next rounds: not on a border, since it goes on meanwhile. */
		for (uint64_t spin = seeded_below(&seed, 2000000); spin > 0; spin--)
			__asm__ volatile("");
		end(child, SIGKILL);
		(void)close(fd);
		open_cache();
		assert_string_equal(cache_note(cache), "");
		uint64_t last = round_of(0);
		assert_true(last >= round + said - 1);
		for (uint64_t i = 1; i < PAIR; i++)
			assert_int_equal(round_of(i), last);
		close_cache();
		round = last + 1;
	}
}

static void two_processes_read_and_write_at_once(void **state)
{
	(void)state;
	int fd;
	uint64_t before[PAIR] = { 0 };
	pid_t child = start_writer(&fd, 0, 1);
	(void)wait_for_rounds(fd, 1);
	open_cache();
	assert_string_equal(cache_note(cache), "");
	for (uint64_t round = 1; round <= 60; round++) {
		(void)wait_for_rounds(fd, 1);
		/* Opening looks at all pages, while the other changes them. */
		if (round % 3 == 0) {
			close_cache();
			open_cache();
			assert_string_equal(cache_note(cache), "");
		}
		/* What it said is there, and never goes back. */
		for (uint64_t i = 0; i < PAIR; i++) {
			uint64_t now = round_of(i);
			assert_true(now >= round + 1 && now >= before[i]);
			before[i] = now;
		}
		for (uint64_t i = 0; i < PAIR; i++)
			put_round(1000 + i, round);
		write_batch(EXAMPLE_NOW_S);
		for (uint64_t i = 0; i < PAIR; i++)
			assert_int_equal(round_of(1000 + i), round);
	}
	(void)close(fd);
	end(child, 0);
	assert_int_equal(cache_entries(cache), 2 * PAIR);
	close_cache();
	open_cache();
	assert_string_equal(cache_note(cache), "");
}

/* A reader that died in the middle of a look-up would keep its pages from being used for ever. */
static void the_places_of_dead_readers_are_cleared(void **state)
{
	(void)state;
	enum { READERS = 16 };
	int pipes[2];
	char byte;
	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct cache_reader *readers[READERS];
		CHECK(cache_open(&config, &cache, NULL) == RESULT_OK);
		/* One place is used by what writes and walks. */
		for (int i = 0; i < READERS - 1; i++)
			CHECK(cache_reader_create(cache, &readers[i], NULL) == RESULT_OK);
		CHECK(write(pipes[1], "", 1) == 1);
		for (;;)
			(void)poll(NULL, 0, -1);
	}
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	assert_int_equal(cache_open(&config, &cache, NULL), RESULT_OK);
	assert_int_equal(cache_clear_dead_readers(cache), 0);
	struct cache_reader *one = NULL, *two = NULL;
	if (cache_reader_create(cache, &one, &why) == RESULT_OK) {
		assert_int_equal(cache_reader_create(cache, &two, &why), RESULT_LIMIT);
		cache_reader_destroy(&one);
	}
	end(child, SIGKILL);
	assert_int_equal(cache_clear_dead_readers(cache), READERS - 1);
	assert_int_equal(cache_reader_create(cache, &one, &why), RESULT_OK);
	assert_int_equal(cache_reader_create(cache, &two, &why), RESULT_OK);
	cache_reader_destroy(&one);
	cache_reader_destroy(&two);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_writer_killed_at_any_point_leaves_whole_batches),
		TEST(two_processes_read_and_write_at_once),
		TEST(the_places_of_dead_readers_are_cleared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
