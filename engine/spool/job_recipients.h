/* recipients.jsonl of a job directory: one recipient a line.
 *
 *   {"to":"ann@a.example","vars":{"name":"Ann","premium":true},"id":"4711"}
 *   {"to":"bob@b.example","from":"b-4712@list.example","not_before":"2026-09-01T06:00:00Z"}
 *   {"to":"cid@c.example","notify":"FAILURE,DELAY"}
 *
 * Only `to` must be there; what is null is as good as not there. A line that cannot be read refuses its
 * recipient and nobody else. Pure, and in a stream: a million recipients take the memory of one line. */
#ifndef ENGINE_SPOOL_JOB_RECIPIENTS_H
#define ENGINE_SPOOL_JOB_RECIPIENTS_H

#include "engine/spool/job_manifest.h"

enum {
	/* A line without its end: some dozen values, one of them a paragraph or a table. */
	JOB_LINE_BYTES_MAX = 64 * 1024,
	/* What a line within that limit takes in the arena. */
	JOB_LINE_ARENA_BYTES_MAX = 512 * 1024,
};

/* All texts are in the arena. */
struct job_recipient {
	struct envelope_address to;
	bool has_from;
	struct envelope_address from; /* the envelope sender for him; empty: the null sender */
	struct text id;               /* for events; empty: not given */
	int64_t not_before_unix_s;    /* 0: not given */
	struct envelope_notify notify; /* as behind RCPT TO (RFC 3461 4.1) */
	struct job_value *values;
	uint32_t values_count;
};

/* RESULT_INVALID: this recipient is refused; RESULT_MEMORY. */
MUST_USE enum result job_recipient_parse(struct text line, struct arena *arena,
	struct job_recipient *out_recipient, struct fail *out_fail);

/* ---- lines ---- */

enum job_lines_event {
	JOB_LINES_MORE,     /* all input was taken */
	JOB_LINES_LINE,     /* one is in `line`; call again with the rest */
	JOB_LINES_TOO_LONG, /* one was longer than allowed, and left out: its recipient is refused */
	JOB_LINES_END,      /* of job_lines_end() */
};

struct job_lines {
	struct text line; /* without its end; until the next call */
	uint64_t line_at; /* where it begins in the file */
	uint64_t number;  /* from 1; empty lines count, but are not told of */

	/* its own */
	uint64_t at;
	uint64_t next_number;
	bool is_too_long;
	size_t len;
	char text[JOB_LINE_BYTES_MAX];
};

/* `at` and `number`: where in the file the input begins, and with which line: 0 and 1, or what an index
 * says. */
void job_lines_init(struct job_lines *lines, uint64_t at, uint64_t number);
/* Takes input off the front. */
enum job_lines_event job_lines_input(struct job_lines *lines, struct text *input);
/* A last line without an end is one; call until JOB_LINES_END. */
enum job_lines_event job_lines_end(struct job_lines *lines);

#endif
