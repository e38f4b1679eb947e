#include "engine/smtp/smtp_caps.h"
#include "engine/base/check.h"

enum {
	/* RFC 9422 4.1: the values are of one to six digits, and not 0. */
	LIMIT_MAX = 999999,
};

static const struct {
	enum smtp_cap cap;
	struct text keyword;
} rows[] = {
	{ SMTP_CAP_PIPELINING, TEXT_INIT("PIPELINING") },
	{ SMTP_CAP_SIZE, TEXT_INIT("SIZE") },
	{ SMTP_CAP_8BITMIME, TEXT_INIT("8BITMIME") },
	{ SMTP_CAP_SMTPUTF8, TEXT_INIT("SMTPUTF8") },
	{ SMTP_CAP_STARTTLS, TEXT_INIT("STARTTLS") },
	{ SMTP_CAP_CHUNKING, TEXT_INIT("CHUNKING") },
	{ SMTP_CAP_BINARYMIME, TEXT_INIT("BINARYMIME") },
	{ SMTP_CAP_DSN, TEXT_INIT("DSN") },
	{ SMTP_CAP_ENHANCEDSTATUSCODES, TEXT_INIT("ENHANCEDSTATUSCODES") },
	{ SMTP_CAP_REQUIRETLS, TEXT_INIT("REQUIRETLS") },
	{ SMTP_CAP_LIMITS, TEXT_INIT("LIMITS") },
	{ SMTP_CAP_SINGLE_FLIGHT, TEXT_INIT("single flight") }, /* ours: a keyword has no space */
};

void smtp_caps_reset(struct smtp_caps *caps) { *caps = (struct smtp_caps){ 0 }; }

/* RFC 1870 4: the number is optional, 0 is no limit. What is no number, or more than 64 bits can
 * hold, limits nothing that we could send (EXT-SIZE-02). */
static void add_size(struct smtp_caps *caps, struct text params)
{
	struct text word;
	uint64_t size = 0;
	if (text_split(&params, ' ', &word) && text_to_u64(word, &size))
		caps->size_max = size;
	else
		caps->size_max = 0;
}

static bool is_limit_name(struct text name)
{
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = text_lower((uint8_t)name.data[i]);
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return name.len > 0;
}

static bool is_limit_value(struct text value)
{
	for (size_t i = 0; i < value.len; i++)
		if (value.data[i] <= ' ' || value.data[i] > '~' || value.data[i] == ';')
			return false;
	return value.len > 0;
}

/* RFC 9422 3: one limit is NAME or NAME=VALUE. */
static bool split_limit(struct text limit, struct text *out_name, struct text *out_value)
{
	size_t equals = text_find(limit, '=');
	*out_name = equals == TEXT_NONE ? limit : text_cut(limit, equals);
	*out_value = equals == TEXT_NONE ? TEXT_EMPTY : text_skip(limit, equals + 1);
	return is_limit_name(*out_name) && (equals == TEXT_NONE || is_limit_value(*out_value));
}

static void add_limit(struct smtp_caps *caps, struct text name, struct text value)
{
	const struct {
		struct text name;
		uint32_t *limit;
	} known[] = {
		{ TEXT("MAILMAX"), &caps->mails_max },
		{ TEXT("RCPTMAX"), &caps->rcpts_max },
		{ TEXT("RCPTDOMAINMAX"), &caps->rcpt_domains_max },
	};
	uint64_t number = 0;
	if (!text_to_u64(value, &number) || number == 0 || number > LIMIT_MAX)
		return;
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (text_equal_nocase(name, known[i].name))
			*known[i].limit = (uint32_t)number;
}

/* RFC 9422 3.7: a line that breaks the grammar is ignored whole; an unknown limit, or a bad
 * value of a known one, alone (EXT-LIM-01). */
static void add_limits(struct smtp_caps *caps, struct text params)
{
	struct text rest = params, limit, name, value;
	while (text_split(&rest, ' ', &limit))
		if (!split_limit(limit, &name, &value))
			return;
	caps->offered |= SMTP_CAP_LIMITS;
	rest = params;
	while (text_split(&rest, ' ', &limit))
		if (split_limit(limit, &name, &value))
			add_limit(caps, name, value);
}

void smtp_caps_add_line(struct smtp_caps *caps, struct text line, bool cut)
{
	size_t space = text_find(line, ' ');
	struct text keyword = space == TEXT_NONE ? line : text_cut(line, space);
	struct text params = space == TEXT_NONE ? TEXT_EMPTY : text_trim(text_skip(line, space));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (!text_equal_nocase(keyword, rows[i].keyword))
			continue;
		if (rows[i].cap == SMTP_CAP_LIMITS) {
			if (!cut)
				add_limits(caps, params);
			return;
		}
		/* Parameters of the others are ignored: "STARTTLS X" is an offer (STLS-16). */
		caps->offered |= rows[i].cap;
		if (rows[i].cap == SMTP_CAP_SIZE)
			add_size(caps, params);
		return;
	}
}

const char *smtp_cap_name(enum smtp_cap cap)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].cap == cap)
			return rows[i].keyword.data;
	UNREACHABLE("every capability has a row");
}
