/* When recipients were first seen, for the bug "greylist". Shared by all workers, behind a lock: only
 * runs that have the bug switched on come here. */
#ifndef BENCH_SINK_GREYLIST_H
#define BENCH_SINK_GREYLIST_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/check.h"

struct sink_greylist;

/* NULL: no memory. */
struct sink_greylist *sink_greylist_create(void);
void sink_greylist_destroy(struct sink_greylist *greylist);

/* True when the key was first seen `wait_ns` ago or earlier. A table that is full forgets all. */
bool sink_greylist_passes(
	struct sink_greylist *greylist, uint64_t key, uint64_t now_ns, uint64_t wait_ns);

#endif
