/* The state of a worker, shared by its files only:
 *   worker.c         the thread: messages in, the end of a turn, draining
 *   worker_read.c    message files: read, parse, read again
 *   worker_job.c     recipients of jobs: merged out of template and line
 *   worker_inflight.c  how many sessions are at work, whose turn it is
 *   worker_lease.c   which attempt goes to which session, and when a session is opened
 *   walk.c           the way of an attempt over hosts and addresses
 *   delivery.c       one session: connect, TLS, SMTP
 *   delivery_latency.c  how fast its host answers
 *   delivery_race.c  its connect, where both sides have both families
 *   delivery_end.c   how a session ended: for the attempt, the throttle, the event
 *   outcome.c        what a finished transaction means for each recipient */
#ifndef ENGINE_RUN_WORKER_STATE_H
#define ENGINE_RUN_WORKER_STATE_H

#include "engine/base/log.h"
#include "engine/base/slab.h"
#include "engine/io/conn_pool.h"
#include "engine/io/file_read.h"
#include "engine/io/loop.h"
#include "engine/io/random.h"
#include "engine/run/attempt.h"
#include "engine/run/config.h"
#include "engine/run/family_memory.h"
#include "engine/run/host_memory.h"
#include "engine/run/hub.h"
#include "engine/run/job_merge.h"
#include "engine/run/site.h"
#include "engine/run/worker.h"
#include "engine/run/worker_inflight.h"
#include "engine/spool/message_file.h"
#include "tls/tls_context.h"

struct delivery;
struct reading;

#define WORKER_MAGIC 0x3043e001u

enum {
	/* How many attempts of a queue are looked at for one that a free session can serve. */
	WORKER_MATCH_MAX = 16,
	/* CONFORMANCE 0.4: a worse MX gets at most two sessions while the better one fails. */
	WORKER_FALLBACK_SESSIONS_MAX = 2,
	/* Octets handed to a connection at once: a full TLS record. */
	WORKER_OUTPUT_BYTES = 16384,
	/* TLS tickets of a worker: 1,500 to 4,000 of them, as long as the chains of the hosts are. More than
	 * the hosts that one worker comes back to within the hours that a ticket lasts. */
	WORKER_TICKETS_BYTES = 8 * 1024 * 1024,
};

struct worker {
	uint32_t magic;
	uint32_t index;
	struct hub *hub;
	const struct run_config *config;
	struct loop loop;
	struct logger log;
	struct fail fail;
	struct random_state random;
	struct conn_pool conns;
	struct tls_context *tls;
	struct tls_verifier *verifier;
	struct slab deliveries;
	struct host_memory hosts;
	struct family_memory families;
	struct slab races;               /* of deliveries that connect to a host in both families */
	uint64_t next_session;           /* ids, unique in this run */
	struct list dirty_leases;        /* to be pumped at the end of this turn */
	uint32_t idle_sessions;          /* of all leases */
	struct worker_inflight inflight;
	uint32_t attempts_count;         /* here, in whatever place */
	struct mailbox_credits reports;  /* session reports that the recorder has not taken */
	struct list unsent_reports;      /* session_report: wait for a credit */
	bool draining, drained_told;
	uint8_t output[WORKER_OUTPUT_BYTES];

	/* reading */
	int new_fd;
	struct slab reads;
	struct slab read_memory;         /* for files of the usual size, see worker_read.c */
	uint32_t body_reads;             /* of them, bodies of attempts */
	struct arena scratch, batch;     /* of the parsers */
	struct siphash_key hash_key;
	int64_t date_unix_s;             /* of `date` */
	char date[40];
	uint32_t reads_beyond;           /* first readings that found no room and go all the same: 0 or 1 */
	struct list unread;              /* first readings that wait for the one above */
	struct list roomless;            /* readings for attempts that wait in the budget's queue */
	struct list bodyless;            /* attempts for which no reading is free */
	struct job_merger merger;
};

/* ---- worker_read.c ---- */
MUST_USE enum result reads_init(struct worker *w, struct fail *fail);
void reads_deinit(struct worker *w);
/* POST_READ: ends in POST_READ_DONE. */
void read_message(struct worker *w, struct message *message);
/* The attempt came without its body: worker_lease_add() when it is there, an outcome if it cannot be. */
void read_body(struct worker *w, struct attempt *attempt);
/* POST_ROOM. */
void read_room_there(struct worker *w, struct reading *reading);
/* All attempts that wait for room in the budget go back to the scheduler. */
void reads_drain(struct worker *w);

/* An instant since 1970 as a Date; until the next call. */
struct text read_date(struct worker *w, int64_t born_s);

/* ---- worker_job.c ---- */
/* POST_READ of a recipient of a job. */
void job_read(struct worker *w, struct message *message);
/* Merges his message, into `room`; results of job_message_make(). */
MUST_USE enum result job_merge_here(struct worker *w, const struct message *message, struct body_room *room,
	struct envelope **out_envelope, struct body **out_body, struct fail *out_fail);

/* ---- worker_lease.c ---- */
void lease_grant(struct worker *w, struct lease *lease, uint32_t slots);
/* The attempt, with its body, waits for a session. */
void lease_add(struct worker *w, struct attempt *attempt);
/* The same, before all others: it was at work already. */
void lease_add_first(struct worker *w, struct attempt *attempt);
void lease_call_back(struct worker *w, struct lease *lease);
/* The next attempt that this session can send, taken out of the queue; NULL: none. */
struct attempt *lease_take_for(struct worker *w, struct delivery *d);
/* A session has nothing to do. */
void lease_session_idle(struct worker *w, struct delivery *d);
void lease_session_busy(struct worker *w, struct delivery *d);
/* A session is over and its memory released: its slot is used again or goes back. */
void lease_session_over(struct worker *w, struct lease *lease);
void lease_touch(struct worker *w, struct lease *lease);
void leases_pump(struct worker *w);
/* Gives an attempt back, as it stands. If no host decided anything about it, it is as if it had never been
 * here; else the recorder has it, and what was left open is tried again at once. */
void lease_return(struct worker *w, struct attempt *attempt);
void lease_drain(struct worker *w, struct lease *lease);
/* Before the effects of an attempt are posted (work->heard): the words for what is trouble. */
void lease_say_why(struct attempt *attempt);

/* ---- worker.c ---- */
/* The attempt is settled: to the recorder, and work->heard to the scheduler. */
void worker_finish(struct worker *w, struct attempt *attempt);

static inline uint64_t worker_now(const struct worker *w) { return loop_now_ns(&w->loop); }
static inline struct mailbox *worker_mailbox(const struct worker *w)
{
	return w->hub->workers[w->index];
}

#endif
