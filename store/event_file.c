#include "store/event_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/base/limits.h"

struct event_file {
	char *path;        /* NULL: standard output */
	int fd;            /* -1: closed */
	bool regular;      /* has a tail, can be synced */
	uint64_t last_seq; /* of the last whole line in the tail */
	size_t done;       /* of a text whose writing failed: bytes that were written */
	uint8_t *torn;     /* what stands behind the last newline, until the first write */
	size_t torn_len;
};

uint64_t event_file_seq_of_line(struct text line)
{
	/* The start of a line is ours alone: {"event":"KIND","seq":"N", with no text of a peer. */
	uint64_t seq;
	const struct text before = TEXT("{\"event\":\""), between = TEXT("\",\"seq\":\"");
	if (!text_starts(line, before))
		return 0;
	line = text_skip(line, before.len);
	line = text_skip(line, text_find(line, '"'));
	if (!text_starts(line, between))
		return 0;
	line = text_skip(line, between.len);
	if (text_find(line, '"') == TEXT_NONE ||
		!text_to_u64(text_cut(line, text_find(line, '"')), &seq))
		return 0;
	return seq;
}

/* ---- the tail of what is there ---- */

static enum result read_at(const struct event_file *file, uint8_t *data, size_t len,
	uint64_t offset, struct fail *fail)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(file->fd, data + done, len - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_set_errno(fail, errno, "cannot read %s", file->path);
		if (n == 0)
			return fail_set(fail, RESULT_CHANGED, "%s became shorter while it was read",
				file->path);
		done += (size_t)n;
	}
	return RESULT_OK;
}

/* Keeps what stands behind the last newline, and finds the last line before it that has a number. */
static enum result take_tail(struct event_file *file, struct text tail, struct fail *fail)
{
	size_t end = text_find_last(tail, '\n');
	struct text torn = end == TEXT_NONE ? tail : text_skip(tail, end + 1);
	/* Longer than any line of ours: not ours; it is only ended. */
	if (torn.len > EVENT_LINE_BYTES_MAX)
		torn = text_cut(torn, EVENT_LINE_BYTES_MAX);
	if (torn.len > 0) {
		file->torn = malloc(torn.len);
		if (file->torn == NULL)
			return fail_set(fail, RESULT_MEMORY, "no memory for the event file");
		memcpy(file->torn, torn.data, torn.len);
		file->torn_len = torn.len;
	}
	uint64_t seq = 0;
	while (end != TEXT_NONE && seq == 0) {
		struct text before = text_cut(tail, end);
		size_t start = text_find_last(before, '\n');
		seq = event_file_seq_of_line(
			start == TEXT_NONE ? before : text_skip(before, start + 1));
		end = start;
	}
	if (seq > file->last_seq)
		file->last_seq = seq;
	return RESULT_OK;
}

static enum result read_tail(struct event_file *file, uint64_t bytes, struct fail *fail)
{
	size_t len = bytes < EVENT_FILE_TAIL_BYTES_MAX ? (size_t)bytes : EVENT_FILE_TAIL_BYTES_MAX;
	if (len == 0)
		return RESULT_OK;
	uint8_t *tail = malloc(len);
	if (tail == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the event file");
	enum result result = read_at(file, tail, len, bytes - len, fail);
	if (result == RESULT_OK)
		result = take_tail(file, text_of_bytes(tail, len), fail);
	free(tail);
	return result;
}

/* ---- open and close ---- */

static enum result open_path(struct event_file *file, struct fail *fail)
{
	struct stat st;
	/* For reading too, because of the tail. A file that may only be written has none for us. */
	bool readable = true;
	file->fd = open(file->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
	if (file->fd < 0 && errno == EACCES) {
		readable = false;
		file->fd = open(file->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
	}
	if (file->fd < 0)
		return fail_set_errno(fail, errno, "cannot open the event file %s", file->path);
	if (fstat(file->fd, &st) != 0)
		return fail_set_errno(fail, errno, "cannot look at the event file %s", file->path);
	file->regular = S_ISREG(st.st_mode);
	if (!file->regular || !readable)
		return RESULT_OK;
	return read_tail(file, (uint64_t)st.st_size, fail);
}

enum result event_file_open(const char *path, struct event_file **out_file, struct fail *fail)
{
	struct event_file *file = calloc(1, sizeof *file);
	bool is_stdout = strcmp(path, "-") == 0;
	*out_file = NULL;
	if (file == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the event file");
	file->fd = is_stdout ? STDOUT_FILENO : -1;
	file->path = is_stdout ? NULL : strdup(path);
	enum result result = RESULT_OK;
	if (!is_stdout)
		result = file->path != NULL
				 ? open_path(file, fail)
				 : fail_set(fail, RESULT_MEMORY, "no memory for the event file");
	if (result != RESULT_OK) {
		event_file_close(&file);
		return result;
	}
	*out_file = file;
	return RESULT_OK;
}

static void forget_torn(struct event_file *file)
{
	free(file->torn);
	file->torn = NULL;
	file->torn_len = 0;
}

void event_file_close(struct event_file **file)
{
	struct event_file *f = *file;
	if (f == NULL)
		return;
	if (f->fd >= 0 && f->path != NULL)
		(void)close(f->fd);
	free(f->path);
	forget_torn(f);
	free(f);
	*file = NULL;
}

uint64_t event_file_last_seq(const struct event_file *file) { return file->last_seq; }

bool event_file_keeps(const struct event_file *file) { return file->regular; }

int event_file_fd(const struct event_file *file) { return file->fd; }

/* ---- writing ---- */

static const char *name_of(const struct event_file *file)
{
	return file->path != NULL ? file->path : "standard output";
}

/* Writes from *done on; *done tells how far it got. */
static enum result write_from(
	struct event_file *file, struct text bytes, size_t *done, struct fail *fail)
{
	while (*done < bytes.len) {
		ssize_t n = write(file->fd, bytes.data + *done, bytes.len - *done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_set_errno(
				fail, errno, "cannot write events to %s", name_of(file));
		*done += (size_t)n;
	}
	return RESULT_OK;
}

/* Before the first line: goes on with a torn line if it is this one's beginning, else ends it. */
static enum result mend(struct event_file *file, struct text lines, struct fail *fail)
{
	struct text torn = text_of_bytes(file->torn, file->torn_len);
	size_t done = 0;
	if (torn.len == 0)
		return RESULT_OK;
	if (text_starts(lines, torn)) {
		file->done = torn.len;
	} else {
		enum result result = write_from(file, TEXT("\n"), &done, fail);
		if (result != RESULT_OK)
			return result;
	}
	forget_torn(file);
	return RESULT_OK;
}

enum result event_file_write(struct event_file *file, struct text lines, struct fail *fail)
{
	if (lines.len == 0)
		return RESULT_OK;
	CHECK(lines.data[lines.len - 1] == '\n');
	enum result result = mend(file, lines, fail);
	if (result != RESULT_OK)
		return result;
	CHECK(file->done < lines.len);
	result = write_from(file, lines, &file->done, fail);
	if (result == RESULT_OK)
		file->done = 0;
	return result;
}

enum result event_file_sync(struct event_file *file, struct fail *fail)
{
	if (file->regular && fdatasync(file->fd) != 0)
		return fail_set_errno(fail, errno, "cannot sync the event file %s", name_of(file));
	return RESULT_OK;
}

enum result event_file_reopen(struct event_file *file, struct fail *fail)
{
	struct event_file *fresh;
	if (file->path == NULL)
		return RESULT_OK;
	/* A text of which a part is in the old file must be ended there. */
	CHECK(file->done == 0);
	enum result result = event_file_sync(file, fail);
	if (result == RESULT_OK)
		result = event_file_open(file->path, &fresh, fail);
	if (result != RESULT_OK)
		return result;
	struct event_file old = *file;
	*file = *fresh;
	*fresh = old;
	event_file_close(&fresh);
	return RESULT_OK;
}
