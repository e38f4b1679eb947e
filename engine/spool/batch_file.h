/* Batch SMTP (DESIGN 1, format 2): one SMTP dialogue as text, without the replies, as Exim's -bS, RFC 2442
 * and PowerMTA have it; several transactions.
 *
 *   EHLO host                           HELO, EHLO, NOOP, RSET, XACK may stand between transactions
 *   MAIL FROM:<news@list.example> RET=HDRS
 *   RCPT TO:<ann@a.example> NOTIFY=FAILURE
 *   DATA
 *   From: ...                           dot-stuffed, up to a line with a dot alone
 *   .
 *   QUIT                                or the end of the file
 *
 * Pure, and in a stream: pieces of any size, memory for one envelope. The messages themselves are not kept;
 * the reader tells where in the file they stand. A bad address fails that recipient, a bad sender his
 * transaction. Anything that is not understood ends the file there: what came before is whole, what
 * follows is not looked at, since a reader that goes on and takes text for commands is a way to inject. */
#ifndef ENGINE_SPOOL_BATCH_FILE_H
#define ENGINE_SPOOL_BATCH_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/envelope.h"
#include "engine/base/result.h"
#include "engine/mail/esmtp_params.h"
#include "engine/spool/control_fields.h"

enum {
	/* A command line without its end: as long as SMTP has them. */
	BATCH_LINE_BYTES_MAX = SMTP_COMMAND_BYTES_MAX,
	/* RCPT lines of one transaction, good and bad together; bad ones are kept with a sentence. */
	BATCH_RCPTS_MAX = 2 * MESSAGE_RCPTS_MAX,
	/* What one transaction within these limits takes in the arena. */
	BATCH_ARENA_BYTES_MAX = 64 * 1024 * 1024,
};

/* A recipient that cannot be sent to, as it was written. */
struct batch_bad_rcpt {
	struct text text;   /* of the line, from behind "TO:" */
	struct text reason; /* the sentence */
	uint64_t line;
};

/* In the arena, until the next input. */
struct batch_transaction {
	struct control_sender sender;
	struct envelope_rcpt *rcpts;      /* as they came: one may be there twice */
	uint32_t rcpts_count, rcpts_size; /* the count may be 0: then all are bad */
	struct batch_bad_rcpt *bad;
	uint32_t bad_count, bad_size;
	uint64_t at;                  /* where its MAIL line begins in the file */
	uint64_t line;                /* of that, the first is 1 */
	uint64_t data_at, data_bytes; /* the message, dot-stuffed, without the line with the dot */
	uint64_t end_at;              /* behind the line with the dot */
};

enum batch_event {
	BATCH_MORE,        /* all input was taken, and more is wanted */
	BATCH_TRANSACTION, /* a whole one is in `transaction`; call again with the rest */
	BATCH_END,         /* of batch_file_end(): nothing is left over */
	BATCH_BAD, /* the rest, from `bad_at` on, is not understood; `fail` says why. For good. */
};

struct batch_file {
	struct arena *arena;
	struct batch_transaction transaction;
	struct fail fail; /* RESULT_INVALID, or RESULT_MEMORY: the arena is exhausted */
	uint64_t bad_at;  /* the transaction that is not whole, else the line */

	/* its own */
	uint64_t at, line_at, line;
	uint8_t state, in_line;
	bool sender_is_bad;
	struct fail sender_fault;
	size_t len;
	char text[BATCH_LINE_BYTES_MAX + 2]; /* the command line so far, with its CR */
};

/* The arena is the reader's alone: it resets it when a transaction begins. */
void batch_file_init(struct batch_file *file, struct arena *arena);
/* Takes input off the front of `input`. */
enum batch_event batch_file_input(struct batch_file *file, struct text *input);
/* The file is at its end. BATCH_TRANSACTION: its last line was the dot, without an end; call again.
 * BATCH_BAD: it ends inside of a transaction. */
enum batch_event batch_file_end(struct batch_file *file);

/* The message out of its dot-stuffed form (RFC 5321 4.5.2): the first dot of a line goes. `out` has room for
 * as much as `stuffed`. */
void batch_file_unstuff(struct buf *out, struct text stuffed);

#endif
