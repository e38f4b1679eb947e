#include "engine/run/job_rest.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/limits.h"
#include "engine/io/file.h"
#include "engine/run/job_run.h"
#include "engine/run/recovery.h"
#include "store/journal_record.h"
#include "store/queue.h"

/* ---- the journal ---- */

static enum result on_record(const struct journal_record *journal_record, void *context)
{
	struct outcome_record record;
	if (journal_record->type != JOURNAL_RECORD_JOB_OUTCOME)
		return RESULT_OK;
	if (!journal_record_get(journal_record, &record))
		return RESULT_DAMAGED;
	const struct file_identity identity = {
		.inode = record.file.inode,
		.birth_ns = record.file.birth_ns,
		.modified_ns = record.file.modified_ns,
		.bytes = record.file.bytes,
	};
	return recovery_add_job_done(context, record.file.name, &identity, record.rcpt, record.kind,
		journal_record->seq);
}

enum result job_rest_read_journal(const char *state, struct recovery *recovery, struct fail *fail)
{
	const struct journal_config config = {
		.path = state,
		.segment_bytes = JOURNAL_SEGMENT_BYTES,
		.batch_bytes = JOURNAL_BATCH_BYTES,
	};
	return journal_read(&config, on_record, recovery, fail);
}

/* ---- what it has come to ---- */

static void merge_journal(const struct job_rest_place *place, struct job_rest *job)
{
	const struct file_identity identity = {
		.inode = job->identity[0],
		.birth_ns = (int64_t)job->identity[1],
	};
	const struct recovered_file *recovered =
		recovery_find(place->recovery, job->name, &identity);
	for (uint32_t i = 0; recovered != NULL && i < job->progress.rcpts_count; i++)
		if (recovered_is_done(recovered, i))
			job_progress_set(&job->progress, i, recovered_kind(recovered, i));
}

/* Of an entry that is damaged there is no more than the name. */
static bool is_its(const struct job_rest *job, const struct record_file *file, bool is_damaged,
	struct job_rcpt *out_rcpt)
{
	char name[FILE_NAME_BYTES_MAX + 1];
	(void)snprintf(name, sizeof name, "%.*s", TEXT_ARG(file->name));
	bool is_ours = is_damaged || (file->inode == job->identity[0] &&
					     (uint64_t)file->birth_ns == job->identity[1]);
	return is_ours && job_rcpt_of_name(name, out_rcpt) &&
	       out_rcpt->ordinal < job->progress.rcpts_count;
}

/* Sets a bit for each who waits in the queue. */
static enum result mark_waiting(
	const struct job_rest_place *place, struct job_rest *job, uint8_t *bits, struct fail *fail)
{
	char after[FILE_NAME_BYTES_MAX + 1];
	struct arena arena;
	enum result r = RESULT_OK;
	int prefix_len = snprintf(after, sizeof after, "%s/", job->name);
	const struct text prefix = text_cut(text_of(after), (size_t)prefix_len);
	arena_init(&arena, 4096, 2 * QUEUE_VALUE_BYTES_MAX);
	while (place->reader != NULL) {
		struct queue_file file;
		struct job_rcpt rcpt;
		arena_reset(&arena);
		r = queue_next_file(place->reader, text_of(after), &arena, &file, fail);
		bool is_damaged = queue_file_is_damaged(r, &file);
		if (is_damaged) {
			fail_clear(fail);
			r = RESULT_OK;
		}
		if (r != RESULT_OK || !text_starts(file.file.name, prefix))
			break;
		(void)snprintf(after, sizeof after, "%.*s", TEXT_ARG(file.file.name));
		if (!is_its(job, &file.file, is_damaged, &rcpt) ||
			job_progress_is_done(&job->progress, rcpt.ordinal))
			continue;
		bits[rcpt.ordinal / 8] = (uint8_t)(bits[rcpt.ordinal / 8] | 1u << rcpt.ordinal % 8);
		job->parked_count++;
	}
	arena_deinit(&arena);
	if (r == RESULT_NOT_FOUND)
		fail_clear(fail);
	return r == RESULT_NOT_FOUND ? RESULT_OK : r;
}

static enum result count_unmade(struct job_rest *job, const uint8_t *waiting, struct fail *fail)
{
	enum result r = RESULT_OK;
	uint32_t len = 1;
	struct job_index_entry *entries = malloc(JOB_INDEX_BLOCK_ENTRIES * sizeof *entries);
	if (entries == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory");
	for (uint32_t at = 0; r == RESULT_OK && len > 0; at += len) {
		r = job_index_read_block(&job->index, at, entries, &len, fail);
		for (uint32_t i = 0; r == RESULT_OK && i < len; i++) {
			bool is_unmade = !job_progress_is_done(&job->progress, at + i) &&
					 (waiting[(at + i) / 8] >> (at + i) % 8 & 1) == 0;
			job->unmade[entries[i].domain] += is_unmade;
			job->unmade_count += is_unmade;
		}
	}
	free(entries);
	return r;
}

static enum result count(
	const struct job_rest_place *place, struct job_rest *job, struct fail *fail)
{
	uint32_t rcpts_count = job->index.header.rcpts_count;
	uint8_t *waiting = calloc(rcpts_count / 8 + 1, 1);
	job->unmade = calloc(job->index.header.domains_count, sizeof *job->unmade);
	enum result r = waiting != NULL && job->unmade != NULL
				? mark_waiting(place, job, waiting, fail)
				: fail_set(fail, RESULT_MEMORY, "out of memory");
	if (r == RESULT_OK)
		r = count_unmade(job, waiting, fail);
	if (r == RESULT_OK)
		r = job_count_begin(&job->count, &job->index, fail);
	while (r == RESULT_OK && (r = job_count_step(&job->count, &job->index, &job->progress,
					  fail)) == RESULT_AGAIN)
		r = RESULT_OK;
	free(waiting);
	return r;
}

/* ---- opening ---- */

static enum result read_content_in(
	int parent_fd, const char *name, struct job_content **out_content, struct fail *fail)
{
	int dir_fd;
	if (parent_fd < 0)
		return RESULT_NOT_FOUND;
	enum result r = file_open_directory(parent_fd, name, &dir_fd, fail);
	if (r != RESULT_OK)
		return r;
	r = file_look(dir_fd, "manifest.json", &(enum file_type){ 0 }, &(struct file_identity){ 0 },
		fail);
	if (r == RESULT_OK)
		r = job_content_read(dir_fd, out_content, fail);
	file_close(dir_fd);
	return r;
}

/* Where it was put, or the second names that outlive that. */
static enum result read_content(
	const struct job_rest_place *place, struct job_rest *job, struct fail *fail)
{
	enum result r = read_content_in(place->new_fd, job->name, &job->content, fail);
	if (r == RESULT_NOT_FOUND || r == RESULT_INVALID)
		r = read_content_in(place->jobs_fd, job->name, &job->content, fail);
	if (r != RESULT_OK)
		return r;
	const struct file_identity identity = job_identity(job->content->manifest.id);
	job->identity[0] = identity.inode;
	job->identity[1] = (uint64_t)identity.birth_ns;
	return RESULT_OK;
}

/* RESULT_NOT_FOUND: no sender has accepted it. */
static enum result open_state(
	const struct job_rest_place *place, struct job_rest *job, struct fail *fail)
{
	if (place->jobs_fd < 0)
		return RESULT_NOT_FOUND;
	enum result r = file_open_directory(place->jobs_fd, job->name, &job->state_fd, fail);
	if (r == RESULT_OK)
		r = job_drops_read(job->state_fd, job->identity, &job->drops, fail);
	if (r == RESULT_OK)
		r = job_index_open(job->state_fd, &job->arena, &job->index, fail);
	if (r != RESULT_OK)
		return r;
	if (memcmp(job->index.header.identity, job->identity, sizeof job->identity) != 0)
		return RESULT_NOT_FOUND;
	r = job_progress_look(
		job->state_fd, job->identity, job->index.header.rcpts_count, &job->progress, fail);
	job->is_accepted = r == RESULT_OK;
	return r;
}

enum result job_rest_open(const struct job_rest_place *place, const char *name,
	struct job_rest *out_job, struct fail *fail)
{
	struct job_rest *job = out_job;
	*job = (struct job_rest){
		.name = name,
		.state_fd = -1,
		.index.fd = -1,
		.progress.fd = -1,
	};
	arena_init(&job->arena, 4096, JOB_INDEX_ARENA_BYTES_MAX);
	enum result r = read_content(place, job, fail);
	if (r == RESULT_OK)
		r = open_state(place, job, fail);
	else
		return r;
	if (r == RESULT_NOT_FOUND) {
		fail_clear(fail);
		return RESULT_OK;
	}
	if (r != RESULT_OK)
		return r;
	merge_journal(place, job);
	return count(place, job, fail);
}

void job_rest_close(struct job_rest *job)
{
	job_count_end(&job->count);
	job_drops_end(&job->drops);
	job_index_close(&job->index);
	job_progress_close(&job->progress);
	job_content_destroy(job->content);
	file_close(job->state_fd);
	free(job->unmade);
	arena_deinit(&job->arena);
}
