/* A job directory in work (DESIGN 1, format 3), its domains and its recipients.
 *
 * Made by the jobs thread when the directory is opened, and destroyed by it when the last recipient has his
 * outcome and the directory is gone. Each field is written by the thread that stands above it. */
#ifndef ENGINE_RUN_JOB_RUN_H
#define ENGINE_RUN_JOB_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "engine/base/envelope.h"
#include "engine/base/list.h"
#include "engine/base/timer_wheel.h"
#include "engine/io/file.h"
#include "engine/run/job_drops.h"
#include "engine/run/job_index.h"
#include "engine/run/job_progress.h"
#include "engine/run/job_rcpt.h"
#include "engine/run/job_source.h"
#include "engine/run/watch_mark.h"

struct job_content;
struct job_run;
struct message;
struct site;
struct source;

#define JOB_RUN_MAGIC 0x10b4a001u

/* Whether recipients of a domain go ahead of a session that is to have them (scheduler_jobs.c). */
enum job_ahead {
	JOB_AHEAD_NOT,
	JOB_AHEAD_UNKNOWN,  /* nobody knows whether anybody answers there */
	JOB_AHEAD_UNSERVED, /* its site has answered, and has no session now */
	JOB_AHEAD_KINDS,
};

enum {
	/* Of a job's name, so that NAME/ORDINAL is a name for the queue. */
	JOB_NAME_BYTES_MAX = 240,
};

/* Its recipients of one domain that are still to be made into messages. */
struct job_domain {
	struct job_run *job;
	struct text name; /* empty: lines that cannot be read */

	/* jobs thread */
	uint32_t next;   /* ordinal; JOB_NONE: no more */
	uint32_t unmade; /* recipients whom nobody has: no message, not in the queue, not done */
	bool drops;      /* whoever is made from now on is dropped */
	struct list_node later_node; /* asked for, and could not be read: said so after a while */
	uint32_t owed;               /* that many of them */

	/* jobs thread until it is opened, then scheduler */
	bool is_dropped; /* by the operator: whoever is made gets that outcome */

	/* scheduler */
	struct list_node node; /* in job->ready, ->ahead, ->dropped or ->held; in the line of its
	                        * provider while that has enough, or behind the first of its job there */
	struct list behind;    /* while it is that first one */
	struct site *site;     /* whom the next ones are for, if that is known */
	const struct source *source; /* from where they go; NULL: it is chosen with the route */
	uint32_t coming;       /* asked for, and not yet queued or settled */
	enum job_ahead ahead;  /* these, as of s->job_ahead */
	bool is_over;          /* no more are left */
	bool came_back;        /* somebody did, since it was asked last: the word that no more are left
	                        * may be older */
};

struct job_run {
	uint32_t magic;
	struct message *message;       /* of its directory */
	struct file_identity identity; /* of its manifest id: what its records say */
	struct job_content *content;
	struct job_domain *domains; /* in the arena, as are their names */
	struct arena arena;
	uint32_t domains_count, rcpts_count;
	struct text label; /* what events call the job */
	struct text pool;  /* of our addresses; empty: none is named */
	enum envelope_class class;
	int64_t not_before_unix_s, expiry_unix_s;
	bool is_orphan; /* its directory went away while nobody looked */

	/* jobs thread */
	struct list_node node; /* of all */
	int dir_fd, state_fd;
	struct job_source source;
	uint64_t source_seen_ns; /* the turn of the jobs thread that last found it so */
	struct job_indexing *indexing; /* while it is being accepted */
	struct job_index index;
	struct job_progress progress;
	uint8_t *taken;    /* a bit for each recipient that is in memory, in the queue or done */
	uint64_t seen_seq; /* of the journal: what was told of it so far */
	bool is_recovered, is_told_over;
	struct job_drops drops;
	uint32_t unmade; /* of all domains */
	struct job_mark {
		uint64_t at_ns;
		uint32_t done_count;
	} marks[2]; /* how much was done then, for the rate; the older one first */
	bool is_told_changed;

	/* jobs thread until it is opened, then scheduler */
	uint32_t left;            /* recipients without final outcome */
	uint32_t fresh_left;      /* of these, those that are not in the queue */
	uint32_t queue_leftovers; /* done, but a crash left them in the queue */
	struct list_node run_node;
	struct list ready;   /* domains that may be asked for more */
	struct list ahead[JOB_AHEAD_KINDS]; /* domains that wait until another one may go ahead */
	struct list dropped; /* the same of those that are dropped, whatever holds the job */
	struct list held;    /* domains that a rule holds */
	bool has_dropped;    /* some domain is */
	struct list rcpts; /* messages in memory, by rcpt->node */
	uint32_t alive;    /* of these, and those that are asked for */
	uint64_t begins_ns;
	int64_t lives_from_ns; /* it was accepted, or somebody of it had an answer */
	struct timer timer;
	void *scheduler; /* for the timer */
	struct watch_mark mark;
	uint8_t verdict; /* enum attempt_fate; not OPEN: what all that are left get */
	bool is_over;    /* the jobs thread knows of every recipient that he is done */

	/* what the scheduler has told of it last, for tools */
	struct {
		_Atomic uint32_t alive;
		_Atomic bool is_ending;
		_Atomic int64_t expires_us;
	} told;

	char name[];
};

struct file_identity job_identity(struct text manifest_id);

#endif
