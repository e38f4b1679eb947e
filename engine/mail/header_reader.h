/* Walks over the header of a message as it stands in a file, field by field.
 *
 * Pure and without memory: what it gives out borrows from the file. Lines end in LF or CRLF, also
 * mixed. A field is "name:value" and the folded lines below it (RFC 5322 2.2.3). The header ends
 * with the first empty line, or with the file. A line that is neither a field nor folded is an
 * error and never the start of the body: it is what a line end inside a value looks like, and
 * receivers do not agree on what it means (DATA-09). */
#ifndef ENGINE_MAIL_HEADER_READER_H
#define ENGINE_MAIL_HEADER_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum header_kind {
#define HEADER(kind, name, fate) HEADER_##kind,
#include "engine/mail/headers.def"
#undef HEADER
	HEADER_OTHER, /* any field that is not in the table */
	HEADER_KINDS
};

struct header_field {
	enum header_kind kind;
	struct text name;  /* without the colon */
	struct text value; /* from behind the colon to the last line end, which is not in it */
	struct text whole; /* all its lines, line ends included */
	uint32_t line;     /* of its name, the first of the file is 1 */
	bool is_folded;    /* more than one line */
};

struct header_reader {
	struct text file;
	size_t at;           /* where the next line starts */
	uint32_t line;       /* its number */
	uint32_t crlf_count; /* of the lines read so far, how many ended in CRLF */
	bool has_end;        /* the empty line was there: it ended the header, `at` is behind it */
};

/* A byte order mark at the front, as some editors and .NET writers leave one, is passed over. */
void header_reader_init(struct header_reader *reader, struct text file);

/* The next field; *out_field is only set when *out_more is true, and false means the end.
 * RESULT_INVALID: a line that is no header line; the sentence, with its number, is in out_fail. */
MUST_USE enum result header_reader_next(struct header_reader *reader,
	struct header_field *out_field, bool *out_more, struct fail *out_fail);

/* The value on one line, trimmed: RFC 5322 2.2.3, line ends before white space are taken out.
 * Borrowed from the file, or from the arena when it was folded; RESULT_MEMORY: exhausted. */
MUST_USE enum result header_field_unfold(const struct header_field *field, struct arena *arena,
	struct text *out_value, struct fail *out_fail);

/* The spelling of the table, for sentences; `kind` is not HEADER_OTHER. */
const char *header_kind_name(enum header_kind kind);

/* True for a field that does not go on the wire. */
bool header_kind_is_taken(enum header_kind kind);

#endif
