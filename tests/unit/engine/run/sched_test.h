/* The scheduler on its own thread, and a test that plays everybody around it: the files thread, the
 * resolver, the workers, the recorder and main. Nothing moves unless the test lets it:
 *
 *   sched_init(&s, (const char *const[]){ "--sessions=4", NULL });
 *   struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "ann@a.example" });
 *   sched_settle(&s);                         until nobody has anything to say
 *   sched_answer(&s, sched_leased(&s, "a.example"), ATTEMPT_DELIVERED);
 *   sched_settle(&s);
 *   sched_end(&s);                            drains, joins, checks the sums and that nothing leaks
 *
 * At every lease it is checked that no limit of sessions is passed. */
#ifndef TESTS_UNIT_ENGINE_RUN_SCHED_TEST_H
#define TESTS_UNIT_ENGINE_RUN_SCHED_TEST_H

#include "engine/run/attempt.h"
#include "engine/run/heard.h"
#include "engine/run/report.h"
#include "engine/run/scheduler.h"
#include "engine/run/site.h"
#include "tests/unit/engine/run/run_test.h"
#include "tests/unit/unit.h"

enum {
	FAKE_RCPTS_MAX = 64, /* of a file, whose outcomes are looked at each */
	FAKE_LEASES_MAX = 4096,
	FAKE_FINALS_COUNT = ATTEMPT_REJECTED + 1,
	SCHED_WAIT_MS = 10000, /* what a test waits for at most; far more than it takes */
};

struct sched;
struct sched_jobs;

struct fake_file {
	struct message *message; /* NULL once it is over */
	struct test_mail mail;
	char name[16];
	enum result read_result;        /* what the worker that reads it says */
	bool is_bad;                    /* refused by the files thread already */
	uint8_t finals[FAKE_RCPTS_MAX]; /* final outcomes of each recipient */
	uint32_t by_fate[FAKE_FINALS_COUNT];
	uint32_t reads, splits, unlinked, moved, rejected, evicted;
	uint32_t evicted_recovered;     /* with a word that its old records are dead */
	uint32_t attempt_number;                                       /* of the last outcome */
	char status[SMTP_STATUS_TEXT_MAX], reason[ATTEMPT_REASON_MAX]; /* likewise */
	enum bounce_class bounce_class;
};

struct fake_lease {
	struct lease *lease;
	char provider[PROVIDER_KEY_MAX];
	uint32_t slots, outstanding, called_back;
	uint32_t answers_owed;  /* call-backs that no POST_SLOTS has told of */
	uint64_t slots_granted; /* ever */
};

struct sched {
	struct run_test base;
	struct scheduler *scheduler;
	pthread_t thread;
	bool running;
	uint64_t seed;

	struct fake_file **files;
	size_t files_count, files_size;
	struct fake_file *splitting; /* the batch file that the files thread has */
	struct list leased;          /* attempts at workers, oldest first */
	uint32_t leased_count, leased_max;
	uint64_t leased_total; /* since the start */
	struct list unrecorded; /* attempts whose outcome is held back */
	struct fake_lease leases[FAKE_LEASES_MAX];
	size_t leases_count;
	uint32_t slots, slots_max; /* of all leases: now, and the most there ever were */
	uint32_t sessions_opened;  /* since the start */

	/* what the others do */
	struct route *(*route_for)(
		struct sched *s, const char *domain); /* NULL: one host, mx.DOMAIN */
	uint64_t route_lives_ns;                      /* 0: for ever */
	uint32_t site_sessions;                       /* 0: --site-sessions; rules may allow more */
	bool hold_routes, hold_records, hold_reads, hold_unlinks, hold_begin;
	bool without_bodies;
	bool keep_called_back;   /* workers do not answer call-backs */
	bool sessions_stay_down; /* no session says that it is ready for mail */
	bool slow_drain;         /* workers drain only when told to do so at once */

	/* what was seen */
	struct domain *asked[4096]; /* held back by hold_routes */
	size_t asked_count;
	struct message *unread[512]; /* held back by hold_reads */
	uint32_t unread_worker[512];
	size_t unread_count;
	uint32_t routes_asked, routes_doubted, call_backs, credits, gone_credits, bodies_wanted;
	bool has_drained[TEST_WORKERS_MAX];
	uint32_t drains, drains_at_once, flushes, stops, site_reports;
	uint32_t outcomes;
	uint32_t warnings;  /* of mail that waits */
	char warned[256];   /* of the last one: "rcpt status text" of each recipient, "; " behind */
	struct control_task *slice; /* that came to main last */
	uint32_t slices_count;
	char site_words[400]; /* reason of the last site report */
	struct scheduler_end end;
	struct sched_jobs *jobs; /* sched_jobs.h; NULL: no job directories */
};

void sched_init(struct sched *s, const char *const *flags);
/* The same, with a journal of earlier runs to be filled in before sched_start(). */
void sched_prepare(struct sched *s, const char *const *flags);
void sched_start(struct sched *s);
/* Drains and ends it unless it has ended by itself; then checks the sums. */
void sched_end(struct sched *s);

/* A file is found; the struct lives until sched_end(). */
struct fake_file *sched_mail(struct sched *s, const struct test_mail *mail);
struct fake_file *sched_bad_file(struct sched *s, const char *why);
/* The files thread is done with the batch file that it has. */
void sched_split_over(struct sched *s, enum result result);
void sched_file_gone(struct sched *s, struct fake_file *file);
void sched_files_idle(struct sched *s, uint32_t open);

/* Handles what has come, once; true if there was something. */
bool sched_play(struct sched *s);
/* Until the scheduler sleeps and nothing is left for anybody. */
void sched_settle(struct sched *s);
/* Goes on for this long. */
void sched_pass(struct sched *s, uint32_t ms);
#define SCHED_WAIT(s, condition)                                                                   \
	do {                                                                                       \
		for (int waited_ = 0; !(condition); waited_++) {                                   \
			if (waited_ > SCHED_WAIT_MS)                                               \
				fail_msg("waited in vain for %s", #condition);                     \
			sched_pass(s, 1);                                                          \
		}                                                                                  \
	} while (0)

/* The oldest attempt that a worker has; of this domain unless NULL. NULL: none. */
struct attempt *sched_leased(struct sched *s, const char *domain);
uint32_t sched_leased_of(struct sched *s, const char *domain);
uint32_t sched_slots_of(struct sched *s, const char *provider);
/* The worker is done with it: every open recipient gets this fate. */
void sched_answer(struct sched *s, struct attempt *attempt, enum attempt_fate fate);
void sched_answer_heard(
	struct sched *s, struct attempt *attempt, enum attempt_fate fate, struct heard heard);
/* Every attempt that is leased, and those that follow, until none is left. */
void sched_answer_all(struct sched *s, enum attempt_fate fate);
/* The worker had no session for it. */
void sched_return(struct sched *s, struct attempt *attempt);
/* Sessions without work end, of all leases. */
void sched_return_slots(struct sched *s);
/* What hold_routes, hold_records, hold_reads kept back. */
void sched_release(struct sched *s);
/* With slow_drain: the workers have come to their end. */
void sched_drain_workers(struct sched *s);

static inline uint64_t sched_count(const struct sched *s, const _Atomic uint64_t *counter)
{
	(void)s;
	return hub_read(counter);
}

#endif
