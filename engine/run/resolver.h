/* The resolver thread: libunbound's answers, made into routes for the scheduler (engine/route). */
#ifndef ENGINE_RUN_RESOLVER_H
#define ENGINE_RUN_RESOLVER_H

#include "engine/base/result.h"

struct cache_writer;
struct hub;
struct resolver;

/* Makes the DNS context and reads the trust anchor. `writer` has the shared cache and outlives the resolver,
 * which stops its thread; NULL: there is none. RESULT_INVALID: a flag cannot be meant so; RESULT_LIMIT: too
 * many read the cache; RESULT_MEMORY. Before the threads start. */
MUST_USE enum result resolver_create(struct hub *hub, struct cache_writer *writer,
	struct resolver **out_resolver, struct fail *fail);
/* The thread's function. Returns NULL, or the resolver when its ring could not be created. */
void *resolver_run(void *resolver);
const struct fail *resolver_fail(const struct resolver *resolver);
void resolver_destroy(struct resolver *resolver);

#endif
