/* Values that people chose (a display name, a subject) written into header fields, so that whatever is in
 * them the field stays one field: RFC 5322 words where they will do, encoded words of RFC 2047 where not.
 *
 * Pure. Input is UTF-8 without control characters; lines are folded with CRLF and a space, and none with an
 * encoded word in it is longer than 76 octets (RFC 2047 2). `column` is how many octets stand on the line
 * already. False: the input holds a control character, or is not UTF-8; then nothing was written. That it
 * did not fit is the overflow of `out`. */
#ifndef ENGINE_MAIL_ENCODED_WORD_H
#define ENGINE_MAIL_ENCODED_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/buf.h"
#include "engine/base/text.h"

/* RFC 5322 3.2.5 unstructured: Subject and the like. Printable ASCII is written as it is, and folded at
 * its spaces; text that could be read as an encoded word is encoded once more, so that it is shown as it
 * was given. */
MUST_USE bool encoded_word_put_unstructured(struct buf *out, struct text value, size_t column);

/* RFC 5322 3.2.5 phrase: a display name. Atoms as they are, other ASCII as a quoted string, the rest as
 * encoded words (RFC 2047 5 rule 3). An empty value writes nothing. */
MUST_USE bool encoded_word_put_phrase(struct buf *out, struct text value, size_t column);

/* True for what may stand in a header field on one line: UTF-8 without C0, DEL and C1 controls. */
bool encoded_word_may_hold(struct text value);

#endif
