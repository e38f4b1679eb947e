/* What reading the replies of a warm session costs for one message, and the reply to EHLO once. */
#include "bench/micro/micro.h"
#include "engine/smtp/smtp_reply.h"

/* What comes in one round trip: the end of one message, MAIL and RCPT of the next. */
static const char replies[] = "250 2.0.0 queued as 4bXk2d0Fz1\r\n"
			      "250 2.1.0 Ok\r\n"
			      "250 2.1.5 Ok\r\n";

static const char hello[] = "250-mx.receiver.example greets mail.sender.example\r\n"
			    "250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n"
			    "250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n"
			    "250 LIMITS RCPTMAX=100\r\n";

static uint32_t read_all(struct smtp_reply_parser *parser, const char *bytes, size_t len,
	enum smtp_reply_event counted)
{
	const uint8_t *at = (const uint8_t *)bytes;
	uint32_t count = 0;
	struct fail fail;
	while (len > 0) {
		size_t used;
		enum smtp_reply_event event = smtp_reply_read(parser, at, len, &used, &fail);
		CHECK(event == SMTP_REPLY_LINE || event == SMTP_REPLY_DONE);
		count += event == counted;
		at += used;
		len -= used;
	}
	return count;
}

static void run_replies(void *state, uint64_t times)
{
	(void)state;
	struct smtp_reply_parser parser;
	smtp_reply_init(&parser);
	for (uint64_t i = 0; i < times; i++) {
		CHECK(read_all(&parser, replies, sizeof replies - 1, SMTP_REPLY_DONE) == 3);
		struct smtp_reply reply = smtp_reply_get(&parser);
		micro_use(&reply);
	}
}

static void run_hello(void *state, uint64_t times)
{
	(void)state;
	for (uint64_t i = 0; i < times; i++) {
		struct smtp_reply_parser parser;
		smtp_reply_init(&parser);
		CHECK(read_all(&parser, hello, sizeof hello - 1, SMTP_REPLY_LINE) == 7);
		micro_use(&parser);
	}
}

static const struct micro_case cases[] = {
	{ .name = "smtp: the three replies of a message", .bound_ns = 1500, .run = run_replies },
	{ .name = "smtp: a reply to EHLO of eight lines", .bound_ns = 4000, .run = run_hello },
};

int main(int argc, char **argv) { return micro_main(cases, COUNT_OF(cases), argc, argv); }
