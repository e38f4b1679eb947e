/* A message as it stands in a file, made into the message that goes on the wire: the canonical
 * CRLF text of struct body, without the fields that are meant for us.
 *
 * Pure: time and randomness come in as texts. What it does, and nothing else (DATA-02, SMTP-44):
 *   - LF and CRLF become CRLF, also mixed; a last line without an end gets one (DATA-04);
 *   - a bare CR, a NUL or a line over 998 octets refuses the message (DATA-01, DATA-06, DATA-07);
 *   - fields of headers.def that are TAKEN go, with their folded lines;
 *   - Date and Message-ID are added behind the last field where they are missing and nothing
 *     signs the message (DKIM-Signature, DomainKey-Signature, ARC-*). Never Received.
 * Since only canonical text leaves, no sequence of CR, LF, NUL and dots in a message can end it
 * early at a receiver (DATA-05, SEC-18).
 *
 * Use, one after the other: begin, next_field until there is no more, then write (or not: all
 * checks are done and all sizes known before anything is copied). */
#ifndef ENGINE_MAIL_MESSAGE_WIRE_H
#define ENGINE_MAIL_MESSAGE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/body.h"
#include "engine/base/result.h"
#include "engine/base/text.h"
#include "engine/mail/header_reader.h"
#include "engine/mail/octet_scan.h"

enum {
	/* What goes out. Receivers take less than what a file may hold for us: Sendmail stops at 32
	 * KiB, Exchange at 64 to 256 KiB. Beyond this nobody takes it. */
	MESSAGE_WIRE_HEADER_BYTES_MAX = 256 * 1024,
	/* A mail that has passed twenty relays, each with its trace and its filters, has about 200
	 * fields; Exim stops at 1,000 or so by size. X-Receiver lines do not count. */
	MESSAGE_WIRE_FIELDS_MAX = 1000,
	/* Fields that are taken off mostly stand together, in front. */
	MESSAGE_WIRE_RUNS_MAX = 8,
};

/* Borrowed until the message is written. */
struct message_wire_options {
	struct text date;       /* RFC 5322 3.3 date-time, for a message without a Date */
	struct text message_id; /* with < and >, for a message without one */
	/* Files of IIS and of libraries that write like it: a "." that starts a line of the body
	 * and is not alone there is not part of the message. */
	bool is_dot_stuffed;
	/* Of the file, where that is known; else NULL: it is looked at. */
	const struct octet_scan *scan;
};

struct message_wire {
	struct text file; /* borrowed until the message is written */
	const struct message_wire_options *options;
	struct octet_scan scan;
	struct header_reader reader;
	uint32_t fields_count;
	size_t header_dots; /* of the dots that the scan has counted, those of fields */
	/* Runs of fields that stay; with more than fit the header is read again when it is written. */
	struct text kept[MESSAGE_WIRE_RUNS_MAX];
	uint32_t kept_count;
	bool has_date, has_message_id, is_signed;
	bool lacks_last_line_end;
	bool headers_are_utf8;

	/* Valid after the last field. */
	size_t header_bytes; /* as in struct body */
	size_t data_bytes;
	size_t dots_count;
	bool has_8bit, has_utf8_headers;
};

/* Looks at all octets. RESULT_INVALID: the message is refused for good, the sentence for people
 * names line and offset. `options` and `file` are borrowed. */
MUST_USE enum result message_wire_begin(struct message_wire *wire, struct text file,
	const struct message_wire_options *options, struct fail *out_fail);

/* The next field, for the caller to read if it is meant for him. *out_more is false behind the
 * last one; then everything is measured. Results as above. */
MUST_USE enum result message_wire_next_field(struct message_wire *wire,
	struct header_field *out_field, bool *out_more, struct fail *out_fail);

/* The body, with one reference. NULL: see body_create_in(). */
MUST_USE struct body *message_wire_write(const struct message_wire *wire, struct body_room *room);

#endif
