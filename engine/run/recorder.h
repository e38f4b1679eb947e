/* The recorder: the only writer of outcomes (DESIGN 2, 5).
 *
 * Outcomes come in, go into the journal as records that hold the finished event line, and are made durable
 * by one fdatasync a batch (--commit-interval); only then are the event lines written and the scheduler
 * told. A file is unlinked after that, never before. When journal or events cannot be written, nothing
 * more is told: the scheduler drains and the run ends with status 74. */
#ifndef ENGINE_RUN_RECORDER_H
#define ENGINE_RUN_RECORDER_H

#include "engine/base/result.h"

struct hub;
struct recorder;
struct recovery;
struct suppress;

/* Takes the spool (one sender at a time: RESULT_BUSY), reads the journal of earlier runs into
 * `recovery`, writes event lines again that a crash kept from the event file. `new_fd`: the directory
 * new/, to see which files of that recovery are still there; stays open. */
MUST_USE enum result recorder_create(struct hub *hub, struct recovery *recovery, int new_fd,
	struct recorder **out_recorder, struct fail *fail);
/* Then, when the queue has settled what it has (keeper.h) and still before the threads: forgets what
 * `recovery` has of files that are gone. */
void recorder_forget_gone(struct recorder *recorder, int new_fd);
/* Then, when the suppression list is open: puts the addresses onto it that earlier runs have heard hard
 * bounces of, and fell before they came to it. Results of suppress_put(). */
MUST_USE enum result recorder_suppress_recovered(
	struct recorder *recorder, struct suppress *list, struct fail *fail);
/* The thread's function. Returns NULL, or the recorder when its ring could not be created. */
void *recorder_run(void *recorder);
const struct fail *recorder_fail(const struct recorder *recorder);
/* After the threads, before the scheduler is destroyed: lets go of what it holds of that one's. */
void recorder_destroy(struct recorder *recorder);

#endif
