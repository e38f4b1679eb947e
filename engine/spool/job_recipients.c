#include "engine/spool/job_recipients.h"
#include "engine/mail/esmtp_params.h"
#include "engine/mail/quoted_text.h"
#include "engine/spool/job_json.h"

/* ---- one recipient ---- */

/* As a parameter, so that one reader knows its values. */
static enum result read_notify(
	struct job_recipient *r, const json_t *value, struct arena *arena, struct fail *fail)
{
	struct text words;
	struct esmtp_rcpt_params params;
	enum result result = job_json_text(value, arena, &words, fail);
	if (result != RESULT_OK)
		return result;
	struct text param = arena_printf(arena, "NOTIFY=%.*s", TEXT_ARG(words));
	if (param.data == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory");
	if (text_find(words, ' ') != TEXT_NONE)
		return fail_set(fail, RESULT_INVALID, "words are joined by commas, without spaces");
	result = esmtp_params_parse_rcpt(param, arena, &params, fail);
	if (result == RESULT_OK)
		r->notify = params.notify;
	return result;
}

static enum result read_key(struct job_recipient *r, const char *key, const json_t *value,
	struct arena *arena, struct fail *fail)
{
	struct text name = text_of(key);
	if (text_equal(name, TEXT("to")))
		return job_json_address(value, false, arena, &r->to, fail);
	if (json_is_null(value))
		return RESULT_OK;
	if (text_equal(name, TEXT("from"))) {
		r->has_from = true;
		return job_json_address(value, true, arena, &r->from, fail);
	}
	if (text_equal(name, TEXT("id")))
		return job_json_label(value, arena, &r->id, fail);
	if (text_equal(name, TEXT("notify")))
		return read_notify(r, value, arena, fail);
	if (text_equal(name, TEXT("not_before")))
		return job_json_time(value, &r->not_before_unix_s, fail);
	if (text_equal(name, TEXT("vars")))
		return job_json_values(value, arena, &r->values, &r->values_count, fail);
	return fail_set(fail, RESULT_INVALID, "is no key of a recipient");
}

static enum result read_object(
	struct job_recipient *r, json_t *root, struct arena *arena, struct fail *fail)
{
	const char *key;
	json_t *value;
	json_object_foreach(root, key, value)
	{
		enum result result = read_key(r, key, value, arena, fail);
		if (result != RESULT_OK) {
			(void)fail_prefix(fail, "%s", quoted_text(text_of(key)).text);
			return result;
		}
	}
	return r->to.text.len > 0 ? RESULT_OK
				  : fail_set(fail, RESULT_INVALID, "there is no \"to\"");
}

enum result job_recipient_parse(struct text line, struct arena *arena,
	struct job_recipient *out_recipient, struct fail *out_fail)
{
	*out_recipient = (struct job_recipient){ .values_count = 0 };
	json_t *root = job_json_load(line, out_fail);
	if (root == NULL)
		return RESULT_INVALID;
	enum result result = read_object(out_recipient, root, arena, out_fail);
	job_json_end(root);
	return result;
}

/* ---- lines ---- */

void job_lines_init(struct job_lines *lines, uint64_t at, uint64_t number)
{
	lines->line = TEXT_EMPTY;
	lines->line_at = lines->at = at;
	lines->number = lines->next_number = number;
	lines->is_too_long = false;
	lines->len = 0;
}

/* The line is whole: borrowed from the input where all of it is there, else from the copy. */
static enum job_lines_event whole(struct job_lines *lines, struct text line)
{
	bool was_too_long = lines->is_too_long;
	lines->number = lines->next_number++;
	lines->is_too_long = false;
	lines->len = 0;
	if (was_too_long)
		return JOB_LINES_TOO_LONG;
	lines->line = text_trim(line);
	return lines->line.len > 0 ? JOB_LINES_LINE : JOB_LINES_MORE;
}

static void keep(struct job_lines *lines, struct text part)
{
	if (lines->is_too_long || part.len > sizeof lines->text - lines->len) {
		lines->is_too_long = true;
		return;
	}
	if (part.len > 0)
		memcpy(lines->text + lines->len, part.data, part.len);
	lines->len += part.len;
}

enum job_lines_event job_lines_input(struct job_lines *lines, struct text *input)
{
	enum job_lines_event event = JOB_LINES_MORE;
	while (input->len > 0 && event == JOB_LINES_MORE) {
		size_t end = text_find(*input, '\n');
		struct text part = text_cut(*input, end);
		bool is_start = lines->len == 0 && !lines->is_too_long;
		if (is_start)
			lines->line_at = lines->at;
		size_t taken = end == TEXT_NONE ? input->len : end + 1;
		*input = text_skip(*input, taken);
		lines->at += taken;
		if (end != TEXT_NONE && is_start && part.len <= JOB_LINE_BYTES_MAX) {
			event = whole(lines, part);
			continue;
		}
		keep(lines, part);
		if (end != TEXT_NONE)
			event = whole(lines, (struct text){ lines->text, lines->len });
	}
	return event;
}

enum job_lines_event job_lines_end(struct job_lines *lines)
{
	if (lines->len == 0 && !lines->is_too_long)
		return JOB_LINES_END;
	enum job_lines_event event = whole(lines, (struct text){ lines->text, lines->len });
	return event == JOB_LINES_MORE ? JOB_LINES_END : event;
}
