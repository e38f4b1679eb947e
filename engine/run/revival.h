/* An attempt that comes back from the queue on disk (store/queue.h), since its time has come or since its
 * file is gone. Made by the keeper, completed by the files thread, which knows whether the file is still
 * there, used up by the scheduler. */
#ifndef ENGINE_RUN_REVIVAL_H
#define ENGINE_RUN_REVIVAL_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/list.h"
#include "engine/io/file.h"
#include "store/queue_schema.h"

struct message;

struct revival {
	struct list_node node; /* of whoever has it */
	struct arena arena;    /* of all texts and arrays */
	struct queue_file file; /* without its keys; rcpts_left is that of all attempts in the queue */
	struct queue_attempt attempt;
	const char *name;      /* file.file.name, terminated */
	struct file_identity identity;

	/* scheduler */
	bool is_changed;         /* its file was written over: it is not the mail that waited */
	bool was_back;           /* it was given back, and is on its way again */
	uint64_t arrived_ns;     /* for the first time; 0: not yet */

	/* files thread */
	struct message *message; /* the one that is known, or made for this */
	bool is_first;           /* it was made for this */
	bool is_withdrawn;       /* the file is gone, or another stands in its place */
};

/* NULL: no memory. */
MUST_USE struct revival *revival_create(
	const struct queue_file *file, const struct queue_attempt *attempt);
void revival_destroy(struct revival *revival);

/* The identity as records have it, and back. The name is borrowed. */
struct record_file record_file_of(const char *name, const struct file_identity *identity);
struct file_identity identity_of_record(const struct record_file *file);

#endif
