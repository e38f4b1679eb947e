/* Memory that is given back all at once: texts of a transaction, a parsed file, a route.
 *
 * Two kinds: over memory of the caller (never grows), or by chunks up to a maximum. When it is
 * full, allocations give NULL and `exhausted` is set until the next reset: that is a result, not a
 * crash; build the whole thing, then ask arena_is_exhausted() once. A red zone behind each chunk
 * (behind each allocation in sanitizer builds) is checked when memory is given back. One thread at
 * a time. */
#ifndef ENGINE_BASE_ARENA_H
#define ENGINE_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/check.h"
#include "engine/base/text.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunk; /* the newest; NULL before the first allocation */
	size_t chunk_bytes; /* what a new chunk holds at least; 0: fixed memory, never grows */
	size_t max_bytes;   /* of all chunks together */
	size_t held_bytes;  /* of all chunks now */
	bool exhausted;
};

/* A place to go back to. Everything allocated after it is given back by arena_rewind(). */
struct arena_mark {
	struct arena_chunk *chunk;
	size_t used;
};

/* Grows by malloc; nothing is allocated before the first use. */
void arena_init(struct arena *arena, size_t chunk_bytes, size_t max_bytes);
/* Over the caller's memory, which must outlive the arena; some bytes of it are kept for the book. */
void arena_init_fixed(struct arena *arena, void *memory, size_t size);
/* Gives all memory back; the arena may be used again. Keeps the first chunk. */
void arena_reset(struct arena *arena);
/* The end: frees everything; arena_init() is needed before the next use. */
void arena_deinit(struct arena *arena);

/* Zeroed, aligned for any type; NULL when exhausted. Size 0 is allowed and gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);
/* NULL also when count * size overflows. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);
/* A copy, with a zero behind it that is not counted; data is NULL when exhausted. */
struct text arena_text_copy(struct arena *arena, struct text text);
struct text arena_printf(struct arena *arena, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

struct arena_mark arena_snapshot(const struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark);

static inline bool arena_is_exhausted(const struct arena *arena) { return arena->exhausted; }
/* What is held now, for the account of --memory. */
static inline size_t arena_held_bytes(const struct arena *arena) { return arena->held_bytes; }

#endif
