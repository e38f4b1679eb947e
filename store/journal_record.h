/* What longship writes into its journal: the payloads of the records, in bytes. Pure.
 *
 * An outcome carries the finished event line, so that after a crash lines can be written again byte
 * for byte, and what identifies the recipient, so that as long as the record is there the recipient
 * is not sent to again (a tombstone). An outcome or rejection without a line is such a tombstone
 * alone: written again ("carried") so that the segment of the first one can be retired. */
#ifndef STORE_JOURNAL_RECORD_H
#define STORE_JOURNAL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/event.h"
#include "engine/base/text.h"
#include "store/journal.h"

enum journal_record_type {
#define JOURNAL_RECORD(name, number, meaning) JOURNAL_RECORD_##name = number,
#include "store/journal_record.def"
#undef JOURNAL_RECORD
};

enum {
	/* Of one job directory: as engine/spool allows them. */
	JOURNAL_JOB_RCPTS_MAX = 1000 * 1000 * 1000,
};

/* Which file of the spool: DESIGN 1, "Identity is name + inode + birth time (else mtime + size)".
 * What does not count is 0. */
struct record_file {
	struct text name; /* at most FILE_NAME_BYTES_MAX; empty: no file */
	uint64_t inode;
	int64_t birth_ns;
	int64_t modified_ns;
	uint64_t bytes;
};

/* One record of any type. What a type does not use is zero. Texts of a decoded one are borrowed
 * from its payload. */
struct outcome_record {
	enum journal_record_type type;
	struct record_file file; /* EVENT: may be none; EVENTS_WRITTEN, SUPPRESS: none */
	uint32_t rcpt;           /* its index in the envelope; JOB_…: its place in the job */
	enum event_kind kind;    /* OUTCOME, JOB_OUTCOME: a final kind. EVENT: of the line */
	uint32_t attempt;        /* OUTCOME, EVENT: which one it was, from 1; 0: none was made */
	uint64_t events_seq;     /* EVENTS_WRITTEN: the last line that is durable */
	/* With its newline. Always of an EVENT; never of FILE_DONE, SPLIT, WARNED and EVENTS_WRITTEN. Of
	 * SUPPRESS no event but a line of the list (engine/mail/suppress_line.h). */
	struct text line;
};

/* Appends the payload. The largest record fits into JOURNAL_PAYLOAD_BYTES_MAX. What contradicts the
 * above fails a check. */
void journal_record_put(struct buf *buf, const struct outcome_record *record);
/* False for a payload that the function above does not make: the journal's checksum was right, so
 * somebody else wrote it, or an older version. */
MUST_USE bool journal_record_get(
	const struct journal_record *record, struct outcome_record *out_record);

bool record_file_equal(const struct record_file *a, const struct record_file *b);

#endif
