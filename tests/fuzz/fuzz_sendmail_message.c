/* What sendmail reads, and addresses beside it. The first octet chooses the options, the line behind it is
 * a word of the command line. A file that is made is one of the spool with the sender that was given, and
 * no field of the input becomes a receiver but those that are asked for; whatever else the reader of the
 * spool says of it is about the message. Display names are folded into one field. */
#include <stddef.h>
#include <stdint.h>
#include "engine/base/limits.h"
#include "engine/mail/encoded_word.h"
#include "engine/mail/header_reader.h"
#include "engine/mail/sendmail_message.h"
#include "engine/spool/message_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena arena, scratch;

/* RFC 5322 2.2.3: one field, whatever the value was. */
static void check_word(struct text value)
{
	static uint8_t memory[1 << 20];
	struct buf out;
	for (int as_phrase = 0; as_phrase < 2; as_phrase++) {
		buf_init(&out, memory, sizeof memory);
		buf_put_cstr(&out, "X: ");
		bool taken = as_phrase ? encoded_word_put_phrase(&out, value, out.len)
				       : encoded_word_put_unstructured(&out, value, out.len);
		CHECK(taken == encoded_word_may_hold(value));
		if (!taken || out.overflow)
			continue;
		CHECK(text_is_printable(buf_text(&out)) ||
			text_find(buf_text(&out), '\n') != TEXT_NONE);
		struct header_reader reader;
		struct header_field field;
		bool more;
		struct fail fail;
		header_reader_init(&reader, buf_text(&out));
		CHECK(header_reader_next(&reader, &field, &more, &fail) == RESULT_OK && more);
		CHECK(field.whole.len == out.len);
		struct text line, rest = field.whole;
		while (text_split(&rest, '\n', &line))
			CHECK(line.len <= MESSAGE_LINE_BYTES_MAX);
	}
}

static void check_file(struct text file, const struct sendmail_request *request)
{
	const struct message_file_context context = { .date = TEXT("x"),
		.host = TEXT("h.example") };
	struct envelope *envelope;
	struct body *body;
	struct fail fail;
	fail_clear(&fail);
	CHECK(text_starts(file, TEXT("X-Sender: <")));
	enum result result = message_file_parse(file, &context, &scratch, &envelope, &body, &fail);
	if (result == RESULT_OK) {
		CHECK(text_equal(envelope->sender.text, request->sender));
		/* Below X-Sender only the rows that were made of lists. */
		size_t rows = 0;
		struct text rest = file, line;
		(void)text_split(&rest, '\n', &line);
		while (text_split(&rest, '\n', &line) && text_starts(line, TEXT("X-Receiver: <")))
			rows++;
		CHECK(envelope->rcpts_count <= rows);
	} else {
		CHECK(result == RESULT_INVALID && fail.text[0] != '\0');
		/* The rows that were put before the message are never what is wrong. */
		CHECK(strstr(fail.text, "line 1:") == NULL ||
			strstr(fail.text, "line 1: X-") == NULL);
	}
	envelope_unref(envelope);
	arena_reset(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (arena.max_bytes == 0) {
		arena_init(&arena, 1 << 16, 1 << 26);
		arena_init(&scratch, 1 << 16, MESSAGE_FILE_SCRATCH_BYTES_MAX);
	}
	struct text input = text_of_bytes(data + 1, size - 1), operand;
	if (!text_split(&input, '\n', &operand))
		operand = TEXT_EMPTY;
	check_word(operand);
	const struct sendmail_request request = {
		.reads_receivers = data[0] & 1,
		.sender = data[0] & 2 ? TEXT("a@b.example") : TEXT_EMPTY,
		.from = data[0] & 4 ? TEXT("c@d.example") : TEXT_EMPTY,
		.full_name = data[0] & 8 ? operand : TEXT_EMPTY,
		.domain = data[0] & 16 ? TEXT("e.example") : TEXT_EMPTY,
		.operands = &operand,
		.operands_count = data[0] & 32 ? 1 : 0,
	};
	if (data[0] & 64)
		input = sendmail_message_until_dot(input);
	struct text file;
	struct fail fail;
	fail_clear(&fail);
	enum result result = sendmail_message_compose(input, &request, &arena, &file, &fail);
	if (result == RESULT_OK)
		check_file(file, &request);
	else
		CHECK(result != RESULT_MEMORY && fail.text[0] != '\0');
	arena_reset(&arena);
	return 0;
}
