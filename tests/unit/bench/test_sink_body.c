#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "bench/sink_body.h"

#define BIT(name) (UINT64_C(1) << SINK_ODDITY_##name)

struct stored {
	char data[4096];
	size_t len;
};

static void store(void *context, const char *data, size_t len)
{
	struct stored *stored = context;
	assert_true(stored->len + len <= sizeof stored->data);
	memcpy(stored->data + stored->len, data, len);
	stored->len += len;
}

/* In pieces of that size; returns how many octets of the wire were taken. */
static size_t feed(struct sink_body *body, struct text wire, size_t piece)
{
	size_t at = 0;
	while (at < wire.len && !body->ended) {
		size_t n = wire.len - at < piece ? wire.len - at : piece;
		size_t taken = sink_body_input(body, wire.data + at, n);
		assert_true(taken == n || body->ended);
		at += taken;
	}
	return at;
}

struct row {
	struct text wire, content; /* of DATA, without what follows the end */
	uint64_t oddities;
	bool ends;
};

/* Only CRLF.CRLF ends the data (DATA-05): the smuggling sequences of RECEIVERS.md stay content. */
static const struct row rows[] = {
	{ TEXT_INIT(".\r\n"), TEXT_INIT(""), 0, true },
	{ TEXT_INIT("S: x\r\n\r\nhi\r\n.\r\n"), TEXT_INIT("S: x\r\n\r\nhi\r\n"), 0, true },
	{ TEXT_INIT("..\r\n.\r\n"), TEXT_INIT(".\r\n"), 0, true },
	{ TEXT_INIT("..a\r\n...\r\n.\r\n"), TEXT_INIT(".a\r\n..\r\n"), 0, true },
	{ TEXT_INIT("a.b\r\n\r\n..c\r\n.\r\n"), TEXT_INIT("a.b\r\n\r\n.c\r\n"), 0, true },
	{ TEXT_INIT(".a\r\n.\r\n"), TEXT_INIT("a\r\n"), BIT(DOT_UNSTUFFED), true },
	{ TEXT_INIT("a\n.\n"), TEXT_INIT("a\n.\n"), BIT(BARE_LF) | BIT(NO_FINAL_CRLF), false },
	{ TEXT_INIT("a\n.\r\n"), TEXT_INIT("a\n.\r\n"), BIT(BARE_LF), false },
	{ TEXT_INIT("a\r\n.\nb\r\n.\r\n"), TEXT_INIT("a\r\n\nb\r\n"), BIT(BARE_LF) | BIT(DOT_UNSTUFFED),
		true },
	{ TEXT_INIT("a\r.\rb\r\n.\r\n"), TEXT_INIT("a\r.\rb\r\n"), BIT(BARE_CR), true },
	{ TEXT_INIT("a\r.\nb\r\n.\r\n"), TEXT_INIT("a\r.\nb\r\n"), BIT(BARE_CR) | BIT(BARE_LF), true },
	{ TEXT_INIT("a\n.\rb\r\n.\r\n"), TEXT_INIT("a\n.\rb\r\n"), BIT(BARE_CR) | BIT(BARE_LF), true },
	{ TEXT_INIT("a\r\n.\rb\r\n.\r\n"), TEXT_INIT("a\r\n\rb\r\n"),
		BIT(BARE_CR) | BIT(DOT_UNSTUFFED), true },
	{ TEXT_INIT("a\r.\r\nb\r\n.\r\n"), TEXT_INIT("a\r.\r\nb\r\n"), BIT(BARE_CR), true },
	{ TEXT_INIT("a\r\n\0.\r\nb\r\n.\r\n"), TEXT_INIT("a\r\n\0.\r\nb\r\n"), BIT(NUL), true },
	{ TEXT_INIT("a\r\n.\0\r\nb\r\n.\r\n"), TEXT_INIT("a\r\n\0\r\nb\r\n"),
		BIT(NUL) | BIT(DOT_UNSTUFFED), true },
	{ TEXT_INIT("X-Sender: a@b\r\n\r\n.\r\n"), TEXT_INIT("X-Sender: a@b\r\n\r\n"),
		BIT(LEAKED_HEADER), true },
	{ TEXT_INIT("bcc: a@b\r\n\r\n.\r\n"), TEXT_INIT("bcc: a@b\r\n\r\n"), BIT(LEAKED_HEADER), true },
	{ TEXT_INIT("S: x\r\n\r\nX-Receiver: in the body\r\n.\r\n"),
		TEXT_INIT("S: x\r\n\r\nX-Receiver: in the body\r\n"), 0, true },
};

static void every_split_of_data_gives_the_same_content(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t piece = 1; piece <= rows[i].wire.len; piece++) {
			static struct stored stored;
			struct sink_body body;
			stored.len = 0;
			sink_body_init(&body, true, false, store, &stored);
			assert_int_equal(feed(&body, rows[i].wire, piece), rows[i].wire.len);
			assert_int_equal(body.ended, rows[i].ends);
			sink_body_finish(&body);
			assert_int_equal(stored.len, rows[i].content.len);
			assert_memory_equal(stored.data, rows[i].content.data, stored.len);
			assert_int_equal(body.octets, rows[i].content.len);
			assert_int_equal(body.oddities, rows[i].oddities);
		}
	}
}

static void what_follows_the_final_dot_is_left(void **state)
{
	(void)state;
	struct text wire = TEXT("hi\r\n.\r\nMAIL FROM:<>\r\n");
	for (size_t piece = 1; piece <= wire.len; piece++) {
		struct sink_body body;
		sink_body_init(&body, true, false, NULL, NULL);
		assert_int_equal(feed(&body, wire, piece), 7);
		assert_true(body.ended);
		assert_int_equal(body.wire_octets, 7);
	}
}

/* The victim of smuggling: all of these end the data early. */
static void a_tolerant_reader_takes_any_line_end(void **state)
{
	(void)state;
	static const struct {
		struct text wire;
		size_t taken;
	} cases[] = {
		{ TEXT_INIT("a\n.\nMAIL"), 4 },
		{ TEXT_INIT("a\n.\r\nMAIL"), 5 },
		{ TEXT_INIT("a\r\n.\nMAIL"), 5 },
		{ TEXT_INIT("a\r.\rMAIL"), 4 },
		{ TEXT_INIT("a\r.\r\nMAIL"), 5 },
		{ TEXT_INIT("a\r\n.\rMAIL"), 5 },
		{ TEXT_INIT("a\r\n.\r\nMAIL"), 6 },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		for (size_t piece = 1; piece <= cases[i].wire.len; piece++) {
			struct sink_body body;
			sink_body_init(&body, true, true, NULL, NULL);
			assert_int_equal(feed(&body, cases[i].wire, piece), cases[i].taken);
			assert_true(body.ended);
		}
	}
}

static void a_chunk_of_bdat_is_not_unstuffed(void **state)
{
	(void)state;
	static struct stored stored;
	struct sink_body body;
	struct text wire = TEXT("S: x\r\n\r\n..\r\n.\r\nend\r\n");
	for (size_t piece = 1; piece <= wire.len; piece++) {
		stored.len = 0;
		sink_body_init(&body, false, false, store, &stored);
		assert_int_equal(feed(&body, wire, piece), wire.len);
		sink_body_finish(&body);
		assert_false(body.ended);
		assert_int_equal(body.octets, wire.len);
		assert_int_equal(body.oddities, 0);
		assert_memory_equal(stored.data, wire.data, wire.len);
	}
}

/* RFC 5321 4.5.3.1.6: 998 octets and CRLF; a doubled dot does not count (DATA-06). */
static void lines_over_998_octets_are_noticed(void **state)
{
	(void)state;
	static const struct {
		size_t octets;
		bool doubled, odd;
	} cases[] = { { 998, false, false }, { 999, false, true }, { 998, true, false },
		{ 999, true, true } };
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char line[1100];
		size_t dots = cases[i].doubled ? 2 : 0;
		size_t len = cases[i].octets + (cases[i].doubled ? 1 : 0);
		memset(line, 'x', sizeof line);
		memset(line, '.', dots);
		memcpy(line + len, "\r\n.\r\n", 5);
		for (size_t piece = 1; piece < len + 5; piece += 97) {
			struct sink_body body;
			sink_body_init(&body, true, false, NULL, NULL);
			feed(&body, (struct text){ line, len + 5 }, piece);
			assert_true(body.ended);
			sink_body_finish(&body);
			assert_int_equal(
				body.oddities, cases[i].odd ? BIT(LONG_LINE) : 0);
		}
	}
}

static void put_message(struct buf *out, struct text text, uint64_t digest)
{
	struct mail_token token = { .run = 1, .id = 5, .size = text.len, .digest = digest };
	buf_put_text(out, TEXT("Subject: x\r\n"));
	mail_token_format(&token, out);
	buf_put_text(out, TEXT("\r\nTo: somebody\r\n\r\n"));
	buf_put_text(out, text);
	buf_put_text(out, TEXT(".\r\n"));
}

static void a_token_proves_the_body_whole(void **state)
{
	(void)state;
	char memory[512];
	struct buf wire;
	struct text text = TEXT("Dear reader,\r\nthis is one line\r\nand this another.\r\n");
	for (int damaged = 0; damaged <= 1; damaged++) {
		buf_init(&wire, memory, sizeof memory);
		put_message(&wire, text, body_digest_of(text.data, text.len) + (uint64_t)damaged);
		for (size_t piece = 1; piece <= wire.len; piece++) {
			struct sink_body body;
			sink_body_init(&body, true, false, NULL, NULL);
			feed(&body, buf_text(&wire), piece);
			sink_body_finish(&body);
			assert_true(body.token_found);
			assert_int_equal(body.token.id, 5);
			assert_int_equal(sink_body_is_intact(&body), !damaged);
		}
	}
}

static void octets_over_127_are_seen_wherever_they_stand(void **state)
{
	(void)state;
	char wire[64 + 8];
	for (size_t i = 0; i < 60; i++) {
		struct sink_body body;
		memset(wire, 'a', sizeof wire);
		memcpy(wire, "S: \r\n\r\n", 7);
		memcpy(wire + 64, "\r\n.\r\n", 5);
		wire[7 + i % 57] = (char)0xc3;
		sink_body_init(&body, true, false, NULL, NULL);
		feed(&body, (struct text){ wire, 69 }, 69);
		assert_true(body.ended);
		assert_true(body.has_8bit);
	}
}

static void octets_over_127_in_the_header_are_told_apart(void **state)
{
	(void)state;
	static const struct {
		struct text wire;
		bool header;
	} cases[] = {
		{ TEXT_INIT("S: a\r\n\r\n\xc3\xa4\r\n.\r\n"), false },
		{ TEXT_INIT("S: \xc3\xa4\r\n\r\nb\r\n.\r\n"), true },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		for (size_t piece = 1; piece <= cases[i].wire.len; piece++) {
			struct sink_body body;
			sink_body_init(&body, true, false, NULL, NULL);
			feed(&body, cases[i].wire, piece);
			assert_true(body.has_8bit);
			assert_int_equal(body.header_has_8bit, cases[i].header);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_split_of_data_gives_the_same_content),
		cmocka_unit_test(what_follows_the_final_dot_is_left),
		cmocka_unit_test(a_tolerant_reader_takes_any_line_end),
		cmocka_unit_test(a_chunk_of_bdat_is_not_unstuffed),
		cmocka_unit_test(lines_over_998_octets_are_noticed),
		cmocka_unit_test(a_token_proves_the_body_whole),
		cmocka_unit_test(octets_over_127_are_seen_wherever_they_stand),
		cmocka_unit_test(octets_over_127_in_the_header_are_told_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
