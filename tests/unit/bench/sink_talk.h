/* A client's side of a sink session for the unit tests: says lines, looks at what comes back. */
#ifndef TESTS_UNIT_BENCH_SINK_TALK_H
#define TESTS_UNIT_BENCH_SINK_TALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "bench/sink_session.h"

struct talk {
	struct sink_rules rules;
	struct sink_site site;
	struct sink_book book;
	struct sink_session session;
	struct buf out;
	char memory[SINK_OUT_ROOM];
	uint64_t now_ns;
};

/* Up to 4 rules, NULL ends them. The greeting is in talk->out. */
static void talk_open(struct talk *talk, const char *const *rules)
{
	struct ip_address address;
	struct fail fail;
	struct sink_site_config config = { .name = "sink.lab", .has_tls = true, .rcpt_rules = true,
		.size_max = 100000, .rcpts_max = 100 };
	assert_int_equal(ip_address_parse(TEXT("127.0.0.1"), &address), RESULT_OK);
	sink_rules_init(&talk->rules);
	for (size_t i = 0; rules != NULL && rules[i] != NULL; i++)
		assert_int_equal(sink_rules_add(&talk->rules, rules[i], &fail), RESULT_OK);
	assert_int_equal(
		sink_site_init(&talk->site, &address, 25, &config, &talk->rules, &fail), RESULT_OK);
	sink_book_init(&talk->book);
	buf_init(&talk->out, talk->memory, sizeof talk->memory);
	talk->now_ns = 1000000000;
	struct sink_session_config session = { .site = &talk->site, .book = &talk->book,
		.serial = 7, .dice = 42 };
	sink_session_open(&talk->session, &session, talk->now_ns, &talk->out);
}

static inline void talk_close(struct talk *talk)
{
	sink_session_gone(&talk->session, true);
	sink_book_deinit(&talk->book);
}

/* Says it in pieces of that size; returns how many octets were taken. */
static inline size_t talk_say_text(struct talk *talk, struct text said, size_t piece)
{
	size_t at = 0;
	while (at < said.len) {
		size_t n = said.len - at < piece ? said.len - at : piece;
		size_t taken = sink_session_input(
			&talk->session, said.data + at, n, talk->now_ns, &talk->out);
		at += taken;
		if (taken < n)
			break;
	}
	return at;
}

static inline size_t talk_say(struct talk *talk, const char *said)
{
	buf_reset(&talk->out);
	return talk_say_text(talk, text_of(said), SIZE_MAX);
}

static inline void talk_expect(struct talk *talk, const char *wanted)
{
	char got[8192];
	struct text text = text_cut(buf_text(&talk->out), sizeof got - 1);
	memcpy(got, text.data, text.len);
	got[text.len] = '\0';
	assert_string_equal(got, wanted);
	buf_reset(&talk->out);
}

static inline uint64_t talk_odd(const struct talk *talk, enum sink_oddity oddity)
{
	return sink_counted(&talk->book.oddities[oddity]);
}

static inline void talk_expect_no_oddity(const struct talk *talk)
{
	for (unsigned i = 0; i < SINK_ODDITY_COUNT; i++)
		assert_int_equal(sink_counted(&talk->book.oddities[i]), 0);
}

#endif
