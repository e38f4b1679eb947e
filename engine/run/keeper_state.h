/* The state of the keeper, shared by its files: keeper.c runs and writes, keeper_due.c hands out
 * what is due, keeper_gone.c looks for files that are gone, keeper_start.c begins and ends. */
#ifndef ENGINE_RUN_KEEPER_STATE_H
#define ENGINE_RUN_KEEPER_STATE_H

#include "engine/base/arena.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/io/clock.h"
#include "engine/io/file.h"
#include "engine/io/loop.h"
#include "engine/run/holds.h"
#include "engine/run/hub.h"
#include "store/queue.h"

struct revival;

struct keeper {
	uint32_t magic;
	struct hub *hub;
	struct loop loop;
	struct logger log;
	struct fail fail;
	struct queue_reader *reader;
	struct arena arena; /* of one entry, or one message that is parked */
	int new_fd;
	bool begun;

	struct list parked;       /* messages that wait for the commit, by park_node */
	struct list unlinked;     /* messages whose file is gone for good, by park_node */
	struct holds holds;       /* for the words of lists */
	bool changed;             /* there is more to commit than those */
	bool failing, unreadable; /* and it was said */
	bool is_dead;             /* and the scheduler knows */
	bool warmup_failing;      /* likewise, of the file of the warm-up */

	/* what could not be written, and is tried again */
	struct list to_forget, forgetting; /* struct forgotten; the second is in the transaction */
	uint64_t forgotten_count;          /* the recorder is not told of these yet */
	bool recalling;                    /* there are recalls in the transaction */
	bool recall_lost;
	struct timer again_timer;

	struct queue_key taken; /* of the last attempt that had its time: all before it are out */
	struct timer due_timer;
	uint64_t handed_count; /* since the start */
	uint32_t outstanding;  /* of these, those the scheduler has not taken */
	bool told_idle;
	uint64_t told_count;
	struct list back; /* revivals to be handed out again */
	struct timer back_timer;

	bool looked; /* every file of the queue was looked for */
	char looked_at[FILE_NAME_BYTES_MAX + 1];
};

static inline uint64_t keeper_now_us(const struct keeper *k)
{
	return queue_clock_us(&k->hub->clock, clock_now_ns());
}

/* ---- keeper.c ---- */
/* What could not be written or read is tried again after a while. */
void keeper_try_again(struct keeper *k);
/* At the end: the next start finds them out of the journal. */
void keeper_drop_forgotten(struct keeper *k);
/* Tells everybody what became of the transaction. */
void keeper_answer_all(struct keeper *k, enum result result, const struct fail *fail);

/* ---- keeper_due.c ---- */
/* Hands out what is due, as far as there is room. */
void keeper_pump(struct keeper *k);
/* POST_DUE_BACK */
void keeper_take_back(struct keeper *k, struct revival *revival);

/* ---- keeper_gone.c ---- */
/* An entry of this file cannot be read (empty: nobody knows of which): it is told, and is not sent. What is
 * of a file that is gone leaves the queue. */
void keeper_tell_damaged(struct keeper *k, struct text name, const struct fail *fail);
/* Every file of the queue is looked for, a slice of them with each call of the second. */
void keeper_look_anew(struct keeper *k);
void keeper_look_for_files(struct keeper *k);
/* POST_PARKED_GONE; takes the name. */
void keeper_hear_gone(struct keeper *k, char *name);

#endif
