#include "engine/run/suppress_import.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "engine/mail/suppress_line.h"
#include "store/suppress.h"

enum {
	READ_BYTES = 64 * 1024,
	/* Refused lines that are shown: enough to see what is wrong with a file. */
	REFUSED_SHOWN_MAX = 20,
};
static_assert(READ_BYTES >= 2 * SUPPRESS_LINE_BYTES_MAX, "a line that is read has room");

static void refuse(struct suppress_import *import, const char *why)
{
	if (++import->refused <= REFUSED_SHOWN_MAX)
		fprintf(stderr, "longship suppress: %s, line %llu: %s\n", import->name,
			(unsigned long long)import->lines, why);
	else if (import->refused == REFUSED_SHOWN_MAX + 1)
		fprintf(stderr, "longship suppress: %s: more lines are refused\n", import->name);
}

static enum result take_line(struct suppress_import *import, struct text line, struct fail *fail)
{
	struct suppress_line parsed;
	struct fail why;
	bool is_new;
	import->lines++;
	if (suppress_line_parse(line, &parsed, &why) != RESULT_OK) {
		refuse(import, why.text);
		return RESULT_OK;
	}
	if (parsed.is_empty)
		return RESULT_OK;
	const struct suppress_entry entry = {
		.address = { parsed.key, parsed.key_len },
		.reason = parsed.reason.len > 0 ? parsed.reason : import->reason,
		.time_unix_s = parsed.time_unix_s != 0 ? parsed.time_unix_s : import->now_unix_s,
	};
	enum result r = suppress_put(import->suppress, &entry, &is_new, fail);
	if (r == RESULT_OK && is_new)
		import->added++;
	else if (r == RESULT_OK)
		import->known++;
	return r;
}

/* The whole lines of what is there; the rest is moved to the front. */
static enum result take_lines(
	struct suppress_import *import, char *data, size_t *len, bool *too_long, struct fail *fail)
{
	struct text rest = { data, *len };
	for (;;) {
		size_t end = text_find(rest, '\n');
		if (end == TEXT_NONE)
			break;
		struct text line = text_cut(rest, end);
		rest = text_skip(rest, end + 1);
		if (*too_long) { /* its end only */
			*too_long = false;
			continue;
		}
		enum result r = take_line(import, line, fail);
		if (r != RESULT_OK)
			return r;
	}
	if (rest.len == READ_BYTES || *too_long) {
		if (!*too_long) {
			import->lines++;
			refuse(import, "longer than any address with its reason");
		}
		*too_long = true;
		rest.len = 0;
	}
	memmove(data, rest.data, rest.len);
	*len = rest.len;
	return RESULT_OK;
}

enum result suppress_import_fd(struct suppress_import *import, int fd, struct fail *fail)
{
	static char data[READ_BYTES];
	size_t len = 0;
	bool too_long = false;
	enum result r = RESULT_OK;
	while (r == RESULT_OK) {
		ssize_t got = read(fd, data + len, sizeof data - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_set_errno(fail, errno, "cannot read %s", import->name);
		if (got == 0)
			break;
		len += (size_t)got;
		r = take_lines(import, data, &len, &too_long, fail);
	}
	if (r == RESULT_OK && len > 0)
		r = take_line(import, (struct text){ data, len }, fail);
	return r == RESULT_OK ? suppress_commit(import->suppress, fail) : r;
}
