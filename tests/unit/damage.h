/* Damage to a file of a test: the last octet of these words is changed wherever they stand in it, since old
 * pages of a database have them as well. */
#ifndef TESTS_UNIT_DAMAGE_H
#define TESTS_UNIT_DAMAGE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "tests/unit/unit.h"

static inline void damage_octets(const char *path, const char *words, size_t len)
{
	FILE *file = fopen(path, "r+");
	struct stat st;
	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &st), 0);
	size_t size = (size_t)st.st_size, times = 0;
	char *data = malloc(size + 1);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, size, file), size);
	for (size_t at = 0; at + len <= size; at++)
		if (memcmp(data + at, words, len) == 0) {
			data[at + len - 1] ^= 1;
			times++;
		}
	rewind(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	free(data);
	assert_true(times > 0);
}

static inline void damage_file(const char *path, const char *words)
{
	damage_octets(path, words, strlen(words));
}

#endif
