/* A fixed number of objects of one size, all memory taken at start. An empty slab is normal: the
 * caller waits or refuses, and it is counted. Objects keep their address and their index. Released
 * objects are poisoned in sanitizer builds; releasing twice or a foreign pointer fails a check.
 * One thread. Untouched objects cost no memory: pages come with the first use. */
#ifndef ENGINE_BASE_SLAB_H
#define ENGINE_BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/result.h"

struct slab {
	uint8_t *memory;     /* count * object_bytes, from mmap */
	uint32_t *next_free; /* per object: the next free one, or that it is in use */
	size_t object_bytes; /* rounded up to a cache line */
	size_t memory_bytes;
	uint32_t count;
	uint32_t in_use;
	uint32_t first_free;  /* last released, first used again: its memory is warm */
	uint32_t touched;     /* objects from here on were never used */
	uint64_t empty_count; /* how often acquire found nothing */
};

/* RESULT_MEMORY if the memory cannot be had. */
MUST_USE enum result slab_init(struct slab *slab, size_t object_bytes, size_t count);
/* All objects must have been released. */
void slab_deinit(struct slab *slab);

/* Contents are undefined (zero when never used before); NULL when all are in use. */
void *slab_acquire(struct slab *slab);
void slab_release(struct slab *slab, void *object);

static inline uint32_t slab_in_use(const struct slab *slab) { return slab->in_use; }
uint32_t slab_index(const struct slab *slab, const void *object);
/* The object at the index, or NULL if it is not in use. To walk: for (i = 0; i < slab->touched;
 * i++) */
void *slab_at(const struct slab *slab, uint32_t index);

#endif
