/* Files for segments to come, made beforehand.
 *
 * A spare is whole: of full size, zeros written and synced, so that a segment can begin in it and pay
 * for nothing but its records. Most were segments before. Where there is none, one is made in steps:
 *   its space is taken, under the name making-N   (the disk may be full from now on)
 *   zeros, a piece with each commit, as many as keep it ahead of the segment being filled
 *   a sync, which has little left to do, and the name spare-N
 * A file of full size may thus be half made: it is the name that says it is whole. After a crash what
 * has the first name is removed. It never held a record, and no reader looks at it.
 *
 * A failure of any step takes the file away, and another one is begun at once. There is no reserve only
 * when that cannot be: the disk is full. The next commit tries again. */
#include "store/disk.h"
#include "store/journal_internal.h"

enum {
	/* Of the zeros of a segment, written with one commit: 256 KiB of 16 MiB for a slow sender, at
	 * most 1 MiB, which is half a millisecond. */
	STEPS_MAX = 64,
	STEPS_MIN = 16,
};

enum result journal_create_file(
	struct journal *journal, const char *name, int *out_fd, struct fail *fail)
{
	enum result result = disk_open(journal->folder, name, true, out_fd, fail);
	if (result != RESULT_OK)
		return result;
	result = disk_allocate(*out_fd, journal->config.segment_bytes, fail);
	if (result == RESULT_OK)
		return RESULT_OK;
	disk_close(*out_fd);
	*out_fd = -1;
	disk_try_remove(journal->folder, name);
	return result;
}

/* ---- one in steps ---- */

void journal_drop_reserve(struct journal *journal)
{
	char name[JOURNAL_NAME_SIZE];
	if (journal->making.fd < 0)
		return;
	disk_close(journal->making.fd);
	journal->making.fd = -1;
	journal_name(JOURNAL_FILE_MAKING, journal->making.number, name);
	disk_try_remove(journal->folder, name);
}

static void begin(struct journal *journal)
{
	struct journal_making making = { .number = journal->number_max + 1 };
	char name[JOURNAL_NAME_SIZE];
	journal_name(JOURNAL_FILE_MAKING, making.number, name);
	if (disk_open(journal->folder, name, true, &making.fd, NULL) != RESULT_OK)
		return;
	journal->making = making;
	if (disk_reserve(making.fd, journal->config.segment_bytes, NULL) != RESULT_OK) {
		journal_drop_reserve(journal);
		return;
	}
	journal->number_max = making.number;
}

/* Whole blocks, so that no piece writes into the one before it. */
static uint64_t step_bytes(const struct journal *journal, uint64_t committed)
{
	uint64_t bytes = 2 * committed, segment = journal->config.segment_bytes;
	if (bytes < segment / STEPS_MAX)
		bytes = segment / STEPS_MAX;
	if (bytes > segment / STEPS_MIN)
		bytes = segment / STEPS_MIN;
	return (bytes + JOURNAL_BLOCK_BYTES - 1) / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES;
}

static void zero(struct journal *journal, uint64_t bytes)
{
	struct journal_making *making = &journal->making;
	uint64_t left = journal->config.segment_bytes - making->zeroed;
	if (bytes > left)
		bytes = left;
	if (disk_zero(making->fd, making->zeroed, bytes, NULL) != RESULT_OK)
		journal_drop_reserve(journal);
	else
		making->zeroed += bytes;
}

/* The new name need not last: without it the file is one that was not whole. */
static void make_whole(struct journal *journal)
{
	struct journal_making *making = &journal->making;
	char name[JOURNAL_NAME_SIZE], spare[JOURNAL_NAME_SIZE];
	journal_name(JOURNAL_FILE_MAKING, making->number, name);
	journal_name(JOURNAL_FILE_SPARE, making->number, spare);
	if (disk_sync(making->fd, NULL) != RESULT_OK ||
		disk_rename(journal->folder, name, spare, NULL) != RESULT_OK) {
		journal_drop_reserve(journal);
		return;
	}
	disk_close(making->fd);
	making->fd = -1;
	journal->spares[journal->spares_count++] = making->number;
}

static void go_on(struct journal *journal, uint64_t committed)
{
	if (journal->making.zeroed < journal->config.segment_bytes)
		zero(journal, step_bytes(journal, committed));
	else if (journal->spares_count < JOURNAL_SPARES_MAX)
		make_whole(journal);
	else
		journal_drop_reserve(journal); /* so many were retired meanwhile */
}

void journal_keep_reserve(struct journal *journal, uint64_t committed)
{
	if (journal->making.fd >= 0)
		go_on(journal, committed);
	/* Also when that has just failed: who asks for the reserve is to hear of a full disk only. */
	if (journal->making.fd < 0 && journal->spares_count == 0)
		begin(journal);
}

void journal_finish_reserve(struct journal *journal)
{
	if (journal->making.fd >= 0 && journal->making.zeroed < journal->config.segment_bytes)
		zero(journal, journal->config.segment_bytes);
	if (journal->making.fd >= 0)
		make_whole(journal);
}

/* ---- those of earlier runs ---- */

void journal_adopt_spare(struct journal *journal, uint64_t number)
{
	char name[JOURNAL_NAME_SIZE];
	uint64_t bytes = 0;
	int fd;
	journal_name(JOURNAL_FILE_SPARE, number, name);
	/* One that a crash left half made, by a version that gave the name first, is not whole. */
	if (disk_open(journal->folder, name, false, &fd, NULL) == RESULT_OK) {
		if (disk_size(fd, &bytes, NULL) != RESULT_OK)
			bytes = 0;
		disk_close(fd);
	}
	if (bytes == journal->config.segment_bytes && journal->spares_count < JOURNAL_SPARES_MAX)
		journal->spares[journal->spares_count++] = number;
	else
		disk_try_remove(journal->folder, name);
}
