/* The state of the recorder, shared by its files: recorder.c runs, recorder_report.c writes what belongs to
 * no attempt, recorder_suppress.c keeps what goes onto the suppression list, recorder_recover.c starts. */
#ifndef ENGINE_RUN_RECORDER_STATE_H
#define ENGINE_RUN_RECORDER_STATE_H

#include "engine/base/log.h"
#include "engine/io/loop.h"
#include "engine/run/config.h"
#include "engine/run/hub.h"
#include "engine/run/recorder.h"
#include "engine/run/recovery.h"
#include "engine/run/report.h"
#include "store/event_file.h"
#include "store/journal.h"
#include "store/journal_record.h"
#include "store/state_lock.h"

struct attempt;
struct attempt_rcpt;
struct suppress_batch;

#define RECORDER_MAGIC 0x4ec04de4u

enum {
	/* A batch is committed before its time when it holds this much. */
	COMMIT_BYTES = 1024 * 1024,
	LINES_BYTES = JOURNAL_BATCH_BYTES,
	/* The record that stands behind that of a hard bounce: address, time, reason, and its frame. */
	SUPPRESS_RECORD_BYTES_MAX = 1024,
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
	struct message *uncommitted_split; /* one at a time */
	struct timer commit_timer;
	uint32_t *report_credits;        /* owed to each worker, given with the commit */
	uint32_t site_credits, policy_credits;
	bool failed;                     /* nothing is recorded any more; the scheduler knows */
	bool events_failed;              /* no line is written any more; the scheduler knows */
	uint64_t written_seq;            /* lines of records up to here are in event files */
	uint64_t rotated_seq;            /* of those, the ones that an earlier run saw rotated away */
	struct io_op sync_op;            /* makes the event file durable, for retiring; one at a time */
	uint64_t syncing_seq;            /* lines of records up to here were written when it began */
	uint64_t synced_seq;             /* and up to here they are durable */
	bool reopen_due;                 /* SIGHUP came while it was in flight */
	uint64_t retire_again_ns;        /* something failed: not before this */
	bool told_full;                  /* the disk is nearly full; the scheduler knows */
	bool has_job_notices;            /* there was one of a recipient of a job in this run */

	struct list suppress;            /* suppress_item: in the journal, not yet with the suppressor */
	uint32_t suppress_count;
	uint64_t suppress_handed_seq;    /* of the first one that it has; 0: none */
	uint64_t suppress_left_seq;      /* from here on they are left to the next start; 0: none are */
	struct list suppress_recovered;  /* suppress_item of the journal of earlier runs */

	struct list live;                /* messages with records, oldest first_seq first */
	uint64_t recovered_left;         /* files of earlier runs that are still there */
};

/* ---- recorder.c ---- */
/* Room for one more line and record, by a commit if need be. */
bool recorder_make_room(struct recorder *r);
/* Appends a record whose line is the last one in `lines`, from `line_at` on. */
void recorder_append(struct recorder *r, struct outcome_record *record, size_t line_at);
void recorder_append_silent(struct recorder *r, const struct outcome_record *record);
void recorder_commit_soon(struct recorder *r);
struct record_file recorder_file_of(const struct message *message);
/* SIGHUP; when nothing is in flight on the event file, else then. */
void recorder_reopen(struct recorder *r);
/* The event file could not be written or synced: no line more in this run, and none counts as written that
 * may be lost. Once. */
void recorder_lose_events(struct recorder *r, const struct fail *fail);
/* The journal needs what it has of the message from `seq` on. */
void recorder_note_live(struct recorder *r, struct message *message, uint64_t seq);

/* ---- recorder_report.c ---- */
void record_session(struct recorder *r, struct session_report *report);
void record_site(struct recorder *r, struct site_report *report);
void record_policy(struct recorder *r, struct policy_report *report);
/* POST_SPLIT_READY */
void record_split(struct recorder *r, struct split_report *report);

/* ---- recorder_suppress.c ---- */
void recorder_suppress_init(struct recorder *r);
void recorder_suppress_deinit(struct recorder *r);
/* Behind the record of a hard bounce: that its address is to go onto the suppression list. */
void recorder_suppress(struct recorder *r, const struct attempt *attempt,
	const struct attempt_rcpt *rcpt, int64_t wall_us);
/* What is durable by now goes to the suppressor, if that has nothing to do. */
void recorder_suppress_hand_over(struct recorder *r);
/* At the end: whatever it has to do. */
void recorder_suppress_hand_rest(struct recorder *r);
/* POST_SUPPRESSED */
void recorder_suppress_done(struct recorder *r, struct suppress_batch *batch);
/* The first record that the journal is kept for; UINT64_MAX: none. */
uint64_t recorder_suppress_oldest(const struct recorder *r);
/* At the start, each such record. RESULT_MEMORY. */
MUST_USE enum result recorder_suppress_found(struct recorder *r, struct text line, uint64_t seq);

/* ---- recorder_recover.c ---- */
/* Takes the lock, opens events and journal, reads what earlier runs left. Results of recorder_create(). */
MUST_USE enum result recorder_open_state(struct recorder *r, int new_fd, struct fail *fail);

/* ---- recorder_retire.c ---- */
/* A record with an outcome of the message has this seq. */
void recorder_note_live(struct recorder *r, struct message *message, uint64_t seq);
/* Once a turn. */
void recorder_retire(struct recorder *r);
/* At the end: waits for what is in flight, and retires what can be. */
void recorder_retire_rest(struct recorder *r);
/* POST_JOB_SAVED, POST_UNLINKED */
void recorder_job_saved(struct recorder *r, struct message *message, bool was_recovered, uint64_t seq);
void recorder_unlinked(struct recorder *r, struct message *message, bool stuck);
/* POST_FORGOTTEN */
void recorder_forgotten(struct recorder *r, uint64_t count);

#endif
