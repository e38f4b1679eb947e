#include "engine/mail/message_wire.h"
#include "engine/base/buf.h"
#include "engine/base/limits.h"

static const struct text date_name = TEXT_INIT("Date: ");
static const struct text message_id_name = TEXT_INIT("Message-ID: ");
static const struct text crlf = TEXT_INIT("\r\n");

static_assert(MESSAGE_BYTES_MAX < UINT32_MAX / 4, "offsets of dots fit, also with added CRs");

/* ---- what refuses a message; slow paths, for the sentence ---- */

static size_t line_number(struct text file, size_t offset)
{
	size_t line = 1;
	for (size_t at = 0; at < offset; line++) {
		size_t len = text_find(text_skip(text_cut(file, offset), at), '\n');
		if (len == TEXT_NONE)
			break;
		at += len + 1;
	}
	return line;
}

static size_t bare_cr_offset(struct text file)
{
	size_t at = 0;
	for (;;) {
		at += text_find(text_skip(file, at), '\r');
		if (at + 1 == file.len || file.data[at + 1] != '\n')
			return at;
		at++;
	}
}

static enum result refuse_octets(const struct message_wire *wire, struct fail *out_fail)
{
	struct text file = wire->file;
	size_t nul = wire->scan.has_nul ? text_find(file, '\0') : file.len;
	size_t cr = wire->scan.has_bare_cr ? bare_cr_offset(file) : file.len;
	size_t offset = nul < cr ? nul : cr;
	return fail_set(out_fail, RESULT_INVALID, "line %zu: %s, at offset %zu of the file",
		line_number(file, offset), nul < cr ? "a NUL octet" : "a CR without a LF behind it",
		offset);
}

/* RFC 5321 4.5.3.1.6, RFC 5322 2.1.1: at most 998 octets without CRLF (DATA-06). */
static enum result check_lines(const struct message_wire *wire, struct fail *out_fail)
{
	struct text file = wire->file;
	size_t line = 1;
	for (size_t at = 0; at < file.len; line++) {
		struct text rest = text_skip(file, at);
		size_t len = text_find(rest, '\n');
		size_t next = at + (len == TEXT_NONE ? rest.len : len + 1);
		if (len == TEXT_NONE)
			len = rest.len;
		else if (len > 0 && rest.data[len - 1] == '\r')
			len--;
		if (wire->options->is_dot_stuffed && len > 1 && rest.data[0] == '.')
			len--;
		if (len > MESSAGE_LINE_BYTES_MAX)
			return fail_set(out_fail, RESULT_INVALID,
				"line %zu: %zu octets long, at most %d are allowed "
				"(starts at offset %zu of the file)",
				line, len, MESSAGE_LINE_BYTES_MAX, at);
		at = next;
	}
	return RESULT_OK;
}

/* ---- measuring ---- */

enum result message_wire_begin(struct message_wire *wire, struct text file,
	const struct message_wire_options *options, struct fail *out_fail)
{
	*wire = (struct message_wire){ .file = file, .options = options, .headers_are_utf8 = true };
	if (file.len == 0)
		return fail_set(out_fail, RESULT_INVALID, "the file is empty");
	if (file.len > MESSAGE_BYTES_MAX)
		return fail_set(out_fail, RESULT_INVALID, "%zu octets, at most %d are allowed",
			file.len, MESSAGE_BYTES_MAX);
	wire->scan = options->scan != NULL ? *options->scan : octet_scan(file);
	CHECK_SLOW(octet_scan_is_of(&wire->scan, file));
	wire->lacks_last_line_end = file.data[file.len - 1] != '\n';
	header_reader_init(&wire->reader, file);
	if (wire->scan.has_nul || wire->scan.has_bare_cr)
		return refuse_octets(wire, out_fail);
	return wire->scan.may_have_long_lines ? check_lines(wire, out_fail) : RESULT_OK;
}

static void note_kind(struct message_wire *wire, enum header_kind kind)
{
	if (kind == HEADER_DATE)
		wire->has_date = true;
	else if (kind == HEADER_MESSAGE_ID)
		wire->has_message_id = true;
	else if (kind == HEADER_DKIM_SIGNATURE || kind == HEADER_DOMAINKEY || kind == HEADER_ARC)
		wire->is_signed = true;
}

static bool adds_date(const struct message_wire *wire)
{
	return !wire->has_date && !wire->is_signed;
}

static bool adds_message_id(const struct message_wire *wire)
{
	return !wire->has_message_id && !wire->is_signed;
}

static size_t added_bytes(const struct message_wire *wire)
{
	size_t bytes = 0;
	if (adds_date(wire))
		bytes += date_name.len + wire->options->date.len + crlf.len;
	if (adds_message_id(wire))
		bytes += message_id_name.len + wire->options->message_id.len + crlf.len;
	return bytes;
}

static void note_8bit(struct message_wire *wire, const struct header_field *field)
{
	if (!octet_scan(field->whole).has_8bit)
		return;
	wire->has_8bit = true;
	wire->has_utf8_headers = true;
	/* Raw octets which are not UTF-8 are legal nowhere, and SMTPUTF8 would not help. */
	wire->headers_are_utf8 = wire->headers_are_utf8 && text_is_utf8(field->whole);
}

static enum result note_kept_field(struct message_wire *wire, const struct header_field *field,
	uint32_t lf_only_lines, struct fail *out_fail)
{
	note_kind(wire, field->kind);
	wire->header_bytes += field->whole.len + lf_only_lines;
	if (field->whole.data[field->whole.len - 1] != '\n')
		wire->header_bytes++; /* not even the LF is there */
	if (wire->header_bytes > MESSAGE_WIRE_HEADER_BYTES_MAX)
		return fail_set(out_fail, RESULT_INVALID,
			"line %u: the header is larger than %d octets", field->line,
			MESSAGE_WIRE_HEADER_BYTES_MAX);
	if (field->whole.data[0] == '.') {
		wire->dots_count++;
		/* A byte order mark hides one from the scan. */
		const char *front = wire->file.data;
		wire->header_dots += field->whole.data == front || field->whole.data[-1] == '\n';
	}
	if (wire->scan.has_8bit)
		note_8bit(wire, field);
	return RESULT_OK;
}

static bool loses_dot(const struct message_wire *wire, struct text line)
{
	return wire->options->is_dot_stuffed && line.len > 1 && line.data[0] == '.';
}

/* The next line of a text, without its end. */
static struct text take_line(struct text *rest)
{
	size_t len = text_find(*rest, '\n');
	struct text line = text_cut(*rest, len == TEXT_NONE ? rest->len : len);
	*rest = text_skip(*rest, len == TEXT_NONE ? rest->len : len + 1);
	if (len != TEXT_NONE && len > 0 && line.data[len - 1] == '\r')
		line.len--;
	return line;
}

static struct text body_text(const struct message_wire *wire)
{
	return text_skip(wire->file, wire->reader.at);
}

static void measure_stuffed_dots(struct message_wire *wire)
{
	for (struct text rest = body_text(wire); rest.len > 0;) {
		struct text line = take_line(&rest);
		if (loses_dot(wire, line)) {
			wire->data_bytes--;
			line = text_skip(line, 1);
		}
		wire->dots_count += line.len > 0 && line.data[0] == '.';
	}
}

static void measure_body(struct message_wire *wire)
{
	wire->header_bytes += added_bytes(wire);
	wire->data_bytes = wire->header_bytes;
	wire->has_utf8_headers = wire->has_utf8_headers && wire->headers_are_utf8;
	if (!wire->reader.has_end)
		return; /* RFC 5322 3.5: the empty line and the body may both be missing */
	struct text body = body_text(wire);
	size_t lf_count = wire->scan.lf_count - (wire->reader.line - 1);
	size_t cr_count = wire->scan.cr_count - wire->reader.crlf_count;
	wire->data_bytes += crlf.len + body.len + (lf_count - cr_count);
	if (wire->lacks_last_line_end)
		wire->data_bytes += crlf.len;
	if (wire->scan.dot_lines_count > 0 && wire->options->is_dot_stuffed)
		measure_stuffed_dots(wire);
	else
		wire->dots_count += wire->scan.dot_lines_count - wire->header_dots;
	if (wire->scan.has_8bit)
		wire->has_8bit = wire->has_8bit || octet_scan(body).has_8bit;
}

static void note_run(struct message_wire *wire, struct text field)
{
	struct text *last = wire->kept_count > 0 ? &wire->kept[wire->kept_count - 1] : NULL;
	if (wire->kept_count > MESSAGE_WIRE_RUNS_MAX)
		return; /* they do not fit anyway */
	if (last != NULL && last->data + last->len == field.data) {
		last->len += field.len;
		return;
	}
	if (wire->kept_count < MESSAGE_WIRE_RUNS_MAX)
		wire->kept[wire->kept_count] = field;
	wire->kept_count++;
}

enum result message_wire_next_field(struct message_wire *wire, struct header_field *out_field,
	bool *out_more, struct fail *out_fail)
{
	struct header_reader *reader = &wire->reader;
	uint32_t line = reader->line, crlf_count = reader->crlf_count;
	enum result result = header_reader_next(reader, out_field, out_more, out_fail);
	if (result != RESULT_OK)
		return result;
	if (reader->at > MESSAGE_HEADER_BYTES_MAX && !reader->has_end)
		return fail_set(out_fail, RESULT_INVALID, "the header has no end within %d octets",
			MESSAGE_HEADER_BYTES_MAX);
	if (!*out_more) {
		measure_body(wire);
		return RESULT_OK;
	}
	if (out_field->kind != HEADER_X_RECEIVER && ++wire->fields_count > MESSAGE_WIRE_FIELDS_MAX)
		return fail_set(out_fail, RESULT_INVALID,
			"line %u: the header has more than %d fields", out_field->line,
			MESSAGE_WIRE_FIELDS_MAX);
	if (header_kind_is_taken(out_field->kind))
		return RESULT_OK;
	note_run(wire, out_field->whole);
	uint32_t lf_only_lines = reader->line - line - (reader->crlf_count - crlf_count);
	return note_kept_field(wire, out_field, lf_only_lines, out_fail);
}

/* ---- writing ---- */

/* One line at a time, straight into room that was claimed for all of them: this is the hot path
 * of every file with LF. */
static void put_lines_as_crlf(struct buf *out, struct text lines)
{
	const char *at = lines.data, *end = lines.data + lines.len;
	uint8_t *to = out->data + out->len;
	const uint8_t *room_end = out->data + out->size;
	while (at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		const char *next = lf != NULL ? lf + 1 : end;
		size_t len = (size_t)((lf != NULL ? lf : end) - at);
		if (lf != NULL && len > 0 && at[len - 1] == '\r')
			len--;
		CHECK((size_t)(room_end - to) >= len + crlf.len);
		memcpy(to, at, len);
		to[len] = '\r';
		to[len + 1] = '\n';
		to += len + crlf.len;
		at = next;
	}
	out->len = (size_t)(to - out->data);
}

static void put_unstuffed_lines(const struct message_wire *wire, struct buf *out, struct text lines)
{
	while (lines.len > 0) {
		struct text line = take_line(&lines);
		buf_put_text(out, text_skip(line, loses_dot(wire, line)));
		buf_put_text(out, crlf);
	}
}

static void put_lines(const struct message_wire *wire, struct buf *out, struct text lines)
{
	if (lines.len == 0)
		return;
	if (wire->scan.lf_count != wire->scan.cr_count) {
		put_lines_as_crlf(out, lines);
		return;
	}
	buf_put_text(out, lines); /* every LF of the file has its CR */
	if (lines.data[lines.len - 1] != '\n')
		buf_put_text(out, crlf);
}

/* The same octets once more, where there are too many runs to remember. */
static void put_fields_again(const struct message_wire *wire, struct buf *out)
{
	struct header_reader reader;
	header_reader_init(&reader, wire->file);
	struct header_field field;
	bool more;
	for (;;) {
		enum result result = header_reader_next(&reader, &field, &more, NULL);
		CHECK(result == RESULT_OK); /* they were read before */
		if (!more)
			return;
		if (!header_kind_is_taken(field.kind))
			put_lines(wire, out, field.whole);
	}
}

static void put_fields(const struct message_wire *wire, struct buf *out)
{
	if (wire->kept_count > MESSAGE_WIRE_RUNS_MAX) {
		put_fields_again(wire, out);
		return;
	}
	for (uint32_t i = 0; i < wire->kept_count; i++)
		put_lines(wire, out, wire->kept[i]);
}

static void put_added(const struct message_wire *wire, struct buf *out)
{
	if (adds_date(wire)) {
		buf_put_text(out, date_name);
		buf_put_text(out, wire->options->date);
		buf_put_text(out, crlf);
	}
	if (adds_message_id(wire)) {
		buf_put_text(out, message_id_name);
		buf_put_text(out, wire->options->message_id);
		buf_put_text(out, crlf);
	}
}

/* RFC 5321 4.5.2: every line that starts with a dot, the first of the message too (DATA-03). */
static void note_dots(const struct message_wire *wire, struct body *body)
{
	const char *at = (const char *)body->data, *end = at + body->data_bytes;
	while (body->dots_count < wire->dots_count) {
		CHECK(at != NULL && at < end);
		if (*at == '.')
			body->dot_at[body->dots_count++] =
				(uint32_t)(at - (const char *)body->data);
		at = memchr(at, '\n', (size_t)(end - at));
		at = at != NULL ? at + 1 : NULL;
	}
}

struct body *message_wire_write(const struct message_wire *wire, struct body_room *room)
{
	struct body *body = body_create_in(room, wire->data_bytes, wire->dots_count);
	if (body == NULL)
		return NULL;
	struct buf out;
	buf_init(&out, body->data, wire->data_bytes);
	put_fields(wire, &out);
	put_added(wire, &out);
	CHECK(out.len == wire->header_bytes);
	if (wire->reader.has_end) {
		buf_put_text(&out, crlf);
		if (wire->options->is_dot_stuffed)
			put_unstuffed_lines(wire, &out, body_text(wire));
		else
			put_lines(wire, &out, body_text(wire));
	}
	CHECK(!out.overflow);
	CHECK(out.len == wire->data_bytes);
	body->data_bytes = wire->data_bytes;
	body->header_bytes = wire->header_bytes;
	body->has_8bit = wire->has_8bit;
	body->has_utf8_headers = wire->has_utf8_headers;
	note_dots(wire, body);
	return body;
}
