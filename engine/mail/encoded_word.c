#include "engine/mail/encoded_word.h"
#include <string.h>

enum {
	/* RFC 2047 2: an encoded word has at most 75 octets, a line that holds one at most 76. */
	WORD_BYTES_MAX = 75,
	LINE_BYTES_MAX = 76,
	/* RFC 5322 2.1.1: lines should have no more than 78. */
	PLAIN_LINE_BYTES_MAX = 78,
	FRAME_BYTES = sizeof("=?utf-8?Q?") - 1 + sizeof("?=") - 1,
};

bool encoded_word_may_hold(struct text value)
{
	for (size_t i = 0; i < value.len; i++) {
		uint8_t octet = (uint8_t)value.data[i];
		if (octet < 0x20 || octet == 0x7f)
			return false;
		/* C1: U+0080 to U+009F. */
		if (octet == 0xc2 && i + 1 < value.len && (uint8_t)value.data[i + 1] < 0xa0)
			return false;
	}
	return text_is_utf8(value);
}

/* ---- encoded words ---- */

/* RFC 2047 5 (3): what may stand for itself in Q everywhere, also in a phrase. */
static bool is_q_literal(uint8_t octet)
{
	return (octet >= '0' && octet <= '9') || (octet >= 'A' && octet <= 'Z') ||
	       (octet >= 'a' && octet <= 'z') || (octet != 0 && strchr("!*+-/", octet) != NULL);
}

static size_t q_bytes(struct text part)
{
	size_t bytes = 0;
	for (size_t i = 0; i < part.len; i++)
		bytes += part.data[i] == ' ' || is_q_literal((uint8_t)part.data[i]) ? 1 : 3;
	return bytes;
}

static size_t b_bytes(size_t len) { return (len + 2) / 3 * 4; }

static void put_q(struct buf *out, struct text part)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < part.len; i++) {
		uint8_t octet = (uint8_t)part.data[i];
		if (octet == ' ') {
			buf_put_u8(out, '_');
		} else if (is_q_literal(octet)) {
			buf_put_u8(out, octet);
		} else {
			buf_put_u8(out, '=');
			buf_put_u8(out, (uint8_t)digits[octet >> 4]);
			buf_put_u8(out, (uint8_t)digits[octet & 15]);
		}
	}
}

static void put_b(struct buf *out, struct text part)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < part.len; i += 3) {
		size_t left = part.len - i;
		uint32_t three = (uint32_t)(uint8_t)part.data[i] << 16;
		if (left > 1)
			three |= (uint32_t)(uint8_t)part.data[i + 1] << 8;
		if (left > 2)
			three |= (uint8_t)part.data[i + 2];
		buf_put_u8(out, (uint8_t)digits[three >> 18]);
		buf_put_u8(out, (uint8_t)digits[three >> 12 & 63]);
		buf_put_u8(out, left > 1 ? (uint8_t)digits[three >> 6 & 63] : '=');
		buf_put_u8(out, left > 2 ? (uint8_t)digits[three & 63] : '=');
	}
}

/* The longest front of `value` that fits into one encoded word of `room` octets, cut between characters
 * (RFC 2047 5: none is split between two words). */
static struct text fitting_part(struct text value, size_t room, bool as_q)
{
	size_t len = 0, bytes = 0;
	while (len < value.len) {
		struct text next =
			text_cut(text_skip(value, len), text_utf8_len(text_skip(value, len)));
		bytes = as_q ? bytes + q_bytes(next) : b_bytes(len + next.len);
		if (bytes + FRAME_BYTES > room)
			break;
		len += next.len;
	}
	return text_cut(value, len);
}

static void put_encoded(struct buf *out, struct text value, size_t column)
{
	bool as_q = q_bytes(value) <= b_bytes(value.len);
	bool is_first = true;
	while (value.len > 0) {
		size_t room = column < LINE_BYTES_MAX ? LINE_BYTES_MAX - column : 0;
		struct text part =
			fitting_part(value, room < WORD_BYTES_MAX ? room : WORD_BYTES_MAX, as_q);
		if (!is_first || part.len == 0) {
			/* Between two encoded words the space is no part of the value (RFC 2047 6.2). */
			buf_put_cstr(out, "\r\n ");
			part = fitting_part(value, WORD_BYTES_MAX, as_q);
		}
		buf_put_cstr(out, as_q ? "=?utf-8?Q?" : "=?utf-8?B?");
		if (as_q)
			put_q(out, part);
		else
			put_b(out, part);
		buf_put_cstr(out, "?=");
		value = text_skip(value, part.len);
		column = LINE_BYTES_MAX;
		is_first = false;
	}
}

/* ---- unstructured ---- */

/* White space at an end would be lost in folding and trimming; "=?" begins what is read as encoded. */
static bool may_stand_plain(struct text value)
{
	return text_is_printable(value) && text_find_text(value, TEXT("=?")) == TEXT_NONE &&
	       (value.len == 0 || (value.data[0] != ' ' && value.data[value.len - 1] != ' '));
}

/* Words with the spaces before them, each on the next line when it does not fit on this one. */
static void put_folded(struct buf *out, struct text value, size_t column)
{
	for (bool is_first = true; value.len > 0; is_first = false) {
		size_t len = 0;
		while (len < value.len && value.data[len] == ' ')
			len++;
		while (len < value.len && value.data[len] != ' ')
			len++;
		if (!is_first && column + len > PLAIN_LINE_BYTES_MAX) {
			buf_put_cstr(out, "\r\n");
			column = 0;
		}
		buf_put_text(out, text_cut(value, len));
		column += len;
		value = text_skip(value, len);
	}
}

/* A word beyond the limit of lines cannot be folded anywhere: encoded it can. */
static bool has_long_word(struct text value)
{
	struct text word;
	while (text_split(&value, ' ', &word))
		if (word.len > 500)
			return true;
	return false;
}

bool encoded_word_put_unstructured(struct buf *out, struct text value, size_t column)
{
	if (!encoded_word_may_hold(value))
		return false;
	if (may_stand_plain(value) && !has_long_word(value))
		put_folded(out, value, column);
	else
		put_encoded(out, value, column);
	return true;
}

/* ---- phrase ---- */

static bool is_atoms(struct text value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];
		bool is_alphanumeric =
			(c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		if (!is_alphanumeric && c != ' ' && strchr("!#$%&'*+-/=?^_`{|}~", c) == NULL)
			return false;
	}
	/* Two spaces are one in a phrase of atoms. */
	return text_find_text(value, TEXT("  ")) == TEXT_NONE;
}

static void put_quoted(struct buf *out, struct text value)
{
	buf_put_u8(out, '"');
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] == '"' || value.data[i] == '\\')
			buf_put_u8(out, '\\');
		buf_put_u8(out, (uint8_t)value.data[i]);
	}
	buf_put_u8(out, '"');
}

bool encoded_word_put_phrase(struct buf *out, struct text value, size_t column)
{
	if (!encoded_word_may_hold(value))
		return false;
	/* A quoted string cannot be folded without changing it; a long one is encoded. */
	if (!may_stand_plain(value) || value.len + column > PLAIN_LINE_BYTES_MAX)
		put_encoded(out, value, column);
	else if (is_atoms(value))
		buf_put_text(out, value);
	else
		put_quoted(out, value);
	return true;
}
