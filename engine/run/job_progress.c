#include "engine/run/job_progress.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/buf.h"
#include "engine/io/file_at.h"

enum { PAGE_BYTES = 4096 };
#define NAME  "done"
#define MAGIC "LSJOBDN\n"

static size_t bits_bytes(const struct job_progress *p)
{
	return (size_t)p->pages_count * PAGE_BYTES;
}

static enum result write_head(struct job_progress *p, const uint64_t identity[2], struct fail *fail)
{
	uint8_t head[PAGE_BYTES] = { 0 };
	struct buf buf;
	buf_init(&buf, head, sizeof head);
	buf_put(&buf, MAGIC, 8);
	buf_put_u64(&buf, identity[0]);
	buf_put_u64(&buf, identity[1]);
	enum result r = file_write_at(p->fd, 0, head, sizeof head, fail);
	return r == RESULT_OK ? file_sync(p->fd, false, fail) : r;
}

static bool is_head(const uint8_t *head, const uint64_t identity[2])
{
	struct buf_reader reader;
	buf_reader_init(&reader, head, PAGE_BYTES);
	bool is_ours = memcmp(buf_reader_bytes(&reader, 8), MAGIC, 8) == 0;
	is_ours &= buf_reader_u64(&reader) == identity[0];
	is_ours &= buf_reader_u64(&reader) == identity[1];
	return is_ours;
}

static void count_done(struct job_progress *p)
{
	/* What stands behind the last recipient is not ours. */
	for (uint32_t i = p->rcpts_count;
		i < p->pages_count * (uint64_t)PAGE_BYTES * 8 && i % 8 != 0; i++)
		p->bits[i / 8] = (uint8_t)(p->bits[i / 8] & ~(1u << i % 8));
	for (size_t i = 0; i < ((size_t)p->rcpts_count + 7) / 8; i++)
		p->done_count += (uint32_t)__builtin_popcount(p->bits[i]);
}

static enum result read_file(struct job_progress *p, const uint64_t identity[2], struct fail *fail)
{
	uint8_t head[PAGE_BYTES];
	size_t len;
	enum result r = file_read_at(p->fd, 0, head, sizeof head, &len, fail);
	if (r != RESULT_OK)
		return r;
	if (len < sizeof head)
		return write_head(p, identity, fail);
	if (!is_head(head, identity))
		return fail_set(fail, RESULT_CHANGED, "what is done belongs to another job");
	r = file_read_at(p->fd, PAGE_BYTES, p->bits, bits_bytes(p), &len, fail);
	if (r == RESULT_OK)
		count_done(p);
	return r;
}

enum result job_progress_open(int state_fd, const uint64_t identity[2], uint32_t rcpts_count,
	struct job_progress *out_progress, struct fail *fail)
{
	struct job_progress *p = out_progress;
	*p = (struct job_progress){ .fd = -1, .rcpts_count = rcpts_count };
	p->pages_count = rcpts_count / (PAGE_BYTES * 8) + 1;
	p->bits = calloc(p->pages_count, PAGE_BYTES);
	p->dirty = calloc(p->pages_count, 1);
	enum result r =
		p->bits == NULL || p->dirty == NULL
			? fail_set(fail, RESULT_MEMORY, "no memory for the progress of a job")
			: file_open_own(state_fd, NAME, &p->fd, fail);
	if (r == RESULT_OK)
		r = read_file(p, identity, fail);
	if (r != RESULT_OK)
		job_progress_close(p);
	return r;
}

void job_progress_close(struct job_progress *p)
{
	file_close(p->fd);
	free(p->bits);
	free(p->dirty);
	*p = (struct job_progress){ .fd = -1 };
}

void job_progress_set(struct job_progress *p, uint32_t ordinal)
{
	CHECK(ordinal < p->rcpts_count);
	if (job_progress_is_done(p, ordinal))
		return;
	p->bits[ordinal / 8] = (uint8_t)(p->bits[ordinal / 8] | 1u << ordinal % 8);
	p->dirty[ordinal / (PAGE_BYTES * 8)] = 1;
	p->done_count++;
	p->changed = true;
}

enum result job_progress_save(struct job_progress *p, struct fail *fail)
{
	enum result r = RESULT_OK;
	if (!p->changed)
		return r;
	for (uint32_t i = 0; i < p->pages_count && r == RESULT_OK; i++)
		if (p->dirty[i] != 0)
			r = file_write_at(p->fd, PAGE_BYTES * (1 + (uint64_t)i),
				p->bits + (size_t)i * PAGE_BYTES, PAGE_BYTES, fail);
	if (r == RESULT_OK)
		r = file_sync(p->fd, true, fail);
	if (r != RESULT_OK)
		return r; /* all of it is written again */
	memset(p->dirty, 0, p->pages_count);
	p->changed = false;
	return r;
}
