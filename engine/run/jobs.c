#include "engine/run/jobs.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "engine/io/file_at.h"
#include "engine/io/mailbox.h"
#include "engine/run/config.h"
#include "engine/run/hub.h"
#include "engine/run/job_index_format.h"
#include "engine/run/jobs_state.h"
#include "engine/run/message.h"
#include "engine/run/recovery.h"

#define JOBS_MAGIC 0x10b50001u
/* How long the journal is kept for a job alone. */
#define SAVE_NS SECOND_NS
/* What the disk did not give is asked for again after this. */
#define LATER_NS (5 * SECOND_NS)

enum {
	FIRST_READ_BYTES = 1024, /* most lines are shorter */
	/* Saves that fail in a row, one a second, until the run ends in order: the journal is kept for as
	 * long, and a job that is done does not go. */
	SAVES_FAIL_MAX = 60,
	/* Domains move on through a job at about the same pace, and each is asked for some recipients at
	 * once, who stand as far apart as there are domains: of 200 domains one in five is not there. */
	CACHE_BLOCK_BYTES = 4096,
	CACHE_BLOCKS = 1024,
	ARENA_BYTES_MAX = 2 * QUEUE_VALUE_BYTES_MAX,
};

/* ---- lines ---- */

/* Once a turn: times of files are no finer than that. */
static enum result check_source(struct jobs *j, struct job_run *job, struct fail *fail)
{
	struct job_source *source = &job->source;
	if (job->source_seen_ns == loop_now_ns(&j->loop) && !source->is_changed)
		return RESULT_OK;
	struct file_identity seen = source->seen;
	enum result r = job_source_check(source, fail);
	job->source_seen_ns = r == RESULT_OK ? loop_now_ns(&j->loop) : 0;
	/* What was read while it was written to may be what stood there in between. */
	if (source->seen.modified_ns != seen.modified_ns || source->seen.bytes != seen.bytes)
		file_cache_forget(&j->cache, source->fd);
	if ((source->is_changed || source->has_grown) && !job->is_told_changed) {
		job->is_told_changed = true;
		log_write(&j->log, LOG_JOB_CHANGED,
			LOG_FIELDS(log_cstr("file", job->name),
				log_cstr("why", source->is_changed ? "recipients.jsonl is not what it was"
								   : "lines were added that are not sent")));
	}
	return r;
}

/* RESULT_INVALID: the file is not what it was. */
static enum result read_line(struct jobs *j, struct job_run *job, uint64_t at,
	struct text *out_line, struct fail *fail)
{
	size_t len = 0;
	enum result r = check_source(j, job, fail);
	if (r == RESULT_OK)
		r = file_cache_read_at(
			&j->cache, job->source.fd, at, j->line, FIRST_READ_BYTES, &len, fail);
	struct text text = { j->line, len };
	if (r == RESULT_OK && len == FIRST_READ_BYTES && text_find(text, '\n') == TEXT_NONE) {
		r = file_read_at(job->source.fd, at, j->line, sizeof j->line, &len, fail);
		text.len = len;
	}
	if (r != RESULT_OK)
		return r;
	if (len == 0)
		return fail_set(fail, RESULT_INVALID,
			"recipients.jsonl was cut short after it was accepted");
	size_t end = text_find(text, '\n');
	if (end == TEXT_NONE && len > JOB_LINE_BYTES_MAX)
		return fail_set(fail, RESULT_TOO_LONG,
			"his line in recipients.jsonl is longer than %d octets",
			JOB_LINE_BYTES_MAX);
	*out_line = text_cut(text, end != TEXT_NONE ? end : len);
	return RESULT_OK;
}

/* False: no memory. What is wrong with the line stands in the message. */
static bool fill_line(struct jobs *j, struct message *message, uint64_t at)
{
	struct job_rcpt *rcpt = message->rcpt;
	struct fail fail = { 0 };
	struct text line = TEXT_EMPTY;
	message->read_result = read_line(j, rcpt->job, at, &line, &fail);
	if (message->read_result != RESULT_OK) {
		snprintf(message->reason, sizeof message->reason, "%s", fail.text);
		return true;
	}
	rcpt->line = malloc(line.len + 1);
	if (rcpt->line == NULL)
		return false;
	memcpy(rcpt->line, line.data, line.len);
	rcpt->line_len = (uint32_t)line.len;
	return true;
}

static struct message *make_message(
	struct jobs *j, struct job_domain *domain, uint32_t ordinal, uint64_t at)
{
	struct job_run *job = domain->job;
	char name[FILE_NAME_BYTES_MAX + 1];
	job_rcpt_name(name, sizeof name, job, ordinal);
	struct message *message = message_create(name, &job->identity);
	if (message == NULL)
		return NULL;
	message->rcpt = calloc(1, sizeof *message->rcpt);
	if (message->rcpt != NULL) {
		(void)job_rcpt_of_name(name, message->rcpt);
		message->rcpt->message = message;
		message->rcpt->job = job;
		message->rcpt->domain = domain;
		message->rcpt->is_coming = true;
		message->rcpt->is_dropped = domain->drops;
	}
	if (message->rcpt != NULL && fill_line(j, message, at))
		return message;
	message_destroy(message);
	return NULL;
}

/* ---- what the scheduler wants ---- */

/* The next one that is neither done nor somewhere on his way. RESULT_NOT_FOUND: there is none. */
static enum result next_fresh(struct job_domain *domain, uint32_t *out_ordinal,
	struct job_index_entry *out_entry, struct fail *fail)
{
	const struct job_run *job = domain->job;
	while (domain->next != JOB_NONE) {
		*out_ordinal = domain->next;
		enum result r = job_index_read(&job->index, domain->next, out_entry, fail);
		if (r != RESULT_OK)
			return r;
		if (out_entry->domain != (uint32_t)(domain - job->domains))
			return fail_set(fail, RESULT_DAMAGED,
				"its index below state/jobs has a recipient in two domains");
		domain->next = out_entry->next;
		if (!job_bit(job->taken, *out_ordinal))
			return RESULT_OK;
	}
	return RESULT_NOT_FOUND;
}

static void later_due(struct timer *timer)
{
	struct jobs *j = CONTAINER_OF(timer, struct jobs, later_timer);
	struct list_node *node;
	while ((node = list_pop_front(&j->later)) != NULL) {
		struct job_domain *domain = CONTAINER_OF(node, struct job_domain, later_node);
		uint32_t owed = domain->owed;
		domain->owed = 0;
		hub_post(j->hub->scheduler, POST_JOB_END, domain, owed, 0);
	}
}

/* What the disk does not give now is asked for again after a while: the scheduler hears of it only then. With
 * --once it waits for the next start, and so does what a damaged index has: that is made anew then. */
static void fail_more(struct jobs *j, struct job_domain *domain, uint32_t missing, enum result r,
	const struct fail *fail)
{
	struct fail ignored;
	if (!j->unreadable)
		log_write(&j->log, LOG_FAILED,
			LOG_FIELDS(log_cstr("what", "reading the recipients of a job"),
				log_cstr("file", domain->job->name), log_fail("why", fail)));
	j->unreadable = true;
	if (r == RESULT_DAMAGED || j->hub->config->options->once) {
		if (r == RESULT_DAMAGED)
			r = file_unlink(domain->job->state_fd, JOB_INDEX_NAME, &ignored);
		domain->next = JOB_NONE;
		hub_post(j->hub->scheduler, POST_JOB_END, domain, missing, 1);
		return;
	}
	domain->owed = missing;
	list_push_back(&j->later, &domain->later_node);
	if (!timer_is_running(&j->later_timer))
		loop_timer_start(&j->loop, &j->later_timer, LATER_NS, later_due);
}

static void more(struct jobs *j, struct job_domain *domain, uint32_t count)
{
	struct fail fail = { 0 };
	struct job_index_entry entry;
	uint32_t made = 0, ordinal = 0;
	enum result r = RESULT_OK;
	while (made < count && (r = next_fresh(domain, &ordinal, &entry, &fail)) == RESULT_OK) {
		struct message *message = make_message(j, domain, ordinal, entry.line_at);
		if (message == NULL) {
			domain->next = ordinal;
			r = fail_set(&fail, RESULT_MEMORY, "out of memory here");
			break;
		}
		job_bit_set(domain->job->taken, ordinal);
		domain->unmade--;
		domain->job->unmade--;
		hub_post(j->hub->scheduler, POST_JOB_RCPT, message, 0, 0);
		made++;
	}
	if (r != RESULT_OK && r != RESULT_NOT_FOUND) {
		fail_more(j, domain, count - made, r, &fail);
		return;
	}
	j->unreadable = false;
	if (made < count)
		hub_post(j->hub->scheduler, POST_JOB_END, domain, count - made,
			domain->next == JOB_NONE);
}

static void take_back(struct job_domain *domain, uint32_t ordinal)
{
	job_bit_clear(domain->job->taken, ordinal);
	domain->unmade++;
	domain->job->unmade++;
	/* In a domain they come in the order of their ordinals. */
	if (ordinal < domain->next)
		domain->next = ordinal;
}

static void read_again(struct jobs *j, struct message *message)
{
	struct job_rcpt *rcpt = message->rcpt;
	struct job_run *job = rcpt->job;
	struct job_index_entry entry;
	struct fail fail = { 0 };
	enum result r = rcpt->ordinal < job->rcpts_count
				? job_index_read(&job->index, rcpt->ordinal, &entry, &fail)
				: fail_set(&fail, RESULT_INVALID, "the job has no such recipient");
	if (r == RESULT_OK) {
		rcpt->is_done = job_progress_is_done(&job->progress, rcpt->ordinal);
		if (!fill_line(j, message, entry.line_at))
			r = fail_set(&fail, RESULT_MEMORY, "out of memory here");
	}
	if (r != RESULT_OK) {
		message->read_result = r;
		snprintf(message->reason, sizeof message->reason, "%s", fail.text);
	}
	hub_post(j->hub->scheduler, POST_JOB_RCPT, message, 0, 0);
}

/* ---- progress ---- */

void jobs_save(struct jobs *j, struct job_run *job)
{
	struct fail fail = { 0 };
	enum result r = job_progress_save(&job->progress, &fail);
	if (r != RESULT_OK) { /* the journal stays, and it is tried again */
		if (!j->failing)
			log_write(&j->log, LOG_FAILED,
				LOG_FIELDS(log_cstr("what", "saving the progress of a job"),
					log_cstr("file", job->name), log_fail("why", &fail)));
		j->failing = true;
		if (++j->fails_count == SAVES_FAIL_MAX)
			hub_post(j->hub->scheduler, POST_RECORD_FAILED, NULL, 0, 0);
		jobs_save_soon(j);
		return;
	}
	j->failing = false;
	j->fails_count = 0;
	hub_post(j->hub->recorder, POST_JOB_SAVED, job->message, job->is_recovered, job->seen_seq);
	job->is_recovered = false;
	if (job->progress.done_count == job->rcpts_count && !job->is_told_over) {
		job->is_told_over = true;
		hub_post(j->hub->scheduler, POST_JOB_OVER, job, 0, 0);
	}
}

static void save_due(struct timer *timer)
{
	struct jobs *j = CONTAINER_OF(timer, struct jobs, save_timer);
	LIST_FOR_EACH(node, &j->runs)
	{
		struct job_run *job = CONTAINER_OF(node, struct job_run, node);
		if (job->progress.changed)
			jobs_save(j, job);
	}
}

void jobs_save_soon(struct jobs *j)
{
	if (!timer_is_running(&j->save_timer))
		loop_timer_start(&j->loop, &j->save_timer, SAVE_NS, save_due);
}

static void rcpt_done(struct jobs *j, struct job_run *job, uint32_t ordinal, uint64_t packed)
{
	uint64_t seq = job_done_seq(packed);
	CHECK_OBJ(job, JOB_RUN_MAGIC);
	job_progress_set(&job->progress, ordinal, job_done_kind(packed));
	if (job_kind_is_answer(job_done_kind(packed)))
		job_progress_answered(&job->progress, clock_wall_us());
	jobs_note_rate(j, job);
	if (seq > job->seen_seq)
		job->seen_seq = seq;
	if (job->progress.done_count == job->rcpts_count)
		jobs_save(j, job);
	else
		jobs_save_soon(j);
}

/* ---- the thread ---- */

static void hear(struct loop *loop, const struct mailbox_message *message)
{
	struct jobs *j = loop->owner;
	switch (message->kind) {
	case POST_BEGIN:
		jobs_open_orphans(j);
		hub_post(j->hub->scheduler, POST_JOBS_BEGUN, NULL, 0, 0);
		break;
	case POST_JOB_OPEN: jobs_open(j, message->object); break;
	case POST_JOB_MORE: more(j, message->object, message->number); break;
	case POST_JOB_BACK: take_back(message->object, message->number); break;
	case POST_JOB_READ: read_again(j, message->object); break;
	case POST_JOB_RCPT_DONE: rcpt_done(j, message->object, message->number, message->a); break;
	case POST_JOB_CLOSE: jobs_close(j, message->object, message->number != 0); break;
	case POST_CONTROL: jobs_control(j, message->object); break;
	case POST_STOP:
		save_due(&j->save_timer);
		loop_stop(loop);
		break;
	default: UNREACHABLE("a message that is not for the jobs thread");
	}
}

static void turn_end(struct loop *loop)
{
	struct jobs *j = loop->owner;
	jobs_accept_step(j);
	if (!list_is_empty(&j->accepting))
		loop_turn_again(&j->loop);
}

void *jobs_run(void *jobs)
{
	static const struct loop_handlers handlers = { .message = hear, .turn_end = turn_end };
	const struct ring_options options = { .submissions = 16, .without_buffers = true };
	struct jobs *j = jobs;
	check_install_signal_stack();
	if (loop_init(&j->loop, &options, j->hub->jobs, &handlers, j, &j->fail) != RESULT_OK)
		return j;
	j->loop.nap_ns = LOOP_NAP_NS;
	loop_run(&j->loop);
	loop_timer_stop(&j->loop, &j->save_timer);
	loop_timer_stop(&j->loop, &j->later_timer);
	loop_deinit(&j->loop);
	return NULL;
}

const struct fail *jobs_fail(const struct jobs *jobs) { return &jobs->fail; }

/* ---- life ---- */

static enum result open_parts(struct jobs *j, struct fail *fail)
{
	char path[4096];
	const char *spool = j->hub->config->options->spool;
	if (snprintf(path, sizeof path, "%s/state/jobs", spool) >= (int)sizeof path)
		return fail_set(fail, RESULT_TOO_LONG, "--spool: the path is too long");
	enum result r = file_make_directories(path, 0700, fail);
	if (r == RESULT_OK)
		r = file_open_directory(AT_FDCWD, path, &j->jobs_fd, fail);
	path[strlen(path) - strlen("/jobs")] = '\0';
	if (r == RESULT_OK)
		r = holds_load(&j->holds, path, fail);
	if (r == RESULT_OK && j->hub->queue != NULL)
		r = queue_reader_create(j->hub->queue, &j->reader, fail);
	return r;
}

static void keep_one(struct hash_node *node, void *context)
{
	struct jobs *j = context;
	struct recovered_file *file = CONTAINER_OF(node, struct recovered_file, node);
	if (!file->is_job)
		return;
	j->recovered[j->recovered_count] = recovered_copy(file);
	if (j->recovered[j->recovered_count] != NULL)
		j->recovered_count++;
	else
		j->lacks_memory = true;
}

/* The map is the scheduler's as soon as that runs, and what has gone for good leaves it before that. */
static enum result keep_recovered(struct jobs *j, struct recovery *recovery, struct fail *fail)
{
	j->recovered = calloc(hash_map_count(&recovery->files) + 1, sizeof(*j->recovered));
	if (j->recovered == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for the jobs");
	hash_map_for_each(&recovery->files, keep_one, j);
	return j->lacks_memory ? fail_set(fail, RESULT_MEMORY, "out of memory for the jobs") : RESULT_OK;
}

enum result jobs_create(struct hub *hub, struct recovery *recovery, int new_fd,
	struct jobs **out_jobs, struct fail *fail)
{
	struct jobs *j = calloc(1, sizeof *j);
	*out_jobs = NULL;
	if (j == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for the jobs");
	j->magic = JOBS_MAGIC;
	j->hub = hub;
	j->new_fd = new_fd;
	j->jobs_fd = -1;
	j->log = run_config_logger(hub->config, "jobs");
	list_init(&j->runs);
	list_init(&j->accepting);
	list_init(&j->later);
	arena_init(&j->arena, 4096, ARENA_BYTES_MAX);
	enum result r = keep_recovered(j, recovery, fail);
	if (r == RESULT_OK &&
		file_cache_init(&j->cache, CACHE_BLOCKS, CACHE_BLOCK_BYTES) != RESULT_OK)
		r = fail_set(fail, RESULT_MEMORY, "out of memory for the jobs");
	if (r == RESULT_OK)
		r = open_parts(j, fail);
	if (r != RESULT_OK)
		jobs_destroy(j);
	else
		*out_jobs = j;
	return r;
}

void jobs_destroy(struct jobs *j)
{
	struct list_node *node;
	if (j == NULL)
		return;
	CHECK_OBJ(j, JOBS_MAGIC);
	while (list_pop_front(&j->later) != NULL)
		;
	while ((node = list_first(&j->accepting)) != NULL || (node = list_first(&j->runs)) != NULL)
		jobs_free(j, CONTAINER_OF(node, struct job_run, node));
	while (j->recovered_count > 0)
		recovered_destroy(j->recovered[--j->recovered_count]);
	free(j->recovered);
	queue_reader_destroy(&j->reader);
	arena_deinit(&j->arena);
	file_cache_deinit(&j->cache);
	holds_deinit(&j->holds);
	file_close(j->jobs_fd);
	j->magic = 0;
	free(j);
}
