/* Entries of the cache as `longship cache` prints them: JSON for programs, text for people. Whatever comes
 * from the DNS or a policy host is escaped or shown without control characters. */
#ifndef ENGINE_RUN_CACHE_PRINT_H
#define ENGINE_RUN_CACHE_PRINT_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "store/cache_schema.h"

enum {
	/* A policy with each octet escaped, its patterns once more, and as much again. */
	CACHE_PRINT_BYTES_MAX = 16 * CACHE_VALUE_BYTES_MAX,
};

/* One object on one line. `whole`: with the text of a policy. */
void cache_print_json(const struct cache_entry *entry, uint64_t now_s, bool whole, struct buf *out);
/* One line; `whole`: and one more, with two blanks before it, for each record or pattern. */
void cache_print_text(const struct cache_entry *entry, uint64_t now_s, bool whole, struct buf *out);

#endif
