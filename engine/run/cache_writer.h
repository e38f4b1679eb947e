/* The thread that writes the shared cache: what the resolver has learned, in batches. Writing syncs, and
 * waits for writers of other processes; a stopped one stops it, and nothing else (DESIGN 4).
 *
 * It owns the cache, which others may read while it writes. When the files were set aside or are damaged it
 * opens them anew, once the resolver says that no reader is left (POST_CACHE_REOPEN). */
#ifndef ENGINE_RUN_CACHE_WRITER_H
#define ENGINE_RUN_CACHE_WRITER_H

#include "engine/base/result.h"

struct cache;
struct cache_writer;
struct hub;

/* Opens the cache of --store, or in the state directory of the spool, which must be there. RESULT_MEMORY,
 * or RESULT_IO with what is wrong and where. Before the threads start. */
MUST_USE enum result cache_writer_create(
	struct hub *hub, struct cache_writer **out_writer, struct fail *fail);
/* The thread's function. Returns NULL, or the writer when its ring could not be created. */
void *cache_writer_run(void *writer);
const struct fail *cache_writer_fail(const struct cache_writer *writer);
/* For readers: before the thread starts, and after each POST_CACHE_REOPENED with RESULT_OK, until
 * POST_CACHE_REOPEN. */
struct cache *cache_writer_cache(const struct cache_writer *writer);
/* After all readers. NULL is fine. */
void cache_writer_destroy(struct cache_writer *writer);

#endif
