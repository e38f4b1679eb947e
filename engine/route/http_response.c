/* http-parser calls back for each thing it has read; a callback that returns other than 0 stops it there.
 *
 * Pieces of a name or a value come at other octets in every cut. So what is found in a field is only noted,
 * and judged where the header or the trailer ends, unless the grammar is broken before that. Before the
 * header is whole the parser is given no more bytes than it may have, and afterwards no more than body
 * and chunks may have, so the limits bind at the same octet too.
 *
 * The parser is stopped at the end of each response, so that what follows an interim one is read as a new
 * response, and what follows the final one not at all. */
#include "engine/route/http_response.h"
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/text.h"

enum http_field {
	FIELD_OTHER,
	FIELD_CONTENT_TYPE,
	FIELD_CONTENT_LENGTH,
	FIELD_CONTENT_ENCODING,
	FIELD_TRANSFER_ENCODING,
	FIELD_COUNT
};

static const struct text field_names[FIELD_COUNT] = {
	[FIELD_OTHER] = TEXT_INIT(""),
	[FIELD_CONTENT_TYPE] = TEXT_INIT("content-type"),
	[FIELD_CONTENT_LENGTH] = TEXT_INIT("content-length"),
	[FIELD_CONTENT_ENCODING] = TEXT_INIT("content-encoding"),
	[FIELD_TRANSFER_ENCODING] = TEXT_INIT("transfer-encoding"),
};

const char *http_fault_text(enum http_fault fault)
{
	static const char *const texts[HTTP_FAULT_COUNT] = {
#define HTTP_FAULT(name, text) [HTTP_FAULT_##name] = text,
#include "engine/route/http_fault.def"
#undef HTTP_FAULT
	};
	CHECK((unsigned)fault < HTTP_FAULT_COUNT);
	return texts[fault];
}

/* Notes a fault; the first one counts. */
__attribute__((format(printf, 4, 5))) static void note(struct http_response *response,
	enum http_fault fault, enum result result, const char *fmt, ...)
{
	if (response->fault != HTTP_FAULT_NONE)
		return;
	response->fault = fault;
	response->fail.result = result;
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(response->fail.text, sizeof response->fail.text, fmt, args);
	va_end(args);
}

/* Ends a callback: stops the parser if there is a fault. */
static int judge(struct http_response *response)
{
	response->bad = response->fault != HTTP_FAULT_NONE;
	return response->bad ? -1 : 0;
}

/* The stream itself is at fault: that comes before what was noted in a header which is not whole. */
__attribute__((format(printf, 4, 5))) static void refuse(struct http_response *response,
	enum http_fault fault, enum result result, const char *fmt, ...)
{
	response->bad = true;
	response->fault = fault;
	response->fail.result = result;
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(response->fail.text, sizeof response->fail.text, fmt, args);
	va_end(args);
}

/* Of the response whose header is whole, or whose fields are being read. */
static bool is_interim(const struct http_response *response)
{
	unsigned status = response->parser.status_code;
	return status >= 100 && status < 200 && status != 101;
}

/* A value of the peer's as people may see it. */
static const char *shown(struct http_response *response)
{
	static const char cut[] = "...";
	size_t len = response->value_len;
	if (response->value_is_cut || len > sizeof response->value - sizeof cut)
		len = sizeof response->value - sizeof cut;
	for (size_t i = 0; i < len; i++)
		if (response->value[i] < 0x20 || response->value[i] > 0x7e)
			response->value[i] = '?';
	if (response->value_is_cut)
		memcpy(response->value + len, cut, sizeof cut);
	else
		response->value[len] = '\0';
	return response->value;
}

/* ---- header fields ---- */

/* RFC 9110 8.3.1: type "/" subtype, then parameters, which RFC 8461 3.2 ignores. */
static void check_type(struct http_response *response, struct text value)
{
	struct text rest = value, type;
	if (response->has_type)
		note(response, HTTP_FAULT_TYPE, RESULT_INVALID,
			"the answer has more than one Content-Type");
	else if (!text_split(&rest, ';', &type) ||
		 !text_equal_nocase(text_trim(type), TEXT("text/plain")))
		note(response, HTTP_FAULT_TYPE, RESULT_INVALID,
			"the answer has the media type '%s', not text/plain", shown(response));
	response->has_type = true;
}

static void check_value(struct http_response *response, enum http_field field)
{
	struct text value = text_trim((struct text){ response->value, response->value_len });
	uint64_t number;
	switch (field) {
	case FIELD_OTHER: return;
	case FIELD_CONTENT_TYPE: check_type(response, value); return;
	case FIELD_CONTENT_LENGTH:
		/* http-parser has read it, and takes an empty one for none. */
		if (response->value_is_cut || !text_to_u64(value, &number))
			note(response, HTTP_FAULT_SYNTAX, RESULT_PROTOCOL,
				"the answer has the Content-Length '%s'", shown(response));
		return;
	case FIELD_CONTENT_ENCODING:
		if (response->value_is_cut || !text_equal_nocase(value, TEXT("identity")))
			note(response, HTTP_FAULT_CODING, RESULT_INVALID,
				"the answer has the Content-Encoding '%s', none was asked for",
				shown(response));
		return;
	case FIELD_TRANSFER_ENCODING:
		if (response->value_is_cut || !text_equal_nocase(value, TEXT("chunked")))
			note(response, HTTP_FAULT_CODING, RESULT_INVALID,
				"the answer has the Transfer-Encoding '%s', not chunked",
				shown(response));
		return;
	case FIELD_COUNT: break;
	}
	UNREACHABLE("no such field");
}

static enum http_field find_field(const struct http_response *response)
{
	struct text name = { response->name, response->name_len };
	for (unsigned i = FIELD_OTHER + 1; i < FIELD_COUNT; i++)
		if (!response->name_is_cut && text_equal_nocase(name, field_names[i]))
			return (enum http_field)i;
	return FIELD_OTHER;
}

/* A field is whole when the next one begins, or the header ends. Those of interim responses and of the
 * trailer say nothing about the body. */
static void end_field(struct http_response *response)
{
	if (!response->in_value)
		return;
	if (!is_interim(response) && !response->headers_done)
		check_value(response, find_field(response));
	response->fields_count++;
	response->in_value = false;
	response->name_is_cut = false;
	response->name_len = 0;
	response->value_is_cut = false;
	response->value_len = 0;
}

static int on_header_field(http_parser *parser, const char *data, size_t len)
{
	struct http_response *response = parser->data;
	end_field(response);
	/* Debian builds http-parser so that it takes blanks in names. RFC 9112 5.1: "Content-Length :" is
	 * no field, and who takes it for one sees the body end elsewhere. */
	if (memchr(data, ' ', len) != NULL)
		note(response, HTTP_FAULT_SYNTAX, RESULT_PROTOCOL,
			"the answer has a header field with a blank in its name");
	size_t room = sizeof response->name - response->name_len;
	size_t taken = len < room ? len : room;
	response->name_is_cut |= len > room;
	memcpy(response->name + response->name_len, data, taken);
	response->name_len = (uint8_t)(response->name_len + taken);
	return 0;
}

static int on_header_value(http_parser *parser, const char *data, size_t len)
{
	struct http_response *response = parser->data;
	size_t room = sizeof response->value - response->value_len;
	size_t taken = len < room ? len : room;
	response->in_value = true;
	response->value_is_cut |= len > room;
	memcpy(response->value + response->value_len, data, taken);
	response->value_len = (uint8_t)(response->value_len + taken);
	return 0;
}

/* ---- the response ---- */

static void check_status(struct http_response *response)
{
	const http_parser *parser = &response->parser;
	unsigned status = parser->status_code;
	if (parser->http_major != 1)
		refuse(response, HTTP_FAULT_SYNTAX, RESULT_PROTOCOL,
			"the answer is of HTTP/%d.%d, not HTTP/1.1", parser->http_major,
			parser->http_minor);
	else if (status >= 300 && status < 400)
		refuse(response, HTTP_FAULT_STATUS, RESULT_FORBIDDEN,
			"the answer is a redirect (status %u), which is not followed", status);
	else if (status != 200 && !is_interim(response))
		refuse(response, HTTP_FAULT_STATUS, RESULT_INVALID,
			"the answer has the status %u, not 200", status);
}

static void check_counts(struct http_response *response)
{
	if (response->fields_count > HTTP_RESPONSE_FIELDS_MAX)
		note(response, HTTP_FAULT_FRAMING, RESULT_TOO_LONG,
			"the answer has more than %d header fields", HTTP_RESPONSE_FIELDS_MAX);
	if (response->interims_count > HTTP_RESPONSE_INTERIMS_MAX)
		note(response, HTTP_FAULT_FRAMING, RESULT_TOO_LONG,
			"the answer has more than %d interim responses before it",
			HTTP_RESPONSE_INTERIMS_MAX);
}

static int on_headers_complete(http_parser *parser)
{
	struct http_response *response = parser->data;
	end_field(response);
	if (is_interim(response))
		response->interims_count++;
	check_status(response);
	check_counts(response);
	if (is_interim(response))
		/* 1: no body follows, whatever its header says (RFC 9110 15.2) */
		return judge(response) != 0 ? -1 : 1;
	if (!response->has_type)
		note(response, HTTP_FAULT_TYPE, RESULT_INVALID,
			"the answer has no Content-Type, so it is not text/plain");
	if (parser->content_length != ULLONG_MAX && parser->content_length > response->body->size)
		note(response, HTTP_FAULT_BODY, RESULT_TOO_LONG,
			"the answer is longer than %zu bytes", response->body->size);
	response->headers_done = true;
	return judge(response);
}

static int on_body(http_parser *parser, const char *data, size_t len)
{
	struct http_response *response = parser->data;
	if (len > buf_room(response->body))
		note(response, HTTP_FAULT_BODY, RESULT_TOO_LONG,
			"the answer is longer than %zu bytes", response->body->size);
	else
		buf_put(response->body, data, len);
	return judge(response);
}

static int on_message_complete(http_parser *parser)
{
	struct http_response *response = parser->data;
	end_field(response); /* of the trailer */
	check_counts(response);
	response->complete = true;
	http_parser_pause(parser, 1);
	return judge(response);
}

static const http_parser_settings settings = {
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

/* ---- feeding ---- */

static void begin(struct http_response *response)
{
	http_parser_init(&response->parser, HTTP_RESPONSE);
	response->parser.data = response;
	response->complete = false;
}

void http_response_init(struct http_response *response, struct buf *body)
{
	CHECK(body->len == 0 && body->size > 0);
	memset(response, 0, sizeof *response);
	response->body = body;
	begin(response);
}

static enum http_response_state state_of(const struct http_response *response)
{
	if (response->bad)
		return HTTP_RESPONSE_BAD;
	return response->done ? HTTP_RESPONSE_DONE : HTTP_RESPONSE_MORE;
}

/* What the parser has come to. */
static void look(struct http_response *response)
{
	enum http_errno error = HTTP_PARSER_ERRNO(&response->parser);
	if (response->bad)
		return;
	if (response->complete && is_interim(response))
		begin(response);
	else if (response->complete)
		response->done = true;
	else if (error != HPE_OK)
		refuse(response, HTTP_FAULT_SYNTAX, RESULT_PROTOCOL,
			"the answer is not HTTP/1.1: %s", http_errno_description(error));
}

static size_t room(const struct http_response *response)
{
	size_t max = HTTP_RESPONSE_HEADER_BYTES_MAX;
	if (response->headers_done)
		max += response->body->size + HTTP_RESPONSE_FRAMING_BYTES_MAX;
	return max - response->bytes;
}

enum http_response_state http_response_read(
	struct http_response *response, const uint8_t *data, size_t len)
{
	while (len > 0 && state_of(response) == HTTP_RESPONSE_MORE) {
		size_t piece = len < room(response) ? len : room(response);
		if (piece == 0) {
			refuse(response, HTTP_FAULT_FRAMING, RESULT_TOO_LONG,
				response->headers_done
					? "the answer has more than %d bytes around its body"
					: "the header of the answer is longer than %d bytes",
				response->headers_done ? HTTP_RESPONSE_FRAMING_BYTES_MAX
						       : HTTP_RESPONSE_HEADER_BYTES_MAX);
			break;
		}
		size_t used = http_parser_execute(
			&response->parser, &settings, (const char *)data, piece);
		CHECK(used <= piece);
		response->bytes += used;
		data += used;
		len -= used;
		look(response);
		CHECK(used > 0 || state_of(response) != HTTP_RESPONSE_MORE);
	}
	return state_of(response);
}

enum http_response_state http_response_end(struct http_response *response)
{
	if (state_of(response) != HTTP_RESPONSE_MORE)
		return state_of(response);
	if (response->bytes == 0) {
		refuse(response, HTTP_FAULT_EMPTY, RESULT_CLOSED,
			"the connection was closed before an answer came");
		return HTTP_RESPONSE_BAD;
	}
	(void)http_parser_execute(&response->parser, &settings, NULL, 0);
	if (response->complete && !response->bad && !is_interim(response))
		response->done = true;
	else if (!response->bad)
		refuse(response, HTTP_FAULT_TRUNCATED, RESULT_CLOSED,
			"the connection was closed inside the answer, after %zu bytes of its body",
			response->body->len);
	return state_of(response);
}
