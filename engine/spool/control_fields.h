/* The header fields of a message file that are meant for us: who sends, who receives, and what
 * longship shall do with it. Used by message_file.c, which shows it every field of the header.
 *
 * Pure. Fields may stand anywhere in the header, in any order: Exchange and .NET put them first,
 * PowerMTA wants X-Sender on line 1, and all of that is read. Everything collected borrows from
 * the file or the arena. */
#ifndef ENGINE_SPOOL_CONTROL_FIELDS_H
#define ENGINE_SPOOL_CONTROL_FIELDS_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/envelope.h"
#include "engine/base/result.h"
#include "engine/mail/esmtp_params.h"
#include "engine/mail/header_reader.h"

enum {
	/* One such field on all its lines. An address, an ORCPT, a NOTIFY and a display name in
	 * encoded words are under 2 KB. */
	CONTROL_FIELD_BYTES_MAX = 4096,
};

struct control_sender {
	struct envelope_address address;
	struct esmtp_mail_params params;
};

/* What control fields would say about a message that has none; empty, 0: nothing. */
struct control_labels {
	enum envelope_class class;
	struct text job, pool, id; /* printable UTF-8, trimmed, at most ENVELOPE_LABEL_MAX */
	int64_t not_before_unix_s, expiry_unix_s;
};

struct control_fields {
	struct arena *arena;
	bool seen[HEADER_KINDS];
	bool has_envelope; /* from elsewhere: fields with one mean nothing */

	struct control_sender sender, sender_override;
	struct envelope_rcpt *rcpts; /* as they came: one may be there twice */
	uint32_t rcpts_count, rcpts_size;

	enum envelope_class class;
	struct text job, x_job, pool, virtual_mta, id;
	struct text x_envid; /* xtext already */
	int64_t not_before_unix_s, expiry_unix_s;
	uint32_t tls_required_count;
	bool tls_required_is_no; /* of the last one */
};

void control_fields_init(struct control_fields *fields, struct arena *arena);
/* With an envelope that stands elsewhere; what it points to is borrowed. */
void control_fields_init_enveloped(struct control_fields *fields, struct arena *arena,
	const struct control_sender *sender, struct envelope_rcpt *rcpts, uint32_t rcpts_count);

/* As if the message had fields that say so; before any is read. */
void control_fields_label(struct control_fields *fields, const struct control_labels *labels);

/* Reads the field if it is one of ours. RESULT_INVALID: the sentence in out_fail begins with the
 * line; RESULT_MEMORY: the arena is exhausted. out_fail is not NULL. */
MUST_USE enum result control_fields_add(
	struct control_fields *fields, const struct header_field *field, struct fail *out_fail);

/* Behind the last field: fills the draft of an envelope, but for message_bytes. What it points to
 * is borrowed; recipients may still be there twice. RESULT_INVALID: sender or receivers are
 * missing. */
MUST_USE enum result control_fields_finish(
	const struct control_fields *fields, struct envelope *out_draft, struct fail *out_fail);

#endif
