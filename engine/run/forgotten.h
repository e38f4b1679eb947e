/* A file that is done and gone, and is in the queue still: it leaves that when it can (keeper.h). */
#ifndef ENGINE_RUN_FORGOTTEN_H
#define ENGINE_RUN_FORGOTTEN_H

#include "engine/base/list.h"
#include "engine/io/file.h"

struct forgotten {
	struct list_node node;
	struct forgotten *next; /* of those that are told together; NULL: the last one */
	struct file_identity identity;
	char name[];
};

/* NULL: out of memory. To be freed. */
MUST_USE struct forgotten *forgotten_create(const char *name, const struct file_identity *identity);
void forgotten_free_chain(struct forgotten *first);

#endif
