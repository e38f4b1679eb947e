/* Which of the three forms of input (DESIGN 1) an entry of the spool is, from what is cheap to know.
 * Pure. */
#ifndef ENGINE_SPOOL_SPOOL_FORMAT_H
#define ENGINE_SPOOL_SPOOL_FORMAT_H

#include <stdbool.h>
#include "engine/base/text.h"

enum spool_format {
	SPOOL_FORMAT_MESSAGE, /* one message with X-Sender and X-Receiver: message_file.h */
	SPOOL_FORMAT_BATCH,   /* batch SMTP: begins with HELO, EHLO, MAIL, XMRG or XACK */
	SPOOL_FORMAT_JOB,     /* a job directory; complete once manifest.json is in it */
};

enum {
	/* The first octets of a file that spool_format_of() wants to see, or all if it has fewer. */
	SPOOL_FORMAT_HEAD_BYTES = 8,
};

/* Behind the first word of a header line comes a colon, with white space before it or not; behind a
 * command's never: so no message is taken for a batch. What is neither is SPOOL_FORMAT_MESSAGE,
 * whose reader says what is wrong with it. */
enum spool_format spool_format_of(struct text head, bool is_directory);

#endif
