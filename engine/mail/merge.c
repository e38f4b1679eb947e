#include "engine/mail/merge.h"
#include "engine/mail/template_body.h"
#include "engine/mail/template_field.h"

static void put_field(struct buf *out, const char *name, struct text value)
{
	buf_put_cstr(out, name);
	buf_put_text(out, value);
	buf_put_cstr(out, "\r\n");
}

/* *at: the step, moved on where a part is left out. */
static enum result take_step(const struct template *t, uint32_t *at,
	const struct merge_input *input, struct buf *scratch, struct scanned *out,
	struct fail *out_fail)
{
	const struct template_step *step = &t->steps[*at];
	switch ((enum template_step_kind)step->kind) {
	case TEMPLATE_COPY: scanned_put_lines(out, step->text, &step->scan); return RESULT_OK;
	case TEMPLATE_UNSTRUCTURED:
	case TEMPLATE_TOKENS:
	case TEMPLATE_ADDRESSES:
		return template_field_put(step, t, input->values, scratch, out->buf, out_fail);
	case TEMPLATE_DATE: put_field(out->buf, "Date: ", input->date); return RESULT_OK;
	case TEMPLATE_MESSAGE_ID:
		put_field(out->buf, "Message-ID: ", input->message_id);
		return RESULT_OK;
	case TEMPLATE_BODY:
		return template_body_put(step->body, &t->names, input->values,
			step->is_html ? TEMPLATE_HTML : TEMPLATE_PLAIN, scratch, out, out_fail);
	case TEMPLATE_IF:
	case TEMPLATE_UNLESS:
		if (template_value_is_true(input->values, step->name) !=
			(step->kind == TEMPLATE_IF))
			*at = step->next - 1;
		return RESULT_OK;
	}
	UNREACHABLE("every kind is listed");
}

enum result merge_message(const struct template *t, const struct merge_input *input,
	struct buf *scratch, struct scanned *out, struct fail *out_fail)
{
	for (uint32_t i = 0; i < t->steps_count; i++) {
		enum result result = take_step(t, &i, input, scratch, out, out_fail);
		if (result != RESULT_OK)
			return result;
		if (scratch->overflow || out->buf->overflow)
			return fail_set(
				out_fail, RESULT_TOO_LONG, "its values make the message too large");
	}
	return RESULT_OK;
}
