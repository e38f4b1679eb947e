#include "engine/run/run.h"
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/base/check.h"
#include "engine/io/limits_process.h"
#include "engine/io/signals.h"
#include "engine/run/cache_writer.h"
#include "engine/run/config.h"
#include "engine/run/control.h"
#include "engine/run/files.h"
#include "engine/run/hub.h"
#include "engine/run/jobs.h"
#include "engine/run/keeper.h"
#include "engine/run/recorder.h"
#include "engine/run/recovery.h"
#include "engine/run/resolver.h"
#include "engine/run/roots.h"
#include "engine/run/scheduler.h"
#include "engine/run/site.h"
#include "engine/run/site_rules_set.h"
#include "engine/run/status.h"
#include "engine/run/suppress_start.h"
#include "engine/run/suppressor.h"
#include "engine/run/threads.h"
#include "engine/run/verifier.h"
#include "engine/run/worker.h"
#include "engine/spool/json_memory.h"
#include "store/suppress.h"
#include "tls/tls_context.h"

enum {
	/* Mailboxes: the credits of all who post to them (hub.h), each with its answers, and room
	 * for the rare messages that have none. */
	MAIL_RARE = 256,
};

struct run {
	struct arena arena;
	struct send_options options;
	struct run_config config;
	struct hub hub;
	struct recovery recovery;
	bool has_recovery;
	bool hangs; /* a thread did not end: nothing may be taken from it */
	enum log_row blocked; /* what is said of that */
	struct recorder *recorder;
	struct scheduler *scheduler;
	struct cache_writer *cache_writer;
	struct suppressor *suppressor; /* NULL: --suppress-bounces off */
	struct keeper *keeper;
	struct jobs *jobs;
	struct resolver *resolver;
	struct verifier *verifier;
	struct files *files;
	struct worker **workers;
	struct threads threads;
	struct loop loop;
	struct signals signals;
	struct control control;
	struct holds holds; /* the scheduler's */
	struct status status;
	struct logger log;
	unsigned terms; /* how often we were asked to stop */
	struct fail fail;
};

static int exit_status_of(enum result result)
{
	if (result == RESULT_INVALID)
		return RUN_EXIT_ARGUMENTS;
	if (result == RESULT_UNAVAILABLE)
		return RUN_EXIT_UNAVAILABLE;
	if (result == RESULT_BUSY)
		return RUN_EXIT_BUSY;
	return RUN_EXIT_NOT_WRITABLE;
}

/* ---- mailboxes ---- */

static enum result make_mailboxes(struct run *run)
{
	struct hub *hub = &run->hub;
	uint32_t workers = hub->workers_count, sessions = (uint32_t)run->options.sessions;
	/* To a worker: reads, attempts of its sessions, call-backs, room for their bodies, verdicts,
	 * answers to its reports. */
	uint32_t worker_messages = HUB_READS_MAX + (4 + LEASE_AHEAD_URGENT) * sessions + HUB_REPORTS_MAX +
		HUB_VERDICTS_MAX + MAIL_RARE;
	/* From the workers: what they read, sessions, what they heard and returned, slots. */
	uint32_t from_workers = workers * (HUB_READS_MAX + MAIL_RARE) + 3 * HUB_UNRECORDED_MAX + 4 * sessions;
	/* Recipients of jobs that are in memory, each asked for, told of, done and maybe given back. */
	uint32_t rcpts = 2048 + 4 * sessions + HUB_JOB_FETCHES_MAX;
	uint32_t jobs_messages = 4 * rcpts + HUB_FILES_MAX + HUB_UNRECORDED_MAX + MAIL_RARE;
	uint32_t scheduler_messages = from_workers + 2 * rcpts + 4 * HUB_FILES_MAX + HUB_ROUTES_MAX +
		HUB_UNRECORDED_MAX + HUB_SITES_MAX + HUB_PARKS_MAX + 2 * HUB_DUE_MAX + MAIL_RARE;
	uint32_t recorder_messages = 2 * HUB_UNRECORDED_MAX + workers * HUB_REPORTS_MAX +
		2 * HUB_FILES_MAX + HUB_SITES_MAX + HUB_POLICIES_MAX + MAIL_RARE;
	uint32_t files_messages = 4 * HUB_FILES_MAX + HUB_UNRECORDED_MAX + 2 * HUB_DUE_MAX +
		HUB_PARKED_GONE_MAX + MAIL_RARE;
	uint32_t keeper_messages = HUB_PARKS_MAX + 2 * HUB_DUE_MAX + HUB_PARKED_GONE_MAX +
		HUB_FILES_MAX + MAIL_RARE;
	struct fail *fail = &run->fail;
	hub->workers = calloc(workers, sizeof(struct mailbox *));
	if (hub->workers == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory");
	enum result r = mailbox_create(scheduler_messages, &hub->scheduler, fail);
	if (r == RESULT_OK)
		r = mailbox_create(recorder_messages, &hub->recorder, fail);
	if (r == RESULT_OK)
		r = mailbox_create(HUB_ROUTES_MAX + HUB_POLICIES_MAX + MAIL_RARE, &hub->resolver, fail);
	if (r == RESULT_OK)
		r = mailbox_create(workers * HUB_VERDICTS_MAX + MAIL_RARE, &hub->verifier, fail);
	if (r == RESULT_OK)
		r = mailbox_create(files_messages, &hub->files, fail);
	if (r == RESULT_OK)
		r = mailbox_create(jobs_messages, &hub->jobs, fail);
	if (r == RESULT_OK)
		r = mailbox_create(keeper_messages, &hub->keeper, fail);
	if (r == RESULT_OK)
		r = mailbox_create(MAIL_RARE, &hub->cache, fail);
	if (r == RESULT_OK)
		r = mailbox_create(MAIL_RARE, &hub->main, fail);
	if (r == RESULT_OK && run->options.suppress_bounces != SUPPRESS_BOUNCES_OFF)
		r = mailbox_create(MAIL_RARE, &hub->suppressor, fail);
	for (uint32_t i = 0; i < workers && r == RESULT_OK; i++)
		r = mailbox_create(worker_messages, &hub->workers[i], fail);
	return r;
}

static void end_mailboxes(struct hub *hub)
{
	for (uint32_t i = 0; hub->workers != NULL && i < hub->workers_count; i++)
		mailbox_destroy(hub->workers[i]);
	free(hub->workers);
	mailbox_destroy(hub->scheduler);
	mailbox_destroy(hub->recorder);
	mailbox_destroy(hub->resolver);
	mailbox_destroy(hub->verifier);
	mailbox_destroy(hub->files);
	mailbox_destroy(hub->cache);
	mailbox_destroy(hub->keeper);
	mailbox_destroy(hub->jobs);
	mailbox_destroy(hub->main);
	mailbox_destroy(hub->suppressor);
}

/* ---- parts ---- */

static enum result load_holds(struct run *run)
{
	char state[4096];
	if (snprintf(state, sizeof state, "%s/state", run->options.spool) >= (int)sizeof state)
		return fail_set(&run->fail, RESULT_TOO_LONG, "--spool: the path is too long");
	enum result r = holds_load(&run->holds, state, &run->fail);
	if (r == RESULT_OK)
		run->hub.holds = &run->holds;
	return r;
}

/* The order matters: the spool's owner first, so that a second sender changes nothing. */
static enum result make_parts(struct run *run)
{
	struct hub *hub = &run->hub;
	struct fail *fail = &run->fail;
	enum result r = recovery_init(&run->recovery);
	if (r != RESULT_OK)
		return fail_set(fail, r, "out of memory");
	run->has_recovery = true;
	r = files_create(hub, &run->files, fail);
	if (r == RESULT_OK)
		r = recorder_create(hub, &run->recovery, files_new_fd(run->files), &run->recorder, fail);
	if (r == RESULT_OK)
		r = keeper_create(hub, &run->recovery, files_new_fd(run->files), &run->keeper, fail);
	if (r == RESULT_OK)
		r = jobs_create(hub, &run->recovery, files_new_fd(run->files), &run->jobs, fail);
	if (r == RESULT_OK)
		recorder_forget_gone(run->recorder, files_new_fd(run->files));
	if (r == RESULT_OK)
		r = suppress_start(hub, run->recorder, fail);
	if (r == RESULT_OK && hub->suppressor != NULL)
		r = suppressor_create(hub, &run->suppressor, fail);
	if (r == RESULT_OK)
		r = cache_writer_create(hub, &run->cache_writer, fail);
	if (r == RESULT_OK)
		r = resolver_create(hub, run->cache_writer, &run->resolver, fail);
	if (r == RESULT_OK)
		r = verifier_create(hub, &run->verifier, fail);
	if (r == RESULT_OK)
		r = load_holds(run);
	if (r == RESULT_OK)
		r = scheduler_create(hub, &run->recovery, &run->scheduler, fail);
	run->workers = calloc(hub->workers_count, sizeof(struct worker *));
	if (r == RESULT_OK && run->workers == NULL)
		r = fail_set(fail, RESULT_MEMORY, "out of memory");
	for (uint32_t i = 0; i < hub->workers_count && r == RESULT_OK; i++)
		r = worker_create(hub, i, files_new_fd(run->files), &run->workers[i], fail);
	return r;
}

static void end_parts(struct run *run)
{
	recorder_destroy(run->recorder);
	files_destroy(run->files);
	scheduler_destroy(run->scheduler);
	jobs_destroy(run->jobs);
	keeper_destroy(run->keeper);
	holds_deinit(&run->holds);
	suppressor_destroy(run->suppressor);
	suppress_close(&run->hub.suppress);
	verifier_destroy(run->verifier);
	for (uint32_t i = 0; run->workers != NULL && i < run->hub.workers_count; i++)
		worker_destroy(run->workers[i]);
	free(run->workers);
	resolver_destroy(run->resolver);
	cache_writer_destroy(run->cache_writer);
	if (run->has_recovery)
		recovery_deinit(&run->recovery);
}

/* ---- threads ---- */

static void add_thread(struct run *run, const char *name, void *(*function)(void *), void *argument,
	struct mailbox *mailbox)
{
	const struct thread thread = {
		.name = name,
		.function = function,
		.argument = argument,
		.mailbox = mailbox,
	};
	threads_add(&run->threads, &thread);
}

static enum result start_threads(struct run *run)
{
	struct hub *hub = &run->hub;
	const struct thread cache = {
		.name = "cache",
		.function = cache_writer_run,
		.argument = run->cache_writer,
		.mailbox = hub->cache,
		.may_hang = true,
		.blocked = LOG_CACHE_BLOCKED,
	};
	const struct thread suppressor = {
		.name = "suppressor",
		.function = suppressor_run,
		.argument = run->suppressor,
		.mailbox = hub->suppressor,
		.may_hang = true,
		.is_last = true, /* the recorder's last words are for it */
		.blocked = LOG_SUPPRESS_BLOCKED,
	};
	enum result r = threads_init(&run->threads, hub->workers_count + 9, &run->fail);
	if (r != RESULT_OK)
		return r;
	add_thread(run, "recorder", recorder_run, run->recorder, hub->recorder);
	add_thread(run, "keeper", keeper_run, run->keeper, hub->keeper);
	add_thread(run, "jobs", jobs_run, run->jobs, hub->jobs);
	threads_add(&run->threads, &cache);
	add_thread(run, "resolver", resolver_run, run->resolver, hub->resolver);
	add_thread(run, "verifier", verifier_run, run->verifier, hub->verifier);
	for (uint32_t i = 0; i < hub->workers_count; i++)
		add_thread(run, "worker", worker_run, run->workers[i], hub->workers[i]);
	add_thread(run, "scheduler", scheduler_run, run->scheduler, hub->scheduler);
	add_thread(run, "files", files_run, run->files, hub->files);
	if (run->suppressor != NULL)
		threads_add(&run->threads, &suppressor);
	return threads_start(&run->threads, &run->fail);
}

/* The first thread that could not begin says why. */
static enum result fail_of_threads(const struct run *run, struct fail *out_fail)
{
	const struct fail *fails[] = { recorder_fail(run->recorder), keeper_fail(run->keeper),
		jobs_fail(run->jobs), cache_writer_fail(run->cache_writer),
		resolver_fail(run->resolver), verifier_fail(run->verifier),
		scheduler_fail(run->scheduler), files_fail(run->files) };
	for (size_t i = 0; i < COUNT_OF(fails); i++)
		if (fails[i]->result != RESULT_OK) {
			*out_fail = *fails[i];
			return out_fail->result;
		}
	if (run->suppressor != NULL && suppressor_fail(run->suppressor)->result != RESULT_OK) {
		*out_fail = *suppressor_fail(run->suppressor);
		return out_fail->result;
	}
	for (uint32_t i = 0; i < run->hub.workers_count; i++)
		if (worker_fail(run->workers[i])->result != RESULT_OK) {
			*out_fail = *worker_fail(run->workers[i]);
			return out_fail->result;
		}
	return RESULT_OK;
}

/* ---- the main thread: signals and the status line ---- */

static void on_signal(struct signals *signals, int signal)
{
	struct run *run = CONTAINER_OF(signals, struct run, signals);
	log_write(&run->log, LOG_SIGNAL, LOG_FIELDS(log_cstr("signal", strsignal(signal))));
	if (signal == SIGHUP) {
		hub_post(run->hub.recorder, POST_REOPEN, NULL, 0, 0);
		site_rules_set_reload(&run->hub, &run->log);
	} else if (run->terms++ < 2) /* the first drains, the second stops at once, more change nothing */
		hub_post(run->hub.scheduler, POST_DRAIN, NULL, run->terms > 1, 0);
}

static void hear(struct loop *loop, const struct mailbox_message *message)
{
	struct run *run = loop->owner;
	if (message->kind == POST_CONTROL_SLICE) {
		control_slice_done(&run->control, message->object);
		return;
	}
	CHECK(message->kind == POST_STOP);
	loop_stop(loop);
}

static enum result watch(struct run *run)
{
	static const struct loop_handlers handlers = { .message = hear };
	/* Few buffers: tools ask in one line. */
	const struct ring_options options = { .submissions = 64, .buffers = 8, .buffer_bytes = 4096 };
	enum result r = loop_init(&run->loop, &options, run->hub.main, &handlers, run, &run->fail);
	if (r != RESULT_OK)
		return r;
	r = signals_open(&run->signals, run->loop.ring, on_signal, &run->fail);
	if (r != RESULT_OK) {
		loop_deinit(&run->loop);
		return r;
	}
	r = control_open(&run->control, &run->hub, &run->loop, &run->fail);
	if (r == RESULT_OK)
		r = start_threads(run);
	if (r == RESULT_OK) {
		log_write(&run->log, LOG_STARTED,
			LOG_FIELDS(log_cstr("spool", run->options.spool),
				log_cstr("helo", run->config.sources[0].helo),
				log_number("workers", run->hub.workers_count)));
		status_start(&run->status, &run->hub, &run->loop);
		hub_post(run->hub.files, POST_BEGIN, NULL, 0, 0);
		hub_post(run->hub.keeper, POST_BEGIN, NULL, 0, 0);
		hub_post(run->hub.jobs, POST_BEGIN, NULL, 0, 0);
		loop_run(&run->loop);
		status_stop(&run->status);
	} else {
		threads_stop(&run->threads);
	}
	run->hangs = !threads_join(&run->threads, &run->blocked);
	threads_deinit(&run->threads);
	control_close(&run->control);
	signals_close(&run->signals);
	while (run->signals.op.in_flight)
		ring_run_once(run->loop.ring, RING_FOREVER);
	loop_deinit(&run->loop);
	return r;
}

/* A writer of another process was stopped while it held the cache or the suppression list, and ours waits for
 * it. All else is done; what that thread may still look at stays where it is. */
static _Noreturn void leave(const struct run *run, int status)
{
	log_write(&run->log, run->blocked, LOG_NO_FIELDS);
	fflush(NULL);
	_exit(status);
}

static int run_threads(struct run *run)
{
	struct hub *hub = &run->hub;
	hub->config = &run->config;
	hub->workers_count = run->config.workers_count;
	body_budget_init(&hub->bodies, (size_t)run->options.memory_bytes);
	hub->tls_pool = tls_pool_create();
	enum result r = make_mailboxes(run);
	if (r == RESULT_OK)
		r = make_parts(run);
	if (r == RESULT_OK) {
		r = watch(run);
		/* A thread that could not begin tells more than that it did not wake up. */
		if (r != RESULT_OK)
			r = fail_of_threads(run, &run->fail) != RESULT_OK ? run->fail.result : r;
	}
	int status = RUN_EXIT_DONE;
	if (r != RESULT_OK) {
		status = exit_status_of(r);
		log_write(&run->log, LOG_FAILED, LOG_FIELDS(log_fail("why", &run->fail)));
	} else {
		struct scheduler_end end = scheduler_end_of(run->scheduler);
		if (end.record_failed)
			status = RUN_EXIT_NOT_WRITABLE;
		else if (end.mail_waits)
			status = RUN_EXIT_MAIL_WAITS;
	}
	if (run->hangs)
		leave(run, status);
	end_parts(run);
	end_mailboxes(hub);
	tls_pool_destroy(hub->tls_pool);
	return status;
}

static int parse(struct run *run, int argc, char *const *argv, bool *out_done)
{
	enum result r = options_parse(
		&send_option_table, &run->options, argc, argv, &run->arena, NULL, &run->fail);
	*out_done = r == RESULT_OK && (run->options.help || run->options.show_config);
	if (*out_done && run->options.help)
		options_print_help(&send_option_table, stdout);
	else if (*out_done)
		options_print_config(&send_option_table, &run->options, stdout);
	if (r == RESULT_OK && !*out_done)
		r = run_config_init(&run->config, &run->options, &run->arena, &run->fail);
	if (r == RESULT_OK && !*out_done)
		r = roots_load(&run->config, &run->fail);
	if (r == RESULT_OK)
		return RUN_EXIT_DONE;
	fprintf(stderr, "longship send: %s\n", run->fail.text);
	return RUN_EXIT_ARGUMENTS;
}

/* Sessions need descriptors, and a message file being read another. */
static void raise_limits(struct run *run)
{
	uint64_t files = limits_process_raise_files();
	uint64_t reads = (uint64_t)run->config.workers_count * HUB_READS_MAX;
	uint64_t wanted = run_config_session_files(&run->config) + reads + 64;
	if (files < wanted)
		log_write(&run->log, LOG_LIMIT_LOW,
			LOG_FIELDS(log_cstr("what", "open files (RLIMIT_NOFILE, LimitNOFILE=)"),
				log_number("allowed", files), log_number("wanted", wanted)));
}

/* Messages come and go in waves. With glibc's defaults an arena grows by a page at a time and gives back
 * what it will need again in a moment: a tenth of all CPU time at 20,000 messages. */
static void keep_memory(void)
{
	mallopt(M_TOP_PAD, 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
	mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
}

int run_send(int argc, char *const *argv)
{
	bool done = false;
	struct run *run = calloc(1, sizeof *run);
	if (run == NULL)
		return RUN_EXIT_NOT_WRITABLE;
	arena_init(&run->arena, 16384, OPTIONS_ARENA_BYTES_MAX);
	check_install_signal_handlers();
	int status = parse(run, argc, argv, &done);
	if (status == RUN_EXIT_DONE && !done) {
		run->log = run_config_logger(&run->config, "main");
		signals_block();
		keep_memory();
		json_memory_setup();
		raise_limits(run);
		status = run_threads(run);
	}
	roots_unload(&run->config);
	arena_deinit(&run->arena);
	free(run);
	return status;
}
