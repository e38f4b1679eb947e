#include "engine/spool/job_manifest.h"
#include <inttypes.h>
#include "engine/mail/quoted_text.h"
#include "engine/spool/job_json.h"

enum { MANIFEST_VERSION = 1 };

struct parsing {
	struct job_manifest *manifest;
	struct arena *arena;
	bool has_version, has_recipients, has_sender;
	struct fail *fail;
};

static enum result read_number(
	struct parsing *p, const json_t *value, uint64_t max, uint64_t *out_number)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
		(uint64_t)json_integer_value(value) > max)
		return fail_set(p->fail, RESULT_INVALID, "is no number from 0 to %" PRIu64, max);
	*out_number = (uint64_t)json_integer_value(value);
	return RESULT_OK;
}

static enum result read_version(struct parsing *p, const json_t *value)
{
	uint64_t version = 0;
	p->has_version = true;
	if (read_number(p, value, UINT32_MAX, &version) != RESULT_OK || version != MANIFEST_VERSION)
		return fail_set(p->fail, RESULT_INVALID, "must be %d: this is what is read here",
			MANIFEST_VERSION);
	return RESULT_OK;
}

static enum result read_class(struct parsing *p, const json_t *value)
{
	const char *class = json_string_value(value);
	if (class != NULL && text_equal_nocase(text_of(class), TEXT("transactional")))
		p->manifest->class = ENVELOPE_CLASS_TRANSACTIONAL;
	else if (class != NULL && text_equal_nocase(text_of(class), TEXT("bulk")))
		p->manifest->class = ENVELOPE_CLASS_BULK;
	else
		return fail_set(
			p->fail, RESULT_INVALID, "is neither \"transactional\" nor \"bulk\"");
	return RESULT_OK;
}

static enum result read_missing(struct parsing *p, const json_t *value)
{
	const char *rule = json_string_value(value);
	p->manifest->missing_is_empty = rule != NULL && text_equal(text_of(rule), TEXT("empty"));
	if (p->manifest->missing_is_empty ||
		(rule != NULL && text_equal(text_of(rule), TEXT("refuse"))))
		return RESULT_OK;
	return fail_set(p->fail, RESULT_INVALID, "is neither \"refuse\" nor \"empty\"");
}

/* ---- the keys ---- */

static enum result read_id(struct parsing *p, const json_t *value)
{
	return job_json_label(value, p->arena, &p->manifest->id, p->fail);
}

static enum result read_job(struct parsing *p, const json_t *value)
{
	return job_json_label(value, p->arena, &p->manifest->job, p->fail);
}

static enum result read_pool(struct parsing *p, const json_t *value)
{
	return job_json_label(value, p->arena, &p->manifest->pool, p->fail);
}

static enum result read_sender(struct parsing *p, const json_t *value)
{
	p->has_sender = true;
	return job_json_address(value, true, p->arena, &p->manifest->sender, p->fail);
}

static enum result read_verp(struct parsing *p, const json_t *value)
{
	return job_json_text(value, p->arena, &p->manifest->verp, p->fail);
}

static enum result read_recipients(struct parsing *p, const json_t *value)
{
	p->has_recipients = true;
	return read_number(p, value, JOB_RECIPIENTS_MAX, &p->manifest->recipients_count);
}

static enum result read_template_bytes(struct parsing *p, const json_t *value)
{
	return read_number(p, value, INT64_MAX, &p->manifest->template_bytes);
}

static enum result read_recipients_bytes(struct parsing *p, const json_t *value)
{
	return read_number(p, value, INT64_MAX, &p->manifest->recipients_bytes);
}

static enum result read_not_before(struct parsing *p, const json_t *value)
{
	return job_json_time(value, &p->manifest->not_before_unix_s, p->fail);
}

static enum result read_expiry(struct parsing *p, const json_t *value)
{
	return job_json_time(value, &p->manifest->expiry_unix_s, p->fail);
}

static enum result read_defaults(struct parsing *p, const json_t *value)
{
	return job_json_values(
		value, p->arena, &p->manifest->defaults, &p->manifest->defaults_count, p->fail);
}

static const struct {
	const char *key;
	enum result (*read)(struct parsing *p, const json_t *value);
} keys[] = {
	{ "version", read_version },
	{ "id", read_id },
	{ "job", read_job },
	{ "pool", read_pool },
	{ "class", read_class },
	{ "sender", read_sender },
	{ "verp", read_verp },
	{ "recipients", read_recipients },
	{ "template_bytes", read_template_bytes },
	{ "recipients_bytes", read_recipients_bytes },
	{ "not_before", read_not_before },
	{ "expiry", read_expiry },
	{ "defaults", read_defaults },
	{ "missing", read_missing },
};

static enum result read_key(struct parsing *p, const char *key, const json_t *value)
{
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		if (text_equal(text_of(keys[i].key), text_of(key))) {
			enum result result = keys[i].read(p, value);
			if (result != RESULT_OK)
				(void)fail_prefix(p->fail, "%s", key);
			return result;
		}
	return fail_set(p->fail, RESULT_INVALID, "%s is no key of a manifest",
		quoted_text(text_of(key)).text);
}

static enum result read_object(struct parsing *p, json_t *root)
{
	const char *key;
	json_t *value;
	json_object_foreach(root, key, value)
	{
		enum result result = read_key(p, key, value);
		if (result != RESULT_OK)
			return result;
	}
	const char *missing = !p->has_version            ? "version"
			      : p->manifest->id.len == 0 ? "id"
			      : !p->has_recipients       ? "recipients"
			      : !p->has_sender           ? "sender"
							 : NULL;
	if (missing != NULL)
		return fail_set(p->fail, RESULT_INVALID, "there is no %s", missing);
	if (p->manifest->recipients_count == 0)
		return fail_set(p->fail, RESULT_INVALID, "recipients: a job for nobody");
	if (p->manifest->job.len == 0)
		p->manifest->job = p->manifest->id;
	return RESULT_OK;
}

enum result job_manifest_parse(struct text json, struct arena *arena,
	struct job_manifest *out_manifest, struct fail *out_fail)
{
	struct parsing p = { .manifest = out_manifest, .arena = arena, .fail = out_fail };
	*out_manifest = (struct job_manifest){
		.class = ENVELOPE_CLASS_BULK,
		.template_bytes = JOB_BYTES_UNKNOWN,
		.recipients_bytes = JOB_BYTES_UNKNOWN,
	};
	if (json.len > JOB_MANIFEST_BYTES_MAX)
		return fail_set(out_fail, RESULT_INVALID, "manifest.json: larger than %d octets",
			JOB_MANIFEST_BYTES_MAX);
	json_t *root = job_json_load(json, out_fail);
	enum result result = RESULT_INVALID;
	if (root != NULL) {
		result = read_object(&p, root);
		job_json_end(root);
	}
	if (result != RESULT_OK)
		(void)fail_prefix(out_fail, "manifest.json");
	return result;
}

enum result job_manifest_check(const struct job_manifest *manifest, uint64_t template_bytes,
	uint64_t recipients_bytes, uint64_t recipients_count, struct fail *out_fail)
{
	const struct {
		const char *what;
		uint64_t said, is;
	} rows[] = {
		{ "octets in template.eml", manifest->template_bytes, template_bytes },
		{ "octets in recipients.jsonl", manifest->recipients_bytes, recipients_bytes },
		{ "recipients", manifest->recipients_count, recipients_count },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].said != JOB_BYTES_UNKNOWN && rows[i].said != rows[i].is)
			return fail_set(out_fail, RESULT_INVALID,
				"manifest.json says %" PRIu64 " %s, and there are %" PRIu64,
				rows[i].said, rows[i].what, rows[i].is);
	return RESULT_OK;
}
