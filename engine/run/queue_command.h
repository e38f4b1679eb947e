/* `longship queue`: what waits and why, and what is to become of it. Asks the sender that runs on the spool
 * (control.h), else does it itself (queue_local.h). */
#ifndef ENGINE_RUN_QUEUE_COMMAND_H
#define ENGINE_RUN_QUEUE_COMMAND_H

/* Returns the exit status: 0 done; 1 nothing is meant; 2 arguments; 73 a sender has the spool and does not
 * answer; 74 the queue cannot be read or written; 75 not now, or not all. */
int run_queue(int argc, char *const *argv);

#endif
