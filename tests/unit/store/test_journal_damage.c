/* Every byte of a journal changed, every length cut: what comes back is exactly the intact prefix,
 * or the damage is told. (SEC-32) The content of records never matters. */
#include <stdio.h>
#include "tests/unit/store/journal_fixture.h"
#include "tests/unit/store/sim_disk.h"

static const char first_segment[] = "journal-0000000000000001";

enum { COMMITS = 3, RECORDS = 6 };
/* Two records a commit: small ones, then one that crosses blocks, then small ones. */
static const size_t lens[RECORDS] = { 10, 100, 5000, 1, 33, 7 };

struct image {
	uint8_t *bytes;
	size_t len;
	size_t starts[RECORDS], ends[RECORDS];
};

static struct text payload_of(size_t record)
{
	/* Newlines and what looks like a record's start: framing must not care. */
	static uint8_t bytes[8192];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i % 7 == 0 ? '\n' : i % 5 == 0 ? 0 : record + i);
	return text_of_bytes(bytes, lens[record]);
}

static enum result open_plain(struct journal **out_journal, struct came_back *back, struct fail *fail)
{
	*back = (struct came_back){ .next = 0 };
	return test_journal_open(out_journal, back, fail);
}

/* A journal with six records in three commits; its segment's bytes. */
static void make_image(struct image *image)
{
	struct journal *journal;
	struct came_back back;
	struct fail fail;
	size_t at = JOURNAL_BLOCK_BYTES;
	sim_disk_reset(1);
	assert_int_equal(open_plain(&journal, &back, &fail), RESULT_OK);
	for (size_t i = 0; i < RECORDS; i++) {
		assert_int_equal(journal_append(journal, 1, payload_of(i)), RESULT_OK);
		image->starts[i] = at;
		at = image->ends[i] = at + JOURNAL_FRAME_BYTES + lens[i];
		if (i % 2 == 1) {
			assert_int_equal(journal_commit(journal, &fail), RESULT_OK);
			at = (at + JOURNAL_BLOCK_BYTES - 1) / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES;
		}
	}
	journal_close(&journal);
	const uint8_t *bytes = sim_disk_bytes(first_segment, &image->len);
	image->bytes = malloc(image->len);
	assert_non_null(image->bytes);
	memcpy(image->bytes, bytes, image->len);
}

static void put_image(const struct image *image, size_t len)
{
	sim_disk_reset(1);
	sim_disk_put(first_segment, image->bytes, len);
}

/* Opens, expects so many records, goes on writing, and finds all of it the next time. */
static void expect_prefix(uint64_t records, size_t at)
{
	struct journal *journal;
	struct came_back back;
	struct fail fail;
	if (open_plain(&journal, &back, &fail) != RESULT_OK)
		fail_msg("byte %zu: %s", at, fail.text);
	uint64_t got = back.next > 0 ? back.next - 1 : 0;
	if (got != records || journal_next_seq(journal) != records + 1)
		fail_msg("byte %zu: %llu records instead of %llu", at, (unsigned long long)got,
			(unsigned long long)records);
	assert_int_equal(journal_append(journal, 1, TEXT("one more")), RESULT_OK);
	assert_int_equal(journal_commit(journal, &fail), RESULT_OK);
	journal_close(&journal);
	assert_int_equal(open_plain(&journal, &back, &fail), RESULT_OK);
	assert_true(back.first == 1 && back.next == records + 2);
	journal_close(&journal);
}

static void expect_damage(const struct image *image, size_t at)
{
	struct journal *journal;
	struct came_back back;
	struct fail fail;
	size_t len;
	if (open_plain(&journal, &back, &fail) != RESULT_DAMAGED)
		fail_msg("byte %zu: the damage was not seen", at);
	assert_null(journal);
	assert_non_null(strstr(fail.text, first_segment));
	/* Nothing was touched: somebody may still look at it. */
	const uint8_t *bytes = sim_disk_bytes(first_segment, &len);
	assert_int_equal(len, image->len);
	assert_int_equal(sim_disk_files_count(), 1);
	assert_memory_not_equal(bytes, image->bytes, len);
}

/* Every byte near where a record starts or ends and of the small records; of the long payload and
 * of the zeros between commits, which are all alike, one in 61. */
static bool is_worth_it(const struct image *image, size_t at)
{
	for (size_t i = 0; i < RECORDS; i++) {
		if ((at + 5 >= image->starts[i] && at < image->starts[i] + JOURNAL_FRAME_BYTES + 100) ||
			(at + 5 >= image->ends[i] && at < image->ends[i] + 5))
			return true;
	}
	return at < 64 || at % 61 == 0;
}

/* Cut anywhere: the records that are whole. Nothing behind tells that there were more. */
static void every_truncation_leaves_the_whole_records(void **state)
{
	const struct image *image = *state;
	for (size_t len = 0; len <= image->ends[RECORDS - 1] + 10; len++) {
		uint64_t whole = 0;
		if (!is_worth_it(image, len))
			continue;
		while (whole < RECORDS && image->ends[whole] <= len)
			whole++;
		put_image(image, len);
		expect_prefix(whole, len);
	}
}

/* Changed in the last commit, which may not have been durable: the records before. Changed in an
 * earlier one: later records say that it was durable. */
static void every_changed_byte_ends_the_records_or_is_told(void **state)
{
	struct image *image = *state;
	static const uint8_t masks[] = { 0x01, 0x80, 0xff };
	const size_t last_commit = RECORDS - 2;
	for (size_t at = 0; at < image->ends[RECORDS - 1] + 10; at++) {
		size_t record = 0;
		if (!is_worth_it(image, at))
			continue;
		while (record < RECORDS && image->ends[record] <= at)
			record++;
		bool inside = record < RECORDS && at >= image->starts[record];
		bool header = at < 36;
		for (size_t m = 0; m < COUNT_OF(masks); m++) {
			image->bytes[at] ^= masks[m];
			put_image(image, image->len);
			image->bytes[at] ^= masks[m];
			if (header || (inside && record < last_commit))
				expect_damage(image, at);
			else
				expect_prefix(inside ? record : RECORDS, at);
		}
	}
}

/* ---- whole files that are not what they should be ---- */

static void fill_segments(size_t segments)
{
	struct journal *journal;
	struct came_back back;
	struct fail fail;
	sim_disk_reset(1);
	assert_int_equal(open_plain(&journal, &back, &fail), RESULT_OK);
	while (journal_segments_count(journal) < segments) {
		assert_int_equal(journal_append(journal, 1, payload_of(2)), RESULT_OK);
		assert_int_equal(journal_commit(journal, &fail), RESULT_OK);
	}
	journal_close(&journal);
}

static void numbers_of_segments(uint64_t numbers[], size_t count)
{
	size_t found = 0, len;
	for (unsigned number = 1; number < 100 && found < count; number++) {
		char name[40];
		(void)snprintf(name, sizeof name, "journal-%016x", number);
		if (sim_disk_bytes(name, &len) != NULL)
			numbers[found++] = number;
	}
	assert_int_equal(found, count);
}

static void a_segment_that_is_missing_in_the_middle_is_told(void **state)
{
	(void)state;
	uint64_t numbers[4];
	char name[40];
	size_t len;
	struct journal *journal;
	struct came_back back;
	struct fail fail;
	fill_segments(4);
	numbers_of_segments(numbers, 4);
	(void)snprintf(name, sizeof name, "journal-%016llx", (unsigned long long)numbers[1]);
	uint8_t *bytes = sim_disk_bytes(name, &len);
	assert_non_null(bytes);
	/* As good as gone: another segment's number in its header. */
	memset(bytes, 0, len);
	assert_int_equal(open_plain(&journal, &back, &fail), RESULT_DAMAGED);
	assert_non_null(strstr(fail.text, "should follow"));
}

static void another_version_is_refused_in_words(void **state)
{
	(void)state;
	struct image *image = *state;
	struct journal *journal;
	struct came_back back;
	struct fail fail;
	/* A header of version 2 with its right checksum. */
	static const uint8_t header[36] = { 'L', 'S', 'J', 'R', 'N', 'L', '\r', '\n', 0, 0, 0, 2, 0, 0,
		16, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x88, 0x65, 0x05, 0x87 };
	put_image(image, image->len);
	size_t len;
	memcpy(sim_disk_bytes(first_segment, &len), header, sizeof header);
	assert_int_equal(open_plain(&journal, &back, &fail), RESULT_CHANGED);
	assert_non_null(strstr(fail.text, "another version of longship (format 2, this one has 1)"));
	assert_non_null(strstr(fail.text, "let that version deliver"));
}

static void files_of_others_are_left_alone(void **state)
{
	(void)state;
	struct image *image = *state;
	static const char *const names[] = { "lock", "journal-1", "journal-000000000000000G",
		"journal-00000000000000001", "spare-", "JOURNAL-0000000000000001" };
	struct journal *journal;
	struct came_back back;
	struct fail fail;
	size_t len;
	put_image(image, image->len);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		sim_disk_put(names[i], (const uint8_t *)"not ours", 8);
	assert_int_equal(open_plain(&journal, &back, &fail), RESULT_OK);
	assert_true(back.next == RECORDS + 1);
	journal_close(&journal);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		const uint8_t *bytes = sim_disk_bytes(names[i], &len);
		assert_int_equal(len, 8);
		assert_memory_equal(bytes, "not ours", 8);
	}
}

/* An old segment that comes back under a newer name (a copy, a file system that forgot a rename):
 * its records name another segment. */
static void old_bytes_under_a_new_name_are_nothing(void **state)
{
	(void)state;
	struct image *image = *state;
	struct journal *journal;
	struct came_back back;
	struct fail fail;
	put_image(image, image->len);
	sim_disk_put("journal-0000000000000002", image->bytes, image->len);
	assert_int_equal(open_plain(&journal, &back, &fail), RESULT_OK);
	assert_true(back.next == RECORDS + 1);
	journal_close(&journal);
}

static enum result refuse(const struct journal_record *record, void *context)
{
	(void)context;
	return record->seq == 3 ? RESULT_DAMAGED : RESULT_OK;
}

static void what_the_reader_of_records_says_ends_the_opening(void **state)
{
	(void)state;
	struct image *image = *state;
	const struct journal_config config = { .path = ".", .segment_bytes = TEST_SEGMENT_BYTES,
		.batch_bytes = TEST_BATCH_BYTES };
	struct journal *journal;
	struct fail fail;
	put_image(image, image->len);
	assert_int_equal(journal_open(&config, refuse, NULL, &journal, &fail), RESULT_DAMAGED);
	assert_string_equal(fail.text,
		"journal .: journal-0000000000000001: record 3: stored data is damaged");
}

static int setup(void **state)
{
	static struct image image;
	make_image(&image);
	*state = &image;
	return 0;
}

static int teardown(void **state)
{
	struct image *image = *state;
	free(image->bytes);
	sim_disk_reset(0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_truncation_leaves_the_whole_records),
		cmocka_unit_test(every_changed_byte_ends_the_records_or_is_told),
		cmocka_unit_test(a_segment_that_is_missing_in_the_middle_is_told),
		cmocka_unit_test(another_version_is_refused_in_words),
		cmocka_unit_test(files_of_others_are_left_alone),
		cmocka_unit_test(old_bytes_under_a_new_name_are_nothing),
		cmocka_unit_test(what_the_reader_of_records_says_ends_the_opening),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
