/* A line goes through three digits, one separator, and text:
 *
 *   position  0   1   2     3           4 ...
 *             2   5   0    '-' or ' '   text, until LF or CRLF
 *
 * A CR is kept back until the next octet tells whether it ends the line. */
#include "engine/smtp/smtp_reply.h"
#include <string.h>
#include "engine/base/buf.h"

enum {
	CODE_DIGITS = 3,
	SEPARATOR_AT = CODE_DIGITS,
};

static_assert(SMTP_REPLY_LINE_BYTES_MAX <= UINT16_MAX, "line_bytes holds a line");
static_assert(SMTP_REPLY_TEXT_BYTES_MAX <= UINT16_MAX, "text_len holds the text");

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

void smtp_reply_init(struct smtp_reply_parser *parser)
{
	*parser = (struct smtp_reply_parser){
		.at_line_start = true,
		.done = true,
		.keep_text = true,
	};
}

static void begin_reply(struct smtp_reply_parser *parser)
{
	parser->done = false;
	parser->lines_count = 0;
	parser->reply_bytes = 0;
	parser->code = 0;
	if (!parser->keep_text)
		return;
	parser->text_len = 0;
	parser->line_at = 0;
	parser->status = (struct smtp_status){ 0 };
}

static void begin_line(struct smtp_reply_parser *parser)
{
	parser->line_bytes = 0;
	parser->line_code = 0;
	parser->line_is_last = true; /* RFC 5321 4.2.1: a bare code ends a reply (SMTP-07) */
	if (!parser->keep_text)
		return;
	parser->line_at = parser->text_len;
	parser->line_is_cut = false;
}

/* Nobody who shows this text later has to think of escapes, NUL or line ends (SMTP-11). */
static char safe(uint8_t c)
{
	if (c == '\t')
		return ' ';
	if (c < 0x20 || c == 0x7f)
		return '?';
	return (char)c;
}

static void keep(struct smtp_reply_parser *parser, const uint8_t *text, size_t len)
{
	if (!parser->keep_text)
		return;
	bool is_first = parser->line_bytes == SEPARATOR_AT + 1;
	if (is_first && parser->text_len > 0 && parser->text_len < SMTP_REPLY_TEXT_BYTES_MAX) {
		parser->text[parser->text_len++] = ' ';
		parser->line_at = parser->text_len;
	}
	size_t room = (size_t)(SMTP_REPLY_TEXT_BYTES_MAX - parser->text_len);
	if (len > room) {
		parser->line_is_cut = true;
		len = room;
	}
	char *out = parser->text + parser->text_len;
	for (size_t i = 0; i < len; i++)
		out[i] = safe(text[i]);
	parser->text_len = (uint16_t)(parser->text_len + len);
}

static enum result bad_line(const struct smtp_reply_parser *parser, uint8_t c, struct fail *fail)
{
	if (c >= 0x20 && c < 0x7f)
		return fail_set(fail, RESULT_PROTOCOL, "'%c' at octet %u of a reply line", c,
			(unsigned)parser->line_bytes + 1);
	return fail_set(fail, RESULT_PROTOCOL, "octet 0x%02x at octet %u of a reply line", c,
		(unsigned)parser->line_bytes + 1);
}

/* Octets behind the separator, none of them the end of the line. */
static enum result take_text(
	struct smtp_reply_parser *parser, const uint8_t *text, size_t len, struct fail *fail)
{
	if (len > (size_t)(SMTP_REPLY_LINE_BYTES_MAX - parser->line_bytes))
		return fail_set(fail, RESULT_TOO_LONG, "a reply line is longer than %d octets",
			SMTP_REPLY_LINE_BYTES_MAX);
	keep(parser, text, len);
	parser->line_bytes = (uint16_t)(parser->line_bytes + len);
	return RESULT_OK;
}

/* One octet of a line, its end not among them. */
static enum result take_octet(struct smtp_reply_parser *parser, uint8_t c, struct fail *fail)
{
	if (parser->line_bytes > SEPARATOR_AT)
		return take_text(parser, &c, 1, fail);
	if (parser->line_bytes == SEPARATOR_AT) {
		if (c != '-' && c != ' ')
			return bad_line(parser, c, fail);
		parser->line_is_last = c == ' ';
	} else {
		if (!is_digit(c))
			return bad_line(parser, c, fail);
		parser->line_code = (uint16_t)(parser->line_code * 10 + (c - '0'));
	}
	parser->line_bytes++;
	return RESULT_OK;
}

/* How many octets in front are text without any doubt: most of a reply is taken so, at once. */
static size_t text_run(const struct smtp_reply_parser *parser, const uint8_t *data, size_t len)
{
	if (parser->at_line_start || parser->after_cr || parser->line_bytes <= SEPARATOR_AT)
		return 0;
	const uint8_t *end = memchr(data, '\n', len);
	if (end != NULL)
		len = (size_t)(end - data);
	end = memchr(data, '\r', len);
	return end != NULL ? (size_t)(end - data) : len;
}

/* What `code` a whole line has, against the lines before it. */
static enum result check_code(struct smtp_reply_parser *parser, struct fail *fail)
{
	if (parser->line_bytes < CODE_DIGITS)
		return fail_set(fail, RESULT_PROTOCOL, "a reply line of %u octets",
			(unsigned)parser->line_bytes);
	/* RFC 5321 4.2: 2yz to 5yz are all there are; 1yz is of no use in SMTP (SMTP-05). */
	if (parser->line_code < 200 || parser->line_code > 599)
		return fail_set(fail, RESULT_PROTOCOL, "reply code %03u", parser->line_code);
	/* RFC 5321 4.2.1: all lines of a reply carry the same code. Where only the first digit is
	 * the same the last line counts (SMTP-08). */
	if (parser->lines_count > 0 && parser->code / 100 != parser->line_code / 100)
		return fail_set(fail, RESULT_PROTOCOL, "reply codes %03u and %03u in one reply",
			parser->code, parser->line_code);
	parser->code = parser->line_code;
	return RESULT_OK;
}

static enum result check_limits(struct smtp_reply_parser *parser, struct fail *fail)
{
	parser->lines_count++;
	parser->reply_bytes += parser->line_bytes;
	if (parser->lines_count == SMTP_REPLY_LINES_MAX && !parser->line_is_last)
		return fail_set(fail, RESULT_TOO_LONG, "a reply of more than %d lines",
			SMTP_REPLY_LINES_MAX);
	if (parser->reply_bytes > SMTP_REPLY_BYTES_MAX)
		return fail_set(fail, RESULT_TOO_LONG, "a reply of more than %d octets",
			SMTP_REPLY_BYTES_MAX);
	return RESULT_OK;
}

/* Trims the newest line and takes off the status that it repeats. */
static void tidy_line(struct smtp_reply_parser *parser)
{
	if (!parser->keep_text)
		return;
	while (parser->text_len > parser->line_at && parser->text[parser->text_len - 1] == ' ')
		parser->text_len--;
	char *line = parser->text + parser->line_at;
	size_t line_len = (size_t)(parser->text_len - parser->line_at);
	struct smtp_status status = smtp_status_parse(text_of_bytes(line, line_len));
	if (parser->lines_count == 0) {
		/* RFC 2034 4: the class is the first digit of the code, else it is no status
		 * (EXT-ESC-01). */
		if (status.class == parser->line_code / 100)
			parser->status = status;
	} else if (status.class != 0 && smtp_status_equal(status, parser->status)) {
		char written[SMTP_STATUS_TEXT_MAX];
		size_t skip = strlen(smtp_status_format(status, written));
		if (line_len > skip)
			skip++; /* the space behind it */
		memmove(line, line + skip, line_len - skip);
		parser->text_len = (uint16_t)(parser->text_len - skip);
	}
	/* Nothing is left of it: nor is the space that joined it to the line before. */
	if (parser->text_len == parser->line_at && parser->line_at > 0 &&
		parser->text[parser->line_at - 1] == ' ')
		parser->line_at = --parser->text_len;
	parser->kept_code = parser->line_code;
}

static enum result end_line(struct smtp_reply_parser *parser, struct fail *fail)
{
	enum result result = check_code(parser, fail);
	if (result != RESULT_OK)
		return result;
	tidy_line(parser);
	return check_limits(parser, fail);
}

enum smtp_reply_event smtp_reply_read(struct smtp_reply_parser *parser, const uint8_t *data,
	size_t len, size_t *out_used, struct fail *fail)
{
	CHECK(!parser->bad);
	enum result result = RESULT_OK;
	size_t used = 0;
	while (used < len && result == RESULT_OK) {
		size_t run = text_run(parser, data + used, len - used);
		if (run > 0) {
			result = take_text(parser, data + used, run, fail);
			used += run;
			continue;
		}
		uint8_t c = data[used++];
		if (parser->done)
			begin_reply(parser);
		if (parser->at_line_start) {
			begin_line(parser);
			parser->at_line_start = false;
		}
		if (c == '\n') {
			parser->after_cr = false;
			parser->at_line_start = true;
			result = end_line(parser, fail);
			if (result != RESULT_OK)
				break;
			*out_used = used;
			parser->done = parser->line_is_last;
			return parser->done ? SMTP_REPLY_DONE : SMTP_REPLY_LINE;
		}
		if (parser->after_cr)
			result = take_octet(parser, '\r', fail);
		parser->after_cr = c == '\r';
		if (result == RESULT_OK && c != '\r')
			result = take_octet(parser, c, fail);
	}
	*out_used = used;
	if (result == RESULT_OK)
		return SMTP_REPLY_MORE;
	parser->bad = true;
	return SMTP_REPLY_BAD;
}

bool smtp_reply_is_partial(const struct smtp_reply_parser *parser) { return !parser->done; }

struct text smtp_reply_line(const struct smtp_reply_parser *parser, bool *out_cut)
{
	*out_cut = parser->line_is_cut;
	return text_of_bytes(
		parser->text + parser->line_at, (size_t)(parser->text_len - parser->line_at));
}

void smtp_reply_drop_lines(struct smtp_reply_parser *parser)
{
	if (!parser->keep_text)
		return;
	parser->text_len = 0;
	parser->line_at = 0;
}

struct smtp_reply smtp_reply_get(const struct smtp_reply_parser *parser)
{
	return (struct smtp_reply){ .code = parser->kept_code,
		.status = parser->status,
		.text = text_of_bytes(parser->text, parser->text_len) };
}

void smtp_reply_freeze(struct smtp_reply_parser *parser)
{
	CHECK(parser->done);
	parser->keep_text = false;
}

/* A number of one to three digits; false if there is none. */
static bool take_number(struct text *rest, uint16_t *out_number)
{
	unsigned number = 0;
	size_t digits = 0;
	while (digits < 3 && digits < rest->len && is_digit((uint8_t)rest->data[digits]))
		number = number * 10 + (unsigned)(rest->data[digits++] - '0');
	*rest = text_skip(*rest, digits);
	*out_number = (uint16_t)number;
	return digits > 0;
}

static bool take_dot(struct text *rest)
{
	if (rest->len == 0 || rest->data[0] != '.')
		return false;
	*rest = text_skip(*rest, 1);
	return true;
}

struct smtp_status smtp_status_parse(struct text text)
{
	const struct smtp_status none = { 0 };
	if (text.len == 0 || (text.data[0] != '2' && text.data[0] != '4' && text.data[0] != '5'))
		return none;
	struct smtp_status status = { .class = (uint8_t)(text.data[0] - '0') };
	text = text_skip(text, 1);
	if (!take_dot(&text) || !take_number(&text, &status.subject) || !take_dot(&text) ||
		!take_number(&text, &status.detail))
		return none;
	return text.len == 0 || text.data[0] == ' ' ? status : none;
}

const char *smtp_status_format(struct smtp_status status, char out[SMTP_STATUS_TEXT_MAX])
{
	struct buf buf;
	buf_init(&buf, out, SMTP_STATUS_TEXT_MAX);
	if (status.class != 0) {
		buf_put_number(&buf, status.class % 10u);
		buf_put_u8(&buf, '.');
		buf_put_number(&buf, status.subject % 1000u);
		buf_put_u8(&buf, '.');
		buf_put_number(&buf, status.detail % 1000u);
	}
	CHECK(buf_cstr(&buf) != NULL);
	return out;
}

/* RFC 5321 4.5.3.1.10: 452, and 552 of older hosts (SMTP-29), unless the status tells that it is
 * the mailbox that is full or the message that is too big. */
bool smtp_reply_is_too_many(const struct smtp_reply *reply)
{
	struct smtp_status status = reply->status;
	bool about_mailbox = status.class != 0 && status.subject == 2;
	bool about_size = status.class != 0 && status.subject == 3 && status.detail == 4;
	return (reply->code == 452 || reply->code == 552) && !about_mailbox && !about_size;
}
