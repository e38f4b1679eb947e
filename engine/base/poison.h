/* Tells the address sanitizer which memory of our own pools nobody may touch now. Nothing in builds
 * without it. */
#ifndef ENGINE_BASE_POISON_H
#define ENGINE_BASE_POISON_H

#include <stddef.h>

#ifdef LONGSHIP_CHECK_SLOW
#include <sanitizer/asan_interface.h>
static inline void memory_poison(const void *memory, size_t len)
{
	ASAN_POISON_MEMORY_REGION(memory, len);
	(void)memory;
	(void)len;
}

static inline void memory_unpoison(const void *memory, size_t len)
{
	ASAN_UNPOISON_MEMORY_REGION(memory, len);
	(void)memory;
	(void)len;
}
#else
static inline void memory_poison(const void *memory, size_t len)
{
	(void)memory;
	(void)len;
}

static inline void memory_unpoison(const void *memory, size_t len)
{
	(void)memory;
	(void)len;
}
#endif

#endif
