#include "engine/mail/merge.h"
#include "engine/mail/template_field.h"
#include "engine/mail/transfer_encoding.h"

static void put_field(struct buf *out, const char *name, struct text value)
{
	buf_put_cstr(out, name);
	buf_put_text(out, value);
	buf_put_cstr(out, "\r\n");
}

/* In the encoding that this outcome needs. The line end before the next boundary belongs to that, not to the
 * part (RFC 2046 5.1.1): in base64 it is left out, in the others it cannot be told from it. */
static enum result put_body(const struct template_step *step, const struct template *t,
	const struct merge_input *input, struct buf *scratch, struct buf *out,
	struct fail *out_fail)
{
	buf_reset(scratch);
	enum result result = template_text_expand(step->texts, &t->names, input->values,
		step->is_html ? TEMPLATE_HTML : TEMPLATE_PLAIN, scratch, out_fail);
	if (result != RESULT_OK)
		return result;
	struct text body = buf_text(scratch);
	enum transfer_encoding encoding = transfer_encoding_of(body);
	if (encoding == TRANSFER_ENCODING_BASE64 && text_ends(body, TEXT("\r\n")))
		body = text_cut(body, body.len - 2);
	put_field(out, "Content-Transfer-Encoding: ", text_of(transfer_encoding_name(encoding)));
	buf_put_cstr(out, "\r\n");
	transfer_encoding_put(out, encoding, body);
	return RESULT_OK;
}

/* *at: the step, moved on where a part is left out. */
static enum result take_step(const struct template *t, uint32_t *at,
	const struct merge_input *input, struct buf *scratch, struct buf *out,
	struct fail *out_fail)
{
	const struct template_step *step = &t->steps[*at];
	switch ((enum template_step_kind)step->kind) {
	case TEMPLATE_COPY: buf_put_text(out, step->text); return RESULT_OK;
	case TEMPLATE_UNSTRUCTURED:
	case TEMPLATE_TOKENS:
	case TEMPLATE_ADDRESSES:
		return template_field_put(step, t, input->values, scratch, out, out_fail);
	case TEMPLATE_DATE: put_field(out, "Date: ", input->date); return RESULT_OK;
	case TEMPLATE_MESSAGE_ID:
		put_field(out, "Message-ID: ", input->message_id);
		return RESULT_OK;
	case TEMPLATE_BODY: return put_body(step, t, input, scratch, out, out_fail);
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
	struct buf *scratch, struct buf *out, struct fail *out_fail)
{
	for (uint32_t i = 0; i < t->steps_count; i++) {
		enum result result = take_step(t, &i, input, scratch, out, out_fail);
		if (result != RESULT_OK)
			return result;
		if (scratch->overflow || out->overflow)
			return fail_set(
				out_fail, RESULT_TOO_LONG, "its values make the message too large");
	}
	return RESULT_OK;
}
