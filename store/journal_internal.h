/* The inside of the journal, shared by its four parts: journal.c (append and commit),
 * journal_recover.c (reading at start), journal_space.c (segments come and go), journal_reserve.c
 * (files for them, made beforehand). */
#ifndef STORE_JOURNAL_INTERNAL_H
#define STORE_JOURNAL_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/result.h"
#include "store/journal.h"

#define JOURNAL_MAGIC 0x10c0a1edu

enum {
	/* "journal-", "spare-" or "making-" and 16 hex digits. */
	JOURNAL_NAME_SIZE = 32,
	/* What is retired at once is to be there for the rotations that follow: a job at 60,000
	 * outcomes a second fills three segments a second, is saved once a second, and at times late.
	 * With fewer they are made and removed again all the time. */
	JOURNAL_SPARES_MAX = 6,
	/* Segments that one list holds: a terabyte of outcomes that nobody retires. */
	JOURNAL_SEGMENTS_MAX = 65536,
};

struct journal_segment {
	uint64_t number;
	uint64_t first_seq;
	uint64_t bytes; /* of the file */
};

/* What a file in the folder is, by its name. */
enum journal_file {
	JOURNAL_FILE_SEGMENT,
	JOURNAL_FILE_SPARE,
	JOURNAL_FILE_MAKING,
	JOURNAL_FILE_KINDS,
};

/* The spare that is being made. */
struct journal_making {
	int fd; /* -1: none is */
	uint64_t number;
	uint64_t zeroed; /* bytes from its beginning; all of them: it is only to be synced */
};

struct journal {
	uint32_t magic;
	struct journal_config config;
	int folder;
	/* Oldest first; the last one is written to (but while the disk is too full to begin it). */
	struct journal_segment *segments;
	size_t segments_count, segments_size;
	uint64_t spares[JOURNAL_SPARES_MAX]; /* numbers in their names */
	size_t spares_count;
	struct journal_making making;
	uint64_t number_max; /* of all segments and spares there ever were */

	int fd;            /* of the last segment */
	uint64_t write_at; /* in it, a multiple of the block; segment_bytes: it is full */
	uint8_t *batch_memory;
	struct buf batch; /* framed records for the last segment */
	uint64_t next_seq;
	uint64_t committed_seq;
	struct fail death; /* why the journal is dead; RESULT_OK: it is not */
};

/* ---- journal_recover.c ---- */

struct journal_numbers {
	uint64_t *items;
	size_t count, size;
};

struct journal_found {
	struct journal_numbers drop;   /* segments that hold nothing */
	struct journal_numbers spares; /* not yet looked at */
	struct journal_numbers making; /* spares that were not whole when that run ended */
	uint64_t last_bytes;           /* what is good of the last segment in the list */
};

/* Reads all segments: fills segments (without those that hold nothing), number_max and next_seq.
 * Changes nothing on the disk but that what was read is synced. What is found is to be freed. */
MUST_USE enum result journal_recover(struct journal *journal, journal_record_fn *on_record,
	void *context, struct journal_found *out_found, struct fail *fail);

/* ---- journal_space.c ---- */

void journal_name(enum journal_file file, uint64_t number, char name[JOURNAL_NAME_SIZE]);
/* False for a file that is none of ours. */
bool journal_parse_name(const char *name, enum journal_file *out_file, uint64_t *out_number);
MUST_USE enum result journal_list_add(
	struct journal *journal, const struct journal_segment *segment, struct fail *fail);
/* Makes the next segment the one that is written to. RESULT_NO_SPACE before anything has changed;
 * any other error leaves the journal unusable. */
MUST_USE enum result journal_begin_segment(struct journal *journal, struct fail *fail);
/* Takes a segment's file away, or keeps it as a spare if it can be used again. */
MUST_USE enum result journal_leave_file(
	struct journal *journal, uint64_t number, uint64_t bytes, struct fail *fail);

/* ---- journal_reserve.c ---- */

/* A new file of full size under the name, whole; none is left on error, if that is possible. */
MUST_USE enum result journal_create_file(
	struct journal *journal, const char *name, int *out_fd, struct fail *fail);
/* Where there is no spare: begins one, or goes on with it by one step; after a step that failed
 * begins another. `committed`: bytes that were written to the segment since the last call. A full
 * disk is no error. */
void journal_keep_reserve(struct journal *journal, uint64_t committed);
/* Makes the one that was begun whole on the spot. If that cannot be, it goes. */
void journal_finish_reserve(struct journal *journal);
/* Takes the one that was begun away, if there is one. */
void journal_drop_reserve(struct journal *journal);
/* Keeps a spare of an earlier run if it is whole and there is room for it, else removes it. */
void journal_adopt_spare(struct journal *journal, uint64_t number);

#endif
