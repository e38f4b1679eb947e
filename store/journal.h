/* The journal: an append-only log of records, the commit point of everything that has happened
 * (DESIGN 2). One writer, the recorder; a record is durable when journal_commit() has returned OK
 * for it, and each is given back by the next journal_open(), in order, until its segment is
 * retired.
 *
 *   folder/  journal-0000000000000007   segments, oldest first: fixed size, allocated beforehand
 *            journal-0000000000000008   the last one is written to
 *            spare-0000000000000005     a segment that is needed no more, to be used again
 *            making-0000000000000009    a spare that is not whole yet
 *
 * Spares are as many as were ever needed at once, up to six: 96 MiB of disk beside the segments that
 * hold something. When there is none, one is made: its space is taken at once, and the zeros that
 * make it cheap to write to follow with the next commits, a piece with each, so that none of them
 * waits for the whole.
 *
 * Records are numbered without gaps, over all segments and all runs: the number (seq) is also that
 * of the event line that the record carries. Records are framed by length and checksum, never by
 * lines (SEC-32). Every commit begins in a block of its own, so that what is durable is never
 * written again. Each run begins a segment of its own.
 *
 * What recovery promises: the records of every commit that returned OK, exactly and in order; after
 * them, maybe some of the last commit, which was interrupted, in order and without gaps; nothing
 * else. Old bytes of a segment that is used anew are never taken for records: each record names the
 * segment's number, which is never used twice. A record that was durable and cannot be read any
 * more is damage (RESULT_DAMAGED), never a silent end.
 *
 * Blocks, allocates at open only (but for the list of segments). Knows no clock. One thread. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum {
	/* 16 MiB: some 20,000 outcomes. Less makes more files, more takes longer to retire. */
	JOURNAL_SEGMENT_BYTES = 16 * 1024 * 1024,
	/* What one commit can hold: at 100,000 outcomes a second and 10 ms about 1,000 records. */
	JOURNAL_BATCH_BYTES = 4 * 1024 * 1024,
	/* The unit of commits: a page, and a multiple of every disk's sector. */
	JOURNAL_BLOCK_BYTES = 4096,
	/* Each record's frame; see journal_frame.h. */
	JOURNAL_FRAME_BYTES = 36,
	/* A record's content: an event line and what identifies a file. */
	JOURNAL_PAYLOAD_BYTES_MAX = 256 * 1024,
};

struct journal;

struct journal_config {
	const char *path;     /* the folder; must exist, be ours alone (state_lock.h) */
	size_t segment_bytes; /* a multiple of the block; JOURNAL_SEGMENT_BYTES but in tests */
	size_t batch_bytes;   /* at most a segment without its first block */
};

struct journal_record {
	uint64_t seq;
	uint8_t type;        /* the user's; journal_record.h has the ones of longship */
	struct text payload; /* borrowed for the time of the call */
};

/* What is not OK ends journal_open() with that result. */
typedef enum result journal_record_fn(const struct journal_record *record, void *context);

/* Reads everything, calls `on_record` for each record from the oldest on, then begins a new
 * segment. RESULT_DAMAGED and RESULT_CHANGED (another version's format) name the file and change
 * nothing; besides that what disk.h says. */
MUST_USE enum result journal_open(const struct journal_config *config, journal_record_fn *on_record,
	void *context, struct journal **out_journal, struct fail *fail);
/* Only reads: calls `on_record` for each record and changes nothing, so that what a later record says is
 * known before journal_open() gives the earlier ones. Results of journal_open(). */
MUST_USE enum result journal_read(const struct journal_config *config, journal_record_fn *on_record,
	void *context, struct fail *fail);
/* What was not committed is lost. Clears the caller's pointer; NULL is allowed. */
void journal_close(struct journal **journal);

/* The number that the next append will give. */
uint64_t journal_next_seq(const struct journal *journal);
/* Puts a record into the batch in memory, by copy. RESULT_NO_SPACE: the batch is full, commit
 * first; RESULT_IO: the journal is dead. The record has the number journal_next_seq() had before. */
MUST_USE enum result journal_append(struct journal *journal, uint8_t type, struct text payload);
/* Makes everything appended durable; nothing to do is OK. RESULT_NO_SPACE: the disk is full; what
 * is not yet durable stays in memory (journal_committed_seq() tells how far it got) and may be
 * committed later. Every other error is the end: the journal is dead, since nobody knows what the
 * disk holds, and each later call says the same. */
MUST_USE enum result journal_commit(struct journal *journal, struct fail *fail);

/* All records up to this one are durable; 0: none ever. */
uint64_t journal_committed_seq(const struct journal *journal);
/* Bytes of the batch in memory. */
size_t journal_pending_bytes(const struct journal *journal);
bool journal_is_dead(const struct journal *journal);
/* False when no segment beyond this one could be allocated: the disk is full. The segments there
 * are take what is in flight; nothing new should be begun. Asked anew with each commit. True as soon as
 * a spare has its space, whole or not. */
bool journal_has_reserve(const struct journal *journal);

/* The oldest record that is still there; equal to journal_next_seq() if there is none. */
uint64_t journal_oldest_seq(const struct journal *journal);
/* Segments there are, the one being written to included. */
size_t journal_segments_count(const struct journal *journal);
/* Where the segment after the oldest begins: retiring up to it frees one segment. */
uint64_t journal_oldest_end_seq(const struct journal *journal);
/* Records below `seq` are needed no more: segments that hold only such go (never the one being
 * written). An error harms nothing, and is tried again with the next call. */
MUST_USE enum result journal_retire(struct journal *journal, uint64_t seq, struct fail *fail);

#endif
