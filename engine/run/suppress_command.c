#include "engine/run/suppress_command.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/base/json_object.h"
#include "engine/base/time_text.h"
#include "engine/io/clock.h"
#include "engine/io/file.h"
#include "engine/mail/encoded_word.h"
#include "engine/mail/suppress_line.h"
#include "engine/run/run.h"
#include "engine/run/suppress_import.h"
#include "engine/run/suppress_options.h"
#include "store/suppress.h"

enum {
	US_PER_S = 1000000,
	LINE_BYTES_MAX = 4096, /* an address and a reason, every octet escaped */
};

enum action { ACTION_ADD, ACTION_DEL, ACTION_IMPORT, ACTION_LIST, ACTIONS };

struct suppress_command {
	struct arena arena;
	struct suppress_options options;
	struct option_list words; /* the first is the action */
	enum action action;
	struct suppress *suppress;
	int status;
	struct fail fail;
};

static const char *const action_names[] = {
	[ACTION_ADD] = "add",
	[ACTION_DEL] = "del",
	[ACTION_IMPORT] = "import",
	[ACTION_LIST] = "list",
};

/* ---- arguments ---- */

static enum result parse(struct suppress_command *c, int argc, char *const *argv)
{
	enum result r = options_parse(
		&suppress_option_table, &c->options, argc, argv, &c->arena, &c->words, &c->fail);
	if (r != RESULT_OK || c->options.help)
		return r;
	while (c->words.count > 0 && c->action < ACTIONS &&
		strcmp(c->words.items[0], action_names[c->action]) != 0)
		c->action++;
	if (c->words.count == 0 || c->action == ACTIONS)
		return fail_set(&c->fail, RESULT_INVALID,
			"add ADDRESS, del ADDRESS, import FILE or list must stand behind the name");
	if (c->words.count == 1 && c->action != ACTION_LIST)
		return fail_set(&c->fail, RESULT_INVALID, "%s needs at least one %s",
			action_names[c->action], c->action == ACTION_IMPORT ? "FILE" : "ADDRESS");
	struct text reason = text_of(c->options.reason);
	if (reason.len > SUPPRESS_REASON_MAX || !encoded_word_may_hold(reason))
		return fail_set(&c->fail, RESULT_INVALID,
			"--reason must be printable UTF-8 of at most %d octets",
			SUPPRESS_REASON_MAX);
	const char *said = secure_getenv("LONGSHIP_SPOOL");
	if (*c->options.spool == '\0' && said != NULL)
		c->options.spool = said;
	if (*c->options.spool == '\0')
		return fail_set(&c->fail, RESULT_INVALID,
			"--spool DIR is needed, or LONGSHIP_SPOOL in the environment");
	return RESULT_OK;
}

/* ---- what is printed ---- */

static void print_change(const struct suppress_command *c, struct text address, bool changed)
{
	char memory[LINE_BYTES_MAX];
	struct buf out;
	if (!c->options.json)
		return; /* what did not change is told as an error */
	buf_init(&out, memory, sizeof memory);
	json_object_open(&out, NULL);
	json_object_put_text(&out, "address", address);
	json_object_put_bool(&out, c->action == ACTION_ADD ? "added" : "deleted", changed);
	json_object_close(&out);
	CHECK(!out.overflow);
	printf("%.*s\n", TEXT_ARG(buf_text(&out)));
}

static enum result print_entry(const struct suppress_entry *entry, void *context)
{
	struct suppress_command *c = context;
	char memory[LINE_BYTES_MAX], time_memory[TIME_TEXT_RFC3339_LEN + 1];
	struct buf out, time;
	buf_init(&out, memory, sizeof memory);
	buf_init(&time, time_memory, sizeof time_memory);
	time_text_put_rfc3339(&time, entry->time_unix_s * US_PER_S);
	if (c->options.json) {
		json_object_open(&out, NULL);
		json_object_put_text(&out, "address", entry->address);
		json_object_put_text(&out, "time", buf_text(&time));
		json_object_put_text(&out, "reason", entry->reason);
		json_object_put_bool(&out, "automatic", suppress_is_automatic(entry));
		json_object_close(&out);
	} else { /* what import reads */
		buf_put_text(&out, entry->address);
		buf_put_u8(&out, '\t');
		buf_put_text(&out, buf_text(&time));
		buf_put_u8(&out, '\t');
		buf_put_text(&out, entry->reason);
	}
	buf_put_u8(&out, '\n');
	CHECK(!out.overflow);
	if (fwrite(out.data, 1, out.len, stdout) != out.len)
		return fail_set(&c->fail, RESULT_IO, "cannot write to standard output");
	return RESULT_OK;
}

/* ---- the actions ---- */

static enum result add_or_delete(struct suppress_command *c, const struct suppress_line *line)
{
	struct text address = { line->key, line->key_len };
	const struct suppress_entry entry = {
		.address = address,
		.reason = text_of(c->options.reason),
		.time_unix_s = clock_wall_us() / US_PER_S,
	};
	bool changed;
	enum result r = c->action == ACTION_ADD
				? suppress_put(c->suppress, &entry, &changed, &c->fail)
				: suppress_delete(c->suppress, address, &changed, &c->fail);
	if (r != RESULT_OK)
		return r;
	if (!changed && c->action == ACTION_DEL) {
		c->status = RUN_EXIT_NO;
		fprintf(stderr, "longship suppress: %.*s is not on the list\n", TEXT_ARG(address));
	}
	print_change(c, address, changed);
	return RESULT_OK;
}

static enum result show(struct suppress_command *c, const struct suppress_line *line)
{
	struct text address = { line->key, line->key_len };
	struct suppress_entry entry;
	enum result r = suppress_find(c->suppress, address, &entry, &c->fail);
	if (r == RESULT_OK)
		return print_entry(&entry, c);
	if (r != RESULT_NOT_FOUND)
		return r;
	c->status = RUN_EXIT_NO;
	fprintf(stderr, "longship suppress: %.*s is not on the list\n", TEXT_ARG(address));
	return RESULT_OK;
}

/* All addresses are looked at before anything is changed. */
static enum result for_each_address(struct suppress_command *c)
{
	struct suppress_line line;
	for (size_t i = 1; i < c->words.count; i++)
		if (suppress_line_parse_address(text_of(c->words.items[i]), &line, &c->fail) !=
			RESULT_OK)
			return RESULT_INVALID;
	enum result r = RESULT_OK;
	for (size_t i = 1; i < c->words.count && r == RESULT_OK; i++) {
		r = suppress_line_parse_address(text_of(c->words.items[i]), &line, &c->fail);
		CHECK(r == RESULT_OK);
		r = c->action == ACTION_LIST ? show(c, &line) : add_or_delete(c, &line);
	}
	return r == RESULT_OK ? suppress_commit(c->suppress, &c->fail) : r;
}

static enum result import_file(struct suppress_import *import, struct fail *fail)
{
	int fd = STDIN_FILENO;
	bool is_stdin = strcmp(import->name, "-") == 0;
	if (!is_stdin && file_open_regular(AT_FDCWD, import->name, &fd, NULL, fail) != RESULT_OK)
		return RESULT_INVALID;
	enum result r = suppress_import_fd(import, fd, fail);
	if (!is_stdin)
		file_close(fd);
	return r;
}

static enum result import_files(struct suppress_command *c)
{
	struct suppress_import import = {
		.suppress = c->suppress,
		.reason = text_of(c->options.reason),
		.now_unix_s = clock_wall_us() / US_PER_S,
	};
	enum result r = RESULT_OK;
	for (size_t i = 1; i < c->words.count && r == RESULT_OK; i++) {
		import.name = c->words.items[i];
		import.lines = 0;
		r = import_file(&import, &c->fail);
	}
	printf(c->options.json ? "{\"added\":%llu,\"known\":%llu,\"refused\":%llu}\n"
			       : "%llu added, %llu were on the list, %llu lines refused\n",
		(unsigned long long)import.added, (unsigned long long)import.known,
		(unsigned long long)import.refused);
	if (import.refused > 0)
		c->status = RUN_EXIT_NO;
	return r;
}

static enum result act(struct suppress_command *c)
{
	if (c->action == ACTION_IMPORT)
		return import_files(c);
	if (c->action == ACTION_LIST && c->words.count == 1)
		return suppress_walk(c->suppress, print_entry, c, &c->fail);
	return for_each_address(c);
}

/* ---- the command ---- */

/* Without a list nobody is on it: list says so, and makes none. */
static enum result open_list(struct suppress_command *c, bool *out_there)
{
	struct text state = arena_printf(&c->arena, "%s/state", c->options.spool);
	int fd;
	*out_there = false;
	if (state.data == NULL)
		return fail_set(&c->fail, RESULT_MEMORY, "out of memory");
	enum result r = file_open_directory(AT_FDCWD, state.data, &fd, &c->fail);
	if (r == RESULT_NOT_FOUND || r == RESULT_INVALID)
		return fail_set(&c->fail, RESULT_INVALID,
			"%s is no spool: longship send --spool makes one", c->options.spool);
	if (r != RESULT_OK)
		return r;
	file_close(fd);
	r = suppress_open(state.data, c->action != ACTION_LIST, &c->suppress, &c->fail);
	*out_there = r == RESULT_OK;
	if (r == RESULT_NOT_FOUND && c->words.count > 1) {
		(void)fail_set(&c->fail, RESULT_NOT_FOUND, "nobody is on the list");
		c->status = RUN_EXIT_NO;
	}
	return r == RESULT_NOT_FOUND && c->words.count == 1 ? RESULT_OK : r;
}

static int suppress(struct suppress_command *c, int argc, char *const *argv)
{
	bool is_there = false;
	enum result r = parse(c, argc, argv);
	if (r == RESULT_OK && c->options.help) {
		options_print_help(&suppress_option_table, stdout);
		return RUN_EXIT_DONE;
	}
	if (r == RESULT_OK)
		r = open_list(c, &is_there);
	if (r == RESULT_OK && is_there)
		r = act(c);
	if (r == RESULT_OK && fflush(stdout) != 0)
		r = fail_set(&c->fail, RESULT_IO, "cannot write to standard output");
	if (r == RESULT_OK)
		return c->status;
	fprintf(stderr, "longship suppress: %s\n", c->fail.text);
	if (r == RESULT_NOT_FOUND && c->status == RUN_EXIT_NO)
		return RUN_EXIT_NO;
	return r == RESULT_INVALID ? RUN_EXIT_ARGUMENTS : RUN_EXIT_NOT_WRITABLE;
}

int run_suppress(int argc, char *const *argv)
{
	struct suppress_command c = { .action = ACTION_ADD };
	arena_init(&c.arena, 16384, OPTIONS_ARENA_BYTES_MAX);
	int status = suppress(&c, argc, argv);
	suppress_close(&c.suppress);
	arena_deinit(&c.arena);
	return status;
}
