/* Writes one JSON object in one line, straight into a buf, for programs that read lines.
 *
 * All values are strings. Every byte of the input may come from a peer: quotes, backslashes and
 * control bytes are escaped (DEL too), what is not valid UTF-8 becomes U+FFFD, and U+2028/2029 are
 * escaped so that no reader takes them for the end of a line. The output is always valid JSON. */
#ifndef ENGINE_BASE_JSON_LINE_H
#define ENGINE_BASE_JSON_LINE_H

#include "engine/base/buf.h"
#include "engine/base/text.h"

enum {
	/* Bytes that one byte of input can become: a control byte as \u001f. */
	JSON_ESCAPE_MAX = 6,
};

/* The escaped text without quotes. */
void json_put_escaped(struct buf *buf, struct text text);
/* The same in quotes. */
void json_put_string(struct buf *buf, struct text text);

/* {"a":"x","b":"y"}\n : open, fields, close. Keys are ours and written as they are. */
void json_line_open(struct buf *buf);
void json_line_put_text(struct buf *buf, struct text key, struct text value);
void json_line_put_number(struct buf *buf, struct text key, uint64_t value);
void json_line_close(struct buf *buf);

#endif
