/* The header field that longship-load writes into each message and longship-sink checks: which message
 * it is and what its body must be.
 *
 *   X-Load-Check: run=00c0ffee00c0ffee id=17 size=0000008192 digest=44bc2cf5ad770999
 *
 * Outside of the X-Longship- names on purpose: those are taken off by the sender. The body is what
 * stands behind the empty line, with CRLF line ends, dots not doubled: `size` octets whose
 * body_digest is `digest`. */
#ifndef BENCH_MAIL_TOKEN_H
#define BENCH_MAIL_TOKEN_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/text.h"

#define MAIL_TOKEN_FIELD "X-Load-Check"

struct mail_token {
	uint64_t run;    /* one filling of a spool; tells messages of an earlier one apart */
	uint64_t id;     /* of the message, from 0 */
	uint64_t size;   /* octets of the body */
	uint64_t digest;
};

/* Appends the whole field without a line end. */
void mail_token_format(const struct mail_token *token, struct buf *out);

/* `value` is what stands behind the colon. False if it is not such a token, as a whole. */
MUST_USE bool mail_token_parse(struct text value, struct mail_token *out_token);

/* 16 hex digits, as run and digest are written. */
void mail_token_put_hex(struct buf *out, uint64_t value);
MUST_USE bool mail_token_parse_hex(struct text digits, uint64_t *out_value);

/* One delivery: this message to this recipient. The domain counts without case. */
uint64_t mail_token_delivery_key(uint64_t run, uint64_t id, struct text rcpt);
/* The part of the recipient in it, for those who learn the message later. */
uint64_t mail_token_rcpt_hash(struct text rcpt);
uint64_t mail_token_join(uint64_t run, uint64_t id, uint64_t rcpt_hash);

#endif
