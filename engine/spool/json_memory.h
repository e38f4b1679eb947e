/* Memory for jansson: what one JSON text takes comes out of a block of its thread, and is given back at once.
 * A line of recipients.jsonl takes some twenty pieces, and there may be a million lines.
 *
 * Outside of begin and end, and where the block is full, jansson has malloc and free as ever. */
#ifndef ENGINE_SPOOL_JSON_MEMORY_H
#define ENGINE_SPOOL_JSON_MEMORY_H

#include <stddef.h>

enum {
	/* A line of a dozen values; what is beyond it costs a malloc. */
	JSON_MEMORY_BYTES = 8192,
};

/* Once in a process, before it has threads; without it nothing here does anything. */
void json_memory_setup(void);

/* Whatever the thread makes by jansson until json_memory_end() is gone by then: it gave all of it back. */
void json_memory_begin(void);
void json_memory_end(void);
/* What is taken of the thread's block. */
size_t json_memory_used(void);

#endif
