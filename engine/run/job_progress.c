#include "engine/run/job_progress.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/buf.h"
#include "engine/io/clock.h"
#include "engine/io/file_at.h"

enum { PAGE_BYTES = 4096, RCPTS_PER_PAGE = 2 * PAGE_BYTES };
#define NAME  "done"
#define MAGIC "LSJOBOC\n"
#define ANSWERED_AT 24

static size_t halves_bytes(const struct job_progress *p)
{
	return (size_t)p->pages_count * PAGE_BYTES;
}

/* With its name: the journal is let go of for what stands in here. */
static enum result write_head(
	struct job_progress *p, int state_fd, const uint64_t identity[2], struct fail *fail)
{
	uint8_t head[PAGE_BYTES] = { 0 };
	struct buf buf;
	buf_init(&buf, head, sizeof head);
	buf_put(&buf, MAGIC, 8);
	buf_put_u64(&buf, identity[0]);
	buf_put_u64(&buf, identity[1]);
	enum result r = file_write_at(p->fd, 0, head, sizeof head, fail);
	if (r == RESULT_OK)
		r = file_sync(p->fd, false, fail);
	return r == RESULT_OK ? file_sync(state_fd, false, fail) : r;
}

static enum result check_head(
	struct job_progress *p, const uint8_t *head, const uint64_t identity[2], struct fail *fail)
{
	struct buf_reader reader;
	buf_reader_init(&reader, head, PAGE_BYTES);
	if (memcmp(buf_reader_bytes(&reader, 8), MAGIC, 8) != 0)
		return fail_set(fail, RESULT_DAMAGED,
			"the file '" NAME
			"' of the job's state is damaged, or of another version of "
			"longship: let the version that wrote it end the job");
	bool is_its = buf_reader_u64(&reader) == identity[0];
	is_its &= buf_reader_u64(&reader) == identity[1];
	p->answered_us = (int64_t)buf_reader_u64(&reader);
	return is_its ? RESULT_OK
		      : fail_set(fail, RESULT_CHANGED, "what is done belongs to another job");
}

static void count_done(struct job_progress *p)
{
	for (uint32_t i = 0; i < p->rcpts_count; i++)
		p->by_kind[job_progress_code(p, i)]++;
	p->done_count = p->rcpts_count - p->by_kind[0];
	bool has_answers = job_progress_count(p, EVENT_DELIVERED) + job_progress_count(p, EVENT_BOUNCED) > 0;
	if (p->answered_us == 0 && has_answers)
		p->answered_us = clock_wall_us(); /* saved by a version that did not write it */
}

static enum result read_file(
	struct job_progress *p, int state_fd, const uint64_t identity[2], bool is_to_be_made,
	struct fail *fail)
{
	uint8_t head[PAGE_BYTES];
	size_t len;
	enum result r = file_read_at(p->fd, 0, head, sizeof head, &len, fail);
	if (r != RESULT_OK)
		return r;
	if (len < sizeof head) /* a crash came before it was whole */
		return is_to_be_made ? write_head(p, state_fd, identity, fail) : RESULT_OK;
	r = check_head(p, head, identity, fail);
	if (r == RESULT_OK)
		r = file_read_at(p->fd, PAGE_BYTES, p->halves, halves_bytes(p), &len, fail);
	return r;
}

static enum result make(struct job_progress *p, uint32_t rcpts_count, struct fail *fail)
{
	*p = (struct job_progress){ .fd = -1, .rcpts_count = rcpts_count };
	p->pages_count = rcpts_count / RCPTS_PER_PAGE + 1;
	p->halves = calloc(p->pages_count, PAGE_BYTES);
	p->dirty = calloc(p->pages_count, 1);
	return p->halves != NULL && p->dirty != NULL
		       ? RESULT_OK
		       : fail_set(fail, RESULT_MEMORY, "no memory for the progress of a job");
}

enum result job_progress_open(int state_fd, const uint64_t identity[2], uint32_t rcpts_count,
	struct job_progress *out_progress, struct fail *fail)
{
	struct job_progress *p = out_progress;
	enum result r = make(p, rcpts_count, fail);
	if (r == RESULT_OK)
		r = file_open_own(state_fd, NAME, &p->fd, fail);
	if (r == RESULT_OK)
		r = read_file(p, state_fd, identity, true, fail);
	if (r != RESULT_OK)
		job_progress_close(p);
	else
		count_done(p);
	return r;
}

enum result job_progress_look(int state_fd, const uint64_t identity[2], uint32_t rcpts_count,
	struct job_progress *out_progress, struct fail *fail)
{
	struct job_progress *p = out_progress;
	enum result r = make(p, rcpts_count, fail);
	if (r == RESULT_OK)
		r = file_open_regular(state_fd, NAME, &p->fd, NULL, fail);
	if (r == RESULT_OK)
		r = read_file(p, state_fd, identity, false, fail);
	else if (r == RESULT_NOT_FOUND) {
		fail_clear(fail);
		r = RESULT_OK;
	}
	if (r != RESULT_OK)
		job_progress_close(p);
	else
		count_done(p);
	return r;
}

void job_progress_close(struct job_progress *p)
{
	file_close(p->fd);
	free(p->halves);
	free(p->dirty);
	*p = (struct job_progress){ .fd = -1 };
}

void job_progress_set(struct job_progress *p, uint32_t ordinal, enum event_kind kind)
{
	CHECK(ordinal < p->rcpts_count);
	CHECK(event_kind_is_final(kind) && kind + 1 < JOB_PROGRESS_CODES);
	if (job_progress_is_done(p, ordinal))
		return;
	unsigned code = (unsigned)kind + 1;
	p->halves[ordinal / 2] = (uint8_t)(p->halves[ordinal / 2] | code << (ordinal % 2 * 4));
	p->dirty[ordinal / RCPTS_PER_PAGE] = 1;
	p->by_kind[0]--;
	p->by_kind[code]++;
	p->done_count++;
	p->changed = true;
}

void job_progress_answered(struct job_progress *p, int64_t wall_us)
{
	if (wall_us <= p->answered_us)
		return;
	p->answered_us = wall_us;
	p->changed = true;
}

/* Eight octets of one sector: never there in part. */
static enum result write_answered(struct job_progress *p, struct fail *fail)
{
	uint8_t octets[8];
	struct buf buf;
	buf_init(&buf, octets, sizeof octets);
	buf_put_u64(&buf, (uint64_t)p->answered_us);
	return file_write_at(p->fd, ANSWERED_AT, octets, sizeof octets, fail);
}

enum result job_progress_save(struct job_progress *p, struct fail *fail)
{
	enum result r = RESULT_OK;
	if (!p->changed)
		return r;
	for (uint32_t i = 0; i < p->pages_count && r == RESULT_OK; i++)
		if (p->dirty[i] != 0)
			r = file_write_at(p->fd, PAGE_BYTES * (1 + (uint64_t)i),
				p->halves + (size_t)i * PAGE_BYTES, PAGE_BYTES, fail);
	if (r == RESULT_OK)
		r = write_answered(p, fail);
	if (r == RESULT_OK)
		r = file_sync(p->fd, true, fail);
	if (r != RESULT_OK)
		return r; /* all of it is written again */
	memset(p->dirty, 0, p->pages_count);
	p->changed = false;
	return r;
}
