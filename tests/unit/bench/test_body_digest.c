#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "bench/body_digest.h"

/* Of the reference implementation (xxhsum -H64). */
static const struct {
	const char *text;
	uint64_t digest;
} known[] = {
	{ "", 0xef46db3751d8e999 },
	{ "a", 0xd24ec4f1a98c6e5b },
	{ "abc", 0x44bc2cf5ad770999 },
	{ "Nobody inspects the spammish repetition", 0xfbcea83c8a378bf1 },
};

static void the_digest_is_xxh64(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		assert_int_equal(body_digest_of(known[i].text, strlen(known[i].text)),
			known[i].digest);
}

static void pieces_of_any_size_give_the_same_digest(void **state)
{
	(void)state;
	char text[200];
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)('!' + i * 7 % 90);
	for (size_t len = 0; len <= sizeof text; len += 13) {
		for (size_t piece = 1; piece <= 70; piece++) {
			struct body_digest digest;
			body_digest_init(&digest);
			for (size_t at = 0; at < len; at += piece)
				body_digest_add(&digest, text + at, at + piece < len ? piece : len - at);
			assert_int_equal(body_digest_finish(&digest), body_digest_of(text, len));
		}
	}
}

static void every_flipped_bit_changes_the_digest(void **state)
{
	(void)state;
	uint8_t text[77];
	memset(text, 'x', sizeof text);
	uint64_t whole = body_digest_of(text, sizeof text);
	for (size_t i = 0; i < sizeof text * 8; i++) {
		text[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_not_equal(body_digest_of(text, sizeof text), whole);
		text[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_digest_is_xxh64),
		cmocka_unit_test(pieces_of_any_size_give_the_same_digest),
		cmocka_unit_test(every_flipped_bit_changes_the_digest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
