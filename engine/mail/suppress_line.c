#include "engine/mail/suppress_line.h"
#include "engine/base/arena.h"
#include "engine/base/time_text.h"
#include "engine/mail/address.h"
#include "engine/mail/address_key.h"
#include "engine/mail/encoded_word.h"
#include "engine/mail/quoted_text.h"

enum {
	/* The address, and what an arena needs for its book. */
	SCRATCH_BYTES = 1024,
};

static bool ends_word(char c) { return c == ',' || c == '\t' || c == ' '; }

/* Octets of the address at the front: quotes may hold what else ends it, < and > too. */
static size_t address_len(struct text t)
{
	bool is_quoted = false, is_path = t.data[0] == '<';
	for (size_t i = 0; i < t.len; i++) {
		char c = t.data[i];
		if (c == '\\' && is_quoted)
			i++;
		else if (c == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted && c == '>' && is_path)
			return i + 1;
		else if (!is_quoted && !is_path && ends_word(c))
			return i;
	}
	return t.len;
}

static struct text skip_separators(struct text t)
{
	while (t.len > 0 && ends_word(t.data[0]))
		t = text_skip(t, 1);
	return t;
}

static void take_time(struct text *rest, struct suppress_line *out_line)
{
	size_t len = 0;
	int64_t unix_us;
	while (len < rest->len && !ends_word(rest->data[len]))
		len++;
	if (time_text_parse_rfc3339(text_cut(*rest, len), &unix_us) != RESULT_OK)
		return;
	/* 0 means "not given": a time before 1970 is long ago. */
	out_line->time_unix_s = unix_us < 1000000 ? 1 : unix_us / 1000000;
	*rest = skip_separators(text_skip(*rest, len));
}

/* A column of a table may stand in quotes. */
static struct text without_quotes(struct text t)
{
	bool is_quoted = t.len >= 2 && t.data[0] == '"' && t.data[t.len - 1] == '"';
	return is_quoted ? text_skip(text_cut(t, t.len - 1), 1) : t;
}

static enum result parse_address(struct text address, struct arena *arena,
	struct suppress_line *out_line, struct fail *out_fail)
{
	struct envelope_address parsed;
	struct text rest;
	struct buf key;
	enum result result = address_parse_field(address, arena, &parsed, &rest, out_fail);
	if (result != RESULT_OK)
		return result;
	if (rest.len > 0 || parsed.text.len == 0)
		return fail_set(out_fail, RESULT_INVALID, "%s is not one address",
			quoted_text(address).text);
	buf_init(&key, out_line->key, sizeof out_line->key);
	address_key_put(&key, &parsed);
	CHECK(!key.overflow);
	out_line->key_len = key.len;
	return RESULT_OK;
}

enum result suppress_line_parse_address(
	struct text address, struct suppress_line *out_line, struct fail *out_fail)
{
	_Alignas(16) char memory[SCRATCH_BYTES];
	struct arena arena;
	*out_line = (struct suppress_line){ .is_empty = false };
	arena_init_fixed(&arena, memory, sizeof memory);
	enum result result = parse_address(address, &arena, out_line, out_fail);
	arena_deinit(&arena);
	return result;
}

enum result suppress_line_parse(
	struct text line, struct suppress_line *out_line, struct fail *out_fail)
{
	struct text mark = TEXT("\xef\xbb\xbf");
	line = text_trim(text_starts(line, mark) ? text_skip(line, mark.len) : line);
	*out_line = (struct suppress_line){ .is_empty = line.len == 0 || line.data[0] == '#' };
	if (out_line->is_empty)
		return RESULT_OK;
	if (line.len > SUPPRESS_LINE_BYTES_MAX)
		return fail_set(
			out_fail, RESULT_INVALID, "longer than %d octets", SUPPRESS_LINE_BYTES_MAX);
	size_t len = address_len(line);
	enum result result = suppress_line_parse_address(text_cut(line, len), out_line, out_fail);
	if (result != RESULT_OK)
		return result;
	struct text rest = skip_separators(text_skip(line, len));
	take_time(&rest, out_line);
	for (size_t i = 0; i < rest.len; i++)
		if (rest.data[i] == '\t')
			rest = text_cut(rest, i); /* the next column */
	out_line->reason = without_quotes(text_trim(rest));
	if (!encoded_word_may_hold(out_line->reason))
		return fail_set(out_fail, RESULT_INVALID, "the reason %s is not printable UTF-8",
			quoted_text(out_line->reason).text);
	return RESULT_OK;
}
