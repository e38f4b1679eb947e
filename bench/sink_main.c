/* longship-sink: options, workers, signals, report. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench/sink_options.h"
#include "bench/sink_report.h"
#include "bench/sink_trace.h"
#include "bench/sink_worker.h"
#include "engine/io/clock.h"
#include "engine/io/limits_process.h"
#include "engine/io/signals.h"
#include "tls/tls_crypto.h"

enum {
	EXIT_AS_ASKED = 0,
	EXIT_NOT_AS_EXPECTED = 1,
	EXIT_ARGUMENTS = 2,
	EXIT_FAILED = 3,
	EXIT_NO_URING = 69, /* as longship itself (DESIGN 1) */
	PORT_DEFAULT = 25,
	WORKERS_MAX = 64,
	IDENTITIES_MAX = 64,
	/* How often --until-expected looks. */
	LOOK_MS = 20,
};

struct sink {
	struct sink_options options;
	struct sink_rules rules;
	struct sink_shared shared;
	struct sink_worker workers[WORKERS_MAX];
	struct sink_book *books[WORKERS_MAX];
	uint32_t workers_count, workers_started;
	struct tls_identity identities[IDENTITIES_MAX];
	char identity_texts[IDENTITIES_MAX][SINK_RULE_TEXT_MAX];
	uint64_t began_ns;
};

static const char *given(const char *text) { return text[0] != '\0' ? text : NULL; }

/* ---- set-up ---- */

static enum result add_bugs(struct sink *sink, struct fail *fail)
{
	enum result result = RESULT_OK;
	sink_rules_init(&sink->rules);
	for (size_t i = 0; i < sink->options.bug.count && result == RESULT_OK; i++)
		result = sink_rules_add(&sink->rules, sink->options.bug.items[i], fail);
	return result;
}

/* "127.0.0.1", "127.0.0.1:25", "[::1]:25", "::1". */
static enum result parse_listen(const char *text, struct ip_address *out_address, uint16_t *out_port,
	struct fail *fail)
{
	struct text address = text_of(text), port = TEXT_EMPTY;
	uint64_t number = PORT_DEFAULT;
	size_t close = text_find(address, ']'), colon = text_find_last(address, ':');
	if (text_starts(address, TEXT("[")) && close != TEXT_NONE) {
		port = text_skip(address, close + 1);
		address = text_skip(text_cut(address, close), 1);
	} else if (colon != TEXT_NONE && text_find(address, ':') == colon) {
		port = text_skip(address, colon);
		address = text_cut(address, colon);
	}
	bool port_fits = text_is_empty(port) ||
		(port.data[0] == ':' && text_to_u64(text_skip(port, 1), &number) && number >= 1 &&
			number <= UINT16_MAX);
	if (!port_fits || ip_address_parse(address, out_address) != RESULT_OK)
		return fail_set(fail, RESULT_INVALID, "--listen %s is not ADDR[:PORT]", text);
	*out_port = (uint16_t)number;
	return RESULT_OK;
}

static enum result make_sites(struct sink *sink, struct fail *fail)
{
	const struct sink_options *options = &sink->options;
	const struct sink_site_config config = {
		.name = options->hello,
		.has_tls = sink->shared.identities_count > 0,
		.rcpt_rules = options->bug_by_rcpt,
		.size_max = (uint64_t)options->size_max,
		.rcpts_max = (uint32_t)options->rcpts_max,
	};
	if (options->listen.count == 0)
		return fail_set(fail, RESULT_INVALID, "--listen is missing");
	sink->shared.sites = calloc(options->listen.count, sizeof *sink->shared.sites);
	if (sink->shared.sites == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the addresses");
	for (size_t i = 0; i < options->listen.count; i++) {
		struct ip_address address;
		uint16_t port = PORT_DEFAULT;
		enum result result = parse_listen(options->listen.items[i], &address, &port, fail);
		if (result == RESULT_OK)
			result = sink_site_init(&sink->shared.sites[i], &address, port, &config,
				&sink->rules, fail);
		if (result != RESULT_OK)
			return result;
		sink->shared.sites_count = i + 1;
	}
	return RESULT_OK;
}

/* "NAME=CHAIN,KEY" */
static bool parse_identity(const char *text, char *copy, struct tls_identity *out_identity)
{
	if (strlen(text) >= SINK_RULE_TEXT_MAX)
		return false;
	snprintf(copy, SINK_RULE_TEXT_MAX, "%s", text);
	char *equals = strchr(copy, '='), *comma = equals != NULL ? strchr(equals, ',') : NULL;
	if (comma == NULL)
		return false;
	*equals = *comma = '\0';
	*out_identity = (struct tls_identity){ copy, equals + 1, comma + 1 };
	return true;
}

static enum result make_identities(struct sink *sink, struct fail *fail)
{
	const struct sink_options *options = &sink->options;
	size_t count = 0;
	if (given(options->cert) == NULL)
		return options->identity.count == 0 ?
			RESULT_OK :
			fail_set(fail, RESULT_INVALID, "--identity needs --cert for other names");
	if (given(options->key) == NULL)
		return fail_set(fail, RESULT_INVALID, "--cert needs --key");
	if (options->identity.count >= IDENTITIES_MAX)
		return fail_set(fail, RESULT_LIMIT, "more than %d certificates", IDENTITIES_MAX);
	sink->identities[count++] = (struct tls_identity){ NULL, options->cert, options->key };
	for (size_t i = 0; i < options->identity.count; i++, count++)
		if (!parse_identity(options->identity.items[i], sink->identity_texts[i],
			    &sink->identities[count]))
			return fail_set(fail, RESULT_INVALID, "--identity %s is not NAME=CHAIN,KEY",
				options->identity.items[i]);
	sink->shared.identities = sink->identities;
	sink->shared.identities_count = count;
	sink->shared.tls_pool = tls_pool_create();
	tls_random_fill(sink->shared.ticket_secret, sizeof sink->shared.ticket_secret);
	return RESULT_OK;
}

static bool has_greylist(const struct sink_rules *rules)
{
	for (uint32_t i = 0; i < rules->count; i++)
		if (rules->rules[i].deed == SINK_BUG_GREYLIST)
			return true;
	return false;
}

static enum result prepare(struct sink *sink, struct fail *fail)
{
	const struct sink_options *options = &sink->options;
	const struct sink_trace_config trace = {
		.dialogue = given(options->log),
		.mail_log = given(options->mail_log),
		.store = given(options->store),
	};
	sink->shared.sessions_max = (uint32_t)options->sessions;
	sink->shared.delay_ns = (uint64_t)options->delay * 1000000;
	sink->shared.patience_ns = (uint64_t)options->patience * 1000000;
	enum result result = add_bugs(sink, fail);
	if (result == RESULT_OK)
		result = make_identities(sink, fail);
	if (result == RESULT_OK)
		result = make_sites(sink, fail);
	if (result == RESULT_OK)
		result = sink_trace_files_open(&trace, &sink->shared.trace, fail);
	if (result == RESULT_OK && (has_greylist(&sink->rules) || options->bug_by_rcpt)) {
		sink->shared.greylist = sink_greylist_create();
		if (sink->shared.greylist == NULL)
			result = fail_set(fail, RESULT_MEMORY, "no memory for the greylist");
	}
	return result;
}

static enum result start_workers(struct sink *sink, struct fail *fail)
{
	(void)limits_process_raise_files();
	sink->workers_count = (uint32_t)sink->options.workers;
	if (sink->workers_count == 0)
		sink->workers_count = limits_process_cpus();
	if (sink->workers_count > WORKERS_MAX)
		sink->workers_count = WORKERS_MAX;
	for (uint32_t i = 0; i < sink->workers_count; i++) {
		enum result result = sink_worker_start(&sink->workers[i], &sink->shared, i, fail);
		if (result != RESULT_OK)
			return result;
		sink->books[i] = &sink->workers[i].book;
		sink->workers_started = i + 1;
	}
	return RESULT_OK;
}

/* ---- the run ---- */

/* Makes the report and shows it as the options say; false when it cannot be made. */
static bool report(struct sink *sink, bool last, bool *out_as_expected)
{
	const struct sink_options *options = &sink->options;
	struct sink_report *made = malloc(sizeof *made);
	struct fail fail;
	const struct sink_report_config config = {
		.books = sink->books,
		.books_count = sink->workers_count,
		.manifest = given(options->manifest),
		.expect = options->expect > 0 ? options->expect : -1,
		.sessions = atomic_load(&sink->shared.sessions),
		.sessions_most = atomic_load(&sink->shared.sessions_most),
		.began_ns = sink->began_ns,
		.now_ns = clock_now_ns(),
	};
	CHECK(made != NULL);
	enum result result = sink_report_make(&config, made, &fail);
	if (result == RESULT_OK && given(options->report) != NULL)
		result = sink_report_write(made, options->report, &fail);
	if (result != RESULT_OK)
		fprintf(stderr, "longship-sink: %s\n", fail.text);
	else if (last && !options->quiet)
		sink_report_print(made, stdout);
	*out_as_expected = made->as_expected || (!made->has_manifest && options->expect == 0);
	free(made);
	return result == RESULT_OK;
}

static uint64_t deliveries(const struct sink *sink)
{
	uint64_t count = 0;
	for (uint32_t i = 0; i < sink->workers_count; i++)
		count += sink_ledger_count(&sink->books[i]->ledger);
	return count;
}

/* Until SIGTERM, SIGINT, or all that was expected has come. */
static void wait_for_end(struct sink *sink, const sigset_t *signals)
{
	const struct timespec look = { .tv_nsec = LOOK_MS * 1000000L };
	const struct sink_options *options = &sink->options;
	bool ignored;
	for (;;) {
		bool counts = options->until_expected && options->expect > 0;
		int signal = counts ? sigtimedwait(signals, NULL, &look) : sigwaitinfo(signals, NULL);
		if (signal == SIGTERM || signal == SIGINT)
			return;
		if (signal == SIGUSR1)
			(void)report(sink, false, &ignored);
		if (counts && deliveries(sink) >= (uint64_t)options->expect)
			return;
	}
}

static int run(struct sink *sink, const sigset_t *signals)
{
	struct fail fail;
	bool as_expected = false;
	enum result result = prepare(sink, &fail);
	sink->began_ns = clock_now_ns();
	if (result == RESULT_OK)
		result = start_workers(sink, &fail);
	if (result != RESULT_OK) {
		fprintf(stderr, "longship-sink: %s\n", fail.text);
		return result == RESULT_UNAVAILABLE ? EXIT_NO_URING :
			result == RESULT_INVALID        ? EXIT_ARGUMENTS :
							  EXIT_FAILED;
	}
	printf("longship-sink: ready, %zu addresses, %u workers, %s\n", sink->shared.sites_count,
		sink->workers_count, ring_describe(sink->workers[0].loop.ring));
	fflush(stdout);
	wait_for_end(sink, signals);
	for (uint32_t i = 0; i < sink->workers_started; i++)
		sink_worker_stop(&sink->workers[i]);
	if (!report(sink, true, &as_expected))
		return EXIT_FAILED;
	return as_expected ? EXIT_AS_ASKED : EXIT_NOT_AS_EXPECTED;
}

static void deinit(struct sink *sink)
{
	for (uint32_t i = 0; i < sink->workers_started; i++)
		sink_worker_deinit(&sink->workers[i]);
	sink_trace_files_close(sink->shared.trace);
	sink_greylist_destroy(sink->shared.greylist);
	if (sink->shared.tls_pool != NULL)
		tls_pool_destroy(sink->shared.tls_pool);
	free(sink->shared.sites);
}

int main(int argc, char **argv)
{
	struct sink *sink = calloc(1, sizeof *sink);
	struct arena arena;
	struct fail fail;
	sigset_t signals;
	CHECK(sink != NULL);
	check_install_signal_handlers();
	signals_block();
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGUSR1);
	CHECK(pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0);
	arena_init(&arena, 64 * 1024, OPTIONS_ARENA_BYTES_MAX);
	if (options_parse(&sink_option_table, &sink->options, argc, argv, &arena, NULL, &fail) !=
		RESULT_OK) {
		fprintf(stderr, "longship-sink: %s\n", fail.text);
		return EXIT_ARGUMENTS;
	}
	if (sink->options.help || sink->options.bugs) {
		if (sink->options.help)
			options_print_help(&sink_option_table, stdout);
		else
			sink_rules_print_reference(stdout);
		return EXIT_AS_ASKED;
	}
	int status = run(sink, &signals);
	/* A worker that could not start may still hold memory: the program ends anyway. */
	if (sink->workers_started == sink->workers_count && sink->workers_count > 0)
		deinit(sink);
	arena_deinit(&arena);
	free(sink);
	return status;
}
