#include <fcntl.h>
#include <stdio.h>
#include "engine/base/limits.h"
#include "engine/io/file.h"
#include "engine/run/files.h"
#include "engine/run/prepared.h"
#include "engine/run/recorder_state.h"
#include "store/journal_record.h"

/* What the journal of earlier runs says: which recipients are done, and which event lines a crash kept
 * from the event file. */

static enum result on_record(const struct journal_record *journal_record, void *context)
{
	struct recorder *r = context;
	struct outcome_record record;
	if (!journal_record_get(journal_record, &record))
		return RESULT_DAMAGED;
	const struct file_identity identity = {
		.inode = record.file.inode,
		.birth_ns = record.file.birth_ns,
		.modified_ns = record.file.modified_ns,
		.bytes = record.file.bytes,
	};
	uint64_t seq = journal_record->seq;
	enum result result = RESULT_OK;
	if (record.type == JOURNAL_RECORD_OUTCOME)
		result = recovery_add_done(r->recovery, record.file.name, &identity, record.rcpt, seq);
	else if (record.type == JOURNAL_RECORD_JOB_OUTCOME)
		result = recovery_add_job_done(
			r->recovery, record.file.name, &identity, record.rcpt, record.kind, seq);
	else if (record.type == JOURNAL_RECORD_SPLIT)
		result = recovery_add_split(r->recovery, record.file.name, &identity, seq);
	else if (record.type == JOURNAL_RECORD_REJECTED)
		result = recovery_add_rejected(r->recovery, record.file.name, &identity, seq);
	else if (record.type == JOURNAL_RECORD_WARNED || record.type == JOURNAL_RECORD_JOB_WARNED)
		result = recovery_add_warned(r->recovery, record.file.name, &identity,
			record.type == JOURNAL_RECORD_JOB_WARNED, record.rcpt, seq);
	else if (record.type == JOURNAL_RECORD_SUPPRESS)
		return recorder_suppress_found(r, record.line, seq);
	/* A line that a crash kept from the event file is written now, the same byte for byte. */
	if (result == RESULT_OK && r->events != NULL && !text_is_empty(record.line) &&
		seq > r->rotated_seq && seq > event_file_last_seq(r->events))
		result = event_file_write(r->events, record.line, &r->fail);
	return result;
}

/* How far the files got that were rotated away: the note comes after the lines that it speaks of. */
static enum result on_note(const struct journal_record *journal_record, void *context)
{
	struct recorder *r = context;
	struct outcome_record record;
	if (journal_record->type != JOURNAL_RECORD_EVENTS_WRITTEN)
		return RESULT_OK;
	if (!journal_record_get(journal_record, &record))
		return RESULT_DAMAGED;
	if (record.events_seq > r->rotated_seq)
		r->rotated_seq = record.events_seq;
	return RESULT_OK;
}

struct still_there {
	struct recorder *recorder;
	int new_fd;
};

/* Files that are gone need no tombstones. */
static void check_file(struct hash_node *node, void *context)
{
	struct still_there *there = context;
	struct recovered_file *file = CONTAINER_OF(node, struct recovered_file, node);
	struct file_identity identity;
	enum file_type type;
	if (file->is_job) { /* as long as it has a state, wherever its directory is */
		char path[sizeof there->recorder->state_path + FILE_NAME_BYTES_MAX + 8];
		snprintf(path, sizeof path, "%s/jobs/%s", there->recorder->state_path, file->name);
		if (file_look(AT_FDCWD, path, &type, &identity, NULL) == RESULT_NOT_FOUND)
			recovery_forget(there->recorder->recovery, text_of(file->name), &file->identity);
		else
			there->recorder->recovered_left++;
		return;
	}
	enum result result = file_look(there->new_fd, file->name, &type, &identity, NULL);
	if (result == RESULT_NOT_FOUND ||
		(result == RESULT_OK && !file_identity_equal(&identity, &file->identity)))
		recovery_forget(there->recorder->recovery, text_of(file->name), &file->identity);
	else
		there->recorder->recovered_left++;
}

static enum result open_state(struct recorder *r, struct fail *fail)
{
	const struct send_options *options = r->config->options;
	if (snprintf(r->state_path, sizeof r->state_path, "%s/state", options->spool) >=
		(int)sizeof r->state_path)
		return fail_set(fail, RESULT_TOO_LONG, "--spool: the path is too long");
	enum result result = file_make_directories(r->state_path, 0700, fail);
	if (result == RESULT_OK)
		result = state_lock_acquire(r->state_path, &r->lock, fail);
	if (result == RESULT_OK && *options->events != '\0')
		result = event_file_open(options->events, &r->events, fail);
	if (result != RESULT_OK)
		return result;
	const struct journal_config config = {
		.path = r->state_path,
		.segment_bytes = JOURNAL_SEGMENT_BYTES,
		.batch_bytes = JOURNAL_BATCH_BYTES,
	};
	if (r->events != NULL)
		result = journal_read(&config, on_note, r, fail);
	if (result == RESULT_OK)
		result = journal_open(&config, on_record, r, &r->journal, fail);
	if (result == RESULT_OK)
		r->written_seq = journal_committed_seq(r->journal);
	return result;
}

/* A directory that is missing has nothing in it: the files thread makes it. */
static enum result open_below(struct recorder *r, const char *name, int *out_fd, struct fail *fail)
{
	char path[PATH_BYTES];
	*out_fd = -1;
	if (snprintf(path, sizeof path, "%s/%s", r->config->options->spool, name) >= (int)sizeof path)
		return fail_set(fail, RESULT_TOO_LONG, "--spool: the path is too long");
	enum result result = file_open_directory(AT_FDCWD, path, out_fd, fail);
	return result == RESULT_NOT_FOUND ? RESULT_OK : result;
}

static enum result restore_prepared(struct recorder *r, int new_fd, struct fail *fail)
{
	int tmp_fd, bad_fd = -1;
	enum result result = open_below(r, "tmp", &tmp_fd, fail);
	if (result == RESULT_OK)
		result = open_below(r, "bad", &bad_fd, fail);
	if (result == RESULT_OK && tmp_fd >= 0)
		result = prepared_restore(tmp_fd, new_fd, bad_fd, r->recovery, fail);
	if (result == RESULT_OK && bad_fd >= 0)
		result = file_sync(bad_fd, false, fail);
	file_close(tmp_fd);
	file_close(bad_fd);
	return result;
}

enum result recorder_open_state(struct recorder *r, int new_fd, struct fail *fail)
{
	enum result result = open_state(r, fail);
	if (result != RESULT_OK)
		return result;
	result = files_restore(r->state_path, new_fd, r->recovery, fail);
	if (result == RESULT_OK)
		result = restore_prepared(r, new_fd, fail);
	if (result != RESULT_OK)
		return result;
	/* An unlink that a crash kept from being durable must be so before its tombstone goes. */
	result = file_sync(new_fd, false, fail);
	if (result != RESULT_OK)
		return result;
	return RESULT_OK;
}

void recorder_forget_gone(struct recorder *r, int new_fd)
{
	struct still_there there = { .recorder = r, .new_fd = new_fd };
	uint64_t outcomes = r->recovery->outcomes_count;
	hash_map_for_each(&r->recovery->files, check_file, &there);
	if (outcomes > 0)
		log_write(&r->log, LOG_JOURNAL_RECOVERED,
			LOG_FIELDS(log_number("outcomes", outcomes),
				log_number("files_still_there", r->recovered_left)));
}
