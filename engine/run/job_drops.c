#include "engine/run/job_drops.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/io/file.h"

enum { HEAD_BYTES = 64, LINE_BYTES = 300 };

static size_t put_head(char out[static HEAD_BYTES], const uint64_t identity[2])
{
	return (size_t)snprintf(
		out, HEAD_BYTES, "job %016" PRIx64 "%016" PRIx64 "\n", identity[0], identity[1]);
}

/* ---- reading ---- */

static bool is_rule(struct text line)
{
	return text_equal(line, TEXT("all")) ||
	       (text_starts(line, TEXT("domain ")) && line.len > strlen("domain "));
}

static enum result parse(
	struct job_drops *drops, struct text file, const uint64_t identity[2], struct fail *fail)
{
	char head[HEAD_BYTES];
	struct text line, all = file;
	size_t head_len = put_head(head, identity);
	if (!text_starts(file, TEXT("job ")) || file.data[file.len - 1] != '\n')
		return fail_set(fail, RESULT_DAMAGED, "the file '" JOB_DROPS_NAME "' is damaged");
	if (!text_starts(file, text_of_bytes(head, head_len)))
		return RESULT_OK;
	file = text_skip(file, head_len);
	drops->lines_len = file.len;
	memmove(drops->lines, file.data, file.len);
	all = text_of_bytes(drops->lines, drops->lines_len);
	while (all.len > 0 && text_split(&all, '\n', &line)) {
		if (line.len > 0 && !is_rule(line))
			return fail_set(fail, RESULT_DAMAGED,
				"the file '" JOB_DROPS_NAME "' has a line that is no rule");
		drops->is_all |= text_equal(line, TEXT("all"));
	}
	return RESULT_OK;
}

enum result job_drops_read(
	int state_fd, const uint64_t identity[2], struct job_drops *out_drops, struct fail *fail)
{
	size_t len = 0;
	*out_drops = (struct job_drops){ .lines = malloc(JOB_DROPS_BYTES_MAX + 1) };
	if (out_drops->lines == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for what was dropped of a job");
	enum result r = file_read_small(
		state_fd, JOB_DROPS_NAME, out_drops->lines, JOB_DROPS_BYTES_MAX + 1, &len, fail);
	if (r == RESULT_NOT_FOUND) {
		fail_clear(fail);
		r = RESULT_OK;
	} else if (r == RESULT_OK) {
		r = len > 0 ? parse(out_drops, text_of_bytes(out_drops->lines, len), identity, fail)
			    : fail_set(fail, RESULT_DAMAGED,
				      "the file '" JOB_DROPS_NAME "' is empty");
	}
	char *lines = NULL;
	if (r == RESULT_OK && out_drops->lines_len > 0)
		lines = realloc(out_drops->lines, out_drops->lines_len);
	if (lines != NULL)
		out_drops->lines = lines;
	else if (r != RESULT_OK || out_drops->lines_len == 0)
		job_drops_end(out_drops);
	return r;
}

static bool has_line(const struct job_drops *drops, struct text wanted)
{
	struct text all = text_of_bytes(drops->lines, drops->lines_len), line;
	while (all.len > 0 && text_split(&all, '\n', &line))
		if (text_equal(line, wanted))
			return true;
	return false;
}

bool job_drops_have(const struct job_drops *drops, struct text domain)
{
	char memory[LINE_BYTES];
	int len = snprintf(memory, sizeof memory, "domain %.*s", TEXT_ARG(domain));
	return drops->is_all || (domain.len > 0 && len < LINE_BYTES &&
					has_line(drops, text_of_bytes(memory, (size_t)len)));
}

/* ---- writing ---- */

static enum result write_file(
	int state_fd, const uint64_t identity[2], const char *lines, size_t len, struct fail *fail)
{
	char head[HEAD_BYTES];
	const struct text parts[] = { text_of_bytes(head, put_head(head, identity)),
		text_of_bytes(lines, len) };
	return file_replace(state_fd, JOB_DROPS_NAME, JOB_DROPS_NEW_NAME, parts, COUNT_OF(parts), fail);
}

enum result job_drops_add(struct job_drops *drops, int state_fd, const uint64_t identity[2],
	struct text domain, struct fail *fail)
{
	char line[LINE_BYTES];
	bool is_all = domain.len == 0;
	if (drops->is_all || (!is_all && job_drops_have(drops, domain)))
		return RESULT_OK;
	int len = is_all ? snprintf(line, sizeof line, "all\n")
			 : snprintf(line, sizeof line, "domain %.*s\n", TEXT_ARG(domain));
	if (len >= LINE_BYTES || drops->lines_len + (size_t)len + HEAD_BYTES > JOB_DROPS_BYTES_MAX)
		return fail_set(fail, RESULT_LIMIT,
			"too many domains of one job are dropped: drop the whole job");
	char *lines = malloc(drops->lines_len + (size_t)len);
	if (lines == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for what is dropped of a job");
	if (drops->lines_len > 0)
		memcpy(lines, drops->lines, drops->lines_len);
	memcpy(lines + drops->lines_len, line, (size_t)len);
	enum result r = write_file(state_fd, identity, lines, drops->lines_len + (size_t)len, fail);
	if (r != RESULT_OK) {
		free(lines);
		return r;
	}
	free(drops->lines);
	drops->lines = lines;
	drops->lines_len += (size_t)len;
	drops->is_all |= is_all;
	return RESULT_OK;
}

void job_drops_end(struct job_drops *drops)
{
	free(drops->lines);
	*drops = (struct job_drops){ 0 };
}
