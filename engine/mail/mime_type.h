/* The value of a Content-Type field (RFC 2045 5.1), as far as merging must know it. Pure. */
#ifndef ENGINE_MAIL_MIME_TYPE_H
#define ENGINE_MAIL_MIME_TYPE_H

#include <stdbool.h>
#include "engine/base/arena.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

struct mime_type {
	struct text type, subtype; /* as they are written */
	struct text charset;       /* without quotes; empty: not given */
	struct text boundary;      /* likewise */
};

enum {
	MIME_BOUNDARY_BYTES_MAX = 70, /* RFC 2046 5.1.1 */
};

/* `value` is on one line; what needs no unquoting is borrowed from it, the rest is in the arena.
 * RESULT_INVALID: it is not of that form; RESULT_MEMORY. */
MUST_USE enum result mime_type_parse(
	struct text value, struct arena *arena, struct mime_type *out_type, struct fail *out_fail);

bool mime_type_is(const struct mime_type *type, struct text main_type, struct text subtype);

#endif
