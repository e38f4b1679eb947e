/* A folder of its own for a test on the real disk, taken away at the end. */
#ifndef TESTS_UNIT_STORE_TEMP_FOLDER_H
#define TESTS_UNIT_STORE_TEMP_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/unit/unit.h"

enum { TEMP_PATH_SIZE = 256 };

static char temp_folder[] = "/tmp/longship_test_store.XXXXXX";

static inline int temp_folder_make(void **state)
{
	(void)state;
	(void)snprintf(temp_folder, sizeof temp_folder, "/tmp/longship_test_store.XXXXXX");
	return mkdtemp(temp_folder) == NULL;
}

static inline int temp_folder_remove(void **state)
{
	char command[sizeof temp_folder + 16];
	(void)state;
	(void)snprintf(command, sizeof command, "rm -rf %s", temp_folder);
	return system(command);
}

static inline const char *temp_path(const char *name)
{
	static char path[TEMP_PATH_SIZE];
	(void)snprintf(path, sizeof path, "%s/%s", temp_folder, name);
	return path;
}

static inline void temp_write(const char *name, const char *mode, const char *text, size_t len)
{
	FILE *out = fopen(temp_path(name), mode);
	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

/* The whole file, terminated; to be freed. */
static inline char *temp_read(const char *name)
{
	struct stat st;
	FILE *in = fopen(temp_path(name), "r");
	assert_non_null(in);
	assert_int_equal(fstat(fileno(in), &st), 0);
	char *text = calloc(1, (size_t)st.st_size + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)st.st_size, in), st.st_size);
	assert_int_equal(fclose(in), 0);
	return text;
}

#endif
