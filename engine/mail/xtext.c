#include "engine/mail/xtext.h"
#include "engine/base/check.h"

/* RFC 3461 4: xchar = any ASCII from "!" to "~", but not "+" and "=". */
static bool is_xchar(uint8_t octet)
{
	return octet > 0x20 && octet < 0x7f && octet != '+' && octet != '=';
}

/* -1: not an upper-case hexadecimal digit. RFC 3461 4: hexchar = "+" and two of them. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool xtext_is_valid(struct text encoded)
{
	for (size_t i = 0; i < encoded.len; i++) {
		if (is_xchar((uint8_t)encoded.data[i]))
			continue;
		if (encoded.data[i] != '+' || encoded.len - i < 3)
			return false;
		if (hex_value(encoded.data[i + 1]) < 0 || hex_value(encoded.data[i + 2]) < 0)
			return false;
		i += 2;
	}
	return true;
}

static void put_upper_hex(struct buf *buf, uint32_t value, int digits)
{
	static const char hex[] = "0123456789ABCDEF";
	for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
		buf_put_u8(buf, (uint8_t)hex[value >> shift & 15]);
}

void xtext_put(struct buf *buf, struct text raw)
{
	for (size_t i = 0; i < raw.len; i++) {
		uint8_t octet = (uint8_t)raw.data[i];
		if (is_xchar(octet)) {
			buf_put_u8(buf, octet);
		} else {
			buf_put_u8(buf, '+');
			put_upper_hex(buf, octet, 2);
		}
	}
}

void xtext_put_decoded(struct buf *buf, struct text encoded)
{
	CHECK(xtext_is_valid(encoded));
	for (size_t i = 0; i < encoded.len; i++) {
		if (encoded.data[i] != '+') {
			buf_put_u8(buf, (uint8_t)encoded.data[i]);
			continue;
		}
		buf_put_u8(buf, (uint8_t)(hex_value(encoded.data[i + 1]) << 4 |
					  hex_value(encoded.data[i + 2])));
		i += 2;
	}
}

static uint32_t code_point(struct text at, size_t len)
{
	static const uint8_t lead_mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = (uint8_t)at.data[0] & lead_mask[len];
	for (size_t i = 1; i < len; i++)
		code = code << 6 | ((uint8_t)at.data[i] & 0x3f);
	return code;
}

void xtext_put_utf8_address(struct buf *buf, struct text address)
{
	while (address.len > 0) {
		size_t len = text_utf8_len(address);
		CHECK(len >= 1);
		if (len == 1) {
			buf_put_u8(buf, (uint8_t)address.data[0]);
		} else {
			/* RFC 6533 3: HEXPOINT has no leading zero and at least two digits. */
			uint32_t code = code_point(address, len);
			int digits = 2;
			while (digits < 6 && code >> (4 * digits) != 0)
				digits++;
			buf_put_cstr(buf, "\\x{");
			put_upper_hex(buf, code, digits);
			buf_put_u8(buf, '}');
		}
		address = text_skip(address, len);
	}
}
