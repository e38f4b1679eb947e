/* The journal as its owner sees it, on the real disk. */
#include "tests/unit/store/journal_fixture.h"
#include "tests/unit/store/temp_folder.h"
#include "tests/unit/engine/base/dies.h"

static struct fail fail;

static struct journal *open_here(struct came_back *back)
{
	const struct journal_config config = { .path = temp_folder,
		.segment_bytes = TEST_SEGMENT_BYTES, .batch_bytes = TEST_BATCH_BYTES };
	struct journal *journal;
	*back = (struct came_back){ .next = 0 };
	fail_clear(&fail);
	if (journal_open(&config, take_back, back, &journal, &fail) != RESULT_OK)
		fail_msg("%s", fail.text);
	return journal;
}

static void append(struct journal *journal, size_t len)
{
	static const char bytes[TEST_BATCH_BYTES];
	assert_int_equal(journal_append(journal, 1, text_of_bytes(bytes, len)), RESULT_OK);
}

static void numbers_go_on_over_runs(void **state)
{
	(void)state;
	struct came_back back;
	struct journal *journal = open_here(&back);
	assert_int_equal(back.next, 0);
	assert_int_equal(journal_next_seq(journal), 1);
	assert_int_equal(journal_committed_seq(journal), 0);
	assert_int_equal(journal_oldest_seq(journal), 1);
	assert_int_equal(journal_commit(journal, &fail), RESULT_OK); /* nothing to do */
	append(journal, 10);
	append(journal, 20);
	assert_int_equal(journal_next_seq(journal), 3);
	assert_int_equal(journal_committed_seq(journal), 0);
	assert_true(journal_pending_bytes(journal) > 30);
	assert_int_equal(journal_commit(journal, &fail), RESULT_OK);
	assert_int_equal(journal_committed_seq(journal), 2);
	assert_int_equal(journal_pending_bytes(journal), 0);
	append(journal, 30); /* not committed: as if it had never been */
	journal_close(&journal);
	assert_null(journal);
	journal_close(&journal);

	journal = open_here(&back);
	assert_int_equal(back.first, 1);
	assert_int_equal(back.next, 3);
	assert_int_equal(journal_next_seq(journal), 3);
	assert_int_equal(journal_committed_seq(journal), 2);
	journal_close(&journal);
}

static void reading_gives_all_records_and_changes_nothing(void **state)
{
	(void)state;
	struct came_back back;
	const struct journal_config config = { .path = temp_folder,
		.segment_bytes = TEST_SEGMENT_BYTES, .batch_bytes = TEST_BATCH_BYTES };
	struct journal *journal = open_here(&back);
	append(journal, 10);
	append(journal, 20);
	assert_int_equal(journal_commit(journal, &fail), RESULT_OK);
	journal_close(&journal);
	for (int i = 0; i < 2; i++) {
		back = (struct came_back){ .next = 0 };
		assert_int_equal(journal_read(&config, take_back, &back, &fail), RESULT_OK);
		assert_int_equal(back.first, 1);
		assert_int_equal(back.next, 3);
	}
	journal = open_here(&back);
	assert_int_equal(back.next, 3);
	assert_int_equal(journal_next_seq(journal), 3);
	journal_close(&journal);
}

static void a_full_batch_asks_for_a_commit(void **state)
{
	(void)state;
	struct came_back back;
	struct journal *journal = open_here(&back);
	static const char bytes[TEST_BATCH_BYTES];
	append(journal, TEST_BATCH_BYTES / 2);
	uint64_t seq = journal_next_seq(journal);
	assert_int_equal(journal_append(journal, 1, text_of_bytes(bytes, TEST_BATCH_BYTES / 2)),
		RESULT_NO_SPACE);
	assert_int_equal(journal_next_seq(journal), seq);
	assert_int_equal(journal_commit(journal, &fail), RESULT_OK);
	append(journal, TEST_BATCH_BYTES / 2);
	assert_int_equal(journal_commit(journal, &fail), RESULT_OK);
	journal_close(&journal);
}

static size_t files_here(void)
{
	char command[128];
	int count = 0;
	(void)snprintf(command, sizeof command, "ls %s | wc -l", temp_folder);
	FILE *out = popen(command, "r");
	assert_non_null(out);
	assert_int_equal(fscanf(out, "%d", &count), 1);
	(void)pclose(out);
	return (size_t)count;
}

/* A long run in a few files: what is retired is used again. */
static void segments_rotate_and_are_used_again(void **state)
{
	(void)state;
	struct came_back back;
	struct journal *journal = open_here(&back);
	for (int i = 0; i < 300; i++) {
		for (int k = 0; k < 5; k++)
			append(journal, 700);
		assert_int_equal(journal_commit(journal, &fail), RESULT_OK);
		assert_true(journal_has_reserve(journal));
		/* The last twelve are still needed. */
		uint64_t keep = journal_next_seq(journal) > 12 ? journal_next_seq(journal) - 12 : 1;
		assert_int_equal(journal_retire(journal, keep, &fail), RESULT_OK);
		assert_true(journal_oldest_seq(journal) <= keep);
		assert_true(journal_oldest_end_seq(journal) > journal_oldest_seq(journal));
		assert_true(journal_segments_count(journal) <= 3);
		assert_true(i % 50 != 0 || files_here() <= 5);
	}
	uint64_t oldest = journal_oldest_seq(journal), next = journal_next_seq(journal);
	assert_true(oldest > 1400);
	journal_close(&journal);
	journal = open_here(&back);
	assert_true(back.first == oldest && back.next == next);
	/* Everything may go but the segment that is written to; the numbers go on. */
	assert_int_equal(journal_retire(journal, next, &fail), RESULT_OK);
	assert_int_equal(journal_segments_count(journal), 1);
	assert_true(journal_oldest_seq(journal) == next);
	journal_close(&journal);
	journal = open_here(&back);
	assert_int_equal(back.next, 0);
	assert_true(journal_next_seq(journal) == next);
	journal_close(&journal);
}

/* What is durable is never written again: each commit begins in a block of its own. */
static void commits_do_not_share_a_block(void **state)
{
	(void)state;
	struct came_back back;
	struct journal *journal = open_here(&back);
	append(journal, 5);
	append(journal, 5);
	assert_int_equal(journal_commit(journal, &fail), RESULT_OK);
	append(journal, 5);
	assert_int_equal(journal_commit(journal, &fail), RESULT_OK);
	journal_close(&journal);
	char *bytes = temp_read("journal-0000000000000001");
	static const char zeros[JOURNAL_BLOCK_BYTES];
	const size_t two = 2 * (JOURNAL_FRAME_BYTES + 5);
	assert_memory_not_equal(bytes + JOURNAL_BLOCK_BYTES, zeros, two);
	assert_memory_equal(bytes + JOURNAL_BLOCK_BYTES + two, zeros, JOURNAL_BLOCK_BYTES - two);
	assert_memory_not_equal(bytes + 2 * JOURNAL_BLOCK_BYTES, zeros, 36);
	free(bytes);
}

static void the_folder_must_be_there(void **state)
{
	(void)state;
	const struct journal_config config = { .path = "/nonexistent/state",
		.segment_bytes = TEST_SEGMENT_BYTES, .batch_bytes = TEST_BATCH_BYTES };
	struct came_back back = { .next = 0 };
	struct journal *journal;
	assert_int_equal(journal_open(&config, take_back, &back, &journal, &fail), RESULT_NOT_FOUND);
	assert_null(journal);
	assert_non_null(strstr(fail.text, "/nonexistent/state"));
}

static void retire_the_future(void)
{
	struct came_back back;
	struct journal *journal = open_here(&back);
	append(journal, 10);
	(void)!journal_retire(journal, journal_next_seq(journal), &fail);
}

static void what_is_not_durable_cannot_be_retired(void **state)
{
	(void)state;
	assert_dies(retire_the_future, "seq <= journal->committed_seq + 1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_make, temp_folder_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(numbers_go_on_over_runs),
		TEST(reading_gives_all_records_and_changes_nothing),
		TEST(a_full_batch_asks_for_a_commit),
		TEST(segments_rotate_and_are_used_again),
		TEST(commits_do_not_share_a_block),
		TEST(the_folder_must_be_there),
		TEST(what_is_not_durable_cannot_be_retired),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
