#include "engine/plan/site_rules.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/domain_name.h"
#include "engine/base/nanoseconds.h"

/* ---- the words of a rule ---- */

static enum result invalid(
	const struct site_rule *rule, struct fail *out_fail, const char *word, const char *what)
{
	if (rule->line == 0)
		return fail_set(out_fail, RESULT_INVALID, "'%.100s' %s", word, what);
	return fail_set(out_fail, RESULT_INVALID, "line %u: '%.100s' %s", rule->line, word, what);
}

/* Keys of events are taken as they are: "mx:HOST+HASH" is no domain name. */
static bool is_event_key(struct text name)
{
	return text_starts(name, TEXT("mx:")) && text_is_printable(name) &&
	       text_find(name, ' ') == TEXT_NONE;
}

static enum result set_name(
	struct site_rule *rule, const char *word, struct arena *arena, struct fail *out_fail)
{
	char ascii[DOMAIN_NAME_SIZE];
	struct text name = text_of(word);
	bool is_literal = name.len > 2 && name.data[0] == '[' && name.data[name.len - 1] == ']';
	if (text_find(name, '=') != TEXT_NONE)
		return invalid(rule, out_fail, word,
			"stands where the NAME of a provider, MX host or domain belongs");
	if (!text_equal(name, TEXT("*")) && !is_event_key(name) && !is_literal) {
		enum domain_name_fault fault = domain_name_to_ascii(name, ascii);
		if (fault != DOMAIN_NAME_OK)
			return invalid(rule, out_fail, word, domain_name_fault_text(fault));
		name = text_of(ascii);
	}
	rule->name = arena_text_copy(arena, name);
	rule->key = rule->name.data;
	return rule->key != NULL
		       ? RESULT_OK
		       : fail_set(out_fail, RESULT_MEMORY, "no memory left for site rules");
}

static bool set_number(struct text value, uint32_t max, uint32_t *out_number)
{
	uint64_t number;
	if (*out_number != 0 || !text_to_u64(value, &number) || number == 0 || number > max)
		return false;
	*out_number = (uint32_t)number;
	return true;
}

/* N/s, N/min, N/h or N/d */
static bool set_rate(struct text value, struct rate *out_rate)
{
	static const struct {
		struct text unit;
		uint64_t seconds;
	} units[] = { { TEXT_INIT("s"), 1 }, { TEXT_INIT("min"), 60 }, { TEXT_INIT("h"), 3600 },
		{ TEXT_INIT("d"), 86400 } };
	struct text digits;
	uint64_t count;
	if (out_rate->count != 0 || !text_split(&value, '/', &digits) ||
		!text_to_u64(digits, &count))
		return false;
	for (size_t i = 0; i < COUNT_OF(units); i++) {
		if (value.data == NULL || !text_equal(value, units[i].unit))
			continue;
		if (count == 0 || count > UINT32_MAX ||
			count > RATE_PER_SECOND_MAX * units[i].seconds)
			return false;
		*out_rate = (struct rate){ (uint32_t)count, units[i].seconds * SECOND_NS };
		return true;
	}
	return false;
}

static bool set_flight(struct text value, uint8_t *out_flight)
{
	bool on = text_equal(value, TEXT("on"));
	if (*out_flight != SITE_FLIGHT_NOT_SAID || (!on && !text_equal(value, TEXT("off"))))
		return false;
	*out_flight = on ? SITE_FLIGHT_ON : SITE_FLIGHT_OFF;
	return true;
}

static enum result set_limit(struct site_rule *rule, const char *word, struct fail *out_fail)
{
	struct text value = text_of(word), name;
	text_split(&value, '=', &name);
	if (text_equal(name, TEXT("sessions")) && value.data != NULL)
		return set_number(value, SITE_SESSIONS_MAX, &rule->sessions)
			       ? RESULT_OK
			       : invalid(rule, out_fail, word,
					 "is no number of sessions from 1 to 100000, given once");
	if (text_equal(name, TEXT("per-session")) && value.data != NULL)
		return set_number(value, SITE_PER_SESSION_MAX, &rule->per_session)
			       ? RESULT_OK
			       : invalid(rule, out_fail, word,
					 "is no number of messages from 1 to 1000000, given once");
	if (text_equal(name, TEXT("rate")) && value.data != NULL)
		return set_rate(value, &rule->rate)
			       ? RESULT_OK
			       : invalid(rule, out_fail, word,
					 "is no rate such as 100/s, 20/min, 500/h or 5000/d (at "
					 "most 1000000/s), given once");
	if (text_equal(name, TEXT("single-flight")) && value.data != NULL)
		return set_flight(value, &rule->single_flight)
			       ? RESULT_OK
			       : invalid(rule, out_fail, word, "is neither on nor off, given once");
	if (text_equal(text_of(word), TEXT("per-source"))) {
		rule->per_source = true;
		return RESULT_OK;
	}
	return invalid(
		rule, out_fail, word,
		"is none of sessions=N, rate=N/s, per-session=N, single-flight=on, per-source");
}

/* The words of one line. */
static enum result parse_rule(const struct option_word *words, size_t count, bool is_flag,
	struct arena *arena, struct site_rule *out_rule, struct fail *out_fail)
{
	*out_rule = (struct site_rule){ .line = is_flag ? 0 : words[0].line };
	enum result r = set_name(out_rule, words[0].text, arena, out_fail);
	for (size_t i = 1; i < count && r == RESULT_OK; i++)
		r = set_limit(out_rule, words[i].text, out_fail);
	if (r != RESULT_OK)
		return r;
	if (out_rule->sessions == 0 && out_rule->per_session == 0 && out_rule->rate.count == 0 &&
		out_rule->single_flight == SITE_FLIGHT_NOT_SAID)
		return invalid(out_rule, out_fail, words[0].text,
			"has no limit: sessions=N, rate=N/s, per-session=N or single-flight=on");
	return RESULT_OK;
}

/* ---- the set ---- */

static int compare(const void *a, const void *b)
{
	const struct site_rule *left = a, *right = b;
	return strcmp(left->key, right->key);
}

static enum result check_names(const struct site_rules *rules, struct fail *out_fail)
{
	for (size_t i = 1; i < rules->count; i++) {
		const struct site_rule *one = &rules->items[i - 1], *other = &rules->items[i];
		if (strcmp(one->key, other->key) != 0)
			continue;
		bool one_first = one->line < other->line;
		const struct site_rule *first = one_first ? one : other,
				       *second = one_first ? other : one;
		if (first->line == 0)
			return invalid(
				second, out_fail, second->key, "has a rule by --site already");
		return fail_set(out_fail, RESULT_INVALID,
			"line %u: '%.100s' has a rule already, in line %u", second->line,
			second->key, first->line);
	}
	return RESULT_OK;
}

static size_t count_lines(const struct option_words *words)
{
	size_t lines = 0;
	for (size_t i = 0; i < words->count; i++)
		lines += i == 0 || words->items[i].line != words->items[i - 1].line;
	return lines;
}

enum result site_rules_add(struct site_rules *rules, const struct option_words *words, bool is_flag,
	struct arena *arena, struct fail *out_fail)
{
	size_t lines = count_lines(words), count;
	if (rules->count + lines > SITE_RULES_MAX)
		return fail_set(
			out_fail, RESULT_LIMIT, "more than %d rules for sites", SITE_RULES_MAX);
	struct site_rule *items = arena_alloc_array(arena, rules->count + lines, sizeof *items);
	if (items == NULL)
		return fail_set(out_fail, RESULT_MEMORY, "no memory left for site rules");
	if (rules->count > 0)
		memcpy(items, rules->items, rules->count * sizeof *items);
	rules->items = items;
	for (size_t at = 0; at < words->count; at += count) {
		const struct option_word *first = &words->items[at];
		for (count = 1; at + count < words->count && first[count].line == first->line;
			count++)
			;
		enum result r =
			parse_rule(first, count, is_flag, arena, &items[rules->count], out_fail);
		if (r != RESULT_OK)
			return r;
		rules->count++;
	}
	if (rules->count > 0)
		qsort(items, rules->count, sizeof *items, compare);
	return check_names(rules, out_fail);
}

/* ---- matching ---- */

const struct site_rule *site_rules_find(const struct site_rules *rules, const char *key)
{
	if (rules->count == 0)
		return NULL;
	struct site_rule wanted = { .key = key };
	return bsearch(&wanted, rules->items, rules->count, sizeof wanted, compare);
}

static bool has(const struct site_match *match, const struct site_rule *rule)
{
	for (size_t i = 0; i < match->count; i++)
		if (match->rules[i] == rule)
			return true;
	return false;
}

static void add(struct site_match *match, const struct site_rule *rule)
{
	if (rule != NULL && !has(match, rule) && match->count < SITE_MATCHES_MAX)
		match->rules[match->count++] = rule;
}

/* The rules for whole labels at the end of a host's name, the longest first. A top-level domain is none:
 * there are some with the names of providers. */
static void add_host(const struct site_rules *rules, const char *host, struct site_match *match)
{
	for (const char *part = host; part != NULL && *part != '\0'; part = strchr(part, '.')) {
		part += *part == '.';
		if (part == host || strchr(part, '.') != NULL)
			add(match, site_rules_find(rules, part));
	}
}

void site_rules_match(const struct site_rules *rules, const struct site_place *place,
	struct site_match *out_match)
{
	struct site_match by_place = { .count = 0 };
	*out_match = (struct site_match){ .count = 0 };
	if (!place->is_known)
		add(&by_place, site_rules_find(rules, place->provider));
	/* The hosts of a known provider are its own business: the set differs from domain to domain. */
	size_t hosts_count = place->is_known && place->hosts_count > 1 ? 1 : place->hosts_count;
	for (size_t i = 0; i < hosts_count; i++)
		add_host(rules, place->hosts[i], &by_place);
	if (place->is_known && by_place.count > 0)
		out_match->apart = by_place.rules[0];
	const struct site_rule *domain = site_rules_find(rules, place->domain);
	if (domain != NULL && !has(&by_place, domain)) {
		out_match->apart = domain;
		out_match->apart_by_domain = true;
	}
	add(out_match, domain);
	for (size_t i = 0; i < by_place.count; i++)
		add(out_match, by_place.rules[i]);
	/* There is always room for these two: they hold for the most mail. */
	if (out_match->count > SITE_MATCHES_MAX - 2)
		out_match->count = SITE_MATCHES_MAX - 2;
	if (place->is_known)
		add(out_match, site_rules_find(rules, place->provider));
	add(out_match, site_rules_find(rules, "*"));
}
