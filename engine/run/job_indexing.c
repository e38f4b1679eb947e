#include <stdlib.h>
#include <string.h>
#include "engine/base/hash_map.h"
#include "engine/base/limits.h"
#include "engine/io/file_at.h"
#include "engine/io/random.h"
#include "engine/run/job_index_format.h"
#include "engine/run/job_source.h"
#include "engine/spool/job_recipients.h"

/* Two passes. The first one reads recipients.jsonl and writes the entries with their domains; the second one
 * goes over the entries from the last to the first, knows of each domain who comes next, and writes that.
 * In memory there are the domains, and one block. */

enum {
	READ_BYTES = 256 * 1024, /* a step: some two thousand recipients */
	BLOCK_ENTRIES = 16384,
	BLOCK_BYTES = BLOCK_ENTRIES * JOB_INDEX_ENTRY_BYTES,
};
#define NAME_UNFINISHED "index.tmp"

enum phase { PHASE_READ, PHASE_LINK, PHASE_DOMAINS, PHASE_DONE };

struct named {
	struct hash_node node;
	struct text name;
	uint32_t number, first, count;
};

struct job_indexing {
	int state_fd, recipients_fd, fd;
	struct job_index_header header;
	enum phase phase;
	struct arena arena;      /* of the domains */
	struct arena line_arena; /* of one recipient */
	struct hash_map map;
	bool has_map, is_finished;
	struct named **domains; /* by number */
	uint32_t domains_size;
	uint64_t left; /* PHASE_LINK: entries that are still to be linked */
	struct job_lines lines;
	struct buf block;
	uint8_t block_memory[BLOCK_BYTES];
	char input[READ_BYTES];
};

static struct text key_of(const struct hash_node *node)
{
	return CONTAINER_OF(node, struct named, node)->name;
}

/* ---- domains ---- */

static struct named *add_domain(struct job_indexing *j, struct text name)
{
	uint32_t number = j->header.domains_count;
	if (number == j->domains_size) {
		uint32_t size = number > 0 ? 2 * number : 1024;
		struct named **domains = realloc(j->domains, size * sizeof(*domains));
		if (domains == NULL)
			return NULL;
		j->domains = domains;
		j->domains_size = size;
	}
	struct named *domain = arena_alloc(&j->arena, sizeof *domain);
	if (domain == NULL)
		return NULL;
	*domain = (struct named){ .number = number, .first = JOB_NONE };
	if (name.len > 0)
		domain->name = arena_text_copy(&j->arena, name);
	if (arena_is_exhausted(&j->arena))
		return NULL;
	j->domains[j->header.domains_count++] = domain;
	if (name.len > 0)
		hash_map_insert(&j->map, &domain->node);
	return domain;
}

static struct named *find_domain(struct job_indexing *j, struct text name)
{
	if (name.len == 0)
		return j->domains[0];
	struct hash_node *node = hash_map_find(&j->map, name);
	return node != NULL ? CONTAINER_OF(node, struct named, node) : add_domain(j, name);
}

/* ---- the first pass ---- */

static uint64_t entry_at(uint64_t ordinal)
{
	return JOB_INDEX_HEADER_BYTES + ordinal * JOB_INDEX_ENTRY_BYTES;
}

static enum result flush(struct job_indexing *j, struct fail *fail)
{
	uint64_t first = j->header.rcpts_count - j->block.len / JOB_INDEX_ENTRY_BYTES;
	enum result r = file_write_at(j->fd, entry_at(first), j->block.data, j->block.len, fail);
	buf_reset(&j->block);
	return r;
}

static struct text domain_of_line(struct job_indexing *j, enum job_lines_event event)
{
	struct job_recipient recipient;
	struct fail why;
	arena_reset(&j->line_arena);
	/* Who cannot be read gets his outcome when it is his turn. */
	if (event == JOB_LINES_TOO_LONG ||
		job_recipient_parse(j->lines.line, &j->line_arena, &recipient, &why) != RESULT_OK)
		return TEXT_EMPTY;
	return envelope_domain(&recipient.to);
}

static enum result take_line(struct job_indexing *j, enum job_lines_event event, struct fail *fail)
{
	if (event == JOB_LINES_MORE)
		return RESULT_OK;
	if (j->header.rcpts_count >= JOB_RECIPIENTS_MAX)
		return fail_set(fail, RESULT_INVALID, "more recipients than a job may have");
	struct named *domain = find_domain(j, domain_of_line(j, event));
	if (domain == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the domains of the job");
	domain->count++;
	const struct job_index_entry entry = {
		.line_at = j->lines.line_at,
		.domain = domain->number,
		.next = JOB_NONE,
	};
	job_index_put_entry(&j->block, &entry);
	j->header.rcpts_count++;
	return buf_room(&j->block) == 0 ? flush(j, fail) : RESULT_OK;
}

static enum result read_step(struct job_indexing *j, struct fail *fail)
{
	size_t len;
	enum result r = file_read_at(j->recipients_fd, j->header.recipients_bytes, j->input,
		sizeof j->input, &len, fail);
	struct text input = { j->input, len };
	j->header.recipients_bytes += len;
	if (r == RESULT_OK)
		j->header.recipients_crc = job_source_crc(j->header.recipients_crc, j->input, len);
	while (r == RESULT_OK && input.len > 0)
		r = take_line(j, job_lines_input(&j->lines, &input), fail);
	if (r != RESULT_OK || len > 0)
		return r;
	enum job_lines_event event;
	while (r == RESULT_OK && (event = job_lines_end(&j->lines)) != JOB_LINES_END)
		r = take_line(j, event, fail);
	if (r == RESULT_OK)
		r = flush(j, fail);
	j->phase = PHASE_LINK;
	j->left = j->header.rcpts_count;
	return r;
}

/* ---- the second pass ---- */

static enum result link_step(struct job_indexing *j, struct fail *fail)
{
	uint64_t count = j->left < BLOCK_ENTRIES ? j->left : BLOCK_ENTRIES;
	uint64_t first = j->left - count;
	size_t len, size = (size_t)count * JOB_INDEX_ENTRY_BYTES;
	enum result r = file_read_at(j->fd, entry_at(first), j->block_memory, size, &len, fail);
	if (r != RESULT_OK)
		return r;
	for (uint64_t i = count; i-- > 0 && len == size;) {
		struct job_index_entry entry;
		uint8_t *bytes = j->block_memory + i * JOB_INDEX_ENTRY_BYTES;
		struct buf buf;
		if (!job_index_get_entry(bytes, &j->header, (uint32_t)(first + i), &entry))
			return fail_set(fail, RESULT_IO,
				"the index of a job was changed while it was made");
		entry.next = j->domains[entry.domain]->first;
		j->domains[entry.domain]->first = (uint32_t)(first + i);
		buf_init(&buf, bytes, JOB_INDEX_ENTRY_BYTES);
		job_index_put_entry(&buf, &entry);
	}
	j->left = first;
	if (first == 0)
		j->phase = PHASE_DOMAINS;
	return file_write_at(j->fd, entry_at(first), j->block_memory, size, fail);
}

static enum result domains_step(struct job_indexing *j, struct fail *fail)
{
	uint64_t at = entry_at(j->header.rcpts_count);
	enum result r = RESULT_OK;
	buf_init(&j->block, j->block_memory, sizeof j->block_memory);
	for (uint32_t i = 0; i < j->header.domains_count && r == RESULT_OK; i++) {
		const struct named *domain = j->domains[i];
		if (buf_room(&j->block) < 2 * sizeof(uint32_t) + 2 + domain->name.len) {
			r = file_write_at(j->fd, at, j->block.data, j->block.len, fail);
			at += j->block.len;
			buf_reset(&j->block);
		}
		buf_put_u32(&j->block, domain->first);
		buf_put_u32(&j->block, domain->count);
		buf_put_text16(&j->block, domain->name);
	}
	if (r == RESULT_OK)
		r = file_write_at(j->fd, at, j->block.data, j->block.len, fail);
	uint8_t head[JOB_INDEX_HEADER_BYTES];
	job_index_put_header(head, &j->header);
	if (r == RESULT_OK)
		r = file_write_at(j->fd, 0, head, sizeof head, fail);
	j->phase = PHASE_DONE;
	return r;
}

enum result job_indexing_step(struct job_indexing *j, struct fail *fail)
{
	enum result r = RESULT_OK;
	switch (j->phase) {
	case PHASE_READ: r = read_step(j, fail); break;
	case PHASE_LINK: r = link_step(j, fail); break;
	case PHASE_DOMAINS: r = domains_step(j, fail); break;
	case PHASE_DONE: return RESULT_OK;
	}
	return r == RESULT_OK && j->phase != PHASE_DONE ? RESULT_AGAIN : r;
}

/* ---- life ---- */

enum result job_indexing_begin(int state_fd, int recipients_fd, const uint64_t identity[2],
	int64_t now_unix_s, struct job_indexing **out_indexing, struct fail *fail)
{
	struct job_indexing *j = calloc(1, sizeof *j);
	struct file_identity recipients = { 0 };
	enum file_type type;
	*out_indexing = NULL;
	if (j == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the index of a job");
	j->state_fd = state_fd;
	j->recipients_fd = recipients_fd;
	j->fd = -1;
	j->header.identity[0] = identity[0];
	j->header.identity[1] = identity[1];
	j->header.made_unix_s = now_unix_s;
	arena_init(&j->arena, 64 * 1024, JOB_INDEX_ARENA_BYTES_MAX);
	arena_init(&j->line_arena, 64 * 1024, JOB_LINE_ARENA_BYTES_MAX);
	job_lines_init(&j->lines, 0, 1);
	buf_init(&j->block, j->block_memory, sizeof j->block_memory);
	struct siphash_key key = random_siphash_key();
	enum result r = hash_map_init(&j->map, 1024, &key, key_of);
	j->has_map = r == RESULT_OK;
	if (r == RESULT_OK && add_domain(j, TEXT_EMPTY) == NULL)
		r = RESULT_MEMORY;
	if (r != RESULT_OK)
		fail_set(fail, r, "no memory for the index of a job");
	else
		r = file_unlink(state_fd, NAME_UNFINISHED, fail);
	if (r == RESULT_OK || r == RESULT_NOT_FOUND)
		r = file_describe(recipients_fd, &type, &recipients, fail);
	j->header.recipients_modified_ns = recipients.modified_ns;
	if (r == RESULT_OK)
		r = file_open_own(state_fd, NAME_UNFINISHED, &j->fd, fail);
	if (r != RESULT_OK)
		job_indexing_end(&j);
	*out_indexing = j;
	return r;
}

uint64_t job_indexing_bytes(const struct job_indexing *j) { return j->header.recipients_bytes; }

uint64_t job_indexing_rcpts(const struct job_indexing *j) { return j->header.rcpts_count; }

enum result job_indexing_finish(struct job_indexing *j, struct fail *fail)
{
	struct file_identity now;
	enum file_type type;
	CHECK(j->phase == PHASE_DONE);
	enum result r = file_describe(j->recipients_fd, &type, &now, fail);
	if (r == RESULT_OK && (now.bytes != j->header.recipients_bytes ||
				      now.modified_ns != j->header.recipients_modified_ns))
		r = fail_set(fail, RESULT_BUSY, "recipients.jsonl is still being written");
	if (r == RESULT_OK)
		r = file_sync(j->fd, false, fail);
	if (r == RESULT_OK)
		r = file_rename_replacing(
			j->state_fd, NAME_UNFINISHED, j->state_fd, JOB_INDEX_NAME, fail);
	if (r != RESULT_OK)
		return r;
	j->is_finished = true;
	return file_sync(j->state_fd, false, fail);
}

void job_indexing_end(struct job_indexing **indexing)
{
	struct job_indexing *j = *indexing;
	*indexing = NULL;
	if (j == NULL)
		return;
	if (j->has_map)
		hash_map_deinit(&j->map);
	free(j->domains);
	arena_deinit(&j->arena);
	arena_deinit(&j->line_arena);
	if (j->fd >= 0 && !j->is_finished) { /* a full disk has better use for it */
		struct fail ignored;
		enum result r = file_unlink(j->state_fd, NAME_UNFINISHED, &ignored);
		(void)r;
	}
	file_close(j->fd);
	free(j);
}
