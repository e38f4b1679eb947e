/* Target: smtp_reply_read, smtp_reply_get, smtp_reply_line, smtp_status_parse, smtp_reply_class_find.
 *
 * Input: one byte for the size of the pieces, then what a server says. Read in those pieces and once
 * more octet by octet: both must give the same replies, and each must be safe to show. */
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/smtp/smtp_reply_class.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct outcome {
	uint64_t hash; /* of all events, codes and texts */
	unsigned replies_count;
	enum result bad;
};

static void mix(struct outcome *outcome, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		outcome->hash = (outcome->hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
}

static void check_text(struct text text)
{
	CHECK(text.len <= SMTP_REPLY_TEXT_BYTES_MAX);
	for (size_t i = 0; i < text.len; i++)
		CHECK((uint8_t)text.data[i] >= 0x20 && text.data[i] != 0x7f);
}

static void on_event(const struct smtp_reply_parser *parser, enum smtp_reply_event event,
	struct outcome *outcome)
{
	bool cut = false;
	check_text(smtp_reply_line(parser, &cut));
	mix(outcome, &event, sizeof event);
	CHECK(smtp_reply_is_partial(parser) == (event == SMTP_REPLY_LINE));
	if (event != SMTP_REPLY_DONE)
		return;
	struct smtp_reply reply = smtp_reply_get(parser);
	CHECK(reply.code >= 200 && reply.code <= 599);
	CHECK(reply.status.class == 0 || reply.status.class == reply.code / 100);
	check_text(reply.text);
	char status[SMTP_STATUS_TEXT_MAX];
	mix(outcome, status, strlen(smtp_status_format(reply.status, status)));
	mix(outcome, &reply.code, sizeof reply.code);
	mix(outcome, reply.text.data, reply.text.len);
	enum bounce_class found = smtp_reply_class_find(SMTP_STEP_RCPT, &reply);
	CHECK((unsigned)found < BOUNCE_CLASS_COUNT);
	outcome->replies_count++;
}

static struct outcome read_all(const uint8_t *data, size_t len, size_t piece_max)
{
	struct outcome outcome = { .hash = 0xcbf29ce484222325u };
	struct smtp_reply_parser parser;
	struct fail fail;
	smtp_reply_init(&parser);
	while (len > 0) {
		size_t piece = len < piece_max ? len : piece_max;
		size_t used = 0;
		enum smtp_reply_event event = smtp_reply_read(&parser, data, piece, &used, &fail);
		CHECK(used > 0 && used <= piece);
		data += used;
		len -= used;
		if (event == SMTP_REPLY_BAD) {
			CHECK(fail.text[0] != '\0');
			outcome.bad = fail.result;
			break;
		}
		if (event == SMTP_REPLY_MORE)
			CHECK(used == piece);
		else
			on_event(&parser, event, &outcome);
	}
	return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 1)
		return 0;
	/* Memory that ends where the input does. */
	uint8_t *copy = malloc(len);
	CHECK(copy != NULL);
	memcpy(copy, data + 1, len - 1);
	struct outcome in_pieces = read_all(copy, len - 1, (size_t)data[0] + 1);
	struct outcome by_octet = read_all(copy, len - 1, 1);
	CHECK(in_pieces.hash == by_octet.hash);
	CHECK(in_pieces.replies_count == by_octet.replies_count);
	CHECK(in_pieces.bad == by_octet.bad);
	free(copy);
	return 0;
}
