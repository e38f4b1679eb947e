#include "engine/spool/job_message.h"
#include "engine/mail/address.h"
#include "engine/mail/merge.h"

enum {
	/* < 32 hex digits @ host > */
	MESSAGE_ID_BYTES_MAX = 1 + 2 * MESSAGE_FILE_UNIQUE_BYTES + 1 + DOMAIN_BYTES_MAX + 1,
};

/* ---- once a job ---- */

static void set_default(struct job *job, const struct job_value *value)
{
	size_t place = template_names_find(&job->template.names, value->name);
	if (place == TEXT_NONE)
		return; /* the template does not ask for it */
	job->defaults.items[place] = value->value;
	job->defaults.has[place] = true;
}

enum result job_prepare(struct job *job, const struct job_manifest *manifest,
	struct text template_file, struct arena *arena, struct fail *out_fail)
{
	*job = (struct job){ .manifest = manifest };
	enum result result = template_compile(template_file, arena, &job->template, out_fail);
	if (result != RESULT_OK) {
		(void)fail_prefix(out_fail, "template.eml");
		return result;
	}
	struct template_names *names = &job->template.names;
	result = template_text_compile(manifest->verp, names, arena, &job->verp, out_fail);
	if (result != RESULT_OK) {
		(void)fail_prefix(out_fail, "manifest.json: verp");
		return result;
	}
	job->defaults.missing_is_empty = manifest->missing_is_empty;
	for (uint32_t i = 0; i < manifest->defaults_count; i++)
		set_default(job, &manifest->defaults[i]);
	job->to = template_names_find(names, TEXT("to"));
	job->to_local = template_names_find(names, TEXT("to_local"));
	job->to_domain = template_names_find(names, TEXT("to_domain"));
	job->id = template_names_find(names, TEXT("id"));
	job->job = template_names_find(names, TEXT("job"));
	return RESULT_OK;
}

/* ---- for each recipient ---- */

static void set(struct template_values *values, size_t place, struct text value)
{
	if (place == TEXT_NONE)
		return;
	values->items[place] = value;
	values->has[place] = true;
}

static void bind(
	const struct job *job, const struct job_recipient *r, struct template_values *values)
{
	*values = job->defaults;
	for (uint32_t i = 0; i < r->values_count; i++)
		set(values, template_names_find(&job->template.names, r->values[i].name),
			r->values[i].value);
	set(values, job->to, r->to.text);
	set(values, job->to_local, envelope_local_part(&r->to));
	set(values, job->to_domain, envelope_domain(&r->to));
	if (r->id.len > 0)
		set(values, job->id, r->id);
	set(values, job->job, job->manifest->job);
}

/* His own, else by the pattern, else that of the job. */
static enum result make_sender(const struct job *job, const struct job_recipient *r,
	const struct template_values *values, struct job_scratch *scratch,
	struct envelope_address *out_sender, struct fail *out_fail)
{
	*out_sender = r->has_from ? r->from : job->manifest->sender;
	if (r->has_from || job->manifest->verp.len == 0)
		return RESULT_OK;
	buf_reset(&scratch->part);
	enum result result = template_text_expand(
		&job->verp, &job->template.names, values, TEMPLATE_TOKEN, &scratch->part, out_fail);
	if (result == RESULT_OK)
		result = address_parse_mailbox(
			buf_text(&scratch->part), scratch->arena, out_sender, out_fail);
	if (result != RESULT_OK)
		(void)fail_prefix(out_fail, "verp");
	return result;
}

static struct control_labels labels_of(const struct job_manifest *m, const struct job_recipient *r)
{
	bool own = r->not_before_unix_s != 0;
	return (struct control_labels){
		.class = m->class,
		.job = m->job,
		.pool = m->pool,
		.id = r->id,
		.not_before_unix_s = own ? r->not_before_unix_s : m->not_before_unix_s,
		.expiry_unix_s = m->expiry_unix_s,
	};
}

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

enum result job_message_make(const struct job *job, const struct job_recipient *recipient,
	const struct message_file_context *context, struct job_scratch *scratch,
	struct envelope **out_envelope, struct body **out_body, struct fail *out_fail)
{
	char message_id[MESSAGE_ID_BYTES_MAX];
	struct buf id;
	struct scanned merged;
	struct template_values values;
	struct control_sender sender = { .address = { .text = TEXT_EMPTY } };
	struct envelope_rcpt rcpt = { .address = recipient->to, .notify = recipient->notify };
	*out_envelope = NULL;
	*out_body = NULL;
	bind(job, recipient, &values);
	enum result result =
		make_sender(job, recipient, &values, scratch, &sender.address, out_fail);
	if (result != RESULT_OK)
		return result;
	buf_init(&id, message_id, sizeof message_id);
	const struct merge_input input = {
		.values = &values,
		.date = context->date,
		.message_id = make_message_id(context, &id),
	};
	buf_reset(&scratch->part);
	buf_reset(&scratch->message);
	scanned_init(&merged, &scratch->message);
	result = merge_message(&job->template, &input, &scratch->part, &merged, out_fail);
	if (result != RESULT_OK)
		return result;
	struct octet_scan scan = scanned_end(&merged);
	const struct control_labels labels = labels_of(job->manifest, recipient);
	return message_file_parse_merged(buf_text(&scratch->message), &scan, &sender, &rcpt,
		&labels, context, scratch->arena, out_envelope, out_body, out_fail);
}
