/* The files thread: what comes into and goes out of the spool's directories.
 *
 * Watches new/, takes what is there, leaves files that are open for writing alone, and hands out as many
 * as it has credits for; the rest stays on disk until credits come back, then new/ is read again. Unlinks
 * what is done and moves what is no mail to bad/, many at a time with one fsync of the directory, and
 * only then says so to the recorder. All waits for a disk happen here (DESIGN 2).
 *
 * A name may be given to another file at any moment. So nothing is removed by its name in new/: it is
 * moved to state/leaving/ first, looked at there, where nobody else comes, and moved back if it is
 * another. What a crash leaves in there is looked at by the next run. */
#ifndef ENGINE_RUN_FILES_H
#define ENGINE_RUN_FILES_H

#include "engine/base/result.h"

struct files;
struct hub;
struct recovery;

/* Makes the directories of the spool where they are missing. RESULT_FORBIDDEN and the like with words;
 * RESULT_MEMORY. Before the threads start. */
MUST_USE enum result files_create(struct hub *hub, struct files **out_files, struct fail *fail);
/* The thread's function. Returns NULL, or `files` when its ring could not be created. */
void *files_run(void *files);
const struct fail *files_fail(const struct files *files);
/* After all threads, before the scheduler is destroyed: lets go of the messages that it knows. */
void files_destroy(struct files *files);

/* What an earlier run moved to state/leaving/ and did not get to remove: what is done goes, anything else
 * is in new/ again. By the holder of the spool's lock, when the journal has been read. */
MUST_USE enum result files_restore(
	const char *state_path, int new_fd, struct recovery *recovery, struct fail *fail);

/* The directory new/, for workers that read files. Open until files_destroy(). */
int files_new_fd(const struct files *files);

#endif
