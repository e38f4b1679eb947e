/* Reads one message as it comes off the wire, by DATA or by BDAT, in any pieces: takes the doubled dots
 * out, finds the end, checks lines and octets, digests the body, finds the token.
 *
 * Pure: octets in, findings out. Nothing of the message is kept. Cheap, since every message of a
 * benchmark goes through it: one walk from line end to line end, one over all octets sixteen at a
 * time, and the digest. */
#ifndef BENCH_SINK_BODY_H
#define BENCH_SINK_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bench/body_digest.h"
#include "bench/mail_token.h"
#include "bench/sink_book.h"

enum {
	/* As much of a header line as is looked at: the token has 90 octets. */
	SINK_HEADER_KEPT = 160,
	/* RFC 5321 4.5.3.1.6: 1000 with CRLF (DATA-06). */
	SINK_LINE_MAX = 998,
};

/* The content as it is to be stored, in pieces: dots taken out, the end not included. */
typedef void sink_body_fn(void *context, const char *data, size_t len);

struct sink_body {
	uint8_t place;            /* enum body_place, sink_body.c */
	bool dotted;              /* DATA; else the octets of BDAT */
	bool tolerant;            /* bare CR and bare LF end lines as well */
	bool ended;               /* DATA: the final dot was read */
	bool in_header;
	bool has_8bit, header_has_8bit, token_found;
	uint8_t header_len;
	char last;                /* the octet before the next one */
	uint64_t oddities;        /* set of 1 << enum sink_oddity */
	uint64_t octets;          /* of the message, CRLFs counted, doubled dots once (RFC 1870) */
	uint64_t body_octets;     /* behind the empty line */
	uint64_t wire_octets;     /* given to this reader */
	uint64_t line_octets;     /* of the line so far */
	uint64_t crs, crlfs;
	sink_body_fn *store;      /* NULL: nobody wants the content */
	void *store_context;
	struct mail_token token;
	struct body_digest digest;
	char header[SINK_HEADER_KEPT];
};

/* `store` may be NULL. */
void sink_body_init(struct sink_body *body, bool dotted, bool tolerant, sink_body_fn *store,
	void *store_context);

/* Takes octets until all are used or the final dot is read (`ended`); returns how many were taken.
 * For BDAT the caller counts and gives the octets of the chunk only. */
size_t sink_body_input(struct sink_body *body, const char *data, size_t len);

/* At the end of the message: what could not be known before. Then `oddities` is complete. */
void sink_body_finish(struct sink_body *body);

/* Only when a token was found: is the body what it says? */
bool sink_body_is_intact(const struct sink_body *body);

#endif
