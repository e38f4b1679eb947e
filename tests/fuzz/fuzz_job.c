/* A job: the first line is its manifest, the second a recipient, the rest the template. Lines are the same
 * whole and in pieces. What is taken becomes an envelope that can be written into commands, and a message
 * that was checked as every other; what is refused has a sentence. */
#include <stddef.h>
#include <stdint.h>
#include "engine/mail/xtext.h"
#include "engine/spool/job_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_BYTES = 1 << 20 };

static struct arena arena, scratch_arena;
static struct body_budget budget;
static struct body_room room = { .budget = &budget };
static uint8_t memory[2][OUT_BYTES];

static void check_printable(struct text text)
{
	for (size_t i = 0; i < text.len; i++)
		CHECK((uint8_t)text.data[i] >= 0x20 && text.data[i] != 0x7f);
}

static void check_refusal(enum result result, const struct fail *fail)
{
	CHECK(result != RESULT_MEMORY);
	CHECK(fail->text[0] != '\0');
	check_printable(text_of(fail->text));
}

/* Each line of the input, in pieces of 7 octets, against itself. */
static void check_lines(struct text whole)
{
	static struct job_lines lines;
	struct text rest = whole;
	enum job_lines_event event = JOB_LINES_MORE;
	uint64_t last_end = 0;
	job_lines_init(&lines, 0, 1);
	for (;;) {
		struct text input = text_cut(rest, 7), left = input;
		event = rest.len > 0 ? job_lines_input(&lines, &left) : job_lines_end(&lines);
		rest = text_skip(rest, input.len - left.len);
		if (event == JOB_LINES_END)
			break;
		if (event != JOB_LINES_LINE)
			continue;
		CHECK(lines.line.len > 0 && lines.line.len <= JOB_LINE_BYTES_MAX);
		CHECK(lines.line_at >= last_end && lines.line_at < whole.len);
		struct text there = text_skip(whole, lines.line_at);
		there = text_trim(text_cut(there, text_find(there, '\n')));
		CHECK(text_equal(there, lines.line));
		last_end = lines.line_at + lines.line.len;
	}
}

static void make(const struct job *job, struct text line)
{
	struct job_recipient recipient;
	struct fail fail;
	struct envelope *envelope;
	struct body *body;
	const struct message_file_context context = { .date = TEXT(
							      "Tue, 01 Sep 2026 12:34:56 +0000"),
		.host = TEXT("h.example"),
		.room = &room };
	struct job_scratch scratch = { .arena = &scratch_arena };
	buf_init(&scratch.part, memory[0], OUT_BYTES);
	buf_init(&scratch.message, memory[1], OUT_BYTES);
	fail_clear(&fail);
	enum result result = job_recipient_parse(line, &scratch_arena, &recipient, &fail);
	if (result != RESULT_OK) {
		check_refusal(result, &fail);
		return;
	}
	result = job_message_make(job, &recipient, &context, &scratch, &envelope, &body, &fail);
	if (result != RESULT_OK) {
		CHECK(envelope == NULL && body == NULL);
		check_refusal(result, &fail);
		return;
	}
	CHECK(envelope->rcpts_count == 1);
	CHECK(text_equal(envelope->rcpts[0].address.text, recipient.to.text));
	check_printable(envelope->sender.text);
	check_printable(envelope->rcpts[0].address.text);
	check_printable(envelope->id);
	CHECK(text_equal(envelope->job, job->manifest->job));
	CHECK(recipient.id.len == 0 || text_equal(envelope->id, recipient.id));
	CHECK(xtext_is_valid(envelope->envid));
	envelope_unref(envelope);
	body_unref(body);
	CHECK(atomic_load(&budget.used_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct job job;
	struct job_manifest manifest;
	struct text input = text_of_bytes(data, size), json = TEXT_EMPTY, line = TEXT_EMPTY;
	struct fail fail;
	if (arena.max_bytes == 0) {
		arena_init(&arena, 1 << 16, TEMPLATE_ARENA_BYTES_MAX);
		arena_init(&scratch_arena, 1 << 16, MESSAGE_FILE_SCRATCH_BYTES_MAX);
		body_budget_init(&budget, 1 << 30);
	}
	check_lines(input);
	(void)text_split(&input, '\n', &json);
	(void)text_split(&input, '\n', &line);
	fail_clear(&fail);
	enum result result = job_manifest_parse(json, &arena, &manifest, &fail);
	if (result == RESULT_OK)
		result = job_prepare(&job, &manifest, input, &arena, &fail);
	if (result == RESULT_OK)
		make(&job, line);
	else
		check_refusal(result, &fail);
	arena_reset(&scratch_arena);
	arena_reset(&arena);
	return 0;
}
