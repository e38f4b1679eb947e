/* What the line of an outcome costs the recorder, with all its fields. */
#include "bench/micro/micro.h"
#include "engine/base/event.h"

static void run_line(void *state, uint64_t times)
{
	(void)state;
	static uint8_t memory[EVENT_LINE_BYTES_MAX];
	struct buf out;
	buf_init(&out, memory, sizeof memory);
	const struct event event = {
		.event = EVENT_DELIVERED,
		.seq = 123456789,
		.time = 1788266096123456,
		.file = TEXT("20260901-4711.eml"),
		.id = TEXT("4711-0815"),
		.job = TEXT("autumn"),
		.class = TEXT("bulk"),
		.from = TEXT("bounce+12345@news.example"),
		.rcpt = TEXT("ann.bee@customer.example"),
		.domain = TEXT("customer.example"),
		.mx = TEXT("mx1.customer.example"),
		.ip = TEXT("192.0.2.25"),
		.source = TEXT("198.51.100.7"),
		.helo = TEXT("mail.news.example"),
		.session = TEXT("4711"),
		.reply = TEXT("250 2.0.0 queued as 4bXk2d0Fz1"),
		.status = TEXT("2.0.0"),
		.size = 8192,
		.tls = TEXT("TLSv1.3"),
		.channel = TEXT("authenticated"),
		.security = TEXT("dane"),
		.policy = TEXT("dane"),
		.attempt = 1,
	};
	for (uint64_t i = 0; i < times; i++) {
		buf_reset(&out);
		event_format_line(&event, &out);
		CHECK(!out.overflow && out.len > 400);
		micro_use(memory);
	}
}

static const struct micro_case cases[] = {
	{ .name = "event: the line of a delivery", .bound_ns = 4000, .run = run_line },
};

int main(int argc, char **argv) { return micro_main(cases, COUNT_OF(cases), argc, argv); }
