#include "engine/run/recorder.h"
#include <stdlib.h>
#include "engine/base/event.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "engine/run/job_run.h"
#include "engine/run/notice.h"
#include "engine/run/record_event.h"
#include "engine/run/recorder_state.h"
#include "engine/run/revival.h"
#include "engine/run/suppressor.h"
#include "store/journal_record.h"

/* Happy path: OUTCOME ─▶ records in the journal's batch, lines in `lines` ─▶ commit (fdatasync)
 * ─▶ lines to the event file ─▶ RECORDED.
 * Failure modes: the commit or the event file fails ─▶ RECORD_FAILED once; what is not recorded stays in
 * memory, nobody is told that it is done, so its file stays and is sent again by the next run. */

/* ---- failing ---- */

static void give_up(struct recorder *r, enum log_row row, const struct fail *fail)
{
	if (r->failed)
		return;
	r->failed = true;
	log_write(&r->log, row, LOG_FIELDS(log_fail("why", fail)));
	hub_post(r->hub->scheduler, POST_RECORD_FAILED, NULL, 1, 0);
}

/* ---- commit ---- */

/* What a job saves says "all up to this record", so its outcomes are told in the order of their records:
 * behind one with a notification all take the way over the files thread. */
static void tell_recorded(struct recorder *r)
{
	struct list_node *node;
	while ((node = list_pop_front(&r->uncommitted)) != NULL) {
		struct attempt *attempt = CONTAINER_OF(node, struct attempt, node);
		if (attempt->is_noticed || (r->has_job_notices && attempt->message->rcpt != NULL))
			hub_post(r->hub->files, POST_PUBLISH, attempt, 0, 0);
		else
			hub_post(r->hub->scheduler, POST_RECORDED, attempt, 0, 0);
	}
	while ((node = list_pop_front(&r->uncommitted_rejects)) != NULL)
		hub_post(r->hub->scheduler, POST_REJECT_RECORDED,
			CONTAINER_OF(node, struct message, depart_node), 0, 0);
	if (r->uncommitted_split != NULL)
		hub_post(r->hub->files, POST_SPLIT_RECORDED, r->uncommitted_split, 0, 0);
	r->uncommitted_split = NULL;
}

static void give_credits(struct recorder *r)
{
	for (uint32_t i = 0; i < r->hub->workers_count; i++) {
		if (r->report_credits[i] == 0)
			continue;
		hub_post(r->hub->workers[i], POST_REPORT_DONE, NULL, r->report_credits[i], 0);
		r->report_credits[i] = 0;
	}
	if (r->site_credits > 0)
		hub_post(r->hub->scheduler, POST_REPORT_DONE, NULL, r->site_credits, 0);
	r->site_credits = 0;
	if (r->policy_credits > 0)
		hub_post(r->hub->resolver, POST_REPORT_DONE, NULL, r->policy_credits, 0);
	r->policy_credits = 0;
}

/* The journal still takes everything, so nothing is sent twice; the lines that are missing are written by
 * the next run, out of the journal: from here on nothing of it is retired, and no note says that they are
 * written. This run ends in order (exit status 74).
 *
 * After a failed sync it is the tail of the file that tells the next run what is missing. The limit of that:
 * the kernel tells of lost pages once, and may keep them in memory as if they were written. A next run of
 * the same boot finds their lines there, takes them for written, and they last as long as the machine is up;
 * the first one after a boot finds what the disk has. A page that was lost before others that were not is not
 * found: the last whole line is all that is looked at. */
void recorder_lose_events(struct recorder *r, const struct fail *fail)
{
	r->events_failed = true;
	log_write(&r->log, LOG_EVENTS_FAILED, LOG_FIELDS(log_fail("why", fail)));
	hub_post(r->hub->scheduler, POST_RECORD_FAILED, NULL, 0, 0);
}

/* The lines follow the journal: what is not durable there is told to nobody. */
static void write_lines(struct recorder *r)
{
	struct fail fail = { 0 };
	CHECK(!r->lines.overflow);
	enum result result = RESULT_OK;
	if (r->events != NULL && r->lines.len > 0 && !r->events_failed)
		result = event_file_write(r->events, buf_text(&r->lines), &fail);
	if (result != RESULT_OK)
		recorder_lose_events(r, &fail);
	else if (!r->events_failed)
		r->written_seq = journal_committed_seq(r->journal);
	buf_reset(&r->lines);
}

/* The segment there is takes what is in flight; nothing new may be begun. */
static void tell_if_full(struct recorder *r)
{
	if (r->told_full || journal_has_reserve(r->journal))
		return;
	r->told_full = true;
	log_write(&r->log, LOG_JOURNAL_FAILED,
		LOG_FIELDS(log_cstr("why", "no space for another segment in the spool's state/")));
	hub_post(r->hub->scheduler, POST_RECORD_FAILED, NULL, 0, 0);
}

static bool commit(struct recorder *r)
{
	struct fail fail = { 0 };
	loop_timer_stop(&r->loop, &r->commit_timer);
	if (r->failed) {
		give_credits(r); /* workers that drain wait for them */
		return false;
	}
	if (journal_commit(r->journal, &fail) != RESULT_OK) {
		give_up(r, LOG_JOURNAL_FAILED, &fail);
		return false;
	}
	write_lines(r);
	hub_count(&r->hub->counters.commits, 1);
	tell_if_full(r);
	tell_recorded(r);
	recorder_suppress_hand_over(r);
	give_credits(r);
	return true;
}

static void commit_due(struct timer *timer)
{
	commit(CONTAINER_OF(timer, struct recorder, commit_timer));
}

void recorder_commit_soon(struct recorder *r)
{
	if (journal_pending_bytes(r->journal) >= COMMIT_BYTES)
		commit(r);
	else if (!timer_is_running(&r->commit_timer))
		loop_timer_start(&r->loop, &r->commit_timer,
			(uint64_t)r->config->options->commit_ms * MS_NS, commit_due);
}

/* ---- records ---- */

void recorder_append_silent(struct recorder *r, const struct outcome_record *record)
{
	struct buf payload;
	buf_init(&payload, r->payload, JOURNAL_PAYLOAD_BYTES_MAX);
	journal_record_put(&payload, record);
	CHECK(!payload.overflow);
	enum result result = journal_append(r->journal, (uint8_t)record->type, buf_text(&payload));
	if (result == RESULT_OK)
		return;
	struct fail fail = { 0 };
	fail_set(&fail, result, "a record does not fit into the journal");
	give_up(r, LOG_JOURNAL_FAILED, &fail);
}

void recorder_append(struct recorder *r, struct outcome_record *record, size_t line_at)
{
	record->line = text_of_bytes(r->lines.data + line_at, r->lines.len - line_at);
	recorder_append_silent(r, record);
	if (!r->failed)
		hub_count(&r->hub->counters.event_lines, 1);
}

bool recorder_make_room(struct recorder *r)
{
	bool fits = buf_room(&r->lines) >= EVENT_LINE_BYTES_MAX &&
		journal_pending_bytes(r->journal) + JOURNAL_PAYLOAD_BYTES_MAX + SUPPRESS_RECORD_BYTES_MAX +
				JOURNAL_BLOCK_BYTES <
			JOURNAL_BATCH_BYTES;
	return !r->failed && (fits || commit(r));
}

struct record_file recorder_file_of(const struct message *message)
{
	struct record_file file = record_file_of(message->name, &message->identity);
	file.name = message_file(message);
	return file;
}

static void record_rcpt(struct recorder *r, const struct attempt *attempt, const struct attempt_rcpt *rcpt,
	int64_t wall_us)
{
	if (!recorder_make_room(r))
		return;
	uint64_t seq = journal_next_seq(r->journal);
	size_t line_at = r->lines.len;
	record_event_rcpt(attempt, rcpt, seq, wall_us, &r->lines);
	enum event_kind kind = record_event_kind(rcpt->fate);
	bool is_final = event_kind_is_final(kind);
	struct outcome_record record = {
		.type = is_final ? JOURNAL_RECORD_OUTCOME : JOURNAL_RECORD_EVENT,
		.file = recorder_file_of(attempt->message),
		.rcpt = is_final ? message_rcpt(attempt->message, rcpt->rcpt) : 0,
		.kind = kind,
		.attempt = attempt->number,
	};
	if (is_final && attempt->message->rcpt != NULL)
		record.type = JOURNAL_RECORD_JOB_OUTCOME;
	if (is_final)
		recorder_note_live(r, attempt->message, seq);
	recorder_append(r, &record, line_at);
	if (rcpt->is_hard && rcpt->fate == ATTEMPT_BOUNCED)
		recorder_suppress(r, attempt, rcpt, wall_us);
}

static void record_rcpts(struct recorder *r, const struct attempt *attempt, bool has_notice)
{
	int64_t wall_us = clock_wall_us();
	for (uint32_t i = 0; i < attempt->rcpts_count; i++)
		if (attempt->rcpts[i].has_notice == has_notice)
			record_rcpt(r, attempt, &attempt->rcpts[i], wall_us);
}

/* Those of whom nobody is told by a notification do not wait for it. */
static void record_outcome(struct recorder *r, struct attempt *attempt)
{
	CHECK_OBJ(attempt, ATTEMPT_MAGIC);
	uint32_t noticed = attempt->is_warning ? attempt->rcpts_count : notice_mark(r->config, attempt);
	if (noticed > 0 && !attempt->is_warning && notice_must_wait(r->hub, attempt)) {
		notice_defer(attempt, loop_now_ns(&r->loop), RESULT_LIMIT);
		for (uint32_t i = 0; i < attempt->rcpts_count; i++)
			attempt->rcpts[i].has_notice = false;
		noticed = 0;
	}
	r->has_job_notices |= noticed > 0 && attempt->message->rcpt != NULL;
	record_rcpts(r, attempt, false);
	if (noticed > 0)
		hub_post(r->hub->files, POST_NOTICE, attempt, 0, 0);
	else
		list_push_back(&r->uncommitted, &attempt->node);
	recorder_commit_soon(r);
}

/* No event: nothing has happened to them. Until the queue has it the journal is kept for a file; for a job it
 * is not: its recipients are in the queue before a segment can go. */
static void record_warned(struct recorder *r, const struct attempt *warning)
{
	struct message *message = warning->message;
	for (uint32_t i = 0; i < warning->rcpts_count && recorder_make_room(r); i++) {
		const struct outcome_record record = {
			.type = message->rcpt != NULL ? JOURNAL_RECORD_JOB_WARNED : JOURNAL_RECORD_WARNED,
			.file = recorder_file_of(message),
			.rcpt = message_rcpt(message, warning->rcpts[i].rcpt),
		};
		if (message->rcpt == NULL)
			recorder_note_live(r, message, journal_next_seq(r->journal));
		recorder_append_silent(r, &record);
	}
}

/* In one commit, as far as it can hold them: a crash between two would have the second half told of by two
 * notifications. */
static void record_noticed(struct recorder *r, struct attempt *attempt, enum result prepared)
{
	CHECK_OBJ(attempt, ATTEMPT_MAGIC);
	if (prepared != RESULT_OK && !attempt->is_warning)
		notice_defer(attempt, loop_now_ns(&r->loop), prepared);
	attempt->is_noticed = prepared == RESULT_OK;
	if (journal_pending_bytes(r->journal) >= JOURNAL_BATCH_BYTES / 4)
		commit(r);
	if (!attempt->is_warning)
		record_rcpts(r, attempt, true);
	else if (prepared == RESULT_OK)
		record_warned(r, attempt);
	list_push_back(&r->uncommitted, &attempt->node);
	recorder_commit_soon(r);
}

static void record_rejected(struct recorder *r, struct message *message)
{
	if (recorder_make_room(r)) {
		uint64_t seq = journal_next_seq(r->journal);
		size_t line_at = r->lines.len;
		record_event_rejected(message, seq, clock_wall_us(), &r->lines);
		struct outcome_record record = {
			.type = JOURNAL_RECORD_REJECTED,
			.file = recorder_file_of(message),
		};
		recorder_note_live(r, message, seq);
		recorder_append(r, &record, line_at);
	}
	list_push_back(&r->uncommitted_rejects, &message->depart_node);
	recorder_commit_soon(r);
}

/* ---- the thread ---- */

/* The next run finds a file whose tail says nothing of the lines in this one: without the note it would write
 * again whatever the journal still has. */
static enum result note_written(struct recorder *r, struct fail *fail)
{
	CHECK(!r->events_failed);
	if (r->written_seq == 0 || !event_file_keeps(r->events))
		return RESULT_OK;
	enum result result = event_file_sync(r->events, fail);
	if (result != RESULT_OK)
		return result;
	const struct outcome_record note = {
		.type = JOURNAL_RECORD_EVENTS_WRITTEN,
		.events_seq = r->written_seq,
	};
	recorder_append_silent(r, &note);
	commit(r);
	return RESULT_OK;
}

/* Lines that are due go to the old file, so that its successor begins with new ones. While that file is being
 * synced nothing is done with it: an error is told to one of two syncs only. Nor when it has failed: a sync
 * that is OK then says nothing of what was lost before. */
void recorder_reopen(struct recorder *r)
{
	struct fail fail = { 0 };
	r->reopen_due = r->sync_op.in_flight;
	if (r->reopen_due || r->events == NULL || !commit(r) || r->events_failed)
		return;
	enum result result = note_written(r, &fail);
	if (r->failed)
		return;
	if (result == RESULT_OK)
		result = event_file_reopen(r->events, &fail);
	if (result != RESULT_OK)
		recorder_lose_events(r, &fail);
	else
		log_write(&r->log, LOG_EVENTS_REOPENED, LOG_NO_FIELDS);
	if (result == RESULT_OK)
		r->synced_seq = r->written_seq; /* the old file was, before it was let go */
}

static void hear(struct loop *loop, const struct mailbox_message *message)
{
	struct recorder *r = loop->owner;
	switch (message->kind) {
	case POST_OUTCOME:
		record_outcome(r, message->object);
		break;
	case POST_NOTICED:
		record_noticed(r, message->object, (enum result)message->number);
		break;
	case POST_REJECTED:
		record_rejected(r, message->object);
		break;
	case POST_SPLIT_READY:
		record_split(r, message->object);
		break;
	case POST_SESSION_OVER:
		record_session(r, message->object);
		break;
	case POST_SITE_CHANGED:
		record_site(r, message->object);
		break;
	case POST_POLICY_CHANGED:
		record_policy(r, message->object);
		break;
	case POST_SUPPRESSED:
		recorder_suppress_done(r, message->object);
		break;
	case POST_JOB_SAVED:
		recorder_job_saved(r, message->object, message->number != 0, message->a);
		break;
	case POST_UNLINKED:
		recorder_unlinked(r, message->object, message->number != 0);
		break;
	case POST_FORGOTTEN:
		recorder_forgotten(r, message->a);
		break;
	case POST_REOPEN:
		recorder_reopen(r);
		break;
	case POST_RECORDER_FLUSH:
		if (commit(r))
			hub_post(r->hub->scheduler, POST_RECORDER_FLUSHED, NULL, 0, 0);
		break;
	case POST_STOP:
		loop_stop(loop);
		break;
	default:
		UNREACHABLE("a message that is not for the recorder");
	}
}

static void turn_end(struct loop *loop)
{
	recorder_retire(loop->owner);
}

void *recorder_run(void *recorder)
{
	static const struct loop_handlers handlers = { .message = hear, .turn_end = turn_end };
	const struct ring_options options = { .submissions = 16, .without_buffers = true };
	struct recorder *r = recorder;
	check_install_signal_stack();
	if (loop_init(&r->loop, &options, r->hub->recorder, &handlers, r, &r->fail) != RESULT_OK)
		return r;
	r->loop.nap_ns = LOOP_NAP_NS;
	loop_run(&r->loop);
	recorder_retire_rest(r);
	/* The last word after a failure: a disk that has room again takes what is in memory. */
	struct fail fail = { 0 };
	if (r->failed && !journal_is_dead(r->journal) && journal_commit(r->journal, &fail) == RESULT_OK)
		write_lines(r);
	loop_timer_stop(&r->loop, &r->commit_timer);
	recorder_suppress_hand_rest(r);
	loop_deinit(&r->loop);
	return NULL;
}

/* ---- start and end ---- */

static enum result set_up(struct recorder *r, int new_fd, struct fail *fail)
{
	uint8_t *lines = malloc(LINES_BYTES);
	buf_init(&r->lines, lines, lines != NULL ? LINES_BYTES : 0);
	r->payload = malloc(JOURNAL_PAYLOAD_BYTES_MAX);
	r->report_credits = calloc(r->hub->workers_count, sizeof *r->report_credits);
	if (lines == NULL || r->payload == NULL || r->report_credits == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for the recorder");
	return recorder_open_state(r, new_fd, fail);
}

enum result recorder_create(struct hub *hub, struct recovery *recovery, int new_fd,
	struct recorder **out_recorder, struct fail *fail)
{
	struct recorder *r = calloc(1, sizeof *r);
	if (r == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for the recorder");
	r->magic = RECORDER_MAGIC;
	r->hub = hub;
	r->config = hub->config;
	r->recovery = recovery;
	r->log = run_config_logger(hub->config, "recorder");
	list_init(&r->uncommitted);
	list_init(&r->uncommitted_rejects);
	list_init(&r->live);
	recorder_suppress_init(r);
	enum result result = set_up(r, new_fd, fail);
	if (result != RESULT_OK) {
		recorder_destroy(r);
		return result;
	}
	*out_recorder = r;
	return RESULT_OK;
}

const struct fail *recorder_fail(const struct recorder *recorder) { return &recorder->fail; }

/* The objects are the scheduler's to free. */
static void let_go(struct list *list)
{
	while (list_pop_front(list) != NULL)
		;
}

static void drop_split(struct split_report *report)
{
	arena_deinit(&report->arena);
	free(report);
}

/* The resolver may have spoken behind the last flush; a stop at once may be before anything. */
static void drop_unheard(struct mailbox *mailbox)
{
	struct mailbox_message message;
	while (mailbox_take(mailbox, &message))
		if (message.kind == POST_POLICY_CHANGED)
			free(message.object);
		else if (message.kind == POST_SPLIT_READY)
			drop_split(message.object);
		else if (message.kind == POST_SUPPRESSED)
			suppress_batch_destroy(message.object);
}

void recorder_destroy(struct recorder *r)
{
	if (r == NULL)
		return;
	CHECK_OBJ(r, RECORDER_MAGIC);
	drop_unheard(r->hub->recorder);
	let_go(&r->uncommitted);
	let_go(&r->uncommitted_rejects);
	let_go(&r->live);
	recorder_suppress_deinit(r);
	journal_close(&r->journal);
	event_file_close(&r->events);
	state_lock_release(&r->lock);
	free(r->lines.data);
	free(r->payload);
	free(r->report_credits);
	r->magic = 0;
	free(r);
}
