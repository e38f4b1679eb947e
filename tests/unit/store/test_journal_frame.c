#include "tests/unit/unit.h"
#include <stdlib.h>
#include "store/journal_frame.h"

enum { SEGMENT_BYTES = 4 * JOURNAL_BLOCK_BYTES };

static uint8_t segment[SEGMENT_BYTES];

static void put(struct buf *buf, uint64_t seq, const char *payload, uint64_t number, uint64_t durable)
{
	journal_frame_put_record(buf,
		&(struct journal_record){ .seq = seq, .type = 9, .payload = text_of(payload) }, number,
		durable);
}

static void begin(struct buf *buf)
{
	memset(segment, 0, sizeof segment);
	buf_init(buf, segment, sizeof segment);
	(void)buf_claim(buf, JOURNAL_BLOCK_BYTES);
}

static void align(struct buf *buf)
{
	(void)buf_claim(buf, (JOURNAL_BLOCK_BYTES - buf->len % JOURNAL_BLOCK_BYTES) % JOURNAL_BLOCK_BYTES);
}

static size_t scan_count(uint64_t number, uint64_t first_seq, struct journal_scan *scan)
{
	struct journal_record record;
	size_t count = 0;
	journal_scan_init(scan, segment, sizeof segment, number, first_seq);
	while (journal_scan_next(scan, &record)) {
		assert_true(record.seq == first_seq + count);
		assert_int_equal(record.type, 9);
		count++;
	}
	return count;
}

static void a_header_is_read_back_or_is_none(void **state)
{
	(void)state;
	uint8_t bytes[JOURNAL_HEADER_BYTES];
	struct buf buf;
	struct journal_header header, want = { .version = JOURNAL_VERSION,
		.block_bytes = JOURNAL_BLOCK_BYTES, .number = 77, .first_seq = 1234567890123 };
	buf_init(&buf, bytes, sizeof bytes);
	journal_frame_put_header(&buf, &want);
	assert_int_equal(journal_frame_get_header(bytes, sizeof bytes, &header), JOURNAL_HEADER_GOOD);
	assert_true(header.number == 77 && header.first_seq == 1234567890123);
	for (size_t len = 0; len < sizeof bytes; len++)
		assert_int_equal(journal_frame_get_header(bytes, len, &header), JOURNAL_HEADER_NONE);
	for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(
			journal_frame_get_header(bytes, sizeof bytes, &header), JOURNAL_HEADER_NONE);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	want.version = JOURNAL_VERSION + 1;
	buf_reset(&buf);
	journal_frame_put_header(&buf, &want);
	assert_int_equal(journal_frame_get_header(bytes, sizeof bytes, &header), JOURNAL_HEADER_OTHER);
}

static void records_follow_each_other_and_over_blocks(void **state)
{
	(void)state;
	struct buf buf;
	struct journal_scan scan;
	begin(&buf);
	put(&buf, 5, "a", 3, 4);
	put(&buf, 6, "b", 3, 4);
	align(&buf);
	put(&buf, 7, "c", 3, 6);
	assert_int_equal(scan_count(3, 5, &scan), 3);
	assert_int_equal(scan.at, buf.len);
	assert_true(scan.next_seq == 8);
	assert_false(journal_scan_is_damaged(&scan));
}

/* What a used segment holds from before, or from another place: of another number, or not the next. */
static void strange_records_end_the_reading(void **state)
{
	(void)state;
	static const struct { uint64_t seq, number; size_t want; } rows[] = {
		{ 6, 3, 2 }, { 6, 2, 1 }, { 6, 4, 1 }, { 5, 3, 1 }, { 7, 3, 1 }, { 0, 3, 1 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (int aligned = 0; aligned < 2; aligned++) {
			struct buf buf;
			struct journal_scan scan;
			begin(&buf);
			put(&buf, 5, "a", 3, 4);
			if (aligned)
				align(&buf);
			put(&buf, rows[i].seq, "b", rows[i].number, 4);
			assert_int_equal(scan_count(3, 5, &scan), rows[i].want);
			assert_false(journal_scan_is_damaged(&scan));
		}
	}
}

/* Only the block behind a commit is looked at, not the one after it. */
static void a_block_is_not_skipped(void **state)
{
	(void)state;
	struct buf buf;
	struct journal_scan scan;
	begin(&buf);
	put(&buf, 5, "a", 3, 4);
	align(&buf);
	(void)buf_claim(&buf, JOURNAL_BLOCK_BYTES);
	put(&buf, 6, "b", 3, 4);
	assert_int_equal(scan_count(3, 5, &scan), 1);
}

static void later_records_betray_a_lost_one(void **state)
{
	(void)state;
	struct buf buf;
	struct journal_scan scan;
	begin(&buf);
	put(&buf, 5, "a", 3, 4);
	size_t lost = buf.len;
	put(&buf, 6, "b", 3, 4);
	put(&buf, 7, "c", 3, 4); /* of the same commit: tells nothing */
	segment[lost + 20] ^= 1;
	assert_int_equal(scan_count(3, 5, &scan), 1);
	assert_false(journal_scan_is_damaged(&scan));
	align(&buf);
	size_t later = buf.len;
	put(&buf, 8, "d", 3, 7); /* made when 6 and 7 were durable */
	assert_int_equal(scan_count(3, 5, &scan), 1);
	assert_true(journal_scan_is_damaged(&scan));
	segment[later + 3] ^= 1; /* not whole itself: no witness */
	assert_false(journal_scan_is_damaged(&scan));
}

static void a_renumbered_record_is_whole_for_its_new_segment(void **state)
{
	(void)state;
	struct buf buf;
	struct journal_scan scan;
	begin(&buf);
	size_t at = buf.len;
	put(&buf, 5, "payload", 3, 4);
	assert_int_equal(journal_frame_len(segment + at), buf.len - at);
	journal_frame_renumber(segment + at, buf.len - at, 9);
	assert_int_equal(scan_count(3, 5, &scan), 0);
	assert_int_equal(scan_count(9, 5, &scan), 1);
}

/* Lengths that lie, at the end of the segment above all. */
static void no_length_reads_past_the_segment(void **state)
{
	(void)state;
	uint64_t seed = 3;
	for (int turn = 0; turn < 20000; turn++) {
		struct buf buf;
		struct journal_scan scan;
		begin(&buf);
		put(&buf, 5, "a", 3, 4);
		for (int i = 0; i < 8; i++)
			segment[JOURNAL_BLOCK_BYTES + seeded_below(&seed, 60)] ^= (uint8_t)seeded_next(&seed);
		/* An own block of memory, so that a sanitizer sees every byte too far. */
		size_t len = JOURNAL_BLOCK_BYTES + seeded_below(&seed, 70);
		uint8_t *copy = malloc(len);
		assert_non_null(copy);
		memcpy(copy, segment, len);
		struct journal_record record;
		journal_scan_init(&scan, copy, len, 3, 5);
		while (journal_scan_next(&scan, &record))
			assert_text_equal(record.payload, "a");
		(void)journal_scan_is_damaged(&scan);
		assert_true(scan.at <= len);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_read_back_or_is_none),
		cmocka_unit_test(records_follow_each_other_and_over_blocks),
		cmocka_unit_test(strange_records_end_the_reading),
		cmocka_unit_test(a_block_is_not_skipped),
		cmocka_unit_test(later_records_betray_a_lost_one),
		cmocka_unit_test(a_renumbered_record_is_whole_for_its_new_segment),
		cmocka_unit_test(no_length_reads_past_the_segment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
