/* Reads SMTP replies out of a stream of bytes, line by line, with bounded memory.
 *
 * Replies of several lines, LF or CRLF as the end of a line (SMTP-11; a lone CR is text, never
 * an end), "250" without text (SMTP-07). What cannot be a reply is an error and never skipped:
 * with several commands in flight a skipped line would shift every later answer (SMTP-10). An
 * error is final, the connection has to be closed.
 *
 * Limits (SMTP-09, SEC-14) are SMTP_REPLY_ in limits.h: octets and lines beyond them are an
 * error, text beyond them is cut. The text is made safe: control bytes and NUL are replaced by
 * '?', a tab by a space; octets over 127 stay, since a peer may answer in UTF-8 (EXT-U8-06). The
 * lines of a reply are joined by one space; an enhanced status code that each line repeats is
 * kept on the first only. */
#ifndef ENGINE_SMTP_REPLY_H
#define ENGINE_SMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum {
	/* "5.999.999" and its terminating zero. */
	SMTP_STATUS_TEXT_MAX = 12,
};

/* An enhanced status code, RFC 3463 2. Class 0: none was given. */
struct smtp_status {
	uint8_t class;
	uint16_t subject, detail;
};

/* One reply, or one line of it. The text is borrowed from the parser, until its next input. */
struct smtp_reply {
	uint16_t code;             /* 200..599 */
	struct smtp_status status; /* only if its class is the code's first digit (SMTP-43) */
	struct text text;          /* without the code, with the status */
};

enum smtp_reply_event {
	SMTP_REPLY_MORE, /* all input used, nothing whole yet */
	SMTP_REPLY_LINE, /* a line that others follow: 250-... */
	SMTP_REPLY_DONE, /* the last line: the reply is whole */
	SMTP_REPLY_BAD,  /* `fail` tells why; stays so for ever */
};

struct smtp_reply_parser {
	uint16_t code;        /* of the last whole line; 0 before the first */
	uint16_t line_code;   /* of the line that is being read */
	uint16_t line_bytes;  /* of the line that is being read, without its end */
	uint16_t lines_count; /* of this reply */
	uint32_t reply_bytes; /* of this reply */
	uint16_t text_len;
	uint16_t line_at;   /* where the text of the newest line starts */
	bool line_is_last;  /* no '-' behind the code */
	bool after_cr;      /* a CR was seen: the end of a line if LF follows, else a '?' */
	bool at_line_start; /* the next byte begins a line */
	bool done;          /* the next byte begins a reply */
	bool bad;
	bool keep_text;            /* false: later replies leave the text alone */
	bool line_is_cut;          /* the newest line is longer than what was kept */
	struct smtp_status status; /* of the first line of this reply */
	uint16_t kept_code;        /* of the reply whose text is kept */
	char text[SMTP_REPLY_TEXT_BYTES_MAX];
};

void smtp_reply_init(struct smtp_reply_parser *parser);

/* Reads up to the end of the next line. *out_used tells how many of the bytes were read; call again
 * with the rest after LINE and DONE. BAD fills `fail`: RESULT_PROTOCOL or RESULT_TOO_LONG. */
MUST_USE enum smtp_reply_event smtp_reply_read(struct smtp_reply_parser *parser,
	const uint8_t *data, size_t len, size_t *out_used, struct fail *fail);

/* True while a reply has begun and is not whole. */
bool smtp_reply_is_partial(const struct smtp_reply_parser *parser);

/* After LINE or DONE: the newest line alone, for EHLO. *out_cut: more of it was not kept. */
struct text smtp_reply_line(const struct smtp_reply_parser *parser, bool *out_cut);
/* After LINE: frees the room that the lines have taken so far; EHLO reads them one by one. */
void smtp_reply_drop_lines(struct smtp_reply_parser *parser);
/* After DONE: the reply whose text is kept. */
struct smtp_reply smtp_reply_get(const struct smtp_reply_parser *parser);
/* Later replies are read as before, but what smtp_reply_get() gives stays as it is now. */
void smtp_reply_freeze(struct smtp_reply_parser *parser);

/* Reads "5.7.26" at the front of a text; class 0 if there is none, or if what follows it is neither
 * a space nor the end. Never reads past the text. */
struct smtp_status smtp_status_parse(struct text text);
static inline bool smtp_status_equal(struct smtp_status a, struct smtp_status b)
{
	return a.class == b.class && a.subject == b.subject && a.detail == b.detail;
}
/* "5.7.26", or "" without one. Returns `out`. */
const char *smtp_status_format(struct smtp_status status, char out[SMTP_STATUS_TEXT_MAX]);

/* The answer to a RCPT that says "too many recipients", if one was accepted before. */
bool smtp_reply_is_too_many(const struct smtp_reply *reply);

#endif
