/* A batch, whole and in pieces: both must come to the same. What is taken holds nothing that could end a
 * command, lies inside of the file, in order, and comes out of its dots; what is refused is told from where
 * on, with a sentence. The first octet says how long the pieces are. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/siphash.h"
#include "engine/mail/xtext.h"
#include "engine/spool/batch_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena arena;
static const struct siphash_key key = { 1, 2 };

struct course {
	uint64_t hash;  /* of all that was told */
	uint64_t after; /* where the last transaction ended */
	bool is_bad;
	uint64_t bad_at;
};

static void mix(struct course *course, const void *data, size_t len)
{
	course->hash = course->hash * 31 + siphash(&key, data, len);
}

static void mix_text(struct course *course, struct text text)
{
	mix(course, text.data != NULL ? text.data : "", text.len);
}

static void check_printable(struct text text)
{
	for (size_t i = 0; i < text.len; i++)
		CHECK((uint8_t)text.data[i] >= 0x20 && text.data[i] != 0x7f);
}

static void check_data(struct course *course, struct text stuffed)
{
	void *memory = malloc(stuffed.len + 1);
	struct buf out;
	CHECK(memory != NULL);
	buf_init(&out, memory, stuffed.len + 1);
	batch_file_unstuff(&out, stuffed);
	CHECK(stuffed.len == 0 || stuffed.data[stuffed.len - 1] == '\n');
	mix_text(course, buf_text(&out));
	free(memory);
}

static void take(struct course *course, const struct batch_file *file, struct text whole)
{
	const struct batch_transaction *t = &file->transaction;
	CHECK(t->at >= course->after);
	CHECK(t->data_at > t->at);
	CHECK(t->data_at + t->data_bytes < t->end_at);
	CHECK(t->end_at <= whole.len);
	CHECK(t->rcpts_count + t->bad_count >= 1);
	course->after = t->end_at;
	check_printable(t->sender.address.text);
	CHECK(xtext_is_valid(t->sender.params.envid));
	mix_text(course, t->sender.address.text);
	for (uint32_t i = 0; i < t->rcpts_count; i++) {
		CHECK(t->rcpts[i].address.text.len > 0);
		check_printable(t->rcpts[i].address.text);
		mix_text(course, t->rcpts[i].address.text);
	}
	for (uint32_t i = 0; i < t->bad_count; i++) {
		CHECK(t->bad[i].reason.len > 0);
		check_printable(t->bad[i].reason);
		mix_text(course, t->bad[i].text);
	}
	check_data(course, text_cut(text_skip(whole, t->data_at), t->data_bytes));
	mix(course, &t->at, sizeof t->at);
	mix(course, &t->line, sizeof t->line);
}

static struct course run(struct text whole, size_t piece)
{
	static struct batch_file file;
	struct course course = { 0 };
	struct text rest = whole;
	enum batch_event event = BATCH_MORE;
	batch_file_init(&file, &arena);
	while (rest.len > 0 && event != BATCH_BAD) {
		struct text input = text_cut(rest, piece), left = input;
		event = batch_file_input(&file, &left);
		CHECK(event != BATCH_MORE || left.len == 0);
		rest = text_skip(rest, input.len - left.len);
		if (event == BATCH_TRANSACTION)
			take(&course, &file, whole);
	}
	while (event != BATCH_BAD && (event = batch_file_end(&file)) == BATCH_TRANSACTION)
		take(&course, &file, whole);
	course.is_bad = event == BATCH_BAD;
	if (course.is_bad) {
		course.bad_at = file.bad_at;
		CHECK(file.bad_at >= course.after && file.bad_at <= whole.len);
		CHECK(file.fail.result == RESULT_INVALID && file.fail.text[0] != '\0');
		check_printable(text_of(file.fail.text));
	} else {
		CHECK(event == BATCH_END);
	}
	return course;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (arena.max_bytes == 0)
		arena_init(&arena, 1 << 16, BATCH_ARENA_BYTES_MAX);
	struct text whole = text_of_bytes(data + 1, size - 1);
	struct course one = run(whole, SIZE_MAX);
	struct course other = run(whole, data[0] % 16 + 1u);
	CHECK(one.hash == other.hash && one.after == other.after);
	CHECK(one.is_bad == other.is_bad && one.bad_at == other.bad_at);
	return 0;
}
