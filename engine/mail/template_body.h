/* The text of a part with places for values, in the encoding that its outcome needs.
 *
 * Most of it is the same for all: the lines without a place are encoded and looked at once a job, in the
 * encoding that they need by themselves, and copied for each recipient whose values need no other. What
 * comes out is the same as if the text were expanded and encoded as a whole. Inside of template.c and
 * merge.c only. */
#ifndef ENGINE_MAIL_TEMPLATE_BODY_H
#define ENGINE_MAIL_TEMPLATE_BODY_H

#include "engine/mail/scanned.h"
#include "engine/mail/template_text.h"

struct template_body;

/* In the arena; `text` is borrowed for as long. RESULT_MEMORY. */
MUST_USE enum result template_body_compile(const struct template_text *text, struct arena *arena,
	const struct template_body **out_body, struct fail *out_fail);

/* Its Content-Transfer-Encoding, the empty line, and the text for this recipient. `scratch` is for the text.
 * As template_text_expand(); that it did not fit is the overflow of `scratch` or of out->buf. */
MUST_USE enum result template_body_put(const struct template_body *body,
	const struct template_names *names, const struct template_values *values,
	enum template_context context, struct buf *scratch, struct scanned *out,
	struct fail *out_fail);

#endif
