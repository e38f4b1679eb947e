#include "engine/spool/message_file.h"
#include "engine/base/buf.h"
#include "engine/base/limits.h"
#include "engine/mail/message_wire.h"
#include "engine/spool/control_fields.h"
#include "engine/spool/rcpt_set.h"

enum {
	/* < 32 hex digits @ host > */
	MESSAGE_ID_BYTES_MAX = 1 + 2 * MESSAGE_FILE_UNIQUE_BYTES + 1 + DOMAIN_BYTES_MAX + 1,
};

static struct text make_message_id(const struct message_file_context *context, struct buf *buf)
{
	buf_put_u8(buf, '<');
	buf_put_hex(buf, context->unique, sizeof context->unique);
	buf_put_u8(buf, '@');
	buf_put_text(buf, context->host);
	buf_put_u8(buf, '>');
	CHECK(!buf->overflow);
	return buf_text(buf);
}

/* `out_message_id` is that of the first Message-ID field, empty without one. */
static enum result read_header(struct message_wire *wire, struct control_fields *fields,
	struct text *out_message_id, struct fail *out_fail)
{
	*out_message_id = TEXT_EMPTY;
	for (;;) {
		struct header_field field;
		bool more;
		enum result result = message_wire_next_field(wire, &field, &more, out_fail);
		if (result != RESULT_OK || !more)
			return result;
		result = control_fields_add(fields, &field, out_fail);
		if (result == RESULT_OK && field.kind == HEADER_MESSAGE_ID &&
			text_is_empty(*out_message_id))
			result = header_field_unfold(
				&field, fields->arena, out_message_id, out_fail);
		if (result != RESULT_OK)
			return result;
	}
}

/* The name of the message in events: what its writer says, else its Message-ID, as it goes out. */
static struct text id_of(const struct message_wire *wire, struct text given, struct text message_id)
{
	if (!text_is_empty(given))
		return given;
	if (!wire->has_message_id && !wire->is_signed)
		message_id = wire->options->message_id;
	return text_is_printable(message_id) ? text_cut(message_id, ENVELOPE_LABEL_MAX)
					     : TEXT_EMPTY;
}

static enum result make_envelope(const struct message_wire *wire, struct control_fields *fields,
	struct text message_id, const struct message_file_context *context,
	struct envelope **out_envelope, struct fail *out_fail)
{
	struct envelope draft;
	enum result result = control_fields_finish(fields, &draft, out_fail);
	if (result != RESULT_OK)
		return result;
	if (rcpt_set_merge(fields->rcpts, &draft.rcpts_count, &context->hash_key, fields->arena) !=
		RESULT_OK)
		return fail_set(out_fail, RESULT_MEMORY, "no memory left to merge receivers");
	draft.message_bytes = wire->data_bytes;
	draft.body_bytes = body_bytes(wire->data_bytes, wire->dots_count);
	draft.id = id_of(wire, draft.id, message_id);
	*out_envelope = envelope_create(&draft);
	if (*out_envelope == NULL)
		return fail_set(out_fail, RESULT_MEMORY, "no memory left for the envelope");
	return RESULT_OK;
}

static enum result parse(struct text file, const struct octet_scan *scan,
	struct control_fields *fields, const struct message_file_context *context,
	struct envelope **out_envelope, struct body **out_body, struct fail *out_fail)
{
	*out_envelope = NULL;
	*out_body = NULL;
	char message_id[MESSAGE_ID_BYTES_MAX];
	struct buf buf;
	buf_init(&buf, message_id, sizeof message_id);
	struct message_wire_options options = {
		.date = context->date,
		.message_id = make_message_id(context, &buf),
		.is_dot_stuffed = context->is_dot_stuffed,
		.scan = scan,
	};
	struct message_wire wire;
	struct text own_id;
	enum result result = message_wire_begin(&wire, file, &options, out_fail);
	if (result == RESULT_OK)
		result = read_header(&wire, fields, &own_id, out_fail);
	if (result == RESULT_OK)
		result = make_envelope(&wire, fields, own_id, context, out_envelope, out_fail);
	if (result == RESULT_OK && context->room != NULL)
		*out_body = message_wire_write(&wire, context->room);
	return result;
}

enum result message_file_parse(struct text file, const struct message_file_context *context,
	struct arena *scratch, struct envelope **out_envelope, struct body **out_body,
	struct fail *out_fail)
{
	struct control_fields fields;
	control_fields_init(&fields, scratch);
	return parse(file, NULL, &fields, context, out_envelope, out_body, out_fail);
}

enum result message_file_parse_enveloped(struct text message, const struct control_sender *sender,
	struct envelope_rcpt *rcpts, uint32_t rcpts_count,
	const struct message_file_context *context, struct arena *scratch,
	struct envelope **out_envelope, struct body **out_body, struct fail *out_fail)
{
	struct control_fields fields;
	CHECK(rcpts_count >= 1 && rcpts_count <= MESSAGE_RCPTS_MAX);
	control_fields_init_enveloped(&fields, scratch, sender, rcpts, rcpts_count);
	return parse(message, NULL, &fields, context, out_envelope, out_body, out_fail);
}

enum result message_file_parse_merged(struct text message, const struct octet_scan *scan,
	const struct control_sender *sender, struct envelope_rcpt *rcpt,
	const struct control_labels *labels, const struct message_file_context *context,
	struct arena *scratch, struct envelope **out_envelope, struct body **out_body,
	struct fail *out_fail)
{
	struct control_fields fields;
	control_fields_init_enveloped(&fields, scratch, sender, rcpt, 1);
	control_fields_label(&fields, labels);
	return parse(message, scan, &fields, context, out_envelope, out_body, out_fail);
}
