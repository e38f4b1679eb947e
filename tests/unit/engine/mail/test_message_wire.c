#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/buf.h"
#include "engine/base/limits.h"
#include "engine/mail/message_wire.h"

/* Complete: nothing is added to a message that begins with these. */
#define DATED    "Date: d\r\nMessage-ID: <m@h>\r\n"
#define DATED_LF "Date: d\nMessage-ID: <m@h>\n"

static const struct message_wire_options plain = {
	.date = TEXT_INIT("Tue, 01 Sep 2026 12:34:56 +0000"),
	.message_id = TEXT_INIT("<1234@mx.example>"),
};
static const struct message_wire_options stuffed = {
	.date = TEXT_INIT("Tue, 01 Sep 2026 12:34:56 +0000"),
	.message_id = TEXT_INIT("<1234@mx.example>"),
	.is_dot_stuffed = true,
};
static struct body_budget budget;
static struct body_room room = { .budget = &budget };

static int set_up(void **state)
{
	(void)state;
	body_budget_init(&budget, 1 << 30);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return atomic_load(&budget.used_bytes) == 0 ? 0 : -1;
}

/* What every body promises (DATA-01, DATA-03, DATA-06, DATA-07), whatever it was made of. */
static void assert_canonical(const struct body *body)
{
	uint32_t dots = 0;
	size_t line = 0;
	bool has_8bit = false;
	for (size_t i = 0; i < body->data_bytes; i++) {
		uint8_t c = body->data[i];
		assert_true(c != 0);
		has_8bit |= c > 127;
		if (c == '\r')
			assert_true(i + 1 < body->data_bytes && body->data[i + 1] == '\n');
		if (c == '\n')
			assert_true(i > 0 && body->data[i - 1] == '\r');
		if (c == '.' && line == 0) {
			assert_true(dots < body->dots_count);
			assert_int_equal(body->dot_at[dots], i);
			dots++;
		}
		line = c == '\n' ? 0 : line + 1;
		assert_true(line <= MESSAGE_LINE_BYTES_MAX + 1); /* with the CR */
	}
	assert_int_equal(line, 0);
	assert_int_equal(dots, body->dots_count);
	assert_int_equal(has_8bit, body->has_8bit);
	assert_true(body->header_bytes <= body->data_bytes);
	if (body->header_bytes < body->data_bytes)
		assert_memory_equal(body->data + body->header_bytes, "\r\n", 2);
}

static enum result measure(struct text file, const struct message_wire_options *options,
	struct message_wire *wire, struct fail *fail)
{
	fail_clear(fail);
	struct header_field field;
	bool more = true;
	enum result result = message_wire_begin(wire, file, options, fail);
	while (result == RESULT_OK && more)
		result = message_wire_next_field(wire, &field, &more, fail);
	return result;
}

/* NULL: refused, for the reason in *fail. */
static struct body *make_body(
	struct text file, const struct message_wire_options *options, struct fail *fail)
{
	/* To the end of an allocation, so that a sanitizer sees a read behind the file. */
	char *copy = malloc(file.len > 0 ? file.len : 1);
	assert_non_null(copy);
	if (file.len > 0)
		memcpy(copy, file.data, file.len);
	struct message_wire wire;
	struct body *body = NULL;
	enum result result = measure((struct text){ copy, file.len }, options, &wire, fail);
	if (result == RESULT_OK) {
		body = message_wire_write(&wire, &room);
		assert_non_null(body);
		assert_canonical(body);
	} else {
		assert_int_equal(result, RESULT_INVALID);
		assert_int_not_equal(strlen(fail->text), 0);
	}
	free(copy);
	return body;
}

static void assert_body(
	struct text file, const struct message_wire_options *options, const char *want)
{
	struct fail fail;
	struct body *body = make_body(file, options, &fail);
	if (body == NULL)
		fail_msg("refused: %s", fail.text);
	struct text have = text_of_bytes(body->data, body->data_bytes);
	if (!text_equal(have, text_of(want)))
		fail_msg("have \"%.*s\", want \"%s\"", TEXT_ARG(have), want);
	body_unref(body);
}

static void assert_refused(
	struct text file, const struct message_wire_options *options, const char *says)
{
	struct fail fail;
	assert_null(make_body(file, options, &fail));
	if (strstr(fail.text, says) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", fail.text, says);
}

static struct text to_lf(struct text file, char *memory)
{
	size_t len = 0;
	for (size_t i = 0; i < file.len; i++)
		if (file.data[i] != '\r')
			memory[len++] = file.data[i];
	return (struct text){ memory, len };
}

/* DATA-02, DATA-04, SMTP-44: line ends become CRLF, and nothing else changes. */
static void lf_and_crlf_files_become_the_same_canonical_text(void **state)
{
	(void)state;
	static const struct {
		const char *file, *wire;
	} rows[] = {
		{ DATED "\r\nbody\r\n", DATED "\r\nbody\r\n" },
		{ DATED "\r\nbody", DATED "\r\nbody\r\n" },
		{ DATED "\r\n", DATED "\r\n" },
		{ DATED "\r\n\r\n", DATED "\r\n\r\n" },
		{ DATED "\r\n\r\n\r\n", DATED "\r\n\r\n\r\n" },
		{ DATED, DATED },
		{ DATED "Subject: x", DATED "Subject: x\r\n" },
		{ DATED "Subject: x\r\n y", DATED "Subject: x\r\n y\r\n" },
		{ DATED "\r\n.\r\n", DATED "\r\n.\r\n" },
		{ DATED "\r\n.", DATED "\r\n.\r\n" },
		{ DATED "\r\na\r\n.b\r\n..\r\n...c", DATED "\r\na\r\n.b\r\n..\r\n...c\r\n" },
		{ ".first: x\r\n" DATED "\r\n", ".first: x\r\n" DATED "\r\n" },
		{ ".first: x\r\n.second: x\r\n" DATED "\r\n.\r\n.x\r\nx.\r\n.",
			".first: x\r\n.second: x\r\n" DATED "\r\n.\r\n.x\r\nx.\r\n.\r\n" },
		{ "\xef\xbb\xbf.first: x\r\n.second: x\r\n" DATED "\r\n.\r\n",
			".first: x\r\n.second: x\r\n" DATED "\r\n.\r\n" },
		{ DATED "X-Trail:  a b \t\r\n\r\n end \r\n",
			DATED "X-Trail:  a b \t\r\n\r\n end \r\n" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char memory[256];
		assert_body(text_of(rows[i].file), &plain, rows[i].wire);
		assert_body(to_lf(text_of(rows[i].file), memory), &plain, rows[i].wire);
	}
	assert_body(TEXT("Date: d\nMessage-ID: <m@h>\r\n\nmixed\r\nlines\n"), &plain,
		DATED "\r\nmixed\r\nlines\r\n");
}

/* DATA-05, SEC-18, EXT-CHUNK-04: every sequence known from smuggling, as content. It is refused or
 * leaves as lines that the final dot cannot be confused with: assert_canonical() finds every dot
 * at the start of a line noted, to be doubled. */
static void no_smuggling_sequence_leaves_as_it_came(void **state)
{
	(void)state;
	static const struct {
		struct text sequence;
		const char *wire; /* NULL: refused */
	} rows[] = {
		{ TEXT_INIT("\n.\n"), "\r\n.\r\n" },
		{ TEXT_INIT("\r.\r"), NULL },
		{ TEXT_INIT("\r.\n"), NULL },
		{ TEXT_INIT("\n.\r"), NULL },
		{ TEXT_INIT("\n.\r\n"), "\r\n.\r\n" },
		{ TEXT_INIT("\r\n.\n"), "\r\n.\r\n" },
		{ TEXT_INIT("\r\n.\r\n"), "\r\n.\r\n" },
		{ TEXT_INIT("\r.\r\n"), NULL },
		{ TEXT_INIT("\r\n.\r"), NULL },
		{ TEXT_INIT("\r\n\0.\r\n"), NULL },
		{ TEXT_INIT("\r\n.\0\r\n"), NULL },
		{ TEXT_INIT("\r\n\r.\r\n"), NULL },
		{ TEXT_INIT("\r\r\n.\r\r\n"), NULL },
		{ TEXT_INIT("\n\r.\r\n"), NULL },
		{ TEXT_INIT("\n\n.\n\n"), "\r\n\r\n.\r\n\r\n" },
		{ TEXT_INIT("\r\n.\n\r\n"), "\r\n.\r\n\r\n" },
	};
	static const struct text after =
		TEXT_INIT("MAIL FROM:<x@evil.example>\r\nRCPT TO:<y@evil.example>\r\nDATA\r\n");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		/* Headers with LF and with CRLF, and some distance for the vectors. */
		for (size_t filler = 0; filler < 140; filler++) {
			char file[1024], want[1024];
			struct buf in, out;
			buf_init(&in, file, sizeof file);
			buf_init(&out, want, sizeof want);
			buf_put_cstr(&in, filler % 2 ? DATED "\r\n" : DATED_LF "\n");
			buf_put_cstr(&out, DATED "\r\n");
			for (size_t n = 0; n < filler; n++) {
				buf_put_u8(&in, 'f');
				buf_put_u8(&out, 'f');
			}
			buf_put_text(&in, rows[i].sequence);
			buf_put_cstr(&out, rows[i].wire != NULL ? rows[i].wire : "");
			buf_put_text(&in, after);
			buf_put_text(&out, after);
			struct fail fail;
			struct body *body = make_body(buf_text(&in), &plain, &fail);
			assert_int_equal(body != NULL, rows[i].wire != NULL);
			if (body == NULL)
				continue;
			assert_true(text_equal(
				text_of_bytes(body->data, body->data_bytes), buf_text(&out)));
			assert_int_equal(body->dots_count, 1);
			body_unref(body);
		}
	}
}

static void reasons_name_line_and_offset(void **state)
{
	(void)state;
	static const struct {
		struct text file;
		const char *says;
	} rows[] = {
		{ TEXT_INIT(""), "the file is empty" },
		{ TEXT_INIT("A: b\n\nx\0y\n"), "line 3: a NUL octet, at offset 7 " },
		{ TEXT_INIT("A: b\r\n\r\nx\ry\r\n"),
			"line 3: a CR without a LF behind it, at offset 9 " },
		{ TEXT_INIT("\rA: b\n"), "line 1: a CR without a LF behind it, at offset 0 " },
		{ TEXT_INIT("A: b\n\nx\r"), "line 3: a CR without a LF behind it, at offset 7 " },
		{ TEXT_INIT("A: b\n\nx\r\r\n"),
			"line 3: a CR without a LF behind it, at offset 7 " },
		{ TEXT_INIT("A: \rb\n\0\n"), "line 1: a CR" },
		{ TEXT_INIT("A: \0b\n\r\n\r"), "line 1: a NUL" },
		{ TEXT_INIT("A: b\nc\n\n"), "line 2: 'c' is no header line" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_refused(rows[i].file, &plain, rows[i].says);
}

/* DATA-06, EXT-8B-03: 998 octets, whatever they are; the final CRLF is not counted. */
static void lines_at_the_limit(void **state)
{
	(void)state;
	static char file[101000];
	static const size_t lens[] = { 997, 998, 999, 1000, 100000 };
	for (size_t i = 0; i < COUNT_OF(lens); i++) {
		for (int form = 0; form < 6; form++) {
			bool in_header = form % 2 == 1;
			const char *end = form / 2 == 0 ? "\r\n" : form / 2 == 1 ? "\n" : "";
			struct buf buf;
			buf_init(&buf, file, sizeof file);
			buf_put_cstr(&buf, in_header ? DATED "X: " : DATED "\r\nfirst\n");
			uint8_t *line = buf_claim(&buf, lens[i] - (in_header ? 3 : 0));
			assert_non_null(line);
			memset(line, form == 0 ? 0xfc : 'x', lens[i] - (in_header ? 3 : 0));
			buf_put_cstr(&buf, end);
			struct fail fail;
			struct body *body = make_body(buf_text(&buf), &plain, &fail);
			assert_int_equal(body != NULL, lens[i] <= 998);
			if (body == NULL)
				assert_non_null(
					strstr(fail.text, in_header ? "line 3: " : "line 5: "));
			body_unref(body);
		}
	}
}

static void put_fields(struct buf *buf, size_t fields, const char *field)
{
	for (size_t i = 0; i < fields; i++)
		buf_put_cstr(buf, field);
}

static void fields_at_the_limit(void **state)
{
	(void)state;
	static char file[MESSAGE_RCPTS_MAX * 32];
	for (size_t fields = MESSAGE_WIRE_FIELDS_MAX - 1; fields <= MESSAGE_WIRE_FIELDS_MAX + 1;
		fields++) {
		struct buf buf;
		buf_init(&buf, file, sizeof file);
		put_fields(&buf, fields, "A: b\n");
		put_fields(&buf, MESSAGE_RCPTS_MAX, "X-Receiver: <a@b>\n"); /* not counted */
		buf_put_cstr(&buf, "\nbody\n");
		assert_false(buf.overflow);
		struct fail fail;
		struct body *body = make_body(buf_text(&buf), &plain, &fail);
		assert_int_equal(body != NULL, fields <= MESSAGE_WIRE_FIELDS_MAX);
		if (body == NULL)
			assert_non_null(strstr(fail.text, "line 1001: the header has more than"));
		body_unref(body);
	}
}

static void header_octets_at_the_limit(void **state)
{
	(void)state;
	static char file[2 * MESSAGE_WIRE_HEADER_BYTES_MAX];
	static const char line[] = " 0123456789012345678901234567890123456789012345678901234567890";
	for (size_t over = 0; over <= 2; over++) {
		for (int lf = 0; lf <= 1; lf++) {
			size_t want = MESSAGE_WIRE_HEADER_BYTES_MAX - 1 + over, wire_bytes;
			struct buf buf;
			buf_init(&buf, file, sizeof file);
			buf_put_cstr(&buf, "X-Job: not counted\nX:\r\n");
			for (wire_bytes = 4; wire_bytes + 64 + 3 <= want; wire_bytes += 64) {
				buf_put_cstr(&buf, line);
				buf_put_cstr(&buf, lf ? "\n" : "\r\n");
			}
			static_assert(sizeof line - 1 == 62, "64 on the wire");
			for (buf_put_u8(&buf, ' '); wire_bytes + 3 < want; wire_bytes++)
				buf_put_u8(&buf, 'e');
			buf_put_cstr(&buf, "\n\nbody\n");
			assert_false(buf.overflow);
			struct fail fail;
			struct body *body = make_body(buf_text(&buf), &plain, &fail);
			assert_int_equal(body != NULL, want <= MESSAGE_WIRE_HEADER_BYTES_MAX);
			if (body == NULL)
				assert_non_null(strstr(fail.text, "the header is larger than"));
			body_unref(body);
		}
	}
}

static void a_header_without_an_end_is_refused(void **state)
{
	(void)state;
	size_t size = MESSAGE_HEADER_BYTES_MAX + 1024;
	char *file = malloc(size);
	assert_non_null(file);
	struct buf buf;
	buf_init(&buf, file, size);
	while (buf_room(&buf) > 64)
		buf_put_cstr(&buf, "X-Receiver: <a@b>\n");
	assert_refused(buf_text(&buf), &plain, "the header has no end within");
	free(file);
}

/* Every field that is TAKEN goes, first, between others, last, folded, in any case; what stands
 * around it stays. Bcc and Return-Path are among them (SMTP-44). */
static void fields_for_us_are_taken_off_with_their_folded_lines(void **state)
{
	(void)state;
	static const char *const forms[] = { "%: v\r\n", "%:v\r\n", "% : v\r\n",
		"%: v\r\n folded\r\n", "%:\r\n\tfolded: x\r\n \r\n\t.\r\n",
		"%: v\r\n%: w\r\n x\r\n" };
	static const char *const files[] = { "&" DATED "To: a\r\n\r\nbody\r\n",
		DATED "&To: a\r\n\r\nbody\r\n", DATED "To: a\r\n&\r\nbody\r\n",
		"&" DATED "&To: a\r\n&\r\nbody\r\n" };
	unsigned taken = 0;
	for (enum header_kind kind = HEADER_X_SENDER; kind < HEADER_OTHER; kind++) {
		if (!header_kind_is_taken(kind))
			continue;
		taken++;
		for (size_t n = 0; n < COUNT_OF(forms) * COUNT_OF(files) * 3; n++) {
			char memory[1024], lf[1024];
			struct buf buf;
			buf_init(&buf, memory, sizeof memory);
			for (const char *f = files[n / 3 / COUNT_OF(forms)]; *f != '\0'; f++) {
				if (*f != '&') {
					buf_put_u8(&buf, (uint8_t)*f);
					continue;
				}
				for (const char *p = forms[n / 3 % COUNT_OF(forms)]; *p != '\0';
					p++) {
					const char *name = header_kind_name(kind);
					if (*p != '%')
						buf_put_u8(&buf, (uint8_t)*p);
					else
						for (; *name != '\0'; name++)
							buf_put_u8(&buf,
								n % 3 == 0
									? (uint8_t)*name
									: text_lower(
										  (uint8_t)*name));
				}
			}
			assert_false(buf.overflow);
			struct text file = buf_text(&buf);
			assert_body(n % 3 == 1 ? to_lf(file, lf) : file, &plain,
				DATED "To: a\r\n\r\nbody\r\n");
		}
	}
	assert_int_equal(taken, 24);
}

static void a_file_of_nothing_but_taken_fields_has_a_header_of_added_ones(void **state)
{
	(void)state;
	assert_body(TEXT("X-Sender: <>\nX-Receiver: a@b"), &plain,
		"Date: Tue, 01 Sep 2026 12:34:56 +0000\r\nMessage-ID: <1234@mx.example>\r\n");
	assert_body(TEXT("X-Sender: <>\n\nbody"), &plain,
		"Date: Tue, 01 Sep 2026 12:34:56 +0000\r\nMessage-ID: <1234@mx.example>\r\n"
		"\r\nbody\r\n");
	assert_body(TEXT("\nbody"), &plain,
		"Date: Tue, 01 Sep 2026 12:34:56 +0000\r\nMessage-ID: <1234@mx.example>\r\n"
		"\r\nbody\r\n");
}

/* DESIGN 1: added when absent and the message is unsigned. Never Received. */
static void date_and_message_id_are_added_only_where_they_are_missing(void **state)
{
	(void)state;
	static const char date[] = "Date: Tue, 01 Sep 2026 12:34:56 +0000\r\n";
	static const char message_id[] = "Message-ID: <1234@mx.example>\r\n";
	static const struct {
		const char *header;
		bool adds_date, adds_message_id;
	} rows[] = {
		{ "From: a\r\n", true, true },
		{ "From: a\r\nDATE: x\r\n", false, true },
		{ "From: a\r\nmessage-id: x\r\n", true, false },
		{ "From: a\r\nDate:\r\n yesterday\r\nMessage-Id : x\r\n", false, false },
		{ "DKIM-Signature: v=1;\r\n\tb=x\r\nFrom: a\r\n", false, false },
		{ "DKIM-Signature: v=1\r\nDate: x\r\n", false, false },
		{ "DomainKey-Signature: x\r\n", false, false },
		{ "ARC-Seal: x\r\n", false, false },
		{ "Resent-Date: x\r\nResent-Message-ID: x\r\n", true, true },
		{ "X-Date: x\r\nDate-Warning: x\r\nX-Message-ID: x\r\n", true, true },
		{ "X-Note: a\r\n Date: x\r\n Message-ID: y\r\n", true, true },
		{ "X-DKIM: no signature\r\nX-DKIM-Signature: x\r\n", true, true },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (int has_body = 0; has_body <= 1; has_body++) {
			char memory[512], wire[512], lf[512];
			struct buf file, want;
			buf_init(&file, memory, sizeof memory);
			buf_init(&want, wire, sizeof wire);
			buf_put_cstr(&file, rows[i].header);
			buf_put_cstr(&want, rows[i].header);
			if (rows[i].adds_date)
				buf_put_cstr(&want, date);
			if (rows[i].adds_message_id)
				buf_put_cstr(&want, message_id);
			struct fail fail;
			struct body *body = make_body(buf_text(&file), &plain, &fail);
			assert_non_null(body);
			assert_int_equal(body->header_bytes, want.len);
			body_unref(body);
			if (has_body) {
				buf_put_cstr(&file, "\r\nDate: in the body\r\n");
				buf_put_cstr(&want, "\r\nDate: in the body\r\n");
			}
			assert_body(buf_text(&file), &plain, buf_cstr(&want));
			assert_body(to_lf(buf_text(&file), lf), &plain, buf_cstr(&want));
		}
	}
}

/* EXT-8B-01, EXT-U8-01, EXT-U8-04: only octets that go on the wire ask for an extension. */
static void flags_tell_what_the_receiver_must_offer(void **state)
{
	(void)state;
	static const struct {
		struct text file;
		bool has_8bit, has_utf8_headers;
	} rows[] = {
		{ TEXT_INIT("A: b\n\nbody\n"), false, false },
		{ TEXT_INIT("A: b\n\nb\xc3\xb6"
			    "dy\n"),
			true, false },
		{ TEXT_INIT("A: b\n\nb\xf6"
			    "dy\n"),
			true, false },
		{ TEXT_INIT("A: \xc3\xb6\n\nbody\n"), true, true },
		{ TEXT_INIT("A: \xf6\n\nbody\n"), true, false },
		{ TEXT_INIT("A: \xc3\xb6\nB: \xf6\n\nbody\n"), true, false },
		{ TEXT_INIT("A: \xf6\nB: \xc3\xb6\n\nbody\n"), true, false },
		{ TEXT_INIT("A: \xc3\xb6\n\n\xf6\n"), true, true },
		{ TEXT_INIT("X-Receiver: <a@\xc3\xb6.example>\nA: b\n\nbody\n"), false, false },
		{ TEXT_INIT("X-Receiver: <a@\xc3\xb6.example>\nA: b\n\nb\xc3\xb6"
			    "dy\n"),
			true, false },
		{ TEXT_INIT("\xef\xbb\xbfX-Sender: <>\nA: b\n\nbody\n"), false, false },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fail fail;
		struct body *body = make_body(rows[i].file, &plain, &fail);
		assert_non_null(body);
		assert_int_equal(body->has_8bit, rows[i].has_8bit);
		assert_int_equal(body->has_utf8_headers, rows[i].has_utf8_headers);
		body_unref(body);
	}
}

/* Files of IIS and its like, when the operator says that they are such. */
static void dot_stuffed_files_lose_the_stuffed_dots_only(void **state)
{
	(void)state;
	static const struct {
		const char *body, *wire;
	} rows[] = {
		{ "..\r\n", ".\r\n" },
		{ "..a\r\n", ".a\r\n" },
		{ "...\r\n", "..\r\n" },
		{ ".a\r\n", "a\r\n" },
		{ ".\r\n", ".\r\n" },
		{ ".", ".\r\n" },
		{ "a\r\n..b\r\n.c\r\nd..\r\n..", "a\r\n.b\r\nc\r\nd..\r\n.\r\n" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char file[256], wire[256], lf[256];
		struct buf in, out;
		buf_init(&in, file, sizeof file);
		buf_init(&out, wire, sizeof wire);
		buf_put_cstr(&in, DATED "\r\n");
		buf_put_cstr(&in, rows[i].body);
		buf_put_cstr(&out, DATED "\r\n");
		buf_put_cstr(&out, rows[i].wire);
		assert_body(buf_text(&in), &stuffed, buf_cstr(&out));
		assert_body(to_lf(buf_text(&in), lf), &stuffed, buf_cstr(&out));
	}
}

static void a_stuffed_dot_does_not_count_for_the_line_limit(void **state)
{
	(void)state;
	for (size_t len = 998; len <= 1000; len++) {
		char file[2048];
		struct buf buf;
		buf_init(&buf, file, sizeof file);
		buf_put_cstr(&buf, DATED "\r\n");
		uint8_t *line = buf_claim(&buf, len);
		assert_non_null(line);
		memset(line, '.', len);
		struct fail fail;
		struct body *body = make_body(buf_text(&buf), &stuffed, &fail);
		assert_int_equal(body != NULL, len <= 999);
		body_unref(body);
		body = make_body(buf_text(&buf), &plain, &fail);
		assert_int_equal(body != NULL, len <= 998);
		body_unref(body);
	}
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Pieces that matter, in any order: what comes out is canonical (make_body checks it), and making
 * it once more changes nothing. */
static void random_files_are_refused_or_canonical_and_then_stay(void **state)
{
	(void)state;
	static const struct text pieces[] = {
		TEXT_INIT("\n"),
		TEXT_INIT("\r\n"),
		TEXT_INIT("\r\n"),
		TEXT_INIT("\n\n"),
		TEXT_INIT("\r\n\r\n"),
		TEXT_INIT("."),
		TEXT_INIT(".\r\n"),
		TEXT_INIT("\n."),
		TEXT_INIT("Bcc: x"),
		TEXT_INIT("X-Receiver: <a@b>\r\n"),
		TEXT_INIT("Date: x\n"),
		TEXT_INIT("Message-ID: y\r\n"),
		TEXT_INIT("A: b\n"),
		TEXT_INIT("C:\r\n d\r\n"),
		TEXT_INIT(" \tfolded"),
		TEXT_INIT("\xc3\xb6"),
		TEXT_INIT("\xff"),
		TEXT_INIT("text"),
		TEXT_INIT(".x: y\n"),
		TEXT_INIT("DKIM-Signature: x\n"),
		TEXT_INIT("X-Job:\n z\n"),
		TEXT_INIT("0123456789012345678901234567890123456789012345678901234567890123456789"),
		/* rare ones, of which one spoils the file */
		TEXT_INIT("\r"),
		TEXT_INIT("\0"),
		TEXT_INIT(":"),
		TEXT_INIT("\r.\r"),
	};
	enum { RARE = 4 };
	uint64_t seed = 0x9e3779b97f4a7c15u;
	unsigned made = 0, refused = 0;
	for (int round = 0; round < 60000; round++) {
		char file[2048];
		struct buf buf;
		buf_init(&buf, file, sizeof file);
		unsigned count = (unsigned)(next_random(&seed) % 24);
		buf_put_cstr(&buf, round % 2 ? "S: t\n" : "X-Sender: <>\r\n");
		for (unsigned i = 0; i < count; i++) {
			size_t all = COUNT_OF(pieces), usual = all - RARE;
			size_t n = (size_t)next_random(&seed);
			buf_put_text(&buf, pieces[n % (n >> 32 & 31 ? usual : all)]);
		}
		assert_false(buf.overflow);
		const struct message_wire_options *options = round % 7 ? &plain : &stuffed;
		struct fail fail;
		struct body *body = make_body(buf_text(&buf), options, &fail);
		if (body == NULL) {
			refused++;
			continue;
		}
		made++;
		struct text once = text_of_bytes(body->data, body->data_bytes);
		struct body *again = make_body(once, &plain, &fail);
		assert_non_null(again);
		assert_true(text_equal(text_of_bytes(again->data, again->data_bytes), once));
		assert_int_equal(again->header_bytes, body->header_bytes);
		assert_int_equal(again->has_utf8_headers, body->has_utf8_headers);
		body_unref(again);
		body_unref(body);
	}
	assert_true(made > 5000);
	assert_true(refused > 5000);
}

/* Up to MESSAGE_WIRE_RUNS_MAX runs are remembered; behind that the header is read again. */
static void fields_that_stay_stay_however_many_go_between_them(void **state)
{
	(void)state;
	for (unsigned runs = 0; runs <= 2 * MESSAGE_WIRE_RUNS_MAX; runs++) {
		char file[1024], want[1024];
		struct buf in, out;
		buf_init(&in, file, sizeof file);
		buf_init(&out, want, sizeof want);
		for (unsigned i = 0; i < runs; i++) {
			buf_put_cstr(&in, "Bcc: x\n y\nA: b\nC: d\r\n e\n");
			buf_put_cstr(&out, "A: b\r\nC: d\r\n e\r\n");
		}
		buf_put_cstr(&in, "Bcc: x\n" DATED "\n.\n");
		buf_put_cstr(&out, DATED "\r\n.\r\n");
		assert_body(buf_text(&in), &plain, buf_cstr(&out));
	}
}

static void a_used_up_budget_gives_no_body_but_all_checks(void **state)
{
	(void)state;
	struct message_wire wire;
	struct fail fail;
	assert_int_equal(measure(TEXT(DATED_LF "\n.body\n"), &plain, &wire, &fail), RESULT_OK);
	assert_int_equal(wire.data_bytes, strlen(DATED "\r\n.body\r\n"));
	struct body_budget small;
	struct body_room small_room = { .budget = &small };
	body_budget_init(&small, 300);
	struct body *first = message_wire_write(&wire, &small_room);
	assert_non_null(first);
	struct body *more[8];
	size_t count = 0;
	while (count < COUNT_OF(more) && (more[count] = message_wire_write(&wire, &small_room)) != NULL)
		count++;
	assert_true(count < COUNT_OF(more));
	assert_true(atomic_load(&small.used_bytes) <= 300);
	body_unref(first);
	first = message_wire_write(&wire, &small_room);
	assert_non_null(first);
	body_unref(first);
	while (count > 0)
		body_unref(more[--count]);
	assert_int_equal(atomic_load(&small.used_bytes), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lf_and_crlf_files_become_the_same_canonical_text),
		cmocka_unit_test(no_smuggling_sequence_leaves_as_it_came),
		cmocka_unit_test(reasons_name_line_and_offset),
		cmocka_unit_test(lines_at_the_limit),
		cmocka_unit_test(fields_at_the_limit),
		cmocka_unit_test(header_octets_at_the_limit),
		cmocka_unit_test(a_header_without_an_end_is_refused),
		cmocka_unit_test(fields_for_us_are_taken_off_with_their_folded_lines),
		cmocka_unit_test(a_file_of_nothing_but_taken_fields_has_a_header_of_added_ones),
		cmocka_unit_test(date_and_message_id_are_added_only_where_they_are_missing),
		cmocka_unit_test(flags_tell_what_the_receiver_must_offer),
		cmocka_unit_test(dot_stuffed_files_lose_the_stuffed_dots_only),
		cmocka_unit_test(a_stuffed_dot_does_not_count_for_the_line_limit),
		cmocka_unit_test(random_files_are_refused_or_canonical_and_then_stay),
		cmocka_unit_test(fields_that_stay_stay_however_many_go_between_them),
		cmocka_unit_test(a_used_up_budget_gives_no_body_but_all_checks),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
