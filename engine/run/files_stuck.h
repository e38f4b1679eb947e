/* Files that are done and could not be removed: their message is over, they are not sent again, and the
 * journal is kept for them (recorder_retire.c). What kept them may go away, so they are tried again each
 * minute: a message of our own stands for each, that nobody else knows of. The files thread's own. */
#ifndef ENGINE_RUN_FILES_STUCK_H
#define ENGINE_RUN_FILES_STUCK_H

#include <stdbool.h>

struct files;
struct message;

void files_stuck_init(struct files *f);
void files_stuck_deinit(struct files *f);
/* It could not be removed, and is to be tried again. The message is only looked at. */
void files_stuck_add(struct files *f, const struct message *message);
/* The directories are durable as they are now, or cannot be made so. */
void files_stuck_synced(struct files *f, bool is_durable);

#endif
