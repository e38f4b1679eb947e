/* How files leave the spool: what is done is unlinked, what is no mail moved to bad/. Of the files thread. */
#ifndef ENGINE_RUN_FILES_LEAVE_H
#define ENGINE_RUN_FILES_LEAVE_H

#include <stdbool.h>
#include "engine/base/result.h"

struct files;
struct message;

/* new/ has changed: it becomes durable soon, with what else changes until then. */
void files_sync_soon(struct files *f);
void files_leave(struct files *f, struct message *message, bool to_bad);
void files_leave_turn(struct files *f);
/* At the end: all that is still to be unlinked or made durable. */
void files_leave_all(struct files *f);
/* Removes its file or directory, or moves it to bad/, if that is still there: from new/, or from
 * state/leaving/ where an earlier try has left it. RESULT_NOT_FOUND: it is not, and what has its name is
 * another; those of file.h. `fail` may be NULL. */
MUST_USE enum result files_remove(struct files *f, const struct message *message, struct fail *fail);

#endif
