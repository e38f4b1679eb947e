#include "engine/base/options_value.h"
#include "engine/base/time_text.h"

enum {
	/* Of a refused value in a message: enough to recognize it. */
	SHOWN_BYTES_MAX = 60,
	ALLOWED_BYTES_MAX = 120,
};

/* The words for yes and no of a switch; the first ones are written, all are read. */
static const char *const yes_words[] = { "yes", "true", "on", "1" };
static const char *const no_words[] = { "no", "false", "off", "0" };

static const struct {
	char letter;
	uint64_t bytes;
} size_units[] = {
	{ 'T', UINT64_C(1) << 40 },
	{ 'G', UINT64_C(1) << 30 },
	{ 'M', UINT64_C(1) << 20 },
	{ 'K', UINT64_C(1) << 10 },
};

static bool parse_size(struct text text, uint64_t *out_bytes)
{
	uint64_t unit = 1;
	for (size_t i = 0; i < COUNT_OF(size_units) && text.len > 0; i++) {
		if (text_lower((uint8_t)text.data[text.len - 1]) !=
			text_lower((uint8_t)size_units[i].letter))
			continue;
		unit = size_units[i].bytes;
		text = text_cut(text, text.len - 1);
		break;
	}
	return text_to_u64(text, out_bytes) && !__builtin_mul_overflow(*out_bytes, unit, out_bytes);
}

static void put_size(struct buf *buf, uint64_t bytes)
{
	for (size_t i = 0; i < COUNT_OF(size_units); i++) {
		if (bytes == 0 || bytes % size_units[i].bytes != 0)
			continue;
		buf_put_number(buf, bytes / size_units[i].bytes);
		buf_put_u8(buf, (uint8_t)size_units[i].letter);
		return;
	}
	buf_put_number(buf, bytes);
}

static void put_number_as(enum option_type type, int64_t value, struct buf *buf)
{
	if (type == OPTION_TYPE_DURATION)
		time_text_put_duration(buf, (uint64_t)value);
	else if (type == OPTION_TYPE_SIZE)
		put_size(buf, (uint64_t)value);
	else
		buf_put_number(buf, (uint64_t)value);
}

void option_put_allowed(const struct option_row *row, struct buf *buf)
{
	switch (row->type) {
	case OPTION_TYPE_NUMBER: buf_put_cstr(buf, "a number from "); break;
	case OPTION_TYPE_DURATION: buf_put_cstr(buf, "a time from "); break;
	case OPTION_TYPE_SIZE: buf_put_cstr(buf, "a size from "); break;
	case OPTION_TYPE_CHOICE:
		buf_put_cstr(buf, "one of ");
		buf_put_cstr(buf, row->argument);
		return;
	case OPTION_TYPE_SWITCH: buf_put_cstr(buf, "yes or no"); return;
	case OPTION_TYPE_TEXT:
	case OPTION_TYPE_LIST: buf_put_cstr(buf, row->argument); return;
	case OPTION_TYPE_GROUP: UNREACHABLE("a heading has no value");
	}
	put_number_as(row->type, row->min, buf);
	buf_put_cstr(buf, " to ");
	put_number_as(row->type, row->max, buf);
	if (row->type == OPTION_TYPE_NUMBER)
		buf_printf(buf, " (%s)", row->argument);
	else if (row->type == OPTION_TYPE_DURATION)
		buf_put_cstr(buf, ", as in 500ms, 30s, 15m, 4h or 2d");
	else
		buf_put_cstr(buf, ", as in 64K, 256M or 2G");
}

static enum result refuse(const struct option_row *row, const char *value, struct fail *fail)
{
	char memory[ALLOWED_BYTES_MAX];
	struct buf allowed;
	buf_init(&allowed, memory, sizeof memory);
	option_put_allowed(row, &allowed);
	struct text shown = text_cut_utf8(text_of(value), SHOWN_BYTES_MAX);
	return fail_set(fail, RESULT_INVALID, "--%s: '%.*s%s' is not %.*s", row->flag,
		TEXT_ARG(shown), shown.len < strlen(value) ? "..." : "",
		TEXT_ARG(buf_text(&allowed)));
}

/* Of "a|b|c" the place of the word, -1 if it is not among them. */
static int choice_index(const char *choices, struct text word)
{
	struct text rest = text_of(choices), choice;
	for (int i = 0; text_split(&rest, '|', &choice); i++) {
		if (text_equal(choice, word))
			return i;
	}
	return -1;
}

static struct text choice_text(const char *choices, int index)
{
	struct text rest = text_of(choices), choice = TEXT_EMPTY;
	for (int i = 0; i <= index; i++)
		CHECK(text_split(&rest, '|', &choice));
	return choice;
}

static bool is_any(const char *value, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (text_equal(text_of(value), text_of(words[i])))
			return true;
	}
	return false;
}

static bool set_number(const struct option_row *row, int64_t *field, const char *value)
{
	uint64_t number = 0;
	bool read = false;
	if (row->type == OPTION_TYPE_DURATION)
		read = time_text_parse_duration(text_of(value), &number) == RESULT_OK;
	else if (row->type == OPTION_TYPE_SIZE)
		read = parse_size(text_of(value), &number);
	else
		read = text_to_u64(text_of(value), &number);
	if (!read || number < (uint64_t)row->min || number > (uint64_t)row->max)
		return false;
	*field = (int64_t)number;
	return true;
}

static bool set_switch(bool *field, const char *value)
{
	*field = is_any(value, yes_words, COUNT_OF(yes_words));
	return *field || is_any(value, no_words, COUNT_OF(no_words));
}

static bool set_choice(const struct option_row *row, int *field, const char *value)
{
	int index = choice_index(row->argument, text_of(value));
	if (index >= 0)
		*field = index;
	return index >= 0;
}

enum result option_list_add(
	struct option_list *list, const char *item, struct arena *arena, struct fail *fail)
{
	if (list->count == OPTIONS_LIST_MAX)
		return fail_set(fail, RESULT_LIMIT, "more than %d values", OPTIONS_LIST_MAX);
	if (list->count == list->size) {
		size_t size = list->size > 0 ? 2 * list->size : 8;
		const char **items = arena_alloc_array(arena, size, sizeof *items);
		if (items == NULL)
			return fail_set(
				fail, RESULT_LIMIT, "too many flags for the memory set aside");
		if (list->count > 0)
			memcpy(items, list->items, list->count * sizeof *items);
		list->items = items;
		list->size = size;
	}
	list->items[list->count++] = item;
	return RESULT_OK;
}

enum result option_set(const struct option_row *row, void *options, const char *value,
	struct arena *arena, struct fail *fail)
{
	void *field = option_field(row, options);
	bool allowed = true;
	switch (row->type) {
	case OPTION_TYPE_NUMBER:
	case OPTION_TYPE_DURATION:
	case OPTION_TYPE_SIZE: allowed = set_number(row, field, value); break;
	case OPTION_TYPE_CHOICE: allowed = set_choice(row, field, value); break;
	case OPTION_TYPE_SWITCH: allowed = set_switch(field, value); break;
	case OPTION_TYPE_TEXT: *(const char **)field = value; break;
	case OPTION_TYPE_LIST: {
		enum result result = option_list_add(field, value, arena, fail);
		if (result != RESULT_OK)
			(void)fail_prefix(fail, "--%s", row->flag);
		return result;
	}
	case OPTION_TYPE_GROUP: UNREACHABLE("a heading has no value");
	}
	return allowed ? RESULT_OK : refuse(row, value, fail);
}

void option_set_default(const struct option_row *row, void *options)
{
	void *field = option_field(row, options);
	switch (row->type) {
	case OPTION_TYPE_NUMBER:
	case OPTION_TYPE_DURATION:
	case OPTION_TYPE_SIZE: *(int64_t *)field = row->number_default; return;
	case OPTION_TYPE_CHOICE: CHECK(set_choice(row, field, row->text_default)); return;
	case OPTION_TYPE_SWITCH: *(bool *)field = false; return;
	case OPTION_TYPE_TEXT: *(const char **)field = row->text_default; return;
	case OPTION_TYPE_LIST:
		*(struct option_list *)field = (struct option_list){ .items = NULL };
		return;
	case OPTION_TYPE_GROUP: return;
	}
}

bool option_is_default(const struct option_row *row, const void *options)
{
	const void *field = option_field_const(row, options);
	switch (row->type) {
	case OPTION_TYPE_NUMBER:
	case OPTION_TYPE_DURATION:
	case OPTION_TYPE_SIZE: return *(const int64_t *)field == row->number_default;
	case OPTION_TYPE_CHOICE:
		return *(const int *)field ==
		       choice_index(row->argument, text_of(row->text_default));
	case OPTION_TYPE_SWITCH: return !*(const bool *)field;
	case OPTION_TYPE_TEXT:
		return text_equal(text_of(*(const char *const *)field), text_of(row->text_default));
	case OPTION_TYPE_LIST: return ((const struct option_list *)field)->count == 0;
	case OPTION_TYPE_GROUP: break;
	}
	UNREACHABLE("a heading has no value");
}

void option_put_value(const struct option_row *row, const void *options, struct buf *buf)
{
	const void *field = option_field_const(row, options);
	switch (row->type) {
	case OPTION_TYPE_NUMBER:
	case OPTION_TYPE_DURATION:
	case OPTION_TYPE_SIZE: put_number_as(row->type, *(const int64_t *)field, buf); return;
	case OPTION_TYPE_CHOICE:
		buf_put_text(buf, choice_text(row->argument, *(const int *)field));
		return;
	case OPTION_TYPE_SWITCH:
		buf_put_cstr(buf, *(const bool *)field ? yes_words[0] : no_words[0]);
		return;
	case OPTION_TYPE_TEXT: buf_put_cstr(buf, *(const char *const *)field); return;
	case OPTION_TYPE_LIST: return;
	case OPTION_TYPE_GROUP: UNREACHABLE("a heading has no value");
	}
}

void option_put_default(const struct option_row *row, struct buf *buf)
{
	switch (row->type) {
	case OPTION_TYPE_NUMBER:
	case OPTION_TYPE_DURATION:
	case OPTION_TYPE_SIZE: put_number_as(row->type, row->number_default, buf); return;
	case OPTION_TYPE_CHOICE:
	case OPTION_TYPE_TEXT: buf_put_cstr(buf, row->text_default); return;
	case OPTION_TYPE_SWITCH: buf_put_cstr(buf, no_words[0]); return;
	case OPTION_TYPE_LIST:
	case OPTION_TYPE_GROUP: return;
	}
}
