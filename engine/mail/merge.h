/* The message of one recipient, out of a template and his values. Pure, without memory of its own: a worker
 * does it for each recipient, right before it is sent. */
#ifndef ENGINE_MAIL_MERGE_H
#define ENGINE_MAIL_MERGE_H

#include "engine/mail/scanned.h"
#include "engine/mail/template.h"

struct merge_input {
	const struct template_values *values;
	struct text date;       /* RFC 5322 3.3, where the template has no Date */
	struct text message_id; /* with < and >, this recipient's own */
};

/* Writes it in CRLF behind what out->buf holds; `scratch` is for one part or field before it is encoded.
 * RESULT_INVALID: this recipient's values cannot be used (one is missing, breaks a header, is no address
 * where one must be); the sentence names the value or field. RESULT_TOO_LONG: it does not fit. */
MUST_USE enum result merge_message(const struct template *template, const struct merge_input *input,
	struct buf *scratch, struct scanned *out, struct fail *out_fail);

#endif
