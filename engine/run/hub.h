/* What all threads of a sender share: the mailboxes, the read-only configuration, counters.
 *
 * Created by run.c before the threads, destroyed after them. Nothing else is shared: every other
 * object has one owner at a time and passes through a mailbox (post.def). */
#ifndef ENGINE_RUN_HUB_H
#define ENGINE_RUN_HUB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "engine/base/body.h"
#include "engine/io/mailbox.h"
#include "engine/run/queue_clock.h"

struct run_config;
struct queue;
struct holds;
struct suppress;
struct tls_pool;

enum post_kind {
	POST_PING, /* 0 belongs to the mailbox itself */
#define POST(name, from, to, meaning) POST_##name,
#include "engine/run/post.def"
#undef POST
	POST_COUNT
};

enum {
	/* Credits: what may be outstanding. The capacity of each mailbox follows from them. */
	HUB_FILES_MAX = 4096,      /* found and not yet seen by the scheduler, or being unlinked */
	HUB_READS_MAX = 256,       /* file reads outstanding at one worker: it reads in parallel */
	HUB_UNRECORDED_MAX = 16384, /* attempts handed out whose outcome is not yet durable */
	HUB_ROUTES_MAX = 4096,     /* domains asked of the resolver */
	HUB_REPORTS_MAX = 4096,    /* session reports of one worker that the recorder has not taken */
	HUB_VERDICTS_MAX = 256, /* chains of one worker that the verifier has, at most 100 KB each */
	HUB_SITES_MAX = 1024,      /* site reports */
	HUB_PARKS_MAX = 1024,      /* messages that the keeper is to park */
	HUB_PARKED_GONE_MAX = 256, /* names that went away, told to the keeper */
	HUB_DUE_MAX = 1024,        /* revivals on their way to the scheduler; as many given back */
	HUB_JOB_FETCHES_MAX = 1024, /* recipients from the queue whose line the jobs thread reads */
	HUB_POLICIES_MAX = 256,    /* policy reports: a hoster that loses its records is many hosts */
};

/* Everything accepted is in one of these; checked at every batch border (DESIGN 5). Written by the
 * thread named, read by the status line. `rejected` are recipients of jobs: of a file that is no mail nobody
 * was accepted. */
struct hub_counters {
	_Atomic uint64_t files_found, files_bad;                          /* scheduler */
	_Atomic uint64_t rcpts_accepted, rcpts_pending;                   /* scheduler */
	_Atomic uint64_t delivered, bounced, expired, withdrawn;          /* scheduler */
	_Atomic uint64_t suppressed, rejected;                            /* scheduler */
	_Atomic uint64_t deferrals;                                       /* scheduler: passes */
	_Atomic uint64_t waiting;                                         /* scheduler: until a retry */
	_Atomic uint64_t sums_checked;                                    /* scheduler: each turn */
	_Atomic uint64_t stuck, stalled; /* scheduler: mail, threads; as the watchdog saw it last */
	_Atomic uint64_t expired_late;   /* scheduler: whose timer did not come */
	_Atomic uint64_t sessions_open, sessions_total;                   /* workers */
	_Atomic uint64_t sessions_tls, sessions_resumed;                  /* workers */
	_Atomic uint64_t messages_tls, messages_clear;                    /* workers */
	_Atomic uint64_t commits, event_lines;                            /* recorder */
	_Atomic uint64_t segments; /* recorder: of the journal that are there now */
	_Atomic uint64_t notices; /* files: published in this run, and not delivered yet */
};

struct hub {
	const struct run_config *config;
	struct mailbox *scheduler, *resolver, *verifier, *recorder, *files, *cache, *main, *keeper, *jobs;
	struct mailbox *suppressor; /* NULL: hard bounces put nobody onto the suppression list */
	struct mailbox **workers;
	uint32_t workers_count;
	struct body_budget bodies; /* --memory */
	_Atomic bool bodies_wanted; /* BODIES_WANTED is under way: one is enough */
	struct tls_pool *tls_pool;
	struct queue_clock clock; /* of what is in there; the keeper moves it */
	struct queue *queue; /* the keeper writes, the files thread reads; NULL: nothing is parked */
	struct holds *holds; /* the scheduler's alone; NULL: nothing is ever held */
	/* The scheduler looks at it, the suppressor writes it; NULL: nobody is on the list. */
	struct suppress *suppress;
	struct hub_counters counters;
};

/* Recipients with a final outcome. */
uint64_t hub_done_count(const struct hub_counters *counters);

/* Posts to one of the mailboxes. */
void hub_post(struct mailbox *to, enum post_kind kind, void *object, uint32_t number, uint64_t a);
const char *post_name(enum post_kind kind);

static inline void hub_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}
static inline void hub_uncount(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_sub_explicit(counter, n, memory_order_relaxed);
}
static inline uint64_t hub_read(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
