/* Produces the octets of a body as they follow DATA: dot-stuffed, ended by CRLF.CRLF.
 *
 * RFC 5321 4.5.2: a line that starts with "." gets one more before it. The places are known from
 * the body (body.h), so the octets between them are copied whole; the output may be cut into
 * pieces anywhere (DATA-03). A body that lacks its last CRLF gets it, no other gets a second one
 * (DATA-04). Borrows the body. */
#ifndef ENGINE_SMTP_DOT_H
#define ENGINE_SMTP_DOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/body.h"

struct smtp_dot {
	const struct body *body;   /* NULL: no message, only the lone "." of EXT-PIPE-04 */
	size_t data_at;            /* octets of the body that have gone */
	uint32_t dots_at;          /* line-leading dots whose second has gone */
	uint8_t tail_at, tail_len; /* of the octets that end the data */
};

/* Octets of the body without stuffing and end, a missing last CRLF counted: SIZE= and BDAT. */
size_t smtp_dot_body_bytes(const struct body *body);
/* The octet range [at, at + len) of those, unstuffed, for BDAT. */
void smtp_dot_copy_raw(const struct body *body, size_t at, uint8_t *out, size_t len);

void smtp_dot_init(struct smtp_dot *dot, const struct body *body);
/* The next octets, at most `max`; 0 when all have gone (or max is 0). */
size_t smtp_dot_next(struct smtp_dot *dot, uint8_t *out, size_t max);
bool smtp_dot_is_done(const struct smtp_dot *dot);

#endif
