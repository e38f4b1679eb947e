/* The scheduler's own state, shared by its files only:
 *   scheduler.c          the thread: messages in, the end of a turn, the end of a run
 *   scheduler_intake.c   files: found, read, split into attempts, gone; scheduler_split.c  batch files
 *   scheduler_domain.c   domains and their routes, providers and sites
 *   scheduler_jobs.c     job directories: which domain of which job comes next, and how much of it
 *   scheduler_jobs_control.c  what a tool does to whole jobs
 *   scheduler_control.c  requests of tools; scheduler_tell.c  what is told of one attempt
 *   scheduler_jobs_site.c  what of them waits for which site
 *   scheduler_jobs_rcpt.c  their recipients, each a message of its own
 *   scheduler_lease.c    what is leased to which worker; scheduler_hungry.c: who is asked for slots, for whom
 *   scheduler_rules.c    what the rules of --site allow, shared by sites
 *   scheduler_source.c   from which of our addresses; scheduler_warmup.c  how much of that today
 *   scheduler_site.c     the life of a site, and what is told of it
 *   scheduler_park.c     what waits for long: into the queue on disk, and back; _gone.c: without its file
 *   scheduler_suppress.c, scheduler_warn.c  who is on the suppression list; who is told of a delay
 *   scheduler_watch.c    what stands still
 *   scheduler_outcome.c  fates: recorded, deferred until when, expired; a message's end */
#ifndef ENGINE_RUN_SCHEDULER_STATE_H
#define ENGINE_RUN_SCHEDULER_STATE_H

#include "engine/base/log.h"
#include "engine/io/loop.h"
#include "engine/io/random.h"
#include "engine/run/attempt.h"
#include "engine/run/config.h"
#include "engine/run/domain.h"
#include "engine/run/hub.h"
#include "engine/run/job_label.h"
#include "engine/run/job_run.h"
#include "engine/run/recovery.h"
#include "engine/run/scheduler.h"
#include "engine/run/scheduler_hungry.h"
#include "engine/run/scheduler_rules.h"
#include "engine/run/scheduler_source.h"
#include "engine/run/scheduler_watch.h"
#include "store/queue.h"

#define SCHEDULER_MAGIC 0x5c4ed001u

enum {
	/* Domains without mail that are remembered, with what was learnt about their site. */
	SCHEDULER_IDLE_DOMAINS_MAX = 20000,
	/* Jobs told apart for fairness; beyond that they share one turn. */
	SCHEDULER_JOBS_MAX = 10000,
};

enum scheduler_phase {
	PHASE_RUNNING,
	PHASE_DRAINING,  /* workers finish what is in transaction */
	PHASE_RECORDING, /* outcomes become durable, finished files go */
	PHASE_FLUSHING,  /* the recorder writes the last records */
	PHASE_OVER,
};

struct scheduler {
	uint32_t magic;
	struct hub *hub;
	const struct run_config *config;
	struct recovery *recovery;
	struct loop loop;
	struct random_state random;
	struct logger log;
	struct fail fail;
	enum scheduler_phase phase;
	struct scheduler_end end;

	/* intake */
	struct list to_read;             /* messages, FOUND */
	struct list read_later;          /* could not be read now */
	struct list in_work;             /* all other messages that are known */
	struct list to_split;            /* batch files, one after the other */
	struct message *splitting;       /* the files thread has it */
	struct timer read_later_timer;
	uint32_t *reads;                 /* outstanding, by worker */
	uint64_t messages_count;         /* known, until MESSAGE_OVER */
	uint64_t leaving_count;          /* being unlinked or moved */
	uint64_t rejecting_count;        /* rejections that are not durable yet */
	struct list to_depart, to_reject; /* wait for a credit */
	struct mailbox_credits departures, rejections;
	uint32_t credits_owed, gone_owed; /* to the files thread */
	bool files_idle, jobs_begun;     /* told of everything in the spool; of jobs that went away before */
	uint32_t files_open;             /* left alone since open for writing */
	struct list bodies;              /* messages whose body we hold, oldest first */

	/* routing */
	struct hash_map domains, providers, jobs;
	struct list ask;                 /* domains that wait for a credit of the resolver */
	struct mailbox_credits routes;
	struct list idle_domains;
	uint32_t idle_domains_count;
	struct scheduler_sources sources;
	bool was_asked, resolver_ready;  /* whether a route was wanted; the self-test is over */

	/* leasing */
	struct list dirty_sites;         /* to be pumped at the end of this turn */
	struct hungry hungry;
	struct rules_in_force site_rules; /* of --site */
	struct fair_flow *free_flows;    /* linked through node.next */
	uint64_t slots, slots_called_back; /* granted in all; of these, asked back */
	uint32_t *worker_slots;          /* by worker */
	struct mailbox_credits unrecorded, site_reports;
	struct list settled;             /* attempts with fates that wait for an unrecorded credit */

	/* time */
	struct timer_queue times;        /* attempts: due, or the end of their lifetime */
	struct timer times_timer;
	uint64_t queued_count, routing_count; /* attempts, QUEUED and ROUTING */

	/* parking */
	uint64_t parking_count;          /* messages that the keeper has, or is to get */
	struct list to_park;             /* by park_node: wait for a credit */
	uint64_t parks_wanted, parks_posted; /* since the start; in this order */
	struct mailbox_credits parks, backs;
	struct list park_again;          /* could not be written */
	struct timer park_again_timer;
	uint32_t due_taken;              /* revivals to be acknowledged */
	struct list to_give_back;        /* revivals; scheduler_back.h */
	uint64_t away_count;             /* attempts that were never made, on disk to make room */
	bool keeper_idle;
	uint64_t revived_count, revivals_told; /* since the start: arrived, handed out */

	/* requests of tools */
	struct list tasks;               /* at work */
	uint64_t drops_wanted, drops_recorded; /* recipients, since the start */

	/* jobs */
	bool wants_look;                 /* recipients of a job that is gone are in the queue */
	struct list job_runs;            /* that are open, by run_node */
	uint64_t jobs_stand_since_ns;    /* for notifications, when looked at last; 0: they go on */
	struct list job_reads;           /* recipients whose line is there: to be merged */
	struct list job_backs;           /* by again_node: their site has enough; back to their job */
	struct list job_fetches;         /* from the queue: their line is to be read */
	struct list job_revivals;        /* from the queue, of jobs that are not open yet */
	uint32_t job_fetching;           /* of job_fetches, with the jobs thread */
	uint32_t jobs_unopened, jobs_opening; /* neither open nor refused; with the jobs thread */
	uint32_t job_alive, job_alive_max; /* recipients made of their lines, in memory or asked for */
	uint32_t job_ahead[JOB_AHEAD_KINDS], job_ahead_max; /* of these, whose site has no session; of each */
	uint32_t job_coming, job_unread; /* not yet queued, waiting or settled; unreadable now */
	struct scheduler_watch watch;
	bool suppress_failed;            /* the list could not be read when it was last looked at */

	/* the end */
	uint32_t workers_drained;
	bool record_dead, all_parked;    /* nothing more becomes durable; what waits was sent to the queue */
	struct timer drain_timer;
};

static inline uint64_t scheduler_now(const struct scheduler *s) { return loop_now_ns(&s->loop); }

#endif
