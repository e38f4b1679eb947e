/* Bounded reading and writing of bytes, with errors that stick: write or read a whole thing
 * straight through, look once at the end. Numbers are in network byte order.
 *
 * A put that does not fit writes nothing and sets `overflow`; after that every put writes nothing,
 * so that a half-written thing is never followed by a whole one. A read past the end gives zeros,
 * and all reads after it too. Neither owns its memory. */
#ifndef ENGINE_BASE_BUF_H
#define ENGINE_BASE_BUF_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/base/text.h"

struct buf {
	uint8_t *data;
	size_t len;    /* bytes written */
	size_t size;   /* bytes there are */
	bool overflow; /* something did not fit: what is here is not whole */
};

void buf_init(struct buf *buf, void *memory, size_t size);
/* Empty again, the overflow forgotten. */
static inline void buf_reset(struct buf *buf)
{
	buf->len = 0;
	buf->overflow = false;
}
/* Back to an earlier length (a rollback of what was put since); forgets an overflow. */
void buf_truncate(struct buf *buf, size_t len);
static inline size_t buf_room(const struct buf *buf) { return buf->size - buf->len; }
/* What has been written; lives as long as the memory, changes with the next put. */
static inline struct text buf_text(const struct buf *buf)
{
	return (struct text){ (const char *)buf->data, buf->len };
}

/* Room for `len` bytes that the caller fills at once; NULL (and overflow) if there is none. */
static inline uint8_t *buf_claim(struct buf *buf, size_t len)
{
	CHECK_SLOW(buf->len <= buf->size);
	if (buf->overflow || len > buf->size - buf->len) {
		buf->overflow = true;
		return NULL;
	}
	uint8_t *at = buf->data + buf->len;
	buf->len += len;
	return at;
}

static inline void buf_put(struct buf *buf, const void *data, size_t len)
{
	uint8_t *at = buf_claim(buf, len);
	if (at != NULL && len > 0)
		memcpy(at, data, len);
}
static inline void buf_put_text(struct buf *buf, struct text text)
{
	buf_put(buf, text.data, text.len);
}
static inline void buf_put_cstr(struct buf *buf, const char *cstr)
{
	buf_put_text(buf, text_of(cstr));
}
static inline void buf_put_u8(struct buf *buf, uint8_t value) { buf_put(buf, &value, 1); }
static inline void buf_put_u16(struct buf *buf, uint16_t value)
{
	value = htobe16(value);
	buf_put(buf, &value, sizeof value);
}
static inline void buf_put_u32(struct buf *buf, uint32_t value)
{
	value = htobe32(value);
	buf_put(buf, &value, sizeof value);
}
static inline void buf_put_u64(struct buf *buf, uint64_t value)
{
	value = htobe64(value);
	buf_put(buf, &value, sizeof value);
}
/* Decimal digits; the second with zeros in front up to `width` (at most 20). */
void buf_put_number(struct buf *buf, uint64_t number);
void buf_put_number_padded(struct buf *buf, uint64_t number, unsigned width);
/* Two lower-case hex digits a byte. */
void buf_put_hex(struct buf *buf, const void *data, size_t len);
/* For rare texts; not for the hot path. */
void buf_printf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Takes the first `len` bytes off and moves the rest to the front. */
void buf_discard(struct buf *buf, size_t len);
/* A terminating zero behind the text, not counted in len; NULL if it does not fit or overflowed. */
const char *buf_cstr(struct buf *buf);

struct buf_reader {
	const uint8_t *data;
	size_t len;
	size_t at;  /* bytes read */
	bool error; /* something was read past the end */
};

void buf_reader_init(struct buf_reader *reader, const void *data, size_t len);
uint8_t buf_reader_u8(struct buf_reader *reader);
uint16_t buf_reader_u16(struct buf_reader *reader);
uint32_t buf_reader_u32(struct buf_reader *reader);
uint64_t buf_reader_u64(struct buf_reader *reader);
/* Borrows from the input; NULL (empty text) after an error. */
const uint8_t *buf_reader_bytes(struct buf_reader *reader, size_t len);
struct text buf_reader_text(struct buf_reader *reader, size_t len);
/* A text with its length before it, in 2 or 4 bytes. */
struct text buf_reader_text16(struct buf_reader *reader);
struct text buf_reader_text32(struct buf_reader *reader);
void buf_put_text16(struct buf *buf, struct text text);
void buf_put_text32(struct buf *buf, struct text text);
static inline size_t buf_reader_left(const struct buf_reader *reader)
{
	return reader->len - reader->at;
}
/* The error that sticks, to be set by a caller who finds a value that cannot be. */
static inline void buf_reader_set_error(struct buf_reader *reader) { reader->error = true; }
/* True if nothing went wrong and nothing is left over: the one check at the end. */
static inline bool buf_reader_done(const struct buf_reader *reader)
{
	return !reader->error && reader->at == reader->len;
}

#endif
