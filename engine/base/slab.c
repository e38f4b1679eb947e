#include "engine/base/slab.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "engine/base/poison.h"

enum {
	CACHE_LINE_BYTES = 64,
};
/* Instead of the index of the next free object. */
#define SLAB_NONE   UINT32_MAX       /* the last of the free ones */
#define SLAB_IN_USE (UINT32_MAX - 1) /* not free */

enum result slab_init(struct slab *slab, size_t object_bytes, size_t count)
{
	CHECK(object_bytes > 0 && object_bytes < SIZE_MAX / 2);
	CHECK(count > 0 && count < SLAB_IN_USE);
	*slab = (struct slab){ .count = (uint32_t)count, .first_free = SLAB_NONE };
	slab->object_bytes =
		(object_bytes + CACHE_LINE_BYTES - 1) & ~(size_t)(CACHE_LINE_BYTES - 1);
	if (__builtin_mul_overflow(slab->object_bytes, count, &slab->memory_bytes))
		return RESULT_MEMORY;
	/* The kernel gives zeroed pages on first touch; calloc of this size does the same. */
	slab->next_free = calloc(count, sizeof *slab->next_free);
	if (slab->next_free == NULL)
		return RESULT_MEMORY;
	void *memory = mmap(NULL, slab->memory_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) {
		free(slab->next_free);
		return RESULT_MEMORY;
	}
	slab->memory = memory;
	return RESULT_OK;
}

void slab_deinit(struct slab *slab)
{
	CHECK(slab->in_use == 0);
	if (slab->memory != NULL) {
		memory_unpoison(slab->memory, slab->memory_bytes);
		CHECK(munmap(slab->memory, slab->memory_bytes) == 0);
	}
	free(slab->next_free);
	*slab = (struct slab){ .first_free = SLAB_NONE };
}

void *slab_acquire(struct slab *slab)
{
	uint32_t index = slab->first_free;
	if (index != SLAB_NONE) {
		slab->first_free = slab->next_free[index];
	} else if (slab->touched < slab->count) {
		index = slab->touched++;
	} else {
		slab->empty_count++;
		return NULL;
	}
	slab->next_free[index] = SLAB_IN_USE;
	slab->in_use++;
	void *object = slab->memory + index * slab->object_bytes;
	memory_unpoison(object, slab->object_bytes);
	return object;
}

uint32_t slab_index(const struct slab *slab, const void *object)
{
	const uint8_t *at = object;
	CHECK(at >= slab->memory && at < slab->memory + slab->memory_bytes);
	size_t offset = (size_t)(at - slab->memory);
	CHECK(offset % slab->object_bytes == 0);
	return (uint32_t)(offset / slab->object_bytes);
}

void slab_release(struct slab *slab, void *object)
{
	uint32_t index = slab_index(slab, object);
	CHECK(index < slab->touched);
	CHECK(slab->next_free[index] == SLAB_IN_USE);
	slab->next_free[index] = slab->first_free;
	slab->first_free = index;
	slab->in_use--;
	memory_poison(object, slab->object_bytes);
}

void *slab_at(const struct slab *slab, uint32_t index)
{
	CHECK(index < slab->count);
	if (index >= slab->touched || slab->next_free[index] != SLAB_IN_USE)
		return NULL;
	return slab->memory + index * slab->object_bytes;
}
