#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/io/clock.h"
#include "engine/io/file_at.h"
#include "engine/io/file_scan.h"
#include "engine/run/config.h"
#include "engine/run/hub.h"
#include "engine/run/job_content.h"
#include "engine/run/jobs_state.h"
#include "engine/run/message.h"
#include "engine/run/recovery.h"

/* A job is accepted in steps: its content is read and checked, its recipients are read once for the index,
 * the manifest is compared with what was there; then the index gets its name, and the job is ours. What an
 * earlier run has accepted goes on with the index of that one. */

/* ---- life ---- */

static struct job_run *create(struct jobs *j, const char *name)
{
	size_t size = strlen(name) + 1;
	struct job_run *job = calloc(1, sizeof *job + size);
	if (job == NULL)
		return NULL;
	job->magic = JOB_RUN_MAGIC;
	job->dir_fd = job->state_fd = job->source.fd = job->index.fd = job->progress.fd = -1;
	arena_init(&job->arena, 4096, JOB_INDEX_ARENA_BYTES_MAX);
	list_init(&job->ready);
	list_init(&job->dropped);
	list_init(&job->held);
	for (size_t i = 0; i < JOB_AHEAD_KINDS; i++)
		list_init(&job->ahead[i]);
	list_init(&job->rcpts);
	memcpy(job->name, name, size);
	list_push_back(&j->accepting, &job->node);
	return job;
}

void jobs_free(struct jobs *j, struct job_run *job)
{
	CHECK_OBJ(job, JOB_RUN_MAGIC);
	file_cache_forget(&j->cache, job->index.fd);
	file_cache_forget(&j->cache, job->source.fd);
	list_remove(&job->node);
	job_indexing_end(&job->indexing);
	job_index_close(&job->index);
	job_progress_close(&job->progress);
	job_content_destroy(job->content);
	const int fds[] = { job->dir_fd, job->state_fd, job->source.fd };
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		file_close(fds[i]);
	free(job->taken);
	job_drops_end(&job->drops);
	arena_deinit(&job->arena);
	job->magic = 0;
	free(job);
}

void jobs_close(struct jobs *j, struct job_run *job, bool keeps_state)
{
	char name[JOB_NAME_BYTES_MAX + 1];
	snprintf(name, sizeof name, "%s", job->name);
	jobs_free(j, job);
	if (!keeps_state)
		jobs_folder_remove(j, name);
}

/* ---- it is opened, or not ---- */

static void answer(struct jobs *j, struct message *message, enum result r, const struct fail *fail)
{
	message->read_result = r;
	if (r != RESULT_OK)
		snprintf(message->reason, sizeof message->reason, "%s", fail->text);
	hub_post(j->hub->scheduler, POST_JOB_OPENED, message,
		message->job != NULL && message->job->is_orphan, 0);
}

static void refuse(struct jobs *j, struct job_run *job, enum result r, const struct fail *fail)
{
	struct message *message = job->message;
	char name[JOB_NAME_BYTES_MAX + 1];
	snprintf(name, sizeof name, "%s", job->name);
	jobs_free(j, job);
	if (r == RESULT_INVALID)
		jobs_folder_remove(j, name);
	answer(j, message, r, fail);
}

/* What the journal knows beyond what was saved. */
static void merge_recovery(struct jobs *j, struct job_run *job)
{
	for (size_t n = 0; n < j->recovered_count; n++) {
		const struct recovered_file *recovered = j->recovered[n];
		if (strcmp(recovered->name, job->name) != 0 ||
			!file_identity_equal(&recovered->identity, &job->identity))
			continue;
		job->is_recovered = true;
		for (uint32_t i = 0; i < job->rcpts_count; i++)
			if (recovered_is_done(recovered, i))
				job_progress_set(&job->progress, i, recovered_kind(recovered, i));
	}
}

/* Who waits in the queue is no fresh one. */
static enum result merge_queue(
	struct jobs *j, struct job_run *job, uint32_t *out_waiting, struct fail *fail)
{
	char after[FILE_NAME_BYTES_MAX + 1];
	snprintf(after, sizeof after, "%s/", job->name);
	struct text prefix = text_of(job->name);
	*out_waiting = 0;
	while (j->reader != NULL) {
		struct queue_file file;
		struct job_rcpt rcpt;
		arena_reset(&j->arena);
		enum result r = queue_next_file(j->reader, text_of(after), &j->arena, &file, fail);
		if (r == RESULT_NOT_FOUND)
			break;
		bool is_damaged = queue_file_is_damaged(r, &file);
		if (r != RESULT_OK && !is_damaged)
			return r;
		snprintf(after, sizeof after, "%.*s", TEXT_ARG(file.file.name));
		if (!text_starts(file.file.name, prefix) || after[prefix.len] != '/')
			break;
		/* Who waits in an entry that cannot be read waits until the operator has taken the job
		 * away: what became of him nobody knows. */
		bool is_ours = is_damaged || (file.file.inode == job->identity.inode &&
						     file.file.birth_ns == job->identity.birth_ns);
		if (!is_ours || !job_rcpt_of_name(after, &rcpt) || rcpt.ordinal >= job->rcpts_count)
			continue;
		job_bit_set(job->taken, rcpt.ordinal);
		if (job_progress_is_done(&job->progress, rcpt.ordinal))
			job->queue_leftovers++;
		else
			++*out_waiting;
	}
	return RESULT_OK;
}

static enum result make_domains(struct job_run *job, struct fail *fail)
{
	job->domains_count = job->index.header.domains_count;
	job->domains = arena_alloc_array(&job->arena, job->domains_count, sizeof *job->domains);
	if (job->domains == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the domains of a job");
	for (uint32_t i = 0; i < job->domains_count; i++)
		job->domains[i] = (struct job_domain){
			.job = job,
			.name = job->index.domains[i].name,
			.next = job->index.domains[i].first,
			.drops = job_drops_have(&job->drops, job->index.domains[i].name),
			.is_dropped = job_drops_have(&job->drops, job->index.domains[i].name),
		};
	return RESULT_OK;
}

/* Who is left of each domain for this run to make. */
static enum result count_unmade(struct job_run *job, struct fail *fail)
{
	enum result r = RESULT_OK;
	uint32_t len = 1;
	struct job_index_entry *entries = malloc(JOB_INDEX_BLOCK_ENTRIES * sizeof *entries);
	if (entries == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory to count the recipients of a job");
	for (uint32_t at = 0; r == RESULT_OK && len > 0; at += len) {
		r = job_index_read_block(&job->index, at, entries, &len, fail);
		for (uint32_t i = 0; r == RESULT_OK && i < len; i++)
			job->domains[entries[i].domain].unmade += !job_bit(job->taken, at + i);
	}
	free(entries);
	for (uint32_t i = 0; i < job->domains_count; i++)
		job->unmade += job->domains[i].unmade;
	return r;
}

static enum result load(struct jobs *j, struct job_run *job, struct fail *fail)
{
	const uint64_t identity[2] = { job->identity.inode, (uint64_t)job->identity.birth_ns };
	uint32_t waiting;
	job->rcpts_count = job->index.header.rcpts_count;
	job->index.cache = &j->cache;
	enum result r =
		job_progress_open(job->state_fd, identity, job->rcpts_count, &job->progress, fail);
	if (r == RESULT_CHANGED) { /* of a job that had this name before */
		r = file_unlink(job->state_fd, "done", fail);
		if (r == RESULT_OK)
			r = job_progress_open(
				job->state_fd, identity, job->rcpts_count, &job->progress, fail);
	}
	job->taken = r == RESULT_OK ? calloc(job->rcpts_count / 8 + 1, 1) : NULL;
	if (r == RESULT_OK && job->taken == NULL)
		r = fail_set(fail, RESULT_MEMORY, "no memory for the recipients of a job");
	if (r != RESULT_OK)
		return r;
	merge_recovery(j, job);
	for (uint32_t i = 0; i < job->rcpts_count; i++)
		if (job_progress_is_done(&job->progress, i))
			job_bit_set(job->taken, i);
	r = merge_queue(j, job, &waiting, fail);
	if (r == RESULT_OK)
		r = make_domains(job, fail);
	if (r == RESULT_OK)
		r = count_unmade(job, fail);
	job->left = job->rcpts_count - job->progress.done_count;
	job->fresh_left = job->left - waiting;
	return r;
}

static void opened(struct jobs *j, struct job_run *job)
{
	struct fail fail = { 0 };
	enum result r = load(j, job, &fail);
	if (r != RESULT_OK) {
		refuse(j, job, r, &fail);
		return;
	}
	const struct job_manifest *manifest = &job->content->manifest;
	job->label = manifest->job;
	job->pool = manifest->pool;
	job->class = manifest->class;
	job->not_before_unix_s = manifest->not_before_unix_s;
	job->expiry_unix_s = manifest->expiry_unix_s;
	list_remove(&job->node);
	list_push_back(&j->runs, &job->node);
	job->message->job = job;
	log_write(&j->log, LOG_JOB_OPENED,
		LOG_FIELDS(log_cstr("file", job->name), log_number("recipients", job->rcpts_count),
			log_number("domains", job->domains_count - 1),
			log_number("done", job->progress.done_count),
			log_number("waiting", job->left - job->fresh_left)));
	jobs_note_rate(j, job);
	answer(j, job->message, RESULT_OK, &fail);
	if (job->is_recovered || job->progress.done_count == job->rcpts_count)
		jobs_save(j, job);
}

/* ---- accepting ---- */

static enum result finish_index(struct job_run *job, struct fail *fail)
{
	enum result r = job_manifest_check(&job->content->manifest, job->content->template_bytes,
		job_indexing_bytes(job->indexing), job_indexing_rcpts(job->indexing), fail);
	if (r == RESULT_OK) {
		jobs_folder_keep_files(job);
		r = job_indexing_finish(job->indexing, fail);
	}
	job_indexing_end(&job->indexing);
	if (r == RESULT_OK)
		r = job_index_open(job->state_fd, &job->arena, &job->index, fail);
	if (r == RESULT_OK)
		job_source_expect(&job->source, &job->index.header);
	return r;
}

void jobs_accept_step(struct jobs *j)
{
	LIST_FOR_EACH_SAFE(node, &j->accepting)
	{
		struct job_run *job = CONTAINER_OF(node, struct job_run, node);
		struct fail fail = { 0 };
		enum result r = job_indexing_step(job->indexing, &fail);
		if (r == RESULT_AGAIN)
			continue;
		if (r == RESULT_OK)
			r = finish_index(job, &fail);
		if (r == RESULT_OK)
			opened(j, job);
		else
			refuse(j, job, r, &fail);
	}
}

/* RESULT_NOT_FOUND: it is to be made. One that is damaged, or of another version, says nothing that is not in
 * recipients.jsonl; who is done stands elsewhere. */
static enum result open_index(struct jobs *j, struct job_run *job, struct fail *fail)
{
	enum result r = job_index_open(job->state_fd, &job->arena, &job->index, fail);
	if (r == RESULT_DAMAGED && !job->is_orphan) {
		log_write(&j->log, LOG_JOB_INDEX_DAMAGED,
			LOG_FIELDS(log_cstr("file", job->name), log_fail("why", fail)));
		arena_reset(&job->arena);
		return RESULT_NOT_FOUND;
	}
	bool is_its = r == RESULT_OK && job->index.header.identity[0] == job->identity.inode &&
		      job->index.header.identity[1] == (uint64_t)job->identity.birth_ns;
	if (r != RESULT_OK || is_its)
		return r;
	job_index_close(&job->index);
	arena_reset(&job->arena);
	return RESULT_NOT_FOUND;
}

/* What is there against what was accepted. */
static enum result check_again(struct job_run *job, struct fail *fail)
{
	const struct job_index_header *header = &job->index.header;
	job_source_expect(&job->source, header);
	enum result r = job_source_check(&job->source, fail);
	return r == RESULT_OK ? job_manifest_check(&job->content->manifest,
					job->content->template_bytes, header->recipients_bytes,
					header->rcpts_count, fail)
			      : r;
}

static enum result begin(struct jobs *j, struct job_run *job, struct fail *fail)
{
	enum result r = file_open_regular(
		job->dir_fd, "recipients.jsonl", &job->source.fd, NULL, fail);
	if (r == RESULT_NOT_FOUND)
		return fail_set(fail, RESULT_INVALID, "a job without recipients.jsonl");
	if (r == RESULT_OK)
		r = open_index(j, job, fail);
	if (r == RESULT_OK)
		return check_again(job, fail);
	if (r != RESULT_NOT_FOUND || job->is_orphan)
		return r;
	const uint64_t identity[2] = { job->identity.inode, (uint64_t)job->identity.birth_ns };
	r = job_indexing_begin(job->state_fd, job->source.fd, identity,
		clock_wall_us() / 1000000, &job->indexing, fail);
	return r == RESULT_OK ? RESULT_AGAIN : r;
}

static enum result open_directory(
	struct jobs *j, struct job_run *job, const struct file_identity *wanted, struct fail *fail)
{
	struct file_identity identity;
	enum file_type type;
	enum result r = file_open_directory(j->new_fd, job->name, &job->dir_fd, fail);
	if (r == RESULT_INVALID)
		r = fail_set(fail, RESULT_CHANGED, "it is no directory any more");
	if (r == RESULT_OK)
		r = file_describe(job->dir_fd, &type, &identity, fail);
	if (r == RESULT_OK && !file_identity_equal(&identity, wanted))
		r = fail_set(fail, RESULT_CHANGED, "another has taken its name");
	return r;
}

static bool is_open(const struct list *runs, const char *name)
{
	LIST_FOR_EACH(node, runs)
	if (strcmp(CONTAINER_OF(node, struct job_run, node)->name, name) == 0)
		return true;
	return false;
}

static enum result prepare(struct jobs *j, struct job_run *job, struct fail *fail)
{
	enum result r = job_content_read(job->dir_fd, &job->content, fail);
	if (r != RESULT_OK)
		return r;
	job->identity = job_identity(job->content->manifest.id);
	const uint64_t identity[2] = { job->identity.inode, (uint64_t)job->identity.birth_ns };
	r = jobs_folder_open(j, job, fail);
	if (r == RESULT_OK)
		r = job_drops_read(job->state_fd, identity, &job->drops, fail);
	return r == RESULT_OK ? begin(j, job, fail) : r;
}

void jobs_open(struct jobs *j, struct message *message)
{
	struct fail fail = { 0 };
	if (strlen(message->name) > JOB_NAME_BYTES_MAX) {
		answer(j, message,
			fail_set(&fail, RESULT_INVALID, "the name of a job has at most %d octets",
				JOB_NAME_BYTES_MAX),
			&fail);
		return;
	}
	if (is_open(&j->runs, message->name) || is_open(&j->accepting, message->name)) {
		answer(j, message,
			fail_set(&fail, RESULT_BUSY,
				"what is left of the job that had this name is withdrawn"),
			&fail);
		return;
	}
	struct job_run *job = create(j, message->name);
	if (job == NULL) {
		answer(j, message, fail_set(&fail, RESULT_MEMORY, "out of memory here"), &fail);
		return;
	}
	job->message = message;
	enum result r = open_directory(j, job, &message->identity, &fail);
	if (r == RESULT_OK)
		r = prepare(j, job, &fail);
	if (r == RESULT_OK)
		opened(j, job);
	else if (r != RESULT_AGAIN)
		refuse(j, job, r, &fail);
}

/* ---- jobs without a directory ---- */

/* Its recipients are withdrawn one by one, out of the files that were kept; without these nobody knows who
 * they are. */
static void open_orphan(struct jobs *j, const char *name)
{
	struct fail fail = { 0 };
	struct file_identity none = { 0 };
	struct job_run *job = create(j, name);
	struct message *message = job != NULL ? message_create(name, &none) : NULL;
	if (message == NULL) {
		if (job != NULL)
			jobs_free(j, job);
		return; /* the next start sees it again */
	}
	message->is_job = message->was_gone = message->withdrawn = true;
	job->message = message;
	job->is_orphan = true;
	enum result r = file_open_directory(j->jobs_fd, name, &job->dir_fd, &fail);
	if (r == RESULT_OK)
		r = prepare(j, job, &fail);
	if (r == RESULT_OK) {
		opened(j, job);
		return;
	}
	log_write(&j->log, LOG_FAILED,
		LOG_FIELDS(log_cstr("what", "withdrawing a job that is gone"),
			log_cstr("file", name), log_fail("why", &fail)));
	jobs_free(j, job);
	message_destroy(message);
	if (r == RESULT_NOT_FOUND || r == RESULT_INVALID)
		jobs_folder_remove(j, name);
}

void jobs_open_orphans(struct jobs *j)
{
	struct file_scan scan;
	struct file_scan_entry entry;
	struct fail fail = { 0 };
	struct file_identity identity;
	enum file_type type;
	enum result r = file_scan_open(&scan, j->jobs_fd, ".", &fail);
	while (r == RESULT_OK || r == RESULT_AGAIN) {
		r = file_scan_next(&scan, &entry, &fail);
		if (r == RESULT_OK && strlen(entry.name) <= JOB_NAME_BYTES_MAX &&
			file_look(j->new_fd, entry.name, &type, &identity, NULL) ==
				RESULT_NOT_FOUND)
			open_orphan(j, entry.name);
	}
	file_scan_close(&scan);
}
