/* What a sender keeps in its --store, for `explain`: the policies of MTA-STS that are in force there. Its DNS
 * answers are not used, so that each step shows what is published now. Reads only, changes nothing. */
#ifndef ENGINE_RUN_EXPLAIN_STORE_H
#define ENGINE_RUN_EXPLAIN_STORE_H

#include "engine/base/result.h"

struct cache;
struct cache_reader;
struct route_store;

struct explain_store {
	struct cache *cache;
	struct cache_reader *reader;
	struct route_store *store; /* NULL: none was given */
};

/* Nothing with an empty `folder`. RESULT_NOT_FOUND: there is no cache; RESULT_MEMORY and what cache_open()
 * and cache_reader_create() say, with words. */
MUST_USE enum result explain_store_open(
	struct explain_store *store, const char *folder, struct fail *fail);
/* After those who use it. Fine for one that was not opened, zeroed. */
void explain_store_close(struct explain_store *store);

#endif
