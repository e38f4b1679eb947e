/* Batch files in the scheduler: they wait for their turn, the files thread splits one after the other. */
#ifndef ENGINE_RUN_SCHEDULER_SPLIT_H
#define ENGINE_RUN_SCHEDULER_SPLIT_H

#include "engine/run/scheduler_state.h"

void splits_init(struct scheduler *s);
/* A batch file, or one that may be: it waits for its turn. */
void split_wait(struct scheduler *s, struct message *message);
void split_next(struct scheduler *s);
/* POST_SPLIT_OVER */
void split_over(struct scheduler *s, struct message *message);

#endif
