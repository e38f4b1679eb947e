/* What the sink itself costs a message: it shares the machine with the sender that is measured. */
#include <stdlib.h>
#include "bench/body_digest.h"
#include "bench/load_message.h"
#include "bench/micro/micro.h"
#include "bench/sink_session.h"
#include "engine/base/check.h"

enum { MESSAGE_BYTES = 8192, ROOM = 2 * MESSAGE_BYTES };

struct sink_bench {
	struct sink_rules rules;
	struct sink_site site;
	struct sink_book book;
	struct sink_session session;
	struct buf out, message, cycle;
	uint8_t out_memory[SINK_OUT_ROOM], message_memory[ROOM], cycle_memory[ROOM];
};

static void make_cycle(struct sink_bench *bench)
{
	struct load_text text;
	struct random_state random;
	struct fail fail;
	uint64_t body_bytes;
	const struct load_message message = { .bytes = MESSAGE_BYTES, .sender = TEXT("a@bench.lab"),
		.first_rcpt = TEXT("b@bench.lab") };
	CHECK(load_text_init(&text, 1, false, &fail) == RESULT_OK);
	random_init_seed(&random, 1);
	buf_init(&bench->message, bench->message_memory, ROOM);
	buf_init(&bench->cycle, bench->cycle_memory, ROOM);
	load_message_put(&message, &text, &random, &bench->message, &body_bytes);
	load_message_put_dotted(buf_text(&bench->message), &bench->cycle);
	buf_put_text(&bench->cycle, TEXT("MAIL FROM:<a@bench.lab>\r\nRCPT TO:<b@bench.lab>\r\nDATA\r\n"));
	CHECK(!bench->cycle.overflow);
	load_text_deinit(&text);
}

static void *setup(void)
{
	struct sink_bench *bench = calloc(1, sizeof *bench);
	struct ip_address address = { .family = IP_FAMILY_4 };
	struct fail fail;
	const struct sink_site_config config = { .name = "sink.lab", .rcpts_max = 1000 };
	CHECK(bench != NULL);
	make_cycle(bench);
	buf_init(&bench->out, bench->out_memory, sizeof bench->out_memory);
	CHECK(sink_site_init(&bench->site, &address, 25, &config, &bench->rules, &fail) == RESULT_OK);
	sink_book_init(&bench->book);
	const struct sink_session_config session = { .site = &bench->site, .book = &bench->book };
	sink_session_open(&bench->session, &session, 1, &bench->out);
	static const char hello[] = "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@bench.lab>\r\nDATA\r\n";
	(void)sink_session_input(&bench->session, hello, sizeof hello - 1, 1, &bench->out);
	return bench;
}

static void teardown(void *state)
{
	struct sink_bench *bench = state;
	sink_book_deinit(&bench->book);
	free(bench);
}

static void run_session(void *state, uint64_t times)
{
	struct sink_bench *bench = state;
	for (uint64_t i = 0; i < times; i++) {
		buf_reset(&bench->out);
		(void)sink_session_input(&bench->session, (const char *)bench->cycle.data,
			bench->cycle.len, 1, &bench->out);
	}
	CHECK(sink_counted(&bench->book.counters.messages_damaged) == 0);
}

static void run_digest(void *state, uint64_t times)
{
	struct sink_bench *bench = state;
	for (uint64_t i = 0; i < times; i++) {
		uint64_t digest = body_digest_of(bench->message.data, bench->message.len);
		micro_use(&digest);
	}
}

static const struct micro_case cases[] = {
	{ .name = "sink: a message of 8 KB by DATA, envelope and replies", .bound_ns = 8000, .setup = setup,
		.run = run_session, .teardown = teardown },
	{ .name = "digest: 8 KB", .bound_ns = 2000, .setup = setup, .run = run_digest,
		.teardown = teardown },
};

int main(int argc, char **argv) { return micro_main(cases, COUNT_OF(cases), argc, argv); }
