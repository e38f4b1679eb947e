#include "engine/run/job_source.h"
#include <stdlib.h>
#include <zlib.h>
#include "engine/io/file_at.h"
#include "engine/run/job_index.h"

enum { READ_BYTES = 256 * 1024 };

uint32_t job_source_crc(uint32_t crc, const void *data, size_t len)
{
	return (uint32_t)crc32_z(crc, data, len);
}

void job_source_expect(struct job_source *source, const struct job_index_header *header)
{
	source->bytes = header->recipients_bytes;
	source->crc = header->recipients_crc;
	source->seen = (struct file_identity){
		.modified_ns = header->recipients_modified_ns,
		.bytes = header->recipients_bytes,
	};
}

static enum result changed(struct job_source *source, struct fail *fail)
{
	source->is_changed = true;
	return fail_set(fail, RESULT_INVALID,
		"recipients.jsonl was changed after the job was accepted; who is left gets nothing");
}

static enum result read_again(struct job_source *source, struct fail *fail)
{
	uint32_t crc = 0;
	char *memory = malloc(READ_BYTES);
	if (memory == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory to read recipients.jsonl again");
	enum result r = RESULT_OK;
	for (uint64_t at = 0; at < source->bytes && r == RESULT_OK;) {
		uint64_t left = source->bytes - at;
		size_t len, size = left < READ_BYTES ? (size_t)left : READ_BYTES;
		r = file_read_at(source->fd, at, memory, size, &len, fail);
		if (r == RESULT_OK && len < size)
			r = changed(source, fail);
		crc = job_source_crc(crc, memory, len);
		at += len;
	}
	free(memory);
	return r == RESULT_OK && crc != source->crc ? changed(source, fail) : r;
}

enum result job_source_check(struct job_source *source, struct fail *fail)
{
	struct file_identity now;
	enum file_type type;
	if (source->is_changed)
		return changed(source, fail);
	enum result r = file_describe(source->fd, &type, &now, fail);
	if (r != RESULT_OK ||
		(now.bytes == source->seen.bytes && now.modified_ns == source->seen.modified_ns))
		return r;
	if (now.bytes < source->bytes)
		return changed(source, fail);
	r = read_again(source, fail);
	if (r != RESULT_OK)
		return r;
	source->seen = now;
	source->has_grown |= now.bytes > source->bytes;
	return RESULT_OK;
}
