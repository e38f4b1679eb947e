#include "engine/base/options_file.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Reads with one cursor and writes unquoted words with another, which never overtakes it. */
struct splitter {
	const char *in, *end;
	char *out;
	unsigned line;
};

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static void skip_space_and_comments(struct splitter *s)
{
	while (s->in < s->end && (is_space(*s->in) || *s->in == '#')) {
		if (*s->in == '#') {
			while (s->in < s->end && *s->in != '\n')
				s->in++;
			continue;
		}
		s->line += *s->in == '\n';
		s->in++;
	}
}

static enum result take_quoted(struct splitter *s, struct fail *fail)
{
	unsigned first_line = s->line;
	char quote = *s->in++;
	while (s->in < s->end && *s->in != quote) {
		if (*s->in == '\\' && quote == '"' && s->in + 1 < s->end)
			s->in++;
		s->line += *s->in == '\n';
		*s->out++ = *s->in++;
	}
	if (s->in == s->end)
		return fail_set(fail, RESULT_INVALID, "line %u: the quote %c is not closed",
			first_line, quote);
	s->in++;
	return RESULT_OK;
}

static enum result take_word(struct splitter *s, struct fail *fail)
{
	while (s->in < s->end && !is_space(*s->in)) {
		if (*s->in == '"' || *s->in == '\'') {
			enum result result = take_quoted(s, fail);
			if (result != RESULT_OK)
				return result;
			continue;
		}
		if (*s->in == '\\' && ++s->in == s->end)
			return fail_set(fail, RESULT_INVALID,
				"line %u: nothing follows the backslash", s->line);
		s->line += *s->in == '\n';
		*s->out++ = *s->in++;
	}
	return RESULT_OK;
}

static enum result add_word(struct option_words *words, size_t *size, struct option_word word,
	struct arena *arena, struct fail *fail)
{
	if (words->count == *size) {
		size_t larger = *size > 0 ? 2 * *size : 32;
		struct option_word *items = arena_alloc_array(arena, larger, sizeof *items);
		if (items == NULL)
			return fail_set(
				fail, RESULT_LIMIT, "too many flags for the memory set aside");
		if (words->count > 0)
			memcpy(items, words->items, words->count * sizeof *items);
		words->items = items;
		*size = larger;
	}
	words->items[words->count++] = word;
	return RESULT_OK;
}

enum result options_file_split(char *text, size_t len, struct arena *arena,
	struct option_words *out_words, struct fail *fail)
{
	struct splitter s = { .in = text, .end = text + len, .out = text, .line = 1 };
	size_t size = 0;
	*out_words = (struct option_words){ .items = NULL };
	if (memchr(text, '\0', len) != NULL)
		return fail_set(fail, RESULT_INVALID, "a zero byte: this is no text");
	for (;;) {
		skip_space_and_comments(&s);
		if (s.in == s.end)
			return RESULT_OK;
		struct option_word word = { .text = s.out, .line = s.line };
		enum result result = take_word(&s, fail);
		if (result != RESULT_OK)
			return result;
		/* The space that ended the word is behind `in`, so its zero overwrites nothing. */
		if (s.in < s.end)
			s.line += *s.in++ == '\n';
		*s.out++ = '\0';
		result = add_word(out_words, &size, word, arena, fail);
		if (result != RESULT_OK)
			return result;
	}
}

static enum result read_all(
	int fd, const char *path, char *text, size_t *out_len, struct fail *fail)
{
	size_t len = 0;
	for (;;) {
		ssize_t n = read(fd, text + len, OPTIONS_FILE_BYTES_MAX + 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_set_errno(fail, errno, "cannot read %s", path);
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > OPTIONS_FILE_BYTES_MAX)
			return fail_set(fail, RESULT_TOO_LONG, "%s: more than %d bytes", path,
				OPTIONS_FILE_BYTES_MAX);
	}
	text[len] = '\0';
	*out_len = len;
	return RESULT_OK;
}

enum result options_file_read(
	const char *path, struct arena *arena, struct option_words *out_words, struct fail *fail)
{
	size_t len = 0;
	char *text = arena_alloc(arena, OPTIONS_FILE_BYTES_MAX + 2);
	if (text == NULL)
		return fail_set(fail, RESULT_LIMIT, "no memory set aside for the file %s", path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fail_set_errno(fail, errno, "cannot open %s", path);
	enum result result = read_all(fd, path, text, &len, fail);
	(void)close(fd);
	if (result != RESULT_OK)
		return result;
	result = options_file_split(text, len, arena, out_words, fail);
	if (result != RESULT_OK)
		(void)fail_prefix(fail, "%s", path);
	return result;
}
