#include "tests/unit/engine/run/command_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/base/check.h"

/* Sends a stream into a file without a name; returns the descriptor that it had. */
static int divert(FILE *stream, FILE *to)
{
	fflush(stream);
	int kept = dup(fileno(stream));
	CHECK(kept >= 0);
	CHECK(dup2(fileno(to), fileno(stream)) >= 0);
	return kept;
}

static void restore(FILE *stream, int kept, FILE *from, char *out)
{
	fflush(stream);
	CHECK(dup2(kept, fileno(stream)) >= 0);
	close(kept);
	rewind(from);
	size_t len = fread(out, 1, COMMAND_OUTPUT_SIZE - 1, from);
	out[len] = '\0';
	fclose(from);
}

void command_run(
	int (*run)(int argc, char *const *argv), const char *const *words, struct command_result *result)
{
	char *argv[COMMAND_WORDS_MAX + 2] = { strdup("command") };
	int argc = 1;
	for (; *words != NULL; words++) {
		CHECK(argc <= COMMAND_WORDS_MAX);
		argv[argc++] = strdup(*words);
	}
	FILE *out = tmpfile(), *err = tmpfile();
	CHECK(out != NULL && err != NULL);
	int kept_out = divert(stdout, out), kept_err = divert(stderr, err);
	result->status = run(argc, argv);
	restore(stderr, kept_err, err, result->err);
	restore(stdout, kept_out, out, result->out);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
}
