/* How many hold an object that several threads read: bodies, routes, DNS answers. The object does
 * not change while more than one holds it. The last to release frees it. */
#ifndef ENGINE_BASE_REFCOUNT_H
#define ENGINE_BASE_REFCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "engine/base/check.h"

struct refcount {
	atomic_uint_least32_t count;
};

/* Far above what can be held at once (each holder has memory of its own), so that a leak of
 * references stops the program before the counter wraps and memory is used after it was freed. */
#define REFCOUNT_MAX 0x7fffffffu

/* One holder: the caller. */
static inline void refcount_init(struct refcount *refs) { atomic_init(&refs->count, 1); }

static inline void refcount_acquire(struct refcount *refs)
{
	uint_least32_t before = atomic_fetch_add_explicit(&refs->count, 1, memory_order_relaxed);
	CHECK(before > 0 && before < REFCOUNT_MAX);
}

/* True if this was the last: the caller frees the object, and sees all that others did to it. */
MUST_USE static inline bool refcount_release(struct refcount *refs)
{
	uint_least32_t before = atomic_fetch_sub_explicit(&refs->count, 1, memory_order_acq_rel);
	CHECK(before > 0);
	return before == 1;
}

static inline uint32_t refcount_get(const struct refcount *refs)
{
	return (uint32_t)atomic_load_explicit(&refs->count, memory_order_relaxed);
}

#endif
