#include "bench/manifest.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "bench/mail_token.h"

void manifest_put(struct buf *out, const struct manifest_line *line)
{
	mail_token_put_hex(out, line->run);
	buf_put_u8(out, '\t');
	buf_put_number(out, line->id);
	buf_put_u8(out, '\t');
	buf_put_text(out, line->file);
	buf_put_u8(out, '\t');
	buf_put_number(out, line->size);
	buf_put_u8(out, '\t');
	buf_put_text(out, line->rcpts);
	buf_put_u8(out, '\n');
}

bool manifest_parse(struct text line, struct manifest_line *out_line)
{
	struct text rest = line, part;
	if (!text_split(&rest, '\t', &part) || !mail_token_parse_hex(part, &out_line->run))
		return false;
	if (!text_split(&rest, '\t', &part) || !text_to_u64(part, &out_line->id))
		return false;
	if (!text_split(&rest, '\t', &out_line->file) || text_is_empty(out_line->file))
		return false;
	if (!text_split(&rest, '\t', &part) || !text_to_u64(part, &out_line->size))
		return false;
	out_line->rcpts = rest;
	return !text_is_empty(rest);
}

struct expected_list {
	struct sink_expected *items;
	size_t count, size;
};

static bool list_add(struct expected_list *list, uint64_t key, uint64_t id)
{
	if (list->count == list->size) {
		size_t size = list->size > 0 ? list->size * 2 : 4096;
		struct sink_expected *items = realloc(list->items, size * sizeof *items);
		if (items == NULL)
			return false;
		list->items = items;
		list->size = size;
	}
	list->items[list->count++] = (struct sink_expected){ key, id };
	return true;
}

static enum result read_line(struct expected_list *list, struct text text, uint64_t number,
	struct fail *fail)
{
	struct manifest_line line;
	struct text rcpt;
	if (text_is_empty(text) || text.data[0] == '#')
		return RESULT_OK;
	if (!manifest_parse(text, &line))
		return fail_set(fail, RESULT_INVALID, "line %llu is not one of a manifest",
			(unsigned long long)number);
	while (text_split(&line.rcpts, '\t', &rcpt))
		if (!list_add(list, mail_token_delivery_key(line.run, line.id, rcpt), line.id))
			return fail_set(fail, RESULT_MEMORY, "no memory for the manifest");
	return RESULT_OK;
}

static enum result read_lines(FILE *file, struct expected_list *list, struct fail *fail)
{
	char *memory = NULL;
	size_t size = 0;
	ssize_t len;
	uint64_t number = 0;
	enum result result = RESULT_OK;
	while (result == RESULT_OK && (len = getline(&memory, &size, file)) >= 0) {
		struct text text = text_of_bytes(memory, (size_t)len);
		number++;
		if (text_ends(text, TEXT("\n")))
			text = text_cut(text, text.len - 1);
		result = read_line(list, text, number, fail);
	}
	if (result == RESULT_OK && ferror(file))
		result = fail_set_errno(fail, errno, "cannot read the manifest");
	free(memory);
	return result;
}

enum result manifest_read(const char *path, struct sink_expected **out_expected, size_t *out_count,
	struct fail *fail)
{
	struct expected_list list = { NULL, 0, 0 };
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return fail_set_errno(fail, errno, "cannot read %s", path);
	enum result result = read_lines(file, &list, fail);
	fclose(file);
	/* A manifest that names nobody is one too. */
	if (result == RESULT_OK && list.items == NULL)
		list.items = calloc(1, sizeof *list.items);
	if (result == RESULT_OK && list.items == NULL)
		result = fail_set(fail, RESULT_MEMORY, "no memory for the manifest");
	if (result != RESULT_OK) {
		free(list.items);
		return fail_prefix(fail, "%s", path);
	}
	*out_expected = list.items;
	*out_count = list.count;
	return RESULT_OK;
}
