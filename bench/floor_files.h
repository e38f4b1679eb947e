/* The other denominator of DESIGN 6: what the file system costs for one file per message, and nothing
 * else: open, read, close, unlink of files that were written and fsynced before. */
#ifndef BENCH_FLOOR_FILES_H
#define BENCH_FLOOR_FILES_H

#include <stdint.h>
#include "bench/floor_client.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

struct floor_files_config {
	const char *dir;       /* on the file system in question; a folder is made in it and removed */
	uint64_t files;        /* of one round */
	uint32_t rounds;
	struct text content;   /* of every file */
};

struct floor_files_round {
	uint64_t files;
	uint64_t write_wall_ns;              /* create, write, fsync, rename: not a part of the cost */
	uint64_t read_cpu_ns, unlink_cpu_ns; /* open, read, close; unlink: of the thread */
	uint64_t read_wall_ns, unlink_wall_ns;
};

struct floor_files_result {
	struct floor_files_round rounds[FLOOR_ROUNDS_MAX];
	uint32_t rounds_count;
};

/* RESULT_NO_SPACE, RESULT_FORBIDDEN, RESULT_NOT_FOUND, RESULT_IO. */
MUST_USE enum result floor_files_run(const struct floor_files_config *config,
	struct floor_files_result *out_result, struct fail *fail);

#endif
