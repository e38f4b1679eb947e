/* One sender at a time on one spool: a lock on a file in the state directory, held as long as the
 * process lives, however it ends. The file holds the process id of the owner, for people. */
#ifndef STORE_STATE_LOCK_H
#define STORE_STATE_LOCK_H

#include "engine/base/check.h"
#include "engine/base/result.h"

struct state_lock;

/* `path` is the state directory, which must exist. RESULT_BUSY: another process has it, and `fail`
 * says which (the program ends with exit status 73); otherwise what opening and locking can say. */
MUST_USE enum result state_lock_acquire(
	const char *path, struct state_lock **out_lock, struct fail *fail);
/* Clears the caller's pointer; NULL is allowed. */
void state_lock_release(struct state_lock **lock);

#endif
