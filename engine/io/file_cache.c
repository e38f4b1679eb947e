#include "engine/io/file_cache.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/io/file_at.h"

enum result file_cache_init(struct file_cache *cache, uint32_t slots_count, size_t block_bytes)
{
	CHECK(slots_count > 0 && block_bytes > 0);
	*cache = (struct file_cache){ .slots_count = slots_count, .block_bytes = block_bytes };
	cache->slots = calloc(slots_count, sizeof *cache->slots);
	cache->blocks = malloc(slots_count * block_bytes);
	if (cache->slots == NULL || cache->blocks == NULL) {
		file_cache_deinit(cache);
		return RESULT_MEMORY;
	}
	return RESULT_OK;
}

void file_cache_deinit(struct file_cache *cache)
{
	free(cache->slots);
	free(cache->blocks);
	*cache = (struct file_cache){ .slots_count = 0 };
}

/* *out_len: how much of the block there is. */
static enum result get(struct file_cache *cache, int fd, uint64_t number, const uint8_t **out_block,
	size_t *out_len, struct fail *fail)
{
	/* Files are told apart by where their blocks begin to fall, too. */
	size_t at = (size_t)((number + (uint64_t)fd * (cache->slots_count / 3 + 1)) %
			     cache->slots_count);
	struct file_cache_slot *slot = &cache->slots[at];
	uint8_t *block = cache->blocks + at * cache->block_bytes;
	*out_block = block;
	*out_len = cache->block_bytes;
	if (slot->is_there && slot->fd == fd && slot->block == number)
		return RESULT_OK;
	slot->is_there = false;
	enum result r = file_read_at(
		fd, number * cache->block_bytes, block, cache->block_bytes, out_len, fail);
	if (r == RESULT_OK && *out_len == cache->block_bytes)
		*slot = (struct file_cache_slot){ true, fd, number };
	return r;
}

enum result file_cache_read_at(struct file_cache *cache, int fd, uint64_t at, void *out,
	size_t size, size_t *out_len, struct fail *fail)
{
	*out_len = 0;
	while (*out_len < size) {
		const uint8_t *block;
		size_t block_len, skip = (size_t)((at + *out_len) % cache->block_bytes);
		enum result r = get(
			cache, fd, (at + *out_len) / cache->block_bytes, &block, &block_len, fail);
		if (r != RESULT_OK)
			return r;
		if (block_len <= skip)
			break;
		size_t part = block_len - skip;
		if (part > size - *out_len)
			part = size - *out_len;
		memcpy((uint8_t *)out + *out_len, block + skip, part);
		*out_len += part;
		if (block_len < cache->block_bytes)
			break; /* the file ends here */
	}
	return RESULT_OK;
}

void file_cache_forget(struct file_cache *cache, int fd)
{
	for (uint32_t i = 0; i < cache->slots_count; i++)
		if (cache->slots[i].fd == fd)
			cache->slots[i].is_there = false;
}
