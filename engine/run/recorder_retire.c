#include "engine/base/nanoseconds.h"
#include "engine/run/job_run.h"
#include "engine/run/message.h"
#include "engine/run/recorder_state.h"

/* Up to where the journal is needed: the first record of every file that may still be there, of every job
 * what it has not saved, and what is not on the suppression list yet; and up to where its lines may be
 * lost with the power. */

enum {
	RETIRE_AGAIN_NS = SECOND_NS,
};

void recorder_note_live(struct recorder *r, struct message *message, uint64_t seq)
{
	if (message->rcpt != NULL) { /* its job is what the journal is kept for */
		message->first_seq = seq;
		if (message->rcpt->job == NULL)
			return;
		message = message->rcpt->job->message;
		message->last_seq = seq;
	}
	if (message->first_seq != 0)
		return;
	message->first_seq = seq;
	list_push_back(&r->live, &message->journal_node);
}

/* ---- retiring ---- */

/* Logged, and tried again later: not with every turn. */
static void retire_failed(struct recorder *r, const struct fail *fail)
{
	r->retire_again_ns = loop_now_ns(&r->loop) + RETIRE_AGAIN_NS;
	log_write(&r->log, LOG_FAILED,
		LOG_FIELDS(log_cstr("what", "retiring a journal segment"), log_fail("why", fail)));
}

static void sync_done(struct io_op *op, const struct io_result *result)
{
	struct recorder *r = CONTAINER_OF(op, struct recorder, sync_op);
	CHECK_OBJ(r, RECORDER_MAGIC);
	struct fail fail = { 0 };
	if (result->value >= 0) {
		r->synced_seq = r->syncing_seq;
	} else if (!r->events_failed) { /* a write may have failed meanwhile */
		fail_set_errno(&fail, -result->value, "cannot sync the event file %s",
			r->config->options->events);
		recorder_lose_events(r, &fail);
	}
	if (r->reopen_due)
		recorder_reopen(r);
}

/* The first record that the journal is kept for. */
static uint64_t needed_seq(const struct recorder *r)
{
	/* The oldest record of a message may not be durable yet, and there may be others before it. */
	uint64_t keep_seq = journal_committed_seq(r->journal) + 1;
	const struct list_node *oldest = list_first(&r->live);
	if (oldest != NULL && CONTAINER_OF(oldest, struct message, journal_node)->first_seq < keep_seq)
		keep_seq = CONTAINER_OF(oldest, struct message, journal_node)->first_seq;
	if (recorder_suppress_oldest(r) < keep_seq)
		keep_seq = recorder_suppress_oldest(r);
	return keep_seq;
}

/* Are the lines of all records below `seq` durable? If not, a sync is begun, which covers what was written
 * by now and nothing that comes meanwhile. It takes up to a tenth of a second, in a thread of the kernel. */
static bool lines_are_durable(struct recorder *r, uint64_t seq)
{
	if (r->events == NULL || !event_file_keeps(r->events) || seq <= r->synced_seq + 1)
		return true;
	if (!r->sync_op.in_flight) {
		r->syncing_seq = r->written_seq;
		ring_sync(r->loop.ring, &r->sync_op, event_file_fd(r->events), true, sync_done);
	}
	return false;
}

/* The oldest segment goes when every file with an outcome in it is unlinked for good and its lines are
 * durable. One at a time, since each costs a sync of the folder. True: the next one may go as well. */
static bool retire_one(struct recorder *r)
{
	struct fail fail = { 0 };
	atomic_store(&r->hub->counters.segments, journal_segments_count(r->journal));
	if (r->failed || r->events_failed || r->recovered_left > 0 ||
		journal_segments_count(r->journal) < 2 || loop_now_ns(&r->loop) < r->retire_again_ns)
		return false;
	uint64_t end_seq = journal_oldest_end_seq(r->journal);
	if (end_seq > needed_seq(r) || !lines_are_durable(r, end_seq))
		return false;
	if (journal_retire(r->journal, end_seq, &fail) == RESULT_OK)
		return true;
	retire_failed(r, &fail);
	return false;
}

void recorder_retire(struct recorder *r)
{
	if (retire_one(r))
		loop_turn_again(&r->loop);
}

void recorder_retire_rest(struct recorder *r)
{
	do {
		while (r->sync_op.in_flight)
			(void)ring_run_once(r->loop.ring, RING_FOREVER);
		while (retire_one(r))
			;
	} while (r->sync_op.in_flight);
}

/* ---- what the journal is kept for, and is no more ---- */

/* What was told of the job up to this seq is in its own file: the journal is kept for what came after. */
void recorder_job_saved(
	struct recorder *r, struct message *message, bool was_recovered, uint64_t seq)
{
	CHECK_OBJ(message, MESSAGE_MAGIC);
	if (was_recovered)
		r->recovered_left -= r->recovered_left > 0;
	if (!list_node_is_linked(&message->journal_node) || message->first_seq > seq)
		return;
	list_remove(&message->journal_node);
	message->first_seq = message->last_seq > seq ? seq + 1 : 0;
	if (message->first_seq == 0)
		return;
	/* The list is in the order of the first records. */
	struct list_node *before = list_first(&r->live);
	while (before != NULL &&
		CONTAINER_OF(before, struct message, journal_node)->first_seq < message->first_seq)
		before = list_next(&r->live, before);
	if (before != NULL)
		list_insert_before(before, &message->journal_node);
	else
		list_push_back(&r->live, &message->journal_node);
}

void recorder_unlinked(struct recorder *r, struct message *message, bool stuck)
{
	CHECK_OBJ(message, MESSAGE_MAGIC);
	/* A file that could not be removed, here or from the queue, keeps its tombstones: nothing is retired
	 * until it has gone (POST_FORGOTTEN). One of an earlier run is counted already. */
	if (stuck && !message->recovered)
		r->recovered_left++;
	if (message->recovered && !stuck)
		r->recovered_left -= r->recovered_left > 0;
	if (list_node_is_linked(&message->journal_node))
		list_remove(&message->journal_node);
	hub_post(r->hub->scheduler, POST_MESSAGE_OVER, message, 0, 0);
}

void recorder_forgotten(struct recorder *r, uint64_t count)
{
	r->recovered_left -= count < r->recovered_left ? count : r->recovered_left;
}
