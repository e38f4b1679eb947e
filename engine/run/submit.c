#include "engine/run/submit.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/base/json_object.h"
#include "engine/io/file.h"
#include "engine/run/run.h"
#include "engine/run/spool_put.h"
#include "engine/run/submit_check.h"
#include "engine/run/submit_options.h"

enum {
	/* The file, what reading it again and again into larger memory left behind, and the line. */
	FILE_ARENA_BYTES_MAX = 4 * MESSAGE_BYTES_MAX,
	LINE_BYTES_MAX = 16 * 1024,
};

struct submit {
	struct arena arena;      /* options */
	struct arena file_arena; /* one file */
	struct submit_options options;
	struct option_list files;
	struct spool_put put;
	struct submit_found found; /* in the file at hand */
	int status;
	struct fail fail;
};

static enum result parse(struct submit *s, int argc, char *const *argv)
{
	enum result r = options_parse(
		&submit_option_table, &s->options, argc, argv, &s->arena, &s->files, &s->fail);
	if (r != RESULT_OK || s->options.help)
		return r;
	if (s->files.count == 0)
		return fail_set(
			&s->fail, RESULT_INVALID, "name at least one FILE (-: standard input)");
	const char *said = secure_getenv("LONGSHIP_SPOOL");
	if (*s->options.spool == '\0' && said != NULL)
		s->options.spool = said;
	if (*s->options.spool == '\0' && !s->options.check)
		return fail_set(&s->fail, RESULT_INVALID,
			"--spool DIR is needed, or LONGSHIP_SPOOL in the environment");
	return RESULT_OK;
}

/* ---- one file ---- */

static enum result read_file(struct submit *s, const char *path, struct text *out_file)
{
	if (strcmp(path, "-") == 0)
		return spool_put_read(STDIN_FILENO, &s->file_arena, out_file, &s->fail);
	int fd;
	enum result r = file_open_regular(AT_FDCWD, path, &fd, NULL, &s->fail);
	if (r == RESULT_OK) {
		r = spool_put_read(fd, &s->file_arena, out_file, &s->fail);
		file_close(fd);
	}
	return r;
}

static struct text base_name(const char *path)
{
	struct text name = text_of(path);
	size_t slash = text_find_last(name, '/');
	if (text_equal(name, TEXT("-")))
		return TEXT("stdin");
	return slash == TEXT_NONE ? name : text_skip(name, slash + 1);
}

/* A directory of a million lines is not copied: its writer composes it where it can be moved from. */
static enum result may_be_put(struct submit *s)
{
	if (s->options.check || s->found.kind != SUBMIT_JOB)
		return RESULT_OK;
	return fail_set(&s->fail, RESULT_UNAVAILABLE,
		"a job directory is moved, not copied: look at it with --check, then rename it from "
		"SPOOL/tmp to SPOOL/new");
}

/* Reads and checks it; `out_file` is only set for files. */
static enum result look_at(
	struct submit *s, const char *path, struct text *out_file, bool *out_is_read)
{
	enum file_type type;
	struct file_identity identity;
	bool is_stdin = strcmp(path, "-") == 0;
	*out_is_read = false;
	if (!is_stdin && file_look(AT_FDCWD, path, &type, &identity, NULL) == RESULT_OK &&
		type == FILE_TYPE_DIRECTORY) {
		*out_is_read = true;
		return submit_check_job(path, &s->found, &s->fail);
	}
	enum result r = read_file(s, path, out_file);
	*out_is_read = r == RESULT_OK || r == RESULT_TOO_LONG;
	return r == RESULT_OK ? submit_check_file(*out_file, &s->found, &s->fail) : r;
}

/* The exit status that this file alone would give. */
static int submit_file(
	struct submit *s, const char *path, char name[static FILE_NAME_BYTES_MAX + 1])
{
	struct text file = TEXT_EMPTY;
	bool is_read;
	name[0] = '\0';
	s->found = (struct submit_found){ .kind = SUBMIT_MESSAGE };
	enum result r = look_at(s, path, &file, &is_read);
	if (r == RESULT_OK)
		r = may_be_put(s);
	if (r != RESULT_OK)
		return is_read && r != RESULT_MEMORY ? RUN_EXIT_NO : RUN_EXIT_ARGUMENTS;
	if (s->options.check)
		return RUN_EXIT_DONE;
	r = spool_put_file(&s->put, base_name(path), file, name, &s->fail);
	return r == RESULT_OK ? RUN_EXIT_DONE : RUN_EXIT_NOT_WRITABLE;
}

static void print_json(const struct submit *s, const char *path, const char *name)
{
	const char *why = s->fail.text;
	char memory[LINE_BYTES_MAX];
	struct buf out;
	buf_init(&out, memory, sizeof memory);
	json_object_open(&out, NULL);
	json_object_put_text(&out, "file", text_cut_utf8(text_of(path), 1024));
	json_object_put_bool(&out, "taken", *why == '\0');
	json_object_put_text(&out, "name", text_of(name));
	json_object_put_text(&out, "reason", text_of(why));
	json_object_put_number(&out, "recipients_refused", s->found.refused);
	json_object_put_text(&out, "first_refused", text_of(s->found.first_refused.text));
	json_object_close(&out);
	CHECK(!out.overflow);
	printf("%.*s\n", TEXT_ARG(buf_text(&out)));
}

static void submit_one(struct submit *s, const char *path)
{
	char name[FILE_NAME_BYTES_MAX + 1];
	fail_clear(&s->fail);
	int status = submit_file(s, path, name);
	if (status > s->status)
		s->status = status;
	if (s->options.json)
		print_json(s, path, name);
	else if (status != RUN_EXIT_DONE)
		fprintf(stderr, "longship submit: %s: %s\n", path, s->fail.text);
	else
		printf("%s: %s\n", path, *name != '\0' ? name : "would be taken");
	if (!s->options.json && s->found.refused > 0)
		fprintf(stderr,
			"longship submit: %s: recipients that cannot be sent to: %llu; the first, "
			"%s\n",
			path, (unsigned long long)s->found.refused, s->found.first_refused.text);
	arena_reset(&s->file_arena);
}

/* ---- the command ---- */

static int submit(struct submit *s, int argc, char *const *argv)
{
	enum result r = parse(s, argc, argv);
	if (r == RESULT_OK && s->options.help) {
		options_print_help(&submit_option_table, stdout);
		return RUN_EXIT_DONE;
	}
	if (r == RESULT_OK && !s->options.check)
		r = spool_put_open(&s->put, s->options.spool, &s->fail);
	if (r != RESULT_OK) {
		fprintf(stderr, "longship submit: %s\n", s->fail.text);
		return RUN_EXIT_ARGUMENTS;
	}
	for (size_t i = 0; i < s->files.count && s->status != RUN_EXIT_NOT_WRITABLE; i++)
		submit_one(s, s->files.items[i]);
	if (fflush(stdout) != 0) {
		fputs("longship submit: cannot write to standard output\n", stderr);
		return RUN_EXIT_ARGUMENTS;
	}
	return s->status;
}

int run_submit(int argc, char *const *argv)
{
	struct submit s = { .put = { -1, -1, -1 } };
	arena_init(&s.arena, 16384, OPTIONS_ARENA_BYTES_MAX);
	arena_init(&s.file_arena, 65536, FILE_ARENA_BYTES_MAX);
	int status = submit(&s, argc, argv);
	spool_put_close(&s.put);
	arena_deinit(&s.file_arena);
	arena_deinit(&s.arena);
	return status;
}
