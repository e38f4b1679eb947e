/* The journal on a disk that loses power, and on processes that are killed, at every point. */
#include <stdio.h>
#include "tests/unit/store/journal_fixture.h"
#include "tests/unit/store/sim_disk.h"

#ifndef SEEDS
#define SEEDS 400 /* some seconds; more with -DSEEDS=100000 */
#endif

enum {
	SPARES_MAX = 6,
	/* A step is a block here: one commit takes the space, eight write zeros, one syncs. */
	STEPS = TEST_SEGMENT_BYTES / JOURNAL_BLOCK_BYTES,
};

/* What is known to anybody outside: what was appended, what was told to be durable. */
struct world {
	uint64_t seed;
	uint64_t seeds[RECORDS_MAX]; /* content of each record, by its number */
	uint64_t appended;  /* number of the last record that may be on the disk */
	uint64_t committed; /* a commit said OK up to here */
	uint64_t needed;    /* not retired: from here on */
};

/* Opens and compares: everything committed and needed is there, nothing that was never appended. */
static enum result reopen(struct world *w, struct journal **out_journal)
{
	struct fail fail;
	struct came_back back = { .seeds = w->seeds, .seeds_max = RECORDS_MAX };
	enum result result = test_journal_open(out_journal, &back, &fail);
	if (result == RESULT_IO)
		return result;
	if (result != RESULT_OK)
		fail_msg("seed %llu: %s", (unsigned long long)w->seed, fail.text);
	uint64_t last = back.next > 0 ? back.next - 1 : journal_next_seq(*out_journal) - 1;
	assert_true(journal_next_seq(*out_journal) == last + 1);
	assert_true(last >= w->committed);
	assert_true(last <= w->appended);
	if (w->needed <= last)
		assert_true(back.next > 0 && back.first <= w->needed);
	/* What came back is durable: it must be there the next time too. */
	w->committed = w->appended = last;
	return RESULT_OK;
}

static bool append_one(struct world *w, struct journal *journal, uint64_t *state)
{
	struct test_payload p;
	uint64_t seq = journal_next_seq(journal);
	assert_true(seq < RECORDS_MAX);
	test_payload_make(&p, seeded_next(state));
	enum result result =
		journal_append(journal, p.type, text_of_bytes(p.data, p.len));
	if (result != RESULT_OK)
		return false;
	w->seeds[seq] = p.seed;
	w->appended = seq;
	return true;
}

/* Retiring is a promise of the caller: from then on the records may be gone. */
static bool retire_some(struct world *w, struct journal *journal, uint64_t *state)
{
	uint64_t kept = seeded_below(state, 2) == 0 ? 0 : w->committed + 1 - w->needed;
	w->needed = w->committed + 1 - seeded_below(state, kept + 1);
	return journal_retire(journal, w->needed, NULL) == RESULT_OK;
}

/* Works until the power fails or enough was done. */
static void work(struct world *w, struct journal *journal, uint64_t *state)
{
	/* With nothing in the new segment: its header alone must keep the numbers going. */
	if (seeded_below(state, 3) == 0 && !retire_some(w, journal, state))
		return;
	for (int turn = 0; turn < 60; turn++) {
		uint64_t records = seeded_below(state, 12);
		for (uint64_t i = 0; i < records && w->appended < RECORDS_MAX - 2; i++)
			(void)append_one(w, journal, state);
		if (journal_commit(journal, NULL) != RESULT_OK) {
			assert_true(journal_is_dead(journal));
			/* Some of it may be durable, and is then known. */
			w->committed = journal_committed_seq(journal);
			return;
		}
		w->committed = journal_committed_seq(journal);
		assert_true(w->committed == w->appended);
		if (seeded_below(state, 5) == 0 && !retire_some(w, journal, state))
			return;
	}
}

static void run_seed(uint64_t seed)
{
	static struct world w;
	uint64_t state = seed;
	memset(&w, 0, sizeof w);
	w.seed = seed;
	w.needed = 1;
	sim_disk_reset(seed);
	for (int cycle = 0; cycle < 12; cycle++) {
		struct journal *journal;
		sim_disk_fail_after(seeded_below(&state, seeded_below(&state, 2) ? 40 : 400));
		if (reopen(&w, &journal) == RESULT_OK) {
			work(&w, journal, &state);
			journal_close(&journal);
		}
		assert_null(journal);
		if (seeded_below(&state, 3) == 0)
			sim_disk_kill();
		else
			sim_disk_lose_power();
	}
	struct journal *journal;
	assert_int_equal(reopen(&w, &journal), RESULT_OK);
	/* No crash leaves files behind that nobody ever takes away: the segments and the spares; and
	 * none is left half made. */
	assert_true(sim_disk_files_count() <= journal_segments_count(journal) + SPARES_MAX);
	assert_int_equal(sim_disk_count("making-"), 0);
	journal_close(&journal);
	assert_int_equal(sim_disk_open_count(), 0);
}

static void no_loss_of_power_loses_or_invents_a_record(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run_seed(seed);
}

/* The same work, power failing at its first, second, third call ... : each step is walked. */
static void every_single_call_may_be_the_last(void **state)
{
	(void)state;
	static struct world w;
	for (uint64_t calls = 0; calls < 300; calls++) {
		uint64_t numbers = 77;
		struct journal *journal;
		memset(&w, 0, sizeof w);
		w.seed = calls;
		w.needed = 1;
		sim_disk_reset(calls);
		sim_disk_fail_after(calls);
		if (reopen(&w, &journal) == RESULT_OK) {
			work(&w, journal, &numbers);
			journal_close(&journal);
		}
		sim_disk_lose_power();
		assert_int_equal(reopen(&w, &journal), RESULT_OK);
		journal_close(&journal);
	}
}

/* ---- disks that fail without losing power ---- */

static void commit_some(struct world *w, struct journal *journal, uint64_t *state, int commits)
{
	for (int i = 0; i < commits; i++) {
		for (int k = 0; k < 5; k++)
			assert_true(append_one(w, journal, state));
		assert_int_equal(journal_commit(journal, NULL), RESULT_OK);
	}
}

static void after_a_failed_sync_the_journal_is_dead(void **state)
{
	(void)state;
	static struct world w;
	for (uint64_t syncs = 1; syncs <= 40; syncs++) {
		struct journal *journal;
		struct fail fail;
		uint64_t numbers = 5;
		memset(&w, 0, sizeof w);
		w.needed = 1;
		sim_disk_reset(syncs);
		assert_int_equal(reopen(&w, &journal), RESULT_OK);
		sim_disk_fail_sync(syncs);
		enum result result = RESULT_OK;
		while (result == RESULT_OK) {
			for (int k = 0; k < 5; k++)
				(void)append_one(&w, journal, &numbers);
			result = journal_commit(journal, &fail);
			/* The failure may have hit the making of a reserve, which may fail. */
			if (w.appended > RECORDS_MAX / 2)
				sim_disk_fail_sync(1);
		}
		assert_int_equal(result, RESULT_IO);
		assert_non_null(strstr(fail.text, "sync failed"));
		assert_true(journal_is_dead(journal));
		/* The next sync would succeed and mean nothing. */
		assert_int_equal(journal_append(journal, 1, TEXT("x")), RESULT_IO);
		assert_int_equal(journal_commit(journal, &fail), RESULT_IO);
		assert_non_null(strstr(fail.text, "sync failed"));
		w.committed = journal_committed_seq(journal);
		journal_close(&journal);
		sim_disk_lose_power();
		assert_int_equal(reopen(&w, &journal), RESULT_OK);
		journal_close(&journal);
	}
}

/* The reserve takes what is in flight; then the commit waits, loses nothing, and goes on. */
static void a_full_disk_is_told_early_and_may_be_waited_for(void **state)
{
	(void)state;
	static struct world w;
	struct journal *journal;
	struct fail fail;
	uint64_t numbers = 9;
	memset(&w, 0, sizeof w);
	w.needed = 1;
	sim_disk_reset(1);
	assert_int_equal(reopen(&w, &journal), RESULT_OK);
	assert_true(journal_has_reserve(journal));
	sim_disk_set_space(2 * TEST_SEGMENT_BYTES);
	uint64_t without_reserve = 0;
	enum result result = RESULT_OK;
	while (result == RESULT_OK) {
		without_reserve += !journal_has_reserve(journal);
		for (int k = 0; k < 5; k++)
			assert_true(append_one(&w, journal, &numbers));
		result = journal_commit(journal, &fail);
	}
	assert_int_equal(result, RESULT_NO_SPACE);
	assert_true(without_reserve > 2);
	assert_false(journal_is_dead(journal));
	assert_int_equal(journal_segments_count(journal), 2);
	assert_int_equal(journal_commit(journal, &fail), RESULT_NO_SPACE);
	/* Appending goes on until the batch is full. */
	while (append_one(&w, journal, &numbers))
		;
	assert_int_equal(journal_append(journal, 1, TEXT("x")), RESULT_OK); /* a small one still fits */
	w.appended = journal_next_seq(journal) - 1;
	assert_true(journal_pending_bytes(journal) > TEST_BATCH_BYTES / 2);
	sim_disk_set_space(UINT64_MAX);
	assert_int_equal(journal_commit(journal, &fail), RESULT_OK);
	assert_true(journal_has_reserve(journal));
	assert_true(journal_committed_seq(journal) == w.appended);
	journal_close(&journal);
	sim_disk_lose_power();
	struct came_back back = { .next = 0 };
	assert_int_equal(test_journal_open(&journal, &back, &fail), RESULT_OK);
	assert_true(back.next == w.appended + 1);
	journal_close(&journal);
}

/* ---- the reserve, made in steps ---- */

/* A journal whose spare has just become the second segment; the next one is begun. */
static struct journal *open_with_reserve_begun(struct world *w, uint64_t seed)
{
	struct journal *journal;
	memset(w, 0, sizeof *w);
	w->needed = 1;
	sim_disk_reset(seed);
	assert_int_equal(reopen(w, &journal), RESULT_OK);
	assert_int_equal(sim_disk_count("spare-"), 1); /* nobody waited for it */
	while (journal_segments_count(journal) < 2)
		commit_some(w, journal, &seed, 1);
	assert_int_equal(sim_disk_count("making-"), 1);
	assert_int_equal(sim_disk_count("spare-"), 0);
	return journal;
}

/* The smallest commit: a block. Returns what it wrote beside the journal's records. */
static uint64_t commit_one(struct world *w, struct journal *journal)
{
	uint64_t before = sim_disk_written();
	w->seeds[journal_next_seq(journal)] = 1;
	struct test_payload p;
	test_payload_make(&p, 1);
	p.len = p.len < 200 ? p.len : 200;
	assert_int_equal(journal_append(journal, p.type, text_of_bytes(p.data, p.len)), RESULT_OK);
	w->appended = journal_next_seq(journal) - 1;
	assert_int_equal(journal_commit(journal, NULL), RESULT_OK);
	return sim_disk_written() - before - JOURNAL_BLOCK_BYTES;
}

static void a_reserve_counts_from_the_start_and_costs_each_commit_a_piece(void **state)
{
	(void)state;
	static struct world w;
	struct journal *journal = open_with_reserve_begun(&w, 1);
	for (int i = 0; i < 4; i++) {
		uint64_t syncs = sim_disk_syncs();
		assert_true(journal_has_reserve(journal));
		assert_int_equal(commit_one(&w, journal), JOURNAL_BLOCK_BYTES);
		assert_int_equal(sim_disk_syncs() - syncs, 1); /* that of the commit */
	}
	assert_int_equal(journal_segments_count(journal), 2);
	assert_int_equal(sim_disk_count("making-"), 1);
	journal_close(&journal);
}

static uint64_t commit_bytes(struct journal *journal, size_t records, size_t len)
{
	static const uint8_t bytes[JOURNAL_PAYLOAD_BYTES_MAX];
	uint64_t before = sim_disk_written();
	for (size_t i = 0; i < records; i++)
		assert_int_equal(journal_append(journal, 1, text_of_bytes(bytes, len)), RESULT_OK);
	size_t batch = (journal_pending_bytes(journal) + JOURNAL_BLOCK_BYTES - 1) /
		JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES;
	assert_int_equal(journal_commit(journal, NULL), RESULT_OK);
	return sim_disk_written() - before - batch;
}

/* With the sizes of a real journal: ahead of the segment being filled, and never much at once. */
static void a_piece_is_twice_what_was_committed_within_bounds(void **state)
{
	(void)state;
	const struct journal_config config = { .path = ".", .segment_bytes = JOURNAL_SEGMENT_BYTES,
		.batch_bytes = JOURNAL_BATCH_BYTES };
	struct came_back back = { .next = 0 };
	struct journal *journal;
	sim_disk_reset(1);
	assert_int_equal(journal_open(&config, take_back, &back, &journal, NULL), RESULT_OK);
	while (sim_disk_count("making-") == 0)
		(void)commit_bytes(journal, 12, 250000);
	assert_int_equal(commit_bytes(journal, 0, 0), 256 * 1024);
	assert_int_equal(commit_bytes(journal, 1, 10), 256 * 1024);
	assert_in_range(commit_bytes(journal, 2, 200000), 800000, 810000);
	assert_int_equal(commit_bytes(journal, 10, 200000), 1024 * 1024);
	journal_close(&journal);
}

static void when_it_is_whole_and_synced_a_reserve_is_a_spare(void **state)
{
	(void)state;
	static struct world w;
	struct journal *journal = open_with_reserve_begun(&w, 1);
	size_t len;
	/* Without the records of a commit as much as that. */
	for (int i = 0; i < STEPS + 1; i++) {
		assert_int_equal(sim_disk_count("spare-"), 0);
		assert_int_equal(journal_commit(journal, NULL), RESULT_OK);
	}
	assert_int_equal(sim_disk_count("spare-"), 1);
	assert_int_equal(sim_disk_count("making-"), 0);
	assert_int_equal(sim_disk_open_count(), 1);
	/* Power is lost at once: as a spare or not at all, but never as one with holes. */
	journal_close(&journal);
	sim_disk_lose_power();
	assert_int_equal(reopen(&w, &journal), RESULT_OK);
	(void)sim_disk_bytes("spare-0000000000000004", &len);
	assert_true(len == 0 || len == TEST_SEGMENT_BYTES);
	journal_close(&journal);
}

/* Steps enough for 0, 1, 2 ... pieces; then so much at once that the segment is full. */
static void a_rotation_that_comes_sooner_finishes_the_reserve(void **state)
{
	(void)state;
	static struct world w;
	for (int steps = 0; steps <= STEPS; steps++) {
		struct journal *journal = open_with_reserve_begun(&w, 3);
		uint64_t numbers = 3;
		size_t len;
		for (int i = 0; i < steps; i++)
			assert_int_equal(journal_commit(journal, NULL), RESULT_OK);
		sim_disk_set_space(0); /* it has its space */
		while (journal_segments_count(journal) < 3)
			commit_some(&w, journal, &numbers, 1);
		assert_non_null(sim_disk_bytes("journal-0000000000000005", &len));
		assert_int_equal(len, TEST_SEGMENT_BYTES);
		assert_false(journal_has_reserve(journal));
		journal_close(&journal);
		sim_disk_lose_power();
		sim_disk_set_space(UINT64_MAX);
		assert_int_equal(reopen(&w, &journal), RESULT_OK);
		journal_close(&journal);
	}
}

static void what_a_crash_left_half_made_is_removed_and_never_read(void **state)
{
	(void)state;
	static struct world w;
	static uint8_t records[TEST_SEGMENT_BYTES];
	struct journal *journal = open_with_reserve_begun(&w, 1);
	size_t len;
	journal_close(&journal);
	assert_int_equal(sim_disk_count("making-"), 0); /* an orderly end leaves none */
	/* Of full size, and its bytes those of a segment with records. */
	memcpy(records, sim_disk_bytes("journal-0000000000000001", &len), sizeof records);
	assert_int_equal(len, sizeof records);
	sim_disk_put("making-0000000000000001", records, sizeof records);
	sim_disk_put("making-0000000000000009", records, sizeof records);
	sim_disk_put("making-000000000000000a", records, 0);
	assert_int_equal(reopen(&w, &journal), RESULT_OK);
	assert_int_equal(sim_disk_count("making-"), 0);
	/* No number is used again. */
	assert_non_null(sim_disk_bytes("journal-000000000000000b", &len));
	journal_close(&journal);
}

/* The disk has room: what failed is taken away and another one is begun, with the same commit, so that nobody
 * thinks it full. */
static void a_step_that_fails_begins_the_reserve_anew_and_the_journal_lives(void **state)
{
	(void)state;
	static struct world w;
	size_t len;
	/* The one sync of a commit without records is that of the reserve. */
	struct journal *journal = open_with_reserve_begun(&w, 1);
	for (int i = 0; i < STEPS; i++)
		assert_int_equal(journal_commit(journal, NULL), RESULT_OK);
	assert_non_null(sim_disk_bytes("making-0000000000000004", &len));
	sim_disk_fail_sync(1);
	assert_int_equal(journal_commit(journal, NULL), RESULT_OK);
	assert_true(journal_has_reserve(journal));
	assert_int_equal(sim_disk_count("spare-"), 0);
	assert_int_equal(sim_disk_count("making-"), 1);
	assert_non_null(sim_disk_bytes("making-0000000000000005", &len)); /* not the one that failed */
	/* In the midst of it: the zeros do not go onto the disk. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(journal_commit(journal, NULL), RESULT_OK);
	sim_disk_fail_zero();
	assert_int_equal(journal_commit(journal, NULL), RESULT_OK);
	assert_true(journal_has_reserve(journal));
	assert_int_equal(sim_disk_count("making-"), 1);
	assert_non_null(sim_disk_bytes("making-0000000000000006", &len));
	/* Only where there is no room for another one the disk is full. */
	sim_disk_set_space(0);
	sim_disk_fail_zero();
	assert_int_equal(journal_commit(journal, NULL), RESULT_OK);
	assert_false(journal_has_reserve(journal));
	assert_int_equal(sim_disk_count("making-"), 0);
	assert_int_equal(sim_disk_open_count(), 1);
	sim_disk_set_space(UINT64_MAX);
	/* And where the rotation is to finish it: a file is made as if there had been none. */
	assert_int_equal(journal_commit(journal, NULL), RESULT_OK);
	sim_disk_fail_zero();
	uint64_t numbers = 3;
	while (journal_segments_count(journal) < 3)
		commit_some(&w, journal, &numbers, 1);
	assert_false(journal_is_dead(journal));
	journal_close(&journal);
	sim_disk_lose_power();
	assert_int_equal(reopen(&w, &journal), RESULT_OK);
	journal_close(&journal);
}

/* As a job does: six segments fill, then all that is done goes at once. After the first time nothing is
 * made and nothing removed. */
static void what_is_retired_at_once_is_there_for_the_rotations_that_follow(void **state)
{
	(void)state;
	static struct world w;
	struct journal *journal;
	uint64_t numbers = 4, made = 0;
	memset(&w, 0, sizeof w);
	w.needed = 1;
	sim_disk_reset(1);
	assert_int_equal(reopen(&w, &journal), RESULT_OK);
	for (int wave = 0; wave < 8; wave++) {
		while (journal_segments_count(journal) < SPARES_MAX)
			commit_some(&w, journal, &numbers, 1);
		w.needed = w.committed = journal_committed_seq(journal);
		assert_int_equal(journal_retire(journal, w.committed + 1, NULL), RESULT_OK);
		assert_int_equal(journal_segments_count(journal), 1);
		if (wave == 1)
			made = sim_disk_made();
	}
	assert_int_equal(sim_disk_made(), made);
	assert_int_equal(sim_disk_removed(), 0);
	assert_true(sim_disk_files_count() <= SPARES_MAX + 1);
	journal_close(&journal);
	/* They serve the next run too. */
	assert_int_equal(reopen(&w, &journal), RESULT_OK);
	assert_true(sim_disk_count("spare-") >= SPARES_MAX - 2);
	journal_close(&journal);
}

static void a_disk_too_full_to_begin_is_an_error_of_open(void **state)
{
	(void)state;
	struct journal *journal;
	struct came_back back = { .next = 0 };
	struct fail fail;
	sim_disk_reset(1);
	sim_disk_set_space(TEST_SEGMENT_BYTES - 1);
	assert_int_equal(test_journal_open(&journal, &back, &fail), RESULT_NO_SPACE);
	assert_int_equal(sim_disk_files_count(), 0);
	assert_int_equal(sim_disk_open_count(), 0);
	/* One segment fits, a reserve does not. */
	sim_disk_set_space(TEST_SEGMENT_BYTES);
	assert_int_equal(test_journal_open(&journal, &back, &fail), RESULT_OK);
	assert_false(journal_has_reserve(journal));
	journal_close(&journal);
}

static void many_restarts_do_not_fill_the_disk(void **state)
{
	(void)state;
	static struct world w;
	uint64_t numbers = 3;
	memset(&w, 0, sizeof w);
	w.needed = 1;
	sim_disk_reset(1);
	for (int i = 0; i < 100; i++) {
		struct journal *journal;
		assert_int_equal(reopen(&w, &journal), RESULT_OK);
		if (i % 10 == 0)
			commit_some(&w, journal, &numbers, 1);
		journal_close(&journal);
		sim_disk_kill();
	}
	size_t bytes = 0, len;
	for (unsigned number = 0; number < 400; number++) {
		char name[40];
		(void)snprintf(name, sizeof name, "journal-%016x", number);
		(void)sim_disk_bytes(name, &len);
		bytes += len;
	}
	/* Ten runs with records, cut to their blocks, and the one that is open. */
	assert_true(bytes <= 10 * 4 * JOURNAL_BLOCK_BYTES + 2 * TEST_SEGMENT_BYTES);
	assert_true(sim_disk_files_count() <= 14);
}

static int teardown(void **state)
{
	(void)state;
	sim_disk_reset(0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_loss_of_power_loses_or_invents_a_record),
		cmocka_unit_test(every_single_call_may_be_the_last),
		cmocka_unit_test(after_a_failed_sync_the_journal_is_dead),
		cmocka_unit_test(a_full_disk_is_told_early_and_may_be_waited_for),
		cmocka_unit_test(a_reserve_counts_from_the_start_and_costs_each_commit_a_piece),
		cmocka_unit_test(a_piece_is_twice_what_was_committed_within_bounds),
		cmocka_unit_test(when_it_is_whole_and_synced_a_reserve_is_a_spare),
		cmocka_unit_test(a_rotation_that_comes_sooner_finishes_the_reserve),
		cmocka_unit_test(what_a_crash_left_half_made_is_removed_and_never_read),
		cmocka_unit_test(a_step_that_fails_begins_the_reserve_anew_and_the_journal_lives),
		cmocka_unit_test(what_is_retired_at_once_is_there_for_the_rotations_that_follow),
		cmocka_unit_test(a_disk_too_full_to_begin_is_an_error_of_open),
		cmocka_unit_test(many_restarts_do_not_fill_the_disk),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
