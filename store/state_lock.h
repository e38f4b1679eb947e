/* One sender at a time on one spool: a lock on a file in the state directory, held as long as the
 * process lives, however it ends. The file holds the process id of the owner, for people. */
#ifndef STORE_STATE_LOCK_H
#define STORE_STATE_LOCK_H

#include "engine/base/check.h"
#include "engine/base/result.h"

struct state_lock {
	int fd; /* -1: not held */
};

/* `path` is the state directory, which must exist. RESULT_BUSY: another process has it, and `fail`
 * says which (the program ends with exit status 73); otherwise what opening and locking can say. */
MUST_USE enum result state_lock_acquire(
	struct state_lock *out_lock, const char *path, struct fail *fail);
/* Before the end of the process only tests need it. May be called twice. */
void state_lock_release(struct state_lock *lock);

#endif
