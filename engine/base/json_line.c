#include "engine/base/json_line.h"
#include <stdbool.h>

/* What is written as it is. The rest: quote, backslash, control bytes, DEL, and everything above
 * ASCII, which is looked at closely. */
static bool is_plain(uint8_t byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

#define EVERY(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The high bit of each byte that is 0; bytes behind such a one may be marked as well, which only
 * makes the answer careful. */
static uint64_t zero_bytes(uint64_t word) { return (word - EVERY(1)) & ~word & EVERY(0x80); }

/* True if all eight bytes are plain; may say false of some that are. */
static bool is_plain_word(const char *bytes)
{
	uint64_t word;
	memcpy(&word, bytes, sizeof word);
	uint64_t below_space = (word - EVERY(0x20)) & ~word & EVERY(0x80);
	return ((word & EVERY(0x80)) | below_space | zero_bytes(word ^ EVERY(0x7f)) |
		       zero_bytes(word ^ EVERY('"')) | zero_bytes(word ^ EVERY('\\'))) == 0;
}

/* How many bytes from the front are plain: values are mostly one such run. */
static size_t plain_run(struct text text)
{
	size_t run = 0;
	while (text.len - run >= sizeof(uint64_t) && is_plain_word(text.data + run))
		run += sizeof(uint64_t);
	while (run < text.len && is_plain((uint8_t)text.data[run]))
		run++;
	return run;
}

static void put_escape(struct buf *buf, uint8_t byte)
{
	static const char digits[] = "0123456789abcdef";
	char text[JSON_ESCAPE_MAX] = { '\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15] };
	char letter = '\0';
	switch (byte) {
	case '"': letter = '"'; break;
	case '\\': letter = '\\'; break;
	case '\n': letter = 'n'; break;
	case '\r': letter = 'r'; break;
	case '\t': letter = 't'; break;
	default: break;
	}
	if (letter != '\0') {
		text[1] = letter;
		buf_put(buf, text, 2);
		return;
	}
	buf_put(buf, text, sizeof text);
}

/* One character that is not ASCII, or one byte of what is none. Returns how much of `text` it was. */
static size_t put_high(struct buf *buf, struct text text)
{
	size_t len = text_utf8_len(text);
	if (len == 0) {
		buf_put_text(buf, TEXT("\xef\xbf\xbd")); /* U+FFFD */
		return 1;
	}
	struct text character = text_cut(text, len);
	if (text_equal(character, TEXT("\xe2\x80\xa8")))
		buf_put_text(buf, TEXT("\\u2028"));
	else if (text_equal(character, TEXT("\xe2\x80\xa9")))
		buf_put_text(buf, TEXT("\\u2029"));
	else
		buf_put_text(buf, character);
	return len;
}

void json_put_escaped(struct buf *buf, struct text text)
{
	while (text.len > 0) {
		size_t run = plain_run(text);
		buf_put(buf, text.data, run);
		text = text_skip(text, run);
		if (text.len == 0)
			return;
		uint8_t byte = (uint8_t)text.data[0];
		size_t taken = 1;
		if (byte < 0x80)
			put_escape(buf, byte);
		else
			taken = put_high(buf, text);
		text = text_skip(text, taken);
	}
}

void json_put_string(struct buf *buf, struct text text)
{
	buf_put_u8(buf, '"');
	json_put_escaped(buf, text);
	buf_put_u8(buf, '"');
}

void json_line_open(struct buf *buf) { buf_put_u8(buf, '{'); }

/* The comma is there unless this is the first key: then the byte before is the open brace, which no
 * value ends in, since values end in a quote. */
static void put_key(struct buf *buf, struct text key)
{
	if (buf->len > 0 && buf->data[buf->len - 1] != '{')
		buf_put_u8(buf, ',');
	buf_put_u8(buf, '"');
	buf_put_text(buf, key);
	buf_put(buf, "\":\"", 3);
}

void json_line_put_text(struct buf *buf, struct text key, struct text value)
{
	put_key(buf, key);
	json_put_escaped(buf, value);
	buf_put_u8(buf, '"');
}

void json_line_put_number(struct buf *buf, struct text key, uint64_t value)
{
	put_key(buf, key);
	buf_put_number(buf, value);
	buf_put_u8(buf, '"');
}

void json_line_close(struct buf *buf) { buf_put(buf, "}\n", 2); }
