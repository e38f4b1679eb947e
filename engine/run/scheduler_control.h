/* What the scheduler does for tools, and what the operator holds back: what its files offer each other. */
#ifndef ENGINE_RUN_SCHEDULER_CONTROL_H
#define ENGINE_RUN_SCHEDULER_CONTROL_H

#include <stdbool.h>

struct attempt;
struct control_task;
struct list;
struct message;
struct revival;
struct scheduler;

/* ---- scheduler_control.c ---- */
/* Before an attempt sets out: false if the operator holds it, and it waits, or has dropped it, and it has
 * been settled. Who has nothing else to do with the message calls park_consider() then. */
bool hold_pass(struct scheduler *s, struct attempt *attempt);
/* It is not sent any more: nobody has it. */
void control_settle_dropped(struct scheduler *s, struct attempt *attempt);
/* It may be one that is being dropped. */
void control_mark_revival(struct scheduler *s, struct revival *revival);
/* The message is about to be taken out of in_work, or of another list that tasks walk over; all of them are
 * about to leave that list. */
void control_message_leaves(struct scheduler *s, struct message *message);
void control_list_leaves(struct scheduler *s, const struct list *list);
/* POST_CONTROL, POST_CONTROL_CANCEL */
void control_step(struct scheduler *s, struct control_task *task);
void control_cancel(struct scheduler *s, struct control_task *task);
void control_turn_end(struct scheduler *s);

/* ---- scheduler_tell.c ---- */
void tell_attempt(struct scheduler *s, struct control_task *task, const struct attempt *attempt);
/* A message without attempts, if it waits for more than its turn to be read. */
void tell_unread(struct scheduler *s, struct control_task *task, const struct message *message);

#endif
