#include "engine/smtp/smtp_reply_rules.h"
#include <string.h>

/* ---- words ---- */

static bool is_kept(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c > 127 ||
	       (c != '\0' && strchr(".-_@+#[]'", c) != NULL);
}

/* Lower case, every run of anything else as one space. */
static size_t put_words(struct text text, char *out, size_t len, size_t size)
{
	for (size_t i = 0; i < text.len && len < size; i++) {
		uint8_t c = text_lower((uint8_t)text.data[i]);
		if (is_kept(c))
			out[len++] = (char)c;
		else if (len == 0 || out[len - 1] != ' ')
			out[len++] = ' ';
	}
	return len;
}

struct text smtp_reply_words(struct text text, char *out, size_t out_size)
{
	CHECK(out_size >= 2);
	out[0] = ' ';
	size_t len = put_words(text, out, 1, out_size - 1);
	if (out[len - 1] != ' ')
		out[len++] = ' ';
	return text_of_bytes(out, len);
}

static bool occurs(struct text words, struct text phrase)
{
	return phrase.len == 0 || memmem(words.data, words.len, phrase.data, phrase.len) != NULL;
}

const struct smtp_reply_rule *smtp_reply_rules_find(
	const struct smtp_reply_rules *rules, unsigned first_digit, struct text words)
{
	for (size_t i = 0; rules != NULL && i < rules->count; i++) {
		const struct smtp_reply_rule *rule = &rules->items[i];
		if ((rule->first_digit == 0 || rule->first_digit == first_digit) &&
			occurs(words, rule->phrase) && occurs(words, rule->and_phrase))
			return rule;
	}
	return NULL;
}

/* ---- the file ---- */

static enum result invalid(unsigned line, struct fail *out_fail, const char *what, const char *word)
{
	return fail_set(out_fail, RESULT_INVALID, "line %u: '%.60s' %s", line, word, what);
}

static bool set_class(struct smtp_reply_rule *rule, struct text name)
{
	if (text_equal(name, TEXT("-")))
		return true;
	for (int class = BOUNCE_CLASS_NONE + 1; class < BOUNCE_CLASS_COUNT; class ++)
		if (text_equal(bounce_class_text((enum bounce_class) class), name)) {
			rule->bounce_class = (enum bounce_class) class;
			rule->has_class = true;
		}
	return rule->has_class;
}

static bool set_code(struct smtp_reply_rule *rule, struct text code)
{
	if (text_equal(code, TEXT("4")))
		rule->first_digit = 4;
	else if (text_equal(code, TEXT("5")))
		rule->first_digit = 5;
	return rule->first_digit != 0 || text_equal(code, TEXT("any"));
}

static bool set_actions(struct smtp_reply_rule *rule, struct text actions)
{
	const struct {
		struct text name;
		bool *flag;
	} known[] = { { TEXT("slow"), &rule->slow }, { TEXT("suspend"), &rule->suspend },
		{ TEXT("bounce"), &rule->bounce }, { TEXT("defer"), &rule->defer } };
	struct text action;
	if (text_equal(actions, TEXT("-")))
		return true;
	while (text_split(&actions, ',', &action)) {
		size_t i = 0;
		while (i < COUNT_OF(known) && !text_equal(known[i].name, action))
			i++;
		if (i == COUNT_OF(known))
			return false;
		*known[i].flag = true;
	}
	return !(rule->bounce && rule->defer);
}

static enum result set_phrase(struct text *phrase, const struct option_word *word,
	struct arena *arena, struct fail *out_fail)
{
	char memory[SMTP_REPLY_PHRASE_MAX];
	size_t len = put_words(text_of(word->text), memory, 0, sizeof memory);
	if (text_trim((struct text){ memory, len }).len == 0)
		return invalid(word->line, out_fail, "is no phrase: it would be in every reply",
			word->text);
	if (len == sizeof memory)
		return invalid(
			word->line, out_fail, "is a phrase too long for any reply", word->text);
	*phrase = arena_text_copy(arena, (struct text){ memory, len });
	return phrase->data != NULL
		       ? RESULT_OK
		       : fail_set(out_fail, RESULT_MEMORY, "no memory left for reply rules");
}

/* The words of one line. */
static enum result parse_rule(const struct option_word *words, size_t count, struct arena *arena,
	struct smtp_reply_rule *out_rule, struct fail *out_fail)
{
	unsigned line = words[0].line;
	*out_rule = (struct smtp_reply_rule){ .first_digit = 0 };
	if (count < 4 || count > 5)
		return fail_set(out_fail, RESULT_INVALID,
			"line %u: a rule is CLASS CODE ACTIONS \"phrase\", perhaps with a second "
			"phrase",
			line);
	if (!set_class(out_rule, text_of(words[0].text)))
		return invalid(line, out_fail,
			"is no bounce class (longship man lists them), nor -", words[0].text);
	if (!set_code(out_rule, text_of(words[1].text)))
		return invalid(line, out_fail, "is neither 4 nor 5 nor any", words[1].text);
	if (!set_actions(out_rule, text_of(words[2].text)))
		return invalid(line, out_fail,
			"are no actions: slow, suspend, and bounce or defer, joined by commas; or "
			"-",
			words[2].text);
	enum result result = set_phrase(&out_rule->phrase, &words[3], arena, out_fail);
	if (result == RESULT_OK && count == 5)
		result = set_phrase(&out_rule->and_phrase, &words[4], arena, out_fail);
	return result;
}

enum result smtp_reply_rules_parse(const struct option_words *words, struct arena *arena,
	struct smtp_reply_rules *out_rules, struct fail *out_fail)
{
	size_t lines = 0, count;
	for (size_t i = 0; i < words->count; i++)
		lines += i == 0 || words->items[i].line != words->items[i - 1].line;
	*out_rules = (struct smtp_reply_rules){ .count = 0 };
	if (lines > SMTP_REPLY_RULES_MAX)
		return fail_set(out_fail, RESULT_LIMIT, "more than %d rules", SMTP_REPLY_RULES_MAX);
	struct smtp_reply_rule *rules = arena_alloc_array(arena, lines, sizeof *rules);
	if (rules == NULL)
		return fail_set(out_fail, RESULT_MEMORY, "no memory left for reply rules");
	out_rules->items = rules;
	for (size_t at = 0; at < words->count; at += count) {
		const struct option_word *first = &words->items[at];
		for (count = 1; at + count < words->count && first[count].line == first->line;
			count++)
			;
		enum result result =
			parse_rule(first, count, arena, &rules[out_rules->count], out_fail);
		if (result != RESULT_OK)
			return result;
		out_rules->count++;
	}
	return RESULT_OK;
}
