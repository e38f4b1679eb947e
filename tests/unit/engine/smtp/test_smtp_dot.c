#include "tests/unit/engine/smtp/smtp_fixture.h"

/* All octets of a body, drained in pieces of this size. */
static size_t drain(const struct body *body, size_t piece, uint8_t *out, size_t out_size)
{
	struct smtp_dot dot;
	smtp_dot_init(&dot, body);
	size_t len = 0;
	while (!smtp_dot_is_done(&dot)) {
		assert_true(out_size - len >= piece);
		uint8_t *exact = malloc(piece);
		assert_non_null(exact);
		size_t n = smtp_dot_next(&dot, exact, piece);
		assert_true(n > 0 && n <= piece);
		memcpy(out + len, exact, n);
		free(exact);
		len += n;
	}
	assert_int_equal(smtp_dot_next(&dot, out, out_size), 0);
	return len;
}

static const struct {
	const char *content, *wire;
} rows[] = {
	{ "", ".\r\n" },
	{ "\r\n", "\r\n.\r\n" },
	{ "Hi\r\n", "Hi\r\n.\r\n" },
	/* DATA-03: the first line, the last, and several */
	{ ".\r\n", "..\r\n.\r\n" },
	{ "..\r\n", "...\r\n.\r\n" },
	{ ".a\r\n.b\r\n", "..a\r\n..b\r\n.\r\n" },
	{ "a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n" },
	{ "a\r\n.", "a\r\n..\r\n.\r\n" },
	{ "a.\r\n.a.\r\n", "a.\r\n..a.\r\n.\r\n" },
	{ "\r\n.\r\n.\r\n", "\r\n..\r\n..\r\n.\r\n" },
	/* DATA-04: a missing CRLF is added, no other */
	{ "a", "a\r\n.\r\n" },
	{ "a\r\n\r\n", "a\r\n\r\n.\r\n" },
	{ "\n", "\n\r\n.\r\n" },
	{ "\r", "\r\r\n.\r\n" },
};

static void bodies_are_stuffed_and_ended_at_every_piece_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fixture_mail mail;
		fixture_mail_init(&mail, "", "a@x", rows[i].content, strlen(rows[i].content));
		for (size_t piece = 1; piece <= 24; piece++) {
			uint8_t out[64];
			size_t len = drain(&mail.body, piece, out, sizeof out);
			assert_int_equal(len, strlen(rows[i].wire));
			assert_memory_equal(out, rows[i].wire, len);
		}
		fixture_mail_deinit(&mail);
	}
}

/* EXT-PIPE-04: no message at all. */
static void no_body_is_a_lone_dot(void **state)
{
	(void)state;
	uint8_t out[8];
	for (size_t piece = 1; piece <= 4; piece++) {
		assert_int_equal(drain(NULL, piece, out, sizeof out), 3);
		assert_memory_equal(out, ".\r\n", 3);
	}
}

/* What a receiver does: RFC 5321 4.5.2. Returns the octets of the message, checks all the rules. */
static size_t receive(const uint8_t *wire, size_t len, uint8_t *out)
{
	size_t out_len = 0, at = 0;
	for (;;) {
		/* One line, which must end in CRLF and hold neither CR nor LF before that. */
		size_t end = at;
		while (end < len && wire[end] != '\r' && wire[end] != '\n')
			end++;
		assert_true(end + 1 < len);
		assert_int_equal(wire[end], '\r');
		assert_int_equal(wire[end + 1], '\n');
		if (end - at == 1 && wire[at] == '.') {
			/* The end of the data, and nothing behind it. */
			assert_int_equal(end + 2, len);
			return out_len;
		}
		if (wire[at] == '.')
			at++;
		memcpy(out + out_len, wire + at, end + 2 - at);
		out_len += end + 2 - at;
		at = end + 2;
	}
}

/* DATA-01, DATA-05: canonical bodies of random lines, rich in dots, cut at random places. */
static void what_is_unstuffed_is_what_was_sent(void **state)
{
	(void)state;
	uint64_t seed = 0x9e3779b97f4a7c15u;
	for (unsigned round = 0; round < 3000; round++) {
		char content[700];
		size_t len = 0;
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		size_t lines = (size_t)(seed >> 40) % 12;
		for (size_t i = 0; i < lines; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			size_t line = (size_t)(seed >> 33) % 50;
			for (size_t k = 0; k < line; k++) {
				seed = seed * 6364136223846793005u + 1442695040888963407u;
				content[len++] = "...ab\t \xc3\xa4.x"[(seed >> 40) % 11];
			}
			content[len++] = '\r';
			content[len++] = '\n';
		}
		struct fixture_mail mail;
		fixture_mail_init(&mail, "", "a@x", content, len);
		uint8_t wire[2048], received[2048];
		size_t wire_len = drain(&mail.body, 1 + round % 97, wire, sizeof wire);
		assert_int_equal(wire_len, len + mail.body.dots_count + 3);
		assert_int_equal(receive(wire, wire_len, received), len);
		assert_memory_equal(received, content, len);
		fixture_mail_deinit(&mail);
	}
}

static void raw_octets_are_those_of_the_body_and_a_missing_end(void **state)
{
	(void)state;
	static const struct {
		const char *content, *raw;
	} raws[] = { { "", "" }, { ".a\r\n", ".a\r\n" }, { "a", "a\r\n" }, { "a\r", "a\r\r\n" } };
	for (size_t i = 0; i < sizeof raws / sizeof *raws; i++) {
		struct fixture_mail mail;
		fixture_mail_init(&mail, "", "a@x", raws[i].content, strlen(raws[i].content));
		size_t len = strlen(raws[i].raw);
		assert_int_equal(smtp_dot_body_bytes(&mail.body), len);
		for (size_t at = 0; at <= len; at++) {
			for (size_t end = at; end <= len; end++) {
				uint8_t out[16];
				smtp_dot_copy_raw(&mail.body, at, out, end - at);
				assert_memory_equal(out, raws[i].raw + at, end - at);
			}
		}
		fixture_mail_deinit(&mail);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_are_stuffed_and_ended_at_every_piece_size),
		cmocka_unit_test(no_body_is_a_lone_dot),
		cmocka_unit_test(what_is_unstuffed_is_what_was_sent),
		cmocka_unit_test(raw_octets_are_those_of_the_body_and_a_missing_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
