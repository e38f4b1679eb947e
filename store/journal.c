/* Append and commit. The happy path: records are framed into the batch; a commit writes the batch
 * at the next free block of the segment, with zeros up to the end of its last block, and syncs.
 *
 * When the batch does not fit into the rest of the segment, as many records as fit are written and
 * synced, a new segment is begun, and the rest is renumbered for it. Only when the old segment is
 * durable is the new one begun: so there is never a hole between segments.
 *
 * Failures. A disk that is too full for a new segment: nothing was touched, the batch stays, the
 * commit may be tried again. Anything else, and above all a failed sync: the kernel may have
 * dropped the pages and will say OK next time, so the journal is dead from then on. */
#include "store/journal.h"
#include <stdlib.h>
#include "store/disk.h"
#include "store/journal_frame.h"
#include "store/journal_internal.h"

static void check_config(const struct journal_config *config)
{
	CHECK(config->path != NULL);
	CHECK(config->segment_bytes % JOURNAL_BLOCK_BYTES == 0);
	CHECK(config->segment_bytes >= 2 * JOURNAL_BLOCK_BYTES);
	CHECK(config->batch_bytes > JOURNAL_FRAME_BYTES);
	CHECK(config->batch_bytes <= config->segment_bytes - JOURNAL_BLOCK_BYTES);
}

static struct journal *create(const struct journal_config *config)
{
	struct journal *journal = calloc(1, sizeof *journal);
	/* A block more: the zeros behind the last record. */
	uint8_t *memory = malloc(config->batch_bytes + JOURNAL_BLOCK_BYTES);
	if (journal == NULL || memory == NULL) {
		free(journal);
		free(memory);
		return NULL;
	}
	*journal = (struct journal){ .magic = JOURNAL_MAGIC,
		.config = *config,
		.folder = -1,
		.fd = -1,
		.making.fd = -1,
		.batch_memory = memory };
	buf_init(&journal->batch, memory, config->batch_bytes);
	return journal;
}

/* The rest of the last segment was never used or holds a commit that was interrupted: it is cut
 * off, so that many restarts do not fill the disk. An error harms nothing. */
static void cut_last_segment(struct journal *journal, uint64_t good_bytes)
{
	char name[JOURNAL_NAME_SIZE];
	int fd;
	if (journal->segments_count == 0)
		return;
	struct journal_segment *last = &journal->segments[journal->segments_count - 1];
	uint64_t bytes =
		(good_bytes + JOURNAL_BLOCK_BYTES - 1) / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES;
	journal_name(JOURNAL_FILE_SEGMENT, last->number, name);
	if (bytes >= last->bytes || disk_open(journal->folder, name, false, &fd, NULL) != RESULT_OK)
		return;
	if (disk_truncate(fd, bytes, NULL) == RESULT_OK)
		last->bytes = bytes;
	disk_close(fd);
}

static enum result start(struct journal *journal, journal_record_fn *on_record, void *context,
	struct journal_found *found, struct fail *fail)
{
	char name[JOURNAL_NAME_SIZE];
	enum result result = disk_open_folder(journal->config.path, &journal->folder, fail);
	if (result == RESULT_OK)
		result = journal_recover(journal, on_record, context, found, fail);
	if (result != RESULT_OK)
		return result;
	journal->committed_seq = journal->next_seq - 1;
	cut_last_segment(journal, found->last_bytes);
	/* They never held a record, so their numbers need not stay in a name. */
	for (size_t i = 0; i < found->making.count; i++) {
		journal_name(JOURNAL_FILE_MAKING, found->making.items[i], name);
		disk_try_remove(journal->folder, name);
	}
	for (size_t i = 0; i < found->spares.count; i++)
		journal_adopt_spare(journal, found->spares.items[i]);
	result = journal_begin_segment(journal, fail);
	/* What holds nothing goes only now: until there is a segment of ours, the highest number
	 * that was ever used must stay in a name. */
	for (size_t i = 0; i < found->drop.count && result == RESULT_OK; i++)
		result = journal_leave_file(journal, found->drop.items[i], 0, fail);
	if (result == RESULT_OK && journal->spares_count == 0) {
		journal_keep_reserve(journal, 0);
		journal_finish_reserve(journal); /* nobody waits yet */
	}
	return result;
}

static void free_found(struct journal_found *found)
{
	free(found->drop.items);
	free(found->spares.items);
	free(found->making.items);
}

enum result journal_open(const struct journal_config *config, journal_record_fn *on_record,
	void *context, struct journal **out_journal, struct fail *fail)
{
	struct journal_found found = { .last_bytes = 0 };
	check_config(config);
	*out_journal = NULL;
	struct journal *journal = create(config);
	if (journal == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the journal");
	enum result result = start(journal, on_record, context, &found, fail);
	free_found(&found);
	if (result != RESULT_OK) {
		(void)fail_prefix(fail, "journal %s", config->path);
		journal_close(&journal);
		return result;
	}
	*out_journal = journal;
	return RESULT_OK;
}

enum result journal_read(const struct journal_config *config, journal_record_fn *on_record,
	void *context, struct fail *fail)
{
	struct journal_found found = { .last_bytes = 0 };
	check_config(config);
	struct journal *journal = create(config);
	if (journal == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the journal");
	enum result result = disk_open_folder(config->path, &journal->folder, fail);
	if (result == RESULT_OK)
		result = journal_recover(journal, on_record, context, &found, fail);
	free_found(&found);
	journal_close(&journal);
	if (result != RESULT_OK)
		(void)fail_prefix(fail, "journal %s", config->path);
	return result;
}

void journal_close(struct journal **journal)
{
	struct journal *j = *journal;
	if (j == NULL)
		return;
	CHECK_OBJ(j, JOURNAL_MAGIC);
	journal_drop_reserve(j);
	disk_close(j->fd);
	disk_close(j->folder);
	free(j->segments);
	free(j->batch_memory);
	j->magic = 0;
	free(j);
	*journal = NULL;
}

/* ---- the batch ---- */

uint64_t journal_next_seq(const struct journal *journal) { return journal->next_seq; }
uint64_t journal_committed_seq(const struct journal *journal) { return journal->committed_seq; }
size_t journal_pending_bytes(const struct journal *journal) { return journal->batch.len; }
bool journal_is_dead(const struct journal *journal) { return journal->death.result != RESULT_OK; }
size_t journal_segments_count(const struct journal *journal) { return journal->segments_count; }

bool journal_has_reserve(const struct journal *journal)
{
	return journal->spares_count > 0 || journal->making.fd >= 0;
}

uint64_t journal_oldest_seq(const struct journal *journal)
{
	return journal->segments[0].first_seq;
}

uint64_t journal_oldest_end_seq(const struct journal *journal)
{
	return journal->segments_count > 1 ? journal->segments[1].first_seq : journal->next_seq;
}

static uint64_t segment_number(const struct journal *journal)
{
	return journal->segments[journal->segments_count - 1].number;
}

enum result journal_append(struct journal *journal, uint8_t type, struct text payload)
{
	CHECK_OBJ(journal, JOURNAL_MAGIC);
	size_t len = journal_frame_bytes(payload.len);
	CHECK(len <= journal->config.batch_bytes);
	if (journal_is_dead(journal))
		return RESULT_IO;
	if (len > buf_room(&journal->batch))
		return RESULT_NO_SPACE;
	journal_frame_put_record(&journal->batch,
		&(struct journal_record){
			.seq = journal->next_seq, .type = type, .payload = payload },
		segment_number(journal), journal->committed_seq);
	journal->next_seq++;
	return RESULT_OK;
}

/* ---- the commit ---- */

/* As many whole records from the front of the batch as fit into `room`. */
static size_t fitting_bytes(const struct buf *batch, uint64_t room, uint64_t *out_count)
{
	size_t bytes = 0;
	*out_count = 0;
	while (bytes < batch->len) {
		size_t len = journal_frame_len(batch->data + bytes);
		if (len > room - bytes)
			break;
		bytes += len;
		++*out_count;
	}
	return bytes;
}

/* Writes the first `bytes` of the batch and makes them durable. */
static enum result write_and_sync(struct journal *journal, size_t bytes, struct fail *fail)
{
	size_t padded = bytes;
	if (bytes == journal->batch.len) {
		/* Whole blocks, so that the kernel need not read the old rest of the last one.
		 * Where more records follow it is left as it is: this segment ends here. */
		padded = (bytes + JOURNAL_BLOCK_BYTES - 1) / JOURNAL_BLOCK_BYTES *
			 JOURNAL_BLOCK_BYTES;
		memset(journal->batch_memory + bytes, 0, padded - bytes);
	}
	enum result result =
		disk_write_at(journal->fd, journal->batch_memory, padded, journal->write_at, fail);
	if (result == RESULT_OK)
		result = disk_sync(journal->fd, fail);
	return result;
}

/* Writes what fits into the segment. The batch shrinks by it. */
static enum result commit_part(struct journal *journal, struct fail *fail)
{
	uint64_t count, room = journal->config.segment_bytes - journal->write_at;
	size_t bytes = fitting_bytes(&journal->batch, room, &count);
	if (bytes == 0)
		return RESULT_OK;
	enum result result = write_and_sync(journal, bytes, fail);
	if (result != RESULT_OK)
		return result == RESULT_NO_SPACE ? RESULT_IO : result;
	journal->committed_seq += count;
	journal->write_at +=
		(bytes + JOURNAL_BLOCK_BYTES - 1) / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES;
	buf_discard(&journal->batch, bytes);
	return RESULT_OK;
}

/* A new segment for what is left of the batch, which is made over for it. */
static enum result rotate(struct journal *journal, struct fail *fail)
{
	enum result result = journal_begin_segment(journal, fail);
	if (result != RESULT_OK)
		return result;
	for (size_t at = 0; at < journal->batch.len;) {
		size_t len = journal_frame_len(journal->batch.data + at);
		journal_frame_renumber(journal->batch.data + at, len, segment_number(journal));
		at += len;
	}
	return RESULT_OK;
}

static enum result commit_all(struct journal *journal, struct fail *fail)
{
	for (;;) {
		enum result result = commit_part(journal, fail);
		if (result != RESULT_OK || journal->batch.len == 0)
			return result;
		result = rotate(journal, fail);
		if (result != RESULT_OK)
			return result;
	}
}

enum result journal_commit(struct journal *journal, struct fail *fail)
{
	struct fail cause;
	CHECK_OBJ(journal, JOURNAL_MAGIC);
	size_t bytes = journal->batch.len;
	if (journal_is_dead(journal))
		return fail_set(fail, RESULT_IO, "%s", journal->death.text);
	fail_clear(&cause);
	enum result result = commit_all(journal, &cause);
	if (result == RESULT_OK) {
		CHECK(journal->committed_seq + 1 == journal->next_seq);
		journal_keep_reserve(journal, bytes);
		return RESULT_OK;
	}
	(void)fail_prefix(&cause, "journal %s", journal->config.path);
	if (result != RESULT_NO_SPACE) {
		cause.result = result;
		journal->death = cause;
	}
	return fail_set(fail, result, "%s", cause.text);
}
