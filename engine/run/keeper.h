/* The keeper: the thread of the queue on disk (store/queue.h), where mail waits that need not be in memory.
 *
 *   scheduler ── PARK: a message of which every attempt waits ──▶ keeper: one commit for many
 *   keeper ── PARKED ──▶ scheduler: lets go of it; files and recorder forget it
 *   keeper ── DUE: the time of an attempt has come ──▶ files: is the file still there?
 *   files ── REVIVED ──▶ scheduler: has it read again
 *
 * What is parked is told of by nobody else: its records in the journal may be retired. An attempt stays in
 * the queue while it is made, and the message is parked again with what came of it. A file that is done
 * leaves the queue when it is unlinked for good, and its records in the journal only after that. So a
 * crash at any point leaves a file in the queue with all that is open, less what the journal says is done
 * since; or not in the queue, and in the journal with all that is done. */
#ifndef ENGINE_RUN_KEEPER_H
#define ENGINE_RUN_KEEPER_H

#include "engine/base/result.h"

struct hub;
struct keeper;
struct recovery;

/* Opens the queue of the spool, hub->queue, when the spool is ours (recorder_create()). What the journal
 * says of files that are parked is worked into the queue and forgotten in `recovery`, but for those that
 * are done and still there. Results of queue_open(). Before the threads start. */
MUST_USE enum result keeper_create(struct hub *hub, struct recovery *recovery, int new_fd,
	struct keeper **out_keeper, struct fail *fail);
/* The thread's function. Returns NULL, or the keeper when its ring could not be created. */
void *keeper_run(void *keeper);
const struct fail *keeper_fail(const struct keeper *keeper);
/* After the threads; closes the queue. */
void keeper_destroy(struct keeper *keeper);

#endif
