/* A template with any value in all of its places: the first line of the input is the value, the rest the
 * template. Whatever the value, the header has the fields that it has with a harmless one, in the same
 * order; and text comes out of its encoding as it went in, or the recipient is refused with a sentence. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "engine/mail/header_reader.h"
#include "engine/mail/merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_BYTES = 1 << 20 };

static struct arena arena;
static struct template template;
static struct template_values values;

static void check_text(struct text text)
{
	CHECK(text.len > 0);
	for (size_t i = 0; i < text.len; i++)
		CHECK((uint8_t)text.data[i] >= 0x20 && text.data[i] != 0x7f);
}

static bool merge(struct text value, struct buf *out, struct buf *scratch)
{
	const struct merge_input input = {
		.values = &values,
		.date = TEXT("Tue, 01 Sep 2026 12:34:56 +0000"),
		.message_id = TEXT("<own@h>"),
	};
	struct fail fail;
	fail_clear(&fail);
	for (size_t i = 0; i < template.names.count; i++) {
		values.items[i] = value;
		values.has[i] = template.names.items[i].data[0] != '-';
	}
	buf_reset(out);
	struct scanned merged;
	scanned_init(&merged, out);
	enum result result = merge_message(&template, &input, scratch, &merged, &fail);
	if (result == RESULT_OK) {
		struct octet_scan scan = scanned_end(&merged);
		CHECK(octet_scan_is_of(&scan, buf_text(out)));
		return true;
	}
	CHECK(result == RESULT_INVALID || result == RESULT_TOO_LONG);
	check_text(text_of(fail.text));
	return false;
}

/* The same fields in the same order; the header of both can be read. */
static void check_headers(struct text one, struct text other)
{
	struct header_reader a, b;
	struct header_field field_a, field_b;
	bool more_a = true, more_b = true;
	header_reader_init(&a, one);
	header_reader_init(&b, other);
	while (more_a) {
		struct fail fail;
		CHECK(header_reader_next(&a, &field_a, &more_a, &fail) == RESULT_OK);
		CHECK(header_reader_next(&b, &field_b, &more_b, &fail) == RESULT_OK);
		CHECK(more_a == more_b);
		CHECK(!more_a || text_equal(field_a.name, field_b.name));
	}
	CHECK(a.has_end && b.has_end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t memory[3][OUT_BYTES];
	struct buf one, other, scratch;
	struct text input = text_of_bytes(data, size), value = TEXT_EMPTY;
	struct fail fail;
	if (arena.max_bytes == 0)
		arena_init(&arena, 1 << 16, TEMPLATE_ARENA_BYTES_MAX);
	buf_init(&one, memory[0], OUT_BYTES);
	buf_init(&other, memory[1], OUT_BYTES);
	buf_init(&scratch, memory[2], OUT_BYTES);
	(void)text_split(&input, '\n', &value);
	/* Line ends in the value, too. */
	char *lines = malloc(value.len + 1);
	CHECK(lines != NULL);
	for (size_t i = 0; i < value.len; i++)
		lines[i] = value.data[i] == '~'   ? '\n'
			   : value.data[i] == '^' ? '\r'
						  : value.data[i];
	fail_clear(&fail);
	enum result result = template_compile(input, &arena, &template, &fail);
	if (result != RESULT_OK) {
		check_text(text_of(fail.text));
	} else if (merge((struct text){ lines, value.len }, &one, &scratch) &&
		   merge(TEXT("x@y.example"), &other, &scratch)) {
		check_headers(buf_text(&one), buf_text(&other));
	}
	free(lines);
	arena_reset(&arena);
	return 0;
}
