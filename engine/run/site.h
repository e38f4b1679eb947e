/* A provider worked from one source: the throttle, the mail that waits for it, and the leases under
 * which workers send it (DESIGN 2: "throttle = provider x source"). All of it is the scheduler's, but
 * for the part of a lease that its worker writes. */
#ifndef ENGINE_RUN_SITE_H
#define ENGINE_RUN_SITE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/hash_map.h"
#include "engine/base/list.h"
#include "engine/base/timer_wheel.h"
#include "engine/plan/fair_queue.h"
#include "engine/plan/provider.h"
#include "engine/plan/site_rules.h"
#include "engine/plan/throttle.h"
#include "engine/plan/token_bucket.h"

struct site;
struct source;
struct warmup_count;

#define LEASE_MAGIC 0x1ea5e001u
#define SITE_MAGIC 0x517e0001u
#define PROVIDER_MAGIC 0x940f1de4u

enum {
	/* Attempts bound to each session, so that it never waits for us and a message takes one round trip:
	 * one whose last reply is awaited, one whose MAIL and RCPT went along with that one's body, and one
	 * that goes along with the body of the second. */
	LEASE_AHEAD = 3,
	/* Transactional mail finds the next free session even where bulk is bound to all of them. */
	LEASE_AHEAD_URGENT = LEASE_AHEAD + 1,
	/* What is kept of a reply that slows a site down: its first sentence or two. */
	LEASE_WHY_MAX = 240,
};

/* The right of one worker to hold sessions with one site. */
struct lease {
	uint32_t magic;
	struct site *site;
	uint32_t worker;               /* index */

	/* scheduler */
	uint32_t slots;                /* granted and not returned */
	uint32_t outstanding;          /* attempts leased and not heard of */
	uint32_t called_back;          /* slots asked back and not returned */
	uint32_t unanswered;           /* call-backs that the worker has not seen yet */
	uint64_t granted_ns;           /* when the last slot was granted */
	struct list_node holder_node;  /* of all leases with slots, the oldest grant first */
	struct list_node
		idle_node; /* of those with slots that have nothing to do, the longest first */

	/* worker */
	struct list fifo;              /* attempts that have no session yet */
	struct list sessions;          /* all open deliveries */
	struct list idle;              /* those of them without work, last used last */
	uint32_t fifo_count, sessions_count;
	uint32_t urgent_count;         /* of the fifo, transactional */
	uint32_t bodies_awaited;       /* attempts that wait for their body before they join the fifo */
	uint32_t quitting_sessions;    /* of these, saying goodbye */
	uint32_t worker_slots;         /* how many sessions it may have */
	uint32_t worker_called_back;   /* of these, to be returned as sessions get free */
	uint32_t answers_owed;         /* call-backs to be answered with the next POST_SLOTS */
	uint32_t fallback_sessions;    /* at hosts of a worse preference (CONFORMANCE 0.4: at most 2) */
	struct list_node pump_node;    /* has something to do at the end of this turn */
	struct list_node held_node;    /* has mail for which no session may begin now (worker_inflight.c) */

	/* both: the worker puts, the scheduler takes, when the effects of that come (heard.h) */
	_Atomic(char *) why;           /* the last words that mean trouble to the throttle; on the heap */
};

/* Of job directories, in one class. */
struct site_jobs {
	struct list rcpts;             /* recipients in the queue that were never tried */
	uint32_t rcpts_count;
	uint32_t coming;               /* recipients that were asked for, for this site */
};

/* What a rule allows (site_rules.h), and how much of it is used: by all sites that it holds for, or by those
 * of one source. */
struct site_share {
	const struct site_rule *rule;
	void *scheduler;               /* for the timer */
	uint32_t slots;                /* of the sites it holds for */
	struct list hungry;            /* by hungry_node: sites that want their first slot */
	struct list_node hungry_node;  /* of the scheduler, while somebody is or was hungry */
	struct token_bucket bucket;
	struct list paced;             /* by paced_node: sites that wait for a token */
	struct timer pace;             /* when the next of them has its turn */
};

struct site {
	uint32_t magic;
	struct provider *provider;
	const struct source *source;
	struct throttle throttle;
	struct fair_queue queue;
	enum throttle_state told;      /* the state that the last site-changed event told */
	uint32_t changes_told;         /* of throttle.changes */
	char *why;                     /* the words of the last trouble; NULL: none */
	uint32_t slots;                /* of all leases */
	struct list_node pump_node;    /* something changed: look at it at the end of this turn */
	struct list_node
		hungry_node; /* wants a slot or more, and the total or a share is used up: */
	struct list *hungry_in;        /* there */
	struct site_share *shares[SITE_MATCHES_MAX];
	uint32_t shares_count;
	struct list_node paced_node;   /* waits for a token of a share */
	bool is_next;                  /* it has waited: the next token is for it */
	_Atomic uint32_t per_session;  /* messages in a session, 0: what the flag says; workers read it */
	_Atomic bool single_flight;    /* a rule says so; workers read it (delivery_flight.c) */
	struct timer wake;             /* the end of a block */
	bool was_blocked;              /* at the last look */
	uint32_t round;                /* of looks whether what waits goes from elsewhere; 0: none */
	void *scheduler;               /* for the timer */
	struct site_jobs jobs[FAIR_CLASSES];
	struct warmup_count *warmup;   /* NULL: its source is warm, or nothing can be counted */
	struct lease leases[];         /* by worker */
};

struct provider {
	uint32_t magic;
	struct hash_node node;         /* by key */
	uint32_t domains_count;        /* domains whose route leads here */
	struct site_match match;       /* the rules that hold for it */
	struct provider_limits limits; /* what is known of it */
	char key[PROVIDER_KEY_MAX];
	char whole[PROVIDER_KEY_MAX];  /* the key without what rules set apart: a warm-up counts by it */
	struct list job_lines[FAIR_CLASSES]; /* domains of job directories that wait until a site of it
	                                      * has room (scheduler_jobs_site.c) */
	int64_t *turns;                /* by source: who is before whom (source_choice.h); behind the sites */
	struct site *sites[];          /* by source; NULL until it is used */
};

#endif
