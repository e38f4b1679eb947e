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
#include "engine/run/watch_mark.h"

struct job_content;
struct job_run;
struct message;
struct site;

#define JOB_RUN_MAGIC 0x10b4a001u

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

	/* jobs thread until it is opened, then scheduler */
	bool is_dropped; /* by the operator: whoever is made gets that outcome */

	/* scheduler */
	struct list_node
		node; /* in job->ready, ->dropped or ->held, or in site->job_domains while that
	                        * has enough */
	struct site *site;     /* whom the next ones are for, if that is known */
	uint32_t coming;       /* asked for, and not yet queued or settled */
	bool is_over;          /* no more are left */
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
	enum envelope_class class;
	int64_t not_before_unix_s, expiry_unix_s;
	bool is_orphan; /* its directory went away while nobody looked */

	/* jobs thread */
	struct list_node node; /* of all */
	int dir_fd, state_fd, recipients_fd;
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

	/* jobs thread until it is opened, then scheduler */
	uint32_t left;            /* recipients without final outcome */
	uint32_t fresh_left;      /* of these, those that are not in the queue */
	uint32_t queue_leftovers; /* done, but a crash left them in the queue */
	struct list_node run_node;
	struct list ready;   /* domains that may be asked for more */
	struct list dropped; /* the same of those that are dropped, whatever holds the job */
	struct list held;    /* domains that a rule holds */
	bool has_dropped;    /* some domain is */
	struct list rcpts; /* messages in memory, by rcpt->node */
	uint32_t alive;    /* of these, and those that are asked for */
	uint64_t begins_ns;
	int64_t expires_ns;
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

/* What makes a message the one of a recipient: it has no file, its name is JOB/ORDINAL. */
struct job_rcpt {
	struct message *message;
	struct job_run *job;       /* NULL: there is nothing left of the job */
	struct job_domain *domain; /* NULL: it comes from the queue */
	struct list_node node;     /* in job->rcpts; scheduler */
	uint32_t ordinal;
	uint16_t name_len; /* of the name of the job */
	bool is_coming;    /* scheduler: counted in domain->coming */
	bool is_done;      /* it has had its outcome in an earlier run */
	bool is_dropped;   /* it was when it was made: counted already */
	uint32_t line_len;
	char *line; /* of recipients.jsonl; NULL: not read yet */
};

/* The name of the queue, and back; false: it is no recipient's. */
void job_rcpt_name(char *out, size_t size, const struct job_run *job, uint32_t ordinal);
bool job_rcpt_of_name(const char *name, struct job_rcpt *out_rcpt);
static inline bool job_name_is_rcpt(const char *name)
{
	return text_find(text_of(name), '/') != TEXT_NONE;
}

struct file_identity job_identity(struct text manifest_id);

/* What POST_JOB_RCPT_DONE says: what he came to, and the seq of the record. */
static inline uint64_t job_done_pack(enum event_kind kind, uint64_t seq)
{
	return (uint64_t)kind << 56 | seq;
}
static inline enum event_kind job_done_kind(uint64_t packed)
{
	return (enum event_kind)(packed >> 56);
}
static inline uint64_t job_done_seq(uint64_t packed) { return packed << 8 >> 8; }

#endif
