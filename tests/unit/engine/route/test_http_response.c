/* Responses to the GET for a policy, whole and in every cut. */
#include "tests/unit/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include "engine/route/http_response.h"

enum { BODY_MAX = 64 };

/* Reads `input` in two pieces or, with `at` 0, octet by octet, and writes what came of it:
 *	=body	whole before the stream ended
 *	.body	whole because it ended
 *	!FAULT	refused before, ?FAULT refused because it ended */
static void read_in(
	const char *input, size_t len, size_t at, struct buf *body, char *out, size_t out_size)
{
	struct http_response response;
	enum http_response_state state = HTTP_RESPONSE_MORE;
	buf_reset(body);
	http_response_init(&response, body);
	size_t done = 0;
	while (done < len) {
		size_t piece = at == 0 ? 1 : done == 0 ? at : len - done;
		/* A copy of exactly this size, so that ASan sees reading past it. */
		uint8_t *copy = malloc(piece);
		assert_non_null(copy);
		memcpy(copy, input + done, piece);
		enum http_response_state last = state;
		state = http_response_read(&response, copy, piece);
		free(copy);
		if (last != HTTP_RESPONSE_MORE)
			assert_int_equal(state, last);
		done += piece;
	}
	bool ended = state == HTTP_RESPONSE_MORE;
	if (ended)
		state = http_response_end(&response);
	assert_int_not_equal(state, HTTP_RESPONSE_MORE);
	static const char *const names[] = {
#define HTTP_FAULT(name, text) #name,
#include "engine/route/http_fault.def"
#undef HTTP_FAULT
	};
	if (state == HTTP_RESPONSE_DONE) {
		(void)snprintf(
			out, out_size, "%c%.*s", ended ? '.' : '=', TEXT_ARG(buf_text(body)));
		assert_int_equal(response.fault, HTTP_FAULT_NONE);
	} else {
		(void)snprintf(out, out_size, "%c%s", ended ? '?' : '!', names[response.fault]);
		assert_int_not_equal(response.fail.result, RESULT_OK);
		assert_true(text_is_printable(text_of(response.fail.text)));
		assert_true(strlen(response.fail.text) > 10);
	}
}

static void check(const char *input, size_t len, size_t body_max, const char *expected)
{
	uint8_t *memory = malloc(body_max);
	assert_non_null(memory);
	struct buf body;
	buf_init(&body, memory, body_max);
	for (size_t at = 0; at <= len; at++) {
		char got[256];
		read_in(input, len, at, &body, got, sizeof got);
		if (strncmp(got, expected, sizeof got - 1) != 0)
			fail_msg("cut at %zu: '%s', not '%s', from:\n%s", at, got, expected, input);
	}
	free(memory);
}

#define OK      "HTTP/1.1 200 OK\r\n"
#define TYPE    "Content-Type: text/plain\r\n"
#define CHUNKED OK TYPE "Transfer-Encoding: chunked\r\n\r\n"

struct row {
	const char *input, *expected;
};

static void check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(rows[i].input, strlen(rows[i].input), BODY_MAX, rows[i].expected);
}

static void a_body_ends_by_length_by_chunks_or_with_the_stream(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ OK TYPE "Content-Length: 5\r\n\r\nhello", "=hello" },
		{ OK TYPE "content-LENGTH:5\r\n\r\nhello and more", "=hello" },
		{ OK TYPE "Content-Length: 0\r\n\r\n", "=" },
		{ OK TYPE "\r\nhello", ".hello" },
		{ OK TYPE "\r\n", "." },
		{ "HTTP/1.0 200\r\n" TYPE "\r\nhello", ".hello" },
		{ CHUNKED "5\r\nhello\r\n0\r\n\r\n", "=hello" },
		{ CHUNKED "2;name=value\r\nhe\r\n003\r\nllo\r\n0\r\nContent-Type: "
			  "text/html\r\n\r\nmore",
			"=hello" },
		{ CHUNKED "0\r\n\r\n", "=" },
		{ OK TYPE "Transfer-Encoding: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
			"=0123456789" },
		/* RFC 9112 2.2: an LF alone may end a line. */
		{ "HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 2\n\nhi", "=hi" },
	};
	check_rows(rows, COUNT_OF(rows));
}

/* (STS-52) A truncated body is a failure, also one without a byte. */
static void a_stream_that_ends_early_is_a_fault(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "", "?EMPTY" },
		{ "H", "?TRUNCATED" },
		{ "HTTP/1.1 200 OK\r\nContent-Ty", "?TRUNCATED" },
		{ OK TYPE, "?TRUNCATED" },
		{ OK TYPE "Content-Length: 5\r\n\r\nhell", "?TRUNCATED" },
		{ OK TYPE "Content-Length: 5\r\n\r\n", "?TRUNCATED" },
		{ CHUNKED "5\r\nhello", "?TRUNCATED" },
		{ CHUNKED "5\r\nhello\r\n", "?TRUNCATED" },
		{ CHUNKED "5\r\nhello\r\n0\r\n", "?TRUNCATED" },
		{ CHUNKED "5\r\nhello\r\n0\r\nTrailer: 1\r\n", "?TRUNCATED" },
		{ "HTTP/1.1 100 Continue\r\n\r\n", "?TRUNCATED" },
	};
	check_rows(rows, COUNT_OF(rows));
}

/* (STS-18) */
static void no_status_but_200_is_success(void **state)
{
	(void)state;
	static const unsigned codes[] = { 101, 201, 203, 204, 206, 301, 302, 304, 307, 308, 400,
		403, 404, 410, 429, 500, 503, 599, 999 };
	for (size_t i = 0; i < COUNT_OF(codes); i++) {
		char input[160];
		(void)snprintf(input, sizeof input,
			"HTTP/1.1 %u Text\r\nLocation: /x\r\n" TYPE "Content-Length: 2\r\n\r\nhi",
			codes[i]);
		check(input, strlen(input), BODY_MAX, "!STATUS");
		(void)snprintf(input, sizeof input, "HTTP/1.1 %u\r\n\r\n", codes[i]);
		check(input, strlen(input), BODY_MAX, "!STATUS");
	}
}

/* RFC 9110 15.2: a client must be able to parse them, also where it did not ask for any. */
static void interim_responses_are_passed_over_up_to_a_limit(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "HTTP/1.1 100 Continue\r\n\r\n" OK TYPE "Content-Length: 2\r\n\r\nhi", "=hi" },
		{ "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nContent-Type: "
		  "text/html\r\nContent-Length: 9\r\n\r\n"
		  "HTTP/1.1 199\r\n\r\n" OK TYPE "\r\nhi",
			".hi" },
		{ "HTTP/1.1 100 Continue\r\n" TYPE "\r\n" OK "\r\nhi", "!TYPE" },
		{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\n\r\n", "!STATUS" },
	};
	check_rows(rows, COUNT_OF(rows));
	char many[1024] = "";
	for (int i = 0; i <= HTTP_RESPONSE_INTERIMS_MAX; i++)
		strcat(many, "HTTP/1.1 102 Wait\r\n\r\n");
	strcat(many, OK TYPE "\r\nhi");
	check(many, strlen(many), BODY_MAX, "!FRAMING");
	const char *one_less = many + strlen("HTTP/1.1 102 Wait\r\n\r\n");
	check(one_less, strlen(one_less), BODY_MAX, ".hi");
}

/* (STS-20) */
static void the_media_type_is_text_plain_with_any_parameters(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ OK "Content-Type: text/plain; charset=utf-8\r\n\r\nhi", ".hi" },
		{ OK "Content-Type: Text/PLAIN ;x=\"a;b\"\r\n\r\nhi", ".hi" },
		{ OK "Content-Type:text/plain;\r\n charset=latin1\r\n\r\nhi", ".hi" },
		{ OK "Content-Type: text/html\r\n\r\nhi", "!TYPE" },
		{ OK "Content-Type: text/plainer\r\n\r\nhi", "!TYPE" },
		{ OK "Content-Type: text/plain, text/html\r\n\r\nhi", "!TYPE" },
		{ OK "Content-Type: text/html; text/plain\r\n\r\nhi", "!TYPE" },
		{ OK "Content-Type:\r\n\r\nhi", "!TYPE" },
		{ OK "Content-Type: \x80\xff\r\n\r\nhi", "!TYPE" },
		{ OK TYPE TYPE "\r\nhi", "!TYPE" },
		{ OK "\r\nhi", "!TYPE" },
		{ OK "X-Content-Type: text/plain\r\n\r\nhi", "!TYPE" },
		{ OK "Content-Types: text/plain\r\n\r\nhi", "!TYPE" },
	};
	check_rows(rows, COUNT_OF(rows));
	char input[512];
	(void)snprintf(input, sizeof input, OK "Content-Type: text/plain; a=%0300d\r\n\r\nhi", 1);
	check(input, strlen(input), BODY_MAX, ".hi");
	(void)snprintf(input, sizeof input, OK "Content-Type: text/plain%0300d\r\n\r\nhi", 1);
	check(input, strlen(input), BODY_MAX, "!TYPE");
}

/* (STS-21) Nothing is decoded, so nothing can grow; (STS-19) caching says nothing. */
static void a_coding_that_was_not_asked_for_is_a_fault(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ OK TYPE "Content-Encoding: gzip\r\n\r\nhi", "!CODING" },
		{ OK TYPE "Content-Encoding: identity, br\r\n\r\nhi", "!CODING" },
		{ OK TYPE "Content-Encoding: Identity\r\n\r\nhi", ".hi" },
		{ OK TYPE "Transfer-Encoding: gzip\r\n\r\nhi", "!CODING" },
		{ OK TYPE "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "!CODING" },
		{ OK TYPE "Transfer-Encoding: identity\r\n\r\nhi", "!CODING" },
		{ OK TYPE "Age: 999999\r\nCache-Control: max-age=31536000\r\nETag: "
			  "\"x\"\r\nSet-Cookie: a=b\r\n\r\nhi",
			".hi" },
	};
	check_rows(rows, COUNT_OF(rows));
}

/* (STS-52) */
static void what_is_not_http_1_is_refused(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "version: STSv1\nmode: none\n", "!SYNTAX" },
		{ "HTTP/0.9 200 OK\r\n" TYPE "\r\nhi", "!SYNTAX" },
		{ "HTTP/2.0 200 OK\r\n" TYPE "\r\nhi", "!SYNTAX" },
		{ "HTTP/1.1 2xx OK\r\n\r\n", "!SYNTAX" },
		{ "HTTP/1.1 1200 OK\r\n\r\n", "!SYNTAX" },
		{ "\x16\x03\x01", "!SYNTAX" },
		{ OK TYPE "Content-Length: -1\r\n\r\nhi", "!SYNTAX" },
		{ OK TYPE "Content-Length:\r\n\r\nhi", "!SYNTAX" },
		{ OK TYPE "Content-Length: 2, 2\r\n\r\nhi", "!SYNTAX" },
		{ OK TYPE "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", "!SYNTAX" },
		{ OK TYPE "Content-Length: 99999999999999999999999\r\n\r\nhi", "!SYNTAX" },
		{ OK TYPE "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			"!SYNTAX" },
		{ OK "Content-Type : text/plain\r\n\r\nhi", "!SYNTAX" },
		{ OK "Con\x01tent: x\r\n" TYPE "\r\nhi", "!SYNTAX" },
		{ OK "X: a\x01z\r\n" TYPE "\r\nhi", "!SYNTAX" },
		{ OK TYPE "Content-Length : 1\r\n\r\nhi", "!SYNTAX" },
		{ OK TYPE "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "!SYNTAX" },
		{ "HTTP/1.1 404 No\r\nX: a\x01z\r\n\r\n", "!SYNTAX" },
		{ OK "Content-Type: text/html\r\nCon\x01tent: x\r\n\r\n", "!SYNTAX" },
		{ OK "no colon\r\n" TYPE "\r\nhi", "!SYNTAX" },
		{ CHUNKED "hello\r\n", "!SYNTAX" },
		{ CHUNKED "5\r\nhellohello\r\n", "!SYNTAX" },
		{ CHUNKED "-5\r\nhello\r\n", "!SYNTAX" },
		{ CHUNKED "fffffffffffffffff\r\nhello\r\n", "!SYNTAX" },
	};
	check_rows(rows, COUNT_OF(rows));
	static const char nul[] = OK "X: a\0b\r\n" TYPE "\r\nhi";
	check(nul, sizeof nul - 1, BODY_MAX, "!SYNTAX");
}

static void a_body_of_the_limit_is_taken_and_one_octet_more_is_not(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ OK TYPE "\r\n12345678", ".12345678" },
		{ OK TYPE "\r\n123456789", "!BODY" },
		{ OK TYPE "Content-Length: 8\r\n\r\n12345678", "=12345678" },
		{ OK TYPE "Content-Length: 9\r\n\r\n", "!BODY" },
		{ CHUNKED "4\r\n1234\r\n4\r\n5678\r\n0\r\n\r\n", "=12345678" },
		{ CHUNKED "4\r\n1234\r\n4\r\n5678\r\n1\r\n9\r\n0\r\n\r\n", "!BODY" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check(rows[i].input, strlen(rows[i].input), 8, rows[i].expected);
}

/* ---- floods (STS-52, SEC-15): too long for every cut, so in a few sizes of piece ---- */

static void check_flood(const char *input, size_t len, enum http_fault fault, size_t bytes_max)
{
	static const size_t pieces[] = { 1, 7, 1000, 16384, 16385, 1 << 20 };
	static uint8_t memory[65536];
	for (size_t i = 0; i < COUNT_OF(pieces); i++) {
		struct buf body;
		buf_init(&body, memory, sizeof memory);
		struct http_response response;
		http_response_init(&response, &body);
		enum http_response_state got = HTTP_RESPONSE_MORE;
		for (size_t at = 0; at < len && got == HTTP_RESPONSE_MORE; at += pieces[i])
			got = http_response_read(&response, (const uint8_t *)input + at,
				pieces[i] < len - at ? pieces[i] : len - at);
		assert_int_equal(response.fault, fault);
		assert_int_equal(
			got, fault == HTTP_FAULT_NONE ? HTTP_RESPONSE_DONE : HTTP_RESPONSE_BAD);
		assert_true(response.bytes <= bytes_max);
	}
}

static char *repeated(const char *head, const char *part, size_t count, const char *tail)
{
	size_t part_len = strlen(part);
	char *made = malloc(strlen(head) + count * part_len + strlen(tail) + 1);
	assert_non_null(made);
	char *at = stpcpy(made, head);
	for (size_t i = 0; i < count; i++)
		at = stpcpy(at, part);
	(void)stpcpy(at, tail);
	return made;
}

static void check_repeated(const char *head, const char *part, size_t count, const char *tail,
	enum http_fault fault, size_t bytes_max)
{
	char *input = repeated(head, part, count, tail);
	check_flood(input, strlen(input), fault, bytes_max);
	free(input);
}

static void headers_chunks_and_trailers_without_end_are_refused(void **state)
{
	(void)state;
	const size_t header = HTTP_RESPONSE_HEADER_BYTES_MAX;
	const size_t all = header + 65536 + HTTP_RESPONSE_FRAMING_BYTES_MAX;
	static const char tail[] = "\r\n" TYPE "Content-Length: 0\r\n\r\n";
	size_t most = header - strlen(OK "X: ") - strlen(tail);
	check_repeated(OK "X: ", "x", most, tail, HTTP_FAULT_NONE, header);
	check_repeated(OK "X: ", "x", most + 1, tail, HTTP_FAULT_FRAMING, header);
	check_repeated(OK "", "x", 100000, "", HTTP_FAULT_FRAMING, header);
	check_repeated("", "\r\n", 100000, "", HTTP_FAULT_FRAMING, header);
	check_repeated("HTTP/1.1 200 ", "x", 100000, "", HTTP_FAULT_FRAMING, header);
	check_repeated(OK TYPE, "A: b\r\n", HTTP_RESPONSE_FIELDS_MAX - 2,
		"Content-Length: 0\r\n\r\n", HTTP_FAULT_NONE, header);
	check_repeated(OK TYPE, "A: b\r\n", HTTP_RESPONSE_FIELDS_MAX - 1,
		"Content-Length: 0\r\n\r\n", HTTP_FAULT_FRAMING, header);
	check_repeated(CHUNKED "0\r\n", "A: b\r\n", HTTP_RESPONSE_FIELDS_MAX, "\r\n",
		HTTP_FAULT_FRAMING, all);
	check_repeated(CHUNKED, "1\r\nx\r\n", 65536, "0\r\n\r\n", HTTP_FAULT_NONE, all);
	check_repeated(CHUNKED, "1\r\nx\r\n", 65537, "0\r\n\r\n", HTTP_FAULT_BODY, all);
	check_repeated(CHUNKED, "1;a=123456789012345678901234567890\r\nx\r\n", 65536, "0\r\n\r\n",
		HTTP_FAULT_FRAMING, all);
}

static void a_sentence_says_what_the_peer_said_in_a_form_that_is_safe_to_show(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "HTTP/1.1 302 Found\r\n\r\n",
			"the answer is a redirect (status 302), which is not followed" },
		{ "HTTP/1.1 404 No\r\n\r\n", "the answer has the status 404, not 200" },
		{ OK "Content-Type: text/\xe9\r\n\r\n",
			"the answer has the media type 'text/?', not text/plain" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t memory[8];
		struct buf body;
		struct http_response response;
		buf_init(&body, memory, sizeof memory);
		http_response_init(&response, &body);
		assert_int_equal(http_response_read(&response, (const uint8_t *)rows[i].input,
					 strlen(rows[i].input)),
			HTTP_RESPONSE_BAD);
		assert_string_equal(response.fail.text, rows[i].expected);
		assert_true(strlen(http_fault_text(response.fault)) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_ends_by_length_by_chunks_or_with_the_stream),
		cmocka_unit_test(a_stream_that_ends_early_is_a_fault),
		cmocka_unit_test(no_status_but_200_is_success),
		cmocka_unit_test(interim_responses_are_passed_over_up_to_a_limit),
		cmocka_unit_test(the_media_type_is_text_plain_with_any_parameters),
		cmocka_unit_test(a_coding_that_was_not_asked_for_is_a_fault),
		cmocka_unit_test(what_is_not_http_1_is_refused),
		cmocka_unit_test(a_body_of_the_limit_is_taken_and_one_octet_more_is_not),
		cmocka_unit_test(headers_chunks_and_trailers_without_end_are_refused),
		cmocka_unit_test(a_sentence_says_what_the_peer_said_in_a_form_that_is_safe_to_show),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
