/* How the parts of job_index.h look in bytes. Shared by its reader and its writer only. */
#ifndef ENGINE_RUN_JOB_INDEX_FORMAT_H
#define ENGINE_RUN_JOB_INDEX_FORMAT_H

#include <stdbool.h>
#include <string.h>
#include "engine/base/buf.h"
#include "engine/run/job_index.h"

#define JOB_INDEX_NAME  "index"
#define JOB_INDEX_MAGIC "LSJOBIX\n"
enum { JOB_INDEX_FORMAT = 2 };

static inline void job_index_put_header(
	uint8_t out[static JOB_INDEX_HEADER_BYTES], const struct job_index_header *header)
{
	struct buf buf;
	memset(out, 0, JOB_INDEX_HEADER_BYTES);
	buf_init(&buf, out, JOB_INDEX_HEADER_BYTES);
	buf_put(&buf, JOB_INDEX_MAGIC, 8);
	buf_put_u32(&buf, JOB_INDEX_FORMAT);
	buf_put_u64(&buf, header->identity[0]);
	buf_put_u64(&buf, header->identity[1]);
	buf_put_u64(&buf, header->recipients_bytes);
	buf_put_u64(&buf, (uint64_t)header->made_unix_s);
	buf_put_u32(&buf, header->rcpts_count);
	buf_put_u32(&buf, header->domains_count);
	buf_put_u64(&buf, (uint64_t)header->recipients_modified_ns);
	buf_put_u32(&buf, header->recipients_crc);
}

static inline bool job_index_get_header(
	const uint8_t bytes[static JOB_INDEX_HEADER_BYTES], struct job_index_header *out_header)
{
	struct buf_reader reader;
	buf_reader_init(&reader, bytes, JOB_INDEX_HEADER_BYTES);
	bool is_ours = memcmp(buf_reader_bytes(&reader, 8), JOB_INDEX_MAGIC, 8) == 0;
	is_ours &= buf_reader_u32(&reader) == JOB_INDEX_FORMAT;
	out_header->identity[0] = buf_reader_u64(&reader);
	out_header->identity[1] = buf_reader_u64(&reader);
	out_header->recipients_bytes = buf_reader_u64(&reader);
	out_header->made_unix_s = (int64_t)buf_reader_u64(&reader);
	out_header->rcpts_count = buf_reader_u32(&reader);
	out_header->domains_count = buf_reader_u32(&reader);
	out_header->recipients_modified_ns = (int64_t)buf_reader_u64(&reader);
	out_header->recipients_crc = buf_reader_u32(&reader);
	return is_ours && out_header->domains_count > 0;
}

static inline void job_index_put_entry(struct buf *buf, const struct job_index_entry *entry)
{
	buf_put_u64(buf, entry->line_at);
	buf_put_u32(buf, entry->domain);
	buf_put_u32(buf, entry->next);
}

/* Who comes next stands further behind, so that whoever goes through a domain comes to its end. */
static inline bool job_index_get_entry(const uint8_t bytes[static JOB_INDEX_ENTRY_BYTES],
	const struct job_index_header *header, uint32_t ordinal, struct job_index_entry *out_entry)
{
	struct buf_reader reader;
	buf_reader_init(&reader, bytes, JOB_INDEX_ENTRY_BYTES);
	out_entry->line_at = buf_reader_u64(&reader);
	out_entry->domain = buf_reader_u32(&reader);
	out_entry->next = buf_reader_u32(&reader);
	return out_entry->domain < header->domains_count &&
	       (out_entry->next == JOB_NONE ||
		       (out_entry->next > ordinal && out_entry->next < header->rcpts_count));
}

#endif
