/* Reads the one response to a GET for a small text, out of a stream of bytes in any cut.
 *
 * The grammar is that of http-parser (RFC 9112). What it lets through and a policy host has no use for is
 * refused here (STS-52): what does not begin as HTTP/1.x, so HTTP/0.9 too; every status but 200,
 * redirects as well (STS-18); every media type but text/plain (STS-20); every coding but chunked, so
 * that nothing grows by being decoded (STS-21); a body longer than the caller's memory; headers and
 * framing without end. Interim responses (1xx) are passed over. Of the header nothing counts but what
 * says where the body ends and what it is: no caching (STS-19), no cookies.
 *
 * What it says depends on the bytes alone, never on the cut. A fault is final. Bytes behind the end of the
 * body belong to nobody and are passed over. Pure: the body goes into the caller's buffer. */
#ifndef ENGINE_ROUTE_HTTP_RESPONSE_H
#define ENGINE_ROUTE_HTTP_RESPONSE_H

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/result.h"

enum http_fault {
#define HTTP_FAULT(name, text) HTTP_FAULT_##name,
#include "engine/route/http_fault.def"
#undef HTTP_FAULT
	HTTP_FAULT_COUNT
};

enum {
	/* Status line and header fields, those of interim responses included: servers of the web send up
	 * to 4 KiB with all their cookies and security policies, and most take no more than 16. */
	HTTP_RESPONSE_HEADER_BYTES_MAX = 16 * 1024,
	/* Header and trailer fields. */
	HTTP_RESPONSE_FIELDS_MAX = 128,
	HTTP_RESPONSE_INTERIMS_MAX = 8,
	/* What chunks cost beside the body: 64 KiB in chunks of one octet take five more each. */
	HTTP_RESPONSE_FRAMING_BYTES_MAX = 512 * 1024,
	/* Of a field's value; what we look at is shorter. */
	HTTP_RESPONSE_VALUE_MAX = 128,
};

enum http_response_state {
	HTTP_RESPONSE_MORE, /* all bytes are read, the body is not whole yet */
	HTTP_RESPONSE_DONE, /* the body is whole, in the caller's buffer */
	HTTP_RESPONSE_BAD,  /* `fault` and `fail` say why */
};

struct http_response {
	http_parser parser;
	struct buf *body;      /* borrowed; its size is the limit */
	size_t bytes;          /* fed to the parser */
	uint32_t fields_count; /* whole ones, of interim responses and of the trailer too */
	uint8_t interims_count;
	bool in_value;     /* of the field that is being read */
	bool has_type;     /* a Content-Type came */
	bool headers_done; /* those of the final response */
	bool complete;     /* the parser has stopped at the end of a response */
	bool done, bad;    /* how it ended */
	bool name_is_cut, value_is_cut;
	uint8_t name_len, value_len;
	char name[32];
	char value[HTTP_RESPONSE_VALUE_MAX];
	enum http_fault fault; /* counts once it is `bad` */
	struct fail fail;      /* with a fault: a sentence */
};

/* `body` is empty and outlives the response; a body of exactly its size is taken. */
void http_response_init(struct http_response *response, struct buf *body);
/* DONE and BAD stay so for ever: later bytes are passed over. `len` may be 0. */
MUST_USE enum http_response_state http_response_read(
	struct http_response *response, const uint8_t *data, size_t len);
/* The stream has ended in an orderly way: a body without a length is whole now, and everything else that
 * was not is EMPTY or TRUNCATED. Never MORE. */
MUST_USE enum http_response_state http_response_end(struct http_response *response);
/* True while not a byte has come. */
static inline bool http_response_is_unbegun(const struct http_response *response)
{
	return response->bytes == 0;
}
/* "status other than 200". Static. */
const char *http_fault_text(enum http_fault fault);

#endif
