/* What longship writes into its journal: the payloads of the records, in bytes. Pure.
 *
 * An outcome carries the finished event line, so that after a crash lines can be written again byte for
 * byte, and what identifies the recipient, so that as long as the record is there the recipient is not
 * sent to again (a tombstone). An outcome without a line is such a tombstone alone: written again
 * ("carried") so that the segment of the first one can be retired. */
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

enum journal_type {
#define JOURNAL_TYPE(name, number, meaning) JOURNAL_##name = number,
#include "store/journal_record.def"
#undef JOURNAL_TYPE
};

/* Instead of the index of a recipient: all of the file (an input that is no mail). */
#define JOURNAL_RCPT_ALL UINT32_MAX

/* Which file of the spool: DESIGN 1, "Identity is name + inode + birth time (else mtime + size)". What
 * does not count is 0. */
struct journal_file {
	struct text name;
	uint64_t inode;
	int64_t birth_ns;
	int64_t modified_ns;
	uint64_t bytes;
};

struct journal_outcome {
	struct journal_file file;
	uint32_t rcpt;        /* its index in the envelope, or JOURNAL_RCPT_ALL */
	enum event_kind kind; /* final or EVENT_DEFERRED */
	uint32_t attempt;     /* which one it was, from 1; 0: none was made */
	struct text line;     /* with its newline; empty: carried */
};

/* One decoded record; which member holds is told by `type`. Texts are borrowed from the payload. */
struct journal_entry {
	uint64_t seq;
	enum journal_type type;
	union {
		struct journal_outcome outcome;
		struct text event_line;     /* JOURNAL_EVENT */
		struct journal_file file;   /* JOURNAL_FILE_DONE */
		uint64_t events_seq;        /* JOURNAL_EVENTS_WRITTEN: the last that is durable */
	};
};

/* Room for a name of FILE_NAME_BYTES_MAX, all numbers and an event line of EVENT_LINE_BYTES_MAX fits
 * into JOURNAL_PAYLOAD_BYTES_MAX (checked when compiled). */
void journal_record_put_outcome(struct buf *buf, const struct journal_outcome *outcome);
void journal_record_put_event(struct buf *buf, struct text line);
void journal_record_put_file_done(struct buf *buf, const struct journal_file *file);
void journal_record_put_events_written(struct buf *buf, uint64_t seq);

/* RESULT_DAMAGED for a payload that none of the above makes: the checksum was right, so somebody else
 * wrote it. */
MUST_USE enum result journal_record_decode(
	const struct journal_record *record, struct journal_entry *out_entry);
/* The event line that a record carries, empty if none. */
struct text journal_entry_line(const struct journal_entry *entry);

bool journal_file_equal(const struct journal_file *a, const struct journal_file *b);

#endif
