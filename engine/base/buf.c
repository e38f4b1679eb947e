#include "engine/base/buf.h"
#include <stdarg.h>
#include <stdio.h>

void buf_init(struct buf *buf, void *memory, size_t size)
{
	CHECK(memory != NULL || size == 0);
	*buf = (struct buf){ .data = memory, .size = size };
}

void buf_truncate(struct buf *buf, size_t len)
{
	CHECK(len <= buf->len);
	buf->len = len;
	buf->overflow = false;
}

void buf_put_number(struct buf *buf, uint64_t number) { buf_put_number_padded(buf, number, 1); }

void buf_put_number_padded(struct buf *buf, uint64_t number, unsigned width)
{
	char digits[20];
	size_t at = sizeof digits;
	CHECK(width <= sizeof digits);
	while (number > 0 || sizeof digits - at < width) {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	}
	buf_put(buf, digits + at, sizeof digits - at);
}

void buf_put_hex(struct buf *buf, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = data;
	if (len > SIZE_MAX / 2) {
		buf->overflow = true;
		return;
	}
	uint8_t *at = buf_claim(buf, 2 * len);
	if (at == NULL)
		return;
	for (size_t i = 0; i < len; i++) {
		*at++ = (uint8_t)digits[bytes[i] >> 4];
		*at++ = (uint8_t)digits[bytes[i] & 15];
	}
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
	if (buf->overflow)
		return;
	va_list ap;
	va_start(ap, fmt);
	/* The terminating zero needs a byte that is not part of the text: see below. */
	int n = vsnprintf((char *)buf->data + buf->len, buf->size - buf->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= buf->size - buf->len) {
		/* A text that would fit exactly, without its zero, counts as too long: printf
		 * cannot write it, and a limit that is one byte smaller harms nobody. */
		buf->overflow = true;
		return;
	}
	buf->len += (size_t)n;
}

void buf_discard(struct buf *buf, size_t len)
{
	CHECK(len <= buf->len);
	if (len == 0)
		return;
	buf->len -= len;
	memmove(buf->data, buf->data + len, buf->len);
}

const char *buf_cstr(struct buf *buf)
{
	if (buf->overflow || buf->len == buf->size)
		return NULL;
	buf->data[buf->len] = '\0';
	return (const char *)buf->data;
}

void buf_put_text16(struct buf *buf, struct text text)
{
	if (text.len > UINT16_MAX) {
		buf->overflow = true;
		return;
	}
	buf_put_u16(buf, (uint16_t)text.len);
	buf_put_text(buf, text);
}

void buf_put_text32(struct buf *buf, struct text text)
{
	if (text.len > UINT32_MAX) {
		buf->overflow = true;
		return;
	}
	buf_put_u32(buf, (uint32_t)text.len);
	buf_put_text(buf, text);
}

void buf_reader_init(struct buf_reader *reader, const void *data, size_t len)
{
	*reader = (struct buf_reader){ .data = data, .len = len };
}

const uint8_t *buf_reader_bytes(struct buf_reader *reader, size_t len)
{
	if (reader->error || len > reader->len - reader->at) {
		reader->error = true;
		return NULL;
	}
	const uint8_t *at = reader->data + reader->at;
	reader->at += len;
	return at;
}

static uint64_t read_big_endian(struct buf_reader *reader, size_t bytes)
{
	const uint8_t *at = buf_reader_bytes(reader, bytes);
	uint64_t value = 0;
	if (at == NULL)
		return 0;
	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

uint8_t buf_reader_u8(struct buf_reader *reader) { return (uint8_t)read_big_endian(reader, 1); }
uint16_t buf_reader_u16(struct buf_reader *reader) { return (uint16_t)read_big_endian(reader, 2); }
uint32_t buf_reader_u32(struct buf_reader *reader) { return (uint32_t)read_big_endian(reader, 4); }
uint64_t buf_reader_u64(struct buf_reader *reader) { return read_big_endian(reader, 8); }

struct text buf_reader_text(struct buf_reader *reader, size_t len)
{
	const uint8_t *at = buf_reader_bytes(reader, len);
	return at != NULL ? text_of_bytes(at, len) : TEXT_EMPTY;
}

struct text buf_reader_text16(struct buf_reader *reader)
{
	return buf_reader_text(reader, buf_reader_u16(reader));
}

struct text buf_reader_text32(struct buf_reader *reader)
{
	return buf_reader_text(reader, buf_reader_u32(reader));
}
