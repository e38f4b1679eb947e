#include "engine/run/job_run.h"
#include "engine/run/message.h"
#include "engine/run/recorder_state.h"

/* Up to where the journal is needed: the first record of every file that may still be there, of every job
 * what it has not saved, and what is not on the suppression list yet. */

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

/* Segments go when every file with an outcome in them is unlinked for good and their lines are durable. */
void recorder_retire(struct recorder *r)
{
	atomic_store(&r->hub->counters.segments, journal_segments_count(r->journal));
	if (r->failed || r->events_failed || r->recovered_left > 0 ||
		journal_segments_count(r->journal) < 2)
		return;
	/* The oldest record of a message may not be durable yet, and there may be others before it. */
	uint64_t keep_seq = journal_committed_seq(r->journal) + 1;
	struct list_node *oldest = list_first(&r->live);
	if (oldest != NULL && CONTAINER_OF(oldest, struct message, journal_node)->first_seq < keep_seq)
		keep_seq = CONTAINER_OF(oldest, struct message, journal_node)->first_seq;
	if (recorder_suppress_oldest(r) < keep_seq)
		keep_seq = recorder_suppress_oldest(r);
	if (journal_oldest_end_seq(r->journal) > keep_seq)
		return;
	struct fail fail = { 0 };
	enum result result = RESULT_OK;
	if (r->events != NULL)
		result = event_file_sync(r->events, &fail);
	if (result == RESULT_OK)
		result = journal_retire(r->journal, keep_seq, &fail);
	if (result != RESULT_OK)
		log_write(&r->log, LOG_FAILED,
			LOG_FIELDS(log_cstr("what", "retiring a journal segment"),
				log_fail("why", &fail)));
}

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
