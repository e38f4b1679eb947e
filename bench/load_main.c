/* longship-load: options, the plan, threads, a line at the end. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/load_options.h"
#include "bench/load_writer.h"
#include "engine/io/clock.h"
#include "engine/io/file.h"

enum {
	EXIT_DONE = 0,
	EXIT_ARGUMENTS = 2,
	EXIT_FAILED = 3,
	WRITERS_MAX = 64,
	SYNC_FILE = 1, /* the choices of --sync */
	SYNC_ALL = 2,
	LINE_ENDS_LF = 1,
};

struct load {
	struct load_options options;
	struct load_plan plan;
	struct load_writer writers[WRITERS_MAX];
};

static const char *given(const char *text) { return text[0] != '\0' ? text : NULL; }

/* ---- the plan ---- */

static enum result plan_domains(struct load *load, struct fail *fail)
{
	const struct load_options *options = &load->options;
	char *end;
	const struct load_domains_config config = {
		.pattern = options->pattern,
		.count = (size_t)options->domains,
		.zipf = strtod(options->zipf, &end),
		.file = given(options->domain_file),
		.skew = given(options->skew),
	};
	if (*end != '\0' || !(config.zipf >= 0 && config.zipf <= 10))
		return fail_set(fail, RESULT_INVALID, "--zipf %s is not 0 to 10", options->zipf);
	return load_domains_init(&load->plan.domains, &config, fail);
}

static enum result plan_text(struct load *load, struct fail *fail)
{
	enum result result = load_text_init(&load->plan.text, load->plan.seed, false, fail);
	if (result == RESULT_OK)
		result = load_text_init(&load->plan.text_8bit, load->plan.seed, true, fail);
	if (result == RESULT_OK)
		result = load_sizes_init(&load->plan.sizes, load->options.size, 1,
			(uint64_t)load->options.size_max, fail);
	return result;
}

static enum result open_manifest(struct load *load, struct fail *fail)
{
	static const char first[] = "# longship-load: run, id, file, octets of the body, recipients\n";
	load->plan.manifest = -1;
	if (given(load->options.manifest) == NULL)
		return RESULT_OK;
	enum result result =
		file_open_append(AT_FDCWD, load->options.manifest, &load->plan.manifest, fail);
	return result != RESULT_OK ?
		result :
		file_write_all(load->plan.manifest, first, sizeof first - 1, fail);
}

static enum result make_plan(struct load *load, struct fail *fail)
{
	const struct load_options *options = &load->options;
	struct load_plan *plan = &load->plan;
	struct random_state random;
	random_init(&random);
	plan->seed = options->seed > 0 ? (uint64_t)options->seed : random_u64(&random);
	plan->run = random_u64(&random);
	plan->count = (uint64_t)options->count;
	plan->size_max = (uint64_t)options->size_max;
	plan->rcpts = (uint32_t)options->rcpts;
	plan->writers = (uint32_t)options->writers;
	plan->transactional_percent = (uint32_t)options->transactional;
	plan->eight_bit_percent = (uint32_t)options->eight_bit;
	plan->rate = (uint64_t)options->rate;
	plan->mixed = options->mixed;
	plan->line_feed_only = options->line_ends == LINE_ENDS_LF;
	plan->sender = text_of(options->sender);
	plan->date_s = clock_wall_us() / 1000000;
	CHECK(pthread_mutex_init(&plan->manifest_lock, NULL) == 0);
	if (given(options->spool) == NULL)
		return fail_set(fail, RESULT_INVALID, "--spool is missing");
	enum result result = plan_domains(load, fail);
	if (result == RESULT_OK)
		result = plan_text(load, fail);
	if (result == RESULT_OK)
		result = load_spool_open(&plan->spool, options->spool, options->create, fail);
	plan->spool.sync_files = options->sync >= SYNC_FILE;
	plan->spool.in_place = options->in_place;
	return result == RESULT_OK ? open_manifest(load, fail) : result;
}

static void forget_plan(struct load_plan *plan)
{
	load_domains_deinit(&plan->domains);
	load_sizes_deinit(&plan->sizes);
	load_text_deinit(&plan->text);
	load_text_deinit(&plan->text_8bit);
	load_spool_close(&plan->spool);
	if (plan->manifest >= 0)
		file_close(plan->manifest);
	pthread_mutex_destroy(&plan->manifest_lock);
}

/* ---- the run ---- */

static enum result write_all(struct load *load, struct fail *fail)
{
	enum result result = RESULT_OK;
	uint32_t started = 0;
	load->plan.began_ns = clock_now_ns();
	for (; started < load->plan.writers && result == RESULT_OK; started += result == RESULT_OK)
		result = load_writer_start(&load->writers[started], &load->plan, started, fail);
	if (result != RESULT_OK)
		atomic_store(&load->plan.stop, true);
	for (uint32_t i = 0; i < started; i++) {
		struct fail own;
		enum result joined = load_writer_join(&load->writers[i], &own);
		if (joined != RESULT_OK && result == RESULT_OK) {
			result = joined;
			*fail = own;
		}
	}
	if (result == RESULT_OK && load->options.sync == SYNC_ALL)
		result = load_spool_sync(&load->plan.spool, fail);
	return result;
}

static void print_sum(const struct load *load)
{
	uint64_t files = 0, bytes = 0, wall_ns = clock_now_ns() - load->plan.began_ns;
	for (uint32_t i = 0; i < load->plan.writers; i++) {
		files += load->writers[i].files;
		bytes += load->writers[i].bytes;
	}
	double seconds = (double)wall_ns / 1e9;
	printf("longship-load: %llu files, %llu deliveries, %.1f MB in %.2f s, %.0f files/s, run %016llx\n",
		(unsigned long long)files, (unsigned long long)(files * load->plan.rcpts),
		(double)bytes / 1e6, seconds, seconds > 0 ? (double)files / seconds : 0,
		(unsigned long long)load->plan.run);
}

static int run(struct load *load)
{
	struct fail fail;
	enum result result = make_plan(load, &fail);
	if (result == RESULT_OK)
		result = write_all(load, &fail);
	if (result == RESULT_OK && !load->options.quiet)
		print_sum(load);
	if (result != RESULT_OK)
		fprintf(stderr, "longship-load: %s\n", fail.text);
	forget_plan(&load->plan);
	return result == RESULT_OK ? EXIT_DONE :
		result == RESULT_INVALID ? EXIT_ARGUMENTS :
					   EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct load *load = calloc(1, sizeof *load);
	struct arena arena;
	struct fail fail;
	int status = EXIT_DONE;
	CHECK(load != NULL);
	check_install_signal_handlers();
	load->plan.manifest = load->plan.spool.dir = load->plan.spool.tmp = load->plan.spool.new = -1;
	arena_init(&arena, 64 * 1024, OPTIONS_ARENA_BYTES_MAX);
	if (options_parse(&load_option_table, &load->options, argc, argv, &arena, NULL, &fail) !=
		RESULT_OK) {
		fprintf(stderr, "longship-load: %s\n", fail.text);
		return EXIT_ARGUMENTS;
	}
	if (load->options.help)
		options_print_help(&load_option_table, stdout);
	else
		status = run(load);
	arena_deinit(&arena);
	free(load);
	return status;
}
