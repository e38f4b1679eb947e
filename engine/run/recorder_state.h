/* The state of the recorder, shared by its two files: recorder.c runs, recorder_recover.c starts. */
#ifndef ENGINE_RUN_RECORDER_STATE_H
#define ENGINE_RUN_RECORDER_STATE_H

#include "engine/base/log.h"
#include "engine/io/loop.h"
#include "engine/run/config.h"
#include "engine/run/hub.h"
#include "engine/run/recorder.h"
#include "engine/run/recovery.h"
#include "store/event_file.h"
#include "store/journal.h"
#include "store/state_lock.h"

#define RECORDER_MAGIC 0x4ec04de4u

enum {
	/* A batch is committed before its time when it holds this much. */
	COMMIT_BYTES = 1024 * 1024,
	LINES_BYTES = JOURNAL_BATCH_BYTES,
	PATH_BYTES = 4096,
};

struct recorder {
	uint32_t magic;
	struct hub *hub;
	const struct run_config *config;
	struct loop loop;
	struct logger log;
	struct fail fail;
	struct recovery *recovery;
	struct state_lock *lock;
	struct journal *journal;
	struct event_file *events;       /* NULL: no --events */
	char state_path[PATH_BYTES];

	struct buf lines;                /* of the records since the last commit */
	uint8_t *payload;                /* one record being made */
	struct list uncommitted;         /* attempts whose records are in the batch */
	struct list uncommitted_rejects; /* messages, by depart_node */
	struct timer commit_timer;
	uint32_t *report_credits;        /* owed to each worker, given with the commit */
	uint32_t site_credits, policy_credits;
	bool failed;                     /* nothing is recorded any more; the scheduler knows */
	bool events_failed;              /* no line is written any more; the scheduler knows */
	uint64_t written_seq;            /* lines of records up to here are in event files */
	uint64_t rotated_seq;            /* of those, the ones that an earlier run saw rotated away */
	bool told_full;                  /* the disk is nearly full; the scheduler knows */

	struct list live;                /* messages with records, oldest first_seq first */
	uint64_t recovered_left;         /* files of earlier runs that are still there */
};

/* Takes the lock, opens events and journal, reads what earlier runs left. Results of recorder_create(). */
MUST_USE enum result recorder_open_state(struct recorder *r, int new_fd, struct fail *fail);

/* ---- recorder_retire.c ---- */
/* A record with an outcome of the message has this seq. */
void recorder_note_live(struct recorder *r, struct message *message, uint64_t seq);
void recorder_retire(struct recorder *r);
/* POST_JOB_SAVED, POST_UNLINKED */
void recorder_job_saved(struct recorder *r, struct message *message, bool was_recovered, uint64_t seq);
void recorder_unlinked(struct recorder *r, struct message *message, bool stuck);

#endif
