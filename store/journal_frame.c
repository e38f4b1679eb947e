#include "store/journal_frame.h"
#include <string.h>
#include <zlib.h>

static const char magic[8] = "LSJRNL\r\n";

enum {
	CRC_BYTES = 4,
	/* Offsets inside a frame. */
	LENGTH_AT = 4,
	NUMBER_AT = 8,
	SEQ_AT = 16,
	DURABLE_AT = 24,
	TYPE_AT = 32,
};
static_assert(TYPE_AT + 4 == JOURNAL_FRAME_BYTES, "the frame is its fields");

static uint32_t crc_of(const uint8_t *data, size_t len) { return (uint32_t)crc32_z(0, data, len); }

static uint32_t get_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t get_u64(const uint8_t *at) { return (uint64_t)get_u32(at) << 32 | get_u32(at + 4); }

static void set_u64(uint8_t *at, uint64_t value)
{
	for (size_t i = 8; i-- > 0; value >>= 8)
		at[i] = (uint8_t)value;
}

static void set_crc(uint8_t *frame, size_t len)
{
	uint32_t crc = crc_of(frame + CRC_BYTES, len - CRC_BYTES);
	for (size_t i = CRC_BYTES; i-- > 0; crc >>= 8)
		frame[i] = (uint8_t)crc;
}

void journal_frame_put_header(struct buf *buf, const struct journal_header *header)
{
	size_t start = buf->len;
	buf_put(buf, magic, sizeof magic);
	buf_put_u32(buf, header->version);
	buf_put_u32(buf, header->block_bytes);
	buf_put_u64(buf, header->number);
	buf_put_u64(buf, header->first_seq);
	CHECK(!buf->overflow);
	buf_put_u32(buf, crc_of(buf->data + start, buf->len - start));
	CHECK(!buf->overflow && buf->len - start == JOURNAL_HEADER_BYTES);
}

enum journal_header_state journal_frame_get_header(
	const uint8_t *data, size_t len, struct journal_header *out_header)
{
	struct buf_reader reader;
	*out_header = (struct journal_header){ .version = 0 };
	if (len < JOURNAL_HEADER_BYTES || memcmp(data, magic, sizeof magic) != 0)
		return JOURNAL_HEADER_NONE;
	buf_reader_init(&reader, data + sizeof magic, JOURNAL_HEADER_BYTES - sizeof magic);
	out_header->version = buf_reader_u32(&reader);
	out_header->block_bytes = buf_reader_u32(&reader);
	out_header->number = buf_reader_u64(&reader);
	out_header->first_seq = buf_reader_u64(&reader);
	if (buf_reader_u32(&reader) != crc_of(data, JOURNAL_HEADER_BYTES - CRC_BYTES))
		return JOURNAL_HEADER_NONE;
	if (out_header->version != JOURNAL_VERSION ||
		out_header->block_bytes != JOURNAL_BLOCK_BYTES)
		return JOURNAL_HEADER_OTHER;
	return JOURNAL_HEADER_GOOD;
}

void journal_frame_put_record(struct buf *buf, const struct journal_record *record,
	uint64_t segment_number, uint64_t durable_seq)
{
	size_t len = journal_frame_bytes(record->payload.len);
	CHECK(record->payload.len > 0 && record->payload.len <= JOURNAL_PAYLOAD_BYTES_MAX);
	CHECK(!buf->overflow && len <= buf_room(buf));
	uint8_t *frame = buf->data + buf->len;
	buf_put_u32(buf, 0); /* the checksum, below */
	buf_put_u32(buf, (uint32_t)record->payload.len);
	buf_put_u64(buf, segment_number);
	buf_put_u64(buf, record->seq);
	buf_put_u64(buf, durable_seq);
	buf_put_u32(buf, record->type);
	buf_put_text(buf, record->payload);
	set_crc(frame, len);
}

size_t journal_frame_len(const uint8_t *frame)
{
	return journal_frame_bytes(get_u32(frame + LENGTH_AT));
}

void journal_frame_renumber(uint8_t *frame, size_t len, uint64_t segment_number)
{
	CHECK(len == journal_frame_len(frame));
	set_u64(frame + NUMBER_AT, segment_number);
	set_crc(frame, len);
}

/* ---- reading ---- */

/* The bytes of a whole record at `at`, of this segment, or 0. */
static size_t whole_record(const struct journal_scan *scan, size_t at)
{
	if (scan->len - at <= JOURNAL_FRAME_BYTES)
		return 0;
	const uint8_t *frame = scan->data + at;
	size_t payload_len = get_u32(frame + LENGTH_AT);
	if (payload_len == 0 || payload_len > JOURNAL_PAYLOAD_BYTES_MAX ||
		payload_len > scan->len - at - JOURNAL_FRAME_BYTES)
		return 0;
	size_t len = journal_frame_bytes(payload_len);
	if (get_u64(frame + NUMBER_AT) != scan->number || get_u32(frame + TYPE_AT) > UINT8_MAX ||
		get_u32(frame) != crc_of(frame + CRC_BYTES, len - CRC_BYTES))
		return 0;
	return len;
}

void journal_scan_init(struct journal_scan *scan, const uint8_t *data, size_t len, uint64_t number,
	uint64_t first_seq)
{
	*scan = (struct journal_scan){
		.data = data, .len = len, .number = number, .next_seq = first_seq
	};
	scan->at = len < JOURNAL_BLOCK_BYTES ? len : JOURNAL_BLOCK_BYTES;
}

bool journal_scan_next(struct journal_scan *scan, struct journal_record *out_record)
{
	size_t at = scan->at, len = whole_record(scan, at);
	if (len == 0 && at % JOURNAL_BLOCK_BYTES != 0) {
		/* The end of a commit, if its next one begins in the next block. */
		at += JOURNAL_BLOCK_BYTES - at % JOURNAL_BLOCK_BYTES;
		len = at < scan->len ? whole_record(scan, at) : 0;
	}
	if (len == 0 || get_u64(scan->data + at + SEQ_AT) != scan->next_seq)
		return false;
	*out_record = (struct journal_record){
		.seq = scan->next_seq,
		.type = (uint8_t)get_u32(scan->data + at + TYPE_AT),
		.payload = text_of_bytes(
			scan->data + at + JOURNAL_FRAME_BYTES, len - JOURNAL_FRAME_BYTES),
	};
	scan->at = at + len;
	scan->next_seq++;
	return true;
}

bool journal_scan_is_damaged(const struct journal_scan *scan)
{
	uint8_t number[8];
	set_u64(number, scan->number);
	/* Any place where the number of the segment stands may be a record: few do by chance. */
	for (size_t at = scan->at; at < scan->len;) {
		const uint8_t *found =
			memmem(scan->data + at, scan->len - at, number, sizeof number);
		if (found == NULL)
			return false;
		size_t number_at = (size_t)(found - scan->data);
		at = number_at + 1;
		if (number_at < scan->at + NUMBER_AT)
			continue;
		size_t frame_at = number_at - NUMBER_AT;
		/* All up to next_seq - 1 were read. */
		if (whole_record(scan, frame_at) != 0 &&
			get_u64(scan->data + frame_at + DURABLE_AT) >= scan->next_seq)
			return true;
	}
	return false;
}
