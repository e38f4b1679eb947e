#include "bench/load_message.h"
#include <string.h>
#include "bench/body_digest.h"
#include "bench/mail_token.h"
#include "engine/base/time_text.h"

static void put_header(const struct load_message *message, struct buf *out)
{
	buf_put_text(out, TEXT("From: Shop <"));
	buf_put_text(out, message->sender);
	buf_put_text(out, TEXT(">\r\nTo: <"));
	buf_put_text(out, message->first_rcpt);
	buf_put_text(out, TEXT(">\r\nSubject: Number "));
	buf_put_number(out, message->id);
	buf_put_text(out, TEXT(" of this month\r\nDate: "));
	time_text_put_rfc5322(out, message->date_s);
	buf_put_text(out, TEXT("\r\nMessage-ID: <"));
	mail_token_put_hex(out, message->run);
	buf_put_u8(out, '.');
	buf_put_number(out, message->id);
	buf_put_text(out, TEXT("@load.lab>\r\nMIME-Version: 1.0\r\n"
			       "Content-Type: text/plain; charset=utf-8\r\n"
			       "Content-Transfer-Encoding: "));
	buf_put_text(out, message->eight_bit ? TEXT("8bit\r\n") : TEXT("7bit\r\n"));
}

/* The token stands before the body whose digest it holds, so its place is kept and filled in. */
static void put_token(const struct mail_token *token, struct buf *out)
{
	mail_token_format(token, out);
	buf_put_text(out, TEXT("\r\n\r\n"));
}

static size_t token_bytes(const struct mail_token *token)
{
	uint8_t memory[160];
	struct buf out;
	buf_init(&out, memory, sizeof memory);
	put_token(token, &out);
	CHECK(!out.overflow);
	return out.len;
}

void load_message_put(const struct load_message *message, const struct load_text *text,
	struct random_state *random, struct buf *out, uint64_t *out_body_bytes)
{
	struct mail_token token = { .run = message->run, .id = message->id };
	size_t start = out->len;
	put_header(message, out);
	size_t line = token_bytes(&token);
	uint64_t used = out->len - start + line;
	uint64_t size = message->bytes > used + LOAD_TEXT_LINE_MAX ? message->bytes - used :
								     LOAD_TEXT_LINE_MAX;
	token.size = size;
	uint8_t *place = buf_claim(out, line);
	size_t body = out->len;
	load_text_put(text, random, size, out);
	*out_body_bytes = size;
	if (out->overflow)
		return;
	token.digest = body_digest_of(out->data + body, size);
	struct buf token_out;
	buf_init(&token_out, place, line);
	put_token(&token, &token_out);
	CHECK(!token_out.overflow && token_out.len == line);
}

void load_control_put(const struct load_message *message, struct text rcpts, struct buf *out)
{
	struct text rest = rcpts, rcpt;
	buf_put_text(out, TEXT("X-Sender: <"));
	buf_put_text(out, message->sender);
	buf_put_text(out, TEXT(">\r\n"));
	while (text_split(&rest, '\t', &rcpt)) {
		buf_put_text(out, TEXT("X-Receiver: <"));
		buf_put_text(out, rcpt);
		buf_put_text(out, TEXT(">\r\n"));
	}
	if (message->transactional)
		buf_put_text(out, TEXT("X-Longship-Class: transactional\r\n"));
}

void load_message_put_dotted(struct text message, struct buf *out)
{
	struct text rest = message, line;
	while (text_split(&rest, '\n', &line) && line.len > 0) {
		/* RFC 5321 4.5.2: a line that starts with a dot gets one more. */
		if (line.data[0] == '.')
			buf_put_u8(out, '.');
		buf_put_text(out, line);
		buf_put_u8(out, '\n');
	}
	buf_put_text(out, TEXT(".\r\n"));
}

size_t load_strip_cr(char *data, size_t len)
{
	size_t to = 0;
	for (size_t from = 0; from < len; from++)
		if (data[from] != '\r')
			data[to++] = data[from];
	return to;
}
