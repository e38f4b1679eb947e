#include "store/event_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
	if (text_find(line, '"') == TEXT_NONE || !text_to_u64(text_cut(line, text_find(line, '"')), &seq))
		return 0;
	return seq;
}

/* ---- the tail of what is there ---- */

static enum result read_at(const struct event_file *file, uint8_t *data, size_t len, uint64_t offset,
	struct fail *fail)
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
		seq = event_file_seq_of_line(start == TEXT_NONE ? before : text_skip(before, start + 1));
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
	/* For reading too, because of the tail; a pipe that is opened like this does not wait for a
	 * reader. */
	file->fd = open(file->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
	if (file->fd < 0 && errno == EACCES)
		file->fd = open(file->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
	if (file->fd < 0)
		return fail_set_errno(fail, errno, "cannot open the event file %s", file->path);
	if (fstat(file->fd, &st) != 0)
		return fail_set_errno(fail, errno, "cannot look at the event file %s", file->path);
	if (S_ISDIR(st.st_mode))
		return fail_set(fail, RESULT_INVALID, "%s is a directory", file->path);
	file->regular = S_ISREG(st.st_mode);
	return file->regular ? read_tail(file, (uint64_t)st.st_size, fail) : RESULT_OK;
}

enum result event_file_open(struct event_file *out_file, const char *path, struct fail *fail)
{
	*out_file = (struct event_file){ .fd = -1, .memory = malloc(EVENT_FILE_BUFFER_BYTES) };
	bool is_stdout = strcmp(path, "-") == 0;
	out_file->path = is_stdout ? NULL : strdup(path);
	if (out_file->memory == NULL || (!is_stdout && out_file->path == NULL)) {
		event_file_close(out_file);
		return fail_set(fail, RESULT_MEMORY, "no memory for the event file");
	}
	buf_init(&out_file->buf, out_file->memory, EVENT_FILE_BUFFER_BYTES);
	if (is_stdout) {
		out_file->fd = STDOUT_FILENO;
		return RESULT_OK;
	}
	enum result result = open_path(out_file, fail);
	if (result != RESULT_OK)
		event_file_close(out_file);
	return result;
}

static void forget_torn(struct event_file *file)
{
	free(file->torn);
	file->torn = NULL;
	file->torn_len = 0;
}

void event_file_close(struct event_file *file)
{
	if (file->fd >= 0 && file->path != NULL)
		(void)close(file->fd);
	file->fd = -1;
	free(file->path);
	free(file->memory);
	forget_torn(file);
	file->path = NULL;
	file->memory = NULL;
	buf_init(&file->buf, NULL, 0);
}

/* ---- writing ---- */

static const char *name_of(const struct event_file *file)
{
	return file->path != NULL ? file->path : "standard output";
}

enum result event_file_flush(struct event_file *file, struct fail *fail)
{
	size_t done = 0;
	enum result result = RESULT_OK;
	while (done < file->buf.len && result == RESULT_OK) {
		ssize_t n = write(file->fd, file->buf.data + done, file->buf.len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			result = fail_set_errno(fail, errno, "cannot write events to %s", name_of(file));
		else
			done += (size_t)n;
	}
	buf_discard(&file->buf, done);
	return result;
}

/* What the first line after opening must do with a torn line before it: go on with it, if it is its
 * own beginning, or end it. Returns what of the line is left to be written. */
static struct text mend(struct event_file *file, struct text line)
{
	struct text torn = text_of_bytes(file->torn, file->torn_len);
	if (torn.len == 0)
		return line;
	bool same = text_starts(line, torn);
	forget_torn(file);
	if (same)
		return text_skip(line, torn.len);
	buf_put_u8(&file->buf, '\n');
	return line;
}

enum result event_file_append(
	struct event_file *file, uint64_t seq, struct text line, struct fail *fail)
{
	CHECK(line.len > 0 && line.len <= EVENT_LINE_BYTES_MAX);
	CHECK(line.data[line.len - 1] == '\n');
	CHECK(seq == 0 || seq > file->last_seq);
	if (line.len + 1 > buf_room(&file->buf)) {
		enum result result = event_file_flush(file, fail);
		if (result != RESULT_OK)
			return result;
	}
	buf_put_text(&file->buf, mend(file, line));
	CHECK(!file->buf.overflow);
	if (seq != 0)
		file->last_seq = seq;
	return RESULT_OK;
}

enum result event_file_append_missing(
	struct event_file *file, uint64_t seq, struct text line, struct fail *fail)
{
	CHECK(seq != 0);
	return seq <= file->last_seq ? RESULT_OK : event_file_append(file, seq, line, fail);
}

enum result event_file_sync(struct event_file *file, struct fail *fail)
{
	enum result result = event_file_flush(file, fail);
	if (result != RESULT_OK || !file->regular)
		return result;
	if (fdatasync(file->fd) != 0)
		return fail_set_errno(fail, errno, "cannot sync the event file %s", name_of(file));
	return RESULT_OK;
}

enum result event_file_reopen(struct event_file *file, struct fail *fail)
{
	if (file->path == NULL)
		return event_file_flush(file, fail);
	enum result result = event_file_sync(file, fail);
	if (result != RESULT_OK)
		return result;
	struct event_file fresh;
	result = event_file_open(&fresh, file->path, fail);
	if (result != RESULT_OK)
		return result;
	/* The numbers go on, whatever the new file says. */
	if (fresh.last_seq < file->last_seq)
		fresh.last_seq = file->last_seq;
	event_file_close(file);
	*file = fresh;
	return RESULT_OK;
}
