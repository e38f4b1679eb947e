/* Runs a command of longship inside the test and keeps what it printed. */
#ifndef TESTS_UNIT_ENGINE_RUN_COMMAND_TEST_H
#define TESTS_UNIT_ENGINE_RUN_COMMAND_TEST_H

enum { COMMAND_OUTPUT_SIZE = 64 * 1024, COMMAND_WORDS_MAX = 160 };

struct command_result {
	int status;
	char out[COMMAND_OUTPUT_SIZE], err[COMMAND_OUTPUT_SIZE];
};

/* `words` stand behind the command's name and end with NULL. */
void command_run(
	int (*run)(int argc, char *const *argv), const char *const *words, struct command_result *result);

#define COMMAND(run, result, ...) command_run(run, (const char *const[]){ __VA_ARGS__, NULL }, result)

#endif
