/* One header field of a template: how it takes values. Inside of template.c and merge.c only. */
#ifndef ENGINE_MAIL_TEMPLATE_FIELD_H
#define ENGINE_MAIL_TEMPLATE_FIELD_H

#include "engine/mail/template.h"

enum template_field_form {
	TEMPLATE_FIELD_UNSTRUCTURED,
	TEMPLATE_FIELD_ADDRESSES,
	TEMPLATE_FIELD_TOKENS,
};

/* By template_headers.def. */
enum template_field_form template_field_form_of(struct text name);

/* Fills kind and texts of a step from a value on one line. RESULT_INVALID: encoded words beside places, a
 * list of addresses that cannot be taken apart, UTF-8 in a structured field. */
MUST_USE enum result template_field_compile(struct text value, enum template_field_form form,
	struct template_names *names, struct arena *arena, struct template_step *out_step,
	struct fail *out_fail);

/* The whole field with its line end, for this recipient. `scratch` is for the value. RESULT_INVALID. */
MUST_USE enum result template_field_put(const struct template_step *step,
	const struct template *template, const struct template_values *values, struct buf *scratch,
	struct buf *out, struct fail *out_fail);

/* True for printable ASCII in lines. */
bool text_is_printable_field(struct text whole);

#endif
