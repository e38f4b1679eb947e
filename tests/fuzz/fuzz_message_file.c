/* A whole message file. The first octet chooses the options. What is taken must be canonical, must
 * stay as it is when it is made once more, and holds nothing in its envelope that could end a
 * command; what is refused has a sentence. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/limits.h"
#include "engine/mail/xtext.h"
#include "engine/spool/message_file.h"
#include "engine/spool/spool_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena arena;
static struct body_budget budget;
static struct body_room room = { .budget = &budget };
static struct message_file_context context = {
	.date = TEXT_INIT("Tue, 01 Sep 2026 12:34:56 +0000"),
	.host = TEXT_INIT("mx.example"),
	.room = &room,
};

static void check_printable(struct text text)
{
	for (size_t i = 0; i < text.len; i++)
		CHECK((uint8_t)text.data[i] >= 0x20 && text.data[i] != 0x7f);
}

static void check_body(const struct body *body)
{
	uint32_t dots = 0;
	size_t line = 0;
	bool has_8bit = false;
	for (size_t i = 0; i < body->data_bytes; i++) {
		uint8_t c = body->data[i];
		CHECK(c != 0);
		has_8bit |= c > 127;
		CHECK(c != '\r' || (i + 1 < body->data_bytes && body->data[i + 1] == '\n'));
		CHECK(c != '\n' || (i > 0 && body->data[i - 1] == '\r'));
		if (c == '.' && line == 0) {
			CHECK(dots < body->dots_count);
			CHECK(body->dot_at[dots++] == i);
		}
		line = c == '\n' ? 0 : line + 1;
		CHECK(line <= MESSAGE_LINE_BYTES_MAX + 1);
	}
	CHECK(line == 0);
	CHECK(dots == body->dots_count);
	CHECK(has_8bit == body->has_8bit);
	CHECK(body->has_8bit || !body->has_utf8_headers);
}

static void check_envelope(const struct envelope *envelope)
{
	CHECK(envelope->rcpts_count >= 1);
	CHECK(envelope->rcpts_count <= MESSAGE_RCPTS_MAX);
	check_printable(envelope->sender.text);
	check_printable(envelope->job);
	check_printable(envelope->pool);
	check_printable(envelope->id);
	CHECK(xtext_is_valid(envelope->envid));
	CHECK(envelope->body_type != ENVELOPE_BODY_BINARYMIME);
	for (uint32_t i = 0; i < envelope->rcpts_count; i++) {
		const struct envelope_rcpt *rcpt = &envelope->rcpts[i];
		CHECK(rcpt->address.text.len > 0);
		check_printable(rcpt->address.text);
		CHECK(text_is_printable(rcpt->orcpt));
		CHECK(text_find(rcpt->orcpt, ' ') == TEXT_NONE);
		CHECK(envelope->needs_smtputf8 || !rcpt->address.needs_smtputf8);
	}
}

/* The body behind an envelope of its own, as a second file: no octet of it may change. */
static void check_again(const struct body *body)
{
	static const char envelope_lines[] = "X-Sender: <>\r\nX-Receiver: a@b\r\n";
	size_t lines_bytes = sizeof envelope_lines - 1;
	char *file = malloc(lines_bytes + body->data_bytes);
	CHECK(file != NULL);
	memcpy(file, envelope_lines, lines_bytes);
	memcpy(file + lines_bytes, body->data, body->data_bytes);
	struct envelope *envelope;
	struct body *again;
	struct fail fail;
	struct text text = { file, lines_bytes + body->data_bytes };
	context.is_dot_stuffed = false;
	enum result result = message_file_parse(text, &context, &arena, &envelope, &again, &fail);
	/* Two lines more may be too many for a header that was at its limit. */
	if (result == RESULT_OK) {
		CHECK(again->data_bytes == body->data_bytes);
		CHECK(memcmp(again->data, body->data, body->data_bytes) == 0);
		CHECK(again->header_bytes == body->header_bytes);
		CHECK(again->dots_count == body->dots_count);
		CHECK(again->has_utf8_headers == body->has_utf8_headers);
	}
	CHECK(result == RESULT_OK || body->header_bytes > 4000);
	envelope_unref(envelope);
	body_unref(again);
	free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (arena.max_bytes == 0) {
		arena_init(&arena, 1 << 16, MESSAGE_FILE_SCRATCH_BYTES_MAX);
		body_budget_init(&budget, 1 << 30);
	}
	context.is_dot_stuffed = data[0] & 1;
	struct text file = text_of_bytes(data + 1, size - 1);
	(void)spool_format_of(text_cut(file, SPOOL_FORMAT_HEAD_BYTES), false);
	struct envelope *envelope;
	struct body *body;
	struct fail fail;
	fail_clear(&fail);
	enum result result = message_file_parse(file, &context, &arena, &envelope, &body, &fail);
	if (result == RESULT_OK) {
		CHECK(envelope->message_bytes == body->data_bytes);
		check_envelope(envelope);
		check_body(body);
		check_again(body);
	} else {
		CHECK(result == RESULT_INVALID);
		CHECK(envelope == NULL && body == NULL);
		CHECK(fail.text[0] != '\0');
		check_printable(text_of(fail.text));
	}
	envelope_unref(envelope);
	body_unref(body);
	arena_reset(&arena);
	CHECK(atomic_load(&budget.used_bytes) == 0);
	return 0;
}
