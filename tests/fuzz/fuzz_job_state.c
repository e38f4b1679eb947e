/* What a job keeps in state/jobs. The first octet chooses: (0) the rest is an index, (1) the index of recipients
 * of which the rest is the file, with the octets of the first three behind the choice changed in it, (2) the
 * rest is the file of who is done, (3) what stands in it behind a good head. Whoever goes through the domains of an index
 * that was taken comes to their ends; of one that was made he meets each recipient once. Who was set done is
 * done, and nobody else.
 * Targets: job_index_open, job_index_read, job_indexing_step, job_progress_open, job_progress_save. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/io/file_at.h"
#include "engine/run/job_index.h"
#include "engine/run/job_progress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	WALKS_MAX = 4096, /* entries looked at in one input */
	HEAD_BYTES = 4096,
};

static const uint64_t identity[2] = { 7, 9 };
static int state_fd = -1;
static struct arena arena;

static void clean_up(void)
{
	static const char *const names[] = { "index", "index.tmp", "done", "recipients.jsonl" };
	struct fail fail;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		(void)file_unlink(state_fd, names[i], &fail);
}

/* In memory, where there is such a place: all of it is made durable again and again. */
static char directory[64] = "/dev/shm/fuzz_job_state.XXXXXX";

static void at_exit(void)
{
	clean_up();
	(void)rmdir(directory);
}

static void set_up(void)
{
	struct fail fail;
	if (mkdtemp(directory) == NULL) {
		(void)snprintf(directory, sizeof directory, "/tmp/fuzz_job_state.XXXXXX");
		CHECK(mkdtemp(directory) != NULL);
	}
	CHECK(file_open_directory(AT_FDCWD, directory, &state_fd, &fail) == RESULT_OK);
	arena_init(&arena, 65536, JOB_INDEX_ARENA_BYTES_MAX);
	(void)atexit(at_exit);
}

static void put(const char *name, uint64_t at, const uint8_t *data, size_t size)
{
	struct fail fail;
	int fd;
	CHECK(file_open_own(state_fd, name, &fd, &fail) == RESULT_OK);
	CHECK(file_write_at(fd, at, data, size, &fail) == RESULT_OK);
	file_close(fd);
}

/* Returns how many were met, at most WALKS_MAX. */
static uint32_t walk(const struct job_index *index, bool is_good)
{
	struct job_index_entry entry;
	struct fail fail;
	uint32_t met = 0;
	for (uint32_t i = 0; i < index->header.domains_count && met < WALKS_MAX; i++) {
		uint32_t count = 0, at = index->domains[i].first;
		CHECK((i == 0) == (index->domains[i].name.len == 0));
		for (; at != JOB_NONE && met < WALKS_MAX; at = entry.next, met++, count++) {
			enum result r = job_index_read(index, at, &entry, &fail);
			CHECK(r == RESULT_OK || (r == RESULT_DAMAGED && !is_good));
			if (r != RESULT_OK)
				break;
			CHECK(entry.line_at < index->header.recipients_bytes);
			CHECK(entry.next == JOB_NONE || entry.next > at);
			CHECK(!is_good || entry.domain == i);
		}
		CHECK(!is_good || met == WALKS_MAX || count == index->domains[i].count);
	}
	return met;
}

static void open_index(bool is_good)
{
	struct job_index index;
	struct fail fail;
	fail_clear(&fail);
	enum result r = job_index_open(state_fd, &arena, &index, &fail);
	CHECK(r == RESULT_OK || (r == RESULT_DAMAGED && !is_good));
	if (r == RESULT_OK) {
		uint32_t met = walk(&index, is_good);
		CHECK(!is_good || met == WALKS_MAX || met == index.header.rcpts_count);
		job_index_close(&index);
	} else {
		CHECK(fail.text[0] != '\0');
	}
	arena_reset(&arena);
}

static void make_index(const uint8_t *data, size_t size)
{
	struct job_indexing *indexing;
	struct fail fail;
	enum result r;
	int fd;
	put("recipients.jsonl", 0, data, size);
	CHECK(file_open_regular(state_fd, "recipients.jsonl", &fd, NULL, &fail) == RESULT_OK);
	CHECK(job_indexing_begin(state_fd, fd, identity, 1, &indexing, &fail) == RESULT_OK);
	while ((r = job_indexing_step(indexing, &fail)) == RESULT_AGAIN)
		;
	CHECK(r == RESULT_OK);
	CHECK(job_indexing_bytes(indexing) == size);
	CHECK(job_indexing_finish(indexing, &fail) == RESULT_OK);
	job_indexing_end(&indexing);
	file_close(fd);
}

static void made_and_changed(const uint8_t *data, size_t size)
{
	if (size < 3)
		return;
	make_index(data + 3, size - 3);
	open_index(true);
	put("index", (uint64_t)(data[0] << 8 | data[1]) % 1024, data + 2, 1);
	open_index(false);
}

static uint32_t popcount(const struct job_progress *progress)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < progress->rcpts_count; i++)
		count += job_progress_is_done(progress, i);
	return count;
}

static void open_progress(uint32_t rcpts_count, bool is_good)
{
	struct job_progress progress;
	struct fail fail;
	fail_clear(&fail);
	enum result r = job_progress_open(state_fd, identity, rcpts_count, &progress, &fail);
	CHECK(r == RESULT_OK || (!is_good && (r == RESULT_CHANGED || r == RESULT_DAMAGED)));
	if (r != RESULT_OK) {
		CHECK(fail.text[0] != '\0');
		return;
	}
	uint32_t before = popcount(&progress);
	CHECK(progress.done_count == before);
	uint32_t ordinal = rcpts_count / 2;
	bool is_new = !job_progress_is_done(&progress, ordinal);
	job_progress_set(&progress, ordinal, EVENT_DELIVERED);
	CHECK(job_progress_save(&progress, &fail) == RESULT_OK);
	job_progress_close(&progress);
	CHECK(job_progress_open(state_fd, identity, rcpts_count, &progress, &fail) == RESULT_OK);
	CHECK(progress.done_count == before + is_new && popcount(&progress) == before + is_new);
	CHECK(job_progress_is_done(&progress, ordinal));
	job_progress_close(&progress);
}

static void progress_of(const uint8_t *data, size_t size, bool has_head)
{
	struct job_progress progress;
	struct fail fail;
	if (size < 2)
		return;
	uint32_t rcpts_count = 1 + (uint32_t)(data[0] << 8 | data[1]);
	if (has_head) {
		CHECK(job_progress_open(state_fd, identity, rcpts_count, &progress, &fail) ==
			RESULT_OK);
		job_progress_close(&progress);
	}
	put("done", has_head ? HEAD_BYTES : 0, data + 2, size - 2);
	open_progress(rcpts_count, has_head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (state_fd < 0)
		set_up();
	if (size < 1)
		return 0;
	clean_up();
	switch (data[0] % 4) {
	case 0:
		put("index", 0, data + 1, size - 1);
		open_index(false);
		break;
	case 1: made_and_changed(data + 1, size - 1); break;
	case 2: progress_of(data + 1, size - 1, false); break;
	case 3: progress_of(data + 1, size - 1, true); break;
	}
	return 0;
}
