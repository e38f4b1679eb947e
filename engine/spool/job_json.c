#include "engine/spool/job_json.h"
#include <inttypes.h>
#include <stdio.h>
#include "engine/base/time_text.h"
#include "engine/mail/address.h"
#include "engine/mail/encoded_word.h"
#include "engine/mail/quoted_text.h"
#include "engine/mail/template_text.h"
#include "engine/spool/json_memory.h"

json_t *job_json_load(struct text json, struct fail *out_fail)
{
	json_error_t error;
	json_memory_begin();
	json_t *root = json_loadb(
		json.data != NULL ? json.data : "", json.len, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL) {
		json_memory_end();
		/* The parser's words may hold what it has read. */
		(void)fail_set(out_fail, RESULT_INVALID, "no JSON at column %d: %s", error.column,
			quoted_text(text_of(error.text)).text);
		return NULL;
	}
	if (json_is_object(root))
		return root;
	job_json_end(root);
	(void)fail_set(out_fail, RESULT_INVALID, "no JSON object");
	return NULL;
}

void job_json_end(json_t *root)
{
	json_decref(root);
	json_memory_end();
}

static struct text borrowed(const json_t *value)
{
	return (struct text){ json_string_value(value), json_string_length(value) };
}

enum result job_json_text(
	const json_t *value, struct arena *arena, struct text *out_text, struct fail *out_fail)
{
	if (!json_is_string(value))
		return fail_set(out_fail, RESULT_INVALID, "is no string");
	*out_text = arena_text_copy(arena, borrowed(value));
	return out_text->data != NULL
		       ? RESULT_OK
		       : fail_set(out_fail, RESULT_MEMORY, "no memory left for the job");
}

enum result job_json_label(
	const json_t *value, struct arena *arena, struct text *out_text, struct fail *out_fail)
{
	enum result result = job_json_text(value, arena, out_text, out_fail);
	if (result != RESULT_OK)
		return result;
	/* As it would be in a header field, which is trimmed. */
	if (out_text->len > ENVELOPE_LABEL_MAX || !encoded_word_may_hold(*out_text) ||
		text_trim(*out_text).len != out_text->len)
		return fail_set(out_fail, RESULT_INVALID,
			"%s is not a name in printable UTF-8 of at most %d octets",
			quoted_text(*out_text).text, ENVELOPE_LABEL_MAX);
	return RESULT_OK;
}

enum result job_json_time(const json_t *value, int64_t *out_unix_s, struct fail *out_fail)
{
	int64_t unix_us;
	if (!json_is_string(value) ||
		time_text_parse_rfc3339(borrowed(value), &unix_us) != RESULT_OK)
		return fail_set(out_fail, RESULT_INVALID,
			"is not a time like \"2026-09-01T12:34:56Z\" (RFC 3339)");
	/* 0 means "not given"; whoever writes a time in or before 1970 means "long ago". */
	*out_unix_s = unix_us < 1000000 ? 1 : unix_us / 1000000;
	return RESULT_OK;
}

enum result job_json_address(const json_t *value, bool may_be_empty, struct arena *arena,
	struct envelope_address *out_address, struct fail *out_fail)
{
	struct text text, rest;
	*out_address = (struct envelope_address){ .text = TEXT_EMPTY };
	enum result result = job_json_text(value, arena, &text, out_fail);
	if (result != RESULT_OK)
		return result;
	if (text.len == 0 && may_be_empty)
		return RESULT_OK;
	result = address_parse_field(text, arena, out_address, &rest, out_fail);
	if (result != RESULT_OK)
		return result;
	if (rest.len > 0 || (out_address->text.len == 0 && !may_be_empty))
		return fail_set(
			out_fail, RESULT_INVALID, "%s is not one address", quoted_text(text).text);
	return RESULT_OK;
}

bool job_value_is_ours(struct text name)
{
	static const struct text ours[] = { TEXT_INIT("to"), TEXT_INIT("to_local"),
		TEXT_INIT("to_domain"), TEXT_INIT("id"), TEXT_INIT("job") };
	for (size_t i = 0; i < COUNT_OF(ours); i++)
		if (text_equal(ours[i], name))
			return true;
	return false;
}

/* *out_has is false for null. */
static enum result put_value(const json_t *value, struct arena *arena, struct text *out_text,
	bool *out_has, struct fail *out_fail)
{
	char number[40] = "";
	*out_has = !json_is_null(value);
	if (json_is_string(value))
		return job_json_text(value, arena, out_text, out_fail);
	if (json_is_integer(value))
		(void)snprintf(
			number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value)) /* as many digits as come back as they were written */
		(void)snprintf(number, sizeof number, "%.15g", json_real_value(value));
	else if (json_is_boolean(value))
		(void)snprintf(number, sizeof number, "%s", json_is_true(value) ? "true" : "false");
	else if (!json_is_null(value))
		return fail_set(out_fail, RESULT_INVALID,
			"is neither a string nor a number, true or false");
	*out_text = arena_text_copy(arena, text_of(number));
	return out_text->data != NULL
		       ? RESULT_OK
		       : fail_set(out_fail, RESULT_MEMORY, "no memory left for the job");
}

static enum result add_value(const char *key, const json_t *value, struct arena *arena,
	struct job_value *values, uint32_t *count, struct fail *out_fail)
{
	struct job_value *added = &values[*count];
	bool has;
	struct text name = text_of(key);
	if (!template_name_is_valid(name))
		return fail_set(out_fail, RESULT_INVALID,
			"is no name of a value (letters, digits, _ - and dot)");
	if (job_value_is_ours(name))
		return fail_set(
			out_fail, RESULT_INVALID, "is a value that every recipient has by itself");
	enum result result = put_value(value, arena, &added->value, &has, out_fail);
	added->name = arena_text_copy(arena, name);
	if (result == RESULT_OK && added->name.data == NULL)
		return fail_set(out_fail, RESULT_MEMORY, "no memory left for the job");
	*count += result == RESULT_OK && has;
	return result;
}

enum result job_json_values(const json_t *value, struct arena *arena, struct job_value **out_values,
	uint32_t *out_count, struct fail *out_fail)
{
	const char *key;
	json_t *item;
	*out_count = 0;
	if (!json_is_object(value))
		return fail_set(out_fail, RESULT_INVALID, "is no object");
	if (json_object_size(value) > JOB_VALUES_MAX)
		return fail_set(
			out_fail, RESULT_INVALID, "has more than %d values", JOB_VALUES_MAX);
	*out_values = arena_alloc_array(arena, json_object_size(value), sizeof **out_values);
	if (*out_values == NULL)
		return fail_set(out_fail, RESULT_MEMORY, "no memory left for the job");
	/* jansson's macro takes no const object, and does not change it. */
	json_object_foreach((json_t *)(uintptr_t)value, key, item)
	{
		enum result result = add_value(key, item, arena, *out_values, out_count, out_fail);
		if (result != RESULT_OK) {
			(void)fail_prefix(out_fail, "%s", quoted_text(text_of(key)).text);
			return result;
		}
	}
	return RESULT_OK;
}
