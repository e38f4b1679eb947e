#include "bench/sink_rules.h"
#include <string.h>

struct deed_row {
	const char *upper; /* as in the table; names people write are in lower case, with '-' */
	const char *argument;
	const char *text;
};

static const struct deed_row deeds[SINK_DEED_COUNT] = {
#define FAULT(name, arg, text_) [SINK_FAULT_##name] = { #name, arg, text_ },
#define SETTING(name, arg, text_) [SINK_SETTING_##name] = { #name, arg, text_ },
#define BUG(name, arg, text_) [SINK_BUG_##name] = { #name, arg, text_ },
#include "bench/sink_bugs.def"
#undef FAULT
#undef SETTING
#undef BUG
};

static const struct deed_row stages[SINK_STAGE_COUNT] = {
#define STAGE(name, text_) [SINK_STAGE_##name] = { #name, NULL, text_ },
#include "bench/sink_stages.def"
#undef STAGE
};

const char *sink_deed_name(enum sink_deed deed) { return deeds[deed].upper; }
const char *sink_stage_name(enum sink_stage stage) { return stages[stage].upper; }

void sink_rules_init(struct sink_rules *rules) { memset(rules, 0, sizeof *rules); }

/* "tls-alert" is TLS_ALERT. */
static bool name_matches(struct text written, const char *upper)
{
	if (written.len != strlen(upper))
		return false;
	for (size_t i = 0; i < written.len; i++) {
		char wanted = upper[i] == '_' ? '-' : (char)text_lower((uint8_t)upper[i]);
		if (written.data[i] != wanted)
			return false;
	}
	return true;
}

static bool find_stage(struct text name, enum sink_stage *out_stage)
{
	for (unsigned i = 0; i < SINK_STAGE_COUNT; i++) {
		if (name_matches(name, stages[i].upper)) {
			*out_stage = (enum sink_stage)i;
			return true;
		}
	}
	return false;
}

/* Whole names first ("tls-drip"), then NAME-STAGE ("drip-ehlo-tls"). */
static bool find_deed(struct text name, struct sink_rule *rule)
{
	size_t dash = text_find(name, '-');
	for (unsigned i = SINK_DEED_NONE + 1; i < SINK_DEED_COUNT; i++) {
		rule->deed = (enum sink_deed)i;
		if (sink_deed_fault(rule->deed) == SINK_FAULT_NONE) {
			if (name_matches(name, deeds[i].upper))
				return true;
		} else if (dash != TEXT_NONE && name_matches(text_cut(name, dash), deeds[i].upper) &&
			find_stage(text_skip(name, dash + 1), &rule->stage)) {
			return true;
		}
	}
	return false;
}

static bool copy_text(struct text text, char out[SINK_RULE_TEXT_MAX])
{
	if (text.len >= SINK_RULE_TEXT_MAX)
		return false;
	if (text.len > 0)
		memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	return true;
}

/* The argument, or the default of the table; also its number. */
static bool set_argument(struct sink_rule *rule, struct text argument)
{
	const char *fallback = deeds[rule->deed].argument;
	if (text_is_empty(argument)) {
		if (fallback == NULL)
			return false;
		argument = text_of(fallback);
	}
	if (!copy_text(argument, rule->argument))
		return false;
	size_t digits = 0;
	while (digits < argument.len && argument.data[digits] >= '0' && argument.data[digits] <= '9')
		digits++;
	rule->number = 0;
	return digits == 0 || text_to_u64(text_cut(argument, digits), &rule->number);
}

static bool is_reply_code(struct text text)
{
	if (text.len < 3 || (text.len > 3 && text.data[3] != ' ' && text.data[3] != '-'))
		return false;
	for (size_t i = 0; i < 3; i++)
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
	return true;
}

/* "[::1]:2525", "127.0.0.1", "127.0.0.1:25". */
static bool parse_listener(struct text place, struct sink_rule *rule)
{
	struct text address = place, port = TEXT_EMPTY;
	uint64_t number = 0;
	size_t colon = text_find_last(place, ':');
	if (text_starts(place, TEXT("["))) {
		size_t end = text_find(place, ']');
		if (end == TEXT_NONE)
			return false;
		address = text_skip(text_cut(place, end), 1);
		port = text_skip(place, end + 1);
		if (!text_is_empty(port) && port.data[0] != ':')
			return false;
		port = text_skip(port, 1);
	} else if (colon != TEXT_NONE && text_find(place, ':') == colon) {
		address = text_cut(place, colon);
		port = text_skip(place, colon + 1);
	}
	if (!text_is_empty(port) && (!text_to_u64(port, &number) || number > UINT16_MAX))
		return false;
	rule->port = (uint16_t)number;
	return ip_address_parse(address, &rule->address) == RESULT_OK;
}

static bool set_place(struct sink_rule *rule, struct text place)
{
	if (parse_listener(place, rule)) {
		rule->where = SINK_WHERE_LISTENER;
		return true;
	}
	size_t at = text_find_last(place, '@');
	if (at == TEXT_NONE)
		rule->where = SINK_WHERE_DOMAIN;
	else if (at + 1 == place.len)
		rule->where = SINK_WHERE_LOCAL;
	else
		rule->where = SINK_WHERE_RCPT;
	if (rule->where == SINK_WHERE_LOCAL)
		place = text_cut(place, at);
	return !text_is_empty(place) && copy_text(place, rule->place);
}

/* Takes [%PERCENT][*TIMES] off the end of the name. */
static bool take_modifiers(struct sink_rule *rule, struct text *name)
{
	uint64_t number;
	size_t star = text_find_last(*name, '*');
	if (star != TEXT_NONE) {
		if (!text_to_u64(text_skip(*name, star + 1), &number) || number > UINT32_MAX)
			return false;
		rule->counted = true;
		atomic_init(&rule->times_left, (uint32_t)number);
		*name = text_cut(*name, star);
	}
	rule->percent = 100;
	size_t sign = text_find_last(*name, '%');
	if (sign != TEXT_NONE) {
		if (!text_to_u64(text_skip(*name, sign + 1), &number) || number < 1 || number > 100)
			return false;
		rule->percent = (uint8_t)number;
		*name = text_cut(*name, sign);
	}
	return true;
}

static bool is_reply(const struct sink_rule *rule)
{
	return sink_deed_fault(rule->deed) == SINK_FAULT_REPLY;
}

/* Those that decide before a recipient is known cannot be tied to one. */
static bool deed_can_be_for_rcpt(const struct sink_rule *rule)
{
	if (sink_deed_fault(rule->deed) != SINK_FAULT_NONE)
		return rule->stage == SINK_STAGE_RCPT || rule->stage == SINK_STAGE_DATA ||
			rule->stage == SINK_STAGE_DOT || rule->stage == SINK_STAGE_BDAT;
	return rule->deed == SINK_BUG_GREYLIST || rule->deed == SINK_BUG_TOLERANT_ENDS ||
		rule->deed == SINK_BUG_BDAT_UNKNOWN ||
		(rule->deed >= SINK_BUG_BODY_REPLY && rule->deed <= SINK_BUG_BODY_STALL);
}

static enum result parse(const char *spec, struct sink_rule *rule, struct fail *fail)
{
	struct text rest = text_of(spec), argument = TEXT_EMPTY;
	/* The place has no colon unless it is an address, the argument comes last and may hold all. */
	size_t slash = text_find(rest, '/');
	struct text place = slash == TEXT_NONE ? TEXT_EMPTY : text_cut(rest, slash);
	bool has_place = slash != TEXT_NONE && text_find(place, ' ') == TEXT_NONE &&
		(text_find(place, ':') == TEXT_NONE || parse_listener(place, rule));
	if (has_place)
		rest = text_skip(rest, slash + 1);
	size_t colon = text_find(rest, ':');
	struct text name = colon == TEXT_NONE ? rest : text_cut(rest, colon);
	if (colon != TEXT_NONE)
		argument = text_skip(rest, colon + 1);
	if (!take_modifiers(rule, &name))
		return fail_set(fail, RESULT_INVALID, "'%s': %%PERCENT is 1 to 100, *TIMES a number", spec);
	if (!find_deed(name, rule))
		return fail_set(fail, RESULT_INVALID, "'%s': there is no bug '%.*s' (--bugs shows all)",
			spec, TEXT_ARG(name));
	if (!set_argument(rule, argument))
		return fail_set(fail, RESULT_INVALID, "'%s': '%.*s' needs an argument shorter than %d",
			spec, TEXT_ARG(name), SINK_RULE_TEXT_MAX);
	if (is_reply(rule) && !is_reply_code(text_of(rule->argument)))
		return fail_set(fail, RESULT_INVALID, "'%s': a reply starts with three digits", spec);
	if (has_place && !set_place(rule, place))
		return fail_set(fail, RESULT_INVALID, "'%s': what stands before '/' is no place", spec);
	if (sink_deed_is_setting(rule->deed) && (rule->counted || rule->percent < 100))
		return fail_set(fail, RESULT_INVALID, "'%s': a setting is always on", spec);
	if (rule->where > SINK_WHERE_LISTENER && !deed_can_be_for_rcpt(rule))
		return fail_set(fail, RESULT_INVALID,
			"'%s': this is decided before a recipient is known", spec);
	return RESULT_OK;
}

enum result sink_rules_add(struct sink_rules *rules, const char *spec, struct fail *fail)
{
	if (rules->count == SINK_RULES_MAX)
		return fail_set(fail, RESULT_LIMIT, "more than %d bugs", SINK_RULES_MAX);
	struct sink_rule *rule = &rules->rules[rules->count];
	enum result result = parse(spec, rule, fail);
	if (result != RESULT_OK) {
		memset(rule, 0, sizeof *rule);
		return result;
	}
	rules->count++;
	rules->any_for_rcpts |= rule->where > SINK_WHERE_LISTENER;
	return RESULT_OK;
}

bool sink_rule_of_local_part(struct text local, struct sink_rule *out_rule)
{
	if (!text_starts_nocase(local, TEXT("bug.")))
		return false;
	struct text rest = text_skip(local, 4);
	rest = text_cut(rest, text_find(rest, '+'));
	size_t dot = text_find(rest, '.');
	memset(out_rule, 0, sizeof *out_rule);
	out_rule->percent = 100;
	return find_deed(text_cut(rest, dot), out_rule) && deed_can_be_for_rcpt(out_rule) &&
		set_argument(out_rule, dot == TEXT_NONE ? TEXT_EMPTY : text_skip(rest, dot + 1)) &&
		(!is_reply(out_rule) || is_reply_code(text_of(out_rule->argument)));
}

bool sink_rule_is_for_listener(
	const struct sink_rule *rule, const struct ip_address *address, uint16_t port)
{
	switch (rule->where) {
	case SINK_WHERE_ALL:
		return true;
	case SINK_WHERE_LISTENER:
		return ip_address_equal(&rule->address, address) &&
			(rule->port == 0 || rule->port == port);
	case SINK_WHERE_DOMAIN:
	case SINK_WHERE_LOCAL:
	case SINK_WHERE_RCPT:
		return false;
	}
	UNREACHABLE("place of a rule");
}

bool sink_rule_is_for_rcpt(const struct sink_rule *rule, struct text rcpt)
{
	size_t at = text_find_last(rcpt, '@');
	struct text local = text_cut(rcpt, at);
	struct text domain = at == TEXT_NONE ? TEXT_EMPTY : text_skip(rcpt, at + 1);
	switch (rule->where) {
	case SINK_WHERE_ALL:
	case SINK_WHERE_LISTENER:
		return false;
	case SINK_WHERE_DOMAIN:
		return text_equal_nocase(domain, text_of(rule->place));
	case SINK_WHERE_LOCAL:
		return text_equal_nocase(local, text_of(rule->place));
	case SINK_WHERE_RCPT:
		return text_equal_nocase(rcpt, text_of(rule->place));
	}
	UNREACHABLE("place of a rule");
}

bool sink_rule_strikes(struct sink_rule *rule, uint64_t dice)
{
	if (rule->percent < 100 && dice % 100 >= rule->percent)
		return false;
	if (!rule->counted)
		return true;
	uint32_t left = atomic_load_explicit(&rule->times_left, memory_order_relaxed);
	while (left > 0)
		if (atomic_compare_exchange_weak_explicit(&rule->times_left, &left, left - 1,
			    memory_order_relaxed, memory_order_relaxed))
			return true;
	return false;
}

static void print_row(FILE *out, const char *suffix, const struct deed_row *row)
{
	char name[64];
	size_t len = 0;
	for (const char *at = row->upper; *at != '\0' && len + 1 < sizeof name; at++)
		name[len++] = *at == '_' ? '-' : (char)text_lower((uint8_t)*at);
	name[len] = '\0';
	const char *argument = row->argument == NULL ? ":ARG" : row->argument[0] != '\0' ? "[:ARG]" : "";
	int width = fprintf(out, "  %s%s%s", name, suffix, argument);
	fprintf(out, "%*s%s", width < 26 ? 26 - width : 1, "", row->text);
	if (row->argument != NULL && row->argument[0] != '\0' && strchr(row->argument, '\r') == NULL)
		fprintf(out, " [%s]", row->argument);
	fputc('\n', out);
}

void sink_rules_print_reference(FILE *out)
{
	fprintf(out, "Faults, at the reply to a command: NAME-STAGE[:ARG]\n");
	for (unsigned i = SINK_DEED_NONE + 1; i < SINK_SETTING_WITHOUT; i++)
		print_row(out, "-STAGE", &deeds[i]);
	fprintf(out, "\nStages\n");
	for (unsigned i = 0; i < SINK_STAGE_COUNT; i++)
		print_row(out, "", &(struct deed_row){ stages[i].upper, "", stages[i].text });
	fprintf(out, "\nSettings of a listening address: NAME[:ARG]\n");
	for (unsigned i = SINK_SETTING_WITHOUT; i < SINK_BUG_GREYLIST; i++)
		print_row(out, "", &deeds[i]);
	fprintf(out, "\nBugs with a place of their own: NAME[:ARG]\n");
	for (unsigned i = SINK_BUG_GREYLIST; i < SINK_DEED_COUNT; i++)
		print_row(out, "", &deeds[i]);
	fprintf(out,
		"\nWritten [WHERE/]NAME[%%PERCENT][*TIMES][:ARG]; WHERE is an address of the sink\n"
		"(127.0.0.7, [::1]:2525), a recipient's domain, local@ or local@domain.\n");
}
