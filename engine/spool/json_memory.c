#include "engine/spool/json_memory.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include "engine/base/check.h"
#include "engine/base/poison.h"

enum { PIECE_ALIGN = 16 };

static _Thread_local struct {
	_Alignas(PIECE_ALIGN) uint8_t memory[JSON_MEMORY_BYTES];
	size_t used;
	bool is_open;
} block;

static void *take(size_t size)
{
	if (!block.is_open || size > JSON_MEMORY_BYTES - block.used)
		return malloc(size);
	void *piece = block.memory + block.used;
	memory_unpoison(piece, size);
	size_t rounded = (size + PIECE_ALIGN - 1) / PIECE_ALIGN * PIECE_ALIGN;
	block.used += rounded; /* at most all of it, which is a multiple, too */
	return piece;
}

static void give_back(void *piece)
{
	uintptr_t at = (uintptr_t)piece, begin = (uintptr_t)block.memory;
	if (at < begin || at >= begin + JSON_MEMORY_BYTES)
		free(piece);
}

void json_memory_setup(void) { json_set_alloc_funcs(take, give_back); }

void json_memory_begin(void)
{
	CHECK(!block.is_open);
	memory_poison(block.memory, JSON_MEMORY_BYTES);
	block.used = 0;
	block.is_open = true;
}

void json_memory_end(void)
{
	CHECK(block.is_open);
	block.is_open = false;
	memory_poison(block.memory, JSON_MEMORY_BYTES);
}

size_t json_memory_used(void) { return block.used; }
