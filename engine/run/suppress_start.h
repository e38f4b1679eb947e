/* The suppression list at the start of a run: it is opened, and made if it is not there, so that what a tool
 * adds later is seen; and those come onto it whom earlier runs left in the journal (recorder_suppress.c). */
#ifndef ENGINE_RUN_SUPPRESS_START_H
#define ENGINE_RUN_SUPPRESS_START_H

#include "engine/base/result.h"

struct hub;
struct recorder;

/* Sets hub->suppress. Waits for as long as another process writes the list, and logs that it does. What
 * suppress_open() and recorder_suppress_recovered() can say; RESULT_TOO_LONG: --spool. */
MUST_USE enum result suppress_start(struct hub *hub, struct recorder *recorder, struct fail *fail);

#endif
