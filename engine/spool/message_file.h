/* One message file of the spool (DESIGN 1, format 1) read into an envelope and a body.
 *
 *   X-Sender: <news@list.example> RET=HDRS ENVID=c42      who sends; <> is the null sender
 *   X-Receiver: <ann@a.example> NOTIFY=FAILURE            1 to 10,000, of any domains
 *   From: ...                                             the message
 *
 * That is what .NET's SmtpClient, Exchange's replay directory and PowerMTA's pickup write. To and
 * Cc are not read. Control fields may stand anywhere in the header; headers.def lists them.
 *
 * Pure: called on a worker, once a message, with the whole file in memory. */
#ifndef ENGINE_SPOOL_MESSAGE_FILE_H
#define ENGINE_SPOOL_MESSAGE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/body.h"
#include "engine/base/envelope.h"
#include "engine/base/result.h"
#include "engine/base/siphash.h"
#include "engine/base/text.h"
#include "engine/mail/octet_scan.h"
#include "engine/spool/control_fields.h"

enum {
	MESSAGE_FILE_UNIQUE_BYTES = 16, /* as many as a UUID has: no Message-ID comes twice */
	/* Scratch that is enough for every file which is within the limits: 4 MiB of folded
	 * fields, 10,000 addresses and ORCPTs that grow in conversion, their arrays. A common
	 * message takes under 1 KiB. */
	MESSAGE_FILE_SCRATCH_BYTES_MAX = 24 * 1024 * 1024,
};

struct message_file_context {
	/* What is added to a message without a Date (RFC 5322 3.3) and Message-ID. Of the file, not of
	 * the moment: read again, for a retry or after a restart, it must be the same message. */
	struct text date;
	uint8_t unique[MESSAGE_FILE_UNIQUE_BYTES];
	struct text host;                          /* what stands behind its @: the HELO name */
	struct siphash_key hash_key;               /* of this process */
	struct body_room *room;                    /* NULL: no body is wanted, only the envelope */
	bool is_dot_stuffed;                       /* files of IIS: see message_wire.h */
};

/* RESULT_OK: *out_envelope and *out_body hold one reference each. *out_body is NULL when the
 * budget has no more (or the room is NULL): the file was checked all the same, and is read again later.
 * RESULT_INVALID: this is no mail that can be sent, and never will be; the sentence for
 * bad/NAME.reason and the event is in out_fail, which is not NULL, and names the line.
 * RESULT_MEMORY: not now.
 * `file` and what is in `scratch` are not needed afterwards; the caller resets `scratch`. */
MUST_USE enum result message_file_parse(struct text file,
	const struct message_file_context *context, struct arena *scratch,
	struct envelope **out_envelope, struct body **out_body, struct fail *out_fail);

/* The same for a message whose envelope stands elsewhere, as in a batch: X-Sender, X-Sender-Override and
 * X-Receiver in it are taken off and mean nothing; the other control fields count. `rcpts` are borrowed and
 * may be there twice; at least one. */
MUST_USE enum result message_file_parse_enveloped(struct text message, const struct control_sender *sender,
	struct envelope_rcpt *rcpts, uint32_t rcpts_count, const struct message_file_context *context,
	struct arena *scratch, struct envelope **out_envelope, struct body **out_body,
	struct fail *out_fail);

/* The same for a message that was made for one recipient, and of which octet_scan(message) is known.
 * `labels` stand for control fields; it has none itself. */
MUST_USE enum result message_file_parse_merged(struct text message, const struct octet_scan *scan,
	const struct control_sender *sender, struct envelope_rcpt *rcpt,
	const struct control_labels *labels, const struct message_file_context *context,
	struct arena *scratch, struct envelope **out_envelope, struct body **out_body,
	struct fail *out_fail);

#endif
