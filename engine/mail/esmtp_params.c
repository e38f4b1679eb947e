#include "engine/mail/esmtp_params.h"
#include "engine/mail/quoted_text.h"
#include "engine/mail/xtext.h"

enum param {
	PARAM_BODY,
	PARAM_RET,
	PARAM_ENVID,
	PARAM_SMTPUTF8,
	PARAM_REQUIRETLS,
	PARAM_SIZE,
	PARAM_AUTH,
	PARAM_NOTIFY,
	PARAM_ORCPT,
	PARAM_COUNT
};

static const struct {
	struct text keyword;
	bool of_rcpt;   /* belongs to RCPT, else to MAIL */
	bool has_value; /* must have one, else must have none */
} rows[PARAM_COUNT] = {
	[PARAM_BODY] = { TEXT_INIT("BODY"), false, true },
	[PARAM_RET] = { TEXT_INIT("RET"), false, true },
	[PARAM_ENVID] = { TEXT_INIT("ENVID"), false, true },
	/* RFC 6531 3.4: SMTPUTF8 has no value; RFC 8689 2: nor has REQUIRETLS. */
	[PARAM_SMTPUTF8] = { TEXT_INIT("SMTPUTF8"), false, false },
	[PARAM_REQUIRETLS] = { TEXT_INIT("REQUIRETLS"), false, false },
	[PARAM_SIZE] = { TEXT_INIT("SIZE"), false, true },
	[PARAM_AUTH] = { TEXT_INIT("AUTH"), false, true },
	[PARAM_NOTIFY] = { TEXT_INIT("NOTIFY"), true, true },
	[PARAM_ORCPT] = { TEXT_INIT("ORCPT"), true, true },
};

/* What is left of the parameters, and which have been seen. */
struct param_reader {
	struct text rest;
	bool of_rcpt;
	bool seen[PARAM_COUNT];
};

static bool is_space(char c) { return c == ' ' || c == '\t'; }

static struct text take_word(struct text *rest)
{
	while (rest->len > 0 && is_space(rest->data[0]))
		*rest = text_skip(*rest, 1);
	size_t len = 0;
	while (len < rest->len && !is_space(rest->data[len]))
		len++;
	struct text word = text_cut(*rest, len);
	*rest = text_skip(*rest, len);
	return word;
}

static enum param param_by_keyword(struct text keyword)
{
	enum param param = PARAM_BODY;
	while (param < PARAM_COUNT && !text_equal_nocase(rows[param].keyword, keyword))
		param++;
	return param;
}

/* The next parameter. At the end *out_param is PARAM_COUNT and the result OK. */
static enum result next_param(struct param_reader *reader, enum param *out_param,
	struct text *out_value, struct fail *out_fail)
{
	*out_param = PARAM_COUNT;
	*out_value = TEXT_EMPTY;
	struct text word = take_word(&reader->rest);
	if (word.len == 0)
		return RESULT_OK;
	size_t equals = text_find(word, '=');
	bool has_value = equals != TEXT_NONE;
	struct text keyword = has_value ? text_cut(word, equals) : word;
	struct text value = has_value ? text_skip(word, equals + 1) : TEXT_EMPTY;
	enum param param = param_by_keyword(keyword);
	if (param == PARAM_COUNT)
		return fail_set(out_fail, RESULT_INVALID, "%s is no parameter that is known here",
			quoted_text(word).text);
	const char *name = rows[param].keyword.data;
	if (rows[param].of_rcpt != reader->of_rcpt)
		return fail_set(out_fail, RESULT_INVALID, "%s belongs behind a %s", name,
			rows[param].of_rcpt ? "receiver" : "sender");
	if (reader->seen[param])
		return fail_set(out_fail, RESULT_INVALID, "%s is given twice", name);
	if (rows[param].has_value != (value.len > 0) || rows[param].has_value != has_value)
		return fail_set(out_fail, RESULT_INVALID, "%s %s", name,
			rows[param].has_value ? "needs a value" : "takes no value");
	reader->seen[param] = true;
	*out_param = param;
	*out_value = value;
	return RESULT_OK;
}

static enum result bad_value(
	struct fail *out_fail, enum param param, struct text value, const char *want)
{
	return fail_set(out_fail, RESULT_INVALID, "%s=%s: %s", rows[param].keyword.data,
		quoted_text(value).text, want);
}

/* The place of a value among the words of its parameter; `count` if it is none of them. */
static size_t word_index(struct text value, const struct text *words, size_t count)
{
	size_t i = 0;
	while (i < count && !text_equal_nocase(value, words[i]))
		i++;
	return i;
}

static enum result set_body(
	struct esmtp_mail_params *params, struct text value, struct fail *out_fail)
{
	static const struct text words[] = {
		[ENVELOPE_BODY_NONE] = TEXT_INIT(""),
		[ENVELOPE_BODY_7BIT] = TEXT_INIT("7BIT"),
		[ENVELOPE_BODY_8BITMIME] = TEXT_INIT("8BITMIME"),
		[ENVELOPE_BODY_BINARYMIME] = TEXT_INIT("BINARYMIME"),
	};
	size_t i = word_index(value, words, COUNT_OF(words));
	if (i == COUNT_OF(words))
		return bad_value(out_fail, PARAM_BODY, value, "must be 7BIT or 8BITMIME");
	if (i == ENVELOPE_BODY_BINARYMIME)
		return bad_value(out_fail, PARAM_BODY, value,
			"binary parts cannot be sent, encode them in base64");
	params->body_type = (enum envelope_body_type)i;
	return RESULT_OK;
}

static enum result set_ret(
	struct esmtp_mail_params *params, struct text value, struct fail *out_fail)
{
	static const struct text words[] = {
		[ENVELOPE_RET_NONE] = TEXT_INIT(""),
		[ENVELOPE_RET_FULL] = TEXT_INIT("FULL"),
		[ENVELOPE_RET_HDRS] = TEXT_INIT("HDRS"),
	};
	size_t i = word_index(value, words, COUNT_OF(words));
	if (i == COUNT_OF(words))
		return bad_value(out_fail, PARAM_RET, value, "must be FULL or HDRS");
	params->ret = (enum envelope_ret)i;
	return RESULT_OK;
}

static enum result set_envid(
	struct esmtp_mail_params *params, struct text value, struct fail *out_fail)
{
	if (!xtext_is_valid(value))
		return bad_value(out_fail, PARAM_ENVID, value, "not xtext (RFC 3461 4)");
	if (value.len > ENVELOPE_ENVID_MAX)
		return bad_value(out_fail, PARAM_ENVID, value, "more than 100 characters");
	params->envid = value;
	return RESULT_OK;
}

static enum result check_size(struct text value, struct fail *out_fail)
{
	/* RFC 1870 3: 1*20DIGIT. Twenty digits do not fit into 64 bits, and it does not matter. */
	for (size_t i = 0; i < value.len; i++)
		if (value.data[i] < '0' || value.data[i] > '9' || i >= 20)
			return bad_value(out_fail, PARAM_SIZE, value, "not a number of octets");
	return RESULT_OK;
}

static enum result set_mail_param(struct esmtp_mail_params *params, enum param param,
	struct text value, struct fail *out_fail)
{
	switch (param) {
	case PARAM_BODY: return set_body(params, value, out_fail);
	case PARAM_RET: return set_ret(params, value, out_fail);
	case PARAM_ENVID: return set_envid(params, value, out_fail);
	case PARAM_SMTPUTF8: params->smtputf8 = true; return RESULT_OK;
	case PARAM_REQUIRETLS: params->requiretls = true; return RESULT_OK;
	case PARAM_SIZE: return check_size(value, out_fail);
	case PARAM_AUTH: return RESULT_OK;
	case PARAM_NOTIFY:
	case PARAM_ORCPT:
	case PARAM_COUNT: break;
	}
	UNREACHABLE("next_param() gives parameters of MAIL only");
}

enum result esmtp_params_parse_mail(
	struct text params, struct esmtp_mail_params *out_params, struct fail *out_fail)
{
	*out_params = (struct esmtp_mail_params){ .envid = TEXT_EMPTY };
	struct param_reader reader = { .rest = params, .of_rcpt = false };
	for (;;) {
		enum param param;
		struct text value;
		enum result result = next_param(&reader, &param, &value, out_fail);
		if (result != RESULT_OK || param == PARAM_COUNT)
			return result;
		result = set_mail_param(out_params, param, value, out_fail);
		if (result != RESULT_OK)
			return result;
	}
}

static enum result set_notify(
	struct esmtp_rcpt_params *params, struct text value, struct fail *out_fail)
{
	struct envelope_notify notify = { .never = false };
	struct text rest = value, word;
	while (text_split(&rest, ',', &word)) {
		if (text_equal_nocase(word, TEXT("NEVER")))
			notify.never = true;
		else if (text_equal_nocase(word, TEXT("SUCCESS")))
			notify.success = true;
		else if (text_equal_nocase(word, TEXT("FAILURE")))
			notify.failure = true;
		else if (text_equal_nocase(word, TEXT("DELAY")))
			notify.delay = true;
		else
			return bad_value(out_fail, PARAM_NOTIFY, value,
				"must be NEVER, or SUCCESS, FAILURE, DELAY with commas between");
	}
	/* RFC 3461 4.1: NEVER must appear by itself (EXT-DSN-02). */
	if (notify.never && (notify.success || notify.failure || notify.delay))
		return bad_value(out_fail, PARAM_NOTIFY, value, "NEVER stands alone");
	params->notify = notify;
	return RESULT_OK;
}

/* RFC 3461 4.2: addr-type is an RFC 5322 atom, but what stands in commands is plain ASCII. */
static bool is_address_type(struct text type)
{
	for (size_t i = 0; i < type.len; i++) {
		uint8_t c = text_lower((uint8_t)type.data[i]);
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.')
			return false;
	}
	return type.len > 0;
}

static enum result set_orcpt(struct esmtp_rcpt_params *params, struct text value,
	struct arena *arena, struct fail *out_fail)
{
	size_t semicolon = text_find(value, ';');
	struct text type = text_cut(value, semicolon == TEXT_NONE ? 0 : semicolon);
	struct text address = text_skip(value, type.len + 1);
	if (!is_address_type(type) || address.len == 0)
		return bad_value(out_fail, PARAM_ORCPT, value, "must be TYPE;ADDRESS");
	char memory[ENVELOPE_ORCPT_MAX];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	buf_put_text(&buf, type);
	buf_put_u8(&buf, ';');
	/* RFC 6533 3: raw UTF-8 may stand in the type utf-8 only. It is brought into the form
	 * that needs no SMTPUTF8 (EXT-DSN-05); all else passes unchanged (EXT-DSN-04). */
	if (text_equal_nocase(type, TEXT("utf-8")) && text_is_utf8(address))
		xtext_put_utf8_address(&buf, address);
	else
		buf_put_text(&buf, address);
	if (buf.overflow)
		return bad_value(out_fail, PARAM_ORCPT, value, "more than 500 characters");
	if (!xtext_is_valid(text_skip(buf_text(&buf), type.len + 1)))
		return bad_value(out_fail, PARAM_ORCPT, value, "not xtext (RFC 3461 4)");
	params->orcpt = value;
	if (!text_equal(buf_text(&buf), value)) {
		params->orcpt = arena_text_copy(arena, buf_text(&buf));
		if (params->orcpt.data == NULL)
			return fail_set(out_fail, RESULT_MEMORY, "no memory left to read ORCPT");
	}
	return RESULT_OK;
}

enum result esmtp_params_parse_rcpt(struct text params, struct arena *arena,
	struct esmtp_rcpt_params *out_params, struct fail *out_fail)
{
	*out_params = (struct esmtp_rcpt_params){ .orcpt = TEXT_EMPTY };
	struct param_reader reader = { .rest = params, .of_rcpt = true };
	for (;;) {
		enum param param;
		struct text value;
		enum result result = next_param(&reader, &param, &value, out_fail);
		if (result != RESULT_OK || param == PARAM_COUNT)
			return result;
		result = param == PARAM_NOTIFY ? set_notify(out_params, value, out_fail)
					       : set_orcpt(out_params, value, arena, out_fail);
		if (result != RESULT_OK)
			return result;
	}
}
