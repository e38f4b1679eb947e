#include "engine/mail/quoted_text.h"
#include "engine/base/buf.h"

static bool is_shown_as_it_is(struct text at, size_t *out_len)
{
	uint8_t first = (uint8_t)at.data[0];
	*out_len = text_utf8_len(at);
	if (*out_len == 0)
		return false;
	/* C0, DEL and C1 (U+0080 to U+009F, which terminals obey as well). */
	if (first < 0x20 || first == 0x7f)
		return false;
	return !(first == 0xc2 && (uint8_t)at.data[1] < 0xa0);
}

struct quoted_text quoted_text(struct text input)
{
	struct quoted_text quoted;
	struct buf buf;
	buf_init(&buf, quoted.text, sizeof quoted.text);
	buf_put_u8(&buf, '\'');
	while (input.len > 0) {
		size_t len;
		bool plain = is_shown_as_it_is(input, &len);
		size_t shown = plain ? len : sizeof("\\xNN") - 1;
		if (buf.len + shown > QUOTED_TEXT_SHOWN_MAX) {
			buf_put_cstr(&buf, "...");
			break;
		}
		if (plain) {
			buf_put(&buf, input.data, len);
		} else {
			buf_put_cstr(&buf, "\\x");
			buf_put_hex(&buf, input.data, 1);
			len = 1;
		}
		input = text_skip(input, len);
	}
	buf_put_u8(&buf, '\'');
	CHECK(buf_cstr(&buf) != NULL);
	return quoted;
}
