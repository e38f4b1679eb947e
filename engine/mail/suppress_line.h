/* One line of a list of addresses that shall get no mail, as `longship suppress import` reads it: what
 * `suppress list` prints, a bare list, or the first columns of a table.
 *
 *   ann@a.example
 *   <bob@b.example> asked by phone
 *   cy@c.example,"unsubscribed, twice"
 *   dee@d.example	2026-09-01T12:34:56Z	hard bounce
 *   # a comment
 *
 * Pure. Behind the address a comma, a tab or a space; then the time when it came onto the list, if there is
 * one (RFC 3339); then the reason, up to the end of the line. */
#ifndef ENGINE_MAIL_SUPPRESS_LINE_H
#define ENGINE_MAIL_SUPPRESS_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/limits.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum {
	/* An address with every octet escaped, a time, and a reason several times as long as what is kept. */
	SUPPRESS_LINE_BYTES_MAX = 4096,
};

struct suppress_line {
	bool is_empty;               /* or a comment: nothing else is set */
	char key[ADDRESS_BYTES_MAX]; /* the spelling of address_key.h */
	size_t key_len;
	int64_t time_unix_s; /* 0: not given */
	struct text reason; /* borrowed from the line; UTF-8, no control characters; may be empty */
};

/* `line` is without its end. RESULT_INVALID: the sentence is in out_fail. */
MUST_USE enum result suppress_line_parse(
	struct text line, struct suppress_line *out_line, struct fail *out_fail);

/* An address alone, from a command line, into the same spelling. */
MUST_USE enum result suppress_line_parse_address(
	struct text address, struct suppress_line *out_line, struct fail *out_fail);

#endif
