/* Segments come and go.
 *
 * A number is never used twice, also not after a crash: it is what tells records from the old bytes
 * below them. The order of the steps is what makes every crash harmless:
 *  begin:  the file gets its name, the name is synced, then the header is written and synced. A crash
 *          in between leaves a file without its header, which holds nothing and is dropped.
 *  retire: one file at a time, oldest first, the folder synced after each. A crash brings back the
 *          last one at most, so that there is never a hole between segments. */
#include <stdio.h>
#include <stdlib.h>
#include "store/disk.h"
#include "store/journal_frame.h"
#include "store/journal_internal.h"

static const char *const prefixes[JOURNAL_FILE_KINDS] = {
	[JOURNAL_FILE_SEGMENT] = "journal-",
	[JOURNAL_FILE_SPARE] = "spare-",
	[JOURNAL_FILE_MAKING] = "making-",
};

enum { NUMBER_DIGITS = 16 };

void journal_name(enum journal_file file, uint64_t number, char name[JOURNAL_NAME_SIZE])
{
	(void)snprintf(
		name, JOURNAL_NAME_SIZE, "%s%016llx", prefixes[file], (unsigned long long)number);
}

static bool parse_number(struct text text, uint64_t *out_number)
{
	uint64_t number = 0;
	if (text.len != NUMBER_DIGITS)
		return false;
	for (size_t i = 0; i < NUMBER_DIGITS; i++) {
		const char *digits = "0123456789abcdef", *digit = strchr(digits, text.data[i]);
		if (digit == NULL)
			return false;
		number = number << 4 | (uint64_t)(digit - digits);
	}
	*out_number = number;
	return true;
}

bool journal_parse_name(const char *name, enum journal_file *out_file, uint64_t *out_number)
{
	for (unsigned file = 0; file < JOURNAL_FILE_KINDS; file++) {
		struct text text = text_of(name), prefix = text_of(prefixes[file]);
		*out_file = (enum journal_file)file;
		if (text_starts(text, prefix))
			return parse_number(text_skip(text, prefix.len), out_number);
	}
	return false;
}

enum result journal_list_add(
	struct journal *journal, const struct journal_segment *segment, struct fail *fail)
{
	if (journal->segments_count == journal->segments_size) {
		size_t size = journal->segments_size > 0 ? 2 * journal->segments_size : 64;
		if (size > JOURNAL_SEGMENTS_MAX)
			return fail_set(
				fail, RESULT_LIMIT, "more than %d segments", JOURNAL_SEGMENTS_MAX);
		void *larger = realloc(journal->segments, size * sizeof *journal->segments);
		if (larger == NULL)
			return fail_set(fail, RESULT_MEMORY, "no memory for the list of segments");
		journal->segments = larger;
		journal->segments_size = size;
	}
	journal->segments[journal->segments_count++] = *segment;
	return RESULT_OK;
}

static enum result take_spare(
	struct journal *journal, const char *name, int *out_fd, struct fail *fail)
{
	char spare[JOURNAL_NAME_SIZE];
	journal_name(JOURNAL_FILE_SPARE, journal->spares[journal->spares_count - 1], spare);
	enum result result = disk_open(journal->folder, spare, false, out_fd, fail);
	if (result != RESULT_OK)
		return result;
	result = disk_rename(journal->folder, spare, name, fail);
	if (result != RESULT_OK) {
		disk_close(*out_fd);
		*out_fd = -1;
		return result;
	}
	journal->spares_count--;
	return RESULT_OK;
}

static enum result write_header(int fd, const struct journal_segment *segment, struct fail *fail)
{
	uint8_t block[JOURNAL_BLOCK_BYTES] = { 0 };
	struct buf buf;
	buf_init(&buf, block, sizeof block);
	journal_frame_put_header(&buf, &(struct journal_header){ .version = JOURNAL_VERSION,
					       .block_bytes = JOURNAL_BLOCK_BYTES,
					       .number = segment->number,
					       .first_seq = segment->first_seq });
	enum result result = disk_write_at(fd, block, sizeof block, 0, fail);
	return result == RESULT_OK ? disk_sync(fd, fail) : result;
}

enum result journal_begin_segment(struct journal *journal, struct fail *fail)
{
	struct journal_segment segment = {
		.number = journal->number_max + 1,
		.first_seq = journal->committed_seq + 1,
		.bytes = journal->config.segment_bytes,
	};
	char name[JOURNAL_NAME_SIZE];
	int fd = -1;
	journal_name(JOURNAL_FILE_SEGMENT, segment.number, name);
	if (journal->spares_count == 0)
		journal_finish_reserve(journal);
	enum result result = journal->spares_count > 0
				     ? take_spare(journal, name, &fd, fail)
				     : journal_create_file(journal, name, &fd, fail);
	if (result != RESULT_OK)
		return result;
	journal->number_max = segment.number;
	result = disk_sync_folder(journal->folder, fail);
	if (result == RESULT_OK)
		result = write_header(fd, &segment, fail);
	if (result == RESULT_OK)
		result = journal_list_add(journal, &segment, fail);
	if (result != RESULT_OK) {
		disk_close(fd);
		/* Not the "nothing has changed" of a full disk. */
		return result == RESULT_NO_SPACE ? RESULT_IO : result;
	}
	disk_close(journal->fd);
	journal->fd = fd;
	journal->write_at = JOURNAL_BLOCK_BYTES;
	return RESULT_OK;
}

enum result journal_leave_file(
	struct journal *journal, uint64_t number, uint64_t bytes, struct fail *fail)
{
	char name[JOURNAL_NAME_SIZE], spare[JOURNAL_NAME_SIZE];
	enum result result;
	journal_name(JOURNAL_FILE_SEGMENT, number, name);
	journal_name(JOURNAL_FILE_SPARE, number, spare);
	if (bytes == journal->config.segment_bytes && journal->spares_count < JOURNAL_SPARES_MAX) {
		result = disk_rename(journal->folder, name, spare, fail);
		if (result == RESULT_OK)
			journal->spares[journal->spares_count++] = number;
	} else {
		result = disk_remove(journal->folder, name, fail);
	}
	return result == RESULT_OK ? disk_sync_folder(journal->folder, fail) : result;
}

enum result journal_retire(struct journal *journal, uint64_t seq, struct fail *fail)
{
	CHECK_OBJ(journal, JOURNAL_MAGIC);
	CHECK(seq <= journal->committed_seq + 1);
	while (journal->segments_count > 1 && journal->segments[1].first_seq <= seq) {
		struct journal_segment oldest = journal->segments[0];
		enum result result = journal_leave_file(journal, oldest.number, oldest.bytes, fail);
		if (result != RESULT_OK) {
			(void)fail_prefix(fail, "journal %s", journal->config.path);
			return result;
		}
		journal->segments_count--;
		memmove(journal->segments, journal->segments + 1,
			journal->segments_count * sizeof *journal->segments);
	}
	return RESULT_OK;
}
