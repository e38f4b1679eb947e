/* The state of the keeper, shared by its two files: keeper.c runs, keeper_start.c begins and ends. */
#ifndef ENGINE_RUN_KEEPER_STATE_H
#define ENGINE_RUN_KEEPER_STATE_H

#include "engine/base/arena.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/io/file.h"
#include "engine/io/loop.h"
#include "engine/run/holds.h"
#include "store/queue.h"

struct hub;

struct keeper {
	uint32_t magic;
	struct hub *hub;
	struct loop loop;
	struct logger log;
	struct fail fail;
	struct queue_reader *reader;
	struct arena arena;          /* of one entry, or one message that is parked */
	int new_fd;
	bool begun;

	struct list parked;          /* messages that wait for the commit, by park_node */
	struct list unlinked;        /* messages whose file is gone for good, by park_node */
	struct holds holds;          /* for the words of lists */
	bool changed;                /* there is more to commit than those */
	bool failing, unreadable;    /* and it was said */

	struct queue_key taken;      /* of the last attempt that had its time: all before it are out */
	struct timer due_timer;
	uint64_t handed_count;       /* since the start */
	uint32_t outstanding;        /* of these, those the scheduler has not taken */
	bool told_idle;
	uint64_t told_count;
	struct list back;            /* revivals to be handed out again */
	struct timer back_timer;

	bool looked;                 /* every file of the queue was looked for */
	char looked_at[FILE_NAME_BYTES_MAX + 1];
};

#endif
