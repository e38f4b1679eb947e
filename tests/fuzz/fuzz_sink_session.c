/* Target: the receiver of the load tools: sink_session_input, sink_body_input, sink_path_parse,
 * mail_token_parse and all that they call; by the fuzzer's choice with bugs switched on.
 *
 * Input: two bytes (which rules, size of the pieces), then what the client says. Whatever it says: no
 * octet is taken twice or lost, and what is counted as accepted adds up. */
#include <stdlib.h>
#include <string.h>
#include "bench/sink_session.h"
#include "engine/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const rule_texts[] = { "delay-rcpt:5", "drip-ehlo:5", "longline-mail:9000", "bye-dot%50",
	"tolerant-ends", "data-no-rcpts", "body-reply:10", "limit-domain:2" };

struct world {
	struct sink_rules rules;
	struct sink_site site;
	struct sink_book book;
	struct sink_session session;
	struct buf out;
};

static void open_world(struct world *w, uint8_t choice)
{
	struct ip_address address = { .family = IP_FAMILY_4 };
	struct fail fail;
	const struct sink_site_config site = { .name = "sink.lab", .has_tls = true, .rcpt_rules = true,
		.size_max = 1000, .rcpts_max = 5 };
	const struct sink_session_config session = { .site = &w->site, .book = &w->book, .dice = choice };
	sink_rules_init(&w->rules);
	for (unsigned i = 0; i < COUNT_OF(rule_texts); i++)
		if ((choice & 1u << i) != 0)
			CHECK(sink_rules_add(&w->rules, rule_texts[i], &fail) == RESULT_OK);
	CHECK(sink_site_init(&w->site, &address, 25, &site, &w->rules, &fail) == RESULT_OK);
	sink_book_init(&w->book);
	buf_init(&w->out, malloc(SINK_OUT_ROOM), SINK_OUT_ROOM);
	CHECK(w->out.data != NULL);
	sink_session_open(&w->session, &session, 1, &w->out);
}

/* What the owner of a session does; false at the end. */
static bool carry_on(struct world *w)
{
	buf_reset(&w->out);
	switch ((enum sink_want)w->session.want) {
	case SINK_WANT_INPUT:
		return true;
	case SINK_WANT_TLS:
		sink_session_tls_up(&w->session, 1, &w->out);
		return true;
	case SINK_WANT_WAIT:
	case SINK_WANT_DRIP:
		sink_session_resume(&w->session, 1, &w->out);
		return true;
	case SINK_WANT_CLOSE:
	case SINK_WANT_RESET:
	case SINK_WANT_HALF_CLOSE:
	case SINK_WANT_DEAF:
		return false;
	}
	UNREACHABLE("what a session wants");
}

static void check_books(const struct world *w)
{
	const struct sink_counters *counters = &w->book.counters;
	CHECK(sink_counted(&counters->messages) <= sink_counted(&counters->transactions));
	CHECK(sink_counted(&counters->messages) ==
		sink_counted(&counters->messages_intact) + sink_counted(&counters->messages_damaged) +
			sink_counted(&counters->messages_untokened));
	CHECK(sink_ledger_count(&w->book.ledger) <= sink_counted(&counters->rcpts));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct world *w = calloc(1, sizeof *w);
	CHECK(w != NULL);
	if (len < 2) {
		free(w);
		return 0;
	}
	size_t piece = (size_t)data[1] + 1;
	open_world(w, data[0]);
	data += 2;
	len -= 2;
	while (carry_on(w) && len > 0) {
		size_t n = len < piece ? len : piece;
		char *copy = malloc(n);
		CHECK(copy != NULL);
		memcpy(copy, data, n);
		size_t taken = sink_session_input(&w->session, copy, n, 1, &w->out);
		free(copy);
		CHECK(taken <= n);
		data += taken;
		len -= taken;
	}
	sink_session_gone(&w->session, true);
	check_books(w);
	sink_book_deinit(&w->book);
	free(w->out.data);
	free(w);
	return 0;
}
