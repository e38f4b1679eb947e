/* longship-floor: options, prebuilt message, threads, report. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/floor_options.h"
#include "bench/floor_report.h"
#include "bench/load_message.h"
#include "engine/io/limits_process.h"

enum {
	EXIT_DONE = 0,
	EXIT_ARGUMENTS = 2,
	EXIT_FAILED = 3,
	EXIT_NO_URING = 69, /* as longship itself (DESIGN 1) */
	WORKERS_MAX = 64,
};

struct floor_worker {
	pthread_t thread;
	struct floor_config config;
	struct floor_result *out;
	enum result result;
	struct fail fail;
};

struct floor {
	struct floor_options options;
	struct floor_config config;
	struct buf envelope, message, body, cycle;
	struct floor_worker workers[WORKERS_MAX];
	struct floor_result results[WORKERS_MAX];
	struct floor_files_result files;
};

static const char *given(const char *text) { return text[0] != '\0' ? text : NULL; }

static bool buf_create(struct buf *buf, size_t size)
{
	void *memory = malloc(size);
	if (memory == NULL)
		return false;
	buf_init(buf, memory, size);
	return true;
}

/* Everything that will ever be sent, made once. */
static enum result build(struct floor *floor, struct fail *fail)
{
	size_t size = (size_t)floor->options.size;
	struct load_text text;
	struct random_state random;
	uint64_t body_bytes;
	const struct load_message message = {
		.bytes = size,
		.sender = TEXT("bounce@floor.lab"),
		.first_rcpt = TEXT("somebody@floor.lab"),
	};
	/* A doubled dot for each line of one dot is the worst case. */
	if (!buf_create(&floor->envelope, 256) || !buf_create(&floor->message, size + 1024) ||
		!buf_create(&floor->body, 2 * size + 2048) ||
		!buf_create(&floor->cycle, 2 * size + 4096))
		return fail_set(fail, RESULT_MEMORY, "no memory for the message");
	enum result result = load_text_init(&text, (uint64_t)floor->options.seed, false, fail);
	if (result != RESULT_OK)
		return result;
	random_init_seed(&random, (uint64_t)floor->options.seed);
	load_message_put(&message, &text, &random, &floor->message, &body_bytes);
	load_text_deinit(&text);
	load_message_put_dotted(buf_text(&floor->message), &floor->body);
	buf_put_text(&floor->envelope, TEXT("MAIL FROM:<bounce@floor.lab>\r\n"
					    "RCPT TO:<somebody@floor.lab>\r\nDATA\r\n"));
	buf_put_text(&floor->cycle, buf_text(&floor->body));
	buf_put_text(&floor->cycle, buf_text(&floor->envelope));
	CHECK(!floor->message.overflow && !floor->body.overflow && !floor->cycle.overflow);
	return RESULT_OK;
}

static enum result parse_to(const char *text, struct floor_config *config, struct fail *fail)
{
	struct text address = text_of(text);
	size_t colon = text_find_last(address, ':');
	uint64_t port = 0;
	bool good = colon != TEXT_NONE && text_to_u64(text_skip(address, colon + 1), &port) &&
		port >= 1 && port <= UINT16_MAX;
	address = text_cut(address, colon);
	if (text_starts(address, TEXT("[")) && text_ends(address, TEXT("]")))
		address = text_skip(text_cut(address, address.len - 1), 1);
	if (!good || ip_address_parse(address, &config->address) != RESULT_OK)
		return fail_set(fail, RESULT_INVALID, "--to %s is not ADDR:PORT", text);
	config->port = (uint16_t)port;
	return RESULT_OK;
}

/* ---- threads ---- */

static void *run_worker(void *argument)
{
	struct floor_worker *worker = argument;
	worker->result = floor_run(&worker->config, worker->out, &worker->fail);
	return NULL;
}

static enum result run_workers(struct floor *floor, struct fail *fail)
{
	uint32_t count = (uint32_t)floor->options.workers;
	enum result result = RESULT_OK;
	for (uint32_t i = 0; i < count; i++) {
		struct floor_worker *worker = &floor->workers[i];
		worker->config = floor->config;
		worker->config.sessions = (uint32_t)(floor->options.sessions / count);
		worker->config.messages = (uint64_t)floor->options.messages / count;
		worker->out = &floor->results[i];
		int error = pthread_create(&worker->thread, NULL, run_worker, worker);
		if (error != 0)
			return fail_set_errno(fail, error, "cannot start a thread");
	}
	for (uint32_t i = 0; i < count; i++) {
		CHECK(pthread_join(floor->workers[i].thread, NULL) == 0);
		if (floor->workers[i].result != RESULT_OK) {
			result = floor->workers[i].result;
			*fail = floor->workers[i].fail;
		}
	}
	return result;
}

static enum result measure_sending(struct floor *floor, struct fail *fail)
{
	const struct floor_options *options = &floor->options;
	enum result result = parse_to(options->to, &floor->config, fail);
	if (result != RESULT_OK)
		return result;
	if (options->sessions < options->workers || options->messages < options->workers)
		return fail_set(fail, RESULT_INVALID, "fewer sessions or messages than threads");
	floor->config.plain = options->plain;
	floor->config.reconnect = options->handshakes;
	floor->config.rounds = (uint32_t)options->rounds;
	floor->config.envelope = buf_text(&floor->envelope);
	floor->config.body = buf_text(&floor->body);
	floor->config.cycle = buf_text(&floor->cycle);
	(void)limits_process_raise_files();
	return run_workers(floor, fail);
}

static enum result measure_files(struct floor *floor, struct fail *fail)
{
	const struct floor_files_config config = {
		.dir = floor->options.files,
		.files = (uint64_t)floor->options.messages,
		.rounds = (uint32_t)floor->options.rounds,
		.content = buf_text(&floor->message),
	};
	return floor_files_run(&config, &floor->files, fail);
}

static const char *what(const struct floor_options *options)
{
	if (options->handshakes)
		return options->plain ? "connections without TLS" : "connections with a handshake";
	return options->plain ? "warm sessions without TLS" : "warm TLS sessions";
}

static void report(const struct floor *floor)
{
	const struct floor_options *options = &floor->options;
	struct floor_report report = {
		.what = what(options),
		.sessions = (uint64_t)options->sessions,
		.workers = (uint64_t)options->workers,
		.size = floor->message.len,
		.threads = given(options->to) != NULL ? floor->results : NULL,
		.files = given(options->files) != NULL ? &floor->files : NULL,
		.dir = options->files,
	};
	for (uint32_t i = 0; i < (uint32_t)options->workers; i++)
		report.sink_refused += floor->results[i].refused;
	if (options->json)
		floor_report_print_json(&report, stdout);
	else
		floor_report_print(&report, stdout);
}

static int run(struct floor *floor)
{
	struct fail fail;
	bool sends = given(floor->options.to) != NULL, files = given(floor->options.files) != NULL;
	enum result result = sends || files ?
		build(floor, &fail) :
		fail_set(&fail, RESULT_INVALID, "--to or --files must say what to measure");
	if (result == RESULT_OK && sends)
		result = measure_sending(floor, &fail);
	if (result == RESULT_OK && files)
		result = measure_files(floor, &fail);
	if (result == RESULT_OK) {
		report(floor);
		return EXIT_DONE;
	}
	fprintf(stderr, "longship-floor: %s\n", fail.text);
	return result == RESULT_UNAVAILABLE ? EXIT_NO_URING :
		result == RESULT_INVALID        ? EXIT_ARGUMENTS :
						  EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct floor *floor = calloc(1, sizeof *floor);
	struct arena arena;
	struct fail fail;
	int status = EXIT_DONE;
	CHECK(floor != NULL);
	check_install_signal_handlers();
	arena_init(&arena, 64 * 1024, OPTIONS_ARENA_BYTES_MAX);
	if (options_parse(&floor_option_table, &floor->options, argc, argv, &arena, NULL, &fail) !=
		RESULT_OK) {
		fprintf(stderr, "longship-floor: %s\n", fail.text);
		return EXIT_ARGUMENTS;
	}
	if (floor->options.help)
		options_print_help(&floor_option_table, stdout);
	else
		status = run(floor);
	free(floor->envelope.data);
	free(floor->message.data);
	free(floor->body.data);
	free(floor->cycle.data);
	free(floor);
	arena_deinit(&arena);
	return status;
}
