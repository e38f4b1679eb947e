/* The journal's reader. The first octet chooses: the rest is (0) a segment as it is, (1) a segment
 * whose checksums are made right, so that what stands behind them is reached, (2) the payload of a
 * record, its type in the second octet, (3) records that are written and then changed in one place.
 * Targets: journal_frame_get_header, journal_scan_next, journal_scan_is_damaged,
 * journal_record_get. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "store/journal_frame.h"
#include "store/journal_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SEGMENT_BYTES_MAX = 64 * 1024,
	NUMBER = 7, /* of the segment */
};

static uint8_t segment[SEGMENT_BYTES_MAX];

/* What is taken for a record can be written again and is then the same. */
static void check_payload(const struct journal_record *record)
{
	static uint8_t memory[JOURNAL_PAYLOAD_BYTES_MAX];
	struct outcome_record outcome;
	struct buf again;
	if (!journal_record_get(record, &outcome))
		return;
	buf_init(&again, memory, sizeof memory);
	journal_record_put(&again, &outcome);
	CHECK(text_equal(buf_text(&again), record->payload));
}

static uint64_t scan_segment(size_t len, uint64_t first_seq)
{
	struct journal_scan scan;
	struct journal_record record;
	uint64_t count = 0;
	/* In memory of its own length, so that each octet too far is seen. */
	uint8_t *copy = malloc(len > 0 ? len : 1);
	CHECK(copy != NULL);
	memcpy(copy, segment, len);
	journal_scan_init(&scan, copy, len, NUMBER, first_seq);
	while (journal_scan_next(&scan, &record)) {
		CHECK(record.seq == first_seq + count);
		CHECK(record.payload.len > 0);
		CHECK((const uint8_t *)record.payload.data >= copy &&
			(const uint8_t *)record.payload.data + record.payload.len <= copy + len);
		check_payload(&record);
		count++;
	}
	CHECK(scan.at <= len && scan.next_seq == first_seq + count);
	(void)journal_scan_is_damaged(&scan);
	free(copy);
	return count;
}

/* Where the input says that a record is, it gets the segment's number and its checksum. */
static void repair(size_t len)
{
	for (size_t at = JOURNAL_BLOCK_BYTES; at + JOURNAL_FRAME_BYTES < len;) {
		size_t frame_len = journal_frame_len(segment + at);
		if (frame_len > JOURNAL_FRAME_BYTES && frame_len <= len - at) {
			journal_frame_renumber(segment + at, frame_len, NUMBER);
			at += frame_len;
		} else {
			at = (at / JOURNAL_BLOCK_BYTES + 1) * JOURNAL_BLOCK_BYTES;
		}
	}
}

/* Input: pairs of a length (0: a commit) and the first octet of the content; the last four octets
 * say what is changed. Only a prefix may come back, and all of it that stands before the change. */
static void write_and_change(const uint8_t *data, size_t size)
{
	struct buf buf;
	uint64_t seq = 1, durable = 0, before = 0;
	uint8_t content[256];
	if (size < 4)
		return;
	size_t change_at = (size_t)data[0] << 8 | data[1];
	uint8_t mask = data[2];
	memset(segment, 0, sizeof segment);
	buf_init(&buf, segment, sizeof segment);
	(void)buf_claim(&buf, JOURNAL_BLOCK_BYTES);
	for (size_t i = 4; i + 1 < size && buf_room(&buf) > 2 * JOURNAL_BLOCK_BYTES; i += 2) {
		if (data[i] == 0) {
			/* An empty commit writes nothing. */
			if (buf.len % JOURNAL_BLOCK_BYTES != 0)
				(void)buf_claim(&buf, JOURNAL_BLOCK_BYTES - buf.len % JOURNAL_BLOCK_BYTES);
			durable = seq - 1;
			continue;
		}
		memset(content, data[i + 1], sizeof content);
		journal_frame_put_record(&buf,
			&(struct journal_record){ .seq = seq++, .type = 1,
				.payload = text_of_bytes(content, data[i]) }, NUMBER, durable);
		before += buf.len <= change_at;
	}
	size_t len = buf.len;
	if (change_at < len)
		segment[change_at] ^= mask;
	uint64_t count = scan_segment(len, 1);
	CHECK(count <= seq - 1);
	CHECK(count >= before);
	if (mask == 0 || change_at < JOURNAL_BLOCK_BYTES || change_at >= len)
		CHECK(count == seq - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct journal_header header;
	if (size < 2)
		return 0;
	uint8_t mode = data[0] % 4;
	if (mode == 2) {
		check_payload(&(struct journal_record){ .seq = 1, .type = data[1],
			.payload = text_of_bytes(data + 2, size - 2) });
		return 0;
	}
	if (mode == 3) {
		write_and_change(data + 1, size - 1);
		return 0;
	}
	/* The header's block is left out of the input: it would be mostly zeros. */
	size_t len = size - 1;
	(void)journal_frame_get_header(data + 1, len, &header);
	if (len > SEGMENT_BYTES_MAX - JOURNAL_BLOCK_BYTES)
		len = SEGMENT_BYTES_MAX - JOURNAL_BLOCK_BYTES;
	memset(segment, 0, JOURNAL_BLOCK_BYTES);
	memcpy(segment + JOURNAL_BLOCK_BYTES, data + 1, len);
	len += JOURNAL_BLOCK_BYTES;
	if (mode == 1)
		repair(len);
	(void)scan_segment(len, 1);
	return 0;
}
