#include "bench/floor_files.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/io/clock.h"
#include "engine/io/file.h"

enum {
	FILE_NAME_BYTES = 32,
	/* A file that has grown is noticed. */
	READ_ROOM = 64,
};

static void name_of(uint64_t number, char out[FILE_NAME_BYTES])
{
	snprintf(out, FILE_NAME_BYTES, "%010llu.eml", (unsigned long long)number);
}

static enum result write_one(int dir, const struct floor_files_config *config, uint64_t number,
	struct fail *fail)
{
	char name[FILE_NAME_BYTES];
	int fd;
	name_of(number, name);
	enum result result = file_create(dir, name, &fd, fail);
	if (result != RESULT_OK)
		return result;
	result = file_write_all(fd, config->content.data, config->content.len, fail);
	if (result == RESULT_OK)
		result = file_sync(fd, false, fail);
	file_close(fd);
	return result;
}

static enum result read_one(int dir, uint64_t number, uint8_t *memory, size_t size, size_t expected,
	struct fail *fail)
{
	char name[FILE_NAME_BYTES];
	size_t len = 0;
	name_of(number, name);
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return fail_set_errno(fail, errno, "cannot open %s", name);
	for (;;) {
		ssize_t n = read(fd, memory + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || len + (size_t)n >= expected) {
			len += n > 0 ? (size_t)n : 0;
			break;
		}
		len += (size_t)n;
	}
	close(fd);
	if (len != expected)
		return fail_set(fail, RESULT_CHANGED, "%s has not the octets it was given", name);
	return RESULT_OK;
}

static enum result measure_reads(int dir, const struct floor_files_config *config,
	struct floor_files_round *round, struct fail *fail)
{
	size_t size = config->content.len + READ_ROOM;
	uint8_t *memory = malloc(size);
	enum result result = RESULT_OK;
	if (memory == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for a file");
	uint64_t wall = clock_now_ns(), cpu = clock_thread_cpu_ns();
	for (uint64_t i = 0; i < config->files && result == RESULT_OK; i++)
		result = read_one(dir, i, memory, size, config->content.len, fail);
	round->read_cpu_ns = clock_thread_cpu_ns() - cpu;
	round->read_wall_ns = clock_now_ns() - wall;
	free(memory);
	return result;
}

static enum result measure_unlinks(int dir, const struct floor_files_config *config,
	struct floor_files_round *round, struct fail *fail)
{
	char name[FILE_NAME_BYTES];
	uint64_t wall = clock_now_ns(), cpu = clock_thread_cpu_ns();
	for (uint64_t i = 0; i < config->files; i++) {
		name_of(i, name);
		if (unlinkat(dir, name, 0) != 0)
			return fail_set_errno(fail, errno, "cannot remove %s", name);
	}
	round->unlink_cpu_ns = clock_thread_cpu_ns() - cpu;
	round->unlink_wall_ns = clock_now_ns() - wall;
	return RESULT_OK;
}

static enum result run_round(int dir, const struct floor_files_config *config,
	struct floor_files_round *round, struct fail *fail)
{
	enum result result = RESULT_OK;
	uint64_t began = clock_now_ns();
	round->files = config->files;
	for (uint64_t i = 0; i < config->files && result == RESULT_OK; i++)
		result = write_one(dir, config, i, fail);
	round->write_wall_ns = clock_now_ns() - began;
	if (result == RESULT_OK)
		result = file_sync(dir, false, fail);
	if (result == RESULT_OK)
		result = measure_reads(dir, config, round, fail);
	if (result == RESULT_OK)
		result = measure_unlinks(dir, config, round, fail);
	return result;
}

/* What a failed round left behind. */
static void remove_files(int dir, uint64_t files)
{
	char name[FILE_NAME_BYTES];
	for (uint64_t i = 0; i < files; i++) {
		name_of(i, name);
		(void)unlinkat(dir, name, 0);
	}
}

static enum result run_rounds(int dir, const struct floor_files_config *config,
	struct floor_files_result *out_result, struct fail *fail)
{
	for (uint32_t i = 0; i < config->rounds; i++) {
		enum result result = run_round(dir, config, &out_result->rounds[i], fail);
		if (result != RESULT_OK) {
			remove_files(dir, config->files);
			return result;
		}
		out_result->rounds_count++;
	}
	return RESULT_OK;
}

enum result floor_files_run(const struct floor_files_config *config,
	struct floor_files_result *out_result, struct fail *fail)
{
	char name[64];
	int parent, dir;
	memset(out_result, 0, sizeof *out_result);
	enum result result = file_open_directory(AT_FDCWD, config->dir, &parent, fail);
	if (result != RESULT_OK)
		return result;
	snprintf(name, sizeof name, ".floor-%d", (int)getpid());
	if (mkdirat(parent, name, 0700) != 0) {
		file_close(parent);
		return fail_set_errno(fail, errno, "cannot make %s/%s", config->dir, name);
	}
	result = file_open_directory(parent, name, &dir, fail);
	if (result == RESULT_OK) {
		result = run_rounds(dir, config, out_result, fail);
		file_close(dir);
	}
	struct fail ignored;
	enum result removed = file_remove_directory(parent, name, result == RESULT_OK ? fail : &ignored);
	file_close(parent);
	return result != RESULT_OK ? result : removed;
}
