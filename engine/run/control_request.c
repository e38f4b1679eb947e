#include "engine/run/control_request.h"
#include <jansson.h>
#include "engine/base/json_object.h"
#include "engine/mail/encoded_word.h"
#include "engine/mail/quoted_text.h"

const char *control_act_name(enum control_act act)
{
	static const char *const names[CONTROL_ACTS] = {
		[CONTROL_LIST] = "list",
		[CONTROL_SHOW] = "show",
		[CONTROL_RETRY] = "retry",
		[CONTROL_DROP] = "drop",
		[CONTROL_HOLD] = "hold",
		[CONTROL_RELEASE] = "release",
		[CONTROL_JOB_LIST] = "job list",
		[CONTROL_JOB_SHOW] = "job show",
	};
	CHECK(act < CONTROL_ACTS);
	return names[act];
}

/* ---- names ---- */

static void copy(char *to, struct text from)
{
	memcpy(to, from.data, from.len);
	to[from.len] = '\0';
}

/* An address literal is a domain as well: [192.0.2.1]. */
static bool is_literal(struct text domain)
{
	return domain.len > 2 && domain.len <= DOMAIN_NAME_MAX && domain.data[0] == '[' &&
	       domain.data[domain.len - 1] == ']' && text_is_printable(domain);
}

enum result control_request_set_domain(
	struct control_request *request, struct text domain, struct fail *fail)
{
	if (is_literal(domain)) {
		copy(request->domain, domain);
		return RESULT_OK;
	}
	enum domain_name_fault fault = domain_name_to_ascii(domain, request->domain);
	if (fault == DOMAIN_NAME_OK)
		return RESULT_OK;
	request->domain[0] = '\0';
	return fail_set(fail, RESULT_INVALID, "the domain %s %s", quoted_text(domain).text,
		domain_name_fault_text(fault));
}

enum result control_request_set_job(
	struct control_request *request, struct text job, struct fail *fail)
{
	if (job.len == 0 || job.len > ENVELOPE_LABEL_MAX || !encoded_word_may_hold(job))
		return fail_set(fail, RESULT_INVALID,
			"the job %s is not a name in printable UTF-8 of at most %d octets",
			quoted_text(job).text, ENVELOPE_LABEL_MAX);
	copy(request->job, job);
	return RESULT_OK;
}

static bool has_control(struct text text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((uint8_t)text.data[i] < 0x20 || text.data[i] == 0x7f)
			return true;
	return false;
}

enum result control_request_set_file(
	struct control_request *request, struct text file, struct fail *fail)
{
	if (file.len == 0 || file.len > FILE_NAME_BYTES_MAX || file.data[0] == '.' ||
		text_find(file, '/') != TEXT_NONE || has_control(file) || !text_is_utf8(file))
		return fail_set(fail, RESULT_INVALID,
			"%s is no name of a file in new/ of the spool", quoted_text(file).text);
	copy(request->file, file);
	return RESULT_OK;
}

enum result control_request_check(const struct control_request *request, struct fail *fail)
{
	int names = (request->domain[0] != '\0') + (request->job[0] != '\0') +
		    (request->file[0] != '\0');
	if (request->act == CONTROL_SHOW && request->file[0] == '\0')
		return fail_set(fail, RESULT_INVALID, "show needs a file");
	if (request->act == CONTROL_JOB_LIST && names != 0)
		return fail_set(
			fail, RESULT_INVALID, "job list takes no names: job show NAME does");
	if (request->act == CONTROL_JOB_SHOW && (names != 1 || request->job[0] == '\0'))
		return fail_set(fail, RESULT_INVALID, "job show needs the name of one job");
	if ((request->act == CONTROL_HOLD || request->act == CONTROL_RELEASE) && names != 1)
		return fail_set(fail, RESULT_INVALID, "%s needs one domain, one job or one file",
			control_act_name(request->act));
	return RESULT_OK;
}

/* ---- as a line ---- */

static enum result set_act(struct control_request *request, struct text name, struct fail *fail)
{
	for (int i = 0; i < CONTROL_ACTS; i++)
		if (text_equal(name, text_of(control_act_name((enum control_act)i)))) {
			request->act = (enum control_act)i;
			return RESULT_OK;
		}
	return fail_set(
		fail, RESULT_INVALID, "%s is nothing that can be done", quoted_text(name).text);
}

static enum result set_field(
	struct control_request *request, const char *key, struct text value, struct fail *fail)
{
	if (strcmp(key, "do") == 0)
		return set_act(request, value, fail);
	if (strcmp(key, "domain") == 0)
		return control_request_set_domain(request, value, fail);
	if (strcmp(key, "job") == 0)
		return control_request_set_job(request, value, fail);
	if (strcmp(key, "file") == 0)
		return control_request_set_file(request, value, fail);
	return fail_set(fail, RESULT_INVALID, "%s is no field of a request",
		quoted_text(text_of(key)).text);
}

static enum result read_fields(json_t *root, struct control_request *request, struct fail *fail)
{
	const char *key;
	json_t *value;
	if (!json_is_object(root) || json_object_get(root, "do") == NULL)
		return fail_set(fail, RESULT_INVALID, "the request is no object with \"do\"");
	json_object_foreach(root, key, value)
	{
		if (!json_is_string(value))
			return fail_set(fail, RESULT_INVALID, "%s is no string",
				quoted_text(text_of(key)).text);
		const struct text text = { json_string_value(value), json_string_length(value) };
		enum result r = set_field(request, key, text, fail);
		if (r != RESULT_OK)
			return r;
	}
	return control_request_check(request, fail);
}

enum result control_request_parse(
	struct text line, struct control_request *out_request, struct fail *fail)
{
	json_error_t error;
	*out_request = (struct control_request){ .act = CONTROL_LIST };
	if (line.len > CONTROL_LINE_MAX)
		return fail_set(fail, RESULT_INVALID, "the request is longer than %d octets",
			CONTROL_LINE_MAX);
	json_t *root = json_loadb(
		line.data != NULL ? line.data : "", line.len, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL)
		return fail_set(fail, RESULT_INVALID, "no JSON at column %d: %s", error.column,
			quoted_text(text_of(error.text)).text);
	enum result r = read_fields(root, out_request, fail);
	json_decref(root);
	return r;
}

void control_request_put(struct buf *buf, const struct control_request *request)
{
	json_object_open(buf, NULL);
	json_object_put_text(buf, "do", text_of(control_act_name(request->act)));
	if (request->domain[0] != '\0')
		json_object_put_text(buf, "domain", text_of(request->domain));
	if (request->job[0] != '\0')
		json_object_put_text(buf, "job", text_of(request->job));
	if (request->file[0] != '\0')
		json_object_put_text(buf, "file", text_of(request->file));
	json_object_close(buf);
	buf_put_u8(buf, '\n');
}

/* ---- what it means ---- */

bool control_request_matches(const struct control_request *request, struct text domain,
	struct text job, struct text file)
{
	return (request->domain[0] == '\0' || text_equal(text_of(request->domain), domain)) &&
	       (request->job[0] == '\0' || text_equal(text_of(request->job), job)) &&
	       (request->file[0] == '\0' || text_equal(text_of(request->file), file));
}

bool control_request_means(const struct control_request *request, struct text domain,
	struct text job, struct text file)
{
	size_t slash = text_find(file, '/');
	if (request->act == CONTROL_JOB_LIST)
		return slash == TEXT_NONE && job.len > 0;
	if (request->act == CONTROL_JOB_SHOW && slash != TEXT_NONE)
		return false;
	return control_request_matches(
		request, domain, job, slash == TEXT_NONE ? file : text_cut(file, slash));
}

bool control_request_wants_rules(const struct control_request *request)
{
	return request->act == CONTROL_LIST && request->domain[0] == '\0' &&
	       request->job[0] == '\0' && request->file[0] == '\0';
}

enum hold_kind control_request_rule(const struct control_request *request, struct text *out_name)
{
	if (request->domain[0] != '\0') {
		*out_name = text_of(request->domain);
		return HOLD_DOMAIN;
	}
	if (request->job[0] != '\0') {
		*out_name = text_of(request->job);
		return HOLD_JOB;
	}
	*out_name = text_of(request->file);
	return HOLD_FILE;
}
