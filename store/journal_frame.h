/* How segments and records look in bytes. Pure: memory in, memory out; the fuzzer lives here.
 *
 * Segment: one block with the header, then blocks with records.
 *   header   magic[8] "LSJRNL\r\n" · version u32 · block size u32 · number u64 · first seq u64 · crc u32
 *   record   crc u32 · payload length u32 · segment number u64 · seq u64 · durable seq u64 · type u32
 *            · payload
 * Numbers in network byte order, crc = CRC-32 of everything behind it (of the header: before it). A
 * record may cross blocks. The first record of a commit begins in a new block; what is left of the
 * block before it is zero, and a length of zero is no record: the reader goes on with the next
 * block. `durable seq` is up to where everything was durable when the record was made: from a
 * record that can be read it follows that all those before it must be readable too. */
#ifndef STORE_JOURNAL_FRAME_H
#define STORE_JOURNAL_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "store/journal.h"

enum {
	JOURNAL_VERSION = 1,
	JOURNAL_HEADER_BYTES = 36,
};

struct journal_header {
	uint32_t version;
	uint32_t block_bytes;
	uint64_t number;
	uint64_t first_seq;
};

enum journal_header_state {
	JOURNAL_HEADER_GOOD,
	JOURNAL_HEADER_NONE,  /* zeros, torn, or not ours */
	JOURNAL_HEADER_OTHER, /* whole, but of another version */
};

void journal_frame_put_header(struct buf *buf, const struct journal_header *header);
enum journal_header_state journal_frame_get_header(
	const uint8_t *data, size_t len, struct journal_header *out_header);

/* The frame and the payload (which must not be empty). */
void journal_frame_put_record(struct buf *buf, const struct journal_record *record,
	uint64_t segment_number, uint64_t durable_seq);
/* Whole bytes of a record with that payload. */
static inline size_t journal_frame_bytes(size_t payload_len)
{
	return JOURNAL_FRAME_BYTES + payload_len;
}

/* Writes another segment number into a record that was made before, and its checksum anew. */
void journal_frame_renumber(uint8_t *frame, size_t len, uint64_t segment_number);
/* Length of the record at `frame` that we made ourselves. */
size_t journal_frame_len(const uint8_t *frame);

struct journal_scan {
	const uint8_t *data; /* the whole segment */
	size_t len;
	uint64_t number;   /* of the segment */
	uint64_t next_seq; /* that of the next record */
	size_t at;         /* where it is looked for; the end of what is good, once there is none */
};

/* Begins behind the header. */
void journal_scan_init(struct journal_scan *scan, const uint8_t *data, size_t len, uint64_t number,
	uint64_t first_seq);
/* The next record, if it is whole, of this segment and has the next number; else false. */
bool journal_scan_next(struct journal_scan *scan, struct journal_record *out_record);
/* True if a whole record of this segment stands anywhere behind, made when more than what was read
 * was durable: then what was read is not all, and the segment is damaged. */
bool journal_scan_is_damaged(const struct journal_scan *scan);

#endif
