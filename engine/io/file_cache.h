/* What was read lately of files that do not change, block by block, for a thread that reads a few octets at
 * many places that lie near each other: a call costs more than what it brings.
 *
 * One slot for each remainder of the number of a block; whoever comes later has it. A block at the end of a
 * file, which may grow, is never kept. Not for several threads. */
#ifndef ENGINE_IO_FILE_CACHE_H
#define ENGINE_IO_FILE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/io/file.h"

struct file_cache_slot {
	bool is_there;
	int fd;
	uint64_t block;
};

struct file_cache {
	struct file_cache_slot *slots;
	uint8_t *blocks;
	uint32_t slots_count;
	size_t block_bytes;
};

/* Memory is touched as blocks are read. RESULT_MEMORY. */
MUST_USE enum result file_cache_init(
	struct file_cache *cache, uint32_t slots_count, size_t block_bytes);
/* Also one that is all zero. */
void file_cache_deinit(struct file_cache *cache);

/* As file_read_at(). */
MUST_USE enum result file_cache_read_at(struct file_cache *cache, int fd, uint64_t at, void *out,
	size_t size, size_t *out_len, struct fail *fail);
/* Before the descriptor is closed: its number may come back for another file. */
void file_cache_forget(struct file_cache *cache, int fd);

#endif
