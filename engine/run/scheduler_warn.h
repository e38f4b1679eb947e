/* Delayed mail (--warn-after): who sent it is told once that it is still on its way (RFC 3464, Action:
 * delayed).
 *
 *   the time of a message has come ─▶ a warning: an attempt of its own beside those that it tells of, whose
 *   recipients are told of; it goes to the recorder like an outcome, and its notification becomes mail as
 *   those of failures do (prepared.h)
 *
 * The attempts stay where they are meanwhile, in whatever state; who is leased is told of when he is back.
 * That it was told of stays with the attempt, also in the queue on disk; until it is there the journal says
 * so. What is parked comes out of the queue for it, and goes back. */
#ifndef ENGINE_RUN_SCHEDULER_WARN_H
#define ENGINE_RUN_SCHEDULER_WARN_H

#include <stdbool.h>
#include <stdint.h>

struct attempt;
struct message;
struct queue_attempt;
struct scheduler;

/* ---- scheduler_outcome.c ---- */
/* To the recorder. */
void outcome_record(struct scheduler *s, struct attempt *attempt);
/* From when on its lifetime counts. */
int64_t outcome_lives_from(
	const struct scheduler *s, int64_t accepted_ns, int64_t not_before_unix_s);

/* ---- scheduler_warn.c ---- */
/* The attempt has its recipients: sets warn_ns. */
void warn_begin(struct scheduler *s, struct attempt *attempt);
/* Out of the queue. What was tried, or has its time, may have come only so that its sender is told that it
 * waits: then it does, until the instant that is returned; else 0. Who is held is looked for anew. */
uint64_t warn_waits_until(
	const struct scheduler *s, const struct message *message, const struct queue_attempt *from);
/* It waits until then, or sets out; others of its message that come with it are told of with it. */
void warn_go_on(struct scheduler *s, struct attempt *attempt, uint64_t wait_until_ns);
/* When its timer is to fire that would be due then. */
uint64_t warn_time(const struct scheduler *s, const struct attempt *attempt, uint64_t due_ns);
/* The timer has fired: true if it was for this, and the warning is on its way. */
bool warn_pass(struct scheduler *s, struct attempt *attempt);
/* The recorder is done with it. */
void warn_recorded(struct scheduler *s, struct attempt *warning);
/* It is due before that, or so soon that it is not worth to go to the disk. */
bool warn_is_before(const struct scheduler *s, const struct attempt *attempt, uint64_t ns);
/* One is due in a moment: what --once waits for. */
bool warn_is_near(struct scheduler *s);

#endif
