#include "engine/run/job_index.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/buf.h"
#include "engine/base/limits.h"
#include "engine/io/file_at.h"
#include "engine/io/file_cache.h"
#include "engine/run/job_index_format.h"

static enum result damaged(struct fail *fail)
{
	return fail_set(fail, RESULT_DAMAGED,
		"its index below state/jobs is damaged, or of another version; the sender makes it "
		"anew out of recipients.jsonl when it opens the job");
}

enum result job_index_read(const struct job_index *index, uint32_t ordinal,
	struct job_index_entry *out_entry, struct fail *fail)
{
	uint8_t bytes[JOB_INDEX_ENTRY_BYTES];
	size_t len;
	CHECK(ordinal < index->header.rcpts_count);
	uint64_t at = JOB_INDEX_HEADER_BYTES + (uint64_t)ordinal * JOB_INDEX_ENTRY_BYTES;
	enum result r = index->cache != NULL
				? file_cache_read_at(index->cache, index->fd, at, bytes,
					  sizeof bytes, &len, fail)
				: file_read_at(index->fd, at, bytes, sizeof bytes, &len, fail);
	if (r != RESULT_OK)
		return r;
	bool is_good = len == sizeof bytes &&
		       job_index_get_entry(bytes, &index->header, ordinal, out_entry) &&
		       out_entry->line_at < index->header.recipients_bytes;
	return is_good ? RESULT_OK : damaged(fail);
}

enum result job_index_read_block(const struct job_index *index, uint32_t first,
	struct job_index_entry out_entries[static JOB_INDEX_BLOCK_ENTRIES], uint32_t *out_len,
	struct fail *fail)
{
	enum { BLOCK_BYTES = JOB_INDEX_BLOCK_ENTRIES * JOB_INDEX_ENTRY_BYTES };
	uint32_t left = first < index->header.rcpts_count ? index->header.rcpts_count - first : 0;
	*out_len = left < JOB_INDEX_BLOCK_ENTRIES ? left : JOB_INDEX_BLOCK_ENTRIES;
	size_t size = (size_t)*out_len * JOB_INDEX_ENTRY_BYTES, len = 0;
	uint8_t *bytes = malloc(BLOCK_BYTES);
	if (bytes == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory to read the index of a job");
	enum result r = file_read_at(index->fd,
		JOB_INDEX_HEADER_BYTES + (uint64_t)first * JOB_INDEX_ENTRY_BYTES, bytes, size, &len,
		fail);
	bool is_good = len == size;
	for (uint32_t i = 0; i < *out_len && is_good && r == RESULT_OK; i++)
		is_good = job_index_get_entry(bytes + (size_t)i * JOB_INDEX_ENTRY_BYTES,
			&index->header, first + i, &out_entries[i]);
	free(bytes);
	if (r == RESULT_OK && !is_good)
		return damaged(fail);
	return r;
}

static enum result read_domains(struct job_index *index, struct text bytes, struct arena *arena)
{
	struct buf_reader reader;
	uint64_t rcpts = 0;
	if (index->header.domains_count > bytes.len / JOB_INDEX_DOMAIN_BYTES_MIN)
		return RESULT_DAMAGED;
	index->domains =
		arena_alloc_array(arena, index->header.domains_count, sizeof *index->domains);
	if (index->domains == NULL)
		return RESULT_MEMORY;
	buf_reader_init(&reader, bytes.data, bytes.len);
	for (uint32_t i = 0; i < index->header.domains_count; i++) {
		struct job_index_domain *domain = &index->domains[i];
		domain->first = buf_reader_u32(&reader);
		domain->count = buf_reader_u32(&reader);
		domain->name = buf_reader_text16(&reader);
		bool is_empty = domain->count == 0 && domain->first == JOB_NONE;
		if (!is_empty && (domain->count == 0 || domain->first >= index->header.rcpts_count))
			return RESULT_DAMAGED;
		if ((i == 0) != (domain->name.len == 0))
			return RESULT_DAMAGED;
		rcpts += domain->count;
	}
	bool is_good = buf_reader_done(&reader) && rcpts == index->header.rcpts_count;
	return is_good ? RESULT_OK : RESULT_DAMAGED;
}

static enum result read_all(struct job_index *index, const struct file_identity *identity,
	struct arena *arena, struct fail *fail)
{
	uint8_t head[JOB_INDEX_HEADER_BYTES];
	size_t len;
	enum result r = file_read_at(index->fd, 0, head, sizeof head, &len, fail);
	if (r != RESULT_OK)
		return r;
	if (len < sizeof head || !job_index_get_header(head, &index->header))
		return RESULT_DAMAGED;
	uint64_t at = sizeof head + (uint64_t)index->header.rcpts_count * JOB_INDEX_ENTRY_BYTES;
	if (identity->bytes < at || identity->bytes - at > JOB_INDEX_ARENA_BYTES_MAX / 2)
		return RESULT_DAMAGED;
	size_t size = (size_t)(identity->bytes - at);
	char *names = arena_alloc(arena, size);
	if (names == NULL)
		return RESULT_MEMORY;
	r = file_read_at(index->fd, at, names, size, &len, fail);
	if (r == RESULT_OK)
		r = read_domains(index, text_of_bytes(names, len), arena);
	return r;
}

enum result job_index_open(
	int state_fd, struct arena *arena, struct job_index *out_index, struct fail *fail)
{
	struct file_identity identity;
	*out_index = (struct job_index){ .fd = -1 };
	enum result r =
		file_open_regular(state_fd, JOB_INDEX_NAME, &out_index->fd, &identity, fail);
	if (r != RESULT_OK)
		return r;
	r = read_all(out_index, &identity, arena, fail);
	if (r == RESULT_DAMAGED)
		r = damaged(fail);
	if (r == RESULT_MEMORY)
		fail_set(fail, r, "no memory for the index of the job");
	if (r != RESULT_OK)
		job_index_close(out_index);
	return r;
}

void job_index_close(struct job_index *index)
{
	file_close(index->fd);
	index->fd = -1;
}
