/* What the three parts of a sink session share: the driver and message end (sink_session.c), the verbs
 * (sink_commands.c), the replies with their faults (sink_answer.c). Nobody else includes this. */
#ifndef BENCH_SINK_SESSION_INTERNAL_H
#define BENCH_SINK_SESSION_INTERNAL_H

#include "bench/sink_session.h"

enum sink_phase {
	SINK_PHASE_GREETING, /* nothing may come yet */
	SINK_PHASE_COMMAND,
	SINK_PHASE_DATA,
	SINK_PHASE_BDAT,
	SINK_PHASE_BLIND,    /* what comes is swallowed */
};

/* ---- sink_answer.c ---- */

/* Gives the reply (lines between CRLF, none at the end) unless a fault of this stage changes it.
 * Returns the code that the client gets to see last, 0 if it gets no whole reply. */
unsigned sink_answer(struct sink_session *s, enum sink_stage stage, struct text reply);
/* A reply that belongs to no stage: no fault strikes. */
void sink_say(struct sink_session *s, struct text reply);
/* More of an endless reply; sets `want`. */
void sink_answer_fill(struct sink_session *s);
/* The rule of a bug that is on and strikes now, or NULL. */
struct sink_rule *sink_bug(struct sink_session *s, enum sink_deed bug);
/* Sets what comes next, behind a wait if there is one. */
void sink_then(struct sink_session *s, enum sink_want want);
void sink_odd(struct sink_session *s, enum sink_oddity oddity);

/* ---- sink_commands.c ---- */

/* `line` without its end. */
void sink_command(struct sink_session *s, struct text line);

/* ---- sink_session.c ---- */

void sink_transaction_end(struct sink_session *s);
/* After 354, or with the first BDAT. */
void sink_message_begin(struct sink_session *s, bool dotted);
/* The whole message is here: check, answer, record. */
void sink_message_end(struct sink_session *s, enum sink_stage stage);

static inline uint64_t sink_dice(struct sink_session *s)
{
	/* xorshift64*; a session's luck depends on its seed alone. */
	s->dice ^= s->dice >> 12;
	s->dice ^= s->dice << 25;
	s->dice ^= s->dice >> 27;
	return (s->dice * 0x2545F4914F6CDD1Dull) >> 16;
}

#endif
