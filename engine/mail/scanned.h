/* Mail written line by line, with what octet_scan() would say about it: of what was looked at before it is
 * known, the rest is looked at when it is there. So the hundred lines that all recipients of a job get are
 * looked at once for all of them.
 *
 * Pure. Writers put whole lines with their ends, into `buf` or through scanned_put_lines(). */
#ifndef ENGINE_MAIL_SCANNED_H
#define ENGINE_MAIL_SCANNED_H

#include "engine/base/buf.h"
#include "engine/mail/octet_scan.h"

enum {
	/* Less is looked at as fast as it is told apart from what stands beside it. */
	SCANNED_BYTES_MIN = 256,
};

struct scanned {
	struct buf *buf;       /* borrowed */
	struct octet_scan all; /* of its first `upto` octets */
	size_t upto;
};

/* From the front of `buf`: what it holds already are whole lines. */
static inline void scanned_init(struct scanned *s, struct buf *buf)
{
	*s = (struct scanned){ .buf = buf };
}

/* `known` is octet_scan(lines). */
void scanned_put_lines(struct scanned *s, struct text lines, const struct octet_scan *known);

/* Of all that is in `buf`. */
struct octet_scan scanned_end(struct scanned *s);

#endif
