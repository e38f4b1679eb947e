#include "engine/base/options.h"
#include "engine/base/options_file.h"
#include "engine/base/options_suggest.h"
#include "engine/base/options_value.h"
#include "engine/base/text.h"

struct parse {
	const struct option_table *table;
	void *options;
	struct arena *arena;
	struct option_list *operands; /* NULL: none allowed */
	struct fail *fail;
	unsigned depth;   /* of files in files */
	bool flags_ended; /* "--" was seen */
};

const struct option_row *options_find(const struct option_table *table, const char *flag)
{
	for (size_t i = 0; i < table->rows_count; i++) {
		const struct option_row *row = &table->rows[i];
		if (row->type != OPTION_TYPE_GROUP && strcmp(row->flag, flag) == 0)
			return row;
	}
	return NULL;
}

void options_set_defaults(const struct option_table *table, void *options)
{
	memset(options, 0, table->size);
	for (size_t i = 0; i < table->rows_count; i++) {
		CHECK(table->rows[i].offset < table->size);
		option_set_default(&table->rows[i], options);
	}
}

static const struct option_row *find_row(struct parse *p, struct text flag)
{
	for (size_t i = 0; i < p->table->rows_count; i++) {
		const struct option_row *row = &p->table->rows[i];
		if (row->type != OPTION_TYPE_GROUP && text_equal(text_of(row->flag), flag))
			return row;
	}
	const char *meant = options_suggest(p->table, flag);
	if (meant != NULL)
		(void)fail_set(p->fail, RESULT_INVALID, "unknown flag --%.*s; did you mean --%s?",
			TEXT_ARG(text_cut(flag, 60)), meant);
	else
		(void)fail_set(p->fail, RESULT_INVALID, "unknown flag --%.*s; %s --help lists them",
			TEXT_ARG(text_cut(flag, 60)), p->table->program);
	return NULL;
}

/* A flag with what follows it. *used_next says that `next` was its value. */
static enum result take_flag(struct parse *p, const char *word, const char *next, bool *used_next)
{
	struct text flag = text_of(word + 2);
	size_t equals = text_find(flag, '=');
	const char *value = equals != TEXT_NONE ? flag.data + equals + 1 : NULL;
	flag = text_cut(flag, equals);
	const struct option_row *row = find_row(p, flag);
	if (row == NULL)
		return RESULT_INVALID;
	if (value == NULL && row->type == OPTION_TYPE_SWITCH)
		value = "yes";
	if (value == NULL) {
		/* What looks like a flag is more likely a forgotten value than a strange one. */
		if (next == NULL || strncmp(next, "--", 2) == 0)
			return fail_set(p->fail, RESULT_INVALID, "--%s needs a value: %s",
				row->flag, row->argument);
		value = next;
		*used_next = true;
	}
	return option_set(row, p->options, value, p->arena, p->fail);
}

static enum result take_operand(struct parse *p, const char *word)
{
	if (p->operands == NULL)
		return fail_set(
			p->fail, RESULT_INVALID, "'%.60s' is no flag (flags begin with --)", word);
	return option_list_add(p->operands, word, p->arena, p->fail);
}

static enum result take_file(struct parse *p, const char *path);

static enum result take_word(struct parse *p, const char *word, const char *next, bool *used_next)
{
	*used_next = false;
	if (p->flags_ended)
		return take_operand(p, word);
	if (strcmp(word, "--") == 0) {
		p->flags_ended = true;
		return RESULT_OK;
	}
	if (strncmp(word, "--", 2) == 0)
		return take_flag(p, word, next, used_next);
	if (word[0] == '-' && word[1] != '\0')
		return fail_set(
			p->fail, RESULT_INVALID, "'%.60s': flags begin with two dashes", word);
	if (word[0] == '@' && word[1] != '\0')
		return take_file(p, word + 1);
	return take_operand(p, word);
}

static enum result take_words(struct parse *p, const struct option_words *words, const char *path)
{
	for (size_t i = 0; i < words->count; i++) {
		const char *next = i + 1 < words->count ? words->items[i + 1].text : NULL;
		const char *word = words->items[i].text;
		struct text nested = TEXT_EMPTY;
		size_t slash = text_find_last(text_of(path), '/');
		bool used_next;
		/* A file named in a file is looked for beside it. */
		if (!p->flags_ended && word[0] == '@' && word[1] != '\0' && word[1] != '/' &&
			slash != TEXT_NONE) {
			nested = arena_printf(p->arena, "@%.*s%s", (int)slash + 1, path, word + 1);
			if (nested.data == NULL)
				return fail_set(p->fail, RESULT_LIMIT, "too many files of flags");
			word = nested.data;
		}
		enum result result = take_word(p, word, next, &used_next);
		if (result != RESULT_OK) {
			(void)fail_prefix(p->fail, "%s line %u", path, words->items[i].line);
			return result;
		}
		i += used_next;
	}
	return RESULT_OK;
}

static enum result take_file(struct parse *p, const char *path)
{
	struct option_words words;
	if (p->depth == OPTIONS_FILE_DEPTH_MAX)
		return fail_set(p->fail, RESULT_LIMIT,
			"@%.100s: files of flags nested deeper than %d", path,
			OPTIONS_FILE_DEPTH_MAX);
	enum result result = options_file_read(path, p->arena, &words, p->fail);
	if (result != RESULT_OK)
		return result;
	p->depth++;
	result = take_words(p, &words, path);
	p->depth--;
	return result;
}

enum result options_parse_over(const struct option_table *table, void *options, int argc,
	char *const *argv, struct arena *arena, struct option_list *out_operands, struct fail *fail)
{
	struct parse p = { .table = table,
		.options = options,
		.arena = arena,
		.operands = out_operands,
		.fail = fail };
	if (out_operands != NULL)
		*out_operands = (struct option_list){ .items = NULL };
	for (int i = 1; i < argc; i++) {
		bool used_next;
		enum result result =
			take_word(&p, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used_next);
		if (result != RESULT_OK)
			return result;
		i += used_next;
	}
	return RESULT_OK;
}

enum result options_parse(const struct option_table *table, void *options, int argc,
	char *const *argv, struct arena *arena, struct option_list *out_operands, struct fail *fail)
{
	options_set_defaults(table, options);
	return options_parse_over(table, options, argc, argv, arena, out_operands, fail);
}
