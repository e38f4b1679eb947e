#include "engine/mail/transfer_encoding.h"
#include "engine/base/limits.h"
#include "engine/mail/octet_scan.h"

enum {
	/* RFC 2045 6.7 rule 5 and 6.8: encoded lines have at most 76 octets without CRLF. */
	LINE_BYTES_MAX = 76,
	/* Octets that one line of base64 stands for. */
	BASE64_LINE_IN = LINE_BYTES_MAX / 4 * 3,
};

const char *transfer_encoding_name(enum transfer_encoding encoding)
{
	switch (encoding) {
	case TRANSFER_ENCODING_7BIT: return "7bit";
	case TRANSFER_ENCODING_QUOTED_PRINTABLE: return "quoted-printable";
	case TRANSFER_ENCODING_BASE64: return "base64";
	}
	UNREACHABLE("a fourth encoding");
}

/* ---- which ---- */

/* A line end at `at`: its octets; 0: there is none. */
static size_t line_end(struct text body, size_t at)
{
	if (body.data[at] == '\n')
		return 1;
	return body.data[at] == '\r' && at + 1 < body.len && body.data[at + 1] == '\n' ? 2 : 0;
}

/* RFC 2045 6.7 rules 2 and 3: a blank at the end of a line would be taken off on the way. */
static bool is_literal(struct text body, size_t at)
{
	uint8_t octet = (uint8_t)body.data[at];
	if (octet == ' ' || octet == '\t')
		return at + 1 < body.len && line_end(body, at + 1) == 0;
	return octet > 0x20 && octet < 0x7f && octet != '=';
}

/* Most text, seen at one look: octet by octet this was 15 of the 21 us that a merged message of 8 KB took. */
static bool is_surely_mail(struct text body)
{
	if (body.len == 0)
		return true;
	struct octet_scan scan = octet_scan(body);
	return body.data[body.len - 1] == '\n' && !scan.has_nul && !scan.has_bare_cr &&
	       !scan.has_8bit && !scan.may_have_long_lines;
}

void transfer_weight_add(struct transfer_weight *weight, struct text part)
{
	size_t line = 0;
	weight->bytes += part.len;
	weight->is_mail &= part.len == 0 || part.data[part.len - 1] == '\n';
	for (size_t i = 0; i < part.len; i++) {
		size_t end = line_end(part, i);
		uint8_t octet = (uint8_t)part.data[i];
		if (end > 0) {
			line = 0;
			i += end - 1;
			continue;
		}
		weight->encoded += !is_literal(part, i);
		weight->is_mail &= octet != 0 && octet != '\r' && octet < 0x80 &&
				   ++line <= MESSAGE_LINE_BYTES_MAX;
	}
}

void transfer_weight_sum(struct transfer_weight *weight, const struct transfer_weight *part)
{
	weight->bytes += part->bytes;
	weight->encoded += part->encoded;
	weight->is_mail &= part->is_mail;
}

enum transfer_encoding transfer_encoding_for(const struct transfer_weight *weight)
{
	if (weight->is_mail)
		return TRANSFER_ENCODING_7BIT;
	/* Two octets more for each that is encoded, against a third of all. */
	return 2 * weight->encoded <= weight->bytes / 3 + 1 ? TRANSFER_ENCODING_QUOTED_PRINTABLE
							    : TRANSFER_ENCODING_BASE64;
}

enum transfer_encoding transfer_encoding_of(struct text body)
{
	if (is_surely_mail(body))
		return TRANSFER_ENCODING_7BIT;
	struct transfer_weight weight = TRANSFER_WEIGHT_NONE;
	transfer_weight_add(&weight, body);
	return transfer_encoding_for(&weight);
}

/* ---- quoted-printable ---- */

static void put_hex(struct buf *out, uint8_t octet)
{
	static const char digits[] = "0123456789ABCDEF";
	buf_put_u8(out, '=');
	buf_put_u8(out, (uint8_t)digits[octet >> 4]);
	buf_put_u8(out, (uint8_t)digits[octet & 15]);
}

static void put_quoted_printable(struct buf *out, struct text body)
{
	size_t column = 0;
	for (size_t i = 0; i < body.len; i++) {
		size_t end = line_end(body, i);
		if (end > 0) {
			buf_put_cstr(out, "\r\n");
			column = 0;
			i += end - 1;
			continue;
		}
		bool literal = is_literal(body, i);
		size_t takes = literal ? 1 : 3;
		/* One place is kept for the "=" of a soft line break, but where the line ends here. */
		bool is_last = i + 1 < body.len && line_end(body, i + 1) > 0;
		if (column + takes > (size_t)LINE_BYTES_MAX - !is_last) {
			buf_put_cstr(out, "=\r\n");
			column = 0;
		}
		if (literal)
			buf_put_u8(out, (uint8_t)body.data[i]);
		else
			put_hex(out, (uint8_t)body.data[i]);
		column += takes;
	}
	if (column > 0)
		buf_put_cstr(out, "=\r\n");
}

/* ---- base64 ---- */

static void put_group(struct buf *out, const uint8_t *group, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = (uint32_t)group[0] << 16 | (uint32_t)group[1] << 8 | group[2];
	buf_put_u8(out, (uint8_t)digits[bits >> 18]);
	buf_put_u8(out, (uint8_t)digits[bits >> 12 & 63]);
	buf_put_u8(out, len > 1 ? (uint8_t)digits[bits >> 6 & 63] : '=');
	buf_put_u8(out, len > 2 ? (uint8_t)digits[bits & 63] : '=');
}

/* RFC 2045 6.8: the lines of text are CRLF before they are encoded. */
static void put_base64(struct buf *out, struct text body)
{
	uint8_t group[3] = { 0 };
	size_t len = 0, in_line = 0;
	for (size_t i = 0; i < body.len; i++) {
		bool adds_cr = body.data[i] == '\n' && (i == 0 || body.data[i - 1] != '\r');
		for (int round = adds_cr ? 0 : 1; round < 2; round++) {
			group[len++] = round == 0 ? '\r' : (uint8_t)body.data[i];
			if (len < sizeof group)
				continue;
			put_group(out, group, len);
			memset(group, 0, sizeof group);
			len = 0;
			in_line += sizeof group;
			if (in_line == BASE64_LINE_IN)
				buf_put_cstr(out, "\r\n");
			in_line %= BASE64_LINE_IN;
		}
	}
	if (len > 0)
		put_group(out, group, len);
	if (len > 0 || in_line > 0)
		buf_put_cstr(out, "\r\n");
}

/* ---- all ---- */

static void put_lines(struct buf *out, struct text body)
{
	while (body.len > 0) {
		size_t len = text_find(body, '\n');
		CHECK(len != TEXT_NONE);
		size_t cr = len > 0 && body.data[len - 1] == '\r';
		buf_put_text(out, text_cut(body, len - cr));
		buf_put_cstr(out, "\r\n");
		body = text_skip(body, len + 1);
	}
}

size_t transfer_encoding_bytes_max(enum transfer_encoding encoding, struct text body)
{
	switch (encoding) {
	case TRANSFER_ENCODING_7BIT: return 2 * body.len;
	case TRANSFER_ENCODING_QUOTED_PRINTABLE:
		/* Lines are broken at 73 octets at the earliest. */
		return 3 * body.len + 3 * (3 * body.len / 73 + 1);
	case TRANSFER_ENCODING_BASE64: {
		size_t groups = (2 * body.len + 2) / 3; /* every LF may become CRLF */
		return 4 * groups + 2 * (groups / (LINE_BYTES_MAX / 4) + 1);
	}
	}
	UNREACHABLE("a fourth encoding");
}

void transfer_encoding_put(struct buf *out, enum transfer_encoding encoding, struct text body)
{
	switch (encoding) {
	case TRANSFER_ENCODING_7BIT: put_lines(out, body); return;
	case TRANSFER_ENCODING_QUOTED_PRINTABLE: put_quoted_printable(out, body); return;
	case TRANSFER_ENCODING_BASE64: put_base64(out, body); return;
	}
	UNREACHABLE("a fourth encoding");
}

/* ---- decoding ---- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)text_lower((uint8_t)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One line without its end; *out_soft: it goes on in the next. */
static bool decode_line(struct buf *out, struct text line, bool *out_soft)
{
	while (line.len > 0 && (line.data[line.len - 1] == ' ' || line.data[line.len - 1] == '\t'))
		line.len--;
	*out_soft = line.len > 0 && line.data[line.len - 1] == '=';
	line.len -= *out_soft;
	for (size_t i = 0; i < line.len; i++) {
		if (line.data[i] != '=') {
			buf_put_u8(out, (uint8_t)line.data[i]);
			continue;
		}
		int high = i + 2 < line.len ? hex_value(line.data[i + 1]) : -1;
		int low = i + 2 < line.len ? hex_value(line.data[i + 2]) : -1;
		if (high < 0 || low < 0)
			return false;
		buf_put_u8(out, (uint8_t)(high << 4 | low));
		i += 2;
	}
	return true;
}

static bool decode_quoted_printable(struct buf *out, struct text body)
{
	while (body.len > 0) {
		size_t end = text_find(body, '\n');
		struct text line = text_cut(body, end);
		bool is_soft, has_cr = line.len > 0 && end != TEXT_NONE &&
				       line.data[line.len - 1] == '\r';
		if (!decode_line(out, text_cut(line, line.len - has_cr), &is_soft))
			return false;
		if (end != TEXT_NONE && !is_soft)
			buf_put_cstr(out, has_cr ? "\r\n" : "\n");
		body = end == TEXT_NONE ? TEXT_EMPTY : text_skip(body, end + 1);
	}
	return true;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static void decode_base64(struct buf *out, struct text body)
{
	uint32_t bits = 0;
	unsigned count = 0;
	for (size_t i = 0; i < body.len && body.data[i] != '='; i++) {
		int value = base64_value(body.data[i]);
		if (value < 0)
			continue;
		bits = bits << 6 | (uint32_t)value;
		if (++count % 4 != 1)
			buf_put_u8(out, (uint8_t)(bits >> (6 - 2 * ((count + 3) % 4))));
	}
}

bool transfer_encoding_decode(struct buf *out, enum transfer_encoding encoding, struct text body)
{
	switch (encoding) {
	case TRANSFER_ENCODING_7BIT: buf_put_text(out, body); return true;
	case TRANSFER_ENCODING_QUOTED_PRINTABLE: return decode_quoted_printable(out, body);
	case TRANSFER_ENCODING_BASE64: decode_base64(out, body); return true;
	}
	UNREACHABLE("a fourth encoding");
}
