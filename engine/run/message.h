/* One file of the spool in work, from the moment it was found until its records are dead.
 *
 * Created by the files thread; passes through the mailboxes. Each field is written by the thread named
 * beside it, and read by others only after a message that was posted later. Name and identity never
 * change. Life (post.def): FILE_FOUND, READ, READ_DONE, attempts with their outcomes, UNLINK, UNLINKED,
 * MESSAGE_OVER; or READ_DONE, REJECTED, REJECT_RECORDED, MOVE_BAD, UNLINKED, MESSAGE_OVER; of a batch file
 * READ_DONE, SPLIT, SPLIT_OVER, UNLINK and so on. What waits for long leaves earlier: PARK, PARKED, EVICT,
 * UNLINKED, MESSAGE_OVER; it comes back as a new one, with DUE, REVIVED, READ. */
#ifndef ENGINE_RUN_MESSAGE_H
#define ENGINE_RUN_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/body.h"
#include "engine/base/envelope.h"
#include "engine/base/hash_map.h"
#include "engine/base/list.h"
#include "engine/base/result.h"
#include "engine/io/file.h"
#include "engine/run/hub.h"
#include "engine/run/watch_mark.h"
#include "store/queue_schema.h"

struct job_rcpt;
struct job_run;

#define MESSAGE_MAGIC 0x3e55a6e1u

enum message_state { /* scheduler */
	MESSAGE_FOUND,     /* waits for a read */
	MESSAGE_READING,   /* a worker reads it, or the files thread splits it */
	MESSAGE_DELIVERING, /* has attempts, or others of it are in the queue */
	MESSAGE_PARKING,    /* the keeper has it; its attempts stand still */
	MESSAGE_LEAVING,   /* its file is being unlinked or moved */
};

struct message {
	uint32_t magic;
	struct file_identity identity;
	bool is_job;                 /* a directory, not a file (job_run.h) */
	struct job_run *job;         /* of the jobs thread, once it is open */
	struct job_rcpt *rcpt;       /* one recipient of a job, without a file; else NULL */
	int64_t found_wall_us;
	int64_t accepted_ns;         /* monotonic instant at which its lifetime began; a file that is
	                              * older than the boot has a negative one */

	/* worker that reads it first; read-only after READ_DONE */
	struct envelope *envelope;   /* NULL: not read, or no mail */
	enum result read_result;     /* RESULT_OK; RESULT_INVALID: no mail, `reason` says why; else the
	                              * file could not be read now, or is not there any more */
	char reason[240];

	/* scheduler */
	enum message_state state;
	bool withdrawn;              /* the file went away: what has no outcome is withdrawn */
	bool recovered;              /* the journal has records of it from an earlier run */
	bool has_finals;             /* and of this one, since it was found or came from the queue */
	uint32_t rcpts_open;         /* without final outcome, in its attempts */
	uint32_t rcpts_parked;       /* the same, of attempts that are in the queue alone */
	bool stays;                  /* some came back lately, and many more are there: they may follow */
	bool in_queue;               /* the queue knows the file (store/queue.h) */
	bool was_gone;               /* made for a file that is gone: the files thread does not know it */
	uint32_t *stub_rcpts;        /* then: which recipients of the file those of its envelope are */
	struct queue_key *taken;     /* what came out of the queue and is not worked into it yet */
	uint32_t taken_count, taken_size;
	struct list revivals;        /* came while it could not be used */
	struct list_node again_node; /* to be parked once more: that failed */
	struct body *body;           /* our reference while first attempts wait and memory lasts */
	struct list_node body_node;  /* in the scheduler's list of bodies held */
	struct list_node node;       /* waiting for a read; or of all in work */
	struct list attempts;        /* all of its attempts, by attempt->message_node */
	uint32_t attempts_count;     /* there may be ten thousand: nobody goes through them for each one */
	uint32_t attempts_waiting, attempts_to_lease; /* of these, WAITING; ROUTING or QUEUED */
	enum post_kind depart_as;    /* UNLINK or MOVE_BAD, while it waits for a credit */
	struct watch_mark mark;
	struct list_node depart_node; /* waits for a credit; then the recorder's, while REJECTED */

	/* recorder */
	uint64_t first_seq;          /* of its first record; 0: none. Of a job: that is not saved */
	uint64_t last_seq;           /* of a job: of its last record */
	struct list_node journal_node;

	/* keeper, while PARKING */
	struct list_node park_node;
	uint32_t park_left;

	/* files */
	struct hash_node known;      /* by name */
	bool leaving, gone;
	struct list_node leave_node;
	bool to_bad;
	bool stuck;                  /* it is over, and its file may be there still */
	bool keeps_records;          /* what was made of it could not be published: the next run does that */

	char name[];                 /* in new/ */
};

/* NULL: out of memory. */
MUST_USE struct message *message_create(const char *name, const struct file_identity *identity);
/* As unique as the identity of a file (DESIGN 1), and the same for as long as it lasts. */
enum { MESSAGE_UNIQUE_BYTES = 16 };
void message_unique(const char *name, const struct file_identity *identity,
	uint8_t out[static MESSAGE_UNIQUE_BYTES]);
/* When the file came into being, since 1970. */
int64_t message_born_unix_s(const struct file_identity *identity);
/* As events and records call it: a recipient's is that of the job. */
struct text message_file(const struct message *message);
/* Which recipient of the file that one of the envelope is: as the journal counts them. */
uint32_t message_rcpt(const struct message *message, uint32_t rcpt);

/* No attempt is left. */
void message_destroy(struct message *message);

#endif
