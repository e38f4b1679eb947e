/* Text of any kind made into lines that pass every receiver: RFC 2045 6, so that nobody on the way needs
 * 8BITMIME and no line is too long (RFC 5321 4.5.3.1.6).
 *
 * Pure. Input is text whose lines end in CRLF or LF; output has CRLF, and ends a last line without an end
 * only where the encoding can say so (quoted-printable: a soft line break). A CR that ends no line is a
 * character like any other, and encoded. */
#ifndef ENGINE_MAIL_TRANSFER_ENCODING_H
#define ENGINE_MAIL_TRANSFER_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/buf.h"
#include "engine/base/text.h"

enum transfer_encoding {
	TRANSFER_ENCODING_7BIT,
	TRANSFER_ENCODING_QUOTED_PRINTABLE,
	TRANSFER_ENCODING_BASE64,
};

/* As it stands if that is mail already: ASCII, no NUL, no lone CR, no line over 998 octets, an end behind
 * the last line. Else the shorter of the two: quoted-printable for most languages in Latin letters. */
enum transfer_encoding transfer_encoding_of(struct text body);

/* The same of a body that is there in parts, each of which but the last ends with a line. Begins as
 * TRANSFER_WEIGHT_NONE. */
struct transfer_weight {
	size_t bytes;
	size_t encoded; /* octets that quoted-printable would encode */
	bool is_mail;   /* all may stand as they are */
};
#define TRANSFER_WEIGHT_NONE ((struct transfer_weight){ .is_mail = true })
void transfer_weight_add(struct transfer_weight *weight, struct text part);
void transfer_weight_sum(struct transfer_weight *weight, const struct transfer_weight *part);
enum transfer_encoding transfer_encoding_for(const struct transfer_weight *weight);

/* The value of Content-Transfer-Encoding. */
const char *transfer_encoding_name(enum transfer_encoding encoding);

/* No more octets than that are written. */
size_t transfer_encoding_bytes_max(enum transfer_encoding encoding, struct text body);

/* 7BIT is for what transfer_encoding_of() says it is for. */
void transfer_encoding_put(struct buf *out, enum transfer_encoding encoding, struct text body);

/* What an encoded body stands for, into `out`, which has room for as much as `body`. Read as mail is written:
 * line ends in LF too, blanks at ends of lines passed over (RFC 2045 6.7 rule 3), what is no base64
 * ignored (6.8). False: a "=" that begins nothing. */
MUST_USE bool transfer_encoding_decode(
	struct buf *out, enum transfer_encoding encoding, struct text body);

#endif
