/* What `sendmail` reads from its standard input, made into a message file of the spool (DESIGN 1, format 1).
 *
 * Pure. The header is read as programs have always been allowed to write it there: an mbox "From " line at
 * the front is passed over, a text without any header gets an empty one. What it takes off, since the
 * envelope comes from the command line: X-Sender, X-Sender-Override and X-Receiver, so that a form on a web
 * page cannot add a receiver; Bcc and Resent-Bcc. What it adds: From, when there is none. The rest stays
 * as it is, byte for byte; Date and Message-ID are the sender's to add. */
#ifndef ENGINE_MAIL_SENDMAIL_MESSAGE_H
#define ENGINE_MAIL_SENDMAIL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/arena.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum {
	/* The rows that are added before the message hold addresses and parameters; one is never longer. */
	SENDMAIL_ROW_BYTES_MAX = 2048,
};

/* All texts are borrowed. */
struct sendmail_request {
	bool reads_receivers; /* -t: also those in To, Cc and Bcc (RFC 5322 3.6.6: of the Resent- fields
	                            * when there are any) */
	struct text sender;    /* -f: a mailbox, empty: the null sender */
	struct text from;      /* the mailbox of From, when the message has none: whoever calls */
	struct text full_name; /* -F, for that From; may be empty */
	struct text domain; /* what is put behind addresses without one; empty: they are refused */
	struct text sender_params;   /* " RET=HDRS ENVID=c42", or empty */
	struct text rcpt_params;     /* " NOTIFY=NEVER", or empty */
	const struct text *operands; /* the words of the command line: each a list of addresses */
	size_t operands_count;
};

/* Without -i a line with nothing but a dot ends the input: what is before it. */
struct text sendmail_message_until_dot(struct text input);

/* The whole message file, in `arena`, which must hold about twice the input. RESULT_INVALID: the header
 * cannot be read, or an address is none; RESULT_NOT_FOUND: nobody is to receive it; RESULT_LIMIT: more
 * than MESSAGE_RCPTS_MAX are; RESULT_MEMORY. The sentence is in out_fail. */
MUST_USE enum result sendmail_message_compose(struct text input,
	const struct sendmail_request *request, struct arena *arena, struct text *out_file,
	struct fail *out_fail);

#endif
