/* The bytes of one message as they go on the wire, shared by all sessions that send it.
 *
 * Made once by engine/mail/message_wire and read-only from then on, so that any worker may send
 * it at the same time. Reference counted: body_ref() and body_unref() may be called on any
 * thread. The bytes are canonical (DATA-01): every line ends in CRLF, the last one too, there is
 * no bare CR, no bare LF, no NUL, no line over 998 octets. They are not dot-stuffed: BDAT sends
 * `data` as it is, DATA sends the pieces between `dot_at` with one more "." before each.
 *
 * One body is one malloc, charged to a budget which belongs to the process (--memory). */
#ifndef ENGINE_BASE_BODY_H
#define ENGINE_BASE_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/body_budget.h"
#include "engine/base/check.h"
#include "engine/base/refcount.h"

#define BODY_MAGIC 0xb0d1e5b0u

struct body {
	uint32_t magic;
	struct refcount refs;
	struct body_budget *budget;
	size_t charged_bytes; /* what the budget gets back */

	uint8_t *data;       /* written by its maker only, before anybody else sees the body */
	size_t data_bytes;   /* SIZE= of RFC 1870: CRLFs counted, stuffed dots not (EXT-SIZE-01) */
	size_t header_bytes; /* the header with its last CRLF; the empty line, if any, follows */

	/* Offsets in `data` of each "." that starts a line, ascending (RFC 5321 4.5.2). For DATA
	 * each is sent twice (DATA-03), so DATA takes data_bytes + dots_count octets and the
	 * final ".\r\n" (DATA-04). */
	uint32_t *dot_at;
	uint32_t dots_count;

	bool has_8bit;         /* an octet over 127 anywhere: needs 8BITMIME (EXT-8B-01) */
	bool has_utf8_headers; /* raw UTF-8 in the header: needs SMTPUTF8 (EXT-U8-01) */
};

/* What a body of that size is charged; SIZE_MAX: there is no such body. */
size_t body_bytes(size_t data_max, size_t dots_max);

/* A body with room for data_max octets and dots_max offsets, one reference, nothing in it yet.
 * NULL when the budget is used up or malloc fails: normal, the caller keeps the envelope and
 * reads the file again later. */
MUST_USE struct body *body_create(struct body_budget *budget, size_t data_max, size_t dots_max);
/* The same, charged to what was taken before, which shrinks by it; only what is not in there is asked of
 * the budget. */
MUST_USE struct body *body_create_in(struct body_room *room, size_t data_max, size_t dots_max);

/* One more owner; returns the same body. */
struct body *body_ref(struct body *body);

/* One owner less; the last one frees it and pays the budget back. NULL is allowed. */
void body_unref(struct body *body);

#endif
