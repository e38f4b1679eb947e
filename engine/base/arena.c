#include "engine/base/arena.h"
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "engine/base/poison.h"

/* A chunk is this header, then memory, then a red zone. What is used grows from the front. */
struct arena_chunk {
	struct arena_chunk *older;
	size_t size; /* of the memory, red zone not counted */
	size_t used;
	bool owned; /* from malloc */
	alignas(max_align_t) uint8_t memory[];
};

enum {
	ALIGNMENT = alignof(max_align_t),
	REDZONE_BYTES = 16,
	REDZONE_BYTE = 0xa5,
};
#ifdef LONGSHIP_CHECK_SLOW
enum { GAP_BYTES = ALIGNMENT }; /* poisoned, behind each allocation */
#else
enum { GAP_BYTES = 0 };
#endif

static size_t round_up(size_t size) { return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1); }

static struct arena_chunk *chunk_init(void *memory, size_t size, struct arena_chunk *older)
{
	struct arena_chunk *chunk = memory;
	*chunk = (struct arena_chunk){ .older = older, .size = size };
	memset(chunk->memory + size, REDZONE_BYTE, REDZONE_BYTES);
	memory_poison(chunk->memory, size);
	return chunk;
}

/* Who wrote past the end of an allocation is found here, while his data is still there. */
static void check_redzone(const struct arena_chunk *chunk)
{
	CHECK(chunk->used <= chunk->size);
	for (size_t i = 0; i < REDZONE_BYTES; i++)
		CHECK(chunk->memory[chunk->size + i] == REDZONE_BYTE);
}

static void free_newest(struct arena *arena)
{
	struct arena_chunk *chunk = arena->chunk;
	check_redzone(chunk);
	arena->chunk = chunk->older;
	memory_unpoison(chunk->memory, chunk->size);
	if (!chunk->owned)
		return;
	arena->held_bytes -= chunk->size;
	free(chunk);
}

void arena_init(struct arena *arena, size_t chunk_bytes, size_t max_bytes)
{
	CHECK(chunk_bytes > 0 && chunk_bytes <= max_bytes);
	*arena = (struct arena){ .chunk_bytes = round_up(chunk_bytes), .max_bytes = max_bytes };
}

void arena_init_fixed(struct arena *arena, void *memory, size_t size)
{
	uintptr_t start = ((uintptr_t)memory + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
	size_t skipped = start - (uintptr_t)memory;
	CHECK(size >= skipped + sizeof(struct arena_chunk) + REDZONE_BYTES);
	size_t inside = size - skipped - sizeof(struct arena_chunk) - REDZONE_BYTES;
	*arena = (struct arena){ .held_bytes = inside, .max_bytes = inside };
	arena->chunk = chunk_init((void *)start, inside, NULL);
}

static bool add_chunk(struct arena *arena, size_t size)
{
	size_t inside = size > arena->chunk_bytes ? size : arena->chunk_bytes;
	size_t room = arena->max_bytes - arena->held_bytes;
	if (arena->chunk_bytes == 0 || size > room)
		return false;
	if (inside > room)
		inside = room;
	struct arena_chunk *chunk = malloc(sizeof *chunk + inside + REDZONE_BYTES);
	if (chunk == NULL)
		return false;
	arena->chunk = chunk_init(chunk, inside, arena->chunk);
	arena->chunk->owned = true;
	arena->held_bytes += inside;
	return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2) {
		arena->exhausted = true;
		return NULL;
	}
	size_t step = round_up(size) + GAP_BYTES;
	struct arena_chunk *chunk = arena->chunk;
	if (chunk == NULL || step > chunk->size - chunk->used) {
		if (!add_chunk(arena, step)) {
			arena->exhausted = true;
			return NULL;
		}
		chunk = arena->chunk;
	}
	void *memory = chunk->memory + chunk->used;
	chunk->used += step;
	memory_unpoison(memory, size);
	memset(memory, 0, size);
	return memory;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes)) {
		arena->exhausted = true;
		return NULL;
	}
	return arena_alloc(arena, bytes);
}

struct text arena_text_copy(struct arena *arena, struct text text)
{
	char *copy = text.len < SIZE_MAX ? arena_alloc(arena, text.len + 1) : NULL;
	if (copy == NULL)
		return TEXT_EMPTY;
	if (text.len > 0)
		memcpy(copy, text.data, text.len);
	return (struct text){ copy, text.len };
}

struct text arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *text = len >= 0 ? arena_alloc(arena, (size_t)len + 1) : NULL;
	if (text == NULL)
		return TEXT_EMPTY;
	va_start(ap, fmt);
	(void)vsnprintf(text, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return (struct text){ text, (size_t)len };
}

struct arena_mark arena_snapshot(const struct arena *arena)
{
	return (struct arena_mark){ arena->chunk, arena->chunk != NULL ? arena->chunk->used : 0 };
}

void arena_rewind(struct arena *arena, struct arena_mark mark)
{
	while (arena->chunk != mark.chunk) {
		CHECK(arena->chunk != NULL);
		free_newest(arena);
	}
	arena->exhausted = false;
	if (mark.chunk == NULL)
		return;
	check_redzone(mark.chunk);
	CHECK(mark.used <= mark.chunk->used);
	mark.chunk->used = mark.used;
	memory_poison(mark.chunk->memory + mark.used, mark.chunk->size - mark.used);
}

void arena_reset(struct arena *arena)
{
	struct arena_chunk *first = arena->chunk;
	while (first != NULL && first->older != NULL)
		first = first->older;
	arena_rewind(arena, (struct arena_mark){ first, 0 });
}

void arena_deinit(struct arena *arena)
{
	while (arena->chunk != NULL)
		free_newest(arena);
	*arena = (struct arena){ .exhausted = true };
}
