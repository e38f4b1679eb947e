#include "tls/sts_policy.h"
#include <string.h>
#include "engine/base/domain_name.h"
#include "tls/sts_grammar.h"

static const struct text mode_texts[] = {
	[STS_MODE_NONE] = TEXT_INIT("none"),
	[STS_MODE_TESTING] = TEXT_INIT("testing"),
	[STS_MODE_ENFORCE] = TEXT_INIT("enforce"),
};
static_assert(COUNT_OF(mode_texts) == STS_MODES, "each mode has its name");

struct parse {
	struct sts_policy *policy;
	bool has_version, has_mode, has_max_age;
	size_t line;       /* the number of the one that is read, from 1 */
	size_t empty_line; /* of the first empty one; 0: there was none */
	struct fail *fail;
};

/* ---- lines and fields ---- */

/* The line at *at and, for the next call, where the one after it begins. False: no more. */
static bool next_line(struct text text, size_t *at, struct text *out_line)
{
	struct text rest = text_skip(text, *at);
	if (rest.len == 0)
		return false;
	size_t end = text_find(rest, '\n');
	*out_line = text_cut(rest, end);
	*at += end == TEXT_NONE ? rest.len : end + 1;
	/* STS-23: part of a CRLF, or else an octet that may stand nowhere. */
	if (end != TEXT_NONE && end > 0 && rest.data[end - 1] == '\r')
		out_line->len--;
	return true;
}

static void split_field(
	struct text line, size_t colon, struct text *out_name, struct text *out_value)
{
	*out_name = text_cut(line, colon);
	*out_value = sts_cut_space(sts_skip_space(text_skip(line, colon + 1)));
}

/* sts-policy-ext-value: printable ASCII, spaces inside, and any other character in UTF-8. */
static bool is_value(struct text value)
{
	size_t len;
	for (struct text rest = value; rest.len > 0; rest = text_skip(rest, len)) {
		uint8_t octet = (uint8_t)rest.data[0];
		len = text_utf8_len(rest);
		if (len == 0 || octet < ' ' || octet == 0x7f)
			return false;
	}
	return value.len > 0;
}

static enum result bad_line(struct parse *p, struct text shown, const char *why)
{
	char memory[STS_SHOWN_SIZE];
	return fail_set(p->fail, RESULT_INVALID, "line %zu of the policy: \"%s\" %s", p->line,
		sts_show(shown, memory), why);
}

/* ---- values ---- */

static enum result read_version(struct parse *p, struct text value)
{
	if (p->has_version)
		return RESULT_OK;
	p->has_version = true;
	if (!text_equal(value, TEXT("STSv1")))
		return bad_line(p, value, "is not the version STSv1");
	return RESULT_OK;
}

static enum result read_mode(struct parse *p, struct text value)
{
	if (p->has_mode)
		return RESULT_OK;
	p->has_mode = true;
	for (unsigned mode = 0; mode < STS_MODES; mode++) {
		if (text_equal(value, mode_texts[mode])) {
			p->policy->mode = (enum sts_mode)mode;
			return RESULT_OK;
		}
	}
	return bad_line(p, value, "is no mode: enforce, testing or none");
}

static enum result read_max_age(struct parse *p, struct text value)
{
	enum { DIGITS_MAX = 10 };
	uint64_t seconds;
	if (p->has_max_age)
		return RESULT_OK;
	p->has_max_age = true;
	if (value.len > DIGITS_MAX || !text_to_u64(value, &seconds))
		return bad_line(p, value, "is no max_age: 1 to 10 digits, in seconds");
	p->policy->max_age_s =
		(uint32_t)(seconds < STS_MAX_AGE_MAX_S ? seconds : STS_MAX_AGE_MAX_S);
	return RESULT_OK;
}

/* STS-29: ["*."] Domain of RFC 5321 4.1.2, in which there is no underscore. */
static enum result read_mx(struct parse *p, struct text value)
{
	struct text name = text_starts(value, TEXT("*.")) ? text_skip(value, 2) : value;
	enum domain_name_fault fault = domain_name_check(name);
	if (fault == DOMAIN_NAME_OCTET)
		return bad_line(p, value, "is no mx: a host name in ASCII, perhaps behind \"*.\"");
	if (fault != DOMAIN_NAME_OK)
		return bad_line(p, value, domain_name_fault_text(fault));
	if (text_find(name, '_') != TEXT_NONE)
		return bad_line(p, value, "is no mx: it has an underscore");
	p->policy->mx_count++;
	return RESULT_OK;
}

static enum result read_line(struct parse *p, struct text line)
{
	static const struct {
		struct text name;
		enum result (*read)(struct parse *p, struct text value);
	} fields[] = {
		{ TEXT_INIT("version"), read_version },
		{ TEXT_INIT("mode"), read_mode },
		{ TEXT_INIT("max_age"), read_max_age },
		{ TEXT_INIT("mx"), read_mx },
	};
	struct text name, value;
	size_t colon = text_find(line, ':');
	if (colon == TEXT_NONE)
		return bad_line(p, line, "has no colon");
	split_field(line, colon, &name, &value);
	if (!sts_is_field_name(name))
		return bad_line(p, name,
			"is no name of a field: 1 to 32 letters, digits, \"_\", \"-\" and \".\"");
	if (value.len == 0)
		return bad_line(p, name, "has no value");
	if (!is_value(value))
		return bad_line(p, value, "has an octet that is no text");
	for (size_t i = 0; i < COUNT_OF(fields); i++)
		if (text_equal(name, fields[i].name))
			return fields[i].read(p, value);
	return RESULT_OK;
}

/* ---- the file ---- */

static enum result read_lines(struct parse *p, struct text text)
{
	struct text line;
	for (size_t at = 0; next_line(text, &at, &line);) {
		p->line++;
		if (sts_skip_space(line).len == 0) {
			p->empty_line = p->empty_line > 0 ? p->empty_line : p->line;
			continue;
		}
		if (p->empty_line > 0)
			return fail_set(p->fail, RESULT_INVALID,
				"line %zu of the policy is empty, which only the last lines may be",
				p->empty_line);
		enum result r = read_line(p, line);
		if (r != RESULT_OK)
			return r;
	}
	return RESULT_OK;
}

/* STS-26: the first field that is missing, or NULL. */
static const char *missing_field(const struct parse *p)
{
	if (!p->has_version)
		return "version";
	if (!p->has_mode)
		return "mode";
	if (!p->has_max_age)
		return "max_age";
	return p->policy->mx_count == 0 && p->policy->mode != STS_MODE_NONE ? "mx" : NULL;
}

static enum result check_whole(const struct parse *p)
{
	const char *missing = missing_field(p);
	if (missing == NULL)
		return RESULT_OK;
	return fail_set(p->fail, RESULT_INVALID, "the policy has no field %s", missing);
}

enum result sts_policy_parse(struct text text, struct sts_policy *out_policy, struct fail *fail)
{
	*out_policy = (struct sts_policy){ .mode = STS_MODE_NONE };
	if (text.len > STS_POLICY_BYTES_MAX)
		return fail_set(fail, RESULT_TOO_LONG, "the policy has more than %d octets",
			STS_POLICY_BYTES_MAX);
	struct parse parse = { .policy = out_policy, .fail = fail };
	enum result r = read_lines(&parse, text);
	if (r == RESULT_OK)
		r = check_whole(&parse);
	if (r != RESULT_OK)
		*out_policy = (struct sts_policy){ .mode = STS_MODE_NONE };
	else
		out_policy->text = text;
	return r;
}

bool sts_policy_next_mx(const struct sts_policy *policy, size_t *at, struct text *out_pattern)
{
	struct text line, name;
	while (next_line(policy->text, at, &line)) {
		if (!text_starts(line, TEXT("mx:")))
			continue;
		split_field(line, strlen("mx"), &name, out_pattern);
		return true;
	}
	return false;
}

/* ---- matching ---- */

static bool covers(struct text pattern, struct text name)
{
	if (!text_starts(pattern, TEXT("*.")))
		return text_equal_nocase(pattern, name);
	size_t dot = text_find(name, '.');
	return dot != TEXT_NONE &&
	       text_equal_nocase(text_skip(pattern, 2), text_skip(name, dot + 1));
}

/* False if it is none: a "*" that stands in the DNS is no wildcard and no letter. */
static bool is_host_name(struct text *host)
{
	if (text_ends(*host, TEXT(".")))
		host->len--;
	return domain_name_check(*host) == DOMAIN_NAME_OK;
}

bool sts_pattern_covers(struct text pattern, struct text host)
{
	return is_host_name(&host) && covers(pattern, host);
}

bool sts_policy_covers(const struct sts_policy *policy, struct text host, struct text *out_pattern)
{
	struct text pattern;
	if (!is_host_name(&host))
		return false;
	for (size_t at = 0; sts_policy_next_mx(policy, &at, &pattern);) {
		if (covers(pattern, host)) {
			if (out_pattern != NULL)
				*out_pattern = pattern;
			return true;
		}
	}
	return false;
}

struct text sts_mode_text(enum sts_mode mode)
{
	CHECK((unsigned)mode < STS_MODES);
	return mode_texts[mode];
}
