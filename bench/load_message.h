/* One message of longship-load: the octets of a spool file, or of a message on the wire. Pure. */
#ifndef BENCH_LOAD_MESSAGE_H
#define BENCH_LOAD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bench/load_text.h"
#include "engine/base/buf.h"
#include "engine/base/text.h"

enum {
	/* Header and token without the addresses in them; the body has a line at the least, so what
	 * is asked for smaller becomes some 700 octets. */
	LOAD_HEADER_BYTES = 512,
	/* Recipients and what else is for the sender only, in front of a message. */
	LOAD_CONTROL_BYTES_PER_RCPT = 320,
};

struct load_message {
	uint64_t run, id;
	uint64_t bytes;            /* of the message as it leaves, CRLF counted (the SIZE of RFC 1870) */
	struct text sender;        /* between < and > */
	struct text first_rcpt;    /* for To: */
	int64_t date_s;            /* since 1970 */
	bool eight_bit, transactional;
};

/* The message with CRLF: header, token, empty line, body. Exactly `bytes` octets (or the least there is);
 * *out_body_bytes is what the token says. Overflows when there is no room. */
void load_message_put(const struct load_message *message, const struct load_text *text,
	struct random_state *random, struct buf *out, uint64_t *out_body_bytes);

/* The fields that a spool file has in front of it (DESIGN 1), CRLF. `rcpts` separated by tabs. */
void load_control_put(const struct load_message *message, struct text rcpts, struct buf *out);

/* As DATA sends it: dots doubled, the final dot behind it. */
void load_message_put_dotted(struct text message, struct buf *out);

/* CR taken out, in place; returns the new length. */
size_t load_strip_cr(char *data, size_t len);

#endif
