/* A notification about a message and a reply that are both foreign bytes. The first octet chooses what was
 * asked for; then ENVID, ORCPT, the reply and the message, each to the end of a line. It is always a file
 * that the spool takes, for the one who sent the message, with lines that pass everywhere; and no octet of
 * what came from elsewhere ends one of its parts. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/siphash.h"
#include "engine/mail/esmtp_params.h"
#include "engine/mail/notification.h"
#include "engine/mail/xtext.h"
#include "engine/spool/message_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena arena;
static struct body_budget budget;
static struct body_room room = { .budget = &budget };

static const struct message_file_context context = {
	.date = TEXT_INIT("x"), .host = TEXT_INIT("h.example"), .room = &room
};

static void check(struct text file, const struct notification *n)
{
	struct envelope *envelope;
	struct body *body;
	struct fail fail;
	CHECK(message_file_parse(file, &context, &arena, &envelope, &body, &fail) == RESULT_OK);
	CHECK(envelope->sender.text.len == 0);
	CHECK(envelope->rcpts_count == 1 && envelope->rcpts[0].notify.never);
	CHECK(text_equal(envelope->rcpts[0].address.text, n->envelope->sender.text));
	CHECK(body->has_8bit == n->envelope->sender.needs_smtputf8);
	/* The boundary stands where it was put: in its field, before each part and at the end. */
	struct text rest = text_of_bytes(body->data, body->data_bytes), line;
	size_t boundaries = 0, empty_in_report = 0;
	char memory[64];
	struct buf boundary;
	buf_init(&boundary, memory, sizeof memory);
	buf_put_cstr(&boundary, "--=_longship_");
	buf_put_hex(&boundary, n->unique, sizeof n->unique);
	bool in_report = false;
	while (text_split(&rest, '\n', &line)) {
		if (text_starts(line, buf_text(&boundary))) {
			boundaries++;
			in_report = boundaries == 2;
		}
		empty_in_report += in_report && line.len == 1;
	}
	CHECK(boundaries == (n->body != NULL ? 4 : 3));
	/* Behind the part's own header, between the groups, and before the boundary. */
	CHECK(empty_in_report == 3);
	envelope_unref(envelope);
	body_unref(body);
	arena_reset(&arena);
}

static void notify(
	uint8_t choice, const struct envelope *envelope, const struct body *body, struct text reply)
{
	const struct notification_rcpt told = {
		.rcpt = &envelope->rcpts[0],
		.reply = choice & 4 ? reply : TEXT_EMPTY,
		.remote_mta = choice & 4 ? TEXT("mx.example") : TEXT_EMPTY,
		.reason = reply,
		.last_attempt_unix_s = choice & 8 ? 1 : 0,
	};
	struct notification n = {
		.action = choice & 16 ? NOTIFICATION_FAILED : NOTIFICATION_DELAYED,
		.envelope = envelope,
		.rcpts = &told,
		.rcpts_count = 1,
		.body = choice & 32 ? body : NULL,
		.reporting_mta = TEXT("h.example"),
		.now_unix_s = 1,
		.arrived_unix_s = 1,
	};
	/* Nobody who writes a message can know it. */
	uint64_t hash = siphash(&(struct siphash_key){ 1, 2 }, body->data, body->data_bytes);
	memcpy(n.unique, &hash, sizeof hash);
	size_t bytes = notification_bytes_max(&n);
	void *memory = malloc(bytes);
	struct buf out;
	CHECK(memory != NULL);
	buf_init(&out, memory, bytes);
	notification_put(&out, &n);
	CHECK(!out.overflow);
	check(buf_text(&out), &n);
	free(memory);
}

static struct envelope_address address_of(struct text text)
{
	return (struct envelope_address){ .text = text,
		.domain_at = (uint16_t)(text_find(text, '@') + 1),
		.needs_smtputf8 = (uint8_t)text.data[0] >= 0x80 };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (arena.max_bytes == 0) {
		arena_init(&arena, 1 << 16, MESSAGE_FILE_SCRATCH_BYTES_MAX);
		body_budget_init(&budget, 1 << 30);
	}
	struct text input = text_of_bytes(data + 1, size - 1);
	struct text envid = TEXT_EMPTY, orcpt = TEXT_EMPTY, reply = TEXT_EMPTY;
	(void)text_split(&input, '\n', &envid);
	(void)text_split(&input, '\n', &orcpt);
	(void)text_split(&input, '\n', &reply);
	/* What an envelope can hold, by the code that makes envelopes. */
	struct esmtp_rcpt_params params = { .orcpt = TEXT_EMPTY };
	char text[600];
	struct buf buf;
	buf_init(&buf, text, sizeof text);
	buf_put_cstr(&buf, "ORCPT=");
	buf_put_text(&buf, orcpt);
	if (buf.overflow ||
		esmtp_params_parse_rcpt(buf_text(&buf), &arena, &params, NULL) != RESULT_OK)
		params.orcpt = TEXT_EMPTY;
	uint8_t choice = data[0];
	struct envelope_rcpt rcpt = {
		.address =
			address_of(choice & 1 ? TEXT("\xc3\xbc@a.example") : TEXT("ann@a.example")),
		.orcpt = params.orcpt,
	};
	const struct envelope envelope = {
		.sender =
			address_of(choice & 2 ? TEXT("\xc3\xbc@b.example") : TEXT("bob@b.example")),
		.envid = envid.len <= ENVELOPE_ENVID_MAX && xtext_is_valid(envid) ? envid
										  : TEXT_EMPTY,
		.ret = choice & 64 ? ENVELOPE_RET_FULL : ENVELOPE_RET_HDRS,
		.rcpts = &rcpt,
		.rcpts_count = 1,
	};
	/* And a body of what is left, by the code that makes bodies. */
	struct envelope *read = NULL;
	struct body *body = NULL;
	struct fail fail;
	size_t bytes = sizeof "X-Sender: <>\nX-Receiver: a@b\n" - 1 + input.len;
	char *file = malloc(bytes);
	CHECK(file != NULL);
	memcpy(file, "X-Sender: <>\nX-Receiver: a@b\n", bytes - input.len);
	if (input.len > 0)
		memcpy(file + bytes - input.len, input.data, input.len);
	struct arena scratch;
	arena_init(&scratch, 1 << 16, MESSAGE_FILE_SCRATCH_BYTES_MAX);
	if (message_file_parse((struct text){ file, bytes }, &context, &scratch, &read, &body,
		    &fail) == RESULT_OK)
		notify(choice, &envelope, body, reply);
	arena_deinit(&scratch);
	envelope_unref(read);
	body_unref(body);
	free(file);
	arena_reset(&arena);
	return 0;
}
