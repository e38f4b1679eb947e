/* The keeper: the thread of the queue on disk (store/queue.h), where mail waits that need not be in memory.
 *
 *   scheduler ── PARK: a message of which every attempt waits ──▶ keeper: one commit for many
 *   keeper ── PARKED ──▶ scheduler: lets go of it; files and recorder forget it
 *   keeper ── DUE: the time of an attempt has come ──▶ files: is the file still there?
 *   files ── REVIVED ──▶ scheduler: has it read again
 *
 * What is parked is told of by nobody else: its records in the journal may be retired. An attempt stays in
 * the queue while it is made, and the message is parked again with what came of it, if that is nothing:
 * removed. Only then is its file unlinked. So a crash at any point leaves a file in the queue with all that
 * is open, or not in it and in the journal with what is done. */
#ifndef ENGINE_RUN_KEEPER_H
#define ENGINE_RUN_KEEPER_H

#include "engine/base/result.h"

struct hub;
struct keeper;
struct recovery;

/* Opens the queue of the spool, hub->queue, when the spool is ours (recorder_create()). What the journal
 * says of files that are parked is worked into the queue and forgotten in `recovery`: *out_settled files
 * of it need no journal any more. Results of queue_open(). Before the threads start. */
MUST_USE enum result keeper_create(struct hub *hub, struct recovery *recovery, int new_fd,
	struct keeper **out_keeper, uint64_t *out_settled, struct fail *fail);
/* The thread's function. Returns NULL, or the keeper when its ring could not be created. */
void *keeper_run(void *keeper);
const struct fail *keeper_fail(const struct keeper *keeper);
/* After the threads; closes the queue. */
void keeper_destroy(struct keeper *keeper);

#endif
