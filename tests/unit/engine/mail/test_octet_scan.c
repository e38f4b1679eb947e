#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/limits.h"
#include "engine/mail/octet_scan.h"

/* The same facts, octet by octet. */
static struct octet_scan plain_scan(struct text octets)
{
	struct octet_scan scan = { .dot_lines_count = octets.len > 0 && octets.data[0] == '.' };
	for (size_t i = 0; i < octets.len; i++) {
		uint8_t here = (uint8_t)octets.data[i];
		char next = i + 1 < octets.len ? octets.data[i + 1] : ' ';
		scan.lf_count += here == '\n';
		scan.cr_count += here == '\r';
		scan.has_nul |= here == 0;
		scan.has_8bit |= here > 127;
		scan.has_bare_cr |= here == '\r' && next != '\n';
		scan.dot_lines_count += here == '\n' && next == '.';
	}
	return scan;
}

static size_t longest_line(struct text octets)
{
	size_t longest = 0, len = 0;
	for (size_t i = 0; i < octets.len; i++) {
		len = octets.data[i] == '\n' ? 0 : len + 1;
		if (len > longest)
			longest = len;
	}
	return longest;
}

static void assert_same(struct text octets)
{
	struct octet_scan have = octet_scan(octets), want = plain_scan(octets);
	assert_int_equal(have.lf_count, want.lf_count);
	assert_int_equal(have.cr_count, want.cr_count);
	assert_int_equal(have.has_nul, want.has_nul);
	assert_int_equal(have.has_8bit, want.has_8bit);
	assert_int_equal(have.has_bare_cr, want.has_bare_cr);
	assert_int_equal(have.dot_lines_count, want.dot_lines_count);
	if (longest_line(octets) > MESSAGE_LINE_BYTES_MAX)
		assert_true(have.may_have_long_lines);
}

/* Copied to the end of an allocation, so that a sanitizer sees a read behind it. */
static void assert_same_copy(const char *octets, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);
	assert_non_null(copy);
	memcpy(copy, octets, len);
	assert_same((struct text){ copy, len });
	free(copy);
}

static void one_odd_octet_is_seen_at_every_place(void **state)
{
	(void)state;
	static const struct text odd[] = {
		TEXT_INIT("\0"),
		TEXT_INIT("\r"),
		TEXT_INIT("\n"),
		TEXT_INIT("\x80"),
		TEXT_INIT("\xff"),
		TEXT_INIT("."),
		TEXT_INIT("\r\n"),
		TEXT_INIT("\n."),
		TEXT_INIT("\n\n."),
		TEXT_INIT("\r\r\n"),
		TEXT_INIT("\r\n."),
	};
	for (size_t size = 1; size <= 200; size += size < 60 ? 7 : 1) {
		char octets[256];
		for (size_t kind = 0; kind < COUNT_OF(odd); kind++) {
			for (size_t at = 0; at + odd[kind].len <= size; at++) {
				memset(octets, 'x', size);
				memcpy(octets + at, odd[kind].data, odd[kind].len);
				assert_same_copy(octets, size);
			}
		}
	}
}

static void random_octets_give_the_same_as_a_plain_loop(void **state)
{
	(void)state;
	static const char alphabet[] = { 'a', 'b', '\r', '\n', '.', '\0', '\x80', 'c' };
	uint64_t seed = 88172645463325252u;
	char octets[700];
	for (int round = 0; round < 20000; round++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		size_t len = seed % sizeof octets;
		/* Rounds differ in how rare the octets are that mean something. */
		unsigned rare = round % 4 == 0 ? 1 : 40;
		uint64_t bits = seed;
		for (size_t i = 0; i < len; i++) {
			bits = bits * 6364136223846793005u + 1442695040888963407u;
			octets[i] = (bits >> 33) % rare == 0 ? alphabet[(bits >> 50) % 8] : 'a';
		}
		assert_same_copy(octets, len);
	}
}

static void counts_do_not_wrap_in_large_input(void **state)
{
	(void)state;
	size_t len = 1 << 20;
	char *octets = malloc(len);
	assert_non_null(octets);
	memset(octets, '\n', len);
	assert_int_equal(octet_scan((struct text){ octets, len }).lf_count, len);
	for (size_t i = 0; i < len; i += 2)
		octets[i] = '\r';
	struct octet_scan scan = octet_scan((struct text){ octets, len });
	assert_int_equal(scan.lf_count, len / 2);
	assert_int_equal(scan.cr_count, len / 2);
	assert_false(scan.has_bare_cr);
	free(octets);
}

/* A long line is never overlooked, wherever it starts and ends; short ones mostly are passed. */
static void long_lines_are_noticed_at_every_alignment(void **state)
{
	(void)state;
	char octets[2048];
	for (size_t start = 0; start < 130; start++) {
		for (size_t behind = 0; behind < 130; behind++) {
			size_t len = start + MESSAGE_LINE_BYTES_MAX + 1 + behind;
			memset(octets, '\n', len);
			memset(octets + start, 'x', MESSAGE_LINE_BYTES_MAX + 1);
			assert_true(octet_scan((struct text){ octets, len }).may_have_long_lines);
			memset(octets, '\n', len);
			memset(octets + start, 'x', 800);
			assert_false(octet_scan((struct text){ octets, len }).may_have_long_lines);
		}
	}
}

static void what_was_looked_at_line_by_line_adds_up_to_the_whole(void **state)
{
	(void)state;
	static const char kinds[] = "\n\n\n\n\r\r..x\0\xff";
	char octets[3000];
	for (size_t round = 0; round < 2000; round++) {
		size_t len = (size_t)random() % sizeof octets;
		for (size_t i = 0; i < len; i++)
			octets[i] = random() % 40 > 0
					    ? 'x'
					    : kinds[(size_t)random() % (sizeof kinds - 1)];
		struct text rest = { octets, len };
		struct octet_scan all = { .lf_count = 0 };
		while (rest.len > 0) {
			size_t from = (size_t)random() % rest.len;
			size_t end = text_find(text_skip(rest, from), '\n');
			size_t take = end == TEXT_NONE ? rest.len : from + end + 1;
			struct octet_scan part = octet_scan(text_cut(rest, take));
			octet_scan_add(&all, &part);
			rest = text_skip(rest, take);
		}
		assert_true(octet_scan_is_of(&all, (struct text){ octets, len }));
	}
	struct octet_scan one = octet_scan(TEXT("a\r\n.b\r\n"));
	assert_true(octet_scan_is_of(&one, TEXT("a\r\n.b\r\n")));
	assert_false(octet_scan_is_of(&one, TEXT("a\r\nb.\r\n")));
	assert_false(octet_scan_is_of(&one, TEXT("a\r\n.b\n\r")));
	assert_false(octet_scan_is_of(&one, TEXT("a\r\n.b\xff\r\n")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_odd_octet_is_seen_at_every_place),
		cmocka_unit_test(random_octets_give_the_same_as_a_plain_loop),
		cmocka_unit_test(counts_do_not_wrap_in_large_input),
		cmocka_unit_test(long_lines_are_noticed_at_every_alignment),
		cmocka_unit_test(what_was_looked_at_line_by_line_adds_up_to_the_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
