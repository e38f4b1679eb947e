#include "engine/spool/control_fields.h"
#include "engine/base/limits.h"
#include "engine/base/time_text.h"
#include "engine/mail/address.h"
#include "engine/mail/quoted_text.h"
#include "engine/mail/xtext.h"

void control_fields_init(struct control_fields *fields, struct arena *arena)
{
	*fields = (struct control_fields){ .arena = arena };
}

void control_fields_init_enveloped(struct control_fields *fields, struct arena *arena,
	const struct control_sender *sender, struct envelope_rcpt *rcpts, uint32_t rcpts_count)
{
	*fields = (struct control_fields){
		.arena = arena,
		.has_envelope = true,
		.sender = *sender,
		.rcpts = rcpts,
		.rcpts_count = rcpts_count,
	};
	fields->seen[HEADER_X_SENDER] = true;
}

void control_fields_label(struct control_fields *fields, const struct control_labels *labels)
{
	fields->class = labels->class;
	fields->job = labels->job;
	fields->pool = labels->pool;
	fields->id = labels->id;
	fields->not_before_unix_s = labels->not_before_unix_s;
	fields->expiry_unix_s = labels->expiry_unix_s;
}

static bool is_envelope(enum header_kind kind)
{
	return kind == HEADER_X_SENDER || kind == HEADER_X_SENDER_OVERRIDE ||
	       kind == HEADER_X_RECEIVER;
}

static enum result no_memory(struct fail *out_fail)
{
	return fail_set(out_fail, RESULT_MEMORY, "no memory left to read the envelope");
}

static enum result read_sender(struct control_fields *fields, struct text value,
	struct control_sender *out_sender, struct fail *out_fail)
{
	struct text params;
	enum result result =
		address_parse_field(value, fields->arena, &out_sender->address, &params, out_fail);
	if (result != RESULT_OK)
		return result;
	return esmtp_params_parse_mail(params, &out_sender->params, out_fail);
}

/* Room for one more. The old array stays in the arena: together they are less than twice as much. */
static struct envelope_rcpt *claim_rcpt(struct control_fields *fields)
{
	if (fields->rcpts_count == fields->rcpts_size) {
		uint32_t size = fields->rcpts_size == 0 ? 4 : 2 * fields->rcpts_size;
		struct envelope_rcpt *rcpts = arena_alloc_array(fields->arena, size, sizeof *rcpts);
		if (rcpts == NULL)
			return NULL;
		for (uint32_t i = 0; i < fields->rcpts_count; i++)
			rcpts[i] = fields->rcpts[i];
		fields->rcpts = rcpts;
		fields->rcpts_size = size;
	}
	return &fields->rcpts[fields->rcpts_count++];
}

static enum result read_receiver(
	struct control_fields *fields, struct text value, struct fail *out_fail)
{
	if (fields->rcpts_count == MESSAGE_RCPTS_MAX)
		return fail_set(out_fail, RESULT_INVALID, "more than %d receivers in one file",
			MESSAGE_RCPTS_MAX);
	struct envelope_rcpt *rcpt = claim_rcpt(fields);
	if (rcpt == NULL)
		return no_memory(out_fail);
	struct text params;
	enum result result =
		address_parse_field(value, fields->arena, &rcpt->address, &params, out_fail);
	if (result != RESULT_OK)
		return result;
	if (rcpt->address.text.len == 0)
		return fail_set(out_fail, RESULT_INVALID, "<> cannot receive mail");
	struct esmtp_rcpt_params parsed;
	result = esmtp_params_parse_rcpt(params, fields->arena, &parsed, out_fail);
	rcpt->notify = parsed.notify;
	rcpt->orcpt = parsed.orcpt;
	return result;
}

static enum result read_class(
	struct control_fields *fields, struct text value, struct fail *out_fail)
{
	if (text_equal_nocase(value, TEXT("transactional")))
		fields->class = ENVELOPE_CLASS_TRANSACTIONAL;
	else if (text_equal_nocase(value, TEXT("bulk")))
		fields->class = ENVELOPE_CLASS_BULK;
	else
		return fail_set(out_fail, RESULT_INVALID, "%s is neither transactional nor bulk",
			quoted_text(value).text);
	return RESULT_OK;
}

/* A name for people: shown in events and typed in commands. Empty is as good as not given. */
static enum result read_label(struct text value, struct text *out_label, struct fail *out_fail)
{
	if (value.len > ENVELOPE_LABEL_MAX)
		return fail_set(out_fail, RESULT_INVALID, "%s has more than %d octets",
			quoted_text(value).text, ENVELOPE_LABEL_MAX);
	bool has_control = !text_is_utf8(value);
	for (size_t i = 0; i < value.len; i++)
		has_control |= (uint8_t)value.data[i] < 0x20 || value.data[i] == 0x7f;
	if (has_control)
		return fail_set(out_fail, RESULT_INVALID, "%s is not a name in printable UTF-8",
			quoted_text(value).text);
	*out_label = value;
	return RESULT_OK;
}

static enum result read_time(struct text value, int64_t *out_unix_s, struct fail *out_fail)
{
	int64_t unix_us;
	if (time_text_parse_rfc3339(value, &unix_us) != RESULT_OK)
		return fail_set(out_fail, RESULT_INVALID,
			"%s is not a time like 2026-09-01T12:34:56Z (RFC 3339)",
			quoted_text(value).text);
	/* 0 means "not given"; whoever writes a time in or before 1970 means "long ago". */
	*out_unix_s = unix_us < 1000000 ? 1 : unix_us / 1000000;
	return RESULT_OK;
}

/* PowerMTA's X-Envid is plain text, ENVID= on the wire is xtext (EXT-DSN-02). */
static enum result read_envid(
	struct control_fields *fields, struct text value, struct fail *out_fail)
{
	char memory[ENVELOPE_ENVID_MAX];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	xtext_put(&buf, value);
	if (buf.overflow)
		return fail_set(out_fail, RESULT_INVALID, "%s has more than %d octets as xtext",
			quoted_text(value).text, ENVELOPE_ENVID_MAX);
	fields->x_envid = arena_text_copy(fields->arena, buf_text(&buf));
	return fields->x_envid.data == NULL ? no_memory(out_fail) : RESULT_OK;
}

static enum result read_value(struct control_fields *fields, enum header_kind kind,
	struct text value, struct fail *out_fail)
{
	switch (kind) {
	case HEADER_X_SENDER: return read_sender(fields, value, &fields->sender, out_fail);
	case HEADER_X_SENDER_OVERRIDE:
		return read_sender(fields, value, &fields->sender_override, out_fail);
	case HEADER_X_RECEIVER: return read_receiver(fields, value, out_fail);
	case HEADER_CLASS: return read_class(fields, value, out_fail);
	case HEADER_JOB: return read_label(value, &fields->job, out_fail);
	case HEADER_X_JOB: return read_label(value, &fields->x_job, out_fail);
	case HEADER_POOL: return read_label(value, &fields->pool, out_fail);
	case HEADER_X_VIRTUAL_MTA: return read_label(value, &fields->virtual_mta, out_fail);
	case HEADER_ID: return read_label(value, &fields->id, out_fail);
	case HEADER_NOT_BEFORE: return read_time(value, &fields->not_before_unix_s, out_fail);
	case HEADER_EXPIRY: return read_time(value, &fields->expiry_unix_s, out_fail);
	case HEADER_X_ENVID: return read_envid(fields, value, out_fail);
	case HEADER_TLS_REQUIRED:
		/* RFC 8689 3: "No" is the only value there is; what else stands there, or stands
		 * there twice, relaxes nothing (RTLS-09). */
		fields->tls_required_count++;
		fields->tls_required_is_no = text_equal_nocase(value, TEXT("No"));
		return RESULT_OK;
	case HEADER_X_LONGSHIP:
	case HEADER_X_DKIM_OPTIONS:
	case HEADER_X_DKIM_KEY:
	case HEADER_X_CREATED_BY:
	case HEADER_X_END_OF_INJECTED:
	case HEADER_X_EXTENDED_PROPS:
	case HEADER_X_HELO_DOMAIN:
	case HEADER_X_SOURCE:
	case HEADER_X_SOURCE_IP:
	case HEADER_RETURN_PATH:
	case HEADER_BCC:
	case HEADER_RESENT_BCC:
	case HEADER_DATE:
	case HEADER_MESSAGE_ID:
	case HEADER_DKIM_SIGNATURE:
	case HEADER_DOMAINKEY:
	case HEADER_ARC:
	case HEADER_OTHER:
	case HEADER_KINDS: break;
	}
	UNREACHABLE("control_fields_add() lets only fields with a meaning through");
}

/* Those of the table that say something to us. The others are only taken off, or kept. */
static bool has_meaning(enum header_kind kind)
{
	return kind < HEADER_X_LONGSHIP || kind == HEADER_X_ENVID || kind == HEADER_X_JOB ||
	       kind == HEADER_X_VIRTUAL_MTA || kind == HEADER_TLS_REQUIRED;
}

static bool may_repeat(enum header_kind kind)
{
	return kind == HEADER_X_RECEIVER || kind == HEADER_TLS_REQUIRED;
}

enum result control_fields_add(
	struct control_fields *fields, const struct header_field *field, struct fail *out_fail)
{
	if (!has_meaning(field->kind) || (fields->has_envelope && is_envelope(field->kind)))
		return RESULT_OK;
	enum result result;
	struct text value;
	if (fields->seen[field->kind] && !may_repeat(field->kind))
		result = fail_set(out_fail, RESULT_INVALID, "is there a second time");
	else if (field->whole.len > CONTROL_FIELD_BYTES_MAX)
		result = fail_set(out_fail, RESULT_INVALID, "is longer than %d octets",
			CONTROL_FIELD_BYTES_MAX);
	else if ((result = header_field_unfold(field, fields->arena, &value, out_fail)) ==
		 RESULT_OK)
		result = read_value(fields, field->kind, value, out_fail);
	fields->seen[field->kind] = true;
	if (result != RESULT_OK)
		(void)fail_prefix(
			out_fail, "line %u: %s", field->line, header_kind_name(field->kind));
	return result;
}

static struct text first_given(struct text a, struct text b) { return a.len > 0 ? a : b; }

/* PowerMTA's X-Sender-Override replaces the address. Of the parameters it replaces those that it
 * has itself; a demand of either line stands. */
static void fill_sender(const struct control_fields *fields, struct envelope *draft)
{
	bool overridden = fields->seen[HEADER_X_SENDER_OVERRIDE];
	const struct esmtp_mail_params *own = &fields->sender.params;
	const struct esmtp_mail_params *over = &fields->sender_override.params;
	draft->sender = overridden ? fields->sender_override.address : fields->sender.address;
	draft->body_type = over->body_type != ENVELOPE_BODY_NONE ? over->body_type : own->body_type;
	draft->ret = over->ret != ENVELOPE_RET_NONE ? over->ret : own->ret;
	draft->envid = first_given(first_given(over->envid, own->envid), fields->x_envid);
	draft->wants_smtputf8 = over->smtputf8 || own->smtputf8;
	draft->requiretls = over->requiretls || own->requiretls;
}

enum result control_fields_finish(
	const struct control_fields *fields, struct envelope *out_draft, struct fail *out_fail)
{
	*out_draft =
		(struct envelope){ .rcpts = fields->rcpts, .rcpts_count = fields->rcpts_count };
	if (!fields->seen[HEADER_X_SENDER] && !fields->seen[HEADER_X_SENDER_OVERRIDE])
		return fail_set(out_fail, RESULT_INVALID,
			"no sender: there is no X-Sender line in the header");
	if (fields->rcpts_count == 0)
		return fail_set(out_fail, RESULT_INVALID,
			"no receiver: there is no X-Receiver line in the header "
			"(To, Cc and Bcc are not read)");
	fill_sender(fields, out_draft);
	out_draft->needs_smtputf8 = out_draft->sender.needs_smtputf8;
	for (uint32_t i = 0; i < fields->rcpts_count; i++)
		out_draft->needs_smtputf8 |= fields->rcpts[i].address.needs_smtputf8;
	out_draft->class = fields->class;
	out_draft->job = first_given(fields->job, fields->x_job);
	out_draft->pool = first_given(fields->pool, fields->virtual_mta);
	out_draft->id = fields->id;
	out_draft->not_before_unix_s = fields->not_before_unix_s;
	out_draft->expiry_unix_s = fields->expiry_unix_s;
	out_draft->tls_required_no = fields->tls_required_count == 1 && fields->tls_required_is_no;
	return RESULT_OK;
}
