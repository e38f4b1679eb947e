/* The queue on disk: what waits for its next attempt and need not be in memory meanwhile (DESIGN 2, 4).
 * LMDB in SPOOL/state/queue.
 *
 * A file is in here with all of its recipients that are not done, or not at all: what the journal says
 * about a file that is parked is needed no more (engine/run/keeper.h). It stays in here while one of its
 * attempts is made, and is replaced by what came of that.
 *
 * One process writes, the one that holds the lock of the spool, on one thread. Others may read: in this
 * process by readers of their own, in others by opening it read-only. What is committed is durable. Damage is
 * an error that names the folder: nobody can know what a damaged queue has lost. */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/result.h"
#include "store/queue_schema.h"

struct queue;
struct queue_reader;

enum { QUEUE_READERS_MAX = 64 };

/* `state` is SPOOL/state, which exists. For writing it makes what is missing; else RESULT_NOT_FOUND: there
 * is no queue. RESULT_DAMAGED, RESULT_CHANGED (another version wrote it), RESULT_FORBIDDEN, RESULT_MEMORY,
 * RESULT_IO. Once in a process. */
MUST_USE enum result queue_open(
	const char *state, bool for_writing, struct queue **out_queue, struct fail *fail);
/* Takes back what was not committed. All readers are gone. Clears the pointer; NULL is allowed. */
void queue_close(struct queue **queue);

/* Attempts that wait, as committed; the files and the recipients that they are of. */
uint64_t queue_count(const struct queue *queue);
uint64_t queue_files_count(const struct queue *queue);
uint64_t queue_rcpts_count(const struct queue *queue);

/* The time that was noted with the last commit; 0: none was. */
uint64_t queue_time_us(const struct queue *queue);

/* ---- writing ---- */

struct queue_parking {
	struct queue_file file;          /* without keys and rcpts_left */
	const struct queue_key *taken;   /* attempts of it that were taken out by their time, and are over */
	uint32_t taken_count;
	struct queue_attempt *attempts;  /* that wait now; the ids of their keys are given here */
	uint32_t attempts_count;
};

/* Replaces what was taken by what waits now; a file without attempts is removed. Of another file that had
 * that name all goes, if anything waits now. *out_left: recipients that wait in all. Begins a transaction
 * if none is open. After an error all since the last commit is taken back: RESULT_NO_SPACE,
 * RESULT_DAMAGED, RESULT_IO, RESULT_MEMORY. */
MUST_USE enum result queue_park(struct queue *queue, const struct queue_parking *parking,
	uint32_t *out_left, struct fail *fail);
/* Removes a file whatever it has; fine if it is not there. */
MUST_USE enum result queue_remove(
	struct queue *queue, const struct record_file *file, struct fail *fail);
/* Whether that attempt is meant; its marks (is_held, is_dropped) may be changed, and nothing else. */
typedef bool queue_wants_fn(struct queue_attempt *attempt, void *context);
/* What waits of that file behind `taken` is due at `due_us`, or right behind `taken` if that is later: its
 * attempts get new keys. `wants` chooses among them; NULL: all. What cannot be read stays as it is. */
MUST_USE enum result queue_hasten(struct queue *queue, const struct queue_file *file,
	const struct queue_key *taken, uint64_t due_us, queue_wants_fn *wants, void *context,
	struct fail *fail);
/* Takes out what cannot be read of a file that is gone; *out_dropped: how many entries. Who was in an
 * attempt that is damaged is told of by nobody. The entry of the file itself is made anew, of no file that is
 * there. */
MUST_USE enum result queue_drop_damaged(
	struct queue *queue, struct text name, uint32_t *out_dropped, struct fail *fail);
/* What time it is, in microseconds since 1970: kept with the next commit that has something to write. */
void queue_note_time(struct queue *queue, uint64_t now_us);
/* Nothing to do is OK. */
MUST_USE enum result queue_commit(struct queue *queue, struct fail *fail);
/* Takes back all since the last commit. */
void queue_abort(struct queue *queue);
/* The disk failed in the middle of a commit, and nothing more is read or written before the queue is opened
 * anew; what was committed is there. */
bool queue_is_dead(const struct queue *queue);

/* ---- reading; the texts live until the next call with that reader or arena ---- */

/* RESULT_DAMAGED may be of that one entry alone, all others being as they were: then its key, or its name,
 * is set, and what stands behind it can be had. */
static inline bool queue_attempt_is_damaged(enum result r, const struct queue_attempt *attempt)
{
	return r == RESULT_DAMAGED && attempt->key.id != 0;
}
static inline bool queue_file_is_damaged(enum result r, const struct queue_file *file)
{
	return r == RESULT_DAMAGED && file->file.name.len > 0;
}

MUST_USE enum result queue_reader_create(
	struct queue *queue, struct queue_reader **out_reader, struct fail *fail);
void queue_reader_destroy(struct queue_reader **reader);

/* RESULT_NOT_FOUND: no file of that name waits. */
MUST_USE enum result queue_find(struct queue_reader *reader, struct text name, struct arena *arena,
	struct queue_file *out_file, struct fail *fail);
/* RESULT_NOT_FOUND: it does not wait any more. */
MUST_USE enum result queue_get(struct queue_reader *reader, const struct queue_key *key,
	struct arena *arena, struct queue_attempt *out_attempt, struct fail *fail);
/* The attempt with the first key behind `after` (all zero: the very first), and the name of its file.
 * RESULT_NOT_FOUND: there is none. The name of one that is damaged is that of the file that says it has this
 * key, or empty. */
MUST_USE enum result queue_next(struct queue_reader *reader, const struct queue_key *after,
	struct arena *arena, struct text *out_name, struct queue_attempt *out_attempt,
	struct fail *fail);
/* The same of files, in the order of their names; an empty name is before all others. */
MUST_USE enum result queue_next_file(struct queue_reader *reader, struct text after,
	struct arena *arena, struct queue_file *out_file, struct fail *fail);

#endif
