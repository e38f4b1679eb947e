/* Mail that is put on disk though its turn may come: to make room in memory, and to let go of the journal. */
#ifndef ENGINE_RUN_SCHEDULER_AWAY_H
#define ENGINE_RUN_SCHEDULER_AWAY_H

struct message;
struct scheduler;

/* If new mail has no room, what stands far back in a long line leaves. */
void away_turn_end(struct scheduler *s);
/* Of a walk over all that is in work: whether the journal is kept for it alone. It leaves then, with what its
 * recipients have come to so far: from there on the queue knows that. */
void away_look_at(struct scheduler *s, struct message *message);

#endif
