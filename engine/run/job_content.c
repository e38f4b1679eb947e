#include "engine/run/job_content.h"
#include <stdlib.h>
#include "engine/io/file_at.h"

enum {
	CHUNK_BYTES = 64 * 1024,
	ARENA_BYTES_MAX =
		TEMPLATE_ARENA_BYTES_MAX + TEMPLATE_BYTES_MAX + 16 * JOB_MANIFEST_BYTES_MAX,
	/* What values may add to a message: a dozen paragraphs, twice. */
	GROWTH_BYTES = 1024 * 1024,
};

static enum result read_whole(int dir_fd, const char *name, size_t max, struct arena *arena,
	struct text *out_text, struct fail *fail)
{
	int fd;
	size_t len = 0;
	struct file_identity identity;
	enum result r = file_open_regular(dir_fd, name, &fd, &identity, fail);
	if (r == RESULT_NOT_FOUND)
		return fail_set(fail, RESULT_INVALID, "a job without %s", name);
	if (r != RESULT_OK)
		return r;
	if (identity.bytes > max)
		r = fail_set(fail, RESULT_INVALID, "%s: larger than %zu octets", name, max);
	char *data = r == RESULT_OK ? arena_alloc(arena, (size_t)identity.bytes + 1) : NULL;
	if (r == RESULT_OK && data == NULL)
		r = fail_set(fail, RESULT_MEMORY, "no memory for %s", name);
	if (r == RESULT_OK)
		r = file_read_at(fd, 0, data, (size_t)identity.bytes, &len, fail);
	file_close(fd);
	*out_text = (struct text){ data, len };
	return r;
}

static enum result read_all(int dir_fd, struct job_content *c, struct fail *fail)
{
	struct text json, template_file;
	enum result r =
		read_whole(dir_fd, "manifest.json", JOB_MANIFEST_BYTES_MAX, &c->arena, &json, fail);
	if (r == RESULT_OK)
		r = job_manifest_parse(json, &c->arena, &c->manifest, fail);
	if (r == RESULT_OK)
		r = read_whole(dir_fd, "template.eml", TEMPLATE_BYTES_MAX, &c->arena,
			&template_file, fail);
	if (r != RESULT_OK)
		return r;
	c->template_bytes = template_file.len;
	/* base64 makes a third more of it, CRLF some, quoted-printable three times as much at worst. */
	c->message_bytes_max = 3 * template_file.len + GROWTH_BYTES;
	r = job_prepare(&c->job, &c->manifest, template_file, &c->arena, fail);
	return r == RESULT_LIMIT || r == RESULT_TOO_LONG
		       ? fail_set(fail, RESULT_INVALID, "%s", fail->text)
		       : r;
}

enum result job_content_read(int dir_fd, struct job_content **out_content, struct fail *fail)
{
	*out_content = calloc(1, sizeof **out_content);
	if (*out_content == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for a job");
	arena_init(&(*out_content)->arena, CHUNK_BYTES, ARENA_BYTES_MAX);
	enum result r = read_all(dir_fd, *out_content, fail);
	if (r == RESULT_OK)
		return r;
	job_content_destroy(*out_content);
	*out_content = NULL;
	return r;
}

void job_content_destroy(struct job_content *content)
{
	if (content == NULL)
		return;
	arena_deinit(&content->arena);
	free(content);
}
