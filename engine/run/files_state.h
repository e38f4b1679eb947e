/* The state of the files thread, shared by its files: files.c takes mail in, files_leave.c lets it go,
 * files_stuck.c tries that again, files_queue.c knows what is parked, files_prepared.c makes mail itself. */
#ifndef ENGINE_RUN_FILES_STATE_H
#define ENGINE_RUN_FILES_STATE_H

#include "engine/base/log.h"
#include "engine/io/file_scan.h"
#include "engine/io/loop.h"
#include "engine/io/watch.h"
#include "engine/run/config.h"
#include "engine/run/files.h"
#include "engine/run/hub.h"
#include "engine/run/message.h"
#include "engine/run/revival.h"
#include "store/queue.h"

#define FILES_MAGIC 0xf11e5001u
/* In state/: see files.h. */
#define FILES_ASIDE "leaving"

enum {
	/* Unlinks of one turn: under a millisecond, so that new mail is seen meanwhile. */
	FILES_LEAVE_TURN_MAX = 32,
	/* Removals by hand that the scheduler has not acknowledged. */
	FILES_GONE_MAX = 1024,
};

/* A name that is left alone, and why. */
enum left_kind {
	LEFT_OPEN,      /* open for writing, or not quiet for long enough */
	LEFT_STUCK,     /* done, but it could not be unlinked: not sent again */
};

struct left_name {
	struct hash_node node;
	enum left_kind kind;
	struct file_identity identity; /* LEFT_STUCK */
	char name[];
};

struct files {
	uint32_t magic;
	struct hub *hub;
	const struct run_config *config;
	struct loop loop;
	struct logger log;
	struct fail fail;
	int spool_fd, tmp_fd, new_fd, bad_fd;
	int aside_fd; /* state/leaving/ */

	/* coming */
	bool begun;                  /* POST_BEGIN was heard: until then nothing is taken */
	struct watch watch;
	bool watching;
	struct file_scan scan;
	bool scanning, rescan; /* `rescan`: something was passed over */
	uint32_t credits;
	struct hash_map known;       /* messages, until their file has left */
	struct hash_map left;        /* left_name */
	uint32_t files_open;         /* of `left`, LEFT_OPEN */
	struct timer look_again;     /* for those that inotify tells nothing of */
	bool told_idle;
	uint32_t told_open;
	struct queue_reader *queue;  /* NULL: nothing is parked */
	bool queue_unreadable;       /* and it was said */
	struct arena queue_arena;    /* of one entry of it */
	struct list due;             /* revivals that wait for a credit */
	uint32_t parked_gone;        /* names that the keeper has not looked at */
	bool many_gone;              /* more than those */

	/* going */
	uint32_t gone_credits;
	struct list gone;            /* messages whose file went away, to be told */
	struct list leaving;         /* messages to unlink or move */
	struct list unsynced;        /* unlinked or moved, not yet durable */
	uint32_t unsynced_count;
	bool bad_touched;            /* bad/ needs its fsync as well */
	bool aside_touched;          /* and state/leaving/ */
	struct timer sync_timer;
	bool sync_is_near;           /* `sync_timer` runs for the shorter time */
	struct list stuck, stuck_gone; /* copies of messages (files_stuck.h); not yet durable */
	uint32_t stuck_count;          /* of both */
	struct timer stuck_timer;

	/* notifications: attempts, by node */
	struct list notices;         /* to be prepared */
	struct list published;       /* moved to new/, not yet durable */
	struct body_budget notice_bodies;
	struct arena notice_arena;
	struct split *split;         /* the batch file at work; NULL: none */
	struct arena batch_arena;    /* of the parser, when the original is a batch file */
};

/* ---- files.c ---- */
/* Looks at a name of new/ and takes it if it is a complete file; nothing if it is known or left. `told`: the
 * kernel said that it came in just now. */
void files_consider(struct files *f, const char *name, bool told);
struct message *files_find_known(struct files *f, const char *name);

/* ---- files_left_names.c ---- */
MUST_USE enum result files_left_names_init(struct files *f, const struct siphash_key *key);
void files_left_names_deinit(struct files *f);
/* From now on the name is passed over; `identity` for LEFT_STUCK. */
void files_leave_alone(struct files *f, const char *name, enum left_kind kind,
	const struct file_identity *identity);
struct left_name *files_find_left(struct files *f, const char *name);
void files_forget_left(struct files *f, struct left_name *left);
bool files_is_stuck(struct files *f, const char *name, const struct file_identity *identity);
/* Considers those again that were open for writing. */
void files_look_at_open(struct files *f);

/* ---- files_queue.c ---- */
/* Opens the queue for reading, if there is one. */
MUST_USE enum result files_queue_open(struct files *f, struct fail *fail);
void files_queue_close(struct files *f);
/* After the threads: what nobody heard of is let go. */
void files_queue_drop(struct files *f);
/* Whether the file of that name waits in the queue; it is looked at without being opened, since at a start
 * there may be a million of them. If another one of that name does, the keeper hears of it. */
bool files_is_parked(struct files *f, const char *name);
/* A name went away that no message has. */
void files_unknown_gone(struct files *f, const char *name);
void files_gone_heard(struct files *f, uint32_t count);
/* POST_DUE, POST_EVICT */
void files_due(struct files *f, struct revival *revival);
void files_evict(struct files *f, struct message *message);
/* Its file is gone for good, and that is durable; or, stuck, it cannot be removed. */
void files_left(struct files *f, struct message *message, bool is_stuck);
/* If it was a notification there is one less. */
void files_count_left(struct files *f, const struct message *message);
/* As many of those that wait as there are credits. */
void files_queue_turn(struct files *f);

/* ---- files_prepared.c ---- */
void files_prepared_init(struct files *f);
void files_prepared_deinit(struct files *f);
/* The posts about notifications and batch files. */
void files_prepared_hear(struct files *f, const struct mailbox_message *message);
void files_prepared_turn(struct files *f);
/* Whether another turn would do something. */
bool files_prepared_is_ready(const struct files *f);
/* new/ and bad/ are durable as they are now, or cannot be made so. */
void files_prepared_synced(struct files *f);

#endif
