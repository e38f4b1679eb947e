/* Delivery status notifications: who sent a message is told what became of it (RFC 3464 in a
 * multipart/report, RFC 6522), when he asked to be told (RFC 3461).
 *
 * Pure. The outcome is a message file of the spool: from the null sender (DSN-01), so that nobody answers
 * it, and with Auto-Submitted (RFC 3834 5). All texts that came from elsewhere (replies, ENVID, ORCPT,
 * reasons) are escaped: none of them ends a field, and the whole is 7-bit (DSN-10, DSN-11) but where the
 * sender's own address is not ASCII and needs SMTPUTF8 anyway (DSN-09). */
#ifndef ENGINE_MAIL_NOTIFICATION_H
#define ENGINE_MAIL_NOTIFICATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/body.h"
#include "engine/base/buf.h"
#include "engine/base/envelope.h"

enum {
	NOTIFICATION_UNIQUE_BYTES = 16,
	/* A message that is given back whole may be as large as that; of a larger one the header is
	 * (RFC 3461 4.3 leaves it open). What most servers do as well. */
	NOTIFICATION_FULL_BYTES_MAX = 50 * 1024,
	/* Of a header; the rest is left out at the end of a line. */
	NOTIFICATION_HEADER_BYTES_MAX = 64 * 1024,
	/* Told of in one notification; for more there are several. */
	NOTIFICATION_RCPTS_MAX = 500,
};

enum notification_action {
	NOTIFICATION_FAILED,  /* no more attempts */
	NOTIFICATION_DELAYED, /* still tried */
	NOTIFICATION_RELAYED, /* taken by a host that sends no notification of success (EXT-DSN-03) */
};

struct notification_rcpt {
	const struct envelope_rcpt *rcpt;
	struct text status;          /* "5.1.1"; empty: by the action alone */
	struct text remote_mta;      /* the host that spoke; empty: none did (DSN-05) */
	struct text reply;           /* what it said, "550 5.1.1 no such user"; empty: nothing */
	struct text reason;          /* for people, and where no host spoke; may be empty */
	int64_t last_attempt_unix_s; /* 0: there was none */
	int64_t will_retry_until_unix_s; /* DELAYED: 0: not known */
};

/* Everything is borrowed. */
struct notification {
	enum notification_action action;
	const struct envelope *envelope; /* of the message; its sender is not null */
	const struct notification_rcpt *rcpts;
	size_t rcpts_count;        /* 1 to NOTIFICATION_RCPTS_MAX */
	const struct body *body;   /* NULL: nothing can be given back (the file is gone) */
	bool body_is_cut;          /* there is no more in it than the header */
	struct text reporting_mta; /* our HELO name */
	int64_t now_unix_s, arrived_unix_s;
	uint8_t unique
		[NOTIFICATION_UNIQUE_BYTES]; /* for Message-ID and boundary: in no other text */
};

/* Whether he wants to be told so (DSN-02, DSN-07; RFC 3461 4.1): never of what has the null sender or
 * NOTIFY=NEVER; of failures when he said nothing or FAILURE; of delays when he said nothing or DELAY; of
 * success only when he said so. */
bool notification_is_wanted(const struct envelope *envelope, const struct envelope_rcpt *rcpt,
	enum notification_action action);

/* Room enough for notification_put(). */
size_t notification_bytes_max(const struct notification *notification);
/* The message file. */
void notification_put(struct buf *out, const struct notification *notification);

#endif
