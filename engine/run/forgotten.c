#include "engine/run/forgotten.h"
#include <stdlib.h>
#include <string.h>

struct forgotten *forgotten_create(const char *name, const struct file_identity *identity)
{
	size_t size = strlen(name) + 1;
	struct forgotten *forgotten = malloc(sizeof *forgotten + size);
	if (forgotten == NULL)
		return NULL;
	*forgotten = (struct forgotten){ .identity = *identity };
	memcpy(forgotten->name, name, size);
	return forgotten;
}

void forgotten_free_chain(struct forgotten *first)
{
	while (first != NULL) {
		struct forgotten *next = first->next;
		free(first);
		first = next;
	}
}
