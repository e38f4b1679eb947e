/* One message for many (DESIGN 1, format 3): a template.eml, looked at once, and made into a list of steps
 * that merge.h takes for each recipient.
 *
 * The template is an RFC 5322 message whose header and text parts may hold places for values
 * (template_text.h). Text parts with places are UTF-8; they may stand there as they are, or in
 * quoted-printable or base64, and leave in the encoding that their outcome needs. Header fields may hold raw
 * UTF-8: it is encoded. A part of a multipart with the field "X-Longship-If: name" or "X-Longship-Unless:
 * name" is only for those recipients. What else a part holds is left as it is.
 *
 * Taken off: all that message files take off, Message-ID without places (each recipient has his own), and
 * Content-Transfer-Encoding of what is encoded here. Refused: a signed message, since merging breaks the
 * signature. Pure. */
#ifndef ENGINE_MAIL_TEMPLATE_H
#define ENGINE_MAIL_TEMPLATE_H

#include "engine/mail/octet_scan.h"
#include "engine/mail/template_text.h"

enum {
	/* A newsletter with its pictures; it is read once and held while its job runs. */
	TEMPLATE_BYTES_MAX = 32 * 1024 * 1024,
	/* What compiling may take of the arena: the text with CRLF, a part decoded, the steps. */
	TEMPLATE_ARENA_BYTES_MAX = 4 * TEMPLATE_BYTES_MAX,
	/* multipart in multipart. */
	TEMPLATE_PARTS_DEPTH_MAX = 8,
};

enum template_step_kind {
	TEMPLATE_COPY,         /* `text` as it is, in CRLF */
	TEMPLATE_UNSTRUCTURED, /* a field: `text` is its name, texts[0] its value */
	TEMPLATE_TOKENS,       /* likewise */
	TEMPLATE_ADDRESSES,    /* likewise; for each mailbox a display name and an address */
	TEMPLATE_DATE,         /* the Date field, which the template has not */
	TEMPLATE_MESSAGE_ID,   /* likewise */
	TEMPLATE_BODY,         /* its encoding, the empty line and the text: `body` */
	TEMPLATE_IF,           /* without the value `name`: go on at `next` */
	TEMPLATE_UNLESS,
};

struct template_body;

struct template_step {
	uint8_t kind;
	bool is_html;
	uint16_t name;
	uint32_t next;
	struct text text;
	const struct template_text *texts;
	uint32_t texts_count;
	const struct template_body *body;
	struct octet_scan scan; /* of the text of a copy, which is whole lines */
};

struct template
{
	struct template_names names;
	struct template_step *steps; /* in the arena */
	uint32_t steps_count, steps_size;
};

/* `file` is borrowed for as long as the template is used. RESULT_INVALID: it can be sent to nobody; the
 * sentence is in out_fail. RESULT_LIMIT, RESULT_TOO_LONG, RESULT_MEMORY. */
MUST_USE enum result template_compile(struct text file, struct arena *arena,
	struct template *out_template, struct fail *out_fail);

#endif
