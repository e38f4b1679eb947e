#include "engine/base/json_object.h"
#include "engine/base/json_line.h"

/* The comma is there unless this is the first inside: then the byte before opens what it stands in. No
 * value ends in such a byte, since texts end in a quote. */
static void begin(struct buf *buf, const char *key)
{
	uint8_t before = buf->len > 0 ? buf->data[buf->len - 1] : '{';
	if (before != '{' && before != '[')
		buf_put_u8(buf, ',');
	if (key == NULL)
		return;
	buf_put_u8(buf, '"');
	buf_put_cstr(buf, key);
	buf_put_cstr(buf, "\":");
}

void json_object_open(struct buf *buf, const char *key)
{
	begin(buf, key);
	buf_put_u8(buf, '{');
}

void json_object_close(struct buf *buf) { buf_put_u8(buf, '}'); }

void json_object_open_list(struct buf *buf, const char *key)
{
	begin(buf, key);
	buf_put_u8(buf, '[');
}

void json_object_close_list(struct buf *buf) { buf_put_u8(buf, ']'); }

void json_object_put_text(struct buf *buf, const char *key, struct text value)
{
	begin(buf, key);
	json_put_string(buf, value);
}

void json_object_put_number(struct buf *buf, const char *key, uint64_t value)
{
	begin(buf, key);
	buf_put_number(buf, value);
}

void json_object_put_bool(struct buf *buf, const char *key, bool value)
{
	begin(buf, key);
	buf_put_cstr(buf, value ? "true" : "false");
}

void json_object_put_null(struct buf *buf, const char *key)
{
	begin(buf, key);
	buf_put_cstr(buf, "null");
}
