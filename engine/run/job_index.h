/* The index of a job, SPOOL/state/jobs/NAME/index: where in recipients.jsonl each recipient stands, and who
 * of his domain comes after him, so that each domain is gone through alone and in the order of the file
 * without anybody holding more than a place in it.
 *
 *   header   magic[8] · format · identity of the job · octets of recipients.jsonl · when it was made · counts
 *            · when recipients.jsonl was last written · its checksum
 *   entries  line at u64 · domain u32 · next u32, one a recipient; his ordinal is his place
 *   domains  first u32 · count u32 · name, in the order of their numbers
 *
 * Written once, under another name until it is durable. Domain 0 has no name: its recipients are the lines
 * that could not be read. Numbers in network byte order. Blocks. */
#ifndef ENGINE_RUN_JOB_INDEX_H
#define ENGINE_RUN_JOB_INDEX_H

#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

#define JOB_NONE UINT32_MAX

enum {
	JOB_INDEX_HEADER_BYTES = 64,
	JOB_INDEX_ENTRY_BYTES = 16,
	JOB_INDEX_BLOCK_ENTRIES = 4096, /* of job_index_read_block(): 64 KB */
	JOB_INDEX_DOMAIN_BYTES_MIN = 10, /* without its name */
	/* Names and numbers of three million domains. */
	JOB_INDEX_ARENA_BYTES_MAX = 256 * 1024 * 1024,
};

struct file_cache;

struct job_index_entry {
	uint64_t line_at;
	uint32_t domain;
	uint32_t next; /* JOB_NONE: he is the last one of his domain */
};

struct job_index_domain {
	struct text name;
	uint32_t first, count;
};

struct job_index_header {
	uint64_t identity[2];
	uint64_t recipients_bytes;
	int64_t recipients_modified_ns; /* and the CRC-32 of those octets: job_source.h */
	uint32_t recipients_crc;
	int64_t made_unix_s;
	uint32_t rcpts_count;
	uint32_t domains_count; /* domain 0 included */
};

struct job_index {
	int fd;
	struct file_cache *cache; /* through which single entries are read; NULL: there is none. Borrowed */
	struct job_index_header header;
	struct job_index_domain *domains; /* in the arena */
};

/* RESULT_NOT_FOUND: there is none; RESULT_DAMAGED: it is none; RESULT_MEMORY, and those of file.h. */
MUST_USE enum result job_index_open(
	int state_fd, struct arena *arena, struct job_index *out_index, struct fail *fail);
void job_index_close(struct job_index *index);
/* The ordinal is one of the job. RESULT_DAMAGED: what stands there is no entry of it. */
MUST_USE enum result job_index_read(const struct job_index *index, uint32_t ordinal,
	struct job_index_entry *out_entry, struct fail *fail);
/* So many of them from `first` on as a block has, fewer at the end; *out_len: 0 behind the last one. */
MUST_USE enum result job_index_read_block(const struct job_index *index, uint32_t first,
	struct job_index_entry out_entries[static JOB_INDEX_BLOCK_ENTRIES], uint32_t *out_len,
	struct fail *fail);

/* ---- making one ---- */

struct job_indexing;

/* Borrows both descriptors. */
MUST_USE enum result job_indexing_begin(int state_fd, int recipients_fd, const uint64_t identity[2],
	int64_t now_unix_s, struct job_indexing **out_indexing, struct fail *fail);
/* Some milliseconds of work; RESULT_AGAIN: there is more. RESULT_OK: all is read and written, but not yet
 * there for job_index_open(). */
MUST_USE enum result job_indexing_step(struct job_indexing *indexing, struct fail *fail);
/* What was read, once it is OK. */
uint64_t job_indexing_bytes(const struct job_indexing *indexing);
uint64_t job_indexing_rcpts(const struct job_indexing *indexing);
/* Makes it durable under its name. RESULT_BUSY: recipients.jsonl was written to meanwhile. */
MUST_USE enum result job_indexing_finish(struct job_indexing *indexing, struct fail *fail);
void job_indexing_end(struct job_indexing **indexing);

#endif
