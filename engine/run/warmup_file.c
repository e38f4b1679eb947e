#include "engine/run/warmup_file.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include "engine/base/text.h"
#include "engine/io/file.h"
#include "engine/plan/warmup_counts.h"

static const char file_name[] = "warmup", new_name[] = "warmup.new";

void warmup_text_destroy(struct warmup_text *text)
{
	free(text->bytes);
	free(text);
}

static enum result open_state(const char *spool, int *out_fd, struct fail *fail)
{
	char state[4096];
	if (snprintf(state, sizeof state, "%s/state", spool) >= (int)sizeof state)
		return fail_set(fail, RESULT_TOO_LONG, "--spool: the path is too long");
	return file_open_directory(AT_FDCWD, state, out_fd, fail);
}

static enum result read_from(int dir_fd, struct warmup_counts *counts, struct fail *fail)
{
	struct file_identity identity;
	enum file_type type;
	size_t len;
	enum result r = file_look(dir_fd, file_name, &type, &identity, fail);
	if (r != RESULT_OK)
		return r;
	if (identity.bytes > WARMUP_FILE_BYTES_MAX)
		return fail_set(fail, RESULT_INVALID, "it is too long to be ours");
	char *text = malloc(identity.bytes + 2);
	if (text == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for it");
	r = file_read_small(dir_fd, file_name, text, identity.bytes + 2, &len, fail);
	if (r == RESULT_OK)
		r = warmup_counts_read(counts, text_of_bytes(text, len), fail);
	free(text);
	return r;
}

enum result warmup_file_read(const char *spool, struct warmup_counts *counts, struct fail *fail)
{
	int dir_fd;
	enum result r = open_state(spool, &dir_fd, fail);
	if (r == RESULT_OK) {
		r = read_from(dir_fd, counts, fail);
		file_close(dir_fd);
	}
	if (r == RESULT_OK || r == RESULT_NOT_FOUND) {
		fail_clear(fail);
		return RESULT_OK;
	}
	if (r == RESULT_INVALID)
		fail->result = RESULT_DAMAGED;
	return fail_prefix(fail, "%s/state/%s, with which warm-ups go on (without it they begin anew)", spool,
		file_name);
}

static enum result append(int dir_fd, const struct warmup_text *text, struct fail *fail)
{
	int fd;
	enum result r = file_open_append(dir_fd, file_name, &fd, fail);
	if (r != RESULT_OK)
		return r;
	r = file_write_all(fd, text->bytes, text->len, fail);
	if (r == RESULT_OK)
		r = file_sync(fd, true, fail);
	file_close(fd);
	return r;
}

enum result warmup_file_write(const char *spool, const struct warmup_text *text, struct fail *fail)
{
	int dir_fd;
	enum result r = open_state(spool, &dir_fd, fail);
	if (r != RESULT_OK)
		return r;
	const struct text all = text_of_bytes(text->bytes, text->len);
	r = text->is_all ? file_replace(dir_fd, file_name, new_name, &all, 1, fail)
			 : append(dir_fd, text, fail);
	file_close(dir_fd);
	return r;
}
