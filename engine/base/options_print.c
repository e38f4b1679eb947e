/* What people read of a table: --help, the manual page, --show-config. */
#include "engine/base/options.h"
#include "engine/base/options_value.h"
#include "engine/base/roff.h"

enum {
	HELP_COLUMNS = 80,
	HELP_INDENT = 8,
	/* Of "Default X, from Y to Z ..."; a default text longer than that is cut. */
	NOTE_BYTES_MAX = 400,
};

static const char *argument_of(const struct option_row *row)
{
	return row->type == OPTION_TYPE_NUMBER ? "N" : row->argument;
}

/* " Default 30s; a time from 100ms to 10m." or what is to be said of the type; may be empty. */
static void put_note(const struct option_row *row, struct buf *buf)
{
	switch (row->type) {
	case OPTION_TYPE_NUMBER:
	case OPTION_TYPE_DURATION:
	case OPTION_TYPE_SIZE:
	case OPTION_TYPE_CHOICE:
		buf_put_cstr(buf, " Default ");
		option_put_default(row, buf);
		buf_put_cstr(buf, "; ");
		option_put_allowed(row, buf);
		buf_put_cstr(buf, ".");
		return;
	case OPTION_TYPE_TEXT:
		if (row->text_default[0] == '\0')
			return;
		buf_put_cstr(buf, " Default ");
		option_put_default(row, buf);
		buf_put_cstr(buf, ".");
		return;
	case OPTION_TYPE_LIST: buf_put_cstr(buf, " May be repeated."); return;
	case OPTION_TYPE_SWITCH:
	case OPTION_TYPE_GROUP: return;
	}
}

/* Words of the text, broken before the last column. */
static void print_wrapped(FILE *out, const char *help, struct text note)
{
	struct text parts[] = { text_of(help), note }, word;
	size_t column = 0;
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		while (text_split(&parts[i], ' ', &word)) {
			if (word.len == 0)
				continue;
			if (column == 0 || column + 1 + word.len > HELP_COLUMNS) {
				(void)fprintf(
					out, "%s%*s", column > 0 ? "\n" : "", HELP_INDENT, "");
				column = HELP_INDENT;
			} else {
				(void)fputc(' ', out);
				column++;
			}
			(void)fwrite(word.data, 1, word.len, out);
			column += word.len;
		}
	}
	(void)fputc('\n', out);
}

void options_print_help(const struct option_table *table, FILE *out)
{
	(void)fprintf(out, "usage: %s [flags]%s%s\n%s\n", table->program,
		table->operands != NULL ? " " : "", table->operands != NULL ? table->operands : "",
		table->about);
	for (size_t i = 0; i < table->rows_count; i++) {
		const struct option_row *row = &table->rows[i];
		char memory[NOTE_BYTES_MAX];
		struct buf note;
		if (row->type == OPTION_TYPE_GROUP) {
			(void)fprintf(out, "\n%s:\n", row->flag);
			continue;
		}
		(void)fprintf(out, "  --%s", row->flag);
		if (row->type != OPTION_TYPE_SWITCH)
			(void)fprintf(out, " %s", argument_of(row));
		(void)fputc('\n', out);
		buf_init(&note, memory, sizeof memory);
		put_note(row, &note);
		print_wrapped(out, row->help, buf_text(&note));
	}
	(void)fputs("\n  @FILE\n        Read flags from FILE: one or more a line, values in quotes "
		    "where needed,\n        # begins a comment.\n",
		out);
}

void options_print_man(const struct option_table *table, FILE *out)
{
	(void)fputs(".SH OPTIONS OF ", out);
	roff_print(out, table->program);
	(void)fputc('\n', out);
	for (size_t i = 0; i < table->rows_count; i++) {
		const struct option_row *row = &table->rows[i];
		char memory[NOTE_BYTES_MAX + 1];
		struct buf note;
		if (row->type == OPTION_TYPE_GROUP) {
			(void)fputs(".SS ", out);
			roff_print(out, row->flag);
			(void)fputc('\n', out);
			continue;
		}
		(void)fputs(".TP\n\\fB", out);
		roff_print(out, "--");
		roff_print(out, row->flag);
		(void)fputs("\\fR", out);
		if (row->type != OPTION_TYPE_SWITCH) {
			(void)fputs(" \\fI", out);
			roff_print(out, argument_of(row));
			(void)fputs("\\fR", out);
		}
		(void)fputc('\n', out);
		roff_print(out, row->help);
		buf_init(&note, memory, sizeof memory);
		put_note(row, &note);
		const char *text = buf_cstr(&note);
		roff_print(out, text != NULL ? text : "");
		(void)fputc('\n', out);
	}
	(void)fputs(
		".TP\n\\fB@FILE\\fR\nRead flags from FILE, one or more a line. Values may stand in "
		"single or double quotes; # begins a comment. Files named in it are looked for "
		"beside "
		"it.\n",
		out);
}

/* As options_file_split() reads it back. */
static void print_quoted(FILE *out, struct text value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "._-:/@+,=|*[]%";
	bool quote = value.len == 0;
	for (size_t i = 0; i < value.len; i++)
		quote |= memchr(plain, value.data[i], sizeof plain - 1) == NULL;
	if (!quote) {
		(void)fwrite(value.data, 1, value.len, out);
		return;
	}
	(void)fputc('"', out);
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] == '"' || value.data[i] == '\\')
			(void)fputc('\\', out);
		(void)fputc(value.data[i], out);
	}
	(void)fputc('"', out);
}

/* Flags that ask for something to be printed are no settings: read back, they would print again. */
static bool is_request(const struct option_row *row)
{
	return row->type == OPTION_TYPE_SWITCH &&
	       (strcmp(row->flag, "help") == 0 || strcmp(row->flag, "show-config") == 0);
}

static void print_setting(
	const struct option_row *row, struct text value, bool is_default, FILE *out)
{
	(void)fprintf(out, "--%s=", row->flag);
	print_quoted(out, value);
	(void)fputs(is_default ? "  # default\n" : "\n", out);
}

void options_print_config(const struct option_table *table, const void *options, FILE *out)
{
	for (size_t i = 0; i < table->rows_count; i++) {
		const struct option_row *row = &table->rows[i];
		char memory[64];
		struct buf value;
		if (row->type == OPTION_TYPE_GROUP) {
			(void)fprintf(out, "%s# %s\n", i > 0 ? "\n" : "", row->flag);
			continue;
		}
		const void *field = option_field_const(row, options);
		bool is_default = option_is_default(row, options);
		if (row->type == OPTION_TYPE_LIST) {
			const struct option_list *list = field;
			for (size_t k = 0; k < list->count; k++)
				print_setting(row, text_of(list->items[k]), false, out);
			if (list->count == 0)
				(void)fprintf(out, "# --%s is not given\n", row->flag);
		} else if (row->type == OPTION_TYPE_TEXT) {
			print_setting(row, text_of(*(const char *const *)field), is_default, out);
		} else if (!is_request(row)) {
			buf_init(&value, memory, sizeof memory);
			option_put_value(row, options, &value);
			print_setting(row, buf_text(&value), is_default, out);
		}
	}
}
