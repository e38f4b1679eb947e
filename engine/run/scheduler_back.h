/* Revivals that the scheduler cannot use now (revival.h). */
#ifndef ENGINE_RUN_SCHEDULER_BACK_H
#define ENGINE_RUN_SCHEDULER_BACK_H

#include "engine/run/scheduler_state.h"

struct revival;

void back_init(struct scheduler *s);
void back_deinit(struct scheduler *s);
/* It comes again a moment later; it is in no list. */
void back_give(struct scheduler *s, struct revival *revival);
void back_arrived(struct scheduler *s, struct revival *revival);
void back_turn_end(struct scheduler *s);
/* False: the message is an envelope of others, who are settled without their mail. */
bool back_is_of_stub(const struct message *message, const struct revival *revival);
/* False: the file was written over in place since the attempt was parked. */
bool back_is_of_envelope(const struct message *message, const struct revival *revival);

#endif
